/*
 * saga.c - pattern 4, the flow: forward by the order or the guide, then complete,
 * compensate or fail. See the picture in saga.h.
 *
 * What a pass works out is kept for the next one (struct saga_pass); after a restart, or
 * without memory, all of it is worked out again from the journal.
 */
#include "pattern/saga.h"

#include "base/error.h"
#include "base/json.h"
#include "pattern/kinds.h"

static const char *const signals[] = {"cancel", NULL};

/* ---- what the parts share ---------------------------------------------------------- */

struct heed_str
saga_name(struct saga_pass *pass, struct heed_str base, const char *suffix)
{
	return arena_printf(pass->arena, "%.*s.%s", STR_ARG(base), suffix);
}

int
saga_view(struct saga_pass *pass, const struct heed_json *input,
          const struct heed_json *result, struct heed_json *ret_view)
{
	struct json_build build;

	json_object(&build, pass->arena);
	json_set_cstr(&build, "event", flow_event(pass->run)->root);
	json_set_cstr(&build, "data", pass->data);
	if (input != NULL)
		json_set_cstr(&build, "input", *input);
	if (result != NULL)
		json_set_cstr(&build, "result", *result);
	return json_build_end(&build, ret_view);
}

int
saga_merge(struct arena *arena, struct heed_json object, struct heed_json more,
           struct heed_json *ret_merged)
{
	struct json_build build;
	uint32_t i;

	json_object(&build, arena);
	for (i = 0; i < object.len; i++)
		json_set(&build, object.members[i].name, object.members[i].value);
	for (i = 0; more.kind == HEED_OBJECT && i < more.len; i++)
		json_set(&build, more.members[i].name, more.members[i].value);
	return json_build_end(&build, ret_merged);
}

int
saga_turn(struct saga_pass *pass, enum saga_ending ending, const struct flow_failure *why)
{
	struct heed_error error;

	/* What made the others stop counts, not that they were stopped. */
	if (pass->ending == SAGA_GOES_ON || pass->why.code == HEED_E_CANCELLED) {
		pass->ending = ending;
		pass->why = *why;
	}
	(void)error_set(&error, why->code, "%.*s", STR_ARG(why->text));
	return flow_fail(pass->run, why->code, "saga", &error);
}

int
saga_turn_with(struct saga_pass *pass, enum saga_ending ending, const char *class,
               const char *format, ...)
{
	struct flow_failure why = {.code = HEED_E_PERMANENT, .class = str_of(class)};
	struct heed_buf text;
	va_list args;

	buf_init(&text, 0);
	va_start(args, format);
	buf_addv(&text, format, args);
	va_end(args);
	why.text = arena_str(pass->arena, buf_str(&text));
	buf_done(&text);
	return why.text.data == NULL ? HEED_E_NOMEM : saga_turn(pass, ending, &why);
}

bool
saga_is_failure(const struct saga_pass *pass, int code)
{
	return code < 0 && code != HEED_E_NOMEM && code != HEED_E_UNKNOWN &&
	       pass->ending == SAGA_GOES_ON;
}

/* ---- beginning --------------------------------------------------------------------- */

/* The data at first. */
static int
first_data(struct saga_pass *pass)
{
	const struct heed_json *data = json_get(flow_event(pass->run)->root, "data");
	struct heed_json view;
	struct heed_error error;
	int r;

	pass->data = json_null();
	HEED_TRY(saga_view(pass, NULL, NULL, &view));
	if (pass->saga->data == NULL) {
		struct json_build none;

		json_object(&none, pass->arena);
		HEED_TRY(json_build_end(&none, &pass->data));
		if (data != NULL && data->kind == HEED_OBJECT)
			pass->data = *data;
		return 0;
	}
	r = shape_eval(pass->saga->data, view, pass->arena, &pass->data, &error);
	if (r == 0 && pass->data.kind != HEED_OBJECT)
		r = error_set(&error, HEED_E_INVALID, "it is of kind %s, not an object",
		              json_kind_name(pass->data));
	if (r == 0 || r == HEED_E_NOMEM)
		return r;
	error_prefix(&error, "the saga's data");
	return flow_fail(pass->run, r, "data", &error);
}

