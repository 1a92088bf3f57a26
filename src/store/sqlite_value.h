/*
 * sqlite_value.h - between JSON and SQLite: values bound to a user's statement, and the
 * rows that it gives.
 *
 * Whole numbers of 64 bits stay exact; objects and arrays are bound as their JSON text;
 * blobs come back as "\x" and hex digits, as PostgreSQL shows them.
 */
#ifndef HEED_STORE_SQLITE_VALUE_H
#define HEED_STORE_SQLITE_VALUE_H

#include <sqlite3.h>

#include "base/arena.h"
#include "heed.h"

/* Compile the one statement that `text` is, nothing behind it but space and comments.
 * SQLITE_OK, SQLite's code, or HEED_E_PERMANENT with words. */
int sqlite_value_prepare(sqlite3 *db, struct heed_str text, sqlite3_stmt **ret_statement,
                         struct heed_error *error);
/* Bind the members of `values` to their :names. As above. */
int sqlite_value_bind(sqlite3_stmt *statement, struct heed_json values,
                      struct arena *arena, struct heed_error *error);

struct sqlite_value_bounds {
	int64_t rows;
	size_t bytes; /* of all rows together, about */
};

/* Run it to its end. *ret_rows is an array of objects, or null when the statement gives
 * no columns. As above; a bound that is reached is HEED_E_PERMANENT. */
int sqlite_value_step(sqlite3_stmt *statement, const struct sqlite_value_bounds *bounds,
                      struct arena *arena, struct heed_json *ret_rows,
                      struct heed_error *error);

#endif
