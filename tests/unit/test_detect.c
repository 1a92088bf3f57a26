/*
 * test_detect.c - each kind of personal data, in the forms it has, and what only looks
 * like it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/detect.h"

/* All that is found in `text`, a line of "KIND:text " each. */
static void
assert_finds(unsigned kinds, const char *text, const char *want)
{
	struct heed_str whole = str_of(text);
	struct detected found;
	struct heed_buf have;
	size_t from = 0;

	buf_init(&have, 0);
	while (detect_next(whole, from, kinds, &found)) {
		assert_true(found.at >= from && found.len > 0 &&
		            found.at + found.len <= whole.len);
		if (have.len > 0)
			buf_addc(&have, '|');
		buf_add(&have, str_head(str_from(whole, found.at), found.len));
		from = found.at + found.len;
	}
	if (!str_is(buf_str(&have), want))
		fail_msg("in \"%s\": found \"%.*s\", wanted \"%s\"", text,
		         STR_ARG(buf_str(&have)), want);
	buf_done(&have);
}

static void
assert_all(unsigned kinds, const char *const cases[][2], size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert_finds(kinds, cases[i][0], cases[i][1]);
}

#define KIND(kind) (1u << DETECT_##kind)
#define ASSERT_ALL(kinds, cases)                                                         \
	assert_all(kinds, cases, sizeof(cases) / sizeof(cases[0]))

static void
test_email(void **state)
{
	static const char *const cases[][2] = {
		{"ann@example.com", "ann@example.com"},
		{"Write to <Ann.O'Neil+shop@mail.example.co.uk>, please.",
	         "Ann.O'Neil+shop@mail.example.co.uk"},
		{"mailto:ann@example.com?subject=x", "ann@example.com"},
		{"email=ann@example.com&b=bob@example.org",
	         "ann@example.com|bob@example.org"},
		{"'ann@example.com' \"bob@example.com\"",
	         "ann@example.com|bob@example.com"},
		{"http://x/?m=ann%40example.com", "ann%40example.com"},
		{"m\xc3\xbcller@b\xc3\xbc"
	         "cher.example",
	         "m\xc3\xbcller@b\xc3\xbc"
	         "cher.example"},
		{"ann@example.com.", "ann@example.com"},
		{"ann@example.com, bob@example.com", "ann@example.com|bob@example.com"},
		{"{{ann@example.com}}", "ann@example.com"},
		{"a_b%c-d@x-y.zz", "a_b%c-d@x-y.zz"},
		{"ann@example", ""},
		{"ann@@example.com", ""},
		{"@example.com", ""},
		{"ann@", ""},
		{"lodash@4.17.21", ""},
		{"ann@192.0.2.1", ""},
		{"a@b.c", ""},
		{"@ann, see you at 5", ""},
		{"ann at example dot com", ""},
	};

	(void)state;
	ASSERT_ALL(KIND(EMAIL), cases);
}

static void
test_card(void **state)
{
	static const char *const cases[][2] = {
		{"4111111111111111", "4111111111111111"},
		{"Visa 4111 1111 1111 1111, exp 12/26", "4111 1111 1111 1111"},
		{"5500-0055-5555-5559", "5500-0055-5555-5559"},
		{"3782 822463 10005 amex", "3782 822463 10005"},
		{"card:6011111111111117;", "6011111111111117"},
		{"4222222222222", "4222222222222"},
		{"6304000000000000000 19", "6304000000000000000"},
		{"4111 1111 1111 1111 2024", "4111 1111 1111 1111"},
		{"12 4111 1111 1111 1111", "4111 1111 1111 1111"},
		{"4111111111111112", ""},
		{"41111111111111111", ""},
		{"411111111111", ""},
		{"1234567812345670", ""},
		{"0.4111111111111111", ""},
		{"x4111111111111111", ""},
		{"4111111111111111x", ""},
		{"4111  1111  1111  1111", ""},
		{"order 5105105105105101", ""},
	};

	(void)state;
	ASSERT_ALL(KIND(CARD), cases);
}

static void
test_iban(void **state)
{
	static const char *const cases[][2] = {
		{"DE89370400440532013000", "DE89370400440532013000"},
		{"IBAN: DE89 3704 0044 0532 0130 00.", "DE89 3704 0044 0532 0130 00"},
		{"gb82 west 1234 5698 7654 32", "gb82 west 1234 5698 7654 32"},
		{"NO9386011117947 and FR1420041010050500013M02606",
	         "NO9386011117947|FR1420041010050500013M02606"},
		{"MT84MALT011000012345MTLCAST001S", "MT84MALT011000012345MTLCAST001S"},
		{"DE89370400440532013001", ""},
		{"DE8937040044053201300", ""},
		{"DE893704004405320130000", ""},
		{"XX89370400440532013000", ""},
		{"ADE89370400440532013000", ""},
		{"DE89", ""},
	};

	(void)state;
	ASSERT_ALL(KIND(IBAN), cases);
}

