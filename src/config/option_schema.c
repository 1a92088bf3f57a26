/*
 * option_schema.c - the JSON Schema (2020-12) of option rows, for editors and for checks
 * before a file reaches heed.
 *
 * It says what bind_record says, but for what a schema cannot know: references,
 * expressions, the sums of durations against bounds. A scalar that is no text may also be
 * a text with
 * ${...}, which is only known at run time.
 */
#include "base/arena.h"
#include "base/json.h"
#include "config/bind_local.h"

/* Tables may refer to themselves; deeper than this anything goes. */
#define DEPTH_MAX 12

#define REFERENCE_TEXT "{\"type\":\"string\",\"pattern\":\"\\\\$\\\\{\"}"

static void write_record(struct heed_buf *buf, const struct option *rows, int depth);

static void
write_names(struct heed_buf *buf, const char *const *names)
{
	size_t i;

	buf_addc(buf, '[');
	for (i = 0; names[i] != NULL; i++) {
		if (i > 0)
			buf_addc(buf, ',');
		json_write_string(buf, str_of(names[i]));
	}
	buf_addc(buf, ']');
}

static void
write_bounds(struct heed_buf *buf, const struct option *row)
{
	if (row->kind == OPTION_MONEY && !option_has_bounds(row))
		buf_adds(buf, ",\"minimum\":0");
	if (!option_has_bounds(row))
		return;
	buf_addf(buf, ",\"minimum\":%.17g", row->min);
	if (option_has_max(row))
		buf_addf(buf, ",\"maximum\":%.17g", row->max);
}

/* A number, a truth value or a choice; or ${...}. */
static void
write_plain(struct heed_buf *buf, const struct option *row, int depth)
{
	buf_adds(buf, ",\"anyOf\":[{");
	switch (row->kind) {
	case OPTION_BOOL:
		buf_adds(buf, "\"type\":\"boolean\"");
		break;
	case OPTION_INT:
		buf_adds(buf, "\"type\":\"integer\"");
		write_bounds(buf, row);
		break;
	case OPTION_ENUM:
		buf_adds(buf, "\"enum\":");
		write_names(buf, row->names);
		break;
	default:
		buf_adds(buf, "\"type\":\"number\"");
		write_bounds(buf, row);
		break;
	}
	buf_adds(buf, "}," REFERENCE_TEXT "]");
}

static void
write_quantity(struct heed_buf *buf, const struct option *row, int depth)
{
	if (row->kind == OPTION_DURATION) {
		buf_adds(buf,
		         ",\"anyOf\":[{\"const\":0},{\"type\":\"string\",\"pattern\":"
		         "\"^(0|([0-9.]+(ms|s|m|h|d))+)$\"}," REFERENCE_TEXT "]");
		return;
	}
	buf_adds(buf, ",\"anyOf\":[{\"type\":\"integer\"");
	if (option_has_bounds(row))
		write_bounds(buf, row);
	else
		buf_adds(buf, ",\"minimum\":0");
	buf_adds(buf, "},{\"type\":\"string\",\"pattern\":\"^[0-9.]+(B|[KMG]i?B)?$\"}"
	              "," REFERENCE_TEXT "]");
}

static void
write_text(struct heed_buf *buf, const struct option *row, int depth)
{
	buf_adds(buf, ",\"type\":\"string\"");
	if (row->flags & OPTION_NONEMPTY)
		buf_adds(buf, ",\"minLength\":1");
}

static void
write_texts(struct heed_buf *buf, const struct option *row, int depth)
{
	const char *least = row->flags & OPTION_NONEMPTY ? ",\"minLength\":1" : "";

	buf_addf(buf,
	         ",\"anyOf\":[{\"type\":\"string\"%s},{\"type\":\"array\","
	         "\"items\":{\"type\":\"string\"%s}%s}]",
	         least, least,
	         row->flags & (OPTION_NONEMPTY | OPTION_REQUIRED) ? ",\"minItems\":1"
	                                                          : "");
}

static void write_row(struct heed_buf *buf, const struct option *row, int depth);

