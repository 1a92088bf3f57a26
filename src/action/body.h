/*
 * body.h - what came from outside as part of a result: a reply's body, a program's
 * output.
 */
#ifndef HEED_ACTION_BODY_H
#define HEED_ACTION_BODY_H

#include "base/json.h"

/* How it is read: as JSON when it is JSON, or as the text that it is. */
enum body_kind { BODY_MAYBE_JSON, BODY_TEXT };

/* Set member `name` of the result to `text`: JSON or a text. Bytes that are no UTF-8 are
 * set as `name`_base64, and `name` is null. HEED_E_NOMEM. */
int body_set(struct json_build *result, const char *name, struct heed_str text,
             enum body_kind kind);

#endif
