/*
 * expr_words.c - jq's complaints about a program, in words for people.
 *
 * jq says "syntax error, unexpected IDENT" and "lenght/0 is not defined". Whoever wrote
 * the expression wants to see the word at the place, and the name that was meant.
 */
#include "base/error.h"
#include "base/expr_impl.h"
#include "base/expr_write.h"

/* The functions of jq 1.6 that expressions may use, and its keywords. */
static const char *const names[] = {
	"IN",
	"INDEX",
	"JOIN",
	"acos",
	"acosh",
	"add",
	"all",
	"and",
	"any",
	"arrays",
	"as",
	"ascii",
	"ascii_downcase",
	"ascii_upcase",
	"asin",
	"asinh",
	"atan",
	"atan2",
	"atanh",
	"booleans",
	"break",
	"bsearch",
	"builtins",
	"capture",
	"catch",
	"cbrt",
	"ceil",
	"combinations",
	"contains",
	"copysign",
	"cos",
	"cosh",
	"def",
	"del",
	"delpaths",
	"elif",
	"else",
	"empty",
	"end",
	"endswith",
	"error",
	"exp",
	"exp10",
	"exp2",
	"explode",
	"fabs",
	"finites",
	"first",
	"flatten",
	"floor",
	"fmax",
	"fmin",
	"fmod",
	"foreach",
	"format",
	"from_entries",
	"fromdate",
	"fromdateiso8601",
	"fromjson",
	"fromstream",
	"getpath",
	"gmtime",
	"group_by",
	"gsub",
	"has",
	"if",
	"implode",
	"in",
	"index",
	"indices",
	"infinite",
	"inside",
	"isempty",
	"isfinite",
	"isinfinite",
	"isnan",
	"isnormal",
	"iterables",
	"join",
	"keys",
	"keys_unsorted",
	"label",
	"last",
	"leaf_paths",
	"length",
	"limit",
	"log",
	"log10",
	"log2",
	"ltrimstr",
	"map",
	"map_values",
	"match",
	"max",
	"max_by",
	"min",
	"min_by",
	"mktime",
	"nan",
	"not",
	"nth",
	"nulls",
	"numbers",
	"objects",
	"or",
	"path",
	"paths",
	"pow",
	"range",
	"recurse",
	"reduce",
	"repeat",
	"reverse",
	"rindex",
	"round",
	"rtrimstr",
	"scalars",
	"scan",
	"select",
	"setpath",
	"sin",
	"sort",
	"sort_by",
	"split",
	"splits",
	"sqrt",
	"startswith",
	"strftime",
	"strings",
	"strptime",
	"sub",
	"tan",
	"test",
	"then",
	"to_entries",
	"todate",
	"todateiso8601",
	"tojson",
	"tonumber",
	"tostream",
	"tostring",
	"transpose",
	"trunc",
	"try",
	"type",
	"unique",
	"unique_by",
	"until",
	"utf8bytelength",
	"values",
	"walk",
	"while",
	"with_entries",
};

#define N_NAMES (sizeof(names) / sizeof(names[0]))

/* The token that stands at byte `at` of the text; {NULL, 0} at the end. */
static struct heed_str
token_at(const struct expr *expr, size_t at)
{
	const struct tokens *tokens = &expr->set->tokens;

	for (size_t i = 0; i < tokens->n; i++)
		if (tokens->at[i].at == at)
			return (struct heed_str){expr->whole.data + at,
			                         tokens->at[i].len};
	return (struct heed_str){NULL, 0};
}

static int
bad_syntax(const struct expr *expr, size_t at, struct heed_error *error)
{
	struct heed_str token = token_at(expr, at);
	const char *near;

	if (token.len == 0)
		return expr_fail(error, expr->whole, at,
		                 "the expression ends before it is complete");
	(void)expr_fail(error, expr->whole, at, "\"%.*s\" can't stand here",
	                STR_ARG(str_head_utf8(token, 40)));
	near = error_nearest(token, names, N_NAMES);
	if (near != NULL && !str_is(token, near))
		error_hint(error, "did you mean \"%s\"?", near);
	return HEED_E_CONFIG;
}

/* "name/2 is not defined" */
static int
not_defined(const struct expr *expr, size_t at, struct heed_str text,
            struct heed_error *error)
{
	struct heed_str name = str_head(text, str_find(text, '/'));
	int64_t arguments = 0;
	const char *near;

	text = str_from(text, name.len + 1);
	(void)str_to_i64(str_head(text, str_find(text, ' ')), &arguments);
	near = error_nearest(name, names, N_NAMES);
	if (near != NULL && str_is(name, near)) {
		(void)expr_fail(error, expr->whole, at,
		                "there is no \"%.*s\" with %lld argument%s",
		                STR_ARG(name), (long long)arguments,
		                arguments == 1 ? "" : "s");
		error_hint(error, "arguments are separated by \";\"");
		return HEED_E_CONFIG;
	}
	(void)expr_fail(error, expr->whole, at, "there is no function \"%.*s\"",
	                STR_ARG(name));
	if (near != NULL)
		error_hint(error, "did you mean \"%s\"?", near);
	return HEED_E_CONFIG;
}

int
expr_words(const struct expr *expr, size_t at, struct heed_str text,
           struct heed_error *error)
{
	static const char label[] = "$*label-";

	if (str_starts(text, "syntax error"))
		return bad_syntax(expr, at, error);
	if (str_starts(text, label)) {
		text = str_from(text, sizeof(label) - 1);
		return expr_fail(error, expr->whole, at, "there is no label $%.*s",
		                 STR_ARG(str_head(text, str_find(text, ' '))));
	}
	if (str_ends(text, " is not defined") && text.data[0] != '$' &&
	    str_find(text, '/') < text.len)
		return not_defined(expr, at, text, error);
	return expr_fail(error, expr->whole, at, "%.*s", STR_ARG(text));
}
