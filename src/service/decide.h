/*
 * decide.h - links by which those who are asked decide for a saga, from a mail or a chat.
 *
 * A link holds which run and step it is for, for whom, and until when, signed with the
 * secret of `api.links`: whoever has it may decide, and nothing else. Opening it shows
 * the question and two buttons; only pressing one decides, since mail programs open
 * links, too.
 *
 *	GET  /decide/TOKEN                      the question
 *	POST /decide/TOKEN?decision=approve     or reject
 */
#ifndef HEED_SERVICE_DECIDE_H
#define HEED_SERVICE_DECIDE_H

#include "config/app.h"
#include "service/router.h"

/* For engine_options.link: `arg` is the service. */
struct heed_str decide_link(void *arg, struct arena *arena, int64_t run,
                            struct heed_str step, struct heed_str who, int64_t until_us);

call_fn decide_page;
call_fn decide_press;

#endif
