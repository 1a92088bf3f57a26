/*
 * json_names.h - which member has that name, while an object is read or built.
 *
 * Few members are compared one by one. From JSON_NAMES_FEW on a table of their hashes is
 * kept, so that an object of a hundred thousand members takes no longer for each than a
 * small one does: whoever sends events decides how many there are.
 */
#ifndef HEED_BASE_JSON_NAMES_H
#define HEED_BASE_JSON_NAMES_H

#include "base/arena.h"
#include "heed.h"

#define JSON_NAMES_FEW 32

/* Zeroed is empty; freed with its arena. */
struct json_names {
	uint32_t *slots;  /* a member's place + 1, or 0; NULL as long as there are few */
	uint32_t n_slots; /* a power of two, at least twice the members */
};

/* The place of `name` among the first `n` members. `n` when it is new: the caller is to
 * put it there before it asks again. Without memory for the table it only takes longer.
 */
uint32_t
json_names_place(struct json_names *names, struct arena *arena,
                 const struct heed_member *members, uint32_t n, struct heed_str name);

#endif
