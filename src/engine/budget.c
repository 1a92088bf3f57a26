/*
 * budget.c - see budget.h.
 */
#include "engine/budget.h"

#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/str.h"
#include "config/bind.h"
#include "engine/event.h"

#define SECOND_US INT64_C(1000000)

const char *const budget_per_names[] = {"hour", "day", "month", NULL};
const char *const budget_then_names[] = {"hold", "dead_letter", "model", NULL};

static const char *const reactions_map[] = {"reactions", NULL};
static const char *const entities_map[] = {"entities", NULL};
static const char *const sagas_map[] = {"sagas", NULL};
static const char *const models_map[] = {"models", NULL};
static const char *const then_types[] = {"string", "object", NULL};

/* ---- then: hold, dead_letter, {model: NAME} ---------------------------------------- */

struct then_model {
	struct heed_str model;
};

static const struct option then_rows[] = {
	{.name = "model",
         .kind = OPTION_TEXT,
         .offset = offsetof(struct then_model, model),
         .flags = OPTION_REQUIRED | OPTION_NONEMPTY | OPTION_REFERENCE,
         .names = models_map,
         .help = "the model to ask instead, as far as its own cost fits"},
	OPTION_ROWS_END,
};

static int
bind_then(struct bind *bind, const struct conf_node *node, void *field)
{
	struct budget *budget =
		(struct budget *)((char *)field - offsetof(struct budget, then));
	struct then_model other = {0};

	if (node->kind == CONF_MAP) {
		HEED_TRY(bind_record(bind, node, then_rows, &other));
		budget->then.kind = BUDGET_MODEL;
		budget->then.model = other.model;
		return 0;
	}
	budget->then.kind = str_is(node->text, budget_then_names[BUDGET_DEAD_LETTER])
	                            ? BUDGET_DEAD_LETTER
	                            : BUDGET_HOLD;
	if (node->kind == CONF_SCALAR &&
	    str_is(node->text, budget_then_names[budget->then.kind]))
		return 0;
	return conf_problem(bind->problems, node,
	                    "write hold, dead_letter or {model: NAME}",
	                    "then: expected what to do when the budget is spent");
}

static void
then_schema(struct heed_buf *buf)
{
	buf_adds(buf, "{\"anyOf\":[{\"enum\":[\"hold\",\"dead_letter\"]},");
	option_schema_write(buf, then_rows);
	buf_adds(buf, "]}");
}

/* ---- rows -------------------------------------------------------------------------- */

#define AT(field) .offset = offsetof(struct budget, field)

const struct option budget_options[] = {
	{.name = "event_type",
         .kind = OPTION_TEXT,
         AT(event_type),
         .help = "calls for events of this type; a trailing * matches any rest"},
	{.name = "reaction",
         .kind = OPTION_TEXT,
         AT(reaction),
         .flags = OPTION_REFERENCE,
         .names = reactions_map,
         .help = "calls of this reaction"},
	{.name = "entity",
         .kind = OPTION_TEXT,
         AT(entity),
         .flags = OPTION_REFERENCE,
         .names = entities_map,
         .help = "calls that decide commands of this entity"},
	{.name = "saga",
         .kind = OPTION_TEXT,
         AT(saga),
         .flags = OPTION_REFERENCE,
         .names = sagas_map,
         .help = "calls of this saga"},
	{.name = "model",
         .kind = OPTION_TEXT,
         AT(model),
         .flags = OPTION_REFERENCE,
         .names = models_map,
         .help = "calls of this model"},
	{.name = "all",
         .kind = OPTION_BOOL,
         AT(all),
         .fallback = "false",
         .help = "all calls"},
	{.name = "limit",
         .kind = OPTION_MONEY,
         AT(limit_nano),
         .flags = OPTION_REQUIRED,
         .min = 0,
         .max = 1000000000,
         .help = "US dollars that may be spent in a period; 0 leaves what is free"},
	{.name = "per",
         .kind = OPTION_ENUM,
         AT(per),
         .fallback = "day",
         .names = budget_per_names,
         .help = "the period, by the clock"},
	{.name = "timezone",
         .kind = OPTION_TEXT,
         AT(timezone),
         .fallback = "UTC",
         .help = "whose days and months: Europe/Berlin"},
	{.name = "then",
         .kind = OPTION_CUSTOM,
         AT(then),
         .names = then_types,
         .bind = bind_then,
         .schema = then_schema,
         .help = "when the rest does not allow a call: hold (wait for the next period; "
                 "the default), dead_letter, or {model: NAME} to ask that one"},
	{.name = "warn_at",
         .kind = OPTION_REAL,
         AT(warn_at),
         .fallback = "0.8",
         .min = 0,
         .max = 1,
         .help = "emit heed.budget.warning once this part of the limit is spent; 0 for "
                 "never"},
	OPTION_ROWS_END,
};

