/*
 * schedule.c - events by the clock: cron expressions in a time zone.
 *
 *	due --> queue (its place is its time) --> delivered ==> committed with its time as
 *position
 *
 * A tick's event has the same id whenever it is made (name and time), and the position is
 * the time of the last tick that was committed: so each tick happens once, also across
 * restarts and crashes. One delivery is under way at a time; ticks that come due
 *meanwhile wait in line or are skipped, as `overlap` says. What was due while heed did
 *not run is made up for as `missed` says.
 */
#include "base/clock.h"
#include "base/cron.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "config/bind.h"
#include "source/kinds.h"
#include "source/mapping.h"

#define QUEUE_MAX 64
#define RETRY_MS 1000
#define LOOK_MS 60000 /* the wall clock may be set: look at it that often */
#define SECOND_US ((int64_t)1000000)

enum missed { MISSED_SKIP, MISSED_ONCE, MISSED_ALL };
enum overlap { OVERLAP_ALLOW, OVERLAP_SKIP };

struct schedule {
	struct source source;
	struct heed_str cron;
	struct heed_str timezone;
	struct schedule_event {
		struct heed_str type;
		struct template *subject;
		struct shape *data;
	} event;
	int missed;
	int64_t missed_max;
	int overlap;
	struct ticker *ticker;
};

/* What start makes. Lives until its last delivery has ended, which may be after stop. */
struct ticker {
	struct schedule *schedule; /* NULL after stop */
	struct arena arena;        /* of the zone */
	struct cron cron;
	struct zone *zone;
	struct loop_timer timer; /* to the next tick */
	struct loop_timer retry; /* of a delivery that was refused */
	int64_t last_us;         /* the newest tick that was queued or skipped */
	int64_t started_us;
	int64_t exempt_us; /* ticks up to here were due before anything was under way */
	int64_t made_up;   /* ticks queued from before the start */
	int64_t queue[QUEUE_MAX]; /* a ring */
	size_t first, n;
	bool in_flight; /* the first of the queue */
};

/* ---- options --------------------------------------------------------------- */

static const char *const missed_names[] = {"skip", "once", "all", NULL};
static const char *const overlap_names[] = {"allow", "skip", NULL};

static const struct option event_options[] = {
	{.name = "type",
         .kind = OPTION_TEXT,
         .offset = offsetof(struct schedule_event, type),
         .flags = OPTION_REQUIRED | OPTION_NONEMPTY,
         .help = "type of the event"},
	{.name = "subject",
         .kind = OPTION_TEMPLATE,
         .offset = offsetof(struct schedule_event, subject),
         .help = "its subject; a template over .time (UTC), .date (of the time zone) and "
                 ".name"},
	{.name = "data",
         .kind = OPTION_SHAPE,
         .offset = offsetof(struct schedule_event, data),
         .help = "its data; expressions over .time, .date and .name"},
	OPTION_ROWS_END,
};

static const struct option options[] = {
	{.name = "cron",
         .kind = OPTION_TEXT,
         .offset = offsetof(struct schedule, cron),
         .flags = OPTION_REQUIRED | OPTION_NONEMPTY,
         .help = "when: \"0 3 * * *\" (minute, hour, day, month, weekday), with seconds "
                 "in front "
                 "as a sixth field, or @daily and the like"},
	{.name = "timezone",
         .kind = OPTION_TEXT,
         .offset = offsetof(struct schedule, timezone),
         .fallback = "UTC",
         .flags = OPTION_NONEMPTY,
         .help = "time zone of the cron expression, such as Europe/Berlin"},
	{.name = "event",
         .kind = OPTION_RECORD,
         .offset = offsetof(struct schedule, event),
         .rows = event_options,
         .flags = OPTION_REQUIRED,
         .help = "the event that each tick makes"},
	{.name = "missed",
         .kind = OPTION_ENUM,
         .offset = offsetof(struct schedule, missed),
         .names = missed_names,
         .fallback = "once",
         .help = "ticks that were due while heed did not run: skip them, make only the "
                 "newest "
                 "(once), or all"},
	{.name = "missed_max",
         .kind = OPTION_INT,
         .offset = offsetof(struct schedule, missed_max),
         .fallback = "1000",
         .min = 1,
         .max = 100000,
         .help = "with missed: all, how many are made up for at most, the oldest first"},
	{.name = "overlap",
         .kind = OPTION_ENUM,
         .offset = offsetof(struct schedule, overlap),
         .names = overlap_names,
         .fallback = "allow",
         .help = "a tick that comes due before the one before is stored: allow (it waits "
                 "its turn) "
                 "or skip"},
	OPTION_ROWS_END,
};

