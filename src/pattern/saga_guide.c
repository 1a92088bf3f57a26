/*
 * saga_guide.c - which step is next, by a model.
 *
 * The model is offered the steps whose preconditions hold, and no other; whether it may
 * call the saga complete is declared, too. A turn's question is "saga.guide.N"; what it
 * chose is checked before it counts (saga_form.c), repaired once, and then a failure like
 * a step's.
 */
#include "pattern/saga.h"

#include "base/error.h"
#include "base/json.h"

#define HISTORY_MAX 100
#define RESULT_MAX 2000 /* bytes of one result in a prompt */

/* ---- prompts ----------------------------------------------------------------------- */

/* A value as it is, or the head of its text when it is long. */
static struct heed_json
in_short(struct arena *arena, struct heed_json value)
{
	struct heed_str text = json_text_of(arena, value);

	if (text.len <= RESULT_MAX)
		return value;
	return json_str(
		arena_printf(arena, "%.*s...", STR_ARG(str_head_utf8(text, RESULT_MAX))));
}

static int
describe_exec(struct saga_pass *pass, const struct saga_exec *exec,
              struct heed_json *ret_value)
{
	struct json_build build;

	json_object(&build, pass->arena);
	json_set_cstr(&build, "step", json_str(exec->name));
	if (exec->has_input)
		json_set_cstr(&build, "input", in_short(pass->arena, exec->input));
	json_set_cstr(&build, "completed", json_bool(exec->done));
	if (exec->done)
		json_set_cstr(&build, "result", in_short(pass->arena, exec->result));
	else if (exec->failure.code != 0)
		json_set_cstr(&build, "failure", json_str(exec->failure.text));
	return json_build_end(&build, ret_value);
}

int
saga_history(struct saga_pass *pass, struct heed_json *ret_history)
{
	const struct saga_exec *exec;
	struct json_build list;
	struct heed_json value;
	size_t skip = pass->n_execs > HISTORY_MAX ? pass->n_execs - HISTORY_MAX : 0;

	json_array(&list, pass->arena);
	TAILQ_FOREACH (exec, &pass->execs, link) {
		if (skip > 0) {
			skip--;
			continue;
		}
		HEED_TRY(describe_exec(pass, exec, &value));
		json_push(&list, value);
	}
	return json_build_end(&list, ret_history);
}

static int
describe_offers(struct saga_pass *pass, uint64_t offers, struct heed_json *ret_list)
{
	struct json_build list;
	size_t i;

	json_array(&list, pass->arena);
	for (i = 0; i < pass->saga->steps.n; i++) {
		const struct saga_step *step = saga_step_at(pass->saga, i);
		struct json_build build;
		struct heed_json value;

		if ((offers & UINT64_C(1) << i) == 0)
			continue;
		json_object(&build, pass->arena);
		json_set_cstr(&build, "step", json_str(step->name));
		json_set_cstr(&build, "about", json_str(step->about));
		if (step->input != NULL && step->with == NULL)
			json_set_cstr(&build, "input", schema_document(step->input));
		HEED_TRY(json_build_end(&build, &value));
		json_push(&list, value);
	}
	return json_build_end(&list, ret_list);
}

static int
make_input(struct saga_pass *pass, uint64_t offers)
{
	struct heed_json history;
	struct heed_json steps;
	struct json_build build;

	HEED_TRY(saga_history(pass, &history));
	HEED_TRY(describe_offers(pass, offers, &steps));
	json_object(&build, pass->arena);
	json_set_cstr(&build, "event", flow_event(pass->run)->root);
	json_set_cstr(&build, "data", pass->data);
	json_set_cstr(&build, "about", json_str(pass->saga->about));
	json_set_cstr(&build, "history", history);
	json_set_cstr(&build, "steps", steps);
	return json_build_end(&build, &pass->guide_input);
}

/* ---- offers ------------------------------------------------------------------------ */

