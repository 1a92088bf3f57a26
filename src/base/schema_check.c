/*
 * schema_check.c - an instance against the nodes of a schema.
 *
 * A node's rules are asked in the order of the table of keywords. Schemas for the same
 * instance (check_here) pass on what they have evaluated when they fit, as
 * unevaluatedProperties and unevaluatedItems want to know it: a bit for each item, kept
 * on a stack of words. Steps are counted, not timed, so that a verdict never changes.
 */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/schema_local.h"

#define CHECK_DEPTH_MAX 1000
#define WORK_MAX 10000000 /* steps, and for each value of the instance: */
#define WORK_PER_VALUE 1000

/* ---- faults ------------------------------------------------------------------------ */

static void
add_fault(struct check *check, struct heed_str at, const char *name, const char *format,
          va_list args)
{
	struct schema_report *report = check->report;
	struct schema_fault *fault;
	struct heed_buf text;

	if (report == NULL || report->n == SCHEMA_FAULTS_MAX || !check_spend(check, 64))
		return;
	fault = &report->faults[report->n++];
	buf_init(&text, 0);
	buf_addv(&text, format, args);
	fault->at = arena_str(report->arena, buf_str(&check->at));
	fault->keyword = arena_printf(report->arena, "%.*s%s%s", STR_ARG(at),
	                              name[0] != '\0' ? "/" : "", name);
	fault->text = arena_str(report->arena, str_head_utf8(buf_str(&text), 400));
	buf_done(&text);
}

bool
check_fault(struct check *check, const struct rule *rule, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add_fault(check, rule->owner->at, rule->keyword->name, format, args);
	va_end(args);
	return false;
}

/* The same for a schema as a whole. */
static bool __attribute__((format(printf, 3, 4)))
node_fault(struct check *check, const struct node *node, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add_fault(check, node->at, "", format, args);
	va_end(args);
	return false;
}

struct heed_str
check_text(const struct check *check, struct heed_json value)
{
	struct heed_str text = {NULL, 0};
	struct heed_buf buf;

	if (check->report == NULL)
		return text;
	buf_init(&buf, 0);
	json_write(&buf, value, JSON_COMPACT);
	if (buf.len > 300) {
		buf_cut(&buf, str_head_utf8(buf_str(&buf), 300).len);
		buf_adds(&buf, "...");
	}
	text = arena_str(check->report->arena, buf_str(&buf));
	buf_done(&buf);
	return text;
}

/* ---- what is used up --------------------------------------------------------------- */

static bool
give_up(struct check *check, int failure)
{
	if (check->failure == 0)
		check->failure = failure;
	return false;
}

bool
check_spend(struct check *check, int64_t steps)
{
	check->work -= steps;
	return check->work >= 0 ? true : give_up(check, HEED_E_LIMIT);
}

bool
check_matches(struct check *check, const struct pattern *pattern, struct heed_str text)
{
	bool matches = false;
	int r = pattern_match(pattern, text, &check->work, &matches);

	return r < 0 ? give_up(check, r) : matches;
}

/* ---- marks ------------------------------------------------------------------------- */

static bool
marks_push(struct check *check, struct marks *marks, uint32_t n)
{
	size_t words = (n + 63) / 64;

	if (mem_grow((void **)&check->bits, &check->cap_bits, check->n_bits + words + 1,
	             sizeof(uint64_t)) < 0)
		return give_up(check, HEED_E_NOMEM);
	*marks = (struct marks){.at = check->n_bits, .words = words};
	memset(&check->bits[marks->at], 0, words * sizeof(uint64_t));
	check->n_bits += words;
	return true;
}

static void
marks_pop(struct check *check, const struct marks *marks, const struct marks *into)
{
	for (size_t i = 0; into != NULL && i < marks->words; i++)
		check->bits[into->at + i] |= check->bits[marks->at + i];
	check->n_bits = marks->at;
}

void
check_mark(struct check *check, uint32_t i)
{
	if (check->marks != NULL)
		check->bits[check->marks->at + i / 64] |= UINT64_C(1) << (i % 64);
}

bool
check_is_marked(const struct check *check, uint32_t i)
{
	return check->marks != NULL &&
	       (check->bits[check->marks->at + i / 64] >> (i % 64) & 1) != 0;
}

/* ---- one schema -------------------------------------------------------------------- */

