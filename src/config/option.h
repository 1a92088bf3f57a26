/*
 * option.h - option rows: the single origin of what can be configured.
 *
 * A table of rows describes the fields of one struct: name, kind, place, default, bounds,
 * help. From the same rows come binding (bind.h), every message of `heed check`, the JSON
 * Schema for editors, `heed docs` and the reference pages.
 *
 * Memory of bound values is the configuration's arena; expressions and templates live in
 * its expr_set. A field keeps its default when the option is absent.
 */
#ifndef HEED_CONFIG_OPTION_H
#define HEED_CONFIG_OPTION_H

#include <stddef.h>

#include "heed.h"

struct conf_node;
struct heed_buf;
struct option;

enum option_kind {
	OPTION_TEXT,     /* struct heed_str */
	OPTION_SECRET,   /* struct heed_str; never shown or stored */
	OPTION_BOOL,     /* bool */
	OPTION_INT,      /* int64_t, within min..max */
	OPTION_REAL,     /* double, within min..max */
	OPTION_DURATION, /* int64_t milliseconds ("30s"), within min..max */
	OPTION_SIZE,     /* int64_t bytes ("1MiB"), within min..max */
	/* int64_t nano US dollars (1e-9 dollar), written as dollars, as are min and max;
	 * never negative */
	OPTION_MONEY,
	OPTION_ENUM,     /* int: index into `names` */
	OPTION_EXPR,     /* struct expr * */
	OPTION_TEMPLATE, /* struct template * */
	OPTION_VALUE,    /* struct heed_json: any YAML as JSON */
	OPTION_SCHEMA,   /* struct schema * (its document is a JSON Schema) */
	/* struct shape *: a mapping or text whose strings are expressions or templates,
	 * see bind.h */
	OPTION_SHAPE,
	OPTION_TEXTS,   /* struct option_texts: one text or a list of them */
	OPTION_HEADERS, /* struct option_pairs: mapping of name to template */
	OPTION_RECORD,  /* an embedded struct described by `rows` */
	OPTION_LIST,    /* struct option_list of structs described by `rows` */
	/* struct option_list; each element's first field is its name (struct heed_str),
	 * the rest is described by `rows` */
	OPTION_MAP,
	/* bound by `bind`; documented by help, `names` (its JSON types; an empty value is
	 * bound only when "null" is one), and `rows` when it is a mapping of these
	 * options */
	OPTION_CUSTOM,
	OPTION_END,
};

enum option_flags {
	OPTION_REQUIRED = 1,
	/* TEXT: the name of an entry of the top-level map `names[0]`, or one of the
	 * further `names` */
	OPTION_REFERENCE = 2,
	OPTION_NONEMPTY = 4,
	/* RECORD, LIST, MAP: a value that is no mapping, in place of a record, binds the
	 * first row */
	OPTION_SCALAR_SHORT = 8,
	/* CUSTOM: its mapping holds names, each with a record of `rows` */
	OPTION_NAMED = 16,
	/* the first and only row: it is bound from the whole record, whatever that is */
	OPTION_WHOLE = 32,
};

struct option_texts {
	struct heed_str *items;
	size_t n;
};

struct option_pair {
	struct heed_str name;
	struct template *value;
};

struct option_pairs {
	struct option_pair *items;
	size_t n;
};

struct option_list {
	void *items; /* array of structs of the row's `size` */
	size_t n;
};

struct bind; /* bind.h */

struct option {
	const char *name;
	enum option_kind kind;
	size_t offset;
	const char *fallback; /* default, as it would be written in YAML; NULL for none */
	double min, max;      /* both 0: no bounds; max < min: no upper bound */
	unsigned flags;
	const char *help; /* a sentence; units and meaning */
	/* ENUM: NULL-terminated; REFERENCE: the map, and words that are no entry of it;
	 * else NULL */
	const char *const *names;
	const struct option *rows; /* RECORD, LIST, MAP, CUSTOM */
	size_t size;               /* LIST, MAP: of one element */
	/* CUSTOM: bind `node`; add the problems and return zero or HEED_E_CONFIG. */
	int (*bind)(struct bind *bind, const struct conf_node *node, void *field);
	/* CUSTOM: append its JSON Schema, an object; NULL: it follows from names and
	 * rows. */
	void (*schema)(struct heed_buf *buf);
};

/* clang-format off */
#define OPTION_ROWS_END {.kind = OPTION_END}
/* clang-format on */

#endif
