/*
 * api_command.c - POST /entities/ENTITY/ID/COMMAND.
 *
 * The command becomes an event, which is committed like any other; then the call waits
 * for the run that decides it. What came of it is read from the store, whether the run
 * has just said so or the command was known already: so a repeated request (by its
 * Idempotency-Key) gets the answer that the first one got.
 *
 *	send ── committed ── wait: appended, ended ──> look ── decided: answer
 *	            '── known already ─────────────────^   '── not yet: go on waiting
 */
#include <stdio.h>

#include "base/error.h"
#include "base/mem.h"
#include "service/api_local.h"

#define KEY_MAX 255
#define WAIT_MAX_S 600

struct waiting {
	struct map_node node; /* by event.id */
	struct api *api;
	struct call *call; /* NULL: answered, or given up */
	struct arena arena;
	struct heed_str entity, id;
	struct event event;
	struct loop_timer timer;
	bool sending; /* the commit of the event is under way */
	bool looking; /* the store is read */
	bool again;   /* and there is something new to be read */
	bool known;   /* the event was there already */
	bool timed_out;

	/* what a look found */
	bool found, other; /* the run; another command under the same key */
	struct store_run run;
	int64_t version;
	struct heed_buf events;
	struct heed_str reason, by;
	bool rejected;
};

/* ---- its life ---------------------------------------------------------------------- */

static void
waiting_free(struct waiting *waiting)
{
	buf_done(&waiting->events);
	arena_done(&waiting->arena);
	mem_free(waiting);
}

/* It is answered; the store or the engine may be at it for a while. */
static void
leave(struct waiting *waiting)
{
	if (waiting->call != NULL) {
		loop_timer_clear(waiting->api->service->loop, &waiting->timer);
		map_remove(&waiting->api->waiting, &waiting->node);
	}
	waiting->call = NULL;
	if (!waiting->sending && !waiting->looking)
		waiting_free(waiting);
}

void
waiting_give_up(struct api *api)
{
	struct map_node *node;

	while ((node = map_first(&api->waiting)) != NULL)
		leave(MAP_OWNER(node, struct waiting, node));
	map_done(&api->waiting);
}

/* ---- answers ----------------------------------------------------------------------- */

static void
write_head(const struct waiting *waiting, struct heed_buf *out)
{
	buf_adds(out, "\"entity\":");
	json_write_string(out, waiting->entity);
	buf_adds(out, ",\"id\":");
	json_write_string(out, waiting->id);
	buf_adds(out, ",\"command\":");
	json_write_string(out, waiting->event.id);
}

static void
send_answer(struct waiting *waiting, int status, const struct heed_buf *out)
{
	static const struct http_header replayed = {{"idempotent-replayed", 19},
	                                            {"true", 4}};

	http_answer(waiting->call->exchange, status,
	            status == 200 || status == 202 ? "application/json"
	                                           : "application/problem+json",
	            buf_str(out), &replayed, waiting->known ? 1 : 0);
	leave(waiting);
}

static void
answer_accepted(struct waiting *waiting)
{
	struct heed_buf out;

	buf_init(&out, 0);
	buf_adds(&out, "{\"accepted\":true,");
	write_head(waiting, &out);
	if (waiting->version > 0)
		buf_addf(&out, ",\"version\":%lld", (long long)waiting->version);
	buf_adds(&out, ",\"events\":[");
	buf_add(&out, buf_str(&waiting->events));
	buf_adds(&out, "]}\n");
	send_answer(waiting, 200, &out);
	buf_done(&out);
}

static void
answer_problem(struct waiting *waiting, int status, const char *title,
               struct heed_str detail)
{
	struct heed_buf out;

	buf_init(&out, 0);
	buf_addf(&out, "{\"title\":\"%s\",\"status\":%d,\"accepted\":false,", title,
	         status);
	write_head(waiting, &out);
	buf_adds(&out, ",\"detail\":");
	json_write_string(&out, detail);
	if (waiting->by.len > 0) {
		buf_adds(&out, ",\"by\":");
		json_write_string(&out, waiting->by);
	}
	if (waiting->run.id > 0)
		buf_addf(&out, ",\"run\":%lld", (long long)waiting->run.id);
	buf_adds(&out, "}\n");
	send_answer(waiting, status, &out);
	buf_done(&out);
}

static void
answer_later(struct waiting *waiting)
{
	struct heed_buf out;

	buf_init(&out, 0);
	buf_addc(&out, '{');
	write_head(waiting, &out);
	buf_adds(&out,
	         ",\"state\":\"undecided\",\"hint\":\"send it again, with the value of "
	         "`command` as Idempotency-Key, to learn the decision\"}\n");
	send_answer(waiting, 202, &out);
	buf_done(&out);
}

