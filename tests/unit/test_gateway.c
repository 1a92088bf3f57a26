/*
 * test_gateway.c - the gateway on a virtual loop.
 *
 * The HTTP client is replaced by one that only notes calls (the linker takes these
 * functions before the library's), so that each test answers when and how it wants.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/model.h"

/* ---- an HTTP client that waits for the test ---------------------------------------- */

struct http_call {
	http_done_fn *done;
	void *arg;
	struct http_call *next;
};

static struct http_call *calls; /* newest first */
static int n_started, n_cancelled;

int
http_start(struct http_client *client, const struct http_request *request,
           http_done_fn *done, void *arg, struct http_call **ret_call,
           struct heed_error *error)
{
	struct http_call *call = mem_new(sizeof(*call));

	(void)client;
	(void)error;
	assert_true(request->body.len > 0 && request->url.len > 0);
	if (call == NULL)
		return HEED_E_NOMEM;
	*call = (struct http_call){done, arg, calls};
	calls = call;
	n_started++;
	*ret_call = call;
	return 0;
}

static void
take_out(struct http_call *call)
{
	struct http_call **at = &calls;

	while (*at != call)
		at = &(*at)->next;
	*at = call->next;
	mem_free(call);
}

void
http_cancel(struct http_call *call)
{
	n_cancelled++;
	take_out(call);
}

struct heed_str
http_header_find(const struct http_header *headers, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (str_is(headers[i].name, name))
			return headers[i].value;
	return (struct heed_str){NULL, 0};
}

int64_t
http_retry_after_ms(const struct http_header *headers, size_t n, int64_t now_us)
{
	int64_t seconds;

	(void)now_us;
	if (str_to_i64(http_header_find(headers, n, "retry-after"), &seconds) != 0)
		return -1;
	return seconds * 1000;
}

#define GOOD                                                                             \
	"{\"model\":\"gpt-4o-mini\",\"choices\":[{\"finish_reason\":\"stop\","           \
	"\"message\":{"                                                                  \
	"\"content\":\"fine\"}}],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":" \
	"10}}"

/* Answer the newest call. */
static void
answer(int status, const char *body, const char *retry_after)
{
	struct http_header header = {HEED_STR("retry-after"), str_of(retry_after)};
	struct http_reply reply = {.sent = true,
	                           .status = status,
	                           .body = str_of(body),
	                           .headers = &header,
	                           .n_headers = retry_after != NULL};
	struct http_call *call = calls;
	http_done_fn *done;
	void *arg;

	assert_non_null(call);
	done = call->done;
	arg = call->arg;
	take_out(call);
	done(arg, &reply);
}

static void
break_off(int error)
{
	struct http_reply reply = {.error = error, .sent = true, .text = "gone"};
	struct http_call *call = calls;
	http_done_fn *done = call->done;
	void *arg = call->arg;

	take_out(call);
	done(arg, &reply);
}

/* ---- the stage --------------------------------------------------------------------- */

struct asker {
	struct ticket *ticket;
	struct model_question question;
	int admitted;
	int woken;
	int replies;
	struct model_reply reply; /* without its texts */
	char text[64];
};

static struct loop *loop;
static struct gateway *gateway;
static struct model models[2];

static void
set_stage(void)
{
	n_started = n_cancelled = 0;
	assert_int_equal(loop_new(LOOP_VIRTUAL, &loop), 0);
	assert_int_equal(gateway_new(loop, NULL, NULL, &gateway), 0);
	memset(models, 0, sizeof(models));
	for (int i = 0; i < 2; i++) {
		models[i].name = i == 0 ? HEED_STR("first") : HEED_STR("second");
		models[i].endpoint = HEED_STR("http://127.0.0.1:1");
		models[i].model = HEED_STR("gpt-4o-mini");
		models[i].max_tokens = 100;
		models[i].timeout_ms = 1000;
		models[i].temperature = -1;
		models[i].limits = (struct model_limits){.in_flight = 100, .queue = 100};
		models[i].breaker =
			(struct model_breaker){.failures = 2, .pause_ms = 1000};
	}
}

static void
use_models(size_t n)
{
	struct heed_error error = {0};

	if (gateway_add(gateway, models, n, &error) != 0)
		fail_msg("%s", error.text);
}

static void
clear_stage(size_t n)
{
	assert_null(calls);
	gateway_remove(gateway, models, n);
	gateway_free(gateway);
	loop_free(loop);
}

static void
woken(void *arg)
{
	struct asker *asker = arg;

	asker->woken++;
}

