/*
 * schema_check.c - an instance against a schema that schema.c has walked: keyword by
 * keyword, collecting what is wrong for people and models to read.
 */
#include <math.h>
#include <stdio.h>

#include "base/json.h"
#include "base/schema_local.h"

#define CHECK_DEPTH_MAX 300
#define MATCH_LIMIT 100000

struct check {
	const struct schema *schema;
	struct schema_report *report; /* NULL: only the verdict counts */
	struct heed_buf at;           /* JSON Pointer into the instance */
	int depth;
	int failure; /* HEED_E_LIMIT, HEED_E_NOMEM: the verdict is void */
};

static bool
fits(struct check *check, const struct heed_json *schema, struct heed_json value);

/* Record a fault; always false. */
static bool
fault(struct check *check, const char *keyword, const char *format, ...)
{
	struct schema_report *report = check->report;
	struct schema_fault *slot;
	struct heed_buf text;
	va_list args;

	if (report == NULL || report->n == SCHEMA_FAULTS_MAX)
		return false;
	slot = &report->faults[report->n++];
	buf_init(&text, 0);
	va_start(args, format);
	buf_addv(&text, format, args);
	va_end(args);
	slot->at = arena_str(report->arena, buf_str(&check->at));
	slot->keyword = arena_str(report->arena, str_of(keyword));
	slot->text = arena_str(report->arena, str_head_utf8(buf_str(&text), 400));
	buf_done(&text);
	return false;
}

/* Does it fit, without saying why not? */
static bool
fits_quietly(struct check *check, const struct heed_json *schema, struct heed_json value)
{
	struct schema_report *report = check->report;
	bool result;

	check->report = NULL;
	result = fits(check, schema, value);
	check->report = report;
	return result;
}

static bool
fits_at(struct check *check, const struct heed_json *schema, struct heed_str name,
        struct heed_json value)
{
	size_t len = check->at.len;
	size_t i;
	bool result;

	if (check->report != NULL) {
		buf_addc(&check->at, '/');
		for (i = 0; i < name.len; i++) {
			if (name.data[i] == '~' || name.data[i] == '/')
				buf_adds(&check->at, name.data[i] == '~' ? "~0" : "~1");
			else
				buf_addc(&check->at, name.data[i]);
		}
	}
	result = fits(check, schema, value);
	buf_cut(&check->at, len);
	return result;
}

static bool
fits_item(struct check *check, const struct heed_json *schema, uint32_t i,
          struct heed_json value)
{
	char place[16];
	int len = snprintf(place, sizeof(place), "%u", i);

	return fits_at(check, schema, (struct heed_str){place, (size_t)len}, value);
}

static bool
matches(struct check *check, struct heed_str pattern, struct heed_str text)
{
	const struct schema *schema = check->schema;
	pcre2_match_context *context = pcre2_match_context_create(NULL);
	pcre2_match_data *data = NULL;
	int r = PCRE2_ERROR_NOMEMORY;
	size_t i;

	for (i = 0; i < schema->n_patterns; i++)
		if (str_eq(schema->patterns[i].text, pattern))
			break;
	if (i < schema->n_patterns)
		data = pcre2_match_data_create_from_pattern(schema->patterns[i].code,
		                                            NULL);
	if (context != NULL && data != NULL) {
		(void)pcre2_set_match_limit(context, MATCH_LIMIT);
		r = pcre2_match(schema->patterns[i].code, (PCRE2_SPTR)text.data, text.len,
		                0, PCRE2_NO_UTF_CHECK, data, context);
	}
	pcre2_match_data_free(data);
	pcre2_match_context_free(context);
	if (r < 0 && r != PCRE2_ERROR_NOMATCH)
		check->failure = HEED_E_LIMIT;
	return r >= 0;
}

/* ---- any kind of value
 * ---------------------------------------------------------------------- */

static bool
is_type(struct heed_str type, struct heed_json value)
{
	if (str_is(type, "integer"))
		return value.kind == HEED_INT || value.kind == HEED_UINT ||
		       (value.kind == HEED_REAL && value.f64 == floor(value.f64));
	return str_is(type, json_kind_name(value));
}

