/*
 * retention.c - see retention.h.
 *
 *	rest ─> duplicates ─> dead letters ─> runs ─> events ─> size ─> rest
 *	                                       ^                 │ too large
 *	                                       └── any age ──────┘
 *
 * Each phase is a search aside, then a transaction, then a pause, until the search comes
 * to its end. How much goes into a transaction follows from how long the last one took. A
 * search goes on where it ended; now and then it begins again, for what had to stay.
 */
#include "engine/retention.h"

#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "config/bind.h"
#include "engine/core.h"

#define PAUSE_MS 20   /* between two transactions */
#define SLOW_US 20000 /* deleting that took longer is to be in smaller parts */
#define FAST_US 5000  /* ... and what took less in larger ones */
#define BATCH_MIN 10  /* rows with what belongs to them */
#define BATCH_MAX 1000
#define PRESS_MAX 100     /* ... when the store is too large, to stop near the bound */
#define PASSES_MAX 60     /* before a search begins again */
#define YOUNG_US 60000000 /* what goes early is not younger than this */

enum phase { DUPLICATES, DEAD, RUNS, EVENTS, SIZE, REST };

/* A search, which is a work thread's while it is under way. */
struct search {
	enum phase phase;
	int64_t before_us;
	size_t max;
	struct store_old *old;
	int64_t size;
};

struct retention {
	struct engine *engine;
	struct loop *loop;
	struct store *store;
	struct retention_rules rules;
	struct loop_timer timer;
	enum phase phase;
	bool under_way; /* a search or transaction: it comes back */
	bool stopped;
	bool freed;    /* and is to be freed when it does */
	bool pressing; /* the store is too large */
	bool told;     /* that nothing more may go */
	struct search search;
	struct store_old dead, runs, events;
	size_t batch;
	int passes;
	int64_t pass_ms;      /* of the pass */
	int64_t forgotten[2]; /* runs and events, in this pass */
	int64_t pressed;      /* since the size was looked at */
};

/* ---- options ----------------------------------------------------------------------- */

/* A duration, or "keep". */
static int
bind_age(struct bind *bind, const struct conf_node *node, void *field)
{
	static const struct option row = {
		.name = "age", .kind = OPTION_DURATION, .min = 1, .max = 3.2e12};

	if (node->kind == CONF_SCALAR && str_is(node->text, "keep")) {
		*(int64_t *)field = 0;
		return 0;
	}
	if (node->kind != CONF_SCALAR)
		return conf_problem(bind->problems, node, "for example 30d, or keep",
		                    "expected a duration");
	return bind_value(bind, node, &row, field);
}

static const char *const text_type[] = {"string", NULL};

const struct option retention_options[] = {
	{.name = "events",
         .kind = OPTION_CUSTOM,
         .offset = offsetof(struct retention_rules, events_ms),
         .fallback = "30d",
         .bind = bind_age,
         .names = text_type,
         .help = "how long events are kept, or keep; those that have runs, or belong to "
                 "an "
                 "entity, stay"},
	{.name = "runs",
         .kind = OPTION_CUSTOM,
         .offset = offsetof(struct retention_rules, runs_ms),
         .fallback = "30d",
         .bind = bind_age,
         .names = text_type,
         .help = "how long runs are kept after they ended, with their journals, or keep; "
                 "what they cost is kept"},
	{.name = "dead_letters",
         .kind = OPTION_CUSTOM,
         .offset = offsetof(struct retention_rules, dead_ms),
         .fallback = "keep",
         .bind = bind_age,
         .names = text_type,
         .help = "after which time dead letters are dropped, or keep; held runs stay"},
	{.name = "size",
         .kind = OPTION_SIZE,
         .offset = offsetof(struct retention_rules, size),
         .fallback = "10GiB",
         .min = 0,
         .max = 1125899906842624,
         .help = "of the store; above it the oldest go early; 0: no bound"},
	{.name = "duplicates",
         .kind = OPTION_DURATION,
         .offset = offsetof(struct retention_rules, duplicates_ms),
         .fallback = "7d",
         .min = 1000,
         .max = 3.2e12,
         .help = "for how long an event that comes again counts as a duplicate"},
	{.name = "every",
         .kind = OPTION_DURATION,
         .offset = offsetof(struct retention_rules, every_ms),
         .fallback = "1m",
         .min = 10,
         .max = 86400000,
         .help = "how often it is looked whether something is old"},
	OPTION_ROWS_END,
};

/* ---- steps ------------------------------------------------------------------------- */

static void begin_phase(struct retention *retention);

/* True when nobody is there any more. */
static bool
came_back(struct retention *retention)
{
	retention->under_way = false;
	if (!retention->freed)
		return retention->stopped;
	mem_free(retention);
	return true;
}

static void
go_on(void *arg)
{
	begin_phase(arg);
}

