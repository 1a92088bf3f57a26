/*
 * conf.h - a YAML text as a tree that knows where each node stands.
 *
 * Anchors, aliases and merge keys (<<) are resolved (with a bound on what they expand to);
 * duplicate keys are errors. `${NAME}`, `${NAME:-default}` and `${file:/path}` in scalars are
 * replaced when asked for, and nodes that held one remember it, so that a definition can be
 * written back without secrets. JSON is YAML: stored definitions are read by the same code.
 */
#ifndef HEED_CONFIG_CONF_H
#define HEED_CONFIG_CONF_H

#include "base/arena.h"
#include "base/str.h"
#include "heed.h"

enum conf_kind { CONF_NULL, CONF_SCALAR, CONF_LIST, CONF_MAP };

struct conf_node {
	enum conf_kind kind;
	const char *file; /* as given by the user */
	int line;         /* 1-based */
	int column;       /* 1-based, in characters */
	struct heed_str raw;  /* SCALAR: the text before ${} was replaced */
	struct heed_str text; /* SCALAR: the text */
	bool quoted;          /* SCALAR: quoted or a block: always a string */
	bool block;           /* SCALAR: a literal or folded block */
	struct conf_node *items; /* LIST, MAP: n values */
	struct conf_node *keys;  /* MAP: n keys (scalars) */
	size_t n;
};

/* Every problem found, in order; owned by the arena given to conf_problems_init. */
struct conf_problem {
	const char *file;
	int line;
	int column;
	struct heed_str text;
	struct heed_str hint;
};

struct conf_problems {
	struct arena *arena;
	struct conf_problem *items;
	size_t n;
	size_t cap;
	bool nomem; /* some could not be kept */
};

void conf_problems_init(struct conf_problems *problems, struct arena *arena);
/* Add one at `node` (may be NULL). Always returns HEED_E_CONFIG. */
int conf_problem(struct conf_problems *problems, const struct conf_node *node, const char *hint,
		 const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Parse. Problems are added and HEED_E_CONFIG returned; the tree may still be partly usable
 * (then *ret_root is set). */
int conf_parse(struct arena *arena, const char *file, struct heed_str text,
	       struct conf_problems *problems, struct conf_node **ret_root);
/* Replace ${...} in all scalars below `node` from the environment; missing ones become
 * problems with the variable's name. */
int conf_expand(struct arena *arena, struct conf_node *node, struct conf_problems *problems);
/* A map's value by key, or NULL. */
const struct conf_node *conf_get(const struct conf_node *map, const char *name);
/* As JSON: plain scalars by YAML 1.2's core schema (null, true, 64-bit integers exact, doubles),
 * quoted ones as strings. `raw` non-zero: with ${...} left as written. HEED_E_NOMEM. */
int conf_json(struct arena *arena, const struct conf_node *node, int raw, struct heed_json *ret_value);

#endif
