/*
 * live_show.h - the records of a running heed (service/live.h) as lines for people.
 */
#ifndef HEED_CLI_LIVE_SHOW_H
#define HEED_CLI_LIVE_SHOW_H

#include "base/str.h"
#include "heed.h"

/* Append one record. */
void live_show(struct heed_buf *buf, struct heed_json record);
/* The type of the event that it is about. */
struct heed_str live_type(struct heed_json record);

#endif
