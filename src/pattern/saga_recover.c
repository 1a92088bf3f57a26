/*
 * saga_recover.c - a step failed: it is tried again, the saga goes back, or it fails and
 * a person looks at it.
 *
 * The policy bounds what may follow, and is what follows when no model is to be asked or
 * none can decide. The model's question is "NAME.recover.N", N the round that failed.
 */
#include "pattern/saga.h"

#include "base/error.h"
#include "base/json.h"

/* What is open: retry only while there are retries left. */
static uint64_t
find_choices(const struct saga_pass *pass, struct heed_str name)
{
	const struct saga_recover *recover = pass->saga->recover;
	uint64_t choices = 0;
	int i;

	for (i = 0; i <= RECOVER_FAIL; i++)
		if (recover->may[i])
			choices |= UINT64_C(1) << i;
	if (flow_retries(pass->run, name) >= recover->retries)
		choices &= ~(UINT64_C(1) << RECOVER_RETRY);
	return choices;
}

/* What the policy says. */
static int
by_policy(const struct saga_pass *pass, struct heed_str name)
{
	const struct saga_recover *recover = pass->saga->recover;

	if (recover->policy == RECOVER_RETRY &&
	    flow_retries(pass->run, name) >= recover->retries)
		return RECOVER_COMPENSATE;
	return recover->policy;
}

static int
make_input(struct saga_pass *pass, struct heed_str name,
           const struct flow_failure *failure, uint64_t choices,
           struct heed_json *ret_input)
{
	struct json_build build;
	struct json_build list;
	struct heed_json value;
	int i;

	json_object(&build, pass->arena);
	json_set_cstr(&build, "event", flow_event(pass->run)->root);
	json_set_cstr(&build, "data", pass->data);
	json_set_cstr(&build, "about", json_str(pass->saga->about));
	HEED_TRY(saga_history(pass, &value));
	json_set_cstr(&build, "history", value);
	json_array(&list, pass->arena);
	for (i = 0; i <= RECOVER_FAIL; i++)
		if ((choices & UINT64_C(1) << i) != 0)
			json_push(&list, json_cstr(saga_recovery_names[i]));
	HEED_TRY(json_build_end(&list, &value));
	json_set_cstr(&build, "choices", value);
	json_object(&list, pass->arena);
	json_set_cstr(&list, "step", json_str(name));
	json_set_cstr(&list, "class", json_str(failure->class));
	json_set_cstr(&list, "text", json_str(failure->text));
	json_set_cstr(&list, "retries", json_int(flow_retries(pass->run, name)));
	HEED_TRY(json_build_end(&list, &value));
	json_set_cstr(&build, "failure", value);
	return json_build_end(&build, ret_input);
}

/* One of enum saga_recovery, HEED_WAIT as *ret_choice untouched, or a failure. */
static int
ask_model(struct saga_pass *pass, struct heed_str name,
          const struct flow_failure *failure, uint64_t choices, int *ret_choice)
{
	const struct ask *form = saga_recover_form(pass->saga, choices);
	struct heed_str step = arena_printf(pass->arena, "%.*s.recover.%d", STR_ARG(name),
	                                    flow_rounds(pass->run, name) + 1);
	struct heed_json input;
	struct heed_json answer;
	struct flow_failure silence;
	int i;
	int r;

	if (form == NULL || step.data == NULL)
		return HEED_E_NOMEM;
	HEED_TRY(make_input(pass, name, failure, choices, &input));
	r = flow_ask(pass->run, step, form, input, &answer);
	if (r == HEED_WAIT || r == HEED_E_NOMEM)
		return r;
	if (r < 0) {
		flow_catch(pass->run, r, &silence);
		return 0; /* the policy decides */
	}
	for (i = 0; i <= RECOVER_FAIL; i++)
		if (str_is(json_get_text(answer, "action"), saga_recovery_names[i]))
			*ret_choice = i;
	return 0;
}

int
saga_recover_from(struct saga_pass *pass, struct heed_str name,
                  const struct flow_failure *failure)
{
	uint64_t choices = find_choices(pass, name);
	int choice = by_policy(pass, name);

	if (failure->code == HEED_E_CANCELLED)
		return saga_turn(pass, SAGA_COMPENSATES, failure);
	if (pass->saga->recover->model.len > 0 && choices != 0)
		HEED_TRY(ask_model(pass, name, failure, choices, &choice));
	if (choice == RECOVER_RETRY)
		return flow_retry(pass->run, name);
	return saga_turn(pass, choice == RECOVER_FAIL ? SAGA_FAILS : SAGA_COMPENSATES,
	                 failure);
}
