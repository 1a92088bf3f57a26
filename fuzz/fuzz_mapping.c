/*
 * fuzz_mapping.c - what a webhook may send, through the mapping: the first line is the
 * query of its address, the rest the body, as JSON or else as a form. What comes out are
 * events that read back as themselves.
 */
#include <assert.h>
#include <stdlib.h>

#include "base/expr.h"
#include "source/form.h"
#include "source/mapping.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct expr *
make(struct expr_set *set, const char *text)
{
	struct expr *expr;

	if (expr_new(set, str_of(text), &expr, NULL) < 0)
		abort();
	return expr;
}

/* One event of each body, and one of each item in it. */
static const struct mapping *
get_mappings(void)
{
	static struct mapping mappings[2];
	struct expr_set *set;

	if (mappings[0].type != NULL)
		return mappings;
	set = expr_set_new();
	mappings[0] = (struct mapping){
		.type = make(set, ".body.type // .query.type"),
		.id = make(set, ".body.id"),
		.source = make(set, ".query.source"),
		.subject = make(set, ".body.subject"),
		.time = make(set, ".body.time"),
	};
	mappings[1] = mappings[0];
	mappings[1].each = make(set, ".body.each");
	mappings[1].type = make(set, ".item.type");
	mappings[1].when = make(set, ".item.when");
	mappings[1].data = make(set, "{item: .item, q: .query}");
	return mappings;
}

static void
check(struct arena *arena, const struct event *event)
{
	struct heed_json root;
	struct event again;

	assert(json_parse(arena, event->json, &root, NULL) == 0);
	assert(event_from_json(arena, root, 1, &again, NULL) == 0);
	assert(str_eq(again.json, event->json));
}

static void
apply(const struct mapping *mapping, struct arena *arena, struct heed_json input)
{
	const struct mapping_defaults defaults = {.source = HEED_STR("sources/x"),
	                                          .now_us = 1};
	struct heed_error error = {0};
	struct event *events;
	size_t i;
	size_t n;

	if (mapping_apply(mapping, arena, input, &defaults, &events, &n, &error) < 0) {
		assert(error.text[0] != '\0');
		return;
	}
	for (i = 0; i < n; i++)
		check(arena, &events[i]);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct heed_str rest = {(const char *)data, size};
	struct heed_str query = str_cut(&rest, '\n');
	struct heed_member members[2] = {{HEED_STR("query"), json_null()},
	                                 {HEED_STR("body"), json_null()}};
	struct heed_json input = {.kind = HEED_OBJECT, .len = 2, .members = members};
	struct arena arena;

	arena_init(&arena, 0);
	if (form_read(&arena, query, "access_token", &members[0].value, NULL) == 0 &&
	    (json_parse(&arena, rest, &members[1].value, NULL) == 0 ||
	     form_read(&arena, rest, NULL, &members[1].value, NULL) == 0)) {
		assert(json_get(members[0].value, "access_token") == NULL);
		apply(&get_mappings()[0], &arena, input);
		apply(&get_mappings()[1], &arena, input);
	}
	arena_done(&arena);
	return 0;
}
