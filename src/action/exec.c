/*
 * exec.c - run a program: an argument list and no shell, JSON on its standard input.
 *
 * What it prints is the result. Its exit code says how it went: 0 done, 75 (EX_TEMPFAIL
 * of sysexits.h) to be tried again, any other failed for good. It is unkeyed unless it
 * says that it honours HEED_EFFECT_KEY, which is the same on every attempt: when it was
 * stopped or heed was, nobody knows how far it came.
 */
#include <stdlib.h>
#include <string.h>

#include "action/body.h"
#include "action/kinds.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "config/bind.h"
#include "loop/child.h"

#define ERRORS_MAX 4096 /* bytes of standard error that are kept */
#define ERRORS_SHOWN 400
#define TEXT_MAX 131072 /* of an argument: what Linux takes */
#define TRY_AGAIN 75

struct exec {
	struct action action;
	struct template **command;
	size_t n_command;
	struct shape *input;
	struct option_pairs env;
	struct option_texts pass;
	struct template *folder;
	int64_t output_max;
	bool keyed;
};

/* ---- options ----------------------------------------------------------------------- */

/* A list of templates; also numbers are texts here. */
static int
bind_command(struct bind *bind, const struct conf_node *node, void *field)
{
	struct exec *exec =
		(struct exec *)((char *)field - offsetof(struct exec, command));
	int worst = 0;
	size_t i;

	if (node->kind != CONF_LIST || node->n == 0)
		return conf_problem(bind->problems, node,
		                    "for example: [/usr/bin/notify, --title, \"{{ "
		                    ".event.subject }}\"]; there is no shell",
		                    "command: expected a list of the program and its "
		                    "arguments");
	exec->command = ARENA_ARRAY(bind->arena, struct template *, node->n);
	if (exec->command == NULL)
		return HEED_E_NOMEM;
	for (i = 0; i < node->n; i++) {
		struct conf_node item = node->items[i];
		int r;

		item.quoted = true;
		r = item.kind == CONF_SCALAR
		            ? bind_template(bind, &item, &exec->command[i])
		            : conf_problem(bind->problems, &item, NULL,
		                           "command: expected a text");
		worst = r < 0 ? r : worst;
	}
	exec->n_command = node->n;
	return worst;
}

static const char *const list_type[] = {"array", NULL};

static const struct option options[] = {
	{.name = "command",
         .kind = OPTION_CUSTOM,
         .offset = offsetof(struct exec, command),
         .bind = bind_command,
         .names = list_type,
         .flags = OPTION_REQUIRED,
         .help = "the program and its arguments, a list of templates; no shell reads it"},
	{.name = "input",
         .kind = OPTION_SHAPE,
         .offset = offsetof(struct exec, input),
         .help = "JSON for its standard input; nothing when left out"},
	{.name = "env",
         .kind = OPTION_HEADERS,
         .offset = offsetof(struct exec, env),
         .help = "environment variables that it gets, besides PATH, HOME, USER, LANG, "
                 "LC_ALL, TZ, TMPDIR and HEED_EFFECT_KEY"},
	{.name = "pass",
         .kind = OPTION_TEXTS,
         .offset = offsetof(struct exec, pass),
         .help = "names of variables of heed's own environment that it gets, too"},
	{.name = "folder",
         .kind = OPTION_TEMPLATE,
         .offset = offsetof(struct exec, folder),
         .help = "folder that it runs in, relative to that of the configuration, which "
                 "it is when left out"},
	{.name = "output_max",
         .kind = OPTION_SIZE,
         .offset = offsetof(struct exec, output_max),
         .fallback = "1MiB",
         .min = 1,
         .max = 67108864,
         .help = "bytes that it may print; beyond them it is stopped"},
	{.name = "keyed",
         .kind = OPTION_BOOL,
         .offset = offsetof(struct exec, keyed),
         .fallback = "false",
         .help = "it does its work once for one HEED_EFFECT_KEY, so an attempt may be "
                 "repeated"},
	OPTION_ROWS_END,
};

static bool
is_name(struct heed_str name)
{
	return name.len > 0 && str_find(name, '=') == name.len &&
	       memchr(name.data, '\0', name.len) == NULL;
}

static int
check(struct action *action, struct heed_error *error)
{
	const struct exec *exec = (const struct exec *)action;
	size_t i;

	for (i = 0; i < exec->env.n; i++)
		if (!is_name(exec->env.items[i].name))
			return error_set(error, HEED_E_CONFIG,
			                 "\"%.*s\" is not a variable's name",
			                 STR_ARG(exec->env.items[i].name));
	for (i = 0; i < exec->pass.n; i++) {
		if (is_name(exec->pass.items[i]))
			continue;
		(void)error_set(error, HEED_E_CONFIG, "\"%.*s\" is not a variable's name",
		                STR_ARG(exec->pass.items[i]));
		error_hint(error, "values are set with env: {NAME: value}");
		return HEED_E_CONFIG;
	}
	return 0;
}

