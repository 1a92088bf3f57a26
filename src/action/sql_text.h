/*
 * sql_text.h - what heed has to know of an SQL statement's text: where its :names are.
 *
 * Names are found outside of strings, quoted identifiers and comments. Everything else is
 * the database's to judge.
 */
#ifndef HEED_ACTION_SQL_TEXT_H
#define HEED_ACTION_SQL_TEXT_H

#include "base/arena.h"
#include "heed.h"

#define SQL_NAMES_MAX 256

struct sql_text {
	struct heed_str *names; /* each once, in order of their first place */
	size_t n_names;
	struct heed_str positional; /* the text with $1 for the first name, and so on */
};

/* Read `text`, which must be one statement that does not begin or end a transaction. A
 * place in an array slice ([a:b]) looks like a name, too: write [a : b]. HEED_E_CONFIG,
 * HEED_E_NOMEM. */
int sql_text_read(struct arena *arena, struct heed_str text, struct sql_text *ret_sql,
                  struct heed_error *error);

#endif
