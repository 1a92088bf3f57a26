/*
 * test_bind.c - what bind.h promises: every kind with good and bad values, all problems
 * at their places, suggestions, shapes, and the schema and reference from the same rows.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "config/bind.h"

struct inner {
	struct heed_str name;
	int64_t count;
};

struct target {
	struct heed_str text;
	struct heed_str secret;
	bool flag;
	int64_t whole;
	double real;
	int64_t wait_ms;
	int64_t size;
	int64_t money;
	int choice;
	struct expr *expr;
	struct template *template;
	struct heed_json value;
	struct schema *schema;
	struct shape *shape;
	struct option_texts texts;
	struct option_pairs headers;
	struct inner record;
	struct inner brief;
	struct option_list list;
	struct option_list map;
	struct heed_str reference;
	int custom;
};

static int
bind_custom(struct bind *bind, const struct conf_node *node, void *field)
{
	if (node->kind != CONF_LIST)
		return conf_problem(bind->problems, node, NULL,
		                    "custom: expected a list");
	*(int *)field = (int)node->n;
	return 0;
}

static const char *const colours[] = {"red", "green", "blue", NULL};
static const char *const map_name[] = {"map", NULL};
static const char *const array_type[] = {"array", NULL};

static const struct option inner_rows[] = {
	{.name = "count",
         .kind = OPTION_INT,
         .offset = offsetof(struct inner, count),
         .fallback = "3",
         .min = 1,
         .max = 10,
         .help = "How many."},
	OPTION_ROWS_END,
};

static const struct option strict_rows[] = {
	{.name = "name",
         .kind = OPTION_TEXT,
         .offset = offsetof(struct inner, name),
         .flags = OPTION_REQUIRED,
         .help = "Its name."},
	{.name = "count",
         .kind = OPTION_INT,
         .offset = offsetof(struct inner, count),
         .fallback = "5",
         .help = "How many."},
	OPTION_ROWS_END,
};

#define AT(field) .offset = offsetof(struct target, field)

static const struct option rows[] = {
	{.name = "text",
         .kind = OPTION_TEXT,
         AT(text),
         .fallback = "5",
         .flags = OPTION_NONEMPTY,
         .help = "A text | with <signs>."},
	{.name = "secret", .kind = OPTION_SECRET, AT(secret), .help = "A secret."},
	{.name = "flag",
         .kind = OPTION_BOOL,
         AT(flag),
         .fallback = "true",
         .help = "A flag."},
	{.name = "whole",
         .kind = OPTION_INT,
         AT(whole),
         .min = 1,
         .max = 0,
         .help = "Whole."},
	{.name = "real",
         .kind = OPTION_REAL,
         AT(real),
         .fallback = "-1",
         .min = -1,
         .max = 2,
         .help = "Real."},
	{.name = "wait",
         .kind = OPTION_DURATION,
         AT(wait_ms),
         .fallback = "30s",
         .min = 1,
         .max = 86400000,
         .help = "Wait."},
	{.name = "size", .kind = OPTION_SIZE, AT(size), .max = 1048576, .help = "Size."},
	{.name = "money", .kind = OPTION_MONEY, AT(money), .max = 100, .help = "Money."},
	{.name = "choice",
         .kind = OPTION_ENUM,
         AT(choice),
         .fallback = "green",
         .names = colours,
         .help = "Choice."},
	{.name = "expr", .kind = OPTION_EXPR, AT(expr), .help = "Expression."},
	{.name = "template", .kind = OPTION_TEMPLATE, AT(template), .help = "Template."},
	{.name = "value",
         .kind = OPTION_VALUE,
         AT(value),
         .fallback = "[1, {a: b}]",
         .help = "Value."},
	{.name = "schema", .kind = OPTION_SCHEMA, AT(schema), .help = "Schema."},
	{.name = "shape", .kind = OPTION_SHAPE, AT(shape), .help = "Shape."},
	{.name = "texts",
         .kind = OPTION_TEXTS,
         AT(texts),
         .fallback = "[a, b]",
         .help = "Texts."},
	{.name = "headers", .kind = OPTION_HEADERS, AT(headers), .help = "Headers."},
	{.name = "record",
         .kind = OPTION_RECORD,
         AT(record),
         .rows = inner_rows,
         .help = "Record."},
	{.name = "brief",
         .kind = OPTION_RECORD,
         AT(brief),
         .rows = strict_rows,
         .flags = OPTION_SCALAR_SHORT,
         .help = "Brief."},
	{.name = "list",
         .kind = OPTION_LIST,
         AT(list),
         .rows = strict_rows,
         .size = sizeof(struct inner),
         .help = "List."},
	{.name = "map",
         .kind = OPTION_MAP,
         AT(map),
         .rows = inner_rows,
         .size = sizeof(struct inner),
         .help = "Map."},
	{.name = "reference",
         .kind = OPTION_TEXT,
         AT(reference),
         .flags = OPTION_REFERENCE,
         .names = map_name,
         .help = "Reference."},
	{.name = "custom",
         .kind = OPTION_CUSTOM,
         AT(custom),
         .bind = bind_custom,
         .names = array_type,
         .help = "Custom."},
	OPTION_ROWS_END,
};

struct fixture {
	struct arena arena;
	struct conf_problems problems;
	struct bind bind;
	struct target target;
	struct heed_buf buf;
};

static int
set_up(void **state)
{
	struct fixture *fixture = mem_new(sizeof(*fixture));

	arena_init(&fixture->arena, 0);
	buf_init(&fixture->buf, 0);
	fixture->bind = (struct bind){.arena = &fixture->arena,
	                              .problems = &fixture->problems,
	                              .exprs = expr_set_new()};
	*state = fixture;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *fixture = *state;

	bind_free_owned(&fixture->bind);
	expr_set_free(fixture->bind.exprs);
	buf_done(&fixture->buf);
	arena_done(&fixture->arena);
	mem_free(fixture);
	return 0;
}

static int
bind_with(struct fixture *fixture, const struct option *table, const char *text)
{
	struct conf_node *root = NULL;

	conf_problems_init(&fixture->problems, &fixture->arena);
	memset(&fixture->target, 0, sizeof(fixture->target));
	if (conf_parse(&fixture->arena, "f", str_of(text), &fixture->problems, &root) !=
	    0)
		fail_msg("%s", text);
	HEED_TRY(conf_expand(&fixture->arena, root, &fixture->problems));
	fixture->bind.root = root;
	return bind_record(&fixture->bind, root, table, &fixture->target);
}

static const char *
report(struct fixture *fixture)
{
	buf_reset(&fixture->buf);
	buf_adds(&fixture->buf, "");
	conf_problems_write(&fixture->buf, &fixture->problems);
	return fixture->problems.n > 0 ? fixture->buf.data : "";
}

static const struct target *
good(struct fixture *fixture, const char *text)
{
	if (bind_with(fixture, rows, text) != 0)
		fail_msg("%s", report(fixture));
	assert_int_equal(fixture->problems.n, 0);
	return &fixture->target;
}

static void
bad(struct fixture *fixture, const char *text, const char *expected)
{
	assert_int_equal(bind_with(fixture, rows, text), HEED_E_CONFIG);
	assert_string_equal(report(fixture), expected);
}

static void
test_defaults(void **state)
{
	struct fixture *fixture = *state;
	const struct target *target = good(fixture, "record:\nflag:\n");

	assert_true(str_is(target->text, "5"));
	assert_true(target->flag);
	assert_true(target->real == -1);
	assert_int_equal(target->wait_ms, 30000);
	assert_int_equal(target->choice, 1);
	assert_int_equal(target->texts.n, 2);
	assert_int_equal(target->value.len, 2);
	assert_int_equal(target->record.count, 3);
	assert_int_equal(target->brief.count, 5);
	assert_null(target->expr);
	assert_int_equal(target->list.n, 0);
	assert_int_equal(bind_record(&fixture->bind, NULL, strict_rows, &fixture->target),
	                 0);
}

static void
test_text(void **state)
{
	struct fixture *fixture = *state;

	assert_true(str_is(good(fixture, "text: no")->text, "no"));
	assert_true(str_is(good(fixture, "text: '5'")->text, "5"));
	assert_true(str_is(good(fixture, "text: 2024-10-21")->text, "2024-10-21"));
	bad(fixture, "text: 5",
	    "f:1:7: text: expected a text, not \"5\" (put it in quotes: \"5\")\n");
	bad(fixture, "text: true",
	    "f:1:7: text: expected a text, not \"true\" (put it in quotes: \"true\")\n");
	bad(fixture, "text: [a]", "f:1:7: text: expected a text, not a list\n");
	bad(fixture, "text: ' '", "f:1:7: text: must not be empty\n");
	bad(fixture, "secret: 12345",
	    "f:1:9: secret: expected a text (put it in quotes)\n");
}

static void
test_bool(void **state)
{
	struct fixture *fixture = *state;

	assert_false(good(fixture, "flag: false")->flag);
	bad(fixture, "flag: no", "f:1:7: flag: expected true or false, not \"no\"\n");
	bad(fixture, "flag: 'true'",
	    "f:1:7: flag: expected true or false, not \"true\" (remove the quotes)\n");
	bad(fixture, "flag: {}", "f:1:7: flag: expected true or false, not a mapping\n");
}

static void
test_numbers(void **state)
{
	struct fixture *fixture = *state;

	assert_true(good(fixture, "whole: 9223372036854775807")->whole == INT64_MAX);
	assert_int_equal(good(fixture, "whole: 1e3")->whole, 1000);
	bad(fixture, "whole: 0", "f:1:8: whole: must be at least 1, not 0\n");
	bad(fixture, "whole: 1.5",
	    "f:1:8: whole: expected a whole number, not \"1.5\"\n");
	bad(fixture, "whole: 9223372036854775808",
	    "f:1:8: whole: expected a whole number below 2^63, not "
	    "\"9223372036854775808\"\n");
	bad(fixture, "whole: '7'",
	    "f:1:8: whole: expected a whole number, not \"7\" (remove the quotes)\n");
	assert_true(good(fixture, "real: 0.25")->real == 0.25);
	assert_true(good(fixture, "real: 1")->real == 1);
	bad(fixture, "real: 2.5", "f:1:7: real: must be between -1 and 2, not 2.5\n");
	bad(fixture, "real: x", "f:1:7: real: expected a number, not \"x\"\n");
	assert_int_equal(good(fixture, "money: 0.15")->money, 150000000);
	assert_int_equal(good(fixture, "money: 0.000000075")->money, 75);
	bad(fixture, "money: $5",
	    "f:1:8: money: expected US dollars such as 0.50, not \"$5\"\n");
	bad(fixture, "money: -1", "f:1:8: money: must be between 0 and 100, not -1\n");
}

static void
test_quantities(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(good(fixture, "wait: 1h30m")->wait_ms, 5400000);
	bad(fixture, "wait: 30",
	    "f:1:7: wait: expected a duration, not \"30\" (for example 250ms, 30s, 5m, "
	    "24h, 7d or "
	    "1h30m)\n");
	bad(fixture, "wait: 2d", "f:1:7: wait: must be between 1ms and 1d, not 2d\n");
	assert_int_equal(good(fixture, "size: 64KiB")->size, 65536);
	assert_int_equal(good(fixture, "size: 100")->size, 100);
	bad(fixture, "size: 2MiB", "f:1:7: size: must be between 0 and 1MiB, not 2MiB\n");
	bad(fixture, "size: [1]",
	    "f:1:7: size: expected a size, not a list (for example 100, 64KiB, 10MB or "
	    "1GiB)\n");
}

static void
test_choice(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(good(fixture, "choice: blue")->choice, 2);
	bad(fixture, "choice: geen",
	    "f:1:9: choice: there is no \"geen\" (did you mean \"green\"?)\n");
	bad(fixture, "choice: violet",
	    "f:1:9: choice: there is no \"violet\" (one of: red, green, blue)\n");
	bad(fixture, "choice: [red]",
	    "f:1:9: choice: expected one word, not a list (one of: red, green, blue)\n");
}

static void
test_variables(void **state)
{
	struct fixture *fixture = *state;

	(void)setenv("HEED_N", "7", 1);
	(void)setenv("HEED_W", "seven", 1);
	assert_int_equal(good(fixture, "whole: ${HEED_N}")->whole, 7);
	assert_int_equal(good(fixture, "whole: '${HEED_N}'")->whole, 7);
	assert_true(str_is(good(fixture, "text: ${HEED_N}")->text, "7"));
	assert_true(good(fixture, "flag: ${HEED_NONE:-false}")->flag == false);
	bad(fixture, "whole: ${HEED_W}",
	    "f:1:8: whole: expected a whole number, not \"${HEED_W}\"\n");
}

static void
test_expressions(void **state)
{
	struct fixture *fixture = *state;
	static const char *const roots[] = {"event", "answer", NULL};

	assert_non_null(good(fixture, "expr: .event.data.id != null")->expr);
	assert_non_null(good(fixture, "expr: true")->expr);
	assert_non_null(good(fixture, "template: 'a {{ .event }} b'")->template);
	assert_int_equal(bind_with(fixture, rows, "flag: true\nexpr: '.a + ]'"),
	                 HEED_E_CONFIG);
	assert_int_equal(fixture->problems.n, 1);
	assert_int_equal(fixture->problems.items[0].line, 2);
	assert_int_equal(fixture->problems.items[0].column, 13);
	assert_int_equal(
		bind_with(fixture, rows, "template: |\n  one\n  two {{ .a + ] }}\n"),
		HEED_E_CONFIG);
	assert_int_equal(fixture->problems.items[0].line, 3);
	assert_int_equal(fixture->problems.items[0].column, 15);
	bad(fixture, "expr: {a: .b}",
	    "f:1:7: expected an expression such as .event.data.id (put an expression "
	    "with { } or "
	    "[ ] in quotes)\n");
	fixture->bind.roots = roots;
	assert_non_null(good(fixture, "expr: .event.id == .answer.id")->expr);
	bad(fixture, "expr: .event.id == .anwser.id",
	    "f:1:20: there is no .anwser here (did you mean \".answer\"?)\n");
	bad(fixture, "template: |\n  x\n  {{ .foo }}\n",
	    "f:3:6: there is no .foo here (available: .event, .answer)\n");
}

/* What only libjq finds is reported where it stands, too. */
static void
test_late_expressions(void **state)
{
	struct fixture *fixture = *state;

	(void)good(fixture, "expr: .a\ntemplate: 'x {{ nosuchfunction(1) }}'");
	assert_int_equal(bind_check_exprs(&fixture->bind), HEED_E_CONFIG);
	assert_int_equal(fixture->problems.n, 1);
	assert_int_equal(fixture->problems.items[0].line, 2);
}

