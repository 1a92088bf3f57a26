/*
 * sources.h - the sources of a running heed, and how they change with a configuration:
 * one that is written as before goes on untouched, the others stop and start.
 */
#ifndef HEED_SERVICE_SOURCES_H
#define HEED_SERVICE_SOURCES_H

#include "config/app.h"
#include "engine/engine.h"
#include "store/store.h"

struct sources {
	struct engine *engine;
	struct store *store;
	struct app_source *items; /* that run; each holds its generation */
	size_t n;
};

/* What became of them, for a report. */
struct sources_change {
	size_t kept, started, stopped;
};

void sources_init(struct sources *sources, struct engine *engine, struct store *store);
/* Have those of `app` run and no others, from the positions in the store on. When one
 * does not start, those that ran before run again, and its error is returned, with its
 * name. */
int sources_set(struct sources *sources, struct app *app,
                struct sources_change *ret_change, struct heed_error *error);
/* Stop them all. */
void sources_stop(struct sources *sources);

#endif
