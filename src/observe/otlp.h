/*
 * otlp.h - sends spans to an OpenTelemetry collector: OTLP over HTTP, as JSON, in
 * batches.
 *
 *	otlp_add -> pending -> one request at a time -> sent
 *	              '-- full: counted as dropped       '-- refused, or in vain: dropped
 *
 * Nothing is dropped silently: what is, is counted and said in the log. Source: OTLP 1.x,
 * docs/specification.md of opentelemetry-proto.
 */
#ifndef HEED_OBSERVE_OTLP_H
#define HEED_OBSERVE_OTLP_H

#include "config/option.h"
#include "heed.h"
#include "loop/http_client.h"
#include "loop/loop.h"

struct otlp;

struct otlp_options {
	struct heed_str endpoint; /* /v1/traces is appended unless it is there */
	struct option_pairs headers;
	struct heed_str service; /* service.name */
	int64_t queue;           /* spans that may wait */
	int64_t batch;           /* spans of one request */
	int64_t interval_ms;     /* at most so long until they are sent */
};

struct otlp_stats {
	int64_t pending, sent, dropped;
};

/* `options` is borrowed. HEED_E_NOMEM; HEED_E_CONFIG: a header cannot be made. */
int
otlp_new(struct loop *loop, struct http_client *http, const struct otlp_options *options,
         struct otlp **ret_otlp, struct heed_error *error);
/* Without waiting for what is under way. Takes NULL. */
void otlp_free(struct otlp *otlp);
/* Add one span, a JSON object; copied. */
void otlp_add(struct otlp *otlp, struct heed_str span);
/* Send what is there; done(arg) comes on a later turn, when nothing waits any more or
 * `limit_ms` are over. Once. */
void otlp_flush(struct otlp *otlp, int64_t limit_ms, loop_fn *done, void *arg);
void otlp_stats(const struct otlp *otlp, struct otlp_stats *ret_stats);

#endif
