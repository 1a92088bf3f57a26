/*
 * library_source.c - sources in C as source kinds, and events that programs hand in.
 *
 * A struct heed_source is not the engine's instance: deliveries that are on their way
 * when the source stops still hold it. What is handed in is checked in the caller's
 * thread, and stored by the loop.
 */
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "config/bind.h"
#include "service/library.h"
#include "service/local.h"

#define DEFAULT_SOURCE "/heed/send"

struct c_kind {
	struct source_kind kind; /* first */
	const struct heed_source_kind *code;
	struct heed *heed;
};

struct c_source {
	struct source source; /* first */
	struct heed_json options;
	struct heed_source *mine; /* while it runs */
};

struct heed_source {
	atomic_long refs;
	struct heed *heed;
	struct source *source; /* NULL: it was stopped; the loop's */
	const char *name;      /* these are the configuration's: until stop */
	struct heed_json options;
	void *data;
};

static const struct option options[] = {
	{.name = "options",
         .kind = OPTION_VALUE,
         .offset = offsetof(struct c_source, options),
         .flags = OPTION_WHOLE,
         .help = "what the program's source takes"},
	OPTION_ROWS_END,
};

static const struct c_kind *
kind_of(const struct source *source)
{
	return (const struct c_kind *)source->kind;
}

static struct heed_source *
mine_of(struct source *source)
{
	return ((struct c_source *)source)->mine;
}

static void
source_unref(struct heed_source *mine)
{
	if (mine != NULL && atomic_fetch_sub(&mine->refs, 1) == 1)
		mem_free(mine);
}

/* ---- the kind ---------------------------------------------------------------------- */

static int
start(struct source *source, struct heed_str position, struct heed_error *error)
{
	const struct c_kind *kind = kind_of(source);
	struct c_source *instance = (struct c_source *)source;
	struct heed_source *mine = mem_new(sizeof(*mine));
	char *begin = mem_copy(position.data != NULL ? position.data : "", position.len);
	int r;

	if (mine == NULL || begin == NULL) {
		mem_free(mine);
		mem_free(begin);
		return error_nomem(error);
	}
	atomic_init(&mine->refs, 1);
	mine->heed = kind->heed;
	mine->source = source;
	mine->name = source->name.data; /* of the file: NUL-terminated */
	mine->options = instance->options;
	r = kind->code->start(kind->code->arg, mine, begin, error);
	mem_free(begin);
	if (r == 0) {
		instance->mine = mine;
		return 0;
	}
	if (r > 0)
		r = HEED_E_INVALID;
	if (error != NULL && error->text[0] == '\0')
		(void)error_set(error, r, "%s", heed_code_text(r));
	mine->source = NULL;
	source_unref(mine);
	return r;
}

static void
pause_it(struct source *source)
{
	const struct heed_source_kind *code = kind_of(source)->code;

	if (code->pause != NULL)
		code->pause(code->arg, mine_of(source));
}

static void
resume(struct source *source)
{
	const struct heed_source_kind *code = kind_of(source)->code;

	if (code->resume != NULL)
		code->resume(code->arg, mine_of(source));
}

static void
stop(struct source *source)
{
	const struct heed_source_kind *code = kind_of(source)->code;
	struct heed_source *mine = mine_of(source);

	code->stop(code->arg, mine);
	mine->source = NULL;
	((struct c_source *)source)->mine = NULL;
	source_unref(mine);
}

const char *
heed_source_name(const struct heed_source *source)
{
	return source->name;
}

struct heed_json
heed_source_options(const struct heed_source *source)
{
	return source->options;
}

void **
heed_source_data(struct heed_source *source)
{
	return &source->data;
}

static int
check(const struct heed *heed, const struct heed_source_kind *code,
      struct heed_error *error)
{
	const struct source_kind *other;
	size_t i;

	HEED_TRY(library_may_add(heed, "source", code->name, error));
	if (code->start == NULL || code->stop == NULL)
		return error_set(error, HEED_E_INVALID, "source %s needs start and stop",
		                 code->name);
	for (i = 0; (other = source_kind_at(&heed->kinds, i)) != NULL; i++)
		if (strcmp(other->name, code->name) == 0)
			return error_set(error, HEED_E_EXISTS,
			                 "there is a source type \"%s\" already",
			                 code->name);
	return 0;
}

int
heed_add_source(struct heed *heed, const struct heed_source_kind *kind,
                struct heed_error *error)
{
	struct kinds *kinds = &heed->kinds;
	struct c_kind *mine;

	HEED_TRY(check(heed, kind, error));
	mine = mem_new(sizeof(*mine));
	if (mine == NULL ||
	    mem_grow((void **)&kinds->sources, &heed->cap_sources, kinds->n_sources + 1,
	             sizeof(kinds->sources[0])) < 0) {
		mem_free(mine);
		return error_nomem(error);
	}
	mine->code = kind;
	mine->heed = heed;
	mine->kind = (struct source_kind){
		.name = kind->name,
		.help = kind->help != NULL ? kind->help : "a source of the program",
		.options = options,
		.size = sizeof(struct c_source),
		.start = start,
		.pause = pause_it,
		.resume = resume,
		.stop = stop,
	};
	kinds->sources[kinds->n_sources++] = &mine->kind;
	return 0;
}

