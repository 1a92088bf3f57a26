/*
 * expr_worker.c - the process in which libjq runs.
 *
 * libjq can be bounded neither in time nor in memory from inside: one instruction
 * ("x" * 1e9, .[1e9] = 1, a regular expression) may take seconds or gigabytes, and when
 * there is no memory, or a value is nested too deeply, it ends its process. So it gets
 * one of its own, forked from here with the programs already compiled, under limits of
 * processor time and memory. If it dies, the evaluation has failed, and the next one
 * forks a new worker. A worker serves one set, one evaluation at a time.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/expr_impl.h"

/* The worker counts its own processor time; this is for when it gets none. */
#define WALL_MAX_MS (5 * EXPR_TIME_MAX_MS)

static int
start(struct expr_set *set, struct heed_error *error)
{
	int fds[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return error_set(error, HEED_E_TRANSIENT,
		                 "no socket to evaluate an expression");
	pid = fork();
	if (pid == 0)
		expr_serve(set, fds[1]);
	(void)close(fds[1]);
	if (pid < 0) {
		(void)close(fds[0]);
		return error_set(error, HEED_E_TRANSIENT,
		                 "no process to evaluate an expression");
	}
	set->worker = pid;
	set->worker_fd = fds[0];
	return 0;
}

/* End the worker and see how it ended. */
static int
reap(struct expr_set *set)
{
	int status = 0;

	(void)close(set->worker_fd);
	while (waitpid(set->worker, &status, 0) < 0 && errno == EINTR)
		;
	set->worker = 0;
	return status;
}

void
expr_worker_stop(struct expr_set *set)
{
	if (set->worker == 0)
		return;
	(void)kill(set->worker, SIGKILL);
	(void)reap(set);
}

/* One that was killed between two evaluations, by the system or a person, harms none. */
static void
bury_dead(struct expr_set *set)
{
	if (set->worker == 0 || waitpid(set->worker, NULL, WNOHANG) == 0)
		return;
	(void)close(set->worker_fd);
	set->worker = 0;
}

/* Wait for `events`; false when the time is up. */
static bool
wait_for(int fd, short events, int64_t until_ms)
{
	for (;;) {
		struct pollfd poll_fd = {.fd = fd, .events = events};
		int64_t left = until_ms - clock_steady_ms();
		int n = poll(&poll_fd, 1, left > 0 ? (int)left : 0);

		if (n > 0)
			return true;
		if (n == 0 || errno != EINTR)
			return false;
	}
}

static bool
send_all(int fd, const void *data, size_t len, int64_t until_ms)
{
	const char *at = data;

	while (len > 0) {
		ssize_t n = send(fd, at, len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n > 0) {
			at += n;
			len -= (size_t)n;
		} else if (errno == EAGAIN ? !wait_for(fd, POLLOUT, until_ms)
		                           : errno != EINTR) {
			return false;
		}
	}
	return true;
}

static bool
receive_all(int fd, void *data, size_t len, int64_t until_ms)
{
	char *at = data;

	while (len > 0) {
		ssize_t n;

		if (!wait_for(fd, POLLIN, until_ms))
			return false;
		n = recv(fd, at, len, 0);
		if (n == 0 || (n < 0 && errno != EINTR))
			return false;
		at += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
	return true;
}

/* The worker fell silent: it is gone, or it is time that it goes. */
static int
give_up(struct expr_set *set, struct heed_error *error)
{
	int status;

	(void)kill(set->worker, SIGKILL);
	status = reap(set);
	if (WIFSIGNALED(status) &&
	    (WTERMSIG(status) == SIGKILL || WTERMSIG(status) == SIGPROF))
		return error_set(error, HEED_E_LIMIT,
		                 "the expression ran longer than %d ms",
		                 EXPR_TIME_MAX_MS);
	(void)error_set(
		error, HEED_E_LIMIT,
		"the expression needs more than %d MiB, or nests values too deeply",
		EXPR_MEMORY_MAX_MIB);
	return HEED_E_LIMIT;
}

static bool
exchange(struct expr_set *set, size_t slot, struct heed_str input, struct heed_buf *reply,
         enum worker_verdict *ret_verdict)
{
	int64_t until_ms = clock_steady_ms() + WALL_MAX_MS;
	struct worker_frame frame = {(uint32_t)slot, (uint32_t)input.len};
	char *to;

	if (!send_all(set->worker_fd, &frame, sizeof(frame), until_ms) ||
	    !send_all(set->worker_fd, input.data, input.len, until_ms) ||
	    !receive_all(set->worker_fd, &frame, sizeof(frame), until_ms))
		return false;
	to = buf_reserve(reply, frame.len + 1);
	if (to == NULL || !receive_all(set->worker_fd, to, frame.len, until_ms))
		return false;
	buf_commit(reply, frame.len);
	*ret_verdict = (enum worker_verdict)frame.what;
	return true;
}

int
expr_worker_ask(struct expr_set *set, size_t slot, struct heed_str input,
                struct heed_buf *reply, enum worker_verdict *ret_verdict,
                struct heed_error *error)
{
	bury_dead(set);
	if (set->worker == 0)
		HEED_TRY(start(set, error));
	if (exchange(set, slot, input, reply, ret_verdict))
		return 0;
	if (buf_error(reply) == HEED_E_NOMEM) {
		expr_worker_stop(set);
		return error_nomem(error);
	}
	return give_up(set, error);
}