static enum effect_class
effect(const struct action *action)
{
	return ((const struct exec *)action)->keyed ? EFFECT_KEYED : EFFECT_UNKEYED;
}

/* ---- the request ------------------------------------------------------------------- */

static int
render(const struct template *template, struct heed_json input, struct arena *arena,
       struct heed_json *ret_text, struct heed_error *error)
{
	struct heed_str text;

	HEED_TRY(template_string(template, input, arena, TEXT_MAX, &text, error));
	if (text.len > 0 && memchr(text.data, '\0', text.len) != NULL)
		return error_set(error, HEED_E_PERMANENT,
		                 "a text for the program holds a NUL");
	*ret_text = json_str(text);
	return 0;
}

static int
set_command(const struct exec *exec, struct heed_json input, struct json_build *request,
            struct heed_error *error)
{
	struct json_build list;
	struct heed_json value = json_null();
	size_t i;

	json_array(&list, request->arena);
	for (i = 0; i < exec->n_command; i++) {
		HEED_TRY(render(exec->command[i], input, request->arena, &value, error));
		json_push(&list, value);
	}
	if (json_build_end(&list, &value) < 0)
		return error_nomem(error);
	json_set_cstr(request, "command", value);
	return 0;
}

static int
set_env(const struct exec *exec, struct heed_json input, struct json_build *request,
        struct heed_error *error)
{
	struct json_build map;
	struct heed_json value = json_null();
	size_t i;

	json_object(&map, request->arena);
	for (i = 0; i < exec->env.n; i++) {
		HEED_TRY(render(exec->env.items[i].value, input, request->arena, &value,
		                error));
		json_set(&map, exec->env.items[i].name, value);
	}
	if (json_build_end(&map, &value) < 0)
		return error_nomem(error);
	json_set_cstr(request, "env", value);
	return 0;
}

static int
prepare(const struct action *action, struct heed_json input, struct arena *arena,
        struct heed_json *ret_request, struct heed_error *error)
{
	const struct exec *exec = (const struct exec *)action;
	struct json_build build;
	struct heed_json value = json_null();

	json_object(&build, arena);
	HEED_TRY(set_command(exec, input, &build, error));
	if (exec->env.n > 0)
		HEED_TRY(set_env(exec, input, &build, error));
	if (exec->folder != NULL) {
		HEED_TRY(render(exec->folder, input, arena, &value, error));
		json_set_cstr(&build, "folder", value);
	}
	if (exec->input != NULL) {
		HEED_TRY(shape_eval(exec->input, input, arena, &value, error));
		json_set_cstr(&build, "input", value);
	}
	return json_build_end(&build, ret_request) < 0 ? error_nomem(error) : 0;
}

/* ---- running ----------------------------------------------------------------------- */

static int
result_of(struct arena *arena, const struct child_end *end, struct heed_json *ret_result)
{
	struct json_build build;
	struct heed_str output = end->output;

	if (str_ends(output, "\n"))
		output.len--;
	json_object(&build, arena);
	HEED_TRY(body_set(&build, "output", output, BODY_MAYBE_JSON));
	return json_build_end(&build, ret_result);
}

/* What it said last on standard error, for the message. */
static struct heed_str
last_words(const struct child_end *end, struct arena *arena)
{
	struct heed_str text = str_trim(end->errors);
	char *copy;
	size_t i;

	if (text.len > ERRORS_SHOWN)
		text = str_from(text, text.len - ERRORS_SHOWN);
	while (text.len > 0 && (text.data[0] & 0xc0) == 0x80)
		text = str_from(text, 1);
	if (str_utf8(text))
		return arena_str(arena, text);
	copy = arena_cstr(arena, text);
	for (i = 0; copy != NULL && i < text.len; i++)
		copy[i] = (copy[i] & 0x80) != 0 ? '?' : copy[i];
	return str_of(copy);
}

static int
judge(const struct exec *exec, const struct child_end *end, struct arena *arena,
      struct heed_error *error)
{
	struct heed_str words = last_words(end, arena);
	const char *colon = words.len > 0 ? ": " : "";
	int cut_off = exec->keyed ? HEED_E_TRANSIENT : HEED_E_UNKNOWN;

	if (end->code == HEED_E_TIMEOUT)
		return error_set(error, exec->keyed ? HEED_E_TIMEOUT : HEED_E_UNKNOWN,
		                 "it took too long and was stopped%s%.*s", colon,
		                 STR_ARG(words));
	if (end->code != 0)
		return error_set(error, exec->keyed ? HEED_E_PERMANENT : HEED_E_UNKNOWN,
		                 "it printed more than output_max and was stopped");
	if (end->signal != 0)
		return error_set(error, cut_off, "it was ended by signal %d (%s)%s%.*s",
		                 end->signal, strsignal(end->signal), colon,
		                 STR_ARG(words));
	if (end->status == 0)
		return 0;
	return error_set(
		error, end->status == TRY_AGAIN ? HEED_E_TRANSIENT : HEED_E_PERMANENT,
		"it ended with code %d%s%.*s", end->status, colon, STR_ARG(words));
}

