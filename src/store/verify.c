/*
 * verify.c - is a store right? First SQLite's own check of the file, then what heed's
 * rows promise each other: each check is a query for the rows that break it.
 */
#include "base/error.h"
#include "store/care.h"
#include "store/local.h"

#define PROBLEMS_MAX 10      /* that are told of one check */
#define PROGRESS_STEPS 20000 /* of SQLite's machine */

static const struct {
	const char *name;
	const char *sql; /* gives a text for each problem */
} checks[] = {
	{"the file is whole", "select * from pragma_integrity_check(11)"
                              " where integrity_check <> 'ok'"},
	{"every run has its event",
         "select 'run ' || id || ' is of event ' || event_seq || ', which is not there'"
         " from runs where not exists(select 1 from events where seq = event_seq)"},
	{"every run has its definition",
         "select flow || ' ' || name || ': the definition ' || definition || ' of '"
         " || count(*) || ' runs is not there' from runs where not exists"
         " (select 1 from definitions d where d.hash = definition)"
         " group by definition"},
	{"every run is in a state that there is",
         "select 'run ' || id || ' is in state ' || state from runs"
         " where state not between 1 and 7"},
	{"every journal has its run",
         "select 'the journal of run ' || run_id || ' has no run' from"
         " (select distinct run_id from journal) where not exists"
         " (select 1 from runs where id = run_id)"},
	{"no journal has gaps",
         "select 'the journal of run ' || run_id || ' has ' || count(*)"
         " || ' entries, numbered ' || min(n) || ' to ' || max(n) from journal"
         " group by run_id having count(*) <> max(n) or min(n) <> 1"},
	{"every event is what its row says",
         "select 'event ' || seq || ' is not the event ' || id || ' that its row says'"
         " from events where case when json_valid(body) then"
         " (json_extract(body, '$.id'), json_extract(body, '$.source'),"
         " json_extract(body, '$.type')) is not (id, source, type) else true end"},
	{"no stream has gaps",
         "select 'stream ' || stream || ' has ' || count(*) || ' events, numbered '"
         " || min(version) || ' to ' || max(version) from events where version > 0"
         " group by stream having count(*) <> max(version) or min(version) <> 1"},
	{"the order of all streams has no gaps",
         "select count(*) || ' events of streams stand at 1 to ' || max(position)"
         " from events where position > 0 having count(*) <> max(position)"},
	{"no snapshot is ahead of its stream",
         "select 'the snapshot of ' || stream || ' is of version ' || version"
         " from snapshots s where version > (select coalesce(max(e.version), 0)"
         " from events e where e.stream = s.stream and e.version > 0)"},
};

#define N_CHECKS (sizeof(checks) / sizeof(checks[0]))

_Static_assert(RUN_READY == 1 && RUN_DROPPED == 7, "the numbers are in these texts");

struct verifier {
	struct store *store;
	store_progress_fn *progress;
	void *arg;
	size_t done;
};

static int
tick(void *arg)
{
	struct verifier *verifier = arg;

	if (verifier->progress != NULL)
		verifier->progress(verifier->arg, (int64_t)verifier->done, N_CHECKS);
	return 0;
}

static int
run_check(struct verifier *verifier, size_t i, store_verdict_fn *verdict,
          int *ret_problems, struct heed_error *error)
{
	struct heed_str problems[PROBLEMS_MAX];
	struct store_verdict what = {.check = checks[i].name, .problems = problems};
	sqlite3 *db = verifier->store->reader;
	sqlite3_stmt *row = NULL;
	struct arena arena;
	int r;

	if (sqlite3_prepare_v2(db, checks[i].sql, -1, &row, NULL) != SQLITE_OK)
		return sqlite_error(db, error, checks[i].name);
	arena_init(&arena, 0);
	while ((r = sqlite3_step(row)) == SQLITE_ROW && !what.more) {
		what.more = what.n == PROBLEMS_MAX;
		if (!what.more)
			problems[what.n++] = arena_str(&arena, query_text(row, 0));
	}
	if (r == SQLITE_ROW || r == SQLITE_DONE) {
		*ret_problems += what.n > 0;
		verdict(verifier->arg, &what);
		r = 0;
	} else {
		r = sqlite_error(db, error, checks[i].name);
	}
	(void)sqlite3_finalize(row);
	arena_done(&arena);
	return r;
}

int
store_verify(struct store *store, store_verdict_fn *verdict, store_progress_fn *progress,
             void *arg, int *ret_problems, struct heed_error *error)
{
	struct verifier verifier = {.store = store, .progress = progress, .arg = arg};
	int problems = 0;
	int r = sqlite_run(store->reader, "begin", error, "cannot read the store");

	sqlite3_progress_handler(store->reader, PROGRESS_STEPS, tick, &verifier);
	for (; r == 0 && verifier.done < N_CHECKS; verifier.done++)
		r = run_check(&verifier, verifier.done, verdict, &problems, error);
	sqlite3_progress_handler(store->reader, 0, NULL, NULL);
	(void)sqlite3_exec(store->reader, "rollback", NULL, NULL, NULL);
	if (r == 0)
		*ret_problems = problems;
	return r;
}
