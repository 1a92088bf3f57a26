/*
 * dev_feed.h - events of a file into a service of this process, one after the other: the
 * next when everything that came of the one before has ended.
 */
#ifndef HEED_CLI_DEV_FEED_H
#define HEED_CLI_DEV_FEED_H

#include "cli/event_input.h"
#include "service/service.h"

struct dev_feed {
	struct service *service;
	struct event_input input;
	struct arena arena; /* of the present event */
	struct loop_timer timer;
	int64_t wait_until_ms;
	bool under_way; /* it is not on disk yet */
	loop_fn *done;  /* at the end of the file, or at a wrong line */
	void *arg;
	struct heed_error error; /* code zero: none */
};

/* Begin; `done(arg)` comes on the loop. What event_input_open returns. The service ends
 * after dev_feed_end. */
int dev_feed_begin(struct dev_feed *feed, struct service *service, const char *path,
                   loop_fn *done, void *arg, struct heed_error *error);
/* In any case, also when it was never begun. */
void dev_feed_end(struct dev_feed *feed);

#endif
