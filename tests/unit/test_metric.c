/*
 * test_metric.c - values, their bounds, and the text that Prometheus reads.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "observe/metric.h"

static void
assert_has(const struct metric_set *set, const char *line)
{
	struct heed_buf buf;
	char whole[512];

	(void)snprintf(whole, sizeof(whole), "\n%s\n", line);
	buf_init(&buf, 0);
	buf_addc(&buf, '\n');
	metric_write(set, &buf);
	if (buf_error(&buf) != 0 || strstr(buf.data, whole) == NULL)
		fail_msg("no \"%s\" in:%s", line, buf.data);
	buf_done(&buf);
}

static size_t
lines_of(const struct metric_set *set)
{
	struct heed_buf buf;
	size_t n = 0;

	buf_init(&buf, 0);
	metric_write(set, &buf);
	for (size_t i = 0; i < buf.len; i++)
		n += buf.data[i] == '\n';
	buf_done(&buf);
	return n;
}

static void
test_counters(void **state)
{
	struct metric_set *set = metric_set_new(0);
	struct heed_str labels[] = {HEED_STR("a\"b\\c\nd"), HEED_STR("accepted")};
	struct heed_str cost[] = {HEED_STR("quick"), HEED_STR("enrich")};

	(void)state;
	assert_int_equal(lines_of(set), 0);
	metric_add(set, METRIC_EVENTS, 2, labels);
	metric_add(set, METRIC_EVENTS, 3, labels);
	metric_add(set, METRIC_COST, 1234567, cost);
	assert_has(set,
	           "heed_events_total{type=\"a\\\"b\\\\c\\nd\",outcome=\"accepted\"} 5");
	assert_has(set, "# TYPE heed_events_total counter");
	assert_has(set,
	           "heed_model_cost_dollars_total{model=\"quick\",reaction=\"enrich\"} "
	           "0.001234567");
	metric_put(set, METRIC_QUEUE_DEPTH, 7, NULL);
	assert_has(set, "heed_queue_depth 7");
	metric_renew(set);
	assert_int_equal(lines_of(set), 6);
	metric_set_free(set);
}

static void
test_histograms(void **state)
{
	struct metric_set *set = metric_set_new(0);
	struct heed_str quick = HEED_STR("quick");
	int64_t counts[METRIC_BOUNDS_MAX + 1] = {1, 2, 3};

	(void)state;
	metric_observe(set, METRIC_CALL_SECONDS, 50000, &quick);
	metric_observe(set, METRIC_CALL_SECONDS, 50001, &quick);
	metric_observe(set, METRIC_CALL_SECONDS, INT64_C(500000000), &quick);
	assert_has(
		set,
		"heed_model_call_duration_seconds_bucket{model=\"quick\",le=\"0.05\"} 1");
	assert_has(
		set,
		"heed_model_call_duration_seconds_bucket{model=\"quick\",le=\"0.1\"} 2");
	assert_has(
		set,
		"heed_model_call_duration_seconds_bucket{model=\"quick\",le=\"120\"} 2");
	assert_has(
		set,
		"heed_model_call_duration_seconds_bucket{model=\"quick\",le=\"+Inf\"} 3");
	assert_has(set, "heed_model_call_duration_seconds_count{model=\"quick\"} 3");
	assert_has(set,
	           "heed_model_call_duration_seconds_sum{model=\"quick\"} 500.100001");
	metric_put_histogram(set, METRIC_COMMIT_SIZE, counts, 40, NULL);
	metric_renew(set);
	metric_put_histogram(set, METRIC_COMMIT_SIZE, counts, 41, NULL);
	assert_has(set, "heed_store_commit_transactions_bucket{le=\"2\"} 3");
	assert_has(set, "heed_store_commit_transactions_sum 41");
	assert_has(set, "heed_store_commit_transactions_count 6");
	metric_set_free(set);
}

static void
test_labels_are_bounded(void **state)
{
	struct metric_set *set = metric_set_new(3);
	char type[16];

	(void)state;
	for (int i = 0; i < 10000; i++) {
		struct heed_str labels[] = {{type, 0}, HEED_STR("accepted")};

		labels[0].len = (size_t)snprintf(type, sizeof(type), "t%d", i % 1000);
		metric_add(set, METRIC_EVENTS, 1, labels);
		metric_put(set, METRIC_SOURCE_PAUSED, 1, labels);
	}
	assert_int_equal(lines_of(set), 2 + 4 + 2 + 4);
	assert_has(set, "heed_events_total{type=\"t2\",outcome=\"accepted\"} 10");
	assert_has(set, "heed_events_total{type=\"other\",outcome=\"accepted\"} 9970");
	metric_set_free(set);
}

/* Each has a name of its own with the suffix of its kind, and words. */
static void
test_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < METRICS_N; i++) {
		const struct metric *metric = &metric_table[i];
		size_t len = strlen(metric->name);

		assert_true(len > 6 &&
		            strchr(".?", metric->help[strlen(metric->help) - 1]) != NULL);
		assert_int_equal(metric->kind == METRIC_COUNTER,
		                 strcmp(metric->name + len - 6, "_total") == 0);
		assert_int_equal(metric->kind == METRIC_HISTOGRAM,
		                 metric->bounds != NULL);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(metric->name, metric_table[j].name);
		for (size_t j = 1; metric->bounds != NULL && metric->bounds[j] != 0; j++)
			assert_true(metric->bounds[j] > metric->bounds[j - 1] &&
			            j < METRIC_BOUNDS_MAX);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counters),
		cmocka_unit_test(test_histograms),
		cmocka_unit_test(test_labels_are_bounded),
		cmocka_unit_test(test_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
