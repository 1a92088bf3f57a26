/*
 * kinds.h - the action kinds by name, for kinds.c.
 */
#ifndef HEED_ACTION_KINDS_H
#define HEED_ACTION_KINDS_H

#include "engine/action.h"

extern const struct action_kind action_emit, action_exec, action_http, action_log,
	action_sql;

#endif
