/*
 * mapping.c - see mapping.h.
 */
#include "source/mapping.h"

#include "base/clock.h"
#include "base/error.h"

const struct option mapping_options[] = {
	{.name = "type",
         .kind = OPTION_EXPR,
         .offset = offsetof(struct mapping, type),
         .flags = OPTION_REQUIRED,
         .help = "type of the event, for example '\"order_\" + .body.action', or a fixed "
                 "text in quotes: '\"order_placed\"'"},
	{.name = "each",
         .kind = OPTION_EXPR,
         .offset = offsetof(struct mapping, each),
         .help = "a list, such as .body.records: one event for each item, which the "
                 "other "
                 "expressions see as .item; no list and an empty one give none"},
	{.name = "when",
         .kind = OPTION_EXPR,
         .offset = offsetof(struct mapping, when),
         .help = "whether there is an event at all, for example .body.action != "
                 "\"ping\"; "
                 "what is left out is acknowledged and forgotten"},
	{.name = "id",
         .kind = OPTION_EXPR,
         .offset = offsetof(struct mapping, id),
         .help = "its id, which tells repeated deliveries from new ones; when left out, "
                 "over HTTP the headers webhook-id, x-github-delivery and "
                 "idempotency-key "
                 "are tried, then a new id is made"},
	{.name = "source",
         .kind = OPTION_EXPR,
         .offset = offsetof(struct mapping, source),
         .help = "its source, a URI reference; sources/NAME when left out"},
	{.name = "subject",
         .kind = OPTION_EXPR,
         .offset = offsetof(struct mapping, subject),
         .help = "what it is about, for example .body.order.id"},
	{.name = "time",
         .kind = OPTION_EXPR,
         .offset = offsetof(struct mapping, time),
         .help = "when it happened: RFC 3339 text, or a number of seconds since 1970"},
	{.name = "data",
         .kind = OPTION_EXPR,
         .offset = offsetof(struct mapping, data),
         .help = "its data; the whole body (with each: the item) when left out"},
	OPTION_ROWS_END,
};

struct work {
	const struct mapping *mapping;
	struct arena *arena;
	struct heed_json input;
	struct heed_error *error;
};

/* Evaluate; no result is null. An expression that fails makes the input invalid. */
static int
eval(const struct work *work, const char *name, const struct expr *expr,
     struct heed_json *ret_value)
{
	int r;

	*ret_value = json_null();
	if (expr == NULL)
		return 0;
	r = expr_eval(expr, work->input, work->arena, ret_value, work->error);
	if (r == HEED_E_NOTFOUND) {
		*ret_value = json_null();
		return 0;
	}
	if (r < 0 && r != HEED_E_NOMEM) {
		error_prefix(work->error, "mapping.%s", name);
		return HEED_E_INVALID;
	}
	return r;
}

/* An attribute's text: a string, or the text of a number or truth value. */
static int
eval_text(const struct work *work, const char *name, const struct expr *expr,
          struct heed_str *ret_text)
{
	struct heed_json value;

	HEED_TRY(eval(work, name, expr, &value));
	if (value.kind == HEED_NULL)
		return 0;
	if (value.kind == HEED_ARRAY || value.kind == HEED_OBJECT)
		return error_set(work->error, HEED_E_INVALID,
		                 "mapping.%s gave an %s, which is no text", name,
		                 json_kind_name(value));
	*ret_text = value.kind == HEED_STRING ? json_text(value)
	                                      : json_text_of(work->arena, value);
	return ret_text->data == NULL && value.kind != HEED_STRING
	               ? error_nomem(work->error)
	               : 0;
}

static int
eval_time(const struct work *work, int64_t *ret_time_us)
{
	struct heed_json value;
	double seconds;

	HEED_TRY(eval(work, "time", work->mapping->time, &value));
	if (value.kind == HEED_NULL)
		return 0;
	seconds = json_number(value);
	if (value.kind == HEED_STRING && clock_parse(json_text(value), ret_time_us) == 0)
		return 0;
	if (json_is_number(value) && seconds > 0 && seconds < 253402300800.0) {
		*ret_time_us = (int64_t)(seconds * 1e6);
		return 0;
	}
	return error_set(
		work->error, HEED_E_INVALID,
		"mapping.time gave neither an RFC 3339 time nor seconds since 1970");
}

static int
set_data(const struct work *work, struct event_parts *parts)
{
	int r;

	parts->has_data = true;
	if (work->mapping->data == NULL)
		return 0;
	r = expr_eval(work->mapping->data, work->input, work->arena, &parts->data,
	              work->error);
	parts->has_data = r == 0;
	if (r == 0 || r == HEED_E_NOTFOUND)
		return 0;
	error_prefix(work->error, "mapping.data");
	return r == HEED_E_NOMEM ? r : HEED_E_INVALID;
}

/* The event that work->input stands for; *ret_n is 0 when `when` leaves it out, else 1.
 * `data` is what it holds when the mapping does not say. */
