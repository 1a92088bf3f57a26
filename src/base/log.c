/*
 * log.c - see log.h. A line is built whole and written with one call, so that lines of
 * several threads do not mix.
 */
#include "base/log.h"

#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/str.h"

#define LINE_MAX_BYTES 16384

static _Atomic enum log_level least = LOG_INFO;
static _Atomic enum log_form form = LOG_TEXT;

void
log_setup(enum log_level new_least, enum log_form new_form)
{
	least = new_least;
	form = new_form;
}

enum log_form
log_form(void)
{
	return form;
}

bool
log_wants(enum log_level level)
{
	return level >= least;
}

static const char *const level_names[] = {"debug", "info", "warn", "error", "silent"};

/* Text is quoted when it holds what would break a line into other words. */
static void
add_text(struct heed_buf *line, struct heed_str text)
{
	bool plain = text.len > 0;
	size_t i;

	for (i = 0; i < text.len && plain; i++)
		plain = text.data[i] > ' ' && text.data[i] != '"' &&
		        text.data[i] != '=' && text.data[i] != 0x7f;
	if (plain)
		buf_add(line, text);
	else
		json_write_string(line, text);
}

static void
add_field(struct heed_buf *line, const struct log_field *field)
{
	if (form == LOG_TEXT && !field->is_number && field->text.len == 0)
		return;
	if (form == LOG_JSON) {
		buf_addc(line, ',');
		json_write_string(line, str_of(field->name));
		buf_addc(line, ':');
	} else {
		buf_addc(line, ' ');
		buf_adds(line, field->name);
		buf_addc(line, '=');
	}
	if (field->is_number)
		buf_add_int(line, field->number);
	else if (form == LOG_JSON)
		json_write_string(line, str_head_utf8(field->text, 4096));
	else
		add_text(line, str_head_utf8(field->text, 1024));
}

void
log_write(enum log_level level, const char *what, const struct log_field *fields,
          size_t n)
{
	struct heed_buf line;
	size_t i;

	buf_init(&line, LINE_MAX_BYTES);
	if (form == LOG_JSON) {
		buf_adds(&line, "{\"time\":\"");
		clock_write(&line, clock_wall_us());
		buf_addf(&line, "\",\"level\":\"%s\",\"what\":", level_names[level]);
		json_write_string(&line, str_of(what));
	} else {
		clock_write(&line, clock_wall_us());
		buf_addf(&line, " %-5s %s", level_names[level], what);
	}
	for (i = 0; i < n && line.error == 0; i++) {
		size_t len = line.len;

		add_field(&line, &fields[i]);
		if (line.error != 0)
			buf_cut(&line, len); /* what does not fit is left out whole */
	}
	line.error = 0;
	line.max += 2;
	buf_adds(&line, form == LOG_JSON ? "}\n" : "\n");
	if (line.len > 0 && write(STDERR_FILENO, line.data, line.len) < 0)
		line.len = 0; /* nowhere to say it */
	buf_done(&line);
}

void
log_failure(enum log_level level, const char *what, const struct heed_error *error)
{
	log_event(level, what, LOG_S("error", str_of(error->text)),
	          LOG_S("where", str_of(error->where)),
	          LOG_S("hint", str_of(error->hint)));
}
