/*
 * entity_flow.c - from a command to its outcome.
 *
 *	load the state ── a rule decides, or the model ── check ── append ── side effects
 *	      ^                                             |         |
 *	      '------------- another was first -------------|---------'
 *	                                                    '──> rejected
 *
 * An attempt is a state, a decision about it, and an append at its version; its steps are
 * numbered: load.1, ask.1, append.1. What is rejected is told by an event, and the run is
 * done: only what could not be decided (no model answers, a state that cannot be folded)
 * is a dead letter.
 */
#include <stdio.h>

#include "base/error.h"
#include "base/json.h"
#include "pattern/entity_local.h"

/* What came out of an attempt. */
struct verdict {
	bool accepted;
	const char *by;         /* who rejected: "rule", "model", "check" ... */
	struct heed_str reason; /* of a rejection */
	struct heed_json decision;
	struct heed_str asked; /* the step whose answer it is; empty: a rule's */
};

static struct heed_str
step_name(struct deciding *deciding, const char *what)
{
	return arena_printf(flow_arena(deciding->run), "%s.%d", what, deciding->n);
}

static void
reject(struct verdict *verdict, const char *by, struct heed_str reason)
{
	verdict->accepted = false;
	verdict->by = by;
	verdict->reason = reason;
}

/* ---- the command ------------------------------------------------------------------- */

static int
read_command(struct deciding *deciding)
{
	const struct event *event = flow_event(deciding->run);
	const struct heed_json *data = json_get(event->root, "data");
	struct json_build build;

	json_object(&build, flow_arena(deciding->run));
	json_set_cstr(&build, "entity", json_str(deciding->entity->name));
	json_set_cstr(&build, "name", json_str(event->type));
	json_set_cstr(&build, "id", json_str(deciding->id));
	json_set_cstr(&build, "data", data != NULL ? *data : json_null());
	return json_build_end(&build, &deciding->command);
}

static int
make_input(struct deciding *deciding)
{
	struct json_build build;

	json_object(&build, flow_arena(deciding->run));
	json_set_cstr(&build, "event", flow_event(deciding->run)->root);
	json_set_cstr(&build, "command", deciding->command);
	json_set_cstr(&build, "state", deciding->before->state);
	json_set_cstr(&build, "version", json_int(deciding->before->version));
	return json_build_end(&build, &deciding->input);
}

static struct heed_str
describe_faults(struct arena *arena, const struct schema_report *report)
{
	struct heed_str text;
	struct heed_buf buf;
	size_t i;

	buf_init(&buf, 4096);
	for (i = 0; i < report->n; i++)
		buf_addf(&buf, "%s%.*s %.*s", i > 0 ? "; " : "",
		         STR_ARG(report->faults[i].at), STR_ARG(report->faults[i].text));
	text = arena_str(arena, buf_str(&buf));
	buf_done(&buf);
	return text;
}

/* The data of the command, by the schema that is declared for it. */
static int
check_data(struct deciding *deciding, struct verdict *verdict)
{
	struct arena *arena = flow_arena(deciding->run);
	const struct entity_type *type = entity_find_type(
		&deciding->entity->commands, flow_event(deciding->run)->type);
	struct schema_report report = {.arena = arena};
	int r;

	if (type == NULL || type->schema == NULL)
		return 0;
	r = schema_validate(type->schema, *json_get(deciding->command, "data"), &report);
	if (r == HEED_E_INVALID || r == HEED_E_LIMIT) {
		reject(verdict, "command",
		       arena_printf(arena, "the data does not fit: %.*s",
		                    STR_ARG(describe_faults(arena, &report))));
		return 1;
	}
	return r;
}

/* ---- deciding ---------------------------------------------------------------------- */

static bool
is_about(const struct entity_rule *rule, struct heed_str command)
{
	size_t i;

	for (i = 0; i < rule->commands.n; i++)
		if (str_eq(rule->commands.items[i], command))
			return true;
	return rule->commands.n == 0;
}

static int
fail_rule(struct deciding *deciding, size_t n, int code, struct heed_error *error)
{
	if (code == HEED_E_NOTFOUND) {
		code = HEED_E_PERMANENT;
		(void)error_set(error, code, "it gives nothing");
	}
	error_prefix(error, "rule %zu", n + 1);
	return flow_fail(deciding->run, code, "rule", error);
}

