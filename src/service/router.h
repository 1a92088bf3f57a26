/*
 * router.h - requests to a running heed, by a table: a route is a line in it and a
 * function.
 *
 * HTTP with JSON bodies. A function answers by call_answer (or by the exchange itself),
 * at once or on a later turn, or returns an error, which is answered as a problem (RFC
 * 9457) with the members `code` and `hint`.
 */
#ifndef HEED_SERVICE_ROUTER_H
#define HEED_SERVICE_ROUTER_H

#include "base/json.h"
#include "loop/http_server.h"

struct service;
struct router;

/* One request; lives on the exchange's arena until it is answered. */
struct call {
	struct service *service;
	struct http_exchange *exchange;
	struct heed_str rest;  /* of the path, behind the route's */
	struct heed_json body; /* HEED_NULL when there is none */
};

typedef int call_fn(struct call *call, struct heed_error *error);

struct route {
	const char *method;
	const char *path; /* ends in "/": what follows is call->rest */
	call_fn *fn;
	bool open; /* no token is asked for */
};

struct router_options {
	struct loop *loop;
	struct service *service;
	const char *listen; /* as http_server's */
	size_t body_max;
	unsigned connections_max;
	const struct route *routes; /* the first that fits; outlives the router */
	size_t n_routes;
	struct heed_str bearer; /* token that requests must show; empty: none. Copied */
};

/* HEED_E_EXISTS, HEED_E_IO, with words. */
int router_open(const struct router_options *options, struct router **ret_router,
                struct heed_error *error);
int router_port(const struct router *router);
/* What is not answered yet is answered 503. Takes NULL. */
void router_close(struct router *router);

/* End the call with a value, or with a problem. Once. */
void call_answer(struct call *call, int status, struct heed_json value);
void call_problem(struct call *call, const struct heed_error *error);
/* Value of a request's header by its lower-case name, or {NULL, 0}. */
struct heed_str call_header(const struct call *call, const char *name);

#endif
