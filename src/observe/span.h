/*
 * span.h - one span as OTLP's JSON.
 */
#ifndef HEED_OBSERVE_SPAN_H
#define HEED_OBSERVE_SPAN_H

#include "base/str.h"
#include "heed.h"

/* As OTLP numbers them. */
enum span_kind {
	SPAN_INTERNAL = 1,
	SPAN_SERVER,
	SPAN_CLIENT,
	SPAN_PRODUCER,
	SPAN_CONSUMER
};

struct span {
	const char *trace; /* hex, as are these: */
	const char *id;
	const char *parent; /* empty: none */
	struct heed_str name;
	enum span_kind kind;
	int64_t began_us, ended_us;
};

/* Append: begin, then attributes, then end. Attributes with an empty text are left out.
 */
void span_begin(struct heed_buf *buf, const struct span *span);
void span_text(struct heed_buf *buf, const char *name, struct heed_str value);
void span_int(struct heed_buf *buf, const char *name, int64_t value);
void span_real(struct heed_buf *buf, const char *name, double value);
/* `failure` is the error's words; empty: it went well. */
void span_end(struct heed_buf *buf, struct heed_str failure);

#endif
