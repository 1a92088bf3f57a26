/*
 * library_flow.c - flows in C as definitions, like those of a section of the file.
 *
 * What a struct heed_flow says becomes a tree as if it stood in the file, and is bound by
 * rows. So its mistakes are told in the same words, and the store keeps its text: a run
 * goes on with the version, questions and effects that it started with, which are bound
 * again from that text, over the code of that version.
 */
#include "service/library_flow.h"

#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "config/bind.h"
#include "pattern/acts.h"
#include "pattern/kinds.h"
#include "service/library.h"

/* ---- from C to a tree -------------------------------------------------------------- */

/* A mapping that grows; failure is sticky. */
struct tree {
	struct bind *bind;
	const char *file; /* for messages: "flow enrich" */
	struct conf_node map;
	size_t cap;
	int error;
};

static struct conf_node
scalar(const char *file, const char *text)
{
	return (struct conf_node){.kind = CONF_SCALAR,
	                          .file = file,
	                          .line = 1,
	                          .column = 1,
	                          .text = str_of(text),
	                          .raw = str_of(text),
	                          .quoted = true};
}

static void
tree_init(struct tree *tree, struct bind *bind, const char *file, size_t cap)
{
	*tree = (struct tree){.bind = bind, .file = file, .cap = cap};
	tree->map = (struct conf_node){
		.kind = CONF_MAP, .file = file, .line = 1, .column = 1};
	tree->map.keys = ARENA_ARRAY(bind->arena, struct conf_node, cap);
	tree->map.items = ARENA_ARRAY(bind->arena, struct conf_node, cap);
	if (file == NULL || tree->map.keys == NULL || tree->map.items == NULL)
		tree->error = HEED_E_NOMEM;
}

static void
tree_add(struct tree *tree, const char *name, struct conf_node value)
{
	if (tree->error == HEED_E_NOMEM || tree->map.n == tree->cap)
		return;
	tree->map.keys[tree->map.n] = scalar(tree->file, name);
	tree->map.items[tree->map.n++] = value;
}

static void
tree_add_text(struct tree *tree, const char *name, const char *text)
{
	if (text != NULL)
		tree_add(tree, name, scalar(tree->file, text));
}

static void
tree_add_number(struct tree *tree, const char *name, int number)
{
	struct heed_str text = arena_printf(tree->bind->arena, "%d", number);
	struct conf_node node = scalar(tree->file, text.data);

	node.quoted = false;
	if (text.data == NULL)
		tree->error = HEED_E_NOMEM;
	tree_add(tree, name, node);
}

/* YAML as a tree; NULL, with a problem, when it is none. */
static const struct conf_node *
parse(struct tree *tree, const char *yaml)
{
	struct conf_node *root = NULL;
	int r = conf_parse(tree->bind->arena, tree->file, str_of(yaml),
	                   tree->bind->problems, &root);

	if (r < 0)
		tree->error = r;
	return root;
}

static void
tree_add_yaml(struct tree *tree, const char *name, const char *yaml)
{
	const struct conf_node *node = yaml != NULL ? parse(tree, yaml) : NULL;

	if (node != NULL)
		tree_add(tree, name, *node);
}

static const char *
label(struct bind *bind, const struct heed_flow *flow, const char *what, const char *name)
{
	return arena_printf(bind->arena, "flow %s, %s %s", flow->name, what, name).data;
}

#define QUESTION_OPTIONS 32

static int
question_tree(struct bind *bind, const struct heed_flow *flow,
              const struct heed_question *question, struct conf_node *ret_node)
{
	const struct conf_node *more;
	struct tree tree;
	size_t i;

	tree_init(&tree, bind, label(bind, flow, "question", question->name),
	          QUESTION_OPTIONS);
	tree_add_text(&tree, "model", question->model);
	tree_add_text(&tree, "system", question->system);
	tree_add_text(&tree, "prompt", question->prompt);
	tree_add_yaml(&tree, "answer", question->answer);
	more = question->more != NULL && tree.error == 0 ? parse(&tree, question->more)
	                                                 : NULL;
	if (more != NULL && more->kind != CONF_MAP)
		return conf_problem(bind->problems, more, "for example {max_tokens: 100}",
		                    "`more` is to be a mapping of options");
	for (i = 0; more != NULL && i < more->n; i++)
		tree_add(&tree, more->keys[i].text.data, more->items[i]);
	*ret_node = tree.map;
	return tree.error;
}

