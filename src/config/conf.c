/*
 * conf.c - see conf.h. From libyaml's events to the tree.
 *
 * Children of open lists and maps wait on one stack and move to the arena when their
 * parent closes. An alias copies the node, not what is below it; what it would expand to
 * is counted, so that a few lines cannot stand for billions of nodes.
 */
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "config/conf_local.h"

#define TAG_PREFIX "tag:yaml.org,2002:"

/* ---- the current event ------------------------------------------------------------- */

static int
next_event(struct conf_reader *reader)
{
	yaml_event_delete(&reader->event);
	if (!yaml_parser_parse(&reader->yaml, &reader->event))
		return conf_syntax_fault(reader);
	return 0;
}

static void
place_node(const struct conf_reader *reader, struct conf_node *node)
{
	memset(node, 0, sizeof(*node));
	node->file = reader->file;
	node->line = (int)reader->event.start_mark.line + 1;
	node->column = (int)reader->event.start_mark.column + 1;
}

static int
event_fault(struct conf_reader *reader, const char *hint, const char *text)
{
	return conf_fault(reader, (int)reader->event.start_mark.line + 1,
	                  (int)reader->event.start_mark.column + 1, hint, "%s", text);
}

/* Count `n` more nodes of the expanded tree. */
static int
count_nodes(struct conf_reader *reader, size_t n)
{
	reader->nodes += n;
	if (reader->nodes <= CONF_NODES_MAX)
		return 0;
	return event_fault(reader, "aliases that contain aliases multiply",
	                   "the configuration has more than a million values");
}

static int
push(struct conf_reader *reader, const struct conf_node *node)
{
	void *items = reader->stack;

	HEED_TRY(mem_grow(&items, &reader->cap, reader->top + 1, sizeof(*node)));
	reader->stack = items;
	reader->stack[reader->top++] = *node;
	return 0;
}

/* ---- anchors and aliases ----------------------------------------------------------- */

/* Note an anchor; *ret_index is SIZE_MAX when there is none. */
static int
open_anchor(struct conf_reader *reader, const yaml_char_t *name, size_t *ret_index)
{
	void *items = reader->anchors;
	struct conf_anchor *anchor;

	*ret_index = SIZE_MAX;
	if (name == NULL)
		return 0;
	if (reader->n_anchors >= CONF_ANCHORS_MAX)
		return event_fault(reader, NULL, "there are more than 1000 anchors");
	HEED_TRY(mem_grow(&items, &reader->cap_anchors, reader->n_anchors + 1,
	                  sizeof(*anchor)));
	reader->anchors = items;
	anchor = &reader->anchors[reader->n_anchors];
	memset(anchor, 0, sizeof(*anchor));
	anchor->name = arena_str(reader->arena, str_of((const char *)name));
	if (anchor->name.data == NULL)
		return HEED_E_NOMEM;
	*ret_index = reader->n_anchors++;
	return 0;
}

static void
close_anchor(struct conf_reader *reader, size_t index, const struct conf_node *node,
             size_t size)
{
	if (index == SIZE_MAX)
		return;
	reader->anchors[index].node = *node;
	reader->anchors[index].size = size;
	reader->anchors[index].done = true;
}

static void
unknown_alias(struct conf_reader *reader, struct heed_str name)
{
	const char *names[CONF_ANCHORS_MAX + 1];
	char hint[CONF_HINT_SIZE];
	size_t i;

	for (i = 0; i < reader->n_anchors; i++)
		names[i] = reader->anchors[i].name.data;
	names[i] = NULL;
	(void)conf_suggest(hint, name, names, "anchors before it");
	(void)conf_fault(reader, (int)reader->event.start_mark.line + 1,
	                 (int)reader->event.start_mark.column + 1,
	                 hint[0] != '\0' ? hint : "quote a text that starts with *",
	                 "there is no anchor &%.*s before this alias", STR_ARG(name));
}

static int
read_alias(struct conf_reader *reader, struct conf_node *node)
{
	struct heed_str name = str_of((const char *)reader->event.data.alias.anchor);
	size_t i = reader->n_anchors;

	place_node(reader, node);
	while (i > 0 && !str_eq(reader->anchors[i - 1].name, name))
		i--;
	if (i == 0) {
		unknown_alias(reader, name);
		return 0;
	}
	if (!reader->anchors[i - 1].done) {
		(void)event_fault(reader, NULL,
		                  "the alias stands inside what it refers to");
		return 0;
	}
	*node = reader->anchors[i - 1].node;
	return count_nodes(reader, reader->anchors[i - 1].size);
}

/* ---- scalars ----------------------------------------------------------------------- */

static size_t
char_size(char c)
{
	unsigned char byte = (unsigned char)c;

	return byte < 0x80 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
}

