/*
 * heed.h - the public face of libheed: embed heed, and write flows, actions and sources
 * in C.
 *
 *	heed_open    the configuration: the file that the `heed` program runs
 *	heed_add_... flows, actions and sources of the program
 *	heed_start   store, unfinished runs, sources
 *	heed_serve   until heed_stop
 *	heed_close
 *
 * docs/library.md shows it at work; examples/embed is a program.
 *
 * Errors: functions return zero or a negative HEED_E code; `ret_` parameters are
 * untouched on failure; a `struct heed_error *` may be NULL when the caller needs no
 * words.
 *
 * Threads: heed_serve is the *loop*: it calls the program's flows, actions, sources and
 * callbacks, one at a time, and waits while they run, so they return soon and leave work
 * that blocks to threads of their own. What may be called from any thread says so; all
 * else belongs to the thread that called heed_start, and while heed_serve runs to
 * callbacks on the loop.
 *
 * Ownership: structs and texts that describe flows, actions and sources are borrowed
 * until heed_close; static ones are meant. A text given out as `char *` is the caller's,
 * to be freed with heed_free. All else that is given out is borrowed for as long as its
 * comment says.
 *
 * Signals are the program's (heed_stop_on hands one over); it should ignore SIGPIPE.
 * Nothing here depends on a third party's header.
 */
#ifndef HEED_H
#define HEED_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define HEED_API __attribute__((visibility("default")))
#define HEED_PRINTF(text, args) __attribute__((format(printf, text, args)))
#else
#define HEED_API
#define HEED_PRINTF(text, args)
#endif

/* ---- errors ------------------------------------------------------------------------ */

/* name, number, what it means. The number is what functions return, negated. */
#define HEED_ERRORS(X)                                                                   \
	X(NOMEM, 1, "out of memory")                                                     \
	X(INVALID, 2, "the input is not valid")                                          \
	X(CONFIG, 3, "the configuration is not valid")                                   \
	X(NOTFOUND, 4, "there is no such thing")                                         \
	X(EXISTS, 5, "it exists already")                                                \
	X(CONFLICT, 6, "it was changed in the meantime")                                 \
	X(LIMIT, 7, "a limit was reached")                                               \
	X(BUSY, 8, "busy; try again later")                                              \
	X(IO, 9, "an input or output operation failed")                                  \
	X(STORE, 10, "the store failed")                                                 \
	X(LOCKED, 11, "another process holds the store")                                 \
	X(NEWER, 12, "it was written by a newer version")                                \
	X(CORRUPT, 13, "stored data is damaged")                                         \
	X(TIMEOUT, 14, "it took too long")                                               \
	X(CANCELLED, 15, "it was cancelled")                                             \
	X(NETWORK, 16, "the connection failed")                                          \
	X(RATE, 17, "the other side asks for a slower rate")                             \
	X(TRANSIENT, 18, "a failure that may pass")                                      \
	X(PERMANENT, 19, "a failure that will not pass by itself")                       \
	X(REFUSED, 20, "the model refused")                                              \
	X(UNSUPPORTED, 21, "this build or version does not support it")                  \
	X(UNKNOWN, 22, "it is not known whether it happened")

enum heed_code {
	HEED_OK = 0,
#define HEED_X(name, number, text) HEED_E_##name = -(number),
	HEED_ERRORS(HEED_X)
#undef HEED_X
};

/* What a flow's call returns when its result is not there yet: return it to the engine.
 */
#define HEED_WAIT 1

/* Return from the calling function unless `expr` succeeded. */
#define HEED_TRY(expr)                                                                   \
	do {                                                                             \
		int heed_try_ = (expr);                                                  \
		if (heed_try_ != 0)                                                      \
			return heed_try_;                                                \
	} while (0)

/* The words for a failure: what happened, where, and what to do. All NUL-terminated, all
 * truncated with an ellipsis when too long; `where` and `hint` may be empty. */
struct heed_error {
	int code;
	char text[640];
	char where[256];
	char hint[384];
};

/* The meaning of a code, for example "out of memory". Never NULL. */
HEED_API const char *heed_code_text(int code);
/* The code's name, for example "NOMEM". Never NULL. */
HEED_API const char *heed_code_name(int code);

/* ---- text -------------------------------------------------------------------------- */

/* A view of bytes that somebody else owns. Not NUL-terminated. {NULL, 0} is empty. */
struct heed_str {
	const char *data;
	size_t len;
};

#define HEED_STR(literal) ((struct heed_str){(literal), sizeof(literal) - 1})

/* ---- JSON -------------------------------------------------------------------------- */

