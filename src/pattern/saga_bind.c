/*
 * saga_bind.c - from the options of a saga to a definition: steps find each other, and
 * what only the whole can tell is checked, so that a saga that was accepted can't meet a
 * step that is not there.
 */
#include "pattern/saga.h"

#include "pattern/kinds.h"

/* Names that a saga's journal uses itself. */
static const char *const reserved[] = {"saga",   "result",  "redrive",
                                       "cancel", FORK_NOTE, NULL};

struct saga_step *
saga_find_step(const struct saga *saga, struct heed_str name)
{
	size_t i;

	for (i = 0; i < saga->steps.n; i++)
		if (str_eq(saga_step_at(saga, i)->name, name))
			return saga_step_at(saga, i);
	return NULL;
}

/* What is being bound, and where its parts stand. */
struct binding {
	struct bind *bind;
	struct saga *saga;
	const struct conf_node *key;
	const struct conf_node *node;  /* of the saga */
	const struct conf_node *steps; /* its map */
};

#define PROBLEM(binding, at, hint, ...)                                                  \
	conf_problem((binding)->bind->problems, (at), (hint), __VA_ARGS__)

static const struct conf_node *
node_of(const struct binding *binding, const struct saga_step *step)
{
	return &binding->steps->items[step->at];
}

/* A step by the name that stands at `at`. */
static struct saga_step *
look_up(struct binding *binding, const struct conf_node *at, struct heed_str name)
{
	const char *names[SAGA_STEPS_MAX + 1] = {NULL};
	struct saga_step *step = saga_find_step(binding->saga, name);
	char hint[CONF_HINT_SIZE];
	size_t i;

	if (step != NULL)
		return step;
	for (i = 0; i < binding->saga->steps.n && i < SAGA_STEPS_MAX; i++)
		names[i] = binding->steps->keys[i].text.data;
	(void)PROBLEM(binding, at, conf_suggest(hint, name, names, "steps here"),
	              "there is no step \"%.*s\"", STR_ARG(str_head_utf8(name, 80)));
	return NULL;
}

/* ---- each step by itself ----------------------------------------------------------- */

static bool
is_name(struct heed_str name)
{
	size_t i;

	for (i = 0; i < name.len; i++) {
		char c = name.data[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
		    !(c >= '0' && c <= '9' && i > 0) && c != '_' && (c != '-' || i == 0))
			return false;
	}
	return name.len > 0 && name.len <= 64;
}

static int
check_name(struct binding *binding, const struct saga_step *step)
{
	const struct conf_node *at = &binding->steps->keys[step->at];
	size_t i;

	if (!is_name(step->name))
		return PROBLEM(binding, at, "for example: charge_card",
		               "a step's name is made of letters, digits, _ and -");
	for (i = 0; reserved[i] != NULL; i++)
		if (str_is(step->name, reserved[i]))
			return PROBLEM(binding, at, NULL,
			               "a step cannot be called \"%s\"", reserved[i]);
	return 0;
}

static int
check_kind(struct binding *binding, const struct saga_step *step)
{
	const struct conf_node *at = &binding->steps->keys[step->at];
	int n = (step->act != NULL) + (step->ask != NULL) + (step->wait != NULL) +
	        (step->sleep_ms > 0) + (step->human != NULL) + (step->start != NULL) +
	        (step->parallel.n > 0);

	if (n == 0)
		return PROBLEM(binding, at,
		               "add do:, ask:, wait_for:, sleep:, ask_human:, start: or "
		               "parallel:",
		               "step \"%.*s\" does nothing", STR_ARG(step->name));
	if (n > 1)
		return PROBLEM(binding, at, "make each a step of its own",
		               "step \"%.*s\" does %d things", STR_ARG(step->name), n);
	if (step->act != NULL && step->act->condition != NULL)
		return PROBLEM(binding, at, "write it as the step's require:",
		               "the action of a saga's step has no if:");
	if (step->undo != NULL && step->parallel.n > 0)
		return PROBLEM(binding, at, "give each of its steps its own",
		               "a parallel step has no undo:");
	if (step->undo_when == UNDO_ATTEMPTED && step->undo_reads_result)
		return PROBLEM(binding, at, "use .input or .data there",
		               "undo_when: attempted may have no .result, which undo: "
		               "reads");
	return 0;
}

