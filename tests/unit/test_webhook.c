/*
 * test_webhook.c - who may send to the http source: published vectors, and what must be
 * refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/id.h"
#include "source/webhook.h"

/* Standard Webhooks' own vector. */
#define SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define ID "msg_p5jXN8AQM9LWM0D4loKWxJek"
#define TIME "1614265330"
#define SIGNATURE "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
#define BODY "{\"test\": 2432232314}"
#define NOW_US (1614265330 * (int64_t)1000000)

static int
verify(const char *id, const char *time, const char *signature, const char *body,
       int64_t now_us, struct heed_error *error)
{
	const struct webhook_key key = {WEBHOOK_STANDARD, HEED_STR(SECRET), 300000};
	const struct http_header headers[] = {
		{HEED_STR("content-type"), HEED_STR("application/json")},
		{HEED_STR("webhook-id"), str_of(id)},
		{HEED_STR("webhook-timestamp"), str_of(time)},
		{HEED_STR("webhook-signature"), str_of(signature)},
	};

	return webhook_verify(&key, headers, 4, str_of(body), now_us, error);
}

static void
test_standard(void **state)
{
	struct heed_error error = {0};

	(void)state;
	assert_int_equal(verify(ID, TIME, SIGNATURE, BODY, NOW_US, &error), 0);
	assert_int_equal(
		verify(ID, TIME, "v1,AAAA v1a,xx " SIGNATURE, BODY, NOW_US, &error), 0);
	assert_int_equal(
		verify(ID, TIME, SIGNATURE " v1,zz", BODY, NOW_US + 299000000, &error),
		0);
	assert_int_equal(verify(ID, TIME, SIGNATURE, BODY, NOW_US - 299000000, &error),
	                 0);
}

static void
test_standard_refused(void **state)
{
	static const struct {
		const char *id, *time, *signature, *body;
		int64_t now_us;
	} wrong[] = {
		{ID, TIME, SIGNATURE, "{\"test\": 2432232315}", NOW_US},
		{ID "x", TIME, SIGNATURE, BODY, NOW_US},
		{ID, "1614265331", SIGNATURE, BODY, NOW_US},
		{ID, TIME, "v1,", BODY, NOW_US},
		{ID, TIME, "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", BODY, NOW_US},
		{ID, TIME, "v1a,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", BODY,
	         NOW_US},
		{ID, TIME, "", BODY, NOW_US},
		{"", TIME, SIGNATURE, BODY, NOW_US},
		{"a.b", TIME, SIGNATURE, BODY, NOW_US},
		{ID, "yesterday", SIGNATURE, BODY, NOW_US},
		{ID, "-1", SIGNATURE, BODY, NOW_US},
		{ID, TIME, SIGNATURE, BODY, NOW_US + 301000000},
		{ID, TIME, SIGNATURE, BODY, NOW_US - 301000000},
	};
	struct heed_error error;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		error.text[0] = '\0';
		if (verify(wrong[i].id, wrong[i].time, wrong[i].signature, wrong[i].body,
		           wrong[i].now_us, &error) != HEED_E_REFUSED)
			fail_msg("case %zu was accepted", i);
		assert_true(error.text[0] != '\0');
	}
}

static int
verify_github(const char *signature, const char *body)
{
	const struct webhook_key key = {WEBHOOK_GITHUB,
	                                HEED_STR("It's a Secret to Everybody"), 0};
	const struct http_header header = {HEED_STR("x-hub-signature-256"),
	                                   str_of(signature)};
	struct heed_error error;

	return webhook_verify(&key, &header, 1, str_of(body), 0, &error);
}

