/*
 * ledger.c - see ledger.h.
 *
 * Who waits is let go by a timer, so that never from inside a caller's call: soon after
 * room was made, for as many as the room is enough for; then once a second while there is
 * room that nobody took (who was let go may have had no use for it); and at the end of
 * the period. Someone who needs less may overtake: nobody is held up by a call that is
 * too large for what is left.
 */
#include "engine/ledger.h"

#include <string.h>

#include "base/mem.h"
#include "base/str.h"

#define SOON_MS 10
#define LOOK_MS 1000
#define FAR_MS 60000 /* at most between two looks at the wall clock */

TAILQ_HEAD(wait_list, ledger_wait);

struct account {
	struct ledger *ledger;
	struct budget budget; /* its texts are the owner's */
	int64_t start_us, end_us;
	int64_t spent_nano, reserved_nano;
	bool warned, closed, is_new;
	struct wait_list waits, going;
	size_t n_waits;
	int64_t least_nano; /* that anyone waits for, at most */
	int64_t most_nano;  /* that anyone hopes for soon, at least */
};

struct ledger {
	struct loop *loop;
	ledger_notice_fn *notice;
	void *arg;
	struct account **accounts;
	size_t n;
	int64_t now_us;
	struct loop_timer timer;
};

/* ---- accounts ---------------------------------------------------------------------- */

int64_t
ledger_now_us(struct ledger *ledger)
{
	int64_t now = loop_wall_us(ledger->loop);

	if (now > ledger->now_us)
		ledger->now_us = now;
	return ledger->now_us;
}

/* Begin the next period when this one is over. */
static void
roll(struct account *account)
{
	int64_t now = ledger_now_us(account->ledger);

	if (now < account->end_us)
		return;
	budget_period(&account->budget, now, &account->start_us, &account->end_us);
	account->spent_nano = account->reserved_nano = 0;
	account->warned = account->closed = false;
}

static int64_t
room(const struct account *account)
{
	return account->budget.limit_nano - account->spent_nano - account->reserved_nano;
}

/* What is left, should all that is reserved turn out to cost nothing. */
static int64_t
unspent(const struct account *account)
{
	return account->budget.limit_nano - account->spent_nano;
}

static bool
counts(const struct account *account, const struct budget_call *call, int64_t at_us)
{
	return at_us >= account->start_us && at_us < account->end_us &&
	       budget_covers(&account->budget, call);
}

static void
look_at(const struct account *account, struct ledger_view *ret_view)
{
	*ret_view = (struct ledger_view){
		.budget = &account->budget,
		.start_us = account->start_us,
		.end_us = account->end_us,
		.spent_nano = account->spent_nano,
		.reserved_nano = account->reserved_nano,
		.waiting = account->n_waits,
	};
}

static void
tell(struct account *account, enum ledger_notice notice, bool *told)
{
	struct ledger *ledger = account->ledger;
	struct ledger_view view;

	if (*told || ledger->notice == NULL)
		return;
	*told = true;
	look_at(account, &view);
	ledger->notice(ledger->arg, notice, &view);
}

static void
warn(struct account *account)
{
	const struct budget *budget = &account->budget;

	if (budget->warn_at > 0 && account->spent_nano > 0 && !account->is_new &&
	    (double)account->spent_nano >= budget->warn_at * (double)budget->limit_nano)
		tell(account, LEDGER_WARNING, &account->warned);
}

/* ---- waiting ----------------------------------------------------------------------- */

static void
look_in(struct ledger *ledger, int64_t delay_ms)
{
	int64_t at_ms = loop_steady_ms(ledger->loop) + delay_ms;

	if (ledger->timer.slot == 0 || ledger->timer.at_ms > at_ms)
		loop_timer_set(ledger->loop, &ledger->timer, delay_ms);
}

void
ledger_wait(struct account *account, struct ledger_wait *wait)
{
	if (account->n_waits == 0) {
		account->least_nano = INT64_MAX;
		account->most_nano = 0;
	}
	if (wait->nano < account->least_nano)
		account->least_nano = wait->nano;
	wait->soon = wait->nano <= unspent(account);
	if (wait->soon && wait->nano > account->most_nano)
		account->most_nano = wait->nano;
	wait->account = account;
	TAILQ_INSERT_TAIL(&account->waits, wait, link);
	account->n_waits++;
	look_in(account->ledger, SOON_MS);
}

void
ledger_leave(struct ledger_wait *wait)
{
	struct account *account = wait->account;

	if (account == NULL)
		return;
	if (wait->going) {
		TAILQ_REMOVE(&account->going, wait, link);
	} else {
		TAILQ_REMOVE(&account->waits, wait, link);
		account->n_waits--;
	}
	wait->account = NULL;
	wait->going = false;
}

