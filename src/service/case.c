/*
 * case.c - see case.h: reading a file of cases, and playing the world of one.
 *
 * Answers come from the case, then from what was recorded for it, in order of the calls
 * of each model. `{$text: ...}` is a raw reply; `{$class: refusal, $text: ...}` one of
 * another class. `{$fail: words, $class: transient}` is the failure of an effect.
 */
#include "service/case.h"

#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "service/expect.h"
#include "service/rehearsal.h"

#define FILE_MAX (8 * 1024 * 1024)
#define RECORD_MS (10 * 60 * 1000) /* recording takes real time: at most so much */

/* ---- the file ---------------------------------------------------------------------- */

static const struct option that_options[] = {
	{.name = "expression",
         .kind = OPTION_EXPR,
         .offset = 0,
         .flags = OPTION_REQUIRED,
         .help = "a jq expression over the outcome that must be true"},
	OPTION_ROWS_END,
};

#define EXPECT(member) .offset = offsetof(struct expectation, member)

static const struct option expect_options[] = {
	{.name = "answer",
         .kind = OPTION_VALUE,
         EXPECT(answer),
         .help = "part of the first run's answer"},
	{.name = "runs",
         .kind = OPTION_VALUE,
         EXPECT(runs),
         .help = "what must have run, and its state: {NAME: done | dead | held | "
                 "waiting}"},
	{.name = "events",
         .kind = OPTION_VALUE,
         EXPECT(events),
         .help = "parts of the emitted events, in order; [] for none"},
	{.name = "effects",
         .kind = OPTION_VALUE,
         EXPECT(effects),
         .help = "what was done, in order: [{http: {url: ...}}], each a part of the "
                 "request; [] for nothing"},
	{.name = "calls",
         .kind = OPTION_INT,
         EXPECT(calls),
         .fallback = "-1",
         .min = -1,
         .max = 1000000,
         .help = "model calls, repairs included; -1 for any number"},
	{.name = "cost",
         .kind = OPTION_REAL,
         EXPECT(cost),
         .fallback = "-1",
         .min = -1,
         .max = 1000000,
         .help = "US dollars at most; -1 for any"},
	{.name = "that",
         .kind = OPTION_LIST,
         EXPECT(that),
         .rows = that_options,
         .size = sizeof(struct expr *),
         .flags = OPTION_SCALAR_SHORT,
         .help = "jq expressions over {answer, runs, events, effects, calls, cost}"},
	OPTION_ROWS_END,
};

#define CASE(member) .offset = offsetof(struct test_case, member)

const struct option case_options[] = {
	{.name = "name",
         .kind = OPTION_TEXT,
         CASE(name),
         .flags = OPTION_REQUIRED | OPTION_NONEMPTY,
         .help = "what it shows"},
	{.name = "event",
         .kind = OPTION_VALUE,
         CASE(event),
         .flags = OPTION_REQUIRED,
         .help = "what happens: a CloudEvent (id and source may be left out), or a list"},
	{.name = "at",
         .kind = OPTION_TEXT,
         CASE(at),
         .fallback = "2026-01-01T00:00:00Z",
         .help = "where its clock starts (RFC 3339)"},
	{.name = "answers",
         .kind = OPTION_VALUE,
         CASE(answers),
         .help = "what models answer: {MODEL: answer}, or a list of answers for one call "
                 "after the other; {$text: ...} is a raw reply, {$class: refusal, $text: "
                 "...} one of that class"},
	{.name = "results",
         .kind = OPTION_VALUE,
         CASE(results),
         .help = "what effects give: {ACTION: result}, or a list of results; {$fail: "
                 "words, $class: transient | permanent} is a failure"},
	{.name = "within",
         .kind = OPTION_DURATION,
         CASE(within_ms),
         .fallback = "365d",
         .min = 1,
         .max = 31536000000.0,
         .help = "how long its clock may run, in its own time"},
	{.name = "expect",
         .kind = OPTION_RECORD,
         CASE(expect),
         .rows = expect_options,
         .help = "what must come of it; a run that fails is wrong unless named in runs"},
	OPTION_ROWS_END,
};

