/*
 * redact.c - rules, the table of values and placeholders, and the input of a prompt.
 */
#include "base/redact.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/redact_local.h"

/* What a path finds is looked for elsewhere from this length on; shorter ones would be
 * found everywhere. */
#define LOOK_FOR_MIN 3
#define WORK_MAX 100000000

/* ---- the table --------------------------------------------------------------------- */

static struct label_count *
count_of(struct redaction *redaction, struct heed_str label)
{
	struct label_count *count = redaction->labels;

	while (count != NULL && !str_eq(count->label, label))
		count = count->next;
	if (count == NULL) {
		count = ARENA_NEW(redaction->arena, struct label_count);
		if (count == NULL)
			return NULL;
		*count = (struct label_count){redaction->labels, label, redaction->base};
		redaction->labels = count;
	}
	return count;
}

static struct secret *
find_text(const struct redaction *redaction, struct heed_str text)
{
	struct map_node *node = map_find(&redaction->texts, str_hash(text));

	for (; node != NULL; node = map_more(node)) {
		struct secret *secret = MAP_OWNER(node, struct secret, by_text);

		if (str_eq(secret->text, text))
			return secret;
	}
	return NULL;
}

int
redact_keep(struct redaction *redaction, struct heed_str text, struct heed_json value,
            struct heed_str label, bool restore, struct secret **ret_secret)
{
	struct secret *secret = find_text(redaction, text);
	struct label_count *count;

	*ret_secret = secret;
	if (secret != NULL)
		return 0;
	if (redaction->n >= REDACT_VALUES_MAX)
		return HEED_E_LIMIT;
	count = count_of(redaction, label);
	secret = ARENA_NEW(redaction->arena, struct secret);
	if (count == NULL || secret == NULL)
		return HEED_E_NOMEM;
	secret->text = arena_str(redaction->arena, text);
	secret->value = value.kind == HEED_STRING ? json_str(secret->text) : value;
	secret->placeholder = arena_printf(redaction->arena, "[%.*s_%lld]",
	                                   STR_ARG(label), (long long)++count->last);
	secret->restore = restore;
	if (secret->text.data == NULL || secret->placeholder.data == NULL)
		return HEED_E_NOMEM;
	map_add(&redaction->texts, &secret->by_text, str_hash(secret->text));
	map_add(&redaction->placeholders, &secret->by_placeholder,
	        str_hash(secret->placeholder));
	redaction->n++;
	redaction->restores |= restore;
	*ret_secret = secret;
	return 0;
}

const struct secret *
redact_placeholder(const struct redaction *redaction, struct heed_str text, size_t at)
{
	size_t len = redact_placeholder_length(text, at);
	struct heed_str name = str_head(str_from(text, at), len);
	struct map_node *node =
		len > 0 ? map_find(&redaction->placeholders, str_hash(name)) : NULL;

	for (; node != NULL; node = map_more(node)) {
		const struct secret *secret =
			MAP_OWNER(node, struct secret, by_placeholder);

		if (str_eq(secret->placeholder, name))
			return secret;
	}
	return NULL;
}

/* ---- what paths find --------------------------------------------------------------- */

struct changing {
	struct redaction *redaction;
	const struct redact_rule *rule;
};

static int change(void *arg, struct heed_json value, struct heed_json *ret_value);

static int
change_leaf(const struct changing *changing, struct heed_json value,
            struct heed_json *ret_value)
{
	struct redaction *redaction = changing->redaction;
	struct heed_str text = value.kind == HEED_STRING
	                               ? json_text(value)
	                               : json_text_of(redaction->arena, value);
	struct secret *secret;

	*ret_value = value;
	if (value.kind == HEED_NULL || (value.kind == HEED_STRING && text.len == 0))
		return 0;
	if (text.data == NULL)
		return HEED_E_NOMEM;
	if (redact_placeholder(redaction, text, 0) != NULL)
		return 0; /* another path was here */
	HEED_TRY(redact_keep(redaction, text, value, changing->rule->label,
	                     changing->rule->restore, &secret));
	if (value.kind != HEED_BOOL && text.len >= LOOK_FOR_MIN)
		redact_look_for(redaction, secret);
	*ret_value = json_str(secret->placeholder);
	return 0;
}

