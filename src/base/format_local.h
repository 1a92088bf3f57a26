/*
 * format_local.h - shared by format.c and format_time.c.
 */
#ifndef HEED_BASE_FORMAT_LOCAL_H
#define HEED_BASE_FORMAT_LOCAL_H

#include "heed.h"

bool format_date(struct heed_str text);
bool format_time(struct heed_str text);
bool format_date_time(struct heed_str text);
bool format_duration(struct heed_str text);

#endif
