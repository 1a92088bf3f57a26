/*
 * ask.c - the step that asks a model: attempts, reading, the one repair.
 *
 * flow_ask is a fold over the step's entries. The newest one tells what is next:
 *
 *	none ............................ a first attempt
 *	intended ........................ wait
 *	failed, may pass ................ wait for the delay, then another attempt
 *	failed, final; refusal, length .. the run fails
 *	done, fits the schema ........... the answer
 *	done, does not fit .............. one repair that tells the model why; then the run
 *	                                  fails
 *
 * A reply that is paid for is used again whenever it fits: after a crash, and after a
 * redrive, also with a mended schema; but not when the question has become another one,
 * because the event or the prompt was mended.
 */
#include <string.h>

#include "base/error.h"
#include "config/bind.h"
#include "engine/core.h"
#include "engine/trace.h"
#include "engine/prompt.h"
#include "model/structured.h"

static const char *const models_map[] = {"models", NULL};
static const char *const redact_type[] = {"object", NULL};

const struct option ask_options[] = {
	{.name = "model",
         .kind = OPTION_TEXT,
         .offset = offsetof(struct ask, model),
         .flags = OPTION_REQUIRED | OPTION_NONEMPTY | OPTION_REFERENCE,
         .names = models_map,
         .help = "a name under models:"},
	{.name = "name",
         .kind = OPTION_TEXT,
         .offset = offsetof(struct ask, name),
         .fallback = "answer",
         .help = "what the answer is called towards the provider"},
	{.name = "system",
         .kind = OPTION_TEMPLATE,
         .offset = offsetof(struct ask, system),
         .help = "instructions that go before the prompt"},
	{.name = "prompt",
         .kind = OPTION_TEMPLATE,
         .offset = offsetof(struct ask, prompt),
         .flags = OPTION_REQUIRED,
         .help = "the question; {{ }} holds expressions over .event"},
	{.name = "answer",
         .kind = OPTION_SCHEMA,
         .offset = offsetof(struct ask, answer),
         .help = "JSON Schema (2020-12) of the answer; without it the answer is free "
                 "text"},
	{.name = "max_tokens",
         .kind = OPTION_INT,
         .offset = offsetof(struct ask, max_tokens),
         .fallback = "0",
         .min = 0,
         .max = 1000000,
         .help = "bound on the answer in tokens; 0 for the model's own"},
	{.name = "temperature",
         .kind = OPTION_REAL,
         .offset = offsetof(struct ask, temperature),
         .fallback = "-1",
         .min = -1,
         .max = 2,
         .help = "sampling temperature; -1 for the model's own"},
	{.name = "repair",
         .kind = OPTION_BOOL,
         .offset = offsetof(struct ask, repair),
         .fallback = "true",
         .help = "ask once more, saying what was wrong, when an answer does not fit"},
	{.name = "redact",
         .kind = OPTION_CUSTOM,
         .offset = offsetof(struct ask, redact),
         .bind = bind_redact,
         .names = redact_type,
         .rows = redact_options,
         .help = "what is kept back from the model, beside the configuration's own "
                 "redact"},
	{.name = "retry",
         .kind = OPTION_RECORD,
         .offset = offsetof(struct ask, retry),
         .rows = retry_options,
         .help = "how often and when a failed call is made again"},
	OPTION_ROWS_END,
};

/* The answer in the text of a reply, with what was kept back in its place again; what is
 * wrong with it, in words for a model, without. */
static int
understand(struct run *run, const struct ask *ask, struct heed_json input,
           struct entry *entry, struct heed_str text)
{
	struct structured_report report = {0};
	struct prompt prompt = {.redaction = NULL};
	int r = 0;

