/*
 * api_feed.c - GET /feed: the events of all streams as server-sent events, from any
 * position on, and then as they come.
 *
 *	reading ── rows ──> written ── end of the log ──> idle ── appended ──> reading
 *	                       '── no room ──> full ── drained ──> reading
 *
 * Nothing is kept for a feed but its position and at most one piece that has been read:
 * who reads slowly is read for slowly. The id of each is its position, so a reader that
 * was cut off goes on where it was (Last-Event-ID).
 */
#include <stdio.h>

#include "base/error.h"
#include "base/mem.h"
#include "service/api_local.h"

#define FEEDS_MAX 256
#define ROOM ((size_t)256 * 1024) /* bytes that wait for a reader */
#define PIECE_SIZE ((size_t)64 * 1024)
#define PIECE_POSITIONS 1000 /* looked through for one piece */
#define BEAT_MS 15000

struct feed {
	LIST_ENTRY(feed) link;
	struct api *api;
	struct http_stream *stream; /* NULL: over */
	struct heed_str filter;
	struct arena arena;
	struct loop_timer beat;
	int64_t next; /* position to be looked at; 0: behind the newest */
	int64_t end;  /* the newest that was seen */
	struct heed_buf piece;
	bool reading;
	bool news; /* something was appended meanwhile */
};

static void read_on(struct feed *feed);

static void
feed_free(struct feed *feed)
{
	buf_done(&feed->piece);
	arena_done(&feed->arena);
	mem_free(feed);
}

/* Nobody reads it any more; the store may be at it for a while. */
static void
over(struct feed *feed)
{
	if (feed->api != NULL) {
		loop_timer_clear(feed->api->service->loop, &feed->beat);
		LIST_REMOVE(feed, link);
		feed->api->n_feeds--;
	}
	feed->api = NULL;
	feed->stream = NULL;
	if (!feed->reading)
		feed_free(feed);
}

static void
closed(void *arg)
{
	over(arg);
}

void
feeds_give_up(struct api *api)
{
	struct feed *feed, *next;

	for (feed = LIST_FIRST(&api->feeds); feed != NULL; feed = next) {
		next = LIST_NEXT(feed, link);
		if (feed->stream != NULL)
			http_stream_end(feed->stream);
		over(feed);
	}
}

/* ---- reading ----------------------------------------------------------------------- */

static int
write_event(void *arg, const struct store_event *event)
{
	struct feed *feed = arg;

	buf_addf(&feed->piece, "id: %lld\nevent: ", (long long)event->position);
	buf_add(&feed->piece, event->type); /* no control characters in it */
	buf_adds(&feed->piece, "\ndata: ");
	api_write_event(&feed->piece, event); /* JSON has no line ends of its own */
	buf_adds(&feed->piece, "\n\n");
	feed->next = event->position + 1;
	return feed->piece.len >= PIECE_SIZE ? 1 : 0;
}

static int
look(struct store *store, void *arg, struct heed_error *error)
{
	struct feed *feed = arg;
	int64_t until;
	int r;

	HEED_TRY(store_read_log_end(store, &feed->end, error));
	if (feed->next == 0)
		feed->next = feed->end + 1;
	until = feed->next + PIECE_POSITIONS;
	if (until > feed->end + 1)
		until = feed->end + 1;
	if (feed->next >= until)
		return 0;
	r = store_read_log(store, feed->next, until, feed->filter, write_event, feed,
	                   error);
	if (r == 0)
		feed->next = until;
	return r < 0 ? r : 0;
}

static void
beat_again(struct feed *feed)
{
	loop_timer_set(feed->api->service->loop, &feed->beat, BEAT_MS);
}

/* Hand the piece over; read on when there may be more. */
static void
write_piece(struct feed *feed)
{
	int r = 0;

	if (feed->piece.len > 0)
		r = http_stream_write(feed->stream, buf_str(&feed->piece));
	if (r == HEED_E_BUSY)
		return; /* drained comes */
	if (r == 0 && feed->piece.len > 0)
		beat_again(feed);
	buf_reset(&feed->piece);
	if (r < 0) {
		http_stream_end(feed->stream);
		over(feed);
	} else if (feed->news || feed->next <= feed->end) {
		read_on(feed);
	}
}

