/*
 * price.c - what calls cost: which price holds, exact arithmetic, what to reserve.
 *
 * Amounts are nano US dollars for a million tokens, so that a list price with six
 * decimals is a whole number. Rounding happens once, for the sum of a call, to the
 * nearest nano-dollar.
 */
#include "model/price.h"

#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/str.h"
#include "model/codec.h"

#define MILLION 1000000
#define TOKENS_MAX 100000000000 /* keeps products within 64 bits; far above any call */
#define RATE_MAX 9000000000000  /* 9,000 dollars for a million tokens: the rows' bound */

/* Providers put text of their own around a question (the frames of turns, of tools and of
 * schemas; about 350 tokens with a forced tool). */
#define BOUND_EXTRA_TOKENS 600

/* ---- which price ------------------------------------------------------------------- */

/* Gateways put the vendor in front. */
static struct heed_str
without_vendor(struct heed_str name)
{
	for (size_t slash = str_find(name, '/'); slash < name.len;
	     slash = str_find(name, '/'))
		name = str_from(name, slash + 1);
	return name;
}

bool
price_names(struct heed_str name, const struct price_row *row)
{
	struct heed_str rest;

	name = without_vendor(name);
	if (!str_starts(name, row->name))
		return false;
	rest = str_from(name, strlen(row->name));
	if (rest.len == 0 || str_is(rest, "-latest"))
		return true;
	return rest.len >= 9 && (rest.data[0] == '-' || rest.data[0] == '@') &&
	       rest.data[1] == '2' && rest.data[2] == '0';
}

/* Of two rows that hold, the later day counts, then the longer prompt. */
static bool
is_better(const struct price_row *row, const struct price_row *best)
{
	int later = best == NULL ? 1 : strcmp(row->since, best->since);

	return later > 0 || (later == 0 && row->above >= best->above);
}

const struct price_row *
price_find(struct heed_str name, int64_t input, int64_t at_us)
{
	char place[CLOCK_TEXT_SIZE];
	const char *today = clock_text(place, at_us).data;
	const struct price_row *best = NULL;

	name = without_vendor(name);
	for (size_t i = 0; i < price_list_n && name.len > 0; i++) {
		const struct price_row *row = &price_list[i];

		if (row->name[0] == name.data[0] &&
		    (row->above == 0 || input > row->above) &&
		    (at_us == 0 || strncmp(row->since, today, strlen(row->since)) <= 0) &&
		    is_better(row, best) && price_names(name, row))
			best = row;
	}
	return best;
}

const struct model_price *
price_of(const struct model *model, struct heed_str answered_by, int64_t input,
         int64_t at_us)
{
	static const struct model_price nothing = {.set = true};
	const struct price_row *row;

	if (model->price.set)
		return &model->price;
	if (model_kinds[model->provider]->answer != NULL)
		return &nothing;
	row = price_find(answered_by, input, at_us);
	if (row == NULL)
		row = price_find(model_label(model), input, at_us);
	return row != NULL ? &row->price : NULL;
}

bool
model_price_known(const struct model *model)
{
	return price_of(model, (struct heed_str){NULL, 0}, 0, 0) != NULL;
}

/* ---- what it costs ----------------------------------------------------------------- */

static int64_t
clamp(int64_t value, int64_t max)
{
	return value < 0 ? 0 : value > max ? max : value;
}

/* Add tokens * rate / MILLION to whole nano-dollars and a rest in millionths of one. */
static void
add_cost(int64_t tokens, int64_t rate, int64_t *whole, int64_t *rest)
{
	int64_t part;

	tokens = clamp(tokens, TOKENS_MAX);
	rate = clamp(rate, RATE_MAX);
	part = tokens % MILLION * rate;
	*whole += tokens / MILLION * rate + part / MILLION;
	*rest += part % MILLION;
}

