/*
 * acts.c - see acts.h. A mapping in the list mixes two things: what the action is (one
 * key, named after its kind) and how it is carried out (act_options); they are bound
 * apart.
 */
#include "pattern/acts.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "engine/kinds.h"

#define KINDS_MAX 48
#define BESIDE_MAX 32 /* options beside an action */

static void
write_schema(struct heed_buf *buf, const struct option *rows)
{
	struct option_type kinds[KINDS_MAX];
	size_t n;

	for (n = 0; n < KINDS_MAX && action_kinds[n] != NULL; n++)
		kinds[n] =
			(struct option_type){action_kinds[n]->name, action_kinds[n]->help,
		                             action_kinds[n]->options};
	option_schema_choice(buf, kinds, n, rows);
}

static void
acts_schema_one(struct heed_buf *buf)
{
	write_schema(buf, NULL);
}

void
acts_schema_act(struct heed_buf *buf)
{
	write_schema(buf, act_options);
}

void
acts_schema_beside(struct heed_buf *buf, const struct option *more)
{
	struct option rows[BESIDE_MAX + 1];
	const struct option *row;
	size_t n = 0;

	for (row = act_options; row->kind != OPTION_END && n < BESIDE_MAX; row++)
		rows[n++] = *row;
	for (row = more; row->kind != OPTION_END && n < BESIDE_MAX; row++)
		rows[n++] = *row;
	rows[n] = (struct option)OPTION_ROWS_END;
	write_schema(buf, rows);
}

void
acts_schema(struct heed_buf *buf)
{
	buf_adds(buf, "{\"type\":\"array\",\"items\":");
	acts_schema_act(buf);
	buf_addc(buf, '}');
}

static int
bind_probe(struct bind *bind, const struct conf_node *node, void *field)
{
	return acts_bind_one(bind, node, field);
}

static const char *const mapping_type[] = {"object", NULL};

const struct option act_options[] = {
	{.name = "if",
         .kind = OPTION_EXPR,
         .offset = offsetof(struct act, condition),
         .help = "carry it out only when this expression is true"},
	{.name = "timeout",
         .kind = OPTION_DURATION,
         .offset = offsetof(struct act, timeout_ms),
         .fallback = "30s",
         .min = 1,
         .max = 86400000,
         .help = "bound on one attempt"},
	{.name = "retry",
         .kind = OPTION_RECORD,
         .offset = offsetof(struct act, retry),
         .rows = retry_options,
         .help = "how often and when a failed attempt is made again"},
	{.name = "probe",
         .kind = OPTION_CUSTOM,
         .offset = offsetof(struct act, probe),
         .bind = bind_probe,
         .names = mapping_type,
         .schema = acts_schema_one,
         .help = "an action that finds out whether an unkeyed effect happened, when a "
                 "crash "
                 "left that unknown"},
	{.name = "done",
         .kind = OPTION_EXPR,
         .offset = offsetof(struct act, probe_done),
         .help = "with probe: true when its .result shows that the effect happened"},
	OPTION_ROWS_END,
};

static const struct option *
find_row(const struct option *rows, struct heed_str name)
{
	for (; rows->kind != OPTION_END; rows++)
		if (str_is(name, rows->name))
			return rows;
	return NULL;
}

bool
acts_reserves(struct heed_str word)
{
	return find_row(act_options, word) != NULL;
}

static const struct action_kind *
find_kind(const struct kinds *added, struct heed_str name)
{
	const struct action_kind *kind;
	size_t i;

	for (i = 0; (kind = action_kind_at(added, i)) != NULL; i++)
		if (str_is(name, kind->name))
			return kind;
	return NULL;
}

static int
unknown_kind(struct bind *bind, const struct conf_node *key)
{
	const char *names[64];
	char hint[96] = "";
	const char *near;
	const struct action_kind *kind;
	size_t n = 0;
	const struct option *row;

	for (; n < KINDS_MAX && (kind = action_kind_at(bind->kinds, n)) != NULL; n++)
		names[n] = kind->name;
	for (row = act_options; row->kind != OPTION_END; row++)
		names[n++] = row->name;
	near = error_nearest(key->text, names, n);
	if (near != NULL)
		(void)snprintf(hint, sizeof(hint), "did you mean \"%s\"?", near);
	return conf_problem(bind->problems, key, hint, "there is no action \"%.*s\"",
	                    STR_ARG(key->text));
}

