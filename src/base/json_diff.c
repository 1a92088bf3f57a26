/*
 * json_diff.c - see json_diff.h.
 */
#include "base/json_diff.h"

#include "base/json.h"

struct diff {
	struct arena *arena;
	json_diff_fn *fn;
	void *arg;
};

static int compare(struct diff *diff, struct heed_str path, const struct heed_json *was,
                   const struct heed_json *is);

static int
compare_member(struct diff *diff, struct heed_str path, struct heed_str name,
               const struct heed_json *was, const struct heed_json *is)
{
	struct heed_str below = arena_printf(diff->arena, "%.*s%s%.*s", STR_ARG(path),
	                                     path.len > 0 ? "." : "", STR_ARG(name));

	return below.data == NULL ? HEED_E_NOMEM : compare(diff, below, was, is);
}

static int
compare_objects(struct diff *diff, struct heed_str path, const struct heed_json *was,
                const struct heed_json *is)
{
	uint32_t i;
	int r = 0;

	for (i = 0; i < was->len && r == 0; i++)
		r = compare_member(diff, path, was->members[i].name,
		                   &was->members[i].value,
		                   json_find(*is, was->members[i].name));
	for (i = 0; i < is->len && r == 0; i++)
		if (json_find(*was, is->members[i].name) == NULL)
			r = compare_member(diff, path, is->members[i].name, NULL,
			                   &is->members[i].value);
	return r;
}

static int
compare_arrays(struct diff *diff, struct heed_str path, const struct heed_json *was,
               const struct heed_json *is)
{
	uint32_t n = was->len > is->len ? was->len : is->len;
	uint32_t i;
	int r = 0;

	for (i = 0; i < n && r == 0; i++) {
		struct heed_str below =
			arena_printf(diff->arena, "%.*s[%u]", STR_ARG(path), i);

		if (below.data == NULL)
			return HEED_E_NOMEM;
		r = compare(diff, below, i < was->len ? &was->items[i] : NULL,
		            i < is->len ? &is->items[i] : NULL);
	}
	return r;
}

static int
compare(struct diff *diff, struct heed_str path, const struct heed_json *was,
        const struct heed_json *is)
{
	if (was == NULL || is == NULL)
		return diff->fn(diff->arg, path, was, is);
	if (was->kind == HEED_OBJECT && is->kind == HEED_OBJECT)
		return compare_objects(diff, path, was, is);
	if (was->kind == HEED_ARRAY && is->kind == HEED_ARRAY)
		return compare_arrays(diff, path, was, is);
	return json_equal(*was, *is) ? 0 : diff->fn(diff->arg, path, was, is);
}

int
json_diff(struct arena *arena, struct heed_json was, struct heed_json is,
          json_diff_fn *fn, void *arg)
{
	struct diff diff = {arena, fn, arg};

	return compare(&diff, (struct heed_str){"", 0}, &was, &is);
}
