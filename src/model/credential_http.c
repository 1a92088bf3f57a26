/*
 * credential_http.c - the token services' requests and replies.
 *
 * Sources: OAuth 2.0 client credentials on Entra, workload identity federation, App
 * Service's and Azure Arc's managed identity, IMDS (api-version 2018-02-01).
 */
#include "model/credential_http.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/str.h"

#define FILE_MAX 65536
#define ARC_FOLDER "/var/opt/azcmagent/tokens/"
#define ARC_FILE_MAX 4096

static struct heed_str
variable(const char *name)
{
	return str_of(getenv(name));
}

/* A small file's content. */
static int
read_file(struct arena *arena, const char *path, size_t max, struct heed_str *ret_text)
{
	char *place = arena_alloc(arena, max + 1);
	size_t len = 0;
	ssize_t n = 1;
	int fd;

	if (place == NULL)
		return HEED_E_NOMEM;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return HEED_E_IO;
	while (n > 0 && len <= max) {
		n = read(fd, place + len, max + 1 - len);
		if (n > 0)
			len += (size_t)n;
	}
	close(fd);
	if (n < 0 || len > max)
		return HEED_E_IO;
	*ret_text = str_trim((struct heed_str){place, len});
	return 0;
}

static void
add_field(struct heed_buf *buf, const char *name, struct heed_str value)
{
	if (buf->len > 0)
		buf_addc(buf, '&');
	buf_adds(buf, name);
	buf_addc(buf, '=');
	buf_add_urlencoded(buf, value);
}

static int
keep(struct arena *arena, struct heed_buf *buf, struct heed_str *ret_text)
{
	int r = buf_error(buf);

	if (r == 0)
		*ret_text = arena_str(arena, buf_str(buf));
	buf_done(buf);
	return r != 0 ? r : ret_text->data == NULL ? HEED_E_NOMEM : 0;
}

static int
authority_url(struct arena *arena, struct heed_str *ret_url)
{
	struct heed_str host = variable("AZURE_AUTHORITY_HOST");
	struct heed_buf buf;

	if (host.len == 0)
		host = HEED_STR("https://login.microsoftonline.com");
	while (host.len > 0 && host.data[host.len - 1] == '/')
		host.len--;
	buf_init(&buf, 4096);
	if (str_search(host, HEED_STR("://")) == host.len)
		buf_adds(&buf, "https://");
	buf_add(&buf, host);
	buf_addc(&buf, '/');
	buf_add_urlencoded(&buf, variable("AZURE_TENANT_ID"));
	buf_adds(&buf, "/oauth2/v2.0/token");
	return keep(arena, &buf, ret_url);
}

static int
form_request(struct arena *arena, struct heed_buf *form, struct token_request *ret)
{
	struct token_request request = {.n_headers = 1};

	request.headers[0] = (struct http_header){
		HEED_STR("Content-Type"), HEED_STR("application/x-www-form-urlencoded")};
	HEED_TRY(keep(arena, form, &request.body));
	HEED_TRY(authority_url(arena, &request.url));
	*ret = request;
	return 0;
}

int
token_request_secret(struct arena *arena, struct heed_str scope,
                     struct token_request *ret)
{
	struct heed_buf form;

	if (variable("AZURE_TENANT_ID").len == 0 ||
	    variable("AZURE_CLIENT_ID").len == 0 ||
	    variable("AZURE_CLIENT_SECRET").len == 0)
		return HEED_E_NOTFOUND;
	buf_init(&form, FILE_MAX);
	add_field(&form, "grant_type", HEED_STR("client_credentials"));
	add_field(&form, "client_id", variable("AZURE_CLIENT_ID"));
	add_field(&form, "client_secret", variable("AZURE_CLIENT_SECRET"));
	add_field(&form, "scope", scope);
	return form_request(arena, &form, ret);
}

int
token_request_workload(struct arena *arena, struct heed_str scope,
                       struct token_request *ret)
{
	const char *path = getenv("AZURE_FEDERATED_TOKEN_FILE");
	struct heed_str assertion;
	struct heed_buf form;

	if (path == NULL || *path == '\0' || variable("AZURE_TENANT_ID").len == 0 ||
	    variable("AZURE_CLIENT_ID").len == 0)
		return HEED_E_NOTFOUND;
	/* Read each time: the file is replaced while it runs. */
	HEED_TRY(read_file(arena, path, FILE_MAX, &assertion));
	buf_init(&form, (size_t)4 * FILE_MAX);
	add_field(&form, "grant_type", HEED_STR("client_credentials"));
	add_field(&form, "client_id", variable("AZURE_CLIENT_ID"));
	add_field(&form, "client_assertion_type",
	          HEED_STR("urn:ietf:params:oauth:client-assertion-type:jwt-bearer"));
	add_field(&form, "client_assertion", assertion);
	add_field(&form, "scope", scope);
	return form_request(arena, &form, ret);
}

/* `base` with its query; the resource is the scope without "/.default". */
static int
managed_url(struct arena *arena, struct heed_str base, const char *version,
            struct heed_str scope, struct heed_str *ret_url)
{
	struct heed_buf query, buf;
	int r;

