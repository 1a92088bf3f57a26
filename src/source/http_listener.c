/*
 * http_listener.c - see http_listener.h.
 */
#include "source/http_listener.h"

#include <pthread.h>

#include "base/error.h"
#include "base/mem.h"
#include "source/http_answer.h"

#define BODY_MAX ((size_t)256 * 1024 * 1024) /* the option's bound */
#define BODY_UNKNOWN ((size_t)1024 * 1024)   /* where no source takes it */

struct http_listener {
	LIST_ENTRY(http_listener) link;
	char *listen;
	struct loop *loop;
	struct http_server *server;
	pthread_mutex_t lock; /* of `sources`, and held while a request is read */
	LIST_HEAD(, http_source) sources;
};

static LIST_HEAD(, http_listener) listeners = LIST_HEAD_INITIALIZER(listeners);
static pthread_mutex_t listeners_lock = PTHREAD_MUTEX_INITIALIZER;

static struct http_source *
find_source(const struct http_listener *listener, struct heed_str path)
{
	struct http_source *http;

	LIST_FOREACH (http, &listener->sources, joined)
		if (str_eq(http->path, path))
			return http;
	return NULL;
}

/* ---- on the server's thread -------------------------------------------------------- */

static size_t
body_max(void *arg, const struct http_exchange *exchange)
{
	struct http_listener *listener = arg;
	const struct http_source *http;
	size_t most;

	(void)pthread_mutex_lock(&listener->lock);
	http = find_source(listener, exchange->path);
	most = http != NULL ? (size_t)http->body_max : BODY_UNKNOWN;
	(void)pthread_mutex_unlock(&listener->lock);
	return most;
}

static enum http_verdict
not_found(const struct http_listener *listener, struct http_exchange *exchange)
{
	const struct http_source *http;
	struct heed_buf paths;

	buf_init(&paths, 4096);
	LIST_FOREACH (http, &listener->sources, joined)
		buf_addf(&paths, "%s%.*s", paths.len > 0 ? ", " : "",
		         STR_ARG(http->path));
	http_problem(exchange, 404, "Not found", "events are taken at the path %.*s",
	             STR_ARG(buf_str(&paths)));
	buf_done(&paths);
	return HTTP_ANSWERED;
}

static enum http_verdict
receive(void *arg, struct http_exchange *exchange)
{
	struct http_listener *listener = arg;
	struct http_source *http;
	enum http_verdict verdict;

	(void)pthread_mutex_lock(&listener->lock);
	http = find_source(listener, exchange->path);
	verdict = http != NULL ? http_receive(http, exchange)
	                       : not_found(listener, exchange);
	(void)pthread_mutex_unlock(&listener->lock);
	return verdict;
}

/* ---- on the loop ------------------------------------------------------------------- */

/* The source may have left since: only the loop lets it. */
static void
forward(void *arg, struct http_exchange *exchange)
{
	struct http_source *http = find_source(arg, exchange->path);

	if (http != NULL)
		http_forward(http, exchange);
	else
		(void)answer_refuse(exchange, 503, "Unavailable",
		                    "the source has just been stopped");
}

static void
listener_free(struct http_listener *listener)
{
	http_server_free(listener->server);
	(void)pthread_mutex_destroy(&listener->lock);
	mem_free(listener->listen);
	mem_free(listener);
}

/* A new one, with its first source. */
static int
open_listener(struct http_source *http, struct heed_error *error)
{
	struct http_listener *listener = mem_new(sizeof(*listener));
	int r;

	if (listener == NULL)
		return error_nomem(error);
	(void)pthread_mutex_init(&listener->lock, NULL);
	listener->loop = http->source.loop;
	listener->listen = mem_copy(http->listen.data, http->listen.len);
	LIST_INSERT_HEAD(&listener->sources, http, joined);
	const struct http_server_options settings = {
		.listen = listener->listen,
		.body_max = BODY_MAX,
		.body_max_of = body_max,
		.connections_max = (unsigned)http->connections,
		.receive = receive,
		.forward = forward,
		.arg = listener,
	};
	r = listener->listen == NULL ? error_nomem(error)
	                             : http_server_new(listener->loop, &settings,
	                                               &listener->server, error);
	if (r < 0) {
		listener_free(listener);
		return r;
	}
	LIST_INSERT_HEAD(&listeners, listener, link);
	http->listener = listener;
	return 0;
}

static int
join(struct http_listener *listener, struct http_source *http, struct heed_error *error)
{
	const struct http_source *other = find_source(listener, http->path);

	if (other != NULL) {
		(void)error_set(error, HEED_E_CONFIG,
		                "source \"%.*s\" takes %.*s on %.*s already",
		                STR_ARG(other->source.name), STR_ARG(http->path),
		                STR_ARG(http->listen));
		error_hint(error, "give each of them a path: or a listen: of its own");
		return HEED_E_CONFIG;
	}
	(void)pthread_mutex_lock(&listener->lock);
	LIST_INSERT_HEAD(&listener->sources, http, joined);
	(void)pthread_mutex_unlock(&listener->lock);
	http->listener = listener;
	return 0;
}

int
http_listener_join(struct http_source *http, struct heed_error *error)
{
	bool own = str_ends(http->listen, ":0");
	struct http_listener *listener;
	int r;

	(void)pthread_mutex_lock(&listeners_lock);
	LIST_FOREACH (listener, &listeners, link)
		if (!own && listener->loop == http->source.loop &&
		    str_is(http->listen, listener->listen))
			break;
	r = listener != NULL ? join(listener, http, error) : open_listener(http, error);
	(void)pthread_mutex_unlock(&listeners_lock);
	return r;
}

void
http_listener_leave(struct http_source *http)
{
	struct http_listener *listener = http->listener;
	bool last;

	http->listener = NULL;
	(void)pthread_mutex_lock(&listener->lock);
	LIST_REMOVE(http, joined);
	last = LIST_EMPTY(&listener->sources);
	(void)pthread_mutex_unlock(&listener->lock);
	if (!last)
		return;
	(void)pthread_mutex_lock(&listeners_lock);
	LIST_REMOVE(listener, link);
	(void)pthread_mutex_unlock(&listeners_lock);
	listener_free(listener);
}

int
http_listener_port(const struct http_source *http)
{
	return http_server_port(http->listener->server);
}
