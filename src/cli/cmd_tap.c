/*
 * cmd_tap.c - heed tap: follow the events and outcomes of the running heed.
 */
#include <stdio.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/admin_client.h"
#include "cli/cli.h"
#include "cli/live_show.h"
#include "cli/record.h"

#define AGAIN_MS 500

static const struct cli_option options[] = {
	CLI_CONFIG_OPTION,
	{"--type", "TYPE",
         "about events of this type only; a trailing * matches any rest"},
	{"--count", "N", "end after so many"},
	{"--json", NULL, "one JSON object a line"},
	{NULL, NULL, NULL},
};

struct tap {
	const struct cli_args *args;
	struct app app;
	struct admin_client *client;
	int64_t last; /* number seen; -1: begin with what comes now */
	int64_t left; /* to be shown; below 0: no bound */
};

static bool
is_wanted(const struct tap *tap, struct heed_json record)
{
	const char *type = cli_value(tap->args, "--type");

	return type == NULL || event_type_matches(str_of(type), live_type(record));
}

static int
show(struct tap *tap, struct heed_json record)
{
	struct heed_buf buf;

	if (cli_has(tap->args, "--json"))
		return record_print(record);
	buf_init(&buf, 0);
	live_show(&buf, record);
	return cli_print(&buf);
}

static int
show_all(struct tap *tap, struct heed_json answer)
{
	const struct heed_json *records = json_get(answer, "records");
	int64_t missed = json_get_int(answer, "missed", 0);
	uint32_t i;
	int r = 0;

	if (missed > 0)
		fprintf(stderr, "heed tap: too slow: %lld records were missed\n",
		        (long long)missed);
	for (i = 0; records != NULL && i < records->len && tap->left != 0 && r == 0; i++)
		if (is_wanted(tap, records->items[i])) {
			tap->left -= tap->left > 0;
			r = show(tap, records->items[i]);
		}
	return r;
}

/* Ask for what is new, and wait for it. */
static int
follow_once(struct tap *tap, struct heed_error *error)
{
	char path[64] = "/tap";
	struct heed_json answer;
	struct arena arena;
	int r;

	if (tap->last >= 0)
		(void)snprintf(path, sizeof(path), "/tap?after=%lld",
		               (long long)tap->last);
	arena_init(&arena, 0);
	r = admin_client_call(tap->client, "GET", path, json_null(), &arena, &answer,
	                      error);
	if (r == 0) {
		tap->last = json_get_int(answer, "last", 0);
		r = show_all(tap, answer);
	}
	arena_done(&arena);
	return r;
}

/* The process went away: wait until it, or another, is there. */
static int
reconnect(struct tap *tap)
{
	struct heed_error error;
	int r;

	fprintf(stderr, "heed tap: heed has stopped; waiting for it to come back\n");
	admin_client_close(tap->client);
	tap->client = NULL;
	tap->last = -1;
	while ((r = admin_client_open(&tap->app, &tap->client, &error)) < 0)
		(void)usleep(AGAIN_MS * 1000);
	fprintf(stderr, "heed tap: it is back\n");
	return r;
}

static int
follow(struct tap *tap)
{
	struct heed_error error = {0};
	int r = admin_client_open(&tap->app, &tap->client, &error);

	if (r < 0)
		return cli_fail(tap->args, &error);
	if (!cli_has(tap->args, "--json"))
		fprintf(stderr, "following; end with Ctrl-C\n");
	while (r == 0 && tap->left != 0) {
		r = follow_once(tap, &error);
		if (r == HEED_E_NETWORK || r == HEED_E_NOTFOUND || r == HEED_E_BUSY)
			r = reconnect(tap);
	}
	return r < 0 ? cli_fail(tap->args, &error) : r;
}

static int
run(int argc, char **argv)
{
	struct tap tap = {.last = -1};
	struct cli_args args;
	int r = cli_parse(&cmd_tap, argc, argv, &args);

	if (r != 0 || args.command == NULL)
		return r;
	tap.args = &args;
	r = cli_number(&args, "--count", 1, INT64_MAX, -1, &tap.left);
	if (r == 0)
		r = cli_load_place(&args, &tap.app);
	if (r == 0)
		r = follow(&tap);
	admin_client_close(tap.client);
	app_done(&tap.app);
	return r;
}

const struct command cmd_tap = {
	.name = "tap",
	.usage = "[--type TYPE] [--json]",
	.help = "Follow the running heed live: events as they come, runs as they end.",
	.options = options,
	.run = run,
};
