/*
 * json.h - read, build, compare and write JSON values.
 *
 * Values are `struct heed_json` (heed.h): immutable trees on an arena. Whole numbers of
 * 64 bits stay exact from text to text; every other number is the nearest double and is
 * written in the shortest form that reads back as the same double. The reader is
 * simdjson, behind json_parse; it is the only C++ in the tree.
 */
#ifndef HEED_BASE_JSON_H
#define HEED_BASE_JSON_H

#include "base/arena.h"
#include "base/json_names.h"
#include "base/str.h"
#include "heed.h"

#define JSON_DEPTH_MAX 256

/* ---- read -------------------------------------------------------------------------- */

/* Parse one JSON text (RFC 8259, UTF-8, one value, white space around it) onto `arena`.
 * Nothing of `text` is borrowed. HEED_E_INVALID with what and where (line:column in
 * error->where) for malformed text, lone surrogates, invalid UTF-8, numbers beyond a
 * double's range and depth above JSON_DEPTH_MAX; HEED_E_NOMEM. Safe from any thread. */
int json_parse(struct arena *arena, struct heed_str text, struct heed_json *ret_value,
               struct heed_error *error);

/* ---- make -------------------------------------------------------------------------- */

struct heed_json json_null(void);
struct heed_json json_bool(bool value);
struct heed_json json_int(int64_t value);
struct heed_json json_uint(uint64_t value); /* HEED_INT when it fits */
/* A whole double within +-2^53 becomes HEED_INT; NaN and infinities become null. */
struct heed_json json_real(double value);
/* A view of `text`, which must be UTF-8 and outlive the value. */
struct heed_json json_str(struct heed_str text);
struct heed_json json_cstr(const char *text);
/* A deep copy on `arena`; null with *error-free* NOMEM reported as HEED_E_NOMEM. */
int json_copy(struct arena *arena, struct heed_json value, struct heed_json *ret_copy);

/* Build an object or array of unknown length on an arena. Failure is sticky: add, then
 * ask json_build_end. Adding a name that is there already replaces its value in place. */
struct json_build {
	struct arena *arena;
	uint32_t kind; /* HEED_OBJECT or HEED_ARRAY */
	uint32_t len;
	uint32_t cap;
	int error;
	void *slots;
	struct json_names names; /* of an object */
};

void json_object(struct json_build *build, struct arena *arena);
void json_array(struct json_build *build, struct arena *arena);
/* `name` is borrowed and must outlive the value. */
void json_set(struct json_build *build, struct heed_str name, struct heed_json value);
void json_set_cstr(struct json_build *build, const char *name, struct heed_json value);
/* Nothing when it is empty, or zero. */
void json_set_text(struct json_build *build, const char *name, struct heed_str text);
void json_set_number(struct json_build *build, const char *name, int64_t number);
void json_push(struct json_build *build, struct heed_json value);
/* Zero and the finished value, or HEED_E_NOMEM. */
int json_build_end(struct json_build *build, struct heed_json *ret_value);

/* `object` with member `name` set to `value`: a new object on `arena` that shares the others.
 * HEED_E_NOMEM. */
int json_with(struct arena *arena, struct heed_json object, const char *name,
              struct heed_json value, struct heed_json *ret_object);

/* ---- look -------------------------------------------------------------------------- */

/* A member of an object by name, or NULL; also NULL when `object` is no object. */
const struct heed_json *json_find(struct heed_json object, struct heed_str name);
const struct heed_json *json_get(struct heed_json object, const char *name);
/* Walk names down from `value`, ending with NULL: json_path(v, "a", "b", NULL). */
const struct heed_json *json_path(struct heed_json value, ...) __attribute__((sentinel));
/* RFC 6901 pointer ("" is the whole); NULL when there is nothing. */
const struct heed_json *
json_pointer(const struct heed_json *value, struct heed_str pointer);
/* Text of a string value; the empty view for others. */
struct heed_str json_text(struct heed_json value);
/* Text of a string member, or the empty view. */
struct heed_str json_get_text(struct heed_json object, const char *name);
/* A whole-number member; `fallback` when absent or not a whole number of 64 bits. */
int64_t json_get_int(struct heed_json object, const char *name, int64_t fallback);
double json_get_real(struct heed_json object, const char *name, double fallback);
bool json_get_bool(struct heed_json object, const char *name, bool fallback);
/* Any number as a double (large whole numbers rounded); 0 for others. */
double json_number(struct heed_json value);
bool json_is_number(struct heed_json value);
/* jq's truth: everything but null and false. */
bool json_truthy(struct heed_json value);
/* "null", "boolean", "number", "string", "array", "object". */
const char *json_kind_name(struct heed_json value);

/* Mathematical equality of numbers (1 == 1.0, and exact beyond 2^53), members in any
 * order. */
bool json_equal(struct heed_json a, struct heed_json b);
/* jq's total order: null < false < true < numbers < strings < arrays < objects; strings
 * by code point; objects by their sorted names, then values. Negative, zero, positive. */
int json_compare(struct heed_json a, struct heed_json b);

/* ---- write ------------------------------------------------------------------------- */

enum json_style {
	JSON_COMPACT,
	JSON_PRETTY,    /* two spaces a level */
	JSON_CANONICAL, /* compact, members sorted by name: for hashing */
};

/* Append the value's text; failures are the buffer's. */
void json_write(struct heed_buf *buf, struct heed_json value, enum json_style style);
/* Append `text` as a JSON string with its quotes. Invalid UTF-8 becomes U+FFFD. */
void json_write_string(struct heed_buf *buf, struct heed_str text);
/* Append a double in shortest form. */
void json_write_real(struct heed_buf *buf, double value);
/* The compact text on an arena; {NULL, 0} without memory. */
struct heed_str json_text_of(struct arena *arena, struct heed_json value);

#endif
