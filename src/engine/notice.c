/*
 * notice.c - events about the budgets: heed.budget.warning and heed.budget.spent.
 *
 * Their id is the same for the same budget, period and limit, and what the store has
 * already is not sent again: one of each in a period, whatever is restarted. They come in
 * like events from outside; while the engine takes none, they are sent again later. One
 * that a kill cuts off is made again at the next start, from what was spent.
 */
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/money.h"
#include "engine/core.h"

#define AGAIN_MS 1000

struct notice {
	TAILQ_ENTRY(notice) link;
	struct engine *engine;
	struct arena arena;
	struct event event;
	struct loop_timer timer;
};

static const char *const types[] = {
	[LEDGER_WARNING] = "heed.budget.warning",
	[LEDGER_CLOSED] = "heed.budget.spent",
};

static struct heed_json
dollars(int64_t nano)
{
	return json_real((double)nano / (double)MONEY_DOLLAR);
}

static int
write_data(struct arena *arena, const struct ledger_view *view,
           struct heed_json *ret_data)
{
	const struct budget *budget = view->budget;
	struct json_build build;
	char place[CLOCK_TEXT_SIZE];

	json_object(&build, arena);
	json_set_cstr(&build, "budget", json_str(budget->label));
	json_set_cstr(&build, "limit", dollars(budget->limit_nano));
	json_set_cstr(&build, "spent", dollars(view->spent_nano));
	json_set_cstr(&build, "reserved", dollars(view->reserved_nano));
	json_set_cstr(&build, "currency", json_cstr("USD"));
	json_set_cstr(&build, "per", json_cstr(budget_per_names[budget->per]));
	json_set_cstr(&build, "since",
	              json_str(arena_str(arena, clock_text(place, view->start_us))));
	json_set_cstr(&build, "opens",
	              json_str(arena_str(arena, clock_text(place, view->end_us))));
	json_set_cstr(&build, "then", json_cstr(budget_then_names[budget->then.kind]));
	if (budget->then.kind == BUDGET_MODEL)
		json_set_cstr(&build, "model", json_str(budget->then.model));
	return json_build_end(&build, ret_data);
}

static int
make_event(struct notice *notice, enum ledger_notice kind, const struct ledger_view *view)
{
	struct engine *engine = notice->engine;
	struct arena *arena = &notice->arena;
	char since[CLOCK_TEXT_SIZE], limit[MONEY_TEXT_SIZE];
	struct event_parts parts = {
		.id = arena_printf(arena, "%.*s/%.*s/%s/%s/%s",
	                           STR_ARG(view->budget->label),
	                           STR_ARG(view->budget->timezone),
	                           clock_text(since, view->start_us).data,
	                           money_text(limit, view->budget->limit_nano),
	                           kind == LEDGER_WARNING ? "warning" : "spent"),
		.source = arena_printf(arena, "heed/%.*s", STR_ARG(engine->options.name)),
		.type = str_of(types[kind]),
		.subject = view->budget->label,
		.has_data = true,
	};

	HEED_TRY(write_data(arena, view, &parts.data));
	return event_from_parts(arena, &parts, loop_wall_us(engine->loop), &notice->event,
	                        NULL);
}

static void
notice_free(struct notice *notice)
{
	TAILQ_REMOVE(&notice->engine->notices, notice, link);
	loop_timer_clear(notice->engine->loop, &notice->timer);
	arena_done(&notice->arena);
	mem_free(notice);
}

void
notices_free(struct engine *engine)
{
	while (!TAILQ_EMPTY(&engine->notices))
		notice_free(TAILQ_FIRST(&engine->notices));
}

static void
sent(void *arg, const struct delivery *delivery)
{
	struct notice *notice = arg;

	if (delivery->code == 0)
		notice_free(notice);
	else
		loop_timer_set(notice->engine->loop, &notice->timer, AGAIN_MS);
}

static int
seen(void *arg, const struct store_event *event)
{
	const struct notice *notice = arg;

	return str_eq(event->source, notice->event.source);
}

static void
send(void *arg)
{
	struct notice *notice = arg;
	struct engine *engine = notice->engine;
	struct store_filter filter = {.event_id = notice->event.id};
	int64_t wait_ms;

	if (store_read_events(engine->options.store, &filter, seen, notice, NULL) == 1)
		notice_free(notice);
	else if (engine_send(engine, &notice->event, 1, sent, notice, &wait_ms) < 0)
		loop_timer_set(engine->loop, &notice->timer, AGAIN_MS);
}

void
notice_of_budget(void *arg, enum ledger_notice kind, const struct ledger_view *view)
{
	struct engine *engine = arg;
	char limit[MONEY_TEXT_SIZE], spent[MONEY_TEXT_SIZE], opens[CLOCK_TEXT_SIZE];
	struct notice *notice = mem_new(sizeof(*notice));

	log_event(LOG_WARN,
	          kind == LEDGER_WARNING ? "budget nearly spent" : "budget spent",
	          LOG_S("budget", view->budget->label),
	          LOG_S("limit_usd", str_of(money_text(limit, view->budget->limit_nano))),
	          LOG_S("spent_usd", str_of(money_text(spent, view->spent_nano))),
	          LOG_S("opens", clock_text(opens, view->end_us)));
	if (notice == NULL)
		return; /* the log has it */
	notice->engine = engine;
	arena_init(&notice->arena, 1024);
	loop_timer_init(&notice->timer, send, notice);
	TAILQ_INSERT_TAIL(&engine->notices, notice, link);
	if (make_event(notice, kind, view) < 0)
		notice_free(notice);
	else /* not from inside whatever found it out */
		loop_timer_set(engine->loop, &notice->timer, 0);
}
