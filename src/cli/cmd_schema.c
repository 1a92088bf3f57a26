/*
 * cmd_schema.c - heed schema: for people who write answer schemas. Checks a schema and
 * instances of it as heed does with a model's answer, and runs files of cases.
 */
#include "cli/cmd_schema.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "cli/schema_file.h"

/* ---- check ------------------------------------------------------------------------- */

struct result {
	struct heed_buf *out;
	bool json;
	size_t n; /* instances so far */
};

static void
write_text(struct heed_buf *out, const char *name, struct heed_str text)
{
	buf_addf(out, ",\"%s\":", name);
	json_write_string(out, text);
}

static void
write_fault(const struct result *result, const char *file,
            const struct schema_fault *fault)
{
	struct heed_buf *out = result->out;

	if (result->json) {
		buf_adds(out, "{\"at\":");
		json_write_string(out, fault->at);
		write_text(out, "keyword", fault->keyword);
		write_text(out, "text", fault->text);
		buf_addc(out, '}');
		return;
	}
	buf_addf(out, "%s: %.*s: %.*s (%.*s)\n", file,
	         STR_ARG(fault->at.len > 0 ? fault->at : HEED_STR("the value")),
	         STR_ARG(fault->text), STR_ARG(fault->keyword));
}

/* One instance; false when it is not valid. */
static bool
write_verdict(struct result *result, const char *file, const struct schema *schema,
              struct heed_json instance, struct arena *arena)
{
	struct schema_report report = {.arena = arena};
	int r = schema_validate(schema, instance, &report);
	struct heed_buf *out = result->out;

	if (r < 0 && r != HEED_E_INVALID) {
		report.n = 1;
		report.faults[0] = (struct schema_fault){
			.at = HEED_STR(""),
			.keyword = HEED_STR(""),
			.text = r == HEED_E_LIMIT
		                        ? HEED_STR("checking it takes too many steps, or "
		                                   "it is nested too deeply")
		                        : str_of(heed_code_text(r))};
	}
	if (result->json) {
		buf_adds(out, result->n > 0 ? ",{\"file\":" : "{\"file\":");
		json_write_string(out, str_of(file));
		buf_addf(out, ",\"ok\":%s,\"faults\":[", r == 0 ? "true" : "false");
	}
	for (size_t i = 0; i < report.n; i++) {
		if (result->json && i > 0)
			buf_addc(out, ',');
		write_fault(result, file, &report.faults[i]);
	}
	if (result->json)
		buf_adds(out, "]}");
	else if (r == 0)
		buf_addf(out, "%s is valid\n", file);
	result->n++;
	return r == 0;
}

static int
check_instances(struct schema_task *task, const struct schema *schema)
{
	struct heed_buf out;
	struct result result = {&out, task->json, 0};
	struct heed_error error = {0};
	size_t invalid = 0;
	int r = 0;

	buf_init(&out, 0);
	for (int i = 1; r == 0 && i < task->n_files; i++) {
		struct heed_json instance;

		r = schema_file_read(&task->arena, task->files[i], &instance, &error);
		if (r == 0)
			invalid += !write_verdict(&result, task->files[i], schema,
			                          instance, &task->arena);
	}
	if (r < 0) {
		buf_done(&out);
		return cli_fail(task->args, &error);
	}
	if (task->json)
		printf("{\"ok\":%s,\"schema\":{\"ok\":true},\"instances\":[",
		       invalid == 0 ? "true" : "false");
	else if (task->n_files == 1)
		printf("%s is a schema\n", task->files[0]);
	if (task->json)
		buf_adds(&out, "]}\n");
	r = cli_print(&out);
	return invalid > 0 ? CLI_FAILED : r;
}

/* The schema itself is wrong. */
static int
bad_schema(const struct schema_task *task, struct heed_error *error)
{
	struct heed_buf out;

	if (!task->json) {
		fprintf(stderr, "%s: at \"%s\": %s\n", task->files[0], error->where,
		        error->text);
		if (error->hint[0] != '\0')
			fprintf(stderr, "  %s\n", error->hint);
		return CLI_CONFIG;
	}
	buf_init(&out, 0);
	buf_adds(&out, "{\"ok\":false,\"schema\":{\"ok\":false");
	write_text(&out, "at", str_of(error->where));
	write_text(&out, "text", str_of(error->text));
	write_text(&out, "hint", str_of(error->hint));
	buf_adds(&out, "},\"instances\":[]}\n");
	(void)cli_print(&out);
	return CLI_CONFIG;
}

