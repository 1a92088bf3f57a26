/*
 * cmd_cost.c - heed cost: what calls of models have cost, by event type, reaction, model
 * or time; as a table with bars, as JSON or CSV.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/money.h"
#include "cli/cost.h"
#include "cli/look.h"
#include "cli/out.h"
#include "cli/record.h"
#include "observe/usage_report.h"

#define BAR_WIDTH 24

static const struct cli_option options[] = {
	CLI_CONFIG_OPTION,
	{"--by", "WHAT",
         "type, reaction, model, asked (its name here), hour, day, month; several with "
         "commas (default: reaction)"},
	{"--since", "TIME",
         "from this time on: 7d (before now), 2026-11-24, or RFC 3339"},
	{"--until", "TIME", "before this time"},
	{"--last", "TIME", "the same as --since: --last 7d"},
	{"--timezone", "ZONE", "of hours, days and months: Europe/Berlin (default: UTC)"},
	{"--json", NULL, "one JSON object a line, money in nano-dollars"},
	{"--csv", NULL, "comma-separated values with a head line, money in dollars"},
	{NULL, NULL, NULL},
};

static const struct command *const subs[] = {&cmd_cost_forecast, &cmd_cost_prices, NULL};

/* ---- what is asked for ------------------------------------------------------------- */

static int
read_by(struct heed_str list, struct usage_query *query, struct heed_error *error)
{
	while (list.len > 0) {
		struct heed_str word = str_trim(str_cut(&list, ','));
		const char *near = error_nearest(word, usage_by_names, USAGE_BY_MAX);
		int i = 0;

		while (usage_by_names[i] != NULL && !str_is(word, usage_by_names[i]))
			i++;
		if (usage_by_names[i] == NULL) {
			(void)error_set(error, CLI_E_USAGE, "--by does not take \"%.*s\"",
			                STR_ARG(word));
			error_hint(error, near != NULL ? "did you mean %s?" : "%s",
			           near != NULL ? near
			                        : "type, reaction, model, asked, hour, "
			                          "day or month");
			return CLI_E_USAGE;
		}
		if (query->n_by == USAGE_BY_MAX)
			return error_set(error, CLI_E_USAGE, "--by: too many");
		query->by[query->n_by++] = (enum usage_by)i;
	}
	return 0;
}

int
cost_read_period(const struct cli_args *args, int64_t *ret_since_us,
                 int64_t *ret_until_us, struct heed_error *error)
{
	const char *since = cli_value(args, "--since");
	const char *last = cli_value(args, "--last");
	const char *until = cli_value(args, "--until");

	if (since != NULL)
		HEED_TRY(out_read_time("--since", since, ret_since_us, error));
	if (last != NULL)
		HEED_TRY(out_read_time("--last", last, ret_since_us, error));
	if (until != NULL)
		HEED_TRY(out_read_time("--until", until, ret_until_us, error));
	return 0;
}

static int
read_query(const struct cli_args *args, struct arena *arena, struct usage_query *query,
           struct heed_error *error)
{
	const char *by = cli_value(args, "--by");
	const char *zone = cli_value(args, "--timezone");
	struct zone *loaded = NULL;

	HEED_TRY(read_by(str_of(by != NULL ? by : "reaction"), query, error));
	HEED_TRY(cost_read_period(args, &query->since_us, &query->until_us, error));
	if (zone != NULL)
		HEED_TRY(zone_load(arena, str_of(zone), &loaded, error));
	query->zone = loaded;
	return 0;
}

/* ---- as JSON and CSV --------------------------------------------------------------- */

/* Names of the counts in both forms, and where they are. */
static const struct {
	const char *name;
	size_t offset;
} counts[] = {
	{"decisions", offsetof(struct usage_sum, questions)},
	{"calls", offsetof(struct usage_sum, calls)},
	{"failed", offsetof(struct usage_sum, failed)},
	{"input_tokens", offsetof(struct usage_sum, input)},
	{"cached_input_tokens", offsetof(struct usage_sum, cached_input)},
	{"cache_write_tokens", offsetof(struct usage_sum, cache_write)},
	{"output_tokens", offsetof(struct usage_sum, output)},
	{"reasoning_tokens", offsetof(struct usage_sum, reasoning)},
};
#define N_COUNTS (sizeof(counts) / sizeof(counts[0]))

