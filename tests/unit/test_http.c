/*
 * test_http.c - the HTTP client and server against each other, and the client against a
 * bare socket that misbehaves.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "loop/http_client.h"
#include "loop/http_server.h"

static struct loop *loop;
static struct http_client *client;
static struct http_server *server;
static struct http_exchange *held; /* the last one forwarded to /hold */

/* ---- a server that echoes ---------------------------------------------------------- */

static enum http_verdict
receive(void *arg, struct http_exchange *exchange)
{
	(void)arg;
	if (str_is(exchange->path, "/now")) {
		http_answer(exchange, 200, "text/plain", HEED_STR("now"), NULL, 0);
		return HTTP_ANSWERED;
	}
	return HTTP_FORWARD;
}

static void
forward(void *arg, struct http_exchange *exchange)
{
	struct http_header header = {HEED_STR("X-Method"), exchange->method};
	struct heed_str q = http_query(exchange, "q");

	(void)arg;
	if (str_is(exchange->path, "/hold")) {
		held = exchange;
		loop_stop(loop);
	} else if (str_is(exchange->path, "/query")) {
		http_answer(exchange, 200, NULL, q, NULL, 0);
	} else {
		http_answer(exchange, 200, "text/plain", exchange->body, &header, 1);
	}
}

static int
set_up(void **state)
{
	struct http_server_options options = {
		.listen = "127.0.0.1:0",
		.body_max = 1000,
		.receive = receive,
		.forward = forward,
	};
	struct heed_error error = {0};

	(void)state;
	assert_int_equal(loop_new(LOOP_REAL, &loop), 0);
	assert_int_equal(http_client_new(loop, NULL, &client), 0);
	assert_int_equal(http_server_new(loop, &options, &server, &error), 0);
	held = NULL;
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	if (held != NULL)
		http_answer(held, 200, NULL, (struct heed_str){NULL, 0}, NULL, 0);
	http_client_free(client);
	http_server_free(server);
	loop_free(loop);
	return 0;
}

/* ---- calls ------------------------------------------------------------------------- */

struct result {
	int n, error, status;
	bool sent;
	char body[256];
	char header[64];
	int stop_at; /* end the loop after so many */
};

static void
note(void *arg, const struct http_reply *reply)
{
	struct result *result = arg;
	struct heed_str header =
		http_header_find(reply->headers, reply->n_headers, "x-method");

	result->error = reply->error;
	result->status = reply->status;
	result->sent = reply->sent;
	(void)snprintf(result->body, sizeof(result->body), "%.*s", STR_ARG(reply->body));
	(void)snprintf(result->header, sizeof(result->header), "%.*s", STR_ARG(header));
	if (++result->n == result->stop_at)
		loop_stop(loop);
}

static struct http_call *
start(int port, struct http_request request, const char *path, struct result *result)
{
	struct heed_error error = {0};
	struct http_call *call = NULL;
	char url[128];

	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", port, path);
	request.url = str_of(url);
	if (result->stop_at == 0)
		result->stop_at = 1;
	assert_int_equal(http_start(client, &request, note, result, &call, &error), 0);
	return call;
}

static struct result
fetch(struct http_request request, const char *path)
{
	struct result result = {0};

	(void)start(http_server_port(server), request, path, &result);
	assert_int_equal(result.n, 0); /* never from inside http_start */
	loop_run(loop);
	assert_int_equal(result.n, 1);
	return result;
}

static void
methods(void **state)
{
	struct http_request post = {.body = HEED_STR("hello"), .has_body = true};
	struct http_request delete = {.method = HEED_STR("DELETE")};
	struct http_request empty = {.method = HEED_STR("POST"), .has_body = true};
	struct result result = fetch(post, "/");

	(void)state;
	assert_int_equal(result.status, 200);
	assert_string_equal(result.body, "hello");
	assert_string_equal(result.header, "POST");
	result = fetch(delete, "/");
	assert_string_equal(result.header, "DELETE");
	result = fetch(empty, "/");
	assert_string_equal(result.header, "POST");
	assert_string_equal(result.body, "");
	result = fetch((struct http_request){0}, "/now");
	assert_string_equal(result.body, "now");
}

static void
queries(void **state)
{
	struct result result =
		fetch((struct http_request){0}, "/query?a=1&q=x%20y%2Bz&q=2");

	(void)state;
	assert_string_equal(result.body, "x y+z");
	result = fetch((struct http_request){0}, "/query?qq=1&q");
	assert_string_equal(result.body, "");
	result = fetch((struct http_request){0}, "/query?q=%zz");
	assert_string_equal(result.body, "");
}

static void
bounds(void **state)
{
	char big[2000];
	struct http_request large = {.body = {big, sizeof(big)}, .has_body = true};
	struct http_request small = {
		.body = HEED_STR("more than three"), .has_body = true, .reply_max = 3};
	struct result result;

	(void)state;
	memset(big, 'x', sizeof(big));
	result = fetch(large, "/");
	assert_int_equal(result.status, 413);
	result = fetch(small, "/");
	assert_int_equal(result.error, HEED_E_LIMIT);
}

static void
refused_requests(void **state)
{
	struct heed_error error;
	struct http_call *call;
	struct http_header header = {HEED_STR("X"), HEED_STR("a\r\nInjected: b")};
	struct http_request request = {.url = HEED_STR("ftp://example.com/")};
	struct result result = {0};

	(void)state;
	assert_int_equal(http_start(client, &request, note, &result, &call, &error),
	                 HEED_E_INVALID);
	request.url = HEED_STR("http://");
	assert_int_equal(http_start(client, &request, note, &result, &call, &error),
	                 HEED_E_INVALID);
	request.url = HEED_STR("http://127.0.0.1/a b");
	assert_int_equal(http_start(client, &request, note, &result, &call, &error),
	                 HEED_E_INVALID);
	request.url = HEED_STR("http://127.0.0.1/");
	request.headers = &header;
	request.n_headers = 1;
	assert_int_equal(http_start(client, &request, note, &result, &call, &error),
	                 HEED_E_INVALID);
	assert_int_equal(result.n, 0);
}

