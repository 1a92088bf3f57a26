/*
 * intake.h - events into a store on which no heed runs: they are stored with the runs
 * that they start, which begin when heed is run.
 */
#ifndef HEED_SERVICE_INTAKE_H
#define HEED_SERVICE_INTAKE_H

#include "config/app.h"
#include "engine/event.h"
#include "heed.h"

struct intake;

/* `app` is loaded whole and outlives it. What store_open returns, with words. */
int intake_open(struct app *app, struct intake **ret_intake, struct heed_error *error);
/* All of them, or none: zero when they are on disk. */
int intake_send(struct intake *intake, const struct event *events, size_t n,
                size_t *ret_accepted, size_t *ret_duplicates, struct heed_error *error);
/* Takes NULL. */
void intake_close(struct intake *intake);

#endif