void
library_free_sources(struct heed *heed)
{
	size_t i;

	for (i = 0; i < heed->kinds.n_sources; i++)
		mem_free((void *)heed->kinds.sources[i]);
	mem_free((void *)heed->kinds.sources);
}

/* ---- handing in -------------------------------------------------------------------- */

/* Events on their way: by mail to the loop, then with the engine until its answer. */
struct sending {
	struct mail mail;          /* first */
	TAILQ_ENTRY(sending) link; /* heed->sendings, from the loop on */
	struct heed *heed;
	struct heed_source *source; /* NULL: of heed_send */
	struct arena arena;
	struct event *events;
	size_t n;
	struct heed_str position;
	heed_sent_fn *done; /* may be NULL */
	void *arg;
};

static void
finish(struct sending *sending, const struct heed_outcome *outcome)
{
	if (sending->done != NULL)
		sending->done(sending->arg, outcome);
	source_unref(sending->source);
	arena_done(&sending->arena);
	mem_free(sending);
}

static void
answered(void *arg, const struct delivery *delivery)
{
	struct sending *sending = arg;
	struct heed_outcome outcome = {
		.code = delivery->code,
		.text = delivery->text,
		.accepted = delivery->n_accepted,
		.duplicates = delivery->n_duplicate,
		.retry_after_ms = delivery->retry_after_ms,
	};

	TAILQ_REMOVE(&sending->heed->sendings, sending, link);
	finish(sending, &outcome);
}

static int
hand_over(struct sending *sending, int64_t *ret_retry_after_ms)
{
	struct heed_source *source = sending->source;

	if (source == NULL)
		return engine_send(sending->heed->service->engine, sending->events,
		                   sending->n, answered, sending, ret_retry_after_ms);
	if (source->source == NULL)
		return HEED_E_CANCELLED;
	return source_deliver(source->source, sending->events, sending->n,
	                      sending->position, answered, sending, ret_retry_after_ms);
}

static void
read_sending(struct mail *mail, bool lost)
{
	struct sending *sending = (struct sending *)mail;
	struct heed_outcome outcome = {.code = HEED_E_CANCELLED};

	if (!lost) {
		TAILQ_INSERT_TAIL(&sending->heed->sendings, sending, link);
		outcome.code = hand_over(sending, &outcome.retry_after_ms);
		if (outcome.code == 0)
			return;
		TAILQ_REMOVE(&sending->heed->sendings, sending, link);
	}
	finish(sending, &outcome);
}

void
library_drop_sendings(struct heed *heed)
{
	const struct heed_outcome outcome = {.code = HEED_E_CANCELLED};
	struct sending *sending;

	while ((sending = TAILQ_FIRST(&heed->sendings)) != NULL) {
		TAILQ_REMOVE(&heed->sendings, sending, link);
		finish(sending, &outcome);
	}
}

static int
read_events(struct sending *sending, const char *text, struct heed_error *error)
{
	const struct event_parts defaults = {.source = HEED_STR(DEFAULT_SOURCE)};
	struct heed_json value;

	HEED_TRY(json_parse(&sending->arena, str_of(text), &value, error));
	return event_list_from_json(&sending->arena, value, &defaults, clock_wall_us(),
	                            &sending->events, &sending->n, error);
}

static int
put(struct heed *heed, struct heed_source *source, const char *events,
    const char *position, heed_sent_fn *done, void *arg, struct heed_error *error)
{
	struct sending *sending = mem_new(sizeof(*sending));
	int r = 0;

	if (sending == NULL)
		return error_nomem(error);
	arena_init(&sending->arena, 0);
	sending->mail.read = read_sending;
	sending->heed = heed;
	sending->done = done;
	sending->arg = arg;
	if (events != NULL)
		r = read_events(sending, events, error);
	if (r == 0 && position != NULL) {
		sending->position = arena_str(&sending->arena, str_of(position));
		if (sending->position.data == NULL)
			r = error_nomem(error);
	}
	if (r < 0) {
		arena_done(&sending->arena);
		mem_free(sending);
		return r;
	}
	sending->source = source;
	if (source != NULL)
		atomic_fetch_add(&source->refs, 1);
	mailbox_put(heed->mailbox, &sending->mail);
	return 0;
}

int
heed_send(struct heed *heed, const char *events, heed_sent_fn *done, void *arg,
          struct heed_error *error)
{
	HEED_TRY(library_runs(heed, error));
	return put(heed, NULL, events, NULL, done, arg, error);
}

int
heed_deliver(struct heed_source *source, const char *events, const char *position,
             heed_sent_fn *done, void *arg, struct heed_error *error)
{
	return put(source->heed, source, events, position, done, arg, error);
}