/* The values of GitHub's documentation. */
static void
test_github(void **state)
{
	(void)state;
	assert_int_equal(
		verify_github("sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f"
	                      "4379c8b043e17",
	                      "Hello, World!"),
		0);
	assert_int_equal(
		verify_github("sha256=757107EA0EB2509FC211221CCE984B8A37570B6D7586C22C46F"
	                      "4379C8B043E17",
	                      "Hello, World!"),
		0);
	assert_int_equal(
		verify_github("sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f"
	                      "4379c8b043e17",
	                      "Hello, world!"),
		HEED_E_REFUSED);
	assert_int_equal(verify_github("sha256=zz", "x"), HEED_E_REFUSED);
	assert_int_equal(verify_github("sha1=757107ea", "x"), HEED_E_REFUSED);
	assert_int_equal(verify_github("", "x"), HEED_E_REFUSED);
	assert_int_equal(
		verify_github("sha256=g57107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f"
	                      "4379c8b043e17",
	                      "Hello, World!"),
		HEED_E_REFUSED);
}

static void
test_keys(void **state)
{
	struct webhook_key key = {WEBHOOK_STANDARD, HEED_STR(SECRET), 0};
	struct heed_error error = {0};

	(void)state;
	assert_int_equal(webhook_check_key(&key, &error), 0);
	key.secret = HEED_STR("whsec_AAAA");
	assert_int_equal(webhook_check_key(&key, &error), HEED_E_CONFIG);
	key.secret = HEED_STR("whsec_!!!!");
	assert_int_equal(webhook_check_key(&key, &error), HEED_E_CONFIG);
	key.type = WEBHOOK_GITHUB;
	assert_int_equal(webhook_check_key(&key, &error), 0);
}

static void
test_tokens(void **state)
{
	const struct http_header good = {HEED_STR("authorization"),
	                                 HEED_STR("bearer  abc ")};
	const struct http_header basic = {HEED_STR("authorization"),
	                                  HEED_STR("Basic abc")};

	(void)state;
	assert_true(str_is(webhook_bearer(&good, 1), "abc"));
	assert_int_equal(webhook_bearer(&basic, 1).len, 0);
	assert_int_equal(webhook_bearer(NULL, 0).len, 0);
	assert_true(webhook_same(HEED_STR("abc"), HEED_STR("abc")));
	assert_false(webhook_same(HEED_STR("abcd"), HEED_STR("abc")));
	assert_false(webhook_same(HEED_STR(""), HEED_STR("abc")));
}

static void
test_origins(void **state)
{
	const struct heed_str some[] = {HEED_STR("eventgrid.azure.net"),
	                                HEED_STR("example.com")};
	const struct heed_str any[] = {HEED_STR("*")};

	(void)state;
	assert_true(webhook_origin_allowed(HEED_STR("EventGrid.azure.net"), some, 2));
	assert_false(webhook_origin_allowed(HEED_STR("evil.example.com"), some, 2));
	assert_false(webhook_origin_allowed(HEED_STR("example.com"), NULL, 0));
	assert_true(webhook_origin_allowed(HEED_STR("anyone.example:443"), any, 1));
	assert_false(webhook_origin_allowed(HEED_STR("a\r\nX: y"), any, 1));
	assert_false(webhook_origin_allowed(HEED_STR("*"), any, 1));
}

static void
test_validation(void **state)
{
	struct heed_json body;
	struct arena arena;

	(void)state;
	arena_init(&arena, 0);
	assert_int_equal(json_parse(&arena,
	                            HEED_STR("[{\"data\":{\"validationCode\":\"512\"}}]"),
	                            &body, NULL),
	                 0);
	assert_true(str_is(webhook_validation_code(body), "512"));
	assert_int_equal(json_parse(&arena,
	                            HEED_STR("[{\"data\":{\"validationCode\":7}}]"),
	                            &body, NULL),
	                 0);
	assert_int_equal(webhook_validation_code(body).len, 0);
	assert_int_equal(webhook_validation_code(json_null()).len, 0);
	arena_done(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_standard),
		cmocka_unit_test(test_standard_refused),
		cmocka_unit_test(test_github),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_tokens),
		cmocka_unit_test(test_origins),
		cmocka_unit_test(test_validation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