static int64_t
cost_at(const struct model_price *price, const struct model_usage *usage)
{
	int64_t input = clamp(usage->input, TOKENS_MAX);
	int64_t cached = clamp(usage->cached_input, input);
	int64_t written = clamp(usage->cache_write, input - cached);
	int64_t reasoning = clamp(usage->reasoning, clamp(usage->output, TOKENS_MAX));
	int64_t whole = 0, rest = 0;

	add_cost(input - cached - written, price->input, &whole, &rest);
	add_cost(cached, price->cached_input, &whole, &rest);
	add_cost(written, price->cache_write, &whole, &rest);
	add_cost(usage->output - reasoning, price->output, &whole, &rest);
	add_cost(reasoning, price->reasoning, &whole, &rest);
	return whole + (rest + MILLION / 2) / MILLION;
}

int64_t
model_cost(const struct model *model, struct heed_str answered_by,
           const struct model_usage *usage, int64_t at_us, bool *ret_known)
{
	const struct model_price *price =
		price_of(model, answered_by, usage->input, at_us);

	if (ret_known != NULL)
		*ret_known = price != NULL;
	return price != NULL ? cost_at(price, usage) : 0;
}

int64_t
model_tokens_estimate(size_t bytes)
{
	return (int64_t)(bytes / 3 + (bytes % 3 != 0));
}

/* The bytes that a value takes as JSON text, about. */
static size_t
json_bytes(struct heed_json value, int depth)
{
	size_t sum = 2;

	if (depth > JSON_DEPTH_MAX)
		return sum;
	switch (value.kind) {
	case HEED_STRING:
		return value.len + 2u;
	case HEED_ARRAY:
		for (uint32_t i = 0; i < value.len; i++)
			sum += json_bytes(value.items[i], depth + 1) + 1;
		return sum;
	case HEED_OBJECT:
		for (uint32_t i = 0; i < value.len; i++)
			sum += value.members[i].name.len + 4 +
			       json_bytes(value.members[i].value, depth + 1);
		return sum;
	default:
		return 8;
	}
}

/* The bytes of all that is asked. */
static size_t
question_bytes(const struct model *model, const struct model_question *question)
{
	return model->system.len + question->system.len + question->prompt.len +
	       question->previous.len + question->complaint.len + prompt_frame_len();
}

static size_t
schema_bytes(const struct model_question *question)
{
	return question->schema.kind != HEED_NULL ? json_bytes(question->schema, 0) : 0;
}

int64_t
model_question_tokens(const struct model *model, const struct model_question *question,
                      int64_t *ret_input, int64_t *ret_output)
{
	size_t bytes = question_bytes(model, question) + schema_bytes(question);
	int64_t input, output;

	input = model_tokens_estimate(bytes) + 16;
	output = question->max_tokens > 0 ? question->max_tokens : model->max_tokens;
	if (ret_input != NULL)
		*ret_input = input;
	if (ret_output != NULL)
		*ret_output = output;
	return input + output;
}

/* Tokens that the answer may take; `extra` may say otherwise than the options. */
static int64_t
output_bound(const struct model *model, const struct model_question *question)
{
	int64_t output =
		question->max_tokens > 0 ? question->max_tokens : model->max_tokens;
	int64_t choices = json_get_int(model->extra, "n", 1);

	output = json_get_int(model->extra, "max_tokens", output);
	output = json_get_int(model->extra, "max_completion_tokens", output);
	return clamp(output, TOKENS_MAX / 1000) * (clamp(choices - 1, 999) + 1);
}

int64_t
model_cost_max(const struct model *model, const struct model_question *question,
               int64_t at_us)
{
	struct heed_str none = {NULL, 0};
	struct model_usage usage = {0};
	const struct model_price *price;
	int64_t most = 0;

	/* A token is at least one byte. The schema may be sent twice: as a form, and
	 * written out in the prompt. */
	usage.input = (int64_t)(question_bytes(model, question) +
	                        2 * schema_bytes(question) + json_bytes(model->extra, 0));
	usage.input += BOUND_EXTRA_TOKENS;
	usage.output = output_bound(model, question);
	price = price_of(model, none, usage.input, at_us);
	/* All of the prompt written to the cache, all of the answer thought: whichever is
	 * dearer. */
	for (int i = 0; i < 4 && price != NULL; i++) {
		int64_t cost;

		usage.cache_write = i % 2 != 0 ? usage.input : 0;
		usage.reasoning = i / 2 != 0 ? usage.output : 0;
		cost = cost_at(price, &usage);
		if (cost > most)
			most = cost;
	}
	return most;
}
