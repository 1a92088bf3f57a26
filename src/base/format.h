/*
 * format.h - the named formats of strings of JSON Schema 2020-12 (validation, section 7).
 *
 * idn-hostname is checked for its shape only, not by the tables of IDNA.
 */
#ifndef HEED_BASE_FORMAT_H
#define HEED_BASE_FORMAT_H

#include "heed.h"

struct format;

/* NULL when the name is not known: such a format says nothing. */
const struct format *format_find(struct heed_str name);
/* The known name that is nearest, for "did you mean ...?"; or NULL. */
const char *format_nearest(struct heed_str name);
bool format_fits(const struct format *format, struct heed_str text);
/* What it looks like, for people and models: "a date such as 2024-02-29". */
const char *format_about(const struct format *format);

#endif
