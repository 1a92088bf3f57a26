/*
 * summary.c - see summary.h.
 */
#include "cli/summary.h"

#include "base/json.h"
#include "cli/out.h"

/* What tells most of a request, in this order, and the action that it is known by. */
static const struct {
	const char *member;
	const char *action;
} telling[] = {
	{"url", "http"},  {"statement", "sql"}, {"message", "log"},
	{"type", "emit"}, {"command", "exec"},  {"events", "emit"},
	{"subject", ""},  {"topic", ""},        {"to", ""},
};

static const struct heed_json *
find(struct heed_json request, const char **ret_action)
{
	size_t i;

	*ret_action = "";
	for (i = 0; i < sizeof(telling) / sizeof(telling[0]); i++) {
		const struct heed_json *value = json_get(request, telling[i].member);

		if (value == NULL)
			continue;
		*ret_action = telling[i].action;
		return value;
	}
	return NULL;
}

void
summary_effect(struct heed_buf *buf, struct heed_str action, struct heed_json request,
               size_t max)
{
	const char *likely;
	const struct heed_json *value = find(request, &likely);
	struct heed_str method = json_get_text(request, "method");
	struct heed_buf text;

	if (action.len == 0)
		action = str_of(likely);
	if (action.len > 0)
		buf_addf(buf, "%.*s ", STR_ARG(action));
	if (method.len > 0)
		buf_addf(buf, "%.*s ", STR_ARG(method));
	buf_init(&text, 0);
	if (value != NULL && value->kind == HEED_STRING)
		buf_add(&text, json_text(*value));
	else
		json_write(&text, value != NULL ? *value : request, JSON_COMPACT);
	(void)out_text(buf, buf_str(&text), max);
	buf_done(&text);
}
