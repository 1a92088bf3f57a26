/*
 * fuzz_template.c - templates: any text; rendered when libjq isn't needed.
 */
#include "base/json.h"
#include "base/template.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
all_direct(const struct template *template)
{
	struct expr *const *exprs;
	size_t n = template_exprs(template, &exprs);

	for (size_t i = 0; i < n; i++) {
		if (!expr_is_direct(exprs[i]))
			return false;
	}
	return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct heed_str text = {(const char *)data, size};
	struct expr_set *set = expr_set_new();
	struct template *template;
	struct heed_error error;
	struct heed_json input;
	struct heed_buf buf;
	struct arena arena;

	arena_init(&arena, 0);
	buf_init(&buf, 1 << 20);
	if (set != NULL && template_new(set, text, &template, &error) == 0 &&
	    all_direct(template) &&
	    json_parse(&arena, HEED_STR("{\"a\":{\"b\":[1,\"x\",2.5]},\"c\":\"d,e\"}"),
	               &input, NULL) == 0)
		(void)template_render(template, input, &arena, &buf, &error);
	buf_done(&buf);
	arena_done(&arena);
	expr_set_free(set);
	return 0;
}
