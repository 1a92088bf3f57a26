/*
 * saga_step_options.c - what can be configured of a saga's step: one row for each kind of
 * step, and the rows inside it.
 */
#include "pattern/saga.h"

#include "pattern/acts.h"

static const char *const mapping_type[] = {"object", NULL};
static const char *const any_type[] = {"string", "object",  "array",
                                       "number", "boolean", NULL};
static const char *const require_type[] = {"string", "array", NULL};
static const char *const undo_when_names[] = {"completed", "attempted", NULL};
static const char *const on_reject_names[] = {"compensate", "continue", "fail", NULL};
static const char *const on_timeout_names[] = {"fail", "approve", "reject", NULL};

static const char *const do_roots[] = {"event", "data", "input", NULL};
static const char *const undo_roots[] = {"event", "data", "input", "result", NULL};
static const char *const before_roots[] = {"event", "data", NULL};
static const char *const match_roots[] = {"event", "data", "input", "start", NULL};

static int
bind_act(struct bind *bind, const struct conf_node *node, const char *const *roots,
         void *field)
{
	struct act *act = ARENA_NEW(bind->arena, struct act);
	const char *const *outer = bind->roots;
	int r;

	if (act == NULL)
		return HEED_E_NOMEM;
	bind->roots = roots;
	r = acts_bind_act(bind, node, act);
	bind->roots = outer;
	*(struct act **)field = act;
	return r;
}

static int
bind_do(struct bind *bind, const struct conf_node *node, void *field)
{
	return bind_act(bind, node, do_roots, field);
}

static int
bind_undo(struct bind *bind, const struct conf_node *node, void *field)
{
	struct saga_step *step =
		(struct saga_step *)((char *)field - offsetof(struct saga_step, undo));
	const struct bind_origin *before = bind->origins;

	HEED_TRY(bind_act(bind, node, undo_roots, field));
	step->undo_reads_result = bind_mentions(bind, before, ".result");
	return 0;
}

static int
bind_with(struct bind *bind, const struct conf_node *node, void *field)
{
	static const struct option row = {.name = "with", .kind = OPTION_SHAPE};

	return saga_bind_value(bind, node, &row, before_roots, field);
}

static int
bind_ask(struct bind *bind, const struct conf_node *node, void *field)
{
	struct ask *ask = ARENA_NEW(bind->arena, struct ask);

	HEED_TRY(saga_bind_record(bind, node, ask_options, do_roots, ask));
	*(struct ask **)field = ask;
	return 0;
}

static const struct option wait_options[] = {
	{.name = "type",
         .kind = OPTION_TEXTS,
         .offset = offsetof(struct saga_wait, types),
         .flags = OPTION_REQUIRED | OPTION_NONEMPTY,
         .help = "type or types of the event, exactly; its whole is the step's .result"},
	{.name = "subject",
         .kind = OPTION_TEMPLATE,
         .offset = offsetof(struct saga_wait, subject),
         .help = "its subject, when it has to be this one; the fastest way to tell whose "
                 "event it is"},
	{.name = "match",
         .kind = OPTION_EXPR,
         .offset = offsetof(struct saga_wait, match),
         .help = "true when it is the event meant: .event is the one that came, .start "
                 "the one that started the saga, .data the saga's"},
	{.name = "timeout",
         .kind = OPTION_DURATION,
         .offset = offsetof(struct saga_wait, timeout_ms),
         .fallback = "0",
         .min = 0,
         .max = 31536000000.0,
         .help = "the step fails when none came for so long; 0 for never"},
	OPTION_ROWS_END,
};

static int
bind_wait(struct bind *bind, const struct conf_node *node, void *field)
{
	struct saga_wait *wait = ARENA_NEW(bind->arena, struct saga_wait);

	HEED_TRY(saga_bind_record(bind, node, wait_options, match_roots, wait));
	*(struct saga_wait **)field = wait;
	return 0;
}

static const struct option escalate_options[] = {
	{.name = "after",
         .kind = OPTION_DURATION,
         .offset = offsetof(struct saga_escalate, after_ms),
         .fallback = "0",
         .min = 0,
         .max = 31536000000.0,
         .help = "when nobody has decided for so long; 0 for never"},
	{.name = "recipients",
         .kind = OPTION_TEXTS,
         .offset = offsetof(struct saga_escalate, recipients),
         .flags = OPTION_REQUIRED | OPTION_NONEMPTY,
         .help = "who is told then"},
	OPTION_ROWS_END,
};

