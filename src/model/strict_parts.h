/*
 * strict_parts.h - steps of the strict form, shared by strict.c and strict_parts.c only.
 */
#ifndef HEED_MODEL_STRICT_PARTS_H
#define HEED_MODEL_STRICT_PARTS_H

#include "base/json.h"

/* What becomes of a keyword. */
enum fate {
	FATE_DROP,  /* it asserts nothing that matters here */
	FATE_SHAPE, /* it shapes the form */
	FATE_WORDS, /* it goes into the description */
	FATE_NEVER, /* there is no strict form */
};

enum fate strict_fate(struct heed_str keyword);
/* Is it the list that holds this text? */
bool strict_list_has(const struct heed_json *list, struct heed_str text);
/* Is `type` of `form` this one, or a list with it? */
bool strict_type_has(struct heed_json form, const char *name);
/* `form`, or null. */
int
strict_nullable(struct arena *arena, struct heed_json form, struct heed_json *ret_form);
/* The members of both; HEED_E_UNSUPPORTED when a name is in both. */
int strict_join(struct arena *arena, struct heed_json a, struct heed_json b,
                struct heed_json *ret_all);
/* The schema with its `allOf` merged in. HEED_E_UNSUPPORTED when that is not simple. */
int strict_merge_all_of(struct arena *arena, struct heed_json schema,
                        struct heed_json *ret_merged);

#endif
