/*
 * money.c - see money.h.
 */
#include "base/money.h"

#include <stdio.h>
#include <string.h>

const char *
money_text(char place[MONEY_TEXT_SIZE], int64_t nano)
{
	/* The smallest number has no positive twin. */
	uint64_t amount = nano < 0 ? (uint64_t)0 - (uint64_t)nano : (uint64_t)nano;
	size_t len;

	(void)snprintf(place, MONEY_TEXT_SIZE, "%s%llu.%09llu", nano < 0 ? "-" : "",
	               (unsigned long long)(amount / MONEY_DOLLAR),
	               (unsigned long long)(amount % MONEY_DOLLAR));
	len = strlen(place);
	while (place[len - 1] == '0' && place[len - 3] != '.')
		place[--len] = '\0';
	return place;
}

void
money_write(struct heed_buf *buf, int64_t nano)
{
	char place[MONEY_TEXT_SIZE];

	buf_adds(buf, money_text(place, nano));
}

void
money_write_micro(struct heed_buf *buf, int64_t nano)
{
	int64_t rest = nano % 1000;
	int64_t micro = nano / 1000 + (rest >= 500) - (rest <= -500);
	uint64_t amount = micro < 0 ? (uint64_t)0 - (uint64_t)micro : (uint64_t)micro;

	buf_addf(buf, "%s%llu.%06llu", micro < 0 ? "-" : "",
	         (unsigned long long)(amount / 1000000),
	         (unsigned long long)(amount % 1000000));
}