static int
questions_tree(struct bind *bind, const struct heed_flow *flow, struct tree *whole)
{
	struct conf_node node;
	struct tree tree;
	size_t n = 0;
	size_t i;

	while (flow->questions != NULL && flow->questions[n] != NULL)
		n++;
	tree_init(&tree, bind, whole->file, n);
	for (i = 0; i < n; i++) {
		HEED_TRY(question_tree(bind, flow, flow->questions[i], &node));
		tree_add(&tree, flow->questions[i]->name, node);
	}
	tree_add(whole, "questions", tree.map);
	return tree.error;
}

static int
effects_tree(struct bind *bind, const struct heed_flow *flow, struct tree *whole)
{
	struct tree tree;
	size_t n = 0;
	size_t i;

	while (flow->effects != NULL && flow->effects[n] != NULL)
		n++;
	tree_init(&tree, bind, whole->file, n);
	for (i = 0; i < n; i++) {
		const struct heed_effect *effect = flow->effects[i];

		tree.file = label(bind, flow, "effect", effect->name);
		if (tree.file == NULL)
			return HEED_E_NOMEM;
		tree_add_yaml(&tree, effect->name, effect->action);
	}
	tree_add(whole, "effects", tree.map);
	return tree.error;
}

static int
types_tree(struct bind *bind, const struct heed_flow *flow, struct tree *whole)
{
	struct conf_node list = {
		.kind = CONF_LIST, .file = whole->file, .line = 1, .column = 1};
	size_t n = 0;

	while (flow->on != NULL && flow->on[n] != NULL)
		n++;
	list.items = ARENA_ARRAY(bind->arena, struct conf_node, n);
	if (list.items == NULL)
		return HEED_E_NOMEM;
	for (; list.n < n; list.n++)
		list.items[list.n] = scalar(whole->file, flow->on[list.n]);
	tree_add(whole, "on", list);
	return 0;
}

static int
flow_tree(struct bind *bind, const struct heed_flow *flow, struct conf_node *ret_key,
          struct conf_node *ret_node)
{
	const char *file = arena_printf(bind->arena, "flow %s", flow->name).data;
	struct tree tree;

	tree_init(&tree, bind, file, 8);
	tree_add_number(&tree, "version", flow->version);
	tree_add_text(&tree, "when", flow->when);
	tree_add_text(&tree, "key", flow->key);
	if (flow->concurrency > 0)
		tree_add_number(&tree, "concurrency", flow->concurrency);
	HEED_TRY(types_tree(bind, flow, &tree));
	HEED_TRY(questions_tree(bind, flow, &tree));
	HEED_TRY(effects_tree(bind, flow, &tree));
	HEED_TRY(tree.error);
	*ret_key = scalar(file, flow->name);
	*ret_node = tree.map;
	return conf_expand(bind->arena, ret_node, bind->problems);
}

/* ---- from a tree to a definition --------------------------------------------------- */

/* The values of a mapping, one after the other, into structs of `size`. */
static int
bind_each(struct bind *bind, const struct conf_node *node, size_t size,
          struct option_list *list,
          int (*one)(struct bind *bind, const struct conf_node *key,
                     const struct conf_node *value, void *item))
{
	int worst = 0;
	size_t i;

	list->items = arena_zero_array(bind->arena, node->n, size);
	if (list->items == NULL)
		return HEED_E_NOMEM;
	for (i = 0; i < node->n; i++) {
		int r = one(bind, &node->keys[i], &node->items[i],
		            (char *)list->items + i * size);

		worst = r < 0 ? r : worst;
	}
	list->n = node->n;
	return worst;
}

