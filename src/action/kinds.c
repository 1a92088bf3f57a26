/*
 * kinds.c - the actions of this build: one word per file.
 */
#include "action/kinds.h"

const struct action_kind *const action_kinds[] = {
	&action_emit, &action_exec, &action_http, &action_log, &action_sql, NULL,
};
