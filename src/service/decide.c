/*
 * decide.c - see decide.h.
 */
#include "service/decide.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/id.h"
#include "base/json.h"
#include "pattern/sagas.h"
#include "service/local.h"

#define MAC_SIZE 16
#define TOKEN_MAX 4096

/* What a link says. */
struct ticket_to_decide {
	int64_t run;
	int64_t until_s; /* 0: for ever */
	struct heed_str step, who;
};

/* ---- tokens ------------------------------------------------------------------------ */

static void
sign(const struct app *app, struct heed_str payload, unsigned char mac[ID_DIGEST_SIZE])
{
	id_hmac_sha256(app->api.links.secret, payload, mac);
}

static struct heed_str
write_token(const struct app *app, struct arena *arena,
            const struct ticket_to_decide *ticket)
{
	unsigned char mac[ID_DIGEST_SIZE];
	struct heed_str payload = arena_printf(
		arena, "decide\n%lld\n%lld\n%.*s\n%.*s", (long long)ticket->run,
		(long long)ticket->until_s, STR_ARG(ticket->step), STR_ARG(ticket->who));
	struct heed_str token = {NULL, 0};
	struct heed_buf buf;

	if (payload.data == NULL)
		return payload;
	sign(app, payload, mac);
	buf_init(&buf, TOKEN_MAX);
	buf_add_hex(&buf, payload.data, payload.len);
	buf_add_hex(&buf, mac, MAC_SIZE);
	if (buf_error(&buf) == 0)
		token = arena_str(arena, buf_str(&buf));
	buf_done(&buf);
	return token;
}

static int
read_hex(struct arena *arena, struct heed_str text, struct heed_str *ret_bytes)
{
	char *bytes = arena_alloc(arena, text.len / 2 + 1);
	size_t i;

	if (bytes == NULL)
		return HEED_E_NOMEM;
	for (i = 0; i + 1 < text.len; i += 2) {
		int high = hex_value(text.data[i]);
		int low = hex_value(text.data[i + 1]);

		if (high < 0 || low < 0)
			return HEED_E_INVALID;
		bytes[i / 2] = (char)(high << 4 | low);
	}
	*ret_bytes = (struct heed_str){bytes, text.len / 2};
	return text.len % 2 == 0 ? 0 : HEED_E_INVALID;
}

static int
split(struct heed_str payload, struct ticket_to_decide *ret_ticket)
{
	struct heed_str kind = str_cut(&payload, '\n');
	struct heed_str run = str_cut(&payload, '\n');
	struct heed_str until = str_cut(&payload, '\n');

	ret_ticket->step = str_cut(&payload, '\n');
	ret_ticket->who = payload;
	return str_is(kind, "decide") && str_to_i64(run, &ret_ticket->run) == 0 &&
	                       str_to_i64(until, &ret_ticket->until_s) == 0
	               ? 0
	               : HEED_E_INVALID;
}

/* HEED_E_INVALID for what we did not write, HEED_E_TIMEOUT for what is over. */
static int
read_token(struct call *call, struct ticket_to_decide *ret_ticket,
           struct heed_error *error)
{
	const struct app *app = call->service->app;
	unsigned char mac[ID_DIGEST_SIZE];
	struct heed_str bytes;
	struct heed_str payload;

	if (app->api.links.url.len == 0 || call->rest.len > TOKEN_MAX ||
	    read_hex(&call->exchange->arena, call->rest, &bytes) < 0 ||
	    bytes.len <= MAC_SIZE)
		return error_set(error, HEED_E_INVALID, "this link is not valid");
	payload = str_head(bytes, bytes.len - MAC_SIZE);
	sign(app, payload, mac);
	if (!id_equal(mac, bytes.data + payload.len, MAC_SIZE) ||
	    split(payload, ret_ticket) < 0)
		return error_set(error, HEED_E_INVALID, "this link is not valid");
	if (ret_ticket->until_s > 0 &&
	    ret_ticket->until_s < loop_wall_us(call->service->loop) / 1000000)
		return error_set(error, HEED_E_CONFLICT, "the time to decide is over");
	return 0;
}

struct heed_str
decide_link(void *arg, struct arena *arena, int64_t run, struct heed_str step,
            struct heed_str who, int64_t until_us)
{
	const struct service *service = arg;
	const struct app *app = service->app;
	struct ticket_to_decide ticket = {run, until_us / 1000000, step, who};
	struct heed_str base = app->api.links.url;
	struct heed_str token;

	if (base.len == 0)
		return (struct heed_str){NULL, 0};
	token = write_token(app, arena, &ticket);
	if (token.data == NULL)
		return token;
	if (str_ends(base, "/"))
		base.len--;
	return arena_printf(arena, "%.*s/decide/%.*s", STR_ARG(base), STR_ARG(token));
}

/* ---- pages ------------------------------------------------------------------------- */

static void
add_escaped(struct heed_buf *buf, struct heed_str text)
{
	size_t i;

	for (i = 0; i < text.len; i++) {
		char c = text.data[i];

		if (c == '<')
			buf_adds(buf, "&lt;");
		else if (c == '>')
			buf_adds(buf, "&gt;");
		else if (c == '&')
			buf_adds(buf, "&amp;");
		else if (c == '"')
			buf_adds(buf, "&quot;");
		else
			buf_addc(buf, c);
	}
}

