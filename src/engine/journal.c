/*
 * journal.c - a run's entries, and what of a run goes into a transaction.
 */
#include "engine/core.h"

struct entry *
journal_add(struct run *run, enum entry_kind kind, struct heed_str step)
{
	struct entry *entry = ARENA_NEW(&run->arena, struct entry);

	if (entry == NULL)
		return NULL;
	entry->run = run;
	entry->kind = kind;
	entry->step = step;
	entry->n = ++run->n_entries;
	entry->state = ENTRY_INTENDED;
	entry->at_us = loop_wall_us(run->engine->loop);
	entry->dirty = true;
	entry->retry_after_ms = -1;
	TAILQ_INSERT_TAIL(&run->entries, entry, link);
	return entry;
}

bool
journal_marks(const struct entry *entry, struct heed_str step)
{
	return entry->kind == ENTRY_MARK &&
	       (str_is(entry->step, "redrive") || str_eq(entry->step, step));
}

struct entry *
journal_find(const struct run *run, enum entry_kind kind, struct heed_str step)
{
	struct entry *found = NULL;
	struct entry *entry;

	TAILQ_FOREACH (entry, &run->entries, link) {
		if (journal_marks(entry, step) && found != NULL &&
		    found->state == ENTRY_FAILED)
			found = NULL;
		else if (entry->kind == kind && str_eq(entry->step, step))
			found = entry;
	}
	return found;
}

struct heed_str
journal_effect_key(struct run *run, struct heed_str step)
{
	char place[ID_UUID_SIZE];
	const struct event *event = &run->event->event;
	struct heed_str name = arena_printf(
		&run->arena, "%.*s\n%.*s\n%s\n%.*s\n%.*s", STR_ARG(event->source),
		STR_ARG(event->id), run->definition->kind->name,
		STR_ARG(run->definition->name), STR_ARG(step));

	if (journal_is_forked(run))
		name = arena_printf(&run->arena, "%.*s\nfork %lld", STR_ARG(name),
		                    (long long)run->id);
	if (name.data == NULL)
		return name;
	return arena_str(&run->arena, id_uuid5(place, id_space, name));
}

bool
journal_is_call(const struct entry *entry)
{
	return entry->kind == ENTRY_ASK && entry->asked.len > 0 &&
	       !str_is(entry->class, "cached") && !str_is(entry->class, "shared");
}

/* What was spent so far. */
static void
sum_up(const struct run *run, struct store_run *row)
{
	const struct entry *entry;

	TAILQ_FOREACH (entry, &run->entries, link) {
		if (entry->kind != ENTRY_ASK)
			continue;
		row->tokens_in += entry->usage.input;
		row->tokens_out += entry->usage.output;
		row->cost_nano += entry->cost_nano;
		row->calls += journal_is_call(entry);
	}
}

static int
write_run(struct run *run, struct store_tx *tx)
{
	struct definition *definition = run->definition;
	struct store_run row = {
		.id = run->id,
		.event_seq = run->event->event.seq,
		.flow = str_of(definition->kind->name),
		.name = definition->name,
		.definition = definition->hash,
		.key = run->key,
		.state = run->state,
		.due_us = run->due_us,
		.created_us = run->created_us,
		.updated_us = loop_wall_us(run->engine->loop),
		.redrives = run->redrives,
		.class = run->class,
		.text = run->text,
		.step = run->at_step,
	};

	sum_up(run, &row);
	if (!definition->stored) {
		HEED_TRY(store_put_definition(tx, definition->hash, row.flow,
		                              definition->name, definition->text));
	}
	return store_put_run(tx, &row);
}

bool
journal_is_transactional(const struct entry *entry)
{
	return entry->kind == ENTRY_ACT && entry->action != NULL &&
	       entry->state == ENTRY_INTENDED &&
	       entry->action->kind->effect(entry->action) == EFFECT_TRANSACTIONAL;
}

static int
write_entry(const struct entry *entry, struct store_tx *tx)
{
	bool transactional = journal_is_transactional(entry);
	struct store_entry row = {
		.run_id = entry->run->id,
		.n = entry->n,
		.kind = entry->kind,
		.state = transactional ? ENTRY_DONE : entry->state,
		.step = entry->step,
		.attempt = entry->attempt,
		.at_us = entry->at_us,
		.ended_us = entry->ended_us,
		.asked = entry->asked,
		.model = entry->model,
		.input = entry->usage.input,
		.cached_input = entry->usage.cached_input,
		.cache_write = entry->usage.cache_write,
		.output = entry->usage.output,
		.reasoning = entry->usage.reasoning,
		.cost_nano = entry->cost_nano,
		.reserved_nano = entry->reserved_nano,
		.class = entry->class,
		.request = entry->request,
		.reply = entry->reply,
		.detail = entry->detail,
	};
	const struct heed_json *values;

	HEED_TRY(store_put_entry(tx, &row));
	if (!transactional || entry->run->engine->options.stand_in != NULL)
		return 0;
	values = json_get(entry->value, "values");
	return store_put_sql(tx, json_get_text(entry->value, "statement"),
	                     values != NULL ? *values : json_null(), entry->run->id,
	                     entry->n);
}

bool
journal_is_dirty(const struct run *run)
{
	const struct entry *entry;

	if (run->dirty || run->emitted.n > 0)
		return true;
	TAILQ_FOREACH (entry, &run->entries, link)
		if (entry->dirty)
			return true;
	return false;
}

int
journal_write(struct run *run, struct store_tx *tx, bool own)
{
	struct entry *entry;

	if (run->dirty || run->state != run->stored_state) {
		HEED_TRY(write_run(run, tx));
		run->dirty = false;
		run->writing = true;
		run->stored_state = run->state;
	}
	TAILQ_FOREACH (entry, &run->entries, link) {
		if (!entry->dirty || (!own && journal_is_transactional(entry)))
			continue;
		HEED_TRY(write_entry(entry, tx));
		entry->dirty = false;
		entry->writing = true;
	}
	return 0;
}

void
journal_results(struct run *run, const struct store_result *result)
{
	struct entry *entry;
	size_t i = 0;

	if (result->code != 0 || result->n_sql == 0)
		return;
	TAILQ_FOREACH (entry, &run->entries, link) {
		if (entry->writing && journal_is_transactional(entry) &&
		    i < result->n_sql)
			entry->reply = arena_str(&run->arena, result->results[i++]);
	}
}

void
journal_written(struct run *run, bool written)
{
	struct entry *entry;

	if (run->writing && written)
		run->definition->stored = true;
	run->dirty = run->dirty || (run->writing && !written);
	run->writing = false;
	TAILQ_FOREACH (entry, &run->entries, link) {
		if (!entry->writing)
			continue;
		entry->writing = false;
		if (written)
			entry->stored = true;
		else
			entry->dirty = true;
	}
}
