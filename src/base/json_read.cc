/*
 * json_read.cc - json_parse, by simdjson; the one C++ file.
 *
 * simdjson's on-demand front end walks the text once and gives numbers as raw text, so that
 * whole numbers stay exact and those beyond 64 bits become the nearest double instead of an
 * error. Every value is visited, hence every one is checked. No exception leaves simdjson
 * (SIMDJSON_EXCEPTIONS is off) and none is thrown here.
 */
#define SIMDJSON_EXCEPTIONS 0
#include <simdjson.h>

#include <charconv>
#include <cmath>
#include <cstring>

extern "C" {
#include "base/error.h"
#include "base/json.h"
}

namespace od = simdjson::ondemand;

namespace {

struct reader {
	struct arena *arena;
	struct heed_error *error;
	const char *what; /* words for a failure that simdjson has no code for */
	simdjson::error_code code;
	bool nomem;
};

bool
fail(reader &r, simdjson::error_code code, const char *what)
{
	r.code = code;
	r.what = what;
	return false;
}

bool
out_of_memory(reader &r)
{
	r.nomem = true;
	return false;
}

/* A number's text to its value; checks RFC 8259's grammar, which simdjson leaves to us. */
bool
read_number(reader &r, std::string_view text, struct heed_json &out)
{
	while (!text.empty() && (text.back() == ' ' || text.back() == '\n' ||
				 text.back() == '\r' || text.back() == '\t'))
		text.remove_suffix(1);
	const char *p = text.data();
	const char *end = p + text.size();
	const char *at = p;
	bool negative = at < end && *at == '-';
	bool whole = true;

	at += negative;
	const char *digits = at;
	while (at < end && *at >= '0' && *at <= '9')
		at++;
	if (at == digits || (*digits == '0' && at - digits > 1))
		return fail(r, simdjson::NUMBER_ERROR, "not a number");
	if (at < end && *at == '.') {
		const char *fraction = ++at;

		whole = false;
		while (at < end && *at >= '0' && *at <= '9')
			at++;
		if (at == fraction)
			return fail(r, simdjson::NUMBER_ERROR, "a number ends in \".\"");
	}
	if (at < end && (*at == 'e' || *at == 'E')) {
		whole = false;
		at++;
		if (at < end && (*at == '+' || *at == '-'))
			at++;
		const char *exponent = at;
		while (at < end && *at >= '0' && *at <= '9')
			at++;
		if (at == exponent)
			return fail(r, simdjson::NUMBER_ERROR, "a number lacks its exponent");
	}
	if (at != end)
		return fail(r, simdjson::NUMBER_ERROR, "not a number");
	if (whole && negative && !(end - digits == 1 && *digits == '0')) {
		int64_t value;
		auto result = std::from_chars(p, end, value);

		if (result.ec == std::errc()) {
			out.kind = HEED_INT;
			out.i64 = value;
			return true;
		}
	} else if (whole && !negative) {
		uint64_t value;
		auto result = std::from_chars(p, end, value);

		if (result.ec == std::errc()) {
			out.kind = value <= INT64_MAX ? HEED_INT : HEED_UINT;
			out.u64 = value;
			return true;
		}
	}
	double real;
	auto result = std::from_chars(p, end, real);
	if (result.ec == std::errc::result_out_of_range) {
		/* too small is zero; too large is an error */
		char copy[64];
		size_t len = text.size() < sizeof(copy) - 1 ? text.size() : sizeof(copy) - 1;

		memcpy(copy, p, len);
		copy[len] = '\0';
		real = strtod(copy, nullptr);
		if (!std::isfinite(real) || len < text.size())
			return fail(r, simdjson::NUMBER_ERROR, "a number is beyond a double's range");
	}
	out.kind = HEED_REAL;
	out.f64 = real;
	return true;
}

bool
copy_text(reader &r, std::string_view text, const char **ret_text, uint32_t *ret_len)
{
	struct heed_str copy = arena_str(r.arena, {text.data(), text.size()});

	if (copy.data == nullptr)
		return out_of_memory(r);
	*ret_text = copy.data;
	*ret_len = (uint32_t)copy.len;
	return true;
}

template <typename T>
bool
grow(reader &r, T *&items, uint32_t n, uint32_t &cap)
{
	if (n < cap)
		return true;
	cap = cap > 0 ? cap * 2 : 8;
	T *grown = (T *)arena_alloc(r.arena, cap * sizeof(T));
	if (grown == nullptr)
		return out_of_memory(r);
	if (n > 0)
		memcpy(grown, items, n * sizeof(T));
	items = grown;
	return true;
}

bool read_value(reader &r, od::value &value, int depth, struct heed_json &out);

bool
read_array(reader &r, od::array array, int depth, struct heed_json &out)
{
	struct heed_json *items = nullptr;
	uint32_t n = 0;
	uint32_t cap = 0;

	for (auto element : array) {
		od::value value;

		if (auto code = element.get(value))
			return fail(r, code, nullptr);
		if (!grow(r, items, n, cap) || !read_value(r, value, depth + 1, items[n]))
			return false;
		n++;
	}
	out.kind = HEED_ARRAY;
	out.len = n;
	out.items = items;
	return true;
}

/* The last of equal names wins, in the first one's place. */
bool
read_object(reader &r, od::object object, int depth, struct heed_json &out)
{
	struct json_names names = {};
	struct heed_member *members = nullptr;
	uint32_t n = 0;
	uint32_t cap = 0;

	for (auto field : object) {
		std::string_view name;
		uint32_t place;
		uint32_t len;

		if (auto code = field.unescaped_key().get(name))
			return fail(r, code, nullptr);
		if (!grow(r, members, n, cap) || !copy_text(r, name, &members[n].name.data, &len))
			return false;
		members[n].name.len = len;
		od::value value;
		if (auto code = field.value().get(value))
			return fail(r, code, nullptr);
		if (!read_value(r, value, depth + 1, members[n].value))
			return false;
		place = json_names_place(&names, r.arena, members, n, members[n].name);
		if (place == n)
			n++;
		else
			members[place].value = members[n].value;
	}
	out.kind = HEED_OBJECT;
	out.len = n;
	out.members = members;
	return true;
}

bool
read_string(reader &r, od::value &value, struct heed_json &out)
{
	std::string_view text;

	if (auto code = value.get_string().get(text))
		return fail(r, code, nullptr);
	out.kind = HEED_STRING;
	return copy_text(r, text, &out.text, &out.len);
}

bool
read_value(reader &r, od::value &value, int depth, struct heed_json &out)
{
	od::json_type type;

	if (depth > JSON_DEPTH_MAX)
		return fail(r, simdjson::DEPTH_ERROR, "it is nested too deeply");
	if (auto code = value.type().get(type))
		return fail(r, code, nullptr);
	memset(&out, 0, sizeof(out));
	switch (type) {
	case od::json_type::array: {
		od::array array;
		if (auto code = value.get_array().get(array))
			return fail(r, code, nullptr);
		return read_array(r, array, depth, out);
	}
	case od::json_type::object: {
		od::object object;
		if (auto code = value.get_object().get(object))
			return fail(r, code, nullptr);
		return read_object(r, object, depth, out);
	}
	case od::json_type::string:
		return read_string(r, value, out);
	case od::json_type::number:
		return read_number(r, value.raw_json_token(), out);
	case od::json_type::boolean: {
		bool boolean;
		if (auto code = value.get_bool().get(boolean))
			return fail(r, code, nullptr);
		out.kind = HEED_BOOL;
		out.boolean = boolean;
		return true;
	}
	default: {
		bool null = false;
		if (auto code = simdjson::simdjson_result<bool>(value.is_null()).get(null))
			return fail(r, code, nullptr);
		return null || fail(r, simdjson::N_ATOM_ERROR, "expected a value");
	}
	}
}

/* Line and column (in bytes, 1-based) of a place in the text. */
void
set_where(struct heed_error *error, const char *text, size_t len, const char *at)
{
	int line = 1;
	const char *start = text;
	const char *p;

	if (at == nullptr || at < text || at > text + len)
		at = text;
	for (p = text; p < at; p++) {
		if (*p == '\n') {
			line++;
			start = p + 1;
		}
	}
	error_where(error, "%d:%d", line, (int)(at - start) + 1);
}

/* The wrapped text with the padding that simdjson reads beyond its end. Kept per thread. */
struct workplace {
	od::parser parser;
	char *copy = nullptr;
	size_t cap = 0;