static const struct option file_options[] = {
	{.name = "cases",
         .kind = OPTION_LIST,
         .offset = offsetof(struct case_file, cases),
         .rows = case_options,
         .size = sizeof(struct test_case),
         .flags = OPTION_REQUIRED,
         .help = "the cases, each on its own"},
	OPTION_ROWS_END,
};

/* The answers recorded for it lie beside it: shop.test.yaml, shop.test.answers.json. */
static const char *
recorded_path(struct arena *arena, const char *path)
{
	const char *dot = strrchr(path, '.');
	size_t len = dot != NULL && strchr(dot, '/') == NULL ? (size_t)(dot - path)
	                                                     : strlen(path);

	return arena_printf(arena, "%.*s.answers.json", (int)len, path).data;
}

static int
load_recorded(struct case_file *file, struct heed_error *error)
{
	struct heed_buf buf;
	int r;

	file->recorded = (struct heed_json){.kind = HEED_OBJECT};
	buf_init(&buf, FILE_MAX);
	r = file_read(file->recorded_path, &buf, error);
	if (r == 0) {
		r = json_parse(&file->arena, buf_str(&buf), &file->recorded, error);
		if (r < 0)
			error_prefix(error, "%s", file->recorded_path);
	} else if (r == HEED_E_NOTFOUND) {
		r = 0;
	}
	buf_done(&buf);
	return r;
}

static int
bind_file(struct case_file *file, struct heed_str text)
{
	const struct conf_node *list;
	struct test_case *cases;
	size_t i;
	int r;

	r = conf_parse(&file->arena, file->path, text, &file->problems, &file->root);
	if (file->root == NULL)
		return r < 0 ? r : HEED_E_CONFIG;
	file->bind = (struct bind){
		.arena = &file->arena, .exprs = file->exprs, .problems = &file->problems};
	if (conf_expand(&file->arena, file->root, &file->problems) < 0 ||
	    bind_record(&file->bind, file->root, file_options, file) < 0 ||
	    bind_check_exprs(&file->bind) < 0 || r < 0)
		return HEED_E_CONFIG;
	list = conf_get(file->root, "cases");
	cases = file->cases.items;
	for (i = 0; i < file->cases.n && list->kind == CONF_LIST; i++) {
		int64_t at_us;

		cases[i].line = list->items[i].line;
		if (clock_parse(cases[i].at, &at_us) < 0)
			r = conf_problem(&file->problems, conf_get(&list->items[i], "at"),
			                 "for example 2026-11-25T09:30:00Z",
			                 "at: not an RFC 3339 time");
	}
	return r;
}

int
case_file_load(struct case_file *file, const char *path, struct heed_error *error)
{
	struct heed_buf buf;
	int r;

	memset(file, 0, sizeof(*file));
	arena_init(&file->arena, 16 * 1024);
	conf_problems_init(&file->problems, &file->arena);
	file->exprs = expr_set_new();
	file->path = arena_cstr(&file->arena, str_of(path));
	file->recorded_path = recorded_path(&file->arena, path);
	if (file->exprs == NULL || file->path == NULL || file->recorded_path == NULL)
		return error_nomem(error);
	buf_init(&buf, FILE_MAX);
	r = file_read(path, &buf, error);
	if (r == 0)
		r = bind_file(file, buf_str(&buf));
	buf_done(&buf);
	return r < 0 ? r : load_recorded(file, error);
}

void
case_file_done(struct case_file *file)
{
	bind_free_owned(&file->bind);
	expr_set_free(file->exprs);
	arena_done(&file->arena);
}

/* ---- the world of one case --------------------------------------------------------- */

/* How often a name was asked for already. */
struct turn {
	struct heed_str name;
	uint32_t n;
};

#define TURNS_MAX 64

struct world {
	const struct test_case *test;
	struct heed_json recorded; /* {MODEL: [...]} of this case */
	struct turn answers[TURNS_MAX], results[TURNS_MAX];
};