static void
time_out(void **state)
{
	struct http_request request = {.timeout_ms = 100};
	struct result result = {.stop_at = 1};

	(void)state;
	(void)start(http_server_port(server), request, "/hold", &result);
	loop_run(loop); /* until the server has it */
	assert_non_null(held);
	loop_run(loop);
	assert_int_equal(result.error, HEED_E_TIMEOUT);
	assert_true(result.sent);
}

static void
cancelled(void **state)
{
	struct result result = {.stop_at = 2};
	struct http_request request = {0};
	struct http_call *call;

	(void)state;
	call = start(http_server_port(server), request, "/hold", &result);
	http_cancel(call); /* in line */
	assert_int_equal(http_client_active(client), 0);
	call = start(http_server_port(server), request, "/hold", &result);
	loop_run(loop);
	assert_non_null(held);
	assert_int_equal(http_client_active(client), 1);
	http_cancel(call); /* under way */
	assert_int_equal(http_client_active(client), 0);
	assert_int_equal(result.n, 0);
}

#define MANY 500

static void
many(void **state)
{
	static struct result result;
	struct http_request request = {.body = HEED_STR("x"), .has_body = true};
	int i;

	(void)state;
	result = (struct result){.stop_at = MANY};
	for (i = 0; i < MANY; i++)
		(void)start(http_server_port(server), request, "/", &result);
	loop_run(loop);
	assert_int_equal(result.n, MANY);
	assert_int_equal(result.error, 0);
	assert_int_equal(http_client_active(client), 0);
}

/* ---- a peer that closes kept connections ------------------------------------------- */

struct fickle {
	int listener;
	int port;
	int requests; /* that arrived */
	pthread_t thread;
};

/* Answer the first request of each connection; close it when the second has come. */
static void *
be_fickle(void *arg)
{
	static const char reply[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
	struct fickle *fickle = arg;
	char data[4096];
	int fd;

	while ((fd = accept(fickle->listener, NULL, NULL)) >= 0) {
		if (read(fd, data, sizeof(data)) > 0) {
			fickle->requests++;
			(void)!write(fd, reply, sizeof(reply) - 1);
		}
		if (read(fd, data, sizeof(data)) > 0)
			fickle->requests++;
		(void)close(fd);
	}
	return NULL;
}

static void
fickle_start(struct fickle *fickle)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t size = sizeof(address);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fickle->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fickle->listener, (struct sockaddr *)&address, size), 0);
	assert_int_equal(listen(fickle->listener, 8), 0);
	assert_int_equal(
		getsockname(fickle->listener, (struct sockaddr *)&address, &size), 0);
	fickle->port = ntohs(address.sin_port);
	assert_int_equal(pthread_create(&fickle->thread, NULL, be_fickle, fickle), 0);
}

static void
fickle_stop(struct fickle *fickle)
{
	(void)shutdown(fickle->listener, SHUT_RDWR);
	(void)pthread_join(fickle->thread, NULL);
	(void)close(fickle->listener);
}

/* A request that was sent and lost is not sent again behind the caller's back, unless
 * that does no harm. */
static void
no_silent_repeat(void **state)
{
	struct http_header key = {HEED_STR("Idempotency-Key"), HEED_STR("k")};
	struct http_request post = {.body = HEED_STR("pay"), .has_body = true};
	struct fickle fickle = {0};
	struct result result = {0};

	(void)state;
	fickle_start(&fickle);
	(void)start(fickle.port, post, "/", &result);
	loop_run(loop);
	assert_int_equal(result.error, 0);
	result = (struct result){0};
	(void)start(fickle.port, post, "/", &result);
	loop_run(loop);
	assert_int_equal(result.error, HEED_E_NETWORK);
	assert_true(result.sent);
	assert_int_equal(fickle.requests, 2);

	post.headers = &key;
	post.n_headers = 1;
	result = (struct result){0};
	(void)start(fickle.port, post, "/", &result);
	loop_run(loop);
	result = (struct result){0};
	(void)start(fickle.port, post, "/", &result);
	loop_run(loop);
	assert_int_equal(result.error, 0); /* on a new connection */
	http_client_free(client);
	client = NULL;
	fickle_stop(&fickle);
	assert_int_equal(fickle.requests, 5);
}

static void
nobody_listens(void **state)
{
	struct fickle fickle = {0};
	struct result result = {0};

	(void)state;
	fickle_start(&fickle);
	fickle_stop(&fickle);
	(void)start(fickle.port, (struct http_request){0}, "/", &result);
	loop_run(loop);
	assert_int_equal(result.error, HEED_E_NETWORK);
	assert_false(result.sent);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(methods, set_up, tear_down),
		cmocka_unit_test_setup_teardown(queries, set_up, tear_down),
		cmocka_unit_test_setup_teardown(bounds, set_up, tear_down),
		cmocka_unit_test_setup_teardown(refused_requests, set_up, tear_down),
		cmocka_unit_test_setup_teardown(time_out, set_up, tear_down),
		cmocka_unit_test_setup_teardown(cancelled, set_up, tear_down),
		cmocka_unit_test_setup_teardown(many, set_up, tear_down),
		cmocka_unit_test_setup_teardown(no_silent_repeat, set_up, tear_down),
		cmocka_unit_test_setup_teardown(nobody_listens, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
