/*
 * prompt.h - what a question says to a model: rendered, and kept free of what is not to
 * leave the process (redact.h).
 */
#ifndef HEED_ENGINE_PROMPT_H
#define HEED_ENGINE_PROMPT_H

#include "base/redact.h"
#include "engine/core.h"

/* A question as it leaves. */
struct prompt {
	struct heed_str system, text;
	struct heed_json input;
	struct redaction *redaction; /* NULL when there are no rules */
};

/* Are there any rules? */
bool prompt_keeps_back(const struct run *run, const struct ask *ask);
/* The same ask, input and rules always give the same prompt. All on the run's arena; give
 * it to prompt_done. Failures of templates, HEED_E_LIMIT, HEED_E_NOMEM, with words
 * (`error` may be NULL). */
int prompt_make(struct run *run, const struct ask *ask, struct heed_json input,
                struct prompt *ret_prompt, struct heed_error *error);
void prompt_done(struct prompt *prompt);
/* Keep back from a further text what is kept back from the prompt. */
int prompt_clean(struct prompt *prompt, struct heed_str text, struct heed_str *ret_text,
                 struct heed_error *error);
/* The words of a reply with the values in it that the rules put back, when the entry's
 * request was this prompt: under other rules a placeholder may mean another value. */
int prompt_restore(struct run *run, const struct ask *ask, const struct prompt *prompt,
                   const struct entry *entry, struct heed_str *text);

#endif
