/*
 * expr_serve.c - inside the worker: read an input, run the program, write the output.
 *
 * The process is a copy of heed's in the middle of its life. It keeps only the socket,
 * standard files that lead nowhere, and the compiled programs, and it leaves by _exit.
 */
#include <errno.h>
#include <fcntl.h>
#include <jq.h>
#include <jv.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/expr_impl.h"
#include "base/expr_jv.h"
#include "base/json.h"
#include "base/mem.h"

/* ---- alone ------------------------------------------------------------------------- */

/* Signals are for heed; the worker ends when heed closes the socket. */
static void
calm_signals(void)
{
	static const int ignored[] = {SIGINT,  SIGTERM, SIGHUP, SIGQUIT,
	                              SIGPIPE, SIGUSR1, SIGUSR2};
	sigset_t none;

	for (int i = 1; i < NSIG; i++)
		(void)signal(i, SIG_DFL);
	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		(void)signal(ignored[i], SIG_IGN);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Heed's files, locks and sockets must not live on here. The socket becomes number 3. */
static void
close_files(int fd)
{
	int nowhere = open("/dev/null", O_RDWR);

	for (int i = 0; i < 3; i++)
		(void)dup2(nowhere, i);
	(void)dup2(fd, 3);
	if (close_range(4, ~0U, 0) < 0)
		for (int i = 4; i < 65536; i++)
			(void)close(i);
}

/* Bytes of memory that count for RLIMIT_DATA now. */
static rlim_t
data_size(void)
{
	unsigned long pages[6] = {0};
	FILE *file = fopen("/proc/self/statm", "re");

	if (file == NULL)
		return 0;
	for (int i = 0; i < 6; i++)
		if (fscanf(file, "%lu", &pages[i]) != 1)
			break;
	(void)fclose(file);
	return (rlim_t)pages[5] * (rlim_t)sysconf(_SC_PAGESIZE);
}

static void
limit_memory(void)
{
	rlim_t most = data_size() + ((rlim_t)EXPR_MEMORY_MAX_MIB << 20);
	const struct rlimit data = {most, most}, core = {0, 0};

	(void)setrlimit(RLIMIT_DATA, &data);
	(void)setrlimit(RLIMIT_CORE, &core);
}

/* Processor time from now on, of which too much is the end; zero for no bound. */
static void
limit_time(int ms)
{
	const struct itimerval timer = {
		.it_value = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000}};

	(void)setitimer(ITIMER_PROF, &timer, NULL);
}

/* ---- evaluations ------------------------------------------------------------------- */

static bool
receive(int fd, void *data, size_t len)
{
	char *at = data;

	while (len > 0) {
		ssize_t n = recv(fd, at, len, 0);

		if (n == 0 || (n < 0 && errno != EINTR))
			return false;
		at += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
	return true;
}

static void
reply(int fd, enum worker_verdict verdict, struct heed_str text)
{
	struct worker_frame frame = {(uint32_t)verdict, (uint32_t)text.len};
	struct iovec parts[] = {{&frame, sizeof(frame)}, {(void *)text.data, text.len}};
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
	size_t left = sizeof(frame) + text.len;

	while (left > 0) {
		ssize_t n = sendmsg(fd, &message, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			_exit(0);
		left -= (size_t)n;
		for (size_t i = 0; i < 2; i++) {
			size_t part = (size_t)n < parts[i].iov_len ? (size_t)n
			                                           : parts[i].iov_len;

			parts[i].iov_base = (char *)parts[i].iov_base + part;
			parts[i].iov_len -= part;
			n -= (ssize_t)part;
		}
	}
}

/* jq's error as words: strings as they are, anything else as JSON. */
static void
reply_error(int fd, jv message)
{
	bool is_text = jv_get_kind(message) == JV_KIND_STRING;
	jv text = is_text ? message : jv_dump_string(message, 0);
	struct heed_buf words;

	buf_init(&words, 0);
	buf_adds(&words, jv_string_value(text));
	buf_adds(&words, is_text ? "" : " (not a string)");
	reply(fd, WORKER_ERROR, str_head_utf8(buf_str(&words), 4096));
	buf_done(&words);
	jv_free(text);
}

static void
reply_value(int fd, jv output, struct arena *arena)
{
	struct heed_json value;
	struct heed_buf text;
	int r = jv_to_json(output, arena, &value);

	buf_init(&text, EXPR_RESULT_MAX);
	if (r == 0)
		json_write(&text, value, JSON_COMPACT);
	if (r == HEED_E_LIMIT)
		reply(fd, WORKER_DEEP, (struct heed_str){NULL, 0});
	else if (r < 0 || buf_error(&text) != 0)
		reply(fd, WORKER_LARGE, (struct heed_str){NULL, 0});
	else
		reply(fd, WORKER_VALUE, buf_str(&text));
	buf_done(&text);
}

static void
evaluate(const struct expr_set *set, int fd, size_t slot, struct heed_json input,
         struct arena *arena)
{
	jq_state *jq = set->programs[slot / JQ_PROGRAM_EXPRS].jq;
	jv pair = jv_array_append(jv_array(), jv_number((double)slot)), output;

	pair = jv_array_append(pair, jv_from_json(input));
	limit_time(EXPR_TIME_MAX_MS);
	jq_start(jq, pair, 0);
	output = jq_next(jq);
	if (jv_is_valid(output))
		reply_value(fd, output, arena);
	else if (jv_invalid_has_msg(jv_copy(output)))
		reply_error(fd, jv_invalid_get_msg(jv_copy(output)));
	else
		reply(fd, WORKER_NOTHING, (struct heed_str){NULL, 0});
	limit_time(0);
	jv_free(output);
}

static void
drop_message(void *data, jv message)
{
	(void)data;
	jv_free(message);
}

void
expr_serve(const struct expr_set *set, int fd)
{
	struct worker_frame frame;
	struct arena arena;

	calm_signals();
	close_files(fd);
	limit_memory();
	mem_fail_after(-1, 0);
	(void)prctl(PR_SET_NAME, "heed-jq");
	arena_init(&arena, 0);
	for (size_t i = 0; i < set->n_programs; i++)
		if (set->programs[i].jq != NULL)
			jq_set_error_cb(set->programs[i].jq, drop_message, NULL);
	while (receive(3, &frame, sizeof(frame))) {
		struct heed_json input;
		char *text = arena_alloc(&arena, frame.len + 1);

		if (text == NULL || !receive(3, text, frame.len) ||
		    json_parse(&arena, (struct heed_str){text, frame.len}, &input, NULL) <
		            0)
			break;
		evaluate(set, 3, frame.what, input, &arena);
		arena_reset(&arena);
	}
	_exit(0);
}
