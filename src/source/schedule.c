/*
 * schedule.c - events by the clock: cron expressions in a time zone.
 *
 *	position --> next tick, when due --> delivered ==> committed as the new position
 *
 * A tick's event has the same id whenever it is made (name and time), and the position is
 * the time of the last tick that was made or skipped, at first that of the first start:
 * so each tick happens once, also across restarts, crashes and a wall clock that is set
 * back. One delivery is under way at a time. What was due while heed did not run is made
 * up for as `missed` says; what comes due while runs of an earlier tick are unfinished,
 * as `overlap` says.
 */
#include "base/clock.h"
#include "base/cron.h"
#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "config/bind.h"
#include "source/kinds.h"
#include "source/mapping.h"

#define RETRY_MS 1000
#define LOOK_MS 60000 /* the wall clock may be set: look at it that often */
#define SECOND_US ((int64_t)1000000)

enum missed { MISSED_SKIP, MISSED_LAST, MISSED_ALL };
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
	struct heed_str uri;     /* CloudEvents source of the events */
	struct loop_timer timer; /* to the next tick, or to another try */
	int64_t started_us;
	int64_t last_us;    /* the newest tick that was made or left out */
	int64_t pending_us; /* the tick to be delivered; 0: none */
	int64_t made_up;    /* ticks made from before the start */
	bool in_flight;     /* the pending one is being committed */
	bool first;         /* the pending one is only the position to begin from */
};

/* ---- options ----------------------------------------------------------------------- */

static const char *const missed_names[] = {"skip", "last", "all", NULL};
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

#define AT(field) .offset = offsetof(struct schedule, field)

static const struct option options[] = {
	{.name = "cron",
         .kind = OPTION_TEXT,
         AT(cron),
         .flags = OPTION_REQUIRED | OPTION_NONEMPTY,
         .help = "when: \"0 3 * * *\" (minute, hour, day, month, weekday), with seconds "
                 "in front as a sixth field, or @daily and the like"},
	{.name = "timezone",
         .kind = OPTION_TEXT,
         AT(timezone),
         .fallback = "UTC",
         .flags = OPTION_NONEMPTY,
         .help = "time zone of the cron expression, such as Europe/Berlin"},
	{.name = "event",
         .kind = OPTION_RECORD,
         AT(event),
         .rows = event_options,
         .flags = OPTION_REQUIRED,
         .help = "the event that each tick makes"},
	{.name = "missed",
         .kind = OPTION_ENUM,
         AT(missed),
         .names = missed_names,
         .fallback = "last",
         .help = "ticks that were due while heed did not run: skip them, make the last "
                 "one "
                 "only, or all; when it runs but is late by several, all makes each, "
                 "the others the last"},
	{.name = "missed_max",
         .kind = OPTION_INT,
         AT(missed_max),
         .fallback = "1000",
         .min = 1,
         .max = 100000,
         .help = "missed: all makes up for at most so many, the oldest first; the others "
                 "are left out, and the log says so"},
	{.name = "overlap",
         .kind = OPTION_ENUM,
         AT(overlap),
         .names = overlap_names,
         .fallback = "allow",
         .help = "a tick that comes due while runs that an earlier one started are "
                 "unfinished: allow it, or skip it"},
	OPTION_ROWS_END,
};

static const char *const roots[] = {"time", "date", "name", NULL};

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

/* ---- one tick's event -------------------------------------------------------------- */

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
		.source = ticker->uri,
		.type = schedule->event.type,
		.time_us = tick_us,
	};
	struct heed_json input;
	int r;

	if (parts.id.data == NULL || make_input(ticker, tick_us, arena, &input) < 0)
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

/* ---- which tick is due ------------------------------------------------------------- */

/* The first tick after `after_us`, if it is due. */
static bool
find_due(const struct ticker *ticker, int64_t after_us, int64_t now_us, int64_t *ret_us)
{
	return cron_next(&ticker->cron, ticker->zone, after_us, ret_us) == 0 &&
	       *ret_us <= now_us;
}

/* The last tick up to `now_us`, given an earlier one: halves the time between the two. */
static int64_t
last_due(const struct ticker *ticker, int64_t tick_us, int64_t now_us)
{
	int64_t low = tick_us;
	int64_t high = now_us;
	int64_t next;

	while (high - low > SECOND_US) {
		int64_t middle = low + (high - low) / 2;

		if (find_due(ticker, middle, now_us, &next))
			low = next;
		else
			high = middle;
	}
	return find_due(ticker, low, now_us, &next) ? next : low;
}

/* With missed: all, are there more of them than are made up for? Then they are over. */
static bool
too_many(struct ticker *ticker, int64_t tick_us)
{
	struct schedule *schedule = ticker->schedule;
	struct heed_error error;

	if (tick_us > ticker->started_us || ticker->made_up++ < schedule->missed_max)
		return false;
	(void)error_set(&error, HEED_E_LIMIT,
	                "more than %lld ticks were missed; the later ones are left out "
	                "(missed_max)",
	                (long long)schedule->missed_max);
	source_report(&schedule->source, &error);
	ticker->last_us = ticker->started_us;
	return true;
}