/* A record, or what its first option takes. */
static void
write_part(struct heed_buf *buf, const struct option *row, int depth)
{
	if (!(row->flags & OPTION_SCALAR_SHORT)) {
		write_record(buf, row->rows, depth + 1);
		return;
	}
	buf_adds(buf, "{\"anyOf\":[");
	write_record(buf, row->rows, depth + 1);
	buf_addc(buf, ',');
	write_row(buf, &row->rows[0], depth + 1);
	buf_adds(buf, "]}");
}

static void
write_elements(struct heed_buf *buf, const struct option *row, int depth)
{
	bool list = row->kind == OPTION_LIST;

	buf_addf(buf, ",\"type\":\"%s\"", list ? "array" : "object");
	if (row->flags & OPTION_NONEMPTY)
		buf_addf(buf, ",\"min%s\":1", list ? "Items" : "Properties");
	buf_addf(buf, ",\"%s\":", list ? "items" : "additionalProperties");
	write_part(buf, row, depth);
}

static void
write_custom(struct heed_buf *buf, const struct option *row, int depth)
{
	if (row->schema != NULL) {
		buf_adds(buf, ",\"allOf\":[");
		row->schema(buf);
		buf_addc(buf, ']');
		return;
	}
	if (row->names != NULL && row->names[0] != NULL) {
		buf_adds(buf, ",\"type\":");
		write_names(buf, row->names);
	}
	if (row->rows == NULL)
		return;
	if (row->flags & OPTION_NAMED) {
		buf_adds(buf, ",\"additionalProperties\":");
		write_record(buf, row->rows, depth + 1);
		return;
	}
	/* The other types that `names` may allow are not bound by what a mapping holds.
	 */
	buf_adds(buf, ",\"if\":{\"type\":\"object\"},\"then\":");
	write_record(buf, row->rows, depth + 1);
}

static void
write_expr(struct heed_buf *buf, const struct option *row, int depth)
{
	buf_adds(buf, ",\"type\":[\"string\",\"number\",\"boolean\"]");
}

static void
write_schema(struct heed_buf *buf, const struct option *row, int depth)
{
	buf_adds(buf, ",\"type\":[\"object\",\"boolean\"]");
}

static void
write_headers(struct heed_buf *buf, const struct option *row, int depth)
{
	buf_adds(buf,
	         ",\"type\":\"object\",\"additionalProperties\":{\"type\":\"string\"}");
}

static void
write_nested(struct heed_buf *buf, const struct option *row, int depth)
{
	buf_adds(buf, ",\"allOf\":[");
	write_part(buf, row, depth);
	buf_addc(buf, ']');
}

/* By kind; NULL for what takes any value. */
static void (*const writers[])(struct heed_buf *buf, const struct option *row,
                               int depth) = {
	[OPTION_TEXT] = write_text,     [OPTION_SECRET] = write_text,
	[OPTION_BOOL] = write_plain,    [OPTION_INT] = write_plain,
	[OPTION_REAL] = write_plain,    [OPTION_DURATION] = write_quantity,
	[OPTION_SIZE] = write_quantity, [OPTION_MONEY] = write_plain,
	[OPTION_ENUM] = write_plain,    [OPTION_EXPR] = write_expr,
	[OPTION_TEMPLATE] = write_text, [OPTION_VALUE] = NULL,
	[OPTION_SCHEMA] = write_schema, [OPTION_SHAPE] = NULL,
	[OPTION_TEXTS] = write_texts,   [OPTION_HEADERS] = write_headers,
	[OPTION_RECORD] = write_nested, [OPTION_LIST] = write_elements,
	[OPTION_MAP] = write_elements,  [OPTION_CUSTOM] = write_custom,
};

static void
write_default(struct heed_buf *buf, const struct option *row)
{
	struct conf_problems problems;
	const struct conf_node *node;
	struct heed_json value;
	struct arena arena;

	if (row->fallback == NULL)
		return;
	arena_init(&arena, 0);
	conf_problems_init(&problems, &arena);
	node = option_fallback(&arena, &problems, row);
	if (node != NULL && conf_json(&arena, node, 0, &value) == 0) {
		buf_adds(buf, ",\"default\":");
		json_write(buf, value, JSON_COMPACT);
	}
	arena_done(&arena);
}