	if (prompt_keeps_back(run, ask)) {
		HEED_TRY(prompt_make(run, ask, input, &prompt, NULL));
		r = prompt_restore(run, ask, &prompt, entry, &text);
	}
	if (r == 0)
		r = structured_read(ask->answer, text, &run->arena, &entry->answer,
		                    &report);
	entry->complaint = report.complaint;
	if (r == 0 && ask->check != NULL)
		r = ask->check(ask, entry->answer, &run->arena, &entry->complaint);
	if (r == HEED_E_INVALID && prompt.redaction != NULL &&
	    redaction_text(prompt.redaction, entry->complaint, &entry->complaint) < 0)
		r = HEED_E_NOMEM;
	prompt_done(&prompt);
	return r;
}

static int
read_reply(struct run *run, const struct ask *ask, struct heed_json input,
           struct entry *entry)
{
	struct model_reply reply = {0};
	struct heed_json record;
	int r;

	r = json_parse(&run->arena, entry->reply, &record, NULL);
	if (r == 0)
		r = model_reply_read(record, &reply);
	if (r < 0) {
		entry->complaint = HEED_STR("the recorded reply could not be read");
		return r;
	}
	entry->question.previous = arena_str(&run->arena, reply.text);
	if (entry->question.previous.data == NULL)
		return HEED_E_NOMEM;
	return understand(run, ask, input, entry, reply.text);
}

/* Is the stored reply an answer to this question? Decided once per entry. HEED_E_INVALID
 * when it is not, HEED_E_NOMEM when that is not known yet. */
static int
reads(struct run *run, const struct ask *ask, struct heed_json input, struct entry *entry)
{
	if (entry->reading == ANSWER_UNREAD) {
		int r = read_reply(run, ask, input, entry);

		if (r == HEED_E_NOMEM)
			return r;
		entry->reading = r == 0 ? ANSWER_FITS : ANSWER_WRONG;
	}
	return entry->reading == ANSWER_FITS ? 0 : HEED_E_INVALID;
}

/* Does the entry ask what would be asked now? HEED_E_NOMEM when that is not known yet. */
static int
asks_the_same(struct run *run, const struct ask *ask, struct heed_json input,
              const struct entry *entry, bool *ret_same)
{
	struct heed_json request;
	struct prompt prompt;
	int r;

	*ret_same = false;
	r = json_parse(&run->arena, entry->request, &request, NULL);
	if (r == 0)
		r = prompt_make(run, ask, input, &prompt, NULL);
	if (r < 0)
		return r == HEED_E_NOMEM ? r : 0;
	*ret_same = str_eq(json_get_text(request, "system"), prompt.system) &&
	            str_eq(json_get_text(request, "prompt"), prompt.text);
	prompt_done(&prompt);
	return 0;
}

/* The last mark of the step, or NULL. */
static const struct entry *
last_mark(const struct run *run, struct heed_str step)
{
	const struct entry *entry;
	const struct entry *mark = NULL;

	TAILQ_FOREACH (entry, &run->entries, link)
		if (journal_marks(entry, step))
			mark = entry;
	return mark;
}

/* What is committed as the intent: what will leave the process. */
static int
write_request(struct run *run, struct entry *entry)
{
	struct json_build build;
	struct heed_json request;

	json_object(&build, &run->arena);
	if (entry->question.system.len > 0)
		json_set_cstr(&build, "system", json_str(entry->question.system));
	json_set_cstr(&build, "prompt", json_str(entry->question.prompt));
	if (entry->question.complaint.len > 0)
		json_set_cstr(&build, "complaint", json_str(entry->question.complaint));
	HEED_TRY(json_build_end(&build, &request));
	entry->request = json_text_of(&run->arena, request);
	return entry->request.data == NULL ? HEED_E_NOMEM : 0;
}

/* Add an attempt; `wrong` is the answer to repair, or NULL. */
static int
attempt(struct run *run, struct heed_str step, const struct ask *ask,
        struct heed_json input, const struct entry *wrong, int n)
{
	struct heed_error error;
	struct model_question question = {
		.name = ask->name,
		.schema =
			ask->answer != NULL ? schema_document(ask->answer) : json_null(),
		.max_tokens = ask->max_tokens,
		.temperature = ask->temperature,
	};
	struct prompt prompt;
	struct entry *entry;
	int r;