static int
bind_question(struct bind *bind, const struct conf_node *key,
              const struct conf_node *value, void *item)
{
	struct bound_question *question = item;

	question->name = key->text;
	HEED_TRY(bind_record(bind, value, ask_options, &question->ask));
	question->ask.name = key->text;
	return 0;
}

static int
bind_effect(struct bind *bind, const struct conf_node *key, const struct conf_node *value,
            void *item)
{
	struct bound_effect *effect = item;

	effect->name = key->text;
	return acts_bind_act(bind, value, &effect->act);
}

static int
bind_questions(struct bind *bind, const struct conf_node *node, void *field)
{
	return bind_each(bind, node, sizeof(struct bound_question), field, bind_question);
}

static int
bind_effects(struct bind *bind, const struct conf_node *node, void *field)
{
	return bind_each(bind, node, sizeof(struct bound_effect), field, bind_effect);
}

static const char *const mapping_type[] = {"object", NULL};

static const struct option flow_options[] = {
	{.name = "version",
         .kind = OPTION_INT,
         .offset = offsetof(struct bound_flow, version),
         .flags = OPTION_REQUIRED,
         .min = 1,
         .max = 1000000000,
         .help = "of the flow's code"},
	{.name = "on",
         .kind = OPTION_TEXTS,
         .offset = offsetof(struct bound_flow, on),
         .flags = OPTION_REQUIRED,
         .help = "event types; a trailing * matches any rest"},
	{.name = "when",
         .kind = OPTION_EXPR,
         .offset = offsetof(struct bound_flow, when),
         .help = "only when this expression over .event is true"},
	{.name = "key",
         .kind = OPTION_EXPR,
         .offset = offsetof(struct bound_flow, key),
         .help = "events with the same key are handled one after the other"},
	{.name = "concurrency",
         .kind = OPTION_INT,
         .offset = offsetof(struct bound_flow, concurrency),
         .fallback = "1000",
         .min = 1,
         .max = 100000,
         .help = "runs at once"},
	{.name = "questions",
         .kind = OPTION_CUSTOM,
         .offset = offsetof(struct bound_flow, questions),
         .bind = bind_questions,
         .names = mapping_type,
         .help = "what it may ask, by name"},
	{.name = "effects",
         .kind = OPTION_CUSTOM,
         .offset = offsetof(struct bound_flow, effects),
         .bind = bind_effects,
         .names = mapping_type,
         .help = "what it may do, by name"},
	OPTION_ROWS_END,
};

/* The code of a version; without it, words that say what the program has. */
static int
find_code(struct bind *bind, struct heed_str name, struct bound_flow *flow)
{
	const struct heed *heed = library_of(bind->kinds);
	const struct heed_flow *other = NULL;
	size_t i;

	for (i = 0; i < heed->n_flows; i++) {
		if (!str_is(name, heed->flows[i]->name))
			continue;
		if (heed->flows[i]->version == flow->version) {
			flow->code = heed->flows[i];
			return 0;
		}
		if (other == NULL || other->version < heed->flows[i]->version)
			other = heed->flows[i];
	}
	flow->missing =
		other != NULL
			? arena_printf(bind->arena,
	                               "the run began with version %lld of flow %.*s, "
	                               "which this program does not have (it has version "
	                               "%d): add that version, too, and redrive the run",
	                               (long long)flow->version, STR_ARG(name),
	                               other->version)
			: arena_printf(bind->arena,
	                               "this program has no flow %.*s: add it, and "
	                               "redrive the run",
	                               STR_ARG(name));
	return flow->missing.data == NULL ? HEED_E_NOMEM : 0;
}

static int
bind_flow(struct bind *bind, const struct conf_node *key, const struct conf_node *node,
          struct definition **ret_definition)
{
	static const char *const roots[] = {"event", "steps", "input", "result", NULL};
	struct definition *definition = ARENA_NEW(bind->arena, struct definition);
	struct bound_flow *flow = ARENA_NEW(bind->arena, struct bound_flow);
	const char *const *outer = bind->roots;
	int r;

