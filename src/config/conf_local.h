/*
 * conf_local.h - what the files behind conf.h share: the reader's state while a text is
 * parsed. Nobody else includes it.
 */
#ifndef HEED_CONFIG_CONF_LOCAL_H
#define HEED_CONFIG_CONF_LOCAL_H

#include <yaml.h>

#include "config/conf.h"

struct conf_anchor {
	struct heed_str name;
	struct conf_node node;
	size_t size; /* nodes in it, aliases expanded */
	bool done;   /* false while its own node is being read */
};

struct conf_reader {
	struct arena *arena;
	struct conf_problems *problems;
	const char *file;
	struct heed_str
		text; /* a copy on the arena, which scalars' `source` points into */
	yaml_parser_t yaml;
	yaml_event_t event;      /* the current one */
	bool flawed;             /* something was reported */
	struct conf_node *stack; /* children of the lists and maps that are open */
	size_t top;
	size_t cap;
	struct conf_anchor *anchors;
	size_t n_anchors;
	size_t cap_anchors;
	size_t nodes;     /* so far, aliases expanded */
	size_t at_index;  /* a character of the text, and */
	size_t at_offset; /* the byte where it starts: both only grow */
};

/* Record a problem at 1-based `line`:`column`. HEED_E_CONFIG. */
int conf_fault(struct conf_reader *reader, int line, int column, const char *hint,
               const char *format, ...) __attribute__((format(printf, 5, 6)));
/* libyaml failed: say so in words that help. HEED_E_CONFIG or HEED_E_NOMEM. */
int conf_syntax_fault(struct conf_reader *reader);
/* Zero when the text is UTF-8, else the problem. */
int conf_check_utf8(struct conf_reader *reader);
/* Make the map of the `n` pairs key, value at `pairs`: duplicates are reported, merge
 * keys resolved. HEED_E_NOMEM. */
int conf_make_map(struct conf_reader *reader, const struct conf_node *pairs, size_t n,
                  struct conf_node *map);

#endif
