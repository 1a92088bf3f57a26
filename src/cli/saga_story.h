/*
 * saga_story.h - a saga's journal as people tell it: which steps it took, what was chosen
 * and why, what people said, how it went back.
 */
#ifndef HEED_CLI_SAGA_STORY_H
#define HEED_CLI_SAGA_STORY_H

#include "base/json.h"
#include "store/store.h"

enum saga_item_kind {
	SAGA_STEP,     /* an execution */
	SAGA_UNDO,     /* of one */
	SAGA_CHOICE,   /* the guide's */
	SAGA_RECOVERY, /* what followed a failure, by a model */
	SAGA_WORD,     /* what a person said */
	SAGA_TURN,     /* it goes back; or it was stopped */
	SAGA_RETRY,    /* tried again: by its recovery, or a person */
};

/* Texts are on the story's arena. */
struct saga_item {
	struct saga_item *next;
	enum saga_item_kind kind;
	enum entry_kind entry; /* of the last attempt */
	enum entry_state state;
	struct heed_str name; /* of the execution: "charge.2" */
	int attempts;
	int64_t at_us, ended_us; /* of the first, of the last */
	int64_t cost_nano;
	struct heed_str text;    /* of a failure; a choice with its reason ... */
	struct heed_str request; /* what a wait waits for */
};

struct saga_story {
	struct arena *arena;
	struct saga_item *first, *last;
	struct heed_json data; /* as it was told last; null: not yet */
	int64_t forked_of;     /* 0: it was not */
	struct heed_str forked_from;
};

/* On `arena`. HEED_E_STORE, HEED_E_NOMEM. */
int saga_story_read(struct store *store, int64_t run_id, struct arena *arena,
                    struct saga_story *ret_story, struct heed_error *error);
/* "completed", "compensated", "failed", "stuck", "waiting" or "running". */
const char *saga_state(const struct store_run *run);
/* The step that it is at, or waits for; NULL when it has none. */
const struct saga_item *saga_story_now(const struct saga_story *story);

#endif
