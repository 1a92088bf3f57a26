/*
 * library.h - what the files behind heed.h share, and nobody else.
 *
 *	library.c         the life of a struct heed
 *	library_flow.c    flows in C as definitions; the calls that a flow makes
 *	library_action.c  actions in C as action kinds
 *	library_source.c  sources in C as source kinds; deliveries, heed_send
 *	library_look.c    queries
 *	library_value.c   JSON values
 *
 * Whatever comes from a thread that is not the loop's goes through the mailbox.
 */
#ifndef HEED_SERVICE_LIBRARY_H
#define HEED_SERVICE_LIBRARY_H

#include <stdatomic.h>
#include <sys/queue.h>

#include "config/app.h"
#include "engine/kinds.h"
#include "heed.h"
#include "loop/loop.h"
#include "loop/mailbox.h"
#include "service/service.h"

#define LIBRARY_SIGNALS 2

TAILQ_HEAD(sending_list, sending);

struct heed {
	struct kinds kinds; /* its arrays are the heed's */
	size_t cap_actions, cap_sources;
	const struct heed_flow **flows;
	size_t n_flows, cap_flows;
	char *path;
	struct heed_str text; /* of the configuration */
	int signals[LIBRARY_SIGNALS];
	size_t n_signals;
	heed_watch_fn *watch;
	void *watch_arg;

	bool begun;  /* heed_start was called */
	bool served; /* heed_serve was called */
	struct app app;
	struct service *service; /* NULL: it does not run */
	struct heed_str place;   /* of the store */
	struct mailbox *mailbox;
	struct loop_post stop; /* of the first heed_stop */
	atomic_int stops;
	struct sending_list sendings; /* that the engine has; the loop's */
};

/* The heed whose kinds these are. */
static inline struct heed *
library_of(const struct kinds *kinds)
{
	return (struct heed *)((char *)kinds - offsetof(struct heed, kinds));
}

/* May something of this name be added now? HEED_E_CONFLICT, HEED_E_INVALID with words. */
int library_may_add(const struct heed *heed, const char *what, const char *name,
                    struct heed_error *error);
/* Does it run? HEED_E_CONFLICT with words. */
int library_runs(const struct heed *heed, struct heed_error *error);

/* ---- library_flow.c */
extern const struct pattern_kind library_flow_pattern;
/* For struct kinds: the flows that were added become definitions. */
int library_define(const struct kinds *kinds, struct app *app);

/* ---- library_action.c, library_source.c */
void library_free_actions(struct heed *heed);
void library_free_sources(struct heed *heed);
/* What the engine has not answered will not be. */
void library_drop_sendings(struct heed *heed);

#endif