static int
check(struct schema_task *task)
{
	struct heed_error error = {0};
	struct heed_json document;
	struct schema *schema;
	int r;

	if (schema_file_read(&task->arena, task->files[0], &document, &error) < 0)
		return cli_fail(task->args, &error);
	r = schema_new(document, task->library, task->flags, &schema, &error);
	if (r == HEED_E_CONFIG)
		return bad_schema(task, &error);
	if (r < 0)
		return cli_fail(task->args, &error);
	r = check_instances(task, schema);
	schema_free(schema);
	return r;
}

/* ---- the commands ------------------------------------------------------------------ */

#define SCHEMA_OPTIONS                                                                   \
	{"--with", "[URI=]PATH", "a document, or a folder of them, that $ref may name"}, \
		{"--no-formats", NULL, "format says nothing, as the standard has it"},   \
	{                                                                                \
		"--json", NULL, "the result as JSON"                                     \
	}

static const struct cli_option check_options[] = {
	SCHEMA_OPTIONS,
	{"--lenient", NULL, "unknown keywords are no errors"},
	{NULL, NULL, NULL},
};

static const struct cli_option test_options[] = {
	SCHEMA_OPTIONS,
	{NULL, NULL, NULL},
};

static int
perform(struct schema_task *task, int (*work)(struct schema_task *task))
{
	const char *with = cli_value(task->args, "--with");
	struct heed_error error = {0};

	if (cli_has(task->args, "--no-formats"))
		task->flags &= ~(unsigned)SCHEMA_FORMATS;
	if (cli_has(task->args, "--lenient"))
		task->flags &= ~(unsigned)SCHEMA_STRICT;
	task->json = cli_has(task->args, "--json");
	task->library = schema_library_new();
	if (task->library == NULL) {
		(void)error_nomem(&error);
		return cli_fail(task->args, &error);
	}
	if (with != NULL &&
	    schema_file_add(&task->arena, task->library, with, &error) < 0)
		return cli_fail(task->args, &error);
	return work(task);
}

static int
run(const struct command *command, int argc, char **argv, unsigned flags,
    int (*work)(struct schema_task *task))
{
	struct cli_args args;
	struct schema_task task = {.args = &args, .flags = flags};
	int r = cli_parse(command, argc, argv, &args);

	if (r != 0 || args.command == NULL)
		return r;
	if (args.n_words < 1)
		return cli_misused(&args, "heed schema check answer.json one.json",
		                   "name a file");
	task.files = args.words;
	task.n_files = args.n_words;
	arena_init(&task.arena, 0);
	r = perform(&task, work);
	schema_library_free(task.library);
	arena_done(&task.arena);
	return r;
}

static const struct command schema_check, schema_test;

static int
run_check(int argc, char **argv)
{
	return run(&schema_check, argc, argv, SCHEMA_STRICT | SCHEMA_FORMATS, check);
}

static int
run_test(int argc, char **argv)
{
	return run(&schema_test, argc, argv, SCHEMA_FORMATS, schema_suite_run);
}

static const struct command schema_check = {
	.name = "schema check",
	.usage = "[OPTIONS] FILE [INSTANCE...]",
	.words_max = CLI_ANY_WORDS,
	.help = "Is it a schema, as heed reads answer schemas, and do the instances fit?",
	.options = check_options,
	.run = run_check,
};

static const struct command schema_test = {
	.name = "schema test",
	.usage = "[OPTIONS] FILE...",
	.words_max = CLI_ANY_WORDS,
	.help = "Run cases in the shape of the JSON-Schema-Test-Suite; the count is "
		"last.",
	.options = test_options,
	.run = run_test,
};

static const struct command *const subs[] = {&schema_check, &schema_test, NULL};

const struct command cmd_schema = {
	.name = "schema",
	.usage = "check|test [OPTIONS] FILE...",
	.help = "Check a JSON Schema and instances of it, or run files of cases.",
	.subs = subs,
};