static bool
check_type(struct check *check, const struct heed_json *type, struct heed_json value)
{
	struct heed_str text;
	uint32_t i;

	if (type->kind == HEED_STRING) {
		if (is_type(json_text(*type), value))
			return true;
	}
	for (i = 0; type->kind == HEED_ARRAY && i < type->len; i++)
		if (is_type(json_text(type->items[i]), value))
			return true;
	if (check->report == NULL)
		return false;
	text = json_text_of(check->report->arena, *type);
	return fault(check, "type", "must be of type %.*s, not %s", STR_ARG(text),
	             json_kind_name(value));
}

static bool
check_enum(struct check *check, const struct heed_json *values, struct heed_json value)
{
	struct heed_str text;
	uint32_t i;

	for (i = 0; i < values->len; i++)
		if (json_equal(values->items[i], value))
			return true;
	if (check->report == NULL)
		return false;
	text = json_text_of(check->report->arena, *values);
	return fault(check, "enum", "must be one of %.*s", STR_ARG(text));
}

static bool
check_const(struct check *check, const struct heed_json *wanted, struct heed_json value)
{
	struct heed_str text;

	if (json_equal(*wanted, value))
		return true;
	if (check->report == NULL)
		return false;
	text = json_text_of(check->report->arena, *wanted);
	return fault(check, "const", "must be %.*s", STR_ARG(text));
}

/* ---- numbers and strings
 * --------------------------------------------------------------------- */

static bool
is_multiple(struct heed_json value, struct heed_json of)
{
	double quotient;

	if (value.kind == HEED_INT && of.kind == HEED_INT)
		return value.i64 % of.i64 == 0;
	quotient = json_number(value) / json_number(of);
	return isfinite(quotient) &&
	       fabs(quotient - round(quotient)) <= 1e-9 * fmax(1, fabs(quotient));
}

static bool
bound(struct check *check, struct heed_json schema, struct heed_json value,
      const char *name, int sign, bool open)
{
	const struct heed_json *limit = json_get(schema, name);
	int order;

	if (limit == NULL)
		return true;
	order = json_compare(value, *limit) * sign;
	if (order < 0 || (order == 0 && !open))
		return true;
	return fault(check, name, "must be %s%s %.17g", sign > 0 ? "at most" : "at least",
	             open ? " (and not equal to)" : "", json_number(*limit));
}

static bool
check_number(struct check *check, struct heed_json schema, struct heed_json value)
{
	const struct heed_json *multiple = json_get(schema, "multipleOf");
	bool ok = bound(check, schema, value, "maximum", 1, false);

	ok = bound(check, schema, value, "minimum", -1, false) && ok;
	ok = bound(check, schema, value, "exclusiveMaximum", 1, true) && ok;
	ok = bound(check, schema, value, "exclusiveMinimum", -1, true) && ok;
	if (multiple != NULL && !is_multiple(value, *multiple))
		ok = fault(check, "multipleOf", "must be a multiple of %.17g",
		           json_number(*multiple));
	return ok;
}

/* The number that `name` bounds a count by; false when the count breaks it. */
static bool
count(struct check *check, struct heed_json schema, const char *name, bool least,
      uint64_t n, const char *what)
{
	const struct heed_json *limit = json_get(schema, name);

	if (limit == NULL)
		return true;
	if (least ? (double)n >= json_number(*limit) : (double)n <= json_number(*limit))
		return true;
	return fault(check, name, "must have at %s %.17g %s, has %llu",
	             least ? "least" : "most", json_number(*limit), what,
	             (unsigned long long)n);
}

static bool
check_string(struct check *check, struct heed_json schema, struct heed_json value)
{
	const struct heed_json *pattern = json_get(schema, "pattern");
	uint64_t characters = 0;
	bool ok;
	uint32_t i;

	for (i = 0; i < value.len; i++)
		characters += ((unsigned char)value.text[i] & 0xc0) != 0x80;
	ok = count(check, schema, "maxLength", false, characters, "characters");
	ok = count(check, schema, "minLength", true, characters, "characters") && ok;
	if (pattern != NULL && !matches(check, json_text(*pattern), json_text(value)))
		ok = fault(check, "pattern", "must match %.*s",
		           STR_ARG(json_text(*pattern)));
	return ok;
}

/* ---- arrays
 * ------------------------------------------------------------------------------- */

static bool
is_unique(struct heed_json value)
{
	uint32_t i;
	uint32_t j;

	for (i = 0; i < value.len; i++)
		for (j = 0; j < i; j++)
			if (json_equal(value.items[i], value.items[j]))
				return false;
	return true;
}

