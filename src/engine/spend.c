/*
 * spend.c - asks and the budgets: which model may be asked, what is reserved for it, what
 * it has cost.
 *
 *	spend_choose   before the gateway: a model that the budgets allow, or the run
 *	               waits outside of every line
 *	gateway_admit  its turn; it holds nothing of a budget meanwhile
 *	spend_reserve  admitted: the most that this model can cost, or back it goes
 *	  ... committed with the intent, called ...
 *	spend_settle   the reply: what it did cost
 *
 * So who waits for a model keeps no money from others, and who waits for money keeps no
 * model from them. What a call may have cost although no reply came (cut off, timed out)
 * stays counted with its reservation: entry->reserved_nano, in the journal.
 */
#include "base/clock.h"
#include "base/error.h"
#include "base/money.h"
#include "engine/core.h"

#define HOPS_MAX 8 /* models tried for one ask, of `then: {model: ...}` */

static struct budget_call
call_of(const struct run *run, struct heed_str model)
{
	return (struct budget_call){
		.type = run->event->event.type,
		.flow = str_of(run->definition->kind->name),
		.name = run->definition->name,
		.model = model,
	};
}

static int64_t
most_of(struct entry *entry, const struct model *model)
{
	return model_cost_max(model, &entry->question,
	                      loop_wall_us(entry->run->engine->loop));
}

/* ---- refusals ---------------------------------------------------------------------- */

/* The first of the budgets to open is what to wait for. */
static void
note(struct entry *entry, const struct ledger_refusal *refusal, int64_t nano)
{
	if (entry->refusal.account != NULL &&
	    entry->refusal.opens_us <= refusal->opens_us)
		return;
	entry->refusal = *refusal;
	entry->refused_nano = nano;
}

static int
hold(struct entry *entry)
{
	const struct ledger_refusal *refusal = &entry->refusal;
	struct run *run = entry->run;

	if (run->held_by != NULL && run->held_until_us <= refusal->opens_us)
		return SPEND_HELD;
	run->held_by = refusal->account;
	run->held_until_us = refusal->opens_us;
	run->wait.nano = entry->refused_nano;
	if (run->due_us == 0 || run->due_us > refusal->opens_us)
		run->due_us = refusal->opens_us;
	run->class = HEED_STR("budget");
	run->text =
		budget_wait_text(&run->arena, refusal->budget->label, refusal->opens_us);
	return SPEND_HELD;
}

static int
explain(const struct ledger_refusal *refusal, enum ledger_answer answer,
        const struct model *model, int64_t nano, struct heed_error *error)
{
	char most[MONEY_TEXT_SIZE], limit[MONEY_TEXT_SIZE], opens[CLOCK_TEXT_SIZE];
	const struct budget *budget = refusal->budget;

	(void)money_text(most, nano);
	(void)money_text(limit, budget->limit_nano);
	if (answer == LEDGER_NEVER)
		(void)error_set(
			error, HEED_E_LIMIT,
			"the question may cost $%s with model %.*s, which is more "
			"than the whole budget \"%.*s\" of $%s: raise its limit, or "
			"lower max_tokens",
			most, STR_ARG(model->name), STR_ARG(budget->label), limit);
	else
		(void)error_set(error, HEED_E_LIMIT,
		                "the budget \"%.*s\" of $%s does not allow the $%s that "
		                "model %.*s may cost before %s",
		                STR_ARG(budget->label), limit, most, STR_ARG(model->name),
		                clock_text(opens, refusal->opens_us).data);
	return HEED_E_LIMIT;
}

/* What the budget says instead: zero with another *model, SPEND_HELD, or HEED_E_LIMIT. */
static int
refused(struct entry *entry, enum ledger_answer answer,
        const struct ledger_refusal *refusal, int64_t nano, const struct model **model,
        struct heed_error *error)
{
	const struct budget *budget = refusal->budget;
	struct engine *engine = entry->run->engine;
	const struct model *other = NULL;

	if (answer == LEDGER_FULL ||
	    (answer == LEDGER_SPENT && budget->then.kind != BUDGET_DEAD_LETTER))
		note(entry, refusal, nano);
	if (answer != LEDGER_FULL && budget->then.kind == BUDGET_MODEL &&
	    entry->hops++ < HOPS_MAX)
		other = engine->options.model(engine->options.arg, budget->then.model);
	if (other != NULL && other != *model) {
		*model = other;
		return 0;
	}
	return entry->refusal.account != NULL
	               ? hold(entry)
	               : explain(refusal, answer, *model, nano, error);
}

/* ---- before, at and after the call ------------------------------------------------- */

int
spend_choose(struct entry *entry, const struct model **model, struct heed_error *error)
{
	struct engine *engine = entry->run->engine;
	struct ledger_refusal refusal;

	if (ledger_n(engine->ledger) == 0)
		return 0;
	for (;;) {
		struct budget_call call = call_of(entry->run, (*model)->name);
		int64_t nano = most_of(entry, *model);
		enum ledger_answer answer =
			ledger_ask(engine->ledger, &call, nano, &refusal);

		if (answer == LEDGER_FITS)
			return 0;
		HEED_TRY(refused(entry, answer, &refusal, nano, model, error));
	}
}

