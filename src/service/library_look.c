/*
 * library_look.c - queries of programs: a reader of its own on the store, for each, so
 * that any thread may ask and the loop is not held up.
 */
#include "base/error.h"
#include "base/json.h"
#include "observe/record.h"
#include "service/library.h"
#include "service/local.h"

#define LIMIT 100

struct look {
	struct arena arena;
	struct json_build list;
	struct heed_json run; /* of a journal */
};

/* The texts of a row are good during its callback only. */
static int
keep(struct look *look, struct heed_json record)
{
	struct heed_json copy;

	HEED_TRY(json_copy(&look->arena, record, &copy));
	json_push(&look->list, copy);
	return 0;
}

static int
add_event(void *arg, const struct store_event *event)
{
	struct look *look = arg;

	return keep(look, record_event(&look->arena, event, true));
}

static int
add_run(void *arg, const struct store_run *run, const struct store_event *event)
{
	struct look *look = arg;

	return keep(look, record_run(&look->arena, run, event));
}

static int
add_entry(void *arg, const struct store_entry *entry)
{
	struct look *look = arg;

	return keep(look, record_entry(&look->arena, entry));
}

static int
take_run(void *arg, const struct store_run *run, const struct store_event *event)
{
	struct look *look = arg;

	return json_copy(&look->arena, record_run(&look->arena, run, event), &look->run);
}

static int
read_events(struct store *store, const struct store_filter *filter, struct look *look,
            struct heed_error *error)
{
	return store_read_events(store, filter, add_event, look, error);
}

static int
read_runs(struct store *store, const struct store_filter *filter, struct look *look,
          struct heed_error *error)
{
	return store_read_runs(store, filter, add_run, look, error);
}

static int
read_journal(struct store *store, const struct store_filter *filter, struct look *look,
             struct heed_error *error)
{
	HEED_TRY(store_read_runs(store, filter, take_run, look, error));
	if (look->run.kind == HEED_NULL)
		return error_set(error, HEED_E_NOTFOUND, "there is no run %lld",
		                 (long long)filter->run_id);
	return store_read_journal(store, filter->run_id, add_entry, look, error);
}

typedef int read_fn(struct store *store, const struct store_filter *filter,
                    struct look *look, struct heed_error *error);

static int
write_text(struct look *look, char **ret_json)
{
	struct json_build whole;
	struct heed_json value;
	char *text;

	HEED_TRY(json_build_end(&look->list, &value));
	if (look->run.kind != HEED_NULL) {
		json_object(&whole, &look->arena);
		json_set_cstr(&whole, "run", look->run);
		json_set_cstr(&whole, "journal", value);
		HEED_TRY(json_build_end(&whole, &value));
	}
	text = heed_write(value);
	if (text == NULL)
		return HEED_E_NOMEM;
	*ret_json = text;
	return 0;
}

static int
look_at(struct heed *heed, const struct store_filter *filter, read_fn *read,
        char **ret_json, struct heed_error *error)
{
	struct look look = {.run = json_null()};
	struct store *store;
	int r;

	HEED_TRY(library_runs(heed, error));
	if (str_starts(heed->place, "memory:"))
		return error_set(error, HEED_E_UNSUPPORTED,
		                 "a store in memory cannot be looked at from outside");
	HEED_TRY(store_open_readonly(heed->place, &store, error));
	arena_init(&look.arena, 0);
	json_array(&look.list, &look.arena);
	r = read(store, filter, &look, error);
	if (r == 0)
		r = write_text(&look, ret_json);
	if (r == HEED_E_NOMEM)
		r = error_nomem(error);
	arena_done(&look.arena);
	store_close(store);
	return r;
}

static struct store_filter
filter_of(const struct heed_filter *filter)
{
	return (struct store_filter){
		.states = filter->state,
		.name = str_of(filter->name),
		.type = str_of(filter->type),
		.source = str_of(filter->source),
		.event_id = str_of(filter->id),
		.after = filter->below,
		.limit = filter->limit > 0 ? filter->limit : LIMIT,
		.newest = true,
	};
}

int
heed_events(struct heed *heed, const struct heed_filter *filter, char **ret_json,
            struct heed_error *error)
{
	const struct store_filter rows = filter_of(filter);

	return look_at(heed, &rows, read_events, ret_json, error);
}

int
heed_runs(struct heed *heed, const struct heed_filter *filter, char **ret_json,
          struct heed_error *error)
{
	const struct store_filter rows = filter_of(filter);

	return look_at(heed, &rows, read_runs, ret_json, error);
}

int
heed_journal(struct heed *heed, int64_t run_id, char **ret_json, struct heed_error *error)
{
	const struct store_filter rows = {.run_id = run_id, .limit = 1};

	return look_at(heed, &rows, read_journal, ret_json, error);
}