static int
map_one(const struct work *work, struct heed_json data,
        const struct mapping_defaults *defaults, struct event *ret_event, size_t *ret_n)
{
	const struct mapping *mapping = work->mapping;
	struct event_parts parts = {
		.id = defaults->id,
		.source = defaults->source,
		.trace = defaults->trace,
		.data = data,
	};
	struct heed_json wanted;
	int r;

	*ret_n = 0;
	HEED_TRY(eval(work, "when", mapping->when, &wanted));
	if (mapping->when != NULL && !json_truthy(wanted))
		return 0;
	HEED_TRY(eval_text(work, "type", mapping->type, &parts.type));
	HEED_TRY(eval_text(work, "id", mapping->id, &parts.id));
	HEED_TRY(eval_text(work, "source", mapping->source, &parts.source));
	HEED_TRY(eval_text(work, "subject", mapping->subject, &parts.subject));
	HEED_TRY(eval_time(work, &parts.time_us));
	HEED_TRY(set_data(work, &parts));
	if (parts.type.len == 0)
		return error_set(work->error, HEED_E_INVALID,
		                 "mapping.type gave no text");
	r = event_from_parts(work->arena, &parts, defaults->now_us, ret_event,
	                     work->error);
	if (r < 0)
		error_prefix(work->error, "after the mapping");
	*ret_n = r == 0;
	return r;
}

/* work->input with `item`. */
static int
with_item(const struct work *work, struct heed_json item, struct heed_json *ret_input)
{
	struct json_build build;
	uint32_t i;

	json_object(&build, work->arena);
	for (i = 0; i < work->input.len; i++)
		json_set(&build, work->input.members[i].name,
		         work->input.members[i].value);
	json_set_cstr(&build, "item", item);
	return json_build_end(&build, ret_input) < 0 ? error_nomem(work->error) : 0;
}

static int
map_item(const struct work *work, struct heed_json item, uint32_t i,
         const struct mapping_defaults *defaults, struct event *ret_event, size_t *ret_n)
{
	struct mapping_defaults own = *defaults;
	struct work inner = *work;
	int r;

	if (defaults->id.len > 0)
		own.id = arena_printf(work->arena, "%.*s/%u", STR_ARG(defaults->id),
		                      i + 1);
	if (defaults->id.len > 0 && own.id.data == NULL)
		return error_nomem(work->error);
	HEED_TRY(with_item(work, item, &inner.input));
	r = map_one(&inner, item, &own, ret_event, ret_n);
	if (r < 0)
		error_prefix(work->error, "item %u", i + 1);
	return r;
}

/* Where the input holds no list, there is nothing to make events of. */
static int
find_items(const struct work *work, struct heed_json *ret_items)
{
	HEED_TRY(eval(work, "each", work->mapping->each, ret_items));
	if (ret_items->kind == HEED_NULL)
		ret_items->len = 0;
	else if (ret_items->kind != HEED_ARRAY)
		return error_set(work->error, HEED_E_INVALID,
		                 "mapping.each must give a list, not %s",
		                 json_kind_name(*ret_items));
	if (ret_items->len > MAPPING_ITEMS_MAX)
		return error_set(work->error, HEED_E_LIMIT,
		                 "mapping.each gave %u items, more than %d",
		                 ret_items->len, MAPPING_ITEMS_MAX);
	return 0;
}

int
mapping_apply(const struct mapping *mapping, struct arena *arena, struct heed_json input,
              const struct mapping_defaults *defaults, struct event **ret_events,
              size_t *ret_n, struct heed_error *error)
{
	const struct work work = {mapping, arena, input, error};
	const struct heed_json *body = json_get(input, "body");
	struct heed_json items = {.kind = HEED_ARRAY, .len = 1};
	struct event *events;
	size_t n = 0;
	uint32_t i;

	if (mapping->each != NULL)
		HEED_TRY(find_items(&work, &items));
	events = ARENA_ARRAY(arena, struct event, (size_t)items.len + 1);
	if (events == NULL)
		return error_nomem(error);
	for (i = 0; i < items.len; i++) {
		size_t made = 0;

		if (mapping->each != NULL)
			HEED_TRY(map_item(&work, items.items[i], i, defaults, &events[n],
			                  &made));
		else
			HEED_TRY(map_one(&work, body != NULL ? *body : json_null(),
			                 defaults, &events[n], &made));
		n += made;
	}
	*ret_events = events;
	*ret_n = n;
	return 0;
}

struct heed_str
mapping_source(struct arena *arena, struct heed_str name)
{
	struct heed_str text = {NULL, 0};
	struct heed_buf buf;

	buf_init(&buf, 4096);
	buf_adds(&buf, "sources/");
	buf_add_urlencoded(&buf, name);
	if (buf_error(&buf) == 0)
		text = arena_str(arena, buf_str(&buf));
	buf_done(&buf);
	return text;
}
