/*
 * unix_socket.h - socket files: how a path of any length is used, and when one that is
 * there already may be replaced.
 *
 * The kernel takes paths up to 107 bytes. A longer one is reached through the descriptor
 * of its folder, as /proc/self/fd/N/NAME.
 */
#ifndef HEED_LOOP_UNIX_SOCKET_H
#define HEED_LOOP_UNIX_SOCKET_H

#include "heed.h"

#define UNIX_PATH_SIZE 108

struct unix_path {
	char path[UNIX_PATH_SIZE]; /* to give to the kernel, or to libcurl */
	int folder;                /* kept open while `path` is used, or -1 */
};

/* HEED_E_IO with words when the folder is not there or the name alone is too long. */
int unix_path_init(struct unix_path *path, const char *name, struct heed_error *error);
void unix_path_done(struct unix_path *path);

/* Does somebody listen there? */
bool unix_is_alive(const char *name);
/* Bind and listen, mode 0600. A socket file that nobody listens on is replaced; any other
 * file is left alone. HEED_E_EXISTS (somebody listens, or it is no socket), HEED_E_IO,
 * with words. */
int unix_listen(const char *name, int *ret_fd, struct heed_error *error);

#endif