static bool
check_contains(struct check *check, struct heed_json schema, struct heed_json value)
{
	const struct heed_json *contains = json_get(schema, "contains");
	uint64_t n = 0;
	uint32_t i;
	bool ok = true;

	if (contains == NULL)
		return true;
	for (i = 0; i < value.len; i++)
		n += fits_quietly(check, contains, value.items[i]);
	if (json_get(schema, "minContains") != NULL)
		ok = count(check, schema, "minContains", true, n, "matching items");
	else if (n == 0)
		ok = fault(check, "contains", "must have an item that fits");
	return count(check, schema, "maxContains", false, n, "matching items") && ok;
}

static bool
check_array(struct check *check, struct heed_json schema, struct heed_json value)
{
	const struct heed_json *prefix = json_get(schema, "prefixItems");
	const struct heed_json *items = json_get(schema, "items");
	uint32_t n_prefix = prefix != NULL ? prefix->len : 0;
	bool ok = count(check, schema, "maxItems", false, value.len, "items");
	uint32_t i;

	ok = count(check, schema, "minItems", true, value.len, "items") && ok;
	if (json_get_bool(schema, "uniqueItems", false) && !is_unique(value))
		ok = fault(check, "uniqueItems", "must not have equal items");
	for (i = 0; i < value.len; i++) {
		if (i < n_prefix)
			ok = fits_item(check, &prefix->items[i], i, value.items[i]) && ok;
		else if (items != NULL)
			ok = fits_item(check, items, i, value.items[i]) && ok;
	}
	return check_contains(check, schema, value) && ok;
}

/* ---- objects
 * ------------------------------------------------------------------------------ */

static bool
check_required(struct check *check, const char *keyword, const struct heed_json *names,
               struct heed_json value)
{
	bool ok = true;
	uint32_t i;

	for (i = 0; names != NULL && i < names->len; i++)
		if (json_find(value, json_text(names->items[i])) == NULL)
			ok = fault(check, keyword, "is missing \"%.*s\"",
			           STR_ARG(json_text(names->items[i])));
	return ok;
}

static bool
check_dependent(struct check *check, struct heed_json schema, struct heed_json value)
{
	const struct heed_json *required = json_get(schema, "dependentRequired");
	const struct heed_json *schemas = json_get(schema, "dependentSchemas");
	bool ok = true;
	uint32_t i;

	for (i = 0; required != NULL && i < required->len; i++)
		if (json_find(value, required->members[i].name) != NULL)
			ok = check_required(check, "dependentRequired",
			                    &required->members[i].value, value) &&
			     ok;
	for (i = 0; schemas != NULL && i < schemas->len; i++)
		if (json_find(value, schemas->members[i].name) != NULL)
			ok = fits(check, &schemas->members[i].value, value) && ok;
	return ok;
}

static bool
check_member(struct check *check, struct heed_json schema,
             const struct heed_member *member)
{
	const struct heed_json *properties = json_get(schema, "properties");
	const struct heed_json *patterns = json_get(schema, "patternProperties");
	const struct heed_json *others = json_get(schema, "additionalProperties");
	const struct heed_json *own =
		properties != NULL ? json_find(*properties, member->name) : NULL;
	bool known = own != NULL;
	bool ok = own == NULL || fits_at(check, own, member->name, member->value);
	uint32_t i;

	for (i = 0; patterns != NULL && i < patterns->len; i++) {
		if (!matches(check, patterns->members[i].name, member->name))
			continue;
		known = true;
		ok = fits_at(check, &patterns->members[i].value, member->name,
		             member->value) &&
		     ok;
	}
	if (known || others == NULL)
		return ok;
	if (others->kind == HEED_BOOL && !others->boolean)
		return fault(check, "additionalProperties", "must not have \"%.*s\"",
		             STR_ARG(str_head_utf8(member->name, 100)));
	return fits_at(check, others, member->name, member->value) && ok;
}

