/*
 * test_saga_random.c - random sagas in a hostile world, and what has to hold all the
 * same.
 *
 * A seed makes a configuration (steps of all kinds, in order or guided, with bounds), a
 * service that refuses, fails, hangs and loses answers, a model that answers with prose,
 * unknown steps, wrong inputs or nothing, people who approve, reject and cancel, events
 * that come early, late and never, and ends of the process at any commit. When the world
 * has calmed down every saga comes to an end, and then the service's memory and the store
 * are compared with what is promised:
 *
 *	- no step was carried out that was not offered, and none was offered too early
 *	- each completed step with an undo was undone once, in reverse, or the saga is done
 *	- nothing was done after compensation began
 *	- no effect was applied twice
 *	- bounds on steps, repeats and cost held
 *
 * HEED_SEED repeats one run, HEED_SAGA_ROUNDS sets how many.
 */
#include "saga_world.h"

/* ---- the world goes on ------------------------------------------------------------- */

static struct stage stage;
static char path[96], where[128];
static int n_orders;

static void
turn(void)
{
	int i;

	for (i = 0; i < 10; i++)
		loop_turn(stage.loop);
}

static void
pass_time(int64_t ms)
{
	loop_advance(stage.loop, ms);
	turn();
}

static void
open_stage(void)
{
	stage_open(&stage, plan.text, where);
	turn();
}

static void
kill_process(void)
{
	int i;

	/* With a cut on the way, or just so. */
	if (chance(60)) {
		store_fault(stage.store,
		            chance(50) ? STORE_FAULT_CUT : STORE_FAULT_CUT_BEHIND,
		            1 + draw(4));
		for (i = 0; i < 20; i++)
			pass_time(50);
	}
	stage_wall_us = loop_wall_us(stage.loop) + 1000 * (int64_t)draw(100000);
	stage_close(&stage);
	open_stage();
}

static void
send(const char *type, const char *id, int order)
{
	struct outcome outcome = {0};
	char text[200];

	(void)snprintf(text, sizeof(text),
	               "{\"id\":\"%s%d\",\"type\":\"%s\",\"subject\":\"order%d\","
	               "\"data\":{}}",
	               id, order, type, order);
	(void)stage_offer(&stage, text, &outcome);
	turn();
}

struct pending {
	int64_t runs[64];
	char steps[64][24];
	size_t n;
};

static int
find_pending_entry(void *arg, const struct store_entry *entry)
{
	struct pending *pending = arg;

	if (entry->kind != ENTRY_WAIT || entry->state != ENTRY_INTENDED ||
	    pending->n == 64 ||
	    str_search(entry->request, HEED_STR("signal")) == entry->request.len)
		return 0;
	pending->runs[pending->n] = entry->run_id;
	(void)snprintf(pending->steps[pending->n++], sizeof(pending->steps[0]), "%.*s",
	               STR_ARG(entry->step));
	return 0;
}

static int
find_pending(void *arg, const struct store_run *run, const struct store_event *event)
{
	return store_read_journal(stage.store, run->id, find_pending_entry, arg, NULL);
}

static void
told(void *arg, int code)
{
	(void)arg;
	(void)code;
}

static void
decide(bool approve)
{
	struct store_filter filter = {.states = "ready,active,waiting"};
	struct pending pending = {.n = 0};
	struct json_build build;
	struct heed_json value;
	struct arena arena;
	size_t i;

	(void)store_read_runs(stage.store, &filter, find_pending, &pending, NULL);
	arena_init(&arena, 0);
	json_object(&build, &arena);
	json_set_cstr(&build, "decision", json_cstr(approve ? "approve" : "reject"));
	json_set_cstr(&build, "by", json_cstr("boss"));
	assert_int_equal(json_build_end(&build, &value), 0);
	for (i = 0; i < pending.n; i++)
		(void)engine_signal(stage.engine, pending.runs[i],
		                    str_of(pending.steps[i]), value, told, NULL, NULL);
	arena_done(&arena);
	turn();
}

static int
redrive_one(void *arg, const struct store_run *run, const struct store_event *event)
{
	int64_t *ids = arg;

	ids[++ids[0]] = run->id;
	return ids[0] == 60;
}

/* Held sagas get another chance. */
static size_t
redrive_held(void)
{
	struct store_filter filter = {.states = "held"};
	int64_t ids[62] = {0};
	struct redrive what = {.verb = REDRIVE_RETRY, .runs = ids + 1};

	(void)store_read_runs(stage.store, &filter, redrive_one, ids, NULL);
	what.n_runs = (size_t)ids[0];
	if (ids[0] > 0)
		(void)engine_redrive(stage.engine, &what, ids[0], NULL, NULL, NULL);
	turn();
	return (size_t)ids[0];
}