static uint32_t
take_turn(struct turn *turns, struct heed_str name)
{
	size_t i;

	for (i = 0; i < TURNS_MAX - 1 && turns[i].name.len > 0; i++)
		if (str_eq(turns[i].name, name))
			break;
	turns[i].name = name;
	return turns[i].n++;
}

/* The nth of what `map` holds for `name`: a list is one after the other, anything else
 * the same again and again. NULL: nothing is left. */
static const struct heed_json *
nth(struct heed_json map, struct heed_str name, uint32_t n)
{
	const struct heed_json *value = json_find(map, name);

	if (value == NULL || value->kind != HEED_ARRAY)
		return value;
	return n < value->len ? &value->items[n] : NULL;
}

static void
set_class(struct model_reply *reply, struct heed_str class)
{
	static const int codes[] = {
		[MODEL_ANSWER] = 0,
		[MODEL_REFUSAL] = HEED_E_REFUSED,
		[MODEL_LENGTH] = HEED_E_LIMIT,
		[MODEL_CONTENT_FILTER] = HEED_E_REFUSED,
		[MODEL_RATE] = HEED_E_RATE,
		[MODEL_TRANSIENT] = HEED_E_TRANSIENT,
		[MODEL_PERMANENT] = HEED_E_PERMANENT,
	};
	int i;

	for (i = MODEL_ANSWER; i <= MODEL_PERMANENT; i++)
		if (str_is(class, model_class_name((enum model_class)i)))
			break;
	if (i > MODEL_PERMANENT)
		i = class.len > 0 ? MODEL_PERMANENT : MODEL_ANSWER;
	reply->class = (enum model_class)i;
	reply->code = codes[i];
}

static bool
answer(void *arg, const struct model *model, const struct model_question *question,
       struct arena *arena, struct model_reply *reply)
{
	struct world *world = arg;
	uint32_t n = take_turn(world->answers, model->name);
	bool scripted = json_find(world->test->answers, model->name) != NULL;
	const struct heed_json *value =
		nth(scripted ? world->test->answers : world->recorded, model->name, n);
	const char *text_name = scripted ? "$text" : "text";

	if (value == NULL)
		return false;
	model_question_tokens(model, question, &reply->usage.input, NULL);
	if (value->kind == HEED_OBJECT && json_get(*value, text_name) != NULL)
		reply->text = arena_str(arena, json_get_text(*value, text_name));
	else if (value->kind == HEED_STRING && question->schema.kind == HEED_NULL)
		reply->text = arena_str(arena, json_text(*value));
	else
		reply->text = json_text_of(arena, *value);
	set_class(reply, json_get_text(*value, "$class"));
	reply->usage.output = model_tokens_estimate(reply->text.len);
	if (!scripted) {
		reply->usage.input = json_get_int(*value, "input", reply->usage.input);
		reply->usage.output = json_get_int(*value, "output", reply->usage.output);
	}
	reply->message = reply->text;
	reply->raw = reply->text;
	reply->model = model_label(model);
	reply->retry_after_ms = -1;
	return true;
}

static int
perform(void *arg, const char *kind, struct heed_json request, struct arena *arena,
        struct heed_json *ret_result, struct heed_error *error)
{
	struct world *world = arg;
	struct heed_str name = str_of(kind);
	const struct heed_json *value =
		nth(world->test->results, name, take_turn(world->results, name));

	(void)request;
	(void)arena;
	if (value == NULL)
		return 0;
	if (json_get(*value, "$fail") != NULL)
		return error_set(error,
		                 str_is(json_get_text(*value, "$class"), "transient")
		                         ? HEED_E_TRANSIENT
		                         : HEED_E_PERMANENT,
		                 "%.*s", STR_ARG(json_get_text(*value, "$fail")));
	*ret_result = *value;
	return 0;
}

/* ---- running ----------------------------------------------------------------------- */

static int
send_events(struct rehearsal *rehearsal, const struct test_case *test,
            struct heed_error *error)
{
	uint32_t i;