static void
pause_then(struct retention *retention, enum phase phase, int64_t ms)
{
	retention->phase = phase;
	loop_timer_set(retention->loop, &retention->timer, ms);
}

static void
rest(struct retention *retention)
{
	if (retention->forgotten[0] + retention->forgotten[1] > 0)
		log_event(LOG_INFO, "old rows are forgotten",
		          LOG_N("runs", retention->forgotten[0]),
		          LOG_N("events", retention->forgotten[1]),
		          LOG_N("ms",
		                loop_steady_ms(retention->loop) - retention->pass_ms));
	retention->pressing = false;
	pause_then(retention, REST, retention->rules.every_ms);
}

static void
trouble(struct retention *retention, const char *text)
{
	log_event(LOG_WARN, "old rows cannot be forgotten now",
	          LOG_S("error", str_of(text)));
	rest(retention);
}

static void
next_phase(struct retention *retention)
{
	pause_then(retention, retention->phase + 1, 0);
}

/* ---- transactions ------------------------------------------------------------------ */

static void
adapt_batch(struct retention *retention, int64_t took_us)
{
	if (took_us > SLOW_US && retention->batch > BATCH_MIN)
		retention->batch /= 2;
	else if (took_us < FAST_US && retention->batch < BATCH_MAX)
		retention->batch = retention->batch * 2 < BATCH_MAX ? retention->batch * 2
		                                                    : BATCH_MAX;
}

static void
forgotten(void *arg, const struct store_result *result)
{
	struct retention *retention = arg;

	if (came_back(retention))
		return;
	if (result->code != 0) {
		trouble(retention, result->text);
		return;
	}
	adapt_batch(retention, result->forgotten_us);
	retention->forgotten[retention->phase == EVENTS] += result->forgotten;
	retention->pressed += result->forgotten;
	pause_then(retention,
	           retention->pressing || retention->search.old->end
	                   ? retention->phase + 1
	                   : retention->phase,
	           PAUSE_MS);
}

static void
forget(struct retention *retention)
{
	struct store_tx *tx = store_begin(retention->store);
	const struct store_old *old = retention->search.old;
	int r = HEED_E_NOMEM;

	if (tx != NULL)
		r = retention->phase == RUNS
		            ? store_put_forget_runs(tx, old->ids, old->n)
		            : store_put_forget_events(tx, old->ids, old->n);
	if (r < 0) {
		store_discard(tx);
		trouble(retention, heed_code_text(r));
		return;
	}
	retention->under_way = true;

	store_commit(retention->store, tx, forgotten, retention);
}

static void
duplicates_forgotten(void *arg, const struct store_result *result)
{
	struct retention *retention = arg;

	if (came_back(retention))
		return;
	if (result->code != 0)
		trouble(retention, result->text);
	else
		next_phase(retention);
}

static void
ignore_job(void *arg, int code, int64_t job)
{
	(void)arg;
	(void)code;
	(void)job;
}

/* Dead letters are dropped as a person would do it: later events of their keys go on, and
 * the record says why. As dropped runs they go with the others. */
static int
drop_dead(struct retention *retention, struct heed_error *error)
{
	const struct store_old *old = retention->search.old;
	struct redrive what = {
		.verb = REDRIVE_DROP,
		.runs = old->ids,
		.n_runs = old->n,
		.reason = HEED_STR("older than retention.dead_letters"),
	};

	return engine_redrive(retention->engine, &what, (int64_t)old->n, ignore_job, NULL,
	                      error);
}

/* ---- searches ---------------------------------------------------------------------- */

static void
sized(struct retention *retention)
{
	int64_t bound = retention->rules.size;
	/* Somewhat below the bound, so that this is not done all the time. */
	bool large =
		retention->search.size > (retention->pressing ? bound / 20 * 19 : bound);

	if (!large) {
		retention->told = false;
		rest(retention);
	} else if (retention->pressing && retention->pressed == 0) {
		if (!retention->told)
			log_event(
				LOG_WARN,
				"the store is above retention.size, and nothing more may "
				"be forgotten",
				LOG_N("bytes", retention->search.size),
				LOG_N("bound", bound));
		retention->told = true;
		rest(retention);
	} else {
		if (!retention->pressing)
			retention->runs = retention->events = (struct store_old){.n = 0};
		retention->pressing = true;
		retention->pressed = 0;
		pause_then(retention, RUNS, PAUSE_MS);
	}
}

static void
found(void *arg, int code, const struct heed_error *error)
{
	struct retention *retention = arg;
	const struct search *search = &retention->search;
	struct heed_error wrong;

	if (came_back(retention))
		return;
	if (code != 0)
		trouble(retention, error->text);
	else if (search->phase == SIZE)
		sized(retention);
	else if (search->old->n == 0 && search->old->end)
		next_phase(retention);
	else if (search->old->n == 0)
		pause_then(retention, search->phase, PAUSE_MS);
	else if (search->phase != DEAD)
		forget(retention);
	else if (drop_dead(retention, &wrong) < 0)
		trouble(retention, wrong.text);
	else
		pause_then(retention, search->old->end ? RUNS : DEAD, PAUSE_MS);
}

