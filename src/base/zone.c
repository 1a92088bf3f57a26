/*
 * zone.c - see zone.h. A file holds the changes of the past as a table and, as text, the
 * rule for all time after the last of them (zone_rule.c). Only the 64-bit part of a file
 * is read.
 */
#include "base/zone.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/zone_rule.h"

#define FILE_MAX_BYTES (1u << 20)
#define HEADER_SIZE 44
/* RFC 8536: offsets should be above -25 and below 26 hours; others are damage. */
#define OFFSET_MIN (-25 * 3600 + 1)
#define OFFSET_MAX (26 * 3600 - 1)
/* Some files begin at the Big Bang, -2^59; beyond twice that, sums might overflow. */
#define CHANGE_MAX ((int64_t)1 << 60)

struct zone {
	struct heed_str name;
	int64_t *changes; /* ascending */
	int32_t *offsets; /* offsets[i] holds from changes[i] on */
	size_t n;
	int32_t first; /* the offset before changes[0] */
	bool has_rule; /* it holds from the last change on */
	struct zone_rule rule;
};

/* ---- reading ----------------------------------------------------------------------- */

struct header {
	char version;
	size_t n_utc;
	size_t n_standard;
	size_t n_leap;
	size_t n_times;
	size_t n_types;
	size_t n_chars;
};

static uint64_t
read_big(const char *from, size_t n)
{
	uint64_t value = 0;
	size_t i;

	for (i = 0; i < n; i++)
		value = value << 8 | (unsigned char)from[i];
	return value;
}

static int
take_header(struct heed_str *rest, struct header *ret_header)
{
	const char *at = rest->data;

	if (rest->len < HEADER_SIZE || memcmp(at, "TZif", 4) != 0)
		return HEED_E_CORRUPT;
	*ret_header = (struct header){
		.version = at[4],
		.n_utc = read_big(at + 20, 4),
		.n_standard = read_big(at + 24, 4),
		.n_leap = read_big(at + 28, 4),
		.n_times = read_big(at + 32, 4),
		.n_types = read_big(at + 36, 4),
		.n_chars = read_big(at + 40, 4),
	};
	*rest = str_from(*rest, HEADER_SIZE);
	return 0;
}

/* Bytes of the block behind the header, whose times take `time_size` bytes. The counts
 * have 32 bits, so this cannot overflow. */
static uint64_t
block_size(const struct header *header, size_t time_size)
{
	return (uint64_t)header->n_times * (time_size + 1) +
	       (uint64_t)header->n_types * 6 + header->n_chars +
	       (uint64_t)header->n_leap * (time_size + 4) + header->n_standard +
	       header->n_utc;
}

static int
read_offset(const char *types, size_t n_types, size_t i, int32_t *ret_offset)
{
	int32_t offset;

	if (i >= n_types)
		return HEED_E_CORRUPT;
	offset = (int32_t)(uint32_t)read_big(types + 6 * i, 4);
	if (offset < OFFSET_MIN || offset > OFFSET_MAX)
		return HEED_E_CORRUPT;
	*ret_offset = offset;
	return 0;
}

static int
read_changes(struct zone *zone, const struct header *header, const char *block)
{
	const char *kinds = block + header->n_times * 8;
	const char *types = kinds + header->n_times;
	size_t i;

	HEED_TRY(read_offset(types, header->n_types, 0, &zone->first));
	for (i = 0; i < header->n_times; i++) {
		int64_t change = (int64_t)read_big(block + i * 8, 8);

		if (change < -CHANGE_MAX || change > CHANGE_MAX ||
		    (i > 0 && change <= zone->changes[i - 1]))
			return HEED_E_CORRUPT;
		zone->changes[i] = change;
		HEED_TRY(read_offset(types, header->n_types, (unsigned char)kinds[i],
		                     &zone->offsets[i]));
	}
	zone->n = header->n_times;
	return 0;
}

/* "\nTZ text\n"; an empty text means that there is no rule. */
static int
read_rule(struct zone *zone, struct heed_str footer)
{
	size_t end;

	if (footer.len == 0 || footer.data[0] != '\n')
		return HEED_E_CORRUPT;
	footer = str_from(footer, 1);
	end = str_find(footer, '\n');
	if (end == footer.len)
		return HEED_E_CORRUPT;
	footer = str_head(footer, end);
	if (end == 0)
		return 0;
	zone->has_rule = true;
	return zone_rule_parse(footer, &zone->rule) < 0 ? HEED_E_CORRUPT : 0;
}

