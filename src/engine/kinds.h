/*
 * kinds.h - which actions, sources and patterns there are: those of this build, listed in
 * the kinds.c of their folders, and behind them what a program that embeds heed adds.
 *
 * A struct kinds is the program's; it outlives every configuration that was bound with
 * it. NULL stands for nothing added.
 */
#ifndef HEED_ENGINE_KINDS_H
#define HEED_ENGINE_KINDS_H

#include "engine/action.h"
#include "engine/source.h"

struct app;
struct pattern_kind; /* pattern/kinds.h */

struct kinds {
	const struct action_kind **actions;
	size_t n_actions;
	const struct source_kind **sources;
	size_t n_sources;
	const struct pattern_kind *pattern; /* may be NULL */
	/* Add definitions to a configuration whose file is bound (app_define), problems
	 * to its problems. May be NULL. */
	int (*define)(const struct kinds *kinds, struct app *app);
};

/* The nth from 0 on; NULL behind the last. */
const struct action_kind *action_kind_at(const struct kinds *added, size_t i);
const struct source_kind *source_kind_at(const struct kinds *added, size_t i);

#endif