/* ---- what came of it --------------------------------------------------------------- */

static int
take_run(void *arg, const struct store_run *run, const struct store_event *event)
{
	struct waiting *waiting = arg;
	struct heed_json stored;
	const struct heed_json *data, *sent;

	if (!str_is(run->flow, ENTITY_FLOW) ||
	    !str_eq(event->source, waiting->event.source))
		return 0;
	HEED_TRY(json_parse(&waiting->arena, event->body, &stored, NULL));
	data = json_get(stored, "data");
	sent = json_get(waiting->event.root, "data");
	waiting->other = !str_eq(event->type, waiting->event.type) || data == NULL ||
	                 sent == NULL || !json_equal(*data, *sent);
	waiting->found = true;
	waiting->run = *run;
	waiting->run.class = arena_str(&waiting->arena, run->class);
	waiting->run.text = arena_str(&waiting->arena, run->text);
	return 1;
}

static int
take_event(void *arg, const struct store_event *event)
{
	struct waiting *waiting = arg;
	struct heed_json body;
	const struct heed_json *data;

	if (event->version > 0) {
		buf_adds(&waiting->events, waiting->events.len > 0 ? "," : "");
		api_write_event(&waiting->events, event);
		waiting->version = event->version;
		return 0;
	}
	if (!str_ends(event->type, "." ENTITY_REJECTED))
		return 0;
	HEED_TRY(json_parse(&waiting->arena, event->body, &body, NULL));
	data = json_get(body, "data");
	if (data == NULL || !str_eq(json_get_text(*data, "id"), waiting->event.id))
		return 0;
	waiting->rejected = true;
	waiting->reason = json_get_text(*data, "reason");
	waiting->by = json_get_text(*data, "by");
	return 0;
}

static int
look(struct store *store, void *arg, struct heed_error *error)
{
	struct waiting *waiting = arg;
	struct store_filter filter = {
		.name = waiting->entity,
		.event_id = waiting->event.id,
	};
	int r;

	waiting->found = false;
	waiting->version = 0;
	buf_reset(&waiting->events);
	r = store_read_runs(store, &filter, take_run, waiting, error);
	if (r <= 0 || !waiting->found)
		return r;
	filter = (struct store_filter){.parent_run = waiting->run.id};
	return store_read_events(store, &filter, take_event, waiting, error);
}

static bool
is_over(const struct store_run *run)
{
	return run->state == RUN_DONE || run->state == RUN_DEAD ||
	       run->state == RUN_HELD || run->state == RUN_DROPPED;
}

/* True when it was answered. */
static bool
answer_outcome(struct waiting *waiting)
{
	if (waiting->found && waiting->other)
		answer_problem(waiting, 422, "Key used before",
		               HEED_STR("this Idempotency-Key was used for another "
		                        "command"));
	else if (waiting->version > 0 ||
	         (!waiting->rejected && waiting->found && waiting->run.state == RUN_DONE))
		answer_accepted(waiting);
	else if (waiting->rejected && str_is(waiting->by, "conflict"))
		answer_problem(waiting, 409, "Conflict", waiting->reason);
	else if (waiting->rejected)
		answer_problem(waiting, 422, "Rejected", waiting->reason);
	else if (waiting->found && is_over(&waiting->run))
		answer_problem(waiting, 500, "Not decided", waiting->run.text);
	else
		return false;
	return true;
}

static void start_look(struct waiting *waiting);

static void
looked(void *arg, int code, const struct heed_error *error)
{
	struct waiting *waiting = arg;

	waiting->looking = false;
	if (waiting->call == NULL) {
		leave(waiting);
		return;
	}
	if (code < 0) {
		call_problem(waiting->call, error);
		leave(waiting);
		return;
	}
	if (answer_outcome(waiting))
		return;
	if (waiting->timed_out)
		answer_later(waiting);
	else if (waiting->again)
		start_look(waiting);
}

static void
start_look(struct waiting *waiting)
{
	waiting->again = waiting->looking;
	if (waiting->looking)
		return;
	waiting->looking = true;
	if (store_read(waiting->api->service->store, look, looked, waiting) == 0)
		return;
	waiting->looking = false;
	http_problem(waiting->call->exchange, 503, "Unavailable", "out of memory");
	leave(waiting);
}

/* ---- what happens while it waits --------------------------------------------------- */

/* Time is up: what there is to know, or that it is not known yet. */
static void
time_out(void *arg)
{
	struct waiting *waiting = arg;

	waiting->timed_out = true;
	if (!waiting->sending)
		start_look(waiting);
}

