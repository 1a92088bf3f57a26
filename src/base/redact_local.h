/*
 * redact_local.h - shared by redact.c (rules and values) and redact_text.c (texts).
 */
#ifndef HEED_BASE_REDACT_LOCAL_H
#define HEED_BASE_REDACT_LOCAL_H

#include "base/detect.h"
#include "base/map.h"
#include "base/redact.h"

/* One value that is kept back. */
struct secret {
	struct map_node by_text;
	struct map_node by_placeholder;
	struct secret *next_same_start; /* of those that are looked for in texts */
	struct heed_str text;
	struct heed_str placeholder;
	struct heed_json value;
	bool restore;
	bool looked_for;
};

struct label_count {
	struct label_count *next;
	struct heed_str label;
	int64_t last;
};

struct redaction {
	struct arena *arena;
	struct map texts;
	struct map placeholders;
	struct secret *starts[256]; /* by first byte, ASCII letters as small ones */
	struct label_count *labels;
	int64_t base;        /* placeholders in the input end here */
	unsigned kinds;      /* that are looked for */
	unsigned restorable; /* those of them that may be put back */
	size_t n;
	int64_t work; /* comparisons left */
	bool restores;
};

/* The placeholder for a value whose text is `text`: an old one, or a new one with this
 * label. HEED_E_NOMEM, HEED_E_LIMIT. */
int redact_keep(struct redaction *redaction, struct heed_str text, struct heed_json value,
                struct heed_str label, bool restore, struct secret **ret_secret);
/* From now on, look for it in all texts. */
void redact_look_for(struct redaction *redaction, struct secret *secret);
/* The secret whose placeholder starts at `at`, or NULL. */
const struct secret *
redact_placeholder(const struct redaction *redaction, struct heed_str text, size_t at);
/* Length of what is written like a placeholder at `at`, or 0. */
size_t redact_placeholder_length(struct heed_str text, size_t at);

#endif
