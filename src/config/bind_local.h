/*
 * bind_local.h - what the files behind bind.h share. Nobody else includes it.
 */
#ifndef HEED_CONFIG_BIND_LOCAL_H
#define HEED_CONFIG_BIND_LOCAL_H

#include "config/bind.h"

/* What is known about a kind: one row each, in the order of enum option_kind. */
struct bind_kind {
	const char *name; /* for people: "duration" */
	int (*bind)(struct bind *bind, const struct conf_node *node,
	            const struct option *row, void *field);
	bool text; /* a default is a text, whatever it looks like */
	bool null; /* an empty value is a value, not an absent option */
};
extern const struct bind_kind bind_kinds[];

/* A binder of bind_scalar.c: fills `field`, or adds a problem. */
#define BIND_SCALAR(name)                                                                \
	int name(struct bind *bind, const struct conf_node *node,                        \
	         const struct option *row, void *field)
BIND_SCALAR(bind_scalar_text);
BIND_SCALAR(bind_scalar_bool);
BIND_SCALAR(bind_scalar_int);
BIND_SCALAR(bind_scalar_real);
BIND_SCALAR(bind_scalar_duration);
BIND_SCALAR(bind_scalar_size);
BIND_SCALAR(bind_scalar_money);
BIND_SCALAR(bind_scalar_enum);

/* Is it a scalar that is a text (not a number, true, false)? */
bool bind_is_text(const struct conf_node *node);
/* Zero when it is, else the problem; `name` is the option's, or NULL. */
int bind_want_text(struct bind *bind, const struct conf_node *node, const char *name,
                   const char *wanted);
/* The graver of two results. */
int bind_worse(int a, int b);
/* Append a number as it would be written for an option of `kind`: 30s, 1MiB, 0.5. */
void option_number_write(struct heed_buf *buf, enum option_kind kind, double number);
/* Does `row` have bounds, and an upper one? */
bool option_has_bounds(const struct option *row);
bool option_has_max(const struct option *row);
/* The default of `row` as a node on `arena`; NULL when there is none or no memory. */
const struct conf_node *
option_fallback(struct arena *arena, struct conf_problems *problems,
                const struct option *row);

#endif