static int
change_item(void *arg, uint32_t i, struct heed_str *name, struct heed_json *value)
{
	(void)i;
	(void)name;
	return change(arg, *value, value);
}

/* Each value below. */
static int
change(void *arg, struct heed_json value, struct heed_json *ret_value)
{
	const struct changing *changing = arg;

	if (value.kind == HEED_OBJECT || value.kind == HEED_ARRAY)
		return json_visit(changing->redaction->arena, value, change_item, arg,
		                  ret_value);
	return change_leaf(changing, value, ret_value);
}

/* ---- all else ---------------------------------------------------------------------- */

static int
sweep_leaf(struct redaction *redaction, struct heed_json *value)
{
	struct heed_str text = json_text(*value), clean;

	if (json_is_number(*value))
		text = json_text_of(redaction->arena, *value);
	else if (value->kind != HEED_STRING)
		return 0;
	if (text.data == NULL)
		return HEED_E_NOMEM;
	HEED_TRY(redaction_text(redaction, text, &clean));
	if (clean.data != text.data)
		*value = json_str(clean);
	return 0;
}

/* Texts, numbers and names anywhere. */
static int
sweep(void *arg, uint32_t i, struct heed_str *name, struct heed_json *value)
{
	struct redaction *redaction = arg;

	(void)i;
	if (name != NULL)
		HEED_TRY(redaction_text(redaction, *name, name));
	if (value->kind == HEED_OBJECT || value->kind == HEED_ARRAY)
		return json_visit(redaction->arena, *value, sweep, arg, value);
	return sweep_leaf(redaction, value);
}

/* The highest number of what looks like a placeholder already. */
static int64_t
highest(struct heed_json value)
{
	struct heed_str text = json_text(value);
	int64_t found = 0;

	for (size_t i = str_find(text, '['); i < text.len; i++) {
		size_t len = redact_placeholder_length(text, i), digits = len;
		int64_t number = 0;

		while (digits > 0 && text.data[i + digits - 1] != '_')
			digits--;
		if (len > 0)
			(void)str_to_i64(
				str_head(str_from(text, i + digits), len - digits - 1),
				&number);
		found = number > found ? number : found;
	}
	for (uint32_t i = 0; value.kind == HEED_ARRAY && i < value.len; i++) {
		int64_t inner = highest(value.items[i]);

		found = inner > found ? inner : found;
	}
	for (uint32_t i = 0; value.kind == HEED_OBJECT && i < value.len; i++) {
		int64_t inner = highest(value.members[i].value);
		int64_t name = highest(json_str(value.members[i].name));

		inner = name > inner ? name : inner;
		found = inner > found ? inner : found;
	}
	return found;
}

static int
apply(struct redaction *redaction, const struct redact_rules *const *lists, size_t n,
      struct heed_json *input)
{
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; lists[i] != NULL && k < lists[i]->n; k++) {
			const struct redact_rule *rule = &lists[i]->items[k];
			struct changing changing = {redaction, rule};

			redaction->kinds |= rule->kinds;
			if (rule->restore)
				redaction->restorable |= rule->kinds;
			if (rule->path != NULL)
				HEED_TRY(json_paths_change(rule->path, redaction->arena,
				                           *input, change, &changing,
				                           input));
		}
	}
	return sweep(redaction, 0, NULL, input);
}

int
redaction_new(struct arena *arena, const struct redact_rules *const *lists, size_t n,
              struct heed_json input, struct redaction **ret_redaction,
              struct heed_json *ret_input)
{
	struct redaction *redaction = ARENA_NEW(arena, struct redaction);
	int r;

	if (redaction == NULL)
		return HEED_E_NOMEM;
	redaction->arena = arena;
	redaction->work = WORK_MAX;
	redaction->base = highest(input);
	r = apply(redaction, lists, n, &input);
	if (r < 0) {
		redaction_free(redaction);
		return r;
	}
	*ret_redaction = redaction;
	*ret_input = input;
	return 0;
}

void
redaction_free(struct redaction *redaction)
{
	if (redaction == NULL)
		return;
	map_done(&redaction->texts);
	map_done(&redaction->placeholders);
}

bool
redaction_restores(const struct redaction *redaction)
{
	return redaction->restores;
}