static void
test_schemas(void **state)
{
	struct fixture *fixture = *state;

	assert_non_null(good(fixture, "schema: {type: object, required: [a]}")->schema);
	assert_non_null(good(fixture, "schema: true")->schema);
	assert_int_equal(
		bind_with(
			fixture, rows,
			"schema:\n  type: object\n  properties:\n    a: {typ: string}\n"),
		HEED_E_CONFIG);
	assert_int_equal(fixture->problems.items[0].line, 4);
	assert_int_equal(
		bind_with(
			fixture, rows,
			"schema:\n  anyOf:\n    - {type: string}\n    - {type: strin}\n"),
		HEED_E_CONFIG);
	assert_int_equal(fixture->problems.items[0].line, 4);
}

static void
check_shape(struct fixture *fixture, const char *text, const char *input,
            const char *expected)
{
	const struct target *target = good(fixture, text);
	struct heed_json in;
	struct heed_json out;

	assert_non_null(target->shape);
	assert_int_equal(json_parse(&fixture->arena, str_of(input), &in, NULL), 0);
	assert_int_equal(shape_eval(target->shape, in, &fixture->arena, &out, NULL), 0);
	assert_string_equal(json_text_of(&fixture->arena, out).data, expected);
}

static void
test_shapes(void **state)
{
	struct fixture *fixture = *state;
	const char *input = "{\"a\":{\"b\":7},\"t\":\"x\"}";

	check_shape(fixture, "shape: '{id: .a.b}'", input, "{\"id\":7}");
	check_shape(fixture, "shape: 'v {{ .a.b }}'", input, "\"v 7\"");
	check_shape(fixture, "shape: .a", input, "{\"b\":7}");
	check_shape(fixture, "shape:\n", input, "null");
	check_shape(fixture,
	            "shape: {id: .a.b, s: 'n{{ .t }}', w: plain, n: 5, q: '5', l: [.t, "
	            "no, {k: .t}]}",
	            input,
	            "{\"id\":7,\"s\":\"nx\",\"w\":\"plain\",\"n\":5,\"q\":\"5\","
	            "\"l\":[\"x\",\"no\",{\"k\":\"x\"}]}");
	check_shape(fixture, "shape: {a: [1, {b: c}]}", input,
	            "{\"a\":[1,{\"b\":\"c\"}]}");
	check_shape(fixture, "shape: {a: '.a.b | empty', b: ['.t | empty', 1]}", input,
	            "{\"b\":[1]}");
}

