/*
 * reaction.c - pattern 1: on an event, ask a model, then act on its answer.
 *
 * The flow reads straight down: ask, then the actions in order.
 */
#include "pattern/kinds.h"

#include "base/error.h"
#include "base/json.h"
#include "pattern/acts.h"

struct reaction {
	struct option_texts on;
	struct expr *when;
	struct expr *key;
	int on_failure;
	int64_t concurrency;
	struct ask *ask; /* NULL: no model is asked */
	struct acts then;
};

static int
bind_ask(struct bind *bind, const struct conf_node *node, void *field)
{
	struct ask *ask = ARENA_NEW(bind->arena, struct ask);

	if (ask == NULL)
		return HEED_E_NOMEM;
	HEED_TRY(bind_record(bind, node, ask_options, ask));
	*(struct ask **)field = ask;
	return 0;
}

static const char *const mapping_type[] = {"object", NULL};
static const char *const list_type[] = {"array", NULL};

const struct option reaction_options[] = {
	{.name = "on",
         .kind = OPTION_TEXTS,
         .offset = offsetof(struct reaction, on),
         .flags = OPTION_REQUIRED,
         .help = "event type or types; a trailing * matches any rest"},
	{.name = "when",
         .kind = OPTION_EXPR,
         .offset = offsetof(struct reaction, when),
         .help = "react only when this expression over .event is true"},
	{.name = "key",
         .kind = OPTION_EXPR,
         .offset = offsetof(struct reaction, key),
         .help = "events with the same key are handled one after the other, in order of "
                 "arrival; others in parallel"},
	{.name = "on_failure",
         .kind = OPTION_ENUM,
         .offset = offsetof(struct reaction, on_failure),
         .fallback = "pass",
         .names = flow_on_failure_names,
         .help = FLOW_ON_FAILURE_HELP},
	{.name = "concurrency",
         .kind = OPTION_INT,
         .offset = offsetof(struct reaction, concurrency),
         .fallback = "1000",
         .min = 1,
         .max = 100000,
         .help = "runs of this reaction at once"},
	{.name = "ask",
         .kind = OPTION_CUSTOM,
         .offset = offsetof(struct reaction, ask),
         .bind = bind_ask,
         .names = mapping_type,
         .rows = ask_options,
         .help = "the question to a model; without it the event alone decides"},
	{.name = "then",
         .kind = OPTION_CUSTOM,
         .offset = offsetof(struct reaction, then),
         .bind = acts_bind,
         .names = list_type,
         .schema = acts_schema,
         .help = "actions, carried out in this order"},
	OPTION_ROWS_END,
};

/* What expressions of this run see so far. */
static int
make_input(struct run *run, const struct heed_json *answer, struct heed_json *ret_input)
{
	struct json_build build;

	json_object(&build, flow_arena(run));
	json_set_cstr(&build, "event", flow_event(run)->root);
	if (answer != NULL)
		json_set_cstr(&build, "answer", *answer);
	return json_build_end(&build, ret_input);
}

static int
step(struct run *run)
{
	const struct reaction *reaction = flow_definition(run)->config;
	struct heed_json input;
	struct heed_json answer;

	HEED_TRY(make_input(run, NULL, &input));
	if (reaction->ask != NULL) {
		HEED_TRY(flow_ask(run, HEED_STR("ask"), reaction->ask, input, &answer));
		HEED_TRY(make_input(run, &answer, &input));
	}
	return acts_run(run, &reaction->then, input);
}

static int
wants(const struct definition *definition, const struct event *event,
      struct arena *scratch, bool *ret_wanted, struct heed_error *error)
{
	const struct reaction *reaction = definition->config;

	return pattern_when(reaction->when, event, scratch, ret_wanted, error);
}

static const char *const roots[] = {"event", "answer", "result", NULL};

static const struct flow_kind reaction_flow;

static int
bind_reaction(struct bind *bind, const struct conf_node *key,
              const struct conf_node *node, struct definition **ret_definition)
{
	struct definition *definition = ARENA_NEW(bind->arena, struct definition);
	struct reaction *reaction = ARENA_NEW(bind->arena, struct reaction);
	const char *const *outer = bind->roots;
	int r;

	if (definition == NULL || reaction == NULL)
		return HEED_E_NOMEM;
	bind->roots = roots;
	r = bind_record(bind, node, reaction_options, reaction);
	bind->roots = outer;
	HEED_TRY(r);
	if (reaction->ask == NULL && reaction->then.n == 0)
		return conf_problem(bind->problems, key,
		                    "add ask: or then:", "the reaction does nothing");
	definition->kind = &reaction_flow;
	definition->key = reaction->key;
	definition->on_failure = reaction->on_failure;
	definition->concurrency = reaction->concurrency;
	definition->config = reaction;
	definition->types = reaction->on.items;
	definition->n_types = reaction->on.n;
	HEED_TRY(pattern_identify(bind, key, node, definition));
	*ret_definition = definition;
	return 0;
}

static const struct flow_kind reaction_flow = {
	.name = "reaction",
	.step = step,
	.wants = wants,
};

const struct pattern_kind pattern_reaction = {
	.section = "reactions",
	.help = "on an event, ask a model, then act, by name",
	.rows = reaction_options,
	.flow = &reaction_flow,
	.bind = bind_reaction,
};
