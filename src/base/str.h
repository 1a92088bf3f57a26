/*
 * str.h - text views and the buffer that builds text.
 *
 * struct heed_str (heed.h) is a view and owns nothing. struct heed_buf owns its bytes,
 * grows, and has a maximum. Failures of a buffer are sticky: add what there is to add,
 * then ask buf_error once.
 */
#ifndef HEED_BASE_STR_H
#define HEED_BASE_STR_H

#include "heed.h"

/* For printf: printf("%.*s", STR_ARG(s)). */
#define STR_ARG(s) (int)(s).len, (s).data != NULL ? (s).data : ""

/* A view of a C string; NULL gives the empty view. */
struct heed_str str_of(const char *text);
bool str_eq(struct heed_str a, struct heed_str b);
bool str_is(struct heed_str a, const char *b);
/* Compare ASCII letters without case. */
bool str_is_nocase(struct heed_str a, const char *b);
bool str_starts(struct heed_str text, const char *prefix);
bool str_starts_nocase(struct heed_str text, const char *prefix);
bool str_ends(struct heed_str text, const char *suffix);
/* As strcmp, by bytes. */
int str_cmp(struct heed_str a, struct heed_str b);
/* Without ASCII white space at both ends. */
struct heed_str str_trim(struct heed_str text);
/* From `from` to the end; empty when it lies behind it. */
struct heed_str str_from(struct heed_str text, size_t from);
/* The first `len` bytes at most. */
struct heed_str str_head(struct heed_str text, size_t len);
/* Position of the first `c`, or text.len. */
size_t str_find(struct heed_str text, char c);
/* Position of the first `needle`, or text.len. An empty needle is found at 0. */
size_t str_search(struct heed_str text, struct heed_str needle);
/* Cut the part before `sep` off `*rest`; when there is no `sep`, all of it. */
struct heed_str str_cut(struct heed_str *rest, char sep);
/* A 64-bit hash for tables in memory (not for storing, not against attackers who see it):
 * seeded per process. */
uint64_t str_hash(struct heed_str text);
/* Is it valid UTF-8 (no surrogates, no overlong forms, at most U+10FFFF)? */
bool str_utf8(struct heed_str text);
/* The longest head of at most `len` bytes that does not cut a UTF-8 sequence. */
struct heed_str str_head_utf8(struct heed_str text, size_t len);

/* Decimal number that fills the whole text; zero, or HEED_E_INVALID (also out of range).
 */
int str_to_i64(struct heed_str text, int64_t *ret_value);
int str_to_double(struct heed_str text, double *ret_value);
/* "250ms", "30s", "5m", "24h", "7d" and sums such as "1h30m"; bare "0". In milliseconds.
 */
int str_to_duration(struct heed_str text, int64_t *ret_ms);
/* "100", "64KiB", "10MB", "1GiB"; in bytes. KB is 1000, KiB is 1024. */
int str_to_size(struct heed_str text, int64_t *ret_bytes);

struct heed_buf {
	char *data; /* NUL-terminated when not NULL */
	size_t len;
	size_t cap;
	size_t max;
	int error; /* HEED_E_NOMEM or HEED_E_LIMIT, sticky */
};

/* Prepare for at most `max` bytes; 0 for the default of 64 MiB. Allocates nothing. */
void buf_init(struct heed_buf *buf, size_t max);
/* Free the bytes; the buffer is empty and usable again. */
void buf_done(struct heed_buf *buf);
/* Empty it, keep its memory, clear its error. */
void buf_reset(struct heed_buf *buf);
void buf_add(struct heed_buf *buf, struct heed_str text);
void buf_adds(struct heed_buf *buf, const char *text);
void buf_addc(struct heed_buf *buf, char c);
/* A decimal number. */
void buf_add_int(struct heed_buf *buf, int64_t number);
void buf_add_uint(struct heed_buf *buf, uint64_t number);
void buf_addf(struct heed_buf *buf, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void buf_addv(struct heed_buf *buf, const char *format, va_list args);
/* Make room for `extra` bytes and return where they go, or NULL; then buf_commit. */
char *buf_reserve(struct heed_buf *buf, size_t extra);
void buf_commit(struct heed_buf *buf, size_t len);
/* Shorten to `len` bytes. */
void buf_cut(struct heed_buf *buf, size_t len);
/* Zero or the first failure. */
int buf_error(const struct heed_buf *buf);
/* The content, borrowed until the next change. */
struct heed_str buf_str(const struct heed_buf *buf);
/* The content, yours (mem_free); the buffer is empty afterwards. NULL when it failed. */
char *buf_take(struct heed_buf *buf);

/* Append with encodings. */
void buf_add_hex(struct heed_buf *buf, const void *data, size_t len);
void buf_add_base64(struct heed_buf *buf, const void *data, size_t len);
/* Percent-encode everything but RFC 3986 unreserved characters. */
void buf_add_urlencoded(struct heed_buf *buf, struct heed_str text);

/* Decode standard or URL-safe base64, padded or not, into `buf`. Zero or HEED_E_INVALID.
 */
int base64_decode(struct heed_buf *buf, struct heed_str text);
/* Decode %XX (and '+' as space when plus_is_space is non-zero). Zero or HEED_E_INVALID.
 */
int url_decode(struct heed_buf *buf, struct heed_str text, int plus_is_space);
/* Value of a hex digit, or -1. */
int hex_value(char c);

#endif
