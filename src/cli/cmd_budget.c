/*
 * cmd_budget.c - heed budget: how full the budgets are, what waits, and when they open.
 * Asks the running heed; when there is none, the store.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/money.h"
#include "cli/admin_client.h"
#include "cli/cost.h"
#include "cli/out.h"
#include "cli/record.h"
#include "observe/budget_record.h"
#include "service/service.h"

#define BAR_WIDTH 20

static const struct cli_option options[] = {
	CLI_CONFIG_OPTION,
	{"--json", NULL, "one JSON object a line, money in nano-dollars"},
	{NULL, NULL, NULL},
};

/* ---- where from -------------------------------------------------------------------- */

/* HEED_E_NOTFOUND when none runs. */
static int
ask_process(struct app *app, struct arena *arena, struct heed_json *ret_list,
            struct heed_error *error)
{
	struct admin_client *client = NULL;
	int r = admin_client_open(app, &client, error);

	if (r == 0)
		r = admin_client_call(client, "GET", "/budgets", json_null(), arena,
		                      ret_list, error);
	admin_client_close(client);
	return r;
}

static int
read_store(struct app *app, struct arena *arena, struct heed_json *ret_list,
           struct heed_error *error)
{
	struct store *store = NULL;
	struct heed_str place;
	int r = service_store_place(app, &place);

	if (r < 0)
		return error_nomem(error);
	r = store_open_readonly(place, &store, error);
	if (r == 0)
		r = budget_records_read(store, app->budgets.items, app->budgets.n, arena,
		                        ret_list, error);
	store_close(store);
	return r;
}

/* ---- shown ------------------------------------------------------------------------- */

static void
add_opens(struct heed_buf *buf, struct heed_json record)
{
	int64_t opens_us = 0, left_ms;

	(void)clock_parse(json_get_text(record, "opens"), &opens_us);
	left_ms = (opens_us - clock_wall_us()) / 1000;
	buf_adds(buf, "opens again in ");
	clock_write_duration(buf, left_ms > 60000 ? left_ms / 60000 * 60000 : left_ms);
}

static void
add_record(struct heed_buf *buf, struct heed_json record)
{
	int64_t limit = json_get_int(record, "limit_nano_usd", 0);
	int64_t spent = json_get_int(record, "spent_nano_usd", 0);
	int64_t reserved = json_get_int(record, "reserved_nano_usd", 0);
	int64_t waiting = json_get_int(record, "waiting", 0);
	char place[MONEY_TEXT_SIZE];
	double full = limit > 0 ? 100 * (double)spent / (double)limit : 100;

	out_cell(buf, json_get_text(record, "budget"), 40);
	cost_cell_money(buf, spent, 14);
	buf_addf(buf, " of %s$%-10s%s %3.0f%%  %s", out_style(OUT_BOLD),
	         money_text(place, limit), out_style(OUT_END), full,
	         out_style(full >= 100  ? OUT_RED
	                   : full >= 80 ? OUT_YELLOW
	                                : OUT_GREEN));
	cost_bar(buf, spent < limit ? spent : limit, limit, BAR_WIDTH);
	buf_addf(buf, "%s\n", out_style(OUT_END));
	if (reserved > 0)
		buf_addf(buf, "  $%s reserved for calls under way\n",
		         money_text(place, reserved));
	if (waiting == 0 && spent + reserved < limit)
		return;
	buf_adds(buf, "  ");
	if (waiting > 0) {
		out_counted(buf, waiting, "run");
		buf_addf(buf, " wait%s; ", waiting == 1 ? "s" : "");
	}
	add_opens(buf, record);
	buf_addc(buf, '\n');
}

static int
show(const struct cli_args *args, struct heed_json list)
{
	struct heed_buf buf;
	int r = 0;

	for (uint32_t i = 0; cli_has(args, "--json") && i < list.len && r == 0; i++)
		r = record_print(list.items[i]);
	if (cli_has(args, "--json"))
		return r;
	if (list.len == 0) {
		printf("there are no budgets: add budgets: to the configuration "
		       "(heed docs budgets)\n");
		return CLI_OK;
	}
	buf_init(&buf, 0);
	for (uint32_t i = 0; list.kind == HEED_ARRAY && i < list.len; i++)
		add_record(&buf, list.items[i]);
	return cli_print(&buf);
}

static int
from_process(const struct cli_args *args, struct arena *arena, struct heed_json *ret_list,
             struct heed_error *error)
{
	struct app app = {0};
	int r = cli_load_place(args, &app);

	if (r == 0)
		r = ask_process(&app, arena, ret_list, error);
	app_done(&app);
	return r;
}

static int
from_store(const struct cli_args *args, struct arena *arena, struct heed_error *error)
{
	struct app app = {0};
	struct heed_json list = json_null();
	int r = cli_load(args, &app);

	if (r == 0)
		r = read_store(&app, arena, &list, error);
	if (r == 0)
		r = show(args, list);
	app_done(&app);
	return r;
}

static int
run(int argc, char **argv)
{
	struct heed_error error = {0};
	struct heed_json list = json_null();
	struct cli_args args;
	struct arena arena;
	int r = cli_parse(&cmd_budget, argc, argv, &args);

	if (r != 0 || args.command == NULL)
		return r;
	arena_init(&arena, 0);
	r = from_process(&args, &arena, &list, &error);
	if (r == 0)
		r = show(&args, list);
	else if (r == HEED_E_NOTFOUND)
		r = from_store(&args, &arena, &error);
	arena_done(&arena);
	return r < 0 ? cli_fail(&args, &error) : r;
}

const struct command cmd_budget = {
	.name = "budget",
	.usage = "[--json]",
	.help = "Show how full the budgets are, what waits for them and when they open "
		"again.",
	.options = options,
	.run = run,
};