/* What the step says of do and undo holds where these do not say otherwise. */
static void
inherit(const struct saga_step *step, const struct conf_node *node, struct act *act)
{
	if (act == NULL)
		return;
	if (conf_get(node, "retry") == NULL)
		act->retry = step->retry;
	if (conf_get(node, "timeout") == NULL)
		act->timeout_ms = step->timeout_ms;
	act->step = step->name;
}

/* ---- steps among each other -------------------------------------------------------- */

static int
link_after(struct binding *binding, struct saga_step *step)
{
	const struct conf_node *at = conf_get(node_of(binding, step), "after");
	int worst = 0;
	size_t i;

	for (i = 0; i < step->after.n; i++) {
		struct saga_step *before = look_up(binding, at, step->after.items[i]);

		if (before == NULL)
			worst = HEED_E_CONFIG;
		else
			step->after_mask |= UINT64_C(1) << before->at;
	}
	return worst;
}

/* Steps that wait for each other can never be taken. */
static int
check_circles(struct binding *binding)
{
	const struct saga *saga = binding->saga;
	uint64_t possible = 0;
	uint64_t before;
	size_t i;

	do {
		before = possible;
		for (i = 0; i < saga->steps.n; i++) {
			const struct saga_step *step = saga_step_at(saga, i);

			if ((step->after_mask & ~possible) == 0)
				possible |= UINT64_C(1) << i;
		}
	} while (possible != before);
	for (i = 0; i < saga->steps.n; i++)
		if ((possible & UINT64_C(1) << i) == 0)
			return PROBLEM(binding, &binding->steps->keys[i],
			               "look at the after: of those that it waits for",
			               "step \"%.*s\" waits for itself",
			               STR_ARG(saga_step_at(saga, i)->name));
	return 0;
}

static int
link_branch(struct binding *binding, const struct conf_node *at,
            const struct option_texts *names, struct saga_branch *branch)
{
	size_t i;

	branch->steps =
		ARENA_ARRAY(binding->bind->arena, const struct saga_step *, names->n);
	if (branch->steps == NULL)
		return HEED_E_NOMEM;
	branch->n = names->n;
	for (i = 0; i < names->n; i++) {
		struct saga_step *step = look_up(binding, at, names->items[i]);

		if (step == NULL)
			return HEED_E_CONFIG;
		if (step->parallel.n > 0)
			return PROBLEM(binding, at, NULL,
			               "a branch cannot hold another parallel step");
		if (step->in_branch)
			return PROBLEM(binding, at, NULL,
			               "step \"%.*s\" is in a branch already",
			               STR_ARG(step->name));
		step->in_branch = true;
		branch->steps[i] = step;
	}
	return 0;
}

static int
link_branches(struct binding *binding, struct saga_step *step)
{
	const struct conf_node *at = conf_get(node_of(binding, step), "parallel");
	size_t i;

	step->parallel.branches =
		ARENA_ARRAY(binding->bind->arena, struct saga_branch, step->parallel.n);
	if (step->parallel.branches == NULL)
		return HEED_E_NOMEM;
	for (i = 0; i < step->parallel.n; i++)
		HEED_TRY(link_branch(binding, at, &step->parallel.names[i],
		                     &step->parallel.branches[i]));
	return 0;
}

