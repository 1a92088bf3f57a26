/*
 * otlp.c - see otlp.h.
 *
 * Only what the specification calls retryable is tried again: 429, 502, 503, 504 and
 * broken connections, with the delay that the collector asks for or a doubling one.
 */
#include "observe/otlp.h"

#include <stdio.h>

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/template.h"

#define PATH "/v1/traces"
#define BODY_MAX (32 * 1024 * 1024)
#define TRIES_MAX 6
#define DELAY_MS 1000
#define DELAY_MAX_MS 30000
#define TIMEOUT_MS 10000
#define HEADERS_MAX 32

struct otlp {
	struct loop *loop;
	struct http_client *http;
	const struct otlp_options *options;
	struct arena arena;
	struct heed_str url;
	struct http_header headers[HEADERS_MAX];
	size_t n_headers;
	struct heed_buf pending; /* spans with commas between them */
	int64_t n_pending;
	struct heed_buf body; /* of the request under way or to be tried again */
	int64_t n_sending;
	int tries;
	struct http_call *call;
	struct loop_timer timer; /* the next sending, or another try */
	struct loop_timer limit; /* of a flush */
	loop_fn *flushed;
	void *flushed_arg;
	struct otlp_stats stats;
};

static void send_pending(void *arg);

/* ---- the end of a request ---------------------------------------------------------- */

static void
finish_flush(void *arg)
{
	struct otlp *otlp = arg;
	loop_fn *flushed = otlp->flushed;

	loop_timer_clear(otlp->loop, &otlp->limit);
	otlp->flushed = NULL;
	if (flushed != NULL)
		flushed(otlp->flushed_arg);
}

static void
drop(struct otlp *otlp, int64_t n, struct heed_str why)
{
	otlp->stats.dropped += n;
	log_event(LOG_WARN, "spans were dropped", LOG_N("spans", n), LOG_S("why", why),
	          LOG_S("collector", otlp->url));
}

/* This request is over; on to what came in the meantime. */
static void
next(struct otlp *otlp)
{
	otlp->n_sending = 0;
	otlp->tries = 0;
	buf_reset(&otlp->body);
	if (otlp->n_pending > 0)
		loop_timer_set(otlp->loop, &otlp->timer,
		               otlp->flushed != NULL ||
		                               otlp->n_pending >= otlp->options->batch
		                       ? 0
		                       : otlp->options->interval_ms);
	else if (otlp->flushed != NULL)
		finish_flush(otlp);
}

static void
try_again(struct otlp *otlp, int64_t asked_ms, struct heed_str why)
{
	int64_t delay_ms = DELAY_MS;
	int i;

	for (i = 1; i < otlp->tries && delay_ms < DELAY_MAX_MS; i++)
		delay_ms *= 2;
	if (otlp->tries >= TRIES_MAX) {
		drop(otlp, otlp->n_sending, why);
		next(otlp);
		return;
	}
	loop_timer_set(otlp->loop, &otlp->timer,
	               asked_ms > delay_ms && asked_ms <= DELAY_MAX_MS ? asked_ms
	                                                               : delay_ms);
}

/* A collector may take a part of them: {"partialSuccess": {"rejectedSpans": "3"}}. */
static int64_t
rejected(struct otlp *otlp, struct heed_str body, struct heed_str *ret_why)
{
	const struct heed_json *partial;
	const struct heed_json *count;
	struct heed_json reply;
	struct arena scratch;
	int64_t n = 0;

	arena_init(&scratch, 0);
	*ret_why = HEED_STR("the collector refused them");
	if (body.len > 0 && json_parse(&scratch, body, &reply, NULL) == 0 &&
	    (partial = json_get(reply, "partialSuccess")) != NULL &&
	    (count = json_get(*partial, "rejectedSpans")) != NULL) {
		if (count->kind == HEED_INT)
			n = count->i64;
		else if (str_to_i64(json_text(*count), &n) < 0)
			n = 0;
		if (json_get_text(*partial, "errorMessage").len > 0)
			*ret_why = arena_str(&otlp->arena,
			                     json_get_text(*partial, "errorMessage"));
	}
	arena_done(&scratch);
	return n < 0 ? 0 : n > otlp->n_sending ? otlp->n_sending : n;
}

static void
replied(void *arg, const struct http_reply *reply)
{
	struct otlp *otlp = arg;
	int64_t asked_ms = http_retry_after_ms(reply->headers, reply->n_headers,
	                                       loop_wall_us(otlp->loop));
	char why[64];
	struct heed_str words;
	int64_t lost;

	otlp->call = NULL;
	if (reply->error != 0) {
		try_again(otlp, -1, str_of(reply->text));
		return;
	}
	(void)snprintf(why, sizeof(why), "the collector answered %d", reply->status);
	if (reply->status == 429 || (reply->status >= 502 && reply->status <= 504)) {
		try_again(otlp, asked_ms, str_of(why));
		return;
	}
	if (reply->status / 100 != 2) {
		drop(otlp, otlp->n_sending, str_of(why));
	} else {
		lost = rejected(otlp, reply->body, &words);
		if (lost > 0)
			drop(otlp, lost, words);
		otlp->stats.sent += otlp->n_sending - lost;
	}
	next(otlp);
}

/* ---- sending ----------------------------------------------------------------------- */

static void
make_body(struct otlp *otlp)
{
	struct heed_buf *body = &otlp->body;

	buf_adds(body, "{\"resourceSpans\":[{\"resource\":{\"attributes\":[{\"key\":"
	               "\"service.name\",\"value\":{\"stringValue\":");
	json_write_string(body, otlp->options->service);
	buf_adds(body, "}},{\"key\":\"telemetry.sdk.name\",\"value\":{\"stringValue\":"
	               "\"heed\"}}]},\"scopeSpans\":[{\"scope\":{\"name\":\"heed\","
	               "\"version\":\"" HEED_VERSION "\"},\"spans\":[");
	buf_add(body, buf_str(&otlp->pending));
	buf_adds(body, "]}]}]}");
	otlp->n_sending = otlp->n_pending;
	otlp->n_pending = 0;
	buf_reset(&otlp->pending);
}

