/*
 * test_engine_faults.c - one scenario, cut off at every commit, with every commit failing
 * once, and with allocations failing: what is there at the end is what an undisturbed run
 * leaves.
 *
 * The picture is everything that may be seen from outside and may not depend on when a
 * failure came: events, ends of runs, rows of the user's table, effects. Unkeyed effects
 * without a probe are apart: a run that was cut off within one is held, and goes on as a
 * person says.
 */
#include "engine_kit.h"

static const char config[] =
	"heed: 1\n"
	"models:\n"
	"  m: {provider: openai, endpoint: \"http://model.test/v1\", model: m,\n"
	"      api_key: k, price: {input: 1, output: 2}}\n"
	"reactions:\n"
	"  judge:\n"
	"    on: asked\n"
	"    key: .event.data.key\n"
	"    ask:\n"
	"      model: m\n"
	"      prompt: \"{{ .event.data.say }}\"\n"
	"      retry: {attempts: 3, delay: 1s}\n"
	"      answer: {type: object, required: [word],\n"
	"               properties: {word: {type: string}}}\n"
	"    then:\n"
	"      - http: {url: \"http://api.test/keyed/{{ .event.id }}\"}\n"
	"      - sql: {statement: \"insert into ledger values(:id, :word)\",\n"
	"              values: \"{id: .event.id, word: .answer.word}\"}\n"
	"      - emit: {type: answered, subject: \"{{ .event.id }}\", data: .answer}\n"
	"  probed:\n"
	"    on: answered\n"
	"    then:\n"
	"      - http: {keyed: false, url: \"http://api.test/unkeyed/{{ .event.subject "
	"}}\"}\n"
	"        probe: {http: {url: \"http://api.test/probe/{{ .event.subject }}\"}}\n"
	"        done: .result.body.times > 0\n"
	"      - emit: {type: probed, subject: \"{{ .event.subject }}\"}\n"
	"  bare:\n"
	"    on: answered\n"
	"    then:\n"
	"      - http: {keyed: false, url: \"http://api.test/bare/{{ .event.subject "
	"}}\"}\n"
	"  tell:\n"
	"    on: heed.dead_letter\n"
	"    when: .event.data.class != \"unknown\"\n"
	"    then:\n"
	"      - emit: {type: told, data: \"{class: .event.data.class}\"}\n";

static const char *const events[] = {
	"{\"id\":\"1\",\"type\":\"asked\",\"data\":{\"key\":\"a\",\"say\":\"hello\"}}",
	"{\"id\":\"2\",\"type\":\"asked\",\"data\":{\"key\":\"a\",\"say\":\"flaky\"}}",
	"{\"id\":\"3\",\"type\":\"asked\",\"data\":{\"key\":\"b\",\"say\":\"garbage\"}}",
	"{\"id\":\"4\",\"type\":\"asked\",\"data\":{\"key\":\"b\",\"say\":\"wrong\"}}",
	"{\"id\":\"5\",\"type\":\"asked\",\"data\":{\"key\":\"c\",\"say\":\"x\"}}",
	"{\"id\":\"6\",\"type\":\"unheard\"}",
};
#define N_EVENTS (sizeof(events) / sizeof(events[0]))

static char path[96];
static char where[128];

/* A store that has the user's table. */
static void
fresh_store(void)
{
	static char bytes[1 << 20];
	static size_t n;
	struct stage stage;
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/faults.db", folder);
	(void)snprintf(where, sizeof(where), "fault:sqlite:%s", path);
	remove_store(path);
	memset(&world, 0, sizeof(world));
	if (n == 0) {
		stage_open(&stage, config, where);
		assert_rows(path, "create table ledger(id text, word text)", "");
		stage_close(&stage);
		file = fopen(path, "rb");
		assert_non_null(file);
		n = fread(bytes, 1, sizeof(bytes), file);
		(void)fclose(file);
		return;
	}
	file = fopen(path, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, n, file), n);
	assert_int_equal(fclose(file), 0);
}

/* ---- sending as an upstream does: again until it is acknowledged ------------------- */

static struct outcome outcomes[N_EVENTS];

static bool
is_taken(size_t i)
{
	return outcomes[i].done && outcomes[i].delivery.code == 0;
}

static void
send_missing(struct stage *stage)
{
	for (size_t i = 0; i < N_EVENTS; i++) {
		if (is_taken(i))
			continue;
		outcomes[i] = (struct outcome){0};
		(void)stage_offer(stage, events[i], &outcomes[i]);
		loop_turn(stage->loop);
	}
}

static void
settle(struct stage *stage)
{
	for (int rounds = 0; rounds < 100; rounds++) {
		size_t taken = 0;

		send_missing(stage);
		assert_true(stage_settle(stage));
		for (size_t i = 0; i < N_EVENTS; i++)
			taken += is_taken(i);
		if (taken == N_EVENTS)
			return;
		stage_run(stage, 1000);
	}
	fail_msg("%s", "an event is never taken");
}

