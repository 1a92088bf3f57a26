/*
 * price.h - the built-in list of prices, as data with dates.
 *
 * A row says what a provider asks for a million tokens of one model, from which day on,
 * and where and when that was read. A model may have several rows: of different days, and
 * for long prompts. `price:` of a configured model goes before all of them.
 */
#ifndef HEED_MODEL_PRICE_H
#define HEED_MODEL_PRICE_H

#include <stddef.h>

#include "model/model.h"

struct price_source {
	const char *name; /* who says so */
	const char *seen; /* the day, month or year it was read: "2026-08-05" */
};

struct price_row {
	const char *name;  /* of the model, as its provider writes it */
	const char *since; /* the first day it holds, UTC; "" from the model's start */
	int64_t above;     /* for prompts of more tokens than this; 0: for all */
	struct model_price price;
	const struct price_source *source;
};

/* All rows, models together. */
extern const struct price_row price_list[];
extern const size_t price_list_n;

/* Is `name` the row's model, or a version of it (gpt-4o-2024-08-06, openai/gpt-4o)? */
bool price_names(struct heed_str name, const struct price_row *row);
/* The row that holds for a prompt of `input` tokens at `at_us` (0: today's and later
 * prices, the newest); NULL when there is none. */
const struct price_row *price_find(struct heed_str name, int64_t input, int64_t at_us);
/* What a configured model costs, wherever it comes from; NULL when not known. */
const struct model_price *price_of(const struct model *model, struct heed_str answered_by,
                                   int64_t input, int64_t at_us);

#endif
