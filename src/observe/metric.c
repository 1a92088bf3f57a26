/*
 * metric.c - the values of metrics and their text. See metric.h.
 */
#include "observe/metric.h"

#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/map.h"
#include "base/mem.h"

#define LABEL_MAX 100
#define LABEL_LEN_MAX 200 /* bytes of a value */

static const char *const kind_names[] = {
	[METRIC_COUNTER] = "counter",
	[METRIC_GAUGE] = "gauge",
	[METRIC_HISTOGRAM] = "histogram",
};

/* A value of a label that is told apart. */
struct label {
	struct map_node node;
	struct heed_str value; /* "NAME\0VALUE" */
};

/* How many values a label has, by its name. */
struct label_name {
	struct label_name *next;
	struct heed_str name;
	size_t n;
};

/* One metric with one value of each label. */
struct series {
	struct series *next; /* of the metric, in order of coming */
	struct map_node node;
	enum metric_id id;
	struct heed_str labels[METRIC_LABELS_MAX];
	bool is_set, is_put;
	int64_t value; /* of a histogram: the sum */
	int64_t counts[METRIC_BOUNDS_MAX + 1];
};

struct metric_set {
	struct arena arena;
	size_t label_max;
	struct label_name *names;
	struct map labels;
	struct map all;
	struct series *first[METRICS_N];
	struct series **end[METRICS_N];
};

struct metric_set *
metric_set_new(size_t label_max)
{
	struct metric_set *set = mem_new(sizeof(*set));
	size_t i;

	if (set == NULL)
		return NULL;
	arena_init(&set->arena, 0);
	set->label_max = label_max > 0 ? label_max : LABEL_MAX;
	for (i = 0; i < METRICS_N; i++)
		set->end[i] = &set->first[i];
	return set;
}

void
metric_set_free(struct metric_set *set)
{
	if (set == NULL)
		return;
	map_done(&set->labels);
	map_done(&set->all);
	arena_done(&set->arena);
	mem_free(set);
}

/* ---- labels ------------------------------------------------------------------------ */

static struct label_name *
name_of(struct metric_set *set, struct heed_str name)
{
	struct label_name *known = set->names;

	while (known != NULL && !str_eq(known->name, name))
		known = known->next;
	if (known != NULL)
		return known;
	known = ARENA_NEW(&set->arena, struct label_name);
	if (known == NULL)
		return NULL;
	known->name = name; /* the table's */
	known->next = set->names;
	set->names = known;
	return known;
}

static uint64_t
label_hash(struct heed_str name, struct heed_str value)
{
	return str_hash(value) + 31 * str_hash(name);
}

static bool
is_known(const struct metric_set *set, struct heed_str name, struct heed_str value)
{
	struct map_node *node = map_find(&set->labels, label_hash(name, value));

	for (; node != NULL; node = map_more(node)) {
		struct heed_str both = MAP_OWNER(node, struct label, node)->value;

		if (str_eq(str_head(both, name.len), name) &&
		    str_eq(str_from(both, name.len + 1), value))
			return true;
	}
	return false;
}

/* Do its values come from the program itself? */
static bool
is_closed(struct heed_str name)
{
	static const char *const names[] = {"outcome", "state", "class",
	                                    "kind",    "code",  "version"};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (str_is(name, names[i]))
			return true;
	return false;
}

/* The value, while there are few, or "other". */
static struct heed_str
bounded(struct metric_set *set, struct heed_str name, struct heed_str value)
{
	static const struct heed_str other = {"other", 5};
	struct label_name *known;
	struct label *label;

	value = str_head_utf8(value, LABEL_LEN_MAX);
	if (is_closed(name) || is_known(set, name, value))
		return value;
	known = name_of(set, name);
	if (known == NULL || known->n >= set->label_max)
		return other;
	label = ARENA_NEW(&set->arena, struct label);
	if (label == NULL)
		return other;
	label->value = arena_printf(&set->arena, "%.*s%c%.*s", STR_ARG(name), '\0',
	                            STR_ARG(value));
	if (label->value.data == NULL)
		return other;
	map_add(&set->labels, &label->node, label_hash(name, value));
	known->n++;
	return value;
}

