/*
 * saga_options.c - what can be configured of a saga: its own rows, its guide's and its
 * recovery's. Those of a step are in saga_step_options.c.
 */
#include "pattern/saga.h"

static const char *const mapping_type[] = {"object", NULL};
static const char *const text_type[] = {"string", NULL};
static const char *const models_map[] = {"models", NULL};
const char *const saga_recovery_names[] = {"compensate", "retry", "fail", NULL};

static const char *const step_roots[] = {"event", "data", "input", "result", NULL};
static const char *const data_roots[] = {"event", "data", NULL};
static const char *const guide_roots[] = {"event", "data",    "about",
                                          "steps", "history", NULL};
static const char *const recover_roots[] = {"event",   "data",    "about", "history",
                                            "failure", "choices", NULL};

int
saga_bind_record(struct bind *bind, const struct conf_node *node,
                 const struct option *rows, const char *const *roots, void *target)
{
	const char *const *outer = bind->roots;
	int r;

	if (target == NULL)
		return HEED_E_NOMEM;
	bind->roots = roots;
	r = bind_record(bind, node, rows, target);
	bind->roots = outer;
	return r;
}

int
saga_bind_value(struct bind *bind, const struct conf_node *node, const struct option *row,
                const char *const *roots, void *field)
{
	const char *const *outer = bind->roots;
	int r;

	bind->roots = roots;
	r = bind_value(bind, node, row, field);
	bind->roots = outer;
	return r;
}

/* ---- guide and recovery ------------------------------------------------------------ */

static const struct option guide_options[] = {
	{.name = "model",
         .kind = OPTION_TEXT,
         .offset = offsetof(struct saga_guide, model),
         .flags = OPTION_REQUIRED | OPTION_NONEMPTY | OPTION_REFERENCE,
         .names = models_map,
         .help = "who chooses: a name under models:"},
	{.name = "max_steps",
         .kind = OPTION_INT,
         .offset = offsetof(struct saga_guide, max_steps),
         .fallback = "20",
         .min = 1,
         .max = 1000,
         .help = "executions of steps in all"},
	{.name = "max_cost",
         .kind = OPTION_MONEY,
         .offset = offsetof(struct saga_guide, max_cost_nano),
         .fallback = "0",
         .help = "what the saga's questions may cost, in US dollars; 0 for no bound"},
	{.name = "deadline",
         .kind = OPTION_DURATION,
         .offset = offsetof(struct saga_guide, deadline_ms),
         .fallback = "0",
         .min = 0,
         .max = 31536000000.0,
         .help = "when it has to be complete, from its start; 0 for none"},
	{.name = "max_repeats",
         .kind = OPTION_INT,
         .offset = offsetof(struct saga_guide, max_repeats),
         .fallback = "5",
         .min = 1,
         .max = 1000,
         .help = "how often a repeatable step may be taken"},
	{.name = "system",
         .kind = OPTION_TEMPLATE,
         .offset = offsetof(struct saga_guide, system),
         .help = "instructions to the model; built in when left out"},
	{.name = "prompt",
         .kind = OPTION_TEMPLATE,
         .offset = offsetof(struct saga_guide, prompt),
         .help = "the question, over .about, .event, .data, .history, .steps; built in "
                 "when left out"},
	{.name = "max_tokens",
         .kind = OPTION_INT,
         .offset = offsetof(struct saga_guide, max_tokens),
         .fallback = "0",
         .min = 0,
         .max = 1000000,
         .help = "bound on an answer in tokens; 0 for the model's own"},
	{.name = "temperature",
         .kind = OPTION_REAL,
         .offset = offsetof(struct saga_guide, temperature),
         .fallback = "-1",
         .min = -1,
         .max = 2,
         .help = "sampling temperature; -1 for the model's own"},
	{.name = "retry",
         .kind = OPTION_RECORD,
         .offset = offsetof(struct saga_guide, retry),
         .rows = retry_options,
         .help = "how often and when a failed call is made again"},
	OPTION_ROWS_END,
};

