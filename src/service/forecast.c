/*
 * forecast.c - see forecast.h.
 */
#include "service/forecast.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "model/price.h"
#include "service/rehearsal.h"

#define DAY_US INT64_C(86400000000)
#define RUNS_MAX 1000    /* recorded ones looked at, the newest */
#define JOURNALS_MAX 200 /* of those, whose prompts are measured */
/* Without records: bytes a token of a prompt takes, and answers when they are short. */
#define BYTES_LOW 5.0
#define BYTES 4.0
#define BYTES_HIGH 3.0
#define ANSWER_LEAST 16
#define ANSWER_TEXT 256 /* of free text */
/* With records: how far a prompt's tokens may be off. */
#define SPREAD 0.1

/* What was recorded of a definition. */
struct past {
	int64_t runs, calls; /* that asked; their calls */
	int64_t prompt_bytes, prompt_tokens;
	int64_t outputs[RUNS_MAX]; /* tokens of a call */
	size_t n_outputs;
};

struct tried {
	struct heed_str type; /* of the event */
	struct heed_json event;
};

struct work {
	const struct forecast_options *options;
	struct arena *arena;
	struct heed_error *error;
	struct forecast *forecast;
	struct tried *events;
	int64_t seen, first_us, last_us;
	int64_t now_us;
	/* of one definition */
	const struct definition *definition;
	struct past past;
	const struct tried *event;
	bool asked; /* the event led to a question */
};

/* ---- the events -------------------------------------------------------------------- */

static int
count_event(void *arg, const struct store_event *event)
{
	struct work *work = arg;

	if (work->seen++ == 0)
		work->first_us = event->received_us;
	work->last_us = event->received_us;
	return 0;
}

/* Every so many-th, so that `limit` are spread over all. */
static int
keep_event(void *arg, const struct store_event *event)
{
	struct work *work = arg;
	struct forecast *forecast = work->forecast;
	int64_t wanted = forecast->n_events < work->options->limit ? forecast->n_events
	                                                           : work->options->limit;
	struct tried *tried = &work->events[forecast->n_tried];
	int64_t place = work->seen++;

	if (place * wanted / forecast->n_events ==
	            (place - 1) * wanted / forecast->n_events &&
	    place > 0)
		return 0;
	if (forecast->n_tried >= wanted)
		return 1;
	tried->type = arena_str(work->arena, event->type);
	if (tried->type.data == NULL)
		return error_nomem(work->error);
	HEED_TRY(json_parse(work->arena, event->body, &tried->event, work->error));
	forecast->n_tried++;
	return 0;
}

static int
read_events(struct work *work)
{
	const struct forecast_options *options = work->options;
	struct forecast *forecast = work->forecast;
	struct store_filter filter = {.since_us = options->since_us,
	                              .until_us = options->until_us};
	int64_t end = options->until_us > 0 ? options->until_us : work->now_us;
	int r;

	HEED_TRY(store_read_events(options->recorded, &filter, count_event, work,
	                           work->error));
	forecast->n_events = work->seen;
	forecast->days =
		work->seen == 0 ? 1 : (double)(end - work->first_us) / (double)DAY_US;
	if (forecast->days < 1)
		forecast->days = 1;
	work->seen = 0;
	work->events = ARENA_ARRAY(work->arena, struct tried, (size_t)options->limit + 1);
	if (work->events == NULL)
		return error_nomem(work->error);
	if (forecast->n_events == 0)
		return 0;
	r = store_read_events(options->recorded, &filter, keep_event, work, work->error);
	return r < 0 ? r : 0;
}

/* ---- the past ---------------------------------------------------------------------- */

static int
measure_entry(void *arg, const struct store_entry *entry)
{
	struct work *work = arg;
	struct heed_json request;
	struct arena scratch;

	if (entry->kind != ENTRY_ASK || entry->state != ENTRY_DONE || entry->input == 0)
		return 0;
	arena_init(&scratch, 0);
	if (json_parse(&scratch, entry->request, &request, NULL) == 0 &&
	    json_get(request, "complaint") == NULL) {
		work->past.prompt_bytes +=
			(int64_t)(json_get_text(request, "system").len +
		                  json_get_text(request, "prompt").len);
		work->past.prompt_tokens += entry->input;
	}
	arena_done(&scratch);
	return 0;
}

