/*
 * structured.c - reads a structured answer out of a model's text.
 *
 * Lenient first: the text as it is, then without thoughts and code fences, then the first
 * balanced object or array in it that is valid. What the strict form added comes off when
 * the value is not valid as it stands: nulls for optional properties, and the wrapper
 * around a root that is no object. The schema that decides is always the user's.
 */
#include "model/structured.h"

#include <string.h>

#include "base/json.h"

#define TEXT_MAX (1024 * 1024) /* of an answer; more is not searched */
#define STARTS_MAX 64  /* braces tried, so that a hostile text costs linear time */
#define NESTING_MAX 64 /* of schemas while nulls are dropped */

struct reader {
	const struct schema *schema;
	struct arena *arena;
	struct structured_report *report;
	struct schema_report faults; /* of the first candidate that was not valid */
	bool has_candidate;
	bool candidate_is_object;
	int error; /* HEED_E_LIMIT, HEED_E_NOMEM: stop */
};

/* ---- taking off what the strict form added ----------------------------------------- */

static struct heed_json
follow(struct heed_json root, struct heed_json schema)
{
	for (int i = 0; i < NESTING_MAX; i++) {
		struct heed_str target = json_get_text(schema, "$ref");
		const struct heed_json *found;

		if (!str_starts(target, "#"))
			return schema;
		found = json_pointer(&root, str_from(target, 1));
		if (found == NULL)
			return schema;
		schema = *found;
	}
	return schema;
}

static bool
has_item(const struct heed_json *list, struct heed_json value)
{
	for (uint32_t i = 0; list != NULL && list->kind == HEED_ARRAY && i < list->len;
	     i++)
		if (json_equal(list->items[i], value))
			return true;
	return false;
}

static bool
allows_null(struct heed_json root, struct heed_json schema, int depth)
{
	static const char *const choices[] = {"anyOf", "oneOf"};
	const struct heed_json *type, *values, *constant;

	schema = follow(root, schema);
	if (schema.kind != HEED_OBJECT || depth > NESTING_MAX)
		return schema.kind != HEED_BOOL || schema.boolean;
	type = json_get(schema, "type");
	if (type != NULL && !has_item(type, json_cstr("null")) &&
	    !str_is(json_text(*type), "null"))
		return false;
	values = json_get(schema, "enum");
	if (values != NULL && !has_item(values, json_null()))
		return false;
	constant = json_get(schema, "const");
	if (constant != NULL && constant->kind != HEED_NULL)
		return false;
	for (size_t i = 0; i < 2; i++) {
		const struct heed_json *list = json_get(schema, choices[i]);
		bool any = list == NULL;

		for (uint32_t k = 0; !any && k < list->len; k++)
			any = allows_null(root, list->items[k], depth + 1);
		if (!any)
			return false;
	}
	return true;
}

/* Can `value` be meant by this branch? Told by constants, and by required members. */
static bool
branch_fits(struct heed_json root, struct heed_json branch, struct heed_json value)
{
	const struct heed_json *properties, *required;

	branch = follow(root, branch);
	properties = json_get(branch, "properties");
	required = json_get(branch, "required");
	for (uint32_t i = 0; required != NULL && i < required->len; i++)
		if (json_find(value, json_text(required->items[i])) == NULL)
			return false;
	for (uint32_t i = 0; properties != NULL && i < properties->len; i++) {
		struct heed_json property = follow(root, properties->members[i].value);
		const struct heed_json *have =
			json_find(value, properties->members[i].name);
		const struct heed_json *constant = json_get(property, "const");
		const struct heed_json *values = json_get(property, "enum");

		if (have == NULL || have->kind == HEED_NULL)
			continue;
		if (constant != NULL && !json_equal(*constant, *have))
			return false;
		if (values != NULL && !has_item(values, *have))
			return false;
	}
	return true;
}

static int drop_nulls(struct reader *reader, struct heed_json schema,
                      struct heed_json value, int depth, struct heed_json *ret_value);

static int
drop_in_object(struct reader *reader, struct heed_json schema, struct heed_json value,
               int depth, struct heed_json *ret_value)
{
	struct heed_json root = schema_document(reader->schema);
	const struct heed_json *properties = json_get(schema, "properties");
	const struct heed_json *required = json_get(schema, "required");
	struct json_build build;

	if (properties == NULL || properties->kind != HEED_OBJECT)
		return *ret_value = value, 0;
	json_object(&build, reader->arena);
	for (uint32_t i = 0; i < value.len; i++) {
		struct heed_member member = value.members[i];
		const struct heed_json *property = json_find(*properties, member.name);

		if (property == NULL) {
			json_set(&build, member.name, member.value);
			continue;
		}
		if (member.value.kind == HEED_NULL &&
		    !has_item(required, json_str(member.name)) &&
		    !allows_null(root, *property, 0)) {
			reader->report->adapted = true;
			continue;
		}
		HEED_TRY(drop_nulls(reader, *property, member.value, depth + 1,
		                    &member.value));
		json_set(&build, member.name, member.value);
	}
	return json_build_end(&build, ret_value);
}