static const struct option human_options[] = {
	{.name = "recipients",
         .kind = OPTION_TEXTS,
         .offset = offsetof(struct saga_human, recipients),
         .flags = OPTION_REQUIRED | OPTION_NONEMPTY,
         .help = "who is asked: names for the notification that tells them"},
	{.name = "question",
         .kind = OPTION_TEMPLATE,
         .offset = offsetof(struct saga_human, question),
         .help = "what they are asked; the step's `about` when left out"},
	{.name = "show",
         .kind = OPTION_SHAPE,
         .offset = offsetof(struct saga_human, show),
         .help = "what they see with it; the saga's data when left out"},
	{.name = "edit",
         .kind = OPTION_SCHEMA,
         .offset = offsetof(struct saga_human, edit),
         .help = "JSON Schema of what they may give back with their consent, as "
                 ".result.edit; without it nothing"},
	{.name = "timeout",
         .kind = OPTION_DURATION,
         .offset = offsetof(struct saga_human, timeout_ms),
         .fallback = "24h",
         .min = 0,
         .max = 31536000000.0,
         .help = "how long they have; 0 for ever"},
	{.name = "on_timeout",
         .kind = OPTION_ENUM,
         .offset = offsetof(struct saga_human, on_timeout),
         .fallback = "fail",
         .names = on_timeout_names,
         .help = "what it means when they say nothing"},
	{.name = "on_reject",
         .kind = OPTION_ENUM,
         .offset = offsetof(struct saga_human, on_reject),
         .fallback = "compensate",
         .names = on_reject_names,
         .help = "what a no means; continue leaves it to the steps behind, which see "
                 ".result.decision"},
	{.name = "escalate",
         .kind = OPTION_RECORD,
         .offset = offsetof(struct saga_human, escalate),
         .rows = escalate_options,
         .help = "who else is told when nobody decides"},
	OPTION_ROWS_END,
};

static int
bind_human(struct bind *bind, const struct conf_node *node, void *field)
{
	struct saga_human *human = ARENA_NEW(bind->arena, struct saga_human);

	HEED_TRY(saga_bind_record(bind, node, human_options, do_roots, human));
	if (human->escalate.after_ms > 0 && human->timeout_ms > 0 &&
	    human->escalate.after_ms >= human->timeout_ms)
		return conf_problem(bind->problems, conf_get(node, "escalate"),
		                    "let timeout be longer",
		                    "it escalates only after the time-out");
	*(struct saga_human **)field = human;
	return 0;
}

static const struct option start_options[] = {
	{.name = "saga",
         .kind = OPTION_TEXT,
         .offset = offsetof(struct saga_start, saga),
         .flags = OPTION_REQUIRED | OPTION_NONEMPTY,
         .help = "name of the saga; its data when it is complete is the step's .result"},
	{.name = "data",
         .kind = OPTION_SHAPE,
         .offset = offsetof(struct saga_start, data),
         .help = "its .event.data; this saga's data when left out"},
	OPTION_ROWS_END,
};

static int
bind_start(struct bind *bind, const struct conf_node *node, void *field)
{
	struct saga_start *start = ARENA_NEW(bind->arena, struct saga_start);

	HEED_TRY(saga_bind_record(bind, node, start_options, do_roots, start));
	*(struct saga_start **)field = start;
	return 0;
}

static int
bind_branches(struct bind *bind, const struct conf_node *node, void *field)
{
	static const struct option row = {
		.name = "branches", .kind = OPTION_TEXTS, .flags = OPTION_NONEMPTY};
	struct saga_parallel *parallel = field;
	size_t i;

	if (node->kind != CONF_LIST || node->n < 2)
		return conf_problem(bind->problems, node,
		                    "for example: [reserve_stock, [book, pay]]",
		                    "expected a list of at least two branches");
	parallel->names = ARENA_ARRAY(bind->arena, struct option_texts, node->n);
	if (parallel->names == NULL)
		return HEED_E_NOMEM;
	for (i = 0; i < node->n; i++)
		HEED_TRY(bind_value(bind, &node->items[i], &row, &parallel->names[i]));
	parallel->n = node->n;
	return 0;
}

static const char *const list_type[] = {"array", NULL};

static const struct option parallel_options[] = {
	{.name = "branches",
         .kind = OPTION_CUSTOM,
         .offset = 0,
         .bind = bind_branches,
         .names = list_type,
         .help = "names of steps, or lists of names of steps that follow each other"},
	{.name = "at_once",
         .kind = OPTION_INT,
         .offset = offsetof(struct saga_parallel, at_once),
         .fallback = "8",
         .min = 1,
         .max = SAGA_STEPS_MAX,
         .help = "branches under way at the same time"},
	OPTION_ROWS_END,
};

