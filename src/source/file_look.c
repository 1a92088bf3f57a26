/*
 * file_look.c - see file_look.h.
 */
#include "source/file_look.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/mem.h"
#include "source/lines.h"

struct file_look *
file_look_new(const struct file_settings *settings, const struct file_places *known)
{
	struct file_look *look = mem_new(sizeof(*look));
	size_t i;

	if (look == NULL)
		return NULL;
	arena_init(&look->arena, 0);
	look->settings = settings;
	look->lines_max = FILE_LINES_MAX;
	look->known.items = ARENA_ARRAY(&look->arena, struct file_place, known->n + 1);
	for (i = 0; i < known->n && look->known.items != NULL; i++) {
		struct file_place *place = &look->known.items[i];

		*place = known->items[i];
		place->name = arena_str(&look->arena, place->name);
		place->tail = arena_str(&look->arena, place->tail);
		if (place->name.data == NULL || place->tail.data == NULL)
			break;
	}
	if (look->known.items != NULL && i == known->n) {
		look->known.n = i;
		return look;
	}
	file_look_free(look);
	return NULL;
}

void
file_look_free(struct file_look *look)
{
	if (look == NULL)
		return;
	arena_done(&look->arena);
	mem_free(look);
}

/* ---- lines ------------------------------------------------------------------------- */

static void
set_wrong(struct file_look *look, struct file_line *line, struct heed_str text,
          struct heed_str why)
{
	line->wrong = why;
	line->sample = arena_str(&look->arena, str_head_utf8(text, FILE_SAMPLE_MAX));
	if (line->sample.data == NULL || line->wrong.data == NULL)
		look->code = HEED_E_NOMEM;
}

static void
read_line(struct file_look *look, struct file_line *line, struct heed_str text)
{
	struct heed_error error = {0};
	struct heed_str copy;
	int r;

	if (line->line == 1 && str_starts(text, "\xef\xbb\xbf"))
		text = str_from(text, 3);
	if (!look->settings->text) {
		r = json_parse(&look->arena, text, &line->body, &error);
		if (r == HEED_E_NOMEM)
			look->code = r;
		else if (r < 0)
			set_wrong(look, line, text,
			          arena_printf(&look->arena,
			                       error.where[0] != '\0' ? "%s (at %s)"
			                                              : "%s%s",
			                       error.text, error.where));
		return;
	}
	if (!str_utf8(text)) {
		set_wrong(look, line, text, HEED_STR("the line is not valid UTF-8"));
		return;
	}
	copy = arena_str(&look->arena, text);
	if (copy.data == NULL)
		look->code = HEED_E_NOMEM;
	line->body = json_str(copy);
}

static struct file_line *
add_line(struct file_look *look, struct heed_str file, int64_t number)
{
	struct file_line *line;

	if (look->lines == NULL)
		look->lines =
			ARENA_ARRAY(&look->arena, struct file_line, look->lines_max);
	if (look->lines == NULL) {
		look->code = HEED_E_NOMEM;
		return NULL;
	}
	line = &look->lines[look->n++];
	line->file = file;
	line->line = number;
	return line;
}

bool
file_look_take(struct file_look *look, struct heed_str file, struct lines *lines)
{
	while (look->code == 0 && look->n < look->lines_max) {
		struct heed_str text;
		enum lines_found found = lines_next(lines, &text);
		struct file_line *line;

		if (found == LINES_NONE)
			return true;
		line = add_line(look, file, lines->line);
		if (line == NULL)
			return false;
		if (found == LINES_ONE)
			read_line(look, line, text);
		else
			set_wrong(look, line, text,
			          arena_printf(&look->arena,
			                       "the line is longer than %zu bytes "
			                       "(line_max)",
			                       lines->line_max));
	}
	return false;
}

/* What is there of an unfinished line may be all of it: no JSON object or list is the
 * beginning of another one. */
