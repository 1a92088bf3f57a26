/*
 * saga_tell.c - the events of a saga: saga.started, saga.step_completed, saga.completed,
 * saga.compensated, saga.failed, saga.stuck. Their subject is the saga's run.
 */
#include "pattern/saga.h"

#include "base/json.h"

static int
describe(struct saga_pass *pass, const struct saga_exec *exec,
         const struct flow_failure *why, struct heed_json *ret_data)
{
	struct json_build build;

	json_object(&build, pass->arena);
	json_set_cstr(&build, "saga", json_str(pass->saga->name));
	json_set_cstr(&build, "run", json_int(flow_run_id(pass->run)));
	if (exec != NULL) {
		json_set_cstr(&build, "step", json_str(exec->step->name));
		json_set_cstr(&build, "execution", json_str(exec->name));
		json_set_cstr(&build, "result", exec->result);
	}
	if (why != NULL) {
		json_set_cstr(&build, "class", json_str(why->class));
		json_set_cstr(&build, "reason", json_str(why->text));
	}
	json_set_cstr(&build, "data", pass->data);
	return json_build_end(&build, ret_data);
}

int
saga_tell(struct saga_pass *pass, struct heed_str step, const char *what,
          const struct saga_exec *exec, const struct flow_failure *why)
{
	struct heed_json data;
	struct heed_str type;
	struct heed_str subject;

	if (flow_place(pass->run, step) > 0)
		return 0;
	type = arena_printf(pass->arena, "saga.%s", what);
	subject = arena_printf(pass->arena, "%lld", (long long)flow_run_id(pass->run));
	if (step.data == NULL || type.data == NULL || subject.data == NULL)
		return HEED_E_NOMEM;
	HEED_TRY(describe(pass, exec, why, &data));
	return flow_emit(pass->run, step, type, subject, data);
}

int
saga_tell_end(struct saga_pass *pass, const char *what, const struct flow_failure *why)
{
	int redrives = flow_rounds(pass->run, HEED_STR("saga"));
	struct heed_str step = redrives == 0 ? arena_printf(pass->arena, "saga.%s", what)
	                                     : arena_printf(pass->arena, "saga.%s.%d",
	                                                    what, redrives + 1);

	return saga_tell(pass, step, what, NULL, why);
}
