/*
 * pg_value.c - see pg_value.h.
 */
#include "action/pg_value.h"

#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/str.h"

/* Types that never change their numbers (catalog/pg_type.dat). */
enum {
	PG_BOOL = 16,
	PG_INT8 = 20,
	PG_INT2 = 21,
	PG_INT4 = 23,
	PG_OID = 26,
	PG_JSON = 114,
	PG_FLOAT4 = 700,
	PG_FLOAT8 = 701,
	PG_NUMERIC = 1700,
	PG_JSONB = 3802,
};

static Oid
type_of(struct heed_json value)
{
	switch (value.kind) {
	case HEED_BOOL:
		return PG_BOOL;
	case HEED_INT:
		return value.i64 >= INT16_MIN && value.i64 <= INT16_MAX   ? PG_INT2
		       : value.i64 >= INT32_MIN && value.i64 <= INT32_MAX ? PG_INT4
		                                                          : PG_INT8;
	case HEED_UINT:
		return PG_NUMERIC;
	case HEED_REAL:
		return PG_FLOAT8;
	case HEED_ARRAY:
	case HEED_OBJECT:
		return PG_JSONB;
	default:
		return 0;
	}
}

static int
parameter(struct arena *arena, struct heed_str name, struct heed_json value,
          const char **ret_text, struct heed_error *error)
{
	struct heed_str text =
		value.kind == HEED_STRING ? json_text(value) : json_text_of(arena, value);

	if (value.kind == HEED_NULL) {
		*ret_text = NULL;
		return 0;
	}
	if (text.len > 0 && memchr(text.data, '\0', text.len) != NULL)
		return error_set(
			error, HEED_E_PERMANENT,
			"the text for :%.*s holds a NUL, which PostgreSQL cannot "
			"keep",
			STR_ARG(name));
	*ret_text = arena_cstr(arena, text);
	return *ret_text == NULL ? error_nomem(error) : 0;
}

int
pg_parameters(struct arena *arena, const struct sql_text *sql, struct heed_json values,
              struct pg_parameters *ret_parameters, struct heed_error *error)
{
	Oid *types = ARENA_ARRAY(arena, Oid, sql->n_names + 1);
	const char **texts = ARENA_ARRAY(arena, const char *, sql->n_names + 1);
	size_t i;

	if (types == NULL || texts == NULL)
		return error_nomem(error);
	for (i = 0; i < sql->n_names; i++) {
		const struct heed_json *value = json_find(values, sql->names[i]);

		if (value == NULL)
			return error_set(error, HEED_E_PERMANENT, "no value for :%.*s",
			                 STR_ARG(sql->names[i]));
		types[i] = type_of(*value);
		HEED_TRY(parameter(arena, sql->names[i], *value, &texts[i], error));
	}
	*ret_parameters = (struct pg_parameters){(int)sql->n_names, types, texts};
	return 0;
}

/* A number, or a text where JSON has none (NaN, Infinity). */
static struct heed_json
number(struct heed_str text)
{
	int64_t whole;
	double real;

	if (str_to_i64(text, &whole) == 0)
		return json_int(whole);
	if (str_to_double(text, &real) == 0)
		return json_real(real);
	return json_str(text);
}

int
pg_cell(struct arena *arena, const PGresult *result, int row, int column,
        struct heed_json *ret_value)
{
	struct heed_str text;

	if (PQgetisnull(result, row, column)) {
		*ret_value = json_null();
		return 0;
	}
	text = arena_str(arena,
	                 (struct heed_str){PQgetvalue(result, row, column),
	                                   (size_t)PQgetlength(result, row, column)});
	if (text.data == NULL)
		return HEED_E_NOMEM;
	*ret_value = json_str(text);
	switch (PQftype(result, column)) {
	case PG_BOOL:
		*ret_value = json_bool(str_is(text, "t"));
		break;
	case PG_INT2:
	case PG_INT4:
	case PG_INT8:
	case PG_OID:
	case PG_FLOAT4:
	case PG_FLOAT8:
	case PG_NUMERIC:
		*ret_value = number(text);
		break;
	case PG_JSON:
	case PG_JSONB:
		if (json_parse(arena, text, ret_value, NULL) < 0)
			*ret_value = json_str(text);
		break;
	default:
		break;
	}
	return 0;
}
