/*
 * entity.h - pattern 3 as others see it: an entity is a stream of events whose state is
 * their fold, and whose commands are decided by rules and a model.
 */
#ifndef HEED_PATTERN_ENTITY_H
#define HEED_PATTERN_ENTITY_H

#include "engine/flow.h"

#define ENTITY_FLOW "entity"
#define ENTITY_ID_MAX 200 /* bytes */

/* `definition` is an entity's. */
const struct stream_fold *entity_fold(const struct definition *definition);
/* Names of its commands, NULL-terminated by an empty one. */
const struct heed_str *
entity_commands(const struct definition *definition, size_t *ret_n);
/* The stream of one of them: "order/7". {NULL, 0} without memory. */
struct heed_str
entity_stream(struct arena *arena, struct heed_str name, struct heed_str id);
/* Which one an event is for, by `id:`; a text of 1 to ENTITY_ID_MAX bytes without control
 * characters, on `arena`. HEED_E_INVALID with words. */
int entity_id(const struct definition *definition, struct heed_json event,
              struct arena *arena, struct heed_str *ret_id, struct heed_error *error);

/* A command may carry this attribute: decide it only when the entity is at that version.
 */
#define ENTITY_EXPECTED "expectedversion"
/* Type of the event that tells of a rejected command, behind the entity's name. Its data:
 * {command, reason, by, version, id}. */
#define ENTITY_REJECTED "command_rejected"

#endif
