/*
 * redrive.c - redrives as jobs of a running engine: at their rate, one step at a time,
 * and again after a restart. What a step does is in redrive_step.c.
 *
 *	new --on disk--> waits for its time ----> step under way --written--> what goes on
 *	                       ^                        |                      is loaded
 *	                       '------ there is more ---'--> done, or cancelled
 *
 * Only one step of all jobs is under way at a time, so no run is met by two of them.
 */
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/core.h"

#define STEP_RUNS_MAX 256
#define TICK_MS 50     /* at a high rate, runs of so long go together */
#define BURST_S 0.25   /* what was not used of a rate is lost after it */
#define NO_ROOM_MS 100 /* the engine has too many unfinished runs */
#define AGAIN_MS 1000  /* the store could not be written */
#define LEAVING_MS 20  /* a run has not left memory yet */

struct redriving {
	TAILQ_ENTRY(redriving) link;
	struct engine *engine;
	struct arena arena; /* of the job and what it says */
	struct redrive what;
	struct expr_set *exprs;
	struct expr *patch;
	struct store_job job; /* as it is on disk */
	struct loop_timer timer;
	double credit; /* runs that the rate allows now */
	int64_t credited_ms;
	bool stored;
	bool cancelled;
	engine_job_fn *done; /* of its making, or of its cancelling; then NULL */
	void *arg;

	/* the step under way */
	struct arena scratch;
	struct store_job next;
	struct redrive_step step;
};

static void tick(void *arg);

/* ---- jobs in memory ---------------------------------------------------------------- */

static void
redriving_free(struct redriving *job)
{
	loop_timer_clear(job->engine->loop, &job->timer);
	TAILQ_REMOVE(&job->engine->redriving, job, link);
	expr_set_free(job->exprs);
	mem_free(job->step.items);
	arena_done(&job->scratch);
	arena_done(&job->arena);
	mem_free(job);
}

void
redrive_free(struct engine *engine)
{
	struct redriving *job;

	while ((job = TAILQ_FIRST(&engine->redriving)) != NULL)
		redriving_free(job);
}

/* From its JSON form, which makes a copy of all of it. */
static int
redriving_new(struct engine *engine, struct heed_json spec, struct redriving **ret_job,
              struct heed_error *error)
{
	struct redriving *job = mem_new(sizeof(*job));
	struct heed_json copy;
	int r;

	if (job == NULL)
		return error_nomem(error);
	job->engine = engine;
	arena_init(&job->arena, 0);
	arena_init(&job->scratch, 0);
	loop_timer_init(&job->timer, tick, job);
	job->credited_ms = loop_steady_ms(engine->loop);
	TAILQ_INSERT_TAIL(&engine->redriving, job, link);
	r = json_copy(&job->arena, spec, &copy) < 0 ? error_nomem(error) : 0;
	if (r == 0)
		r = redrive_read(copy, &job->arena, &job->what, error);
	if (r == 0)
		r = redrive_compile(&job->what, &job->exprs, &job->patch, error);
	if (r < 0)
		redriving_free(job);
	else
		*ret_job = job;
	return r;
}

static void
answer(struct redriving *job, int code)
{
	engine_job_fn *done = job->done;

	job->done = NULL;
	if (done != NULL)
		done(job->arg, code, job->job.id);
}

static void
log_end(const struct redriving *job)
{
	log_event(job->job.skipped > 0 ? LOG_WARN : LOG_INFO, "redrive",
	          LOG_N("job", job->job.id),
	          LOG_S("state", str_of(store_job_state_name(job->job.state))),
	          LOG_N("done", job->job.done), LOG_N("skipped", job->job.skipped),
	          LOG_S("why", job->job.text));
}

/* ---- what the engine knows --------------------------------------------------------- */

/* A run that failed by its condition goes on only if that holds now. */
static int
check_condition(const struct definition *definition, const struct event *event,
                struct arena *arena, struct heed_error *error)
{
	bool wanted = false;
	int r = definition->kind->wants(definition, event, arena, &wanted, error);

	if (r < 0)
		error_prefix(error, "its condition fails still");
	else if (!wanted)
		r = error_set(error, HEED_E_CONFLICT,
		              "its condition does not hold: drop it");
	return r;
}

struct knowing {
	const struct definition *definition;
	bool all;
};

static int
look_at_step(void *arg, const struct store_entry *row)
{
	struct knowing *knowing = arg;

	knowing->all = knowing->definition->kind->knows(knowing->definition, row->step);
	return knowing->all ? 0 : 1;
}

/* Can the run go on by this definition, which may no longer have what it did? */
static bool
knows_journal(struct engine *engine, const struct definition *definition, int64_t run_id)
{
	struct knowing knowing = {definition, true};

	if (definition->kind->knows != NULL)
		(void)store_read_journal(engine->options.store, run_id, look_at_step,
		                         &knowing, NULL);
	return knowing.all;
}

/* What goes on does so by the definition of now; without one, by its own. */
static int
judge(void *arg, const struct store_run *run, const struct event *event,
      struct arena *arena, struct definition **ret_definition, struct heed_str *ret_key,
      struct heed_error *error)
{
	struct engine *engine = arg;
	struct queue *queue = queue_find(engine, run->flow, run->name);
	int r;

