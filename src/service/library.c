/*
 * library.c - the life of a struct heed: heed.h over service.h.
 */
#include "service/library.h"

#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "service/local.h"

#define CONFIG_MAX ((size_t)8 * 1024 * 1024)

/* ---- opening ----------------------------------------------------------------------- */

static struct heed *
heed_new(const char *path, struct heed_str text)
{
	struct heed *heed = mem_new(sizeof(*heed));

	if (heed == NULL)
		return NULL;
	heed->kinds.pattern = &library_flow_pattern;
	heed->kinds.define = library_define;
	TAILQ_INIT(&heed->sendings);
	atomic_init(&heed->stops, 0);
	heed->path = mem_copy(path, strlen(path));
	heed->text = (struct heed_str){
		mem_copy(text.data != NULL ? text.data : "", text.len), text.len};
	heed->mailbox = mailbox_new();
	if (heed->path != NULL && heed->text.data != NULL && heed->mailbox != NULL)
		return heed;
	heed_close(heed);
	return NULL;
}

static int
open_with(const char *path, struct heed_str text, struct heed **ret_heed,
          struct heed_error *error)
{
	struct heed *heed = heed_new(path, text);

	if (heed == NULL)
		return error_nomem(error);
	*ret_heed = heed;
	return 0;
}

int
heed_open_text(const char *path, const char *text, struct heed **ret_heed,
               struct heed_error *error)
{
	return open_with(path, str_of(text), ret_heed, error);
}

int
heed_open(const char *path, struct heed **ret_heed, struct heed_error *error)
{
	struct heed_buf buf;
	int r;

	buf_init(&buf, CONFIG_MAX);
	r = file_read(path, &buf, error);
	if (r == 0)
		r = open_with(path, buf_str(&buf), ret_heed, error);
	buf_done(&buf);
	return r;
}

static int
is_name(const char *name)
{
	return name != NULL && name[0] != '\0' && strlen(name) <= 64 &&
	       name[strspn(name, "abcdefghijklmnopqrstuvwxyz"
	                         "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")] == '\0';
}

int
library_may_add(const struct heed *heed, const char *what, const char *name,
                struct heed_error *error)
{
	if (heed->begun)
		return error_set(error, HEED_E_CONFLICT,
		                 "%ss are added before heed_start", what);
	if (!is_name(name))
		return error_set(error, HEED_E_INVALID,
		                 "the name of %s \"%s\" is to be of letters, digits and "
		                 "_, 64 at most",
		                 what, name != NULL ? name : "");
	return 0;
}

int
library_runs(const struct heed *heed, struct heed_error *error)
{
	if (heed->service == NULL)
		return error_set(error, HEED_E_CONFLICT,
		                 "heed was not started: call heed_start first");
	return 0;
}

/* ---- checking and starting --------------------------------------------------------- */

static int
load(struct heed *heed, struct app *app, struct heed_error *error)
{
	return app_load_added(app, &heed->kinds, heed->path, heed->text, error);
}

/* The first problem's words. */
static int
tell_first(const struct app *app, struct heed_error *error)
{
	const struct conf_problem *first = app->problems.items;

	if (app->problems.n == 0)
		return error_set(error, HEED_E_CONFIG, "%s",
		                 heed_code_text(HEED_E_CONFIG));
	(void)error_set(error, HEED_E_CONFIG, "%.*s", STR_ARG(first->text));
	if (app->problems.n > 1 && error != NULL)
		(void)error_set(error, HEED_E_CONFIG,
		                "%.*s (and %zu more problems: heed_check)",
		                STR_ARG(first->text), app->problems.n - 1);
	error_hint(error, "%.*s", STR_ARG(first->hint));
	error_where(error, "%s:%d:%d", first->file != NULL ? first->file : app->path,
	            first->line, first->column);
	return HEED_E_CONFIG;
}

