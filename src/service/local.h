/*
 * local.h - what the files of src/service share, and nobody else.
 */
#ifndef HEED_SERVICE_LOCAL_H
#define HEED_SERVICE_LOCAL_H

#include "service/once.h"
#include "service/sources.h"
#include "service/service.h"

struct router;
struct api;
struct tap;

/* What a running heed is made of, in order of making; unmade in reverse. */
struct service {
	struct app *app;   /* in force; it holds it */
	struct app *first; /* borrowed from who opened it */
	struct loop *loop;
	struct http_client *http;
	struct gateway *gateway;
	struct store *store;
	struct engine *engine;
	struct tap *tap;
	struct traces *traces;   /* NULL: none */
	struct router *admin;    /* NULL: none */
	struct api *api;         /* NULL: none */
	struct metrics *metrics; /* NULL: none */
	struct sources sources;
	struct once once;
	bool stopping;
	int64_t began_us;
	service_live_fn *live; /* may be NULL */
	void *live_arg;
};

/* Have the engine work by this configuration. HEED_E_NOMEM: not wholly, call it with the
 * old one. Another failure is the store's: it does. */
int service_configure(struct service *service, struct app *app, struct heed_error *error);
/* For app->retired: nobody uses its models any more. */
void service_retire(struct app *app, void *service);

#endif
