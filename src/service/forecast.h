/*
 * forecast.h - what a configuration would cost, from the events that were recorded,
 * before it is deployed and without asking a model.
 *
 * Each definition gets the recorded events in a rehearsal; the questions that come of
 * them are weighed instead of asked. What was recorded of the same name tells how many
 * tokens its prompts really took for their length, how long its answers were and how
 * often a run asked; without that it is an assumption, and said to be one.
 */
#ifndef HEED_SERVICE_FORECAST_H
#define HEED_SERVICE_FORECAST_H

#include "config/app.h"
#include "store/store.h"

struct forecast_options {
	struct store *recorded;
	struct app *app;            /* what would decide */
	int64_t since_us, until_us; /* of events received; until 0: now */
	int64_t limit;              /* events tried, evenly chosen of all */
};

/* A day's money, in nano US dollars: what is likely, and from where to where. */
struct forecast_cost {
	int64_t low_nano, nano, high_nano;
	int64_t batch_nano;   /* of `nano`, were all asked in batches */
	int64_t at_most_nano; /* what budgets would reserve for it */
};

struct forecast_row {
	struct heed_str flow, name; /* of the definition */
	struct heed_str model;      /* its name in the configuration */
	struct heed_str type;       /* of the event */
	double events, calls;       /* a day */
	double input, output;       /* tokens a day */
	struct forecast_cost cost;
	bool recorded;    /* the answers' length is known from recorded ones */
	bool price_known; /* otherwise the cost is 0 */
};

struct forecast {
	struct forecast_row *rows; /* the dearest first */
	size_t n, cap;
	int64_t n_events, n_tried; /* in the period */
	double days;               /* that they stand for; at least one */
};

/* On `arena`; ret_forecast->rows are freed by forecast_done in any case. */
int forecast_make(const struct forecast_options *options, struct arena *arena,
                  struct forecast *ret_forecast, struct heed_error *error);
void forecast_done(struct forecast *forecast);

#endif
