/*
 * saga_decide.c - a person's word reaches a saga: checked here, so that what the saga
 * hears is right, and passed on as a signal.
 */
#include "pattern/saga.h"
#include "pattern/sagas.h"

#include "base/error.h"
#include "base/json.h"

#define STEPS_MAX 16

static int
find_saga(struct engine *engine, int64_t run_id, const struct saga **ret_saga,
          struct heed_error *error)
{
	const struct definition *definition = engine_run_definition(engine, run_id);

	*ret_saga = NULL;
	if (definition == NULL)
		return 0; /* engine_signal says why */
	if (definition->kind != &saga_flow)
		return error_set(error, HEED_E_INVALID, "run %lld is of a %s, not a saga",
		                 (long long)run_id, definition->kind->name);
	*ret_saga = definition->config;
	return 0;
}

/* The step that waits, when none was named. */
static int
find_step(struct engine *engine, int64_t run_id, struct heed_str *step,
          struct heed_error *error)
{
	struct heed_str names[STEPS_MAX];
	size_t n;

	if (step->len > 0)
		return 0;
	n = engine_awaited(engine, run_id, names, STEPS_MAX);
	if (n > 1) {
		(void)error_set(error, HEED_E_INVALID,
		                "%zu steps of saga %lld wait for a decision", n,
		                (long long)run_id);
		error_hint(error, "name one, such as %.*s", STR_ARG(names[0]));
		return HEED_E_INVALID;
	}
	*step = n == 1 ? names[0] : HEED_STR("a decision");
	return 0;
}

/* The step of an execution's name: "approve.2" is of approve. */
static const struct saga_step *
step_of(const struct saga *saga, struct heed_str execution)
{
	return saga_find_step(saga, str_cut(&execution, '.'));
}

static int
check_edit(const struct saga_step *step, struct heed_json edit, struct heed_error *error)
{
	struct schema_report report;
	struct arena scratch;
	int r;

	if (step->human->edit == NULL) {
		(void)error_set(error, HEED_E_INVALID, "step %.*s takes no edit",
		                STR_ARG(step->name));
		error_hint(error, "the step's ask_human: has no edit: schema");
		return HEED_E_INVALID;
	}
	arena_init(&scratch, 0);
	report.arena = &scratch;
	report.n = 0;
	r = schema_validate(step->human->edit, edit, &report);
	if (r < 0)
		r = error_set(error, r, "the edit does not fit: %.*s %.*s",
		              report.n > 0 ? (int)report.faults[0].at.len : 0,
		              report.n > 0 ? report.faults[0].at.data : "",
		              report.n > 0 ? (int)report.faults[0].text.len : 0,
		              report.n > 0 ? report.faults[0].text.data : "");
	arena_done(&scratch);
	return r;
}

static int
check(const struct saga_step *step, struct heed_json decision, struct heed_error *error)
{
	struct heed_str word = json_get_text(decision, "decision");
	const struct heed_json *edit = json_get(decision, "edit");

	if (!str_is(word, "approve") && !str_is(word, "reject"))
		return error_set(error, HEED_E_INVALID,
		                 "a decision is \"approve\" or \"reject\"");
	if (step == NULL || step->human == NULL || edit == NULL)
		return 0;
	if (str_is(word, "reject"))
		return error_set(error, HEED_E_INVALID, "a rejection has no edit");
	return check_edit(step, *edit, error);
}

int
saga_decide(struct engine *engine, int64_t run_id, struct heed_str *step,
            struct heed_json decision, engine_told_fn *done, void *arg,
            struct heed_error *error)
{
	const struct saga *saga;

	HEED_TRY(find_saga(engine, run_id, &saga, error));
	HEED_TRY(find_step(engine, run_id, step, error));
	HEED_TRY(check(saga != NULL ? step_of(saga, *step) : NULL, decision, error));
	return engine_signal(engine, run_id, *step, decision, done, arg, error);
}

int
saga_cancel(struct engine *engine, int64_t run_id, struct heed_json why,
            engine_told_fn *done, void *arg, struct heed_error *error)
{
	const struct saga *saga;

	HEED_TRY(find_saga(engine, run_id, &saga, error));
	return engine_signal(engine, run_id, HEED_STR("cancel"), why, done, arg, error);
}
