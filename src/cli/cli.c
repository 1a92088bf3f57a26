/*
 * cli.c - see cli.h.
 */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "cli/out.h"

static int
option_index(const struct command *command, struct heed_str name)
{
	int i;

	for (i = 0; command->options != NULL && command->options[i].name != NULL; i++)
		if (str_is(name, command->options[i].name))
			return i;
	return -1;
}

static int
unknown_option(const struct command *command, struct heed_str name)
{
	const char *names[CLI_OPTIONS_MAX + 1];
	const char *near;
	size_t n;

	for (n = 0; command->options != NULL && command->options[n].name != NULL; n++)
		names[n] = command->options[n].name;
	names[n++] = "--help";
	near = error_nearest(name, names, n);
	fprintf(stderr, "heed %s: there is no option %.*s%s%s%s\n", command->name,
	        STR_ARG(name), near != NULL ? "; did you mean " : "",
	        near != NULL ? near : "", near != NULL ? "?" : "");
	fprintf(stderr, "  see: heed %s --help\n", command->name);
	return CLI_USAGE;
}

static void
print_help(const struct command *command)
{
	const struct cli_option *option = command->options;

	printf("usage: heed %s %s\n\n%s\n", command->name, command->usage, command->help);
	if (command->subs != NULL) {
		printf("\n");
		cli_list(stdout, command->subs, 14);
	}
	if (option != NULL)
		printf("\n");
	for (; option != NULL && option->name != NULL; option++) {
		char left[64];

		(void)snprintf(left, sizeof(left), "%s %s", option->name,
		               option->value != NULL ? option->value : "");
		printf("  %-22s %s\n", left, option->help);
	}
}

/* Take one option at argv[*at]; may consume the next word as its value. */
static int
take_option(struct cli_args *args, int argc, char **argv, int *at)
{
	struct heed_str rest = str_of(argv[*at]);
	bool has_value = str_find(rest, '=') < rest.len;
	struct heed_str name = str_cut(&rest, '=');
	int i = option_index(args->command, name);

	if (i < 0)
		return unknown_option(args->command, name);
	if (args->command->options[i].value == NULL && has_value) {
		fprintf(stderr, "heed %s: %.*s takes no value\n", args->command->name,
		        STR_ARG(name));
		return CLI_USAGE;
	}
	if (args->command->options[i].value == NULL) {
		args->values[i] = "";
		return 0;
	}
	if (!has_value && *at + 1 >= argc) {
		fprintf(stderr, "heed %s: %.*s needs a value: %.*s %s\n",
		        args->command->name, STR_ARG(name), STR_ARG(name),
		        args->command->options[i].value);
		return CLI_USAGE;
	}
	args->values[i] = has_value ? rest.data : argv[++*at];
	return 0;
}

int
cli_parse(const struct command *command, int argc, char **argv, struct cli_args *ret_args)
{
	int i;

	memset(ret_args, 0, sizeof(*ret_args));
	ret_args->command = command;
	ret_args->words = argv + 1;
	for (i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--") == 0) {
			while (++i < argc)
				ret_args->words[ret_args->n_words++] = argv[i];
			break;
		}
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			print_help(command);
			ret_args->command = NULL;
			return CLI_OK;
		}
		if (argv[i][0] == '-' && argv[i][1] != '\0') {
			int r = take_option(ret_args, argc, argv, &i);

			if (r != 0)
				return r;
		} else {
			ret_args->words[ret_args->n_words++] = argv[i];
		}
	}
	if (ret_args->n_words > command->words_max)
		return cli_misused(ret_args, NULL, "\"%s\" is too much",
		                   ret_args->words[command->words_max]);
	return 0;
}

const char *
cli_value(const struct cli_args *args, const char *name)
{
	int i = option_index(args->command, str_of(name));

	return i >= 0 ? args->values[i] : NULL;
}

bool
cli_has(const struct cli_args *args, const char *name)
{
	return cli_value(args, name) != NULL;
}

int
cli_misused(const struct cli_args *args, const char *hint, const char *format, ...)
{
	va_list list;

	fprintf(stderr, "heed %s: ", args->command->name);
	va_start(list, format);
	(void)vfprintf(stderr, format, list);
	va_end(list);
	if (hint != NULL)
		fprintf(stderr, "\n  %s\n", hint);
	else
		fprintf(stderr, "\n  see: heed %s --help\n", args->command->name);
	return CLI_USAGE;
}

