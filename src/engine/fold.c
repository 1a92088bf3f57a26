/*
 * fold.c - see fold.h.
 *
 * Each event leaves garbage behind: its parsed text, the states in between. The state is
 * copied to a fresh arena whenever that has grown to several times of what the state
 * takes, so that a million events are folded in the memory of a few.
 */
#include "engine/fold.h"

#include <string.h>

#include "base/error.h"
#include "base/json.h"

#define GARBAGE_MIN ((size_t)256 * 1024)

static const struct fold_row *
find_row(const struct stream_fold *fold, struct heed_str type)
{
	size_t i;

	for (i = 0; i < fold->n; i++)
		if (str_eq(fold->rows[i].type, type))
			return &fold->rows[i];
	return NULL;
}

int
fold_event(const struct stream_fold *fold, struct heed_json state, struct heed_json event,
           struct arena *arena, struct heed_json *ret_state, struct heed_error *error)
{
	struct heed_str type = json_get_text(event, "type");
	const struct fold_row *row = find_row(fold, type);
	const struct heed_member members[2] = {
		{HEED_STR("state"), state},
		{HEED_STR("event"), event},
	};
	struct heed_json input = {.kind = HEED_OBJECT, .len = 2, .members = members};
	int r;

	type = str_head_utf8(type, 100);
	if (row == NULL) {
		(void)error_set(error, HEED_E_UNSUPPORTED,
		                "apply: has no expression for %.*s (any more)",
		                STR_ARG(type));
		error_hint(error,
		           "add one; \"%.*s: .state\" when it is to change nothing",
		           STR_ARG(type));
		return HEED_E_UNSUPPORTED;
	}
	r = expr_eval(row->apply, input, arena, ret_state, error);
	if (r == HEED_E_NOTFOUND)
		(void)error_set(error, HEED_E_PERMANENT, "it gives no state");
	if (r < 0)
		error_prefix(error, "apply: %.*s", STR_ARG(type));
	return r == HEED_E_NOTFOUND ? HEED_E_PERMANENT : r;
}

void
replay_init(struct replay *replay, const struct stream_fold *fold, struct heed_str stream,
            struct fold_until until)
{
	*replay = (struct replay){
		.fold = fold,
		.stream = stream,
		.until = until,
		.state = fold->initial,
	};
	arena_init(&replay->arenas[0], 0);
	arena_init(&replay->arenas[1], 0);
}

void
replay_done(struct replay *replay)
{
	arena_done(&replay->arenas[0]);
	arena_done(&replay->arenas[1]);
}

int
replay_snapshot(struct replay *replay, struct store *store, struct heed_error *error)
{
	struct store_snapshot snapshot;
	int r = store_read_snapshot(store, replay->stream, replay->fold->hash,
	                            replay->until.version, &replay->arenas[0], &snapshot,
	                            error);

	if (r == HEED_E_NOTFOUND || (r == 0 && snapshot.at_us > replay->until.time_us))
		return 0;
	if (r == 0)
		r = json_parse(&replay->arenas[0], snapshot.state, &replay->state, error);
	if (r == 0)
		replay->version = replay->snapshot = snapshot.version;
	return r;
}

/* Leave the garbage behind. */
static int
compact(struct replay *replay)
{
	struct arena old = replay->arenas[0];

	HEED_TRY(json_copy(&replay->arenas[1], replay->state, &replay->state));
	replay->arenas[0] = replay->arenas[1];
	arena_reset(&old);
	replay->arenas[1] = old;
	replay->dense = replay->arenas[0].used;
	return 0;
}

static int
fold_row(struct replay *replay, const struct store_event *row, struct heed_error *error)
{
	struct arena *arena = &replay->arenas[0];
	struct heed_json event;

	HEED_TRY(json_parse(arena, row->body, &event, error));
	HEED_TRY(fold_event(replay->fold, replay->state, event, arena, &replay->state,
	                    error));
	if (arena->used > GARBAGE_MIN && arena->used > 4 * replay->dense)
		return compact(replay);
	return 0;
}

int
replay_event(struct replay *replay, const struct store_event *row,
             struct heed_error *error)
{
	int64_t version = replay->version + 1;
	int r;

	if (row->version != version) {
		(void)error_set(error, HEED_E_CORRUPT,
		                "the stream %.*s has no version %lld: it is damaged",
		                STR_ARG(replay->stream), (long long)version);
		error_hint(error, "restore the store from a backup");
		return HEED_E_CORRUPT;
	}
	replay->over =
		version > replay->until.version || row->time_us > replay->until.time_us;
	if (replay->over)
		return 0;
	r = fold_row(replay, row, error);
	if (r == HEED_E_NOMEM)
		return error_nomem(error);
	if (r < 0) {
		error_prefix(error, "%.*s, version %lld", STR_ARG(replay->stream),
		             (long long)version);
		return r;
	}
	replay->version = version;
	return 0;
}

struct replay_call {
	struct replay *replay;
	struct heed_error *error;
};

static int
next_event(void *arg, const struct store_event *event)
{
	struct replay_call *call = arg;

	HEED_TRY(replay_event(call->replay, event, call->error));
	return call->replay->over ? 1 : 0;
}

int
replay_all(struct replay *replay, struct store *store, struct heed_error *error)
{
	struct replay_call call = {replay, error};
	int r;

	HEED_TRY(replay_snapshot(replay, store, error));
	r = store_read_stream(store, replay->stream, replay->version + 1, 0, next_event,
	                      &call, error);
	return r < 0 ? r : 0;
}