static int
damaged(struct heed_str name, struct heed_error *error)
{
	error_set(error, HEED_E_CORRUPT, "the time zone file of %.*s is damaged",
	          STR_ARG(name));
	error_hint(error, "reinstall the package tzdata");
	return HEED_E_CORRUPT;
}

int
zone_parse(struct arena *arena, struct heed_str name, struct heed_str data,
           struct zone **ret_zone, struct heed_error *error)
{
	struct heed_str rest = data;
	struct header header;
	struct zone *zone;

	if (take_header(&rest, &header) < 0)
		return damaged(name, error);
	if (header.version < '2')
		return error_set(error, HEED_E_UNSUPPORTED,
		                 "the time zone file of %.*s has the old format 1",
		                 STR_ARG(name));
	if (block_size(&header, 4) > rest.len)
		return damaged(name, error);
	rest = str_from(rest, (size_t)block_size(&header, 4));
	if (take_header(&rest, &header) < 0 || block_size(&header, 8) > rest.len)
		return damaged(name, error);
	if (header.n_leap > 0)
		return error_set(error, HEED_E_UNSUPPORTED,
		                 "the time zone %.*s counts leap seconds", STR_ARG(name));
	zone = ARENA_NEW(arena, struct zone);
	if (zone == NULL)
		return error_nomem(error);
	zone->name = arena_str(arena, name);
	zone->changes = ARENA_ARRAY(arena, int64_t, header.n_times);
	zone->offsets = ARENA_ARRAY(arena, int32_t, header.n_times);
	if (zone->name.data == NULL || zone->changes == NULL || zone->offsets == NULL)
		return error_nomem(error);
	if (read_changes(zone, &header, rest.data) < 0 ||
	    read_rule(zone, str_from(rest, (size_t)block_size(&header, 8))) < 0)
		return damaged(name, error);
	*ret_zone = zone;
	return 0;
}

/* ---- files ------------------------------------------------------------------------- */

/* The name becomes a path, so it must not lead out of the folder. */
static bool
is_name(struct heed_str name)
{
	size_t i;

	if (name.len == 0 || name.len > ZONE_NAME_MAX)
		return false;
	for (i = 0; i < name.len; i++) {
		char c = name.data[i];

		/* No dots and no empty components: neither "..", "/etc" nor ".hidden". */
		if (c == '/' && (i == 0 || name.data[i - 1] == '/'))
			return false;
		if (c == '\0' ||
		    strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		           "0123456789_+-/",
		           c) == NULL)
			return false;
	}
	return name.data[name.len - 1] != '/';
}

static int
read_file(struct heed_str name, struct heed_buf *buf)
{
	char path[sizeof(ZONE_FOLDER) + 1 + ZONE_NAME_MAX];
	FILE *file;
	char *to;
	int r = 0;

	(void)snprintf(path, sizeof(path), "%s/%.*s", ZONE_FOLDER, STR_ARG(name));
	file = fopen(path, "rbe");
	if (file == NULL)
		return errno == ENOENT || errno == ENOTDIR ? HEED_E_NOTFOUND : HEED_E_IO;
	while (r == 0 && !feof(file) && (to = buf_reserve(buf, 4096)) != NULL) {
		buf_commit(buf, fread(to, 1, 4096, file));
		if (ferror(file))
			r = errno == EISDIR ? HEED_E_NOTFOUND : HEED_E_IO;
	}
	(void)fclose(file); /* it was only read */
	return r != 0 ? r : buf_error(buf);
}

/* The zone that a line of tzdata.zi defines: "Z name ..." or "L target name". */
static struct heed_str
defined_zone(struct heed_str line)
{
	bool link = str_starts(line, "L ");

	if (!link && !str_starts(line, "Z "))
		return (struct heed_str){0};
	line = str_from(line, 2);
	if (link)
		(void)str_cut(&line, ' '); /* the target */
	return str_cut(&line, ' ');
}

static bool
is_city(struct heed_str zone, struct heed_str city)
{
	return zone.len > city.len && zone.data[zone.len - city.len - 1] == '/' &&
	       strncasecmp(zone.data + zone.len - city.len, city.data, city.len) == 0;
}

#define NAMES_MAX 1000