static int
find_pass(struct run *run, struct saga_pass **ret_pass)
{
	void **keep = flow_keep(run);
	struct saga_pass *pass = *keep;

	if (pass == NULL) {
		pass = ARENA_NEW(flow_arena(run), struct saga_pass);
		if (pass == NULL)
			return HEED_E_NOMEM;
		pass->run = run;
		pass->saga = flow_definition(run)->config;
		pass->arena = flow_arena(run);
		TAILQ_INIT(&pass->execs);
		HEED_TRY(first_data(pass));
		*keep = pass;
	}
	pass->ending = SAGA_GOES_ON;
	*ret_pass = pass;
	return 0;
}

/* ---- stopping ---------------------------------------------------------------------- */

static void
stop(struct saga_pass *pass, struct heed_str class)
{
	pass->cancelled = str_is(class, "cancelled");
	if (pass->cancelled)
		flow_stop(pass->run, HEED_E_CANCELLED, "cancelled",
		          "a person cancelled it");
	else if (str_is(class, "deadline"))
		flow_stop(pass->run, HEED_E_CANCELLED, "deadline",
		          "the deadline has passed");
	else
		flow_stop(pass->run, HEED_E_CANCELLED, "cancelled", "the saga goes back");
}

/* A person's word or the deadline lets nothing new begin; noted, so that each later pass
 * stops at the same place. Once it goes back, only that counts: forward, nothing begins
 * any more. */
static int
watch(struct saga_pass *pass)
{
	const struct heed_json *noted = flow_noted(pass->run, HEED_STR("saga.stop"));
	int64_t deadline_ms = pass->saga->deadline_ms;
	struct heed_json word = json_null();

	if (noted != NULL) {
		stop(pass, json_text(*noted));
	} else if (flow_noted(pass->run, HEED_STR("saga.compensating")) != NULL) {
		stop(pass, HEED_STR("back"));
		pass->cancelled = false;
	} else if (flow_hear(pass->run, "cancel", &word)) {
		stop(pass, HEED_STR("cancelled"));
		return flow_note(pass->run, HEED_STR("saga.stop"),
		                 json_cstr("cancelled"));
	} else if (deadline_ms > 0 && flow_age_ms(pass->run) >= deadline_ms) {
		stop(pass, HEED_STR("deadline"));
		return flow_note(pass->run, HEED_STR("saga.stop"), json_cstr("deadline"));
	} else if (deadline_ms > 0) {
		flow_alarm(pass->run, deadline_ms);
	}
	return 0;
}

/* A forked saga goes on with the data that it was given, where it goes its own way. */
static int
use_fork(struct saga_pass *pass)
{
	const struct heed_json *fork = flow_noted(pass->run, HEED_STR(FORK_NOTE));
	const struct heed_json *data = fork != NULL ? json_get(*fork, "data") : NULL;

	if (data == NULL ||
	    (int64_t)pass->n_execs != json_get_int(*fork, "executions", -1))
		return 0;
	return saga_merge(pass->arena, *data, json_null(), &pass->data);
}

/* ---- forward ----------------------------------------------------------------------- */

static int
go_by_order(struct saga_pass *pass)
{
	const struct saga *saga = pass->saga;

	for (; pass->at < saga->n_in_order; pass->at++) {
		const struct saga_step *step = saga->in_order[pass->at];
		bool holds = true;

		if (pass->current == NULL) {
			HEED_TRY(use_fork(pass));
			HEED_TRY(saga_required(pass, step, &holds));
			if (!holds)
				continue;
			HEED_TRY(saga_begin(pass, step, NULL, &pass->current));
		}
		HEED_TRY(saga_execute(pass, pass->current));
		pass->current = NULL;
	}
	return 0;
}

