/*
 * local.h - shared by the files of src/store.
 */
#ifndef HEED_STORE_LOCAL_H
#define HEED_STORE_LOCAL_H

#include <pthread.h>
#include <sqlite3.h>

#include "store/store.h"

enum op_kind { OP_EVENT, OP_RUN, OP_ENTRY, OP_CURSOR, OP_DEFINITION, OP_SQL };

struct op {
	struct op *next;
	enum op_kind kind;
	union {
		struct store_event event;
		struct store_run run;
		struct store_entry entry;
		struct {
			struct heed_str hash, flow, name, text;
		} definition;
		struct {
			struct heed_str source, position;
		} cursor;
		struct {
			struct heed_str statement;
			struct heed_json values;
		} sql;
	};
};

struct store_tx {
	struct arena arena;
	struct op *first;
	struct op *last;
	size_t n_events;
	bool has_sql;
	bool *duplicate;
	struct store_tx *next; /* in the store's line */
	struct store *store;
	struct loop_post post;
	store_done_fn *done;
	void *arg;
	int code;
	char text[256];
};

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
	ST_CURSOR,
	ST_DEFINITION,
	ST_COUNT,
};

struct store {
	struct loop *loop;
	sqlite3 *db;     /* the writer's; NULL when read-only */
	sqlite3 *reader; /* the loop's or the command's; the writer's own for memory: */
	sqlite3_stmt *statements[ST_COUNT];
	char *path; /* NULL for memory: */
	int lock_fd;
	int64_t next_event, next_run;

	pthread_t thread;
	bool has_thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct store_tx *first, *last; /* waiting */
	bool ending;
};

/* sqlite_open.c */
int sqlite_open(struct store *store, struct heed_error *error);
void sqlite_close(struct store *store);
int sqlite_error(sqlite3 *db, struct heed_error *error, const char *doing);
/* sqlite_write.c: commit a list as one group; every tx gets its code. */
void sqlite_commit_group(struct store *store, struct store_tx *first);

#endif
