/*
 * dlq_perform.c - see dlq_perform.h.
 */
#include "cli/dlq_perform.h"

#include <stdio.h>
#include <unistd.h>

#include "base/error.h"
#include "base/json.h"
#include "cli/admin_client.h"
#include "cli/out.h"
#include "cli/record.h"
#include "service/offline.h"
#include "service/service.h"

#define LOOK_MS 50

static const struct {
	const char *now, *past;
} words[] = {
	[REDRIVE_RETRY] = {"redrive", "redriven"},
	[REDRIVE_DONE] = {"go on with (the effect happened)", "gone on with"},
	[REDRIVE_REPEAT] = {"repeat the effect of", "repeated"},
	[REDRIVE_PATCH] = {"mend the events of", "mended"},
	[REDRIVE_DROP] = {"drop", "dropped"},
};

struct performing {
	const struct cli_args *args;
	struct redrive *what;
	struct app app;
	struct store *store; /* for looking */
	struct arena arena;
	struct dlq_plan plan;
	struct progress progress;
};

/* ---- beforehand -------------------------------------------------------------------- */

static void
tell_cost(struct heed_buf *buf, const struct dlq_plan *plan)
{
	if (plan->n_paid > 0) {
		buf_adds(buf, "  ");
		out_counted(buf, plan->n_paid, "answer");
		buf_adds(buf, plan->n_paid == 1
		                      ? " is paid for already and used again\n"
		                      : " are paid for already and used again\n");
	}
	if (plan->n_priced < plan->n) {
		buf_adds(buf, "  what ");
		out_counted(buf, plan->n - plan->n_priced, "run");
		buf_adds(buf,
		         " may cost is not known: none like them was answered yet\n");
	}
	if (plan->cost_nano > 0) {
		buf_adds(buf, "  it may cost about ");
		out_money(buf, plan->cost_nano);
		buf_addc(buf, '\n');
	} else if (plan->n_priced == plan->n) {
		buf_adds(buf, "  it costs nothing\n");
	}
}

static int
tell_plan(const struct performing *performing)
{
	const struct dlq_plan *plan = &performing->plan;
	int verb = performing->what->verb;
	struct heed_buf buf;

	buf_init(&buf, 0);
	if (cli_has(performing->args, "--json")) {
		if (!cli_has(performing->args, "--dry-run"))
			return CLI_OK;
		buf_addf(&buf,
		         "{\"runs\":%lld,\"unknown\":%lld,\"paid\":%lld,\"priced\":%lld,"
		         "\"cost_nano_usd\":%lld}\n",
		         (long long)plan->n, (long long)plan->n_held,
		         (long long)plan->n_paid, (long long)plan->n_priced,
		         (long long)plan->cost_nano);
		return cli_print(&buf);
	}
	buf_addf(&buf, "%s ", words[verb].now);
	dlq_plan_show(&buf, plan);
	buf_addc(&buf, '\n');
	if (verb == REDRIVE_RETRY && plan->n_held > 0) {
		buf_adds(&buf, "  ");
		out_count(&buf, plan->n_held);
		buf_adds(&buf,
		         " of them are left out: it is not known whether their effect "
		         "happened (--as done, --as repeat)\n");
	}
	if (verb <= REDRIVE_REPEAT)
		tell_cost(&buf, plan);
	return cli_print(&buf);
}

/* On a terminal many are not touched without a word. */
static bool
is_agreed(const struct performing *performing)
{
	char line[16] = "";

	if (performing->plan.n < 2 || cli_has(performing->args, "--yes") ||
	    cli_has(performing->args, "--json") || !isatty(STDIN_FILENO) ||
	    !isatty(STDOUT_FILENO))
		return true;
	printf("go on? [y/N] ");
	(void)fflush(stdout);
	return fgets(line, sizeof(line), stdin) != NULL &&
	       (line[0] == 'y' || line[0] == 'Y');
}

struct run_state_call {
	enum run_state state;
	bool found;
};

