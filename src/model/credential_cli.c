/*
 * credential_cli.c - a token by the az command, for people's own machines.
 *
 * An argument vector, never a shell; it blocks and therefore runs on a work thread, for
 * at most 15 seconds. `expires_on` (seconds since 1970, az 2.54 and later) is used;
 * `expiresOn` is local time without an offset and is not.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "model/credential.h"

#define TIME_MAX_MS 15000

static int
start(struct credential_cli *cli, int out, pid_t *ret_pid)
{
	char az[] = "az", account[] = "account", get[] = "get-access-token", o[] = "-o",
	     json[] = "json", scope[] = "--scope";
	char *const arguments[] = {az, account, get, o, json, scope, cli->scope, NULL};
	posix_spawn_file_actions_t actions;
	int r;

	if (posix_spawn_file_actions_init(&actions) != 0)
		return ENOMEM;
	r = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&actions, out, 1);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&actions, out, 2);
	if (r == 0)
		r = posix_spawnp(ret_pid, az, &actions, NULL, arguments, environ);
	posix_spawn_file_actions_destroy(&actions);
	return r;
}

/* Everything it prints, until it closes or the time is over. */
static int
drain(struct credential_cli *cli, int in)
{
	int64_t end_ms = clock_steady_ms() + TIME_MAX_MS;
	char bytes[4096];

	for (;;) {
		struct pollfd wait = {.fd = in, .events = POLLIN};
		int64_t left = end_ms - clock_steady_ms();
		ssize_t n;

		if (left <= 0)
			return HEED_E_TIMEOUT;
		if (poll(&wait, 1, (int)left) <= 0)
			continue;
		n = read(in, bytes, sizeof(bytes));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return 0;
		buf_add(&cli->output, (struct heed_str){bytes, (size_t)n});
	}
}

void
credential_cli_run(void *arg)
{
	struct credential_cli *cli = arg;
	int pipes[2], status = 0, r;
	pid_t pid;

	cli->code = HEED_E_PERMANENT;
	buf_init(&cli->output, 262144);
	if (pipe2(pipes, O_CLOEXEC) != 0)
		return;
	r = start(cli, pipes[1], &pid);
	close(pipes[1]);
	if (r != 0) {
		cli->code = r == ENOENT ? HEED_E_NOTFOUND : HEED_E_PERMANENT;
		buf_adds(&cli->output, strerror(r));
		close(pipes[0]);
		return;
	}
	r = drain(cli, pipes[0]);
	close(pipes[0]);
	if (r != 0) {
		kill(pid, SIGKILL);
		buf_adds(&cli->output, "az took too long");
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (r == 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0)
		cli->code = buf_error(&cli->output);
	else if (r == 0 && WIFEXITED(status) && WEXITSTATUS(status) == 127)
		cli->code = HEED_E_NOTFOUND;
}