	~workplace()
	{
		free(copy);
	}
};

thread_local workplace place;

#define KEEP_MAX (1024 * 1024)

char *
pad(struct heed_str text)
{
	size_t need = text.len + 2 + simdjson::SIMDJSON_PADDING;

	if (need > place.cap || place.cap > KEEP_MAX) {
		free(place.copy);
		place.cap = need > 4096 ? need : 4096;
		place.copy = (char *)malloc(place.cap);
	}
	if (place.copy == nullptr) {
		place.cap = 0;
		return nullptr;
	}
	place.copy[0] = '[';
	if (text.len > 0)
		memcpy(place.copy + 1, text.data, text.len);
	place.copy[text.len + 1] = ']';
	memset(place.copy + text.len + 2, 0, simdjson::SIMDJSON_PADDING);
	return place.copy;
}

/* The text is read as the only item of an array, so that scalars need no path of their own. */
bool
read_document(reader &r, od::document &doc, struct heed_json &out)
{
	struct heed_json wrapper;
	od::array array;

	if (auto code = doc.get_array().get(array))
		return fail(r, code, nullptr);
	if (!read_array(r, array, 0, wrapper))
		return false;
	if (wrapper.len == 0)
		return fail(r, simdjson::EMPTY, "there is nothing");
	if (wrapper.len > 1 || doc.current_location().error() == simdjson::SUCCESS)
		return fail(r, simdjson::TRAILING_CONTENT, "there is more text behind the value");
	out = wrapper.items[0];
	return true;
}

} // namespace

