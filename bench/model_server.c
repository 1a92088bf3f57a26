/*
 * model_server.c - a model that answers at once, or after a fixed delay, for measuring its
 * callers: one thread, epoll, keep-alive, ten thousand connections and more.
 *
 * The delay is the same for all, so waiting replies form one queue in order of arrival.
 *
 *	usage: model_server DELAY_MS      prints its port, ends when its standard input does
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define FD_MAX 65536
#define REQUEST_MAX 16384

struct connection {
	unsigned generation; /* a closed one's replies are dropped */
	size_t len;
	char data[REQUEST_MAX];
};

struct due {
	int64_t at_us;
	int fd;
	unsigned generation;
};

static struct connection *connections[FD_MAX];
static unsigned generations[FD_MAX];
static struct due *queue; /* a ring of FD_MAX */
static size_t first, waiting;
static int epoll;
static int64_t delay_us;
static char reply[1024];
static size_t reply_len;

static int64_t
now_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void
make_reply(void)
{
	static const char body[] =
		"{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion\",\"created\":"
		"1750000000,"
		"\"model\":\"gpt-4o-mini-2024-07-18\",\"choices\":[{\"index\":0,"
		"\"message\":{"
		"\"role\":\"assistant\",\"content\":\"{\\\"segment\\\":\\\"smb\\\","
		"\\\"potential\\\":"
		"\\\"high\\\"}\",\"refusal\":null},\"finish_reason\":\"stop\"}],"
		"\"usage\":{"
		"\"prompt_tokens\":120,\"completion_tokens\":14,\"total_tokens\":134}}";

	reply_len =
		(size_t)snprintf(reply, sizeof(reply),
	                         "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
	                         "Content-Length: %zu\r\n\r\n%s",
	                         sizeof(body) - 1, body);
}

static void
drop(int fd)
{
	free(connections[fd]);
	connections[fd] = NULL;
	generations[fd]++;
	(void)close(fd);
}

/* The bytes of the first whole request, or 0. */
static size_t
request_size(const struct connection *connection)
{
	const char *end = memmem(connection->data, connection->len, "\r\n\r\n", 4);
	const char *length;
	size_t head;

	if (end == NULL)
		return 0;
	head = (size_t)(end - connection->data) + 4;
	length = memmem(connection->data, head, "ontent-Length:", 14);
	if (length == NULL)
		length = memmem(connection->data, head, "ontent-length:", 14);
	if (length != NULL)
		head += strtoul(length + 14, NULL, 10);
	return head <= connection->len ? head : 0;
}

static void
answer(int fd)
{
	if (write(fd, reply, reply_len) != (ssize_t)reply_len)
		drop(fd);
}

static void
take_requests(int fd)
{
	struct connection *connection = connections[fd];
	size_t size;

	while ((size = request_size(connection)) > 0) {
		connection->len -= size;
		memmove(connection->data, connection->data + size, connection->len);
		if (delay_us == 0) {
			answer(fd);
			if (connections[fd] == NULL)
				return;
			continue;
		}
		queue[(first + waiting++) % FD_MAX] =
			(struct due){now_us() + delay_us, fd, generations[fd]};
	}
}

static void
readable(int fd)
{
	struct connection *connection = connections[fd];
	ssize_t got = read(fd, connection->data + connection->len,
	                   sizeof(connection->data) - connection->len);

	if (got <= 0) {
		if (got == 0 || errno != EAGAIN)
			drop(fd);
		return;
	}
	connection->len += (size_t)got;
	take_requests(fd);
}

static void
accept_all(int listener)
{
	int fd;
	int on = 1;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

		if (fd >= FD_MAX ||
		    (connections[fd] = malloc(sizeof(struct connection))) == NULL) {
			(void)close(fd);
			continue;
		}
		connections[fd]->len = 0;
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		(void)epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
	}
}

/* Answer what is due; how long until the next is, in milliseconds. */
static int
answer_due(void)
{
	int64_t now = now_us();

	while (waiting > 0 && queue[first].at_us <= now) {
		struct due due = queue[first];

		first = (first + 1) % FD_MAX;
		waiting--;
		if (connections[due.fd] != NULL && generations[due.fd] == due.generation)
			answer(due.fd);
	}
	return waiting > 0 ? (int)((queue[first].at_us - now) / 1000) + 1 : -1;
}

static int
listen_on_loopback(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(fd, 4096) < 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &size) < 0) {
		perror("model_server");
		exit(1);
	}
	printf("%d\n", ntohs(address.sin_port));
	(void)fflush(stdout);
	return fd;
}

int
main(int argc, char **argv)
{
	struct rlimit files = {FD_MAX, FD_MAX};
	struct epoll_event events[512];
	int listener;

	(void)setrlimit(RLIMIT_NOFILE, &files);
	delay_us = argc > 1 ? atol(argv[1]) * 1000 : 0;
	queue = calloc(FD_MAX, sizeof(*queue));
	make_reply();
	listener = listen_on_loopback();
	epoll = epoll_create1(EPOLL_CLOEXEC);
	events[0] = (struct epoll_event){.events = EPOLLIN, .data.fd = listener};
	(void)epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &events[0]);
	events[0] = (struct epoll_event){.events = EPOLLIN, .data.fd = 0};
	(void)epoll_ctl(epoll, EPOLL_CTL_ADD, 0, &events[0]);
	for (;;) {
		int n = epoll_wait(epoll, events, 512, answer_due());
		int i;

		for (i = 0; i < n; i++) {
			int fd = events[i].data.fd;

			if (fd == 0)
				return 0;
			if (fd == listener)
				accept_all(listener);
			else if (connections[fd] != NULL)
				readable(fd);
		}
	}
}