static int
render_reason(struct deciding *deciding, const struct entity_rule *rule,
              struct heed_str *ret_reason, struct heed_error *error)
{
	struct arena *arena = flow_arena(deciding->run);
	struct heed_buf buf;
	int r;

	buf_init(&buf, 65536);
	r = template_render(rule->reject, deciding->input, arena, &buf, error);
	if (r == 0)
		*ret_reason = arena_str(arena, buf_str(&buf));
	buf_done(&buf);
	return r == 0 && ret_reason->data == NULL ? HEED_E_NOMEM : r;
}

/* A rule may leave out the data of events that have none. */
static int
fill_data(struct arena *arena, struct heed_json *events)
{
	struct json_build list, build;
	uint32_t i, k;

	if (events->kind != HEED_ARRAY)
		return 0;
	json_array(&list, arena);
	for (i = 0; i < events->len; i++) {
		struct heed_json event = events->items[i];

		if (event.kind == HEED_OBJECT && json_get(event, "data") == NULL) {
			json_object(&build, arena);
			for (k = 0; k < event.len; k++)
				json_set(&build, event.members[k].name,
				         event.members[k].value);
			json_set_cstr(&build, "data",
			              (struct heed_json){.kind = HEED_OBJECT});
			HEED_TRY(json_build_end(&build, &event));
		}
		json_push(&list, event);
	}
	return json_build_end(&list, events);
}

/* An accepting rule's decision, in the shape of a model's. */
static int
make_decision(struct deciding *deciding, const struct entity_rule *rule,
              struct heed_json *ret_decision, struct heed_error *error)
{
	struct arena *arena = flow_arena(deciding->run);
	struct heed_json events, effects = {.kind = HEED_ARRAY};
	struct json_build build;

	HEED_TRY(shape_eval(rule->accept, deciding->input, arena, &events, error));
	if (rule->side_effects != NULL)
		HEED_TRY(shape_eval(rule->side_effects, deciding->input, arena, &effects,
		                    error));
	HEED_TRY(fill_data(arena, &events));
	json_object(&build, arena);
	json_set_cstr(&build, "reason", json_cstr(""));
	json_set_cstr(&build, "accepted", json_bool(true));
	json_set_cstr(&build, "events", events);
	if (deciding->entity->decide.effects.n > 0 || effects.len > 0)
		json_set_cstr(&build, "side_effects", effects);
	return json_build_end(&build, ret_decision);
}

/* The first rule that holds: 1 when there is one. */
static int
by_rule(struct deciding *deciding, struct verdict *verdict)
{
	const struct option_list *rules = &deciding->entity->decide.rules;
	struct arena *arena = flow_arena(deciding->run);
	struct heed_error error = {0};
	size_t i;

	for (i = 0; i < rules->n; i++) {
		const struct entity_rule *rule =
			(const struct entity_rule *)rules->items + i;
		bool holds = is_about(rule, flow_event(deciding->run)->type);
		int r = 0;

		if (holds && rule->when != NULL)
			r = expr_test(rule->when, deciding->input, arena, &holds, &error);
		if (r == 0 && !holds)
			continue;
		verdict->asked = (struct heed_str){NULL, 0};
		verdict->accepted = rule->accept != NULL;
		verdict->by = "rule";
		if (r == 0 && rule->accept != NULL)
			r = make_decision(deciding, rule, &verdict->decision, &error);
		else if (r == 0)
			r = render_reason(deciding, rule, &verdict->reason, &error);
		return r < 0 && r != HEED_E_NOMEM ? fail_rule(deciding, i, r, &error)
		       : r < 0                    ? r
		                                  : 1;
	}
	return 0;
}

#define BREACH "Your decision cannot be taken: "

/* A question with the attempt that it belongs to, for flow_ask's check. */
struct question {
	struct ask ask;
	struct deciding *deciding;
};

static int
check_answer(const struct ask *ask, struct heed_json answer, struct arena *arena,
             struct heed_str *ret_complaint)
{
	const struct question *question =
		(const struct question *)((const char *)ask -
	                                  offsetof(struct question, ask));
	struct heed_str complaint;
	int r = entity_check(question->deciding, answer, &complaint);