static bool
may_be_taken(const struct saga_pass *pass, const struct saga_step *step)
{
	int times = pass->times[step->at];

	if (step->in_branch || (step->after_mask & ~pass->completed) != 0)
		return false;
	return times == 0 || (step->repeatable && times < pass->saga->guide->max_repeats);
}

static int
find_offers(struct saga_pass *pass, uint64_t *ret_offers)
{
	size_t i;

	*ret_offers = 0;
	for (i = 0; i < pass->saga->steps.n; i++) {
		const struct saga_step *step = saga_step_at(pass->saga, i);
		bool holds = false;

		if (may_be_taken(pass, step))
			HEED_TRY(saga_required(pass, step, &holds));
		if (holds)
			*ret_offers |= UINT64_C(1) << i;
	}
	return 0;
}

static int
may_complete(struct saga_pass *pass, bool *ret_may)
{
	struct heed_error error;
	struct heed_json view;
	int r;

	*ret_may = true;
	if (pass->saga->complete_when == NULL)
		return 0;
	HEED_TRY(saga_view(pass, NULL, NULL, &view));
	r = expr_test(pass->saga->complete_when, view, pass->arena, ret_may, &error);
	if (r == 0 || r == HEED_E_NOMEM)
		return r;
	return saga_turn_with(pass, SAGA_COMPENSATES, "complete_when",
	                      "complete_when: %s", error.text);
}

/* ---- a turn ------------------------------------------------------------------------ */

static int
follow(struct saga_pass *pass, struct heed_json answer, bool *ret_complete)
{
	struct heed_str action = json_get_text(answer, "action");
	const struct heed_json *input = json_get(answer, "input");
	const struct saga_step *step;

	pass->guide_input = json_null();
	if (str_is(action, "complete")) {
		*ret_complete = true;
		return 0;
	}
	if (!str_is(action, "execute"))
		return saga_turn_with(pass, SAGA_COMPENSATES, "guide",
		                      "the guide chose to compensate: %.*s",
		                      STR_ARG(json_get_text(answer, "reason")));
	step = saga_find_step(pass->saga, json_get_text(answer, "step"));
	if (step->input == NULL || step->with != NULL)
		input = NULL;
	return saga_begin(pass, step, input, &pass->current);
}

/* Ask until there is an answer, or the saga turns. */
static int
ask_guide(struct saga_pass *pass, uint64_t offers, bool complete,
          struct heed_json *ret_answer)
{
	const struct ask *form = saga_guide_form(pass->saga, offers, complete);
	struct heed_str name = arena_printf(pass->arena, "saga.guide.%zu", pass->at + 1);
	struct flow_failure failure;
	int r;

	if (form == NULL || name.data == NULL)
		return HEED_E_NOMEM;
	if (pass->guide_input.kind == HEED_NULL)
		HEED_TRY(make_input(pass, offers));
	while ((r = flow_ask(pass->run, name, form, pass->guide_input, ret_answer)) !=
	       0) {
		if (!saga_is_failure(pass, r))
			return r;
		flow_catch(pass->run, r, &failure);
		HEED_TRY(saga_recover_from(pass, name, &failure));
	}
	return 0;
}

int
saga_guide(struct saga_pass *pass, bool *ret_complete)
{
	struct heed_json answer;
	uint64_t offers;
	bool complete;

	HEED_TRY(find_offers(pass, &offers));
	HEED_TRY(may_complete(pass, &complete));
	if ((int64_t)pass->n_execs >= pass->saga->guide->max_steps)
		offers = 0;
	if (offers == 0 && !complete)
		return saga_turn_with(
			pass, SAGA_COMPENSATES, "bound",
			(int64_t)pass->n_execs >= pass->saga->guide->max_steps
				? "it is not complete after %lld steps (max_steps)"
				: "after %lld steps no step may be taken, and it is not "
				  "complete",
			(long long)pass->n_execs);
	HEED_TRY(ask_guide(pass, offers, complete, &answer));
	return follow(pass, answer, ret_complete);
}
