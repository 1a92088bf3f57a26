/*
 * tap.h - the latest records of what happens, for those who follow: a ring with numbers.
 *
 * Nothing is kept while nobody asks. A reader asks for what comes after the number that
 * it has; the answer waits until there is something (a long poll), so that any HTTP
 * client can follow. One that is too slow is told how many it missed.
 */
#ifndef HEED_SERVICE_TAP_H
#define HEED_SERVICE_TAP_H

#include "heed.h"
#include "loop/loop.h"

struct tap;

/* NULL without memory. */
struct tap *tap_new(struct loop *loop);
/* Those who wait are answered by the socket's closing. Takes NULL. */
void tap_free(struct tap *tap);
/* Does anybody follow? Otherwise records need not be made. */
bool tap_wants(const struct tap *tap);
/* Keep a copy. */
void tap_add(struct tap *tap, struct heed_json record);

#endif