	if (r != HEED_E_INVALID)
		return r;
	*ret_complaint =
		arena_printf(arena,
	                     BREACH "%.*s\n\nAnswer again "
	                            "with the whole corrected JSON and nothing else.",
	                     STR_ARG(complaint));
	return r;
}

/* Of a complaint to the model, what is wrong: what to do about it comes behind. */
static struct heed_str
first_part(struct heed_str complaint)
{
	if (str_starts(complaint, BREACH))
		complaint = str_from(complaint, sizeof(BREACH) - 1);
	return str_head(complaint, str_search(complaint, HEED_STR("\n\n")));
}

static int
by_model(struct deciding *deciding, struct verdict *verdict)
{
	struct question *question = ARENA_NEW(flow_arena(deciding->run), struct question);
	struct flow_failure failure;
	struct asked asked;
	int r;

	if (question == NULL)
		return HEED_E_NOMEM;
	question->ask = deciding->entity->decide.ask;
	question->ask.check = check_answer;
	question->deciding = deciding;
	verdict->asked = step_name(deciding, "ask");
	r = flow_ask(deciding->run, verdict->asked, &question->ask, deciding->input,
	             &verdict->decision);
	if (r == HEED_E_INVALID) { /* also after the repair */
		flow_catch(deciding->run, r, &failure);
		HEED_TRY(flow_asked(deciding->run, verdict->asked, &asked));
		reject(verdict, "check", first_part(asked.complaint));
		return 0;
	}
	if (r != 0)
		return r;
	verdict->accepted = json_get_bool(verdict->decision, "accepted", false);
	verdict->by = "model";
	verdict->reason = json_get_text(verdict->decision, "reason");
	return 0;
}

/* Hold a decision against schema and requirements, for the state that is there now. */
static int
check_decision(struct deciding *deciding, struct heed_json decision,
               struct heed_str *ret_complaint)
{
	struct arena *arena = flow_arena(deciding->run);
	struct schema_report report = {.arena = arena};
	int r = schema_validate(deciding->entity->decide.ask.answer, decision, &report);

	if (r == HEED_E_INVALID)
		*ret_complaint = describe_faults(arena, &report);
	if (r < 0)
		return r == HEED_E_LIMIT ? HEED_E_INVALID : r;
	return entity_check(deciding, decision, ret_complaint);
}

/* Is the last attempt's decision still good? 1 when it is. */
static int
recheck(struct deciding *deciding, const struct verdict *verdict)
{
	struct heed_str complaint;
	int r;

	if (deciding->n == 1 || verdict->asked.len == 0 ||
	    deciding->entity->decide.on_conflict != CONFLICT_RECHECK)
		return 0;
	r = check_decision(deciding, verdict->decision, &complaint);
	return r == 0 ? 1 : r == HEED_E_INVALID ? 0 : r;
}

/* One attempt's decision; `verdict` holds that of the one before. */
static int
decide(struct deciding *deciding, struct verdict *verdict)
{
	struct heed_str complaint = {NULL, 0};
	int r = by_rule(deciding, verdict);

	if (r < 0)
		return r;
	if (r == 1 && verdict->accepted) {
		r = check_decision(deciding, verdict->decision, &complaint);
		if (r == HEED_E_INVALID)
			reject(verdict, "check", complaint);
		return r == HEED_E_INVALID ? 0 : r;
	}
	if (r == 1)
		return 0;
	if (deciding->entity->decide.ask.model.len == 0) {
		reject(verdict, "rule", HEED_STR("no rule decides it"));
		return 0;
	}
	r = recheck(deciding, verdict);
	if (r != 0)
		return r < 0 ? r : 0;
	HEED_TRY(by_model(deciding, verdict));
	/* It may have been read in an earlier pass, or by an earlier definition. */
	r = verdict->accepted ? entity_check(deciding, verdict->decision, &complaint) : 0;
	if (r == HEED_E_INVALID &&
	    !flow_has_appended(deciding->run, deciding->append_step))
		reject(verdict, "check", complaint);
	return r == HEED_E_INVALID ? 0 : r;
}

/* ---- the outcome ------------------------------------------------------------------- */