/* ---- series ------------------------------------------------------------------------ */

static bool
is_same(const struct series *series, enum metric_id id, const struct heed_str *labels)
{
	size_t i;

	if (series->id != id)
		return false;
	for (i = 0; i < METRIC_LABELS_MAX; i++)
		if (!str_eq(series->labels[i], labels[i]))
			return false;
	return true;
}

/* Made when it is not there; NULL without memory. */
static struct series *
series_of(struct metric_set *set, enum metric_id id, const struct heed_str *given)
{
	struct heed_str labels[METRIC_LABELS_MAX] = {{NULL, 0}};
	struct heed_str names = str_of(metric_table[id].labels);
	uint64_t hash = (uint64_t)id;
	struct map_node *node;
	struct series *series;
	size_t i;

	for (i = 0; names.len > 0; i++) {
		labels[i] = bounded(set, str_cut(&names, ','), given[i]);
		hash = hash * 31 + str_hash(labels[i]);
	}
	for (node = map_find(&set->all, hash); node != NULL; node = map_more(node))
		if (is_same(MAP_OWNER(node, struct series, node), id, labels))
			return MAP_OWNER(node, struct series, node);
	series = ARENA_NEW(&set->arena, struct series);
	if (series == NULL)
		return NULL;
	series->id = id;
	while (i-- > 0) {
		series->labels[i] = arena_str(&set->arena, labels[i]);
		if (series->labels[i].data == NULL)
			return NULL;
	}
	*set->end[id] = series;
	set->end[id] = &series->next;
	map_add(&set->all, &series->node, hash);
	return series;
}

void
metric_add(struct metric_set *set, enum metric_id id, int64_t n,
           const struct heed_str *labels)
{
	struct series *series = series_of(set, id, labels);

	if (series == NULL)
		return;
	series->is_set = true;
	series->value += n;
}

void
metric_put(struct metric_set *set, enum metric_id id, int64_t value,
           const struct heed_str *labels)
{
	struct series *series = series_of(set, id, labels);

	if (series == NULL)
		return;
	series->is_set = series->is_put = true;
	series->value += value;
}

void
metric_observe(struct metric_set *set, enum metric_id id, int64_t value,
               const struct heed_str *labels)
{
	const int64_t *bounds = metric_table[id].bounds;
	struct series *series = series_of(set, id, labels);
	size_t i = 0;

	if (series == NULL)
		return;
	while (bounds[i] != 0 && value > bounds[i])
		i++;
	series->is_set = true;
	series->counts[i]++;
	series->value += value;
}

void
metric_put_histogram(struct metric_set *set, enum metric_id id, const int64_t *counts,
                     int64_t sum, const struct heed_str *labels)
{
	const int64_t *bounds = metric_table[id].bounds;
	struct series *series = series_of(set, id, labels);
	size_t i = 0;

	if (series == NULL)
		return;
	series->is_set = series->is_put = true;
	series->value += sum;
	do
		series->counts[i] += counts[i];
	while (bounds[i++] != 0);
}

void
metric_renew(struct metric_set *set)
{
	struct series *series;
	size_t i;

	for (i = 0; i < METRICS_N; i++)
		for (series = set->first[i]; series != NULL; series = series->next) {
			if (!series->is_put)
				continue;
			series->is_set = false;
			series->value = 0;
			memset(series->counts, 0, sizeof(series->counts));
		}
}

/* ---- text -------------------------------------------------------------------------- */

/* `quotes`: in a label's value they are escaped, too. */
static void
write_escaped(struct heed_buf *buf, struct heed_str text, bool quotes)
{
	size_t i;

	for (i = 0; i < text.len; i++) {
		char c = text.data[i];

		if (c == '\\' || (c == '"' && quotes))
			buf_addc(buf, '\\');
		if (c == '\n')
			buf_adds(buf, "\\n");
		else
			buf_addc(buf, c);
	}
}

