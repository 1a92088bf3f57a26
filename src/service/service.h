/*
 * service.h - a running heed: the parts put together from one configuration, run, and
 * taken apart again. `heed run`, `heed dev`, the tests beside a configuration and
 * libheed are all made of it.
 */
#ifndef HEED_SERVICE_SERVICE_H
#define HEED_SERVICE_SERVICE_H

#include "config/app.h"
#include "engine/engine.h"
#include "heed.h"
#include "loop/loop.h"
#include "store/store.h"

struct service;

/* Make everything and start the sources. `app` is loaded and borrowed: it must outlive
 * the service. Whatever engine_start and the sources' start return, with words. */
int service_open(struct app *app, struct service **ret_service, struct heed_error *error);
/* Finish what is under way, then have service_run return; a second call: at once. The
 * loop's thread. */
void service_stop(void *service);
/* Run until SIGTERM or SIGINT (unless app->embedded) or service_stop has ended it. */
void service_run(struct service *service);
/* Have fn(arg, record) called for each event and each run that ends (live.h); the log
 * says nothing of them then. Before service_run. */
typedef void service_live_fn(void *arg, struct heed_json record);
void service_watch(struct service *service, service_live_fn *fn, void *arg);
/* Have this answer in place of models' providers. Borrowed; before service_run. */
void service_stand_in(struct service *service, const struct model_stand_in *stand_in);
/* ---- for those who work beside it on its loop */
struct loop *service_loop(const struct service *service);
/* As engine_send. */
int service_send(struct service *service, const struct event *events, size_t n,
                 source_done_fn *done, void *arg, int64_t *ret_retry_after_ms);
/* Nothing is under way, and nothing waits. */
bool service_is_idle(const struct service *service);
/* Stop the sources and take everything apart. Takes NULL. */
void service_close(struct service *service);

/* The store of a configuration: a relative path is relative to the configuration's
 * folder. On the app's arena. HEED_E_NOMEM. */
int service_store_place(struct app *app, struct heed_str *ret_place);
/* The path of its admin socket, NUL-terminated; empty when it is to have none. As
 * configured, or beside the store's file, or (other stores) beside the configuration. On
 * the app's arena. HEED_E_NOMEM. */
int service_admin_place(struct app *app, struct heed_str *ret_path);

#endif
