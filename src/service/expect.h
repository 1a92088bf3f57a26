/*
 * expect.h - does an outcome hold what was expected of it?
 */
#ifndef HEED_SERVICE_EXPECT_H
#define HEED_SERVICE_EXPECT_H

#include "base/json.h"
#include "service/case.h"

/* Append to `complaints` (an array under construction, which gives the arena) a text for
 * everything in which `outcome` is not as expected. */
void expect_check(const struct expectation *expect, struct heed_json outcome,
                  struct json_build *complaints);

#endif
