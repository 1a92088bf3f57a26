/*
 * saga_story.c - see saga_story.h. The entries of one execution, attempt after attempt,
 * become one item; what only keeps the journal in order is left out.
 */
#include "cli/saga_story.h"

#include "base/error.h"

const char *
saga_state(const struct store_run *run)
{
	switch (run->state) {
	case RUN_DONE:
		return run->class.len > 0 ? "compensated" : "completed";
	case RUN_DEAD:
	case RUN_DROPPED:
		return "failed";
	case RUN_HELD:
		return "stuck";
	case RUN_WAITING:
		return "waiting";
	default:
		return "running";
	}
}

const struct saga_item *
saga_story_now(const struct saga_story *story)
{
	const struct saga_item *item;
	const struct saga_item *found = NULL;

	for (item = story->first; item != NULL; item = item->next)
		if ((item->kind == SAGA_STEP || item->kind == SAGA_UNDO) &&
		    (item->state != ENTRY_DONE || found == NULL ||
		     found->state == ENTRY_DONE))
			found = item;
	return found;
}

static struct heed_json
parse(struct saga_story *story, struct heed_str text)
{
	struct heed_json value = json_null();

	if (text.len > 0)
		(void)json_parse(story->arena, text, &value, NULL);
	return value;
}

static struct saga_item *
add(struct saga_story *story, enum saga_item_kind kind, struct heed_str name,
    const struct store_entry *row)
{
	struct saga_item *item = ARENA_NEW(story->arena, struct saga_item);

	if (item == NULL)
		return NULL;
	item->kind = kind;
	item->name = arena_str(story->arena, name);
	item->at_us = row->at_us;
	if (story->last != NULL)
		story->last->next = item;
	else
		story->first = item;
	story->last = item;
	return item;
}

/* The item of this execution, made when it is its first entry. */
static struct saga_item *
item_of(struct saga_story *story, enum saga_item_kind kind, struct heed_str name,
        const struct store_entry *row)
{
	struct saga_item *item;

	for (item = story->first; item != NULL; item = item->next)
		if (item->kind == kind && str_eq(item->name, name))
			return item;
	return add(story, kind, name, row);
}

/* A model's choice with its reason: "execute charge: because". */
static struct heed_str
describe_choice(struct saga_story *story, struct heed_str reply)
{
	struct heed_json record = parse(story, reply);
	struct heed_json answer = parse(story, json_get_text(record, "text"));
	struct heed_str step = json_get_text(answer, "step");
	struct heed_str reason = json_get_text(answer, "reason");

	if (json_get_text(answer, "action").len == 0)
		return json_get_text(record, "text");
	return arena_printf(story->arena, "%.*s%s%.*s%s%.*s",
	                    STR_ARG(json_get_text(answer, "action")),
	                    step.len > 0 ? " " : "", STR_ARG(step),
	                    reason.len > 0 ? ": " : "", STR_ARG(reason));
}

/* What a person decided: "approve by ann: fine". */
static struct heed_str
describe_decision(struct saga_story *story, struct heed_str reply)
{
	struct heed_json said = parse(story, reply);
	struct heed_str by = json_get_text(said, "by");
	struct heed_str reason = json_get_text(said, "reason");

	return arena_printf(story->arena, "%.*s%s%.*s%s%.*s",
	                    STR_ARG(json_get_text(said, "decision")),
	                    by.len > 0 ? " by " : "", STR_ARG(by),
	                    reason.len > 0 ? ": " : "", STR_ARG(reason));
}

