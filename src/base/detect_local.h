/*
 * detect_local.h - shared by detect.c and detect_phone.c.
 */
#ifndef HEED_BASE_DETECT_LOCAL_H
#define HEED_BASE_DETECT_LOCAL_H

#include "base/str.h"

/* The byte at `i`, or NUL outside. */
char detect_at(struct heed_str text, size_t i);
bool detect_digit(char c);
/* ASCII letters and digits, and every byte of other characters. */
bool detect_word(char c);

/* Length of a phone number that starts at `at`, or 0. */
size_t detect_phone(struct heed_str text, size_t at);

#endif
