/*
 * http.c - events over HTTP: CloudEvents in structured, binary and batched mode, signed
 * webhooks, and plain JSON through a mapping.
 *
 * A request is checked and parsed on the server's thread (http_receive.c). Only what
 * needs the loop's thread happens there (`forward`): the mapping's expressions, and
 * handing the events in. 202 is said after the commit and not before; nothing is
 * acknowledged that a power cut could lose.
 */
#include <stdio.h>

#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "source/http_answer.h"
#include "source/http_listener.h"
#include "source/http_local.h"
#include "source/kinds.h"

/* ---- options ----------------------------------------------------------------------- */

static const char *const signature_types[] = {"github", "standard", NULL};

static const struct option auth_options[] = {
	{.name = "bearer",
         .kind = OPTION_SECRET,
         .flags = OPTION_REQUIRED | OPTION_NONEMPTY,
         .help = "token that senders show as \"Authorization: Bearer TOKEN\" or "
                 "?access_token=TOKEN"},
	OPTION_ROWS_END,
};

static const struct option signature_options[] = {
	{.name = "type",
         .kind = OPTION_ENUM,
         .offset = offsetof(struct webhook_key, type),
         .names = signature_types,
         .flags = OPTION_REQUIRED,
         .help = "github (X-Hub-Signature-256) or standard (Standard Webhooks: "
                 "webhook-id, webhook-timestamp, webhook-signature)"},
	{.name = "secret",
         .kind = OPTION_SECRET,
         .offset = offsetof(struct webhook_key, secret),
         .flags = OPTION_REQUIRED | OPTION_NONEMPTY,
         .help = "what the sender signs with; for standard as it was given: whsec_..."},
	{.name = "tolerance",
         .kind = OPTION_DURATION,
         .offset = offsetof(struct webhook_key, tolerance_ms),
         .fallback = "5m",
         .min = 1000,
         .max = 86400000,
         .help = "standard: how far the webhook-timestamp may be from now, against "
                 "messages that were caught and are sent again"},
	OPTION_ROWS_END,
};

#define AT(field) .offset = offsetof(struct http_source, field)

static const struct option options[] = {
	{.name = "listen",
         .kind = OPTION_TEXT,
         AT(listen),
         .fallback = "127.0.0.1:8080",
         .flags = OPTION_NONEMPTY,
         .help = "address and port, or unix:/path; port 0 takes a free one"},
	{.name = "path",
         .kind = OPTION_TEXT,
         AT(path),
         .fallback = "/",
         .flags = OPTION_NONEMPTY,
         .help = "the path that takes events; others are answered 404, unless another "
                 "source with the same listen: takes them"},
	{.name = "body_max",
         .kind = OPTION_SIZE,
         AT(body_max),
         .fallback = "1MiB",
         .min = 1024,
         .max = 268435456,
         .help = "largest body; a larger one is answered 413"},
	{.name = "connections",
         .kind = OPTION_INT,
         AT(connections),
         .fallback = "4096",
         .min = 1,
         .max = 60000,
         .help = "connections open at once, further ones are refused; of sources that "
                 "share an address the first one's counts"},
	{.name = "auth",
         .kind = OPTION_RECORD,
         AT(auth),
         .rows = auth_options,
         .help = "the token that senders must show"},
	{.name = "signature",
         .kind = OPTION_RECORD,
         AT(signature),
         .rows = signature_options,
         .help = "the signature that each body must carry"},
	{.name = "mapping",
         .kind = OPTION_RECORD,
         AT(mapping),
         .rows = mapping_options,
         .help = "how JSON that is no CloudEvent becomes one; expressions over .headers, "
                 ".query and .body"},
	{.name = "allowed_origins",
         .kind = OPTION_TEXTS,
         AT(origins),
         .help = "senders that may subscribe this address by the OPTIONS handshake, such "
                 "as eventgrid.azure.net; \"*\" allows all, none when left out"},
	OPTION_ROWS_END,
};

static const char *const roots[] = {"headers", "query", "body", "item", NULL};

