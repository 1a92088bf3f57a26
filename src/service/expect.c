/*
 * expect.c - see expect.h.
 *
 * What is expected is a part: an object may have further members, a list of events or
 * effects further ones between those named, in order. Within a list of values everything
 * must be there. A run that failed is a complaint unless it was expected to.
 */
#include "service/expect.h"

#include <string.h>

#include "base/error.h"

#define SHOWN_MAX 200

static void complain(struct json_build *complaints, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void
complain(struct json_build *complaints, const char *format, ...)
{
	struct heed_buf buf;
	va_list args;

	buf_init(&buf, 4096);
	va_start(args, format);
	buf_addv(&buf, format, args);
	va_end(args);
	json_push(complaints, json_str(arena_str(complaints->arena, buf_str(&buf))));
	buf_done(&buf);
}

static struct heed_str
shown(struct json_build *complaints, struct heed_json value)
{
	return str_head_utf8(json_text_of(complaints->arena, value), SHOWN_MAX);
}

/* ---- parts ------------------------------------------------------------------------- */

/* Where a value differs: the path to it, and both sides. */
struct difference {
	struct arena *arena;
	struct heed_str path;
	struct heed_json wanted;
	const struct heed_json *got; /* NULL: nothing is there */
};

static bool
differs(struct difference *difference, struct heed_str path, struct heed_json wanted,
        const struct heed_json *got)
{
	difference->path = path.len > 0 ? path : HEED_STR(".");
	difference->wanted = wanted;
	difference->got = got;
	return false;
}

static bool
holds(const struct heed_json *got, struct heed_json wanted, struct heed_str path,
      struct difference *difference)
{
	struct arena *arena = difference->arena;
	uint32_t i;

	if (got == NULL)
		return differs(difference, path, wanted, got);
	if (wanted.kind == HEED_OBJECT && got->kind == HEED_OBJECT) {
		for (i = 0; i < wanted.len; i++) {
			struct heed_str name = wanted.members[i].name;

			if (!holds(json_find(*got, name), wanted.members[i].value,
			           arena_printf(arena, "%.*s.%.*s", STR_ARG(path),
			                        STR_ARG(name)),
			           difference))
				return false;
		}
		return true;
	}
	if (wanted.kind == HEED_ARRAY && got->kind == HEED_ARRAY &&
	    wanted.len == got->len) {
		for (i = 0; i < wanted.len; i++)
			if (!holds(&got->items[i], wanted.items[i],
			           arena_printf(arena, "%.*s[%u]", STR_ARG(path), i),
			           difference))
				return false;
		return true;
	}
	return json_equal(wanted, *got) || differs(difference, path, wanted, got);
}

static void
complain_difference(struct json_build *complaints, const char *of,
                    const struct difference *difference)
{
	if (difference->got == NULL)
		complain(complaints, "%s: expected %.*s at %.*s, and there is nothing",
		         of, STR_ARG(shown(complaints, difference->wanted)),
		         STR_ARG(difference->path));
	else
		complain(complaints, "%s: expected %.*s at %.*s, got %.*s", of,
		         STR_ARG(shown(complaints, difference->wanted)),
		         STR_ARG(difference->path),
		         STR_ARG(shown(complaints, *difference->got)));
}

/* ---- lists in order ---------------------------------------------------------------- */

/* An event as it is, or an effect as {KIND: request}. */
static struct heed_json
listed(struct json_build *complaints, struct heed_json item, bool effect)
{
	struct json_build build;
	struct heed_json value = item;

	if (!effect)
		return item;
	json_object(&build, complaints->arena);
	json_set(&build, json_get_text(item, "kind"), *json_get(item, "request"));
	return json_build_end(&build, &value) == 0 ? value : json_null();
}

/* Each of `wanted` is found in `got`, in this order. */
static void
check_list(struct json_build *complaints, const char *of, bool effect,
           struct heed_json wanted, const struct heed_json *got)
{
	uint32_t at = 0;
	uint32_t i;

	if (wanted.kind != HEED_ARRAY) {
		complain(complaints, "expect.%ss must be a list", of);
		return;
	}
	if (wanted.len == 0 && got->len > 0)
		complain(complaints, "expected no %s, got %u", of, got->len);
	for (i = 0; i < wanted.len; i++) {
		struct difference difference = {.arena = complaints->arena};
		uint32_t first = at;

		while (at < got->len) {
			struct heed_json item =
				listed(complaints, got->items[at], effect);

			if (holds(&item, wanted.items[i], (struct heed_str){NULL, 0},
			          &difference))
				break;
			at++;
		}
		if (at++ < got->len)
			continue;
		/* With one candidate the difference says more than "not found". */
		if (got->len - first == 1)
			complain_difference(complaints, of, &difference);
		else
			complain(complaints, "%s %u of %u is not there: %.*s", of, i + 1,
			         got->len, STR_ARG(shown(complaints, wanted.items[i])));
		return;
	}
}

/* ---- runs -------------------------------------------------------------------------- */

static bool
is_failure(struct heed_str state)
{
	return str_is(state, "dead") || str_is(state, "held");
}

/* The state that `expect.runs` names for a run, or the empty text. */
static struct heed_str
wanted_state(const struct expectation *expect, struct heed_str name)
{
	const struct heed_json *state = json_find(expect->runs, name);

	return state != NULL ? json_text(*state) : (struct heed_str){NULL, 0};
}

static void
check_runs(const struct expectation *expect, struct heed_json runs,
           struct json_build *complaints)
{
	uint32_t i, j;

	for (i = 0; i < runs.len; i++) {
		struct heed_json run = runs.items[i];
		struct heed_str name = json_get_text(run, "name");
		struct heed_str state = json_get_text(run, "state");
		struct heed_str wanted = wanted_state(expect, name);
		struct heed_str text = json_get_text(run, "text");

		if (wanted.len > 0 ? str_eq(wanted, state) : !is_failure(state))
			continue;
		complain(complaints, "run of %.*s is %.*s%s%.*s%s%.*s", STR_ARG(name),
		         STR_ARG(state), wanted.len > 0 ? ", expected " : "",
		         STR_ARG(wanted), text.len > 0 ? ": " : "", STR_ARG(text));
	}
	for (j = 0; expect->runs.kind == HEED_OBJECT && j < expect->runs.len; j++) {
		struct heed_str name = expect->runs.members[j].name;

		for (i = 0; i < runs.len; i++)
			if (str_eq(json_get_text(runs.items[i], "name"), name))
				break;
		if (i == runs.len)
			complain(complaints, "%.*s did not run", STR_ARG(name));
	}
}

static void
check_that(const struct expectation *expect, struct heed_json outcome,
           struct json_build *complaints)
{
	struct expr **exprs = expect->that.items;
	size_t i;

	for (i = 0; i < expect->that.n; i++) {
		struct heed_error error = {0};
		bool truth = false;
		int r = expr_test(exprs[i], outcome, complaints->arena, &truth, &error);

		if (r < 0)
			complain(complaints, "%.*s: %s", STR_ARG(expr_text(exprs[i])),
			         error.text);
		else if (!truth)
			complain(complaints, "not true: %.*s",
			         STR_ARG(expr_text(exprs[i])));
	}
}

void
expect_check(const struct expectation *expect, struct heed_json outcome,
             struct json_build *complaints)
{
	struct difference difference = {.arena = complaints->arena};
	double cost = json_get_real(outcome, "cost", 0);
	uint32_t calls = json_get(outcome, "calls")->len;

	check_runs(expect, *json_get(outcome, "runs"), complaints);
	if (expect->answer.kind != HEED_NULL &&
	    !holds(json_get(outcome, "answer"), expect->answer,
	           (struct heed_str){NULL, 0}, &difference))
		complain_difference(complaints, "answer", &difference);
	if (expect->events.kind != HEED_NULL)
		check_list(complaints, "event", false, expect->events,
		           json_get(outcome, "events"));
	if (expect->effects.kind != HEED_NULL)
		check_list(complaints, "effect", true, expect->effects,
		           json_get(outcome, "effects"));
	if (expect->calls >= 0 && calls != expect->calls)
		complain(complaints, "expected %lld model calls, got %u",
		         (long long)expect->calls, calls);
	if (expect->cost >= 0 && cost > expect->cost)
		complain(complaints, "it cost $%.6f, expected at most $%.6f", cost,
		         expect->cost);
	check_that(expect, outcome, complaints);
}
