/*
 * emit.c - publish an event. The event is stored in the run's own commit, with an id that
 * follows from run and step, and can itself be reacted to.
 */
#include "action/kinds.h"
#include "base/error.h"
#include "base/json.h"
#include "config/bind.h"

struct emit {
	struct action action;
	struct heed_str type;
	struct template *subject;
	struct heed_str source;
	struct shape *data;
};

static const struct option options[] = {
	{.name = "type",
         .kind = OPTION_TEXT,
         .offset = offsetof(struct emit, type),
         .flags = OPTION_REQUIRED | OPTION_NONEMPTY,
         .help = "type of the event"},
	{.name = "subject",
         .kind = OPTION_TEMPLATE,
         .offset = offsetof(struct emit, subject),
         .help = "its subject"},
	{.name = "source",
         .kind = OPTION_TEXT,
         .offset = offsetof(struct emit, source),
         .help = "its source; heed/NAME when left out"},
	{.name = "data",
         .kind = OPTION_SHAPE,
         .offset = offsetof(struct emit, data),
         .help = "its data, for example \"{id: .event.data.id}\""},
	OPTION_ROWS_END,
};

static enum effect_class
effect(const struct action *action)
{
	return EFFECT_INSTANT;
}

static int
prepare(const struct action *action, struct heed_json input, struct arena *arena,
        struct heed_json *ret_request, struct heed_error *error)
{
	const struct emit *emit = (const struct emit *)action;
	struct json_build build;
	struct heed_json data;
	struct heed_buf subject;
	int r = 0;

	json_object(&build, arena);
	json_set_cstr(&build, "type", json_str(emit->type));
	if (emit->source.len > 0)
		json_set_cstr(&build, "source", json_str(emit->source));
	buf_init(&subject, 4096);
	if (emit->subject != NULL)
		r = template_render(emit->subject, input, arena, &subject, error);
	if (r == 0 && subject.len > 0)
		json_set_cstr(&build, "subject",
		              json_str(arena_str(arena, buf_str(&subject))));
	buf_done(&subject);
	if (r == 0 && emit->data != NULL) {
		r = shape_eval(emit->data, input, arena, &data, error);
		json_set_cstr(&build, "data", r == 0 ? data : json_null());
	}
	if (r < 0)
		return r;
	return json_build_end(&build, ret_request) < 0 ? error_nomem(error) : 0;
}

const struct action_kind action_emit = {
	.name = "emit",
	.help = "publish an event; it is stored with the run and can be reacted to",
	.options = options,
	.size = sizeof(struct emit),
	.effect = effect,
	.prepare = prepare,
};
