/*
 * observe.c - see observe.h.
 */
#include "observe/observe.h"

const struct option observe_options[] = {
	{.name = "traces",
         .kind = OPTION_RECORD,
         .offset = offsetof(struct observe, traces),
         .rows = traces_options,
         .help = "spans for an OpenTelemetry collector, when an endpoint is named"},
	OPTION_ROWS_END,
};