static void
take_attempt(struct saga_story *story, struct saga_item *item,
             const struct store_entry *row)
{
	bool wait = row->kind == ENTRY_WAIT || row->kind == ENTRY_START;

	item->entry = row->kind;
	item->state = row->state;
	item->attempts += row->kind != ENTRY_PROBE;
	item->ended_us = row->ended_us;
	item->cost_nano += row->cost_nano;
	item->text = arena_str(story->arena, row->detail);
	if (wait)
		item->request = arena_str(story->arena, row->request);
	if (row->state != ENTRY_DONE)
		return;
	item->text = (struct heed_str){NULL, 0};
	if (item->kind == SAGA_CHOICE || item->kind == SAGA_RECOVERY)
		item->text = describe_choice(story, row->reply);
	else if (row->kind == ENTRY_WAIT &&
	         str_search(row->request, HEED_STR("\"signal\"")) < row->request.len)
		item->text = describe_decision(story, row->reply);
}

static int
add_note(struct saga_story *story, const struct store_entry *row)
{
	struct heed_json value = parse(story, row->reply);
	struct saga_item *item;

	if (str_is(row->step, "fork")) {
		story->forked_of = json_get_int(value, "of", 0);
		story->forked_from = json_get_text(value, "from");
		return 0;
	}
	if (str_ends(row->step, ".late")) {
		item = item_of(story, SAGA_STEP, str_head(row->step, row->step.len - 5),
		               row);
		if (item == NULL)
			return HEED_E_NOMEM;
		item->state = ENTRY_DONE;
		item->text = describe_decision(story, row->reply);
		return 0;
	}
	if (!str_is(row->step, "saga.compensating") && !str_is(row->step, "saga.stop"))
		return 0;
	item = add(story, SAGA_TURN, row->step, row);
	if (item == NULL)
		return HEED_E_NOMEM;
	item->text = value.kind == HEED_STRING ? json_text(value)
	                                       : json_get_text(value, "text");
	return 0;
}

static int
add_mark(struct saga_story *story, const struct store_entry *row)
{
	struct saga_item *item = add(story, SAGA_RETRY, row->step, row);

	if (item == NULL)
		return HEED_E_NOMEM;
	item->text = arena_str(story->arena, row->detail);
	return 0;
}

/* What was told last has the data. */
static void
take_told(struct saga_story *story, const struct store_entry *row)
{
	struct heed_json request = parse(story, row->request);
	const struct heed_json *data = json_path(request, "data", "data", NULL);

	if (data != NULL)
		story->data = *data;
}

static int
add_call(struct saga_story *story, const struct store_entry *row)
{
	enum saga_item_kind kind = SAGA_STEP;
	struct heed_str name = row->step;
	struct saga_item *item;

	if (str_search(name, HEED_STR(".recover.")) < name.len)
		kind = SAGA_RECOVERY;
	else if (str_starts(name, "saga.guide."))
		kind = SAGA_CHOICE;
	else if (str_ends(name, ".undo"))
		kind = SAGA_UNDO;
	if (kind == SAGA_UNDO)
		name = str_head(name, name.len - 5);
	if (str_ends(name, ".escalate"))
		return 0;
	item = item_of(story, kind, name, row);
	if (item == NULL)
		return HEED_E_NOMEM;
	take_attempt(story, item, row);
	return 0;
}

static int
read_entry(void *arg, const struct store_entry *row)
{
	struct saga_story *story = arg;
	struct saga_item *item;

	switch (row->kind) {
	case ENTRY_EMIT:
		take_told(story, row);
		return 0;
	case ENTRY_NOTE:
		return add_note(story, row);
	case ENTRY_MARK:
		return add_mark(story, row);
	case ENTRY_SIGNAL:
		item = add(story, SAGA_WORD, row->step, row);
		if (item != NULL)
			item->text = arena_str(story->arena, row->reply);
		return item == NULL ? HEED_E_NOMEM : 0;
	default:
		return add_call(story, row);
	}
}

int
saga_story_read(struct store *store, int64_t run_id, struct arena *arena,
                struct saga_story *ret_story, struct heed_error *error)
{
	*ret_story = (struct saga_story){.arena = arena, .data = json_null()};
	return store_read_journal(store, run_id, read_entry, ret_story, error);
}
