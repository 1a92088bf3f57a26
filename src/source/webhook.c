/*
 * webhook.c - see webhook.h.
 *
 * Standard Webhooks sign "id.timestamp.body" with the base64-decoded part of the secret
 * behind whsec_; several signatures may be given while keys are rotated, and one that
 * fits is enough. GitHub signs the body with the secret's own bytes.
 */
#include "source/webhook.h"

#include "base/error.h"
#include "base/id.h"
#include "base/str.h"

#define SECRET_MIN 16 /* bytes of a decoded secret */

/* ---- keys -------------------------------------------------------------------------- */

/* The key's bytes, appended to `buf`. */
static int
key_bytes(const struct webhook_key *key, struct heed_buf *buf)
{
	struct heed_str text = key->secret;

	if (key->type == WEBHOOK_GITHUB) {
		buf_add(buf, text);
		return buf_error(buf);
	}
	if (str_starts(text, "whsec_"))
		text = str_from(text, 6);
	HEED_TRY(base64_decode(buf, text));
	return buf_error(buf);
}

int
webhook_check_key(const struct webhook_key *key, struct heed_error *error)
{
	struct heed_buf buf;
	size_t len;
	int r;

	buf_init(&buf, 4096);
	r = key_bytes(key, &buf);
	len = buf.len;
	buf_done(&buf);
	if (r == HEED_E_NOMEM)
		return error_nomem(error);
	if (r < 0) {
		(void)error_set(error, HEED_E_CONFIG,
		                "the signature's secret is not base64 behind whsec_");
		error_hint(error, "copy it from the sender as it is: whsec_...");
		return HEED_E_CONFIG;
	}
	if (key->type == WEBHOOK_STANDARD && len < SECRET_MIN)
		return error_set(
			error, HEED_E_CONFIG,
			"the signature's secret is too short: %zu bytes, not %d or more",
			len, SECRET_MIN);
	return 0;
}

/* ---- signatures -------------------------------------------------------------------- */

static int
refuse(struct heed_error *error, const char *text)
{
	return error_set(error, HEED_E_REFUSED, "%s", text);
}

static int
sign(const struct webhook_key *key, struct heed_str content,
     unsigned char ret_digest[ID_DIGEST_SIZE], struct heed_error *error)
{
	struct heed_buf buf;
	int r;

	buf_init(&buf, 4096);
	r = key_bytes(key, &buf);
	if (r == 0)
		id_hmac_sha256(buf_str(&buf), content, ret_digest);
	buf_done(&buf);
	if (r == HEED_E_NOMEM)
		return error_nomem(error);
	return r < 0 ? refuse(error, "the signature's secret cannot be used") : 0;
}

static int
verify_github(const struct webhook_key *key, const struct http_header *headers, size_t n,
              struct heed_str body, struct heed_error *error)
{
	struct heed_str given = http_header_find(headers, n, "x-hub-signature-256");
	unsigned char digest[ID_DIGEST_SIZE];
	unsigned char shown[ID_DIGEST_SIZE];
	size_t i;

	if (given.len == 0)
		return refuse(error, "the header X-Hub-Signature-256 is missing");
	if (!str_starts(given, "sha256=") || given.len != 7 + 2 * sizeof(shown))
		return refuse(error,
		              "X-Hub-Signature-256 is not sha256= and 64 hex digits");
	for (i = 0; i < sizeof(shown); i++) {
		int high = hex_value(given.data[7 + 2 * i]);
		int low = hex_value(given.data[8 + 2 * i]);

		if (high < 0 || low < 0)
			return refuse(error, "X-Hub-Signature-256 is not hexadecimal");
		shown[i] = (unsigned char)(high * 16 + low);
	}
	HEED_TRY(sign(key, body, digest, error));
	return id_equal(shown, digest, sizeof(shown))
	               ? 0
	               : refuse(error, "the signature is wrong");
}

/* Does one of the space-separated "v1,BASE64" equal `digest`? */
static bool
any_fits(struct heed_str given, const unsigned char digest[ID_DIGEST_SIZE])
{
	struct heed_buf buf;
	bool fits = false;

	buf_init(&buf, 4096);
	while (given.len > 0) {
		struct heed_str one = str_cut(&given, ' ');

		if (!str_starts(one, "v1,"))
			continue;
		buf_reset(&buf);
		if (base64_decode(&buf, str_from(one, 3)) == 0 &&
		    buf.len == ID_DIGEST_SIZE &&
		    id_equal(buf.data, digest, ID_DIGEST_SIZE))
			fits = true;
	}
	buf_done(&buf);
	return fits;
}