static void
done(void *arg, const struct model_reply *reply)
{
	struct asker *asker = arg;

	asker->replies++;
	asker->reply = *reply;
	asker->ticket = NULL;
	memset(asker->text, 0, sizeof(asker->text));
	if (reply->text.len > 0 && reply->text.len < sizeof(asker->text))
		memcpy(asker->text, reply->text.data, reply->text.len);
}

static int
admit(struct asker *asker, const char *prompt)
{
	struct heed_error error = {0};

	memset(asker, 0, sizeof(*asker));
	asker->question.prompt = str_of(prompt);
	asker->question.temperature = -1;
	asker->admitted = gateway_admit(gateway, &models[0], &asker->question, woken,
	                                asker, &asker->ticket, &error);
	return asker->admitted;
}

static void
call(struct asker *asker)
{
	gateway_call(asker->ticket, &asker->question, done, asker);
}

static void
ask(struct asker *asker, const char *prompt)
{
	assert_int_equal(admit(asker, prompt), 0);
	call(asker);
}

static void
pass_time(int64_t ms)
{
	loop_advance(loop, ms);
	loop_turn(loop);
	loop_turn(loop);
}

/* ---- the gateway ------------------------------------------------------------------- */

static void
test_one_call(void **state)
{
	struct asker asker;

	(void)state;
	set_stage();
	use_models(1);
	ask(&asker, "a");
	assert_int_equal(asker.replies, 0);
	answer(200, GOOD, NULL);
	assert_int_equal(asker.replies, 1);
	assert_string_equal(asker.text, "fine");
	assert_int_equal(asker.reply.cost_nano, 10 * 150 + 10 * 600);
	ask(&asker, "b");
	break_off(HEED_E_TIMEOUT);
	assert_int_equal(asker.reply.code, HEED_E_TIMEOUT);
	assert_true(asker.reply.usage.estimated && asker.reply.cost_nano > 100 * 600);
	clear_stage(1);
}

static void
test_line(void **state)
{
	struct asker a, b, c;

	(void)state;
	set_stage();
	models[0].limits = (struct model_limits){.in_flight = 1, .queue = 1};
	use_models(1);
	ask(&a, "a");
	assert_int_equal(admit(&b, "b"), HEED_WAIT);
	assert_int_equal(admit(&c, "c"), HEED_E_BUSY);
	answer(200, GOOD, NULL);
	assert_int_equal(b.woken, 0);
	loop_turn(loop);
	assert_int_equal(b.woken, 1);
	call(&b);
	assert_int_equal(admit(&c, "c"), HEED_WAIT);
	gateway_cancel(b.ticket);
	assert_int_equal(n_cancelled, 1);
	loop_turn(loop);
	assert_int_equal(c.woken, 1);
	gateway_cancel(c.ticket);
	assert_int_equal(admit(&a, "a"), 0);
	gateway_cancel(a.ticket);
	clear_stage(1);
}

static void
test_identical_questions(void **state)
{
	struct asker a, b, c;

	(void)state;
	set_stage();
	models[0].coalesce = true;
	use_models(1);
	assert_int_equal(admit(&c, "same"), 0);
	ask(&a, "same");
	ask(&b, "same");
	call(&c);
	assert_int_equal(n_started, 1);
	gateway_cancel(a.ticket);
	assert_int_equal(n_cancelled, 0);
	answer(200, GOOD, NULL);
	assert_int_equal(b.replies + c.replies, 2);
	assert_true(!b.reply.shared && b.reply.cost_nano == 7500);
	assert_true(c.reply.shared && c.reply.cost_nano == 0 && c.reply.usage.input == 0);
	ask(&a, "same");
	assert_int_equal(n_started, 2);
	gateway_cancel(a.ticket);
	clear_stage(1);
}

/* One that joined but has not called yet still gets the reply. */
static void
test_late_caller(void **state)
{
	struct asker a, b;

	(void)state;
	set_stage();
	models[0].coalesce = true;
	use_models(1);
	ask(&a, "same");
	assert_int_equal(admit(&b, "same"), 0);
	assert_true(ticket_free_of_charge(b.ticket));
	answer(200, GOOD, NULL);
	assert_int_equal(a.replies, 1);
	call(&b);
	assert_int_equal(b.replies, 0);
	loop_turn(loop);
	assert_int_equal(b.replies, 1);
	assert_string_equal(b.text, "fine");
	assert_true(b.reply.shared);
	clear_stage(1);
}

