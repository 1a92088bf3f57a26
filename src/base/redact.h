/*
 * redact.h - keeps values back from a text that leaves the process, and puts them into
 * what comes back.
 *
 * Rules name places (json_path.h) or kinds of personal data (detect.h). Each value is
 * replaced by a placeholder such as [EMAIL_1], the same one wherever it occurs: first in
 * the input that a prompt is made from, so that nothing derived from it can leak, then in
 * the finished text, for what only came together there. What a path finds is also looked
 * for in all other text. The table of placeholders is never stored: the same input, rules
 * and texts, in the same order, give the same one again.
 */
#ifndef HEED_BASE_REDACT_H
#define HEED_BASE_REDACT_H

#include "base/arena.h"
#include "base/json_path.h"
#include "base/str.h"
#include "heed.h"

#define REDACT_VALUES_MAX 100000

struct redact_rule {
	unsigned kinds; /* of detect.h, as bits */
	bool restore;   /* may the answer hold the values again? */
	const struct json_paths *path;
	struct heed_str label; /* of what the path finds: capitals, digits, _ */
};

struct redact_rules {
	const struct redact_rule *items;
	size_t n;
};

struct redaction;

/* *ret_input is `input` with everything replaced that the rules of all `lists` (NULL for
 * none) mean. All on `arena`, but for what redaction_free frees. HEED_E_NOMEM;
 * HEED_E_LIMIT for too many values. */
int redaction_new(struct arena *arena, const struct redact_rules *const *lists, size_t n,
                  struct heed_json input, struct redaction **ret_redaction,
                  struct heed_json *ret_input);
void redaction_free(struct redaction *redaction); /* takes NULL */
/* The same for a text. */
int redaction_text(struct redaction *redaction, struct heed_str text,
                   struct heed_str *ret_text);
/* Is there any value that may be put back? */
bool redaction_restores(const struct redaction *redaction);

enum redact_text {
	REDACT_PLAIN,
	REDACT_JSON, /* values are escaped, and numbers lose the quotes around them */
};

/* Put the values back that may be. */
int redaction_restore(const struct redaction *redaction, struct heed_str text,
                      enum redact_text kind, struct heed_str *ret_text);

#endif