static int64_t
count_of(const struct usage_sum *row, size_t i)
{
	return *(const int64_t *)((const char *)row + counts[i].offset);
}

static int
print_json(const struct usage_query *query, struct usage_report *report)
{
	int r = 0;

	for (size_t i = 0; i < report->n && r == 0; i++) {
		const struct usage_sum *row = &report->rows[i];
		struct heed_json value = json_null();
		struct json_build build;

		json_object(&build, &report->arena);
		for (size_t k = 0; k < query->n_by; k++)
			json_set_cstr(&build, usage_by_names[query->by[k]],
			              json_str(row->keys[k]));
		for (size_t k = 0; k < N_COUNTS; k++)
			json_set_cstr(&build, counts[k].name, json_int(count_of(row, k)));
		json_set_cstr(&build, "cost_nano_usd", json_int(row->cost_nano));
		json_set_cstr(&build, "uncertain_nano_usd", json_int(row->reserved_nano));
		(void)json_build_end(&build, &value);
		r = record_print(value);
	}
	return r;
}

/* RFC 4180; a text that a spreadsheet would take for a formula is kept from it. */
static void
csv_text(struct heed_buf *buf, struct heed_str text)
{
	bool formula = text.len > 0 && strchr("=+-@\t\r", text.data[0]) != NULL;

	buf_adds(buf, formula ? "\"'" : "\"");
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] == '"')
			buf_addc(buf, '"');
		buf_addc(buf, text.data[i]);
	}
	buf_addc(buf, '"');
}

static int
print_csv(const struct usage_query *query, const struct usage_report *report)
{
	struct heed_buf buf;

	buf_init(&buf, 0);
	for (size_t k = 0; k < query->n_by; k++)
		buf_addf(&buf, "%s,", usage_by_names[query->by[k]]);
	for (size_t k = 0; k < N_COUNTS; k++)
		buf_addf(&buf, "%s,", counts[k].name);
	buf_adds(&buf, "cost_usd,uncertain_usd\r\n");
	for (size_t i = 0; i < report->n; i++) {
		const struct usage_sum *row = &report->rows[i];

		for (size_t k = 0; k < query->n_by; k++) {
			csv_text(&buf, row->keys[k]);
			buf_addc(&buf, ',');
		}
		for (size_t k = 0; k < N_COUNTS; k++)
			buf_addf(&buf, "%lld,", (long long)count_of(row, k));
		money_write(&buf, row->cost_nano);
		buf_addc(&buf, ',');
		money_write(&buf, row->reserved_nano);
		buf_adds(&buf, "\r\n");
	}
	return cli_print(&buf);
}

/* ---- as a table -------------------------------------------------------------------- */

static size_t
key_width(const struct usage_query *query, const struct usage_report *report, size_t k)
{
	size_t width = strlen(usage_by_names[query->by[k]]);

	for (size_t i = 0; i < report->n; i++)
		if (report->rows[i].keys[k].len > width)
			width = report->rows[i].keys[k].len;
	return width < 40 ? width : 40;
}

void
cost_bar(struct heed_buf *buf, int64_t part, int64_t whole, size_t width)
{
	/* Eighths of a block, from one on. */
	static const char *const eighths[] = {"",
	                                      "\xe2\x96\x8f",
	                                      "\xe2\x96\x8e",
	                                      "\xe2\x96\x8d",
	                                      "\xe2\x96\x8c",
	                                      "\xe2\x96\x8b",
	                                      "\xe2\x96\x8a",
	                                      "\xe2\x96\x89"};
	double share = whole > 0 ? (double)part / (double)whole : 0;
	size_t n = (size_t)(share * (double)width * 8 + 0.5);

	for (; n >= 8; n -= 8)
		buf_adds(buf, "\xe2\x96\x88");
	buf_adds(buf, eighths[n]);
}

void
cost_cell_count(struct heed_buf *buf, int64_t n, size_t width)
{
	struct heed_buf text;

	buf_init(&text, 0);
	out_count(&text, n);
	buf_addf(buf, "%*s", (int)width, text.data != NULL ? text.data : "");
	buf_done(&text);
}

