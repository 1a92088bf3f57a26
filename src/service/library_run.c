/*
 * library_run.c - one pass of a flow in C, and the calls that it makes.
 *
 * The calls are those of engine/flow.h, with two things besides. What a call takes from
 * the program is copied to the run once (struct begun), for the engine comes back to it
 * after the pass. And the pass keeps a list of the steps that it came to: a step that
 * comes twice, a wait that was not returned, and a step of the journal that the flow did
 * not come to are mistakes that would otherwise lose work without a word.
 */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "service/library.h"
#include "service/library_flow.h"

#define CLASS "flow" /* of runs whose flow broke a rule */

/* A step of a pass. */
struct reached {
	struct reached *next;
	struct heed_str step;
	const struct heed_json *result; /* NULL: it gives none */
};

/* What the engine may come back to of a step; on the run's memory, from its first pass in
 * this process on. */
struct begun {
	struct begun *next;
	struct heed_str step;
	struct heed_json input; /* what its expressions see */
	struct act act;
};

/* One pass. */
struct heed_run {
	struct run *run;
	const struct bound_flow *flow;
	struct arena scratch; /* of the pass */
	struct reached *first, **last;
	const char *waiting; /* a step that returned HEED_WAIT; NULL: none did */
	/* The last failure of a call: it is taken off the run, and put back when the flow
	 * returns it. */
	int code;
	struct heed_str class, text;
};

/* ---- failures ---------------------------------------------------------------------- */

static void
set_failure(struct heed_run *run, int code, const char *class, const char *format,
            va_list args)
{
	struct heed_buf buf;

	buf_init(&buf, 0);
	buf_addv(&buf, format, args);
	run->code = code;
	run->class = str_of(class);
	run->text = arena_str(flow_arena(run->run), buf_str(&buf));
	buf_done(&buf);
}

static void __attribute__((format(printf, 2, 3)))
tell_misuse(struct heed_run *run, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	set_failure(run, HEED_E_INVALID, CLASS, format, args);
	va_end(args);
}

/* A rule was broken: the failure, in words. */
#define misuse(...) (tell_misuse(__VA_ARGS__), HEED_E_INVALID)

int
heed_fail(struct heed_run *run, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	set_failure(run, HEED_E_PERMANENT, "failed", format, args);
	va_end(args);
	return HEED_E_PERMANENT;
}

const char *
heed_failure(const struct heed_run *run)
{
	return run->text.data != NULL ? run->text.data : "";
}

/* ---- steps ------------------------------------------------------------------------- */

static bool
was_reached(const void *arg, struct heed_str step)
{
	const struct heed_run *run = arg;
	const struct reached *reached;

	for (reached = run->first; reached != NULL; reached = reached->next)
		if (str_eq(reached->step, step))
			return true;
	return false;
}

/* {event, steps: {NAME: result}, input}; what it refers to lives as long as the run. */
static int
make_input(struct heed_run *run, const struct heed_json *input,
           struct heed_json *ret_input)
{
	struct arena *arena = flow_arena(run->run);
	const struct reached *reached;
	struct json_build build, steps;
	struct heed_json value;

	json_object(&steps, arena);
	for (reached = run->first; reached != NULL; reached = reached->next)
		if (reached->result != NULL)
			json_set(&steps, reached->step, *reached->result);
	HEED_TRY(json_build_end(&steps, &value));
	json_object(&build, arena);
	json_set_cstr(&build, "event", flow_event(run->run)->root);
	json_set_cstr(&build, "steps", value);
	if (input != NULL) {
		HEED_TRY(json_copy(arena, *input, &value));
		json_set_cstr(&build, "input", value);
	}
	return json_build_end(&build, ret_input);
}

static struct begun *
find_begun(struct heed_run *run, struct heed_str step)
{
	struct begun *begun = *flow_keep(run->run);

	while (begun != NULL && !str_eq(begun->step, step))
		begun = begun->next;
	return begun;
}

static int
begin(struct heed_run *run, struct heed_str step, const struct heed_json *input,
      struct begun **ret_begun)
{
	struct arena *arena = flow_arena(run->run);
	struct begun *begun = ARENA_NEW(arena, struct begun);

	if (begun == NULL)
		return HEED_E_NOMEM;
	begun->step = arena_str(arena, step);
	if (begun->step.data == NULL)
		return HEED_E_NOMEM;
	HEED_TRY(make_input(run, input, &begun->input));
	begun->next = *flow_keep(run->run);
	*flow_keep(run->run) = begun;
	*ret_begun = begun;
	return 0;
}

