/*
 * cmd_cost_forecast.c - heed cost forecast: what a configuration would cost a day, from
 * the events that were recorded, before it is deployed. No model is asked.
 */
#include <stdio.h>

#include "base/error.h"
#include "base/money.h"
#include "cli/cost.h"
#include "cli/out.h"
#include "cli/record.h"
#include "engine/budget.h"
#include "service/forecast.h"
#include "service/service.h"

#define MONTH_DAYS 30
#define LIMIT_MAX 100000

static const struct cli_option options[] = {
	{"--config", "FILE", "whose store holds the events (default: heed.yaml)"},
	{"--with", "FILE", "the configuration to weigh (default: the same)"},
	{"--since", "TIME",
         "events from then on: 7d (before now; the default), 2026-11-24, or RFC 3339"},
	{"--until", "TIME", "events before this time"},
	{"--last", "TIME", "the same as --since"},
	{"--limit", "N", "try so many of them, evenly chosen (default: 1000)"},
	{"--json", NULL, "one JSON object a line: by reaction, model and event type"},
	{NULL, NULL, NULL},
};

struct asking {
	struct cli_args args;
	struct app recorded, with;
	struct store *store;
	struct forecast_options options;
};

static int
read_options(struct asking *asking, struct heed_error *error)
{
	struct forecast_options *wanted = &asking->options;

	HEED_TRY(out_read_time("--since", "7d", &wanted->since_us, error));
	HEED_TRY(cost_read_period(&asking->args, &wanted->since_us, &wanted->until_us,
	                          error));
	wanted->app = &asking->with;
	wanted->recorded = asking->store;
	return 0;
}

/* ---- sums -------------------------------------------------------------------------- */

static void
add(struct forecast_row *sum, const struct forecast_row *row)
{
	sum->events += row->events;
	sum->calls += row->calls;
	sum->input += row->input;
	sum->output += row->output;
	sum->cost.low_nano += row->cost.low_nano;
	sum->cost.nano += row->cost.nano;
	sum->cost.high_nano += row->cost.high_nano;
	sum->cost.batch_nano += row->cost.batch_nano;
	sum->cost.at_most_nano += row->cost.at_most_nano;
	sum->recorded = sum->recorded && row->recorded;
	sum->price_known = sum->price_known && row->price_known;
}

/* Over event types: the row's place and all like it behind; zero when an earlier one had
 * it. */
static struct forecast_row
sum_like(const struct forecast *forecast, size_t at)
{
	const struct forecast_row *like = &forecast->rows[at];
	struct forecast_row sum = {.recorded = true, .price_known = true};

	for (size_t i = 0; i < forecast->n; i++) {
		const struct forecast_row *row = &forecast->rows[i];

		if (!str_eq(row->name, like->name) || !str_eq(row->flow, like->flow) ||
		    !str_eq(row->model, like->model))
			continue;
		if (i < at)
			return (struct forecast_row){.calls = 0};
		add(&sum, row);
	}
	sum.name = like->name;
	sum.model = like->model;
	return sum;
}

/* What of the forecast a budget covers, over one of its periods. */
static int64_t
under_budget(const struct forecast *forecast, const struct budget *budget)
{
	static const double days[] = {
		[BUDGET_HOUR] = 1.0 / 24, [BUDGET_DAY] = 1, [BUDGET_MONTH] = MONTH_DAYS};
	double sum = 0;

	for (size_t i = 0; i < forecast->n; i++) {
		const struct forecast_row *row = &forecast->rows[i];
		struct budget_call call = {.type = row->type,
		                           .flow = row->flow,
		                           .name = row->name,
		                           .model = row->model};

		if (budget_covers(budget, &call))
			sum += (double)row->cost.nano;
	}
	return (int64_t)(sum * days[budget->per]);
}

/* ---- as JSON ----------------------------------------------------------------------- */

static struct heed_json
tenths(double value)
{
	return json_real((double)(int64_t)(value * 10 + 0.5) / 10);
}

