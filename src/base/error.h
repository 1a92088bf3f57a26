/*
 * error.h - how a failure gets its words.
 *
 * The function that knows the cause writes the text, once; those above it pass the code
 * up and may add where it happened. Library code does not log.
 */
#ifndef HEED_BASE_ERROR_H
#define HEED_BASE_ERROR_H

#include "heed.h"

/* Record `code` and the text in `error` (may be NULL), clear where and hint; returns
 * code. */
int error_set(struct heed_error *error, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Say what to do about it. */
void error_hint(struct heed_error *error, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Say where, for example "heed.yaml:12:3"; keeps an inner place that is there already. */
void error_where(struct heed_error *error, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Put "prefix: " in front of the text, to say what was being done. */
void error_prefix(struct heed_error *error, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* HEED_E_NOMEM with its text. */
int error_nomem(struct heed_error *error);

/* The one of `n` names that is nearest to `name` (edit distance, at most a third of it),
 * for "did you mean ...?"; NULL when none is near. */
const char *error_nearest(struct heed_str name, const char *const *names, size_t n);
/* For names that are in no such list: is `other` nearer to `name` than what was before?
 * `*best` starts at zero. */
bool error_nearer(struct heed_str name, struct heed_str other, size_t *best);

#endif
