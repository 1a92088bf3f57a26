/*
 * pattern.c - matching with an account of the work.
 *
 * PCRE2 calls back before each item of a pattern; how far the position moved since the
 * last call is what the item cost. So even a run over a whole text inside one item is
 * counted, and a hopeless pattern ends after the same number of steps everywhere, which a
 * clock would not give: a verdict on an answer must not change when it is reached again.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "base/pattern.h"

#include <pcre2.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/pattern_local.h"

#define HEAP_KIB_MAX 16384
#define START_SHARE 64 /* of the rest of the text, that a new place to start at costs */

struct pattern {
	pcre2_code *code;
};

/* Compile what was rewritten. */
static int
compile(struct heed_str text, pcre2_code **ret_code, struct heed_error *error)
{
	PCRE2_UCHAR words[128];
	PCRE2_SIZE at;
	int code = 0;

	*ret_code =
		pcre2_compile((PCRE2_SPTR)(text.data != NULL ? text.data : ""), text.len,
	                      PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_ALLOW_EMPTY_CLASS |
	                              PCRE2_MATCH_UNSET_BACKREF | PCRE2_AUTO_CALLOUT,
	                      &code, &at, NULL);
	if (*ret_code != NULL)
		return 0;
	(void)pcre2_get_error_message(code, words, sizeof(words));
	(void)error_set(error, HEED_E_INVALID, "it is not a regular expression: %s",
	                (const char *)words);
	error_hint(error, "behind %.*s", STR_ARG(str_head_utf8(text, at)));
	return HEED_E_INVALID;
}

int
pattern_new(struct heed_str text, struct pattern **ret_pattern, struct heed_error *error)
{
	struct pattern *pattern;
	struct heed_buf buf;
	int r;

	if (text.len > PATTERN_SIZE_MAX)
		return error_set(error, HEED_E_INVALID,
		                 "a regular expression has at most %d bytes",
		                 PATTERN_SIZE_MAX);
	pattern = mem_new(sizeof(*pattern));
	if (pattern == NULL)
		return error_nomem(error);
	buf_init(&buf, 0);
	r = pattern_rewrite(&buf, text, error);
	if (r == 0)
		r = compile(buf_str(&buf), &pattern->code, error);
	buf_done(&buf);
	if (r < 0) {
		mem_free(pattern);
		return r;
	}
	*ret_pattern = pattern;
	return 0;
}

void
pattern_free(struct pattern *pattern)
{
	if (pattern == NULL)
		return;
	pcre2_code_free(pattern->code);
	mem_free(pattern);
}

struct account {
	int64_t work;
	size_t start;
	size_t position;
};

static int
spend(pcre2_callout_block *block, void *data)
{
	struct account *account = data;
	size_t at = block->current_position;

	if (block->start_match != account->start) {
		account->start = block->start_match;
		account->position = at;
		account->work -= (int64_t)((block->subject_length - at) / START_SHARE);
	}
	account->work -= 1 + (int64_t)(at > account->position ? at - account->position
	                                                      : account->position - at);
	account->position = at;
	return account->work < 0 ? PCRE2_ERROR_CALLOUT : 0;
}

int
pattern_match(const struct pattern *pattern, struct heed_str text, int64_t *work,
              bool *ret_matches)
{
	struct account account = {.work = *work - 1};
	pcre2_match_context *context = pcre2_match_context_create(NULL);
	pcre2_match_data *data =
		pcre2_match_data_create_from_pattern(pattern->code, NULL);
	int r = PCRE2_ERROR_NOMEMORY;

	if (context != NULL && data != NULL) {
		(void)pcre2_set_callout(context, spend, &account);
		(void)pcre2_set_heap_limit(context, HEAP_KIB_MAX);
		r = pcre2_match(pattern->code,
		                (PCRE2_SPTR)(text.data != NULL ? text.data : ""),
		                text.len, 0, PCRE2_NO_UTF_CHECK, data, context);
	}
	pcre2_match_data_free(data);
	pcre2_match_context_free(context);
	*work = account.work;
	if (r == PCRE2_ERROR_NOMEMORY)
		return HEED_E_NOMEM;
	if (r < 0 && r != PCRE2_ERROR_NOMATCH)
		return HEED_E_LIMIT;
	*ret_matches = r >= 0;
	return 0;
}
