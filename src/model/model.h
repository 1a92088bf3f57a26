/*
 * model.h - the gateway to models: questions, replies, admission, calls.
 *
 * A *model* is a named deployment of a provider: how to reach it, what it costs, what it may be
 * asked at once. A *kind* (codec) turns a question into one HTTP request and its response into
 * a reply; one file a provider. The *gateway* decides when a call may start (limits, circuit
 * breaker, fallback), answers from its cache or from an identical call that is under way, and
 * performs the call once. It never repeats a call: each attempt is the caller's decision,
 * committed by the caller between admission and call.
 *
 *	gateway_admit --0--> [caller commits its intent] --> gateway_call --> done(reply)
 *	      |                                                   ^
 *	      '--HEED_WAIT--> queued ... wake(arg) ---------------'
 *
 * The reply's text is raw. The caller records it, then reads it with structured_read
 * (structured.h), and when that fails may ask once more with `previous` and `complaint` set.
 *
 * Everything is on the loop's thread.
 */
#ifndef HEED_MODEL_MODEL_H
#define HEED_MODEL_MODEL_H

#include "base/arena.h"
#include "base/expr.h"
#include "base/generation.h"
#include "config/option.h"
#include "heed.h"
#include "loop/http_client.h"
#include "loop/loop.h"

struct gateway;
struct lane;
struct model_kind;

/* ---- a model as configured --------------------------------------------------------- */

/* Nano US dollars (1e-9) for a million tokens, so that "0.15" dollars is exact. */
struct model_price {
	bool set; /* configured; otherwise the built-in table is asked by name */
	int64_t input;
	int64_t cached_input;
	int64_t cache_write;
	int64_t output;
	int64_t reasoning; /* output that is not shown; as output unless said */
	double batch;      /* what a batch costs of it, for answers within a day: 0.5 */
};

struct model_limits {
	int64_t in_flight;           /* calls at once */
	int64_t requests_per_minute; /* 0: no bound */
	int64_t tokens_per_minute;   /* 0: no bound; counts the estimate, then the real
	                                usage */
	int64_t queue;               /* admissions that may wait */
};

struct model_breaker {
	int64_t failures; /* in a row that open it; 0: never */
	int64_t pause_ms; /* until one call may try; doubles to 16 times while it fails */
};

enum model_credential {
	CREDENTIAL_NONE, /* the key, if there is one */
	CREDENTIAL_DEFAULT,
	CREDENTIAL_ENVIRONMENT,
	CREDENTIAL_WORKLOAD_IDENTITY,
	CREDENTIAL_MANAGED_IDENTITY,
	CREDENTIAL_CLI,
};

/* How a structured answer is asked for. */
enum model_form {
	FORM_AUTO,        /* strict where the schema allows it, else FORM_SCHEMA */
	FORM_SCHEMA,      /* json_schema, not strict */
	FORM_JSON_OBJECT, /* JSON mode; the schema goes into the prompt */
	FORM_PROMPT,      /* the prompt only */
	FORM_TOOL,        /* anthropic: a forced tool */
};

enum model_tokens_field { TOKENS_AUTO, TOKENS_COMPLETION, TOKENS_PLAIN };

/* One entry of the `models:` map; bound by model_options, then model_check. */
struct model {
	struct heed_str name;
	int provider; /* index into model_kinds and model_provider_names */
	struct heed_str endpoint;
	struct heed_str model;
	struct heed_str deployment;
	struct heed_str api_version; /* azure: empty for the v1 path */
	struct heed_str api_key;     /* secret */
	int credential;              /* enum model_credential */
	struct heed_str scope;       /* of the credential's token */
	struct model_price price;
	struct model_limits limits;
	struct model_breaker breaker;
	int64_t timeout_ms;
	int64_t max_tokens;
	double temperature; /* below 0: not sent */
	int form;           /* enum model_form */
	int tokens_field;   /* enum model_tokens_field */
	struct heed_str fallback;
	int64_t cache_ms;       /* 0: no cache */
	bool coalesce;          /* one call for identical questions in flight */
	struct heed_str system; /* put before every question's own system text */
	struct heed_json extra; /* object merged into the body; null removes a member */
	struct expr *rules;     /* provider rules */

	struct generation *generation; /* of its configuration; may be NULL */

	/* Set by gateway_add. */
	struct lane *lane;
	const struct model *next; /* the fallback, or NULL */
};

/* Rows of one entry (offsets into struct model). */
extern const struct option model_options[];
extern const char *const model_provider_names[]; /* NULL-terminated, as model_kinds */

/* What the rows can't say: needed and contradicting options, URL, built-in price. No side
 * effects. HEED_E_CONFIG. */
int model_check(const struct model *model, struct heed_error *error);
/* Is its price known (configured, built in, or rules)? heed check warns when not: a
 * budget can't hold what has no price. */
bool model_price_known(const struct model *model);
/* The name to show: "gpt-4o-mini", the deployment, "rules". */
struct heed_str model_label(const struct model *model);

/* ---- questions and replies --------------------------------------------------------- */

