/*
 * cmd_test.c - heed test: the cases beside a configuration, with scripted answers, no
 * effects and a clock that jumps.
 */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "cli/cli.h"
#include "cli/out.h"
#include "cli/record.h"
#include "service/case.h"

static const struct cli_option options[] = {
	CLI_CONFIG_OPTION,
	{"--only", "WORDS", "only cases whose name holds these words"},
	{"--record", NULL,
         "ask real models once, keep what they answer beside the cases"},
	{"--tap", NULL, "as TAP, for test runners"},
	{"--json", NULL, "as JSON, a case a line, with what came of each"},
	{"--verbose", NULL, "show what came of cases that passed, too"},
	{NULL, NULL, NULL},
};

struct testing {
	const struct cli_args *args;
	struct app *app;
	int n; /* cases so far */
	int failed;
	double cost;
};

/* The cases beside heed.yaml are in heed.test.yaml. */
static const char *
default_path(struct arena *arena, const char *config)
{
	const char *dot = strrchr(config, '.');
	int len = dot != NULL && strchr(dot, '/') == NULL ? (int)(dot - config)
	                                                  : (int)strlen(config);

	return arena_printf(arena, "%.*s.test.yaml", len, config).data;
}

static void
print_json(const struct test_case *test, const struct case_result *result)
{
	struct arena arena;
	struct json_build build;
	struct heed_json line;

	arena_init(&arena, 0);
	json_object(&build, &arena);
	json_set_cstr(&build, "name", json_str(test->name));
	json_set_cstr(&build, "ok", json_bool(result->complaints.len == 0));
	json_set_cstr(&build, "complaints", result->complaints);
	json_set_cstr(&build, "outcome", result->outcome);
	if (json_build_end(&build, &line) == 0)
		(void)record_print(line);
	arena_done(&arena);
}

static void
print_complaints(const struct case_file *file, const struct test_case *test,
                 struct heed_json complaints, const char *lead)
{
	uint32_t i;

	for (i = 0; i < complaints.len; i++)
		printf("%s%.*s\n", lead, STR_ARG(json_text(complaints.items[i])));
	if (complaints.len > 0)
		printf("%sthe case is at %s:%d\n", lead, file->path, test->line);
}

static void
print_outcome(struct heed_json outcome)
{
	struct heed_buf buf;

	buf_init(&buf, 0);
	json_write(&buf, outcome, JSON_PRETTY);
	buf_addc(&buf, '\n');
	(void)cli_print(&buf);
}

static void
report(const struct testing *testing, const struct case_file *file,
       const struct test_case *test, const struct case_result *result)
{
	bool passed = result->complaints.len == 0;

	if (cli_has(testing->args, "--json")) {
		print_json(test, result);
	} else if (cli_has(testing->args, "--tap")) {
		printf("%sok %d - %.*s\n", passed ? "" : "not ", testing->n,
		       STR_ARG(test->name));
		print_complaints(file, test, result->complaints, "  # ");
	} else {
		printf("%s%s%s  %.*s\n", out_style(passed ? OUT_GREEN : OUT_RED),
		       passed ? "  ok  " : "FAILED", out_style(OUT_END),
		       STR_ARG(test->name));
		print_complaints(file, test, result->complaints, "        ");
		if (!passed || cli_has(testing->args, "--verbose"))
			print_outcome(result->outcome);
	}
	(void)fflush(stdout);
}

static bool
is_wanted(const struct testing *testing, const struct test_case *test)
{
	const char *only = cli_value(testing->args, "--only");

	return only == NULL || str_search(test->name, str_of(only)) < test->name.len;
}

static int
run_cases(struct testing *testing, struct case_file *file, struct heed_error *error)
{
	const struct test_case *cases = file->cases.items;
	size_t i;

	for (i = 0; i < file->cases.n; i++) {
		struct case_result result = {0};
		struct arena arena;
		int r;

		if (!is_wanted(testing, &cases[i]))
			continue;
		arena_init(&arena, 0);
		testing->n++;
		r = case_run(file, &cases[i], testing->app,
		             cli_has(testing->args, "--record"), &arena, &result, error);
		if (r == 0) {
			testing->failed += result.complaints.len > 0;
			testing->cost += result.cost;
			report(testing, file, &cases[i], &result);
		}
		arena_done(&arena);
		if (r < 0) {
			error_prefix(error, "%s:%d: case \"%.*s\"", file->path,
			             cases[i].line, STR_ARG(cases[i].name));
			return r;
		}
	}
	return cli_has(testing->args, "--record") ? case_file_save(file, error) : 0;
}

static int
run_file(struct testing *testing, const char *path)
{
	struct heed_error error = {0};
	struct case_file file;
	int r = case_file_load(&file, path, &error);
	int code = CLI_OK;

	if (r == HEED_E_NOTFOUND)
		error_hint(&error,
		           "write cases there (see: heed docs test), or name a file");
	if (r == 0)
		r = run_cases(testing, &file, &error);
	if (r < 0 && file.problems.n > 0) {
		struct heed_buf buf;

		buf_init(&buf, 0);
		conf_problems_write(&buf, &file.problems);
		(void)fwrite(buf.data, 1, buf.len, stderr);
		buf_done(&buf);
		code = CLI_CONFIG;
	} else if (r < 0) {
		code = cli_fail(testing->args, &error);
	}
	case_file_done(&file);
	return code;
}

static int
run_all(struct testing *testing, const char *config)
{
	const struct cli_args *args = testing->args;
	int code = CLI_OK;
	int i;

	if (cli_has(args, "--tap"))
		printf("TAP version 13\n");
	if (args->n_words == 0)
		code = run_file(testing, default_path(&testing->app->arena, config));
	for (i = 0; i < args->n_words && code == CLI_OK; i++)
		code = run_file(testing, args->words[i]);
	if (code != CLI_OK)
		return code;
	if (cli_has(args, "--tap"))
		printf("1..%d\n", testing->n);
	else if (!cli_has(args, "--json"))
		printf("%d passed, %d failed%s\n", testing->n - testing->failed,
		       testing->failed,
		       testing->n == 0 ? ": no case has such a name" : "");
	if (cli_has(args, "--record") && !cli_has(args, "--json"))
		printf("%sreal answers kept; they cost $%.6f\n",
		       cli_has(args, "--tap") ? "# " : "", testing->cost);
	return testing->failed > 0 || testing->n == 0 ? CLI_FAILED : CLI_OK;
}

static int
run(int argc, char **argv)
{
	struct testing testing = {0};
	struct app app = {0};
	struct cli_args args;
	int r = cli_parse(&cmd_test, argc, argv, &args);

	if (r != 0 || args.command == NULL)
		return r;
	testing.args = &args;
	testing.app = &app;
	r = cli_load_file(&args, cli_config(&args), &app); /* words are files of cases */
	if (r == 0)
		r = run_all(&testing, app.path);
	app_done(&app);
	return r;
}

const struct command cmd_test = {
	.name = "test",
	.usage = "[OPTIONS] [CASES...]",
	.words_max = CLI_ANY_WORDS,
	.help = "Run the cases beside a configuration (heed.test.yaml): an event in, "
		"scripted or recorded answers, and what must come of it.",
	.options = options,
	.run = run,
};