static void
take_complete_rest(struct file_look *look, struct heed_str file, struct lines *lines)
{
	struct heed_str rest = str_trim(lines->rest);
	struct file_line *line;
	struct heed_json body;

	if (look->settings->text || lines->skipping || look->n == look->lines_max ||
	    !(str_starts(rest, "{") || str_starts(rest, "[")) ||
	    json_parse(&look->arena, rest, &body, NULL) < 0)
		return;
	(void)lines_take_rest(lines);
	line = add_line(look, file, lines->line);
	if (line != NULL)
		line->body = body;
}

/* ---- one file ---------------------------------------------------------------------- */

/* A file that is there. */
struct found {
	struct file_place place;
	int64_t size, changed_us;
	bool known;     /* it was there at the last look */
	bool matches;   /* its name is one that is looked for */
	bool inherited; /* its place is that of a former file of its name */
	bool gone;      /* it turned out not to be the file that was known */
};

/* Keep the first thing that is wrong. */
static void
report(struct file_look *look, const char *what, struct heed_str name, const char *why)
{
	if (look->problem.code == 0)
		(void)error_set(&look->problem, HEED_E_IO, "%s %s%s%.*s: %s", what,
		                look->settings->folder, name.len > 0 ? "/" : "",
		                STR_ARG(name), why);
}

