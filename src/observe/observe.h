/*
 * observe.h - the `observe:` section of a configuration: what a running heed tells of
 * itself, and to whom.
 */
#ifndef HEED_OBSERVE_OBSERVE_H
#define HEED_OBSERVE_OBSERVE_H

#include "observe/metrics.h"
#include "observe/traces.h"

struct observe {
	struct metrics_options metrics;
	struct traces_options traces;
};

extern const struct option observe_options[];

#endif