static int
check(struct source *source, struct heed_error *error)
{
	const struct http_source *http = (const struct http_source *)source;

	if (http->path.data[0] != '/') {
		(void)error_set(error, HEED_E_CONFIG, "path must start with \"/\"");
		error_hint(error, "write path: /%.*s", STR_ARG(str_head(http->path, 64)));
		return HEED_E_CONFIG;
	}
	return http->signature.secret.len > 0 ? webhook_check_key(&http->signature, error)
	                                      : 0;
}

/* ---- on the loop ------------------------------------------------------------------- */

static void
delivered(void *arg, const struct delivery *delivery)
{
	struct delivering *under_way = arg;

	if (under_way->exchange != NULL) {
		LIST_REMOVE(under_way, link);
		answer_delivery(under_way->exchange, delivery);
	}
	mem_free(under_way);
}

static int
map(const struct http_source *http, struct http_exchange *exchange, struct parsed *parsed,
    struct heed_error *error)
{
	struct heed_str trace = http_exchange_header(exchange, "traceparent");
	const struct mapping_defaults defaults = {
		.source = mapping_source(&exchange->arena, http->source.name),
		.id = parsed->id,
		.trace = event_is_trace(trace) ? trace : (struct heed_str){NULL, 0},
		.now_us = loop_wall_us(http->source.loop),
	};

	return mapping_apply(&http->mapping, &exchange->arena, parsed->input, &defaults,
	                     &parsed->events, &parsed->n, error);
}

static void
deliver(struct http_source *http, struct http_exchange *exchange,
        const struct parsed *parsed)
{
	struct delivering *under_way = mem_new(sizeof(*under_way));
	int64_t retry_after_ms = 1000;
	int r = HEED_E_NOMEM;

	if (under_way != NULL)
		r = source_deliver(&http->source, parsed->events, parsed->n,
		                   (struct heed_str){NULL, 0}, delivered, under_way,
		                   &retry_after_ms);
	if (r == 0) {
		under_way->exchange = exchange;
		LIST_INSERT_HEAD(&http->under_way, under_way, link);
		return;
	}
	mem_free(under_way);
	if (r == HEED_E_BUSY)
		answer_busy(exchange, retry_after_ms);
	else if (r == HEED_E_LIMIT)
		http_problem(exchange, 413, "Content too large",
		             "%zu events at once are more than limits.queue_depth",
		             parsed->n);
	else
		http_problem(exchange, 503, "Not stored", "%s; send it again",
		             heed_code_text(r));
}

void
http_forward(struct http_source *http, struct http_exchange *exchange)
{
	struct parsed *parsed = exchange->context;
	const struct delivery nothing = {.code = 0};
	struct heed_error error = {0};

	if (http->source.paused) {
		answer_busy(exchange, 1000);
		return;
	}
	if (parsed->plain && map(http, exchange, parsed, &error) < 0) {
		(void)answer_error(exchange, &error);
		return;
	}
	if (parsed->n == 0) /* an empty batch is valid */
		answer_delivery(exchange, &nothing);
	else
		deliver(http, exchange, parsed);
}

static int
start(struct source *source, struct heed_str position, struct heed_error *error)
{
	struct http_source *http = (struct http_source *)source;
	char line[320];

	LIST_INIT(&http->under_way);
	HEED_TRY(http_listener_join(http, error));
	(void)snprintf(line, sizeof(line), "source %.*s: http on port %d",
	               STR_ARG(str_head(source->name, 200)), http_listener_port(http));
	log_write(LOG_INFO, line, NULL, 0);
	return 0;
}

static void
stop(struct source *source)
{
	struct http_source *http = (struct http_source *)source;
	struct delivering *under_way;

	if (http->listener == NULL)
		return;
	while ((under_way = LIST_FIRST(&http->under_way)) != NULL) {
		LIST_REMOVE(under_way, link);
		(void)answer_refuse(under_way->exchange, 503, "Unavailable",
		                    "heed is being stopped; send it again");
		under_way->exchange = NULL;
	}
	http_listener_leave(http);
}

const struct source_kind source_http = {
	.name = "http",
	.help = "events over HTTP: CloudEvents (structured, binary, batched), signed "
		"webhooks, and plain JSON by a mapping; answered 202 once they are "
		"stored",
	.options = options,
	.roots = roots,
	.size = sizeof(struct http_source),
	.check = check,
	.start = start,
	.stop = stop,
};