	r = prompt_make(run, ask, input, &prompt, &error);
	if (r == 0 && wrong != NULL) {
		question.complaint = wrong->complaint;
		r = prompt_clean(&prompt, wrong->question.previous, &question.previous,
		                 &error);
	}
	if (r < 0) {
		error_prefix(&error, "the prompt of step %.*s", STR_ARG(step));
		return flow_fail(run, r, "prompt", &error);
	}
	question.system = prompt.system;
	question.prompt = prompt.text;
	question.input = prompt.input;
	prompt_done(&prompt);
	entry = journal_add(run, ENTRY_ASK, step);
	if (entry == NULL)
		return HEED_E_NOMEM;
	entry->attempt = n;
	entry->ask = ask;
	question.trace = trace_out(run, step, n);
	entry->question = question;
	entry->todo = true;
	HEED_TRY(write_request(run, entry));
	return HEED_WAIT;
}

/* What was wrong, for people: the faults out of what the model was told. */
static struct heed_str
faults_of(struct run *run, struct heed_str complaint)
{
	struct heed_str rest = complaint;
	struct heed_str faults = {NULL, 0};

	while (rest.len > 0) {
		struct heed_str line = str_cut(&rest, '\n');

		if (str_starts(line, "- "))
			faults = arena_printf(&run->arena, "%.*s%s%.*s", STR_ARG(faults),
			                      faults.len > 0 ? "; " : "",
			                      STR_ARG(str_from(line, 2)));
	}
	return faults.len > 0 ? faults : complaint;
}

static int
fail_invalid(struct run *run, struct heed_str step, const struct entry *wrong)
{
	struct heed_error error;

	(void)error_set(&error, HEED_E_INVALID,
	                "the answer of step %.*s does not fit: %.*s", STR_ARG(step),
	                STR_ARG(faults_of(run, wrong->complaint)));
	return flow_fail(run, HEED_E_INVALID, "validation", &error);
}

static int
fail_final(struct run *run, struct heed_str step, const struct entry *failed)
{
	char class[32];
	struct heed_error error;
	struct heed_str name = str_head(failed->class, sizeof(class) - 1);

	memcpy(class, name.data != NULL ? name.data : "", name.len);
	class[name.len] = '\0';
	(void)error_set(&error, failed->code, "step %.*s: %.*s", STR_ARG(step),
	                STR_ARG(failed->detail));
	return flow_fail(run, failed->code, class, &error);
}

/* What the journal says about a step. */
struct fold {
	struct entry *last;   /* attempt since the last mark */
	struct entry *wrong;  /* answer since then that does not fit */
	int failures, wrongs; /* since then */
	int attempts;
};

/* Zero with the answer, HEED_E_NOTFOUND when there is none yet, HEED_E_NOMEM. */
static int
fold_entries(struct run *run, struct heed_str step, const struct ask *ask,
             struct heed_json input, struct fold *fold, struct heed_json *ret_answer)
{
	const struct entry *mark = last_mark(run, step);
	struct entry *entry;
	bool same;
	int r;

	TAILQ_FOREACH (entry, &run->entries, link) {
		if (journal_marks(entry, step))
			*fold = (struct fold){.attempts = fold->attempts};
		if (!str_eq(entry->step, step) || entry->kind != ENTRY_ASK)
			continue;
		fold->attempts++;
		fold->last = entry;
		fold->failures += entry->state == ENTRY_FAILED;
		if (entry->state != ENTRY_DONE)
			continue;
		r = reads(run, ask, input, entry);
		if (r == 0 && mark != NULL && entry->n < mark->n) {
			HEED_TRY(asks_the_same(run, ask, input, entry, &same));
			r = same ? 0 : HEED_E_INVALID;
		}
		if (r == 0) {
			*ret_answer = entry->answer;
			return 0;
		}
		if (r != HEED_E_INVALID)
			return r;
		fold->wrong = entry;
		fold->wrongs++;
	}
	return HEED_E_NOTFOUND;
}

