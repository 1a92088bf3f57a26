/*
 * file_watch.c - see file_watch.h. The handle rests until libuv has closed it.
 */
#include "source/file_watch.h"

#include <fcntl.h>
#include <uv.h>

#include "base/mem.h"

struct file_watch {
	union {
		uv_handle_t any;
		uv_fs_event_t folder;
		uv_poll_t fd;
	} handle;
	loop_fn *fn;
	void *arg;
};

static void
folder_changed(uv_fs_event_t *handle, const char *name, int events, int status)
{
	struct file_watch *watch = handle->data;

	(void)name;
	(void)events;
	(void)status;
	watch->fn(watch->arg);
}

static void
fd_ready(uv_poll_t *handle, int status, int events)
{
	struct file_watch *watch = handle->data;

	(void)status;
	(void)events;
	(void)uv_poll_stop(handle);
	watch->fn(watch->arg);
}

static struct file_watch *
make(loop_fn *fn, void *arg)
{
	struct file_watch *watch = mem_new(sizeof(*watch));

	if (watch == NULL)
		return NULL;
	watch->fn = fn;
	watch->arg = arg;
	watch->handle.any.data = watch;
	return watch;
}

static void
closed(uv_handle_t *handle)
{
	mem_free(handle->data);
}

struct file_watch *
file_watch_folder(struct loop *loop, const char *folder, loop_fn *fn, void *arg)
{
	struct file_watch *watch = make(fn, arg);

	if (watch == NULL)
		return NULL;
	if (uv_fs_event_init(loop_uv(loop), &watch->handle.folder) != 0) {
		mem_free(watch);
		return NULL;
	}
	if (uv_fs_event_start(&watch->handle.folder, folder_changed, folder, 0) != 0) {
		file_watch_free(watch);
		return NULL;
	}
	return watch;
}

struct file_watch *
file_watch_fd(struct loop *loop, int fd, loop_fn *fn, void *arg)
{
	struct file_watch *watch = make(fn, arg);
	int flags = fcntl(fd, F_GETFL);

	if (watch == NULL)
		return NULL;
	if (uv_poll_init(loop_uv(loop), &watch->handle.fd, fd) != 0) {
		mem_free(watch);
		return NULL;
	}
	/* libuv made it non-blocking, for every process that shares it. */
	if (flags >= 0)
		(void)fcntl(fd, F_SETFL, flags);
	return watch;
}

void
file_watch_arm(struct file_watch *watch)
{
	(void)uv_poll_start(&watch->handle.fd, UV_READABLE, fd_ready);
}

void
file_watch_free(struct file_watch *watch)
{
	if (watch != NULL)
		uv_close(&watch->handle.any, closed);
}