static void
begin_page(struct heed_buf *buf, struct heed_str title)
{
	buf_adds(buf, "<!doctype html><html lang=en><meta charset=utf-8>"
	              "<meta name=viewport content=\"width=device-width\"><title>");
	add_escaped(buf, title);
	buf_adds(buf,
	         "</title><style>body{font:16px/1.5 sans-serif;max-width:40em;"
	         "margin:3em auto;padding:0 1em}pre{background:#f3f3f3;padding:1em;"
	         "overflow:auto}form{display:inline}button{font:inherit;padding:.5em "
	         "1.5em;margin-right:1em}</style><h1>");
	add_escaped(buf, title);
	buf_adds(buf, "</h1>");
}

static void
answer_page(struct call *call, int status, struct heed_buf *page)
{
	static const struct http_header headers[] = {
		{{"content-security-policy", 23},
	         {"default-src 'none'; style-src 'unsafe-inline'; form-action 'self'",
	          65}},
		{{"referrer-policy", 15}, {"no-referrer", 11}},
		{{"cache-control", 13}, {"no-store", 8}},
	};

	http_answer(call->exchange, buf_error(page) == 0 ? status : 500,
	            "text/html; charset=utf-8", buf_str(page), headers,
	            sizeof(headers) / sizeof(headers[0]));
	buf_done(page);
}

static void
answer_words(struct call *call, int status, struct heed_str title, struct heed_str text)
{
	struct heed_buf page;

	buf_init(&page, 0);
	begin_page(&page, title);
	buf_adds(&page, "<p>");
	add_escaped(&page, text);
	answer_page(call, status, &page);
}

static void
answer_error(struct call *call, const struct heed_error *error)
{
	answer_words(call, error->code == HEED_E_INVALID ? 404 : 409,
	             HEED_STR("Nothing to decide"), str_of(error->text));
}

/* ---- the question ------------------------------------------------------------------ */

struct question {
	struct arena *arena;
	struct heed_str step; /* of what was told: "approve.requested" */
	struct heed_json told;
};

static int
find_question(void *arg, const struct store_entry *entry)
{
	struct question *question = arg;

	if (entry->kind != ENTRY_EMIT || !str_eq(entry->step, question->step))
		return 0;
	(void)json_parse(question->arena, entry->request, &question->told, NULL);
	return 1;
}

/* Does the saga still wait for this? */
static bool
is_open(const struct call *call, const struct ticket_to_decide *ticket)
{
	struct heed_str names[16];
	size_t n = engine_awaited(call->service->engine, ticket->run, names, 16);
	size_t i;

	for (i = 0; i < n; i++)
		if (str_eq(names[i], ticket->step))
			return true;
	return false;
}

static void
add_button(struct heed_buf *page, struct heed_str token, const char *decision,
           const char *label)
{
	buf_addf(page,
	         "<form method=post "
	         "action=\"%.*s?decision=%s\"><button>%s</button></form>",
	         STR_ARG(token), decision, label);
}

int
decide_page(struct call *call, struct heed_error *error)
{
	struct arena *arena = &call->exchange->arena;
	struct question question = {.arena = arena, .told = json_null()};
	struct ticket_to_decide ticket;
	const struct heed_json *data;
	struct heed_buf shown;
	struct heed_buf page;

	if (read_token(call, &ticket, error) < 0) {
		answer_error(call, error);
		return 0;
	}
	if (!is_open(call, &ticket)) {
		answer_words(call, 409, HEED_STR("Nothing to decide"),
		             HEED_STR("This was decided already, or is over."));
		return 0;
	}
	question.step = arena_printf(arena, "%.*s.requested", STR_ARG(ticket.step));
	(void)store_read_journal(call->service->store, ticket.run, find_question,
	                         &question, NULL);
	data = json_get(question.told, "data");
	buf_init(&page, 0);
	begin_page(&page, data != NULL ? json_get_text(*data, "question") : ticket.step);
	if (data != NULL && json_get(*data, "show") != NULL) {
		buf_init(&shown, 0);
		json_write(&shown, *json_get(*data, "show"), JSON_PRETTY);
		buf_adds(&page, "<pre>");
		add_escaped(&page, buf_str(&shown));
		buf_adds(&page, "</pre>");
		buf_done(&shown);
	}
	add_button(&page, call->rest, "approve", "Approve");
	add_button(&page, call->rest, "reject", "Reject");
	answer_page(call, 200, &page);
	return 0;
}

/* ---- pressing a button ------------------------------------------------------------- */

static void
decided(void *arg, int code)
{
	struct call *call = arg;

	if (code == 0)
		answer_words(call, 200, HEED_STR("Thank you"),
		             HEED_STR("Your decision is recorded."));
	else
		answer_words(call, 503, HEED_STR("Please try again"),
		             HEED_STR("Your decision could not be recorded."));
}

int
decide_press(struct call *call, struct heed_error *error)
{
	struct arena *arena = &call->exchange->arena;
	struct ticket_to_decide ticket;
	struct heed_json decision;
	struct json_build build;
	int r = read_token(call, &ticket, error);

	if (r == 0) {
		json_object(&build, arena);
		json_set_cstr(&build, "decision",
		              json_str(http_query(call->exchange, "decision")));
		json_set_cstr(&build, "by", json_str(ticket.who));
		HEED_TRY(json_build_end(&build, &decision));
		r = saga_decide(call->service->engine, ticket.run, &ticket.step, decision,
		                decided, call, error);
	}
	if (r < 0)
		answer_error(call, error);
	return 0;
}
