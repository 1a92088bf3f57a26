/*
 * kinds.c - the providers of this build, and the option rows of a `models:` entry.
 */
#include "base/error.h"
#include "config/bind.h"
#include "model/codec.h"

const struct model_kind *const model_kinds[] = {&model_openai, &model_azure,
                                                &model_anthropic, &model_rules, NULL};
const char *const model_provider_names[] = {"openai", "azure", "anthropic", "rules",
                                            NULL};

static const char *const credential_names[] = {
	"none", "default", "environment", "workload_identity", "managed_identity",
	"cli",  NULL};
static const char *const form_names[] = {"auto",   "schema", "json_object",
                                         "prompt", "tool",   NULL};
static const char *const tokens_field_names[] = {"auto", "max_completion_tokens",
                                                 "max_tokens", NULL};
static const char *const models_map[] = {"models", NULL};
static const char *const object_types[] = {"object", NULL};

#define PRICE(field, text)                                                               \
	{                                                                                \
		.name = #field, .kind = OPTION_MONEY,                                    \
		.offset = offsetof(struct model_price, field), .max = 9000, .help = text \
	}

static const struct option price_rows[] = {
	PRICE(input, "US dollars per million tokens of input that no cache held."),
	PRICE(cached_input, "Per million tokens read from the provider's cache; as input "
                            "when absent."),
	PRICE(cache_write, "Per million tokens written to the provider's cache; as input "
                           "when absent."),
	PRICE(output, "Per million tokens of output."),
	PRICE(reasoning, "Per million tokens of output that is thought and not shown; as "
                         "output when absent."),
	{.name = "batch",
         .kind = OPTION_REAL,
         .offset = offsetof(struct model_price, batch),
         .fallback = "0.5",
         .min = 0,
         .max = 1,
         .help = "The part of these prices that a batch costs, where answers may take a "
                 "day; for `heed cost forecast`."},
	OPTION_ROWS_END,
};

/* A price that is there is the price, also when it is zero (a server of one's own). */
static int
bind_price(struct bind *bind, const struct conf_node *node, void *field)
{
	struct model_price *price = field;

	HEED_TRY(bind_record(bind, node, price_rows, price));
	if (conf_get(node, "cached_input") == NULL)
		price->cached_input = price->input;
	if (conf_get(node, "cache_write") == NULL)
		price->cache_write = price->input;
	if (conf_get(node, "reasoning") == NULL)
		price->reasoning = price->output;
	price->set = true;
	return 0;
}

#define LIMIT(field, start, least, text)                                                 \
	{                                                                                \
		.name = #field, .kind = OPTION_INT,                                      \
		.offset = offsetof(struct model_limits, field), .fallback = start,       \
		.min = least, .max = 1e9, .help = text                                   \
	}

static const struct option limit_rows[] = {
	LIMIT(in_flight, "256", 1, "Calls at once."),
	LIMIT(requests_per_minute, "0", 0, "Calls started in a minute; 0 for no bound."),
	LIMIT(tokens_per_minute, "0", 0,
              "Tokens in a minute, input and output; 0 for no bound."),
	LIMIT(queue, "10000", 1, "Questions that may wait for their turn."),
	OPTION_ROWS_END,
};

static const struct option breaker_rows[] = {
	{.name = "failures",
         .kind = OPTION_INT,
         .offset = offsetof(struct model_breaker, failures),
         .fallback = "5",
         .min = 0,
         .max = 1000,
         .help = "Failures in a row after which the model is left alone; 0 for never."},
	{.name = "pause",
         .kind = OPTION_DURATION,
         .offset = offsetof(struct model_breaker, pause_ms),
         .fallback = "15s",
         .min = 100,
         .max = 3600000,
         .help = "How long, before one call may try it; doubles up to 16 times."},
	OPTION_ROWS_END,
};

#define AT(field) .offset = offsetof(struct model, field)