/* The byte where the character `index` starts, walking on from `from`. */
static size_t
walk(const struct conf_reader *reader, size_t from, size_t from_index, size_t index)
{
	for (; from_index < index && from < reader->text.len; from_index++)
		from += char_size(reader->text.data[from]);
	return from < reader->text.len ? from : reader->text.len;
}

/* The scalar's text in the file, without anchor and tag. */
static struct heed_str
find_source(struct conf_reader *reader)
{
	const yaml_event_t *event = &reader->event;
	struct heed_str source = {NULL, 0};
	size_t end;

	if (event->start_mark.index < reader->at_index)
		return source;
	reader->at_offset = walk(reader, reader->at_offset, reader->at_index,
	                         event->start_mark.index);
	reader->at_index = event->start_mark.index;
	end = walk(reader, reader->at_offset, reader->at_index, event->end_mark.index);
	source = str_head(str_from(reader->text, reader->at_offset),
	                  end - reader->at_offset);
	/* Then columns would no longer follow from the start of the node. */
	if (event->data.scalar.anchor != NULL || event->data.scalar.tag != NULL)
		source.len = 0;
	return source;
}

static bool
is_null(struct heed_str text)
{
	return text.len == 0 || str_is(text, "~") || str_is(text, "null") ||
	       str_is(text, "Null") || str_is(text, "NULL");
}

/* Tags that say what the kind is anyway are taken, !!str makes a string. */
static void
check_tag(struct conf_reader *reader, const yaml_char_t *name, bool *ret_string)
{
	static const char *const known[] = {"int", "float", "bool", "null",
	                                    "map", "seq",   NULL};
	struct heed_str tag = str_of((const char *)name);
	size_t i;

	*ret_string = false;
	if (name == NULL)
		return;
	if (str_is(tag, "!") || str_is(tag, TAG_PREFIX "str")) {
		*ret_string = true;
		return;
	}
	for (i = 0; known[i] != NULL; i++)
		if (str_starts(tag, TAG_PREFIX) &&
		    str_is(str_from(tag, sizeof(TAG_PREFIX) - 1), known[i]))
			return;
	(void)event_fault(reader, "quote a text that starts with !",
	                  "tags such as !this are not supported");
}

static int
read_scalar(struct conf_reader *reader, struct conf_node *node)
{
	const yaml_event_t *event = &reader->event;
	yaml_scalar_style_t style = event->data.scalar.style;
	struct heed_str value = {(const char *)event->data.scalar.value,
	                         event->data.scalar.length};
	bool string;

	place_node(reader, node);
	check_tag(reader, event->data.scalar.tag, &string);
	node->kind = CONF_SCALAR;
	node->block =
		style == YAML_LITERAL_SCALAR_STYLE || style == YAML_FOLDED_SCALAR_STYLE;
	node->quoted = string || style != YAML_PLAIN_SCALAR_STYLE;
	node->source = find_source(reader);
	node->text = arena_str(reader->arena, value);
	node->raw = node->text;
	if (node->text.data == NULL)
		return HEED_E_NOMEM;
	if (!node->quoted && is_null(node->text))
		node->kind = CONF_NULL;
	return count_nodes(reader, 1);
}

/* ---- lists and maps ---------------------------------------------------------------- */

static int read_node(struct conf_reader *reader, int depth, struct conf_node *ret_node);

static int
read_list(struct conf_reader *reader, int depth, struct conf_node *node)
{
	size_t base = reader->top;
	struct conf_node item;

	for (;;) {
		HEED_TRY(next_event(reader));
		if (reader->event.type == YAML_SEQUENCE_END_EVENT)
			break;
		HEED_TRY(read_node(reader, depth, &item));
		HEED_TRY(push(reader, &item));
	}
	node->n = reader->top - base;
	node->items = ARENA_ARRAY(reader->arena, struct conf_node, node->n);
	if (node->items == NULL)
		return HEED_E_NOMEM;
	if (node->n > 0)
		memcpy(node->items, reader->stack + base, node->n * sizeof(*node->items));
	reader->top = base;
	return 0;
}

/* A key must be a text; false (and a problem) when it is not. */
static bool
check_key(struct conf_reader *reader, const struct conf_node *key)
{
	if (key->kind == CONF_SCALAR || (key->kind == CONF_NULL && key->text.len > 0))
		return true;
	if (key->kind == CONF_NULL)
		(void)conf_fault(reader, key->line, key->column, NULL,
		                 "the key is empty");
	else
		(void)conf_fault(reader, key->line, key->column,
		                 "put a text with {{ }} in quotes",
		                 "a key must be a text");
	return false;
}