int
flow_ask(struct run *run, struct heed_str step, const struct ask *ask,
         struct heed_json input, struct heed_json *ret_answer)
{
	struct fold fold = {0};
	int r;

	run->at_step = step;
	r = fold_entries(run, step, ask, input, &fold, ret_answer);
	if (r != HEED_E_NOTFOUND)
		return r;
	if (fold.last != NULL && fold.last->state == ENTRY_INTENDED)
		return HEED_WAIT;
	if (fold.last != NULL && fold.last->state == ENTRY_FAILED) {
		r = retry_decide(run, fold.last, &ask->retry, fold.failures);
		if (r != 0)
			return r < 0 ? fail_final(run, step, fold.last) : r;
	}
	if (fold.last == NULL && run->stop.code != 0)
		return flow_stopped(run, step);
	if (fold.wrongs > (ask->repair ? 1 : 0))
		return fail_invalid(run, step, fold.wrong);
	return attempt(run, step, ask, input, fold.wrong, fold.attempts + 1);
}

static struct heed_str
hash_text(struct run *run, struct heed_str text)
{
	unsigned char digest[ID_DIGEST_SIZE];
	struct heed_str hex;
	struct heed_buf buf;

	id_sha256(text, digest);
	buf_init(&buf, 0);
	buf_add_hex(&buf, digest, 16);
	hex = arena_str(&run->arena, buf_str(&buf));
	buf_done(&buf);
	return hex;
}

int
flow_asked(struct run *run, struct heed_str step, struct asked *ret_asked)
{
	const struct entry *answer = NULL;
	const struct entry *entry;
	struct asked asked = {.cost_nano = 0};

	TAILQ_FOREACH (entry, &run->entries, link) {
		if (entry->kind != ENTRY_ASK || !str_eq(entry->step, step))
			continue;
		asked.input_tokens += entry->usage.input;
		asked.output_tokens += entry->usage.output;
		asked.cost_nano += entry->cost_nano;
		if (entry->reading == ANSWER_FITS)
			answer = entry;
		else if (entry->reading == ANSWER_WRONG)
			asked.complaint = entry->complaint;
	}
	if (answer != NULL) {
		asked.model = answer->model;
		asked.prompt_hash = hash_text(run, answer->request);
		asked.answer_hash = hash_text(run, answer->question.previous);
		if (asked.prompt_hash.data == NULL || asked.answer_hash.data == NULL)
			return HEED_E_NOMEM;
	}
	*ret_asked = asked;
	return 0;
}

/* ---- performing -------------------------------------------------------------------- */

static void
admitted(void *arg)
{
	struct entry *entry = arg;
	const struct model *other = ticket_model(entry->ticket);
	struct heed_error error;

	if (spend_reserve(entry, &other, &error) == 0) {
		entry->dirty = true;
		run_commit(entry->run);
	} else { /* a budget says no by now: begin again with asking it */
		run_advance(entry->run);
	}
}

/* Leave from the budgets to ask a model, its turn, and then the money. */
static int
admit(struct entry *entry, const struct model *model, struct heed_error *error)
{
	struct engine *engine = entry->run->engine;
	int r;

	entry->hops = 0;
	entry->refusal.account = NULL;
	do {
		r = spend_choose(entry, &model, error);
		if (r == 0)
			r = gateway_admit(engine->options.gateway, model,
			                  &entry->question, admitted, entry,
			                  &entry->ticket, error);
		if (r == 0)
			r = spend_reserve(entry, &model, error);
	} while (r == SPEND_OTHER);
	return r;
}

/* What the question may cost at most, whoever of the fallbacks answers it. */
static int64_t
cost_at_most(const struct entry *entry, const struct model *model)
{
	int64_t now = loop_wall_us(entry->run->engine->loop);
	int64_t most = 0;

	for (; model != NULL; model = model->next) {
		int64_t cost = model_cost_max(model, &entry->question, now);

		most = cost > most ? cost : most;
	}
	return most;
}

