/*
 * connection.c - see connection.h.
 */
#include "action/connection.h"

#include <stdio.h>

#include "action/database.h"
#include "base/error.h"
#include "base/file.h"
#include "base/str.h"

const struct option connection_options[] = {
	{.name = "url",
         .kind = OPTION_TEXT,
         .offset = offsetof(struct connection, url),
         .flags = OPTION_REQUIRED | OPTION_NONEMPTY,
         .help = "the database: sqlite:PATH (a file that is there, relative to this one) "
                 "or postgresql://USER@HOST/NAME"},
	{.name = "password",
         .kind = OPTION_SECRET,
         .offset = offsetof(struct connection, password),
         .help = "for PostgreSQL; also PGPASSWORD and ~/.pgpass are honoured"},
	{.name = "sessions",
         .kind = OPTION_INT,
         .offset = offsetof(struct connection, sessions),
         .fallback = "4",
         .min = 1,
         .max = 16,
         .help = "statements at once; further ones wait"},
	{.name = "remember",
         .kind = OPTION_DURATION,
         .offset = offsetof(struct connection, keep_ms),
         .fallback = "30d",
         .min = 60000,
         .max = 315360000000,
         .help = "how long the database's table heed_effects keeps the keys of effects "
                 "that happened: longer than a run may be unfinished"},
	OPTION_ROWS_END,
};

static const struct db_driver *const drivers[] = {
	&db_sqlite,
#ifdef HEED_HAVE_POSTGRESQL
	&db_postgresql,
#endif
};

static int
unknown_scheme(struct heed_str scheme, struct heed_error *error)
{
	static const char *const names[] = {"sqlite", "postgresql", "postgres"};
	const char *near = error_nearest(scheme, names, 3);

	if (near != NULL && str_is(scheme, near)) {
		(void)error_set(error, HEED_E_CONFIG,
		                "this build of heed has no PostgreSQL");
		error_hint(error, "build it with libpq-dev installed");
		return HEED_E_CONFIG;
	}
	(void)error_set(error, HEED_E_CONFIG, "there are no databases \"%.*s:\"",
	                STR_ARG(str_head_utf8(scheme, 40)));
	if (near != NULL)
		error_hint(error, "did you mean \"%s:\"?", near);
	else
		error_hint(error, "write sqlite:PATH or postgresql://HOST/NAME");
	return HEED_E_CONFIG;
}

static const struct db_driver *
find_driver(struct heed_str scheme)
{
	size_t i;

	if (str_is(scheme, "postgres"))
		scheme = HEED_STR("postgresql");
	for (i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++)
		if (str_is(scheme, drivers[i]->scheme))
			return drivers[i];
	return NULL;
}

static int
check_file(struct connection *connection, struct heed_str folder, struct heed_str store,
           struct arena *arena, struct heed_error *error)
{
	struct heed_str path = str_from(connection->url, sizeof("sqlite:") - 1);

	if (path.len == 0) {
		(void)error_set(error, HEED_E_CONFIG, "sqlite: names no file");
		error_hint(error, "for example sqlite:customers.db");
		return HEED_E_CONFIG;
	}
	if (str_eq(connection->url, store)) {
		(void)error_set(error, HEED_E_CONFIG, "%.*s is heed's own store",
		                STR_ARG(path));
		error_hint(error, "leave connection: out to use it, in the run's own "
		                  "commit");
		return HEED_E_CONFIG;
	}
	connection->place = file_path(arena, folder, path);
	return connection->place == NULL ? error_nomem(error) : 0;
}

int
connection_check(struct connection *connection, struct heed_str folder,
                 struct heed_str store, struct arena *arena, struct heed_error *error)
{
	struct heed_str rest = connection->url;
	struct heed_str scheme = str_cut(&rest, ':');

	connection->driver = find_driver(scheme);
	if (connection->driver == NULL)
		return unknown_scheme(scheme, error);
	if (connection->driver == &db_sqlite) {
		HEED_TRY(check_file(connection, folder, store, arena, error));
	} else {
		connection->place = arena_cstr(arena, connection->url);
		if (connection->place == NULL)
			return error_nomem(error);
	}
	if (connection->password.len > 0) {
		connection->secret = arena_cstr(arena, connection->password);
		if (connection->secret == NULL)
			return error_nomem(error);
	}
	return connection->driver->check(connection, error);
}

struct connection *
connection_find(struct connection *connections, size_t n, struct heed_str name)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (str_eq(connections[i].name, name))
			return &connections[i];
	return NULL;
}

void
connection_close(struct connection *connection)
{
	database_close(connection->database);
	connection->database = NULL;
}