static int
bind_guide(struct bind *bind, const struct conf_node *node, void *field)
{
	struct saga_guide *guide = ARENA_NEW(bind->arena, struct saga_guide);

	HEED_TRY(saga_bind_record(bind, node, guide_options, guide_roots, guide));
	*(struct saga_guide **)field = guide;
	return 0;
}

static int
bind_allow(struct bind *bind, const struct conf_node *node, void *field)
{
	bool *may = field;
	static const struct option row = {
		.name = "allow", .kind = OPTION_TEXTS, .flags = OPTION_NONEMPTY};
	struct option_texts names;
	size_t i;
	int at;

	HEED_TRY(bind_value(bind, node, &row, &names));
	for (at = 0; at <= RECOVER_FAIL; at++)
		may[at] = false;
	for (i = 0; i < names.n; i++) {
		char hint[CONF_HINT_SIZE];

		for (at = 0; at <= RECOVER_FAIL; at++)
			if (str_is(names.items[i], saga_recovery_names[at]))
				break;
		if (at > RECOVER_FAIL)
			return conf_problem(bind->problems, node,
			                    conf_suggest(hint, names.items[i],
			                                 saga_recovery_names,
			                                 "there are"),
			                    "allow: there is no recovery \"%.*s\"",
			                    STR_ARG(names.items[i]));
		may[at] = true;
	}
	return 0;
}

static const char *const texts_type[] = {"string", "array", NULL};

static const struct option recover_options[] = {
	{.name = "policy",
         .kind = OPTION_ENUM,
         .offset = offsetof(struct saga_recover, policy),
         .fallback = "compensate",
         .names = saga_recovery_names,
         .help = "what follows the failure of a step, when no model decides or it can't; "
                 "retry, and then compensate"},
	{.name = "retries",
         .kind = OPTION_INT,
         .offset = offsetof(struct saga_recover, retries),
         .fallback = "1",
         .min = 0,
         .max = 100,
         .help = "how often one execution of a step may be begun anew, beyond its own "
                 "retry"},
	{.name = "model",
         .kind = OPTION_TEXT,
         .offset = offsetof(struct saga_recover, model),
         .flags = OPTION_REFERENCE,
         .names = models_map,
         .help = "who decides; the guide's model when there is a guide and no policy"},
	{.name = "allow",
         .kind = OPTION_CUSTOM,
         .offset = offsetof(struct saga_recover, may),
         .bind = bind_allow,
         .names = texts_type,
         .help = "what the model may choose: retry, compensate, fail (all when left "
                 "out)"},
	{.name = "system",
         .kind = OPTION_TEMPLATE,
         .offset = offsetof(struct saga_recover, system),
         .help = "instructions to the model; built in when left out"},
	{.name = "prompt",
         .kind = OPTION_TEMPLATE,
         .offset = offsetof(struct saga_recover, prompt),
         .help = "the question, over .about, .event, .data, .history, .failure, "
                 ".choices; built in when left out"},
	{.name = "max_tokens",
         .kind = OPTION_INT,
         .offset = offsetof(struct saga_recover, max_tokens),
         .fallback = "0",
         .min = 0,
         .max = 1000000,
         .help = "bound on an answer in tokens; 0 for the model's own"},
	{.name = "temperature",
         .kind = OPTION_REAL,
         .offset = offsetof(struct saga_recover, temperature),
         .fallback = "-1",
         .min = -1,
         .max = 2,
         .help = "sampling temperature; -1 for the model's own"},
	{.name = "retry",
         .kind = OPTION_RECORD,
         .offset = offsetof(struct saga_recover, retry),
         .rows = retry_options,
         .help = "how often and when a failed call is made again"},
	OPTION_ROWS_END,
};

int
saga_bind_recover(struct bind *bind, const struct conf_node *node, void *field)
{
	struct saga_recover *recover = ARENA_NEW(bind->arena, struct saga_recover);

	HEED_TRY(saga_bind_record(bind, node, recover_options, recover_roots, recover));
	*(struct saga_recover **)field = recover;
	return 0;
}

