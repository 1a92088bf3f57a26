/*
 * http_server.c - see http_server.h.
 *
 * libmicrohttpd runs its own epoll thread. A request's body is gathered there, `receive`
 * is called there, and a forwarded exchange suspends its connection and is posted to the
 * loop. http_answer makes the response and resumes. An exchange is freed by
 * libmicrohttpd's completion callback, after the response has gone out or the peer has
 * left.
 */
#include "loop/http_server.h"

#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "loop/http_stream.h"
#include "loop/unix_socket.h"

#define BODY_DEFAULT ((size_t)1024 * 1024)
#define ANSWERS_OUT_S 1 /* at the end, for answers to go out */

struct server_exchange {
	struct http_exchange public;       /* first: the two are the same to others */
	TAILQ_ENTRY(server_exchange) link; /* while forwarded */
	struct http_server *server;
	struct MHD_Connection *connection;
	struct MHD_Response *response;
	struct http_stream *stream; /* the response goes on, or NULL */
	int status;
	struct heed_buf body;
	struct loop_post post;
	size_t cap_headers;
	bool refused; /* the body is not wanted: answer at its end */
	bool handled;
	bool forwarded;
	bool posted; /* to the loop, which has not come to it */
	bool dead;   /* libmicrohttpd let go of it before that */
};

struct http_server {
	struct http_server_options options;
	struct loop *loop;
	struct MHD_Daemon *daemon;
	int fd;
	int port;
	char *socket_path;
	pthread_mutex_t lock; /* of `open` and `closing` */
	TAILQ_HEAD(, server_exchange) open;
	size_t answering; /* forwarded ones whose answer has not gone out */
	pthread_cond_t answered;
	struct http_streams streams;
	_Atomic bool quiet;
};

/* ---- reading a request ------------------------------------------------------------- */

static enum MHD_Result
add_header(void *arg, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct server_exchange *exchange = arg;
	struct http_exchange *public = &exchange->public;
	struct http_header *headers = (struct http_header *)public->headers;
	char *lower;
	size_t i;

	(void)kind;
	if (public->n_headers == exchange->cap_headers)
		return MHD_NO;
	lower = arena_cstr(&public->arena, str_of(name));
	if (lower == NULL)
		return MHD_NO;
	for (i = 0; lower[i] != '\0'; i++)
		lower[i] = (char)(lower[i] >= 'A' && lower[i] <= 'Z' ? lower[i] + 32
		                                                     : lower[i]);
	headers[public->n_headers].name = (struct heed_str){lower, i};
	headers[public->n_headers].value = arena_str(&public->arena, str_of(value));
	public->n_headers++;
	return MHD_YES;
}

static void
set_peer(struct server_exchange *exchange, struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	char *peer = exchange->public.peer;

	(void)snprintf(peer, sizeof(exchange->public.peer), "unix");
	if (info != NULL && info->client_addr != NULL &&
	    info->client_addr->sa_family != AF_UNIX)
		(void)getnameinfo(info->client_addr,
		                  info->client_addr->sa_family == AF_INET6
		                          ? sizeof(struct sockaddr_in6)
		                          : sizeof(struct sockaddr_in),
		                  peer, sizeof(exchange->public.peer), NULL, 0,
		                  NI_NUMERICHOST);
}

/* The raw request line comes first: it still has the query in one piece. */
static void *
begin(void *arg, const char *uri, struct MHD_Connection *connection)
{
	struct http_server *server = arg;
	struct server_exchange *exchange = mem_new(sizeof(*exchange));
	struct heed_str rest = str_of(uri);

	if (exchange == NULL)
		return NULL;
	exchange->server = server;
	exchange->connection = connection;
	arena_init(&exchange->public.arena, 2048);
	buf_init(&exchange->body, server->options.body_max);
	(void)str_cut(&rest, '?');
	exchange->public.query = arena_str(&exchange->public.arena, rest);
	return exchange;
}

static void
exchange_free(struct server_exchange *exchange)
{
	buf_done(&exchange->body);
	arena_done(&exchange->public.arena);
	mem_free(exchange);
}

static void
note_answered(struct http_server *server)
{
	(void)pthread_mutex_lock(&server->lock);
	server->answering--;
	(void)pthread_cond_signal(&server->answered);
	(void)pthread_mutex_unlock(&server->lock);
}

static void
complete(void *arg, struct MHD_Connection *connection, void **context,
         enum MHD_RequestTerminationCode code)
{
	struct server_exchange *exchange = *context;

	(void)arg;
	(void)connection;
	(void)code;
	if (exchange == NULL)
		return;
	if (exchange->response != NULL)
		MHD_destroy_response(exchange->response);
	if (exchange->stream != NULL)
		http_stream_over(exchange->stream);
	if (exchange->forwarded)
		note_answered(exchange->server);
	*context = NULL;
	/* A post that is under way cannot be called back: it frees the exchange. */
	if (exchange->posted)
		exchange->dead = true;
	else
		exchange_free(exchange);
}