static void
test_lists(void **state)
{
	struct fixture *fixture = *state;
	const struct target *target = good(fixture, "texts: one");
	const struct inner *inner;

	assert_int_equal(target->texts.n, 1);
	assert_true(str_is(target->texts.items[0], "one"));
	bad(fixture, "texts: [a, 5, [b]]",
	    "f:1:12: texts: expected a text, not \"5\" (put it in quotes: \"5\")\n"
	    "f:1:15: texts: expected a text, not a list\n");
	target = good(fixture, "headers: {X-A: 'v{{ .a }}', X-B: w}");
	assert_int_equal(target->headers.n, 2);
	assert_true(str_is(target->headers.items[1].name, "X-B"));
	bad(fixture, "headers: [a]",
	    "f:1:10: headers: expected a mapping of names to texts (write: name: "
	    "value)\n");
	target = good(fixture, "list: [{name: a}, {name: b, count: 2}]");
	inner = target->list.items;
	assert_int_equal(target->list.n, 2);
	assert_int_equal(inner[0].count, 5);
	assert_true(str_is(inner[1].name, "b"));
	bad(fixture, "list: {name: a}",
	    "f:1:7: list: expected a list (start each entry with \"- \")\n");
	bad(fixture, "list:\n  - count: 2\n  -\n  - 5\n",
	    "f:2:5: name is missing (Its name.)\nf:3:4: name is missing (Its name.)\n"
	    "f:4:5: expected a mapping, not a single value (options here: name, "
	    "count)\n");
}

