/*
 * test_http_stream.c - replies that go on: what is written arrives, a slow reader is not
 * written to beyond its room, and each end is told to the other side.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "loop/http_server.h"

#define ROOM 10000
#define PATIENCE_MS 20000

struct fixture {
	struct loop *loop;
	struct http_server *server;
	struct http_stream *stream;
	bool closed;
	int drained;
	int peer; /* the client's socket */
};

static void
drained(void *arg)
{
	((struct fixture *)arg)->drained++;
}

static void
closed(void *arg)
{
	struct fixture *fixture = arg;

	assert_false(fixture->closed);
	fixture->closed = true;
	fixture->stream = NULL;
}

static enum http_verdict
receive(void *arg, struct http_exchange *exchange)
{
	(void)arg;
	(void)exchange;
	return HTTP_FORWARD;
}

static void
forward(void *arg, struct http_exchange *exchange)
{
	struct fixture *fixture = arg;
	struct http_stream_events events = {drained, closed, fixture};

	assert_int_equal(http_stream_open(exchange, 200, "text/event-stream", NULL, 0,
	                                  ROOM, &events, &fixture->stream),
	                 0);
}

static void
begin(struct fixture *fixture)
{
	static const char request[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
	struct http_server_options options = {.listen = "127.0.0.1:0",
	                                      .receive = receive,
	                                      .forward = forward,
	                                      .arg = fixture};
	struct sockaddr_in to = {.sin_family = AF_INET,
	                         .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int small = 4096;

	*fixture = (struct fixture){.peer = -1};
	assert_int_equal(loop_new(LOOP_REAL, &fixture->loop), 0);
	assert_int_equal(http_server_new(fixture->loop, &options, &fixture->server, NULL),
	                 0);
	to.sin_port = htons((uint16_t)http_server_port(fixture->server));
	fixture->peer = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(
		setsockopt(fixture->peer, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)),
		0);
	assert_int_equal(connect(fixture->peer, (struct sockaddr *)&to, sizeof(to)), 0);
	assert_int_equal(write(fixture->peer, request, sizeof(request) - 1),
	                 (ssize_t)sizeof(request) - 1);
	while (fixture->stream == NULL)
		loop_turn(fixture->loop);
}

static void
end(struct fixture *fixture)
{
	http_server_free(fixture->server);
	loop_free(fixture->loop);
	(void)close(fixture->peer);
}

/* A turn of the loop, and what has arrived within a millisecond. */
static void
read_some(struct fixture *fixture, struct heed_buf *buf)
{
	struct pollfd fd = {.fd = fixture->peer, .events = POLLIN};
	ssize_t n;

	loop_turn(fixture->loop);
	if (poll(&fd, 1, 1) <= 0)
		return;
	n = read(fixture->peer, buf_reserve(buf, 65536), 65536);
	assert_true(n > 0);
	buf_commit(buf, (size_t)n);
}

/* All that arrives until `wanted` is in it. */
static void
read_until(struct fixture *fixture, struct heed_buf *buf, const char *wanted)
{
	int64_t give_up = clock_steady_ms() + PATIENCE_MS;

	while (str_search(buf_str(buf), str_of(wanted)) == buf_str(buf).len) {
		assert_true(clock_steady_ms() < give_up);
		read_some(fixture, buf);
	}
}

static void
what_is_written_arrives(void **state)
{
	struct fixture fixture;
	struct heed_buf got;
	size_t two;

	(void)state;
	begin(&fixture);
	buf_init(&got, 0);
	assert_int_equal(http_stream_write(fixture.stream, HEED_STR("data: one\n\n")), 0);
	read_until(&fixture, &got, "data: one\n\n");
	assert_true(str_starts(buf_str(&got), "HTTP/1.1 200"));
	/* it was suspended meanwhile */
	assert_int_equal(http_stream_write(fixture.stream, HEED_STR("data: two\n\n")), 0);
	assert_int_equal(http_stream_write(fixture.stream, HEED_STR("data: six\n\n")), 0);
	http_stream_end(fixture.stream);
	read_until(&fixture, &got, "\r\n0\r\n\r\n");
	/* each in a chunk of its own, or both in one */
	two = str_search(buf_str(&got), HEED_STR("data: two\n\n"));
	assert_true(two < str_search(buf_str(&got), HEED_STR("data: six\n\n")));
	assert_true(str_search(buf_str(&got), HEED_STR("data: six\n\n")) < got.len);
	assert_false(fixture.closed); /* it was its owner who ended it */
	buf_done(&got);
	end(&fixture);
	assert_false(fixture.closed);
}

/* The bytes of a chunked body. */
static void
unchunk(struct heed_str text, struct heed_buf *body)
{
	text = str_from(text, str_search(text, HEED_STR("\r\n\r\n")) + 4);
	for (;;) {
		size_t size = strtoul(text.data, NULL, 16);

		if (size == 0)
			break;
		text = str_from(text, str_find(text, '\n') + 1);
		buf_add(body, str_head(text, size));
		text = str_from(text, size + 2);
	}
}

#define LINE 100

static struct heed_str
line_of(char place[LINE + 1], int n)
{
	(void)snprintf(place, LINE + 1, "%099d\n", n);
	return (struct heed_str){place, LINE};
}

/* A reader that does not read: writes are refused, nothing grows; when it reads, all that
 * was taken arrives in order. */
static void
slow_readers_are_waited_for(void **state)
{
	struct fixture fixture;
	char place[LINE + 1];
	struct heed_buf got, body;
	int64_t stuck_ms = 0;
	int taken = 0;
	int i;

	(void)state;
	begin(&fixture);
	buf_init(&got, 0);
	buf_init(&body, 0);
	/* until nothing moves for a while: the kernel's buffers are full, too */
	while (stuck_ms == 0 || clock_steady_ms() < stuck_ms + 100) {
		int r = http_stream_write(fixture.stream, line_of(place, taken));

		assert_true(r == 0 || r == HEED_E_BUSY);
		taken += r == 0;
		if (r == 0)
			stuck_ms = 0;
		else if (stuck_ms == 0)
			stuck_ms = clock_steady_ms();
		loop_turn(fixture.loop);
	}
	assert_in_range(taken, ROOM / LINE, 1000000);
	fixture.drained = 0;
	while (fixture.drained == 0)
		read_some(&fixture, &got);
	assert_int_equal(http_stream_write(fixture.stream, line_of(place, taken++)), 0);
	http_stream_end(fixture.stream);
	read_until(&fixture, &got, "\r\n0\r\n\r\n");
	unchunk(buf_str(&got), &body);
	assert_int_equal(body.len, (size_t)taken * LINE);
	for (i = 0; i < taken; i++)
		assert_memory_equal(body.data + (size_t)i * LINE, line_of(place, i).data,
		                    LINE);
	buf_done(&got);
	buf_done(&body);
	end(&fixture);
}

static void
a_peer_that_leaves_is_told(void **state)
{
	struct fixture fixture;
	int64_t give_up = clock_steady_ms() + PATIENCE_MS;

	(void)state;
	begin(&fixture);
	(void)close(fixture.peer);
	while (!fixture.closed) {
		assert_true(clock_steady_ms() < give_up);
		(void)http_stream_write(fixture.stream, HEED_STR(":\n\n"));
		loop_turn(fixture.loop);
	}
	fixture.peer = -1;
	end(&fixture);
}

static void
a_server_that_closes_tells(void **state)
{
	struct fixture fixture;

	(void)state;
	begin(&fixture);
	assert_int_equal(http_stream_write(fixture.stream, HEED_STR("data: one\n\n")), 0);
	http_server_free(fixture.server);
	assert_true(fixture.closed);
	fixture.server = NULL;
	end(&fixture);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_arrives),
		cmocka_unit_test(slow_readers_are_waited_for),
		cmocka_unit_test(a_peer_that_leaves_is_told),
		cmocka_unit_test(a_server_that_closes_tells),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