/* bind->roots and `more`, both NULL-terminated. NULL without memory. */
static const char *const *
add_roots(struct bind *bind, const char *const *more)
{
	const char **roots;
	size_t n = 0;
	size_t n_more = 0;

	while (bind->roots[n] != NULL)
		n++;
	while (more[n_more] != NULL)
		n_more++;
	roots = ARENA_ARRAY(bind->arena, const char *, n + n_more + 1);
	if (roots == NULL)
		return NULL;
	memcpy(roots, bind->roots, n * sizeof(*roots));
	memcpy(roots + n, more, n_more * sizeof(*roots));
	return roots;
}

static int
bind_action(struct bind *bind, const struct conf_node *value,
            const struct action_kind *kind, struct action **ret_action)
{
	const char *const *outer = bind->roots;
	struct action *action = arena_zero(bind->arena, kind->size);
	int r;

	if (action == NULL)
		return HEED_E_NOMEM;
	action->kind = kind;
	action->arena = bind->arena;
	if (outer != NULL && kind->roots != NULL &&
	    conf_get(value, kind->roots_option) != NULL)
		bind->roots = add_roots(bind, kind->roots);
	r = bind_record(bind, value, kind->options, action);
	bind->roots = outer;
	*ret_action = action;
	return r;
}

/* The same action with ${...} as written, for what is recorded of it. Its expressions
 * are of a set of their own, so that one that needs the value (a number, say) harms
 * nothing but the record. */
static int
make_record(struct bind *bind, const struct conf_node *value, struct action *action)
{
	struct bind own = *bind;
	struct conf_problems problems;
	struct conf_node *raw;
	struct action *record = NULL;
	struct expr *culprit;

	if (!conf_is_expanded(value))
		return 0;
	action->secret = true;
	conf_problems_init(&problems, bind->arena);
	own.problems = &problems;
	own.exprs = expr_set_new();
	if (own.exprs == NULL ||
	    bind_own(bind, (void (*)(void *))expr_set_free, own.exprs) < 0)
		return HEED_E_NOMEM;
	own.owned = bind->owned;
	HEED_TRY(conf_raw(bind->arena, value, &raw));
	if (bind_action(&own, raw, action->kind, &record) == 0 &&
	    expr_set_check(own.exprs, &culprit, NULL) == 0)
		action->record = record;
	bind->owned = own.owned;
	return 0;
}

/* Make the action that `key: value` describes. */
static int
make_action(struct bind *bind, const struct conf_node *key, const struct conf_node *value,
            struct action **ret_action)
{
	const struct action_kind *kind = find_kind(bind->kinds, key->text);
	struct heed_error error;
	struct action *action;

	if (kind == NULL)
		return unknown_kind(bind, key);
	HEED_TRY(bind_action(bind, value, kind, &action));
	if (kind->check != NULL && kind->check(action, &error) < 0)
		return conf_problem(bind->problems, key, error.hint, "%s: %s", kind->name,
		                    error.text);
	HEED_TRY(make_record(bind, value, action));
	*ret_action = action;
	return 0;
}

int
acts_bind_one(struct bind *bind, const struct conf_node *node, struct action **ret_action)
{
	if (node->kind != CONF_MAP || node->n != 1)
		return conf_problem(bind->problems, node, "for example: http: {url: ...}",
		                    "expected a mapping with one action");
	return make_action(bind, &node->keys[0], &node->items[0], ret_action);
}

/* Does it go out and come back with a result? */
static bool
asks(const struct action *action)
{
	enum effect_class class = action->kind->effect(action);

	return class == EFFECT_KEYED || class == EFFECT_UNKEYED;
}