static int
take_state(void *arg, const struct store_run *run, const struct store_event *event)
{
	struct run_state_call *call = arg;

	(void)event;
	call->state = run->state;
	call->found = true;
	return 0;
}

static int
explain_nothing(struct performing *performing, struct heed_error *error)
{
	const struct redrive *what = performing->what;
	struct store_filter filter = {.run_id = what->n_runs > 0 ? what->runs[0] : 0};
	struct run_state_call call = {.found = false};

	if (what->n_runs > 0)
		HEED_TRY(store_read_runs(performing->store, &filter, take_state, &call,
		                         error));
	if (call.found)
		(void)error_set(
			error, HEED_E_CONFLICT,
			"run %lld is %s: only dead and held runs can be worked with",
			(long long)what->runs[0], store_run_state_name(call.state));
	else
		(void)error_set(error, HEED_E_NOTFOUND, "there are no such dead letters");
	error_hint(error, "heed dlq ls lists them");
	return error->code;
}

static int
plan(struct performing *performing, struct heed_error *error)
{
	struct redrive *what = performing->what;
	struct heed_str place;

	HEED_TRY(service_store_place(&performing->app, &place));
	HEED_TRY(store_open_readonly(place, &performing->store, error));
	HEED_TRY(dlq_plan(performing->store, what, &performing->arena, &performing->plan,
	                  error));
	if (performing->plan.n == 0)
		return explain_nothing(performing, error);
	what->last_run = performing->plan.last_run;
	if (what->verb == REDRIVE_RETRY &&
	    performing->plan.n_held == performing->plan.n) {
		(void)error_set(error, HEED_E_CONFLICT,
		                "it is not known whether the effect of %s happened",
		                performing->plan.n == 1 ? "this run" : "these runs");
		error_hint(error, "find out, then say --as done or --as repeat");
		return HEED_E_CONFLICT;
	}
	return 0;
}

/* ---- having it done ---------------------------------------------------------------- */

static int
submit(struct performing *performing, struct admin_client *client, int64_t *ret_job,
       struct heed_error *error)
{
	struct arena *arena = &performing->arena;
	struct heed_json spec;
	struct heed_json answer;

	if (redrive_write(performing->what, arena, &spec) < 0)
		return error_nomem(error);
	spec = record_with(arena, spec, "total", json_int(performing->plan.n));
	HEED_TRY(admin_client_call(client, "POST", "/jobs", spec, arena, &answer, error));
	*ret_job = json_get_int(answer, "job", 0);
	return 0;
}

struct job_call {
	struct arena *arena;
	struct store_job job;
};

static int
keep_job(void *arg, const struct store_job *row)
{
	struct job_call *call = arg;

	call->job = *row;
	call->job.kind = call->job.spec = HEED_STR("");
	call->job.text = arena_str(call->arena, row->text);
	return 0;
}

/* Look until the job is over. */
static int
follow(struct performing *performing, int64_t id, struct store_job *ret_job,
       struct heed_error *error)
{
	struct job_call call;
	struct arena arena;
	int r;

	arena_init(&arena, 0);
	call.arena = &arena;
	do {
		(void)usleep(LOOK_MS * 1000);
		arena_reset(&arena);
		call.job = (struct store_job){.state = JOB_DONE};
		r = store_read_jobs(performing->store, id, -1, keep_job, &call, error);
		progress_set(&performing->progress, call.job.done + call.job.skipped);
	} while (r == 0 && call.job.state == JOB_OPEN);
	*ret_job = call.job;
	ret_job->text = arena_str(&performing->arena, call.job.text);
	arena_done(&arena);
	return r;
}

static int
by_running_heed(struct performing *performing, struct admin_client *client,
                struct store_job *ret_job, struct heed_error *error)
{
	int64_t id = 0;