	if (definition == NULL || flow == NULL)
		return HEED_E_NOMEM;
	bind->roots = roots;
	r = bind_record(bind, node, flow_options, flow);
	bind->roots = outer;
	HEED_TRY(r);
	HEED_TRY(find_code(bind, key->text, flow));
	definition->kind = library_flow_pattern.flow;
	definition->key = flow->key;
	definition->concurrency = flow->concurrency;
	definition->config = flow;
	definition->types = flow->on.items;
	definition->n_types = flow->on.n;
	HEED_TRY(pattern_identify(bind, key, node, definition));
	*ret_definition = definition;
	return 0;
}

static int
wants(const struct definition *definition, const struct event *event,
      struct arena *scratch, bool *ret_wanted, struct heed_error *error)
{
	const struct bound_flow *flow = definition->config;

	return pattern_when(flow->when, event, scratch, ret_wanted, error);
}

static const struct flow_kind flow_kind = {
	.name = "flow",
	.step = library_pass,
	.wants = wants,
};

/* It has no section: the file says nothing of flows in C. */
const struct pattern_kind library_flow_pattern = {
	.section = "flows",
	.help = "flows of the program",
	.rows = flow_options,
	.flow = &flow_kind,
	.bind = bind_flow,
};

/* ---- adding ------------------------------------------------------------------------ */

/* Is there no higher version? */
static bool
is_newest(const struct heed *heed, const struct heed_flow *flow)
{
	size_t i;

	for (i = 0; i < heed->n_flows; i++)
		if (strcmp(heed->flows[i]->name, flow->name) == 0 &&
		    heed->flows[i]->version > flow->version)
			return false;
	return true;
}

/* Older versions are bound, too, so that their mistakes are told, and then forgotten: a
 * run of one brings its own text. */
int
library_define(const struct kinds *kinds, struct app *app)
{
	const struct heed *heed = library_of(kinds);
	struct definition *definition;
	struct conf_node key, node;
	int worst = 0;
	size_t i;

	for (i = 0; i < heed->n_flows; i++) {
		const struct heed_flow *flow = heed->flows[i];
		int r = flow_tree(&app->bind, flow, &key, &node);

		if (r == 0)
			r = bind_flow(&app->bind, &key, &node, &definition);
		if (r == 0 && is_newest(heed, flow))
			r = app_define(app, definition);
		worst = r < 0 ? r : worst;
	}
	return worst;
}

static int
check_names(const struct heed_flow *flow, struct heed_error *error)
{
	size_t i;

	for (i = 0; flow->questions != NULL && flow->questions[i] != NULL; i++)
		if (flow->questions[i]->name == NULL)
			return error_set(error, HEED_E_INVALID,
			                 "question %zu of flow %s has no name", i + 1,
			                 flow->name);
	for (i = 0; flow->effects != NULL && flow->effects[i] != NULL; i++)
		if (flow->effects[i]->name == NULL || flow->effects[i]->action == NULL)
			return error_set(error, HEED_E_INVALID,
			                 "effect %zu of flow %s needs name and action",
			                 i + 1, flow->name);
	return 0;
}

int
heed_add_flow(struct heed *heed, const struct heed_flow *flow, struct heed_error *error)
{
	size_t i;

	HEED_TRY(library_may_add(heed, "flow", flow->name, error));
	if (flow->run == NULL || flow->version < 1 || flow->on == NULL)
		return error_set(error, HEED_E_INVALID,
		                 "flow %s needs run, on, and a version from 1 on",
		                 flow->name);
	HEED_TRY(check_names(flow, error));
	for (i = 0; i < heed->n_flows; i++)
		if (strcmp(heed->flows[i]->name, flow->name) == 0 &&
		    heed->flows[i]->version == flow->version)
			return error_set(error, HEED_E_EXISTS,
			                 "version %d of flow %s was added before",
			                 flow->version, flow->name);
	if (mem_grow((void **)&heed->flows, &heed->cap_flows, heed->n_flows + 1,
	             sizeof(heed->flows[0])) < 0)
		return error_nomem(error);
	heed->flows[heed->n_flows++] = flow;
	return 0;
}
