/*
 * admin.h - the socket by which commands reach a running heed.
 *
 * HTTP with JSON bodies on a unix socket that only the user may open (mode 0600). A route
 * is a line in the table of admin.c and a function. A function answers by call_answer,
 * at once or on a later turn, or returns an error, which is answered as a problem
 * (RFC 9457) with the members `code` and `hint`, from which the client makes the same
 * struct heed_error again.
 */
#ifndef HEED_SERVICE_ADMIN_H
#define HEED_SERVICE_ADMIN_H

#include "heed.h"
#include "service/router.h"

struct service;

/* Listen at `path`; end it with router_close. HEED_E_EXISTS, HEED_E_IO, with words. */
int admin_open(struct service *service, const char *path, struct router **ret_router,
               struct heed_error *error);

/* ---- routes: one function each ----------------------------------------------------- */

/* clang-format off */
call_fn admin_budgets;    /* admin_budget.c: GET /budgets, a list of budget_record */
call_fn admin_cancel_job; /* admin_jobs.c: DELETE /jobs/N */
call_fn admin_redrive;    /* admin_jobs.c: POST /jobs, a redrive with its total */
call_fn admin_reload;     /* reload.c: POST /reload, {"look": true} applies nothing */
call_fn admin_send;       /* admin_send.c: POST /events, a CloudEvent or a list of them */
call_fn admin_status;     /* admin.c */
call_fn admin_tap;        /* tap.c: GET /tap?after=N */
/* clang-format on */

#endif
