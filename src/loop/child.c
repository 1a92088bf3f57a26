/*
 * child.c - see child.h.
 *
 *	running ── exit ──> ended, its pipes are read to their end ──> done
 *	   │ time is up, too much output
 *	   └── SIGTERM to the group ── a while ──> SIGKILL ──> ended ...
 *
 * What a program leaves behind in its group may hold the pipes open: they are read for a
 * moment after its end, not for ever. The memory goes when libuv has closed all handles.
 */
#include "loop/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "base/error.h"
#include "base/mem.h"

#define TERM_MS 2000 /* between SIGTERM and SIGKILL */
#define REST_MS 250  /* what is still read after its end */
#define CHUNK 16384

enum { IN, OUT, ERR, PIPES };

struct child {
	struct loop *loop;
	uv_process_t process;
	uv_pipe_t pipes[PIPES];
	uv_write_t write;
	char *input;
	struct heed_buf output;
	struct heed_buf errors;
	size_t errors_max;
	struct loop_timer timer; /* time is up, then for SIGKILL, then for the rest */
	struct child_end end;
	int open;    /* handles that libuv has not closed */
	int reading; /* pipes that have not come to their end */
	bool exited;
	bool told;
	child_done_fn *done; /* NULL: nobody waits */
	void *arg;
	char chunk[CHUNK];
};

static void
set_timer(struct child *child, loop_fn *fn, int64_t ms)
{
	loop_timer_clear(child->loop, &child->timer);
	loop_timer_init(&child->timer, fn, child);
	loop_timer_set(child->loop, &child->timer, ms);
}

/* ---- the end ----------------------------------------------------------------------- */

static void
closed(uv_handle_t *handle)
{
	struct child *child = handle->data;

	if (--child->open > 0)
		return;
	buf_done(&child->output);
	buf_done(&child->errors);
	mem_free(child->input);
	mem_free(child);
}

static void
close_handle(uv_handle_t *handle)
{
	if (!uv_is_closing(handle))
		uv_close(handle, closed);
}

static void
close_pipes(struct child *child)
{
	int i;

	for (i = 0; i < PIPES; i++)
		close_handle((uv_handle_t *)&child->pipes[i]);
}

static void
tell(struct child *child)
{
	child_done_fn *done = child->done;

	if (child->told)
		return;
	child->told = true;
	loop_timer_clear(child->loop, &child->timer);
	close_pipes(child);
	child->done = NULL;
	child->end.output = buf_str(&child->output);
	child->end.errors = buf_str(&child->errors);
	if (done != NULL)
		done(child->arg, &child->end);
	close_handle((uv_handle_t *)&child->process);
}

static void
rest_is_over(void *arg)
{
	tell(arg);
}

static void
look_whether_over(struct child *child)
{
	if (child->exited && child->reading == 0)
		tell(child);
}

static void
exited(uv_process_t *process, int64_t status, int signal)
{
	struct child *child = process->data;

	if (child->end.code != 0 || child->done == NULL) /* what it started, too */
		(void)kill(-process->pid, SIGKILL);
	child->exited = true;
	child->end.status = (int)status;
	child->end.signal = signal;
	set_timer(child, rest_is_over, REST_MS);
	look_whether_over(child);
}

/* ---- stopping ---------------------------------------------------------------------- */

static void
kill_group(const struct child *child, int signal)
{
	if (!child->exited && child->process.pid > 0)
		(void)kill(-child->process.pid, signal);
}

static void
term_is_over(void *arg)
{
	kill_group(arg, SIGKILL);
}

static void
stop(struct child *child, int code)
{
	if (child->exited || child->end.code != 0)
		return;
	child->end.code = code;
	kill_group(child, SIGTERM);
	set_timer(child, term_is_over, TERM_MS);
}

static void
time_is_up(void *arg)
{
	stop(arg, HEED_E_TIMEOUT);
}

/* ---- pipes ------------------------------------------------------------------------- */

static void
make_room(uv_handle_t *handle, size_t wanted, uv_buf_t *ret_buf)
{
	struct child *child = handle->data;

	(void)wanted;
	*ret_buf = uv_buf_init(child->chunk, sizeof(child->chunk));
}

static void
pipe_ended(struct child *child, uv_stream_t *stream)
{
	close_handle((uv_handle_t *)stream);
	child->reading--;
	look_whether_over(child);
}

static void
take_output(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct child *child = stream->data;

	if (n < 0) {
		pipe_ended(child, stream);
		return;
	}
	buf_add(&child->output, (struct heed_str){buf->base, (size_t)n});
	if (buf_error(&child->output) == 0)
		return;
	stop(child, buf_error(&child->output));
	pipe_ended(child, stream);
}

/* The last bytes are those that say what went wrong. */
static void
take_errors(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct child *child = stream->data;
	struct heed_buf *errors = &child->errors;

	if (n < 0) {
		pipe_ended(child, stream);
		return;
	}
	buf_add(errors, (struct heed_str){buf->base, (size_t)n});
	if (errors->len > child->errors_max) {
		size_t from = errors->len - child->errors_max;

		memmove(errors->data, errors->data + from, child->errors_max);
		buf_cut(errors, child->errors_max);
	}
}

