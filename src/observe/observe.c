/*
 * observe.c - see observe.h.
 */
#include "observe/observe.h"

const struct option observe_options[] = {
	{.name = "metrics",
         .kind = OPTION_RECORD,
         .offset = offsetof(struct observe, metrics),
         .rows = metrics_options,
         .help = "numbers for Prometheus, health and readiness, when an address is "
                 "named"},
	{.name = "traces",
         .kind = OPTION_RECORD,
         .offset = offsetof(struct observe, traces),
         .rows = traces_options,
         .help = "spans for an OpenTelemetry collector, when an endpoint is named"},
	OPTION_ROWS_END,
};
