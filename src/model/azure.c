/*
 * azure.c - Azure OpenAI and AI Foundry: OpenAI's body under Azure's addresses and keys.
 *
 * With `api_version` the deployment is in the path; without it the v1 path is used and
 * the deployment is the body's `model`. Source: Azure OpenAI API version life cycle.
 */
#include "base/error.h"
#include "model/codec.h"

static const char *const options[] = {
	"endpoint", "deployment", "api_version", "api_key",      "credential", "scope",
	"form",     "max_tokens", "temperature", "tokens_field", NULL};

static struct heed_str
deployment_url(const struct model *model, struct arena *arena)
{
	struct heed_str path = {NULL, 0};
	struct heed_buf buf;

	buf_init(&buf, 8192);
	buf_adds(&buf, "/openai/deployments/");
	buf_add_urlencoded(&buf, model->deployment);
	buf_adds(&buf, "/chat/completions?api-version=");
	buf_add_urlencoded(&buf, model->api_version);
	if (buf_error(&buf) == 0)
		path = codec_url(model, arena, buf.data);
	buf_done(&buf);
	return path;
}

static struct heed_str
v1_url(const struct model *model, struct arena *arena)
{
	/* The portal shows the address with and without the path. */
	bool whole = str_ends(codec_endpoint(model), "/openai/v1");

	return codec_url(model, arena,
	                 whole ? "/chat/completions" : "/openai/v1/chat/completions");
}

static int
encode(const struct model *model, const struct model_question *question,
       struct arena *arena, struct model_request *ret_request, struct heed_error *error)
{
	bool dated = model->api_version.len > 0;
	struct heed_str url = dated ? deployment_url(model, arena) : v1_url(model, arena);
	struct heed_str none = {NULL, 0};
	struct json_build body;

	(void)error; /* nothing can be wrong with a question but a lack of memory */
	HEED_TRY(openai_body(model, question, &strict_azure,
	                     dated ? none : model->deployment, arena, &body));
	HEED_TRY(codec_finish(model, &body, url, arena, ret_request));
	if (model->api_key.len > 0)
		codec_header(ret_request, "api-key", model->api_key);
	return 0;
}

static int
check(const struct model *model, struct heed_error *error)
{
	if (model->endpoint.len == 0 || model->deployment.len == 0)
		return error_set(error, HEED_E_CONFIG, "provider azure needs %s",
		                 model->endpoint.len == 0 ? "an `endpoint`"
		                                          : "a `deployment`");
	if (model->form == FORM_TOOL)
		return error_set(error, HEED_E_CONFIG,
		                 "`form: tool` is for provider anthropic");
	if (model->api_key.len > 0 && model->credential != CREDENTIAL_NONE)
		return error_set(error, HEED_E_CONFIG,
		                 "give either `api_key` or `credential`, not both");
	if (model->api_key.len == 0 && model->credential == CREDENTIAL_NONE)
		return error_set(
			error, HEED_E_CONFIG,
			"provider azure needs `api_key` or `credential: default`");
	return 0;
}

const struct model_kind model_azure = {
	.name = "azure",
	.help = "Azure OpenAI or AI Foundry, by key or by Entra credential.",
	.options = options,
	.check = check,
	.encode = encode,
	.decode = openai_decode,
};