int
cli_number(const struct cli_args *args, const char *name, int64_t least, int64_t most,
           int64_t fallback, int64_t *ret_value)
{
	const char *text = cli_value(args, name);
	int64_t value = fallback;

	if (text != NULL &&
	    (str_to_i64(str_of(text), &value) < 0 || value < least || value > most))
		return cli_misused(
			args, NULL,
			"%s takes a whole number from %lld to %lld, not \"%s\"", name,
			(long long)least, (long long)most, text);
	*ret_value = value;
	return 0;
}

int
cli_fail(const struct cli_args *args, const struct heed_error *error)
{
	struct heed_buf buf;

	buf_init(&buf, 0);
	buf_addf(&buf, "heed %s: ", args->command->name);
	(void)out_text(&buf, str_of(error->text), 0);
	if (error->where[0] != '\0')
		buf_addf(&buf, " (%s)", error->where);
	if (error->hint[0] != '\0')
		buf_addf(&buf, "\n  %s", error->hint);
	fprintf(stderr, "%s\n", buf.data != NULL ? buf.data : error->text);
	buf_done(&buf);
	switch (error->code) {
	case HEED_E_CONFIG:
		return CLI_CONFIG;
	case CLI_E_USAGE:
		return CLI_USAGE;
	case HEED_E_BUSY:
	case HEED_E_TIMEOUT:
	case HEED_E_LOCKED:
		return CLI_BUSY;
	default:
		return CLI_FAILED;
	}
}

void
cli_print_problems_json(const struct app *app)
{
	struct heed_buf buf;

	buf_init(&buf, 0);
	app_write_report(app, &buf);
	buf_addc(&buf, '\n');
	(void)cli_print(&buf);
}

void
cli_tell_lines(struct heed_str text)
{
	struct heed_buf buf;

	buf_init(&buf, 0);
	while (text.len > 0) {
		(void)out_text(&buf, str_cut(&text, '\n'), 0);
		buf_addc(&buf, '\n');
	}
	fprintf(stderr, "%s", buf.data != NULL ? buf.data : "");
	buf_done(&buf);
}

void
cli_warn(const struct app *app)
{
	struct heed_buf buf;
	size_t i;

	buf_init(&buf, 0);
	for (i = 0; i < app->warnings.n; i++) {
		const struct conf_problem *problem = &app->warnings.items[i];

		buf_addf(&buf, "%s:%d:%d: warning: %.*s",
		         problem->file != NULL ? problem->file : app->path, problem->line,
		         problem->column, STR_ARG(problem->text));
		if (problem->hint.len > 0)
			buf_addf(&buf, " (%.*s)", STR_ARG(problem->hint));
		buf_addc(&buf, '\n');
	}
	cli_tell_lines(buf_str(&buf));
	buf_done(&buf);
}

const char *
cli_config(const struct cli_args *args)
{
	const char *path = cli_value(args, "--config");

	return path != NULL ? path : "heed.yaml";
}

/* What app_load said, for people or as JSON; the exit code. */
static int
tell_problems(const struct cli_args *args, const struct app *app, const char *path, int r,
              struct heed_error *error)
{
	struct heed_buf buf;

	if (r != HEED_E_CONFIG || app->problems.n == 0) {
		if (error->text[0] == '\0')
			(void)error_set(error, r, "%s: %s", path, heed_code_text(r));
		return cli_fail(args, error);
	}
	if (cli_has(args, "--json")) {
		cli_print_problems_json(app);
		return CLI_CONFIG;
	}
	buf_init(&buf, 0);
	app_write_problems(app, &buf);
	cli_tell_lines(buf_str(&buf));
	fprintf(stderr, "%zu problem%s in %s\n", app->problems.n,
	        app->problems.n == 1 ? "" : "s", path);
	buf_done(&buf);
	return CLI_CONFIG;
}

int
cli_load(const struct cli_args *args, struct app *app)
{
	bool named = cli_value(args, "--config") == NULL && args->n_words > 0;

	return cli_load_file(args, named ? args->words[0] : cli_config(args), app);
}

int
cli_load_file(const struct cli_args *args, const char *path, struct app *app)
{
	struct heed_error error = {0};
	int r = app_load(app, path, &error);

	return r == 0 ? 0 : tell_problems(args, app, path, r, &error);
}

int
cli_load_place(const struct cli_args *args, struct app *app)
{
	const char *path = cli_config(args);
	struct heed_error error = {0};
	int r = app_load_place(app, path, &error);

	return r == 0 ? 0 : tell_problems(args, app, path, r, &error);
}

int
cli_print(struct heed_buf *buf)
{
	int failed = buf_error(buf) != 0 ||
	             fwrite(buf->data != NULL ? buf->data : "", 1, buf->len, stdout) !=
	                     buf->len ||
	             fflush(stdout) != 0;

	buf_done(buf);
	return failed ? CLI_FAILED : CLI_OK;
}
