/*
 * pg_value.h - between JSON and PostgreSQL: the parameters of a statement, and the cells
 * of its rows.
 *
 * A whole number goes as the smallest integer type that holds it (numeric above 64 bits
 * signed), so that functions find their arguments; text and null as "unknown", so that
 * the place decides (dates, uuids, enums); objects and arrays as jsonb.
 */
#ifndef HEED_ACTION_PG_VALUE_H
#define HEED_ACTION_PG_VALUE_H

#include <libpq-fe.h>

#include "action/sql_text.h"
#include "base/arena.h"
#include "heed.h"

struct pg_parameters {
	int n;
	const Oid *types;
	const char *const *texts; /* NULL for null */
};

/* The value of each name. HEED_E_PERMANENT, HEED_E_NOMEM. */
int
pg_parameters(struct arena *arena, const struct sql_text *sql, struct heed_json values,
              struct pg_parameters *ret_parameters, struct heed_error *error);
/* A cell in text form. Numbers become numbers, json and jsonb what they hold, everything
 * else is a string. HEED_E_NOMEM. */
int pg_cell(struct arena *arena, const PGresult *result, int row, int column,
            struct heed_json *ret_value);

#endif
