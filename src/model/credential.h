/*
 * credential.h - Entra tokens without an SDK.
 *
 * One source for each (credential, scope): it keeps a token, fetches a new one when a
 * fifth of its life is left (callers go on with the old one meanwhile), and asks once
 * however many wait. The chain of `default` is environment secret, workload identity,
 * managed identity (App Service, Azure Arc, IMDS), the az command; what is not there is
 * passed over, what is there and fails ends the search; the first that worked stays.
 * Standard variables are honoured: AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET,
 * AZURE_FEDERATED_TOKEN_FILE, AZURE_AUTHORITY_HOST (sovereign clouds), IDENTITY_ENDPOINT,
 * IDENTITY_HEADER, IMDS_ENDPOINT.
 */
#ifndef HEED_MODEL_CREDENTIAL_H
#define HEED_MODEL_CREDENTIAL_H

#include "loop/http_client.h"
#include "loop/loop.h"
#include "model/model.h"

struct credentials;

/* Embedded in its owner. Comes on a later turn: zero and a token (borrowed until the call
 * returns), or HEED_E_PERMANENT or HEED_E_TRANSIENT with words. */
struct credential_wait {
	struct credential_wait *next;
	void (*fn)(void *arg, int code, struct heed_str token, const char *text);
	void *arg;
};

/* `imds_endpoint` NULL for the real one. NULL without memory. */
struct credentials *
credentials_new(struct loop *loop, struct http_client *http, const char *imds_endpoint);
/* Waiters are forgotten. Takes NULL. */
void credentials_free(struct credentials *credentials);
/* 0 and a token (borrowed until the turn's end), HEED_WAIT, or HEED_E_NOMEM. */
int credential_get(struct credentials *credentials, enum model_credential kind,
                   struct heed_str scope, struct credential_wait *wait,
                   struct heed_str *ret_token);
void credential_cancel(struct credentials *credentials, struct credential_wait *wait);
/* The service refused the token (401): fetch a new one next time. */
void credential_reject(struct credentials *credentials, enum model_credential kind,
                       struct heed_str scope);

/* ---- credential_cli.c -------------------------------------------------------------- */

/* Run `az account get-access-token` on a work thread; `work->done` is the caller's. */
struct credential_cli {
	struct loop_work work;
	void *owner;            /* NULL: it is gone, only free this */
	char *scope;            /* in */
	int code;               /* out: 0, HEED_E_NOTFOUND (no az), HEED_E_PERMANENT */
	struct heed_buf output; /* out: what it printed, warnings included */
};
void credential_cli_run(void *arg);

#endif
