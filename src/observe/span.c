/*
 * span.c - see span.h. 64-bit numbers are strings in OTLP's JSON, ids are hex.
 */
#include "observe/span.h"

#include "base/json.h"

void
span_begin(struct heed_buf *buf, const struct span *span)
{
	int64_t ended_us =
		span->ended_us > span->began_us ? span->ended_us : span->began_us;

	buf_addf(buf, "{\"traceId\":\"%s\",\"spanId\":\"%s\",", span->trace, span->id);
	if (span->parent[0] != '\0')
		buf_addf(buf, "\"parentSpanId\":\"%s\",", span->parent);
	buf_adds(buf, "\"name\":");
	json_write_string(buf, span->name);
	buf_addf(buf, ",\"kind\":%d,\"startTimeUnixNano\":\"%lld000\",", span->kind,
	         (long long)span->began_us);
	/* An attribute that every span has comes first, so that the others need no care
	 * for commas. */
	buf_addf(buf,
	         "\"endTimeUnixNano\":\"%lld000\",\"attributes\":[{\"key\":\"heed."
	         "version\","
	         "\"value\":{\"stringValue\":\"" HEED_VERSION "\"}}",
	         (long long)ended_us);
}

void
span_text(struct heed_buf *buf, const char *name, struct heed_str value)
{
	if (value.len == 0)
		return;
	buf_addf(buf, ",{\"key\":\"%s\",\"value\":{\"stringValue\":", name);
	json_write_string(buf, value);
	buf_adds(buf, "}}");
}

void
span_int(struct heed_buf *buf, const char *name, int64_t value)
{
	buf_addf(buf, ",{\"key\":\"%s\",\"value\":{\"intValue\":\"%lld\"}}", name,
	         (long long)value);
}

void
span_real(struct heed_buf *buf, const char *name, double value)
{
	buf_addf(buf, ",{\"key\":\"%s\",\"value\":{\"doubleValue\":", name);
	json_write(buf, json_real(value), JSON_COMPACT);
	buf_adds(buf, "}}");
}

void
span_end(struct heed_buf *buf, struct heed_str failure)
{
	buf_adds(buf, "],\"status\":{");
	if (failure.len > 0) {
		buf_adds(buf, "\"code\":2,\"message\":");
		json_write_string(buf, failure);
	}
	buf_adds(buf, "}}");
}
