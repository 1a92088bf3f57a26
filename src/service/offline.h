/*
 * offline.h - redrives of a store on which no heed runs.
 *
 * Events are mended and runs dropped at once. What is to go on needs an engine, which
 * knows the configuration of then: the job is stored, and begins when heed is run.
 */
#ifndef HEED_SERVICE_OFFLINE_H
#define HEED_SERVICE_OFFLINE_H

#include "config/app.h"
#include "engine/redrive.h"

/* Called after each step. */
typedef void offline_progress_fn(void *arg, const struct store_job *job);

/* `app` needs its place only. *ret_job is the job as it is then; its texts are on the
 * app's arena. What store_open returns, with words. HEED_E_CONFIG: the patch is no jq. */
int offline_redrive(struct app *app, const struct redrive *what, int64_t total,
                    offline_progress_fn *progress, void *arg, struct store_job *ret_job,
                    struct heed_error *error);
/* End an open job. HEED_E_NOTFOUND. */
int offline_cancel_job(struct app *app, int64_t id, struct heed_error *error);

#endif
