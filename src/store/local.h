/*
 * local.h - shared by the files of src/store; nobody else includes it.
 *
 *	transaction.c  builds
 *	line.c         queues, groups, reports
 *	look.c         reads aside of the loop
 *	fault.c        breaks
 *	sqlite_*.c     the driver
 *
 * The loop's thread owns everything but what is marked; the store's thread owns `db` and
 * its statements while it lives, and a transaction from store_commit until its report.
 */
#ifndef HEED_STORE_LOCAL_H
#define HEED_STORE_LOCAL_H

#include <pthread.h>
#include <sqlite3.h>

#include "store/store.h"

#define MEMORY_NAME ":memory:"

/* ---- transactions ------------------------------------------------------------------ */

enum op_kind {
	OP_EVENT,
	OP_RUN,
	OP_ENTRY,
	OP_CURSOR,
	OP_DEFINITION,
	OP_CACHE,
	OP_SQL,
	OP_PRUNE,
	OP_APPEND,
	OP_SNAPSHOT,
	OP_JOB,
	OP_FORGET_RUNS,
	OP_FORGET_EVENTS,
};

struct op {
	struct op *next;
	enum op_kind kind;
	union {
		struct store_event event;
		struct store_run run;
		struct store_entry entry;
		struct store_cached cached;
		struct {
			struct heed_str hash, flow, name, text;
		} definition;
		struct {
			struct heed_str source, position;
		} cursor;
		struct {
			struct heed_str statement;
			struct heed_json values;
			int64_t run_id; /* whose entry n keeps the result; 0: none */
			int32_t n;
		} sql;
		struct {
			int64_t seen_before_us, expired_us;
		} prune;
		struct {
			struct heed_str stream;
			int64_t expected;
			const struct store_event *events;
			size_t n;
		} append;
		struct store_snapshot snapshot;
		struct store_job job;
		struct {
			const int64_t *ids;
			size_t n;
		} forget;
	};
};

struct store_tx {
	struct arena arena;
	struct op *first;
	struct op *last;
	size_t n_events;
	size_t n_sql;
	size_t n_appends;
	struct store_tx *next; /* in the store's line */
	struct loop *loop;
	struct loop_post post;
	store_done_fn *done;
	void *arg;
	/* the outcome */
	bool settled; /* it failed for good; the rest of its group goes on without it */
	bool *duplicate;
	int64_t *changed;
	struct store_appended *appended;
	struct heed_str *results;
	int64_t pruned;
	int64_t forgotten, forgotten_us;
	int code;
	char text[256];
};

/* NULL without memory. */
struct op *transaction_add(struct store_tx *tx, enum op_kind kind);
/* The same failure for all that are not settled. */
void transaction_fail_all(struct store_tx *first, int code, const char *text);

/* ---- drivers ----------------------------------------------------------------------- */

struct store_driver {
	const char *prefix; /* of `where`; the path follows when has_path */
	bool has_path;
	bool has_thread;
	/* On the opener's thread. After a failure close is called all the same. */
	int (*open)(struct store *store, struct heed_error *error);
	void (*close)(struct store *store);
	/* Write a list as one group; every transaction gets its outcome. */
	void (*commit)(struct store *store, struct store_tx *first);
};

extern const struct store_driver sqlite_driver;
extern const struct store_driver memory_driver;
extern const struct store_driver fault_driver; /* around another */

enum statement {
	ST_BEGIN,
	ST_COMMIT,
	ST_ROLLBACK,
	ST_SAVE,
	ST_RELEASE,
	ST_UNSAVE,
	ST_DEDUP,
	ST_EVENT,
	ST_RUN,
	ST_ENTRY,
	ST_REPLY,
	ST_CURSOR,
	ST_DEFINITION,
	ST_CACHE,
	ST_PRUNE_DEDUP,
	ST_PRUNE_CACHE,
	ST_FORGET_RUN,
	ST_FORGET_JOURNAL,
	ST_FORGET_EVENT,
	ST_STREAM_END,
	ST_STREAM_FIND,
	ST_LOG_END,
	ST_APPEND,
	ST_SNAPSHOT,
	ST_JOB,
	ST_COUNT,
};

struct fault {
	const struct store_driver *inner;
	enum store_fault kind;
	int64_t left; /* commits until it strikes */
	bool cut;     /* no power: nothing is written any more, not even at closing */
};

struct look;

struct store {
	const struct store_driver *driver;
	struct loop *loop; /* NULL for looking */
	char *path;        /* NULL for memory: */
	int lock_fd;
	bool opened; /* wholly: it may be closed in peace */
	int64_t next_event, next_run, next_job;
	struct fault fault;

