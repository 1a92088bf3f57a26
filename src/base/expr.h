/*
 * expr.h - jq expressions over one JSON value.
 *
 * An expression is jq 1.6. Those that use only plain paths, literals, object and array
 * construction, comparison, `and`/`or`/`not`, `//`, `if`, arithmetic and interpolation
 * are evaluated here, on parsed JSON: fast, exact for 64-bit integers, equal to jq's
 * results. Everything else goes to libjq, which knows only doubles: an integer that would
 * change on the way in is an error that names it (HEED_E_PERMANENT), never a silent
 * change.
 *
 * Expressions are pure: no files, no environment, no clock, no `input`, `debug`, `halt`,
 * `env`, `$ENV`, `now`, `import`; those are errors when compiling.
 *
 * What goes to libjq is evaluated in a process of its own: more than EXPR_TIME_MAX_MS of
 * processor time or EXPR_MEMORY_MAX_MIB of memory end that, and give HEED_E_LIMIT.
 *
 * All expressions that need libjq are gathered in a set and compiled as one program on
 * first use, because each jq_compile costs about 30 ms. A set and its expressions are
 * used by one thread.
 */
#ifndef HEED_BASE_EXPR_H
#define HEED_BASE_EXPR_H

#include "base/arena.h"
#include "heed.h"

#define EXPR_TIME_MAX_MS 2000
#define EXPR_MEMORY_MAX_MIB 256

struct expr;
struct expr_set;

/* NULL without memory. */
struct expr_set *expr_set_new(void);
void expr_set_free(struct expr_set *set); /* and its expressions; takes NULL */

/* Parse `text`. HEED_E_CONFIG with words and "line:column" within the text in
 * error->where. The result lives as long as the set. Text that needs libjq is only
 * scanned here (balance, strings, forbidden names); expr_set_check finds the rest. */
int expr_new(struct expr_set *set, struct heed_str text, struct expr **ret_expr,
             struct heed_error *error);
/* Compile whatever needs libjq now. On failure *ret_expr (may be NULL) is the culprit; it
 * is left out from then on, so that another call finds the next. */
int
expr_set_check(struct expr_set *set, struct expr **ret_expr, struct heed_error *error);

/* Evaluate on `input`; the first output counts, no output is HEED_E_NOTFOUND (so `empty`
 * can be told from null), jq's own errors are HEED_E_PERMANENT with jq's words. The
 * result lives on `arena` or in `input`. */
int expr_eval(const struct expr *expr, struct heed_json input, struct arena *arena,
              struct heed_json *ret_value, struct heed_error *error);
/* The truth of the first output; no output is false. */
int expr_test(const struct expr *expr, struct heed_json input, struct arena *arena,
              bool *ret_truth, struct heed_error *error);

/* The source text. */
struct heed_str expr_text(const struct expr *expr);
/* Is it evaluated without libjq? */
bool expr_is_direct(const struct expr *expr);
/* The first names of the paths that it reads from its input, such as "event" and
 * "answer", or *ret_n = SIZE_MAX when that can't be told (`.`, libjq). Borrowed. For heed
 * check. */
const struct heed_str *expr_roots(const struct expr *expr, size_t *ret_n);
/* When it is an object construction with constant names ({id: .x, n: 1}): they, on
 * `arena`; else false. */
bool expr_members(const struct expr *expr, struct arena *arena,
                  struct heed_str **ret_names, size_t *ret_n);

#endif
