/*
 * cmd_run.c - heed run: run what a configuration describes until told to stop.
 */
#include "base/log.h"
#include "cli/cli.h"
#include "service/service.h"

static const struct cli_option options[] = {
	{"--config", "FILE", "the configuration (default: heed.yaml)"},
	{"--json", NULL, "the log as JSON, whatever log.form says"},
	{"--once", NULL, "handle what is there, then end"},
	{NULL, NULL, NULL},
};

/* What heed check would warn of, in the log. */
static void
log_warnings(const struct app *app)
{
	size_t i;

	for (i = 0; i < app->warnings.n; i++) {
		const struct conf_problem *problem = &app->warnings.items[i];

		log_event(LOG_WARN, "configuration", LOG_S("file", str_of(problem->file)),
		          LOG_N("line", problem->line), LOG_S("text", problem->text),
		          LOG_S("hint", problem->hint));
	}
}

static int
run(int argc, char **argv)
{
	struct service *service = NULL;
	struct heed_error error = {0};
	struct app app = {0};
	struct cli_args args;
	int r = cli_parse(&cmd_run, argc, argv, &args);

	if (r != 0 || args.command == NULL)
		return r;
	log_setup(LOG_INFO, cli_has(&args, "--json") ? LOG_JSON : LOG_TEXT);
	r = cli_load(&args, &app);
	if (r == 0) {
		log_setup((enum log_level)app.log.level,
		          cli_has(&args, "--json") ? LOG_JSON
		                                   : (enum log_form)app.log.form);
		log_warnings(&app);
	}
	app.once = cli_has(&args, "--once");
	if (r == 0 && service_open(&app, &service, &error) < 0)
		r = cli_fail(&args, &error);
	else if (r == 0)
		service_run(service);
	service_close(service);
	app_done(&app);
	return r;
}

const struct command cmd_run = {
	.name = "run",
	.usage = "[--json] [--once] [FILE]",
	.words_max = 1,
	.help = "Run: take events, react, until SIGTERM (or, with --once, until all that "
		"is there is handled); what is unfinished goes on at the next start.",
	.options = options,
	.run = run,
};
