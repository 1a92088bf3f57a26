/*
 * test_id.c - what id.h promises: UUIDs of versions 5 and 7 (RFC 9562), SHA-256 (FIPS
 * 180-4), HMAC (RFC 4231), hashes of parts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"

static void
check_hex(const void *bytes, size_t len, const char *expected)
{
	struct heed_buf buf;

	buf_init(&buf, 0);
	buf_add_hex(&buf, bytes, len);
	assert_string_equal(buf.data, expected);
	buf_done(&buf);
}

static void
check_sha256(struct heed_str data, const char *expected)
{
	unsigned char digest[ID_DIGEST_SIZE];

	id_sha256(data, digest);
	check_hex(digest, sizeof(digest), expected);
}

static void
sha256(void **state)
{
	char *million = malloc(1000000);

	check_sha256((struct heed_str){0},
	             "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	check_sha256(HEED_STR("abc"),
	             "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	check_sha256(HEED_STR("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
	             "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
	assert_non_null(million);
	memset(million, 'a', 1000000);
	check_sha256((struct heed_str){million, 1000000},
	             "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
	free(million);
}

static void
check_hmac(struct heed_str key, struct heed_str data, const char *expected)
{
	unsigned char digest[ID_DIGEST_SIZE];

	id_hmac_sha256(key, data, digest);
	check_hex(digest, sizeof(digest), expected);
}

static void
hmac(void **state)
{
	char aa[131];
	char b0[20];

	memset(aa, '\xaa', sizeof(aa));
	memset(b0, '\x0b', sizeof(b0));
	/* RFC 4231: test cases 1, 2, 6 */
	check_hmac((struct heed_str){b0, sizeof(b0)}, HEED_STR("Hi There"),
	           "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
	check_hmac(HEED_STR("Jefe"), HEED_STR("what do ya want for nothing?"),
	           "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	check_hmac((struct heed_str){aa, sizeof(aa)},
	           HEED_STR("Test Using Larger Than Block-Size Key - Hash Key First"),
	           "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
	check_hmac((struct heed_str){0}, (struct heed_str){0},
	           "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

static void
uuid5(void **state)
{
	/* The name spaces of RFC 9562, 6.6, and its example, A.4. */
	static const unsigned char dns[16] = {0x6b, 0xa7, 0xb8, 0x10, 0x9d, 0xad,
	                                      0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0,
	                                      0x4f, 0xd4, 0x30, 0xc8};
	char place[ID_UUID_SIZE];
	char other[ID_UUID_SIZE];
	struct heed_str uuid = id_uuid5(place, dns, HEED_STR("www.example.com"));

	assert_string_equal(place, "2ed6657d-e927-568b-95e1-2665a8aea6a2");
	assert_int_equal(uuid.len, 36);
	(void)id_uuid5(place, dns, HEED_STR("python.org"));
	assert_string_equal(place, "886313e1-3b8a-5372-9b90-0c9aee199e5d");
	(void)id_uuid5(place, id_space, HEED_STR("run/step"));
	(void)id_uuid5(other, id_space, HEED_STR("run/step"));
	assert_string_equal(place, other);
	(void)id_uuid5(other, id_space, HEED_STR("run/steq"));
	assert_string_not_equal(place, other);
	(void)id_uuid5(place, id_space, (struct heed_str){0});
	assert_int_equal(place[14], '5');
}

static void
uuid7(void **state)
{
	char place[ID_UUID_SIZE];
	char before[ID_UUID_SIZE] = "";
	int64_t wall_us;
	int i;

	/* The time of RFC 9562's example, A.6. */
	assert_int_equal(id_uuid7(place, 1645557742000000).len, 36);
	assert_memory_equal(place, "017f22e2-79b0-7", 15);
	for (i = 0; i < 1000; i++) {
		wall_us = 1795512600000000 + i * 1000;
		(void)id_uuid7(place, wall_us);
		assert_int_equal(place[14], '7');
		assert_non_null(strchr("89ab", place[19]));
		assert_true(strcmp(before, place) < 0);
		memcpy(before, place, sizeof(before));
	}
	(void)id_uuid7(place, wall_us);
	assert_string_not_equal(place, before); /* same time, another one */
}

static void
parts(void **state)
{
	const struct heed_str ab_c[] = {HEED_STR("ab"), HEED_STR("c")};
	const struct heed_str a_bc[] = {HEED_STR("a"), HEED_STR("bc")};
	const struct heed_str abc[] = {HEED_STR("abc"), {NULL, 0}};
	struct id_hash hash = id_hash_parts(ab_c, 2);
	struct id_hash again = id_hash_parts(ab_c, 2);
	struct id_hash others[] = {id_hash_parts(a_bc, 2), id_hash_parts(abc, 1),
	                           id_hash_parts(abc, 2), id_hash_parts(NULL, 0)};
	size_t i;

	assert_true(id_equal(&hash, &again, sizeof(hash)));
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_false(id_equal(&hash, &others[i], sizeof(hash)));
	assert_false(id_equal(&others[1], &others[2], sizeof(hash)));
}

static void
random_bytes(void **state)
{
	unsigned char a[600] = {0};
	unsigned char b[600] = {0};
	size_t i;
	int zeros = 0;

	id_random(a, sizeof(a));
	id_random(b, sizeof(b));
	assert_memory_not_equal(a, b, sizeof(a));
	for (i = 0; i < sizeof(a); i++)
		zeros += a[i] == 0;
	assert_true(zeros < 60);
	id_random(a, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sha256), cmocka_unit_test(hmac),
		cmocka_unit_test(uuid5),  cmocka_unit_test(uuid7),
		cmocka_unit_test(parts),  cmocka_unit_test(random_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