/* The saga that a step starts has to be in the same file. */
static int
check_start(struct binding *binding, const struct saga_step *step)
{
	const struct conf_node *sagas = binding->bind->root != NULL
	                                        ? conf_get(binding->bind->root, "sagas")
	                                        : NULL;
	const char *names[SAGA_STEPS_MAX + 1] = {NULL};
	char hint[CONF_HINT_SIZE];
	size_t i;

	if (step->start == NULL || sagas == NULL)
		return 0;
	for (i = 0; i < sagas->n; i++) {
		if (str_eq(sagas->keys[i].text, step->start->saga))
			return 0;
		if (i < SAGA_STEPS_MAX)
			names[i] = sagas->keys[i].text.data;
	}
	return PROBLEM(binding, conf_get(node_of(binding, step), "start"),
	               conf_suggest(hint, step->start->saga, names, "sagas here"),
	               "there is no saga \"%.*s\"",
	               STR_ARG(str_head_utf8(step->start->saga, 80)));
}

static int
prepare_step(struct binding *binding, size_t i)
{
	struct saga_step *step = saga_step_at(binding->saga, i);
	const struct conf_node *node;
	int r;

	node = node_of(binding, step);
	inherit(step, conf_get(node, "do"), step->act);
	inherit(step, conf_get(node, "undo"), step->undo);
	HEED_TRY(check_name(binding, step));
	HEED_TRY(check_kind(binding, step));
	r = check_start(binding, step);
	return r < 0 ? r : link_after(binding, step);
}

/* ---- the order --------------------------------------------------------------------- */

static int
add_in_order(struct binding *binding, const struct conf_node *at,
             const struct saga_step *step, uint64_t *before)
{
	struct saga *saga = binding->saga;

	if (step->in_branch)
		return PROBLEM(binding, at, "name the parallel step instead",
		               "step \"%.*s\" is part of a parallel step",
		               STR_ARG(step->name));
	if ((*before & UINT64_C(1) << step->at) != 0 && !step->repeatable)
		return PROBLEM(binding, at, "set repeatable: true",
		               "step \"%.*s\" is in the order twice",
		               STR_ARG(step->name));
	if ((step->after_mask & ~*before) != 0)
		return PROBLEM(binding, at, "put it behind those",
		               "step \"%.*s\" stands before a step of its after:",
		               STR_ARG(step->name));
	saga->in_order[saga->n_in_order++] = step;
	*before |= UINT64_C(1) << step->at;
	for (size_t i = 0; i < step->parallel.n; i++)
		for (size_t k = 0; k < step->parallel.branches[i].n; k++)
			*before |= UINT64_C(1) << step->parallel.branches[i].steps[k]->at;
	return 0;
}

static int
put_in_order(struct binding *binding)
{
	struct saga *saga = binding->saga;
	const struct conf_node *at = conf_get(binding->node, "order");
	size_t n = at != NULL ? saga->order.n : saga->steps.n;
	uint64_t before = 0;
	int worst = 0;
	size_t i;

	saga->in_order = ARENA_ARRAY(binding->bind->arena, const struct saga_step *, n);
	if (saga->in_order == NULL)
		return HEED_E_NOMEM;
	for (i = 0; i < n; i++) {
		const struct saga_step *step =
			at != NULL ? look_up(binding, at, saga->order.items[i])
				   : saga_step_at(saga, i);

		if (step == NULL)
			worst = HEED_E_CONFIG;
		else if (at != NULL || !step->in_branch)
			worst = add_in_order(binding,
			                     at != NULL ? at : node_of(binding, step),
			                     step, &before) < 0
			                ? HEED_E_CONFIG
			                : worst;
	}
	return worst;
}

/* ---- the whole --------------------------------------------------------------------- */

static int
use_prompt(struct binding *binding, const char *text, struct template **at)
{
	struct heed_error error;

	return *at != NULL ? 0
	                   : template_new(binding->bind->exprs, str_of(text), at, &error);
}

