/*
 * sagas.h - what people may do with sagas that are under way or have ended; the rest of
 * the saga is in saga.h. All on the loop's thread.
 */
#ifndef HEED_PATTERN_SAGAS_H
#define HEED_PATTERN_SAGAS_H

#include "base/str.h"
#include "engine/engine.h"

/* Answer a step that asks a person. `decision` is {decision: "approve" or "reject", by,
 * reason, edit}, where `edit` fits the step's schema; an empty *step is the one that
 * waits when there is only one, and is filled in. `done` as of engine_signal.
 * HEED_E_INVALID, HEED_E_NOTFOUND, HEED_E_CONFLICT, with words. */
int saga_decide(struct engine *engine, int64_t run_id, struct heed_str *step,
                struct heed_json decision, engine_told_fn *done, void *arg,
                struct heed_error *error);
/* Undo what was done and end. */
int saga_cancel(struct engine *engine, int64_t run_id, struct heed_json why,
                engine_told_fn *done, void *arg, struct heed_error *error);
/* Begin a new saga with what an ended one had finished before the step `from` (the last
 * time it took it). `patch`, which may be empty, is a jq program from the data there to
 * the new saga's. HEED_E_INVALID, HEED_E_NOTFOUND, HEED_E_CONFLICT, with words. */
int saga_fork(struct engine *engine, struct store *store, int64_t run_id,
              struct heed_str from, struct heed_str patch, engine_told_fn *done,
              void *arg, int64_t *ret_run_id, struct heed_error *error);

#endif
