/*
 * schema_inside.c - the keywords about what is inside arrays and objects.
 */
#include <stdlib.h>

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/schema_local.h"

/* ---- arrays ------------------------------------------------------------------------ */

static int
compare_items(const void *a, const void *b)
{
	return json_compare(**(const struct heed_json *const *)a,
	                    **(const struct heed_json *const *)b);
}

bool
check_unique(struct check *check, const struct rule *rule, struct heed_json value)
{
	const struct heed_json **sorted;
	bool unique = true;

	if (!rule->value->boolean || value.len < 2 ||
	    !check_spend(check, (int64_t)value.len * 16))
		return true;
	sorted = mem_alloc(value.len * sizeof(const struct heed_json *));
	if (sorted == NULL) {
		check->failure = HEED_E_NOMEM;
		return false;
	}
	for (uint32_t i = 0; i < value.len; i++)
		sorted[i] = &value.items[i];
	qsort(sorted, value.len, sizeof(const struct heed_json *), compare_items);
	for (uint32_t i = 1; unique && i < value.len; i++)
		unique = json_compare(*sorted[i - 1], *sorted[i]) != 0;
	mem_free(sorted);
	return unique || check_fault(check, rule, "must not have equal items");
}

bool
check_prefix(struct check *check, const struct rule *rule, struct heed_json value)
{
	bool ok = true;

	for (uint32_t i = 0; i < value.len && i < rule->value->len; i++) {
		ok = check_item(check, rule->nodes[i], i, value.items[i]) && ok;
		check_mark(check, i);
	}
	return ok;
}

bool
check_items(struct check *check, const struct rule *rule, struct heed_json value)
{
	uint32_t first = rule->also[0] != NULL ? rule->also[0]->value->len : 0;
	bool ok = true;

	for (uint32_t i = first; i < value.len && check->failure == 0; i++) {
		ok = check_item(check, rule->nodes[0], i, value.items[i]) && ok;
		check_mark(check, i);
	}
	return ok;
}

bool
check_contains(struct check *check, const struct rule *rule, struct heed_json value)
{
	const struct rule *least = rule->also[0], *most = rule->also[1];
	struct heed_json one = json_int(1);
	uint64_t n = 0;

	for (uint32_t i = 0; i < value.len && check->failure == 0; i++) {
		if (!check_apart(check, rule->nodes[0], value.items[i]))
			continue;
		check_mark(check, i);
		n++;
	}
	if (json_compare(json_uint(n), least != NULL ? *least->value : one) < 0) {
		struct heed_str text =
			check_text(check, least != NULL ? *least->value : one);

		return check_fault(check, least != NULL ? least : rule,
		                   "must have at least %.*s item(s) that fit, has %llu",
		                   STR_ARG(text), (unsigned long long)n);
	}
	if (most != NULL && json_compare(json_uint(n), *most->value) > 0) {
		struct heed_str text = check_text(check, *most->value);

		return check_fault(check, most,
		                   "must have at most %.*s item(s) that fit, has %llu",
		                   STR_ARG(text), (unsigned long long)n);
	}
	return true;
}

bool
check_unevaluated_items(struct check *check, const struct rule *rule,
                        struct heed_json value)
{
	const struct node *node = rule->nodes[0];
	bool ok = true;

	for (uint32_t i = 0; i < value.len && check->failure == 0; i++) {
		if (check_is_marked(check, i))
			continue;
		if (node->kind == NODE_FALSE)
			ok = check_fault(check, rule, "must not have item %u", i);
		else
			ok = check_item(check, node, i, value.items[i]) && ok;
		check_mark(check, i);
	}
	return ok;
}

/* ---- objects ----------------------------------------------------------------------- */

static bool
has_all(struct check *check, const struct rule *rule, struct heed_json names,
        struct heed_json value, struct heed_str because)
{
	bool ok = true;

	if (!check_spend(check, (int64_t)names.len * value.len / 16))
		return false;
	for (uint32_t i = 0; i < names.len; i++) {
		struct heed_str name = json_text(names.items[i]);

		if (json_find(value, name) != NULL)
			continue;
		if (because.data == NULL)
			ok = check_fault(check, rule, "is missing \"%.*s\"",
			                 STR_ARG(name));
		else
			ok = check_fault(check, rule,
			                 "is missing \"%.*s\", which \"%.*s\" needs",
			                 STR_ARG(name), STR_ARG(because));
	}
	return ok;
}

bool
check_required(struct check *check, const struct rule *rule, struct heed_json value)
{
	return has_all(check, rule, *rule->value, value, (struct heed_str){NULL, 0});
}

bool
check_dependent_required(struct check *check, const struct rule *rule,
                         struct heed_json value)
{
	bool ok = true;