static int
measure_run(void *arg, const struct store_run *run, const struct store_event *event)
{
	struct work *work = arg;
	struct past *past = &work->past;

	(void)event;
	if (run->calls == 0 || !str_is(run->flow, work->definition->kind->name))
		return 0;
	past->runs++;
	past->calls += run->calls;
	if (run->tokens_out > 0)
		past->outputs[past->n_outputs++] = run->tokens_out / run->calls;
	if (past->runs > JOURNALS_MAX)
		return past->n_outputs == RUNS_MAX;
	return store_read_journal(work->options->recorded, run->id, measure_entry, work,
	                          work->error);
}

static int
compare_numbers(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static int
read_past(struct work *work)
{
	struct store_filter filter = {
		.name = work->definition->name, .newest = true, .limit = 4 * RUNS_MAX};
	int r;

	work->past = (struct past){.runs = 0};
	r = store_read_runs(work->options->recorded, &filter, measure_run, work,
	                    work->error);
	if (work->past.n_outputs > 0)
		qsort(work->past.outputs, work->past.n_outputs, sizeof(int64_t),
		      compare_numbers);
	return r < 0 ? r : 0;
}

/* ---- a question, weighed ----------------------------------------------------------- */

struct weight {
	double low, is, high;
};

static struct weight
input_of(const struct past *past, const struct model *model,
         const struct model_question *question)
{
	double bytes = (double)(question->system.len + question->prompt.len);
	int64_t tokens;

	if (past->prompt_tokens > 0 && past->prompt_bytes > 0) {
		double likely =
			bytes * (double)past->prompt_tokens / (double)past->prompt_bytes;

		return (struct weight){likely * (1 - SPREAD), likely,
		                       likely * (1 + SPREAD)};
	}
	(void)model_question_tokens(model, question, &tokens, NULL);
	bytes = (double)tokens * BYTES_HIGH;
	return (struct weight){bytes / BYTES_LOW, bytes / BYTES, bytes / BYTES_HIGH};
}

static double
at_most(double value, double bound)
{
	return value < bound ? value : bound;
}

/* The length of an answer that nobody has seen: half the tokens of its schema. */
static double
guess_output(const struct model_question *question, struct arena *arena)
{
	double guess = ANSWER_TEXT;

	if (question->schema.kind != HEED_NULL)
		guess = (double)json_text_of(arena, question->schema).len / BYTES / 2;
	return guess > ANSWER_LEAST ? guess : ANSWER_LEAST;
}

static struct weight
output_of(const struct past *past, const struct model *model,
          const struct model_question *question, struct arena *arena)
{
	double bound = (double)(question->max_tokens > 0 ? question->max_tokens
	                                                 : model->max_tokens);
	double sum = 0;
	size_t i;

	if (past->n_outputs > 0) {
		size_t low = past->n_outputs / 10;
		size_t high = past->n_outputs * 9 / 10;

		for (i = 0; i < past->n_outputs; i++)
			sum += (double)past->outputs[i];
		return (struct weight){at_most((double)past->outputs[low], bound),
		                       at_most(sum / (double)past->n_outputs, bound),
		                       at_most((double)past->outputs[high], bound)};
	}
	return (struct weight){at_most(ANSWER_LEAST, bound),
	                       at_most(guess_output(question, arena), bound), bound};
}

static int64_t
cost_of(const struct work *work, const struct model *model, double input, double output,
        bool *ret_known)
{
	struct heed_str none = {NULL, 0};
	struct model_usage usage = {.input = (int64_t)(input + 0.5),
	                            .output = (int64_t)(output + 0.5)};

	return model_cost(model, none, &usage, work->now_us, ret_known);
}

static struct forecast_row *
row_of(struct work *work, const struct model *model)
{
	struct forecast *forecast = work->forecast;
	const struct definition *definition = work->definition;
	struct forecast_row *row;
	size_t i;

	for (i = forecast->n; i-- > 0;) {
		row = &forecast->rows[i];
		if (str_eq(row->name, definition->name) &&
		    str_is(row->flow, definition->kind->name) &&
		    str_eq(row->model, model->name) &&
		    str_eq(row->type, work->event->type))
			return row;
	}
	if (mem_grow((void **)&forecast->rows, &forecast->cap, forecast->n + 1,
	             sizeof(*row)) < 0)
		return NULL;
	row = &forecast->rows[forecast->n++];
	*row = (struct forecast_row){.flow = str_of(definition->kind->name),
	                             .name = definition->name,
	                             .model = model->name,
	                             .type = work->event->type,
	                             .recorded = work->past.n_outputs > 0,
	                             .price_known = true};
	return row;
}

/* How many calls, tokens and dollars of a day this question stands for. */
static void
add_question(struct work *work, struct forecast_row *row, const struct model *model,
             const struct model_question *question, struct arena *arena)
{
	const struct past *past = &work->past;
	struct weight input = input_of(past, model, question);
	struct weight output = output_of(past, model, question, arena);
	double events = (double)work->forecast->n_events /
	                (double)work->forecast->n_tried / work->forecast->days;
	double calls = past->runs > 0 ? (double)past->calls / (double)past->runs : 1;
	double times = events * calls;
	const struct model_price *price;
	int64_t nano = cost_of(work, model, input.is, output.is, &row->price_known);

	price = price_of(model, (struct heed_str){NULL, 0}, (int64_t)input.is,
	                 work->now_us);
	row->events += work->asked ? 0 : events;
	row->calls += times;
	row->input += times * input.is;
	row->output += times * output.is;
	row->cost.nano += (int64_t)(times * (double)nano);
	row->cost.batch_nano +=
		(int64_t)(times * (double)nano * (price != NULL ? price->batch : 0));
	row->cost.low_nano += (int64_t)(times * (double)cost_of(work, model, input.low,
	                                                        output.low, NULL));
	row->cost.high_nano += (int64_t)(times * (double)cost_of(work, model, input.high,
	                                                         output.high, NULL));
	row->cost.at_most_nano +=
		(int64_t)(times * (double)model_cost_max(model, question, work->now_us));
}

/* The rehearsal's stand-in for models: it weighs, and answers with a refusal, which ends
 * the run. */
static bool
weigh(void *arg, const struct model *model, const struct model_question *question,
      struct arena *arena, struct model_reply *reply)
{
	struct work *work = arg;
	struct forecast_row *row = row_of(work, model);

	if (row != NULL)
		add_question(work, row, model, question, arena);
	work->asked = true;
	reply->class = MODEL_REFUSAL;
	reply->code = HEED_E_REFUSED;
	reply->retry_after_ms = -1;
	reply->message = HEED_STR("weighed only");
	return true;
}

static int
rehearse(struct work *work)
{
	struct rehearsal_script script = {.answer = weigh,
	                                  .arg = work,
	                                  .alone = true,
	                                  .only = work->definition->name,
	                                  .flow = str_of(work->definition->kind->name)};
	struct rehearsal *rehearsal = NULL;
	int r = rehearsal_new(work->options->app, &script, &rehearsal, work->error);
	int64_t i;

	for (i = 0; i < work->forecast->n_tried && r == 0; i++) {
		work->event = &work->events[i];
		work->asked = false;
		r = rehearsal_send(rehearsal, work->event->event, work->error);
		if (r == 0)
			rehearsal_settle(rehearsal, 0);
	}
	rehearsal_free(rehearsal);
	return r;
}

/* ---- all of it --------------------------------------------------------------------- */

static int
dearest_first(const void *a, const void *b)
{
	const struct forecast_row *x = a, *y = b;

	if (x->cost.nano != y->cost.nano)
		return x->cost.nano > y->cost.nano ? -1 : 1;
	return str_cmp(x->name, y->name);
}

int
forecast_make(const struct forecast_options *options, struct arena *arena,
              struct forecast *ret_forecast, struct heed_error *error)
{
	struct work *work = ARENA_NEW(arena, struct work);
	struct app *app = options->app;
	size_t i;

	*ret_forecast = (struct forecast){.n = 0};
	if (work == NULL)
		return error_nomem(error);
	work->options = options;
	work->arena = arena;
	work->error = error;
	work->forecast = ret_forecast;
	work->now_us = clock_wall_us();
	HEED_TRY(read_events(work));
	for (i = 0; i < app->n_definitions && ret_forecast->n_tried > 0; i++) {
		work->definition = app->definitions[i];
		HEED_TRY(read_past(work));
		HEED_TRY(rehearse(work));
	}
	if (ret_forecast->n > 0)
		qsort(ret_forecast->rows, ret_forecast->n, sizeof(*ret_forecast->rows),
		      dearest_first);
	return 0;
}

void
forecast_done(struct forecast *forecast)
{
	mem_free(forecast->rows);
	*forecast = (struct forecast){.n = 0};
}
