/*
 * library_flow.h - a flow in C as it is bound: what library_flow.c makes and
 * library_run.c runs.
 */
#ifndef HEED_SERVICE_LIBRARY_FLOW_H
#define HEED_SERVICE_LIBRARY_FLOW_H

#include "engine/flow.h"
#include "heed.h"

struct bound_question {
	struct heed_str name;
	struct ask ask;
};

struct bound_effect {
	struct heed_str name;
	struct act act;
};

/* The config of a definition. */
struct bound_flow {
	struct option_texts on;
	struct expr *when;
	struct expr *key;
	int64_t concurrency;
	int64_t version;
	struct option_list questions; /* struct bound_question */
	struct option_list effects;   /* struct bound_effect */
	const struct heed_flow *code; /* NULL: the program has none of this version, */
	struct heed_str missing;      /* in these words */
};

/* The step function of the flow kind. */
int library_pass(struct run *run);

#endif