static int
bind_steps(struct bind *bind, const struct conf_node *node, void *field)
{
	static const struct option row = {.name = "steps",
	                                  .kind = OPTION_MAP,
	                                  .flags = OPTION_NONEMPTY,
	                                  .rows = saga_step_options,
	                                  .size = sizeof(struct saga_step)};

	return saga_bind_value(bind, node, &row, step_roots, field);
}

static int
bind_complete_when(struct bind *bind, const struct conf_node *node, void *field)
{
	static const struct option row = {.name = "complete_when", .kind = OPTION_EXPR};

	return saga_bind_value(bind, node, &row, data_roots, field);
}

/* ---- the saga ---------------------------------------------------------------------- */

const struct option saga_options[] = {
	{.name = "about",
         .kind = OPTION_TEXT,
         .offset = offsetof(struct saga, about),
         .help = "what the saga is to achieve, for the guide and for people"},
	{.name = "start_on",
         .kind = OPTION_TEXTS,
         .offset = offsetof(struct saga, start_on),
         .help = "event type or types that start it; a trailing * matches any rest; none "
                 "for a saga that others start"},
	{.name = "when",
         .kind = OPTION_EXPR,
         .offset = offsetof(struct saga, when),
         .help = "start only when this expression over .event is true"},
	{.name = "key",
         .kind = OPTION_EXPR,
         .offset = offsetof(struct saga, key),
         .help = "sagas with the same key follow each other; others run at the same "
                 "time"},
	{.name = "on_failure",
         .kind = OPTION_ENUM,
         .offset = offsetof(struct saga, on_failure),
         .fallback = "pass",
         .names = flow_on_failure_names,
         .help = FLOW_ON_FAILURE_HELP},
	{.name = "concurrency",
         .kind = OPTION_INT,
         .offset = offsetof(struct saga, concurrency),
         .fallback = "1000",
         .min = 1,
         .max = 100000,
         .help = "sagas of this name that do something at the same time; those that wait "
                 "do not count"},
	{.name = "data",
         .kind = OPTION_SHAPE,
         .offset = offsetof(struct saga, data),
         .help = "the saga's data at first: an object; .event.data when left out"},
	{.name = "steps",
         .kind = OPTION_CUSTOM,
         .offset = offsetof(struct saga, steps),
         .bind = bind_steps,
         .names = mapping_type,
         .rows = saga_step_options,
         .flags = OPTION_REQUIRED | OPTION_NAMED,
         .help = "all that it may do, by name"},
	{.name = "order",
         .kind = OPTION_TEXTS,
         .offset = offsetof(struct saga, order),
         .help = "without a guide: the steps in their order; as they are written when "
                 "left "
                 "out"},
	{.name = "guide",
         .kind = OPTION_CUSTOM,
         .offset = offsetof(struct saga, guide),
         .bind = bind_guide,
         .names = mapping_type,
         .rows = guide_options,
         .help = "a model that chooses the next step among those that may be taken"},
	{.name = "recover",
         .kind = OPTION_CUSTOM,
         .offset = offsetof(struct saga, recover),
         .bind = saga_bind_recover,
         .names = mapping_type,
         .rows = recover_options,
         .help = "what follows when a step has failed"},
	{.name = "complete_when",
         .kind = OPTION_CUSTOM,
         .offset = offsetof(struct saga, complete_when),
         .bind = bind_complete_when,
         .names = text_type,
         .help = "the guide may call it complete only when this expression over .data is "
                 "true"},
	{.name = "deadline",
         .kind = OPTION_DURATION,
         .offset = offsetof(struct saga, deadline_ms),
         .fallback = "0",
         .min = 0,
         .max = 31536000000.0,
         .help = "when it has to be complete, from its start, else it is compensated; 0 "
                 "for none"},
	{.name = "max_cost",
         .kind = OPTION_MONEY,
         .offset = offsetof(struct saga, max_cost_nano),
         .fallback = "0",
         .help = "what its questions may cost, in US dollars; 0 for no bound"},
	OPTION_ROWS_END,
};