int
heed_check(struct heed *heed, char **ret_report, struct heed_error *error)
{
	struct app app;
	struct heed_buf buf;
	char *report = NULL;
	int r = load(heed, &app, error);

	if (r == HEED_E_CONFIG)
		(void)tell_first(&app, error);
	if ((r == 0 || r == HEED_E_CONFIG) && ret_report != NULL) {
		buf_init(&buf, 0);
		app_write_report(&app, &buf);
		report = buf_take(&buf);
		if (report == NULL)
			r = error_nomem(error);
		else
			*ret_report = report;
	}
	app_done(&app);
	return r;
}

static int
begin(struct heed *heed, struct heed_error *error)
{
	struct service *service = NULL;
	size_t i;

	heed->app.embedded = true;
	HEED_TRY(service_store_place(&heed->app, &heed->place));
	HEED_TRY(service_open(&heed->app, &service, error));
	heed->service = service;
	for (i = 0; i < heed->n_signals; i++)
		if (loop_signal(service->loop, heed->signals[i], service_stop, service) <
		    0)
			return error_set(error, HEED_E_IO, "cannot watch signal %d",
			                 heed->signals[i]);
	if (heed->watch != NULL)
		service_watch(service, heed->watch, heed->watch_arg);
	heed->stop = (struct loop_post){.fn = service_stop, .arg = service};
	mailbox_attach(heed->mailbox, service->loop);
	return 0;
}

int
heed_start(struct heed *heed, struct heed_error *error)
{
	int r;

	if (heed->begun)
		return error_set(error, HEED_E_CONFLICT,
		                 "heed was started before: open another");
	heed->begun = true;
	r = load(heed, &heed->app, error);
	if (r == HEED_E_CONFIG)
		return tell_first(&heed->app, error);
	return r < 0 ? r : begin(heed, error);
}

/* ---- running ----------------------------------------------------------------------- */

int
heed_serve(struct heed *heed, struct heed_error *error)
{
	HEED_TRY(library_runs(heed, error));
	if (heed->served)
		return error_set(error, HEED_E_CONFLICT,
		                 "heed_serve was called before: open another");
	heed->served = true;
	service_run(heed->service);
	return 0;
}

void
heed_stop(struct heed *heed)
{
	if (heed->service == NULL)
		return;
	if (atomic_fetch_add(&heed->stops, 1) == 0)
		loop_post(heed->service->loop, &heed->stop);
	else
		loop_stop(heed->service->loop);
}

int
heed_stop_on(struct heed *heed, int signum, struct heed_error *error)
{
	HEED_TRY(library_may_add(heed, "signal", "signal", error));
	if (heed->n_signals == LIBRARY_SIGNALS)
		return error_set(error, HEED_E_LIMIT, "%d signals at most",
		                 LIBRARY_SIGNALS);
	heed->signals[heed->n_signals++] = signum;
	return 0;
}

void
heed_watch(struct heed *heed, heed_watch_fn *fn, void *arg)
{
	heed->watch = fn;
	heed->watch_arg = arg;
}

void
heed_log(enum heed_log_level least, enum heed_log_form form)
{
	log_setup((enum log_level)least, (enum log_form)form);
}

/* Threads of the program may still hold calls and put mail: it is read as lost from
 * mailbox_close on, by when nothing here is needed. */
void
heed_close(struct heed *heed)
{
	if (heed == NULL)
		return;
	if (heed->mailbox != NULL)
		mailbox_attach(heed->mailbox, NULL);
	service_close(heed->service);
	if (heed->mailbox != NULL)
		mailbox_close(heed->mailbox);
	library_drop_sendings(heed);
	if (heed->begun)
		app_done(&heed->app);
	library_free_actions(heed);
	library_free_sources(heed);
	mailbox_unref(heed->mailbox);
	mem_free(heed->flows);
	mem_free(heed->path);
	mem_free((void *)heed->text.data);
	mem_free(heed);
}