/* ---- what the rows can't say ------------------------------------------------------- */

static void
add_part(struct heed_buf *buf, const char *name, struct heed_str value)
{
	if (value.len > 0)
		buf_addf(buf, "%s%s %.*s", buf->len > 0 ? ", " : "", name,
		         STR_ARG(value));
}

static int
make_label(struct budget *budget, struct arena *arena, struct heed_error *error)
{
	struct heed_buf buf;

	buf_init(&buf, 0);
	add_part(&buf, "event_type", budget->event_type);
	add_part(&buf, "reaction", budget->reaction);
	add_part(&buf, "entity", budget->entity);
	add_part(&buf, "saga", budget->saga);
	add_part(&buf, "model", budget->model);
	if (buf.len == 0)
		buf_adds(&buf, "all");
	buf_addf(&buf, " per %s", budget_per_names[budget->per]);
	if (buf_error(&buf) == 0)
		budget->label = arena_str(arena, buf_str(&buf));
	buf_done(&buf);
	return budget->label.data == NULL ? error_nomem(error) : 0;
}

int
budget_check(struct budget *budget, struct arena *arena, struct heed_error *error)
{
	bool some = budget->event_type.len > 0 || budget->reaction.len > 0 ||
	            budget->entity.len > 0 || budget->saga.len > 0 ||
	            budget->model.len > 0;

	if (some == budget->all) {
		(void)error_set(error, HEED_E_CONFIG,
		                some ? "a budget for all calls can't be for some only"
		                     : "the budget does not say what it is for");
		error_hint(error, some ? "take out all:, or the others"
		                       : "add event_type:, reaction:, entity:, saga:, "
		                         "model:, or all: true");
		return HEED_E_CONFIG;
	}
	if (zone_load(arena, budget->timezone, &budget->zone, error) < 0)
		return error->code == HEED_E_NOMEM ? HEED_E_NOMEM : HEED_E_CONFIG;
	return make_label(budget, arena, error);
}

/* ---- what it covers, and when ------------------------------------------------------ */

static bool
is_of(const struct budget_call *call, const char *flow, struct heed_str name)
{
	return name.len == 0 || (str_is(call->flow, flow) && str_eq(call->name, name));
}

bool
budget_covers(const struct budget *budget, const struct budget_call *call)
{
	if (!is_of(call, "reaction", budget->reaction) ||
	    !is_of(call, "entity", budget->entity) || !is_of(call, "saga", budget->saga))
		return false;
	if (budget->model.len > 0 && !str_eq(budget->model, call->model))
		return false;
	return budget->event_type.len == 0 ||
	       event_type_matches(budget->event_type, call->type);
}

/* The local second at which the period of `local_s` begins, or the next one. */
static int64_t
border(const struct budget *budget, int64_t local_s, int next)
{
	int64_t days = local_s / 86400 - (local_s % 86400 < 0);
	int year, month, day;

	if (budget->per == BUDGET_DAY)
		return (days + next) * 86400;
	clock_civil(days, &year, &month, &day);
	month += next;
	return clock_days(year + (month > 12), month > 12 ? 1 : month, 1) * 86400;
}

void
budget_period(const struct budget *budget, int64_t at_us, int64_t *ret_start_us,
              int64_t *ret_end_us)
{
	int64_t utc_s = at_us / SECOND_US;
	int64_t local_s = zone_to_local(budget->zone, utc_s);

	if (budget->per == BUDGET_HOUR) {
		/* Of the clock on the wall, and never longer or shorter. */
		int64_t start_s = utc_s - local_s % 3600;

		*ret_start_us = start_s * SECOND_US;
		*ret_end_us = (start_s + 3600) * SECOND_US;
		return;
	}
	*ret_start_us = zone_to_utc(budget->zone, border(budget, local_s, 0)) * SECOND_US;
	*ret_end_us = zone_to_utc(budget->zone, border(budget, local_s, 1)) * SECOND_US;
}

/* ---- runs that wait ---------------------------------------------------------------- */

static const char wait_begin[] = "waits for the budget \"";
static const char wait_middle[] = "\" until ";

struct heed_str
budget_wait_text(struct arena *arena, struct heed_str label, int64_t opens_us)
{
	char opens[CLOCK_TEXT_SIZE];

	return arena_printf(arena, "%s%.*s%s%s", wait_begin, STR_ARG(label), wait_middle,
	                    clock_text(opens, opens_us).data);
}

struct heed_str
budget_wait_label(struct heed_str text)
{
	struct heed_str rest = str_from(text, sizeof(wait_begin) - 1);

	if (!str_starts(text, wait_begin))
		return (struct heed_str){NULL, 0};
	return str_head(rest, str_search(rest, str_of(wait_middle)));
}
