/*
 * changes.c - see changes.h. It is the running heed that reads and checks, with its own
 * environment, so that what is shown here is what it does.
 */
#include "cli/changes.h"

#include <stdio.h>

#include "base/error.h"
#include "base/json.h"
#include "cli/admin_client.h"
#include "cli/out.h"

#define VALUE_MAX 60 /* characters */

static void
show_value(struct heed_buf *buf, const struct heed_json *value)
{
	struct heed_buf text;

	if (value == NULL)
		return;
	buf_init(&text, 0);
	json_write(&text, *value, JSON_COMPACT);
	(void)out_text(buf, buf_str(&text), VALUE_MAX);
	buf_done(&text);
}

/* "+ path: value", "- path: value", "~ path: was -> is" */
static void
show_change(struct heed_buf *buf, struct heed_json change)
{
	const struct heed_json *was = json_get(change, "was");
	const struct heed_json *is = json_get(change, "is");
	enum out_style style = was == NULL  ? OUT_GREEN
	                       : is == NULL ? OUT_RED
	                                    : OUT_YELLOW;

	buf_addf(buf, "%s%c ", out_style(style),
	         was == NULL  ? '+'
	         : is == NULL ? '-'
	                      : '~');
	(void)out_text(buf, json_get_text(change, "path"), 0);
	buf_addf(buf, "%s: ", out_style(OUT_END));
	show_value(buf, was);
	if (was != NULL && is != NULL)
		buf_adds(buf, " -> ");
	show_value(buf, is);
	buf_addc(buf, '\n');
}

static void
show_end(struct heed_buf *buf, struct heed_json answer, int64_t n)
{
	const struct heed_json *sources = json_get(answer, "sources");

	if (sources == NULL) {
		if (n == 0)
			buf_adds(buf, "nothing would change\n");
		return;
	}
	buf_adds(buf, "reloaded: ");
	if (n == 0) {
		buf_adds(buf, "nothing changed\n");
		return;
	}
	out_counted(buf, n, "change");
	buf_addf(buf, "; sources: %lld kept, %lld started, %lld stopped\n",
	         (long long)json_get_int(*sources, "kept", 0),
	         (long long)json_get_int(*sources, "started", 0),
	         (long long)json_get_int(*sources, "stopped", 0));
}

static int
show_problems(struct heed_json problems)
{
	uint32_t i;

	for (i = 0; i < problems.len; i++)
		cli_tell_lines(json_text(problems.items[i]));
	fprintf(stderr, "not reloaded: nothing was changed\n");
	return CLI_CONFIG;
}

static int
show(const struct cli_args *args, struct heed_json answer)
{
	const struct heed_json *problems = json_get(answer, "problems");
	const struct heed_json *changes = json_get(answer, "changes");
	struct heed_buf buf;
	uint32_t i;
	int r;

	buf_init(&buf, 0);
	if (cli_has(args, "--json")) {
		json_write(&buf, answer, JSON_COMPACT);
		buf_addc(&buf, '\n');
		r = cli_print(&buf);
		return problems != NULL ? CLI_CONFIG : r;
	}
	if (problems != NULL)
		return show_problems(*problems);
	for (i = 0; changes != NULL && i < changes->len; i++)
		show_change(&buf, changes->items[i]);
	show_end(&buf, answer, changes != NULL ? changes->len : 0);
	return cli_print(&buf);
}

static int
ask(struct admin_client *client, enum changes_how how, struct arena *arena,
    struct heed_json *ret_answer, struct heed_error *error)
{
	struct json_build build;
	struct heed_json body;

	json_object(&build, arena);
	json_set_cstr(&build, "look", json_bool(how == CHANGES_LOOK));
	if (json_build_end(&build, &body) < 0)
		return error_nomem(error);
	return admin_client_call(client, "POST", "/reload", body, arena, ret_answer,
	                         error);
}

int
changes_ask(const struct cli_args *args, enum changes_how how)
{
	struct admin_client *client = NULL;
	struct heed_error error = {0};
	struct app app = {0};
	struct heed_json answer;
	struct arena arena;
	int r = cli_load_place(args, &app);

	arena_init(&arena, 0);
	if (r == 0) {
		r = admin_client_open(&app, &client, &error);
		if (r == 0)
			r = ask(client, how, &arena, &answer, &error);
		r = r < 0 ? cli_fail(args, &error) : show(args, answer);
	}
	admin_client_close(client);
	arena_done(&arena);
	app_done(&app);
	return r;
}