enum heed_json_kind {
	HEED_NULL,
	HEED_BOOL,
	HEED_INT,    /* a whole number that fits int64_t */
	HEED_UINT,   /* a whole number above INT64_MAX that fits uint64_t */
	HEED_REAL,   /* any other number, as the nearest double; always finite */
	HEED_STRING, /* valid UTF-8, may hold NUL */
	HEED_ARRAY,
	HEED_OBJECT, /* members in the order of the text; names are unique (the last one
	                won) */
};

/* A JSON value. Passed by value; its text, items and members live in the arena or
 * document that made it. `len` counts bytes, items or members. */
struct heed_json {
	uint32_t kind;
	uint32_t len;
	union {
		bool boolean;
		int64_t i64;
		uint64_t u64;
		double f64;
		const char *text;
		const struct heed_json *items;
		const struct heed_member *members;
	};
};

struct heed_member {
	struct heed_str name;
	struct heed_json value;
};

/* Values from what C has; the last three refer to the memory that they are given. */
static inline struct heed_json
heed_null(void)
{
	struct heed_json json;

	json.kind = HEED_NULL;
	json.len = 0;
	json.i64 = 0;
	return json;
}

static inline struct heed_json
heed_bool(bool value)
{
	struct heed_json json;

	json.kind = HEED_BOOL;
	json.len = 0;
	json.boolean = value;
	return json;
}

static inline struct heed_json
heed_int(int64_t value)
{
	struct heed_json json;

	json.kind = HEED_INT;
	json.len = 0;
	json.i64 = value;
	return json;
}

/* `value` is finite. */
static inline struct heed_json
heed_real(double value)
{
	struct heed_json json;

	json.kind = HEED_REAL;
	json.len = 0;
	json.f64 = value;
	return json;
}

/* UTF-8. */
static inline struct heed_json
heed_string(struct heed_str text)
{
	struct heed_json json;

	json.kind = HEED_STRING;
	json.len = (uint32_t)text.len;
	json.text = text.data;
	return json;
}

static inline struct heed_json
heed_array(const struct heed_json *items, size_t n)
{
	struct heed_json json;

	json.kind = HEED_ARRAY;
	json.len = (uint32_t)n;
	json.items = items;
	return json;
}

/* Names are different from each other. */
static inline struct heed_json
heed_object(const struct heed_member *members, size_t n)
{
	struct heed_json json;

	json.kind = HEED_OBJECT;
	json.len = (uint32_t)n;
	json.members = members;
	return json;
}

/* What stands at `pointer` (JSON Pointer, RFC 6901: "/data/id"), or NULL. Any thread. */
HEED_API const struct heed_json *
heed_get(const struct heed_json *value, const char *pointer);
/* The text of the string there; the empty view when there is none. Any thread. */
HEED_API struct heed_str heed_text(const struct heed_json *value, const char *pointer);
/* The value as JSON text, NUL-terminated; NULL without memory. Any thread. */
HEED_API char *heed_write(struct heed_json value);
/* Takes NULL. Any thread. */
HEED_API void heed_free(char *text);

/* JSON text as a value, which lives as long as the document. HEED_E_INVALID with line and
 * column; HEED_E_NOMEM. Any thread. */
struct heed_document;
HEED_API int heed_parse(const char *text, struct heed_document **ret_document,
                        struct heed_json *ret_value, struct heed_error *error);
/* Takes NULL. Any thread. */
HEED_API void heed_document_free(struct heed_document *document);

/* ---- life -------------------------------------------------------------------------- */

struct heed;

/* Read a configuration file; nothing is checked or begun. HEED_E_NOTFOUND, HEED_E_IO,
 * HEED_E_LIMIT, HEED_E_NOMEM. */
HEED_API int
heed_open(const char *path, struct heed **ret_heed, struct heed_error *error);
/* The same with its text. `path` is for messages, and relative paths in the text start at
 * its folder; the text is copied. HEED_E_NOMEM. */
HEED_API int heed_open_text(const char *path, const char *text, struct heed **ret_heed,
                            struct heed_error *error);
/* Is the configuration right, with what was added so far? Zero or HEED_E_CONFIG, and in
 * *ret_report, if that is not NULL, {"ok", "warnings": [...],
 * "problems": [{"file", "line", "column", "text", "hint"}]}. Has no effects.
 * HEED_E_NOMEM. */
HEED_API int heed_check(struct heed *heed, char **ret_report, struct heed_error *error);
/* Open the store, go on with the runs that are unfinished there, start the sources.
 * HEED_E_CONFIG (the first problem; heed_check tells all), HEED_E_CONFLICT (it was
 * started before), HEED_E_LOCKED (another process has the store), whatever store and
 * sources say: then only heed_check and heed_close are left to call. */