static int
print_row_json(struct arena *arena, const struct forecast_row *row)
{
	struct heed_json value = json_null();
	struct json_build build;

	json_object(&build, arena);
	json_set_cstr(&build, "flow", json_str(row->flow));
	json_set_cstr(&build, "name", json_str(row->name));
	json_set_cstr(&build, "model", json_str(row->model));
	json_set_cstr(&build, "type", json_str(row->type));
	json_set_cstr(&build, "events_a_day", tenths(row->events));
	json_set_cstr(&build, "calls_a_day", tenths(row->calls));
	json_set_cstr(&build, "input_tokens_a_day", tenths(row->input));
	json_set_cstr(&build, "output_tokens_a_day", tenths(row->output));
	json_set_cstr(&build, "low_nano_usd_a_day", json_int(row->cost.low_nano));
	json_set_cstr(&build, "nano_usd_a_day", json_int(row->cost.nano));
	json_set_cstr(&build, "high_nano_usd_a_day", json_int(row->cost.high_nano));
	json_set_cstr(&build, "batch_nano_usd_a_day", json_int(row->cost.batch_nano));
	json_set_cstr(&build, "at_most_nano_usd_a_day", json_int(row->cost.at_most_nano));
	json_set_cstr(&build, "answers_recorded", json_bool(row->recorded));
	json_set_cstr(&build, "price_known", json_bool(row->price_known));
	(void)json_build_end(&build, &value);
	return record_print(value);
}

static int
print_json(struct arena *arena, const struct forecast *forecast)
{
	int r = 0;

	for (size_t i = 0; i < forecast->n && r == 0; i++)
		r = print_row_json(arena, &forecast->rows[i]);
	return r;
}

/* ---- as a table -------------------------------------------------------------------- */

static void
add_row(struct heed_buf *buf, const struct forecast_row *row)
{
	out_cell(buf, row->name, 22);
	buf_addc(buf, ' ');
	out_cell(buf, row->model, 14);
	cost_cell_count(buf, (int64_t)(row->calls + 0.5), 11);
	cost_cell_count(buf, (int64_t)(row->input + 0.5), 15);
	cost_cell_count(buf, (int64_t)(row->output + 0.5), 13);
	cost_cell_money(buf, row->cost.nano, 14);
	cost_cell_money(buf, row->cost.nano * MONTH_DAYS, 15);
	buf_adds(buf, "  (");
	out_money(buf, row->cost.low_nano * MONTH_DAYS);
	buf_adds(buf, " to ");
	out_money(buf, row->cost.high_nano * MONTH_DAYS);
	buf_addc(buf, ')');
	if (!row->price_known)
		buf_adds(buf, "  price not known");
	else if (!row->recorded)
		buf_adds(buf, "  answers guessed");
	buf_addc(buf, '\n');
}

static void
add_head(struct heed_buf *buf, const struct forecast *forecast)
{
	buf_adds(buf, "From ");
	out_counted(buf, forecast->n_events, "recorded event");
	buf_addf(buf, " of %.1f days", forecast->days);
	if (forecast->n_tried < forecast->n_events) {
		buf_adds(buf, ", ");
		out_count(buf, forecast->n_tried);
		buf_adds(buf, " of them tried");
	}
	buf_adds(buf, "; a day, and 30 days (from to):\n\n");
	buf_addf(buf, "%-22s %-14s%11s%15s%13s%14s%15s\n", "reaction", "model", "calls",
	         "tokens in", "out", "cost", "30 days");
}

static void
add_budgets(struct heed_buf *buf, const struct app *app, const struct forecast *forecast)
{
	const struct budget *budgets = app->budgets.items;

	for (size_t i = 0; i < app->budgets.n; i++) {
		const struct budget *budget = &budgets[i];
		int64_t nano = under_budget(forecast, budget);
		double full = budget->limit_nano > 0
		                      ? 100 * (double)nano / (double)budget->limit_nano
		                      : 0;
		bool above = nano > budget->limit_nano;
		char place[MONEY_TEXT_SIZE];

		buf_addf(buf, "%sbudget %.*s of $%s: %s%.0f%% on average%s\n",
		         i == 0 ? "\n" : "", STR_ARG(budget->label),
		         money_text(place, budget->limit_nano),
		         out_style(above ? OUT_RED : OUT_GREEN), full,
		         out_style(OUT_END));
	}
}

