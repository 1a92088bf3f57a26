/*
 * app_show.c - a configuration as it may be shown: ${...} as written, and in place of
 * secrets that stand in the file itself, three asterisks.
 *
 * What a secret is, its option row says; besides, values of headers that carry
 * credentials and passwords within URLs. Behind the asterisks stands a number that tells
 * one secret from another within this process, so that a change of it can be seen.
 */
#include "base/json.h"
#include "config/app.h"

#define MARK "***"

static bool
is_secret_place(const struct app *app, const struct conf_node *node)
{
	const struct bind_secret *secret = app->bind.secrets;

	for (; secret != NULL; secret = secret->next)
		if (secret->line == node->line && secret->column == node->column)
			return true;
	return false;
}

static bool
carries_credentials(const struct conf_node *key)
{
	static const char *const headers[] = {"authorization", "proxy-authorization",
	                                      "x-api-key", "api-key", "cookie"};
	size_t i;

	for (i = 0; key != NULL && i < sizeof(headers) / sizeof(headers[0]); i++)
		if (str_is_nocase(key->text, headers[i]))
			return true;
	return false;
}

/* "scheme://user:password@host": where the password begins and ends. */
static bool
find_password(struct heed_str text, size_t *ret_from, size_t *ret_to)
{
	size_t start = str_search(text, HEED_STR("://"));
	struct heed_str rest = str_from(text, start + 3);
	struct heed_str host = str_head(rest, str_find(rest, '/'));
	size_t at = str_find(host, '@');
	size_t colon = str_find(host, ':');

	if (start >= text.len || at >= host.len || colon >= at)
		return false;
	*ret_from = start + 3 + colon + 1;
	*ret_to = start + 3 + at;
	return *ret_from < *ret_to;
}

static struct heed_str
masked(struct arena *arena, struct heed_str secret)
{
	return arena_printf(arena, MARK "%04x", (unsigned)(str_hash(secret) & 0xffff));
}

static int
show_text(const struct app *app, struct arena *arena, const struct conf_node *key,
          const struct conf_node *node, struct heed_json *value)
{
	struct heed_str text = node->text;
	struct heed_str shown;
	size_t from;
	size_t to;

	if (node->expanded || node->kind != CONF_SCALAR || text.len == 0)
		return 0;
	if (is_secret_place(app, node) || carries_credentials(key)) {
		shown = masked(arena, text);
	} else if (find_password(text, &from, &to)) {
		struct heed_str word =
			masked(arena, str_head(str_from(text, from), to - from));

		shown = arena_printf(arena, "%.*s%.*s%.*s", STR_ARG(str_head(text, from)),
		                     STR_ARG(word), STR_ARG(str_from(text, to)));
	} else {
		return 0;
	}
	*value = json_str(shown);
	return shown.data == NULL ? HEED_E_NOMEM : 0;
}

/* `value` was made from `node` just now, so that its parts may still be changed. */
static int
show(const struct app *app, struct arena *arena, const struct conf_node *key,
     const struct conf_node *node, struct heed_json *value)
{
	size_t i;

	if (node->kind == CONF_SCALAR)
		return show_text(app, arena, key, node, value);
	for (i = 0; i < node->n; i++) {
		struct heed_json *part =
			node->kind == CONF_MAP
				? &((struct heed_member *)value->members)[i].value
				: &((struct heed_json *)value->items)[i];

		HEED_TRY(show(app, arena, node->kind == CONF_MAP ? &node->keys[i] : NULL,
		              &node->items[i], part));
	}
	return 0;
}

int
app_show(const struct app *app, struct arena *arena, struct heed_json *ret_value)
{
	struct heed_json value;

	HEED_TRY(conf_json(arena, app->root, 1, &value));
	HEED_TRY(show(app, arena, NULL, app->root, &value));
	*ret_value = value;
	return 0;
}

void
app_warn_secrets(struct app *app)
{
	const struct bind_secret *secret = app->bind.secrets;

	for (; secret != NULL; secret = secret->next) {
		struct conf_node at = {.file = app->path,
		                       .line = secret->line,
		                       .column = secret->column};

		(void)conf_problem(
			&app->warnings, &at,
			"write ${NAME} and set that variable, or ${file:/path}",
			"%s: the secret itself stands in the file", secret->name);
	}
}