static void
test_maps(void **state)
{
	struct fixture *fixture = *state;
	const struct target *target =
		good(fixture, "map: {x: {count: 2}, y: }\nreference: y");
	const struct inner *inner = target->map.items;

	assert_int_equal(target->map.n, 2);
	assert_true(str_is(inner[0].name, "x"));
	assert_int_equal(inner[1].count, 3);
	assert_true(str_is(target->reference, "y"));
	bad(fixture, "map: {alpha: {}}\nreference: alpa",
	    "f:2:12: reference: there is no \"alpa\" under map (did you mean "
	    "\"alpha\"?)\n");
	bad(fixture, "reference: a",
	    "f:1:12: reference: there is no \"a\" under map (add it under map:)\n");
	bad(fixture, "map: {x: {count: 20, coun: 1}}",
	    "f:1:18: count: must be between 1 and 10, not 20\n"
	    "f:1:22: there is no option \"coun\" (did you mean \"count\"?)\n");
	assert_int_equal(good(fixture, "brief: short")->brief.count, 5);
	assert_true(str_is(good(fixture, "brief: short")->brief.name, "short"));
	bad(fixture, "brief: {count: 1}", "f:1:8: name is missing (Its name.)\n");
	assert_int_equal(good(fixture, "custom: [1, 2]")->custom, 2);
	bad(fixture, "custom: 5", "f:1:9: custom: expected a list\n");
}