/* What is asked. Borrowed by every call that takes it until that call returns. */
struct model_question {
	struct heed_str name;   /* of the answer, for the provider: "enrichment" */
	struct heed_str system; /* the pattern's own instruction; may be empty */
	struct heed_str prompt;
	struct heed_json schema; /* JSON Schema of the answer; HEED_NULL for free text */
	int64_t max_tokens;      /* 0: the model's */
	double temperature;      /* below 0: the model's */
	/* A repair: the raw answer that was wrong and what was wrong with it. */
	struct heed_str previous;
	struct heed_str complaint;
	struct heed_str trace; /* traceparent of the call; may be empty */
	/* What expressions see (.event, .state ...): the input of rules. */
	struct heed_json input;
};

enum model_class {
	MODEL_ANSWER,         /* text is an answer */
	MODEL_REFUSAL,        /* the model declined; message says how */
	MODEL_LENGTH,         /* cut off by max_tokens or the context; text is a part */
	MODEL_CONTENT_FILTER, /* the provider blocked prompt or answer */
	MODEL_RATE,           /* asked to slow down; retry_after_ms */
	MODEL_TRANSIENT, /* may pass: 408, 409, 5xx, network, time-out, half a reply */
	MODEL_PERMANENT, /* will not pass by itself: 400, 401, 404, quota ... */
};
/* "answer", "refusal" ... */
const char *model_class_name(enum model_class class);

/* Tokens, normalised: totals include their parts, whatever the provider reports. */
struct model_usage {
	int64_t input; /* all of the prompt, cached and written to the cache included */
	int64_t cached_input; /* part of input */
	int64_t cache_write;  /* part of input */
	int64_t output;       /* all of the answer, reasoning included */
	int64_t reasoning;    /* part of output */
	bool estimated; /* the provider did not say (or never answered): an upper bound */
};

struct model_reply {
	/* Zero for MODEL_ANSWER; HEED_E_REFUSED (refusal, content filter), HEED_E_LIMIT
	 * (length), HEED_E_RATE, HEED_E_TIMEOUT, HEED_E_NETWORK, HEED_E_TRANSIENT,
	 * HEED_E_PERMANENT, HEED_E_NOMEM, HEED_E_CANCELLED. */
	int code;
	enum model_class class;
	struct heed_str text; /* the answer as the model wrote it */
	struct model_usage usage;
	int64_t cost_nano; /* US dollars times 1e9; 0 when shared or without a price */
	bool price_known;
	bool shared;            /* from the cache or another's call: costs nothing */
	bool cached;            /* from the cache */
	bool sent;              /* the provider may have seen the request */
	bool suspect;           /* counts against the model (breaker), not the question */
	int64_t retry_after_ms; /* -1: not said */
	int status;             /* HTTP, 0 when there was none */
	struct heed_str message; /* what went wrong, for people */
	struct heed_str error;   /* the provider's own code for it, or empty */
	struct heed_str request_id;
	struct heed_str model; /* what the provider says answered */
	struct heed_str raw;   /* the response body as it came */
	int64_t elapsed_ms;
};

/* A reply as JSON for a journal (raw is kept as text only when it is not an answer or was
 * not fully understood), and back. On `arena`. */
int model_reply_write(const struct model_reply *reply, struct arena *arena,
                      struct heed_json *ret_record);
int model_reply_read(struct heed_json record, struct model_reply *ret_reply);

/* ---- cost -------------------------------------------------------------------------- */

/* The tokens that a text of `bytes` may take: one for three bytes, rounded up. High for
 * English (about four bytes a token), about right for code and other alphabets. */
int64_t model_tokens_estimate(size_t bytes);
/* Tokens of a whole question: its texts and schema, 16 for the frame, and what it may
 * answer. Split into *ret_input and *ret_output (either may be NULL). */
int64_t
model_question_tokens(const struct model *model, const struct model_question *question,
                      int64_t *ret_input, int64_t *ret_output);
/* Exact, rounded to the nearest nano-dollar, at the price of the day `at_us` (0: the
 * newest). `answered_by` is the provider's name of the model and used before the
 * configured one in the built-in list; may be empty. *ret_known may be NULL. 0 when there
 * is no price. */
int64_t model_cost(const struct model *model, struct heed_str answered_by,
                   const struct model_usage *usage, int64_t at_us, bool *ret_known);
/* What a question can cost at most when `model` answers it: to be reserved. An upper
 * bound, not an estimate: a token for every byte of the prompt, and all of max_tokens. 0
 * when it is free, or has no price. */
int64_t model_cost_max(const struct model *model, const struct model_question *question,
                       int64_t at_us);

/* ---- the gateway ------------------------------------------------------------------- */

/* Answers in place of providers, in rehearsals (tests, whatif). */
struct model_stand_in {
	/* Fill *reply, which is zeroed, on `arena`, and return true; or leave the question to
	 * the provider. Cost and sharing are the gateway's. */
	bool (*answer)(void *arg, const struct model *model,
	               const struct model_question *question, struct arena *arena,
	               struct model_reply *reply);
	void *arg;
};

