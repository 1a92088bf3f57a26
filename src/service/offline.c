/*
 * offline.c - see offline.h.
 */
#include "service/offline.h"

#include "base/error.h"
#include "base/mem.h"
#include "service/service.h"

#define STEP_RUNS_MAX 500

struct offline {
	struct app *app;
	struct loop *loop;
	struct store *store;
	struct expr_set *exprs;
	struct expr *patch;
	int code; /* of the commit that was waited for */
	bool committed;
};

static int
offline_open(struct offline *offline, struct app *app, struct heed_error *error)
{
	struct heed_str place;

	*offline = (struct offline){.app = app};
	if (loop_new(LOOP_REAL, &offline->loop) < 0 ||
	    service_store_place(app, &place) < 0)
		return error_nomem(error);
	return store_open(offline->loop, place, &offline->store, error);
}

static void
offline_close(struct offline *offline)
{
	expr_set_free(offline->exprs);
	store_close(offline->store);
	loop_free(offline->loop);
}

static void
committed(void *arg, const struct store_result *result)
{
	struct offline *offline = arg;

	offline->code = result->code;
	offline->committed = true;
	loop_stop(offline->loop);
}

/* Commit and wait. */
static int
commit(struct offline *offline, struct store_tx *tx, struct heed_error *error)
{
	offline->committed = false;
	store_commit(offline->store, tx, committed, offline);
	while (!offline->committed)
		loop_run(offline->loop);
	if (offline->code == 0)
		return 0;
	(void)error_set(error, offline->code, "the store could not be written: %s",
	                heed_code_text(offline->code));
	error_hint(error, "repeat the command: what was done is done once");
	return offline->code;
}

static int
make_step(struct offline *offline, const struct redrive *what, struct store_job *job,
          struct arena *scratch, struct heed_error *error)
{
	struct store_job next = *job;
	struct redrive_step step = {
		.store = offline->store,
		.arena = scratch,
		.now_us = loop_wall_us(offline->loop),
		.what = what,
		.patch = offline->patch,
		.job = &next,
	};
	struct store_tx *tx = store_begin(offline->store);
	int r = tx == NULL ? error_nomem(error)
	                   : redrive_step(&step, tx, STEP_RUNS_MAX, error);

	mem_free(step.items);
	if (r < 0) {
		store_discard(tx);
		return r;
	}
	HEED_TRY(commit(offline, tx, error));
	if (next.text.len > 0 && job->text.len == 0)
		next.text = arena_str(&offline->app->arena, next.text);
	*job = next;
	return 0;
}

static int
put_job(struct offline *offline, const struct store_job *job, struct heed_error *error)
{
	struct store_tx *tx = store_begin(offline->store);

	if (tx == NULL || store_put_job(tx, job) < 0) {
		store_discard(tx);
		return error_nomem(error);
	}
	return commit(offline, tx, error);
}

static int
perform(struct offline *offline, const struct redrive *what, struct store_job *job,
        offline_progress_fn *progress, void *arg, struct heed_error *error)
{
	struct arena scratch;
	int r = 0;

	arena_init(&scratch, 256 * 1024);
	while (r == 0 && job->state == JOB_OPEN) {
		r = make_step(offline, what, job, &scratch, error);
		arena_reset(&scratch);
		if (r == 0 && progress != NULL)
			progress(arg, job);
	}
	arena_done(&scratch);
	return r;
}

int
offline_redrive(struct app *app, const struct redrive *what, int64_t total,
                offline_progress_fn *progress, void *arg, struct store_job *ret_job,
                struct heed_error *error)
{
	struct offline offline;
	int r = offline_open(&offline, app, error);

	if (r == 0)
		r = redrive_compile(what, &offline.exprs, &offline.patch, error);
	if (r == 0 && redrive_job(offline.store, what, total, loop_wall_us(offline.loop),
	                          &app->arena, ret_job) < 0)
		r = error_nomem(error);
	if (r == 0)
		r = put_job(&offline, ret_job, error);
	if (r == 0 && (what->verb == REDRIVE_PATCH || what->verb == REDRIVE_DROP))
		r = perform(&offline, what, ret_job, progress, arg, error);
	offline_close(&offline);
	return r;
}

struct finding {
	struct arena *arena;
	struct store_job job;
	bool found;
};

static int
found(void *arg, const struct store_job *job)
{
	struct finding *finding = arg;

	finding->found = true;
	finding->job = *job;
	finding->job.kind = arena_str(finding->arena, job->kind);
	finding->job.spec = arena_str(finding->arena, job->spec);
	finding->job.text = arena_str(finding->arena, job->text);
	return 0;
}

int
offline_cancel_job(struct app *app, int64_t id, struct heed_error *error)
{
	struct finding finding = {.arena = &app->arena};
	struct offline offline;
	int r = offline_open(&offline, app, error);

	if (r == 0)
		r = store_read_jobs(offline.store, id, JOB_OPEN, found, &finding, error);
	if (r == 0 && !finding.found)
		r = error_set(error, HEED_E_NOTFOUND, "there is no open job %lld",
		              (long long)id);
	if (r == 0) {
		finding.job.state = JOB_CANCELLED;
		finding.job.updated_us = loop_wall_us(offline.loop);
		r = put_job(&offline, &finding.job, error);
	}
	offline_close(&offline);
	return r;
}
