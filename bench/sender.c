/*
 * sender.c - events over HTTP as fast as they are taken: batches on a few kept connections,
 * each with its next batch ready when the answer to the last one comes.
 *
 *	usage: sender PORT EVENTS BATCH CONNECTIONS [FIRST_ID]      prints JSON: accepted, seconds
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 64
#define EVENT_SIZE 256

static char *body;
static char reply[CONNECTIONS_MAX][4096];
static size_t reply_len[CONNECTIONS_MAX];
static long sent, accepted, busy, total, batch, first_id;

static double
now_s(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
fail(const char *what)
{
	perror(what);
	exit(1);
}

static void
write_all(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, data, len);

		if (n <= 0)
			fail("sender: write");
		data += n;
		len -= (size_t)n;
	}
}

static void
send_batch(int fd)
{
	char head[256];
	long n = total - sent < batch ? total - sent : batch;
	size_t len = 0;
	long i;

	body[len++] = '[';
	for (i = 0; i < n; i++) {
		long id = first_id + sent + i;

		len += (size_t)snprintf(
			body + len, EVENT_SIZE,
			"%s{\"specversion\":\"1.0\",\"id\":\"%ld\",\"source\":"
			"\"/crm\",\"type\":\"customer_created\",\"data\":{\"id\":%ld,"
			"\"email\":\"someone@example.com\",\"employees\":120,"
			"\"note\":\"bench\"}}",
			i > 0 ? "," : "", id, id);
	}
	body[len++] = ']';
	sent += n;
	write_all(
		fd, head,
		(size_t)snprintf(head, sizeof(head),
	                         "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: "
	                         "application/cloudevents-batch+json\r\nContent-Length: "
	                         "%zu\r\n\r\n",
	                         len));
	write_all(fd, body, len);
}

/* Take what came; 1 when the answer is whole. */
static int
take(int i, int fd)
{
	ssize_t n =
		read(fd, reply[i] + reply_len[i], sizeof(reply[i]) - 1 - reply_len[i]);
	const char *end, *length;

	if (n <= 0)
		fail("sender: read");
	reply_len[i] += (size_t)n;
	reply[i][reply_len[i]] = '\0';
	end = strstr(reply[i], "\r\n\r\n");
	length = strcasestr(reply[i], "content-length:");
	if (end == NULL || length == NULL ||
	    reply_len[i] < (size_t)(end + 4 - reply[i]) + strtoul(length + 15, NULL, 10))
		return 0;
	if (strncmp(reply[i], "HTTP/1.1 202", 12) == 0)
		accepted += atol(strstr(end, "\"accepted\":") + 11);
	else if (strncmp(reply[i], "HTTP/1.1 429", 12) == 0)
		busy++;
	else
		fprintf(stderr, "sender: %s\n", reply[i]), exit(1);
	reply_len[i] = 0;
	return 1;
}

int
main(int argc, char **argv)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	struct pollfd fds[CONNECTIONS_MAX];
	int n, i, open;
	int on = 1;
	double begun;

	if (argc < 5 || (n = atoi(argv[4])) > CONNECTIONS_MAX)
		return 2;
	address.sin_port = htons((unsigned short)atoi(argv[1]));
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	total = atol(argv[2]);
	batch = atol(argv[3]);
	first_id = argc > 5 ? atol(argv[5]) : 1;
	body = malloc((size_t)batch * EVENT_SIZE + 16);
	begun = now_s();
	for (i = 0; i < n; i++) {
		fds[i] = (struct pollfd){.fd = socket(AF_INET, SOCK_STREAM, 0),
		                         .events = POLLIN};
		(void)setsockopt(fds[i].fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		if (connect(fds[i].fd, (struct sockaddr *)&address, sizeof(address)) < 0)
			fail("sender: connect");
		if (sent < total)
			send_batch(fds[i].fd);
		else
			fds[i].fd = -1;
	}
	for (open = n; open > 0;) {
		if (poll(fds, (nfds_t)n, -1) < 0)
			fail("sender: poll");
		for (open = 0, i = 0; i < n; i++) {
			if (fds[i].fd >= 0 && fds[i].revents != 0 && take(i, fds[i].fd)) {
				if (sent < total)
					send_batch(fds[i].fd);
				else
					(void)close(fds[i].fd), fds[i].fd = -1;
			}
			open += fds[i].fd >= 0;
		}
	}
	printf("{\"accepted\":%ld,\"busy\":%ld,\"seconds\":%.3f}\n", accepted, busy,
	       now_s() - begun);
	return 0;
}
