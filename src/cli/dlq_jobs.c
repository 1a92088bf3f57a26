/*
 * dlq_jobs.c - heed dlq jobs and heed dlq cancel: redrives under way, and their end.
 */
#include <stdio.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "cli/admin_client.h"
#include "cli/dlq.h"
#include "cli/look.h"
#include "cli/out.h"
#include "cli/record.h"
#include "service/offline.h"

static const struct cli_option options[] = {
	CLI_CONFIG_OPTION,
	{"--json", NULL, "print JSON"},
	{NULL, NULL, NULL},
};

static int
print_json(const struct store_job *job)
{
	struct arena arena;
	int r;

	arena_init(&arena, 0);
	r = record_print(record_job(&arena, job));
	arena_done(&arena);
	return r;
}

static int
print_job(void *arg, const struct store_job *job)
{
	const struct cli_args *args = arg;
	char place[CLOCK_TEXT_SIZE];
	struct heed_buf buf;

	if (cli_has(args, "--json"))
		return print_json(job);
	buf_init(&buf, 0);
	buf_addf(&buf, "%4lld  %-9s  %s  ", (long long)job->id,
	         store_job_state_name(job->state),
	         clock_text(place, job->created_us).data);
	out_count(&buf, job->done);
	buf_adds(&buf, " of ");
	out_count(&buf, job->total);
	if (job->skipped > 0) {
		buf_adds(&buf, ", ");
		out_count(&buf, job->skipped);
		buf_adds(&buf, " left out (");
		(void)out_text(&buf, job->text, 100);
		buf_addc(&buf, ')');
	}
	buf_adds(&buf, "  ");
	(void)out_text(&buf, job->spec, 200);
	buf_addc(&buf, '\n');
	return cli_print(&buf);
}

static int
look(const struct cli_args *args, struct store *store, struct heed_error *error)
{
	if (!cli_has(args, "--json"))
		printf(" job  state      begun                     runs\n");
	return store_read_jobs(store, 0, -1, print_job, (void *)args, error);
}

static int
run_jobs(int argc, char **argv)
{
	return cli_look(&dlq_jobs, argc, argv, look);
}

const struct command dlq_jobs = {
	.name = "dlq jobs",
	.usage = "[--json]",
	.help = "List redrives, the newest first: under way, done, cancelled.",
	.options = options,
	.run = run_jobs,
};

/* ---- cancel ------------------------------------------------------------------------ */

static int
cancel(struct app *app, int64_t id, struct heed_error *error)
{
	struct admin_client *client = NULL;
	struct heed_json answer;
	struct arena arena;
	char path[48];
	int r = admin_client_open(app, &client, error);

	if (r == HEED_E_NOTFOUND)
		return offline_cancel_job(app, id, error);
	if (r < 0)
		return r;
	(void)snprintf(path, sizeof(path), "/jobs/%lld", (long long)id);
	arena_init(&arena, 0);
	r = admin_client_call(client, "DELETE", path, json_null(), &arena, &answer,
	                      error);
	arena_done(&arena);
	admin_client_close(client);
	return r;
}

static int
run_cancel(int argc, char **argv)
{
	struct heed_error error = {0};
	struct app app = {0};
	struct cli_args args;
	int64_t id = 0;
	int r = cli_parse(&dlq_cancel, argc, argv, &args);

	if (r != 0 || args.command == NULL)
		return r;
	if (args.n_words != 1 || str_to_i64(str_of(args.words[0]), &id) < 0)
		return cli_misused(&args, "heed dlq jobs lists them", "name one job");
	r = cli_load_place(&args, &app);
	if (r == 0 && cancel(&app, id, &error) < 0)
		r = cli_fail(&args, &error);
	if (r == 0)
		printf(cli_has(&args, "--json")
		               ? "{\"job\":%lld,\"state\":\"cancelled\"}\n"
		               : "job %lld is cancelled\n",
		       (long long)id);
	app_done(&app);
	return r;
}

const struct command dlq_cancel = {
	.name = "dlq cancel",
	.usage = "JOB",
	.words_max = CLI_ANY_WORDS,
	.help = "End a redrive before its end; what it did stays.",
	.options = options,
	.run = run_cancel,
};
