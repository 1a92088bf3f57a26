/*
 * acts.h - a list of actions in a configuration (`then:`): binding it, running it in
 * order.
 */
#ifndef HEED_PATTERN_ACTS_H
#define HEED_PATTERN_ACTS_H

#include "config/bind.h"
#include "engine/flow.h"

struct acts {
	struct act *items;
	size_t n;
};

/* For an OPTION_CUSTOM row whose field is a struct acts: a list of mappings, each with
 * one action kind ("emit: {...}") and, beside it, `if`, `timeout`, `retry`, `probe`,
 * `done`. Steps are named after their place: "then.1", "then.2" ... */
extern const struct option act_options[]; /* what stands beside the kind */
int acts_bind(struct bind *bind, const struct conf_node *node, void *field);
/* One of its mappings; act->step is the caller's to set. */
int acts_bind_act(struct bind *bind, const struct conf_node *node, struct act *act);
/* One action (a mapping with one kind) without conditions: for probes. */
int acts_bind_one(struct bind *bind, const struct conf_node *node,
                  struct action **ret_action);
/* The JSON Schema of such a list, and of one with its conditions. */
void acts_schema(struct heed_buf *buf);
void acts_schema_act(struct heed_buf *buf);
/* The same, with the options `more` beside its conditions. */
void acts_schema_beside(struct heed_buf *buf, const struct option *more);
/* Does this word stand beside actions, so that none can be called so? */
bool acts_reserves(struct heed_str word);
/* Perform them in order as steps of `run`. `input` holds .event and .answer; .result
 * becomes what the action before gave. As flow_act. */
int acts_run(struct run *run, const struct acts *acts, struct heed_json input);

#endif