	for (uint32_t i = 0; i < rule->value->len; i++) {
		const struct heed_member *member = &rule->value->members[i];

		if (json_find(value, member->name) != NULL)
			ok = has_all(check, rule, member->value, value,
			             member->name.data != NULL ? member->name
			                                       : HEED_STR("")) &&
			     ok;
	}
	return ok;
}

bool
check_dependent_schemas(struct check *check, const struct rule *rule,
                        struct heed_json value)
{
	bool ok = true;

	for (uint32_t i = 0; i < rule->value->len; i++)
		if (json_find(value, rule->value->members[i].name) != NULL)
			ok = check_here(check, rule->nodes[i], value) && ok;
	return ok;
}

bool
check_names(struct check *check, const struct rule *rule, struct heed_json value)
{
	bool ok = true;

	for (uint32_t i = 0; i < value.len && check->failure == 0; i++) {
		struct heed_str name = value.members[i].name;

		if (!check_apart(check, rule->nodes[0], json_str(name)))
			ok = check_fault(check, rule, "the name \"%.*s\" is not allowed",
			                 STR_ARG(str_head_utf8(name, 100)));
	}
	return ok;
}

/* The place of `name` in a mapping, or its length. */
static uint32_t
place_of(struct heed_json map, struct heed_str name)
{
	uint32_t i = 0;

	while (i < map.len && !str_eq(map.members[i].name, name))
		i++;
	return i;
}

bool
check_properties(struct check *check, const struct rule *rule, struct heed_json value)
{
	bool ok = true;

	if (!check_spend(check, (int64_t)value.len * rule->value->len / 16))
		return false;
	for (uint32_t i = 0; i < value.len && check->failure == 0; i++) {
		const struct heed_member *member = &value.members[i];
		uint32_t at = place_of(*rule->value, member->name);

		if (at == rule->value->len)
			continue;
		ok = check_member(check, rule->nodes[at], member->name, member->value) &&
		     ok;
		check_mark(check, i);
	}
	return ok;
}

bool
check_patterns(struct check *check, const struct rule *rule, struct heed_json value)
{
	bool ok = true;

	for (uint32_t i = 0; i < value.len && check->failure == 0; i++) {
		const struct heed_member *member = &value.members[i];

		for (uint32_t k = 0; k < rule->value->len; k++) {
			if (!check_matches(check, rule->patterns[k], member->name))
				continue;
			ok = check_member(check, rule->nodes[k], member->name,
			                  member->value) &&
			     ok;
			check_mark(check, i);
		}
	}
	return ok;
}

/* Is a member covered by `properties` or `patternProperties` beside the rule? */
static bool
is_covered(struct check *check, const struct rule *rule, struct heed_str name)
{
	const struct rule *properties = rule->also[0], *patterns = rule->also[1];

	if (properties != NULL &&
	    place_of(*properties->value, name) < properties->value->len)
		return true;
	for (uint32_t i = 0; patterns != NULL && i < patterns->value->len; i++)
		if (check_matches(check, patterns->patterns[i], name))
			return true;
	return false;
}

/* Say which member is too many, and what may have been meant. */
static bool
too_many(struct check *check, const struct rule *rule, struct heed_json value,
         struct heed_str name)
{
	const struct rule *properties = schema_rule(rule->owner, "properties");
	struct heed_str near = {NULL, 0};
	size_t best = 0;

	for (uint32_t i = 0;
	     check->report != NULL && properties != NULL && i < properties->value->len;
	     i++) {
		struct heed_str other = properties->value->members[i].name;

		if (json_find(value, other) == NULL && error_nearer(name, other, &best))
			near = other;
	}
	name = str_head_utf8(name, 100);
	if (near.len == 0)
		return check_fault(check, rule, "must not have \"%.*s\"", STR_ARG(name));
	return check_fault(check, rule, "must not have \"%.*s\"; did you mean \"%.*s\"?",
	                   STR_ARG(name), STR_ARG(str_head_utf8(near, 100)));
}

/* A member that nothing else speaks for. */
static bool
check_other(struct check *check, const struct rule *rule, struct heed_json value,
            uint32_t i)
{
	const struct heed_member *member = &value.members[i];
	const struct node *node = rule->nodes[0];

	check_mark(check, i);
	if (node->kind == NODE_FALSE)
		return too_many(check, rule, value, member->name);
	return check_member(check, node, member->name, member->value);
}

bool
check_additional(struct check *check, const struct rule *rule, struct heed_json value)
{
	bool ok = true;

	for (uint32_t i = 0; i < value.len && check->failure == 0; i++)
		if (!is_covered(check, rule, value.members[i].name))
			ok = check_other(check, rule, value, i) && ok;
	return ok;
}

bool
check_unevaluated_members(struct check *check, const struct rule *rule,
                          struct heed_json value)
{
	bool ok = true;

	for (uint32_t i = 0; i < value.len && check->failure == 0; i++)
		if (!check_is_marked(check, i))
			ok = check_other(check, rule, value, i) && ok;
	return ok;
}
