/*
 * saga_human.c - the step that asks a person.
 *
 * The question is an event, saga.approval_requested, that notifications and other
 * programs take to those who are named; the decision is a signal to the run with the
 * name of the step: {decision: approve or reject, by, reason, edit}. Whoever passes it on
 * has checked it (saga_decision_check).
 */
#include "pattern/saga.h"

#include "base/error.h"
#include "base/json.h"

static int
list_texts(struct arena *arena, const struct option_texts *texts,
           struct heed_json *ret_list)
{
	struct json_build list;
	size_t i;

	json_array(&list, arena);
	for (i = 0; i < texts->n; i++)
		json_push(&list, json_str(texts->items[i]));
	return json_build_end(&list, ret_list);
}

static int
render_question(struct saga_pass *pass, const struct saga_exec *exec,
                struct heed_str *ret_text)
{
	struct heed_error error;
	struct heed_buf buf;
	int r;

	*ret_text = exec->step->about;
	if (exec->step->human->question == NULL)
		return 0;
	buf_init(&buf, 0);
	r = template_render(exec->step->human->question, exec->view, pass->arena, &buf,
	                    &error);
	*ret_text = arena_str(pass->arena, buf_str(&buf));
	buf_done(&buf);
	if (r == 0 || r == HEED_E_NOMEM)
		return r;
	error_prefix(&error, "the question of step %.*s", STR_ARG(exec->name));
	return flow_fail(pass->run, r, "question", &error);
}

static int
find_shown(struct saga_pass *pass, const struct saga_exec *exec,
           struct heed_json *ret_shown)
{
	struct heed_error error;
	int r;

	*ret_shown = pass->data;
	if (exec->step->human->show == NULL)
		return 0;
	r = shape_eval(exec->step->human->show, exec->view, pass->arena, ret_shown,
	               &error);
	if (r == 0 || r == HEED_E_NOMEM)
		return r;
	error_prefix(&error, "show of step %.*s", STR_ARG(exec->name));
	return flow_fail(pass->run, r, "show", &error);
}

/* {"boss": "https://..."}, when there are links. */
static int
list_links(struct saga_pass *pass, const struct saga_exec *exec,
           const struct option_texts *recipients, struct heed_json *ret_links)
{
	struct json_build build;
	size_t i;

	json_object(&build, pass->arena);
	for (i = 0; i < recipients->n; i++) {
		struct heed_str link =
			flow_link(pass->run, exec->name, recipients->items[i],
		                  exec->step->human->timeout_ms);

		if (link.len > 0)
			json_set(&build, recipients->items[i], json_str(link));
	}
	return json_build_end(&build, ret_links);
}

/* Tell `recipients` that they are asked. */
static int
tell(struct saga_pass *pass, const struct saga_exec *exec, const char *what,
     const struct option_texts *recipients)
{
	const struct saga_human *human = exec->step->human;
	struct heed_str step = saga_name(pass, exec->name, what);
	struct heed_str type = arena_printf(pass->arena, "saga.approval_%s", what);
	struct heed_str subject =
		arena_printf(pass->arena, "%lld", (long long)flow_run_id(pass->run));
	struct json_build build;
	struct heed_str question;
	struct heed_json value;

	if (step.data == NULL || type.data == NULL || subject.data == NULL)
		return HEED_E_NOMEM;
	if (flow_place(pass->run, step) > 0)
		return 0;
	json_object(&build, pass->arena);
	json_set_cstr(&build, "saga", json_str(pass->saga->name));
	json_set_cstr(&build, "run", json_int(flow_run_id(pass->run)));
	json_set_cstr(&build, "step", json_str(exec->name));
	HEED_TRY(list_texts(pass->arena, recipients, &value));
	json_set_cstr(&build, "recipients", value);
	HEED_TRY(render_question(pass, exec, &question));
	json_set_cstr(&build, "question", json_str(question));
	HEED_TRY(find_shown(pass, exec, &value));
	json_set_cstr(&build, "show", value);
	if (human->edit != NULL)
		json_set_cstr(&build, "edit", schema_document(human->edit));
	json_set_cstr(&build, "timeout_s", json_int(human->timeout_ms / 1000));
	HEED_TRY(list_links(pass, exec, recipients, &value));
	if (value.len > 0)
		json_set_cstr(&build, "links", value);
	HEED_TRY(json_build_end(&build, &value));
	return flow_emit(pass->run, step, type, subject, value);
}

/* What silence means; noted, for it is a decision like another from then on. */
static int
decide_late(struct saga_pass *pass, const struct saga_exec *exec, int code,
            struct heed_json *ret_decision)
{
	int meaning = exec->step->human->on_timeout;
	struct heed_str note = saga_name(pass, exec->name, "late");
	struct flow_failure late;
	struct json_build build;

	if (meaning == LATE_FAIL)
		return code;
	if (note.data == NULL)
		return HEED_E_NOMEM;
	flow_catch(pass->run, code, &late);
	json_object(&build, pass->arena);
	json_set_cstr(&build, "decision",
	              json_cstr(meaning == LATE_APPROVE ? "approve" : "reject"));
	json_set_cstr(&build, "reason", json_cstr("nobody decided in time"));
	HEED_TRY(json_build_end(&build, ret_decision));
	return flow_note(pass->run, note, *ret_decision);
}

static int
rejected(struct saga_pass *pass, const struct saga_exec *exec, struct heed_json decision)
{
	int meaning = exec->step->human->on_reject;
	struct heed_str by = json_get_text(decision, "by");
	struct heed_str reason = json_get_text(decision, "reason");

	if (meaning == REJECT_CONTINUE)
		return 0;
	return saga_turn_with(pass,
	                      meaning == REJECT_FAIL ? SAGA_FAILS : SAGA_COMPENSATES,
	                      "rejected", "%.*s was rejected%s%.*s%s%.*s",
	                      STR_ARG(exec->name), by.len > 0 ? " by " : "", STR_ARG(by),
	                      reason.len > 0 ? ": " : "", STR_ARG(reason));
}

static int
hear(struct saga_pass *pass, const struct saga_exec *exec, struct heed_json *ret_decision)
{
	const struct saga_human *human = exec->step->human;
	struct wait wait = {.signal = true, .timeout_ms = human->timeout_ms};
	const struct heed_json *late;
	struct heed_str note = saga_name(pass, exec->name, "late");
	int r;

	if (note.data == NULL)
		return HEED_E_NOMEM;
	late = flow_noted(pass->run, note);
	if (late != NULL) {
		*ret_decision = *late;
		return 0;
	}
	r = flow_wait(pass->run, exec->name, &wait, json_null(), ret_decision);
	if (r == HEED_WAIT && human->escalate.after_ms > 0) {
		HEED_TRY(flow_sleep(pass->run, saga_name(pass, exec->name, "escalate"),
		                    human->escalate.after_ms));
		HEED_TRY(tell(pass, exec, "escalated", &human->escalate.recipients));
	}
	return r == HEED_E_TIMEOUT ? decide_late(pass, exec, r, ret_decision) : r;
}

int
saga_ask_human(struct saga_pass *pass, struct saga_exec *exec,
               struct heed_json *ret_result)
{
	struct heed_json decision;

	HEED_TRY(tell(pass, exec, "requested", &exec->step->human->recipients));
	HEED_TRY(hear(pass, exec, &decision));
	if (str_is(json_get_text(decision, "decision"), "reject"))
		HEED_TRY(rejected(pass, exec, decision));
	*ret_result = decision;
	return 0;
}