static int
fill(struct server_exchange *exchange, const char *url, const char *method)
{
	const struct http_server_options *options = &exchange->server->options;
	struct http_exchange *public = &exchange->public;
	struct MHD_Connection *connection = exchange->connection;

	exchange->cap_headers = (size_t)MHD_get_connection_values(
		connection, MHD_HEADER_KIND, NULL, NULL);
	public->headers = ARENA_ARRAY(&public->arena, struct http_header,
	                              exchange->cap_headers + 1);
	if (public->headers == NULL)
		return HEED_E_NOMEM;
	(void)MHD_get_connection_values(connection, MHD_HEADER_KIND, add_header,
	                                exchange);
	public->method = arena_str(&public->arena, str_of(method));
	public->path = arena_str(&public->arena, str_of(url));
	set_peer(exchange, connection);
	exchange->handled = true;
	if (options->body_max_of != NULL)
		exchange->body.max = options->body_max_of(options->arg, public);
	return public->method.data == NULL || public->path.data == NULL ? HEED_E_NOMEM
	                                                                : 0;
}

static bool
announces_too_much(const struct server_exchange *exchange)
{
	struct heed_str text = http_header_find(
		exchange->public.headers, exchange->public.n_headers, "content-length");
	int64_t length;

	return text.len > 0 && str_to_i64(text, &length) == 0 &&
	       (uint64_t)length > exchange->body.max;
}

static void
on_loop(void *arg)
{
	struct server_exchange *exchange = arg;

	exchange->posted = false;
	if (exchange->dead) {
		exchange_free(exchange);
		return;
	}
	exchange->server->options.forward(exchange->server->options.arg,
	                                  &exchange->public);
}

static enum MHD_Result
reply(struct server_exchange *exchange)
{
	if (exchange->response == NULL)
		return MHD_NO;
	return MHD_queue_response(exchange->connection, (unsigned)exchange->status,
	                          exchange->response);
}

static void
refuse_too_large(struct server_exchange *exchange)
{
	exchange->refused = true;
	http_problem(&exchange->public, 413, "Content too large",
	             "the body is larger than %zu bytes", exchange->body.max);
}

static enum MHD_Result
whole_request(struct server_exchange *exchange)
{
	struct http_server *server = exchange->server;

	exchange->public.body = buf_str(&exchange->body);
	if (server->quiet) {
		static const struct http_header later = {{"retry-after", 11}, {"2", 1}};

		http_answer(&exchange->public, 503, "text/plain",
		            HEED_STR("shutting down\n"), &later, 1);
		return reply(exchange);
	}
	if (server->options.receive(server->options.arg, &exchange->public) ==
	    HTTP_ANSWERED)
		return reply(exchange);
	exchange->forwarded = true;
	(void)pthread_mutex_lock(&server->lock);
	TAILQ_INSERT_TAIL(&server->open, exchange, link);
	(void)pthread_mutex_unlock(&server->lock);
	MHD_suspend_connection(exchange->connection);
	exchange->posted = true;
	exchange->post = (struct loop_post){.fn = on_loop, .arg = exchange};
	loop_post(server->loop, &exchange->post);
	return MHD_YES;
}

/* libmicrohttpd calls this for the headers, for each piece of the body, at its end, and
 * again after a resume. */
static enum MHD_Result
handle(void *arg, struct MHD_Connection *connection, const char *url, const char *method,
       const char *version, const char *data, size_t *size, void **context)
{
	struct server_exchange *exchange = *context;

	(void)arg;
	(void)connection;
	(void)version;
	if (exchange == NULL)
		return MHD_NO;
	if (!exchange->handled) {
		if (fill(exchange, url, method) < 0)
			return MHD_NO;
		/* The body is read to its end all the same: a sender that is cut off
		 * while it writes would not see the answer. */
		if (announces_too_much(exchange))
			refuse_too_large(exchange);
		return MHD_YES;
	}
	if (*size > 0) {
		if (!exchange->refused)
			buf_add(&exchange->body, (struct heed_str){data, *size});
		if (buf_error(&exchange->body) != 0 && !exchange->refused)
			refuse_too_large(exchange);
		*size = 0;
		return MHD_YES;
	}
	if (exchange->response != NULL)
		return reply(exchange);
	return exchange->forwarded ? MHD_YES : whole_request(exchange);
}

/* ---- answering --------------------------------------------------------------------- */

