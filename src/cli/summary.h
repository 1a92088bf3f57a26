/*
 * summary.h - what an effect does, in a few words, from its committed request.
 */
#ifndef HEED_CLI_SUMMARY_H
#define HEED_CLI_SUMMARY_H

#include "base/str.h"
#include "heed.h"

/* Append "emit customer_enriched", "POST https://...", "log \"...\"" ... `action` is the
 * kind's name, or empty when it is not known: then the request tells. At most `max`
 * characters of what is said behind the name. */
void summary_effect(struct heed_buf *buf, struct heed_str action,
                    struct heed_json request, size_t max);

#endif
