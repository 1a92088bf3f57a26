/*
 * connection.h - a database as `connections:` names it, for sql actions.
 *
 * The sessions to it are made when they are needed (database.h) and closed with it.
 */
#ifndef HEED_ACTION_CONNECTION_H
#define HEED_ACTION_CONNECTION_H

#include "base/arena.h"
#include "config/option.h"
#include "heed.h"

struct database;
struct db_driver;

struct connection {
	struct heed_str name;
	struct heed_str url; /* sqlite:PATH, postgresql://... */
	struct heed_str password;
	int64_t sessions; /* at most so many at once */
	int64_t keep_ms;  /* how long effect keys are remembered there */
	/* Filled by connection_check: */
	const struct db_driver *driver;
	const char *place;  /* the file's path, or the URL */
	const char *secret; /* NULL: none of its own */
	/* Made at first use. */
	struct database *database;
};

/* The rows of an entry, without its name. */
extern const struct option connection_options[];

/* Make it ready: its driver, its place. `folder` is the configuration's, `store` the
 * store's place as configured, which no connection may name. HEED_E_CONFIG. */
int
connection_check(struct connection *connection, struct heed_str folder,
                 struct heed_str store, struct arena *arena, struct heed_error *error);
/* By name, or NULL. */
struct connection *
connection_find(struct connection *connections, size_t n, struct heed_str name);
/* Close its sessions; what is under way ends soon, without calling back. */
void connection_close(struct connection *connection);

#endif