static void
test_address(void **state)
{
	static const char *const cases[][2] = {
		{"192.0.2.1", "192.0.2.1"},
		{"from 10.0.0.255:8080 to 172.16.0.1/12", "10.0.0.255|172.16.0.1"},
		{"http://203.0.113.9/a", "203.0.113.9"},
		{"192.168.001.001.", "192.168.001.001"},
		{"2001:db8::1", "2001:db8::1"},
		{"[::1]:80 and fe80::1%eth0", "::1|fe80::1"},
		{"::ffff:192.0.2.1", "::ffff:192.0.2.1"},
		{"2001:0db8:0000:0000:0000:ff00:0042:8329, too",
	         "2001:0db8:0000:0000:0000:ff00:0042:8329"},
		{"at 2001:db8::1: said", "2001:db8::1"},
		{"256.0.0.1", ""},
		{"1.2.3", ""},
		{"1.2.3.4.5", ""},
		{"v1.2.3.4", ""},
		{"1.2.3.4rc1", ""},
		{"12:30:45", ""},
		{"2024-02-29T12:30:45", ""},
		{"00:1a:2b:3c:4d:5e", ""},
		{"std::vector a::b", ""},
		{"::", ""},
		{"1:2:3:4:5:6:7:8:9", ""},
	};

	(void)state;
	ASSERT_ALL(KIND(ADDRESS), cases);
}

static void
test_phone(void **state)
{
	static const char *const cases[][2] = {
		{"+49 30 901820", "+49 30 901820"},
		{"call +1 (555) 123-4567 now", "+1 (555) 123-4567"},
		{"+442071838750", "+442071838750"},
		{"tel:+33-1-44-00-00-00;ext=1", "+33-1-44-00-00-00"},
		{"+49 (0)30 901820", "+49 (0)30 901820"},
		{"0049 30 901820", "0049 30 901820"},
		{"(030) 901 82 00", "(030) 901 82 00"},
		{"030/90182000, 0171 1234567", "030/90182000|0171 1234567"},
		{"01 44 00 00 00", "01 44 00 00 00"},
		{"(555) 234-5678 or 555-234-5678 or 555.234.5678",
	         "(555) 234-5678|555-234-5678|555.234.5678"},
		{"1-800-234-5678", "1-800-234-5678"},
		{"2024-02-29", ""},
		{"29.02.2024", ""},
		{"01.02.2024 10:30", ""},
		{"2024-02-29 10", ""},
		{"02/29/2024", ""},
		{"10:30:00", ""},
		{"192.168.100.200", ""},
		{"1700000000", ""},
		{"5552345678", ""},
		{"order 123456", ""},
		{"v1.2.3", ""},
		{"3.14159265358979", ""},
		{"0.123456789", ""},
		{"123e4567-e89b-12d3-a456-426614174000", ""},
		{"978-3-16-148410-0", ""},
		{"123-45-6789", ""},
		{"1920x1080", ""},
		{"+5, +12.5 %", ""},
		{"1 000 000 000", ""},
		{"90210-1234", ""},
		{"155-234-5678", ""},
		{"12345678901234567890", ""},
		{"0-306-40615-2", ""},
	};

	(void)state;
	ASSERT_ALL(KIND(PHONE), cases);
}

static void
test_all_at_once(void **state)
{
	static const char *const cases[][2] = {
		{"Ann <ann@example.com>, +49 30 901820, 4111 1111 1111 1111, "
	         "DE89370400440532013000 from 192.0.2.1",
	         "ann@example.com|+49 30 901820|4111 1111 1111 1111|"
	         "DE89370400440532013000|192.0.2.1"},
		{"", ""},
		{"nothing to see here, order 4711 of 2024-02-29", ""},
		{"4111111111111111@example.com", "4111111111111111@example.com"},
	};

	(void)state;
	ASSERT_ALL(DETECT_ALL, cases);
}

/* A hostile text of a megabyte of each costs about as much as any other. */
static void
test_long_texts_end(void **state)
{
	static const char *const pieces[] = {"a.", "1 ",  "12-", "(",    "::",  "a@",
	                                     "+1", "GB8", "1.",  "x@y.", "a%4", "[A_"};
	struct detected found;
	struct heed_buf buf;

	(void)state;
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		buf_init(&buf, 0);
		while (buf.len < 1000000)
			buf_adds(&buf, pieces[i]);
		for (size_t from = 0;
		     detect_next(buf_str(&buf), from, DETECT_ALL, &found);)
			from = found.at + found.len;
		buf_done(&buf);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_email),          cmocka_unit_test(test_card),
		cmocka_unit_test(test_iban),           cmocka_unit_test(test_address),
		cmocka_unit_test(test_phone),          cmocka_unit_test(test_all_at_once),
		cmocka_unit_test(test_long_texts_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
