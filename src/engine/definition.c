/*
 * definition.c - which definitions there are: counted while runs or the present
 * configuration use them, found by what the store knows of them, revived when a run of an
 * earlier configuration needs one.
 */
#include "base/error.h"
#include "engine/core.h"

const char *const flow_on_failure_names[] = {"pass", "block", NULL};

void
definition_hold(struct engine *engine, struct definition *definition)
{
	if (definition->refs++ > 0)
		return;
	generation_ref(definition->generation);
	map_add(&engine->definitions, &definition->known, str_hash(definition->hash));
}

void
definition_drop(struct engine *engine, struct definition *definition)
{
	struct generation *generation;

	if (definition == NULL || --definition->refs > 0)
		return;
	map_remove(&engine->definitions, &definition->known);
	generation = definition->generation;
	if (definition->kind->free != NULL)
		definition->kind->free(definition);
	generation_unref(generation);
}

static struct definition *
find(struct engine *engine, const struct store_run *row)
{
	struct map_node *node = map_find(&engine->definitions, str_hash(row->definition));

	for (; node != NULL; node = map_more(node)) {
		struct definition *definition = MAP_OWNER(node, struct definition, known);

		if (str_eq(definition->hash, row->definition) &&
		    str_eq(definition->name, row->name) &&
		    str_is(row->flow, definition->kind->name))
			return definition;
	}
	return NULL;
}

static int
revive(struct engine *engine, const struct store_run *row,
       struct definition **ret_definition, struct heed_error *error)
{
	struct arena scratch;
	struct heed_str text;
	int r;

	arena_init(&scratch, 0);
	r = store_read_definition(engine->options.store, row->definition, &scratch, &text,
	                          error);
	if (r == 0)
		r = engine->options.revive(engine->options.arg, row->flow, row->name,
		                           text, ret_definition, error);
	arena_done(&scratch);
	return r;
}

int
definition_of_run(struct engine *engine, const struct store_run *row,
                  struct definition **ret_definition, struct heed_error *error)
{
	struct definition *definition = find(engine, row);

	if (definition == NULL) {
		HEED_TRY(revive(engine, row, &definition, error));
		definition->stored = true;
		definition_hold(engine, definition);
		generation_unref(definition->generation); /* revive's own */
	} else {
		definition_hold(engine, definition);
	}
	*ret_definition = definition;
	return 0;
}