/* ---- the picture ------------------------------------------------------------------- */

static const char *const looks[] = {
	"select type, json_extract(body, '$.subject'),"
	" json_remove(json_extract(body, '$.data'), '$.run', '$.text'), count(*) from "
	"events"
	" where coalesce(json_extract(body, '$.data.class'), '') <> 'unknown'"
	" group by 1, 2, 3",
	("select name, state, class, count(*) from runs where name <> 'bare'"
         " group by 1, 2, 3"),
	"select * from ledger order by 1, 2",
	"select count(*) from events group by source, id having count(*) > 1",
};

static void
take_picture(char *ret_picture, size_t size)
{
	size_t len = 0;

	for (size_t i = 0; i < sizeof(looks) / sizeof(looks[0]); i++) {
		ask_file(path, looks[i], ret_picture + len, size - len);
		len += strlen(ret_picture + len);
		len += (size_t)snprintf(ret_picture + len, size - len, "\n");
	}
	for (size_t i = 0; i < N_EVENTS; i++) {
		char name[64];

		(void)snprintf(name, sizeof(name), "/unkeyed/%zu", i + 1);
		len += (size_t)snprintf(ret_picture + len, size - len, "%s %d\n", name,
		                        *tally(&world.unkeyed, name));
	}
	(void)snprintf(ret_picture + len, size - len, "%zu keyed\n", world.keyed.n);
}

static char undisturbed[1 << 14];
static int undisturbed_asked;
static int64_t undisturbed_commits;
static long undisturbed_allocations;

static void
run_undisturbed(void)
{
	struct store_stats stats;
	struct stage stage;
	long before;

	if (undisturbed_commits > 0)
		return;
	fresh_store();
	fresh_store();
	memset(outcomes, 0, sizeof(outcomes));
	stage_open(&stage, config, where);
	before = mem_count();
	settle(&stage);
	undisturbed_allocations = mem_count() - before;
	take_picture(undisturbed, sizeof(undisturbed));
	store_stats(stage.store, &stats);
	undisturbed_commits = stats.committed;
	undisturbed_asked = world.asked;
	stage_close(&stage);
	assert_non_null(strstr(undisturbed, "told"));
	assert_non_null(strstr(undisturbed, "probed|5||4"));
	assert_non_null(strstr(undisturbed, "4 keyed"));
	print_message("# %lld commits, %ld allocations, %d calls\n",
	              (long long)undisturbed_commits, undisturbed_allocations,
	              undisturbed_asked);
}

static int complaints; /* so that one run shows all points that are wrong */

#define complain(...)                                                                    \
	do {                                                                             \
		print_error(__VA_ARGS__);                                                \
		print_error("\n# ");                                                     \
		complaints++;                                                            \
	} while (0)

/* What was cut off within a bare effect is held; a person looks, says so, and it goes on.
 * None was done twice. */
static void
release_held(struct stage *stage, const char *what, long n)
{
	static char held[1 << 12];
	char *at = held;
	char *word;

	ask_file(path,
	         "select r.id || ' ' || e.subject from runs r"
	         " join events e on e.seq = r.event_seq"
	         " where r.name = 'bare' and r.state = 4",
	         held, sizeof(held));
	while ((word = strtok_r(at, ";", &at)) != NULL) {
		char name[64];
		bool happened;

		(void)snprintf(name, sizeof(name), "/bare/%s", strchr(word, ' ') + 1);
		happened = *tally(&world.unkeyed, name) > 0;
		stage_redrive(stage, strtoll(word, NULL, 10),
		              happened ? REDRIVE_DONE : REDRIVE_REPEAT);
	}
	if (!stage_settle(stage)) {
		ask_file(path, "select id, name, state, class, text from runs", held,
		         sizeof(held));
		fail_msg("%s at %ld: never settled: %s", what, n, held);
	}
	for (size_t i = 0; i < N_EVENTS; i++) {
		char name[64];

		(void)snprintf(name, sizeof(name), "/bare/%zu", i + 1);
		if (*tally(&world.unkeyed, name) != (i == 3 || i == 5 ? 0 : 1))
			complain("%s at %ld: %s was done %d times", what, n, name,
			         *tally(&world.unkeyed, name));
	}
	ask_file(path,
	         "select state, class, text, count(*) from runs where name = 'bare'"
	         " group by 1, 2, 3",
	         held, sizeof(held));
	if (strcmp(held, "5|||4;") != 0)
		complain("%s at %ld: bare runs: %s", what, n, held);
}