static int
drop_in_array(struct reader *reader, struct heed_json schema, struct heed_json value,
              int depth, struct heed_json *ret_value)
{
	const struct heed_json *items = json_get(schema, "items");
	struct json_build build;

	if (items == NULL)
		return *ret_value = value, 0;
	json_array(&build, reader->arena);
	for (uint32_t i = 0; i < value.len; i++) {
		struct heed_json item;

		HEED_TRY(drop_nulls(reader, *items, value.items[i], depth + 1, &item));
		json_push(&build, item);
	}
	return json_build_end(&build, ret_value);
}

/* `value` without the nulls that stand for absent optional properties. */
static int
drop_nulls(struct reader *reader, struct heed_json schema, struct heed_json value,
           int depth, struct heed_json *ret_value)
{
	static const char *const parts[] = {"allOf", "anyOf", "oneOf"};
	struct heed_json root = schema_document(reader->schema);

	schema = follow(root, schema);
	if (depth > NESTING_MAX || schema.kind != HEED_OBJECT ||
	    (value.kind != HEED_OBJECT && value.kind != HEED_ARRAY))
		return *ret_value = value, 0;
	if (value.kind == HEED_OBJECT)
		HEED_TRY(drop_in_object(reader, schema, value, depth, &value));
	else
		HEED_TRY(drop_in_array(reader, schema, value, depth, &value));
	for (size_t i = 0; i < 3; i++) {
		const struct heed_json *list = json_get(schema, parts[i]);

		for (uint32_t k = 0; list != NULL && k < list->len; k++) {
			if (i > 0 && !branch_fits(root, list->items[k], value))
				continue;
			HEED_TRY(drop_nulls(reader, list->items[k], value, depth + 1,
			                    &value));
		}
	}
	*ret_value = value;
	return 0;
}

/* ---- trying candidates ------------------------------------------------------------- */

/* Is `value` valid, as it stands or without the nulls? */
static bool
try_value(struct reader *reader, struct heed_json value, struct schema_report *faults,
          struct heed_json *ret_answer)
{
	struct heed_json bare;
	int r;

	reader->report->adapted = false;
	r = schema_validate(reader->schema, value, faults);
	if (r == 0)
		return *ret_answer = value, true;
	if (r == HEED_E_INVALID) {
		struct heed_json document = schema_document(reader->schema);

		r = drop_nulls(reader, document, value, 0, &bare);
		if (r == 0 && reader->report->adapted) {
			faults->n = 0;
			r = schema_validate(reader->schema, bare, faults);
			if (r == 0)
				return *ret_answer = bare, true;
		}
	}
	if (r != 0 && r != HEED_E_INVALID)
		reader->error = r;
	return false;
}

static bool
try_candidate(struct reader *reader, struct heed_json value, struct heed_json *ret_answer)
{
	struct schema_report faults = {.arena = reader->arena};
	bool is_object = value.kind == HEED_OBJECT;

	if (try_value(reader, value, &faults, ret_answer))
		return true;
	if (is_object && value.len == 1 && str_is(value.members[0].name, "answer")) {
		struct schema_report inner = {.arena = reader->arena};

		if (try_value(reader, value.members[0].value, &inner, ret_answer)) {
			reader->report->adapted = true;
			return true;
		}
		if (inner.n > 0 && json_path(schema_document(reader->schema),
		                             "properties", "answer", NULL) == NULL)
			faults = inner;
	}
	if (!reader->has_candidate || (is_object && !reader->candidate_is_object)) {
		reader->faults = faults;
		reader->has_candidate = true;
		reader->candidate_is_object = is_object;
	}
	return false;
}

static bool
try_text(struct reader *reader, struct heed_str text, struct heed_json *ret_answer)
{
	struct heed_json value;
	int r;

	if (text.len == 0)
		return false;
	r = json_parse(reader->arena, text, &value, NULL);
	if (r == HEED_E_NOMEM)
		reader->error = r;
	return r == 0 && try_candidate(reader, value, ret_answer);
}

/* Length of the balanced object or array at the start of `text`, or 0. */
static size_t
balanced(struct heed_str text)
{
	bool in_string = false;
	int depth = 0;

	for (size_t i = 0; i < text.len; i++) {
		char c = text.data[i];

		if (in_string) {
			if (c == '\\')
				i++;
			else if (c == '"')
				in_string = false;
		} else if (c == '"') {
			in_string = true;
		} else if (c == '{' || c == '[') {
			depth++;
		} else if ((c == '}' || c == ']') && --depth == 0) {
			return i + 1;
		}
	}
	return 0;
}

