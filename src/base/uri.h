/*
 * uri.h - URI references (RFC 3986): their parts, seen from a base, checked.
 */
#ifndef HEED_BASE_URI_H
#define HEED_BASE_URI_H

#include "base/arena.h"
#include "heed.h"

/* Views of the reference. `data` is NULL for a part that is absent; the path never is. */
struct uri {
	struct heed_str scheme;
	struct heed_str authority;
	struct heed_str path;
	struct heed_str query;
	struct heed_str fragment;
};

/* Never fails: whatever is no other part is the path. */
void uri_split(struct heed_str text, struct uri *ret_uri);

/* `reference` as seen from `base`, without its fragment, on `arena`. A base that is empty
 * or relative gives a relative result. {NULL, 0} without memory. */
struct heed_str
uri_resolve(struct arena *arena, struct heed_str base, struct heed_str reference);

enum uri_rules {
	URI_ABSOLUTE = 1, /* with a scheme */
	URI_UNICODE = 2,  /* an IRI (RFC 3987): characters beyond ASCII are allowed */
};

/* Is it written as RFC 3986 has it? */
bool uri_valid(struct heed_str text, unsigned rules);

#endif
