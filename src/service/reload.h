/*
 * reload.h - a running heed takes up its configuration anew.
 *
 * The file is read and checked whole. It is applied at once, between two turns of the
 * loop, or not at all. Runs that are under way keep the definition that they started
 * with, sources that are written as before go on untouched; everything else is as if
 * heed had been started with the new file.
 */
#ifndef HEED_SERVICE_RELOAD_H
#define HEED_SERVICE_RELOAD_H

#include "base/arena.h"
#include "heed.h"

struct service;

enum reload_how { RELOAD_APPLY, RELOAD_LOOK };

/* Zero and a report on `arena`:
 *
 *	{"applied": true, "changes": [{"path", "was", "is"} ...],
 *	 "sources": {"kept", "started", "stopped"}}
 *	{"applied": false, "problems": ["file:line:column: what (hint)" ...]}
 *
 * RELOAD_LOOK applies nothing and tells the changes. HEED_E_CONFLICT when something
 * changed that takes a restart (store, name, admin socket); HEED_E_IO; what a source's
 * start returned, with words: nothing was changed. */
int reload(struct service *service, enum reload_how how, struct arena *arena,
           struct heed_json *ret_report, struct heed_error *error);
/* For SIGHUP: reload, and log what came of it. */
void reload_signal(void *service);

#endif
