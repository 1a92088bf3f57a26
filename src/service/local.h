/*
 * local.h - what the files of src/service share, and nobody else.
 */
#ifndef HEED_SERVICE_LOCAL_H
#define HEED_SERVICE_LOCAL_H

#include "service/once.h"
#include "service/service.h"

struct admin;
struct tap;

/* What a running heed is made of, in order of making; unmade in reverse. */
struct service {
	struct app *app;
	struct loop *loop;
	struct http_client *http;
	struct gateway *gateway;
	struct store *store;
	struct engine *engine;
	struct tap *tap;
	struct admin *admin; /* NULL: none */
	size_t n_started;    /* sources */
	struct once once;
	bool stopping;
	int64_t began_us;
	service_live_fn *live; /* may be NULL */
	void *live_arg;
};

#endif
