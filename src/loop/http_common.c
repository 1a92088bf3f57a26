/*
 * http_common.c - what the HTTP client and server share: headers on an arena, and reading
 * them. Names are kept in lower case, so that looking one up is a plain comparison.
 */
#include <stdio.h>
#include <string.h>

#include "loop/http_impl.h"

#include "base/mem.h"
#include "loop/http_server.h"

#define HEADERS_FIRST 16
#define RETRY_AFTER_MAX_MS ((int64_t)30 * 24 * 3600 * 1000)

static int
grow(struct http_header_list *list, struct arena *arena)
{
	size_t cap = list->cap > 0 ? list->cap * 2 : HEADERS_FIRST;
	struct http_header *items = arena_alloc(arena, cap * sizeof(*items));

	if (items == NULL)
		return HEED_E_NOMEM;
	if (list->n > 0)
		memcpy(items, list->items, list->n * sizeof(*items));
	list->items = items;
	list->cap = cap;
	return 0;
}

int
http_header_add(struct http_header_list *list, struct arena *arena, struct heed_str name,
                struct heed_str value)
{
	char *text;
	size_t i;

	if (list->n == list->cap)
		HEED_TRY(grow(list, arena));
	text = arena_alloc(arena, name.len + value.len + 2);
	if (text == NULL)
		return HEED_E_NOMEM;
	for (i = 0; i < name.len; i++) {
		char c = name.data[i];

		text[i] = c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
	}
	text[name.len] = '\0';
	if (value.len > 0)
		memcpy(text + name.len + 1, value.data, value.len);
	text[name.len + 1 + value.len] = '\0';
	list->items[list->n++] =
		(struct http_header){{text, name.len}, {text + name.len + 1, value.len}};
	return 0;
}

bool
http_is_token(struct heed_str text)
{
	size_t i;

	for (i = 0; i < text.len; i++) {
		char c = text.data[i];
		bool alnum = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
		             (c >= 'a' && c <= 'z');

		if (!alnum && (c == '\0' || strchr("!#$%&'*+-.^_`|~", c) == NULL))
			return false;
	}
	return text.len > 0;
}

bool
http_is_value(struct heed_str text)
{
	size_t i;

	for (i = 0; i < text.len; i++)
		if (text.data[i] == '\r' || text.data[i] == '\n' || text.data[i] == '\0')
			return false;
	return true;
}

struct heed_str
http_header_find(const struct http_header *headers, size_t n, const char *name)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (str_is(headers[i].name, name))
			return headers[i].value;
	return (struct heed_str){NULL, 0};
}

struct heed_str
http_query(struct http_exchange *exchange, const char *name)
{
	struct heed_str rest = exchange->query;
	struct heed_str value = {NULL, 0};
	struct heed_buf buf;

	buf_init(&buf, 0);
	while (rest.len > 0 && value.data == NULL) {
		struct heed_str pair = str_cut(&rest, '&');
		struct heed_str key = str_cut(&pair, '=');

		buf_reset(&buf);
		if (url_decode(&buf, key, 1) == 0 && str_is(buf_str(&buf), name)) {
			buf_reset(&buf);
			if (url_decode(&buf, pair, 1) == 0)
				value = arena_str(&exchange->arena, buf_str(&buf));
		}
	}
	buf_done(&buf);
	return value;
}

/* A number of `unit_ms` milliseconds each, as a delay; -1 when it is none. */
static int64_t
read_delay(struct heed_str text, double unit_ms)
{
	double value;

	if (text.data == NULL || str_to_double(str_trim(text), &value) < 0 ||
	    !(value >= 0))
		return -1;
	if (value * unit_ms >= (double)RETRY_AFTER_MAX_MS)
		return RETRY_AFTER_MAX_MS;
	return (int64_t)(value * unit_ms + 0.5);
}

static int64_t
read_date(struct heed_str text, int64_t now_us)
{
	char copy[64];
	time_t at;
	int64_t delay_ms;

	if (text.len == 0 || text.len >= sizeof(copy))
		return -1;
	(void)snprintf(copy, sizeof(copy), "%.*s", STR_ARG(text));
	at = curl_getdate(copy, NULL);
	if (at < 0)
		return -1;
	delay_ms = (int64_t)at * 1000 - now_us / 1000;
	if (delay_ms > RETRY_AFTER_MAX_MS)
		return RETRY_AFTER_MAX_MS;
	return delay_ms > 0 ? delay_ms : 0;
}

int64_t
http_retry_after_ms(const struct http_header *headers, size_t n, int64_t now_us)
{
	struct heed_str text = http_header_find(headers, n, "retry-after");
	int64_t delay;

	/* The finer ones win: they come along with a rounded Retry-After. */
	delay = read_delay(http_header_find(headers, n, "retry-after-ms"), 1);
	if (delay < 0)
		delay = read_delay(http_header_find(headers, n, "x-ms-retry-after-ms"),
		                   1);
	if (delay < 0)
		delay = read_delay(text, 1000);
	return delay >= 0 ? delay : read_date(str_trim(text), now_us);
}
