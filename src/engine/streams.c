/*
 * streams.c - see streams.h.
 */
#include "engine/streams.h"

#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"

#define PIECE 256 /* events read at once, and folded in one turn */

TAILQ_HEAD(state_list, stream_state);

struct streams {
	struct loop *loop;
	struct store *store;
	struct map kept;        /* by stream */
	struct state_list used; /* the one used last comes first */
	size_t size_max;
	struct streams_stats stats;
};

/* ---- states ------------------------------------------------------------------------ */

struct stream_state *
stream_state_new(struct heed_str stream, const struct stream_fold *fold, int64_t version,
                 int64_t snapshot, struct heed_json value)
{
	struct stream_state *state = mem_new(sizeof(*state));

	if (state == NULL)
		return NULL;
	arena_init(&state->arena, 512);
	state->refs = 1;
	state->version = version;
	state->snapshot = snapshot;
	state->stream = arena_str(&state->arena, stream);
	state->fold = arena_str(&state->arena, fold->hash);
	if (state->stream.data != NULL && state->fold.data != NULL &&
	    json_copy(&state->arena, value, &state->state) == 0)
		return state;
	stream_state_unref(state);
	return NULL;
}

struct stream_state *
stream_state_ref(struct stream_state *state)
{
	state->refs++;
	return state;
}

void
stream_state_unref(struct stream_state *state)
{
	if (state == NULL || --state->refs > 0)
		return;
	arena_done(&state->arena);
	mem_free(state);
}

/* ---- kept in memory ---------------------------------------------------------------- */

static size_t
size_of(const struct stream_state *state)
{
	return sizeof(*state) + state->arena.used;
}

static struct stream_state *
find(const struct streams *streams, struct heed_str stream)
{
	struct map_node *node = map_find(&streams->kept, str_hash(stream));

	for (; node != NULL; node = map_more(node)) {
		struct stream_state *state = MAP_OWNER(node, struct stream_state, node);

		if (str_eq(state->stream, stream))
			return state;
	}
	return NULL;
}

static void
drop(struct streams *streams, struct stream_state *state)
{
	map_remove(&streams->kept, &state->node);
	TAILQ_REMOVE(&streams->used, state, used);
	streams->stats.kept--;
	streams->stats.bytes -= size_of(state);
	stream_state_unref(state);
}

struct stream_state *
streams_find(struct streams *streams, struct heed_str stream,
             const struct stream_fold *fold)
{
	struct stream_state *state = find(streams, stream);

	if (state == NULL || !str_eq(state->fold, fold->hash))
		return NULL;
	streams->stats.found++;
	TAILQ_REMOVE(&streams->used, state, used);
	TAILQ_INSERT_HEAD(&streams->used, state, used);
	return stream_state_ref(state);
}

void
streams_keep(struct streams *streams, struct stream_state *state)
{
	struct stream_state *other = find(streams, state->stream);

	if (other == state || (other != NULL && str_eq(other->fold, state->fold) &&
	                       other->version > state->version))
		return;
	if (other != NULL)
		drop(streams, other);
	if (size_of(state) > streams->size_max)
		return;
	while (streams->stats.bytes + size_of(state) > streams->size_max)
		drop(streams, TAILQ_LAST(&streams->used, state_list));
	map_add(&streams->kept, &stream_state_ref(state)->node, str_hash(state->stream));
	TAILQ_INSERT_HEAD(&streams->used, state, used);
	streams->stats.kept++;
	streams->stats.bytes += size_of(state);
}

void
streams_forget(struct streams *streams, struct heed_str stream)
{
	struct stream_state *state = find(streams, stream);

	if (state != NULL)
		drop(streams, state);
}

int
streams_new(struct loop *loop, struct store *store, size_t size_max,
            struct streams **ret_streams)
{
	struct streams *streams = mem_new(sizeof(*streams));

	if (streams == NULL)
		return HEED_E_NOMEM;
	streams->loop = loop;
	streams->store = store;
	streams->size_max = size_max;
	TAILQ_INIT(&streams->used);
	*ret_streams = streams;
	return 0;
}

void
streams_free(struct streams *streams)
{
	if (streams == NULL)
		return;
	while (!TAILQ_EMPTY(&streams->used))
		drop(streams, TAILQ_FIRST(&streams->used));
	map_done(&streams->kept);
	mem_free(streams);
}

