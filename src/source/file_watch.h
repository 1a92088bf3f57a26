/*
 * file_watch.h - what wakes a file source: changes in a folder, bytes on a descriptor.
 *
 * Only a hint to look: what it misses (network folders, a queue of notifications that
 * ran over) is found by looking at intervals.
 */
#ifndef HEED_SOURCE_FILE_WATCH_H
#define HEED_SOURCE_FILE_WATCH_H

#include "loop/loop.h"

struct file_watch;

/* Call fn(arg) whenever something in `folder` changes. NULL when that can't be had. */
struct file_watch *
file_watch_folder(struct loop *loop, const char *folder, loop_fn *fn, void *arg);
/* Call fn(arg) once after each file_watch_arm when `fd` has bytes or is at its end. NULL
 * when it can't be waited for, as a regular file: then reading it does not block. The
 * descriptor stays in the mode it is in, and the caller's. */
struct file_watch *file_watch_fd(struct loop *loop, int fd, loop_fn *fn, void *arg);
void file_watch_arm(struct file_watch *watch);
/* No calls afterwards. Takes NULL. */
void file_watch_free(struct file_watch *watch);

#endif
