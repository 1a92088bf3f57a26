/*
 * saga_step.c - one execution of one step, whatever its kind: its input, what it does,
 * what it adds to the data, and when it fails its recovery.
 */
#include "pattern/saga.h"

#include "base/error.h"
#include "base/json.h"

int
saga_required(struct saga_pass *pass, const struct saga_step *step, bool *ret_holds)
{
	struct heed_error error;
	struct heed_json view;
	size_t i;

	*ret_holds = true;
	if (step->require.n == 0)
		return 0;
	HEED_TRY(saga_view(pass, NULL, NULL, &view));
	for (i = 0; i < step->require.n && *ret_holds; i++) {
		int r = expr_test(step->require.items[i], view, pass->arena, ret_holds,
		                  &error);

		if (r == HEED_E_NOMEM)
			return r;
		if (r < 0)
			return saga_turn_with(pass, SAGA_COMPENSATES, "require",
			                      "require of step %.*s: %s",
			                      STR_ARG(step->name), error.text);
	}
	return 0;
}

/* ---- beginning --------------------------------------------------------------------- */

int
saga_begin(struct saga_pass *pass, const struct saga_step *step,
           const struct heed_json *input, struct saga_exec **ret_exec)
{
	struct saga_exec *exec = ARENA_NEW(pass->arena, struct saga_exec);
	int times = ++pass->times[step->at];

	if (exec == NULL)
		return HEED_E_NOMEM;
	exec->step = step;
	exec->name = step->name;
	if (times > 1)
		exec->name =
			arena_printf(pass->arena, "%.*s.%d", STR_ARG(step->name), times);
	exec->has_input = input != NULL;
	exec->input = input != NULL ? *input : json_null();
	if (step->act != NULL)
		exec->act = *step->act;
	exec->act.step = exec->name;
	if (step->undo != NULL) {
		exec->undo = *step->undo;
		exec->undo.step = saga_name(pass, exec->name, "undo");
		if (exec->undo.step.data == NULL)
			return HEED_E_NOMEM;
	}
	if (exec->name.data == NULL)
		return HEED_E_NOMEM;
	TAILQ_INSERT_TAIL(&pass->execs, exec, link);
	pass->n_execs++;
	*ret_exec = exec;
	return 0;
}

static int
fail_step(struct saga_pass *pass, const struct saga_exec *exec, int code,
          const char *class, struct heed_error *error)
{
	error_prefix(error, "%s of step %.*s", class, STR_ARG(exec->name));
	return code == HEED_E_NOMEM ? code : flow_fail(pass->run, code, class, error);
}

/* Does the input fit the step's schema? */
static int
check_input(struct saga_pass *pass, const struct saga_exec *exec)
{
	struct schema_report report = {.arena = pass->arena};
	struct heed_error error;
	int r;

	if (exec->step->input == NULL)
		return 0;
	r = schema_validate(exec->step->input, exec->input, &report);
	if (r == 0 || r == HEED_E_NOMEM)
		return r;
	(void)error_set(&error, HEED_E_INVALID, "%.*s %.*s",
	                report.n > 0 ? (int)report.faults[0].at.len : 0,
	                report.n > 0 ? report.faults[0].at.data : "",
	                report.n > 0 ? (int)report.faults[0].text.len : 12,
	                report.n > 0 ? report.faults[0].text.data : "does not fit");
	return fail_step(pass, exec, HEED_E_INVALID, "input", &error);
}

/* Input and view. */
static int
make_ready(struct saga_pass *pass, struct saga_exec *exec)
{
	const struct saga_step *step = exec->step;
	struct heed_json start;
	struct json_build build;
	struct heed_json view;
	struct heed_error error;
	int r = 0;

	if (!exec->has_input && step->with == NULL) {
		exec->input = pass->data;
	} else if (!exec->has_input) {
		HEED_TRY(saga_view(pass, NULL, NULL, &view));
		r = shape_eval(step->with, view, pass->arena, &exec->input, &error);
		if (r < 0)
			return fail_step(pass, exec, r, "with", &error);
	}
	HEED_TRY(check_input(pass, exec));
	HEED_TRY(saga_view(pass, &exec->input, NULL, &exec->view));
	if (step->wait == NULL) {
		exec->ready = true;
		return 0;
	}
	json_object(&build, pass->arena);
	json_set_cstr(&build, "start", flow_event(pass->run)->root);
	HEED_TRY(json_build_end(&build, &start));
	HEED_TRY(saga_merge(pass->arena, exec->view, start, &exec->view));
	exec->ready = true;
	return 0;
}

/* ---- doing ------------------------------------------------------------------------- */

static int
wait_for(struct saga_pass *pass, struct saga_exec *exec, struct heed_json *ret_event)
{
	const struct saga_wait *wait = exec->step->wait;
	struct wait what = {
		.types = wait->types,
		.match = wait->match,
		.timeout_ms = wait->timeout_ms,
	};
	struct heed_error error;
	struct heed_buf buf;
	int r = 0;

	if (wait->subject != NULL && exec->subject.data == NULL) {
		buf_init(&buf, 4096);
		r = template_render(wait->subject, exec->view, pass->arena, &buf, &error);
		if (r == 0)
			exec->subject = arena_str(pass->arena, buf_str(&buf));
		buf_done(&buf);
		if (r == 0 && exec->subject.data == NULL)
			return HEED_E_NOMEM;
	}
	if (r < 0)
		return fail_step(pass, exec, r, "subject", &error);
	what.subject = exec->subject;
	return flow_wait(pass->run, exec->name, &what, exec->view, ret_event);
}

