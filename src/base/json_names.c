/*
 * json_names.c - see json_names.h: open addressing, never more than half full.
 */
#include "base/json_names.h"

#include "base/str.h"

#define SLOTS_MAX (1u << 31)

static uint32_t
compare_all(const struct heed_member *members, uint32_t n, struct heed_str name)
{
	uint32_t i;

	for (i = 0; i < n; i++)
		if (str_eq(members[i].name, name))
			break;
	return i;
}

/* The slot that holds `name`, or the empty one where it belongs. */
static uint32_t *
slot_of(const struct json_names *names, const struct heed_member *members,
        struct heed_str name)
{
	uint32_t mask = names->n_slots - 1;
	uint32_t at = (uint32_t)str_hash(name) & mask;

	while (names->slots[at] != 0 && !str_eq(members[names->slots[at] - 1].name, name))
		at = (at + 1) & mask;
	return &names->slots[at];
}

/* A table with room for one more than `n` members; the old one stays on the arena. */
static bool
make_room(struct json_names *names, struct arena *arena,
          const struct heed_member *members, uint32_t n)
{
	struct json_names grown = {.n_slots = 4 * JSON_NAMES_FEW};
	uint32_t i;

	if (n < names->n_slots / 2)
		return true;
	while (grown.n_slots / 4 <= n && grown.n_slots < SLOTS_MAX)
		grown.n_slots *= 2;
	grown.slots = n < SLOTS_MAX / 2
	                      ? arena_zero(arena, grown.n_slots * sizeof(*grown.slots))
	                      : NULL;
	if (grown.slots == NULL)
		return false;
	for (i = 0; i < n; i++)
		*slot_of(&grown, members, members[i].name) = i + 1;
	*names = grown;
	return true;
}

uint32_t
json_names_place(struct json_names *names, struct arena *arena,
                 const struct heed_member *members, uint32_t n, struct heed_str name)
{
	uint32_t *slot;

	if (n < JSON_NAMES_FEW || !make_room(names, arena, members, n))
		return compare_all(members, n, name);
	slot = slot_of(names, members, name);
	if (*slot == 0)
		*slot = n + 1;
	return *slot - 1;
}
