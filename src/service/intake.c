/*
 * intake.c - see intake.h. An engine that is never started routes the events; as its runs
 * stay in memory until it goes, it is made anew now and then.
 */
#include "service/intake.h"

#include "base/error.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "service/service.h"

#define ENGINE_EVENTS_MAX 5000

struct intake {
	struct app *app;
	struct loop *loop;
	struct store *store;
	struct engine *engine;
	size_t n; /* events that this engine had */
	struct delivery delivery;
	bool delivered;
};

static int
renew_engine(struct intake *intake, struct heed_error *error)
{
	struct app *app = intake->app;
	struct engine_options settings = {
		.loop = intake->loop,
		.store = intake->store,
		.name = app->name,
		.limits = app->limits,
		.arg = intake,
	};

	engine_free(intake->engine);
	intake->engine = NULL;
	intake->n = 0;
	settings.limits.queue_depth = INT64_MAX / 16 /* tenths of it are taken */;
	if (engine_new(&settings, &intake->engine) < 0)
		return error_nomem(error);
	return engine_define(intake->engine, app->definitions, app->n_definitions, error);
}

int
intake_open(struct app *app, struct intake **ret_intake, struct heed_error *error)
{
	struct intake *intake = mem_new(sizeof(*intake));
	struct heed_str place;
	int r;

	if (intake == NULL)
		return error_nomem(error);
	intake->app = app;
	if (loop_new(LOOP_REAL, &intake->loop) < 0 ||
	    service_store_place(app, &place) < 0)
		r = error_nomem(error);
	else
		r = store_open(intake->loop, place, &intake->store, error);
	if (r == 0)
		r = renew_engine(intake, error);
	if (r < 0) {
		intake_close(intake);
		return r;
	}
	*ret_intake = intake;
	return 0;
}

void
intake_close(struct intake *intake)
{
	if (intake == NULL)
		return;
	engine_free(intake->engine);
	store_close(intake->store);
	loop_free(intake->loop);
	mem_free(intake);
}

static void
sent(void *arg, const struct delivery *delivery)
{
	struct intake *intake = arg;

	intake->delivery = *delivery;
	if (delivery->code != 0)
		intake->delivery.text = NULL; /* it goes with the transaction */
	intake->delivered = true;
	loop_stop(intake->loop);
}

int
intake_send(struct intake *intake, const struct event *events, size_t n,
            size_t *ret_accepted, size_t *ret_duplicates, struct heed_error *error)
{
	int64_t ignored;
	int r;

	if (intake->n + n > ENGINE_EVENTS_MAX && intake->n > 0)
		HEED_TRY(renew_engine(intake, error));
	intake->delivered = false;
	r = engine_send(intake->engine, events, n, sent, intake, &ignored);
	if (r < 0)
		return error_set(error, r, "the events were not stored: %s",
		                 heed_code_text(r));
	while (!intake->delivered)
		loop_run(intake->loop);
	r = intake->delivery.code;
	if (r < 0) {
		(void)error_set(error, r, "the events were not stored: %s",
		                heed_code_text(r));
		error_hint(error, "send them again");
		return r;
	}
	intake->n += n;
	*ret_accepted = intake->delivery.n_accepted;
	*ret_duplicates = intake->delivery.n_duplicate;
	return 0;
}
