/*
 * cmd_backup.c - heed backup: a copy of the store, also while heed runs.
 */
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "cli/cli.h"
#include "cli/out.h"
#include "cli/progress.h"
#include "service/service.h"
#include "store/care.h"

static const struct cli_option options[] = {
	CLI_CONFIG_OPTION,
	{"--force", NULL, "replace FILE when it is there"},
	{"--json", NULL, "print JSON"},
	{NULL, NULL, NULL},
};

static void
show(void *arg, int64_t done, int64_t total)
{
	struct progress *progress = arg;

	progress->total = total;
	progress_set(progress, done);
}

static int
print(const struct cli_args *args, const char *to, int64_t bytes, int64_t ms)
{
	struct heed_buf buf;

	buf_init(&buf, 0);
	if (cli_has(args, "--json")) {
		buf_adds(&buf, "{\"file\":");
		json_write_string(&buf, str_of(to));
		buf_addf(&buf, ",\"bytes\":%lld,\"ms\":%lld}\n", (long long)bytes,
		         (long long)ms);
	} else {
		buf_addf(&buf, "%s: ", to);
		out_count(&buf, bytes);
		buf_adds(&buf, " bytes in ");
		clock_write_duration(&buf, ms);
		buf_adds(&buf, "; heed verify looks whether a copy is right\n");
	}
	return cli_print(&buf);
}

static int
back_up(const struct cli_args *args, struct app *app, struct heed_error *error)
{
	const char *to = args->words[0];
	int64_t began_ms = clock_steady_ms();
	struct progress progress;
	struct heed_str place;
	int64_t bytes;
	int r;

	if (access(to, F_OK) == 0 && !cli_has(args, "--force")) {
		(void)error_set(error, HEED_E_EXISTS, "%s is there already", to);
		error_hint(error, "give another name, or --force to replace it");
		return HEED_E_EXISTS;
	}
	if (service_store_place(app, &place) < 0)
		return error_nomem(error);
	progress_begin(&progress, "copying pages", 0);
	r = store_backup(place, to, show, &progress, &bytes, error);
	progress_end(&progress);
	return r < 0 ? r : print(args, to, bytes, clock_steady_ms() - began_ms);
}

static int
run(int argc, char **argv)
{
	struct heed_error error = {0};
	struct app app = {0};
	struct cli_args args;
	int r = cli_parse(&cmd_backup, argc, argv, &args);

	if (r != 0 || args.command == NULL)
		return r;
	if (args.n_words != 1)
		return cli_misused(&args, "for example: heed backup shop-backup.db",
		                   "name the one file that the copy goes to");
	r = cli_load_place(&args, &app);
	if (r == 0)
		r = back_up(&args, &app, &error);
	if (r < 0)
		r = cli_fail(&args, &error);
	app_done(&app);
	return r;
}

const struct command cmd_backup = {
	.name = "backup",
	.usage = "[OPTIONS] FILE",
	.words_max = CLI_ANY_WORDS,
	.help = "Copy the store as it is at this moment into a file, also while heed "
		"runs.",
	.options = options,
	.run = run,
};
