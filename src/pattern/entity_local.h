/*
 * entity_local.h - an entity as it was configured, and a decision under way; shared by
 * entity*.c and nobody else.
 *
 *	entity.c         options of the entity, its fold, the pattern's descriptor
 *	entity_decide.c  options of `decide:`
 *	entity_schema.c  the schema of a decision, made of what may be decided
 *	entity_check.c   what a decision must keep to
 *	entity_flow.c    from the command to its outcome
 */
#ifndef HEED_PATTERN_ENTITY_LOCAL_H
#define HEED_PATTERN_ENTITY_LOCAL_H

#include "config/bind.h"
#include "pattern/entity.h"

/* A name with the schema of what comes with it. */
struct entity_type {
	struct heed_str name;
	struct schema *schema; /* NULL: anything */
};

struct entity_types {
	struct entity_type *items;
	size_t n;
};

struct entity_effect {
	struct heed_str name;
	struct heed_str about;
	struct schema *input; /* NULL: anything */
	struct act act;
};

struct entity_effects {
	struct entity_effect *items;
	size_t n;
};

struct entity_rule {
	struct option_texts commands; /* none: all */
	struct expr *when;
	struct shape *accept; /* the events */
	struct shape *side_effects;
	struct template *reject; /* the reason */
};

struct entity_invariant {
	struct expr *that;
	struct heed_str reason; /* why it is asked for; may be empty */
};

/* Attributes of an event that tell how a model decided it; set_members in entity_flow.c
 * has them. */
#define ENTITY_AI_MEMBERS 7

enum on_conflict { CONFLICT_REDECIDE, CONFLICT_RECHECK, CONFLICT_REJECT };

struct decide {
	struct ask ask; /* without a model: rules alone */
	struct template *instructions;
	struct entity_types events;
	struct entity_effects effects;
	struct option_list rules;   /* struct entity_rule */
	struct option_list require; /* struct entity_invariant */
	int on_conflict;
	int64_t attempts;
};

struct entity {
	struct heed_str name;
	struct expr *id;
	struct expr *key;
	struct entity_types commands;
	struct heed_str *command_names;
	struct stream_fold fold;
	struct decide decide;
	int64_t concurrency;
	int on_failure;
};

/* What expressions may read, by place. */
extern const char *const entity_command_roots[]; /* event, command, state, version */

/* Bind a mapping of names to schemas (or, where `names_only`, a list of names). */
int entity_bind_types(struct bind *bind, const struct conf_node *node, bool names_only,
                      struct entity_types *types);
const struct entity_type *
entity_find_type(const struct entity_types *types, struct heed_str name);
/* "one, two, three" on `arena`. */
struct heed_str entity_type_names(const struct entity_types *types, struct arena *arena);

extern const struct option entity_decide_options[];
/* What the rows cannot say, and what follows from them: the question's schema and texts.
 * `key` and `node` are the entity's. */
int entity_finish_decide(struct bind *bind, const struct conf_node *key,
                         const struct conf_node *node, struct entity *entity);
/* The JSON Schema of a decision. HEED_E_NOMEM. */
int entity_schema(const struct decide *decide, struct arena *arena,
                  struct heed_json *ret_schema);

/* A command while it is decided; on the run's arena. */
struct deciding {
	struct run *run;
	const struct entity *entity;
	struct heed_str id;
	struct heed_json command; /* {name, id, data} */
	int n;                    /* the attempt, from 1 */
	struct heed_str append_step;
	int64_t time_us;
	const struct stream_state *before;
	struct heed_json input; /* {event, command, state, version} */
	struct event_parts *parts;
	size_t n_parts;
	struct heed_json after; /* the state that would result */
};

/* Make parts and the state after of a decision's events, and see whether all that is
 * asked for holds. Zero; HEED_E_INVALID with words for whoever decided; HEED_E_NOMEM. */
int entity_check(struct deciding *deciding, struct heed_json decision,
                 struct heed_str *ret_complaint);

int entity_step(struct run *run);

#endif
