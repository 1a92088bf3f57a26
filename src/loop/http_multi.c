/*
 * http_multi.c - libcurl's transfers driven by an epoll of their own.
 *
 * libcurl's cost per transfer grows with the transfers of one multi handle, so they are
 * spread over handles of MULTI_CALLS each; a new one goes to the first with room, so that
 * connections are used again by few handles while there is little to do.
 *
 * libcurl takes a socket out of watch when a transfer ends, and puts it back when the
 * kept connection is used again: four system calls a request with an epoll that does as
 * it is told. Ours is lazy: a socket that we opened stays watched; what is watched and
 * not wanted is taken out when it fires. Only OUT, which fires at once, is taken out
 * eagerly. http_pool_close tells when such a socket is gone.
 */
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loop/http_impl.h"

#include "base/clock.h"
#include "base/mem.h"

#define MULTI_CALLS 128
#define BATCH 256
#define TRIM_LOOK_MS 10000
#define TRIM_AFTER_MS 60000

/* ---- sockets ----------------------------------------------------------------------- */

/* NULL without memory. */
static struct http_socket *
socket_of(struct http_pool *pool, curl_socket_t fd)
{
	size_t known = pool->cap_sockets;

	if (mem_grow((void **)&pool->sockets, &pool->cap_sockets, (size_t)fd + 1,
	             sizeof(*pool->sockets)) < 0)
		return NULL;
	if (pool->cap_sockets > known)
		memset(&pool->sockets[known], 0,
		       (pool->cap_sockets - known) * sizeof(*pool->sockets));
	return &pool->sockets[fd];
}

/* Make epoll know what is wanted. */
static int
watch(struct http_pool *pool, curl_socket_t fd, struct http_socket *socket)
{
	struct epoll_event event = {.events = socket->wanted, .data.fd = fd};
	int how = socket->watched == 0  ? EPOLL_CTL_ADD
	          : socket->wanted == 0 ? EPOLL_CTL_DEL
	                                : EPOLL_CTL_MOD;

	if (socket->wanted == socket->watched)
		return 0;
	socket->watched = socket->wanted;
	return epoll_ctl(pool->epoll, how, fd, &event);
}

static int
on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
	struct http_multi *multi = arg;
	struct http_socket *socket = socket_of(multi->pool, fd);

	(void)easy;
	(void)socket_arg;
	if (socket == NULL)
		return -1;
	socket->multi = multi;
	socket->wanted =
		what == CURL_POLL_REMOVE
			? 0
			: (what & CURL_POLL_IN ? (uint32_t)EPOLLIN : 0) |
				  (what & CURL_POLL_OUT ? (uint32_t)EPOLLOUT : 0);
	if (socket->own && (socket->wanted & ~socket->watched) == 0 &&
	    ((socket->watched & ~socket->wanted) & EPOLLOUT) == 0)
		return 0;
	return watch(multi->pool, fd, socket) == 0 ? 0 : -1;
}

curl_socket_t
http_pool_open(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct http_pool *pool = arg;
	struct http_socket *mine;
	int fd = socket(address->family, address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
	                address->protocol);

	(void)purpose;
	if (fd < 0)
		return CURL_SOCKET_BAD;
	mine = socket_of(pool, fd);
	if (mine == NULL) {
		(void)close(fd);
		return CURL_SOCKET_BAD;
	}
	*mine = (struct http_socket){.own = true};
	return fd;
}

int
http_pool_close(void *arg, curl_socket_t fd)
{
	struct http_pool *pool = arg;
	struct http_socket *mine = socket_of(pool, fd);

	if (mine != NULL) {
		mine->wanted = 0;
		(void)watch(pool, fd, mine);
		*mine = (struct http_socket){0};
	}
	return close(fd);
}

/* ---- events ------------------------------------------------------------------------ */

static void
collect(struct http_multi *multi)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(multi->curl, &left)) != NULL) {
		struct http_call *call = NULL;
		CURLcode code = message->data.result;

		if (message->msg != CURLMSG_DONE)
			continue;
		(void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &call);
		http_pool_remove(call);
		multi->pool->ended(call, code);
	}
}

static void
act(struct http_multi *multi, curl_socket_t fd, int flags)
{
	int running;

	(void)curl_multi_socket_action(multi->curl, fd, flags, &running);
	collect(multi);
}

