/*
 * kinds.c - the actions of this build: one word per file.
 */
#include "action/kinds.h"

#include "engine/kinds.h"

const struct action_kind *const action_kinds[] = {
	&action_emit, &action_exec, &action_http, &action_log, &action_sql, NULL,
};

#define N_KINDS (sizeof(action_kinds) / sizeof(action_kinds[0]) - 1)

const struct action_kind *
action_kind_at(const struct kinds *added, size_t i)
{
	if (i < N_KINDS)
		return action_kinds[i];
	i -= N_KINDS;
	return added != NULL && i < added->n_actions ? added->actions[i] : NULL;
}