static void
let_go(struct ledger_wait *wait)
{
	struct account *account = wait->account;

	TAILQ_REMOVE(&account->waits, wait, link);
	account->n_waits--;
	TAILQ_INSERT_TAIL(&account->going, wait, link);
	wait->going = true;
}

/* They may wait again at once. */
static void
wake_all(struct account *account)
{
	struct ledger_wait *wait;

	while ((wait = TAILQ_FIRST(&account->going)) != NULL) {
		ledger_leave(wait);
		wait->wake(wait->arg);
	}
}

/* Is there anyone to let go? */
static bool
is_worth_a_look(const struct account *account)
{
	return account->n_waits > 0 && (room(account) >= account->least_nano ||
	                                unspent(account) < account->most_nano);
}

/* As many as there is room for, the first first; and whose hope is gone. */
static void
let_go_some(struct account *account)
{
	int64_t left = room(account);
	int64_t least = INT64_MAX, most = 0;
	struct ledger_wait *wait, *next;

	if (!is_worth_a_look(account))
		return;
	for (wait = TAILQ_FIRST(&account->waits); wait != NULL; wait = next) {
		next = TAILQ_NEXT(wait, link);
		if (wait->nano <= left) {
			left -= wait->nano;
			let_go(wait);
			continue;
		}
		if (wait->soon && wait->nano > unspent(account)) {
			let_go(wait);
			continue;
		}
		least = wait->nano < least ? wait->nano : least;
		most = wait->soon && wait->nano > most ? wait->nano : most;
	}
	account->least_nano = least;
	account->most_nano = most;
	wake_all(account);
}

/* When this account is worth another look. */
static int64_t
next_look_ms(struct account *account)
{
	int64_t left_us = account->end_us - ledger_now_us(account->ledger);

	if (is_worth_a_look(account))
		return LOOK_MS;
	return left_us < FAR_MS * 1000 ? left_us / 1000 + 1 : FAR_MS;
}

static void
look(void *arg)
{
	struct ledger *ledger = arg;
	size_t i;

	for (i = 0; i < ledger->n; i++) {
		struct account *account = ledger->accounts[i];

		roll(account);
		let_go_some(account);
		if (account->n_waits > 0)
			look_in(ledger, next_look_ms(account));
	}
}

/* ---- asking, reserving, settling --------------------------------------------------- */

static enum ledger_answer
ask_account(struct account *account, int64_t nano)
{
	roll(account);
	if (nano > account->budget.limit_nano)
		return LEDGER_NEVER;
	if (nano > unspent(account))
		return LEDGER_SPENT;
	return nano > room(account) ? LEDGER_FULL : LEDGER_FITS;
}

enum ledger_answer
ledger_ask(struct ledger *ledger, const struct budget_call *call, int64_t nano,
           struct ledger_refusal *ret_refusal)
{
	enum ledger_answer gravest = LEDGER_FITS;
	size_t i;

	if (nano <= 0)
		return LEDGER_FITS;
	for (i = 0; i < ledger->n; i++) {
		struct account *account = ledger->accounts[i];
		enum ledger_answer answer;

		if (!budget_covers(&account->budget, call))
			continue;
		answer = ask_account(account, nano);
		if (answer == LEDGER_SPENT)
			tell(account, LEDGER_CLOSED, &account->closed);
		if (answer <= gravest)
			continue;
		gravest = answer;
		*ret_refusal = (struct ledger_refusal){
			.account = account,
			.budget = &account->budget,
			.opens_us = account->end_us,
		};
	}
	return gravest;
}

void
ledger_reserve(struct ledger *ledger, const struct budget_call *call, int64_t at_us,
               int64_t nano)
{
	size_t i;

	for (i = 0; i < ledger->n; i++)
		if (counts(ledger->accounts[i], call, at_us))
			ledger->accounts[i]->reserved_nano += nano;
}

void
ledger_settle(struct ledger *ledger, const struct budget_call *call, int64_t at_us,
              int64_t reserved_nano, int64_t cost_nano)
{
	size_t i;

	for (i = 0; i < ledger->n; i++) {
		struct account *account = ledger->accounts[i];

		roll(account);
		if (!counts(account, call, at_us))
			continue;
		account->reserved_nano -= reserved_nano;
		account->spent_nano += cost_nano;
		warn(account);
		if (is_worth_a_look(account))
			look_in(ledger, SOON_MS);
	}
}

/* ---- the list of budgets ----------------------------------------------------------- */