static void
on_event(struct http_pool *pool, const struct epoll_event *event)
{
	curl_socket_t fd = event->data.fd;
	struct http_socket *socket = socket_of(pool, fd);
	uint32_t ends = EPOLLERR | EPOLLHUP;
	int flags = (event->events & (EPOLLIN | EPOLLHUP) ? CURL_CSELECT_IN : 0) |
	            (event->events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
	            (event->events & EPOLLERR ? CURL_CSELECT_ERR : 0);

	/* Closed by a call before it in this batch, or not wanted now. */
	if (socket == NULL || socket->watched == 0)
		return;
	if ((event->events & (socket->wanted | ends)) == 0 || socket->wanted == 0) {
		(void)watch(pool, fd, socket);
		return;
	}
	act(socket->multi, fd, flags);
}

static void
on_epoll(uv_poll_t *poll, int status, int what)
{
	struct http_pool *pool = poll->data;
	struct epoll_event events[BATCH];
	int n = epoll_wait(pool->epoll, events, BATCH, 0);
	int i;

	(void)status;
	(void)what;
	for (i = 0; i < n; i++)
		on_event(pool, &events[i]);
	pool->after(pool->arg);
}

static void
on_timer(uv_timer_t *timer)
{
	struct http_multi *multi = timer->data;
	struct http_pool *pool = multi->pool;

	act(multi, CURL_SOCKET_TIMEOUT, 0);
	pool->after(pool->arg);
}

static int
set_timer(CURLM *curl, long timeout_ms, void *arg)
{
	struct http_multi *multi = arg;

	(void)curl;
	if (timeout_ms < 0)
		(void)uv_timer_stop(&multi->timer);
	else
		(void)uv_timer_start(&multi->timer, on_timer, (uint64_t)timeout_ms, 0);
	return 0;
}

/* ---- multi handles ----------------------------------------------------------------- */

static struct http_multi *
multi_new(struct http_pool *pool)
{
	struct http_multi *multi = mem_new(sizeof(*multi));

	if (multi == NULL)
		return NULL;
	multi->pool = pool;
	multi->curl = curl_multi_init();
	if (multi->curl == NULL) {
		mem_free(multi);
		return NULL;
	}
	(void)uv_timer_init(pool->uv, &multi->timer);
	multi->timer.data = multi;
	pool->handles++;
	(void)curl_multi_setopt(multi->curl, CURLMOPT_SOCKETFUNCTION, on_socket);
	(void)curl_multi_setopt(multi->curl, CURLMOPT_SOCKETDATA, multi);
	(void)curl_multi_setopt(multi->curl, CURLMOPT_TIMERFUNCTION, set_timer);
	(void)curl_multi_setopt(multi->curl, CURLMOPT_TIMERDATA, multi);
	(void)curl_multi_setopt(multi->curl, CURLMOPT_MAXCONNECTS, (long)MULTI_CALLS);
	if (pool->host_connections > 0)
		(void)curl_multi_setopt(multi->curl, CURLMOPT_MAX_HOST_CONNECTIONS,
		                        pool->host_connections);
	TAILQ_INSERT_TAIL(&pool->multis, multi, link);
	return multi;
}

static void
multi_closed(uv_handle_t *handle)
{
	struct http_multi *multi = handle->data;

	multi->pool->handles--;
	mem_free(multi);
}

static void
multi_free(struct http_multi *multi)
{
	TAILQ_REMOVE(&multi->pool->multis, multi, link);
	(void)curl_multi_cleanup(multi->curl); /* closes its connections */
	uv_close((uv_handle_t *)&multi->timer, multi_closed);
}

/* Give back what a burst has left: handles that were empty for long, but for the first.
 */
static void
trim(uv_timer_t *timer)
{
	struct http_pool *pool = timer->data;
	struct http_multi *multi = TAILQ_FIRST(&pool->multis);
	int64_t now = clock_steady_ms();

	while (multi != NULL) {
		struct http_multi *next = TAILQ_NEXT(multi, link);

		if (multi != TAILQ_FIRST(&pool->multis) && multi->n == 0 &&
		    now - multi->empty_since_ms >= TRIM_AFTER_MS)
			multi_free(multi);
		multi = next;
	}
}

int
http_pool_add(struct http_pool *pool, struct http_call *call)
{
	struct http_multi *multi;

	TAILQ_FOREACH (multi, &pool->multis, link)
		if (multi->n < MULTI_CALLS)
			break;
	if (multi == NULL)
		multi = multi_new(pool);
	if (multi == NULL || curl_multi_add_handle(multi->curl, call->easy) != CURLM_OK)
		return HEED_E_NOMEM;
	multi->n++;
	call->multi = multi;
	return 0;
}

void
http_pool_remove(struct http_call *call)
{
	struct http_multi *multi = call->multi;

	(void)curl_multi_remove_handle(multi->curl, call->easy);
	call->multi = NULL;
	if (--multi->n == 0)
		multi->empty_since_ms = clock_steady_ms();
}

/* ---- life -------------------------------------------------------------------------- */

int
http_pool_init(struct http_pool *pool, struct loop *loop)
{
	pool->uv = loop_uv(loop);
	TAILQ_INIT(&pool->multis);
	pool->share = curl_share_init();
	if (pool->share == NULL)
		return HEED_E_NOMEM;
	(void)curl_share_setopt(pool->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS);
	(void)curl_share_setopt(pool->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
	pool->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (pool->epoll < 0 || uv_poll_init(pool->uv, &pool->poll, pool->epoll) != 0) {
		(void)curl_share_cleanup(pool->share);
		if (pool->epoll >= 0)
			(void)close(pool->epoll);
		return HEED_E_IO;
	}
	(void)uv_timer_init(pool->uv, &pool->trim);
	pool->handles = 2;
	pool->poll.data = pool;
	pool->trim.data = pool;
	(void)uv_poll_start(&pool->poll, UV_READABLE, on_epoll);
	(void)uv_timer_start(&pool->trim, trim, TRIM_LOOK_MS, TRIM_LOOK_MS);
	uv_unref((uv_handle_t *)&pool->poll);
	uv_unref((uv_handle_t *)&pool->trim);
	return 0;
}

static void
own_closed(uv_handle_t *handle)
{
	((struct http_pool *)handle->data)->handles--;
}

void
http_pool_done(struct http_pool *pool)
{
	while (!TAILQ_EMPTY(&pool->multis))
		multi_free(TAILQ_FIRST(&pool->multis));
	uv_close((uv_handle_t *)&pool->poll, own_closed);
	uv_close((uv_handle_t *)&pool->trim, own_closed);
	while (pool->handles > 0)
		(void)uv_run(pool->uv, UV_RUN_NOWAIT);
	(void)close(pool->epoll);
	(void)curl_share_cleanup(pool->share);
	mem_free(pool->sockets);
}
