/*
 * fuzz_expr.c - jq expressions: any text, on any input.
 *
 * The first line is the expression (with \x01 for line ends in it), the rest the input.
 * Direct expressions are evaluated; what is for libjq is only read, since libjq takes its
 * time.
 */
#include <stdlib.h>
#include <string.h>

#include "base/expr_impl.h"
#include "base/json.h"
#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
evaluate(const struct expr *expr, struct heed_str input, struct arena *arena)
{
	struct heed_json value, result;
	struct heed_error error;

	if (json_parse(arena, input, &value, NULL) != 0)
		value = json_null();
	if (expr_eval(expr, value, arena, &result, &error) != 0)
		return;
	if (json_compare(result, result) != 0)
		abort();
	(void)json_text_of(arena, result);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct heed_str rest = {(const char *)data, size};
	struct heed_str line = str_cut(&rest, '\n');
	struct expr_set *set = expr_set_new();
	struct heed_error error;
	struct arena arena;
	struct expr *expr;
	char *text = mem_copy(line.data, line.len);

	arena_init(&arena, 0);
	for (size_t i = 0; text != NULL && i < line.len; i++) {
		if (text[i] == '\x01')
			text[i] = '\n';
	}
	if (set != NULL && text != NULL &&
	    expr_new(set, (struct heed_str){text, line.len}, &expr, &error) == 0 &&
	    expr_is_direct(expr))
		evaluate(expr, rest, &arena);
	mem_free(text);
	expr_set_free(set);
	arena_done(&arena);
	return 0;
}