/* "did you mean": the zone of that city, or the name that is spelled nearly so. */
static void
hint_near(struct heed_str name, struct heed_error *error)
{
	const char **names = mem_new(NAMES_MAX * sizeof(*names));
	struct heed_buf list;
	struct heed_str rest;
	struct arena scratch;
	const char *near = NULL;
	size_t n = 0;

	buf_init(&list, FILE_MAX_BYTES);
	arena_init(&scratch, 16384);
	if (names == NULL || read_file(HEED_STR("tzdata.zi"), &list) < 0)
		goto out;
	rest = buf_str(&list);
	while (rest.len > 0 && n < NAMES_MAX && near == NULL) {
		struct heed_str zone = defined_zone(str_cut(&rest, '\n'));

		if (zone.len == 0 || (names[n] = arena_cstr(&scratch, zone)) == NULL)
			continue;
		if (is_city(zone, name))
			near = names[n];
		n++;
	}
	if (near == NULL)
		near = error_nearest(name, names, n);
	if (near != NULL)
		error_hint(error, "did you mean %s?", near);
out:
	arena_done(&scratch);
	buf_done(&list);
	mem_free(names);
}

static int
no_such_zone(struct heed_str name, struct heed_error *error)
{
	error_set(error, HEED_E_NOTFOUND, "there is no time zone \"%.*s\"",
	          STR_ARG(str_head_utf8(name, ZONE_NAME_MAX)));
	error_hint(error, "use a name such as Europe/Berlin or UTC; they are the files "
	                  "below " ZONE_FOLDER " (package tzdata)");
	if (error != NULL && is_name(name))
		hint_near(name, error);
	return HEED_E_NOTFOUND;
}

static int
utc_new(struct arena *arena, struct heed_str name, struct zone **ret_zone,
        struct heed_error *error)
{
	struct zone *zone = ARENA_NEW(arena, struct zone);

	if (zone == NULL)
		return error_nomem(error);
	zone->name = arena_str(arena, name);
	if (zone->name.data == NULL)
		return error_nomem(error);
	*ret_zone = zone;
	return 0;
}

int
zone_load(struct arena *arena, struct heed_str name, struct zone **ret_zone,
          struct heed_error *error)
{
	struct heed_buf data;
	int r;

	if (str_is(name, "UTC") || str_is(name, "Etc/UTC"))
		return utc_new(arena, name, ret_zone, error);
	if (!is_name(name))
		return no_such_zone(name, error);
	buf_init(&data, FILE_MAX_BYTES);
	r = read_file(name, &data);
	if (r == 0 && !str_starts(buf_str(&data), "TZif"))
		r = HEED_E_NOTFOUND; /* the folder holds other files too */
	if (r == 0)
		r = zone_parse(arena, name, buf_str(&data), ret_zone, error);
	else if (r == HEED_E_NOTFOUND)
		r = no_such_zone(name, error);
	else
		r = error_set(error, r, "cannot read the time zone %.*s: %s",
		              STR_ARG(name), heed_code_text(r));
	buf_done(&data);
	return r;
}

/* ---- asking ------------------------------------------------------------------------ */

struct heed_str
zone_name(const struct zone *zone)
{
	return zone != NULL ? zone->name : HEED_STR("UTC");
}

/* How many changes happened until then. */
static size_t
count_changes(const struct zone *zone, int64_t utc_s)
{
	size_t low = 0;
	size_t high = zone->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (zone->changes[middle] <= utc_s)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int32_t
zone_offset_at(const struct zone *zone, int64_t utc_s)
{
	size_t past;

	if (zone == NULL)
		return 0;
	past = count_changes(zone, utc_s);
	if (past == zone->n && zone->has_rule)
		return zone_rule_offset(&zone->rule, utc_s);
	return past > 0 ? zone->offsets[past - 1] : zone->first;
}

bool
zone_next_change(const struct zone *zone, int64_t utc_s, int64_t *ret_utc_s)
{
	size_t past;

	if (zone == NULL)
		return false;
	past = count_changes(zone, utc_s);
	if (past < zone->n) {
		*ret_utc_s = zone->changes[past];
		return true;
	}
	return zone->has_rule && zone_rule_next(&zone->rule, utc_s, ret_utc_s);
}

int64_t
zone_to_local(const struct zone *zone, int64_t utc_s)
{
	return utc_s + zone_offset_at(zone, utc_s);
}

/* Go through the stretches between changes, in order of time, from one that certainly
 * lies before: the first whose end has not passed `local_s` holds it, or starts after the
 * gap. */
int64_t
zone_to_utc(const struct zone *zone, int64_t local_s)
{
	int64_t from = local_s - OFFSET_MAX - 1;
	int64_t end = from;

	while (zone_next_change(zone, from, &end)) {
		int32_t offset = zone_offset_at(zone, from);

		if (local_s < end + offset)
			return local_s - offset > from ? local_s - offset : from;
		from = end;
	}
	local_s -= zone_offset_at(zone, from);
	return local_s > from ? local_s : from;
}