/* Read up to `size` bytes from `offset` on; fewer only at the end of the file. */
static ssize_t
read_at(int fd, char *to, size_t size, int64_t offset)
{
	size_t got = 0;

	while (got < size) {
		ssize_t n = pread(fd, to + got, size - got, offset + (int64_t)got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		got += (size_t)n;
	}
	return (ssize_t)got;
}

/* A line that was taken without its end: the end is not a line of its own. */
static void
drop_late_end(struct lines *lines, struct heed_str before)
{
	if (before.len == 0 || str_ends(before, "\n") || lines->skipping)
		return;
	if (str_starts(lines->rest, "\r\n"))
		lines->rest = str_from(lines->rest, 2);
	else if (str_starts(lines->rest, "\n"))
		lines->rest = str_from(lines->rest, 1);
}

/* Take lines from what was read: `bytes` begins `before` bytes before the place. */
static void
take_bytes(struct file_look *look, struct found *found, struct heed_str bytes,
           size_t before, bool is_end)
{
	struct file_place *place = &found->place;
	struct heed_str rest = str_from(bytes, before);
	struct lines lines = {
		.rest = rest,
		.line_max = (size_t)look->settings->line_max,
		.line = place->line,
		.skipping = place->skipping,
		.at_end = is_end && !look->settings->follow,
	};
	size_t used;
	bool none;

	drop_late_end(&lines, str_head(bytes, before));
	none = file_look_take(look, place->name, &lines);
	if (none && is_end && look->settings->follow)
		take_complete_rest(look, place->name, &lines);
	used = rest.len - lines.rest.len;
	if (used > 0) {
		look->moved = true;
		look->bytes += used;
		place->offset += (int64_t)used;
		place->line = lines.line;
		place->skipping = lines.skipping;
		place->tail = file_tail(&look->arena, str_head(bytes, before + used));
		if (place->tail.data == NULL)
			look->code = HEED_E_NOMEM;
	}
	if (none && is_end) {
		place->seen_size = found->size;
		place->seen_us = found->changed_us;
	} else {
		look->more = true;
	}
}

/* The bytes before the place are not there any more, or other ones. */
static void
begin_anew(struct file_look *look, struct found *found)
{
	found->gone = !found->matches;
	if (found->matches && !found->inherited)
		report(look, "the file", found->place.name,
		       "it was truncated or rewritten; it is read from its beginning");
	found->place = (struct file_place){
		.name = found->place.name,
		.inode = found->place.inode,
		.tail = HEED_STR(""),
		.seen_size = -1,
	};
	look->moved = true;
}

/* Read on in an open file with the help of `buffer`. */
static int
read_open(struct file_look *look, struct found *found, int fd, char *buffer, size_t size)
{
	struct file_place *place = &found->place;
	size_t before =
		place->offset < FILE_TAIL_MAX ? (size_t)place->offset : FILE_TAIL_MAX;
	ssize_t got = read_at(fd, buffer, size, place->offset - (int64_t)before);
	struct heed_str bytes = {buffer, got > 0 ? (size_t)got : 0};
	struct heed_str tail;

	if (got < 0)
		return HEED_E_IO;
	if (place->offset > 0) {
		tail = file_tail(&look->arena, str_head(bytes, before));
		if (tail.data == NULL)
			return HEED_E_NOMEM;
		if (bytes.len < before || !str_eq(tail, place->tail)) {
			begin_anew(look, found);
			return found->gone ? 0 : read_open(look, found, fd, buffer, size);
		}
	}
	take_bytes(look, found, bytes, before, bytes.len < size);
	return 0;
}

static void
read_file(struct file_look *look, int folder, struct found *found, char *buffer,
          size_t size)
{
	const char *name = found->place.name.data; /* of the arena: with a NUL */
	int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int r = HEED_E_IO;

	if (fd >= 0)
		r = read_open(look, found, fd, buffer, size);
	if (r == HEED_E_NOMEM)
		look->code = r;
	else if (r < 0 && errno != ENOENT)
		report(look, "cannot read", found->place.name, strerror(errno));
	if (fd >= 0)
		(void)close(fd);
}

/* ---- the folder -------------------------------------------------------------------- */

struct scan {
	struct file_look *look;
	int folder;
	struct found *items;
	size_t n, cap;
};

static bool
is_wanted(const struct file_settings *settings, const char *name)
{
	if (settings->name != NULL)
		return strcmp(name, settings->name) == 0;
	return fnmatch(settings->pattern, name, FNM_PERIOD) == 0;
}

/* What is known of a file, by its inode. */
static void
set_place(const struct scan *scan, struct found *found, struct heed_str name,
          int64_t inode)
{
	const struct file_place *place = file_places_by_inode(&scan->look->known, inode);

	found->known = place != NULL;
	if (place != NULL)
		found->place = *place;
	else
		found->place = (struct file_place){
			.inode = inode, .tail = HEED_STR(""), .seen_size = -1};
	found->place.name = name;
}

static int
add_file(struct scan *scan, const char *entry, bool matches)
{
	struct file_look *look = scan->look;
	struct heed_str name = arena_str(&look->arena, str_of(entry));
	struct found *found;
	struct stat st;

	if (name.data == NULL)
		return HEED_E_NOMEM;
	if (fstatat(scan->folder, entry, &st, 0) < 0)
		return 0; /* gone already */
	if (!S_ISREG(st.st_mode) || !str_utf8(name)) {
		if (look->settings->name != NULL && matches)
			report(look, "cannot read", name, "it is not a regular file");
		return 0;
	}
	HEED_TRY(mem_grow((void **)&scan->items, &scan->cap, scan->n + 1,
	                  sizeof(*scan->items)));
	found = &scan->items[scan->n];
	*found = (struct found){
		.size = st.st_size,
		.changed_us =
			(int64_t)st.st_mtim.tv_sec * 1000000 + st.st_mtim.tv_nsec / 1000,
		.matches = matches,
	};
	set_place(scan, found, name, (int64_t)st.st_ino);
	if (!matches && found->place.offset == 0)
		return 0;
	scan->n++;
	return 0;
}

/* A file that replaced one of the same name, as a copy does: it goes on at the same place
 * if its bytes are the same. */
static void
inherit(struct scan *scan, struct found *found)
{
	const struct file_place *former =
		file_places_by_name(&scan->look->known, found->place.name);
	int64_t inode = found->place.inode;
	size_t i;

	if (former == NULL || found->known)
		return;
	for (i = 0; i < scan->n; i++)
		if (scan->items[i].place.inode == former->inode)
			return;
	found->place = *former;
	found->place.inode = inode;
	found->place.seen_size = -1;
	found->inherited = true;
}

/* Files that were begun are finished before others are begun; then by name. */
static int
by_turn(const void *a, const void *b)
{
	const struct found *x = a;
	const struct found *y = b;

	if ((x->place.offset > 0) != (y->place.offset > 0))
		return x->place.offset > 0 ? -1 : 1;
	return str_cmp(x->place.name, y->place.name);
}

static int
by_knowledge(const void *a, const void *b)
{
	const struct found *x = a;
	const struct found *y = b;

	if (x->known != y->known)
		return x->known ? -1 : 1;
	return by_turn(a, b);
}

/* Leave out the last of the new ones: forgetting a file would be to read it again. */
static void
drop_surplus(struct scan *scan)
{
	size_t most = (size_t)scan->look->settings->files_max;

	if (scan->n <= most)
		return;
	report(scan->look, "the folder", (struct heed_str){NULL, 0},
	       "it holds more files than files_max: the last ones are not read");
	qsort(scan->items, scan->n, sizeof(*scan->items), by_knowledge);
	scan->n = most;
}

/* The files of the folder that are to be read, in order. */
static int
find_files(struct scan *scan, DIR *folder)
{
	const struct file_look *look = scan->look;
	const struct dirent *entry;
	size_t i;

	/* Only this thread has the folder open. */
	// cppcheck-suppress readdirCalled
	while ((entry = readdir(folder)) != NULL) {
		bool matches = is_wanted(look->settings, entry->d_name);

		if (matches ||
		    file_places_by_inode(&look->known, (int64_t)entry->d_ino) != NULL)
			HEED_TRY(add_file(scan, entry->d_name, matches));
	}
	for (i = 0; i < scan->n; i++)
		inherit(scan, &scan->items[i]);
	drop_surplus(scan);
	if (scan->n > 0)
		qsort(scan->items, scan->n, sizeof(*scan->items), by_turn);
	return 0;
}

static void
read_files(struct scan *scan)
{
	struct file_look *look = scan->look;
	size_t size = FILE_TAIL_MAX + (size_t)look->settings->line_max + FILE_READ_MAX;
	char *buffer = NULL;
	size_t i;

	for (i = 0; i < scan->n && look->code == 0; i++) {
		struct found *found = &scan->items[i];

		if (found->place.seen_size == found->size &&
		    found->place.seen_us == found->changed_us)
			continue;
		if (look->more || look->n == look->lines_max ||
		    look->bytes >= FILE_READ_MAX) {
			look->more = true;
			break;
		}
		if (buffer == NULL)
			buffer = mem_alloc(size);
		if (buffer == NULL)
			look->code = HEED_E_NOMEM;
		else
			read_file(look, scan->folder, found, buffer, size);
	}
	mem_free(buffer);
}

/* What the next look knows. */
static int
keep_places(struct scan *scan)
{
	struct file_look *look = scan->look;
	size_t i;

	look->places.items = ARENA_ARRAY(&look->arena, struct file_place, scan->n + 1);
	if (look->places.items == NULL)
		return HEED_E_NOMEM;
	for (i = 0; i < scan->n; i++)
		if (!scan->items[i].gone)
			look->places.items[look->places.n++] = scan->items[i].place;
	return 0;
}

void
file_look_run(struct file_look *look)
{
	struct scan scan = {.look = look};
	DIR *folder = opendir(look->settings->folder);

	if (folder == NULL) {
		report(look, "cannot read the folder", (struct heed_str){NULL, 0},
		       strerror(errno));
		look->places = look->known;
		return;
	}
	scan.folder = dirfd(folder);
	look->code = find_files(&scan, folder);
	read_files(&scan);
	if (look->code == 0)
		look->code = keep_places(&scan);
	mem_free(scan.items);
	(void)closedir(folder);
}
