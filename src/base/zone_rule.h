/*
 * zone_rule.h - the rule at the end of a time zone file: POSIX's TZ text such as
 * "CET-1CEST,M3.5.0,M10.5.0/3", which says when the offset changes from the last recorded
 * change on, for ever. Used by zone.c; the names in the text are not kept.
 */
#ifndef HEED_BASE_ZONE_RULE_H
#define HEED_BASE_ZONE_RULE_H

#include "heed.h"

enum zone_turn_kind {
	ZONE_TURN_WEEKDAY,   /* Mm.w.d: the w-th weekday d of month m, 5 is the last */
	ZONE_TURN_DAY,       /* n: day 0-365 of the year, 29 February counts */
	ZONE_TURN_DAY_PLAIN, /* Jn: day 1-365, 29 February does not exist */
};

struct zone_turn {
	enum zone_turn_kind kind;
	int month;
	int week;
	int day;
	int32_t time_s; /* after that day's midnight; may be negative or above 24 hours */
};

struct zone_rule {
	int32_t standard_s; /* east of Greenwich is positive */
	bool changes;       /* the rest counts only then */
	int32_t summer_s;
	struct zone_turn start; /* of summer time, in standard time */
	struct zone_turn end;   /* in summer time */
};

/* HEED_E_INVALID. */
int zone_rule_parse(struct heed_str text, struct zone_rule *ret_rule);
int32_t zone_rule_offset(const struct zone_rule *rule, int64_t utc_s);
/* The first change after `utc_s`; false when there is none. */
bool zone_rule_next(const struct zone_rule *rule, int64_t utc_s, int64_t *ret_utc_s);

#endif
