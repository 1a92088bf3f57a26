/*
 * price.c - what calls cost: the built-in list prices and exact arithmetic.
 *
 * The table is data with a date; `price:` in the configuration goes before it. Amounts
 * are nano US dollars for a million tokens, so that a list price with six decimals is a
 * whole number. Rounding happens once, for the sum of a call.
 */
#include <string.h>

#include "base/json.h"
#include "base/str.h"
#include "model/codec.h"

#define USD(dollars) ((int64_t)((dollars)*1000000 + 0.5) * 1000)
#define MILLION 1000000
#define TOKENS_MAX 100000000000 /* keeps products within 64 bits; far above any call */
#define RATE_MAX 9000000000000  /* 9,000 dollars for a million tokens: the rows' bound */

struct price_row {
	const char *name;
	int64_t above; /* total input tokens; the row with the highest that is passed
	                  counts */
	struct model_price price;
};

#define ROW(name, above, in, cached, write, out)                                         \
	{                                                                                \
		name, above,                                                             \
		{                                                                        \
			true, USD(in), USD(cached), USD(write), USD(out)                 \
		}                                                                        \
	}

/* List prices of October 2026, US dollars for a million tokens: input, cached input,
 * cache write, output. Providers without a fee for writing charge the input price. */
static const struct price_row prices[] = {
	ROW("gpt-4o", 0, 2.50, 1.25, 2.50, 10.00),
	ROW("gpt-4o-mini", 0, 0.15, 0.075, 0.15, 0.60),
	ROW("gpt-4.1", 0, 2.00, 0.50, 2.00, 8.00),
	ROW("gpt-4.1-mini", 0, 0.40, 0.10, 0.40, 1.60),
	ROW("gpt-4.1-nano", 0, 0.10, 0.025, 0.10, 0.40),
	ROW("gpt-5", 0, 1.25, 0.125, 1.25, 10.00),
	ROW("gpt-5-mini", 0, 0.25, 0.025, 0.25, 2.00),
	ROW("gpt-5-nano", 0, 0.05, 0.005, 0.05, 0.40),
	ROW("gpt-5.1", 0, 1.25, 0.125, 1.25, 10.00),
	ROW("gpt-5.2", 0, 1.75, 0.175, 1.75, 14.00),
	ROW("gpt-5.4", 0, 2.50, 0.25, 2.50, 15.00),
	ROW("gpt-5.4", 272000, 5.00, 0.50, 5.00, 22.50),
	ROW("gpt-5.4-mini", 0, 0.75, 0.075, 0.75, 4.50),
	ROW("gpt-5.4-nano", 0, 0.20, 0.02, 0.20, 1.25),
	ROW("gpt-5.5", 0, 5.00, 0.50, 5.00, 30.00),
	ROW("gpt-5.5", 272000, 10.00, 1.00, 10.00, 45.00),
	ROW("gpt-5.6-sol", 0, 5.00, 0.50, 6.25, 30.00),
	ROW("gpt-5.6-terra", 0, 2.00, 0.20, 2.50, 12.00),
	ROW("gpt-5.6-luna", 0, 0.20, 0.02, 0.25, 1.20),
	ROW("gpt-6-sol", 0, 2.00, 0.20, 2.50, 10.00),
	ROW("gpt-6-luna", 0, 0.10, 0.01, 0.125, 0.50),
	ROW("o3-mini", 0, 1.10, 0.55, 1.10, 4.40),
	ROW("o4-mini", 0, 1.10, 0.275, 1.10, 4.40),
	ROW("claude-haiku-4-5", 0, 1.00, 0.10, 1.25, 5.00),
	ROW("claude-haiku-5-5", 0, 0.10, 0.01, 0.125, 0.50),
	ROW("claude-haiku-5-5", 100000, 0.50, 0.05, 0.625, 2.50),
	ROW("claude-sonnet-4-5", 0, 3.00, 0.30, 3.75, 15.00),
	ROW("claude-sonnet-4-6", 0, 3.00, 0.30, 3.75, 15.00),
	ROW("claude-sonnet-5", 0, 2.00, 0.20, 2.50, 10.00),
	ROW("claude-sonnet-5-5", 0, 2.00, 0.10, 2.50, 10.00),
	ROW("claude-opus-4-5", 0, 5.00, 0.50, 6.25, 25.00),
	ROW("claude-opus-4-6", 0, 5.00, 0.50, 6.25, 25.00),
	ROW("claude-opus-4-7", 0, 5.00, 0.50, 6.25, 25.00),
	ROW("claude-opus-5", 0, 5.00, 0.50, 6.25, 25.00),
	ROW("claude-opus-5-5", 0, 4.00, 0.20, 5.00, 20.00),
	ROW("claude-fable-5", 0, 10.00, 1.00, 12.50, 50.00),
	ROW("claude-fable-5-1", 0, 10.00, 0.25, 12.50, 50.00),
	ROW("gemini-2.5-flash", 0, 0.30, 0.03, 0.30, 2.50),
	ROW("gemini-2.5-flash-lite", 0, 0.10, 0.01, 0.10, 0.40),
	ROW("gemini-2.5-pro", 0, 1.25, 0.125, 1.25, 10.00),
};

