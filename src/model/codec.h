/*
 * codec.h - what the codecs share: prompts, bodies, failures.
 */
#ifndef HEED_MODEL_CODEC_H
#define HEED_MODEL_CODEC_H

#include "base/json.h"
#include "base/str.h"
#include "model/model.h"
#include "model/structured.h"

extern const struct model_kind model_openai, model_azure, model_anthropic, model_rules;

/* ---- prompt.c ---------------------------------------------------------------------- */

/* Heed's own system text: data is never instruction, then the model's and the question's.
 * When `shown` is not null the schema is written out. {NULL, 0} without memory. */
struct heed_str
prompt_system(const struct model *model, const struct model_question *question,
              struct heed_json shown, struct arena *arena);
/* Bytes that prompt_system adds at most, without a shown schema. */
size_t prompt_frame_len(void);
/* The turns after the system text: user, and for a repair assistant and user again, as
 * [{role, content}]; sticky failures are the builder's. */
void prompt_turns(const struct model_question *question, struct json_build *turns,
                  struct arena *arena);

/* ---- body.c ------------------------------------------------------------------------ */

/* The model's endpoint, or its kind's, without slashes at its end; may be empty. */
struct heed_str codec_endpoint(const struct model *model);
/* That with `path` behind it. {NULL, 0} without memory. */
struct heed_str
codec_url(const struct model *model, struct arena *arena, const char *path);
/* The name of an answer as providers take it: [A-Za-z0-9_-]{1,64}. */
struct heed_str codec_name(struct arena *arena, struct heed_str name);
/* RFC 7396: `patch` merged into `target`, null removes. */
int codec_merge(struct arena *arena, struct heed_json target, struct heed_json patch,
                struct heed_json *ret_value);
/* The request: body with `extra` merged and written, content type, POST to `url`. */
int codec_finish(const struct model *model, struct json_build *body, struct heed_str url,
                 struct arena *arena, struct model_request *ret_request);
void codec_header(struct model_request *request, const char *name, struct heed_str value);

/* ---- reply.c ----------------------------------------------------------------------- */

/* The response's body as JSON, or null. Keeps `raw` and the request id in any case. */
struct heed_json codec_parse(const struct model_response *response, struct arena *arena,
                             struct model_reply *reply);
/* Fill a reply that is a failure from the status and the usual error bodies. */
void codec_fail(const struct model_response *response, struct heed_json body,
                struct arena *arena, struct model_reply *reply);
/* Set code and class; `message` is printf'd on the arena. */
void reply_set(struct model_reply *reply, enum model_class class, int code,
               struct arena *arena, const char *format, ...)
	__attribute__((format(printf, 5, 6)));
/* A token count as it stands in JSON: 0 when absent or absurd. */
int64_t codec_count(struct heed_json object, const char *name);

/* ---- openai.c, for azure.c --------------------------------------------------------- */

/* The chat completions body without `model` when `name` is empty. */
int openai_body(const struct model *model, const struct model_question *question,
                const struct strict_rules *rules, struct heed_str name,
                struct arena *arena, struct json_build *body);
void openai_decode(const struct model *model, const struct model_response *response,
                   struct arena *arena, struct model_reply *reply);

#endif
