/*
 * signature.h - which dead letters have failed in the same way.
 *
 * A failure's signature is its reaction, class and text, where what differs from one run
 * to the next (numbers, ids, what stands in quotes) is left out. Its hash names the
 * group.
 */
#ifndef HEED_ENGINE_SIGNATURE_H
#define HEED_ENGINE_SIGNATURE_H

#include "base/str.h"
#include "store/store.h"

#define SIGNATURE_SIZE 10 /* "g1a2b3c4d" and the NUL */

/* The text without what differs, appended to `buf`: "HTTP # from \"...\"". */
void signature_text(struct heed_buf *buf, struct heed_str text);
/* The group's name into `place`. */
struct heed_str signature_of(char place[SIGNATURE_SIZE], const struct store_run *run);

#endif