struct gateway_options {
	const struct model_stand_in *stand_in; /* borrowed; NULL: providers answer */
	size_t cache_max;                      /* bytes of cached replies; 0 for 64 MiB */
	const char *imds_endpoint; /* tests; NULL for http://169.254.169.254 */
};

/* Admission, call and reply of one attempt. Made by gateway_admit; gone after done()
 * returns or after gateway_cancel. */
struct ticket;
/* The model that will be asked: `first`, or one of its fallbacks. Once admitted. */
const struct model *ticket_model(const struct ticket *ticket);
/* Will it be answered without a call (cache, or an identical call under way)? Once
 * admitted. */
bool ticket_free_of_charge(const struct ticket *ticket);

typedef void model_done_fn(void *arg, const struct model_reply *reply);

/* `options` may be NULL. HEED_E_NOMEM. */
int gateway_new(struct loop *loop, struct http_client *http,
                const struct gateway_options *options, struct gateway **ret_gateway);
/* Cancels everything, without calling back. Takes NULL. */
void gateway_free(struct gateway *gateway);
/* From now on. Borrowed; NULL: providers answer. */
void gateway_stand_in(struct gateway *gateway, const struct model_stand_in *stand_in);
/* Make the models of a definition usable: resolves fallbacks (HEED_E_CONFIG: unknown, or
 * a circle) and sets lane and next. Models of the same name share their limits' and
 * breaker's state over reloads; the newest settings count. Borrowed until gateway_remove;
 * who asks or is asked holds the model's generation.
 */
int gateway_add(struct gateway *gateway, struct model *models, size_t n,
                struct heed_error *error);
/* Take their settings again, after those of others were taken. */
void gateway_renew(struct model *models, size_t n);
/* No ticket may hold any of them. */
void gateway_remove(struct gateway *gateway, struct model *models, size_t n);

/* Ask for leave to call `first` or, while its breaker is open or it is told to wait long,
 * the nearest usable fallback. 0: admitted now. HEED_WAIT: in line; `wake(arg)` comes on
 * a later turn, once, when it is admitted. HEED_E_BUSY: the line is full. HEED_E_NOMEM.
 * An admitted ticket holds its place until gateway_call's done or gateway_cancel: commit
 * soon. */
int gateway_admit(struct gateway *gateway, const struct model *first,
                  const struct model_question *question, loop_fn *wake, void *arg,
                  struct ticket **ret_ticket, struct heed_error *error);
/* Perform the call of an admitted ticket with the same question; `done` comes on a later
 * turn, whatever happens (a failure to start is a reply, too). The reply is borrowed
 * until done returns, and then the ticket is gone. */
void gateway_call(struct ticket *ticket, const struct model_question *question,
                  model_done_fn *done, void *arg);
/* Give up at any point; neither wake nor done will come. A call that only this ticket
 * waits for is cut off. Takes NULL. */
void gateway_cancel(struct ticket *ticket);

enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF_OPEN };
const char *breaker_state_name(enum breaker_state state);

struct gateway_stats {
	size_t in_flight;
	size_t queued;
	enum breaker_state breaker;
	int64_t paused_ms; /* until the provider lets us go on; 0 when not paused */
	uint64_t calls;    /* really made */
	uint64_t failures; /* of those, neither answer nor refusal, length, filter */
	uint64_t cached;   /* answered by the cache */
	uint64_t shared;   /* answered by another's call */
	uint64_t rerouted; /* admissions that went to a fallback */
};
void gateway_stats(const struct model *model, struct gateway_stats *ret_stats);

/* ---- codecs ------------------------------------------------------------------------ */

/* A request as parts, on the arena that encode was given. */
struct model_request {
	struct heed_str url;
	struct http_header headers[8]; /* without the credential */
	size_t n_headers;
	struct heed_str body;
};

struct model_response {
	int status;
	const struct http_header *headers; /* names in lower case */
	size_t n_headers;
	struct heed_str body;
	int64_t now_us; /* wall clock, for Retry-After dates */
};

struct model_kind {
	const char *name;
	const char *help;
	const char *const
		*options;     /* names of the rows it uses besides the common ones */
	const char *endpoint; /* when none is configured; may be NULL */
	int (*check)(const struct model *model, struct heed_error *error);
	/* NULL with answer: the kind makes no HTTP call. */
	int (*encode)(const struct model *model, const struct model_question *question,
	              struct arena *arena, struct model_request *ret_request,
	              struct heed_error *error);
	/* Any response whatever, also garbage; *reply is zeroed, result on `arena`. Cost,
	 * elapsed time and sharing are the gateway's. */
	void (*decode)(const struct model *model, const struct model_response *response,
	               struct arena *arena, struct model_reply *reply);
	/* Answer here, at once. */
	void (*answer)(const struct model *model, const struct model_question *question,
	               struct arena *arena, struct model_reply *reply);
};

/* All kinds of this build, NULL-terminated (kinds.c); model.provider is the index. */
extern const struct model_kind *const model_kinds[];

#endif