void
http_server_headers(struct MHD_Response *response, const char *type,
                    const struct http_header *headers, size_t n_headers)
{
	size_t i;

	if (type != NULL)
		(void)MHD_add_response_header(response, "Content-Type", type);
	for (i = 0; i < n_headers; i++) {
		char name[128];
		char value[1024];

		(void)snprintf(name, sizeof(name), "%.*s", STR_ARG(headers[i].name));
		(void)snprintf(value, sizeof(value), "%.*s", STR_ARG(headers[i].value));
		(void)MHD_add_response_header(response, name, value);
	}
}

void
http_server_reply(struct http_exchange *public, int status, struct MHD_Response *response,
                  struct http_stream *stream)
{
	struct server_exchange *exchange = (struct server_exchange *)public;
	struct http_server *server = exchange->server;

	exchange->status = status;
	exchange->response = response;
	exchange->stream = stream;
	if (!exchange->forwarded)
		return;
	(void)pthread_mutex_lock(&server->lock);
	TAILQ_REMOVE(&server->open, exchange, link);
	server->answering++;
	(void)pthread_mutex_unlock(&server->lock);
	MHD_resume_connection(exchange->connection);
}

void
http_answer(struct http_exchange *exchange, int status, const char *type,
            struct heed_str body, const struct http_header *headers, size_t n_headers)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(
		body.len, (void *)(body.len > 0 ? body.data : ""), MHD_RESPMEM_MUST_COPY);

	if (exchange->answers != NULL && status / 100 < HTTP_ANSWERS)
		exchange->answers[status / 100]++;
	if (response != NULL)
		http_server_headers(response, type, headers, n_headers);
	http_server_reply(exchange, status, response, NULL);
}

struct http_streams *
http_server_streams(struct http_exchange *exchange)
{
	return &((struct server_exchange *)exchange)->server->streams;
}

struct loop *
http_server_loop(struct http_exchange *exchange)
{
	return ((struct server_exchange *)exchange)->server->loop;
}

struct MHD_Connection *
http_server_connection(struct http_exchange *exchange)
{
	return ((struct server_exchange *)exchange)->connection;
}

void
http_answer_problem(struct http_exchange *exchange, int status, const char *title,
                    struct heed_str detail, const struct http_header *headers,
                    size_t n_headers)
{
	struct heed_buf body;

	buf_init(&body, 32768);
	buf_adds(&body, "{\"title\":");
	json_write_string(&body, str_of(title));
	buf_addf(&body, ",\"status\":%d,\"detail\":", status);
	json_write_string(&body, detail);
	buf_adds(&body, "}\n");
	http_answer(exchange, status, "application/problem+json", buf_str(&body), headers,
	            n_headers);
	buf_done(&body);
}

void
http_problem(struct http_exchange *exchange, int status, const char *title,
             const char *format, ...)
{
	struct heed_buf detail;
	va_list args;

	buf_init(&detail, 8192);
	va_start(args, format);
	buf_addv(&detail, format, args);
	va_end(args);
	http_answer_problem(exchange, status, title, buf_str(&detail), NULL, 0);
	buf_done(&detail);
}

/* ---- listening --------------------------------------------------------------------- */

static int
fail_listen(const char *listen, struct heed_error *error)
{
	int code = errno;

	(void)error_set(error, HEED_E_IO, "cannot listen on %s: %s", listen,
	                strerror(code));
	if (code == EADDRINUSE)
		error_hint(
			error,
			"another process uses it; stop that one or choose another port");
	else if (code == EACCES)
		error_hint(error,
		           "ports below 1024 need privileges; choose a higher one");
	return HEED_E_IO;
}

static int
listen_unix(struct http_server *server, const char *path, struct heed_error *error)
{
	HEED_TRY(unix_listen(path, &server->fd, error));
	server->socket_path = mem_copy(path, strlen(path));
	return 0;
}

/* Split "host:port" and "[host]:port". */
static int
split_address(struct heed_str text, char host[256], char port[16])
{
	size_t colon = text.len;
	struct heed_str name;

	while (colon > 0 && text.data[colon - 1] != ':')
		colon--;
	if (colon == 0 || colon > 255 || text.len - colon > 15 || colon == text.len)
		return HEED_E_INVALID;
	name = str_head(text, colon - 1);
	if (name.len > 1 && name.data[0] == '[' && name.data[name.len - 1] == ']')
		name = str_head(str_from(name, 1), name.len - 2);
	(void)snprintf(host, 256, "%.*s", STR_ARG(name));
	(void)snprintf(port, 16, "%.*s", STR_ARG(str_from(text, colon)));
	return 0;
}