static void
test_cache(void **state)
{
	struct asker asker;

	(void)state;
	set_stage();
	models[0].cache_ms = 1000;
	use_models(1);
	ask(&asker, "a");
	answer(200, GOOD, NULL);
	ask(&asker, "a");
	assert_int_equal(asker.replies, 0);
	loop_turn(loop);
	assert_true(asker.replies == 1 && asker.reply.cached &&
	            asker.reply.cost_nano == 0);
	assert_string_equal(asker.text, "fine");
	ask(&asker, "b");
	answer(500, "", NULL);
	pass_time(1001);
	ask(&asker, "a");
	assert_int_equal(n_started, 3);
	answer(200, GOOD, NULL);
	clear_stage(1);
}

static void
test_fallback(void **state)
{
	struct gateway_stats stats;
	struct asker a, b;

	(void)state;
	set_stage();
	models[0].fallback = HEED_STR("second");
	use_models(2);
	for (int i = 0; i < 2; i++) {
		ask(&a, "a");
		answer(500, "", NULL);
	}
	gateway_stats(&models[0], &stats);
	assert_int_equal(stats.breaker, BREAKER_OPEN);
	ask(&a, "a");
	answer(200, GOOD, NULL);
	gateway_stats(&models[1], &stats);
	assert_int_equal(stats.calls, 1);
	pass_time(1000);
	ask(&a, "probe");
	assert_int_equal(admit(&b, "b"), 0);
	assert_ptr_equal(ticket_model(b.ticket), &models[1]);
	gateway_cancel(b.ticket);
	answer(200, GOOD, NULL);
	assert_int_equal(admit(&b, "b"), 0);
	assert_ptr_equal(ticket_model(b.ticket), &models[0]);
	gateway_cancel(b.ticket);
	clear_stage(2);
}

static void
test_slow_down(void **state)
{
	struct asker a, b;

	(void)state;
	set_stage();
	use_models(1);
	ask(&a, "a");
	answer(429, "{}", "5");
	assert_int_equal(a.reply.class, MODEL_RATE);
	assert_int_equal(a.reply.retry_after_ms, 5000);
	assert_int_equal(admit(&b, "b"), HEED_WAIT);
	loop_turn(loop);
	pass_time(4999);
	assert_int_equal(b.woken, 0);
	pass_time(1);
	assert_int_equal(b.woken, 1);
	gateway_cancel(b.ticket);
	clear_stage(1);
}

/* While the breaker is open and there is no fallback, questions wait for the probe. */
static void
test_outage(void **state)
{
	struct asker a, b, c;

	(void)state;
	set_stage();
	use_models(1);
	for (int i = 0; i < 2; i++) {
		ask(&a, "a");
		break_off(HEED_E_NETWORK);
	}
	assert_int_equal(admit(&b, "b"), HEED_WAIT);
	assert_int_equal(admit(&c, "c"), HEED_WAIT);
	loop_turn(loop);
	pass_time(1000);
	assert_true(b.woken == 1 && c.woken == 0);
	call(&b);
	answer(200, GOOD, NULL);
	loop_turn(loop);
	assert_int_equal(c.woken, 1);
	gateway_cancel(c.ticket);
	clear_stage(1);
}

static void
test_circle(void **state)
{
	struct heed_error error = {0};

	(void)state;
	set_stage();
	models[0].fallback = HEED_STR("second");
	models[1].fallback = HEED_STR("first");
	assert_int_equal(gateway_add(gateway, models, 2, &error), HEED_E_CONFIG);
	models[1].fallback = HEED_STR("third");
	assert_int_equal(gateway_add(gateway, models, 2, &error), HEED_E_CONFIG);
	clear_stage(2);
}

/* Without memory nothing is admitted, or everything works; nothing is left behind. */
static void
test_no_memory(void **state)
{
	bool passed = false;

	(void)state;
	set_stage();
	models[0].coalesce = true;
	models[0].cache_ms = 1;
	use_models(1);
	for (long n = 0; n < 100 && !passed; n++) {
		struct asker asker;
		int r;

		mem_fail_after(n, 1);
		r = admit(&asker, "a");
		if (r == 0)
			call(&asker);
		mem_fail_after(-1, 0);
		assert_true(r == 0 || r == HEED_E_NOMEM);
		if (calls != NULL)
			answer(200, GOOD, NULL);
		loop_turn(loop);
		assert_int_equal(asker.replies, r == 0);
		passed = r == 0 && asker.reply.code == 0;
		pass_time(10);
	}
	assert_true(passed);
	clear_stage(1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_call),
		cmocka_unit_test(test_line),
		cmocka_unit_test(test_identical_questions),
		cmocka_unit_test(test_late_caller),
		cmocka_unit_test(test_cache),
		cmocka_unit_test(test_fallback),
		cmocka_unit_test(test_slow_down),
		cmocka_unit_test(test_outage),
		cmocka_unit_test(test_circle),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