int
json_parse(struct arena *arena, struct heed_str text, struct heed_json *ret_value,
	   struct heed_error *error)
{
	reader r = {arena, error, nullptr, simdjson::SUCCESS, false};
	struct heed_json value;
	od::document doc;
	char *padded;
	const char *at = nullptr;

	if (text.len > 0xfffffff0u - simdjson::SIMDJSON_PADDING)
		return error_set(error, HEED_E_INVALID, "the JSON text is larger than 4 GiB");
	if (!str_utf8(text))
		return error_set(error, HEED_E_INVALID, "the text is not valid UTF-8");
	if (text.len >= 3 && memcmp(text.data, "\xef\xbb\xbf", 3) == 0)
		return error_set(error, HEED_E_INVALID,
				 "not valid JSON: it begins with a byte order mark; leave that out");
	padded = pad(text);
	if (padded == nullptr)
		return error_set(error, HEED_E_NOMEM, "out of memory");
	auto code = place.parser
			    .iterate(padded, text.len + 2, text.len + 2 + simdjson::SIMDJSON_PADDING)
			    .get(doc);
	if (code == simdjson::SUCCESS && read_document(r, doc, value)) {
		*ret_value = value;
		return 0;
	}
	if (r.nomem)
		return error_set(error, HEED_E_NOMEM, "out of memory");
	if (code == simdjson::SUCCESS && doc.current_location().get(at) != simdjson::SUCCESS)
		at = nullptr;
	error_set(error, HEED_E_INVALID, "not valid JSON: %s",
		  r.what != nullptr ? r.what
				    : simdjson::error_message(code != simdjson::SUCCESS ? code : r.code));
	set_where(error, padded + 1, text.len, at);
	return HEED_E_INVALID;
}