/* Decide about the next tick that is due: then it is pending. */
static void
choose(struct ticker *ticker)
{
	int64_t now_us = loop_wall_us(ticker->schedule->source.loop);
	int64_t next;

	if (ticker->last_us > now_us) /* it was set back: known ticks are duplicates */
		ticker->last_us = now_us;
	if (!find_due(ticker, ticker->last_us, now_us, &next))
		return;
	if (ticker->schedule->missed != MISSED_ALL)
		next = last_due(ticker, next, now_us);
	else if (too_many(ticker, next) &&
	         !find_due(ticker, ticker->last_us, now_us, &next))
		return;
	ticker->last_us = ticker->pending_us = next;
}

/* ---- delivering -------------------------------------------------------------------- */

static void go_on(void *arg);

static void
free_ticker(struct ticker *ticker)
{
	arena_done(&ticker->arena);
	mem_free(ticker);
}

static void
try_again(struct ticker *ticker, int64_t delay_ms)
{
	loop_timer_set(ticker->schedule->source.loop, &ticker->timer,
	               delay_ms > 0 ? delay_ms : RETRY_MS);
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
		try_again(ticker, delivery->retry_after_ms);
		return;
	}
	ticker->pending_us = 0;
	ticker->first = false;
	go_on(ticker);
}

/* The event of the pending tick; *ret_n is 0 when there is to be none. An event that
 * cannot be made is reported and left out: it would fail again. */
static int
make_pending(struct ticker *ticker, struct arena *arena, struct event *ret_event,
             size_t *ret_n)
{
	struct schedule *schedule = ticker->schedule;
	char place[CLOCK_TEXT_SIZE];
	struct heed_str tick = clock_text(place, ticker->pending_us);
	struct heed_error error = {0};
	int r;

	*ret_n = 0;
	if (ticker->first)
		return 0;
	if (schedule->overlap == OVERLAP_SKIP &&
	    source_is_busy(&schedule->source, ticker->uri)) {
		log_event(LOG_INFO, "tick skipped: runs of an earlier one are unfinished",
		          LOG_S("source", schedule->source.name), LOG_S("tick", tick));
		return 0;
	}
	r = make_event(ticker, ticker->pending_us, arena, ret_event, &error);
	if (r == HEED_E_NOMEM)
		return r;
	*ret_n = r == 0;
	if (r < 0) {
		error_prefix(&error, "the tick of %.*s is left out", STR_ARG(tick));
		source_report(&schedule->source, &error);
	}
	return 0;
}

static void
deliver_pending(struct ticker *ticker)
{
	char place[CLOCK_TEXT_SIZE];
	int64_t retry_after_ms = RETRY_MS;
	struct event event;
	struct arena arena;
	size_t n;
	int r;

	arena_init(&arena, 0);
	r = make_pending(ticker, &arena, &event, &n);
	if (r == 0)
		r = source_deliver(&ticker->schedule->source, &event, n,
		                   clock_text(place, ticker->pending_us), delivered,
		                   ticker, &retry_after_ms);
	ticker->in_flight = r == 0;
	if (r < 0)
		try_again(ticker, retry_after_ms);
	arena_done(&arena);
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
	}
	loop_timer_set(loop, &ticker->timer, delay_ms);
}

/* While paused nothing is armed: resume comes back here. */
static void
go_on(void *arg)
{
	struct ticker *ticker = arg;

	if (ticker->schedule->source.paused || ticker->in_flight)
		return;
	if (ticker->pending_us == 0)
		choose(ticker);
	if (ticker->pending_us != 0)
		deliver_pending(ticker);
	else if (ticker->schedule->source.once)
		source_ended(&ticker->schedule->source);
	else
		arm(ticker);
}

/* ---- the source -------------------------------------------------------------------- */

/* The last tick that was decided about, or now when there is none yet. */
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
	                "its position in the store is no time: missed ticks are not made "
	                "up for");
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
	ticker->uri = mapping_source(&ticker->arena, source->name);
	r = read_times(schedule, &ticker->arena, &ticker->cron, &ticker->zone, error);
	if (r == 0 &&
	    (ticker->uri.data == NULL || loop_timers_reserve(source->loop, 1) < 0))
		r = error_nomem(error);
	if (r < 0) {
		free_ticker(ticker);
		return r;
	}
	ticker->started_us = loop_wall_us(source->loop);
	ticker->last_us = read_position(schedule, position, ticker->started_us);
	ticker->first = position.len == 0;
	ticker->pending_us = ticker->first ? ticker->last_us : 0;
	loop_timer_init(&ticker->timer, go_on, ticker);
	loop_timer_set(source->loop, &ticker->timer, 0);
	schedule->ticker = ticker;
	source->ends = source->once;
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
	if (!ticker->in_flight)
		free_ticker(ticker);
}

const struct source_kind source_schedule = {
	.name = "schedule",
	.help = "an event at times given by a cron expression, each of them once",
	.options = options,
	.roots = roots,
	.size = sizeof(struct schedule),
	.check = check,
	.start = start,
	.resume = resume,
	.stop = stop,
};