	if (test->event.kind != HEED_ARRAY)
		return rehearsal_send(rehearsal, test->event, error);
	for (i = 0; i < test->event.len; i++)
		HEED_TRY(rehearsal_send(rehearsal, test->event.items[i], error));
	return 0;
}

/* Keep what real providers said: the calls of models that the case has no answers for. */
static int
keep(struct case_file *file, const struct test_case *test, struct app *app,
     struct heed_json calls)
{
	struct heed_json models = {.kind = HEED_OBJECT};
	struct json_build build;
	uint32_t i, j;

	for (i = 0; i < calls.len; i++) {
		struct heed_str name = json_get_text(calls.items[i], "model");
		const struct model *model = app_model(app, name);
		struct json_build list;
		struct heed_json said;

		if (model == NULL || model_kinds[model->provider]->answer != NULL ||
		    json_find(test->answers, name) != NULL ||
		    json_find(models, name) != NULL)
			continue;
		json_array(&list, &file->arena);
		for (j = i; j < calls.len; j++)
			if (str_eq(json_get_text(calls.items[j], "model"), name) &&
			    json_get(calls.items[j], "said") != NULL)
				json_push(&list, *json_get(calls.items[j], "said"));
		HEED_TRY(json_build_end(&list, &said));
		json_object(&build, &file->arena);
		for (j = 0; j < models.len; j++)
			json_set(&build, models.members[j].name, models.members[j].value);
		json_set(&build, name, said);
		HEED_TRY(json_build_end(&build, &models));
	}
	HEED_TRY(json_copy(&file->arena, models, &models));
	json_object(&build, &file->arena);
	for (j = 0; j < file->recorded.len; j++)
		json_set(&build, file->recorded.members[j].name,
		         file->recorded.members[j].value);
	json_set(&build, test->name, models);
	return json_build_end(&build, &file->recorded);
}

static int
rehearse(const struct test_case *test, struct app *app,
         const struct rehearsal_script *script, struct arena *arena,
         struct heed_json *ret_outcome, struct heed_error *error)
{
	struct rehearsal *rehearsal = NULL;
	int r = rehearsal_new(app, script, &rehearsal, error);

	if (r == 0)
		r = send_events(rehearsal, test, error);
	if (r == 0) {
		rehearsal_settle(rehearsal, script->call && test->within_ms > RECORD_MS
		                                    ? RECORD_MS
		                                    : test->within_ms);
		r = rehearsal_outcome(rehearsal, arena, ret_outcome, error);
	}
	rehearsal_free(rehearsal);
	return r;
}

int
case_run(struct case_file *file, const struct test_case *test, struct app *app,
         bool record, struct arena *arena, struct case_result *ret_result,
         struct heed_error *error)
{
	const struct heed_json *recorded = json_find(file->recorded, test->name);
	struct world world = {
		.test = test,
		.recorded = recorded != NULL && !record ? *recorded : json_null(),
	};
	struct rehearsal_script script = {
		.answer = answer, .perform = perform, .arg = &world, .call = record};
	struct json_build complaints;

	(void)clock_parse(test->at, &script.wall_us); /* checked when it was read */
	HEED_TRY(rehearse(test, app, &script, arena, &ret_result->outcome, error));
	if (record && keep(file, test, app, *json_get(ret_result->outcome, "calls")) < 0)
		return error_nomem(error);
	json_array(&complaints, arena);
	expect_check(&test->expect, ret_result->outcome, &complaints);
	ret_result->cost = json_get_real(ret_result->outcome, "cost", 0);
	return json_build_end(&complaints, &ret_result->complaints) < 0
	               ? error_nomem(error)
	               : 0;
}

int
case_file_save(const struct case_file *file, struct heed_error *error)
{
	struct heed_buf buf;
	int r;

	buf_init(&buf, FILE_MAX);
	json_write(&buf, file->recorded, JSON_PRETTY);
	buf_addc(&buf, '\n');
	r = buf_error(&buf) != 0 ? error_set(error, buf_error(&buf),
	                                     "the answers are too large to keep")
	                         : file_write(file->recorded_path, buf_str(&buf), error);
	buf_done(&buf);
	return r;
}