	sqlite3 *db;     /* the writer's; NULL for looking */
	sqlite3 *reader; /* the loop's or the command's; the writer's own for memory: */
	sqlite3_stmt *statements[ST_COUNT];
	int64_t log_end;         /* within a group; below 0: not known */
	bool in_user_sql;        /* the authorizer is strict */
	int64_t user_sql_end_ms; /* steady */

	struct look *look_first, *look_last; /* the first is under way */
	struct loop_work look_work;
	struct loop_post look_post;
	struct store *aside; /* the work threads' reader, opened on first use */

	pthread_t thread;
	bool has_thread;
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t wake;
	struct store_tx *first, *last; /* waiting */
	bool ending;
	struct store_stats stats;
};

/* line.c */
int line_start(struct store *store, struct heed_error *error);
void line_stop(struct store *store); /* commits what waits */

/* sqlite_open.c */
int sqlite_error(sqlite3 *db, struct heed_error *error, const char *doing);
int sqlite_run(sqlite3 *db, const char *sql, struct heed_error *error, const char *doing);
int sqlite_number(sqlite3 *db, const char *sql, int64_t *ret_number,
                  struct heed_error *error);

/* sqlite_schema.c */
/* Is it heed's (or empty), and not newer? *ret_version: its migrations so far. */
int schema_version(struct store *store, sqlite3 *db, int *ret_version,
                   struct heed_error *error);
extern const int schema_latest;
int schema_migrate(struct store *store, int version, struct heed_error *error);
/* Mark it as in use; when its last user did not close it, check that it is whole. */
int schema_mark_open(struct store *store, struct heed_error *error);
void schema_mark_closed(struct store *store);
bool schema_has_table(const char *name);

/* sqlite_row.c: SQLite's codes. */
int row_prepare(struct store *store);
int row_statement(struct store *store, enum statement which);
int row_bind_text(sqlite3_stmt *statement, int at, struct heed_str text);
int row_write(struct store *store, const struct op *op);
int row_write_event(struct store *store, const struct store_event *event,
                    bool *ret_duplicate);
int
row_write_reply(struct store *store, int64_t run_id, int32_t n, struct heed_str reply);
int row_prune(struct store *store, const struct op *op, int64_t *ret_pruned);
/* An event with its place, which the statement of other events leaves out. */
int row_append(struct store *store, const struct store_event *event);
/* The number that a query for one row gives; `fallback` when it gives none. */
int row_number(struct store *store, enum statement which, const struct heed_str *values,
               size_t n, int64_t fallback, int64_t *ret_number);

/* sqlite_forget.c: SQLite's code. */
int forget_write(struct store *store, struct store_tx *tx, const struct op *op);

/* sqlite_append.c */
/* May all appends of `tx` be made? Reads only. SQLite's code, or HEED_E_CONFLICT with
 * tx->text; tx->appended is filled. */
int append_check(struct store *store, struct store_tx *tx);
/* Make the nth append. SQLite's code. */
int append_write(struct store *store, struct store_tx *tx, const struct op *op, size_t n);

/* sqlite_usage.c */
extern const char usage_table[], usage_triggers[]; /* migrations */

/* sqlite_user.c */
/* Guard `db` against users' statements. */
void user_guard(struct store *store);
/* SQLite's code, or HEED_E_PERMANENT with tx->text. */
int user_run(struct store *store, struct store_tx *tx, const struct op *op,
             int64_t *ret_changed, struct heed_str *ret_result);

/* sqlite_write.c */
void sqlite_commit(struct store *store, struct store_tx *first);
/* Failures that are not one transaction's fault. SQLite's code. */
bool sqlite_is_fatal(int code);

/* sqlite_read.c */
/* A select as it grows: text, and the texts to bind. */
struct query {
	struct heed_buf sql;
	struct heed_str values[8];
	int n;
};
typedef int query_fn(void *arg, sqlite3_stmt *row);
/* Run it, call fn for each row until it returns non-zero, free the query. */
int query_run(struct store *store, struct query *query, query_fn *fn, void *arg,
              struct heed_error *error);
/* " and TERM NUMBER" unless the number is zero. */
void query_number(struct query *query, const char *term, int64_t value);
struct heed_str query_text(sqlite3_stmt *row, int column);
/* The columns of an event of table `e`, and the event in a row that has them from `at`
 * on. */
#define EVENT_COLUMNS                                                                    \
	"e.seq, e.source, e.id, e.type, e.subject, e.time_us, e.received_us, e.depth,"   \
	" e.parent_run, e.trace, e.body, e.stream, e.version, e.position"
void query_event(sqlite3_stmt *row, int at, struct store_event *event);
/* As a query for events, a row an event. */
int query_events(struct store *store, struct query *query, store_event_fn *fn, void *arg,
                 struct heed_error *error);

#endif
