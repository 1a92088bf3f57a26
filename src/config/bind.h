/*
 * bind.h - from a tree with positions to structs, by option rows.
 *
 * Every problem is reported, not only the first: file:line:column, what is wrong and,
 * where a name is near, "did you mean ...?".
 */
#ifndef HEED_CONFIG_BIND_H
#define HEED_CONFIG_BIND_H

#include "base/expr.h"
#include "base/generation.h"
#include "base/schema.h"
#include "base/template.h"
#include "config/conf.h"
#include "config/option.h"

struct bind_owned;
struct kinds; /* engine/kinds.h */
struct bind_origin;

/* Where a secret stands in the file itself, not behind ${...}. */
struct bind_secret {
	struct bind_secret *next;
	const char *name; /* of its option */
	int line, column;
};

/* What binding needs besides the node; one for a whole configuration. */
struct bind {
	struct arena *arena;
	struct expr_set *exprs;
	struct conf_problems *problems;
	struct generation *generation; /* of what is bound; may be NULL */
	const struct kinds *kinds;     /* added to those of this build; may be NULL */
	/* for references; NULL: references are not checked */
	const struct conf_node *root;
	/* Which roots (`.event`, `.answer` ...) an expression at this place may read, as
	 * a NULL-terminated list; NULL for any. Set around a call by those who know. */
	const char *const *roots;
	struct bind_owned *owned;    /* start with NULL; what bind_free_owned frees */
	struct bind_origin *origins; /* start with NULL; where each expression stands */
	struct bind_secret *secrets; /* start with NULL */
};

/* Have `free_it(thing)` called by bind_free_owned: for what the arena cannot free.
 * Without memory it is called at once and HEED_E_NOMEM returned. Schemas made here are
 * owned already. */
int bind_own(struct bind *bind, void (*free_it)(void *thing), void *thing);
/* Free everything owned, the newest first; before the arena goes. */
void bind_free_owned(struct bind *bind);
/* Does the text of any expression that was bound after `since` hold `text`? */
bool
bind_mentions(const struct bind *bind, const struct bind_origin *since, const char *text);
/* expr_set_check, with what it finds reported where the expression stands. */
int bind_check_exprs(struct bind *bind);

/* Fill `target` from `node` (a map) by `rows`: defaults first, then what is there.
 * Unknown names, wrong kinds, bounds, bad expressions ... become problems; zero when
 * there were none, else HEED_E_CONFIG (or HEED_E_NOMEM), with `target` filled as far as
 * it was right. A value that is empty (null) counts as absent where null is not a value
 * of its own. `node` may be NULL: then only defaults are set and nothing is required. */
int bind_record(struct bind *bind, const struct conf_node *node,
                const struct option *rows, void *target);
/* Bind one value as if it were the option `row` of `target`. */
int bind_value(struct bind *bind, const struct conf_node *node, const struct option *row,
               void *target);

/* A shape makes a JSON value from an input: OPTION_SHAPE. A text is an expression
 * ("{id: .event.data.id}"), or a template when it holds {{ }}; a mapping or list in YAML
 * has shapes or plain values inside, where text with {{ }} is a template, text that
 * starts with "." is an expression, and any other text is itself. Inside, an expression
 * without a result (`empty`) leaves its member or item out; alone, it is HEED_E_NOTFOUND.
 */
struct shape;
int shape_new(struct bind *bind, const struct conf_node *node, struct shape **ret_shape);
int shape_eval(const struct shape *shape, struct heed_json input, struct arena *arena,
               struct heed_json *ret_value, struct heed_error *error);

/* The names of the members of the object that it makes, on `arena`; false when that
 * cannot be told without an input. */
bool shape_members(const struct shape *shape, struct arena *arena,
                   struct heed_str **ret_names, size_t *ret_n);

/* An expression, template or schema from a node, with positions right in messages. */
int bind_expr(struct bind *bind, const struct conf_node *node, struct expr **ret_expr);
int bind_template(struct bind *bind, const struct conf_node *node,
                  struct template **ret_template);
int
bind_schema(struct bind *bind, const struct conf_node *node, struct schema **ret_schema);

/* redact: what is kept back from models; `field` is a struct redact_rules (redact.h).
 * For rows of kind OPTION_CUSTOM, with redact_options as their rows. */
int bind_redact(struct bind *bind, const struct conf_node *node, void *field);
extern const struct option redact_options[];

/* The JSON Schema (2020-12) of a record described by `rows`, appended as a JSON object.
 * It takes what bind_record takes, and a text with ${...} wherever a scalar stands. */
void option_schema_write(struct heed_buf *buf, const struct option *rows);
/* The same of a mapping whose `type` names one of `n` kinds, each with rows of its own.
 */
struct option_type {
	const char *name;
	const char *help;
	const struct option *rows;
};
void option_schema_kinds(struct heed_buf *buf, const struct option_type *kinds, size_t n);
/* Of a mapping with one of `n` names, each with rows of its own, and beside it `rows`
 * (may be NULL). */
void option_schema_choice(struct heed_buf *buf, const struct option_type *kinds, size_t n,
                          const struct option *rows);
/* Reference documentation of `rows` as Markdown, and as text for a terminal. */
void option_docs_write(struct heed_buf *buf, const struct option *rows, int markdown);

#endif