static int
start_saga(struct saga_pass *pass, struct saga_exec *exec, struct heed_json *ret_result)
{
	const struct saga_start *start = exec->step->start;
	struct heed_error error;

	if (exec->payload.kind == HEED_NULL) {
		int r = 0;

		exec->payload = pass->data;
		if (start->data != NULL)
			r = shape_eval(start->data, exec->view, pass->arena,
			               &exec->payload, &error);
		if (r < 0)
			return fail_step(pass, exec, r, "data", &error);
	}
	return flow_start(pass->run, exec->name, saga_flow.name, start->saga,
	                  exec->payload, ret_result);
}

struct branching {
	struct saga_pass *pass;
	struct saga_exec *exec;
};

/* The steps of one branch, on data of its own. */
static int
run_lane(struct saga_pass *pass, const struct saga_branch *branch, struct saga_lane *lane)
{
	for (; lane->at < branch->n; lane->at++) {
		const struct saga_step *step = branch->steps[lane->at];
		bool holds = true;

		if (lane->current == NULL) {
			HEED_TRY(saga_required(pass, step, &holds));
			if (!holds)
				continue;
			HEED_TRY(saga_begin(pass, step, NULL, &lane->current));
		}
		HEED_TRY(saga_execute(pass, lane->current));
		HEED_TRY(saga_merge(pass->arena, lane->added, lane->current->set,
		                    &lane->added));
		lane->current = NULL;
	}
	return 0;
}

static int
run_branch(struct run *run, void *arg, size_t i)
{
	struct branching *branching = arg;
	struct saga_pass *pass = branching->pass;
	struct saga_lane *lane = &branching->exec->lanes[i];
	struct heed_json outer = pass->data;
	int r;

	(void)run;
	pass->data = lane->data;
	r = run_lane(pass, &branching->exec->step->parallel.branches[i], lane);
	lane->data = pass->data;
	pass->data = outer;
	return r;
}

static int
run_parallel(struct saga_pass *pass, struct saga_exec *exec)
{
	const struct saga_parallel *parallel = &exec->step->parallel;
	struct branching branching = {pass, exec};
	struct heed_json nothing;
	struct json_build build;
	size_t i;

	if (exec->lanes == NULL) {
		json_object(&build, pass->arena);
		HEED_TRY(json_build_end(&build, &nothing));
		exec->lanes = ARENA_ARRAY(pass->arena, struct saga_lane, parallel->n);
		if (exec->lanes == NULL)
			return HEED_E_NOMEM;
		for (i = 0; i < parallel->n; i++)
			exec->lanes[i] =
				(struct saga_lane){.data = pass->data, .added = nothing};
	}
	HEED_TRY(flow_parallel(pass->run, exec->name, parallel->n,
	                       (size_t)parallel->at_once, run_branch, &branching));
	exec->set = exec->lanes[0].added;
	for (i = 1; i < parallel->n; i++)
		HEED_TRY(saga_merge(pass->arena, exec->set, exec->lanes[i].added,
		                    &exec->set));
	return saga_merge(pass->arena, pass->data, exec->set, &pass->data);
}

static int
perform(struct saga_pass *pass, struct saga_exec *exec)
{
	const struct saga_step *step = exec->step;
	struct run *run = pass->run;

	if (!exec->ready)
		HEED_TRY(make_ready(pass, exec));
	if (step->act != NULL)
		return flow_act(run, &exec->act, exec->view, &exec->result);
	if (step->ask != NULL)
		return flow_ask(run, exec->name, step->ask, exec->view, &exec->result);
	if (step->wait != NULL)
		return wait_for(pass, exec, &exec->result);
	if (step->human != NULL)
		return saga_ask_human(pass, exec, &exec->result);
	if (step->start != NULL)
		return start_saga(pass, exec, &exec->result);
	if (step->parallel.n > 0)
		return run_parallel(pass, exec);
	return flow_sleep(run, exec->name, step->sleep_ms);
}

/* ---- afterwards -------------------------------------------------------------------- */

/* What the step adds to the data. */
static int
add_data(struct saga_pass *pass, struct saga_exec *exec)
{
	struct heed_error error;
	struct heed_json view;
	int r;

	if (exec->step->set == NULL)
		return 0;
	HEED_TRY(saga_view(pass, &exec->input, &exec->result, &view));
	r = expr_eval(exec->step->set, view, pass->arena, &exec->set, &error);
	if (r == HEED_E_NOTFOUND || (r == 0 && exec->set.kind == HEED_NULL)) {
		exec->set = json_null();
		return 0;
	}
	if (r == 0 && exec->set.kind != HEED_OBJECT)
		r = error_set(&error, HEED_E_INVALID,
		              "it gives a value of kind %s, not an object",
		              json_kind_name(exec->set));
	if (r < 0)
		return fail_step(pass, exec, r, "set", &error);
	return saga_merge(pass->arena, pass->data, exec->set, &pass->data);
}

static int
finish(struct saga_pass *pass, struct saga_exec *exec)
{
	struct heed_str told = saga_name(pass, exec->name, "completed");

	exec->acted = true;
	HEED_TRY(add_data(pass, exec));
	HEED_TRY(saga_tell(pass, told, "step_completed", exec, NULL));
	pass->completed |= UINT64_C(1) << exec->step->at;
	exec->failure.code = 0;
	exec->done = true;
	return 0;
}

int
saga_execute(struct saga_pass *pass, struct saga_exec *exec)
{
	while (!exec->done) {
		int r = perform(pass, exec);

		if (r == 0)
			r = finish(pass, exec);
		if (r == 0)
			break;
		if (!saga_is_failure(pass, r))
			return r;
		flow_catch(pass->run, r, &exec->failure);
		HEED_TRY(saga_recover_from(pass, exec->name, &exec->failure));
	}
	return 0;
}
