/*
 * reaction.h - pattern 1: on an event, ask a model, then act on its answer.
 */
#ifndef HEED_PATTERN_REACTION_H
#define HEED_PATTERN_REACTION_H

#include "config/bind.h"
#include "engine/flow.h"

extern const struct flow_kind reaction_kind;
/* Rows of one entry of `reactions:`. */
extern const struct option reaction_options[];

/* Bind one entry into a new definition (one reference, yours). Its memory is bind's. */
int reaction_bind(struct bind *bind, const struct conf_node *key,
                  const struct conf_node *node, struct definition **ret_definition);
/* The model that it asks, or the empty text. */
struct heed_str reaction_model(const struct definition *definition);

#endif
