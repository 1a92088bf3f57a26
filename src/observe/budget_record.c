/*
 * budget_record.c - see budget_record.h. A ledger of its own counts what the store holds,
 * so that there is one idea of periods and coverage.
 */
#include "observe/budget_record.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/str.h"

static struct heed_json
time_of(struct arena *arena, int64_t at_us)
{
	char place[CLOCK_TEXT_SIZE];

	return json_str(arena_str(arena, clock_text(place, at_us)));
}

struct heed_json
budget_record(struct arena *arena, const struct ledger_view *view)
{
	const struct budget *budget = view->budget;
	struct heed_json value = json_null();
	struct json_build build;

	json_object(&build, arena);
	json_set_cstr(&build, "budget", json_str(budget->label));
	json_set_cstr(&build, "limit_nano_usd", json_int(budget->limit_nano));
	json_set_cstr(&build, "spent_nano_usd", json_int(view->spent_nano));
	json_set_cstr(&build, "reserved_nano_usd", json_int(view->reserved_nano));
	json_set_cstr(&build, "per", json_cstr(budget_per_names[budget->per]));
	json_set_cstr(&build, "timezone", json_str(budget->timezone));
	json_set_cstr(&build, "since", time_of(arena, view->start_us));
	json_set_cstr(&build, "opens", time_of(arena, view->end_us));
	json_set_cstr(&build, "waiting", json_int((int64_t)view->waiting));
	json_set_cstr(&build, "then", json_cstr(budget_then_names[budget->then.kind]));
	if (budget->then.kind == BUDGET_MODEL)
		json_set_cstr(&build, "model", json_str(budget->then.model));
	(void)json_build_end(&build, &value);
	return value;
}

/* ---- from the store ---------------------------------------------------------------- */

static struct budget_call
call_of(const struct store_usage *usage)
{
	return (struct budget_call){.type = usage->type,
	                            .flow = usage->flow,
	                            .name = usage->name,
	                            .model = usage->asked};
}

static int
add_spent(void *arg, const struct store_usage *usage)
{
	struct budget_call call = call_of(usage);

	ledger_history(arg, &call, usage->at_us, usage->cost_nano + usage->reserved_nano,
	               0);
	return 0;
}

static int
add_reserved(void *arg, const struct store_usage *usage)
{
	struct budget_call call = call_of(usage);

	ledger_history(arg, &call, usage->at_us, 0, usage->reserved_nano);
	return 0;
}

struct waiting {
	const struct budget *budgets;
	size_t n;
	size_t *counts;
};

static int
count_waiting(void *arg, const struct store_run *run, const struct store_event *event)
{
	struct waiting *waiting = arg;
	struct heed_str label = budget_wait_label(run->text);

	(void)event;
	for (size_t i = 0; i < waiting->n; i++)
		if (str_eq(waiting->budgets[i].label, label))
			waiting->counts[i]++;
	return 0;
}

static int
read_all(struct store *store, struct ledger *ledger, struct waiting *waiting,
         struct heed_error *error)
{
	struct store_filter filter = {.states = "waiting", .class = HEED_STR("budget")};
	int64_t since = ledger_since_us(ledger);

	if (since == INT64_MAX)
		return 0;
	HEED_TRY(store_read_usage(store, since, 0, add_spent, ledger, error));
	HEED_TRY(store_read_open_asks(store, add_reserved, ledger, error));
	return store_read_runs(store, &filter, count_waiting, waiting, error);
}

static int
write_all(struct ledger *ledger, const struct waiting *waiting, struct arena *arena,
          struct heed_json *ret_list)
{
	struct json_build build;

	json_array(&build, arena);
	for (size_t i = 0; i < ledger_n(ledger); i++) {
		struct ledger_view view;

		ledger_view(ledger, i, &view);
		view.waiting = waiting->counts[i];
		view.budget = &waiting->budgets[i];
		json_push(&build, budget_record(arena, &view));
	}
	return json_build_end(&build, ret_list);
}

int
budget_records_read(struct store *store, const struct budget *budgets, size_t n,
                    struct arena *arena, struct heed_json *ret_list,
                    struct heed_error *error)
{
	struct waiting waiting = {
		.budgets = budgets, .n = n, .counts = ARENA_ARRAY(arena, size_t, n + 1)};
	struct ledger *ledger = NULL;
	struct loop *loop = NULL;
	int r = waiting.counts == NULL ? HEED_E_NOMEM : loop_new(LOOP_REAL, &loop);

	if (r == 0)
		r = ledger_new(loop, NULL, NULL, &ledger);
	if (r == 0)
		r = ledger_set(ledger, budgets, n);
	if (r < 0)
		(void)error_nomem(error);
	else
		r = read_all(store, ledger, &waiting, error);
	if (r == 0 && write_all(ledger, &waiting, arena, ret_list) < 0)
		r = error_nomem(error);
	ledger_free(ledger);
	loop_free(loop);
	return r;
}