/* Read the cron expression and the zone; the zone lives on `arena`. */
static int
read_times(const struct schedule *schedule, struct arena *arena, struct cron *ret_cron,
           struct zone **ret_zone, struct heed_error *error)
{
	HEED_TRY(cron_parse(schedule->cron, ret_cron, error));
	return zone_load(arena, schedule->timezone, ret_zone, error);
}

static int
check(struct source *source, struct heed_error *error)
{
	struct arena arena;
	struct cron cron;
	struct zone *zone;
	int r;

	arena_init(&arena, 0);
	r = read_times((const struct schedule *)source, &arena, &cron, &zone, error);
	arena_done(&arena);
	return r;
}

/* ---- one tick's event ------------------------------------------------------ */

/* What its expressions see. */
static int
make_input(const struct ticker *ticker, int64_t tick_us, struct arena *arena,
           struct heed_json *ret_input)
{
	int64_t local_us = zone_to_local(ticker->zone, tick_us / SECOND_US) * SECOND_US;
	char place[CLOCK_TEXT_SIZE];
	struct json_build build;
	struct heed_str time = arena_str(arena, clock_text(place, tick_us));
	struct heed_str date =
		arena_str(arena, str_head(clock_text(place, local_us), 10));

	if (time.data == NULL || date.data == NULL)
		return HEED_E_NOMEM;
	json_object(&build, arena);
	json_set_cstr(&build, "time", json_str(time));
	json_set_cstr(&build, "date", json_str(date));
	json_set_cstr(&build, "name", json_str(ticker->schedule->source.name));
	return json_build_end(&build, ret_input);
}

static int
make_subject(const struct template *template, struct heed_json input, struct arena *arena,
             struct heed_str *ret_subject, struct heed_error *error)
{
	struct heed_buf buf;
	int r = 0;

	buf_init(&buf, 4096);
	if (template != NULL)
		r = template_render(template, input, arena, &buf, error);
	if (r == 0 && buf.len > 0) {
		*ret_subject = arena_str(arena, buf_str(&buf));
		r = ret_subject->data == NULL ? error_nomem(error) : 0;
	}
	buf_done(&buf);
	return r;
}

static int
make_event(const struct ticker *ticker, int64_t tick_us, struct arena *arena,
           struct event *ret_event, struct heed_error *error)
{
	const struct schedule *schedule = ticker->schedule;
	char place[CLOCK_TEXT_SIZE];
	struct event_parts parts = {
		.id = arena_printf(arena, "%.*s/%s", STR_ARG(schedule->source.name),
	                           clock_text(place, tick_us).data),
		.source = mapping_source(arena, schedule->source.name),
		.type = schedule->event.type,
		.time_us = tick_us,
	};
	struct heed_json input;
	int r;

	if (parts.id.data == NULL || parts.source.data == NULL ||
	    make_input(ticker, tick_us, arena, &input) < 0)
		return error_nomem(error);
	HEED_TRY(make_subject(schedule->event.subject, input, arena, &parts.subject,
	                      error));
	if (schedule->event.data != NULL) {
		r = shape_eval(schedule->event.data, input, arena, &parts.data, error);
		if (r < 0 && r != HEED_E_NOTFOUND)
			return r;
		parts.has_data = r == 0;
	}
	return event_from_parts(arena, &parts, tick_us, ret_event, error);
}

/* ---- delivering ------------------------------------------------------------ */