static int
go_by_guide(struct saga_pass *pass)
{
	bool complete = false;

	for (;;) {
		if (pass->current == NULL)
			HEED_TRY(use_fork(pass));
		if (pass->current == NULL)
			HEED_TRY(saga_guide(pass, &complete));
		if (complete)
			return 0;
		HEED_TRY(saga_execute(pass, pass->current));
		pass->current = NULL;
		pass->at++;
	}
}

static int
forward(struct saga_pass *pass)
{
	int r;

	HEED_TRY(saga_tell(pass, HEED_STR("saga.started"), "started", NULL, NULL));
	r = pass->saga->guide != NULL ? go_by_guide(pass) : go_by_order(pass);
	if (r == 0 && pass->cancelled)
		r = saga_turn_with(pass, SAGA_COMPENSATES, "cancelled",
		                   "a person cancelled it");
	return r;
}

/* ---- ends -------------------------------------------------------------------------- */

static int
complete(struct saga_pass *pass)
{
	/* Only one that was started by a run may have a parent that waits for it. */
	if (flow_event(pass->run)->parent_run != 0)
		HEED_TRY(flow_note(pass->run, HEED_STR("result"), pass->data));
	return saga_tell(pass, HEED_STR("saga.completed"), "completed", NULL, NULL);
}

static int
fail(struct saga_pass *pass)
{
	struct heed_error error;

	HEED_TRY(saga_tell_end(pass, "failed", &pass->why));
	(void)error_set(&error, HEED_E_PERMANENT, "%.*s", STR_ARG(pass->why.text));
	return flow_fail(pass->run, HEED_E_PERMANENT, "saga", &error);
}

/* Whether an effect happened is not known: a person has to say. */
static int
hold(struct saga_pass *pass)
{
	struct flow_failure why;
	struct heed_error error;

	flow_catch(pass->run, HEED_E_UNKNOWN, &why);
	HEED_TRY(saga_tell_end(pass, "stuck", &why));
	(void)error_set(&error, HEED_E_UNKNOWN, "%.*s", STR_ARG(why.text));
	return flow_fail(pass->run, HEED_E_UNKNOWN, "unknown", &error);
}

static int
go(struct saga_pass *pass)
{
	struct flow_failure failure;
	int r;

	HEED_TRY(watch(pass));
	r = forward(pass);
	if (r == 0)
		return complete(pass);
	if (r == HEED_E_UNKNOWN)
		return hold(pass);
	if (r == HEED_WAIT || pass->ending == SAGA_GOES_ON)
		return r;
	flow_catch(pass->run, r, &failure);
	return pass->ending == SAGA_FAILS ? fail(pass) : saga_compensate(pass);
}

static int
step(struct run *run)
{
	struct saga_pass *pass;
	int r = find_pass(run, &pass);

	if (r == 0)
		r = go(pass);
	if (r == HEED_E_NOMEM)
		*flow_keep(run) = NULL; /* what it noted is taken back */
	return r;
}

/* What was done has to be undone by the steps that did it. */
static bool
knows(const struct definition *definition, struct heed_str entry)
{
	struct heed_str name = str_cut(&entry, '.');

	return !str_is(entry, "completed") || str_is(name, "saga") ||
	       saga_find_step(definition->config, name) != NULL;
}

static int
wants(const struct definition *definition, const struct event *event,
      struct arena *scratch, bool *ret_wanted, struct heed_error *error)
{
	const struct saga *saga = definition->config;

	*ret_wanted = false;
	if (saga->start_on.n == 0)
		return 0;
	return pattern_when(saga->when, event, scratch, ret_wanted, error);
}

const struct flow_kind saga_flow = {
	.name = "saga",
	.step = step,
	.wants = wants,
	.signals = signals,
	.knows = knows,
};
