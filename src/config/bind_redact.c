/*
 * bind_redact.c - redact: what is kept back from models, as rules.
 *
 *	redact:
 *	  detect: [email, phone]
 *	  paths: {NAME: .event.data.customer.name}
 *	  restore: [EMAIL, NAME]
 */
#include <stdio.h>

#include "base/detect.h"
#include "base/error.h"
#include "base/json_path.h"
#include "base/redact.h"
#include "config/bind.h"

/* As it is written. */
struct redact_words {
	struct option_texts detect;
	const struct conf_node *paths;
	struct option_texts restore;
};

static int
keep_node(struct bind *bind, const struct conf_node *node, void *field)
{
	if (node->kind != CONF_MAP)
		return conf_problem(bind->problems, node,
		                    "write: paths: {NAME: .event.data.name}",
		                    "paths: expected a mapping of labels to paths");
	*(const struct conf_node **)field = node;
	return 0;
}

static const char *const mapping[] = {"object", NULL};

const struct option redact_options[] = {
	{.name = "detect",
         .kind = OPTION_TEXTS,
         .offset = offsetof(struct redact_words, detect),
         .help = "what is found by its form, anywhere: email, iban, card, address (of "
                 "a network), phone; or all"},
	{.name = "paths",
         .kind = OPTION_CUSTOM,
         .offset = offsetof(struct redact_words, paths),
         .bind = keep_node,
         .names = mapping,
         .help = "values at jq paths, by the label of their placeholders: {NAME: "
                 ".event.data.name}; a list for several"},
	{.name = "restore",
         .kind = OPTION_TEXTS,
         .offset = offsetof(struct redact_words, restore),
         .help = "labels of what is put back into the answer, such as EMAIL or NAME; or "
                 "all"},
	OPTION_ROWS_END,
};

/* ---- detectors --------------------------------------------------------------------- */

static int
find_kinds(struct bind *bind, const struct conf_node *node,
           const struct option_texts *texts, unsigned *ret_kinds)
{
	const char *names[DETECT_N + 2] = {NULL};
	char hint[CONF_HINT_SIZE];
	int worst = 0;

	for (int kind = 0; kind < DETECT_N; kind++)
		names[kind] = detect_name((enum detect_kind)kind);
	names[DETECT_N] = "all";
	for (size_t i = 0; i < texts->n; i++) {
		unsigned found = str_is(texts->items[i], "all") ? DETECT_ALL : 0;

		for (int kind = 0; kind < DETECT_N; kind++)
			if (str_is(texts->items[i], names[kind]))
				found = 1u << kind;
		*ret_kinds |= found;
		if (found == 0)
			worst = conf_problem(
				bind->problems, conf_get(node, "detect"),
				conf_suggest(hint, texts->items[i], names, "they are"),
				"there is no detector \"%.*s\"",
				STR_ARG(str_head_utf8(texts->items[i], 60)));
	}
	return worst;
}

/* ---- paths ------------------------------------------------------------------------- */

static bool
is_label(struct heed_str text)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.data[i];
		bool capital = c >= 'A' && c <= 'Z';

		if (!capital && (i == 0 || ((c < '0' || c > '9') && c != '_')))
			return false;
	}
	return text.len > 0 && text.len <= 40;
}

static int
add_path(struct bind *bind, const struct conf_node *node, struct heed_str label,
         struct redact_rule *rule)
{
	struct heed_error error = {0};
	struct json_paths *paths;
	int r;

	if (node->kind != CONF_SCALAR)
		return conf_problem(bind->problems, node, NULL, "expected a path");
	r = json_paths_new(bind->arena, node->text, &paths, &error);
	if (r == HEED_E_NOMEM)
		return r;
	if (r < 0)
		return conf_problem(bind->problems, node, error.hint, "path: %s (at %s)",
		                    error.text, error.where);
	rule->path = paths;
	rule->label = label;
	return 0;
}

static size_t
count_paths(const struct conf_node *paths)
{
	size_t n = 0;

	for (size_t i = 0; paths != NULL && i < paths->n; i++)
		n += paths->items[i].kind == CONF_LIST ? paths->items[i].n : 1;
	return n;
}

static int
add_paths(struct bind *bind, const struct conf_node *paths, struct redact_rule *rules,
          size_t *n)
{
	int worst = 0;

	for (size_t i = 0; paths != NULL && i < paths->n; i++) {
		const struct conf_node *value = &paths->items[i];
		struct heed_str label = paths->keys[i].text;
		size_t many = value->kind == CONF_LIST ? value->n : 1;

		if (!is_label(label))
			worst = conf_problem(bind->problems, &paths->keys[i],
			                     "such as NAME or ORDER_ID",
			                     "a label is written in capitals");
		for (size_t k = 0; k < many; k++)
			if (add_path(bind,
			             value->kind == CONF_LIST ? &value->items[k] : value,
			             label, &rules[(*n)++]) < 0)
				worst = HEED_E_CONFIG;
	}
	return worst;
}

/* ---- restore ----------------------------------------------------------------------- */

/* Mark the rules whose label is `name`; the rule at `kinds` is for detectors. */
static bool
mark(struct redact_rule *rules, size_t n, unsigned kinds, struct heed_str name)
{
	bool all = str_is(name, "all"), found = all;

	for (int kind = 0; kind < DETECT_N; kind++) {
		if (!(kinds & (1u << kind)) ||
		    !(all || str_is(name, detect_label((enum detect_kind)kind))))
			continue;
		rules[0].kinds |= 1u << kind;
		found = true;
	}
	for (size_t i = 2; i < n; i++) {
		if (all || str_eq(rules[i].label, name))
			rules[i].restore = found = true;
	}
	return found;
}

static int
mark_all(struct bind *bind, const struct conf_node *node, const struct redact_words *text,
         struct redact_rule *rules, size_t n, unsigned kinds)
{
	const char *names[64] = {"all"};
	char hint[CONF_HINT_SIZE];
	size_t n_names = 1;
	int worst = 0;

	for (int kind = 0; kind < DETECT_N; kind++)
		if (kinds & (1u << kind))
			names[n_names++] = detect_label((enum detect_kind)kind);
	for (size_t i = 0; text->paths != NULL && i < text->paths->n && n_names < 63; i++)
		names[n_names++] = text->paths->keys[i].text.data;
	for (size_t i = 0; i < text->restore.n; i++) {
		struct heed_str name = text->restore.items[i];

		if (!mark(rules, n, kinds, name))
			worst = conf_problem(bind->problems, conf_get(node, "restore"),
			                     conf_suggest(hint, name, names, "they are"),
			                     "nothing has the label \"%.*s\"",
			                     STR_ARG(str_head_utf8(name, 60)));
	}
	return worst;
}

int
bind_redact(struct bind *bind, const struct conf_node *node, void *field)
{
	struct redact_words text = {0};
	struct redact_rules *ret_rules = field;
	struct redact_rule *rules;
	unsigned kinds = 0;
	size_t n = 2; /* detectors: what is restored, and all of them */
	int r = bind_record(bind, node, redact_options, &text);

	if (r < 0)
		return r;
	rules = ARENA_ARRAY(bind->arena, struct redact_rule, n + count_paths(text.paths));
	if (rules == NULL)
		return HEED_E_NOMEM;
	HEED_TRY(find_kinds(bind, node, &text.detect, &kinds));
	HEED_TRY(add_paths(bind, text.paths, rules, &n));
	rules[0].restore = true;
	rules[1].kinds = kinds;
	HEED_TRY(mark_all(bind, node, &text, rules, n, kinds));
	*ret_rules = (struct redact_rules){rules, n};
	return 0;
}