HEED_API int heed_start(struct heed *heed, struct heed_error *error);
/* Run until heed_stop has let what is under way end, within the configuration's
 * `limits.drain`. HEED_E_CONFLICT: not started, or ended before. */
HEED_API int heed_serve(struct heed *heed, struct heed_error *error);
/* Have heed_serve end (also when that is yet to begin); a second call cuts off what is
 * under way. From heed_start on, until heed_close begins. Any thread, also signal
 * handlers. */
HEED_API void heed_stop(struct heed *heed);
/* Have the signal (SIGTERM, SIGINT) do what heed_stop does. Before heed_start.
 * HEED_E_LIMIT for more than two. */
HEED_API int heed_stop_on(struct heed *heed, int signum, struct heed_error *error);
/* Take it apart: not while heed_serve runs. What is unfinished goes on at the next start.
 * Takes NULL. */
HEED_API void heed_close(struct heed *heed);

/* Have fn(arg, record) called on the loop for each event that is committed and each run
 * that ends, as `heed tap --json` shows them: {"what": "event" ...}, {"what": "run" ...}.
 * The record lives until fn returns. Before heed_start. */
typedef void heed_watch_fn(void *arg, struct heed_json record);
HEED_API void heed_watch(struct heed *heed, heed_watch_fn *fn, void *arg);

/* What goes to standard error, process-wide; before any heed_start. At first
 * HEED_LOG_INFO as text. */
enum heed_log_level {
	HEED_LOG_DEBUG,
	HEED_LOG_INFO,
	HEED_LOG_WARN,
	HEED_LOG_ERROR,
	HEED_LOG_SILENT,
};
enum heed_log_form { HEED_LOG_TEXT, HEED_LOG_JSON };
HEED_API void heed_log(enum heed_log_level least, enum heed_log_form form);

/* ---- events in --------------------------------------------------------------------- */

/* What became of events: code zero, all are committed (those that were known already
 * count as duplicates); else none is: HEED_E_BUSY (later: retry_after_ms), HEED_E_STORE,
 * HEED_E_LIMIT, HEED_E_CANCELLED (heed ended first; whether they are is not known). */
struct heed_outcome {
	int code;
	const char *text; /* words for a failure; NULL: heed_code_text(code) */
	size_t accepted, duplicates;
	int64_t retry_after_ms;
};
typedef void heed_sent_fn(void *arg, const struct heed_outcome *outcome);

/* Hand in one CloudEvent (JSON object) or several (array); what they leave out of id
 * (a new UUID), source ("/heed/send") and specversion is filled in. Copied. `done` (may
 * be NULL) is called once, on the loop or from heed_close; not when this returns a
 * failure: HEED_E_INVALID (says which and why), HEED_E_CONFLICT (not started),
 * HEED_E_NOMEM. Any thread from heed_start on. */
HEED_API int heed_send(struct heed *heed, const char *events, heed_sent_fn *done,
                       void *arg, struct heed_error *error);

/* ---- looking ----------------------------------------------------------------------- */

/* What to list; {0} is the newest 100 of all. Texts may be NULL. */
struct heed_filter {
	const char *state;  /* of runs: "done", "dead,held" ... */
	const char *name;   /* of runs: the flow's or reaction's */
	const char *type;   /* of the event */
	const char *source; /* of the event */
	const char *id;     /* of the event */
	int64_t below;      /* "seq" of events, "run" of runs: older than this one */
	int64_t limit;      /* 0: 100 */
};

/* JSON texts in the form of `heed events --json`, `heed runs --json` and of the entries
 * in `heed explain --json`: arrays, the newest first, and {"run": {...}, "journal":
 * [...]}. They read the store itself, at the same time as the loop. HEED_E_NOTFOUND (no
 * such run), HEED_E_CONFLICT (not started), HEED_E_UNSUPPORTED (a store in memory),
 * HEED_E_NOMEM, what the store says. Any thread from heed_start on, until heed_close
 * begins. */
HEED_API int heed_events(struct heed *heed, const struct heed_filter *filter,
                         char **ret_json, struct heed_error *error);
HEED_API int heed_runs(struct heed *heed, const struct heed_filter *filter,
                       char **ret_json, struct heed_error *error);
HEED_API int heed_journal(struct heed *heed, int64_t run_id, char **ret_json,
                          struct heed_error *error);

/* ---- flows ------------------------------------------------------------------------- */