/* The flow came to a step: note it, and find what the run keeps of it, or make that, with
 * `input` if there is one. */
static int
reach(struct heed_run *run, const char *step, const struct heed_json *input,
      struct reached **ret_reached, struct begun **ret_begun)
{
	struct heed_str name = str_of(step);
	struct begun *begun = find_begun(run, name);
	struct reached *reached;

	if (name.len == 0)
		return misuse(run, "a step has no name");
	if (was_reached(run, name))
		return misuse(
			run,
			"the flow comes to step \"%s\" twice: give each step a name "
			"of its own",
			step);
	if (begun == NULL)
		HEED_TRY(begin(run, name, input, &begun));
	reached = ARENA_NEW(&run->scratch, struct reached);
	if (reached == NULL)
		return HEED_E_NOMEM;
	reached->step = begun->step;
	*run->last = reached;
	run->last = &reached->next;
	*ret_reached = reached;
	*ret_begun = begun;
	return 0;
}

/* What a call of the engine's came to; the result of a step is seen by later ones. */
static int
took(struct heed_run *run, struct reached *reached, int r, const struct heed_json *result)
{
	struct flow_failure failure;
	struct heed_json *mine;

	if (r == HEED_WAIT)
		run->waiting = reached->step.data;
	if (r < 0 && r != HEED_E_NOMEM) {
		flow_catch(run->run, r, &failure);
		run->code = r;
		run->class = failure.class;
		run->text = failure.text;
	}
	if (r != 0 || result == NULL)
		return r;
	mine = ARENA_NEW(&run->scratch, struct heed_json);
	if (mine == NULL)
		return HEED_E_NOMEM;
	*mine = *result;
	reached->result = mine;
	return 0;
}

/* ---- calls ------------------------------------------------------------------------- */

struct heed_json
heed_event(const struct heed_run *run)
{
	return flow_event(run->run)->root;
}

int64_t
heed_run_id(const struct heed_run *run)
{
	return flow_run_id(run->run);
}

void *
heed_run_arg(const struct heed_run *run)
{
	return run->flow->code->arg;
}

/* The run may have begun with other questions than the program has now. */
static int
not_declared(struct heed_run *run, const char *what, const char *name, bool is_declared)
{
	const struct heed_flow *code = run->flow->code;

	if (is_declared)
		return misuse(run,
		              "the run began when flow %s had no %s \"%s\": raise the "
		              "flow's version",
		              code->name, what, name);
	return misuse(run, "%s \"%s\" is not among those of flow %s: list it in .%ss",
	              what, name, code->name, what);
}

static int
find_question(struct heed_run *run, const struct heed_question *question,
              const struct ask **ret_ask)
{
	const struct heed_question *const *declared = run->flow->code->questions;
	const struct bound_question *items = run->flow->questions.items;
	size_t i;

	for (i = 0; i < run->flow->questions.n; i++)
		if (str_is(items[i].name, question->name)) {
			*ret_ask = &items[i].ask;
			return 0;
		}
	while (declared != NULL && *declared != NULL && *declared != question)
		declared++;
	return not_declared(run, "question", question->name,
	                    declared != NULL && *declared != NULL);
}

static int
find_effect(struct heed_run *run, const struct heed_effect *effect,
            const struct act **ret_act)
{
	const struct heed_effect *const *declared = run->flow->code->effects;
	const struct bound_effect *items = run->flow->effects.items;
	size_t i;

	for (i = 0; i < run->flow->effects.n; i++)
		if (str_is(items[i].name, effect->name)) {
			*ret_act = &items[i].act;
			return 0;
		}
	while (declared != NULL && *declared != NULL && *declared != effect)
		declared++;
	return not_declared(run, "effect", effect->name,
	                    declared != NULL && *declared != NULL);
}

int
heed_ask(struct heed_run *run, const char *step, const struct heed_question *question,
         struct heed_json *ret_answer)
{
	const struct ask *ask = NULL;
	struct heed_json answer = json_null();
	struct reached *reached;
	struct begun *begun;

	HEED_TRY(find_question(run, question, &ask));
	HEED_TRY(reach(run, step, NULL, &reached, &begun));
	HEED_TRY(took(run, reached,
	              flow_ask(run->run, begun->step, ask, begun->input, &answer),
	              &answer));
	*ret_answer = answer;
	return 0;
}