static int
tell_rejection(struct deciding *deciding, const struct verdict *verdict)
{
	struct run *run = deciding->run;
	struct heed_str type = arena_printf(flow_arena(run), "%.*s." ENTITY_REJECTED,
	                                    STR_ARG(deciding->entity->name));
	struct json_build build;
	struct heed_json data;

	json_object(&build, flow_arena(run));
	json_set_cstr(&build, "command", json_str(flow_event(run)->type));
	json_set_cstr(&build, "reason", json_str(verdict->reason));
	json_set_cstr(&build, "by", json_cstr(verdict->by));
	if (deciding->before != NULL)
		json_set_cstr(&build, "version", json_int(deciding->before->version));
	json_set_cstr(&build, "id", json_str(flow_event(run)->id));
	HEED_TRY(json_build_end(&build, &data));
	return flow_emit(run, HEED_STR("rejected"), type, deciding->id, data);
}

/* A name that came from a provider, as an attribute of an event may be. */
static struct heed_str
clean(struct arena *arena, struct heed_str name)
{
	char *copy = arena_cstr(arena, str_head(name, 100));
	size_t i;

	for (i = 0; copy != NULL && copy[i] != '\0'; i++)
		if (copy[i] < 0x20 || copy[i] > 0x7e)
			copy[i] = '_';
	return str_of(copy);
}

static int
set_members(struct deciding *deciding, const struct asked *asked,
            struct heed_member *members)
{
	struct arena *arena = flow_arena(deciding->run);
	struct heed_str cost =
		arena_printf(arena, "%.9f", (double)asked->cost_nano / 1e9);
	struct heed_str run =
		arena_printf(arena, "%lld", (long long)flow_run_id(deciding->run));
	const struct heed_member all[ENTITY_AI_MEMBERS] = {
		{HEED_STR("aimodel"), json_str(clean(arena, asked->model))},
		{HEED_STR("aiprompthash"), json_str(asked->prompt_hash)},
		{HEED_STR("aianswerhash"), json_str(asked->answer_hash)},
		{HEED_STR("aiinputtokens"), json_int(asked->input_tokens)},
		{HEED_STR("aioutputtokens"), json_int(asked->output_tokens)},
		{HEED_STR("aicost"), json_str(cost)},
		{HEED_STR("airun"), json_str(run)},
	};
	size_t i;

	for (i = 0; i < ENTITY_AI_MEMBERS; i++)
		members[i] = all[i];
	return cost.data == NULL || run.data == NULL ? HEED_E_NOMEM : 0;
}

/* Each event that a model decided says which one, what it was asked and what it took. */
static int
add_record(struct deciding *deciding, const struct verdict *verdict)
{
	struct heed_member *members = ARENA_ARRAY(flow_arena(deciding->run),
	                                          struct heed_member, ENTITY_AI_MEMBERS);
	struct asked asked;
	size_t i;

	if (members == NULL)
		return HEED_E_NOMEM;
	if (verdict->asked.len == 0)
		return 0;
	HEED_TRY(flow_asked(deciding->run, verdict->asked, &asked));
	HEED_TRY(set_members(deciding, &asked, members));
	for (i = 0; i < deciding->n_parts; i++) {
		deciding->parts[i].extensions = members;
		deciding->parts[i].n_extensions = ENTITY_AI_MEMBERS;
	}
	return 0;
}

static int
append(struct deciding *deciding, const struct verdict *verdict)
{
	const struct append append = {
		.before = deciding->before,
		.fold = &deciding->entity->fold,
		.events = deciding->parts,
		.n = deciding->n_parts,
		.time_us = deciding->time_us,
	};

	if (append.n == 0)
		return 0;
	HEED_TRY(add_record(deciding, verdict));
	return flow_append(deciding->run, deciding->append_step, &append);
}

static const struct entity_effect *
find_effect(const struct entity *entity, struct heed_str name)
{
	size_t i;

	for (i = 0; i < entity->decide.effects.n; i++)
		if (str_eq(entity->decide.effects.items[i].name, name))
			return &entity->decide.effects.items[i];
	return NULL;
}