static void
cancel_one(void)
{
	(void)engine_signal(stage.engine, 1 + draw(12), HEED_STR("cancel"), json_null(),
	                    told, NULL, NULL);
	turn();
}

/* Time passes, and memory is short once, or from then on. */
static void
run_short_of_memory(void)
{
	mem_fail_after((long)draw(400), chance(20));
	pass_time(1 + draw(500));
	mem_fail_after(-1, 0);
}

static void
something_happens(void)
{
	uint32_t what = draw(100);

	if (what < 12 && n_orders < ORDERS_MAX)
		send("order", "order", n_orders++);
	else if (what < 24)
		send("poke", "poke", (int)draw(ORDERS_MAX));
	else if (what < 34)
		decide(chance(60));
	else if (what < 38)
		cancel_one();
	else if (what < 44)
		(void)redrive_held();
	else if (what < 52)
		kill_process();
	else if (what < 60)
		run_short_of_memory();
	else
		pass_time(1 + draw(chance(20) ? 3600000 : 3000));
}

static int64_t
unfinished(void)
{
	struct store_counts counts;

	assert_int_equal(store_read_counts(stage.store, &counts, NULL), 0);
	return counts.runs[RUN_READY] + counts.runs[RUN_ACTIVE] +
	       counts.runs[RUN_WAITING];
}

/* All goes well from now on; everything comes to an end. */
static void
calm_down(void)
{
	int i;

	service.calm = true;
	for (i = 0; i < 4000; i++) {
		if (redrive_held() == 0 && unfinished() == 0)
			return;
		decide(true);
		pass_time(i < 300 ? 500 : 60000);
	}
	fail_msg("sagas that do not end; HEED_SEED=%llu", (unsigned long long)seed);
}

/* ---- what has to hold -------------------------------------------------------------- */

static char rows[1 << 18];

#define PROMISE(sql, what)                                                               \
	do {                                                                             \
		ask_file(path, sql, rows, sizeof(rows));                                 \
		if (rows[0] != '\0')                                                     \
			fail_msg("%s: %s; HEED_SEED=%llu\n%s", what, rows,               \
			         (unsigned long long)seed, plan.text);                   \
	} while (0)

/* Executions that were undone, as (run, place of the step, place of its undo). */
#define UNDONE                                                                           \
	"with e as (select run_id, step, min(n) place from journal group by 1, 2),"      \
	" u as (select a.run_id, a.step, a.place, b.place back from e a join e b"        \
	" on b.run_id = a.run_id and b.step = a.step || '.undo') "

static void
check_store(void)
{
	PROMISE(UNDONE "select * from u a join u b on a.run_id = b.run_id and a.place < "
	               "b.place and a.back < b.back",
	        "undone in the order it was done");
	PROMISE("select j.run_id, j.step, j.n from journal j join journal c on c.run_id "
	        "= "
	        "j.run_id and c.step = 'saga.compensating' where j.n > c.n and j.kind in "
	        "(0, 1, 3, 5, 6) and j.step not like '%.undo' and (j.kind <> 0 or j.step "
	        "not like '%.recover.%')",
	        "done after compensation began");
	PROMISE("select j.run_id, j.step from journal j where j.step like '%.undo' and "
	        "not exists (select 1 from journal c where c.run_id = j.run_id and "
	        "c.step "
	        "= 'saga.compensating')",
	        "undone without compensation");
	PROMISE("select run_id, step, count(*) from journal where kind = 1 and state = 1 "
	        "group by 1, 2 having count(*) > 1",
	        "done twice");
	PROMISE("select r.id from runs r where r.flow = 'saga' and (select count(*) from "
	        "events e where e.parent_run = r.id and e.type = 'saga.started') <> 1",
	        "not started once");
	PROMISE("select r.id, r.state, r.class from runs r where r.flow = 'saga' and not "
	        "exists (select 1 from events e where e.parent_run = r.id and e.type = "
	        "case when r.state = 5 and r.class = '' then 'saga.completed' when "
	        "r.state "
	        "= 5 then 'saga.compensated' else 'saga.failed' end)",
	        "an end that was not told");
	PROMISE("select r.id, j.step from runs r join journal j on j.run_id = r.id where "
	        "r.state = 5 and r.class = '' and j.step like '%.undo'",
	        "completed and undone");
}

/* A compensated saga has undone all that completed and has an undo. */
static void
check_all_undone(void)
{
	char sql[512];
	size_t i;

	for (i = 0; i < plan.n; i++) {
		if (!plan.steps[i].undo)
			continue;
		(void)snprintf(
			sql, sizeof(sql),
			"select r.id, j.step from runs r join journal j on j.run_id "
			"= r.id where r.name = 'main' and r.class = 'compensated' and "
			"j.step like 's%zu%%.completed' and not exists (select 1 from "
			"journal u where u.run_id = r.id and u.state = 1 and u.step = "
			"replace(j.step, '.completed', '.undo'))",
			i);
		PROMISE(sql, "completed and not undone");
	}
}