static bool
try_inside(struct reader *reader, struct heed_str text, struct heed_json *ret_answer)
{
	size_t at = 0;

	for (int starts = 0; starts < STARTS_MAX && reader->error == 0; starts++) {
		struct heed_str rest;
		struct heed_json value;
		size_t len;

		while (at < text.len && text.data[at] != '{' && text.data[at] != '[')
			at++;
		if (at >= text.len)
			return false;
		rest = str_from(text, at);
		len = balanced(rest);
		if (len > 0 &&
		    json_parse(reader->arena, str_head(rest, len), &value, NULL) == 0) {
			if (try_candidate(reader, value, ret_answer))
				return true;
			at += len;
		} else {
			at++;
		}
	}
	return false;
}

/* ---- the text around --------------------------------------------------------------- */

/* Without a byte order mark, and without thoughts before the answer. */
static struct heed_str
skip_thoughts(struct heed_str text)
{
	static const char *const ends[] = {"</think>", "</thinking>", "</reasoning>"};

	if (str_starts(text, "\xef\xbb\xbf"))
		text = str_from(text, 3);
	text = str_trim(text);
	if (!str_starts(text, "<"))
		return text;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		struct heed_str end = str_of(ends[i]);
		size_t at = str_search(text, end);

		if (at < text.len)
			return str_trim(str_from(text, at + end.len));
	}
	return text;
}

/* What is inside a code fence that the whole text is, or else the text. */
static struct heed_str
skip_fence(struct heed_str text)
{
	struct heed_str inside;

	if (!str_starts(text, "```"))
		return text;
	inside = str_from(text, str_find(text, '\n'));
	if (str_ends(inside, "```"))
		inside.len -= 3;
	return str_trim(inside);
}

static bool
search(struct reader *reader, struct heed_str text, struct heed_json *ret_answer)
{
	struct heed_str bare = skip_thoughts(text);
	struct heed_str inside = skip_fence(bare);

	if (try_text(reader, str_trim(text), ret_answer))
		return true;
	if (reader->error != 0)
		return false;
	reader->report->lenient = true;
	if (inside.data != text.data || inside.len != text.len)
		if (try_text(reader, inside, ret_answer))
			return true;
	if (reader->error == 0 &&
	    try_inside(reader, str_head(inside, TEXT_MAX), ret_answer))
		return true;
	/* A bare word where a text from a list was wanted. */
	if (reader->error == 0 && !reader->has_candidate && inside.len > 0 &&
	    str_utf8(inside))
		return schema_validate(reader->schema, json_str(inside), NULL) == 0 &&
		       try_candidate(reader, json_str(inside), ret_answer);
	return false;
}

/* ---- the complaint ----------------------------------------------------------------- */

static int
complain(struct reader *reader)
{
	struct structured_report *report = reader->report;
	struct heed_buf buf;

	report->n_faults = reader->has_candidate ? reader->faults.n : 0;
	buf_init(&buf, 16384);
	if (!reader->has_candidate) {
		buf_adds(&buf, "Your answer held no complete JSON value.");
	} else {
		buf_adds(&buf, "Your answer does not satisfy the JSON Schema:\n");
		for (size_t i = 0; i < reader->faults.n; i++) {
			const struct schema_fault *fault = &reader->faults.faults[i];

			buf_addf(&buf, "- %.*s: %.*s\n",
			         STR_ARG(fault->at.len > 0 ? fault->at
			                                   : HEED_STR("the answer")),
			         STR_ARG(str_head_utf8(fault->text, 600)));
		}
	}
	buf_adds(&buf, "\nAnswer again with the whole corrected JSON and nothing else.");
	if (buf_error(&buf) == 0)
		report->complaint = arena_str(reader->arena, buf_str(&buf));
	buf_done(&buf);
	return report->complaint.data == NULL ? HEED_E_NOMEM : HEED_E_INVALID;
}

int
structured_read(const struct schema *schema, struct heed_str text, struct arena *arena,
                struct heed_json *ret_answer, struct structured_report *report)
{
	struct structured_report unused;
	struct reader reader = {.schema = schema, .arena = arena};

	reader.report = report != NULL ? report : &unused;
	*reader.report = (struct structured_report){.complaint = {NULL, 0}};
	if (schema == NULL) {
		struct heed_str copy = arena_str(arena, text);

		if (copy.data == NULL)
			return HEED_E_NOMEM;
		*ret_answer = json_str(copy);
		return 0;
	}
	if (search(&reader, text, ret_answer)) {
		if (ret_answer->kind == HEED_STRING) {
			struct heed_str copy = arena_str(arena, json_text(*ret_answer));

			if (copy.data == NULL)
				return HEED_E_NOMEM;
			*ret_answer = json_str(copy);
		}
		return 0;
	}
	if (reader.error != 0)
		return reader.error;
	return complain(&reader);
}
