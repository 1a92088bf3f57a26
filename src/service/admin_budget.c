/*
 * admin_budget.c - how full the budgets are, from the engine itself.
 */
#include "base/error.h"
#include "base/json.h"
#include "engine/ledger.h"
#include "observe/budget_record.h"
#include "service/admin.h"
#include "service/local.h"

int
admin_budgets(struct call *call, struct heed_error *error)
{
	struct ledger *ledger = engine_ledger(call->service->engine);
	struct arena *arena = &call->exchange->arena;
	struct json_build build;
	struct heed_json list;

	json_array(&build, arena);
	for (size_t i = 0; i < ledger_n(ledger); i++) {
		struct ledger_view view;

		ledger_view(ledger, i, &view);
		json_push(&build, budget_record(arena, &view));
	}
	if (json_build_end(&build, &list) < 0)
		return error_nomem(error);
	call_answer(call, 200, list);
	return 0;
}
