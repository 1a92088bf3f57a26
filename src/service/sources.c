/*
 * sources.c - see sources.h.
 *
 * What a source that stops has delivered may not be committed when its successor reads
 * its position. What that delivers again is known already and counts once.
 */
#include "service/sources.h"

#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"

void
sources_init(struct sources *sources, struct engine *engine, struct store *store)
{
	*sources = (struct sources){.engine = engine, .store = store};
}

static int
start(struct sources *sources, const struct app_source *item, struct heed_error *error)
{
	struct source *source = item->source;
	struct heed_str position;
	struct arena scratch;
	int r;

	if (engine_attach(sources->engine, source) < 0)
		return error_nomem(error);
	arena_init(&scratch, 0);
	r = store_read_cursor(sources->store, source->name, &scratch, &position, error);
	if (r == 0)
		r = source->kind->start(source, position, error);
	arena_done(&scratch);
	if (r == 0)
		return 0;
	engine_detach(sources->engine, source);
	error_prefix(error, "source %.*s", STR_ARG(source->name));
	return r;
}

static void
stop(struct sources *sources, const struct app_source *item)
{
	struct source *source = item->source;

	source->kind->stop(source);
	engine_detach(sources->engine, source);
}

static void
hold(const struct app_source *items, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		generation_ref(items[i].source->generation);
}

/* May free what they point to. */
static void
let_go(const struct app_source *items, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		generation_unref(items[i].source->generation);
}

/* The running one that is written the same, or NULL. */
static const struct app_source *
find_same(const struct app_source *items, size_t n, const struct app_source *like)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (str_eq(items[i].source->name, like->source->name) &&
		    str_eq(items[i].text, like->text))
			return &items[i];
	return NULL;
}

/* Start those of `wanted` that are not among `running`; *ret_n is how many of `wanted`
 * were seen to, also when one fails. */
static int
start_missing(struct sources *sources, const struct app_source *wanted, size_t n,
              const struct app_source *running, size_t n_running, size_t *ret_n,
              struct heed_error *error)
{
	int r = 0;

	for (*ret_n = 0; *ret_n < n && r == 0; *ret_n += r == 0)
		if (find_same(running, n_running, &wanted[*ret_n]) == NULL)
			r = start(sources, &wanted[*ret_n], error);
	return r;
}

/* Stop those of `running` that are not among `wanted`; how many. */
static size_t
stop_others(struct sources *sources, const struct app_source *running, size_t n_running,
            const struct app_source *wanted, size_t n)
{
	size_t stopped = 0;
	size_t i;

	for (i = 0; i < n_running; i++) {
		if (find_same(wanted, n, &running[i]) != NULL)
			continue;
		stop(sources, &running[i]);
		stopped++;
	}
	return stopped;
}

/* One did not start, after `n_started` were seen to: as before. */
static void
restore(struct sources *sources, const struct app_source *wanted, size_t n,
        size_t n_started)
{
	struct heed_error error = {0};
	size_t n_kept = 0;
	size_t i;

	/* Those that ran are held until the end of it. */
	(void)stop_others(sources, wanted, n_started, sources->items, sources->n);
	for (i = 0; i < sources->n; i++) {
		const struct app_source *item = &sources->items[i];

		if (find_same(wanted, n, item) != NULL ||
		    start(sources, item, &error) == 0) {
			sources->items[n_kept++] = *item;
		} else {
			log_failure(LOG_ERROR, "a source could not be started again",
			            &error);
			let_go(item, 1);
		}
	}
	sources->n = n_kept;
}

int
sources_set(struct sources *sources, struct app *app, struct sources_change *ret_change,
            struct heed_error *error)
{
	struct app_source *items = mem_alloc((app->n_sources + 1) * sizeof(*items));
	size_t n = 0;
	size_t i;
	int r;

	if (items == NULL)
		return error_nomem(error);
	for (i = 0; i < app->n_sources; i++)
		app->sources[i].source->once = app->once;
	ret_change->stopped = stop_others(sources, sources->items, sources->n,
	                                  app->sources, app->n_sources);
	r = start_missing(sources, app->sources, app->n_sources, sources->items,
	                  sources->n, &n, error);
	if (r < 0) {
		restore(sources, app->sources, app->n_sources, n);
		mem_free(items);
		return r;
	}
	ret_change->kept = sources->n - ret_change->stopped;
	ret_change->started = n - ret_change->kept;
	for (i = 0; i < n; i++) {
		const struct app_source *same =
			find_same(sources->items, sources->n, &app->sources[i]);

		items[i] = same != NULL ? *same : app->sources[i];
	}
	hold(items, n);
	let_go(sources->items, sources->n);
	mem_free(sources->items);
	sources->items = items;
	sources->n = n;
	return 0;
}

void
sources_stop(struct sources *sources)
{
	size_t i;

	for (i = sources->n; i > 0; i--)
		stop(sources, &sources->items[i - 1]);
	let_go(sources->items, sources->n);
	sources->n = 0;
	mem_free(sources->items);
	sources->items = NULL;
}