static bool
fits_rules(struct check *check, const struct node *node, struct heed_json value)
{
	bool ok = true;

	for (uint32_t i = 0; i < node->n_rules; i++) {
		const struct rule *rule = &node->rules[i];

		if (!(rule->keyword->on & (1u << value.kind)))
			continue;
		ok = rule->keyword->check(check, rule, value) && ok;
		if (check->failure != 0 || (!ok && check->report == NULL))
			return false;
	}
	return ok;
}

static bool
fits_meta(struct check *check, const struct node *node, struct heed_json value)
{
	struct heed_error error = {0};
	int r = schema_syntax(value, &error);

	if (r == HEED_E_NOMEM)
		return give_up(check, r);
	return r == 0 || node_fault(check, node, "is not a schema: at \"%s\": %s",
	                            error.where, error.text);
}

static bool
fits_object(struct check *check, const struct node *node, struct heed_json value)
{
	const struct scope *outer = check->scope;
	const struct scope scope = {node->resource, outer};
	struct marks *above = check->marks;
	struct marks mine;
	bool marks = check->schema->marks &&
	             (value.kind == HEED_ARRAY || value.kind == HEED_OBJECT);
	bool ok;

	if (marks && !marks_push(check, &mine, value.len))
		return false;
	if (outer == NULL || outer->resource != node->resource)
		check->scope = &scope;
	check->marks = marks ? &mine : NULL;
	check->depth++;
	ok = fits_rules(check, node, value);
	check->depth--;
	check->marks = above;
	check->scope = outer;
	if (marks)
		marks_pop(check, &mine, ok ? above : NULL);
	return ok;
}

static bool
fits(struct check *check, const struct node *node, struct heed_json value)
{
	if (!check_spend(check, 4 + 4 * (int64_t)node->n_rules))
		return false;
	switch (node->kind) {
	case NODE_TRUE:
		return true;
	case NODE_FALSE:
		return node_fault(check, node, "must not be here");
	case NODE_META:
		return fits_meta(check, node, value);
	default:
		break;
	}
	if (check->depth >= CHECK_DEPTH_MAX)
		return give_up(check, HEED_E_LIMIT);
	return fits_object(check, node, value);
}

bool
check_here(struct check *check, const struct node *node, struct heed_json value)
{
	return fits(check, node, value);
}

bool
check_here_into(struct check *check, const struct node *node, struct heed_json value,
                struct schema_report *report)
{
	struct schema_report *above = check->report;
	bool ok;

	check->report = report;
	ok = fits(check, node, value);
	check->report = above;
	return ok;
}

bool
check_apart(struct check *check, const struct node *node, struct heed_json value)
{
	struct marks *above = check->marks;
	bool ok;

	check->marks = NULL;
	ok = check_here_into(check, node, value, NULL);
	check->marks = above;
	return ok;
}

bool
check_member(struct check *check, const struct node *node, struct heed_str name,
             struct heed_json value)
{
	struct marks *above = check->marks;
	size_t len = check->at.len;
	bool ok;

	if (check->report != NULL) {
		buf_addc(&check->at, '/');
		for (size_t i = 0; i < name.len; i++) {
			if (name.data[i] == '~' || name.data[i] == '/')
				buf_adds(&check->at, name.data[i] == '~' ? "~0" : "~1");
			else
				buf_addc(&check->at, name.data[i]);
		}
	}
	check->marks = NULL;
	ok = fits(check, node, value);
	check->marks = above;
	buf_cut(&check->at, len);
	return ok;
}

bool
check_item(struct check *check, const struct node *node, uint32_t i,
           struct heed_json value)
{
	char place[16];
	int len = snprintf(place, sizeof(place), "%u", i);

	return check_member(check, node, (struct heed_str){place, (size_t)len}, value);
}

/* ---- all of it --------------------------------------------------------------------- */

static int64_t
count_values(struct heed_json value)
{
	int64_t n = 1;

	for (uint32_t i = 0; value.kind == HEED_ARRAY && i < value.len; i++)
		n += count_values(value.items[i]);
	for (uint32_t i = 0; value.kind == HEED_OBJECT && i < value.len; i++)
		n += count_values(value.members[i].value);
	return n;
}

int
schema_validate(const struct schema *schema, struct heed_json instance,
                struct schema_report *report)
{
	struct check check = {.schema = schema, .report = report};
	bool ok;

	if (report != NULL)
		report->n = 0;
	check.work = WORK_MAX + WORK_PER_VALUE * count_values(instance);
	buf_init(&check.at, 0);
	ok = fits(&check, schema->root, instance);
	buf_done(&check.at);
	mem_free(check.bits);
	if (check.failure != 0)
		return check.failure;
	return ok ? 0 : HEED_E_INVALID;
}