void
cost_cell_money(struct heed_buf *buf, int64_t nano, size_t width)
{
	struct heed_buf text;

	buf_init(&text, 0);
	buf_addc(&text, '$');
	money_write_micro(&text, nano);
	buf_addf(buf, "%*s", (int)width, text.data != NULL ? text.data : "");
	buf_done(&text);
}

static void
add_row(struct heed_buf *buf, const struct usage_sum *row, int64_t most)
{
	cost_cell_count(buf, row->questions, 11);
	cost_cell_count(buf, row->calls, 11);
	cost_cell_count(buf, row->failed, 8);
	cost_cell_count(buf, row->input, 15);
	cost_cell_count(buf, row->output, 13);
	cost_cell_money(buf, row->cost_nano, 15);
	buf_adds(buf, "  ");
	cost_bar(buf, row->cost_nano, most, BAR_WIDTH);
	buf_addc(buf, '\n');
}

static void
add_uncertain(struct heed_buf *buf, const struct usage_sum *all)
{
	if (all->reserved_nano == 0)
		return;
	buf_adds(buf, "\nCalls whose reply never came may have been billed up to $");
	money_write_micro(buf, all->reserved_nano);
	buf_adds(buf, " besides; budgets count that as spent.\n");
}

static int
print_table(const struct usage_query *query, const struct usage_report *report)
{
	size_t widths[USAGE_BY_MAX] = {0};
	size_t indent = 0;
	int64_t most = 0;
	struct heed_buf buf;

	buf_init(&buf, 0);
	for (size_t k = 0; k < query->n_by; k++) {
		widths[k] = key_width(query, report, k);
		indent += widths[k] + 2;
		out_cell(&buf, str_of(usage_by_names[query->by[k]]), widths[k]);
		buf_adds(&buf, "  ");
	}
	buf_addf(&buf, "%11s%11s%8s%15s%13s%15s\n", "decisions", "calls", "failed",
	         "tokens in", "out", "cost");
	for (size_t i = 0; i < report->n; i++)
		if (report->rows[i].cost_nano > most)
			most = report->rows[i].cost_nano;
	for (size_t i = 0; i < report->n; i++) {
		for (size_t k = 0; k < query->n_by; k++) {
			out_cell(&buf, report->rows[i].keys[k], widths[k]);
			buf_adds(&buf, "  ");
		}
		add_row(&buf, &report->rows[i], most);
	}
	if (report->n > 1) {
		out_cell(&buf, HEED_STR("all"), indent);
		add_row(&buf, &report->all, 0);
	}
	add_uncertain(&buf, &report->all);
	return cli_print(&buf);
}

static int
print_report(const struct cli_args *args, const struct usage_query *query,
             struct usage_report *report)
{
	if (cli_has(args, "--json"))
		return print_json(query, report);
	if (cli_has(args, "--csv"))
		return print_csv(query, report);
	if (report->n > 0)
		return print_table(query, report);
	printf("no calls of models%s\n",
	       query->since_us > 0 || query->until_us > 0 ? " in this time" : " so far");
	return CLI_OK;
}

static int
look(const struct cli_args *args, struct store *store, struct heed_error *error)
{
	struct usage_query query = {.n_by = 0};
	struct usage_report report = {.n = 0};
	struct arena arena;
	int r;

	arena_init(&arena, 0);
	r = read_query(args, &arena, &query, error);
	if (r == 0)
		r = usage_report_make(store, &query, &report, error);
	if (r == 0)
		r = print_report(args, &query, &report);
	usage_report_done(&report);
	arena_done(&arena);
	return r;
}

static int
run(int argc, char **argv)
{
	if (argc > 1 && argv[1][0] != '-')
		return cli_dispatch(subs, &cmd_cost, argc - 1, argv + 1);
	return cli_look(&cmd_cost, argc, argv, look);
}

const struct command cmd_cost = {
	.name = "cost",
	.usage = "[OPTIONS] | forecast ... | prices ...",
	.help = "Show what calls of models have cost, by reaction, event type, model or "
		"time.",
	.options = options,
	.run = run,
	.subs = subs,
};
