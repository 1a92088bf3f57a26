/*
 * template.h - text with {{ expressions }} in it.
 *
 * A string result goes in as it is, any other value as compact JSON, no result and null
 * as nothing for no result and "null" for null. "{{{{" writes a literal "{{". Braces
 * inside an expression's strings and objects are understood: {{ {a: "}}"} }} is one
 * expression.
 */
#ifndef HEED_BASE_TEMPLATE_H
#define HEED_BASE_TEMPLATE_H

#include "base/expr.h"
#include "base/str.h"

/* Bytes of one template. */
#define TEMPLATE_SIZE_MAX (1024 * 1024)

struct template;

/* Compile on `set`, which owns the result. HEED_E_CONFIG with "line:column" in
 * error->where. */
int template_new(struct expr_set *set, struct heed_str text,
                 struct template **ret_template, struct heed_error *error);
/* Append the result to `buf`. As expr_eval, plus the buffer's failures. */
int
template_render(const struct template *template, struct heed_json input,
                struct arena *scratch, struct heed_buf *buf, struct heed_error *error);
/* The result as a text on `arena`, of at most `max` bytes (HEED_E_LIMIT). */
int template_string(const struct template *template, struct heed_json input,
                    struct arena *arena, size_t max, struct heed_str *ret_text,
                    struct heed_error *error);
/* The same for a URL: what expressions give is percent-encoded, so that it cannot change
 * the URL's parts; but the template may begin with an expression that gives its start. */
int
template_url(const struct template *template, struct heed_json input, struct arena *arena,
             size_t max, struct heed_str *ret_text, struct heed_error *error);
/* The expressions inside, for heed check. */
size_t template_exprs(const struct template *template, struct expr *const **ret_exprs);
/* The source text. */
struct heed_str template_text(const struct template *template);

#endif
