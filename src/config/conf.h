/*
 * conf.h - a YAML text as a tree that knows where each node stands.
 *
 * Anchors, aliases and merge keys (<<) are resolved (with a bound on what they expand
 * to); duplicate keys are errors. `${NAME}`, `${NAME:-default}` and `${file:/path}` in
 * scalars are replaced when asked for, and nodes that held one remember it, so that a
 * definition can be written back without secrets. JSON is YAML: stored definitions can be
 * read by the same code, or, to the last character, through conf_from_json.
 *
 * Bounds: CONF_DEPTH_MAX levels, CONF_NODES_MAX nodes after aliases are expanded,
 * CONF_ANCHORS_MAX anchors, CONF_PROBLEMS_MAX problems kept. Nodes that stand behind
 * several aliases share their lists: trees are read-only, but for conf_expand.
 */
#ifndef HEED_CONFIG_CONF_H
#define HEED_CONFIG_CONF_H

#include "base/arena.h"
#include "base/str.h"
#include "heed.h"

#define CONF_DEPTH_MAX 100
#define CONF_NODES_MAX 1000000
#define CONF_ANCHORS_MAX 1000
#define CONF_PROBLEMS_MAX 1000

enum conf_kind { CONF_NULL, CONF_SCALAR, CONF_LIST, CONF_MAP };

struct conf_node {
	enum conf_kind kind;
	const char *file;     /* as given by the user */
	int line;             /* 1-based */
	int column;           /* 1-based, in characters */
	struct heed_str raw;  /* SCALAR: the text before ${} was replaced */
	struct heed_str text; /* SCALAR: the text; NUL-terminated */
	bool quoted;          /* SCALAR: quoted or a block: always a string */
	bool block;           /* SCALAR: a literal or folded block */
	bool visited;         /* SCALAR: conf_expand was here */
	/* SCALAR: held a ${} or $$: a string also when not quoted, so that it has the
	 * same kind when it is read back from `raw` */
	bool expanded;
	/* SCALAR: as it stands in the file; empty when not known */
	struct heed_str source;
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
/* Add one at `node` (may be NULL), unless the same one is there already; `hint` may be
 * NULL. Always returns HEED_E_CONFIG. */
int conf_problem(struct conf_problems *problems, const struct conf_node *node,
                 const char *hint, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

int conf_problem_args(struct conf_problems *problems, const struct conf_node *node,
                      const char *hint, const char *format, va_list args);
/* Append the problems, a line each: "file:line:column: what (hint)". */
void conf_problems_write(struct heed_buf *buf, const struct conf_problems *problems);
/* The "did you mean ...?" of the nearest of `names` (NULL-terminated) into `place`, or,
 * when none is near and they are few, "`lead`: all of them"; else the empty text. Returns
 * place. */
#define CONF_HINT_SIZE 320
const char *conf_suggest(char place[CONF_HINT_SIZE], struct heed_str name,
                         const char *const *names, const char *lead);

/* Parse. `file` must outlive the tree; nothing of `text` is borrowed. Problems are added
 * and HEED_E_CONFIG returned; when they are not of syntax the tree is still usable (then
 * *ret_root is set). An empty text is a problem. HEED_E_NOMEM. */
int conf_parse(struct arena *arena, const char *file, struct heed_str text,
               struct conf_problems *problems, struct conf_node **ret_root);
/* A tree from a JSON value; all its nodes stand at `file`:1:1. The
 * inverse of conf_json. HEED_E_NOMEM; HEED_E_LIMIT when it is nested too deep. */
int conf_from_json(struct arena *arena, const char *file, struct heed_json value,
                   struct conf_node **ret_root);
/* Replace ${...} in all scalars below `node` from the environment; missing ones become
 * problems with the variable's name. A default (also nested: ${A:-${B:-c}}) serves for an
 * unset or empty variable; a file loses one line break at its end, and a relative path
 * starts at the folder of the configuration file. `$$` gives `$`; any other `$` is left
 * alone. */
int
conf_expand(struct arena *arena, struct conf_node *node, struct conf_problems *problems);
/* Did a ${...} stand in `node` or below it? */
bool conf_is_expanded(const struct conf_node *node);
/* A copy in which every text is as it was written, ${...} included. HEED_E_NOMEM. */
int
conf_raw(struct arena *arena, const struct conf_node *node, struct conf_node **ret_copy);
/* A map's value by key, or NULL. */
const struct conf_node *conf_get(const struct conf_node *map, const char *name);
/* Where the character at `line`:`column` (1-based) of a scalar's text stands in the file;
 * false and the node's own place when that can't be told (folded over lines, replaced
 * ${}). */
bool conf_place(const struct conf_node *node, int line, int column, int *ret_line,
                int *ret_column);
/* As JSON: plain scalars by YAML 1.2's core schema (null, true, 64-bit integers exact,
 * doubles), quoted ones as strings, as are infinities and NaN. `raw` non-zero: with
 * ${...} left as written. HEED_E_NOMEM. */
int conf_json(struct arena *arena, const struct conf_node *node, int raw,
              struct heed_json *ret_value);

#endif