	if (run_find(engine, run->id) != NULL)
		return HEED_E_BUSY;
	if (queue == NULL || queue->current == NULL)
		return 0;
	if (str_is(run->class, "condition"))
		HEED_TRY(check_condition(queue->current, event, arena, error));
	r = inbox_key(queue->current, event->root, arena, ret_key, error);
	if (r < 0) {
		error_prefix(error, "its key");
		return r;
	}
	if (knows_journal(engine, queue->current, run->id))
		*ret_definition = queue->current;
	return 0;
}

/* ---- a step ------------------------------------------------------------------------ */

static void
tick_in(struct redriving *job, int64_t delay_ms)
{
	if (!job->engine->draining)
		loop_timer_set(job->engine->loop, &job->timer, delay_ms);
}

static int
load_row(void *arg, const struct store_run *row, const struct store_event *event)
{
	struct recovery *recovery = arg;

	int r;

	if (row->state != RUN_READY || run_find(recovery->engine, row->id) != NULL)
		return 0;
	r = recover_run(recovery, row, event);
	if (r == 0)
		dispatch_add(recovery->run);
	else if (recovery->run != NULL)
		run_free(recovery->run);
	return r;
}

/* It is on disk as ready: into memory, and what waited for it may go on, too. A run that
 * could not be loaded is loaded at the next start. */
static void
let_go(struct engine *engine, const struct redriven *item)
{
	struct heed_error error = {0};
	struct recovery recovery = {.engine = engine, .error = &error};
	struct store_filter filter = {.run_id = item->run};
	struct queue *queue;

	if (item->goes_on && store_read_runs(engine->options.store, &filter, load_row,
	                                     &recovery, &error) < 0)
		log_event(LOG_ERROR, "a redriven run could not be loaded",
		          LOG_N("run", item->run), LOG_S("error", str_of(error.text)));
	queue = queue_find(engine, item->flow, item->name);
	if (queue != NULL)
		dispatch_unblock(engine, queue, item->key);
}

static void
end_step(struct redriving *job)
{
	mem_free(job->step.items);
	job->step = (struct redrive_step){.n = 0};
	arena_reset(&job->scratch);
	job->engine->redrive_step = false;
}

/* Wait for the others' turn, too. */
static void
tick_others(struct engine *engine)
{
	struct redriving *job;

	TAILQ_FOREACH (job, &engine->redriving, link)
		if (job->stored && job->timer.slot == 0)
			tick_in(job, 0);
}

static void
step_written(void *arg, const struct store_result *result)
{
	struct redriving *job = arg;
	struct engine *engine = job->engine;
	int64_t met =
		job->next.done + job->next.skipped - job->job.done - job->job.skipped;
	size_t i;

	engine->commits--;
	if (result->code != 0) {
		end_step(job);
		tick_in(job, AGAIN_MS);
		return;
	}
	job->next.spec = job->job.spec;
	if (job->job.text.len == 0)
		job->job.text = arena_str(&job->arena, job->next.text);
	job->next.text = job->job.text;
	job->job = job->next;
	for (i = 0; i < job->step.n; i++)
		let_go(engine, &job->step.items[i]);
	end_step(job);
	if (job->job.state != JOB_OPEN) {
		log_end(job);
		answer(job, job->job.state == JOB_CANCELLED ? 0 : HEED_E_NOTFOUND);
		redriving_free(job);
	} else {
		job->credit -= (double)met;
		tick_in(job, met == 0 ? LEAVING_MS : 0);
	}
	tick_others(engine);
}

/* How many runs may be met now; 0 and when to look again. */
static size_t
allowance(struct redriving *job, int64_t *ret_delay_ms)
{
	const struct engine *engine = job->engine;
	int64_t room = engine->options.limits.queue_depth * 7 / 10 - engine->unfinished;
	int64_t now_ms = loop_steady_ms(engine->loop);
	double rate = job->what.rate;
	double most = rate * BURST_S > 1 ? rate * BURST_S : 1;

	*ret_delay_ms = NO_ROOM_MS;
	if (room > STEP_RUNS_MAX)
		room = STEP_RUNS_MAX;
	if (room <= 0 || rate <= 0)
		return room > 0 ? (size_t)room : 0;
	job->credit += rate * (double)(now_ms - job->credited_ms) / 1000;
	job->credited_ms = now_ms;
	if (job->credit > most)
		job->credit = most;
	if (job->credit < 1 || job->credit < rate * TICK_MS / 1000) {
		double missing = (rate * TICK_MS / 1000 > 1 ? rate * TICK_MS / 1000 : 1) -
		                 job->credit;

		*ret_delay_ms = (int64_t)(missing * 1000 / rate) + 1;
		return 0;
	}
	return job->credit < (double)room ? (size_t)job->credit : (size_t)room;
}

static int
write_step(struct redriving *job, struct store_tx *tx, size_t max,
           struct heed_error *error)
{
	struct engine *engine = job->engine;