/* One expression, or several that all have to hold. */
static int
bind_require(struct bind *bind, const struct conf_node *node, void *field)
{
	static const struct option row = {.name = "require", .kind = OPTION_EXPR};
	const struct conf_node *items = node->kind == CONF_LIST ? node->items : node;
	struct saga_require *require = field;
	int r = 0;
	size_t i;

	require->n = node->kind == CONF_LIST ? node->n : 1;
	require->items = ARENA_ARRAY(bind->arena, struct expr *, require->n);
	if (require->items == NULL)
		return HEED_E_NOMEM;
	for (i = 0; i < require->n; i++) {
		int one = saga_bind_value(bind, &items[i], &row, before_roots,
		                          &require->items[i]);

		r = one < 0 ? one : r;
	}
	return r;
}

const struct option saga_step_options[] = {
	{.name = "about",
         .kind = OPTION_TEXT,
         .offset = offsetof(struct saga_step, about),
         .help = "what the step does and when it is right, for the guide and for people"},
	{.name = "input",
         .kind = OPTION_SCHEMA,
         .offset = offsetof(struct saga_step, input),
         .help = "JSON Schema of .input, which the guide gives, or `with`"},
	{.name = "with",
         .kind = OPTION_CUSTOM,
         .offset = offsetof(struct saga_step, with),
         .bind = bind_with,
         .names = any_type,
         .help = "makes .input from .data and .event; then the guide gives none"},
	{.name = "after",
         .kind = OPTION_TEXTS,
         .offset = offsetof(struct saga_step, after),
         .help = "steps that must have completed"},
	{.name = "require",
         .kind = OPTION_CUSTOM,
         .offset = offsetof(struct saga_step, require),
         .bind = bind_require,
         .names = require_type,
         .help = "expression or expressions over .data and .event that must hold; in "
                 "order, "
                 "the step is left out when they do not"},
	{.name = "repeatable",
         .kind = OPTION_BOOL,
         .offset = offsetof(struct saga_step, repeatable),
         .fallback = "false",
         .help = "the guide may take it again after it has completed"},
	{.name = "do",
         .kind = OPTION_CUSTOM,
         .offset = offsetof(struct saga_step, act),
         .bind = bind_do,
         .names = mapping_type,
         .schema = acts_schema_act,
         .help = "an action: http, sql, emit ..."},
	{.name = "ask",
         .kind = OPTION_CUSTOM,
         .offset = offsetof(struct saga_step, ask),
         .bind = bind_ask,
         .names = mapping_type,
         .rows = ask_options,
         .help = "a question to a model; the answer is .result"},
	{.name = "wait_for",
         .kind = OPTION_CUSTOM,
         .offset = offsetof(struct saga_step, wait),
         .bind = bind_wait,
         .names = mapping_type,
         .rows = wait_options,
         .help = "an event that is to come, or came since the saga's start"},
	{.name = "sleep",
         .kind = OPTION_DURATION,
         .offset = offsetof(struct saga_step, sleep_ms),
         .fallback = "0",
         .min = 0,
         .max = 31536000000.0,
         .help = "wait so long, also over restarts"},
	{.name = "ask_human",
         .kind = OPTION_CUSTOM,
         .offset = offsetof(struct saga_step, human),
         .bind = bind_human,
         .names = mapping_type,
         .rows = human_options,
         .help = "a decision of a person: approve, reject, or edit"},
	{.name = "start",
         .kind = OPTION_CUSTOM,
         .offset = offsetof(struct saga_step, start),
         .bind = bind_start,
         .names = mapping_type,
         .rows = start_options,
         .help = "another saga, whose end is waited for"},
	{.name = "parallel",
         .kind = OPTION_RECORD,
         .offset = offsetof(struct saga_step, parallel),
         .rows = parallel_options,
         .flags = OPTION_SCALAR_SHORT,
         .help = "other steps at the same time: [one, two, [three, four]]"},
	{.name = "set",
         .kind = OPTION_EXPR,
         .offset = offsetof(struct saga_step, set),
         .help = "an object whose members become members of .data, made from the step's "
                 ".result"},
	{.name = "undo",
         .kind = OPTION_CUSTOM,
         .offset = offsetof(struct saga_step, undo),
         .bind = bind_undo,
         .names = mapping_type,
         .schema = acts_schema_act,
         .help = "the action that takes the step back; sees its .input and .result"},
	{.name = "undo_when",
         .kind = OPTION_ENUM,
         .offset = offsetof(struct saga_step, undo_when),
         .fallback = "completed",
         .names = undo_when_names,
         .help = "attempted: undo it also when it failed and may have happened, without "
                 "a .result"},
	{.name = "timeout",
         .kind = OPTION_DURATION,
         .offset = offsetof(struct saga_step, timeout_ms),
         .fallback = "30s",
         .min = 1,
         .max = 86400000,
         .help = "bound on one attempt of do and undo"},
	{.name = "retry",
         .kind = OPTION_RECORD,
         .offset = offsetof(struct saga_step, retry),
         .rows = retry_options,
         .help = "how often and when a failed attempt of do and undo is made again"},
	OPTION_ROWS_END,
};