static void go_on(struct ticker *ticker);

static void
free_ticker(struct ticker *ticker)
{
	arena_done(&ticker->arena);
	mem_free(ticker);
}

static void
drop_first(struct ticker *ticker)
{
	ticker->first = (ticker->first + 1) % QUEUE_MAX;
	ticker->n--;
}

static void
delivered(void *arg, const struct delivery *delivery)
{
	struct ticker *ticker = arg;

	ticker->in_flight = false;
	if (ticker->schedule == NULL) {
		free_ticker(ticker);
		return;
	}
	if (delivery->code != 0) {
		loop_timer_set(ticker->schedule->source.loop, &ticker->retry,
		               delivery->retry_after_ms > 0 ? delivery->retry_after_ms
		                                            : RETRY_MS);
		return;
	}
	drop_first(ticker);
	go_on(ticker);
}

/* Deliver the first of the queue. A tick whose event cannot be made is reported and left
 * out: it would fail again. */
static void
deliver_first(struct ticker *ticker)
{
	struct source *source = &ticker->schedule->source;
	int64_t tick_us = ticker->queue[ticker->first];
	int64_t retry_after_ms = RETRY_MS;
	char place[CLOCK_TEXT_SIZE];
	struct heed_error error = {0};
	struct event event;
	struct arena arena;
	int r;

	arena_init(&arena, 0);
	r = make_event(ticker, tick_us, &arena, &event, &error);
	if (r < 0 && r != HEED_E_NOMEM) {
		error_prefix(&error, "the tick of %s is left out",
		             clock_text(place, tick_us).data);
		source_report(source, &error);
		drop_first(ticker);
	} else if (r == 0) {
		r = source_deliver(source, &event, 1, clock_text(place, tick_us),
		                   delivered, ticker, &retry_after_ms);
		ticker->in_flight = r == 0;
	}
	if (r == HEED_E_NOMEM || r == HEED_E_BUSY)
		loop_timer_set(source->loop, &ticker->retry,
		               retry_after_ms > 0 ? retry_after_ms : RETRY_MS);
	arena_done(&arena);
}

/* ---- which ticks are due --------------------------------------------------- */

/* The newest tick up to `now_us`, given one: no tick lies after `high`, `low` is one. */
static int64_t
newest_tick(const struct ticker *ticker, int64_t tick_us, int64_t now_us)
{
	int64_t low = tick_us;
	int64_t high = now_us;
	int64_t next;

	while (high - low > SECOND_US) {
		int64_t middle = low + (high - low) / 2;

		if (cron_next(&ticker->cron, ticker->zone, middle, &next) == 0 &&
		    next <= now_us)
			low = next;
		else
			high = middle;
	}
	if (cron_next(&ticker->cron, ticker->zone, low, &next) == 0 && next <= now_us)
		low = next;
	return low;
}

/* Is it one too many of those from before the start? Then all of those are over. */
static bool
too_many(struct ticker *ticker, int64_t tick_us)
{
	struct heed_error error;

	if (tick_us > ticker->started_us)
		return false;
	if (ticker->made_up++ < ticker->schedule->missed_max)
		return false;
	(void)error_set(&error, HEED_E_LIMIT,
	                "more than %lld ticks were missed; the later ones are left out "
	                "(missed_max)",
	                (long long)ticker->schedule->missed_max);
	source_report(&ticker->schedule->source, &error);
	ticker->last_us = ticker->started_us;
	return true;
}

/* Queue what is due. */
static void
take_due(struct ticker *ticker)
{
	const struct schedule *schedule = ticker->schedule;
	int64_t now_us = loop_wall_us(schedule->source.loop);
	int64_t next;

	if (ticker->n == 0)
		ticker->exempt_us = now_us;
	while (ticker->n < QUEUE_MAX &&
	       cron_next(&ticker->cron, ticker->zone, ticker->last_us, &next) == 0 &&
	       next <= now_us) {
		if (schedule->missed != MISSED_ALL)
			next = newest_tick(ticker, next, now_us);
		else if (too_many(ticker, next))
			continue;
		ticker->last_us = next;
		if (schedule->overlap == OVERLAP_SKIP && next > ticker->exempt_us)
			continue;
		ticker->queue[(ticker->first + ticker->n++) % QUEUE_MAX] = next;
	}
}

