/*
 * saga_call.h - what people say to sagas, over the admin socket and the api.
 *
 *	POST /sagas/RUN/approve   {step, by, reason, edit}
 *	POST /sagas/RUN/reject    {step, by, reason}
 *	POST /sagas/RUN/cancel    {by, reason}
 *	POST /sagas/RUN/retry     {how: retry, done or repeat}
 *	POST /sagas/RUN/fork      {from, patch}
 */
#ifndef HEED_SERVICE_SAGA_CALL_H
#define HEED_SERVICE_SAGA_CALL_H

#include "service/router.h"

/* Answered once the word is on disk. */
call_fn saga_call;

#endif