	if (str_ends(scope, "/.default"))
		scope.len -= strlen("/.default");
	buf_init(&query, 8192);
	add_field(&query, "api-version", str_of(version));
	add_field(&query, "resource", scope);
	if (variable("AZURE_CLIENT_ID").len > 0)
		add_field(&query, "client_id", variable("AZURE_CLIENT_ID"));
	buf_init(&buf, 16384);
	buf_add(&buf, base);
	buf_addc(&buf, '?');
	buf_add(&buf, buf_str(&query));
	r = buf_error(&query);
	buf_done(&query);
	if (r != 0) {
		buf_done(&buf);
		return r;
	}
	return keep(arena, &buf, ret_url);
}

int
token_request_managed(struct arena *arena, struct heed_str scope, const char *imds,
                      struct token_request *ret)
{
	struct heed_str endpoint = variable("IDENTITY_ENDPOINT");
	struct heed_str secret = variable("IDENTITY_HEADER");
	struct token_request request = {.n_headers = 1, .local = true};

	request.headers[0] = (struct http_header){HEED_STR("Metadata"), HEED_STR("true")};
	if (endpoint.len > 0 && secret.len > 0) {
		request.headers[0] =
			(struct http_header){HEED_STR("X-IDENTITY-HEADER"), secret};
		HEED_TRY(managed_url(arena, endpoint, "2019-08-01", scope, &request.url));
	} else if (endpoint.len > 0 && variable("IMDS_ENDPOINT").len > 0) {
		request.arc = true;
		HEED_TRY(managed_url(arena, endpoint, "2020-06-01", scope, &request.url));
	} else {
		struct heed_str base =
			str_of(imds != NULL ? imds : "http://169.254.169.254");

		base = arena_printf(arena, "%.*s/metadata/identity/oauth2/token",
		                    STR_ARG(base));
		if (base.data == NULL)
			return HEED_E_NOMEM;
		HEED_TRY(managed_url(arena, base, "2018-02-01", scope, &request.url));
	}
	*ret = request;
	return 0;
}

int
token_request_arc(struct arena *arena, struct heed_str challenge,
                  struct token_request *request)
{
	struct heed_str mark = HEED_STR("realm="), path, secret;
	size_t at = str_search(challenge, mark);
	char *file;

	if (at == challenge.len)
		return HEED_E_NOTFOUND;
	path = str_trim(str_from(challenge, at + mark.len));
	if (path.len > 1 && path.data[0] == '"')
		path = str_head(str_from(path, 1), str_find(str_from(path, 1), '"'));
	/* The reply must not make us read and send just any file. */
	if (!str_starts(path, ARC_FOLDER) || !str_ends(path, ".key") ||
	    str_search(path, HEED_STR("..")) < path.len)
		return HEED_E_PERMANENT;
	file = arena_cstr(arena, path);
	if (file == NULL)
		return HEED_E_NOMEM;
	HEED_TRY(read_file(arena, file, ARC_FILE_MAX, &secret));
	secret = arena_printf(arena, "Basic %.*s", STR_ARG(secret));
	if (secret.data == NULL)
		return HEED_E_NOMEM;
	request->headers[request->n_headers++] =
		(struct http_header){HEED_STR("Authorization"), secret};
	request->arc = false;
	return 0;
}

/* ---- replies ----------------------------------------------------------------------- */

/* Seconds, as a number or as text. */
static int64_t
seconds(struct heed_json body, const char *name)
{
	int64_t value = json_get_int(body, name, 0);

	if (value == 0 && str_to_i64(json_get_text(body, name), &value) != 0)
		return 0;
	return value < 0 || value > 100000000000 ? 0 : value;
}

int
token_read(struct arena *arena, struct heed_str body, int64_t now_us,
           struct token *ret_token)
{
	struct heed_json json;
	struct token token = {.life_ms = 0};
	int64_t until;
	size_t from = str_find(body, '{');

	/* az may print a warning first. */
	if (json_parse(arena, str_trim(str_from(body, from < body.len ? from : 0)), &json,
	               NULL) != 0)
		return HEED_E_INVALID;
	token.text = json_get_text(json, "access_token");
	if (token.text.len == 0)
		token.text = json_get_text(json, "accessToken");
	if (token.text.len == 0)
		return HEED_E_INVALID;
	token.life_ms = seconds(json, "expires_in") * 1000;
	until = seconds(json, "expires_on");
	if (token.life_ms == 0 && until > 0)
		token.life_ms = until * 1000 - now_us / 1000;
	if (token.life_ms <= 0)
		token.life_ms = 300000; /* not said: the shortest that Entra gives */
	token.refresh_ms = seconds(json, "refresh_in") * 1000;
	if (token.refresh_ms <= 0 || token.refresh_ms > token.life_ms)
		token.refresh_ms = token.life_ms / 5 * 4;
	*ret_token = token;
	return 0;
}

struct heed_str
token_failure(struct arena *arena, struct heed_str body)
{
	static const char *const names[] = {"error_description", "message", "error"};
	struct heed_str text = body;
	struct heed_json json;

	if (json_parse(arena, body, &json, NULL) == 0)
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			if (json_get_text(json, names[i]).len > 0) {
				text = json_get_text(json, names[i]);
				break;
			}
	if (!str_utf8(text))
		return HEED_STR("unreadable reply");
	text = str_trim(text);
	return str_head_utf8(str_head(text, str_find(text, '\n')), 300);
}
