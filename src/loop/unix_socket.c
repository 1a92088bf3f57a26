/*
 * unix_socket.c - see unix_socket.h.
 */
#include "loop/unix_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/error.h"

#define BACKLOG 128

_Static_assert(UNIX_PATH_SIZE == sizeof(((struct sockaddr_un *)0)->sun_path),
               "the kernel's bound");

static int
open_folder(const char *name, const char *slash)
{
	char folder[4096];
	size_t len = slash != NULL ? (size_t)(slash - name) : 0;

	if (len >= sizeof(folder)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(folder, name, len);
	folder[len] = '\0';
	return open(slash == NULL ? "."
	            : len == 0    ? "/"
	                          : folder,
	            O_PATH | O_DIRECTORY | O_CLOEXEC);
}

int
unix_path_init(struct unix_path *path, const char *name, struct heed_error *error)
{
	const char *slash = strrchr(name, '/');
	int folder;
	int len;

	path->folder = -1;
	if (strlen(name) < sizeof(path->path)) {
		memcpy(path->path, name, strlen(name) + 1);
		return 0;
	}
	folder = open_folder(name, slash);
	if (folder < 0)
		return error_set(error, HEED_E_IO, "cannot open the folder of %s: %s",
		                 name, strerror(errno));
	len = snprintf(path->path, sizeof(path->path), "/proc/self/fd/%d/%s", folder,
	               slash != NULL ? slash + 1 : name);
	if (len < 0 || (size_t)len >= sizeof(path->path)) {
		(void)close(folder);
		(void)error_set(error, HEED_E_IO,
		                "the name of the socket is too long: %s", name);
		error_hint(error, "give it a shorter one: admin: {socket: PATH}");
		return HEED_E_IO;
	}
	path->folder = folder;
	return 0;
}

void
unix_path_done(struct unix_path *path)
{
	if (path->folder >= 0)
		(void)close(path->folder);
	path->folder = -1;
}

/* A new socket and the address of `path`. */
static int
make(const struct unix_path *path, struct sockaddr_un *ret_address)
{
	*ret_address = (struct sockaddr_un){.sun_family = AF_UNIX};
	memcpy(ret_address->sun_path, path->path, sizeof(path->path));
	return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static bool
is_alive(const struct unix_path *path)
{
	struct sockaddr_un address;
	int fd = make(path, &address);
	bool alive =
		fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;

	if (fd >= 0)
		(void)close(fd);
	return alive;
}

bool
unix_is_alive(const char *name)
{
	struct unix_path path;
	bool alive;

	if (unix_path_init(&path, name, NULL) < 0)
		return false;
	alive = is_alive(&path);
	unix_path_done(&path);
	return alive;
}

/* Make way: a socket file whose owner is gone. */
static int
clear_stale(const struct unix_path *path, const char *name, struct heed_error *error)
{
	struct stat about;

	if (lstat(path->path, &about) < 0)
		return 0;
	if (!S_ISSOCK(about.st_mode)) {
		(void)error_set(error, HEED_E_EXISTS, "%s is there and is no socket",
		                name);
		error_hint(error, "choose another path for the socket");
		return HEED_E_EXISTS;
	}
	if (is_alive(path)) {
		(void)error_set(error, HEED_E_EXISTS, "another process listens on %s",
		                name);
		error_hint(error, "stop that one, or choose another path for the socket");
		return HEED_E_EXISTS;
	}
	(void)unlink(path->path);
	return 0;
}

int
unix_listen(const char *name, int *ret_fd, struct heed_error *error)
{
	struct sockaddr_un address;
	struct unix_path path;
	mode_t mask;
	int fd;
	int r;

	HEED_TRY(unix_path_init(&path, name, error));
	r = clear_stale(&path, name, error);
	if (r < 0) {
		unix_path_done(&path);
		return r;
	}
	fd = make(&path, &address);
	mask = umask(0177);
	r = fd < 0 ? -1 : bind(fd, (struct sockaddr *)&address, sizeof(address));
	(void)umask(mask);
	if (r < 0 || listen(fd, BACKLOG) < 0) {
		r = error_set(error, HEED_E_IO, "cannot listen on %s: %s", name,
		              strerror(errno));
		if (fd >= 0)
			(void)close(fd);
	} else {
		*ret_fd = fd;
	}
	unix_path_done(&path);
	return r;
}