int
spend_reserve(struct entry *entry, const struct model **model, struct heed_error *error)
{
	struct run *run = entry->run;
	struct ledger *ledger = run->engine->ledger;
	const struct model *asked = ticket_model(entry->ticket);
	struct heed_str name = arena_str(&run->arena, asked->name);
	struct budget_call call = call_of(run, name);
	struct ledger_refusal refusal;
	enum ledger_answer answer;
	int64_t nano = 0;

	if (name.data == NULL) {
		ask_cancel(entry);
		return error_nomem(error);
	}
	if (!ticket_free_of_charge(entry->ticket))
		nano = most_of(entry, asked);
	answer = ledger_ask(ledger, &call, nano, &refusal);
	if (answer != LEDGER_FITS) {
		ask_cancel(entry);
		HEED_TRY(refused(entry, answer, &refusal, nano, model, error));
		return SPEND_OTHER;
	}
	entry->asked = name;
	entry->model = arena_str(&run->arena, model_label(asked));
	entry->at_us = ledger_now_us(ledger);
	entry->reserved_nano = nano;
	ledger_reserve(ledger, &call, entry->at_us, nano);
	return 0;
}

static void
settle(struct entry *entry, int64_t cost_nano)
{
	struct budget_call call = call_of(entry->run, entry->asked);

	ledger_settle(entry->run->engine->ledger, &call, entry->at_us,
	              entry->reserved_nano, cost_nano);
}

void
spend_settle(struct entry *entry, const struct model_reply *reply)
{
	if (reply->code != 0 && reply->usage.estimated) {
		/* Sent, but no reply: it may be billed. */
		settle(entry, entry->reserved_nano);
		return;
	}
	entry->usage = reply->usage;
	entry->cost_nano = reply->cost_nano;
	settle(entry, reply->cost_nano);
	entry->reserved_nano = 0;
}

void
spend_drop(struct entry *entry)
{
	bool called = !entry->todo;

	if (entry->asked.len == 0)
		return;
	settle(entry, called ? entry->reserved_nano : 0);
	if (!called)
		entry->reserved_nano = 0;
}

/* ---- waiting ----------------------------------------------------------------------- */

static void
let_go(void *arg)
{
	struct run *run = arg;

	run->due_us = 0;
	run_set_state(run, RUN_READY);
}

bool
spend_wait(struct run *run)
{
	if (run->held_by == NULL)
		return false;
	run->wait.wake = let_go;
	run->wait.arg = run;
	ledger_wait(run->held_by, &run->wait);
	run->held_by = NULL;
	return run->due_us >= run->held_until_us;
}

/* ---- the list of budgets ----------------------------------------------------------- */

static int
add_usage(void *arg, const struct store_usage *usage)
{
	struct budget_call call = {
		.type = usage->type,
		.flow = usage->flow,
		.name = usage->name,
		.model = usage->asked,
	};

	ledger_history(arg, &call, usage->at_us, usage->cost_nano + usage->reserved_nano,
	               0);
	return 0;
}

/* In a running engine: what is reserved, and what the store may not have yet (a reply
 * that is being written may count twice, which errs on the safe side). */
static void
add_runs(struct engine *engine)
{
	const struct entry *entry;
	const struct run *run;

	TAILQ_FOREACH (run, &engine->all, all)
		TAILQ_FOREACH (entry, &run->entries, link) {
			struct budget_call call = call_of(run, entry->asked);

			if (entry->kind != ENTRY_ASK || entry->asked.len == 0)
				continue;
			if (entry->state == ENTRY_INTENDED)
				ledger_history(engine->ledger, &call, entry->at_us, 0,
				               entry->reserved_nano);
			else if (entry->dirty || entry->writing)
				ledger_history(engine->ledger, &call, entry->at_us,
				               entry->cost_nano + entry->reserved_nano,
				               0);
		}
}

int
engine_set_budgets(struct engine *engine, const struct budget *budgets, size_t n,
                   struct heed_error *error)
{
	struct ledger *ledger = engine->ledger;
	int64_t since;
	int r = 0;

	if (ledger_set(ledger, budgets, n) < 0)
		return error_nomem(error);
	since = ledger_since_us(ledger);
	if (since != INT64_MAX)
		r = store_read_usage(engine->options.store, since, 0, add_usage, ledger,
		                     error);
	if (r == 0 && engine->started)
		add_runs(engine);
	else if (r == 0 && since != INT64_MAX)
		r = store_read_open_asks(engine->options.store, add_usage, ledger, error);
	ledger_ready(ledger);
	return r;
}

struct ledger *
engine_ledger(const struct engine *engine)
{
	return engine->ledger;
}
