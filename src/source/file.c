/*
 * file.c - events from files: the lines of a file, of all files of a folder, or of
 * standard input.
 *
 *	      +---------------------------------------------+
 *	      v                                             |
 *	IDLE ----> LOOKING (work thread) ----> DELIVERING ==+== commit: events, position
 *	  |          nothing new: IDLE until woken
 *	  +--> ENDED (nothing new, and nothing is waited for)
 *
 * A look (file_look.h) finds the next lines and the places behind them; both are
 * committed together, so each line is taken once whatever happens. A look that could not
 * be delivered is done again, with fewer lines when a bound was the reason. While the
 * source is paused it rests in IDLE.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "source/file_events.h"
#include "source/file_look.h"
#include "source/file_watch.h"
#include "source/kinds.h"
#include "source/lines.h"
#include "source/mapping.h"

#define RETRY_MS 1000
#define WAKE_MS 10 /* changes come in swarms */

enum format { FORMAT_JSON, FORMAT_TEXT };

struct file_source {
	struct source source;
	struct heed_str path;
	bool follow;
	int format;
	int64_t line_max;
	int64_t files_max;
	int64_t poll_ms;
	struct mapping mapping;
	struct reader *reader;
};

enum reader_state { READER_IDLE, READER_LOOKING, READER_DELIVERING, READER_ENDED };

/* What start makes. Lives until its last look or delivery is over, maybe after stop. */
struct reader {
	struct file_source *file; /* NULL after stop */
	struct arena arena;
	struct file_settings settings;
	struct heed_str uri;
	enum reader_state state;
	bool woken; /* something changed since the look began */
	size_t lines_max;
	struct file_places known;
	struct file_look *kept; /* what `known` is in, after the first look */
	struct file_look *look;
	struct file_events events;
	struct loop_timer timer;
	struct loop_work work;
	struct file_watch *watch;
	bool is_input;         /* standard input instead of a folder */
	bool input_more;       /* the buffer may hold more lines than were taken */
	bool input_ended;      /* all of it is in the buffer */
	struct heed_buf input; /* what is not yet committed */
	struct lines lines;    /* over it, as the look leaves it */
	int64_t input_line;    /* the last line that is committed */
	bool input_skipping;
};

/* ---- options ----------------------------------------------------------------------- */

static const char *const formats[] = {"json", "text", NULL};

#define AT(field) .offset = offsetof(struct file_source, field)

static const struct option options[] = {
	{.name = "path",
         .kind = OPTION_TEXT,
         AT(path),
         .flags = OPTION_REQUIRED | OPTION_NONEMPTY,
         .help = "a file, a folder (all its files that are not hidden), a pattern such "
                 "as "
                 "spool/*.ndjson, or \"-\" for standard input; relative to this file"},
	{.name = "follow",
         .kind = OPTION_BOOL,
         AT(follow),
         .fallback = "false",
         .help = "go on with lines and files that come later; otherwise the source ends "
                 "after what is there"},
	{.name = "format",
         .kind = OPTION_ENUM,
         AT(format),
         .names = formats,
         .fallback = "json",
         .help = "json: each line is a CloudEvent, or other JSON for the mapping; text: "
                 "each line is a text, .body for the mapping"},
	{.name = "mapping",
         .kind = OPTION_RECORD,
         AT(mapping),
         .rows = mapping_options,
         .help = "how a line that is no CloudEvent becomes one; expressions over .body, "
                 ".file (its name) and .line (its number)"},
	{.name = "line_max",
         .kind = OPTION_SIZE,
         AT(line_max),
         .fallback = "1MiB",
         .min = 1024,
         .max = 67108864,
         .help = "longest line; a longer one is rejected"},
	{.name = "files_max",
         .kind = OPTION_INT,
         AT(files_max),
         .fallback = "1000",
         .min = 1,
         .max = 10000,
         .help = "files whose places are kept; remove or move away those that are done"},
	{.name = "poll",
         .kind = OPTION_DURATION,
         AT(poll_ms),
         .fallback = "1s",
         .min = 10,
         .max = 3600000,
         .help = "with follow, how often to look where changes are not notified, as in "
                 "network folders"},
	OPTION_ROWS_END,
};

static const char *const roots[] = {"body", "file", "line", "item", NULL};

static size_t
folder_len(struct heed_str path)
{
	size_t len = path.len;

	while (len > 0 && path.data[len - 1] != '/')
		len--;
	return len;
}