static void
arm(struct ticker *ticker)
{
	struct loop *loop = ticker->schedule->source.loop;
	int64_t delay_ms = LOOK_MS;
	int64_t next;

	if (cron_next(&ticker->cron, ticker->zone, ticker->last_us, &next) == 0) {
		int64_t left_us = next - loop_wall_us(loop);

		if (left_us < LOOK_MS * 1000)
			delay_ms = left_us > 0 ? (left_us + 999) / 1000 : 1;
		if (left_us <= 0) /* the queue is full */
			delay_ms = RETRY_MS;
	}
	loop_timer_set(loop, &ticker->timer, delay_ms);
}

static void
go_on(struct ticker *ticker)
{
	size_t before;

	if (!ticker->schedule->source.paused)
		take_due(ticker);
	do {
		before = ticker->n;
		if (ticker->n > 0 && !ticker->in_flight && ticker->retry.slot == 0 &&
		    !ticker->schedule->source.paused)
			deliver_first(ticker);
	} while (ticker->n < before && ticker->n > 0);
	arm(ticker);
}

static void
wake(void *arg)
{
	go_on(arg);
}

/* ---- the source ------------------------------------------------------------ */

/* The last tick that was committed, or now when there is none yet. */
static int64_t
read_position(struct schedule *schedule, struct heed_str position, int64_t now_us)
{
	struct heed_error error;
	int64_t at_us;

	if (position.len == 0)
		return now_us;
	if (clock_parse(position, &at_us) == 0)
		return schedule->missed == MISSED_SKIP && at_us < now_us ? now_us : at_us;
	(void)error_set(&error, HEED_E_CORRUPT,
	                "its position in the store is no time; missed ticks "
	                "are not made up for");
	source_report(&schedule->source, &error);
	return now_us;
}

static int
start(struct source *source, struct heed_str position, struct heed_error *error)
{
	struct schedule *schedule = (struct schedule *)source;
	struct ticker *ticker = mem_new(sizeof(*ticker));
	int r;

	if (ticker == NULL)
		return error_nomem(error);
	arena_init(&ticker->arena, 0);
	ticker->schedule = schedule;
	r = read_times(schedule, &ticker->arena, &ticker->cron, &ticker->zone, error);
	if (r == 0 && loop_timers_reserve(source->loop, 2) < 0)
		r = error_nomem(error);
	if (r < 0) {
		free_ticker(ticker);
		return r;
	}
	ticker->started_us = loop_wall_us(source->loop);
	ticker->last_us = read_position(schedule, position, ticker->started_us);
	loop_timer_init(&ticker->timer, wake, ticker);
	loop_timer_init(&ticker->retry, wake, ticker);
	loop_timer_set(source->loop, &ticker->timer, 0);
	schedule->ticker = ticker;
	return 0;
}

static void
resume(struct source *source)
{
	struct schedule *schedule = (struct schedule *)source;

	if (schedule->ticker != NULL)
		loop_timer_set(source->loop, &schedule->ticker->timer, 0);
}

static void
stop(struct source *source)
{
	struct schedule *schedule = (struct schedule *)source;
	struct ticker *ticker = schedule->ticker;

	if (ticker == NULL)
		return;
	schedule->ticker = NULL;
	ticker->schedule = NULL;
	loop_timer_clear(source->loop, &ticker->timer);
	loop_timer_clear(source->loop, &ticker->retry);
	if (!ticker->in_flight)
		free_ticker(ticker);
}

const struct source_kind source_schedule = {
	.name = "schedule",
	.help = "an event at times given by a cron expression, each of them once",
	.options = options,
	.size = sizeof(struct schedule),
	.check = check,
	.start = start,
	.resume = resume,
	.stop = stop,
};