static void
looked(void *arg, int code, const struct heed_error *error)
{
	struct feed *feed = arg;

	(void)error;
	feed->reading = false;
	if (feed->stream == NULL) {
		over(feed);
	} else if (code < 0 || buf_error(&feed->piece) != 0) {
		/* It comes again, and goes on where it was. */
		http_stream_end(feed->stream);
		over(feed);
	} else {
		write_piece(feed);
	}
}

static void
read_on(struct feed *feed)
{
	if (feed->reading || feed->piece.len > 0) {
		feed->news = true;
		return;
	}
	feed->news = false;
	feed->reading = true;
	if (store_read(feed->api->service->store, look, looked, feed) == 0)
		return;
	feed->reading = false;
	http_stream_end(feed->stream);
	over(feed);
}

void
feeds_wake(struct api *api)
{
	struct feed *feed, *next;

	for (feed = LIST_FIRST(&api->feeds); feed != NULL; feed = next) {
		next = LIST_NEXT(feed, link);
		if (feed->stream != NULL)
			read_on(feed);
	}
}

static void
drained(void *arg)
{
	write_piece(arg);
}

/* A sign of life, which also tells where a filtered feed has come to, and by which it is
 * found out that a silent reader has left. */
static void
beat(void *arg)
{
	struct feed *feed = arg;
	char text[64];
	int n = 0;

	if (feed->stream == NULL)
		return;
	if (feed->piece.len == 0 && !feed->reading && feed->next > 1)
		n = snprintf(text, sizeof(text), "id: %lld\n\n",
		             (long long)feed->next - 1);
	if (n == 0)
		n = snprintf(text, sizeof(text), ":\n\n");
	(void)http_stream_write(feed->stream, (struct heed_str){text, (size_t)n});
	beat_again(feed);
}

/* ---- the request ------------------------------------------------------------------- */

/* Behind Last-Event-ID, or from `from`: a position, or "end". */
static int
read_from(struct call *call, int64_t *ret_next, struct heed_error *error)
{
	struct heed_str last = call_header(call, "last-event-id");
	int64_t position;

	if (last.len > 0 && str_to_i64(last, &position) == 0 && position >= 0) {
		*ret_next = position + 1;
		return 0;
	}
	if (str_is(http_query(call->exchange, "from"), "end")) {
		*ret_next = 0;
		return 0;
	}
	return api_query_number(call, "from", 1, 1, ret_next, error);
}

static int
open_stream(struct feed *feed, struct call *call)
{
	static const struct http_header header = {{"cache-control", 13}, {"no-store", 8}};
	const struct http_stream_events events = {drained, closed, feed};

	return http_stream_open(call->exchange, 200, "text/event-stream", &header, 1,
	                        ROOM, &events, &feed->stream);
}

int
api_feed(struct api *api, struct call *call, struct heed_error *error)
{
	struct feed *feed;
	int64_t next;

	HEED_TRY(read_from(call, &next, error));
	if (api->n_feeds >= FEEDS_MAX)
		return error_set(error, HEED_E_BUSY, "there are %d feeds already",
		                 FEEDS_MAX);
	feed = mem_new(sizeof(*feed));
	if (feed == NULL)
		return HEED_E_NOMEM;
	feed->api = api;
	feed->next = next;
	arena_init(&feed->arena, 256);
	buf_init(&feed->piece, PIECE_SIZE + 2 * EVENT_SIZE_MAX);
	feed->filter = arena_str(&feed->arena, http_query(call->exchange, "stream"));
	loop_timer_init(&feed->beat, beat, feed);
	LIST_INSERT_HEAD(&api->feeds, feed, link);
	api->n_feeds++;
	if (feed->filter.data == NULL || open_stream(feed, call) < 0) {
		over(feed);
		return HEED_E_NOMEM;
	}
	beat_again(feed);
	(void)http_stream_write(feed->stream, HEED_STR(":\n\n"));
	read_on(feed);
	return 0;
}