/* A flow is a function that reads straight down, has no effects of its own, and depends
 * on nothing but its event and what the calls below return. It is called again from its
 * top whenever something it waits for has arrived: a step that the run's journal holds
 * returns its recorded result; one that it does not hold begins, and returns HEED_WAIT,
 * which the flow returns, too. So a process that is killed goes on where it was.
 *
 * Step names are the keys of the journal: each once in a pass, and the same in every
 * pass. A flow that breaks these rules fails with the class "flow", as does one that ends
 * without having come to a step of its journal: its code was changed under a run in
 * flight.
 *
 * Expressions see .event, .steps.NAME (what earlier steps of this run gave) and, in
 * effects, .input. ${NAME} is replaced as in the file. */
struct heed_run; /* good until the flow returns */

/* A question to a model: what `ask:` of a reaction holds. */
struct heed_question {
	const char *name;   /* among those of its flow; called so towards the provider */
	const char *model;  /* of the configuration's `models:` */
	const char *system; /* template; may be NULL */
	const char *prompt; /* template: "Analyze {{ .event.data }}" */
	const char *answer; /* JSON Schema as YAML; NULL: the answer is a text */
	const char *more;   /* the other options of `ask:` as YAML; may be NULL */
};

/* An effect: one item of a `then:` list as YAML, for example
 * "http: {method: POST, url: ..., body: .input}" with `retry`, `timeout`, `if` ... beside
 * it in further lines. */
struct heed_effect {
	const char *name; /* among those of its flow */
	const char *action;
};

struct heed_flow {
	const char *name;
	/* Raise it with every change of the code that a run in flight could not bear.
	 * Runs go on with the version, questions and effects that they started with: add
	 * the older versions, too, as long as there are any. New events meet the highest.
	 * A run of a version that is not there becomes a dead letter of the class
	 * "version", which can be redriven. At least 1. */
	int version;
	/* Event types, NULL-terminated; a trailing * matches any rest. */
	const char *const *on;
	const char *when; /* expression; NULL: always */
	const char *key;  /* expression: order among runs of the same key; NULL: none */
	int concurrency;  /* runs at once; 0: 1000 */
	const struct heed_question *const *questions; /* NULL-terminated, or NULL */
	const struct heed_effect *const *effects;     /* NULL-terminated, or NULL */
	/* Zero: done. HEED_WAIT. A failure makes the run a dead letter (HEED_E_UNKNOWN:
	 * held). */
	int (*run)(struct heed_run *run);
	void *arg; /* heed_run_arg */
};

/* Before heed_start. HEED_E_INVALID, HEED_E_EXISTS (name and version), HEED_E_CONFLICT
 * (started), HEED_E_NOMEM. What it refers to is checked by heed_check and heed_start. */
HEED_API int
heed_add_flow(struct heed *heed, const struct heed_flow *flow, struct heed_error *error);

/* The whole event. Lives as long as the run. */
HEED_API struct heed_json heed_event(const struct heed_run *run);
HEED_API int64_t heed_run_id(const struct heed_run *run);
HEED_API void *heed_run_arg(const struct heed_run *run);

/* Each returns zero, HEED_WAIT, or a failure, which the flow returns or handles
 * (heed_failure has its words); results live as long as the run, other values are copied.
 * HEED_E_NOMEM is to be returned: the pass is made again. */

/* Ask a model; the answer fits the schema. HEED_E_REFUSED, HEED_E_INVALID (also after the
 * repair), HEED_E_LIMIT (a budget) ... */
HEED_API int heed_ask(struct heed_run *run, const char *step,
                      const struct heed_question *question, struct heed_json *ret_answer);
/* Carry out an effect; *ret_result (if not NULL) is what the action gave. */
HEED_API int
heed_act(struct heed_run *run, const char *step, const struct heed_effect *effect,
         struct heed_json input, struct heed_json *ret_result);
/* Publish an event in the run's own commit. The step is called as the type; heed_emit_as
 * names it, for several of one type, and `subject` may be NULL. */
HEED_API int heed_emit(struct heed_run *run, const char *type, struct heed_json data);
HEED_API int heed_emit_as(struct heed_run *run, const char *step, const char *type,
                          const char *subject, struct heed_json data);
/* Write a value down; the first one stays, and is what *ret_value (if not NULL) is in
 * every pass: for what would be another each time (the time, a random number, a look at
 * the world). */
HEED_API int heed_note(struct heed_run *run, const char *step, struct heed_json value,
                       struct heed_json *ret_value);