/* On a work thread. */
static int
look(struct store *reader, void *arg, struct heed_error *error)
{
	struct search *search = &((struct retention *)arg)->search;

	switch (search->phase) {
	case DEAD:
		return store_find_old_runs(reader, STORE_OLD_DEAD, search->before_us,
		                           search->max, search->old, error);
	case RUNS:
		return store_find_old_runs(reader, STORE_OLD_FINISHED, search->before_us,
		                           search->max, search->old, error);
	case EVENTS:
		return store_find_old_events(reader, search->before_us, search->max,
		                             search->old, error);
	default:
		return store_read_size(reader, &search->size, error);
	}
}

/* Too large: whatever is not young may go, but no event before the runs of its time. */
static void
press(struct retention *retention, int64_t now_us)
{
	struct search *search = &retention->search;

	if (search->before_us < now_us - YOUNG_US)
		search->before_us = now_us - YOUNG_US;
	if (search->max > PRESS_MAX)
		search->max = PRESS_MAX;
	if (search->phase != EVENTS)
		return;
	retention->events = (struct store_old){.n = 0};
	if (retention->rules.runs_ms > 0 && !retention->runs.end &&
	    search->before_us > retention->runs.after_us)
		search->before_us = retention->runs.after_us;
}

static void
search_for(struct retention *retention, struct store_old *old, int64_t age_ms)
{
	int64_t now_us = loop_wall_us(retention->loop);

	retention->search = (struct search){
		.phase = retention->phase,
		.before_us = now_us - 1000 * age_ms,
		.max = retention->batch,
		.old = old,
	};
	if (retention->pressing && old != NULL)
		press(retention, now_us);
	retention->under_way = true;
	if (store_read(retention->store, look, found, retention) < 0) {
		retention->under_way = false;
		trouble(retention, "out of memory");
	}
}

/* A search, unless these are kept for good. */
static void
search_unless_kept(struct retention *retention, struct store_old *old, int64_t age_ms)
{
	if (age_ms > 0)
		search_for(retention, old, age_ms);
	else
		next_phase(retention);
}

static void
begin_pass(struct retention *retention)
{
	retention->phase = DUPLICATES;
	retention->pass_ms = loop_steady_ms(retention->loop);
	retention->forgotten[0] = retention->forgotten[1] = 0;
	if (++retention->passes >= PASSES_MAX) {
		retention->passes = 0;
		retention->dead = retention->runs = retention->events =
			(struct store_old){.n = 0};
	}
}

static void
begin_phase(struct retention *retention)
{
	const struct retention_rules *rules = &retention->rules;

	if (retention->stopped || rules->every_ms == 0)
		return;
	if (retention->phase == REST)
		begin_pass(retention);
	switch (retention->phase) {
	case DUPLICATES:
		retention->under_way = true;
		if (store_prune(retention->store, 1000 * rules->duplicates_ms,
		                duplicates_forgotten, retention) < 0) {
			retention->under_way = false;
			trouble(retention, "out of memory");
		}
		break;
	case DEAD:
		search_unless_kept(retention, &retention->dead, rules->dead_ms);
		break;
	case RUNS:
		search_unless_kept(retention, &retention->runs, rules->runs_ms);
		break;
	case EVENTS:
		search_unless_kept(retention, &retention->events, rules->events_ms);
		break;
	case SIZE:
		if (rules->size > 0)
			search_for(retention, NULL, 0);
		else
			rest(retention);
		break;
	case REST:
		break;
	}
}

/* ---- life -------------------------------------------------------------------------- */

int
retention_new(struct engine *engine, struct loop *loop, struct store *store,
              struct retention **ret_retention)
{
	struct retention *retention = mem_new(sizeof(*retention));

	if (retention == NULL)
		return HEED_E_NOMEM;
	retention->engine = engine;
	retention->loop = loop;
	retention->store = store;
	retention->phase = REST;
	retention->batch = BATCH_MIN * 10;
	loop_timer_init(&retention->timer, go_on, retention);
	*ret_retention = retention;
	return 0;
}

void
retention_free(struct retention *retention)
{
	if (retention == NULL)
		return;
	loop_timer_clear(retention->loop, &retention->timer);
	if (retention->under_way)
		retention->freed = true;
	else
		mem_free(retention);
}

void
retention_set(struct retention *retention, const struct retention_rules *rules)
{
	retention->rules = *rules;
	if (!retention->under_way)
		pause_then(retention, REST, rules->every_ms);
}

void
retention_stop(struct retention *retention)
{
	retention->stopped = true;
	loop_timer_clear(retention->loop, &retention->timer);
}