static void
check_guide(void)
{
	char sql[400];
	size_t i;
	size_t k;

	if (!plan.guided)
		return;
	(void)snprintf(sql, sizeof(sql),
	               "select run_id, count(*) from journal j join runs r on r.id = "
	               "j.run_id and r.name = 'main' where j.step glob "
	               "'s[0-9]*.completed' group "
	               "by 1 having count(*) > %d",
	               plan.max_steps);
	PROMISE(sql, "more steps than allowed");
	for (i = 0; i < plan.n; i++) {
		(void)snprintf(sql, sizeof(sql),
		               "select run_id, count(*) from journal where step like "
		               "'s%zu%%.completed' group by 1 having count(*) > %d",
		               i, plan.steps[i].repeatable ? plan.max_repeats : 1);
		PROMISE(sql, "repeated too often");
	}
	/* A step was offered only behind those that it comes after. */
	for (i = 0; i < plan.n; i++)
		for (k = 0; k < i; k++) {
			if ((plan.steps[i].after & 1u << k) == 0)
				continue;
			(void)snprintf(
				sql, sizeof(sql),
				"select a.run_id from journal a where a.step = "
				"'s%zu' and a.kind in (1, 5, 6) and not exists "
				"(select 1 from journal b where b.run_id = a.run_id "
				"and b.step = 's%zu.completed' and b.n < a.n)",
				i, k);
			PROMISE(sql, "taken too early");
		}
	if (plan.max_cost > 0) {
		(void)snprintf(
			sql, sizeof(sql),
			"select j.run_id, sum(j.cost_nano) from journal j join runs r on "
			"r.id = j.run_id and r.name = 'main' group by 1 having "
			"sum(j.cost_nano) > %lld",
			(long long)plan.max_cost);
		PROMISE(sql, "spent too much");
	}
}

/* Was this step ever offered to the saga of this event? */
static bool
was_offered(const char *event, int step)
{
	size_t i;

	for (i = 0; i < n_offers; i++)
		if (strcmp(offers[i].event, event) == 0 &&
		    (offers[i].steps & 1u << step) != 0)
			return true;
	return false;
}

static void
check_service(void)
{
	size_t i;
	size_t k;

	for (i = 0; i < service.n; i++) {
		const struct request_seen *seen = &service.log[i];
		int step = seen->step[1] - '0';

		if (plan.guided && strncmp(seen->event, "order", 5) == 0 &&
		    !was_offered(seen->event, step))
			fail_msg("%s was not offered; HEED_SEED=%llu", seen->step,
			         (unsigned long long)seed);
		for (k = 0; k < i; k++) {
			const struct request_seen *before = &service.log[k];
			bool same = strcmp(seen->event, before->event) == 0;

			if (same && strcmp(before->what, "undo") == 0 &&
			    strcmp(seen->what, "do") == 0)
				fail_msg("%s after an undo; HEED_SEED=%llu", seen->step,
				         (unsigned long long)seed);
			if (!plan.guided && same && seen->applied && before->applied &&
			    strcmp(before->what, seen->what) == 0 &&
			    strcmp(before->step, seen->step) == 0)
				fail_msg("%s %s applied twice; HEED_SEED=%llu",
				         seen->what, seen->step,
				         (unsigned long long)seed);
		}
	}
}

static void
one_round(void)
{
	int i;

	state = seed;
	service.calm = false;
	service.n = n_offers = 0;
	n_orders = 0;
	stage_wall_us = NOW;
	make_plan();
	(void)snprintf(path, sizeof(path), "%s/saga.db", folder);
	(void)snprintf(where, sizeof(where), "fault:sqlite:%s", path);
	remove_store(path);
	open_stage();
	for (i = 0; i < 150; i++)
		something_happens();
	calm_down();
	stage_close(&stage);
	check_store();
	check_all_undone();
	check_guide();
	check_service();
}

static void
test_random_sagas(void **test_state)
{
	const char *given = getenv("HEED_SEED");
	const char *wanted = getenv("HEED_SAGA_ROUNDS");
	int rounds = given != NULL ? 1 : wanted != NULL ? atoi(wanted) : 30;
	int i;

	(void)test_state;
	stage_models = &gateway_options;
	seed = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL) << 20;
	for (i = 0; i < rounds; i++, seed++) {
		if (wanted != NULL)
			printf("# HEED_SEED=%llu\n", (unsigned long long)seed);
		one_round();
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_sagas),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
