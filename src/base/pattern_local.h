/*
 * pattern_local.h - shared by pattern.c and pattern_ecma.c.
 */
#ifndef HEED_BASE_PATTERN_LOCAL_H
#define HEED_BASE_PATTERN_LOCAL_H

#include "base/str.h"

/* Write ECMA-262 `text` as PCRE2 without PCRE2_UCP has it. HEED_E_INVALID with words and
 * the character in error->hint for what ECMA-262 does not know; whether groups and
 * brackets are balanced is left to PCRE2. The buffer's failures. */
int pattern_rewrite(struct heed_buf *buf, struct heed_str text, struct heed_error *error);

#endif
