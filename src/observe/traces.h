/*
 * traces.h - what happened as spans: one for an event's intake, one for each run, one for
 * each attempt of its steps, linked by the ids of engine/trace.h.
 *
 * They are made when a run ends, from its journal, so that a run that was cut off and
 * went on after a restart still tells all of it.
 */
#ifndef HEED_OBSERVE_TRACES_H
#define HEED_OBSERVE_TRACES_H

#include "config/option.h"
#include "engine/engine.h"
#include "observe/otlp.h"

enum traces_capture { CAPTURE_OFF, CAPTURE_REDACTED, CAPTURE_FULL };

struct traces_options {
	struct otlp_options otlp; /* no endpoint: no traces */
	double sample;
	int capture;                      /* enum traces_capture */
	struct option_list capture_types; /* struct traces_capture_type */
};

struct traces_capture_type {
	struct heed_str type;
	int capture;
};

/* Rows of observe.traces. */
extern const struct option traces_options[];

struct traces;

/* What a trace needs of the running program. */
struct traces_world {
	struct loop *loop;
	struct http_client *http;
	struct heed_str name; /* of the application: service.name unless configured */
	/* A model by its name in the configuration, or NULL. */
	const struct model *(*model)(void *arg, struct heed_str name);
	void *arg;
};

/* `options` is borrowed. *ret_traces is NULL when no endpoint is configured.
 * HEED_E_NOMEM, HEED_E_CONFIG. */
int traces_new(struct traces_options *options, const struct traces_world *world,
               struct traces **ret_traces, struct heed_error *error);
void traces_free(struct traces *traces); /* takes NULL */
/* An event arrived; a run ended. Take NULL. */
void traces_arrived(struct traces *traces, const struct arrival *arrival, int64_t now_us);
void traces_ended(struct traces *traces, const struct run *run, int64_t now_us);
/* done(arg), on a later turn, when all is sent or the bound is over. Not NULL. */
void traces_flush(struct traces *traces, loop_fn *done, void *arg);
void traces_stats(const struct traces *traces, struct otlp_stats *ret_stats);

#endif
