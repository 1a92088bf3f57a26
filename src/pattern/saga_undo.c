/*
 * saga_undo.c - the way back: what was done is undone, in reverse of the order in which
 * it began, each with its own retries.
 *
 * That it began is noted first; from then on nothing else begins. What cannot be undone
 * parks the saga for a person (held), with saga.stuck; a redrive tries again, and by
 * "done" the person says that it was undone by hand.
 */
#include "pattern/saga.h"

#include "base/error.h"
#include "base/json.h"

/* The execution that began last before `place` and is to be undone, or NULL. */
static struct saga_exec *
find_last(const struct saga_pass *pass, int place, int *ret_place)
{
	struct saga_exec *found = NULL;
	struct saga_exec *exec;

	*ret_place = 0;
	TAILQ_FOREACH (exec, &pass->execs, link) {
		int at = flow_place(pass->run, exec->name);
		bool attempted = exec->step->undo_when == UNDO_ATTEMPTED && at > 0;

		if (exec->step->undo == NULL || !(exec->acted || attempted))
			continue;
		if (at < place && at > *ret_place) {
			*ret_place = at;
			found = exec;
		}
	}
	return found;
}

static int
note_reason(struct saga_pass *pass)
{
	struct json_build build;
	struct heed_json value;

	json_object(&build, pass->arena);
	json_set_cstr(&build, "class", json_str(pass->why.class));
	json_set_cstr(&build, "text", json_str(pass->why.text));
	HEED_TRY(json_build_end(&build, &value));
	return flow_note(pass->run, HEED_STR("saga.compensating"), value);
}

/* A person has to see to it. */
static int
park(struct saga_pass *pass, const struct saga_exec *exec,
     const struct flow_failure *failure)
{
	struct heed_error error;
	struct flow_failure why = {.class = HEED_STR("stuck")};

	(void)error_set(&error, HEED_E_UNKNOWN, "%.*s could not be undone: %.*s",
	                STR_ARG(exec->name), STR_ARG(failure->text));
	why.text = arena_str(pass->arena, str_of(error.text));
	if (why.text.data == NULL)
		return HEED_E_NOMEM;
	HEED_TRY(saga_tell_end(pass, "stuck", &why));
	return flow_fail(pass->run, HEED_E_UNKNOWN, "stuck", &error);
}

/* An undo that needs what its step gave, and there is nothing: it would undo something
 * else, or nothing. */
static int
lacks_result(struct saga_pass *pass, const struct saga_exec *exec)
{
	struct flow_failure failure = {
		.text = HEED_STR("its step left no result, which undo: reads; undo it by "
	                         "hand, then say so (heed sagas retry --done)")};

	HEED_TRY(flow_note(pass->run, exec->undo.step, json_cstr("no result")));
	return park(pass, exec, &failure);
}

static int
undo(struct saga_pass *pass, const struct saga_exec *exec)
{
	const struct heed_json *result = exec->acted ? &exec->result : NULL;
	struct flow_failure failure;
	struct heed_json view;
	struct heed_json given;
	int r;

	if (flow_waived(pass->run, exec->undo.step))
		return 0;
	if (exec->step->undo_reads_result && exec->result.kind == HEED_NULL)
		return lacks_result(pass, exec);
	HEED_TRY(saga_view(pass, &exec->input, result, &view));
	r = flow_act(pass->run, &exec->undo, view, &given);
	if (r == 0 || r == HEED_WAIT || r == HEED_E_NOMEM)
		return r;
	flow_catch(pass->run, r, &failure);
	return park(pass, exec, &failure);
}

int
saga_compensate(struct saga_pass *pass)
{
	const struct saga_exec *exec;
	struct heed_error error;
	int place = INT32_MAX;

	HEED_TRY(note_reason(pass));
	flow_go_on(pass->run);
	while ((exec = find_last(pass, place, &place)) != NULL)
		HEED_TRY(undo(pass, exec));
	HEED_TRY(saga_tell_end(pass, "compensated", &pass->why));
	(void)error_set(&error, 0, "%.*s", STR_ARG(pass->why.text));
	return flow_fail(pass->run, 0, "compensated", &error);
}
