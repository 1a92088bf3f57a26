/*
 * saga_call.c - see saga_call.h.
 */
#include "service/saga_call.h"

#include "base/error.h"
#include "base/json.h"
#include "pattern/sagas.h"
#include "service/local.h"

/* What is answered when it is on disk. */
struct word {
	struct call *call;
	struct heed_json value;
};

static void
told(void *arg, int code)
{
	struct word *word = arg;
	struct heed_error error = {0};

	if (code == 0) {
		call_answer(word->call, 200, word->value);
		return;
	}
	(void)error_set(&error, code, "the saga went away before it could be written");
	call_problem(word->call, &error);
}

/* {"run": N, "did": "approve", name: value} */
static int
describe(struct word *word, int64_t run, const char *did, const char *name,
         struct heed_json value)
{
	struct json_build build;

	json_object(&build, &word->call->exchange->arena);
	json_set_cstr(&build, "run", json_int(run));
	json_set_cstr(&build, "did", json_cstr(did));
	if (name != NULL)
		json_set_cstr(&build, name, value);
	return json_build_end(&build, &word->value);
}

static int
decide(struct word *word, int64_t run, const char *verb, struct heed_error *error)
{
	struct call *call = word->call;
	struct arena *arena = &call->exchange->arena;
	struct heed_str step = json_get_text(call->body, "step");
	static const char *const parts[] = {"by", "reason", "edit"};
	struct heed_json decision;
	struct json_build build;
	size_t i;

	json_object(&build, arena);
	json_set_cstr(&build, "decision", json_cstr(verb));
	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		const struct heed_json *value = json_get(call->body, parts[i]);

		if (value != NULL && value->kind != HEED_NULL)
			json_set_cstr(&build, parts[i], *value);
	}
	if (json_build_end(&build, &decision) < 0)
		return error_nomem(error);
	HEED_TRY(saga_decide(call->service->engine, run, &step, decision, told, word,
	                     error));
	return describe(word, run, verb, "step", json_str(arena_str(arena, step)));
}

static int
approve(struct word *word, int64_t run, struct heed_error *error)
{
	return decide(word, run, "approve", error);
}

static int
reject(struct word *word, int64_t run, struct heed_error *error)
{
	return decide(word, run, "reject", error);
}

static int
cancel(struct word *word, int64_t run, struct heed_error *error)
{
	HEED_TRY(saga_cancel(word->call->service->engine, run, word->call->body, told,
	                     word, error));
	return describe(word, run, "cancel", NULL, json_null());
}

/* ---- retry ------------------------------------------------------------------------- */

static void
redriven(void *arg, int code, int64_t job)
{
	(void)job;
	told(arg, code);
}

struct check {
	enum redrive_verb verb;
	bool found;
	struct heed_error *error;
};

static int
check_row(void *arg, const struct store_run *run, const struct store_event *event)
{
	struct check *check = arg;
	bool unknown = str_is(run->class, "unknown");

	(void)event;
	check->found = true;
	if (run->state != RUN_HELD && run->state != RUN_DEAD)
		return error_set(check->error, HEED_E_CONFLICT, "saga %lld is %s",
		                 (long long)run->id, store_run_state_name(run->state));
	if (check->verb == REDRIVE_RETRY && unknown) {
		(void)error_set(check->error, HEED_E_CONFLICT, "%.*s",
		                STR_ARG(run->text));
		error_hint(check->error, "find out, then say --done or --repeat");
		return HEED_E_CONFLICT;
	}
	if ((check->verb == REDRIVE_REPEAT && !unknown) ||
	    (check->verb == REDRIVE_DONE && !unknown && !str_is(run->class, "stuck")))
		return error_set(check->error, HEED_E_CONFLICT,
		                 "it has nothing of which it is not known whether it "
		                 "happened");
	return 0;
}

static int
retry(struct word *word, int64_t run, struct heed_error *error)
{
	struct service *service = word->call->service;
	struct heed_str how = json_get_text(word->call->body, "how");
	struct store_filter filter = {.flow = HEED_STR("saga"), .run_id = run};
	struct redrive what = {.runs = &run, .n_runs = 1};
	struct check check = {.error = error};

	what.verb = str_is(how, "done")     ? REDRIVE_DONE
	            : str_is(how, "repeat") ? REDRIVE_REPEAT
	                                    : REDRIVE_RETRY;
	check.verb = what.verb;
	HEED_TRY(store_read_runs(service->store, &filter, check_row, &check, error));
	if (!check.found)
		return error_set(error, HEED_E_NOTFOUND, "there is no saga %lld",
		                 (long long)run);
	HEED_TRY(describe(word, run, "retry", NULL, json_null()));
	return engine_redrive(service->engine, &what, 1, redriven, word, error);
}

/* ---- fork -------------------------------------------------------------------------- */

static int
fork_saga(struct word *word, int64_t run, struct heed_error *error)
{
	struct service *service = word->call->service;
	struct heed_json body = word->call->body;
	int64_t new_run = 0;

	HEED_TRY(saga_fork(service->engine, service->store, run,
	                   json_get_text(body, "from"), json_get_text(body, "patch"),
	                   told, word, &new_run, error));
	return describe(word, run, "fork", "new_run", json_int(new_run));
}

static const struct {
	const char *name;
	int (*fn)(struct word *word, int64_t run, struct heed_error *error);
} verbs[] = {
	{"approve", approve}, {"reject", reject},  {"cancel", cancel},
	{"retry", retry},     {"fork", fork_saga},
};

int
saga_call(struct call *call, struct heed_error *error)
{
	struct heed_str verb = call->rest;
	struct heed_str id = str_cut(&verb, '/');
	struct word *word = ARENA_NEW(&call->exchange->arena, struct word);
	int64_t run;
	size_t i;

	if (word == NULL)
		return error_nomem(error);
	word->call = call;
	if (str_to_i64(id, &run) < 0 || run < 1)
		return error_set(error, HEED_E_INVALID, "\"%.*s\" is no saga's number",
		                 STR_ARG(id));
	for (i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (str_is(verb, verbs[i].name))
			return verbs[i].fn(word, run, error);
	return error_set(error, HEED_E_NOTFOUND, "a saga has no \"%.*s\"", STR_ARG(verb));
}
