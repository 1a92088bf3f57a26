/*
 * heed.h - the public face of libheed.
 *
 * Values that cross the library's border: text views, JSON values, errors. The engine's
 * own calls follow below them. Everything here is plain data or an opaque handle; nothing
 * in it depends on a third party's header.
 *
 * Conventions: functions return zero or a negative HEED_E code; `ret_` parameters are
 * untouched on failure; a `struct heed_error *` may be NULL when the caller needs no
 * words.
 */
#ifndef HEED_H
#define HEED_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- errors
 * ---------------------------------------------------------------------------- */

/* name, number, what it means. The number is what functions return, negated. */
#define HEED_ERRORS(X)                                                                   \
	X(NOMEM, 1, "out of memory")                                                     \
	X(INVALID, 2, "the input is not valid")                                          \
	X(CONFIG, 3, "the configuration is not valid")                                   \
	X(NOTFOUND, 4, "there is no such thing")                                         \
	X(EXISTS, 5, "it exists already")                                                \
	X(CONFLICT, 6, "it was changed in the meantime")                                 \
	X(LIMIT, 7, "a limit was reached")                                               \
	X(BUSY, 8, "busy; try again later")                                              \
	X(IO, 9, "an input or output operation failed")                                  \
	X(STORE, 10, "the store failed")                                                 \
	X(LOCKED, 11, "another process holds the store")                                 \
	X(NEWER, 12, "it was written by a newer version")                                \
	X(CORRUPT, 13, "stored data is damaged")                                         \
	X(TIMEOUT, 14, "it took too long")                                               \
	X(CANCELLED, 15, "it was cancelled")                                             \
	X(NETWORK, 16, "the connection failed")                                          \
	X(RATE, 17, "the other side asks for a slower rate")                             \
	X(TRANSIENT, 18, "a failure that may pass")                                      \
	X(PERMANENT, 19, "a failure that will not pass by itself")                       \
	X(REFUSED, 20, "the model refused")                                              \
	X(UNSUPPORTED, 21, "this build or version does not support it")                  \
	X(UNKNOWN, 22, "it is not known whether it happened")

enum heed_code {
	HEED_OK = 0,
#define HEED_X(name, number, text) HEED_E_##name = -(number),
	HEED_ERRORS(HEED_X)
#undef HEED_X
};

/* What a flow's call returns when its result is not there yet: return it to the engine.
 */
#define HEED_WAIT 1

/* Return from the calling function unless `expr` succeeded. */
#define HEED_TRY(expr)                                                                   \
	do {                                                                             \
		int heed_try_ = (expr);                                                  \
		if (heed_try_ != 0)                                                      \
			return heed_try_;                                                \
	} while (0)

/* The words for a failure: what happened, where, and what to do. All NUL-terminated, all
 * truncated with an ellipsis when too long; `where` and `hint` may be empty. */
struct heed_error {
	int code;
	char text[640];
	char where[256];
	char hint[384];
};

/* The meaning of a code, for example "out of memory". Never NULL. */
const char *heed_code_text(int code);
/* The code's name, for example "NOMEM". Never NULL. */
const char *heed_code_name(int code);

/* ---- text
 * ------------------------------------------------------------------------------ */

/* A view of bytes that somebody else owns. Not NUL-terminated. {NULL, 0} is empty. */
struct heed_str {
	const char *data;
	size_t len;
};

#define HEED_STR(literal) ((struct heed_str){(literal), sizeof(literal) - 1})

/* ---- JSON
 * ------------------------------------------------------------------------------ */

enum heed_json_kind {
	HEED_NULL,
	HEED_BOOL,
	HEED_INT,    /* a whole number that fits int64_t */
	HEED_UINT,   /* a whole number above INT64_MAX that fits uint64_t */
	HEED_REAL,   /* any other number, as the nearest double; always finite */
	HEED_STRING, /* valid UTF-8, may hold NUL */
	HEED_ARRAY,
	HEED_OBJECT, /* members in the order of the text; names are unique (the last one
	                won) */
};

/* A JSON value. Passed by value; its text, items and members live in the arena or
 * document that made it. `len` counts bytes, items or members. */
struct heed_json {
	uint32_t kind;
	uint32_t len;
	union {
		bool boolean;
		int64_t i64;
		uint64_t u64;
		double f64;
		const char *text;
		const struct heed_json *items;
		const struct heed_member *members;
	};
};

struct heed_member {
	struct heed_str name;
	struct heed_json value;
};

#ifdef __cplusplus
}
#endif
#endif
