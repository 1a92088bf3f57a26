/*
 * budget_record.h - where a budget stands, as JSON; and where all stand, read from a
 * store that no process keeps up.
 */
#ifndef HEED_OBSERVE_BUDGET_RECORD_H
#define HEED_OBSERVE_BUDGET_RECORD_H

#include "base/arena.h"
#include "engine/ledger.h"
#include "store/store.h"

/* {"budget", "limit_nano_usd", "spent_nano_usd", "reserved_nano_usd", "per", "timezone",
 * "since", "opens", "waiting", "then", "model"}, on `arena`, borrowing the labels; null
 * without memory. */
struct heed_json budget_record(struct arena *arena, const struct ledger_view *view);

/* A list of these for checked budgets, from the sums of the store; what was under way
 * when its process ended counts as reserved. */
int budget_records_read(struct store *store, const struct budget *budgets, size_t n,
                        struct arena *arena, struct heed_json *ret_list,
                        struct heed_error *error);

#endif
