/*
 * cli.c - see cli.h.
 */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"

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
	const char *names[17];
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
	const struct cli_option *option;

	printf("usage: heed %s %s\n\n%s\n", command->name, command->usage, command->help);
	if (command->options == NULL)
		return;
	printf("\n");
	for (option = command->options; option->name != NULL; option++) {
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
cli_fail(const struct cli_args *args, const struct heed_error *error)
{
	fprintf(stderr, "heed %s: %s", args->command->name, error->text);
	if (error->where[0] != '\0')
		fprintf(stderr, " (%s)", error->where);
	fprintf(stderr, "\n");
	if (error->hint[0] != '\0')
		fprintf(stderr, "  %s\n", error->hint);
	switch (error->code) {
	case HEED_E_CONFIG:
		return CLI_CONFIG;
	case HEED_E_BUSY:
	case HEED_E_LOCKED:
		return CLI_BUSY;
	default:
		return CLI_FAILED;
	}
}

static void
print_problems_json(const struct app *app)
{
	struct heed_buf buf;
	size_t i;

	buf_init(&buf, 0);
	buf_adds(&buf, "{\"ok\":false,\"problems\":[");
	for (i = 0; i < app->problems.n; i++) {
		const struct conf_problem *problem = &app->problems.items[i];

		buf_adds(&buf, i > 0 ? ",{\"file\":" : "{\"file\":");
		json_write_string(
			&buf, str_of(problem->file != NULL ? problem->file : app->path));
		buf_addf(&buf, ",\"line\":%d,\"column\":%d,\"text\":", problem->line,
		         problem->column);
		json_write_string(&buf, problem->text);
		buf_adds(&buf, ",\"hint\":");
		json_write_string(&buf, problem->hint);
		buf_addc(&buf, '}');
	}
	buf_adds(&buf, "]}\n");
	(void)cli_print(&buf);
}

int
cli_load(const struct cli_args *args, struct app *app)
{
	const char *path = cli_value(args, "--config");
	struct heed_error error = {0};
	struct heed_buf buf;
	int r;

	if (path == NULL)
		path = args->n_words > 0 ? args->words[0] : "heed.yaml";
	r = app_load(app, path, &error);
	if (r == 0)
		return 0;
	if (r != HEED_E_CONFIG || app->problems.n == 0) {
		if (error.text[0] == '\0')
			(void)error_set(&error, r, "%s: %s", path, heed_code_text(r));
		return cli_fail(args, &error);
	}
	if (cli_has(args, "--json")) {
		print_problems_json(app);
		return CLI_CONFIG;
	}
	buf_init(&buf, 0);
	app_write_problems(app, &buf);
	fprintf(stderr, "%s%zu problem%s in %s\n", buf.data != NULL ? buf.data : "",
	        app->problems.n, app->problems.n == 1 ? "" : "s", path);
	buf_done(&buf);
	return CLI_CONFIG;
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