/* It may well end without reading all of it: no failure of ours. */
static void
input_written(uv_write_t *write, int status)
{
	struct child *child = write->data;

	(void)status;
	close_handle((uv_handle_t *)&child->pipes[IN]);
}

static void
feed(struct child *child, size_t len)
{
	uv_buf_t buf = uv_buf_init(child->input, (unsigned)len);

	child->write.data = child;
	if (len == 0 || uv_write(&child->write, (uv_stream_t *)&child->pipes[IN], &buf, 1,
	                         input_written) != 0)
		close_handle((uv_handle_t *)&child->pipes[IN]);
}

static void
listen_to(struct child *child, int which, uv_read_cb read)
{
	if (uv_read_start((uv_stream_t *)&child->pipes[which], make_room, read) == 0)
		child->reading++;
	else
		close_handle((uv_handle_t *)&child->pipes[which]);
}

/* ---- starting ---------------------------------------------------------------------- */

/* A write to a program that does not read must not end the process. */
static void
ignore_sigpipe(void)
{
	struct sigaction now;

	if (sigaction(SIGPIPE, NULL, &now) == 0 && now.sa_handler == SIG_DFL)
		(void)signal(SIGPIPE, SIG_IGN);
}

/* Not every library marks what it opens (libcurl's wake-up sockets). */
static void
keep_descriptors(void)
{
	(void)close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
}

static int
cannot_start(const struct child_options *options, int code, struct heed_error *error)
{
	const char *program = options->arguments[0];

	if (options->folder != NULL && access(options->folder, X_OK) < 0)
		return error_set(error, HEED_E_NOTFOUND, "cannot enter the folder %s: %s",
		                 options->folder, strerror(errno));
	if (code == UV_ENOENT) {
		(void)error_set(error, HEED_E_NOTFOUND, "there is no program \"%s\"",
		                program);
		error_hint(error, "give its path, or have it in PATH");
		return HEED_E_NOTFOUND;
	}
	if (code == UV_EAGAIN || code == UV_ENFILE || code == UV_EMFILE ||
	    code == UV_ETXTBSY)
		return error_set(error, HEED_E_TRANSIENT, "cannot start \"%s\": %s",
		                 program, uv_strerror(code));
	if (code == UV_ENOMEM)
		return error_nomem(error);
	return error_set(error, HEED_E_PERMANENT, "cannot start \"%s\": %s", program,
	                 uv_strerror(code));
}

static int
spawn(struct child *child, const struct child_options *options)
{
	uv_stdio_container_t stdio[PIPES];
	uv_process_options_t spawn = {
		.file = options->arguments[0],
		.args = options->arguments,
		.env = options->environment,
		.cwd = options->folder,
		.exit_cb = exited,
		.flags = UV_PROCESS_DETACHED, /* setsid */
		.stdio = stdio,
		.stdio_count = PIPES,
	};
	uv_loop_t *uv = loop_uv(child->loop);
	int i;

	for (i = 0; i < PIPES; i++) {
		(void)uv_pipe_init(uv, &child->pipes[i], 0);
		child->pipes[i].data = child;
		/* The child reads its IN and writes the others. */
		stdio[i].flags =
			UV_CREATE_PIPE | (i == IN ? UV_READABLE_PIPE : UV_WRITABLE_PIPE);
		stdio[i].data.stream = (uv_stream_t *)&child->pipes[i];
	}
	child->open = PIPES + 1;
	child->process.data = child;
	return uv_spawn(uv, &child->process, &spawn);
}

int
child_start(struct loop *loop, const struct child_options *options, child_done_fn *done,
            void *arg, struct child **ret_child, struct heed_error *error)
{
	struct child *child = mem_new(sizeof(*child));
	int r;

	if (child == NULL)
		return error_nomem(error);
	child->input = mem_copy(options->input.data != NULL ? options->input.data : "",
	                        options->input.len);
	if (child->input == NULL) {
		mem_free(child);
		return error_nomem(error);
	}
	child->loop = loop;
	child->done = done;
	child->arg = arg;
	child->errors_max = options->errors_max;
	buf_init(&child->output, options->output_max);
	buf_init(&child->errors, options->errors_max + CHUNK);
	ignore_sigpipe();
	keep_descriptors();
	r = spawn(child, options);
	if (r != 0) {
		close_pipes(child);
		close_handle((uv_handle_t *)&child->process);
		return cannot_start(options, r, error);
	}
	feed(child, options->input.len);
	listen_to(child, OUT, take_output);
	listen_to(child, ERR, take_errors);
	set_timer(child, time_is_up, options->timeout_ms);
	*ret_child = child;
	return 0;
}

void
child_cancel(struct child *child)
{
	child->done = NULL;
	kill_group(child, SIGKILL);
	loop_timer_clear(child->loop, &child->timer);
	close_pipes(child);
	child->reading = 0;
	look_whether_over(child);
}