static bool
check_object(struct check *check, struct heed_json schema, struct heed_json value)
{
	const struct heed_json *names = json_get(schema, "propertyNames");
	bool ok = count(check, schema, "maxProperties", false, value.len, "members");
	uint32_t i;

	ok = count(check, schema, "minProperties", true, value.len, "members") && ok;
	ok = check_required(check, "required", json_get(schema, "required"), value) && ok;
	ok = check_dependent(check, schema, value) && ok;
	for (i = 0; i < value.len; i++) {
		if (names != NULL &&
		    !fits_quietly(check, names, json_str(value.members[i].name)))
			ok = fault(check, "propertyNames",
			           "the name \"%.*s\" is not allowed",
			           STR_ARG(str_head_utf8(value.members[i].name, 100)));
		ok = check_member(check, schema, &value.members[i]) && ok;
	}
	return ok;
}

/* ---- combinations
 * ------------------------------------------------------------------------- */

static bool
check_some(struct check *check, const char *name, const struct heed_json *list,
           struct heed_json value)
{
	uint32_t n = 0;
	uint32_t i;

	if (list == NULL)
		return true;
	for (i = 0; i < list->len; i++)
		n += fits_quietly(check, &list->items[i], value);
	if (name[0] == 'a' ? n > 0 : n == 1)
		return true;
	if (n > 1)
		return fault(check, name,
		             "fits %u of the alternatives, must fit exactly one", n);
	if (list->len == 1)
		return fits(check, &list->items[0], value);
	return fault(check, name, "fits none of the %u alternatives", list->len);
}

static bool
check_combined(struct check *check, struct heed_json schema, struct heed_json value)
{
	const struct heed_json *all = json_get(schema, "allOf");
	const struct heed_json *not_this = json_get(schema, "not");
	const struct heed_json *condition = json_get(schema, "if");
	const struct heed_json *branch = NULL;
	bool ok = true;
	uint32_t i;

	for (i = 0; all != NULL && i < all->len; i++)
		ok = fits(check, &all->items[i], value) && ok;
	ok = check_some(check, "anyOf", json_get(schema, "anyOf"), value) && ok;
	ok = check_some(check, "oneOf", json_get(schema, "oneOf"), value) && ok;
	if (not_this != NULL && fits_quietly(check, not_this, value))
		ok = fault(check, "not", "is what it must not be");
	if (condition != NULL)
		branch = json_get(schema, fits_quietly(check, condition, value) ? "then"
		                                                                : "else");
	return (branch == NULL || fits(check, branch, value)) && ok;
}

static bool
check_kind(struct check *check, struct heed_json schema, struct heed_json value)
{
	switch (value.kind) {
	case HEED_INT:
	case HEED_UINT:
	case HEED_REAL:
		return check_number(check, schema, value);
	case HEED_STRING:
		return check_string(check, schema, value);
	case HEED_ARRAY:
		return check_array(check, schema, value);
	case HEED_OBJECT:
		return check_object(check, schema, value);
	default:
		return true;
	}
}

static bool
check_keywords(struct check *check, struct heed_json schema, struct heed_json value)
{
	const struct heed_json *type = json_get(schema, "type");
	const struct heed_json *values = json_get(schema, "enum");
	const struct heed_json *one = json_get(schema, "const");
	const struct heed_json *ref = json_get(schema, "$ref");
	bool ok = type == NULL || check_type(check, type, value);

	ok = (values == NULL || check_enum(check, values, value)) && ok;
	ok = (one == NULL || check_const(check, one, value)) && ok;
	ok = (ref == NULL ||
	      fits(check, schema_resolve(check->schema, json_text(*ref)), value)) &&
	     ok;
	ok = check_kind(check, schema, value) && ok;
	return check_combined(check, schema, value) && ok;
}

static bool
fits(struct check *check, const struct heed_json *schema, struct heed_json value)
{
	bool ok;

	if (schema->kind == HEED_BOOL)
		return schema->boolean || fault(check, "false", "must not be here");
	if (check->depth >= CHECK_DEPTH_MAX) {
		check->failure = HEED_E_LIMIT;
		return false;
	}
	check->depth++;
	ok = check_keywords(check, *schema, value);
	check->depth--;
	return ok;
}

int
schema_validate(const struct schema *schema, struct heed_json instance,
                struct schema_report *report)
{
	struct check check = {.schema = schema, .report = report};
	bool ok;

	if (report != NULL)
		report->n = 0;
	buf_init(&check.at, 0);
	ok = fits(&check, &schema->document, instance);
	buf_done(&check.at);
	if (check.failure != 0)
		return check.failure;
	return ok ? 0 : HEED_E_INVALID;
}
