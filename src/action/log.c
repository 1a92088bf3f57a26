/*
 * log.c - write a line to the process's log. Harmless to repeat: keyed.
 */
#include "action/kinds.h"
#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "config/bind.h"

#define MESSAGE_MAX 65536

struct log_action {
	struct action action;
	int level;
	struct template *message;
	struct shape *data;
};

static const char *const levels[] = {"debug", "info", "warn", "error", NULL};

static const struct option options[] = {
	{.name = "message",
         .kind = OPTION_TEMPLATE,
         .offset = offsetof(struct log_action, message),
         .flags = OPTION_REQUIRED,
         .help = "what to write"},
	{.name = "level",
         .kind = OPTION_ENUM,
         .offset = offsetof(struct log_action, level),
         .fallback = "info",
         .names = levels,
         .help = "debug, info, warn or error"},
	{.name = "data",
         .kind = OPTION_SHAPE,
         .offset = offsetof(struct log_action, data),
         .help = "what to write beside it, as JSON"},
	OPTION_ROWS_END,
};

static enum effect_class
effect(const struct action *action)
{
	return EFFECT_KEYED;
}

static int
prepare(const struct action *action, struct heed_json input, struct arena *arena,
        struct heed_json *ret_request, struct heed_error *error)
{
	/* The log, too, shows ${...} as it was written. */
	const struct log_action *log =
		(const struct log_action *)(action->record != NULL ? action->record
	                                                           : action);
	struct json_build build;
	struct heed_json data;
	struct heed_str message;

	HEED_TRY(template_string(log->message, input, arena, MESSAGE_MAX, &message,
	                         error));
	json_object(&build, arena);
	json_set_cstr(&build, "message", json_str(message));
	if (log->data != NULL) {
		HEED_TRY(shape_eval(log->data, input, arena, &data, error));
		json_set_cstr(&build, "data", data);
	}
	return json_build_end(&build, ret_request) < 0 ? error_nomem(error) : 0;
}

static void
written(void *arg)
{
	struct action_call *call = arg;

	action_done(call, 0, json_null(), -1, NULL);
}

static int
perform(struct action *action, struct action_call *call, struct heed_error *error)
{
	const struct log_action *log = (const struct log_action *)action;
	struct loop_timer *later = ARENA_NEW(call->arena, struct loop_timer);
	const struct heed_json *data = json_get(call->request, "data");
	struct log_field fields[3] = {
		LOG_S("message", json_get_text(call->request, "message")),
		LOG_S("key", call->key),
	};
	size_t n = 2;

	if (data != NULL)
		fields[n++] = LOG_S("data", json_text_of(call->arena, *data));
	if (later == NULL || (data != NULL && fields[2].text.data == NULL))
		return error_nomem(error);
	if (log_wants((enum log_level)log->level))
		log_write((enum log_level)log->level, "action", fields, n);
	loop_timer_init(later, written, call);
	loop_timer_set(call->world->loop, later, 0);
	call->context = later;
	return 0;
}

static void
cancel(struct action *action, struct action_call *call)
{
	loop_timer_clear(call->world->loop, call->context);
}

const struct action_kind action_log = {
	.name = "log",
	.help = "write a line to the log",
	.options = options,
	.size = sizeof(struct log_action),
	.effect = effect,
	.prepare = prepare,
	.perform = perform,
	.cancel = cancel,
};
