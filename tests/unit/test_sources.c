/*
 * test_sources.c - sources over reloads: who stays, who goes, whose memory is freed when,
 * and what a source that cannot start leaves behind.
 */
#include "engine_kit.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include "service/sources.h"

#define SCHEDULE(name, cron)                                                             \
	"  " name ": {type: schedule, cron: \"" cron "\", event: {type: tick}}\n"

static int retired;

static void
count_retired(struct app *app, void *arg)
{
	(void)app;
	(void)arg;
	retired++;
}

static struct app *
load(const char *text)
{
	struct heed_error error = {0};
	char file[128];
	struct app *app;
	FILE *to;

	(void)snprintf(file, sizeof(file), "%s/sources.yaml", folder);
	to = fopen(file, "w");
	assert_non_null(to);
	assert_true(fprintf(to, "heed: 1\n%s", text) > 0);
	assert_int_equal(fclose(to), 0);
	if (app_open(NULL, file, &app, &error) < 0)
		fail_msg("%s", error.text);
	app->retired = count_retired;
	return app;
}

/* As a reload does it: the new one is let go when all of it is taken, or none. */
static int
take(struct sources *sources, const char *text, const char *wanted)
{
	struct sources_change change = {0};
	struct heed_error error = {0};
	struct app *app = load(text);
	char counts[32];
	int r = sources_set(sources, app, &change, &error);

	generation_unref(&app->generation);
	(void)snprintf(counts, sizeof(counts), "%zu %zu %zu", change.kept, change.started,
	               change.stopped);
	if (r == 0)
		assert_string_equal(counts, wanted);
	return r;
}

static bool
runs(const struct sources *sources, const char *name)
{
	for (size_t i = 0; i < sources->n; i++)
		if (str_is(sources->items[i].source->name, name))
			return true;
	return false;
}

static void
begin(struct stage *stage, struct sources *sources)
{
	retired = 0;
	stage_open(stage, "heed: 1\n", "memory:");
	sources_init(sources, stage->engine, stage->store);
}

static void
test_each_lives_as_long_as_it_runs(void **state)
{
	struct sources sources;
	struct stage stage;

	begin(&stage, &sources);
	assert_int_equal(take(&sources, "sources:\n" SCHEDULE("a", "0 1 * * *"), "0 1 0"),
	                 0);
	assert_int_equal(take(&sources,
	                      "sources:\n" SCHEDULE("a", "0 1 * * *")
	                              SCHEDULE("b", "0 2 * * *"),
	                      "1 1 0"),
	                 0);
	assert_int_equal(retired, 0); /* a is of the first, b of the second */
	assert_int_equal(take(&sources,
	                      "sources:\n" SCHEDULE("a", "0 1 * * *")
	                              SCHEDULE("b", "0 3 * * *"),
	                      "1 1 1"),
	                 0);
	assert_int_equal(retired, 1);
	assert_int_equal(take(&sources, "sources:\n" SCHEDULE("b", "0 3 * * *"), "1 0 1"),
	                 0);
	assert_int_equal(retired, 3); /* nothing of the fourth was used */
	assert_true(runs(&sources, "b") && !runs(&sources, "a"));
	sources_stop(&sources);
	assert_int_equal(retired, 4);
	stage_close(&stage);
}

static void
test_one_that_cannot_start(void **state)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
	                              .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t size = sizeof(address);
	int other = socket(AF_INET, SOCK_STREAM, 0);
	struct sources sources;
	struct stage stage;
	char text[512];

	assert_int_equal(bind(other, (struct sockaddr *)&address, size), 0);
	assert_int_equal(listen(other, 1), 0);
	assert_int_equal(getsockname(other, (struct sockaddr *)&address, &size), 0);
	(void)snprintf(text, sizeof(text),
	               "sources:\n" SCHEDULE("a", "0 9 * * *") SCHEDULE(
			       "new", "0 1 * * *") "  web: {type: http, listen: "
	                                           "\"127.0.0.1:%d\"}\n" SCHEDULE(
							   "kept", "0 1 * * *"),
	               ntohs(address.sin_port));
	begin(&stage, &sources);
	assert_int_equal(take(&sources,
	                      "sources:\n" SCHEDULE("a", "0 1 * * *")
	                              SCHEDULE("kept", "0 1 * * *"),
	                      "0 2 0"),
	                 0);
	assert_true(take(&sources, text, "") < 0);
	assert_int_equal(retired, 1);
	assert_int_equal(sources.n, 2);
	assert_true(runs(&sources, "a") && runs(&sources, "kept"));
	assert_int_equal(take(&sources, "", "0 0 2"), 0);
	assert_int_equal(retired, 3);
	sources_stop(&sources);
	stage_close(&stage);
	(void)close(other);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_lives_as_long_as_it_runs),
		cmocka_unit_test(test_one_that_cannot_start),
	};

	return cmocka_run_group_tests_name("sources", tests, make_folder, remove_folder);
}