static bool
is_pattern(struct heed_str text)
{
	return str_find(text, '*') < text.len || str_find(text, '?') < text.len ||
	       str_find(text, '[') < text.len;
}

static int
check(struct source *source, struct heed_error *error)
{
	const struct file_source *file = (const struct file_source *)source;

	if (str_is(file->path, "-") && file->follow)
		return error_set(error, HEED_E_CONFIG,
		                 "standard input is read to its end: it has no follow");
	if (is_pattern(str_head(file->path, folder_len(file->path))))
		return error_set(error, HEED_E_CONFIG,
		                 "path may hold *, ? and [ in its last part only");
	if (file->format == FORMAT_TEXT && file->mapping.type == NULL) {
		(void)error_set(error, HEED_E_CONFIG, "format: text needs a mapping");
		error_hint(error, "for example mapping: {type: '\"log_line\"'}");
		return HEED_E_CONFIG;
	}
	return 0;
}

/* ---- delivering -------------------------------------------------------------------- */

static void go_on(void *arg);

static void
free_reader(struct reader *reader)
{
	file_look_free(reader->kept);
	file_look_free(reader->look);
	mem_free(reader->events.items);
	buf_done(&reader->input);
	arena_done(&reader->arena);
	mem_free(reader);
}

static void
come_back(struct reader *reader, int64_t delay_ms)
{
	loop_timer_set(reader->file->source.loop, &reader->timer, delay_ms);
}

static void
drop_look(struct reader *reader)
{
	file_look_free(reader->look);
	reader->look = NULL;
}

/* The look's places count from now on. */
static void
adopt_look(struct reader *reader)
{
	file_look_free(reader->kept);
	reader->kept = reader->look;
	reader->look = NULL;
	reader->known = reader->kept->places;
	if (!reader->is_input)
		return;
	reader->input_line = reader->lines.line;
	reader->input_skipping = reader->lines.skipping;
	reader->input_more = reader->kept->more;
	if (reader->lines.rest.len > 0)
		memmove(reader->input.data, reader->lines.rest.data,
		        reader->lines.rest.len);
	buf_cut(&reader->input, reader->lines.rest.len);
}

static void
tell_rejected(const struct reader *reader)
{
	const struct file_line *first = reader->events.first_rejected;

	if (reader->events.n_rejected == 0)
		return;
	log_event(LOG_WARN, "lines rejected: see the events of type " FILE_REJECTED_TYPE,
	          LOG_S("source", reader->file->source.name),
	          LOG_N("lines", (int64_t)reader->events.n_rejected),
	          LOG_S("file", first->file), LOG_N("line", first->line),
	          LOG_S("error", first->wrong));
}

static void
delivered(void *arg, const struct delivery *delivery)
{
	struct reader *reader = arg;

	reader->state = READER_IDLE;
	if (reader->file == NULL) {
		free_reader(reader);
		return;
	}
	if (delivery->code != 0) {
		drop_look(reader);
		come_back(reader, delivery->retry_after_ms > 0 ? delivery->retry_after_ms
		                                               : RETRY_MS);
		return;
	}
	tell_rejected(reader);
	adopt_look(reader);
	reader->lines_max = reader->lines_max * 2 < FILE_LINES_MAX ? reader->lines_max * 2
	                                                           : FILE_LINES_MAX;
	go_on(reader);
}

/* Make the look's lines events. */
static int
make_events(struct reader *reader)
{
	struct file_look *look = reader->look;
	struct file_events *events = &reader->events;
	size_t i;

	events->n = 0;
	events->n_rejected = 0;
	events->now_us = loop_wall_us(reader->file->source.loop);
	for (i = 0; i < look->n; i++)
		HEED_TRY(file_events_add(events, &look->arena, &look->lines[i]));
	return 0;
}

static int
hand_over(struct reader *reader, int64_t *ret_retry_after_ms)
{
	struct heed_str position = {NULL, 0};

	HEED_TRY(make_events(reader));
	if (!reader->is_input) {
		position = file_places_write(&reader->look->arena, &reader->look->places);
		if (position.data == NULL)
			return HEED_E_NOMEM;
	}
	return source_deliver(&reader->file->source, reader->events.items,
	                      reader->events.n, position, delivered, reader,
	                      ret_retry_after_ms);
}