	job->next = job->job;
	if (job->cancelled) {
		job->next.state = JOB_CANCELLED;
		job->next.updated_us = loop_wall_us(engine->loop);
		return store_put_job(tx, &job->next);
	}
	job->step = (struct redrive_step){
		.store = engine->options.store,
		.arena = &job->scratch,
		.now_us = loop_wall_us(engine->loop),
		.what = &job->what,
		.patch = job->patch,
		.judge = {judge, engine},
		.job = &job->next,
	};
	return redrive_step(&job->step, tx, max, error);
}

static void
tick(void *arg)
{
	struct redriving *job = arg;
	struct engine *engine = job->engine;
	struct heed_error error = {0};
	struct store_tx *tx;
	int64_t delay_ms;
	size_t max;

	if (engine->redrive_step || engine->draining)
		return; /* tick_others comes back, or the next start */
	max = allowance(job, &delay_ms);
	if (max == 0 && !job->cancelled) {
		tick_in(job, delay_ms);
		return;
	}
	tx = store_begin(engine->options.store);
	engine->redrive_step = true;
	if (tx == NULL || write_step(job, tx, max, &error) < 0) {
		store_discard(tx);
		log_event(LOG_ERROR, "a redrive cannot go on; trying again",
		          LOG_N("job", job->job.id), LOG_S("error", str_of(error.text)));
		end_step(job);
		tick_in(job, AGAIN_MS);
		return;
	}
	engine->commits++;
	store_commit(engine->options.store, tx, step_written, job);
}

/* ---- from outside ------------------------------------------------------------------ */

static void
job_written(void *arg, const struct store_result *result)
{
	struct redriving *job = arg;

	job->engine->commits--;
	answer(job, result->code);
	if (result->code != 0) {
		redriving_free(job);
		return;
	}
	job->stored = true;
	tick_in(job, 0);
}

int
engine_redrive(struct engine *engine, const struct redrive *what, int64_t total,
               engine_job_fn *done, void *arg, struct heed_error *error)
{
	struct store *store = engine->options.store;
	struct redriving *job = NULL;
	struct store_tx *tx = NULL;
	struct heed_json spec;
	struct arena scratch;
	int r;

	arena_init(&scratch, 0);
	r = redrive_write(what, &scratch, &spec) < 0 ? error_nomem(error) : 0;
	if (r == 0)
		r = redriving_new(engine, spec, &job, error);
	arena_done(&scratch);
	if (r < 0 || job == NULL)
		return r;
	job->done = done;
	job->arg = arg;
	tx = store_begin(store);
	if (tx == NULL ||
	    redrive_job(store, &job->what, total, loop_wall_us(engine->loop), &job->arena,
	                &job->job) < 0 ||
	    store_put_job(tx, &job->job) < 0) {
		store_discard(tx);
		redriving_free(job);
		return error_nomem(error);
	}
	engine->commits++;
	store_commit(store, tx, job_written, job);
	return 0;
}

int
engine_cancel_job(struct engine *engine, int64_t id, engine_job_fn *done, void *arg,
                  struct heed_error *error)
{
	struct redriving *job;

	TAILQ_FOREACH (job, &engine->redriving, link)
		if (job->job.id == id && job->stored && !job->cancelled)
			break;
	if (job == NULL) {
		(void)error_set(error, HEED_E_NOTFOUND, "there is no open job %lld",
		                (long long)id);
		error_hint(error, "heed dlq jobs lists them");
		return HEED_E_NOTFOUND;
	}
	job->cancelled = true;
	job->done = done;
	job->arg = arg;
	tick_in(job, 0);
	return 0;
}

/* One that cannot be read stays as it is: it is no reason not to start. */
static int
leave_alone(const struct store_job *row, int code, const struct heed_error *error)
{
	if (code == HEED_E_NOMEM)
		return code;
	log_event(LOG_ERROR, "a redrive cannot be taken up", LOG_N("job", row->id),
	          LOG_S("error", str_of(error->text)));
	return 0;
}

static int
take_up(void *arg, const struct store_job *row)
{
	struct engine *engine = arg;
	struct redriving *job = NULL;
	struct heed_error error = {0};
	struct heed_json spec;
	struct arena scratch;
	int r;

	if (!str_is(row->kind, REDRIVE_JOB))
		return 0;
	arena_init(&scratch, 0);
	r = json_parse(&scratch, row->spec, &spec, &error);
	if (r == 0)
		r = redriving_new(engine, spec, &job, &error);
	arena_done(&scratch);
	if (r < 0 || job == NULL)
		return leave_alone(row, r, &error);
	job->job = *row;
	job->job.kind = HEED_STR(REDRIVE_JOB);
	job->job.spec = arena_str(&job->arena, row->spec);
	job->job.text = arena_str(&job->arena, row->text);
	job->stored = true;
	tick_in(job, 0);
	return job->job.spec.data == NULL ? HEED_E_NOMEM : 0;
}

int
redrive_start(struct engine *engine, struct heed_error *error)
{
	int r = store_read_jobs(engine->options.store, 0, JOB_OPEN, take_up, engine,
	                        error);

	return r == HEED_E_NOMEM ? error_nomem(error) : r;
}
