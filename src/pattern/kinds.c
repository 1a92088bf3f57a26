/*
 * kinds.c - see kinds.h.
 */
#include "pattern/kinds.h"

#include "base/id.h"
#include "base/json.h"

const struct pattern_kind *const pattern_kinds[] = {
	&pattern_entity,
	&pattern_reaction,
	&pattern_saga,
	NULL,
};

const struct pattern_kind *
pattern_find(const struct kinds *added, struct heed_str flow)
{
	size_t i;

	for (i = 0; pattern_kinds[i] != NULL; i++)
		if (str_is(flow, pattern_kinds[i]->flow->name))
			return pattern_kinds[i];
	return added != NULL && added->pattern != NULL &&
	                       str_is(flow, added->pattern->flow->name)
	               ? added->pattern
	               : NULL;
}

int
pattern_when(const struct expr *when, const struct event *event, struct arena *scratch,
             bool *ret_wanted, struct heed_error *error)
{
	struct heed_member member = {HEED_STR("event"), event->root};
	struct heed_json input = {.kind = HEED_OBJECT, .len = 1, .members = &member};

	*ret_wanted = true;
	return when == NULL ? 0 : expr_test(when, input, scratch, ret_wanted, error);
}

int
pattern_identify(struct bind *bind, const struct conf_node *key,
                 const struct conf_node *node, struct definition *definition)
{
	unsigned char digest[ID_DIGEST_SIZE];
	struct heed_json text;
	struct heed_buf buf;

	definition->generation = bind->generation;
	HEED_TRY(conf_json(bind->arena, node, 1, &text));
	buf_init(&buf, 0);
	json_write(&buf, text, JSON_CANONICAL);
	definition->text = arena_str(bind->arena, buf_str(&buf));
	id_sha256(definition->text, digest);
	buf_reset(&buf);
	buf_add_hex(&buf, digest, 16);
	definition->hash = arena_str(bind->arena, buf_str(&buf));
	definition->name = arena_str(bind->arena, key->text);
	buf_done(&buf);
	if (definition->text.data == NULL || definition->hash.data == NULL ||
	    definition->name.data == NULL)
		return HEED_E_NOMEM;
	return 0;
}