static int
check_time(const struct webhook_key *key, struct heed_str text, int64_t now_us,
           struct heed_error *error)
{
	int64_t now_s = now_us / 1000000;
	int64_t most_s = key->tolerance_ms / 1000;
	int64_t at_s;

	if (str_to_i64(text, &at_s) < 0 || at_s < 0)
		return refuse(error, "webhook-timestamp is not a number of seconds");
	if (at_s < now_s - most_s)
		return refuse(error, "webhook-timestamp is too old (tolerance)");
	if (at_s > now_s + most_s)
		return refuse(error, "webhook-timestamp is too far ahead (tolerance)");
	return 0;
}

static int
verify_standard(const struct webhook_key *key, const struct http_header *headers,
                size_t n, struct heed_str body, int64_t now_us, struct heed_error *error)
{
	struct heed_str id = http_header_find(headers, n, "webhook-id");
	struct heed_str time = http_header_find(headers, n, "webhook-timestamp");
	struct heed_str given = http_header_find(headers, n, "webhook-signature");
	unsigned char digest[ID_DIGEST_SIZE];
	struct heed_buf content;
	int r;

	if (id.len == 0 || time.len == 0 || given.len == 0)
		return refuse(error,
		              "one of the headers webhook-id, webhook-timestamp and "
		              "webhook-signature is missing");
	if (str_find(id, '.') < id.len)
		return refuse(error, "webhook-id must not hold a \".\"");
	HEED_TRY(check_time(key, time, now_us, error));
	buf_init(&content, body.len + id.len + time.len + 64);
	buf_add(&content, id);
	buf_addc(&content, '.');
	buf_add(&content, time);
	buf_addc(&content, '.');
	buf_add(&content, body);
	r = buf_error(&content) != 0 ? error_nomem(error)
	                             : sign(key, buf_str(&content), digest, error);
	buf_done(&content);
	if (r < 0)
		return r;
	return any_fits(given, digest) ? 0 : refuse(error, "the signature is wrong");
}

int
webhook_verify(const struct webhook_key *key, const struct http_header *headers, size_t n,
               struct heed_str body, int64_t now_us, struct heed_error *error)
{
	if (key->type == WEBHOOK_GITHUB)
		return verify_github(key, headers, n, body, error);
	return verify_standard(key, headers, n, body, now_us, error);
}

/* ---- tokens ------------------------------------------------------------------------ */

bool
webhook_same(struct heed_str shown, struct heed_str secret)
{
	unsigned char a[ID_DIGEST_SIZE];
	unsigned char b[ID_DIGEST_SIZE];

	/* Digests, so that the time does not tell the length either. */
	id_sha256(shown, a);
	id_sha256(secret, b);
	return id_equal(a, b, sizeof(a));
}

struct heed_str
webhook_bearer(const struct http_header *headers, size_t n)
{
	struct heed_str shown = http_header_find(headers, n, "authorization");

	if (!str_starts_nocase(shown, "Bearer "))
		return (struct heed_str){NULL, 0};
	return str_trim(str_from(shown, 7));
}

/* ---- handshakes -------------------------------------------------------------------- */

/* Letters, digits, dots and hyphens, and a port: nothing that could break a header. */
static bool
is_host(struct heed_str text)
{
	size_t i;

	for (i = 0; i < text.len; i++) {
		char c = text.data[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		      (c >= '0' && c <= '9') || c == '.' || c == '-' || c == ':'))
			return false;
	}
	return text.len > 0 && text.len <= 255;
}

static char
lower(char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

static bool
same_nocase(struct heed_str a, struct heed_str b)
{
	size_t i;

	for (i = 0; i < a.len && a.len == b.len; i++)
		if (lower(a.data[i]) != lower(b.data[i]))
			return false;
	return a.len == b.len;
}

bool
webhook_origin_allowed(struct heed_str origin, const struct heed_str *allowed, size_t n)
{
	size_t i;

	if (!is_host(origin))
		return false;
	for (i = 0; i < n; i++)
		if (str_is(allowed[i], "*") || same_nocase(origin, allowed[i]))
			return true;
	return false;
}

struct heed_str
webhook_validation_code(struct heed_json body)
{
	const struct heed_json *data;

	if (body.kind != HEED_ARRAY || body.len == 0)
		return (struct heed_str){NULL, 0};
	data = json_get(body.items[0], "data");
	if (data == NULL)
		return (struct heed_str){NULL, 0};
	return json_get_text(*data, "validationCode");
}
