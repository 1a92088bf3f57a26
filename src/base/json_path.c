/*
 * json_path.c - jq's paths, parsed into steps and followed.
 */
#include "base/json_path.h"

#include <string.h>

#include "base/error.h"
#include "base/expr_impl.h"
#include "base/json.h"
#include "base/mem.h"

enum step_kind { STEP_NAME, STEP_INDEX, STEP_EACH, STEP_DEEP };

struct place_step {
	enum step_kind kind;
	struct heed_str name;
	int64_t index;
};

struct json_paths {
	struct place_step *steps;
	size_t n;
};

/* ---- parse ------------------------------------------------------------------------- */

struct parser {
	struct arena *arena;
	struct heed_str text;
	struct tokens tokens;
	size_t at;
	struct json_paths *paths;
	struct heed_error *error;
};

static int
refuse(struct parser *parser)
{
	(void)expr_fail(parser->error, parser->text, parser->tokens.at[parser->at].at,
	                "a path is made of names, [index], [] and ..");
	error_hint(parser->error, "such as .event.data.items[].name");
	return HEED_E_CONFIG;
}

static uint8_t
peek(const struct parser *parser, size_t ahead)
{
	size_t at = parser->at + ahead;

	return at < parser->tokens.n ? parser->tokens.at[at].kind : T_END;
}

static struct heed_str
token_text(const struct parser *parser, size_t ahead)
{
	const struct token *token = &parser->tokens.at[parser->at + ahead];

	return (struct heed_str){parser->text.data + token->at, token->len};
}

static void
add(struct parser *parser, struct place_step step, size_t tokens)
{
	parser->paths->steps[parser->paths->n++] = step;
	parser->at += tokens;
}

/* A string without interpolation: its JSON text is the same. */
static int
string_name(struct parser *parser, size_t ahead, struct heed_str *ret_name,
            size_t *ret_tokens)
{
	struct heed_json value;
	struct heed_buf buf;
	size_t n = ahead + 1;
	int r;

	buf_init(&buf, 0);
	buf_addc(&buf, '"');
	for (; peek(parser, n) == T_TEXT; n++)
		buf_add(&buf, token_text(parser, n));
	buf_addc(&buf, '"');
	r = buf_error(&buf) != 0 ? HEED_E_NOMEM
	                         : json_parse(parser->arena, buf_str(&buf), &value, NULL);
	buf_done(&buf);
	if (r == HEED_E_NOMEM)
		return error_nomem(parser->error);
	if (r < 0 || peek(parser, n) != T_UNQUOTE)
		return refuse(parser);
	*ret_name = json_text(value);
	*ret_tokens = n + 1;
	return 0;
}

/* At "[": [], [n], [-n] or ["name"]. */
static int
bracket(struct parser *parser)
{
	struct place_step step = {.kind = STEP_EACH};
	size_t tokens = 2, minus = peek(parser, 1) == '-';

	if (peek(parser, 1) == ']') {
		add(parser, step, tokens);
		return 0;
	}
	if (peek(parser, 1) == T_QUOTE) {
		step.kind = STEP_NAME;
		HEED_TRY(string_name(parser, 1, &step.name, &tokens));
	} else if (peek(parser, 1 + minus) == T_NUMBER) {
		step.kind = STEP_INDEX;
		if (str_to_i64(token_text(parser, 1 + minus), &step.index) < 0)
			return refuse(parser);
		step.index = minus ? -step.index : step.index;
		tokens = 2 + minus;
	}
	if (step.kind == STEP_EACH || peek(parser, tokens) != ']')
		return refuse(parser);
	add(parser, step, tokens + 1);
	return 0;
}

static int
parse_step(struct parser *parser)
{
	struct place_step step = {.kind = STEP_NAME};
	size_t tokens = 0;

	switch (peek(parser, 0)) {
	case T_FIELD:
		step.name = str_from(token_text(parser, 0), 1);
		add(parser, step, 1);
		return 0;
	case T_RECURSE:
		step.kind = STEP_DEEP;
		add(parser, step, 1);
		return 0;
	case '[':
		return bracket(parser);
	case '.':
		if (peek(parser, 1) == T_QUOTE) {
			HEED_TRY(string_name(parser, 1, &step.name, &tokens));
			add(parser, step, tokens);
			return 0;
		}
		/* fall through */
	case '?':
		parser->at++;
		return 0;
	default:
		return refuse(parser);
	}
}

/* Steps, one after the other; behind "|" they begin anew with a dot. */
static int
parse(struct parser *parser)
{
	uint8_t first = peek(parser, 0);

	if (first != T_FIELD && first != '.' && first != T_RECURSE)
		return refuse(parser);
	while (peek(parser, 0) != T_END) {
		if (peek(parser, 0) != '|') {
			HEED_TRY(parse_step(parser));
			continue;
		}
		parser->at++;
		first = peek(parser, 0);
		if (first != T_FIELD && first != '.' && first != T_RECURSE)
			return refuse(parser);
	}
	return 0;
}