int
heed_act(struct heed_run *run, const char *step, const struct heed_effect *effect,
         struct heed_json input, struct heed_json *ret_result)
{
	const struct act *act = NULL;
	struct heed_json result = json_null();
	struct reached *reached;
	struct begun *begun;

	HEED_TRY(find_effect(run, effect, &act));
	HEED_TRY(reach(run, step, &input, &reached, &begun));
	begun->act = *act;
	begun->act.step = begun->step;
	HEED_TRY(took(run, reached,
	              flow_act(run->run, &begun->act, begun->input, &result), &result));
	if (ret_result != NULL)
		*ret_result = result;
	return 0;
}

int
heed_emit(struct heed_run *run, const char *type, struct heed_json data)
{
	return heed_emit_as(run, type, type, NULL, data);
}

int
heed_emit_as(struct heed_run *run, const char *step, const char *type,
             const char *subject, struct heed_json data)
{
	struct arena *arena = flow_arena(run->run);
	const struct heed_json *input;
	struct heed_str texts[2];
	struct reached *reached;
	struct begun *begun;

	HEED_TRY(reach(run, step, &data, &reached, &begun));
	texts[0] = arena_str(arena, str_of(type));
	texts[1] = arena_str(arena, str_of(subject));
	input = json_get(begun->input, "input");
	if (texts[0].data == NULL || texts[1].data == NULL)
		return HEED_E_NOMEM;
	return took(run, reached,
	            flow_emit(run->run, begun->step, texts[0], texts[1], *input), NULL);
}

int
heed_note(struct heed_run *run, const char *step, struct heed_json value,
          struct heed_json *ret_value)
{
	const struct heed_json *noted;
	struct reached *reached;
	struct begun *begun;

	HEED_TRY(reach(run, step, &value, &reached, &begun));
	noted = flow_noted(run->run, begun->step);
	if (noted == NULL) {
		HEED_TRY(flow_note(run->run, begun->step,
		                   *json_get(begun->input, "input")));
		noted = flow_noted(run->run, begun->step);
	}
	HEED_TRY(took(run, reached, 0, noted));
	if (ret_value != NULL)
		*ret_value = *noted;
	return 0;
}

int
heed_sleep(struct heed_run *run, const char *step, int64_t ms)
{
	struct reached *reached;
	struct begun *begun;

	HEED_TRY(reach(run, step, NULL, &reached, &begun));
	return took(run, reached, flow_sleep(run->run, begun->step, ms), NULL);
}

/* ---- the pass ---------------------------------------------------------------------- */

/* Did the flow keep to the rules in how it ended? */
static int
check_end(struct heed_run *run, int r)
{
	struct heed_str stray;

	if (r == HEED_WAIT && run->waiting == NULL)
		return misuse(run, "the flow returned HEED_WAIT, and waits for nothing");
	if (r > 0 && r != HEED_WAIT)
		return misuse(run, "the flow returned %d: zero, HEED_WAIT or a failure",
		              r);
	if (r != 0)
		return r;
	if (run->waiting != NULL)
		return misuse(run,
		              "the flow ended while step \"%s\" was under way: return "
		              "what its call returned",
		              run->waiting);
	stray = flow_stray(run->run, was_reached, run);
	if (stray.len > 0)
		return misuse(
			run,
			"the flow ended without step \"%.*s\", which the run began: "
			"was its code changed? Raise the flow's version",
			STR_ARG(stray));
	return 0;
}

static int
put_back(struct heed_run *run, int code)
{
	struct heed_error error;

	(void)error_set(&error, code, "%s",
	                run->code == code && run->text.len > 0 ? run->text.data
	                                                       : heed_code_text(code));
	return flow_fail(run->run, code,
	                 run->code == code && run->class.len > 0 ? run->class.data
	                                                         : CLASS,
	                 &error);
}

static int
fail_missing(struct run *run, const struct bound_flow *flow)
{
	struct heed_error error;

	(void)error_set(&error, HEED_E_NOTFOUND, "%.*s", STR_ARG(flow->missing));
	return flow_fail(run, HEED_E_NOTFOUND, "version", &error);
}

int
library_pass(struct run *run)
{
	struct heed_run mine = {.run = run, .flow = flow_definition(run)->config};
	int r;

	if (mine.flow->code == NULL)
		return fail_missing(run, mine.flow);
	arena_init(&mine.scratch, 0);
	mine.last = &mine.first;
	r = check_end(&mine, mine.flow->code->run(&mine));
	if (r < 0 && r != HEED_E_NOMEM)
		r = put_back(&mine, r);
	arena_done(&mine.scratch);
	return r;
}
