/*
 * admin_send.c - POST /events: events that no source brought. Answered once they are on
 * disk.
 */
#include "base/error.h"
#include "base/json.h"
#include "engine/engine.h"
#include "service/admin.h"
#include "service/local.h"

static void
sent(void *arg, const struct delivery *delivery)
{
	struct call *call = arg;
	struct heed_error error = {0};
	struct json_build build;
	struct heed_json value = json_null();

	if (delivery->code != 0) {
		(void)error_set(&error, delivery->code, "the events were not stored: %s",
		                delivery->text != NULL ? delivery->text
		                                       : heed_code_text(delivery->code));
		error_hint(&error, "send them again");
		call_problem(call, &error);
		return;
	}
	json_object(&build, &call->exchange->arena);
	json_set_cstr(&build, "accepted", json_int((int64_t)delivery->n_accepted));
	json_set_cstr(&build, "duplicates", json_int((int64_t)delivery->n_duplicate));
	(void)json_build_end(&build, &value);
	call_answer(call, 202, value);
}

int
admin_send(struct call *call, struct heed_error *error)
{
	const struct delivery nothing = {.code = 0};
	struct event *events = NULL;
	int64_t retry_after_ms = 0;
	size_t n = 0;
	int r;

	HEED_TRY(event_list_from_json(&call->exchange->arena, call->body, NULL,
	                              loop_wall_us(call->service->loop), &events, &n,
	                              error));
	if (n == 0) {
		sent(call, &nothing);
		return 0;
	}
	r = engine_send(call->service->engine, events, n, sent, call, &retry_after_ms);
	if (r == HEED_E_BUSY) {
		(void)error_set(error, r, "%s",
		                call->service->stopping
		                        ? "heed is stopping and takes no more events"
		                        : "the queue is full: nothing was stored");
		error_hint(error, "send them again later");
	} else if (r < 0) {
		(void)error_set(error, r, "%s", heed_code_text(r));
	}
	return r;
}