int
json_paths_new(struct arena *arena, struct heed_str text, struct json_paths **ret_paths,
               struct heed_error *error)
{
	struct parser parser = {.arena = arena, .error = error};
	int r;

	parser.text = arena_str(arena, text);
	parser.paths = ARENA_NEW(arena, struct json_paths);
	if (parser.text.data == NULL || parser.paths == NULL)
		return error_nomem(error);
	r = expr_lex(&parser.tokens, parser.text, 0, LEX_ALL, error);
	if (r == 0) {
		parser.paths->steps =
			ARENA_ARRAY(arena, struct place_step, parser.tokens.n + 1);
		r = parser.paths->steps != NULL ? parse(&parser) : error_nomem(error);
	}
	mem_free(parser.tokens.at);
	if (r == 0)
		*ret_paths = parser.paths;
	return r;
}

struct heed_str
json_paths_name(const struct json_paths *paths)
{
	for (size_t i = paths->n; i > 0; i--)
		if (paths->steps[i - 1].kind == STEP_NAME)
			return paths->steps[i - 1].name;
	return (struct heed_str){NULL, 0};
}

/* ---- change ------------------------------------------------------------------------ */

static bool
is_same(struct heed_json a, struct heed_json b)
{
	return a.kind == b.kind && a.len == b.len && a.u64 == b.u64;
}

/* A copy of the list of `value`, to be written to. */
static int
unshare(struct arena *arena, struct heed_json *value)
{
	bool object = value->kind == HEED_OBJECT;
	size_t size = value->len *
	              (object ? sizeof(struct heed_member) : sizeof(struct heed_json));
	void *copy = arena_alloc(arena, size);

	if (copy == NULL)
		return HEED_E_NOMEM;
	memcpy(copy, object ? (const void *)value->members : value->items, size);
	if (object)
		value->members = copy;
	else
		value->items = copy;
	return 0;
}

int
json_visit(struct arena *arena, struct heed_json value, json_visit_fn *visit, void *arg,
           struct heed_json *ret_value)
{
	bool object = value.kind == HEED_OBJECT, own = false;

	for (uint32_t i = 0; (object || value.kind == HEED_ARRAY) && i < value.len; i++) {
		struct heed_member old = {{NULL, 0}, json_null()}, new;

		if (object)
			old = value.members[i];
		else
			old.value = value.items[i];
		new = old;
		HEED_TRY(visit(arg, i, object ? &new.name : NULL, &new.value));
		if (is_same(old.value, new.value) && old.name.data == new.name.data)
			continue;
		if (!own)
			HEED_TRY(unshare(arena, &value));
		own = true;
		if (object)
			((struct heed_member *)value.members)[i] = new;
		else
			((struct heed_json *)value.items)[i] = new.value;
	}
	*ret_value = value;
	return 0;
}

/* ---- follow ------------------------------------------------------------------------ */

struct follow {
	struct arena *arena;
	json_change_fn *change;
	void *arg;
};

/* On the way: `step` chooses, `next` and the rest go on from there. */
struct stride {
	const struct follow *follow;
	const struct place_step *step, *next;
	size_t n; /* steps from `next` on */
	uint32_t len;
};

static int follow_steps(const struct follow *follow, const struct place_step *step,
                        size_t n, struct heed_json value, struct heed_json *ret_value);

static int
stride(void *arg, uint32_t i, struct heed_str *name, struct heed_json *value)
{
	const struct stride *stride = arg;
	const struct place_step *step = stride->step;
	int64_t index = step->index + (step->index < 0 ? stride->len : 0);

	if (step->kind == STEP_NAME && (name == NULL || !str_eq(*name, step->name)))
		return 0;
	if (step->kind == STEP_INDEX && (name != NULL || index != i))
		return 0;
	return follow_steps(stride->follow, stride->next, stride->n, *value, value);
}

static int
follow_steps(const struct follow *follow, const struct place_step *step, size_t n,
             struct heed_json value, struct heed_json *ret_value)
{
	struct stride inside = {follow, step, step + 1, n - 1, value.len};

	if (n == 0)
		return follow->change(follow->arg, value, ret_value);
	if (step->kind != STEP_DEEP)
		return json_visit(follow->arena, value, stride, &inside, ret_value);
	inside.next = step;
	inside.n = n;
	HEED_TRY(json_visit(follow->arena, value, stride, &inside, &value));
	return follow_steps(follow, step + 1, n - 1, value, ret_value);
}

int
json_paths_change(const struct json_paths *paths, struct arena *arena,
                  struct heed_json value, json_change_fn *change, void *arg,
                  struct heed_json *ret_value)
{
	const struct follow follow = {arena, change, arg};

	return follow_steps(&follow, paths->steps, paths->n, value, ret_value);
}
