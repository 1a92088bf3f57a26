/*
 * dev_feed.c - see dev_feed.h.
 */
#include "cli/dev_feed.h"

#include "base/error.h"

#define LOOK_MS 5
#define WAIT_MS 60000 /* for one event: what is tried again need not hold up all */

static void
end(struct dev_feed *feed)
{
	loop_fn *done = feed->done;

	feed->done = NULL;
	if (done != NULL)
		done(feed->arg);
}

static void
sent(void *arg, const struct delivery *delivery)
{
	struct dev_feed *feed = arg;

	feed->under_way = false;
	if (delivery->code != 0) {
		(void)error_set(&feed->error, delivery->code,
		                "the event was not stored: %s",
		                heed_code_text(delivery->code));
		end(feed);
	}
}

static void
send_next(struct dev_feed *feed)
{
	struct loop *loop = service_loop(feed->service);
	int64_t retry_after_ms = LOOK_MS;
	struct event event;
	int r;

	arena_reset(&feed->arena);
	r = event_input_next(&feed->input, &feed->arena, &event, &feed->error);
	if (r == 1) {
		feed->under_way = true;
		feed->wait_until_ms = loop_steady_ms(loop) + WAIT_MS;
		r = service_send(feed->service, &event, 1, sent, feed, &retry_after_ms);
		if (r == 0) {
			loop_timer_set(loop, &feed->timer, LOOK_MS);
			return;
		}
		(void)error_set(&feed->error, r, "the event was not stored: %s",
		                heed_code_text(r));
	}
	end(feed);
}

static void
look(void *arg)
{
	struct dev_feed *feed = arg;
	struct loop *loop = service_loop(feed->service);

	if (feed->done == NULL)
		return;
	if (feed->under_way || (!service_is_idle(feed->service) &&
	                        loop_steady_ms(loop) < feed->wait_until_ms))
		loop_timer_set(loop, &feed->timer, LOOK_MS);
	else
		send_next(feed);
}

int
dev_feed_begin(struct dev_feed *feed, struct service *service, const char *path,
               loop_fn *done, void *arg, struct heed_error *error)
{
	HEED_TRY(event_input_open(&feed->input, path, error));
	feed->service = service;
	feed->done = done;
	feed->arg = arg;
	feed->wait_until_ms = loop_steady_ms(service_loop(service)) + WAIT_MS;
	arena_init(&feed->arena, 0);
	loop_timer_init(&feed->timer, look, feed);
	loop_timer_set(service_loop(service), &feed->timer, 0);
	return 0;
}

void
dev_feed_end(struct dev_feed *feed)
{
	event_input_close(&feed->input);
	if (feed->service == NULL)
		return;
	loop_timer_clear(service_loop(feed->service), &feed->timer);
	arena_done(&feed->arena);
	feed->service = NULL;
}
