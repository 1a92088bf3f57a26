/*
 * file_look.h - one look of a file source: which files are there, and the next lines of
 * the first that has any.
 *
 * A look is a function of the folder and the places that are known; it makes lines and
 * the places behind them. It changes nothing: a look whose lines were not committed is
 * simply done again. Files are read in order of their names, each to its end before the
 * next; what is left of renamed ones comes first.
 */
#ifndef HEED_SOURCE_FILE_LOOK_H
#define HEED_SOURCE_FILE_LOOK_H

#include "base/arena.h"
#include "base/json.h"
#include "heed.h"
#include "source/file_place.h"

struct lines;

#define FILE_SAMPLE_MAX 4096 /* bytes of a bad line that are kept */
#define FILE_LINES_MAX 512   /* lines of one look */
#define FILE_READ_MAX 262144 /* bytes of one look beyond the longest line */

struct file_settings {
	const char
		*folder; /* read on the work threads: constant and owned by the source */
	const char *pattern; /* fnmatch; NULL: every file that is not hidden */
	const char *name;    /* or the one file's name; NULL with a pattern */
	int64_t line_max;
	int64_t files_max;
	bool text;   /* lines are texts, not JSON */
	bool follow; /* the last line may still grow */
};

struct file_line {
	struct heed_str file; /* its name */
	int64_t line;
	struct heed_json body;  /* when it could be read */
	struct heed_str wrong;  /* else why not */
	struct heed_str sample; /* the beginning of the line, when it is wrong */
};

struct file_look {
	struct arena arena; /* of everything below */
	const struct file_settings *settings;
	size_t lines_max;
	struct file_places known;
	struct file_places places; /* behind the lines */
	struct file_line *lines;
	size_t n;
	size_t bytes; /* that were taken */
	bool more;    /* not all that is there was read */
	bool moved;   /* a place is not what it was */
	int code;     /* HEED_E_NOMEM: nothing of it counts */
	/* A file or the folder cannot be read (the others were): code zero: none. */
	struct heed_error problem;
};

/* `settings` is borrowed; `known` is copied. NULL without memory. */
struct file_look *
file_look_new(const struct file_settings *settings, const struct file_places *known);
void file_look_free(struct file_look *look); /* takes NULL */
/* Look at the folder. Work thread. */
void file_look_run(struct file_look *look);
/* Take lines from `lines`, which are of `file`, while there is room for them. True when
 * `lines` holds no complete line any more. */
bool file_look_take(struct file_look *look, struct heed_str file, struct lines *lines);

#endif
