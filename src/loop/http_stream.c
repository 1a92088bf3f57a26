/*
 * http_stream.c - replies that go on for as long as the other side listens: see
 * http_stream.h, and http_server.h for its users.
 */
#include "loop/http_stream.h"

#include <pthread.h>
#include <string.h>

#include "base/mem.h"

#define BLOCK 8192 /* bytes that libmicrohttpd asks for at once */

struct http_stream {
	LIST_ENTRY(http_stream) link;
	struct loop *loop;
	struct MHD_Connection *connection;
	struct http_stream_events events;
	struct loop_post post;
	bool let_go; /* by its owner; the loop's */
	bool listed; /* the loop's */

	pthread_mutex_t lock; /* of what follows */
	struct heed_buf waiting;
	size_t sent; /* bytes of it that are gone */
	size_t room;
	bool refused; /* a write, for want of room: its owner wants to be told */
	bool drained;
	bool suspended;
	bool ending; /* after what waits */
	bool over;
	bool posted;
};

/* ---- libmicrohttpd's thread -------------------------------------------------------- */

/* Under the lock. */
static void
post(struct http_stream *stream)
{
	if (stream->posted)
		return;
	stream->posted = true;
	loop_post(stream->loop, &stream->post);
}

/* Under the lock. */
static size_t
take(struct http_stream *stream, char *to, size_t max)
{
	size_t left = stream->waiting.len - stream->sent;
	size_t n = left < max ? left : max;

	memcpy(to, stream->waiting.data + stream->sent, n);
	stream->sent += n;
	left -= n;
	if (left == 0) {
		buf_reset(&stream->waiting);
		stream->sent = 0;
	}
	if (stream->refused && left <= stream->room / 2) {
		stream->refused = false;
		stream->drained = true;
		post(stream);
	}
	return n;
}

static ssize_t
read_more(void *arg, uint64_t position, char *to, size_t max)
{
	struct http_stream *stream = arg;
	ssize_t n = 0;

	(void)position;
	(void)pthread_mutex_lock(&stream->lock);
	if (stream->waiting.len > stream->sent) {
		n = (ssize_t)take(stream, to, max);
	} else if (stream->ending) {
		n = MHD_CONTENT_READER_END_OF_STREAM;
	} else {
		stream->suspended = true;
		MHD_suspend_connection(stream->connection);
	}
	(void)pthread_mutex_unlock(&stream->lock);
	return n;
}

void
http_stream_over(struct http_stream *stream)
{
	(void)pthread_mutex_lock(&stream->lock);
	stream->over = true;
	post(stream);
	(void)pthread_mutex_unlock(&stream->lock);
}

/* ---- the loop's -------------------------------------------------------------------- */

static void
leave_list(struct http_stream *stream)
{
	if (stream->listed)
		LIST_REMOVE(stream, link);
	stream->listed = false;
}

static void
stream_free(struct http_stream *stream)
{
	leave_list(stream);
	buf_done(&stream->waiting);
	(void)pthread_mutex_destroy(&stream->lock);
	mem_free(stream);
}

/* What its thread had to tell. */
static void
told(void *arg)
{
	struct http_stream *stream = arg;
	bool over, drained;

	(void)pthread_mutex_lock(&stream->lock);
	stream->posted = false;
	over = stream->over;
	drained = stream->drained;
	stream->drained = false;
	(void)pthread_mutex_unlock(&stream->lock);
	if (over && !stream->let_go)
		stream->events.closed(stream->events.arg);
	else if (drained && !stream->let_go)
		stream->events.drained(stream->events.arg);
	if (over)
		stream_free(stream);
}

/* Under the lock: libmicrohttpd shall look again. */
static void
wake(struct http_stream *stream)
{
	if (stream->suspended && !stream->over)
		MHD_resume_connection(stream->connection);
	stream->suspended = false;
}

int
http_stream_open(struct http_exchange *exchange, int status, const char *type,
                 const struct http_header *headers, size_t n_headers, size_t room,
                 const struct http_stream_events *events, struct http_stream **ret_stream)
{
	struct http_stream *stream = mem_new(sizeof(*stream));
	struct MHD_Response *response;

	if (stream == NULL)
		return HEED_E_NOMEM;
	stream->loop = http_server_loop(exchange);
	stream->connection = http_server_connection(exchange);
	stream->events = *events;
	stream->post = (struct loop_post){.fn = told, .arg = stream};
	stream->room = room;
	buf_init(&stream->waiting, 0);
	(void)pthread_mutex_init(&stream->lock, NULL);
	response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, read_more,
	                                             stream, NULL);
	if (response == NULL) {
		stream_free(stream);
		return HEED_E_NOMEM;
	}
	http_server_headers(response, type, headers, n_headers);
	stream->listed = true;
	LIST_INSERT_HEAD(http_server_streams(exchange), stream, link);
	*ret_stream = stream;
	http_server_reply(exchange, status, response, stream);
	return 0;
}

int
http_stream_write(struct http_stream *stream, struct heed_str text)
{
	size_t waits;
	int r = 0;

	(void)pthread_mutex_lock(&stream->lock);
	waits = stream->waiting.len - stream->sent;
	if (waits > 0 && waits + text.len > stream->room) {
		stream->refused = true;
		r = HEED_E_BUSY;
	} else {
		/* What is gone makes room before the buffer grows. */
		if (stream->sent > 0) {
			memmove(stream->waiting.data, stream->waiting.data + stream->sent,
			        waits);
			buf_cut(&stream->waiting, waits);
			stream->sent = 0;
		}
		buf_add(&stream->waiting, text);
		r = buf_error(&stream->waiting);
		wake(stream);
	}
	(void)pthread_mutex_unlock(&stream->lock);
	return r;
}

static void
end(struct http_stream *stream)
{
	(void)pthread_mutex_lock(&stream->lock);
	stream->ending = true;
	wake(stream);
	(void)pthread_mutex_unlock(&stream->lock);
}

void
http_stream_end(struct http_stream *stream)
{
	stream->let_go = true;
	end(stream);
}

void
http_streams_end(struct http_streams *streams)
{
	struct http_stream *stream;

	LIST_FOREACH (stream, streams, link)
		end(stream);
}

/* Each has been posted: that frees it. */
void
http_streams_forget(struct http_streams *streams)
{
	struct http_stream *stream;

	while ((stream = LIST_FIRST(streams)) != NULL) {
		leave_list(stream);
		if (!stream->let_go)
			stream->events.closed(stream->events.arg);
		stream->let_go = true;
	}
}
