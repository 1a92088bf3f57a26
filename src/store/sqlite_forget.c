/*
 * sqlite_forget.c - what is old: found by readers, a bounded number of rows a look, and
 * deleted by the writer, a bounded number a transaction.
 *
 * The search goes in the order of age (runs by number, events by an index that says who
 * is in a stream) and remembers how far it came, so that what stays for good is not
 * looked at again and again. Whatever it found, the writer checks once more: between the
 * two a dead letter may have been redriven.
 */
#include "base/clock.h"
#include "base/error.h"
#include "store/local.h"

#define ROWS_MAX 20000 /* of one look */
#define YOUNG_MAX 1000 /* clocks are set back now and then */

_Static_assert(RUN_READY == 1 && RUN_ACTIVE == 2 && RUN_WAITING == 3 && RUN_HELD == 4 &&
                       RUN_DONE == 5,
               "the numbers are in these texts");

/* A run whose parent is unfinished may be waited for. */
static const char old_runs[] =
	"select r.id, r.created_us, r.updated_us, r.state,"
	" exists(select 1 from runs p where p.id = e.parent_run and p.state in (1, 2, 3, "
	"4))"
	" from runs r left join events e on e.seq = r.event_seq"
	" where r.id > ?1 and r.id < (select max(id) from runs) order by r.id limit ?2";

/* A run that waits for an event looks for it among those after its own. */
static const char old_events[] =
	"select seq, received_us, exists(select 1 from runs r where r.event_seq = seq)"
	" from events where position = 0 and (received_us, seq) > (?1, ?2)"
	" and received_us < ?3 and seq < (select max(seq) from events)"
	" and seq < (select coalesce(min(event_seq), 9223372036854775807) from runs"
	" where state in (1, 2, 3) and state <> 5)"
	" order by received_us, seq limit ?4";

static int
fail(struct store *store, struct heed_error *error)
{
	return sqlite_error(store->reader, error, "cannot read the store");
}

static bool
is_full(const struct store_old *old, size_t max)
{
	return old->n >= max || old->n == sizeof(old->ids) / sizeof(old->ids[0]);
}

/* Is it of the kind, old enough, and needed by nobody? */
static bool
may_go(sqlite3_stmt *row, enum store_old_runs which, int64_t before_us)
{
	int state = sqlite3_column_int(row, 3);
	bool fits = which == STORE_OLD_DEAD ? state == RUN_DEAD
	                                    : state == RUN_DONE || state == RUN_DROPPED;

	return fits && sqlite3_column_int64(row, 2) < before_us &&
	       sqlite3_column_int(row, 4) == 0;
}

int
store_find_old_runs(struct store *store, enum store_old_runs which, int64_t before_us,
                    size_t max, struct store_old *old, struct heed_error *error)
{
	sqlite3_stmt *row = NULL;
	int looked = 0;
	int young = 0; /* one behind the other */
	int r;

	old->n = 0;
	if (sqlite3_prepare_v2(store->reader, old_runs, -1, &row, NULL) != SQLITE_OK)
		return fail(store, error);
	(void)sqlite3_bind_int64(row, 1, old->after);
	(void)sqlite3_bind_int(row, 2, ROWS_MAX);
	while ((r = sqlite3_step(row)) == SQLITE_ROW && !is_full(old, max)) {
		looked++;
		if (sqlite3_column_int64(row, 1) >= before_us) {
			if (++young < YOUNG_MAX)
				continue;
			r = SQLITE_DONE; /* so are those behind it */
			looked = 0;
			break;
		}
		young = 0;
		old->after = sqlite3_column_int64(row, 0);
		old->after_us = sqlite3_column_int64(row, 1);
		if (may_go(row, which, before_us))
			old->ids[old->n++] = old->after;
	}
	old->end = r == SQLITE_DONE && looked < ROWS_MAX;
	if (r != SQLITE_ROW && r != SQLITE_DONE)
		r = fail(store, error);
	(void)sqlite3_finalize(row);
	return r < 0 ? r : 0;
}

int
store_find_old_events(struct store *store, int64_t before_us, size_t max,
                      struct store_old *old, struct heed_error *error)
{
	sqlite3_stmt *row = NULL;
	int looked = 0;
	int r;

	old->n = 0;
	if (sqlite3_prepare_v2(store->reader, old_events, -1, &row, NULL) != SQLITE_OK)
		return fail(store, error);
	(void)sqlite3_bind_int64(row, 1, old->after_us);
	(void)sqlite3_bind_int64(row, 2, old->after);
	(void)sqlite3_bind_int64(row, 3, before_us);
	(void)sqlite3_bind_int(row, 4, ROWS_MAX);
	while ((r = sqlite3_step(row)) == SQLITE_ROW && !is_full(old, max)) {
		looked++;
		old->after = sqlite3_column_int64(row, 0);
		old->after_us = sqlite3_column_int64(row, 1);
		if (sqlite3_column_int(row, 2) == 0)
			old->ids[old->n++] = old->after;
	}
	old->end = r == SQLITE_DONE && looked < ROWS_MAX;
	if (r != SQLITE_ROW && r != SQLITE_DONE)
		r = fail(store, error);
	(void)sqlite3_finalize(row);
	return r < 0 ? r : 0;
}

int
store_read_size(struct store *store, int64_t *ret_bytes, struct heed_error *error)
{
	int64_t pages;
	int64_t unused;
	int64_t size;

	HEED_TRY(sqlite_number(store->reader, "pragma page_count", &pages, error));
	HEED_TRY(sqlite_number(store->reader, "pragma freelist_count", &unused, error));
	HEED_TRY(sqlite_number(store->reader, "pragma page_size", &size, error));
	*ret_bytes = (pages - unused) * size;
	return 0;
}

/* ---- writing ----------------------------------------------------------------------- */

static int
delete_one(struct store *store, enum statement which, int64_t id, int64_t *ret_changes)
{
	int r = sqlite3_bind_int64(store->statements[which], 1, id);

	if (r == SQLITE_OK)
		r = row_statement(store, which);
	*ret_changes = r == SQLITE_OK ? sqlite3_changes64(store->db) : 0;
	return r;
}

int
forget_write(struct store *store, struct store_tx *tx, const struct op *op)
{
	int64_t start_us = clock_steady_us();
	bool runs = op->kind == OP_FORGET_RUNS;
	int r = SQLITE_OK;
	size_t i;

	for (i = 0; i < op->forget.n && r == SQLITE_OK; i++) {
		int64_t id = op->forget.ids[i];
		int64_t changes;
		int64_t entries;

		r = delete_one(store, runs ? ST_FORGET_RUN : ST_FORGET_EVENT, id,
		               &changes);
		tx->forgotten += changes;
		if (r == SQLITE_OK && runs && changes == 1)
			r = delete_one(store, ST_FORGET_JOURNAL, id, &entries);
	}
	tx->forgotten_us += clock_steady_us() - start_us;
	return r;
}