static int
check_probe(struct bind *bind, const struct conf_node *node, const struct act *act)
{
	if (act->probe != NULL && act->probe_done == NULL)
		return conf_problem(bind->problems, node,
		                    "add done: EXPRESSION over the probe's .result",
		                    "a probe needs to know what shows that it happened");
	if (act->probe == NULL && act->probe_done != NULL)
		return conf_problem(bind->problems, conf_get(node, "done"),
		                    "add probe: {http: ...} or another action",
		                    "done is about a probe, and there is none");
	if (act->probe != NULL && !asks(act->probe))
		return conf_problem(
			bind->problems, conf_get(node, "probe"),
			"use an action that asks others: http, exec, or sql on "
			"a connection",
			"a probe cannot be %s of heed's own", act->probe->kind->name);
	return 0;
}

/* Split one mapping into the action and its conditions, and bind both. */
static int
bind_parts(struct bind *bind, const struct conf_node *node, struct act *act)
{
	struct conf_node conditions = *node;
	const struct conf_node *what = NULL;
	int r = 0;
	size_t i;

	if (node->kind != CONF_MAP || node->n == 0)
		return conf_problem(bind->problems, node,
		                    "for example: log: {message: ...}",
		                    "expected a mapping with one action");
	conditions.n = 0;
	conditions.keys = ARENA_ARRAY(bind->arena, struct conf_node, node->n);
	conditions.items = ARENA_ARRAY(bind->arena, struct conf_node, node->n);
	if (conditions.keys == NULL || conditions.items == NULL)
		return HEED_E_NOMEM;
	for (i = 0; i < node->n; i++) {
		if (find_row(act_options, node->keys[i].text) != NULL) {
			conditions.keys[conditions.n] = node->keys[i];
			conditions.items[conditions.n++] = node->items[i];
		} else if (what != NULL) {
			return conf_problem(
				bind->problems, &node->keys[i],
				"give each a mapping of its own",
				"\"%.*s\" is a second thing to do in one step",
				STR_ARG(node->keys[i].text));
		} else {
			what = &node->keys[i];
			r = make_action(bind, what, &node->items[i], &act->action);
		}
	}
	if (what == NULL)
		return conf_problem(bind->problems, node,
		                    "name one, such as emit or http",
		                    "there is no action here");
	if (bind_record(bind, &conditions, act_options, act) < 0)
		return HEED_E_CONFIG;
	return r < 0 ? r : check_probe(bind, node, act);
}

/* The expressions of an act see the effect's key besides what the flow gives. */
int
acts_bind_act(struct bind *bind, const struct conf_node *node, struct act *act)
{
	static const char *const key[] = {"effect_key", NULL};
	const char *const *outer = bind->roots;
	int r;

	if (outer != NULL)
		bind->roots = add_roots(bind, key);
	r = bind_parts(bind, node, act);
	bind->roots = outer;
	return r;
}

int
acts_bind(struct bind *bind, const struct conf_node *node, void *field)
{
	struct acts *acts = field;
	int worst = 0;
	size_t i;

	if (node->kind != CONF_LIST)
		return conf_problem(bind->problems, node,
		                    "write each action as \"- kind: ...\"",
		                    "expected a list of actions");
	acts->items = ARENA_ARRAY(bind->arena, struct act, node->n);
	if (acts->items == NULL)
		return HEED_E_NOMEM;
	for (i = 0; i < node->n; i++) {
		int r = acts_bind_act(bind, &node->items[i], &acts->items[i]);

		acts->items[i].step = arena_printf(bind->arena, "then.%zu", i + 1);
		if (acts->items[i].step.data == NULL)
			return HEED_E_NOMEM;
		worst = r < 0 ? r : worst;
	}
	acts->n = node->n;
	return worst;
}

int
acts_run(struct run *run, const struct acts *acts, struct heed_json input)
{
	size_t i;

	for (i = 0; i < acts->n; i++) {
		struct heed_json result = json_null();

		HEED_TRY(flow_act(run, &acts->items[i], input, &result));
		HEED_TRY(json_with(flow_arena(run), input, "result", result, &input));
	}
	return 0;
}
