/*
 * cmd_verify.c - heed verify: is a store right, the configuration's or a copy?
 */
#include <stdio.h>

#include "base/error.h"
#include "base/json.h"
#include "cli/cli.h"
#include "cli/out.h"
#include "cli/progress.h"
#include "service/service.h"
#include "store/care.h"

static const struct cli_option options[] = {
	CLI_CONFIG_OPTION,
	{"--json", NULL, "print JSON"},
	{NULL, NULL, NULL},
};

struct verification {
	const struct cli_args *args;
	struct progress progress;
	struct heed_buf json; /* of the checks, as they end */
};

static void
show(void *arg, int64_t done, int64_t total)
{
	struct verification *verification = arg;

	verification->progress.total = total;
	progress_set(&verification->progress, done);
}

static void
add_json(struct heed_buf *buf, const struct store_verdict *verdict)
{
	size_t i;

	buf_addf(buf, "%s{\"check\":", buf->len > 0 ? "," : "");
	json_write_string(buf, str_of(verdict->check));
	buf_addf(buf, ",\"ok\":%s,\"more\":%s,\"problems\":[",
	         verdict->n == 0 ? "true" : "false", verdict->more ? "true" : "false");
	for (i = 0; i < verdict->n; i++) {
		if (i > 0)
			buf_addc(buf, ',');
		json_write_string(buf, verdict->problems[i]);
	}
	buf_adds(buf, "]}");
}

static void
tell(void *arg, const struct store_verdict *verdict)
{
	struct verification *verification = arg;
	bool ok = verdict->n == 0;
	struct heed_buf buf;
	size_t i;

	if (cli_has(verification->args, "--json")) {
		add_json(&verification->json, verdict);
		return;
	}
	progress_end(&verification->progress);
	buf_init(&buf, 0);
	buf_addf(&buf, "%s%s%s  %s\n", out_style(ok ? OUT_GREEN : OUT_RED),
	         ok ? " ok" : "BAD", out_style(OUT_END), verdict->check);
	for (i = 0; i < verdict->n; i++) {
		buf_adds(&buf, "     ");
		(void)out_text(&buf, verdict->problems[i], 0);
		buf_addc(&buf, '\n');
	}
	if (verdict->more)
		buf_adds(&buf, "     ... and more\n");
	(void)cli_print(&buf);
}

static int
print_sum(struct verification *verification, int problems)
{
	struct heed_buf buf;
	int r;

	buf_init(&buf, 0);
	if (cli_has(verification->args, "--json"))
		buf_addf(&buf, "{\"ok\":%s,\"checks\":[%.*s]}\n",
		         problems == 0 ? "true" : "false",
		         STR_ARG(buf_str(&verification->json)));
	else if (problems == 0)
		buf_adds(&buf, "the store is right\n");
	else
		buf_addf(&buf,
		         "%d of the checks found something: restore a backup that heed "
		         "verify finds right, or ask for help with what is above\n",
		         problems);
	r = cli_print(&buf);
	return r != CLI_OK || problems > 0 ? CLI_FAILED : CLI_OK;
}

static int
verify(const struct cli_args *args, struct heed_str place, struct heed_error *error)
{
	struct verification verification = {.args = args};
	struct store *store;
	int problems = 0;
	int r;

	HEED_TRY(store_open_readonly(place, &store, error));
	buf_init(&verification.json, 0);
	progress_begin(&verification.progress, "checking", 0);
	r = store_verify(store, tell, show, &verification, &problems, error);
	progress_end(&verification.progress);
	if (r == 0)
		r = print_sum(&verification, problems);
	buf_done(&verification.json);
	store_close(store);
	return r;
}

/* A file, or what the configuration names. */
static int
find_place(const struct cli_args *args, struct app *app, struct heed_str *ret_place)
{
	if (args->n_words == 0) {
		int r = cli_load_place(args, app);

		return r != 0 ? r : service_store_place(app, ret_place);
	}
	arena_init(&app->arena, 0);
	*ret_place = arena_printf(&app->arena, "sqlite:%s", args->words[0]);
	return ret_place->data == NULL ? HEED_E_NOMEM : 0;
}

static int
run(int argc, char **argv)
{
	struct heed_error error = {0};
	struct heed_str place;
	struct app app = {0};
	struct cli_args args;
	int r = cli_parse(&cmd_verify, argc, argv, &args);

	if (r != 0 || args.command == NULL)
		return r;
	r = find_place(&args, &app, &place);
	if (r == 0)
		r = verify(&args, place, &error);
	if (r < 0)
		r = cli_fail(&args, &error);
	app_done(&app);
	return r;
}

const struct command cmd_verify = {
	.name = "verify",
	.usage = "[OPTIONS] [FILE]",
	.words_max = 1,
	.help = "Look whether a store is right: the file, and what its rows promise each "
		"other. FILE is a copy; without it, the configuration's.",
	.options = options,
	.run = run,
};