static int
perform(struct deciding *deciding, struct heed_json one, uint32_t n)
{
	struct run *run = deciding->run;
	const struct entity_effect *effect =
		find_effect(deciding->entity, json_get_text(one, "name"));
	const struct heed_json *given = json_get(one, "input");
	struct act *act = ARENA_NEW(flow_arena(run), struct act);
	struct json_build build;
	struct heed_json input, result;

	if (act == NULL || effect == NULL)
		return act == NULL ? HEED_E_NOMEM : 0;
	*act = effect->act;
	act->step = arena_printf(flow_arena(run), "%.*s.%u", STR_ARG(effect->name), n);
	if (act->step.data == NULL)
		return HEED_E_NOMEM;
	json_object(&build, flow_arena(run));
	json_set_cstr(&build, "effect", given != NULL ? *given : json_null());
	json_set_cstr(&build, "event", flow_event(run)->root);
	json_set_cstr(&build, "command", deciding->command);
	json_set_cstr(&build, "state", deciding->after);
	HEED_TRY(json_build_end(&build, &input));
	return flow_act(run, act, input, &result);
}

static int
perform_all(struct deciding *deciding, const struct verdict *verdict)
{
	const struct heed_json *list = json_get(verdict->decision, "side_effects");
	uint32_t i;

	for (i = 0; list != NULL && i < list->len; i++)
		HEED_TRY(perform(deciding, list->items[i], i + 1));
	return 0;
}

/* ---- attempts ---------------------------------------------------------------------- */

static int
begin_attempt(struct deciding *deciding)
{
	struct arena *arena = flow_arena(deciding->run);
	struct heed_str step = step_name(deciding, "load");
	struct heed_str stream =
		entity_stream(arena, deciding->entity->name, deciding->id);

	deciding->append_step = step_name(deciding, "append");
	if (step.data == NULL || stream.data == NULL ||
	    deciding->append_step.data == NULL)
		return HEED_E_NOMEM;
	HEED_TRY(flow_load(deciding->run, step, stream, &deciding->entity->fold,
	                   &deciding->before));
	deciding->time_us = flow_time_us(deciding->run, step);
	return make_input(deciding);
}

/* The sender wants the entity to be where it saw it. */
static bool
is_expected(const struct deciding *deciding)
{
	int64_t expected =
		json_get_int(flow_event(deciding->run)->root, ENTITY_EXPECTED, -1);

	return expected < 0 || expected == deciding->before->version;
}

static int
attempt(struct deciding *deciding, struct verdict *verdict)
{
	HEED_TRY(begin_attempt(deciding));
	if (is_expected(deciding))
		return decide(deciding, verdict);
	reject(verdict, "conflict",
	       arena_printf(flow_arena(deciding->run),
	                    "it is at version %lld, and was expected to be at another",
	                    (long long)deciding->before->version));
	return 0;
}

/* Attempts until one is appended, or the command is rejected. */
static int
decide_all(struct deciding *deciding, struct verdict *verdict)
{
	const struct decide *decide = &deciding->entity->decide;
	int r = HEED_E_CONFLICT;

	while (r == HEED_E_CONFLICT) {
		deciding->n++;
		HEED_TRY(attempt(deciding, verdict));
		if (!verdict->accepted)
			return 0;
		r = append(deciding, verdict);
		if (r == HEED_E_CONFLICT && (decide->on_conflict == CONFLICT_REJECT ||
		                             deciding->n >= decide->attempts)) {
			reject(verdict, "conflict",
			       HEED_STR("it was changed while the command was decided"));
			return 0;
		}
	}
	return r;
}

int
entity_step(struct run *run)
{
	const struct definition *definition = flow_definition(run);
	struct deciding *deciding = ARENA_NEW(flow_arena(run), struct deciding);
	struct verdict verdict = {.accepted = false};
	struct heed_error error;
	int r;

	if (deciding == NULL)
		return HEED_E_NOMEM;
	deciding->run = run;
	deciding->entity = definition->config;
	r = entity_id(definition, flow_event(run)->root, flow_arena(run), &deciding->id,
	              &error);
	if (r == HEED_E_INVALID) {
		reject(&verdict, "command",
		       arena_str(flow_arena(run), str_of(error.text)));
		return tell_rejection(deciding, &verdict);
	}
	HEED_TRY(r);
	HEED_TRY(read_command(deciding));
	r = check_data(deciding, &verdict);
	if (r == 0)
		r = decide_all(deciding, &verdict);
	else if (r == 1)
		r = 0;
	HEED_TRY(r);
	return verdict.accepted ? perform_all(deciding, &verdict)
	                        : tell_rejection(deciding, &verdict);
}
