/*
 * curl_multi.c - the bare limit of calls: the same requests by libcurl alone, without
 * anything that makes them durable. One thread, epoll, several multi handles of 128
 * transfers each (libcurl's cost grows with the transfers on one), handles used again.
 *
 *	usage: curl_multi URL CALLS IN_FLIGHT      prints JSON: calls, seconds, cpu, peak_kib
 */
#include <curl/curl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>

#define SHARD 128
#define FD_MAX 65536

struct shard {
	CURLM *multi;
	int64_t timer_ms; /* -1: none */
};

static struct shard *shards;
static int n_shards;
static struct shard *of_fd[FD_MAX];
static int epoll;
static long started, done, calls;
static const char *url;
static struct curl_slist *headers;

static const char body[] =
	"{\"model\":\"gpt-4o-mini\",\"messages\":[{\"role\":\"user\",\"content\":"
	"\"Analyze this "
	"customer data and provide enrichment:\\n{\\\"id\\\":12345,\\\"email\\\":"
	"\\\"someone@example.com\\\",\\\"employees\\\":120,\\\"note\\\":\\\"bench\\\"}\"}"
	"],"
	"\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":"
	"\"answer\","
	"\"strict\":true,\"schema\":{\"type\":\"object\",\"additionalProperties\":false,"
	"\"required\":[\"segment\",\"potential\"],\"properties\":{\"segment\":{\"enum\":"
	"[\"enterprise\",\"smb\"]},\"potential\":{\"enum\":[\"high\",\"low\"]}}}}}}";

static int64_t
now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int
on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *known)
{
	struct epoll_event event = {.data.fd = fd};
	struct shard *shard = arg;

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		(void)epoll_ctl(epoll, EPOLL_CTL_DEL, fd, &event);
		(void)curl_multi_assign(shard->multi, fd, NULL);
		return 0;
	}
	of_fd[fd] = shard;
	event.events = (what & CURL_POLL_IN ? EPOLLIN : 0u) |
	               (what & CURL_POLL_OUT ? EPOLLOUT : 0u);
	if (epoll_ctl(epoll, known != NULL ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event) <
	    0)
		(void)epoll_ctl(epoll, known != NULL ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd,
		                &event);
	(void)curl_multi_assign(shard->multi, fd, shard);
	return 0;
}

static int
on_timer(CURLM *multi, long ms, void *arg)
{
	(void)multi;
	((struct shard *)arg)->timer_ms = ms < 0 ? -1 : now_ms() + ms;
	return 0;
}

static size_t
swallow(char *data, size_t size, size_t n, void *arg)
{
	(void)data;
	(void)arg;
	return size * n;
}

static CURL *
make_easy(void)
{
	CURL *easy = curl_easy_init();

	curl_easy_setopt(easy, CURLOPT_URL, url);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)(sizeof(body) - 1));
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, swallow);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 16384L);
	curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, 16384L);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, 60000L);
	return easy;
}

static void
collect(struct shard *shard)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(shard->multi, &left)) != NULL) {
		CURL *easy = message->easy_handle;
		long status = 0;

		curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
		if (message->data.result != CURLE_OK || status != 200) {
			fprintf(stderr, "curl_multi: %s, status %ld\n",
			        curl_easy_strerror(message->data.result), status);
			exit(1);
		}
		done++;
		(void)curl_multi_remove_handle(shard->multi, easy);
		if (started < calls) {
			started++;
			(void)curl_multi_add_handle(shard->multi, easy);
		} else {
			curl_easy_cleanup(easy);
		}
	}
}

static int
run_timers(void)
{
	int64_t now = now_ms();
	int64_t next = 1000;
	int running;
	int i;

	for (i = 0; i < n_shards; i++) {
		if (shards[i].timer_ms >= 0 && shards[i].timer_ms <= now) {
			shards[i].timer_ms = -1;
			(void)curl_multi_socket_action(shards[i].multi,
			                               CURL_SOCKET_TIMEOUT, 0, &running);
			collect(&shards[i]);
		}
		if (shards[i].timer_ms >= 0 && shards[i].timer_ms - now < next)
			next = shards[i].timer_ms - now;
	}
	return next < 0 ? 0 : (int)next;
}

static void
start(int in_flight)
{
	int i;

	n_shards = (in_flight + SHARD - 1) / SHARD;
	shards = calloc((size_t)n_shards, sizeof(*shards));
	for (i = 0; i < n_shards; i++) {
		shards[i].multi = curl_multi_init();
		shards[i].timer_ms = -1;
		curl_multi_setopt(shards[i].multi, CURLMOPT_SOCKETFUNCTION, on_socket);
		curl_multi_setopt(shards[i].multi, CURLMOPT_SOCKETDATA, &shards[i]);
		curl_multi_setopt(shards[i].multi, CURLMOPT_TIMERFUNCTION, on_timer);
		curl_multi_setopt(shards[i].multi, CURLMOPT_TIMERDATA, &shards[i]);
		curl_multi_setopt(shards[i].multi, CURLMOPT_MAXCONNECTS, (long)SHARD);
	}
	for (i = 0; i < in_flight && started < calls; i++, started++)
		(void)curl_multi_add_handle(shards[i / SHARD].multi, make_easy());
}

int
main(int argc, char **argv)
{
	struct epoll_event events[512];
	struct rlimit files = {FD_MAX, FD_MAX};
	struct rusage usage;
	int64_t begun;
	double cpu;

	if (argc != 4)
		return 2;
	(void)setrlimit(RLIMIT_NOFILE, &files);
	url = argv[1];
	calls = atol(argv[2]);
	epoll = epoll_create1(EPOLL_CLOEXEC);
	headers = curl_slist_append(NULL, "Content-Type: application/json");
	headers = curl_slist_append(headers, "Authorization: Bearer bench");
	headers = curl_slist_append(headers, "Expect:");
	begun = now_ms();
	start(atoi(argv[3]));
	while (done < calls) {
		int n = epoll_wait(epoll, events, 512, run_timers());
		int i;

		for (i = 0; i < n; i++) {
			struct shard *shard = of_fd[events[i].data.fd];
			int flags =
				(events[i].events & (EPOLLIN | EPOLLHUP) ? CURL_CSELECT_IN
			                                                 : 0) |
				(events[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
				(events[i].events & EPOLLERR ? CURL_CSELECT_ERR : 0);
			int running;

			(void)curl_multi_socket_action(shard->multi, events[i].data.fd,
			                               flags, &running);
			collect(shard);
		}
	}
	(void)getrusage(RUSAGE_SELF, &usage);
	cpu = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	      (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
	printf("{\"calls\":%ld,\"seconds\":%.3f,\"cpu\":%.3f,\"peak_kib\":%ld}\n", done,
	       (double)(now_ms() - begun) / 1000, cpu, usage.ru_maxrss);
	return 0;
}
