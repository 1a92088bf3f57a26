/*
 * form.h - "a=1&b=2": the query of a URL, and application/x-www-form-urlencoded bodies.
 *
 * Pure: no state, any thread.
 */
#ifndef HEED_SOURCE_FORM_H
#define HEED_SOURCE_FORM_H

#include "base/arena.h"
#include "base/json.h"
#include "heed.h"

#define FORM_FIELDS_MAX 1000

/* An object of strings on `arena`. Of a repeated name the last value counts; fields with
 * an empty name are left out, and so is `secret` (may be NULL). HEED_E_INVALID when it is
 * not percent-encoded UTF-8; HEED_E_LIMIT above FORM_FIELDS_MAX. */
int form_read(struct arena *arena, struct heed_str text, const char *secret,
              struct heed_json *ret_object, struct heed_error *error);

#endif