static void
test_all_problems(void **state)
{
	struct fixture *fixture = *state;

	bad(fixture, "flg: true\nwhole: x\nrecord: 5\nzzzzzzzz: 1\nchoice: red\n",
	    "f:1:1: there is no option \"flg\" (did you mean \"flag\"?)\n"
	    "f:2:8: whole: expected a whole number, not \"x\"\n"
	    "f:3:9: expected a mapping, not a single value (options here: count)\n"
	    "f:4:1: there is no option \"zzzzzzzz\" (options here: text, secret, flag, "
	    "whole, "
	    "real, wait, size, money, choice, expr, template, value, schema, shape, "
	    "texts, "
	    "headers, record, brief, list, map, reference, custom)\n");
	assert_int_equal(fixture->target.choice, 0);
	bad(fixture, "[1]",
	    "f:1:1: expected a mapping, not a list (options here: text, secret, flag, "
	    "whole, "
	    "real, wait, size, money, choice, expr, template, value, schema, shape, "
	    "texts, "
	    "headers, record, brief, list, map, reference, custom)\n");
}

static int
accepts(struct fixture *fixture, const struct schema *schema, const char *text)
{
	struct conf_node *root = NULL;
	struct heed_json value;

	assert_int_equal(
		conf_parse(&fixture->arena, "i", str_of(text), &fixture->problems, &root),
		0);
	assert_int_equal(conf_json(&fixture->arena, root, 1, &value), 0);
	return schema_validate(schema, value, NULL) == 0;
}

