/*
 * progress.c - see progress.h.
 */
#include "cli/progress.h"

#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "cli/out.h"

#define QUIET_MS 1000
#define REDRAW_MS 100
#define BAR_WIDTH 24

void
progress_begin(struct progress *progress, const char *what, int64_t total)
{
	*progress = (struct progress){.what = what,
	                              .total = total,
	                              .began_ms = clock_steady_ms(),
	                              .on = isatty(STDERR_FILENO) != 0};
}

static void
draw(const struct progress *progress, int64_t done, int64_t now_ms)
{
	int64_t spent_ms = now_ms - progress->began_ms;
	struct heed_buf line;
	int full;
	int i;

	buf_init(&line, 512);
	buf_addf(&line, "\r%s ", progress->what);
	if (progress->total > 0) {
		full = (int)(done * BAR_WIDTH / progress->total);
		buf_addc(&line, '[');
		for (i = 0; i < BAR_WIDTH; i++)
			buf_addc(&line, i < full ? '#' : '.');
		buf_adds(&line, "] ");
	}
	out_count(&line, done);
	if (progress->total > 0) {
		buf_adds(&line, " of ");
		out_count(&line, progress->total);
	}
	if (progress->total > done && done > 0) {
		buf_adds(&line, ", ");
		clock_write_duration(&line, (progress->total - done) *
		                                    (spent_ms / 1000 + 1) * 1000 /
		                                    (done * 1000) * 1000);
		buf_adds(&line, " left");
	}
	buf_adds(&line, "\033[K");
	(void)fwrite(line.data, 1, line.len, stderr);
	(void)fflush(stderr);
	buf_done(&line);
}

void
progress_set(struct progress *progress, int64_t done)
{
	int64_t now_ms;

	if (!progress->on)
		return;
	now_ms = clock_steady_ms();
	if (now_ms - progress->began_ms < QUIET_MS ||
	    now_ms - progress->drawn_ms < REDRAW_MS)
		return;
	draw(progress, done, now_ms);
	progress->drawn_ms = now_ms;
	progress->drawn = true;
}

void
progress_end(struct progress *progress)
{
	if (progress->drawn)
		(void)fputs("\r\033[K", stderr);
	progress->drawn = false;
}