/* {a="x",b="y",le="0.5"}; nothing without labels. */
static void
write_labels(struct heed_buf *buf, const struct series *series, const char *bound)
{
	struct heed_str names = str_of(metric_table[series->id].labels);
	const char *before = "{";
	size_t i;

	for (i = 0; names.len > 0; i++) {
		struct heed_str name = str_cut(&names, ',');

		buf_addf(buf, "%s%.*s=\"", before, STR_ARG(name));
		write_escaped(buf, series->labels[i], true);
		buf_addc(buf, '"');
		before = ",";
	}
	if (bound != NULL)
		buf_addf(buf, "%sle=\"%s\"", before, bound);
	if (bound != NULL || before[0] == ',')
		buf_addc(buf, '}');
}

static void
write_number(struct heed_buf *buf, int64_t value, double per)
{
	if (per == 1)
		buf_addf(buf, "%lld", (long long)value);
	else
		json_write_real(buf, (double)value / per);
}

static void
write_histogram(struct heed_buf *buf, const struct series *series)
{
	const struct metric *metric = &metric_table[series->id];
	struct heed_buf bound;
	int64_t count = 0;
	size_t i;

	buf_init(&bound, 0);
	for (i = 0; i == 0 || metric->bounds[i - 1] != 0; i++) {
		count += series->counts[i];
		buf_reset(&bound);
		if (metric->bounds[i] == 0)
			buf_adds(&bound, "+Inf");
		else
			write_number(&bound, metric->bounds[i], metric->per);
		buf_addf(buf, "%s_bucket", metric->name);
		write_labels(buf, series, bound.data);
		buf_addf(buf, " %lld\n", (long long)count);
	}
	buf_done(&bound);
	buf_addf(buf, "%s_sum", metric->name);
	write_labels(buf, series, NULL);
	buf_addc(buf, ' ');
	write_number(buf, series->value, metric->per);
	buf_addf(buf, "\n%s_count", metric->name);
	write_labels(buf, series, NULL);
	buf_addf(buf, " %lld\n", (long long)count);
}

static void
write_series(struct heed_buf *buf, const struct series *series)
{
	const struct metric *metric = &metric_table[series->id];

	if (metric->kind == METRIC_HISTOGRAM) {
		write_histogram(buf, series);
		return;
	}
	buf_adds(buf, metric->name);
	write_labels(buf, series, NULL);
	buf_addc(buf, ' ');
	write_number(buf, series->value, metric->per);
	buf_addc(buf, '\n');
}

void
metric_write(const struct metric_set *set, struct heed_buf *buf)
{
	size_t i;

	for (i = 0; i < METRICS_N; i++) {
		const struct metric *metric = &metric_table[i];
		const struct series *series = set->first[i];
		bool told = false;

		for (; series != NULL; series = series->next) {
			if (!series->is_set)
				continue;
			if (!told) {
				buf_addf(buf, "# HELP %s ", metric->name);
				write_escaped(buf, str_of(metric->help), false);
				buf_addf(buf, "\n# TYPE %s %s\n", metric->name,
				         kind_names[metric->kind]);
			}
			told = true;
			write_series(buf, series);
		}
	}
}

static void
write_label_names(struct heed_buf *buf, struct heed_str names, const char *around)
{
	const char *between = "";

	while (names.len > 0) {
		struct heed_str name = str_cut(&names, ',');

		buf_addf(buf, "%s%s%.*s%s", between, around, STR_ARG(name), around);
		between = ", ";
	}
}

void
metric_docs_write(struct heed_buf *buf, bool markdown)
{
	size_t i;

	if (markdown)
		buf_adds(buf, "| metric | type | labels | |\n|---|---|---|---|\n");
	for (i = 0; i < METRICS_N; i++) {
		const struct metric *metric = &metric_table[i];
		struct heed_str labels = str_of(metric->labels);

		buf_addf(buf, markdown ? "| `%s` | %s | " : "%s (%s) ", metric->name,
		         kind_names[metric->kind]);
		write_label_names(buf, labels, markdown ? "`" : "");
		buf_addf(buf, markdown ? " | %s |\n" : "\n    %s\n", metric->help);
	}
}
