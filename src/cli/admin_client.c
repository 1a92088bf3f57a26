/*
 * admin_client.c - see admin_client.h.
 */
#include "cli/admin_client.h"

#include <curl/curl.h>

#include "base/error.h"
#include "base/mem.h"
#include "loop/unix_socket.h"
#include "service/service.h"

#define ANSWER_MAX ((size_t)256 * 1024 * 1024)
#define TIMEOUT_S 120L

struct admin_client {
	CURL *curl;
	struct unix_path socket;
	struct heed_buf answer;
};

static int
nobody(struct heed_error *error, const char *path)
{
	(void)error_set(error, HEED_E_NOTFOUND, "no heed is running here (%s)", path);
	error_hint(error, "start one: heed run");
	return HEED_E_NOTFOUND;
}

int
admin_client_open(struct app *app, struct admin_client **ret_client,
                  struct heed_error *error)
{
	struct admin_client *client;
	struct heed_str path;

	HEED_TRY(service_admin_place(app, &path));
	if (path.len == 0) {
		(void)error_set(error, HEED_E_NOTFOUND,
		                "this configuration has no admin socket");
		error_hint(error, "take admin: {socket: none} out of it");
		return HEED_E_NOTFOUND;
	}
	if (!unix_is_alive(path.data))
		return nobody(error, path.data);
	client = mem_new(sizeof(*client));
	if (client == NULL)
		return error_nomem(error);
	client->socket.folder = -1;
	buf_init(&client->answer, ANSWER_MAX);
	client->curl = curl_easy_init();
	if (client->curl == NULL) {
		admin_client_close(client);
		return error_nomem(error);
	}
	if (unix_path_init(&client->socket, path.data, error) < 0) {
		admin_client_close(client);
		return HEED_E_IO;
	}
	*ret_client = client;
	return 0;
}

void
admin_client_close(struct admin_client *client)
{
	if (client == NULL)
		return;
	curl_easy_cleanup(client->curl);
	unix_path_done(&client->socket);
	buf_done(&client->answer);
	mem_free(client);
}

static size_t
take(char *data, size_t size, size_t n, void *arg)
{
	struct admin_client *client = arg;

	buf_add(&client->answer, (struct heed_str){data, size * n});
	return buf_error(&client->answer) == 0 ? size * n : 0;
}

static CURLcode
perform(struct admin_client *client, const char *method, const char *url,
        const struct heed_buf *body)
{
	CURL *curl = client->curl;
	struct curl_slist *headers = curl_slist_append(NULL, "Expect:");
	CURLcode code;

	curl_easy_reset(curl);
	(void)curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, client->socket.path);
	(void)curl_easy_setopt(curl, CURLOPT_URL, url);
	(void)curl_easy_setopt(curl, CURLOPT_PROXY, "");
	(void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_TIMEOUT, TIMEOUT_S);
	(void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, client);
	(void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	if (body->len > 0) {
		(void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
		                       (curl_off_t)body->len);
		(void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body->data);
	}
	code = curl_easy_perform(curl);
	curl_slist_free_all(headers);
	return code;
}

/* The other side's own words, or the HTTP status. */
static int
take_problem(struct heed_json answer, long status, struct heed_error *error)
{
	int code = (int)json_get_int(answer, "code",
	                             status == 503 ? HEED_E_BUSY : HEED_E_PERMANENT);
	struct heed_str detail = json_get_text(answer, "detail");
	struct heed_str hint = json_get_text(answer, "hint");

	if (detail.len > 0)
		(void)error_set(error, code, "%.*s", STR_ARG(detail));
	else
		(void)error_set(error, code, "the running heed answered %ld", status);
	if (hint.len > 0)
		error_hint(error, "%.*s", STR_ARG(hint));
	return code < 0 ? code : HEED_E_PERMANENT;
}

int
admin_client_call(struct admin_client *client, const char *method, const char *path,
                  struct heed_json body, struct arena *arena,
                  struct heed_json *ret_answer, struct heed_error *error)
{
	struct heed_str url = arena_printf(arena, "http://heed%s", path);
	struct heed_json answer = json_null();
	struct heed_buf text;
	long status = 0;
	CURLcode code;

	if (url.data == NULL)
		return error_nomem(error);
	buf_init(&text, 0);
	if (body.kind != HEED_NULL)
		json_write(&text, body, JSON_COMPACT);
	buf_reset(&client->answer);
	code = buf_error(&text) != 0 ? CURLE_OUT_OF_MEMORY
	                             : perform(client, method, url.data, &text);
	buf_done(&text);
	if (code == CURLE_COULDNT_CONNECT)
		return nobody(error, client->socket.path);
	if (code != CURLE_OK)
		return error_set(error, HEED_E_NETWORK,
		                 "the running heed did not answer: %s",
		                 curl_easy_strerror(code));
	(void)curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &status);
	(void)json_parse(arena, buf_str(&client->answer), &answer, NULL);
	if (status < 200 || status > 299)
		return take_problem(answer, status, error);
	*ret_answer = answer;
	return 0;
}
