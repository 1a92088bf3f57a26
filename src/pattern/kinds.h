/*
 * kinds.h - the patterns of this build, one word per file in kinds.c.
 *
 * A pattern is a top-level section of the configuration (`reactions:`), the option rows
 * of its entries, the flow that its definitions run, and a function that binds one entry.
 */
#ifndef HEED_PATTERN_KINDS_H
#define HEED_PATTERN_KINDS_H

#include "config/bind.h"
#include "engine/flow.h"
#include "engine/kinds.h"

struct pattern_kind {
	const char *section; /* "reactions" */
	const char *help;
	const struct option *rows; /* of one entry; for documentation and schema, too */
	const struct flow_kind *flow;
	/* Bind one entry into a new definition, which nobody holds yet. Its memory is
	 * bind's. Problems are added to bind's; HEED_E_CONFIG, HEED_E_NOMEM. */
	int (*bind)(struct bind *bind, const struct conf_node *key,
	            const struct conf_node *node, struct definition **ret_definition);
};

/* The rows of each, by name because the table of the top level is a constant. */
extern const struct option entity_options[];
extern const struct option reaction_options[];
extern const struct option saga_options[];

extern const struct pattern_kind pattern_entity, pattern_reaction, pattern_saga;

/* All of them, NULL-terminated. */
extern const struct pattern_kind *const pattern_kinds[];
/* By the flow's name, as the store keeps it ("reaction"); NULL when there is none. */
const struct pattern_kind *pattern_find(const struct kinds *added, struct heed_str flow);

/* A flow's `when:` (NULL: always) over .event, for its `wants`. */
int pattern_when(const struct expr *when, const struct event *event,
                 struct arena *scratch, bool *ret_wanted, struct heed_error *error);

/* Fill in what every definition has: its name, its generation, and its text and hash from
 * `node` with ${...} as written, by which the store knows it. HEED_E_NOMEM. */
int pattern_identify(struct bind *bind, const struct conf_node *key,
                     const struct conf_node *node, struct definition *definition);

#endif