static void
deliver(struct reader *reader)
{
	struct file_look *look = reader->look;
	int64_t retry_after_ms = RETRY_MS;
	int r = hand_over(reader, &retry_after_ms);

	if (r == HEED_E_LIMIT && look->n == 1) {
		/* The events of this one line can never be taken. */
		r = file_line_reject(&look->lines[0], &look->arena,
		                     HEED_STR("it makes more events than "
		                              "limits.queue_depth"));
		if (r == 0)
			r = hand_over(reader, &retry_after_ms);
	}
	if (r == 0) {
		reader->state = READER_DELIVERING;
		return;
	}
	reader->lines_max = look->n > 1 ? look->n / 2 : 1;
	drop_look(reader);
	come_back(reader, r == HEED_E_LIMIT ? 0 : retry_after_ms);
}

/* ---- looking ----------------------------------------------------------------------- */

static void
end(struct reader *reader)
{
	reader->state = READER_ENDED;
	log_event(LOG_INFO, "source ended", LOG_S("source", reader->file->source.name));
	source_ended(&reader->file->source);
}

/* Nothing new: end, or wait until woken. */
static void
rest(struct reader *reader)
{
	if (reader->is_input ? reader->input_ended : !reader->settings.follow)
		end(reader);
	else if (reader->is_input)
		go_on(reader);
	else
		come_back(reader, reader->woken ? WAKE_MS : reader->file->poll_ms);
}

static void
looked(void *arg)
{
	struct reader *reader = arg;
	struct file_look *look = reader->look;

	reader->state = READER_IDLE;
	if (reader->file == NULL) {
		free_reader(reader);
		return;
	}
	if (look->code < 0) {
		drop_look(reader);
		come_back(reader, RETRY_MS);
		return;
	}
	source_report(&reader->file->source,
	              look->problem.code != 0 ? &look->problem : NULL);
	if (look->n > 0 || look->moved) {
		deliver(reader);
		return;
	}
	adopt_look(reader);
	rest(reader);
}

/* On a work thread. */
static void
look_at(void *arg)
{
	struct reader *reader = arg;

	if (reader->is_input)
		reader->look->more =
			!file_look_take(reader->look, HEED_STR("-"), &reader->lines);
	else
		file_look_run(reader->look);
}

static void
begin_look(struct reader *reader)
{
	reader->look = file_look_new(&reader->settings, &reader->known);
	if (reader->look == NULL) {
		come_back(reader, RETRY_MS);
		return;
	}
	reader->look->lines_max = reader->lines_max;
	reader->lines = (struct lines){
		.rest = buf_str(&reader->input),
		.line_max = (size_t)reader->settings.line_max,
		.line = reader->input_line,
		.skipping = reader->input_skipping,
		.at_end = reader->input_ended,
	};
	reader->state = READER_LOOKING;
	reader->woken = false;
	reader->work = (struct loop_work){.run = look_at, .done = looked, .arg = reader};
	loop_work(reader->file->source.loop, &reader->work);
}

/* Room for the longest line, and some. */
static size_t
input_max(const struct reader *reader)
{
	return (size_t)reader->settings.line_max + FILE_READ_MAX;
}

/* Read what standard input has; start made the room. */
static void
fill_input(struct reader *reader)
{
	size_t room = input_max(reader) - reader->input.len;
	char *to = buf_reserve(&reader->input, room);
	ssize_t got = to != NULL && room > 0 ? read(STDIN_FILENO, to, room) : 0;

	if (got > 0)
		buf_commit(&reader->input, (size_t)got);
	else if (got == 0 || (errno != EINTR && errno != EAGAIN))
		reader->input_ended = true;
}

/* Standard input has something. */
static void
readable(void *arg)
{
	struct reader *reader = arg;

	if (reader->state != READER_IDLE || reader->file->source.paused)
		return;
	fill_input(reader);
	begin_look(reader);
}

static void
go_on(void *arg)
{
	struct reader *reader = arg;

	if (reader->state != READER_IDLE || reader->file->source.paused)
		return;
	if (!reader->is_input || reader->input_more || reader->input_ended)
		begin_look(reader);
	else if (reader->watch != NULL)
		file_watch_arm(reader->watch);
	else
		readable(reader);
}

/* Something in the folder changed. */
static void
changed(void *arg)
{
	struct reader *reader = arg;

	reader->woken = true;
	if (reader->state == READER_IDLE && !reader->file->source.paused)
		come_back(reader, WAKE_MS);
}

/* ---- the source -------------------------------------------------------------------- */

static int
fail_path(struct heed_str path, struct heed_error *error)
{
	return error_set(error, HEED_E_IO, "cannot read %.*s: %s", STR_ARG(path),
	                 strerror(errno));
}