void
streams_stats(const struct streams *streams, struct streams_stats *ret_stats)
{
	*ret_stats = streams->stats;
}

/* ---- loading ----------------------------------------------------------------------- */

/* Its own while it reads on a work thread; the loop's in between. */
struct stream_load {
	struct streams *streams;
	struct replay replay;
	stream_loaded_fn *done; /* NULL: cancelled */
	void *arg;
	struct arena names; /* of what must outlive the caller */
	struct arena arena; /* of one piece */
	struct store_event *events;
	int64_t n;
	bool began;
};

static void
load_free(struct stream_load *load)
{
	replay_done(&load->replay);
	arena_done(&load->arena);
	arena_done(&load->names);
	mem_free(load);
}

static int
take_event(void *arg, const struct store_event *event)
{
	struct stream_load *load = arg;
	struct store_event *copy = &load->events[load->n];

	copy->version = event->version;
	copy->time_us = event->time_us;
	copy->body = arena_str(&load->arena, event->body);
	if (copy->body.data == NULL)
		return HEED_E_NOMEM;
	load->n++;
	return 0;
}

/* On a work thread. A snapshot is text there: no expression is evaluated. */
static int
read_piece(struct store *reader, void *arg, struct heed_error *error)
{
	struct stream_load *load = arg;
	struct replay *replay = &load->replay;
	int64_t left;
	int r;

	if (!load->began)
		HEED_TRY(replay_snapshot(replay, reader, error));
	load->began = true;
	load->n = 0;
	left = replay->until.version - replay->version;
	if (left <= 0)
		return 0;
	arena_reset(&load->arena);
	load->events = ARENA_ARRAY(&load->arena, struct store_event, PIECE);
	if (load->events == NULL)
		return error_nomem(error);
	r = store_read_stream(reader, replay->stream, replay->version + 1,
	                      left < PIECE ? left : PIECE, take_event, load, error);
	return r == HEED_E_NOMEM ? error_nomem(error) : r;
}

static void
finish(struct stream_load *load, int code, const struct heed_error *error)
{
	struct replay *replay = &load->replay;
	struct stream_state *state = NULL;
	struct heed_error none = {0};

	if (code == 0) {
		state = stream_state_new(replay->stream, replay->fold, replay->version,
		                         replay->snapshot, replay->state);
		code = state == NULL ? HEED_E_NOMEM : 0;
	}
	if (code == 0 && replay->until.version == INT64_MAX &&
	    replay->until.time_us == INT64_MAX)
		streams_keep(load->streams, state);
	if (code == HEED_E_NOMEM)
		(void)error_nomem(&none);
	load->streams->stats.loaded++;
	load->done(load->arg, code, state, error->code != 0 ? error : &none);
	load_free(load);
}

static void
piece_read(void *arg, int code, const struct heed_error *error)
{
	struct stream_load *load = arg;
	struct heed_error wrong = {0};
	int64_t i;

	if (load->done == NULL) {
		load_free(load);
		return;
	}
	if (code != 0) {
		finish(load, code, error);
		return;
	}
	for (i = 0; i < load->n && code == 0 && !load->replay.over; i++)
		code = replay_event(&load->replay, &load->events[i], &wrong);
	load->streams->stats.folded += i;
	if (code == 0 && load->n == PIECE && !load->replay.over) {
		code = store_read(load->streams->store, read_piece, piece_read, load);
		if (code == 0)
			return;
	}
	finish(load, code, &wrong);
}

int
streams_load(struct streams *streams, struct heed_str stream,
             const struct stream_fold *fold, struct fold_until until,
             stream_loaded_fn *done, void *arg, struct stream_load **ret_load)
{
	struct stream_load *load = mem_new(sizeof(*load));
	struct heed_str name;

	if (load == NULL)
		return HEED_E_NOMEM;
	load->streams = streams;
	load->done = done;
	load->arg = arg;
	arena_init(&load->names, 128);
	arena_init(&load->arena, 4096);
	name = arena_str(&load->names, stream);
	replay_init(&load->replay, fold, name, until);
	if (name.data == NULL ||
	    store_read(streams->store, read_piece, piece_read, load) < 0) {
		load_free(load);
		return HEED_E_NOMEM;
	}
	*ret_load = load;
	return 0;
}

void
streams_cancel(struct stream_load *load)
{
	load->done = NULL;
}
