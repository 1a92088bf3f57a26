/*
 * record.h - rows of the store as JSON, one form for every command's --json and the
 * library's queries.
 */
#ifndef HEED_OBSERVE_RECORD_H
#define HEED_OBSERVE_RECORD_H

#include "base/json.h"
#include "store/store.h"

/* Each on `arena`, borrowing the row's texts; JSON null without memory. */

/* {"event": ID, "source", "type", "subject", "time", "received", "by_run", "body"}; the
 * last, the whole event, only `with_body`. */
struct heed_json
record_event(struct arena *arena, const struct store_event *event, bool with_body);
/* {"run": 17, "flow": "reaction", "name", "state", "class", "text", ..., "event": ID,
 * "source", "type"}; `event` may be NULL. */
struct heed_json record_run(struct arena *arena, const struct store_run *run,
                            const struct store_event *event);
/* {"n": 1, "kind": "ask", "step", "state", "attempt", ..., "request", "reply"}; texts
 * that are JSON become JSON. */
struct heed_json record_entry(struct arena *arena, const struct store_entry *entry);

/* {"job", "kind", "state", "spec", "total", "done", "skipped", "text", ...} */
struct heed_json record_job(struct arena *arena, const struct store_job *job);

/* `object` with one more member; on `arena`. */
struct heed_json record_with(struct arena *arena, struct heed_json object,
                             const char *name, struct heed_json value);

#endif
