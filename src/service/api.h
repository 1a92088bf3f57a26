/*
 * api.h - a running heed over HTTP, for other programs: the states of entities, their
 * events, commands that wait for their decision, and the feed of all events.
 *
 *	GET  /entities/ENTITY                  which ones there are
 *	GET  /entities/ENTITY/ID               its state; ?at=VERSION or ?at=TIME
 *	GET  /entities/ENTITY/ID/events        its events; ?from=VERSION&limit=N
 *	POST /entities/ENTITY/ID/COMMAND       a command, with its data as body
 *	GET  /feed                             server-sent events; ?from=POSITION&stream=S
 *	POST /sagas/RUN/VERB                   what people say to sagas (saga_call.h)
 *	GET  /decide/TOKEN                     a link to decide (decide.h)
 */
#ifndef HEED_SERVICE_API_H
#define HEED_SERVICE_API_H

#include "heed.h"

struct api;
struct run;
struct service;

/* Where api: says; nothing when it says nothing (*ret_api is NULL). HEED_E_IO, with
 * words. */
int api_open(struct service *service, struct api **ret_api, struct heed_error *error);
/* What is not answered yet is answered 503; feeds end. Reads of the store that are under
 * way come to nothing, but must still come to their end. Takes NULL. */
void api_close(struct api *api);

/* For those who wait. Both take NULL. */
void api_run_ended(struct api *api, const struct run *run);
void api_run_appended(struct api *api, const struct run *run);

#endif