/* Is `name` the row's model, or a dated version of it (gpt-4o-2024-08-06, -20250929)? */
static bool
names_row(struct heed_str name, const char *row)
{
	struct heed_str rest;

	if (!str_starts(name, row))
		return false;
	rest = str_from(name, strlen(row));
	if (rest.len == 0 || str_is(rest, "-latest"))
		return true;
	return rest.len >= 9 && (rest.data[0] == '-' || rest.data[0] == '@') &&
	       rest.data[1] == '2' && rest.data[2] == '0';
}

static const struct model_price *
find_price(struct heed_str name, int64_t input)
{
	const struct price_row *best = NULL;

	/* Gateways put the vendor in front: "openai/gpt-4o". */
	for (size_t slash = str_find(name, '/'); slash < name.len;
	     slash = str_find(name, '/'))
		name = str_from(name, slash + 1);
	for (size_t i = 0; i < sizeof(prices) / sizeof(prices[0]); i++) {
		const struct price_row *row = &prices[i];

		if (names_row(name, row->name) && (row->above == 0 || input > row->above))
			if (best == NULL || row->above > best->above)
				best = row;
	}
	return best == NULL ? NULL : &best->price;
}

static const struct model_price *
price_of(const struct model *model, struct heed_str answered_by, int64_t input)
{
	static const struct model_price nothing = {.set = true};
	const struct model_price *price;

	if (model->price.set)
		return &model->price;
	if (model_kinds[model->provider]->answer != NULL)
		return &nothing;
	price = find_price(answered_by, input);
	return price != NULL ? price : find_price(model_label(model), input);
}

bool
model_price_known(const struct model *model)
{
	return price_of(model, (struct heed_str){NULL, 0}, 0) != NULL;
}

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

int64_t
model_cost(const struct model *model, struct heed_str answered_by,
           const struct model_usage *usage, bool *ret_known)
{
	const struct model_price *price = price_of(model, answered_by, usage->input);
	int64_t input = clamp(usage->input, TOKENS_MAX);
	int64_t cached = clamp(usage->cached_input, input);
	int64_t written = clamp(usage->cache_write, input - cached);
	int64_t whole = 0, rest = 0;

	if (ret_known != NULL)
		*ret_known = price != NULL;
	if (price == NULL)
		return 0;
	add_cost(input - cached - written, price->input, &whole, &rest);
	add_cost(cached, price->cached_input, &whole, &rest);
	add_cost(written, price->cache_write, &whole, &rest);
	add_cost(usage->output, price->output, &whole, &rest);
	return whole + (rest + MILLION / 2) / MILLION;
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

int64_t
model_question_tokens(const struct model *model, const struct model_question *question,
                      int64_t *ret_input, int64_t *ret_output)
{
	size_t bytes = model->system.len + question->system.len + question->prompt.len +
	               question->previous.len + question->complaint.len +
	               prompt_frame_len();
	int64_t input, output;

	if (question->schema.kind != HEED_NULL)
		bytes += json_bytes(question->schema, 0);
	input = model_tokens_estimate(bytes) + 16;
	output = question->max_tokens > 0 ? question->max_tokens : model->max_tokens;
	if (ret_input != NULL)
		*ret_input = input;
	if (ret_output != NULL)
		*ret_output = output;
	return input + output;
}

int64_t
model_cost_max(const struct model *model, const struct model_question *question)
{
	struct heed_str none = {NULL, 0};
	int64_t most = 0;

	for (; model != NULL; model = model->next) {
		struct model_usage usage = {0};
		int64_t cost;

		model_question_tokens(model, question, &usage.input, &usage.output);
		cost = model_cost(model, none, &usage, NULL);
		usage.cache_write = usage.input;
		if (model_cost(model, none, &usage, NULL) > cost)
			cost = model_cost(model, none, &usage, NULL);
		if (cost > most)
			most = cost;
	}
	return most;
}
