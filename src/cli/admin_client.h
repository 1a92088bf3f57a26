/*
 * admin_client.h - calls to the running heed of a configuration, by its admin socket.
 *
 * Synchronous, for commands. What the other side answers as a problem becomes the same
 * struct heed_error here.
 */
#ifndef HEED_CLI_ADMIN_CLIENT_H
#define HEED_CLI_ADMIN_CLIENT_H

#include "base/json.h"
#include "config/app.h"

struct admin_client;

/* HEED_E_NOTFOUND when no heed listens there; HEED_E_IO, HEED_E_NOMEM. */
int admin_client_open(struct app *app, struct admin_client **ret_client,
                      struct heed_error *error);
/* Takes NULL. */
void admin_client_close(struct admin_client *client);

/* One request: `path` with its query, `body` HEED_NULL for none. The answer is on
 * `arena`. HEED_E_NOTFOUND also when the process is gone; HEED_E_NETWORK when it went
 * away before it answered: it is not known whether it was done. */
int admin_client_call(struct admin_client *client, const char *method, const char *path,
                      struct heed_json body, struct arena *arena,
                      struct heed_json *ret_answer, struct heed_error *error);

#endif
