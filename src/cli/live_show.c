/*
 * live_show.c - see live_show.h.
 *
 *	09:30:00.123  customer_created c-1  from /crm
 *	09:30:00.127    enrich_customer c-1  done  {"segment":"smb"}
 *	                gpt-4o-mini, 370 tokens, $0.0001, 812ms
 *	                -> emit customer_enriched
 */
#include "cli/live_show.h"

#include "base/clock.h"
#include "base/json.h"
#include "cli/out.h"
#include "cli/summary.h"

#define INDENT "                "
#define TEXT_MAX 160

struct heed_str
live_type(struct heed_json record)
{
	const struct heed_json *event = json_get(record, "event");

	return event != NULL && event->kind == HEED_OBJECT
	               ? json_get_text(*event, "type")
	               : json_get_text(record, "type");
}

/* The time of day, with milliseconds, out of RFC 3339. */
static void
show_time(struct heed_buf *buf, struct heed_json record)
{
	struct heed_str time = json_get_text(record, "time");

	buf_addf(buf, "%s%.*s%s  ", out_style(OUT_DIM),
	         STR_ARG(str_head(str_from(time, 11), 12)), out_style(OUT_END));
}

static void
show_event(struct heed_buf *buf, struct heed_json record)
{
	const struct heed_json *event = json_get(record, "event");
	int64_t by_run = json_get_int(record, "by_run", 0);
	const char *note = NULL;

	if (event == NULL)
		return;
	buf_adds(buf, out_style(OUT_BOLD));
	(void)out_text(buf, json_get_text(*event, "type"), 60);
	buf_addf(buf, "%s ", out_style(OUT_END));
	(void)out_text(buf, json_get_text(*event, "id"), 60);
	if (by_run > 0) {
		buf_addf(buf, "  %semitted by run %lld%s", out_style(OUT_DIM),
		         (long long)by_run, out_style(OUT_END));
	} else {
		buf_addf(buf, "  %sfrom ", out_style(OUT_DIM));
		(void)out_text(buf, json_get_text(*event, "source"), 60);
		buf_adds(buf, out_style(OUT_END));
	}
	if (json_get_bool(record, "duplicate", false))
		note = "known already: nothing is done";
	else if (json_get_int(record, "runs", 0) == 0)
		note = "no reaction wants it";
	if (note != NULL)
		buf_addf(buf, "  %s(%s)%s", out_style(OUT_YELLOW), note,
		         out_style(OUT_END));
	buf_addc(buf, '\n');
}

static void
show_effects(struct heed_buf *buf, struct heed_json record)
{
	const struct heed_json *effects = json_get(record, "effects");
	uint32_t i;

	for (i = 0; effects != NULL && i < effects->len; i++) {
		struct heed_json effect = effects->items[i];
		const struct heed_json *request = json_get(effect, "request");
		struct heed_str state = json_get_text(effect, "state");

		buf_adds(buf, INDENT "-> ");
		summary_effect(buf, json_get_text(effect, "action"),
		               request != NULL ? *request : json_null(), TEXT_MAX);
		if (!str_is(state, "done")) {
			buf_addf(buf, "  %s%.*s: ", out_style(OUT_RED), STR_ARG(state));
			(void)out_text(buf, json_get_text(effect, "detail"), TEXT_MAX);
			buf_adds(buf, out_style(OUT_END));
		}
		buf_addc(buf, '\n');
	}
}

static void
show_spent(struct heed_buf *buf, struct heed_json record)
{
	struct heed_str model = json_get_text(record, "model");
	int64_t calls = json_get_int(record, "calls", 0);

	buf_addf(buf, "%s%s", INDENT, out_style(OUT_DIM));
	if (calls > 0) {
		(void)out_text(buf, model.len > 0 ? model : HEED_STR("no answer"), 40);
		buf_adds(buf, ", ");
		if (calls > 1) {
			out_counted(buf, calls, "call");
			buf_adds(buf, ", ");
		}
		out_counted(buf,
		            json_get_int(record, "input_tokens", 0) +
		                    json_get_int(record, "output_tokens", 0),
		            "token");
		buf_adds(buf, ", ");
		out_money(buf, json_get_int(record, "cost_nano_usd", 0));
		buf_adds(buf, ", ");
	}
	clock_write_duration(buf, json_get_int(record, "ms", 0));
	buf_addf(buf, "%s\n", out_style(OUT_END));
}

static void
show_run(struct heed_buf *buf, struct heed_json record)
{
	const struct heed_json *answer = json_get(record, "answer");
	struct heed_str state = json_get_text(record, "state");
	struct heed_str class = json_get_text(record, "class");
	struct heed_str text = json_get_text(record, "text");
	long long id = (long long)json_get_int(record, "run", 0);
	struct heed_buf json;

	buf_adds(buf, "  ");
	(void)out_text(buf, json_get_text(record, "name"), 40);
	buf_addf(buf, " %s", out_style(OUT_DIM));
	(void)out_text(buf, json_get_text(record, "event"), 40);
	buf_addf(buf, "%s  %s%.*s%s", out_style(OUT_END),
	         out_style(out_state_style(state)), STR_ARG(state), out_style(OUT_END));
	if (text.len > 0) {
		buf_adds(buf, "  ");
		(void)out_text(buf, class, 40);
		buf_adds(buf, ": ");
		(void)out_text(buf, text, 2 * TEXT_MAX);
	} else if (answer != NULL) {
		buf_adds(buf, "  ");
		buf_init(&json, 0);
		json_write(&json, *answer, JSON_COMPACT);
		(void)out_text(buf, buf_str(&json), TEXT_MAX);
		buf_done(&json);
	}
	buf_addc(buf, '\n');
	show_effects(buf, record);
	show_spent(buf, record);
	if (str_is(state, "dead") || str_is(state, "held"))
		buf_addf(buf, INDENT "see: heed dlq show %lld\n", id);
}

void
live_show(struct heed_buf *buf, struct heed_json record)
{
	show_time(buf, record);
	if (str_is(json_get_text(record, "what"), "event"))
		show_event(buf, record);
	else
		show_run(buf, record);
}