static int
prepare_guide(struct binding *binding)
{
	struct saga *saga = binding->saga;
	struct saga_guide *guide = saga->guide;

	if (guide == NULL)
		return saga->complete_when == NULL
		               ? 0
		               : PROBLEM(binding,
		                         conf_get(binding->node, "complete_when"),
		                         "leave it out, or add guide:",
		                         "without a guide a saga is complete after its "
		                         "last step");
	if (conf_get(binding->node, "order") != NULL)
		return PROBLEM(binding, conf_get(binding->node, "order"),
		               "leave one of them out",
		               "a saga has an order: or a guide:, not both");
	HEED_TRY(use_prompt(binding, saga_guide_system, &guide->system));
	return use_prompt(binding, saga_guide_prompt, &guide->prompt);
}

static int
prepare_recover(struct binding *binding)
{
	const struct conf_node *node = conf_get(binding->node, "recover");
	struct saga *saga = binding->saga;
	struct saga_recover *recover = saga->recover;
	int i;

	if (recover == NULL)
		HEED_TRY(saga_bind_recover(binding->bind, NULL, &saga->recover));
	recover = saga->recover;
	if (recover->model.len == 0 && saga->guide != NULL &&
	    (node == NULL || conf_get(node, "policy") == NULL))
		recover->model = saga->guide->model;
	if (node == NULL || conf_get(node, "allow") == NULL)
		for (i = 0; i <= RECOVER_FAIL; i++)
			recover->may[i] = true;
	HEED_TRY(use_prompt(binding, saga_recover_system, &recover->system));
	return use_prompt(binding, saga_recover_prompt, &recover->prompt);
}

static int
prepare(struct binding *binding)
{
	struct saga *saga = binding->saga;
	int worst = 0;
	size_t i;

	if (saga->steps.n > SAGA_STEPS_MAX)
		return PROBLEM(binding, binding->steps, "divide it into several sagas",
		               "a saga has %d steps at most", SAGA_STEPS_MAX);
	for (i = 0; i < saga->steps.n; i++)
		saga_step_at(saga, i)->at = (int)i;
	for (i = 0; i < saga->steps.n; i++) {
		int r = prepare_step(binding, i);

		worst = r < 0 ? r : worst;
	}
	for (i = 0; i < saga->steps.n && worst == 0; i++)
		if (saga_step_at(saga, i)->parallel.n > 0)
			worst = link_branches(binding, saga_step_at(saga, i));
	if (worst == 0)
		worst = check_circles(binding);
	if (worst == 0 && saga->guide == NULL)
		worst = put_in_order(binding);
	HEED_TRY(worst);
	HEED_TRY(prepare_guide(binding));
	return prepare_recover(binding);
}

static int
bind_saga(struct bind *bind, const struct conf_node *key, const struct conf_node *node,
          struct definition **ret_definition)
{
	static const char *const roots[] = {"event", NULL};
	struct definition *definition = ARENA_NEW(bind->arena, struct definition);
	struct saga *saga = ARENA_NEW(bind->arena, struct saga);
	struct binding binding = {bind, saga, key, node, conf_get(node, "steps")};

	if (definition == NULL || saga == NULL)
		return HEED_E_NOMEM;
	HEED_TRY(saga_bind_record(bind, node, saga_options, roots, saga));
	saga->name = key->text;
	saga->bind = bind;
	HEED_TRY(prepare(&binding));
	if (saga->guide != NULL && saga->guide->deadline_ms > 0)
		saga->deadline_ms = saga->guide->deadline_ms;
	definition->cost_max_nano = saga->guide != NULL && saga->guide->max_cost_nano > 0
	                                    ? saga->guide->max_cost_nano
	                                    : saga->max_cost_nano;
	definition->kind = &saga_flow;
	definition->key = saga->key;
	definition->on_failure = saga->on_failure;
	definition->concurrency = saga->concurrency;
	definition->config = saga;
	definition->types = saga->start_on.items;
	definition->n_types = saga->start_on.n;
	HEED_TRY(pattern_identify(bind, key, node, definition));
	*ret_definition = definition;
	return 0;
}

const struct pattern_kind pattern_saga = {
	.section = "sagas",
	.help = "long-running flows of declared steps with their undo, by name",
	.rows = saga_options,
	.flow = &saga_flow,
	.bind = bind_saga,
};
