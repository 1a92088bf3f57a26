/*
 * expr_roots.c - which names of its input an expression for libjq reads.
 *
 * Told from the tokens, without understanding jq: whatever could see more of the input
 * than a name (a bare `.`, any function, a binding, an assignment) ends the search with
 * "unknown". Behind a pipe the input is another one, up to the end of the bracket or the
 * branch of `if`.
 */
#include "base/expr_impl.h"
#include "base/mem.h"

/* An open bracket or `if`. */
struct level {
	bool outer; /* `piped` where it began */
	char open;  /* the bracket; 'f' for if */
};

struct walk {
	const struct tokens *tokens;
	struct heed_str whole;
	struct roots *roots;
	bool piped; /* `.` is not the expression's input here */
	size_t depth;
	struct level levels[2 * EXPR_NEST_MAX];
};

static int
add_root(struct roots *roots, struct heed_str name)
{
	void *names = roots->names;

	for (size_t i = 0; i < roots->n; i++) {
		if (str_cmp(roots->names[i], name) == 0)
			return 0;
	}
	HEED_TRY(mem_grow(&names, &roots->cap, roots->n + 1, sizeof(*roots->names)));
	roots->names = names;
	roots->names[roots->n++] = name;
	return 0;
}

static int
kind_at(const struct walk *walk, size_t i)
{
	return i < walk->tokens->n ? walk->tokens->at[i].kind : T_END;
}

/* Does a term end right before token `i`, so that it goes on with it? */
static bool
continues(const struct walk *walk, size_t i)
{
	int before = i > 0 ? kind_at(walk, i - 1) : T_END;

	return before == T_FIELD || before == T_UNQUOTE || before == ')' ||
	       before == ']' || before == '}' || before == '?';
}

static void
push(struct walk *walk, char open)
{
	if (walk->depth == sizeof(walk->levels) / sizeof(walk->levels[0])) {
		walk->roots->unknown = true;
		return;
	}
	walk->levels[walk->depth++] = (struct level){walk->piped, open};
}

static void
pop(struct walk *walk)
{
	if (walk->depth > 0)
		walk->piped = walk->levels[--walk->depth].outer;
}

static void
restart(struct walk *walk)
{
	if (walk->depth > 0)
		walk->piped = walk->levels[walk->depth - 1].outer;
}

/* if, then, elif, else and end, which act as brackets. */
static bool
branch(struct walk *walk, struct heed_str word)
{
	bool inside = walk->depth > 0 && walk->levels[walk->depth - 1].open == 'f';

	if (str_is(word, "if")) {
		push(walk, 'f');
		return true;
	}
	if (inside && str_is(word, "end")) {
		pop(walk);
		return true;
	}
	if (!inside ||
	    !(str_is(word, "then") || str_is(word, "elif") || str_is(word, "else")))
		return false;
	restart(walk);
	return true;
}

static int
word(struct walk *walk, size_t i)
{
	static const char *const harmless[] = {"null", "true",  "false", "and",
	                                       "or",   "empty", "try",   "catch"};
	const struct token *token = &walk->tokens->at[i];
	struct heed_str name = {walk->whole.data + token->at, token->len};
	bool key = expr_lex_is_key(walk->tokens, i);

	if (key && kind_at(walk, i + 1) != ':' && !walk->piped)
		return add_root(walk->roots, name);
	if (key || branch(walk, name) || walk->piped)
		return 0;
	for (size_t k = 0; k < sizeof(harmless) / sizeof(harmless[0]); k++) {
		if (str_is(name, harmless[k]))
			return 0;
	}
	walk->roots->unknown = true;
	return 0;
}

/* A string in the place of a key needs its colon here: {"a"} reads .a. */
static bool
reads_by_string(const struct walk *walk, size_t i)
{
	int before = i > 0 ? kind_at(walk, i - 1) : T_END;
	bool key = walk->tokens->at[i].open == '{' && (before == '{' || before == ',');

	return key && !(kind_at(walk, i + 1) == T_TEXT &&
	                kind_at(walk, i + 2) == T_UNQUOTE && kind_at(walk, i + 3) == ':');
}

/* What opens, closes or separates. */
static void
structure(struct walk *walk, size_t i)
{
	switch (kind_at(walk, i)) {
	case '(':
	case '[':
	case '{':
	case T_INTERP:
		push(walk, (char)(kind_at(walk, i) == T_INTERP ? 'i' : kind_at(walk, i)));
		break;
	case ')':
	case ']':
	case '}':
	case T_INTERP_END:
		pop(walk);
		break;
	case '|':
		walk->piped = true;
		break;
	case ';':
		restart(walk);
		break;
	case ',':
		if (walk->depth > 0 && walk->levels[walk->depth - 1].open == '{')
			restart(walk);
		break;
	default:
		break;
	}
}

/* A token that reads the input where it is not piped. */
static int
reader(struct walk *walk, size_t i)
{
	const struct token *token = &walk->tokens->at[i];

	switch (token->kind) {
	case T_FIELD:
		if (continues(walk, i))
			return 0;
		return add_root(walk->roots,
		                (struct heed_str){walk->whole.data + token->at + 1,
		                                  token->len - 1});
	case '.':
		walk->roots->unknown |= !continues(walk, i);
		return 0;
	case T_QUOTE:
		walk->roots->unknown |= reads_by_string(walk, i);
		return 0;
	case T_FORMAT:
		walk->roots->unknown |= kind_at(walk, i + 1) != T_QUOTE;
		return 0;
	case T_RECURSE:
	case T_ASSIGN:
	case T_ALT_BIND:
	case '=':
	case '$':
		walk->roots->unknown = true;
		return 0;
	default:
		return 0;
	}
}

int
expr_lex_roots(const struct tokens *tokens, struct heed_str whole, struct roots *roots)
{
	struct walk walk = {.tokens = tokens, .whole = whole, .roots = roots};

	roots->n = 0;
	roots->unknown = false;
	for (size_t i = 0; i < tokens->n && !roots->unknown; i++) {
		if (tokens->at[i].kind == T_IDENT)
			HEED_TRY(word(&walk, i));
		else if (!walk.piped)
			HEED_TRY(reader(&walk, i));
		structure(&walk, i);
	}
	return 0;
}
