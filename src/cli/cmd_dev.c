/*
 * cmd_dev.c - heed dev: run, and see what happens, for people who write a configuration.
 *
 * As heed run, but each event's decision is printed readably, models whose key is not set
 * are stood in for (and it is said plainly), the file is taken up again when it changes,
 * and events of a file can be fed one after the other.
 */
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "cli/cli.h"
#include "cli/dev_feed.h"
#include "cli/dev_models.h"
#include "cli/live_show.h"
#include "cli/out.h"
#include "cli/record.h"

#define CHANGED_LOOK_MS 500

static const struct cli_option options[] = {
	CLI_CONFIG_OPTION,
	{"--send", "EVENTS",
         "feed the events of a file, one JSON object a line, in order"},
	{"--once", NULL, "with --send: end when all that came of them has ended"},
	{"--json", NULL, "events and outcomes as JSON, one object a line"},
	{NULL, NULL, NULL},
};

struct dev {
	const struct cli_args *args;
	struct app app;
	struct service *service;
	struct dev_feed feed;
	struct loop_timer timer; /* has the file changed? */
	struct timespec changed;
	int64_t began_ms;
	/* what was seen */
	int64_t events, emitted, duplicates, runs, dead, held, calls, tokens, cost_nano;
};

/* ---- what happens ------------------------------------------------------------------ */

static void
count(struct dev *dev, struct heed_json record)
{
	struct heed_str state = json_get_text(record, "state");

	if (str_is(json_get_text(record, "what"), "event")) {
		dev->duplicates += json_get_bool(record, "duplicate", false);
		dev->emitted += json_get_int(record, "by_run", 0) > 0;
		dev->events++;
		return;
	}
	dev->runs++;
	dev->dead += str_is(state, "dead");
	dev->held += str_is(state, "held");
	dev->calls += json_get_int(record, "calls", 0);
	dev->tokens += json_get_int(record, "input_tokens", 0) +
	               json_get_int(record, "output_tokens", 0);
	dev->cost_nano += json_get_int(record, "cost_nano_usd", 0);
}

static void
seen(void *arg, struct heed_json record)
{
	struct dev *dev = arg;
	struct heed_buf buf;

	count(dev, record);
	if (cli_has(dev->args, "--json")) {
		(void)record_print(record);
		return;
	}
	buf_init(&buf, 0);
	if (str_is(json_get_text(record, "what"), "event") &&
	    json_get(record, "by_run") == NULL)
		buf_addc(&buf, '\n');
	live_show(&buf, record);
	(void)cli_print(&buf);
}

static void
show_totals(const struct dev *dev)
{
	struct heed_buf buf;

	if (cli_has(dev->args, "--json") || dev->events == 0)
		return;
	buf_init(&buf, 0);
	buf_addf(&buf, "\n%s", out_style(OUT_BOLD));
	out_counted(&buf, dev->events - dev->emitted, "event");
	buf_addf(&buf, " in%s", out_style(OUT_END));
	if (dev->duplicates > 0) {
		buf_adds(&buf, " (");
		out_count(&buf, dev->duplicates);
		buf_adds(&buf, " known already)");
	}
	buf_adds(&buf, ", ");
	out_counted(&buf, dev->emitted, "event");
	buf_adds(&buf, " emitted, ");
	out_counted(&buf, dev->runs, "run");
	if (dev->dead + dev->held > 0) {
		buf_addf(&buf, " (%s", out_style(OUT_RED));
		out_count(&buf, dev->dead + dev->held);
		buf_addf(&buf, " failed%s: heed dlq ls)", out_style(OUT_END));
	}
	buf_adds(&buf, ", ");
	out_counted(&buf, dev->calls, "call");
	buf_adds(&buf, ", ");
	out_counted(&buf, dev->tokens, "token");
	buf_adds(&buf, ", ");
	out_money(&buf, dev->cost_nano);
	buf_adds(&buf, ", ");
	clock_write_duration(&buf, clock_steady_ms() - dev->began_ms);
	buf_addc(&buf, '\n');
	(void)cli_print(&buf);
}

/* ---- the beginning ----------------------------------------------------------------- */