const struct option model_options[] = {
	{.name = "provider",
         .kind = OPTION_ENUM,
         AT(provider),
         .flags = OPTION_REQUIRED,
         .names = model_provider_names,
         .help = "Who answers: openai (or any compatible server), azure, anthropic, "
                 "rules."},
	{.name = "endpoint",
         .kind = OPTION_TEXT,
         AT(endpoint),
         .help = "Base address; openai: https://api.openai.com/v1, anthropic: "
                 "https://api.anthropic.com when absent."},
	{.name = "model",
         .kind = OPTION_TEXT,
         AT(model),
         .help = "The provider's name of the model; also names the built-in price."},
	{.name = "deployment",
         .kind = OPTION_TEXT,
         AT(deployment),
         .help = "azure: the name of the deployment."},
	{.name = "api_version",
         .kind = OPTION_TEXT,
         AT(api_version),
         .help = "azure: such as 2024-10-21, with the deployment in the path; absent: "
                 "the v1 "
                 "path."},
	{.name = "api_key",
         .kind = OPTION_SECRET,
         AT(api_key),
         .help = "The provider's key."},
	{.name = "credential",
         .kind = OPTION_ENUM,
         AT(credential),
         .fallback = "none",
         .names = credential_names,
         .help = "An Entra token in place of a key: default tries environment, workload "
                 "identity, managed identity and the az command."},
	{.name = "scope",
         .kind = OPTION_TEXT,
         AT(scope),
         .fallback = "https://cognitiveservices.azure.com/.default",
         .help = "What the credential's token is for."},
	{.name = "price",
         .kind = OPTION_CUSTOM,
         AT(price),
         .names = object_types,
         .rows = price_rows,
         .bind = bind_price,
         .help = "US dollars per million tokens; the built-in list when absent (heed "
                 "cost prices)."},
	{.name = "limits",
         .kind = OPTION_RECORD,
         AT(limits),
         .rows = limit_rows,
         .help = "How much the model is asked at once."},
	{.name = "breaker",
         .kind = OPTION_RECORD,
         AT(breaker),
         .rows = breaker_rows,
         .help = "When a failing model is left alone for a while."},
	{.name = "timeout",
         .kind = OPTION_DURATION,
         AT(timeout_ms),
         .fallback = "60s",
         .min = 1,
         .max = 3600000,
         .help = "Of one call, from connecting to the last byte."},
	{.name = "max_tokens",
         .kind = OPTION_INT,
         AT(max_tokens),
         .fallback = "4096",
         .min = 1,
         .max = 10000000,
         .help = "Of an answer, reasoning included; bounds what is reserved."},
	{.name = "temperature",
         .kind = OPTION_REAL,
         AT(temperature),
         .fallback = "-1",
         .min = -1,
         .max = 2,
         .help = "Randomness; below 0: not sent, for models that refuse it."},
	{.name = "form",
         .kind = OPTION_ENUM,
         AT(form),
         .fallback = "auto",
         .names = form_names,
         .help = "How a structured answer is asked for: auto is the provider's strict "
                 "form "
                 "where the schema allows it."},
	{.name = "tokens_field",
         .kind = OPTION_ENUM,
         AT(tokens_field),
         .fallback = "auto",
         .names = tokens_field_names,
         .help = "openai, azure: the body's name for max_tokens."},
	{.name = "fallback",
         .kind = OPTION_TEXT,
         AT(fallback),
         .flags = OPTION_REFERENCE,
         .names = models_map,
         .help = "The model to ask while this one fails or is told to wait."},
	{.name = "cache",
         .kind = OPTION_DURATION,
         AT(cache_ms),
         .fallback = "0",
         .min = 0,
         .max = 2592000000.0,
         .help = "How long an answer serves for exactly the same question; 0 for no "
                 "cache."},
	{.name = "coalesce",
         .kind = OPTION_BOOL,
         AT(coalesce),
         .fallback = "true",
         .help = "Make one call for identical questions that are asked at the same "
                 "time."},
	{.name = "system",
         .kind = OPTION_TEXT,
         AT(system),
         .help = "Text put before the system text of every question."},
	{.name = "extra",
         .kind = OPTION_VALUE,
         AT(extra),
         .help = "Members merged into the request's body; null takes one out."},
	{.name = "rules",
         .kind = OPTION_EXPR,
         AT(rules),
         .help = "rules: the jq program; it sees .event and so on, and .ask. Other "
                 "providers: what answers in heed dev while the key is not set."},
	OPTION_ROWS_END,
};

struct heed_str
model_label(const struct model *model)
{
	if (model_kinds[model->provider]->answer != NULL)
		return str_of(model_kinds[model->provider]->name);
	return model->model.len > 0 ? model->model : model->deployment;
}

int
model_check(const struct model *model, struct heed_error *error)
{
	const struct model_kind *kind = model_kinds[model->provider];
	struct heed_str endpoint = codec_endpoint(model);
	bool is_http = str_starts_nocase(endpoint, "http://") ||
	               str_starts_nocase(endpoint, "https://");

	HEED_TRY(kind->check(model, error));
	if (model->extra.kind != HEED_NULL && model->extra.kind != HEED_OBJECT)
		return error_set(error, HEED_E_CONFIG, "`extra` must be a mapping");
	if (kind->answer == NULL && !is_http) {
		(void)error_set(error, HEED_E_CONFIG,
		                "`endpoint` must begin with http:// or https://");
		error_hint(error,
		           "write the base address, such as https://api.openai.com/v1");
		return HEED_E_CONFIG;
	}
	if (str_eq(model->fallback, model->name) && model->fallback.len > 0)
		return error_set(error, HEED_E_CONFIG,
		                 "a model can't be its own fallback");
	return 0;
}
