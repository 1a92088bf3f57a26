/*
 * pattern.h - regular expressions of ECMA-262 (with its u flag), matched in bounded time.
 *
 * JSON Schema's patterns are JavaScript's. They are rewritten for PCRE2 so that they mean
 * here what they mean there (\d is ASCII, \s is Unicode's, "." stops at four line ends,
 * "$" is the very end), and what JavaScript does not have is an error. Left out:
 * look-behind of variable length, and escapes of lone surrogates, which UTF-8 can't hold.
 */
#ifndef HEED_BASE_PATTERN_H
#define HEED_BASE_PATTERN_H

#include "base/str.h"
#include "heed.h"

#define PATTERN_SIZE_MAX 16384

struct pattern;

/* HEED_E_INVALID with words and, in error->hint, the character. Free with pattern_free.
 */
int
pattern_new(struct heed_str text, struct pattern **ret_pattern, struct heed_error *error);
void pattern_free(struct pattern *pattern); /* takes NULL */

/* Does it match anywhere in `text` (UTF-8)? What that took, about one for each character
 * looked at, comes off `*work`. HEED_E_LIMIT when it is used up, HEED_E_NOMEM. The same
 * text and work always give the same result. Safe from any thread. */
int pattern_match(const struct pattern *pattern, struct heed_str text, int64_t *work,
                  bool *ret_matches);

#endif