static void
compare(struct stage *stage, const char *what, long n)
{
	static char picture[1 << 14];
	char cut_off[32];

	release_held(stage, what, n);
	take_picture(picture, sizeof(picture));
	if (strcmp(picture, undisturbed) != 0)
		complain("%s at %ld:\n%s\nundisturbed:\n%s", what, n, picture,
		         undisturbed);
	ask_file(path,
	         "select count(*) from journal where kind = 0"
	         " and (class = 'cut_off' or detail like '%memory%')",
	         cut_off, sizeof(cut_off));
	/* Asked twice only when the first reply did not reach the disk, and counted. */
	if (world.asked < undisturbed_asked ||
	    world.asked > undisturbed_asked + strtoll(cut_off, NULL, 10)) {
		ask_file(path,
		         "select run_id, n, state, class, detail, reply from journal"
		         " where kind = 0",
		         picture, sizeof(picture));
		complain("%s at %ld: %d calls, of which %s cut off: %s", what, n,
		         world.asked, cut_off, picture);
	}
}

/* ---- faults ------------------------------------------------------------------------ */

static void
cut(enum store_fault fault, const char *what)
{
	run_undisturbed();
	for (int64_t n = 1; n <= undisturbed_commits; n++) {
		struct store_stats stats = {0};
		struct stage stage;

		fresh_store();
		memset(outcomes, 0, sizeof(outcomes));
		stage_open(&stage, config, where);
		store_fault(stage.store, fault, n);
		send_missing(&stage);
		while (stats.failed == 0) {
			stage_run(&stage, 10);
			store_stats(stage.store, &stats);
		}
		stage_run(&stage, 3000);
		stage_close(&stage);
		stage_open(&stage, config, where);
		settle(&stage);
		compare(&stage, what, (long)n);
		stage_close(&stage);
	}
	assert_int_equal(complaints, 0);
}

static void
test_cut_before_every_commit(void **state)
{
	cut(STORE_FAULT_CUT, "cut before commit");
}

static void
test_cut_behind_every_commit(void **state)
{
	cut(STORE_FAULT_CUT_BEHIND, "cut behind commit");
}

/* No restart: it goes on by itself, and asks no model once more. */
static void
fail_commits(enum store_fault fault, const char *what)
{
	run_undisturbed();
	for (int64_t n = 1; n <= undisturbed_commits; n++) {
		struct stage stage;

		fresh_store();
		memset(outcomes, 0, sizeof(outcomes));
		stage_open(&stage, config, where);
		store_fault(stage.store, fault, n);
		send_missing(&stage);
		stage_run(&stage, 5000);
		store_fault(stage.store, STORE_FAULT_NONE, 0);
		settle(&stage);
		compare(&stage, what, (long)n);
		if (world.asked != undisturbed_asked)
			complain("%s at %ld: %d calls", what, (long)n, world.asked);
		stage_close(&stage);
	}
	assert_int_equal(complaints, 0);
}

static void
test_every_commit_fails_once(void **state)
{
	fail_commits(STORE_FAULT_FAIL, "failing commit");
}

static void
test_full_from_every_commit_on(void **state)
{
	fail_commits(STORE_FAULT_FULL, "full from commit");
}

/* ---- memory ------------------------------------------------------------------------ */

/* Every nth allocation in a torture run; some of them, other ones each time, otherwise.
 */
static long
next_allocation(long n)
{
	const char *all = getenv("HEED_TORTURE");

	return n + (all != NULL ? 1 : 1 + random() % (undisturbed_allocations / 30));
}

static void
fail_allocations(int sticky, const char *what)
{
	long n;

	run_undisturbed();
	for (n = next_allocation(0); n < undisturbed_allocations;
	     n = next_allocation(n)) {
		struct stage stage;

		fresh_store();
		memset(outcomes, 0, sizeof(outcomes));
		stage_open(&stage, config, where);
		mem_fail_after(n, sticky);
		send_missing(&stage);
		stage_run(&stage, 5000);
		mem_fail_after(-1, 0);
		settle(&stage);
		compare(&stage, what, n);
		stage_close(&stage);
	}
	assert_int_equal(complaints, 0);
}

static void
test_an_allocation_fails(void **state)
{
	fail_allocations(0, "failing allocation");
}

static void
test_no_memory_for_a_while(void **state)
{
	fail_allocations(1, "no memory from allocation");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cut_before_every_commit),
		cmocka_unit_test(test_cut_behind_every_commit),
		cmocka_unit_test(test_every_commit_fails_once),
		cmocka_unit_test(test_full_from_every_commit_on),
		cmocka_unit_test(test_an_allocation_fails),
		cmocka_unit_test(test_no_memory_for_a_while),
	};
	unsigned seed = (unsigned)time(NULL);

	if (getenv("HEED_SEED") != NULL)
		seed = (unsigned)strtoul(getenv("HEED_SEED"), NULL, 10);
	print_message("# HEED_SEED=%u\n", seed);
	srandom(seed);
	return cmocka_run_group_tests_name("engine_faults", tests, make_folder,
	                                   remove_folder);
}
