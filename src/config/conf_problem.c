/*
 * conf_problem.c - the list of what is wrong, with its words.
 */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "config/conf.h"

void
conf_problems_init(struct conf_problems *problems, struct arena *arena)
{
	*problems = (struct conf_problems){.arena = arena};
}

/* Room for one more; the old array stays on the arena. */
static struct conf_problem *
grow(struct conf_problems *problems)
{
	size_t cap = problems->cap > 0 ? problems->cap * 2 : 8;
	struct conf_problem *items;

	if (problems->n < problems->cap)
		return &problems->items[problems->n];
	items = ARENA_ARRAY(problems->arena, struct conf_problem, cap);
	if (items == NULL)
		return NULL;
	if (problems->n > 0)
		memcpy(items, problems->items, problems->n * sizeof(*items));
	problems->items = items;
	problems->cap = cap;
	return &items[problems->n];
}

/* Nodes behind several aliases are looked at several times. */
static bool
is_known(const struct conf_problems *problems, const struct conf_problem *problem)
{
	size_t i;

	for (i = 0; i < problems->n; i++) {
		const struct conf_problem *other = &problems->items[i];

		if (other->line == problem->line && other->column == problem->column &&
		    other->file == problem->file && str_eq(other->text, problem->text))
			return true;
	}
	return false;
}

int
conf_problem_args(struct conf_problems *problems, const struct conf_node *node,
                  const char *hint, const char *format, va_list args)
{
	struct conf_problem problem = {0};
	struct conf_problem *place;
	char text[1024];

	(void)vsnprintf(text, sizeof(text), format, args);
	if (node != NULL) {
		problem.file = node->file;
		problem.line = node->line;
		problem.column = node->column;
	}
	problem.text = str_head_utf8(str_of(text), sizeof(text) - 8);
	if (is_known(problems, &problem) || problems->n >= CONF_PROBLEMS_MAX)
		return HEED_E_CONFIG;
	problem.text = arena_str(problems->arena, problem.text);
	if (hint != NULL)
		problem.hint = arena_str(problems->arena, str_of(hint));
	place = grow(problems);
	if (place == NULL || problem.text.data == NULL ||
	    (hint != NULL && problem.hint.data == NULL)) {
		problems->nomem = true;
		return HEED_E_CONFIG;
	}
	*place = problem;
	problems->n++;
	return HEED_E_CONFIG;
}

int
conf_problem(struct conf_problems *problems, const struct conf_node *node,
             const char *hint, const char *format, ...)
{
	va_list args;
	int r;

	va_start(args, format);
	r = conf_problem_args(problems, node, hint, format, args);
	va_end(args);
	return r;
}

void
conf_problems_write(struct heed_buf *buf, const struct conf_problems *problems)
{
	size_t i;

	for (i = 0; i < problems->n; i++) {
		const struct conf_problem *problem = &problems->items[i];

		if (problem->file != NULL)
			buf_addf(buf, "%s:%d:%d: ", problem->file, problem->line,
			         problem->column);
		buf_add(buf, problem->text);
		if (problem->hint.len > 0)
			buf_addf(buf, " (%.*s)", STR_ARG(problem->hint));
		buf_addc(buf, '\n');
	}
	if (problems->n >= CONF_PROBLEMS_MAX)
		buf_adds(buf, "there may be more\n");
}

const char *
conf_suggest(char place[CONF_HINT_SIZE], struct heed_str name, const char *const *names,
             const char *lead)
{
	const char *near;
	size_t used;
	size_t n;
	size_t i;

	for (n = 0; names[n] != NULL; n++)
		;
	place[0] = '\0';
	near = error_nearest(name, names, n);
	if (near != NULL) {
		(void)snprintf(place, CONF_HINT_SIZE, "did you mean \"%s\"?", near);
		return place;
	}
	if (n == 0)
		return place;
	used = (size_t)snprintf(place, CONF_HINT_SIZE, "%s: ", lead);
	for (i = 0; i < n && used < CONF_HINT_SIZE; i++)
		used += (size_t)snprintf(place + used, CONF_HINT_SIZE - used, "%s%s",
		                         i > 0 ? ", " : "", names[i]);
	if (used >= CONF_HINT_SIZE)
		place[0] = '\0';
	return place;
}