static int
listen_tcp(struct http_server *server, const char *where, struct heed_error *error)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
	struct addrinfo *found = NULL;
	struct sockaddr_storage bound = {0};
	socklen_t len = sizeof(bound);
	char host[256];
	char port[16];
	int on = 1;
	int r;

	if (split_address(str_of(where), host, port) < 0)
		return error_set(error, HEED_E_INVALID,
		                 "not an address to listen on: %s "
		                 "(for example 127.0.0.1:8080)",
		                 where);
	r = getaddrinfo(host[0] != '\0' ? host : NULL, port, &hints, &found);
	if (r != 0)
		return error_set(error, HEED_E_IO, "cannot listen on %s: %s", where,
		                 gai_strerror(r));
	server->fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (server->fd >= 0)
		(void)setsockopt(server->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	r = server->fd < 0 ? -1 : bind(server->fd, found->ai_addr, found->ai_addrlen);
	freeaddrinfo(found);
	if (r < 0 || listen(server->fd, 1024) < 0 ||
	    getsockname(server->fd, (struct sockaddr *)&bound, &len) < 0)
		return fail_listen(where, error);
	server->port = ntohs(bound.ss_family == AF_INET6
	                             ? ((struct sockaddr_in6 *)&bound)->sin6_port
	                             : ((struct sockaddr_in *)&bound)->sin_port);
	return 0;
}

static void
be_quiet(void *arg, const char *format, va_list args)
{
	(void)arg;
	(void)format;
	(void)args;
}

int
http_server_new(struct loop *loop, const struct http_server_options *options,
                struct http_server **ret_server, struct heed_error *error)
{
	struct http_server *server = mem_new(sizeof(*server));
	unsigned idle = options->idle_timeout_s > 0 ? options->idle_timeout_s : 60;
	unsigned most = options->connections_max > 0 ? options->connections_max : 4096;
	int r;

	if (server == NULL)
		return error_nomem(error);
	server->options = *options;
	server->loop = loop;
	server->fd = -1;
	if (server->options.body_max == 0)
		server->options.body_max = BODY_DEFAULT;
	TAILQ_INIT(&server->open);
	(void)pthread_mutex_init(&server->lock, NULL);
	(void)pthread_cond_init(&server->answered, NULL);
	if (strncmp(options->listen, "unix:", 5) == 0)
		r = listen_unix(server, options->listen + 5, error);
	else
		r = listen_tcp(server, options->listen, error);
	if (r == 0) {
		server->daemon = MHD_start_daemon(
			MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME |
				MHD_USE_ERROR_LOG,
			0, NULL, NULL, handle, server, MHD_OPTION_EXTERNAL_LOGGER,
			be_quiet, NULL, MHD_OPTION_LISTEN_SOCKET, server->fd,
			MHD_OPTION_URI_LOG_CALLBACK, begin, server,
			MHD_OPTION_NOTIFY_COMPLETED, complete, NULL,
			MHD_OPTION_CONNECTION_TIMEOUT, idle, MHD_OPTION_CONNECTION_LIMIT,
			most, MHD_OPTION_END);
		if (server->daemon == NULL)
			r = error_set(error, HEED_E_IO,
			              "cannot start the HTTP server on %s",
			              options->listen);
		else
			server->fd = -1; /* libmicrohttpd's now */
	}
	if (r < 0) {
		http_server_free(server);
		return r;
	}
	*ret_server = server;
	return 0;
}

int
http_server_port(const struct http_server *server)
{
	return server->port;
}

void
http_server_quiesce(struct http_server *server)
{
	server->quiet = true;
}

static struct server_exchange *
first_open(struct http_server *server)
{
	struct server_exchange *first;

	(void)pthread_mutex_lock(&server->lock);
	first = TAILQ_FIRST(&server->open);
	(void)pthread_mutex_unlock(&server->lock);
	return first;
}

/* To close at once would cut off what was answered just now. */
static void
let_answers_out(struct http_server *server)
{
	struct timespec until;

	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += ANSWERS_OUT_S;
	(void)pthread_mutex_lock(&server->lock);
	while (server->answering > 0 &&
	       pthread_cond_timedwait(&server->answered, &server->lock, &until) == 0)
		;
	(void)pthread_mutex_unlock(&server->lock);
}

void
http_server_free(struct http_server *server)
{
	struct server_exchange *exchange;

	if (server == NULL)
		return;
	server->quiet = true;
	while ((exchange = first_open(server)) != NULL)
		http_answer(&exchange->public, 503, "text/plain",
		            HEED_STR("shutting down\n"), NULL, 0);
	http_streams_end(&server->streams);
	let_answers_out(server);
	if (server->daemon != NULL)
		MHD_stop_daemon(server->daemon);
	http_streams_forget(&server->streams);
	if (server->fd >= 0)
		(void)close(server->fd);
	if (server->socket_path != NULL)
		(void)unlink(server->socket_path);
	mem_free(server->socket_path);
	(void)pthread_cond_destroy(&server->answered);
	(void)pthread_mutex_destroy(&server->lock);
	mem_free(server);
}
