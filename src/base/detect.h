/*
 * detect.h - finds personal data in text: mail addresses, phone numbers, payment cards,
 * IBANs, network addresses.
 *
 * Pure, and linear in the length of the text: each place is looked at a bounded number of
 * times. What has a check is checked (a card by Luhn, an IBAN by its country's length and
 * mod 97, an IPv6 address by its grammar), so that other numbers stay; phone numbers,
 * which have none, are told by their form: docs/redaction.md says which.
 */
#ifndef HEED_BASE_DETECT_H
#define HEED_BASE_DETECT_H

#include "base/str.h"
#include "heed.h"

/* name in configurations, label of placeholders */
#define DETECT_KINDS(X)                                                                  \
	X(EMAIL, "email")                                                                \
	X(IBAN, "iban")                                                                  \
	X(CARD, "card")                                                                  \
	X(ADDRESS, "address")                                                            \
	X(PHONE, "phone")

enum detect_kind {
#define DETECT_X(label, name) DETECT_##label,
	DETECT_KINDS(DETECT_X)
#undef DETECT_X
		DETECT_N,
};

#define DETECT_ALL ((1u << DETECT_N) - 1)

/* "EMAIL", and "email". */
const char *detect_label(enum detect_kind kind);
const char *detect_name(enum detect_kind kind);

struct detected {
	enum detect_kind kind;
	size_t at;
	size_t len;
};

/* The first thing of one of `kinds` (bits 1 << kind) at or behind `from`; false when
 * there is none. Where several start at one place, the first of DETECT_KINDS counts. */
bool detect_next(struct heed_str text, size_t from, unsigned kinds,
                 struct detected *ret_found);

#endif
