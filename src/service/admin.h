/*
 * admin.h - the socket by which commands reach a running heed.
 *
 * HTTP with JSON bodies on a unix socket that only the user may open (mode 0600). A route
 * is a line in the table of admin.c and a function. A function answers by admin_answer,
 * at once or on a later turn, or returns an error, which is answered as a problem
 * (RFC 9457) with the members `code` and `hint`, from which the client makes the same
 * struct heed_error again.
 */
#ifndef HEED_SERVICE_ADMIN_H
#define HEED_SERVICE_ADMIN_H

#include "heed.h"
#include "loop/http_server.h"

struct service;
struct admin;

/* One request; lives on the exchange's arena until it is answered. */
struct admin_call {
	struct service *service;
	struct http_exchange *exchange;
	struct heed_str rest;  /* of the path, behind the route's */
	struct heed_json body; /* HEED_NULL when there is none */
};

typedef int admin_fn(struct admin_call *call, struct heed_error *error);

/* HEED_E_EXISTS, HEED_E_IO, with words. */
int admin_open(struct service *service, const char *path, struct admin **ret_admin,
               struct heed_error *error);
/* What is not answered yet is answered 503. Takes NULL. */
void admin_close(struct admin *admin);

/* End the call with a value, or with a problem. Once. */
void admin_answer(struct admin_call *call, int status, struct heed_json value);
void admin_problem(struct admin_call *call, const struct heed_error *error);

/* ---- routes: one function each ----------------------------------------------------- */

/* clang-format off */
admin_fn admin_budgets;    /* admin_budget.c: GET /budgets, a list of budget_record */
admin_fn admin_cancel_job; /* admin_jobs.c: DELETE /jobs/N */
admin_fn admin_redrive;    /* admin_jobs.c: POST /jobs, a redrive with its total */
admin_fn admin_reload;     /* reload.c: POST /reload, {"look": true} applies nothing */
admin_fn admin_saga;       /* admin_saga.c: POST /sagas/N/approve, reject, cancel ... */
admin_fn admin_send;       /* admin_send.c: POST /events, a CloudEvent or a list of them */
admin_fn admin_status;     /* admin.c */
admin_fn admin_tap;        /* tap.c: GET /tap?after=N */
/* clang-format on */

#endif