static struct account *
account_new(struct ledger *ledger, const struct budget *budget)
{
	struct account *account = mem_new(sizeof(*account));

	if (account == NULL)
		return NULL;
	account->ledger = ledger;
	account->budget = *budget;
	account->is_new = true;
	TAILQ_INIT(&account->waits);
	TAILQ_INIT(&account->going);
	budget_period(budget, ledger_now_us(ledger), &account->start_us,
	              &account->end_us);
	return account;
}

static void
account_free(struct account *account)
{
	struct ledger_wait *wait;

	if (account == NULL)
		return;
	while ((wait = TAILQ_FIRST(&account->waits)) != NULL)
		let_go(wait);
	wake_all(account);
	mem_free(account);
}

/* The account that counted the same calls over the same periods. */
static struct account **
find_same(struct ledger *ledger, const struct budget *budget)
{
	size_t i;

	for (i = 0; i < ledger->n; i++) {
		struct account *account = ledger->accounts[i];

		if (account != NULL && str_eq(account->budget.label, budget->label) &&
		    str_eq(account->budget.timezone, budget->timezone))
			return &ledger->accounts[i];
	}
	return NULL;
}

/* Go on with an account under the budget as it is now. */
static void
take_over(struct account *account, const struct budget *budget)
{
	if (account->budget.limit_nano != budget->limit_nano)
		account->warned = account->closed = false;
	account->budget = *budget;
}

/* What is needed is there before anything changes. */
int
ledger_set(struct ledger *ledger, const struct budget *budgets, size_t n)
{
	struct account **accounts = mem_new((n + 1) * sizeof(struct account *));
	struct account **old;
	size_t n_old;
	size_t i;

	for (i = 0; accounts != NULL && i < n; i++) {
		accounts[i] = account_new(ledger, &budgets[i]);
		if (accounts[i] != NULL)
			continue;
		while (i-- > 0)
			account_free(accounts[i]);
		mem_free(accounts);
		accounts = NULL;
	}
	if (accounts == NULL)
		return HEED_E_NOMEM;
	for (i = 0; i < n; i++) {
		struct account **same = find_same(ledger, &budgets[i]);

		if (same == NULL)
			continue;
		account_free(accounts[i]);
		accounts[i] = *same;
		*same = NULL;
		take_over(accounts[i], &budgets[i]);
	}
	old = ledger->accounts;
	n_old = ledger->n;
	ledger->accounts = accounts;
	ledger->n = n;
	for (i = 0; i < n_old; i++)
		account_free(old[i]);
	mem_free(old);
	look_in(ledger, 0);
	return 0;
}

int64_t
ledger_since_us(const struct ledger *ledger)
{
	int64_t since = INT64_MAX;
	size_t i;

	for (i = 0; i < ledger->n; i++)
		if (ledger->accounts[i]->is_new && ledger->accounts[i]->start_us < since)
			since = ledger->accounts[i]->start_us;
	return since;
}

void
ledger_history(struct ledger *ledger, const struct budget_call *call, int64_t at_us,
               int64_t spent_nano, int64_t reserved_nano)
{
	size_t i;

	for (i = 0; i < ledger->n; i++) {
		struct account *account = ledger->accounts[i];

		if (!account->is_new || !counts(account, call, at_us))
			continue;
		account->spent_nano += spent_nano;
		account->reserved_nano += reserved_nano;
	}
}

void
ledger_ready(struct ledger *ledger)
{
	size_t i;

	for (i = 0; i < ledger->n; i++) {
		ledger->accounts[i]->is_new = false;
		warn(ledger->accounts[i]);
	}
}

int
ledger_new(struct loop *loop, ledger_notice_fn *notice, void *arg,
           struct ledger **ret_ledger)
{
	struct ledger *ledger = mem_new(sizeof(*ledger));

	if (ledger == NULL || loop_timers_reserve(loop, 1) != 0) {
		mem_free(ledger);
		return HEED_E_NOMEM;
	}
	ledger->loop = loop;
	ledger->notice = notice;
	ledger->arg = arg;
	loop_timer_init(&ledger->timer, look, ledger);
	*ret_ledger = ledger;
	return 0;
}

void
ledger_free(struct ledger *ledger)
{
	size_t i;

	if (ledger == NULL)
		return;
	loop_timer_clear(ledger->loop, &ledger->timer);
	for (i = 0; i < ledger->n; i++)
		account_free(ledger->accounts[i]);
	mem_free(ledger->accounts);
	mem_free(ledger);
}

/* ---- looking ----------------------------------------------------------------------- */

size_t
ledger_n(const struct ledger *ledger)
{
	return ledger->n;
}

void
ledger_view(struct ledger *ledger, size_t i, struct ledger_view *ret_view)
{
	roll(ledger->accounts[i]);
	look_at(ledger->accounts[i], ret_view);
}