static void
show_banner(const struct dev *dev)
{
	const struct app *app = &dev->app;
	struct heed_buf buf;
	size_t i;

	if (cli_has(dev->args, "--json"))
		return;
	buf_init(&buf, 0);
	buf_addf(&buf, "%s%.*s%s", out_style(OUT_BOLD), STR_ARG(app->name),
	         out_style(OUT_END));
	buf_addf(&buf, "  %s, store %.*s\n", app->path, STR_ARG(app->store));
	dev_models_show(&buf, app);
	for (i = 0; i < app->n_sources; i++)
		buf_addf(&buf, "  source %.*s (%s)\n",
		         STR_ARG(app->sources[i].source->name),
		         app->sources[i].source->kind->name);
	for (i = 0; i < app->n_definitions; i++)
		buf_addf(&buf, "%s%.*s", i == 0 ? "  reacts: " : ", ",
		         STR_ARG(app->definitions[i]->name));
	buf_addc(&buf, '\n');
	if (!cli_has(dev->args, "--send"))
		buf_addf(&buf,
		         "send it an event: heed send --config %s --type TYPE --data "
		         "JSON; Ctrl-C ends\n",
		         app->path);
	(void)cli_print(&buf);
}

static struct timespec
changed_at(const struct dev *dev)
{
	struct stat about = {0};

	(void)stat(dev->app.path, &about);
	return about.st_mtim;
}

/* A changed file is taken up as heed reload does it. */
static void
look_at_file(void *arg)
{
	struct dev *dev = arg;
	struct timespec now = changed_at(dev);

	if (now.tv_sec != dev->changed.tv_sec || now.tv_nsec != dev->changed.tv_nsec) {
		dev->changed = now;
		if (now.tv_sec != 0)
			(void)raise(SIGHUP);
	}
	loop_timer_set(service_loop(dev->service), &dev->timer, CHANGED_LOOK_MS);
}

static void
fed(void *arg)
{
	struct dev *dev = arg;

	if (dev->feed.error.code != 0)
		(void)cli_fail(dev->args, &dev->feed.error);
	if (dev->feed.error.code != 0 || cli_has(dev->args, "--once"))
		service_stop(dev->service);
}

static int
begin(struct dev *dev, struct heed_error *error)
{
	const char *events = cli_value(dev->args, "--send");

	HEED_TRY(service_open(&dev->app, &dev->service, error));
	service_watch(dev->service, seen, dev);
	service_stand_in(dev->service, &dev_models_stand_in);
	loop_timer_init(&dev->timer, look_at_file, dev);
	dev->changed = changed_at(dev);
	loop_timer_set(service_loop(dev->service), &dev->timer, CHANGED_LOOK_MS);
	show_banner(dev);
	if (events != NULL)
		HEED_TRY(dev_feed_begin(&dev->feed, dev->service, events, fed, dev,
		                        error));
	/* Ports were told; from here on only what is wrong is. */
	log_setup(LOG_WARN, LOG_TEXT);
	return 0;
}

static int
run_with(struct dev *dev)
{
	struct heed_error error = {0};
	int r;

	dev_models_prepare(dev->args->n_words > 0 ? dev->args->words[0]
	                                          : cli_config(dev->args));
	log_setup(LOG_INFO, LOG_TEXT);
	r = cli_load(dev->args, &dev->app);
	if (r != 0)
		return r;
	cli_warn(&dev->app);
	dev->began_ms = clock_steady_ms();
	if (begin(dev, &error) < 0) {
		r = cli_fail(dev->args, &error);
	} else {
		service_run(dev->service);
		show_totals(dev);
		r = dev->feed.error.code != 0 ? CLI_FAILED : CLI_OK;
	}
	if (dev->service != NULL)
		loop_timer_clear(service_loop(dev->service), &dev->timer);
	dev_feed_end(&dev->feed);
	service_close(dev->service);
	return r;
}

static int
run(int argc, char **argv)
{
	struct dev dev = {.began_ms = 0};
	struct cli_args args;
	int r = cli_parse(&cmd_dev, argc, argv, &args);

	if (r != 0 || args.command == NULL)
		return r;
	if (cli_has(&args, "--once") && !cli_has(&args, "--send"))
		return cli_misused(&args,
		                   "heed run --once handles what is there, then ends",
		                   "--once goes with --send");
	dev.args = &args;
	r = run_with(&dev);
	app_done(&dev.app);
	return r;
}

const struct command cmd_dev = {
	.name = "dev",
	.usage = "[--send EVENTS [--once]] [--json] [FILE]",
	.words_max = 1,
	.help = "Run for development: see each event's decision; models whose key is not "
		"set are stood in for; a changed file is taken up.",
	.options = options,
	.run = run,
};
