/*
 * tap.c - see tap.h.
 */
#include "service/tap.h"

#include <sys/queue.h>

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "service/admin.h"
#include "service/local.h"

#define RECORDS_MAX 4096
#define BYTES_MAX ((size_t)8 * 1024 * 1024)
#define GATHER_MS 20           /* records that come together are answered together */
#define WAIT_MS 15000          /* an answer without records comes after it */
#define FORGOTTEN_MS 60000     /* nobody asked for so long: nobody follows */
#define ANSWER_RECORDS_MAX 512 /* in one answer */

struct record {
	char *text;
	size_t len;
};

struct waiting {
	LIST_ENTRY(waiting) link;
	struct call *call;
	int64_t after;
	int64_t until_ms;
};

struct tap {
	struct loop *loop;
	struct record records[RECORDS_MAX]; /* number n is at n % RECORDS_MAX */
	int64_t first, next;                /* numbers kept: first up to next - 1 */
	size_t bytes;
	int64_t asked_ms; /* steady; 0: never */
	LIST_HEAD(, waiting) waiting;
	struct loop_timer timer;
};

static void look(void *arg);

struct tap *
tap_new(struct loop *loop)
{
	struct tap *tap = mem_new(sizeof(*tap));

	if (tap == NULL)
		return NULL;
	tap->loop = loop;
	tap->first = tap->next = 1;
	LIST_INIT(&tap->waiting);
	loop_timer_init(&tap->timer, look, tap);
	return tap;
}

static void
drop_first(struct tap *tap)
{
	struct record *record = &tap->records[tap->first % RECORDS_MAX];

	tap->bytes -= record->len;
	mem_free(record->text);
	*record = (struct record){NULL, 0};
	tap->first++;
}

void
tap_free(struct tap *tap)
{
	if (tap == NULL)
		return;
	loop_timer_clear(tap->loop, &tap->timer);
	while (tap->first < tap->next)
		drop_first(tap);
	mem_free(tap);
}

bool
tap_wants(const struct tap *tap)
{
	return tap->asked_ms > 0 &&
	       loop_steady_ms(tap->loop) - tap->asked_ms < FORGOTTEN_MS;
}

/* The timer is armed while anybody waits. */
static void
wake_soon(struct tap *tap)
{
	if (!LIST_EMPTY(&tap->waiting) &&
	    tap->timer.at_ms - loop_steady_ms(tap->loop) > GATHER_MS)
		loop_timer_set(tap->loop, &tap->timer, GATHER_MS);
}

void
tap_add(struct tap *tap, struct heed_json record)
{
	struct record *place;
	struct heed_buf text;

	buf_init(&text, BYTES_MAX / 2);
	json_write(&text, record, JSON_COMPACT);
	if (buf_error(&text) != 0) { /* missed, and told so */
		buf_done(&text);
		while (tap->first < tap->next)
			drop_first(tap);
		tap->first = ++tap->next;
		return;
	}
	while (tap->next - tap->first >= RECORDS_MAX ||
	       (tap->first < tap->next && tap->bytes + text.len > BYTES_MAX))
		drop_first(tap);
	place = &tap->records[tap->next++ % RECORDS_MAX];
	place->len = text.len;
	place->text = buf_take(&text);
	tap->bytes += place->len;
	wake_soon(tap);
}

/* {"last": N, "missed": K, "records": [...]}: N is what to ask for next. */
static void
answer(struct tap *tap, struct call *call, int64_t after)
{
	int64_t from = after + 1 < tap->first ? tap->first : after + 1;
	int64_t to = tap->next - from > ANSWER_RECORDS_MAX ? from + ANSWER_RECORDS_MAX
	                                                   : tap->next;
	struct heed_buf body;
	int64_t n;

	buf_init(&body, 2 * BYTES_MAX);
	buf_addf(&body, "{\"last\":%lld,\"missed\":%lld,\"records\":[",
	         (long long)(to - 1), (long long)(from - after - 1));
	for (n = from; n < to; n++) {
		const struct record *record = &tap->records[n % RECORDS_MAX];

		if (n > from)
			buf_addc(&body, ',');
		buf_add(&body, (struct heed_str){record->text, record->len});
	}
	buf_adds(&body, "]}\n");
	http_answer(call->exchange, buf_error(&body) == 0 ? 200 : 500, "application/json",
	            buf_str(&body), NULL, 0);
	buf_done(&body);
}

/* Answer those for whom there is something, or who waited long enough. */
static void
look(void *arg)
{
	struct tap *tap = arg;
	int64_t now_ms = loop_steady_ms(tap->loop);
	struct waiting *waiting = LIST_FIRST(&tap->waiting);
	int64_t soonest_ms = 0;

	while (waiting != NULL) {
		struct waiting *after = LIST_NEXT(waiting, link);

		if (waiting->after + 1 < tap->next || waiting->until_ms <= now_ms) {
			LIST_REMOVE(waiting, link);
			answer(tap, waiting->call, waiting->after);
		} else if (soonest_ms == 0 || waiting->until_ms < soonest_ms) {
			soonest_ms = waiting->until_ms;
		}
		waiting = after;
	}
	if (soonest_ms > 0)
		loop_timer_set(tap->loop, &tap->timer, soonest_ms - now_ms);
}

int
admin_tap(struct call *call, struct heed_error *error)
{
	struct tap *tap = call->service->tap;
	struct waiting *waiting;
	int64_t after;

	tap->asked_ms = loop_steady_ms(tap->loop);
	if (str_to_i64(http_query(call->exchange, "after"), &after) < 0 || after < 0 ||
	    after >= tap->next) {
		answer(tap, call, tap->next - 1);
		return 0;
	}
	if (after + 1 < tap->next) {
		answer(tap, call, after);
		return 0;
	}
	waiting = ARENA_NEW(&call->exchange->arena, struct waiting);
	if (waiting == NULL)
		return error_nomem(error);
	waiting->call = call;
	waiting->after = after;
	waiting->until_ms = tap->asked_ms + WAIT_MS;
	LIST_INSERT_HEAD(&tap->waiting, waiting, link);
	look(tap);
	return 0;
}
