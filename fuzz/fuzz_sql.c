/*
 * fuzz_sql.c - the text of SQL statements: any bytes. What is read has its names in the
 * text, each once.
 */
#include <stdlib.h>

#include "action/sql_text.h"
#include "base/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(struct heed_str text, const struct sql_text *sql)
{
	size_t i;
	size_t k;

	for (i = 0; i < sql->n_names; i++) {
		if (sql->names[i].len == 0 || str_search(text, sql->names[i]) == text.len)
			abort();
		for (k = 0; k < i; k++)
			if (str_eq(sql->names[i], sql->names[k]))
				abort();
	}
	if (sql->n_names == 0 && !str_eq(sql->positional, text))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct heed_str text = {(const char *)data, size};
	struct heed_error error;
	struct sql_text sql;
	struct arena arena;

	arena_init(&arena, 0);
	if (sql_text_read(&arena, text, &sql, &error) == 0)
		check(text, &sql);
	arena_done(&arena);
	return 0;
}
