/*
 * schema_suite.c - heed schema test: files of cases as the JSON-Schema-Test-Suite has
 * them, a list of {description, schema, tests: [{description, data, valid}]}.
 */
#include <stdio.h>

#include "base/error.h"
#include "base/json.h"
#include "cli/cmd_schema.h"
#include "cli/schema_file.h"

struct suite {
	struct schema_task *task;
	const char *file;
	struct heed_buf out; /* the failures */
	size_t passed, failed;
	size_t n; /* failures written */
};

static void
fail(struct suite *suite, struct heed_json group, const struct heed_json *test,
     const char *why)
{
	struct heed_str about = json_get_text(group, "description");
	struct heed_str name = test != NULL ? json_get_text(*test, "description")
	                                    : HEED_STR("the schema");
	struct heed_buf *out = &suite->out;

	suite->failed++;
	if (!suite->task->json) {
		buf_addf(out, "%s: %.*s: %.*s: %s\n", suite->file, STR_ARG(about),
		         STR_ARG(name), why);
		return;
	}
	buf_adds(out, suite->n++ > 0 ? ",{\"file\":" : "{\"file\":");
	json_write_string(out, str_of(suite->file));
	buf_adds(out, ",\"case\":");
	json_write_string(out, about);
	buf_adds(out, ",\"test\":");
	json_write_string(out, name);
	buf_adds(out, ",\"text\":");
	json_write_string(out, str_of(why));
	buf_addc(out, '}');
}

static void
run_test(struct suite *suite, const struct schema *schema, struct heed_json group,
         const struct heed_json *test)
{
	const struct heed_json *data = json_get(*test, "data");
	const struct heed_json *valid = json_get(*test, "valid");
	int r;

	if (data == NULL || valid == NULL || valid->kind != HEED_BOOL) {
		fail(suite, group, test, "it lacks \"data\" or \"valid\"");
		return;
	}
	r = schema_validate(schema, *data, NULL);
	if (r != 0 && r != HEED_E_INVALID)
		fail(suite, group, test, heed_code_text(r));
	else if ((r == 0) != valid->boolean)
		fail(suite, group, test,
		     r == 0 ? "is valid, but should not be" : "should be valid");
	else
		suite->passed++;
}

static void
run_group(struct suite *suite, struct heed_json group)
{
	const struct schema_task *task = suite->task;
	const struct heed_json *document = json_get(group, "schema");
	const struct heed_json *tests = json_get(group, "tests");
	struct heed_error error = {0};
	struct schema *schema = NULL;

	if (document == NULL || tests == NULL || tests->kind != HEED_ARRAY) {
		fail(suite, group, NULL, "it lacks \"schema\" or a list \"tests\"");
		return;
	}
	if (schema_new(*document, task->library, task->flags, &schema, &error) < 0) {
		fail(suite, group, NULL, error.text);
		suite->failed += tests->len > 0 ? tests->len - 1 : 0;
		return;
	}
	for (uint32_t i = 0; i < tests->len; i++)
		run_test(suite, schema, group, &tests->items[i]);
	schema_free(schema);
}

static int
run_file(struct suite *suite, struct heed_error *error)
{
	struct heed_json groups;
	struct arena arena;
	int r;

	arena_init(&arena, 0);
	r = schema_file_read(&arena, suite->file, &groups, error);
	if (r == 0 && groups.kind != HEED_ARRAY)
		r = error_set(error, HEED_E_INVALID,
		              "%s is no list of {description, schema, tests}",
		              suite->file);
	for (uint32_t i = 0; r == 0 && i < groups.len; i++)
		run_group(suite, groups.items[i]);
	arena_done(&arena);
	return r;
}

int
schema_suite_run(struct schema_task *task)
{
	struct suite suite = {.task = task};
	struct heed_error error = {0};
	int r = 0;

	buf_init(&suite.out, 0);
	for (int i = 0; r == 0 && i < task->n_files; i++) {
		suite.file = task->files[i];
		r = run_file(&suite, &error);
	}
	if (r < 0) {
		buf_done(&suite.out);
		return cli_fail(task->args, &error);
	}
	if (task->json) {
		printf("{\"ok\":%s,\"passed\":%zu,\"failed\":%zu,\"failures\":[",
		       suite.failed == 0 ? "true" : "false", suite.passed, suite.failed);
		buf_adds(&suite.out, "]}\n");
	} else {
		buf_addf(&suite.out, "%zu passed, %zu failed\n", suite.passed,
		         suite.failed);
	}
	r = cli_print(&suite.out);
	return suite.failed > 0 ? CLI_FAILED : r;
}
