/*
 * expr_jv.h - values to libjq and back. For expr_serve.c only.
 */
#ifndef HEED_BASE_EXPR_JV_H
#define HEED_BASE_EXPR_JV_H

#include <jv.h>

#include "base/arena.h"
#include "heed.h"

jv jv_from_json(struct heed_json value);
/* A copy of `value`, which stays the caller's. Infinite numbers become the largest, NaN
 * null. HEED_E_LIMIT when it is nested too deeply, HEED_E_NOMEM. */
int jv_to_json(jv value, struct arena *arena, struct heed_json *ret_value);

#endif