	HEED_TRY(submit(performing, client, &id, error));
	*ret_job = (struct store_job){
		.id = id, .state = JOB_OPEN, .total = performing->plan.n};
	if (cli_has(performing->args, "--no-wait"))
		return 0;
	if (performing->what->rate > 0 && !cli_has(performing->args, "--json"))
		printf("job %lld; Ctrl-C ends this command, not the job\n",
		       (long long)id);
	return follow(performing, id, ret_job, error);
}

static void
show_progress(void *arg, const struct store_job *job)
{
	progress_set(arg, job->done + job->skipped);
}

static int
perform(struct performing *performing, struct store_job *ret_job,
        struct heed_error *error)
{
	struct admin_client *client = NULL;
	int r = admin_client_open(&performing->app, &client, error);

	progress_begin(&performing->progress, words[performing->what->verb].now,
	               performing->plan.n);
	if (r == 0)
		r = by_running_heed(performing, client, ret_job, error);
	else if (r == HEED_E_NOTFOUND)
		r = offline_redrive(&performing->app, performing->what,
		                    performing->plan.n, show_progress,
		                    &performing->progress, ret_job, error);
	progress_end(&performing->progress);
	admin_client_close(client);
	return r;
}

/* ---- afterwards -------------------------------------------------------------------- */

static int
report_json(const struct store_job *job)
{
	struct heed_buf buf;

	buf_init(&buf, 0);
	buf_addf(&buf,
	         "{\"job\":%lld,\"state\":\"%s\",\"total\":%lld,\"done\":%lld,"
	         "\"skipped\":%lld,\"text\":",
	         (long long)job->id, store_job_state_name(job->state),
	         (long long)job->total, (long long)job->done, (long long)job->skipped);
	json_write_string(&buf, job->text);
	buf_adds(&buf, "}\n");
	return cli_print(&buf);
}

static int
report(const struct performing *performing, const struct store_job *job)
{
	bool no_wait = cli_has(performing->args, "--no-wait");
	struct heed_buf buf;
	int r;

	if (cli_has(performing->args, "--json")) {
		r = report_json(job);
		return r != 0 ? r : job->skipped > 0 ? CLI_FAILED : CLI_OK;
	}
	buf_init(&buf, 0);
	if (job->state == JOB_OPEN) {
		buf_addf(&buf, "job %lld %s\n", (long long)job->id,
		         no_wait ? "is under way: heed dlq jobs shows how far"
		                 : "is stored; no heed is running: it begins when heed "
		                   "is run");
		return cli_print(&buf);
	}
	if (job->state == JOB_CANCELLED)
		buf_adds(&buf, "cancelled: ");
	out_counted(&buf, job->done, "run");
	buf_addf(&buf, " %s", words[performing->what->verb].past);
	if (job->skipped > 0) {
		buf_adds(&buf, ", ");
		out_count(&buf, job->skipped);
		buf_adds(&buf, " left out: ");
		(void)out_text(&buf, job->text, 0);
	}
	buf_addc(&buf, '\n');
	r = cli_print(&buf);
	return r != 0 ? r : job->skipped > 0 ? CLI_FAILED : CLI_OK;
}

static int
perform_planned(struct performing *performing, struct heed_error *error)
{
	struct store_job job = {0};
	int r = plan(performing, error);

	if (r == 0)
		r = tell_plan(performing);
	if (r != 0 || cli_has(performing->args, "--dry-run"))
		return r;
	if (!is_agreed(performing)) {
		printf("nothing was done\n");
		return CLI_OK;
	}
	r = perform(performing, &job, error);
	return r == 0 ? report(performing, &job) : r;
}

int
dlq_perform(const struct cli_args *args, struct redrive *what)
{
	struct performing performing = {.args = args, .what = what};
	struct heed_error error = {0};
	int r = cli_load_place(args, &performing.app);

	arena_init(&performing.arena, 0);
	if (r == 0)
		r = perform_planned(&performing, &error);
	if (r < 0)
		r = cli_fail(args, &error);
	store_close(performing.store);
	arena_done(&performing.arena);
	app_done(&performing.app);
	return r;
}