/* May the question be asked within what its run may spend? What is under way, or was cut
 * off, counts with what it may cost at most. */
static int
check_cost(const struct entry *entry, const struct model *model, struct heed_error *error)
{
	const struct run *run = entry->run;
	int64_t bound = run->definition->cost_max_nano;
	const struct entry *other;
	int64_t spent;

	if (bound == 0)
		return 0;
	spent = cost_at_most(entry, model);
	TAILQ_FOREACH (other, &run->entries, link) {
		if (other->kind == ENTRY_ASK && other != entry)
			spent += other->cost_nano + other->reserved_nano;
	}
	if (spent <= bound)
		return 0;
	return error_set(
		error, HEED_E_LIMIT,
		"it could bring the run's cost to $%.6f, above its bound of $%.6f",
		(double)spent / 1e9, (double)bound / 1e9);
}

int
ask_admit(struct entry *entry)
{
	struct engine *engine = entry->run->engine;
	const struct model *model =
		engine->options.model(engine->options.arg, entry->ask->model);
	struct heed_error error = {0};
	int r;

	if (model == NULL)
		r = error_set(&error, HEED_E_PERMANENT,
		              "there is no model \"%.*s\" any more",
		              STR_ARG(entry->ask->model));
	else if ((r = check_cost(entry, model, &error)) == 0)
		r = admit(entry, model, &error);
	if (r >= 0) {
		entry->dirty = r == 0; /* not before it may be asked */
		return r;
	}
	entry->state = ENTRY_FAILED;
	entry->todo = false;
	entry->dirty = true;
	entry->code = r;
	entry->class = r == HEED_E_LIMIT ? HEED_STR("budget")
	                                 : str_of(retry_class(r) ? "busy" : "permanent");
	entry->detail = arena_str(&entry->run->arena, str_of(error.text));
	entry->run->advance = true;
	return r;
}

static void
replied(void *arg, const struct model_reply *reply)
{
	struct entry *entry = arg;
	struct run *run = entry->run;
	struct heed_json record;

	entry->ticket = NULL;
	entry->state = reply->code == 0 ? ENTRY_DONE : ENTRY_FAILED;
	entry->code = reply->code;
	entry->class = str_of(reply->code != 0 ? model_class_name(reply->class)
	                      : reply->cached  ? "cached"
	                      : reply->shared  ? "shared"
	                                       : NULL);
	spend_settle(entry, reply);
	entry->retry_after_ms = reply->retry_after_ms;
	entry->detail = arena_str(&run->arena, reply->message);
	if (reply->model.len > 0)
		entry->model = arena_str(&run->arena, reply->model);
	if (model_reply_write(reply, &run->arena, &record) == 0)
		entry->reply = json_text_of(&run->arena, record);
	if (entry->reply.data == NULL) { /* paid for and lost, which is counted */
		entry->state = ENTRY_FAILED;
		entry->code = HEED_E_NOMEM;
		entry->class = HEED_STR("lost");
		entry->detail = HEED_STR("no memory for the reply");
	}
	run_fact(run, entry);
}

void
ask_perform(struct entry *entry)
{
	gateway_call(entry->ticket, &entry->question, replied, entry);
}

void
ask_cancel(struct entry *entry)
{
	if (entry->ticket == NULL)
		return;
	gateway_cancel(entry->ticket);
	entry->ticket = NULL;
	spend_drop(entry);
}

void
ask_give_up(struct run *run)
{
	struct entry *entry;

	TAILQ_FOREACH (entry, &run->entries, link) {
		if (entry->kind != ENTRY_ASK || entry->state != ENTRY_INTENDED)
			continue;
		ask_cancel(entry);
		entry->todo = false;
		entry->dirty = entry->stored || entry->writing;
		entry->state = ENTRY_FAILED;
		entry->class = HEED_STR("cut_off");
		entry->detail = HEED_STR("the run ended before the reply came");
		entry->ended_us = loop_wall_us(run->engine->loop);
	}
}
