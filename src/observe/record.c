/*
 * record.c - see record.h.
 */
#include "observe/record.h"

#include "base/clock.h"

static void
set_time(struct json_build *build, const char *name, int64_t us)
{
	char place[CLOCK_TEXT_SIZE];

	if (us > 0)
		json_set_cstr(build, name,
		              json_str(arena_str(build->arena, clock_text(place, us))));
}

/* Text that is JSON as the value that it is. */
static void
set_json(struct json_build *build, const char *name, struct heed_str text)
{
	struct heed_json value;

	if (text.len == 0)
		return;
	if (json_parse(build->arena, text, &value, NULL) < 0)
		value = json_str(text);
	json_set_cstr(build, name, value);
}

static struct heed_json
finish(struct json_build *build)
{
	struct heed_json value = json_null();

	(void)json_build_end(build, &value);
	return value;
}

struct heed_json
record_event(struct arena *arena, const struct store_event *event, bool with_body)
{
	struct json_build build;

	json_object(&build, arena);
	json_set_cstr(&build, "event", json_str(event->id));
	json_set_cstr(&build, "source", json_str(event->source));
	json_set_cstr(&build, "type", json_str(event->type));
	json_set_text(&build, "subject", event->subject);
	json_set_cstr(&build, "seq", json_int(event->seq));
	set_time(&build, "time", event->time_us);
	set_time(&build, "received", event->received_us);
	json_set_number(&build, "by_run", event->parent_run);
	json_set_text(&build, "trace", event->trace);
	json_set_text(&build, "stream", event->stream);
	json_set_number(&build, "version", event->version);
	json_set_number(&build, "position", event->position);
	if (with_body)
		set_json(&build, "body", event->body);
	return finish(&build);
}

struct heed_json
record_run(struct arena *arena, const struct store_run *run,
           const struct store_event *event)
{
	struct json_build build;

	json_object(&build, arena);
	json_set_cstr(&build, "run", json_int(run->id));
	json_set_cstr(&build, "flow", json_str(run->flow));
	json_set_cstr(&build, "name", json_str(run->name));
	json_set_cstr(&build, "state", json_cstr(store_run_state_name(run->state)));
	json_set_text(&build, "class", run->class);
	json_set_text(&build, "text", run->text);
	json_set_text(&build, "key", run->key);
	if (event != NULL) {
		json_set_cstr(&build, "event", json_str(event->id));
		json_set_cstr(&build, "source", json_str(event->source));
		json_set_cstr(&build, "type", json_str(event->type));
	}
	json_set_cstr(&build, "calls", json_int(run->calls));
	json_set_cstr(&build, "input_tokens", json_int(run->tokens_in));
	json_set_cstr(&build, "output_tokens", json_int(run->tokens_out));
	json_set_cstr(&build, "cost_nano_usd", json_int(run->cost_nano));
	json_set_number(&build, "redrives", run->redrives);
	set_time(&build, "created", run->created_us);
	set_time(&build, "updated", run->updated_us);
	set_time(&build, "due", run->due_us);
	return finish(&build);
}

struct heed_json
record_entry(struct arena *arena, const struct store_entry *entry)
{
	struct json_build build;

	json_object(&build, arena);
	json_set_cstr(&build, "n", json_int(entry->n));
	json_set_cstr(&build, "kind", json_cstr(store_entry_kind_name(entry->kind)));
	json_set_cstr(&build, "step", json_str(entry->step));
	json_set_cstr(&build, "state", json_cstr(store_entry_state_name(entry->state)));
	json_set_number(&build, "attempt", entry->attempt);
	set_time(&build, "began", entry->at_us);
	set_time(&build, "ended", entry->ended_us);
	json_set_text(&build, "class", entry->class);
	if (entry->kind == ENTRY_ASK) {
		json_set_cstr(&build, "model", json_str(entry->model));
		json_set_cstr(&build, "input_tokens", json_int(entry->input));
		json_set_number(&build, "cached_input_tokens", entry->cached_input);
		json_set_number(&build, "cache_write_tokens", entry->cache_write);
		json_set_cstr(&build, "output_tokens", json_int(entry->output));
		json_set_number(&build, "reasoning_tokens", entry->reasoning);
		json_set_cstr(&build, "cost_nano_usd", json_int(entry->cost_nano));
	}
	set_json(&build, "request", entry->request);
	set_json(&build, "reply", entry->reply);
	json_set_text(&build, "detail", entry->detail);
	return finish(&build);
}

struct heed_json
record_job(struct arena *arena, const struct store_job *job)
{
	struct json_build build;

	json_object(&build, arena);
	json_set_cstr(&build, "job", json_int(job->id));
	json_set_cstr(&build, "kind", json_str(job->kind));
	json_set_cstr(&build, "state", json_cstr(store_job_state_name(job->state)));
	set_json(&build, "spec", job->spec);
	json_set_cstr(&build, "total", json_int(job->total));
	json_set_cstr(&build, "done", json_int(job->done));
	json_set_cstr(&build, "skipped", json_int(job->skipped));
	json_set_text(&build, "text", job->text);
	set_time(&build, "created", job->created_us);
	set_time(&build, "updated", job->updated_us);
	return finish(&build);
}

struct heed_json
record_with(struct arena *arena, struct heed_json object, const char *name,
            struct heed_json value)
{
	struct json_build build;
	uint32_t i;

	json_object(&build, arena);
	for (i = 0; object.kind == HEED_OBJECT && i < object.len; i++)
		json_set(&build, object.members[i].name, object.members[i].value);
	json_set_cstr(&build, name, value);
	return finish(&build);
}
