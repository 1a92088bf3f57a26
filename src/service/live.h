/*
 * live.h - what happens in a running heed, as JSON records: for `heed tap` and `heed
 * dev`.
 */
#ifndef HEED_SERVICE_LIVE_H
#define HEED_SERVICE_LIVE_H

#include "base/arena.h"
#include "engine/engine.h"
#include "heed.h"

/* Each on `arena`, borrowing; JSON null without memory. */

/* {"what": "event", "time", "event": the whole event, "runs": how many reactions want it,
 * "duplicate", "by_run"} */
struct heed_json
live_event(struct arena *arena, int64_t now_us, const struct arrival *arrival);
/* {"what": "run", "time", "run", "flow", "name", "state", "event", "source", "type",
 * "answer", "model", "class", "text", "calls", "input_tokens", "output_tokens",
 * "cost_nano_usd", "ms", "effects": [{"step", "action", "state", "request", "detail"}]}
 */
struct heed_json live_run(struct arena *arena, int64_t now_us, const struct run *run);

#endif