static void
send_pending(void *arg)
{
	struct otlp *otlp = arg;
	struct http_request request = {
		.url = otlp->url,
		.headers = otlp->headers,
		.n_headers = otlp->n_headers,
		.has_body = true,
		.timeout_ms = TIMEOUT_MS,
	};
	struct heed_error error = {0};

	if (otlp->call != NULL)
		return;
	if (otlp->n_sending == 0) {
		if (otlp->n_pending == 0)
			return;
		make_body(otlp);
	}
	if (buf_error(&otlp->body) != 0) {
		drop(otlp, otlp->n_sending, HEED_STR("there was no memory for them"));
		next(otlp);
		return;
	}
	otlp->tries++;
	request.body = buf_str(&otlp->body);
	if (http_start(otlp->http, &request, replied, otlp, &otlp->call, &error) < 0)
		try_again(otlp, -1, str_of(error.text));
}

void
otlp_add(struct otlp *otlp, struct heed_str span)
{
	if (otlp->n_pending >= otlp->options->queue) {
		if (otlp->stats.dropped++ % 1000 == 0)
			log_event(
				LOG_WARN,
				"spans are dropped: more wait than observe.traces.queue",
				LOG_N("dropped", otlp->stats.dropped),
				LOG_S("collector", otlp->url));
		return;
	}
	if (otlp->n_pending > 0)
		buf_addc(&otlp->pending, ',');
	buf_add(&otlp->pending, span);
	if (buf_error(&otlp->pending) != 0) {
		drop(otlp, otlp->n_pending + 1, HEED_STR("there was no memory for them"));
		buf_reset(&otlp->pending);
		otlp->n_pending = 0;
		return;
	}
	otlp->n_pending++;
	if (otlp->n_sending > 0)
		return; /* the end of that request sees to it */
	if (otlp->n_pending == otlp->options->batch || otlp->timer.slot == 0)
		loop_timer_set(otlp->loop, &otlp->timer,
		               otlp->n_pending >= otlp->options->batch
		                       ? 0
		                       : otlp->options->interval_ms);
}

void
otlp_flush(struct otlp *otlp, int64_t limit_ms, loop_fn *done, void *arg)
{
	otlp->flushed = done;
	otlp->flushed_arg = arg;
	loop_timer_set(otlp->loop, &otlp->limit,
	               otlp->n_pending + otlp->n_sending > 0 ? limit_ms : 0);
	if (otlp->n_pending + otlp->n_sending > 0)
		loop_timer_set(otlp->loop, &otlp->timer, 0);
}

void
otlp_stats(const struct otlp *otlp, struct otlp_stats *ret_stats)
{
	*ret_stats = otlp->stats;
	ret_stats->pending = otlp->n_pending + otlp->n_sending;
}

/* ---- life -------------------------------------------------------------------------- */

static int
add_headers(struct otlp *otlp, struct heed_error *error)
{
	const struct option_pairs *pairs = &otlp->options->headers;
	size_t i;

	otlp->headers[otlp->n_headers++] = (struct http_header){
		HEED_STR("Content-Type"), HEED_STR("application/json")};
	for (i = 0; i < pairs->n && otlp->n_headers < HEADERS_MAX; i++) {
		struct heed_buf value;
		int r;

		buf_init(&value, 0);
		r = template_render(pairs->items[i].value, json_null(), &otlp->arena,
		                    &value, error);
		otlp->headers[otlp->n_headers++] = (struct http_header){
			pairs->items[i].name, arena_str(&otlp->arena, buf_str(&value))};
		buf_done(&value);
		if (r < 0)
			return r;
	}
	return 0;
}

int
otlp_new(struct loop *loop, struct http_client *http, const struct otlp_options *options,
         struct otlp **ret_otlp, struct heed_error *error)
{
	struct otlp *otlp = mem_new(sizeof(*otlp));
	struct heed_str base = options->endpoint;
	int r;

	if (otlp == NULL)
		return error_nomem(error);
	otlp->loop = loop;
	otlp->http = http;
	otlp->options = options;
	arena_init(&otlp->arena, 0);
	buf_init(&otlp->pending, BODY_MAX);
	buf_init(&otlp->body, BODY_MAX);
	loop_timer_init(&otlp->timer, send_pending, otlp);
	loop_timer_init(&otlp->limit, finish_flush, otlp);
	while (str_ends(base, "/"))
		base = str_head(base, base.len - 1);
	otlp->url = arena_printf(&otlp->arena, "%.*s%s", STR_ARG(base),
	                         str_ends(base, PATH) ? "" : PATH);
	r = otlp->url.data == NULL ? error_nomem(error) : add_headers(otlp, error);
	if (r < 0) {
		otlp_free(otlp);
		return r;
	}
	*ret_otlp = otlp;
	return 0;
}

void
otlp_free(struct otlp *otlp)
{
	if (otlp == NULL)
		return;
	if (otlp->n_pending + otlp->n_sending > 0)
		drop(otlp, otlp->n_pending + otlp->n_sending,
		     HEED_STR("the process ended before they were taken"));
	loop_timer_clear(otlp->loop, &otlp->timer);
	loop_timer_clear(otlp->loop, &otlp->limit);
	if (otlp->call != NULL)
		http_cancel(otlp->call);
	buf_done(&otlp->pending);
	buf_done(&otlp->body);
	arena_done(&otlp->arena);
	mem_free(otlp);
}