static int
read_map(struct conf_reader *reader, int depth, struct conf_node *node)
{
	size_t base = reader->top;
	struct conf_node key;
	struct conf_node value;

	for (;;) {
		HEED_TRY(next_event(reader));
		if (reader->event.type == YAML_MAPPING_END_EVENT)
			break;
		HEED_TRY(read_node(reader, depth, &key));
		HEED_TRY(next_event(reader));
		HEED_TRY(read_node(reader, depth, &value));
		if (!check_key(reader, &key))
			continue;
		key.kind = CONF_SCALAR;
		HEED_TRY(push(reader, &key));
		HEED_TRY(push(reader, &value));
	}
	HEED_TRY(conf_make_map(reader, reader->top > base ? reader->stack + base : NULL,
	                       (reader->top - base) / 2, node));
	reader->top = base;
	return 0;
}

static int
read_collection(struct conf_reader *reader, int depth, struct conf_node *node)
{
	bool is_map = reader->event.type == YAML_MAPPING_START_EVENT;
	bool ignored;

	place_node(reader, node);
	node->kind = is_map ? CONF_MAP : CONF_LIST;
	if (depth >= CONF_DEPTH_MAX)
		return event_fault(reader, NULL, "nested more than 100 levels deep");
	check_tag(reader,
	          is_map ? reader->event.data.mapping_start.tag
	                 : reader->event.data.sequence_start.tag,
	          &ignored);
	HEED_TRY(count_nodes(reader, 1));
	return is_map ? read_map(reader, depth + 1, node)
	              : read_list(reader, depth + 1, node);
}

/* Read the node that the current event starts. */
static int
read_node(struct conf_reader *reader, int depth, struct conf_node *ret_node)
{
	const yaml_event_t *event = &reader->event;
	size_t before = reader->nodes;
	const yaml_char_t *name;
	size_t anchor;

	if (event->type == YAML_ALIAS_EVENT)
		return read_alias(reader, ret_node);
	name = event->type == YAML_SCALAR_EVENT ? event->data.scalar.anchor
	       : event->type == YAML_MAPPING_START_EVENT
	               ? event->data.mapping_start.anchor
	               : event->data.sequence_start.anchor;
	HEED_TRY(open_anchor(reader, name, &anchor));
	if (event->type == YAML_SCALAR_EVENT)
		HEED_TRY(read_scalar(reader, ret_node));
	else
		HEED_TRY(read_collection(reader, depth, ret_node));
	close_anchor(reader, anchor, ret_node, reader->nodes - before);
	return 0;
}

/* ---- the document ------------------------------------------------------------------ */

static int
read_document(struct conf_reader *reader, struct conf_node **ret_root)
{
	struct conf_node *root = ARENA_NEW(reader->arena, struct conf_node);

	if (root == NULL)
		return HEED_E_NOMEM;
	HEED_TRY(next_event(reader)); /* the stream's start */
	HEED_TRY(next_event(reader));
	if (reader->event.type == YAML_STREAM_END_EVENT)
		return conf_fault(reader, 1, 1, NULL, "there is nothing in it");
	HEED_TRY(next_event(reader));
	HEED_TRY(read_node(reader, 0, root));
	HEED_TRY(next_event(reader)); /* the document's end */
	HEED_TRY(next_event(reader));
	if (reader->event.type != YAML_STREAM_END_EVENT)
		(void)event_fault(reader, "remove the line with ---, or use two files",
		                  "a second document starts here");
	*ret_root = root;
	return reader->flawed ? HEED_E_CONFIG : 0;
}

static int
read_text(struct conf_reader *reader, struct conf_node **ret_root)
{
	int r;

	HEED_TRY(conf_check_utf8(reader));
	if (!yaml_parser_initialize(&reader->yaml))
		return HEED_E_NOMEM;
	yaml_parser_set_input_string(&reader->yaml,
	                             (const unsigned char *)reader->text.data,
	                             reader->text.len);
	r = read_document(reader, ret_root);
	yaml_event_delete(&reader->event);
	yaml_parser_delete(&reader->yaml);
	return r;
}

int
conf_parse(struct arena *arena, const char *file, struct heed_str text,
           struct conf_problems *problems, struct conf_node **ret_root)
{
	struct conf_reader reader = {.arena = arena, .problems = problems, .file = file};
	int r;

	reader.text = arena_str(arena, text);
	if (reader.text.data == NULL)
		return HEED_E_NOMEM;
	/* libyaml does not count a byte order mark as a character. */
	reader.at_offset = str_starts(reader.text, "\xef\xbb\xbf") ? 3 : 0;
	r = read_text(&reader, ret_root);
	mem_free(reader.stack);
	mem_free(reader.anchors);
	return r;
}

const struct conf_node *
conf_get(const struct conf_node *map, const char *name)
{
	size_t i;

	if (map == NULL || map->kind != CONF_MAP)
		return NULL;
	for (i = 0; i < map->n; i++)
		if (str_is(map->keys[i].text, name))
			return &map->items[i];
	return NULL;
}