void
api_run_ended(struct api *api, const struct run *run)
{
	struct map_node *node, *next;
	struct run_view view;

	if (api == NULL || api->waiting.n == 0)
		return;
	run_view(run, &view);
	for (node = map_find(&api->waiting, str_hash(view.event->id)); node != NULL;
	     node = next) {
		struct waiting *waiting = MAP_OWNER(node, struct waiting, node);

		next = map_more(node);
		if (!str_eq(view.event->id, waiting->event.id) ||
		    !str_eq(view.event->source, waiting->event.source))
			continue;
		if (waiting->sending) /* it was decided in the commit that brought it */
			waiting->again = true;
		else
			start_look(waiting);
	}
}

static void
delivered(void *arg, const struct delivery *delivery)
{
	struct waiting *waiting = arg;

	waiting->sending = false;
	if (waiting->call == NULL) {
		leave(waiting);
		return;
	}
	waiting->known = delivery->n_duplicate > 0;
	if (delivery->code != 0) {
		http_problem(waiting->call->exchange, 503, "Not stored",
		             "%s; send it again", delivery->text);
		leave(waiting);
	} else if (waiting->known || waiting->again || waiting->timed_out) {
		start_look(waiting);
	}
}

/* ---- the request ------------------------------------------------------------------- */

/* Idempotency-Key: "..." (a structured field's string) or bare. */
static int
read_key(struct call *call, struct heed_str *ret_key, struct heed_error *error)
{
	struct heed_str key = str_trim(call_header(call, "idempotency-key"));

	if (key.len >= 2 && key.data[0] == '"' && key.data[key.len - 1] == '"')
		key = str_head(str_from(key, 1), key.len - 2);
	if (key.len > KEY_MAX)
		return error_set(error, HEED_E_INVALID,
		                 "an Idempotency-Key has %d bytes at most", KEY_MAX);
	*ret_key = key;
	return 0;
}

/* If-Match: "5", the version that the sender saw. */
static int
read_expected(struct call *call, int64_t *ret_version, struct heed_error *error)
{
	struct heed_str tag = str_trim(call_header(call, "if-match"));
	int64_t version;

	*ret_version = -1;
	if (tag.len == 0 || str_is(tag, "*"))
		return 0;
	if (tag.len >= 2 && tag.data[0] == '"' && tag.data[tag.len - 1] == '"')
		tag = str_head(str_from(tag, 1), tag.len - 2);
	if (str_to_i64(tag, &version) < 0 || version < 0 || version > INT32_MAX)
		return error_set(error, HEED_E_INVALID,
		                 "If-Match: expected a version such as \"5\"");
	*ret_version = version;
	return 0;
}

/* Prefer: wait=10, or respond-async (RFC 7240). */
static int64_t
read_wait_ms(struct call *call, int64_t fallback)
{
	struct heed_str rest = call_header(call, "prefer");
	int64_t wait_ms = fallback;

	while (rest.len > 0) {
		struct heed_str one = str_trim(str_cut(&rest, ','));
		int64_t seconds;

		if (str_is_nocase(one, "respond-async"))
			wait_ms = 0;
		else if (str_starts_nocase(one, "wait=") &&
		         str_to_i64(str_from(one, 5), &seconds) == 0 && seconds >= 0)
			wait_ms = 1000 * (seconds < WAIT_MAX_S ? seconds : WAIT_MAX_S);
	}
	return wait_ms;
}

static struct heed_str
source_of(struct waiting *waiting)
{
	struct heed_str source;
	struct heed_buf buf;

	buf_init(&buf, 0);
	buf_addf(&buf, "heed/%.*s/entities/", STR_ARG(waiting->api->service->app->name));
	buf_add_urlencoded(&buf, waiting->entity);
	buf_addc(&buf, '/');
	buf_add_urlencoded(&buf, waiting->id);
	source = arena_str(&waiting->arena, buf_str(&buf));
	buf_done(&buf);
	return source;
}

static int
make_event(struct waiting *waiting, struct heed_str command, struct heed_error *error)
{
	struct call *call = waiting->call;
	struct heed_str trace = call_header(call, "traceparent");
	struct heed_member expected = {HEED_STR(ENTITY_EXPECTED), json_null()};
	struct event_parts parts = {
		.source = source_of(waiting),
		.type = command,
		.subject = waiting->id,
		.has_data = true,
		.data = call->body.kind != HEED_NULL
	                        ? call->body
	                        : (struct heed_json){.kind = HEED_OBJECT},
		.trace = event_is_trace(trace) ? trace : (struct heed_str){NULL, 0},
		.extensions = &expected,
	};
	struct event event;
	int64_t version;

	HEED_TRY(read_key(call, &parts.id, error));
	HEED_TRY(read_expected(call, &version, error));
	if (version >= 0) {
		expected.value = json_int(version);
		parts.n_extensions = 1;
	}
	HEED_TRY(event_from_parts(&waiting->arena, &parts,
	                          loop_wall_us(waiting->api->service->loop), &event,
	                          error));
	HEED_TRY(event_copy(&waiting->arena, &event, &waiting->event));
	return 0;
}