static void
ended(void *arg, const struct child_end *end)
{
	struct action_call *call = arg;
	const struct exec *exec = (const struct exec *)call->action;
	struct heed_json result = json_null();
	struct heed_error error;
	int code = judge(exec, end, call->arena, &error);

	call->context = NULL;
	if (code == 0 && result_of(call->arena, end, &result) < 0)
		code = exec->keyed ? error_nomem(&error)
		                   : error_set(&error, HEED_E_UNKNOWN, "out of memory");
	action_done(call, code, result, -1, &error);
}

static char **
make_arguments(struct arena *arena, const struct heed_json *list)
{
	char **arguments = ARENA_ARRAY(arena, char *, list->len + 1);
	uint32_t i;

	for (i = 0; arguments != NULL && i < list->len; i++) {
		arguments[i] = arena_cstr(arena, json_text(list->items[i]));
		if (arguments[i] == NULL)
			return NULL;
	}
	return arguments;
}

/* The environment as it grows. */
struct environment {
	struct arena *arena;
	char **items;
	size_t n;
	bool failed;
};

static void
add(struct environment *environment, struct heed_str name, struct heed_str value)
{
	struct heed_str item = arena_printf(environment->arena, "%.*s=%.*s",
	                                    STR_ARG(name), STR_ARG(value));
	size_t i;

	for (i = 0; i < environment->n; i++)
		if (strncmp(environment->items[i], item.data != NULL ? item.data : "",
		            name.len + 1) == 0)
			break;
	environment->failed |= item.data == NULL;
	environment->items[i] = (char *)item.data;
	if (i == environment->n && item.data != NULL)
		environment->n++;
}

static void
add_own(struct environment *environment, const char *name, const char *fallback)
{
	const char *value = getenv(name);

	if (value == NULL)
		value = fallback;
	if (value != NULL)
		add(environment, str_of(name), str_of(value));
}

/* The least that programs need, then what was passed, then what was set. */
static char **
make_environment(const struct exec *exec, const struct action_call *call)
{
	static const char *const least[] = {"HOME",   "USER", "LANG",
	                                    "LC_ALL", "TZ",   "TMPDIR"};
	const size_t n_least = sizeof(least) / sizeof(least[0]);
	const struct heed_json *env = json_get(call->request, "env");
	uint32_t n_env = env != NULL ? env->len : 0;
	struct environment environment = {.arena = call->arena};
	size_t i;

	environment.items =
		ARENA_ARRAY(call->arena, char *, n_least + exec->pass.n + n_env + 4);
	if (environment.items == NULL)
		return NULL;
	add_own(&environment, "PATH", "/usr/local/bin:/usr/bin:/bin");
	for (i = 0; i < n_least; i++)
		add_own(&environment, least[i], NULL);
	for (i = 0; i < exec->pass.n; i++) {
		const char *name = arena_cstr(call->arena, exec->pass.items[i]);

		if (name != NULL)
			add_own(&environment, name, NULL);
	}
	for (i = 0; i < n_env; i++)
		add(&environment, env->members[i].name, json_text(env->members[i].value));
	if (call->trace.len > 0)
		add(&environment, HEED_STR("TRACEPARENT"), call->trace);
	add(&environment, HEED_STR("HEED_EFFECT_KEY"), call->key);
	return environment.failed ? NULL : environment.items;
}

static int
perform(struct action *action, struct action_call *call, struct heed_error *error)
{
	const struct exec *exec = (const struct exec *)action;
	const struct heed_json *input = json_get(call->request, "input");
	const struct heed_json *command = json_get(call->request, "command");
	struct child_options child = {
		.arguments = make_arguments(call->arena, command),
		.environment = make_environment(exec, call),
		.folder = file_path(call->arena, call->world->folder,
	                            json_get_text(call->request, "folder")),
		.output_max = (size_t)exec->output_max,
		.errors_max = ERRORS_MAX,
		.timeout_ms = call->timeout_ms,
	};
	struct child *started;

	if (input != NULL)
		child.input = json_text_of(call->arena, *input);
	if (child.arguments == NULL || child.environment == NULL ||
	    child.folder == NULL || (input != NULL && child.input.data == NULL))
		return error_nomem(error);
	HEED_TRY(child_start(call->world->loop, &child, ended, call, &started, error));
	call->context = started;
	return 0;
}

static void
cancel(struct action *action, struct action_call *call)
{
	(void)action;
	if (call->context != NULL)
		child_cancel(call->context);
}

const struct action_kind action_exec = {
	.name = "exec",
	.help = "run a program, without a shell; what it prints is the result",
	.options = options,
	.size = sizeof(struct exec),
	.check = check,
	.effect = effect,
	.prepare = prepare,
	.perform = perform,
	.cancel = cancel,
};
