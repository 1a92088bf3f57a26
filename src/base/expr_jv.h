/*
 * expr_jv.h - values to libjq and back. For expr_jq.c only.
 */
#ifndef HEED_BASE_EXPR_JV_H
#define HEED_BASE_EXPR_JV_H

#include <jv.h>

#include "base/expr_impl.h"

/* What `expr` may read of `input`. HEED_E_PERMANENT when it holds a whole number that a
 * double can't hold, which is all that jq knows; HEED_E_LIMIT when it is nested too
 * deeply. */
int jv_from_json(const struct expr *expr, struct heed_json input, jv *ret_value,
                 struct heed_error *error);
/* A copy of `value`, which stays the caller's. Infinite numbers become the largest, NaN
 * null. HEED_E_LIMIT, HEED_E_NOMEM. */
int jv_to_json(jv value, struct arena *arena, struct heed_json *ret_value,
               struct heed_error *error);

#endif