/* The path and `id:` must mean the same one. */
static int
check_id(struct waiting *waiting, const struct definition *definition,
         struct heed_error *error)
{
	struct heed_str id;
	int r = entity_id(definition, waiting->event.root, &waiting->arena, &id, error);

	if (r < 0 || str_eq(id, waiting->id))
		return r;
	(void)error_set(error, HEED_E_INVALID,
	                "the path says %.*s \"%.*s\", but id: gives \"%.*s\" for this "
	                "command",
	                STR_ARG(waiting->entity), STR_ARG(waiting->id), STR_ARG(id));
	error_hint(error,
	           "put the id where id: looks for it, or write id: .event.subject");
	return HEED_E_INVALID;
}

static int
check_command(const struct definition *definition, struct heed_str command,
              struct heed_error *error)
{
	const char *names[64];
	const char *near;
	size_t n, i;
	const struct heed_str *commands = entity_commands(definition, &n);

	for (i = 0; i < n; i++)
		if (str_eq(commands[i], command))
			return 0;
	for (i = 0; i < n && i < 64; i++)
		names[i] = commands[i].data;
	command = str_head_utf8(command, 100);
	near = error_nearest(command, names, i);
	(void)error_set(error, HEED_E_NOTFOUND, "%.*s has no command \"%.*s\"",
	                STR_ARG(definition->name), STR_ARG(command));
	if (near != NULL)
		error_hint(error, "did you mean \"%s\"?", near);
	return HEED_E_NOTFOUND;
}

/* Other content types are what browsers send to any address without asking. */
static int
check_type(const struct call *call, struct heed_error *error)
{
	struct heed_str type = call_header(call, "content-type");

	type = str_trim(str_head(type, str_find(type, ';')));
	if (call->exchange->body.len == 0 || str_is_nocase(type, "application/json") ||
	    str_ends(type, "+json"))
		return 0;
	return error_set(error, HEED_E_INVALID,
	                 "send the command's data as application/json");
}

static struct waiting *
waiting_new(struct api *api, struct call *call, struct heed_str entity,
            struct heed_str id)
{
	struct waiting *waiting = mem_new(sizeof(*waiting));

	if (waiting == NULL)
		return NULL;
	waiting->api = api;
	waiting->call = call;
	arena_init(&waiting->arena, 2048);
	buf_init(&waiting->events, 0);
	waiting->entity = arena_str(&waiting->arena, entity);
	waiting->id = arena_str(&waiting->arena, id);
	loop_timer_init(&waiting->timer, time_out, waiting);
	return waiting;
}

static void
answer_busy(struct call *call, int64_t retry_after_ms)
{
	char text[32];
	struct http_header header = {HEED_STR("retry-after"), {text, 0}};

	header.value.len = (size_t)snprintf(text, sizeof(text), "%lld",
	                                    (long long)(retry_after_ms + 999) / 1000);
	http_answer_problem(call->exchange, 429, "Busy",
	                    HEED_STR("too much waits; send it again later"), &header, 1);
}

static int
send_event(struct waiting *waiting, int64_t wait_ms)
{
	int64_t retry_after_ms = 1000;
	int r;

	waiting->sending = true;
	r = engine_send(waiting->api->service->engine, &waiting->event, 1, delivered,
	                waiting, &retry_after_ms);
	if (r == 0) {
		loop_timer_set(waiting->api->service->loop, &waiting->timer, wait_ms);
		return 0;
	}
	waiting->sending = false;
	if (r == HEED_E_BUSY)
		answer_busy(waiting->call, retry_after_ms);
	return r == HEED_E_BUSY ? 1 : r;
}

int
api_command(struct api *api, struct call *call, const struct definition *definition,
            struct heed_str id, struct heed_str command, struct heed_error *error)
{
	struct waiting *waiting;
	int r;

	HEED_TRY(check_command(definition, command, error));
	HEED_TRY(check_type(call, error));
	waiting = waiting_new(api, call, definition->name, id);
	if (waiting == NULL)
		return HEED_E_NOMEM;
	r = make_event(waiting, command, error);
	if (r == 0)
		r = check_id(waiting, definition, error);
	if (r < 0) {
		waiting_free(waiting);
		return r;
	}
	map_add(&api->waiting, &waiting->node, str_hash(waiting->event.id));
	r = send_event(waiting, read_wait_ms(call, api->service->app->api.wait_ms));
	if (r != 0) /* it was answered, or will be as the error that it is */
		leave(waiting);
	return r < 0 ? r : 0;
}
