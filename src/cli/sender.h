/*
 * sender.h - events to the heed of a configuration: to the one that runs, or into its
 * store.
 */
#ifndef HEED_CLI_SENDER_H
#define HEED_CLI_SENDER_H

#include "cli/cli.h"
#include "engine/event.h"

struct sender;

struct sent {
	int64_t accepted, duplicates;
};

/* To the running heed of `app`, whose place is loaded. HEED_E_NOTFOUND when none runs. */
int sender_open(struct app *app, struct sender **ret_sender, struct heed_error *error);
/* Into the store: the whole configuration is loaded into `app`. HEED_E_LOCKED ..., or an
 * exit code that was explained already. */
int sender_open_store(const struct cli_args *args, struct app *app,
                      struct sender **ret_sender, struct heed_error *error);
/* Commit them: all or none. Waits while the queue is full. Adds to *sent. Zero when they
 * are on disk. */
int sender_send(struct sender *sender, const struct event *events, size_t n,
                struct sent *sent, struct heed_error *error);
/* Takes NULL. */
void sender_close(struct sender *sender);

#endif