/* Which folder, and which files of it. Only what is followed may be missing yet. */
static int
open_folder(struct reader *reader, struct heed_error *error)
{
	const struct file_source *file = reader->file;
	struct file_settings *settings = &reader->settings;
	struct heed_str path = file->path;
	struct heed_str last;
	struct stat st;
	bool there;

	if (path.data[0] != '/' && file->source.folder.len > 0)
		path = arena_printf(&reader->arena, "%.*s/%.*s",
		                    STR_ARG(file->source.folder), STR_ARG(path));
	path = arena_str(&reader->arena, path);
	last = arena_str(&reader->arena, str_from(path, folder_len(path)));
	settings->folder = arena_cstr(
		&reader->arena,
		folder_len(path) > 0 ? str_head(path, folder_len(path)) : HEED_STR("."));
	if (path.data == NULL || last.data == NULL || settings->folder == NULL)
		return error_nomem(error);
	there = stat(path.data, &st) == 0;
	if (there && S_ISDIR(st.st_mode)) {
		settings->folder = path.data;
		settings->pattern = "*";
		return 0;
	}
	if (!there && is_pattern(last))
		settings->pattern = last.data;
	else
		settings->name = last.data;
	if (!there && settings->name != NULL && !settings->follow)
		return fail_path(path, error);
	if (stat(settings->folder, &st) < 0)
		return fail_path(str_of(settings->folder), error);
	return 0;
}

static int
open_input(struct reader *reader, struct heed_error *error)
{
	reader->is_input = true;
	buf_init(&reader->input, input_max(reader) + 1);
	if (buf_reserve(&reader->input, input_max(reader)) == NULL)
		return error_nomem(error);
	reader->watch =
		file_watch_fd(reader->file->source.loop, STDIN_FILENO, readable, reader);
	return 0;
}

static int
open_reader(struct reader *reader, struct heed_str position, struct heed_error *error)
{
	struct file_source *file = reader->file;
	struct source *source = &file->source;

	reader->uri = mapping_source(&reader->arena, source->name);
	reader->events.uri = reader->uri;
	reader->events.mapping = &file->mapping;
	reader->lines_max = FILE_LINES_MAX;
	reader->settings = (struct file_settings){
		.line_max = file->line_max,
		.files_max = file->files_max,
		.text = file->format == FORMAT_TEXT,
		.follow = file->follow && !source->once,
	};
	if (reader->uri.data == NULL || loop_timers_reserve(source->loop, 1) < 0)
		return error_nomem(error);
	if (str_is(file->path, "-"))
		return open_input(reader, error);
	HEED_TRY(file_places_read(&reader->arena, position, &reader->known, error));
	HEED_TRY(open_folder(reader, error));
	if (reader->settings.follow)
		reader->watch = file_watch_folder(source->loop, reader->settings.folder,
		                                  changed, reader);
	return 0;
}

static int
start(struct source *source, struct heed_str position, struct heed_error *error)
{
	struct file_source *file = (struct file_source *)source;
	struct reader *reader = mem_new(sizeof(*reader));
	int r;

	if (reader == NULL)
		return error_nomem(error);
	arena_init(&reader->arena, 0);
	buf_init(&reader->input, 0);
	reader->file = file;
	r = open_reader(reader, position, error);
	if (r < 0) {
		file_watch_free(reader->watch);
		free_reader(reader);
		return r;
	}
	source->ends = !reader->settings.follow;
	loop_timer_init(&reader->timer, go_on, reader);
	loop_timer_set(source->loop, &reader->timer, 0);
	file->reader = reader;
	return 0;
}

static void
resume(struct source *source)
{
	struct reader *reader = ((struct file_source *)source)->reader;

	if (reader != NULL && reader->state == READER_IDLE)
		come_back(reader, 0);
}

static void
stop(struct source *source)
{
	struct file_source *file = (struct file_source *)source;
	struct reader *reader = file->reader;

	if (reader == NULL)
		return;
	file->reader = NULL;
	loop_timer_clear(source->loop, &reader->timer);
	file_watch_free(reader->watch);
	reader->watch = NULL;
	reader->file = NULL;
	if (reader->state == READER_IDLE || reader->state == READER_ENDED)
		free_reader(reader);
}

const struct source_kind source_file = {
	.name = "file",
	.help = "events from the lines of files or of standard input, each line once",
	.options = options,
	.roots = roots,
	.size = sizeof(struct file_source),
	.check = check,
	.start = start,
	.resume = resume,
	.stop = stop,
};