static void
test_generated_schema(void **state)
{
	struct fixture *fixture = *state;
	struct heed_error error;
	struct heed_json document;
	struct schema *schema;
	struct heed_buf text;

	buf_init(&text, 0);
	option_schema_write(&text, rows);
	assert_int_equal(json_parse(&fixture->arena, buf_str(&text), &document, NULL), 0);
	buf_done(&text);
	if (schema_new(document, NULL, SCHEMA_STRICT, &schema, &error) != 0)
		fail_msg("%s at %s", error.text, error.where);
	assert_true(accepts(
		fixture, schema,
		"{text: a, flag: false, whole: 3, real: 0.5, wait: 1h30m, size: 1MiB, "
		"money: 2, choice: red, expr: .a, template: x, value: [1], schema: {}, "
		"shape: {a: .b}, texts: [a], headers: {a: b}, record: {count: 2}, "
		"brief: x, list: [{name: a}], map: {m: {count: 3}}, custom: []}"));
	assert_true(
		accepts(fixture, schema, "{flag: '${F}', whole: '${W}', wait: '${D}'}"));
	assert_false(accepts(fixture, schema, "{whole: 0}"));
	assert_false(accepts(fixture, schema, "{whole: '5'}"));
	assert_false(accepts(fixture, schema, "{flga: true}"));
	assert_false(accepts(fixture, schema, "{record: {cuont: 2}}"));
	assert_false(accepts(fixture, schema, "{list: [{count: 2}]}"));
	assert_false(accepts(fixture, schema, "{choice: pink}"));
	assert_false(accepts(fixture, schema, "{wait: 30}"));
	assert_false(accepts(fixture, schema, "{custom: {}}"));
	schema_free(schema);
}

static void
test_docs(void **state)
{
	struct fixture *fixture = *state;
	struct heed_buf *buf = &fixture->buf;

	option_docs_write(buf, rows, 1);
	assert_non_null(strstr(
		buf->data, "| `text` | text | `5` | A text \\| with &lt;signs>. |\n"));
	assert_non_null(strstr(buf->data,
	                       "| `choice` | one of `red`, `green`, `blue` | `green` |"));
	assert_non_null(strstr(buf->data, "| `wait` | duration, 1ms to 1d | `30s` |"));
	assert_non_null(
		strstr(buf->data, "| `list[].name` | text | required | Its name. |\n"));
	assert_non_null(
		strstr(buf->data, "| `map.NAME.count` | whole number, 1 to 10 | `3` |"));
	buf_reset(buf);
	option_docs_write(buf, rows, 0);
	assert_non_null(
		strstr(buf->data, "flag  (true or false; default true)\n    A flag.\n"));
	assert_non_null(
		strstr(buf->data, "    count  (whole number, 1 to 10; default 3)\n"));
}

/* Without memory binding says so, whichever allocation fails, and nothing leaks. */
static void
test_no_memory(void **state)
{
	const char *text =
		"text: a\nexpr: .a\ntemplate: 'x{{ .b }}'\nshape: {a: .b, c: [d]}\n"
		"map: {x: {cuont: 1}}\nreference: y\nschema: {type: object}\n";
	long n;

	(void)state;
	for (n = 0; n < 400; n++) {
		struct fixture *fixture;
		struct conf_node *root = NULL;

		(void)set_up((void **)&fixture);
		conf_problems_init(&fixture->problems, &fixture->arena);
		assert_int_equal(conf_parse(&fixture->arena, "f", str_of(text),
		                            &fixture->problems, &root),
		                 0);
		fixture->bind.root = root;
		mem_fail_after(n, 0);
		(void)bind_record(&fixture->bind, root, rows, &fixture->target);
		mem_fail_after(-1, 0);
		(void)tear_down((void **)&fixture);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_defaults),
		TEST(test_text),
		TEST(test_bool),
		TEST(test_numbers),
		TEST(test_quantities),
		TEST(test_choice),
		TEST(test_variables),
		TEST(test_expressions),
		TEST(test_late_expressions),
		TEST(test_schemas),
		TEST(test_shapes),
		TEST(test_lists),
		TEST(test_maps),
		TEST(test_all_problems),
		TEST(test_generated_schema),
		TEST(test_docs),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