static void
write_row(struct heed_buf *buf, const struct option *row, int depth)
{
	buf_adds(buf, "{\"description\":");
	json_write_string(buf, str_of(row->help != NULL ? row->help : ""));
	write_default(buf, row);
	if (writers[row->kind] != NULL)
		writers[row->kind](buf, row, depth);
	buf_addc(buf, '}');
}

static void
write_required(struct heed_buf *buf, const struct option *rows)
{
	bool first = true;

	for (; rows->kind != OPTION_END; rows++) {
		if (!(rows->flags & OPTION_REQUIRED))
			continue;
		buf_adds(buf, first ? ",\"required\":[" : ",");
		json_write_string(buf, str_of(rows->name));
		first = false;
	}
	if (!first)
		buf_addc(buf, ']');
}

static void
write_properties(struct heed_buf *buf, const struct option *rows, int depth)
{
	const struct option *row;

	for (row = rows; row->kind != OPTION_END; row++) {
		if (row != rows)
			buf_addc(buf, ',');
		json_write_string(buf, str_of(row->name));
		buf_addc(buf, ':');
		write_row(buf, row, depth);
	}
}

/* What stands between the braces of a record's schema. */
static void
write_members(struct heed_buf *buf, const struct option *rows, int depth)
{
	buf_adds(buf,
	         "\"type\":\"object\",\"additionalProperties\":false,\"properties\":{");
	write_properties(buf, rows, depth);
	buf_addc(buf, '}');
	write_required(buf, rows);
}

static void
write_record(struct heed_buf *buf, const struct option *rows, int depth)
{
	buf_addc(buf, '{');
	if (depth < DEPTH_MAX)
		write_members(buf, rows, depth);
	buf_addc(buf, '}');
}

void
option_schema_write(struct heed_buf *buf, const struct option *rows)
{
	buf_adds(buf, "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",");
	write_members(buf, rows, 0);
	buf_addc(buf, '}');
}

/* Each kind where its name stands: a mistake is then told of the kind that was meant. */
void
option_schema_kinds(struct heed_buf *buf, const struct option_type *kinds, size_t n)
{
	size_t i;

	buf_adds(buf, "{\"type\":\"object\",\"required\":[\"type\"],"
	              "\"properties\":{\"type\":{\"enum\":[");
	for (i = 0; i < n; i++)
		buf_addf(buf, "%s\"%s\"", i > 0 ? "," : "", kinds[i].name);
	buf_adds(buf, "]}},\"allOf\":[");
	for (i = 0; i < n; i++) {
		buf_addf(buf,
		         "%s{\"if\":{\"required\":[\"type\"],\"properties\":{\"type\":{"
		         "\"const\":\"%s\"}}},"
		         "\"then\":{\"additionalProperties\":false,"
		         "\"properties\":{\"type\":{\"description\":",
		         i > 0 ? "," : "", kinds[i].name);
		json_write_string(buf, str_of(kinds[i].help));
		buf_adds(buf, "},");
		write_properties(buf, kinds[i].rows, 1);
		buf_addc(buf, '}');
		write_required(buf, kinds[i].rows);
		buf_adds(buf, "}}");
	}
	buf_adds(buf, "]}");
}

void
option_schema_choice(struct heed_buf *buf, const struct option_type *kinds, size_t n,
                     const struct option *rows)
{
	size_t i;

	buf_adds(buf, "{\"type\":\"object\",\"additionalProperties\":false,"
	              "\"properties\":{");
	for (i = 0; i < n; i++) {
		buf_addf(buf, "%s\"%s\":{\"description\":", i > 0 ? "," : "",
		         kinds[i].name);
		json_write_string(buf, str_of(kinds[i].help));
		buf_addc(buf, ',');
		write_members(buf, kinds[i].rows, 1);
		buf_addc(buf, '}');
	}
	if (rows != NULL) {
		buf_addc(buf, ',');
		write_properties(buf, rows, 1);
	}
	buf_adds(buf, "},\"oneOf\":[");
	for (i = 0; i < n; i++)
		buf_addf(buf, "%s{\"required\":[\"%s\"]}", i > 0 ? "," : "",
		         kinds[i].name);
	buf_adds(buf, "]}");
}
