/*
 * money.h - amounts as text. An amount is a whole number of nano US dollars (1e-9), so
 * that sums are exact; INT64_MAX is 9.2 billion dollars.
 */
#ifndef HEED_BASE_MONEY_H
#define HEED_BASE_MONEY_H

#include "base/str.h"

#define MONEY_DOLLAR INT64_C(1000000000)

/* Append it exactly, with two decimals or as many as it has: 5.00, 0.000315, -1.50. */
void money_write(struct heed_buf *buf, int64_t nano);
/* Append it for tables: six decimals, rounded to the nearest. */
void money_write_micro(struct heed_buf *buf, int64_t nano);

#define MONEY_TEXT_SIZE 32
/* As money_write, into a fixed place, NUL-terminated; returns it. */
const char *money_text(char place[MONEY_TEXT_SIZE], int64_t nano);

#endif