/* Wait so long from the first pass that comes here, over restarts. */
HEED_API int heed_sleep(struct heed_run *run, const char *step, int64_t ms);
/* Fail the run: `return heed_fail(run, "no customer %s", id)`. HEED_E_PERMANENT. */
HEED_API int heed_fail(struct heed_run *run, const char *format, ...) HEED_PRINTF(2, 3);
/* Words for the last failure of a call in this pass; empty when there was none. */
HEED_API const char *heed_failure(const struct heed_run *run);

/* ---- actions ----------------------------------------------------------------------- */

/* An action in C is one more kind for configurations: `- NAME: {...}` in `then:`, `do:`,
 * in effects of flows. Its options are one shape: values, templates and expressions; what
 * they come to is committed as the step's intent before perform is called. */
struct heed_call;

/* What may be done when it is not known whether an attempt happened. */
enum heed_effect_class {
	HEED_KEYED = 1, /* perform it again: what it does with the same key counts once */
	HEED_UNKEYED,   /* nothing: ask the `probe:`, or hold the run for a person */
};

struct heed_action {
	const char *name; /* letters, digits and _ */
	const char *help; /* a sentence; may be NULL */
	enum heed_effect_class effect;
	/* Start an attempt, on the loop. Zero: heed_action_done is or will be called,
	 * once, whatever happens, also after cancel. A failure, with words, ends the
	 * attempt; then heed_action_done must not be called. */
	int (*perform)(void *arg, struct heed_call *call, struct heed_error *error);
	/* Nobody waits for the call any more (time-out, end of heed); on the loop or in
	 * heed_close. May be NULL. */
	void (*cancel)(void *arg, struct heed_call *call);
	void *arg;
};

/* As heed_add_flow; the names of heed's own actions are taken. */
HEED_API int heed_add_action(struct heed *heed, const struct heed_action *action,
                             struct heed_error *error);

/* Of a call that has not been done. Any thread. What the options came to; the key of the
 * effect, the same on every attempt (a UUID); how long the attempt may take: keep to it.
 */
HEED_API struct heed_json heed_call_options(const struct heed_call *call);
HEED_API const char *heed_call_key(const struct heed_call *call);
HEED_API int64_t heed_call_timeout_ms(const struct heed_call *call);

/* It ended; the call is gone. Code zero with a result that later steps see; or
 * HEED_E_TRANSIENT, HEED_E_NETWORK, HEED_E_TIMEOUT, HEED_E_RATE (tried again as `retry:`
 * says), HEED_E_PERMANENT, HEED_E_UNKNOWN (it may have happened), with words in `text`
 * (may be NULL). `result` is copied. Any thread, also inside perform, also after
 * heed_close. */
HEED_API void heed_action_done(struct heed_call *call, int code, struct heed_json result,
                               const char *text);

/* ---- sources ----------------------------------------------------------------------- */

/* A source in C is one more `type:` under `sources:`; what stands beside the type is its
 * options. */
struct heed_source; /* one of the configuration; from start until stop returns */

struct heed_source_kind {
	const char *name;
	const char *help; /* may be NULL */
	/* Begin. `position` is what the last committed delivery gave, empty at first;
	 * good until start returns. A failure, with words, is heed_start's. */
	int (*start)(void *arg, struct heed_source *source, const char *position,
	             struct heed_error *error);
	/* Deliver no more for now: a bound is near; and go on. May be NULL: what comes
	 * all the same is refused with HEED_E_BUSY once the bound is reached. */
	void (*pause)(void *arg, struct heed_source *source);
	void (*resume)(void *arg, struct heed_source *source);
	/* End: nothing is delivered once it returns. Join your threads here. */
	void (*stop)(void *arg, struct heed_source *source);
	void *arg;
};

/* As heed_add_flow; the names of heed's own sources are taken. */
HEED_API int heed_add_source(struct heed *heed, const struct heed_source_kind *kind,
                             struct heed_error *error);

/* The name under `sources:`; and what stands there beside `type`. Any thread. */
HEED_API const char *heed_source_name(const struct heed_source *source);
HEED_API struct heed_json heed_source_options(const struct heed_source *source);
/* A place for the source's own. */
HEED_API void **heed_source_data(struct heed_source *source);

/* Hand in events (NULL: none), as heed_send, with the position that upstream has behind
 * them (NULL: none). Position and events are one commit: acknowledge upstream, or forget
 * the events, when `done` comes with code zero. Deliveries of one source are committed in
 * order. Any thread between start and the return of stop; `done` comes on the loop or
 * from heed_close, also after stop. */
HEED_API int
heed_deliver(struct heed_source *source, const char *events, const char *position,
             heed_sent_fn *done, void *arg, struct heed_error *error);

#ifdef __cplusplus
}
#endif
#endif
