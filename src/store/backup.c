/*
 * backup.c - a copy of a store in use, by SQLite's backup calls.
 *
 * The reader's transaction stands still at one moment while others write, so the copy is
 * of that moment and is never begun again. Meanwhile SQLite cannot empty the log beside
 * the file: it grows by what is written.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "store/care.h"
#include "store/local.h"

#define PAGES 2000 /* between two looks at the progress */
#define PATH_SIZE 4096

struct copy {
	struct store *from;
	sqlite3 *to;
	const char *part; /* where it is written */
};

static int
copy_pages(struct copy *copy, store_progress_fn *progress, void *arg,
           struct heed_error *error)
{
	sqlite3_backup *backup =
		sqlite3_backup_init(copy->to, "main", copy->from->reader, "main");
	int r = SQLITE_OK;

	if (backup == NULL)
		return sqlite_error(copy->to, error, "cannot begin the copy");
	while (r == SQLITE_OK) {
		r = sqlite3_backup_step(backup, PAGES);
		if (progress != NULL)
			progress(arg,
			         sqlite3_backup_pagecount(backup) -
			                 sqlite3_backup_remaining(backup),
			         sqlite3_backup_pagecount(backup));
	}
	(void)sqlite3_backup_finish(backup);
	return r == SQLITE_DONE ? 0 : sqlite_error(copy->to, error, "cannot copy");
}

/* One file, without a log beside it, that nobody has open. */
static int
settle(struct copy *copy, struct heed_error *error)
{
	static const char doing[] = "cannot finish the copy";

	HEED_TRY(sqlite_run(copy->to, "pragma synchronous = full", error, doing));
	HEED_TRY(sqlite_run(copy->to, "pragma journal_mode = delete", error, doing));
	return sqlite_run(copy->to, "delete from meta where name = 'open'", error, doing);
}

static int
make_copy(struct copy *copy, store_progress_fn *progress, void *arg,
          struct heed_error *error)
{
	(void)unlink(copy->part);
	if (sqlite3_open_v2(copy->part, &copy->to,
	                    SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE |
	                            SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXCLUSIVE,
	                    NULL) != SQLITE_OK) {
		(void)error_set(error, HEED_E_IO, "cannot create %s: %s", copy->part,
		                strerror(errno));
		error_hint(error, "the folder must be there and writable");
		return HEED_E_IO;
	}
	HEED_TRY(sqlite_run(copy->from->reader, "begin", error, "cannot read the store"));
	HEED_TRY(copy_pages(copy, progress, arg, error));
	return settle(copy, error);
}

/* The name, too, is to be there after a power cut. */
static void
sync_folder(const char *path)
{
	char folder[PATH_SIZE];
	const char *slash = strrchr(path, '/');
	int fd;

	(void)snprintf(folder, sizeof(folder), "%.*s",
	               slash != NULL ? (int)(slash - path) + 1 : 1,
	               slash != NULL ? path : ".");
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0) {
		(void)fsync(fd);
		(void)close(fd);
	}
}

static int
put_in_place(const char *part, const char *to, int64_t *ret_bytes,
             struct heed_error *error)
{
	struct stat about;

	if (stat(part, &about) < 0 || rename(part, to) < 0)
		return error_set(error, HEED_E_IO, "cannot rename %s to %s: %s", part, to,
		                 strerror(errno));
	sync_folder(to);
	*ret_bytes = about.st_size;
	return 0;
}

int
store_backup(struct heed_str where, const char *to, store_progress_fn *progress,
             void *arg, int64_t *ret_bytes, struct heed_error *error)
{
	char part[PATH_SIZE];
	struct copy copy = {.part = part};
	int r;

	if ((size_t)snprintf(part, sizeof(part), "%s.part", to) >= sizeof(part))
		return error_set(error, HEED_E_IO, "the path is too long");
	HEED_TRY(store_open_readonly(where, &copy.from, error));
	r = make_copy(&copy, progress, arg, error);
	if (sqlite3_close(copy.to) != SQLITE_OK && r == 0)
		r = error_set(error, HEED_E_IO, "cannot close the copy");
	store_close(copy.from);
	if (r == 0)
		r = put_in_place(part, to, ret_bytes, error);
	if (r < 0)
		(void)unlink(part);
	return r;
}