static int
print_table(const struct app *app, const struct forecast *forecast)
{
	struct forecast_row all = {
		.name = HEED_STR("all"), .recorded = true, .price_known = true};
	struct heed_buf buf;

	buf_init(&buf, 0);
	add_head(&buf, forecast);
	for (size_t i = 0; i < forecast->n; i++) {
		struct forecast_row sum = sum_like(forecast, i);

		if (sum.name.len == 0)
			continue;
		add_row(&buf, &sum);
		add(&all, &sum);
	}
	add_row(&buf, &all);
	buf_adds(&buf, "\nIn batches, where answers may take a day, 30 days: ");
	out_money(&buf, all.cost.batch_nano * MONTH_DAYS);
	buf_adds(&buf, ". With every answer as long as max_tokens allows: ");
	out_money(&buf, all.cost.at_most_nano * MONTH_DAYS);
	buf_adds(&buf, ".\n");
	add_budgets(&buf, app, forecast);
	return cli_print(&buf);
}

/* ---- the command ------------------------------------------------------------------- */

static int
make(struct asking *asking, struct arena *arena, struct forecast *forecast,
     struct heed_error *error)
{
	struct heed_str place;

	if (service_store_place(&asking->recorded, &place) < 0)
		return error_nomem(error);
	HEED_TRY(store_open_readonly(place, &asking->store, error));
	HEED_TRY(read_options(asking, error));
	HEED_TRY(forecast_make(&asking->options, arena, forecast, error));
	if (forecast->n_events > 0)
		return 0;
	(void)error_set(error, HEED_E_NOTFOUND, "the store holds no events of this time");
	error_hint(error,
	           "--since 30d looks further back; heed events lists what there is");
	return HEED_E_NOTFOUND;
}

static int
forecast(struct asking *asking)
{
	struct forecast made = {.n = 0};
	struct heed_error error = {0};
	struct arena arena;
	int r;

	arena_init(&arena, 0);
	r = make(asking, &arena, &made, &error);
	if (r < 0)
		r = cli_fail(&asking->args, &error);
	else if (cli_has(&asking->args, "--json"))
		r = print_json(&arena, &made);
	else if (made.n > 0)
		r = print_table(&asking->with, &made);
	else
		printf("none of %lld recorded events would ask a model\n",
		       (long long)made.n_tried);
	forecast_done(&made);
	arena_done(&arena);
	return r;
}

static int
run(int argc, char **argv)
{
	struct asking asking = {0};
	const char *with;
	int r = cli_parse(&cmd_cost_forecast, argc, argv, &asking.args);

	if (r != 0 || asking.args.command == NULL)
		return r;
	with = cli_value(&asking.args, "--with");
	r = cli_number(&asking.args, "--limit", 1, LIMIT_MAX, 1000,
	               &asking.options.limit);
	if (r == 0)
		r = cli_load_place(&asking.args, &asking.recorded);
	if (r == 0)
		r = cli_load_file(&asking.args,
		                  with != NULL ? with : cli_config(&asking.args),
		                  &asking.with);
	if (r == 0)
		r = forecast(&asking);
	store_close(asking.store);
	app_done(&asking.with);
	app_done(&asking.recorded);
	return r;
}

const struct command cmd_cost_forecast = {
	.name = "cost forecast",
	.usage = "[--with FILE] [OPTIONS]",
	.help = "Weigh a configuration over recorded events before it is deployed: "
		"calls, "
		"tokens and cost a day. No model is asked.",
	.options = options,
	.run = run,
};
