/*
 * app.h - a whole configuration file as what it configures.
 *
 * The one file of src/config that knows the layers above: it puts the option rows of
 * models, sources, connections and patterns together into the top-level rows. Everything
 * that it made lives as long as the struct app.
 */
#ifndef HEED_CONFIG_APP_H
#define HEED_CONFIG_APP_H

#include "config/bind.h"
#include "engine/engine.h"
#include "engine/source.h"
#include "model/model.h"
#include "observe/log_options.h"
#include "observe/observe.h"

struct app_source {
	struct source *source; /* an instance, not started */
	const struct conf_node *at;
	struct heed_str text; /* JSON, ${...} expanded: is it the same as another? */
};

struct app_admin {
	struct heed_str socket; /* path, "none", or empty: beside the store */
};

struct app_api {
	struct heed_str listen; /* empty: there is none */
	struct heed_str bearer;
	int64_t wait_ms;
	struct {
		struct heed_str url; /* empty: no links */
		struct heed_str secret;
	} links;
};

struct app {
	struct generation generation;
	/* Called before it is freed, when it is one of app_open; may be NULL. */
	void (*retired)(struct app *app, void *arg);
	void *retired_arg;
	struct arena arena;
	struct expr_set *exprs;
	struct conf_problems problems;
	struct conf_problems warnings; /* what may be meant so */
	struct bind bind;
	struct conf_node *root;
	const char *path;
	bool once;              /* run: sources end after what is there, then heed does */
	bool embedded;          /* in another program, whose signals are its own */
	struct heed_str folder; /* of the file; empty for the current one */

	int64_t version;
	struct heed_str name;
	struct heed_str store;
	struct app_admin admin;
	struct app_api api;
	struct option_list models;      /* struct model */
	struct option_list connections; /* struct connection */
	struct engine_limits limits;
	struct retention_rules retention;
	struct log_options log;
	struct observe observe;
	struct redact_rules redact;
	struct option_list budgets; /* struct budget */
	struct app_source *sources;
	size_t n_sources;
	struct definition **definitions;
	size_t n_definitions, cap_definitions;
};

/* The top-level rows, for documentation and the editors' schema. */
extern const struct option app_options[];

/* Read and check `path` whole. Zero, or HEED_E_CONFIG with app->problems filled,
 * HEED_E_IO with `error`. app_done in any case. */
int app_load(struct app *app, const char *path, struct heed_error *error);
/* The same from a text; `path` is for messages. */
int app_load_text(struct app *app, const char *path, struct heed_str text,
                  struct heed_error *error);
/* The same, where the program has added kinds and definitions of its own. */
int app_load_added(struct app *app, const struct kinds *added, const char *path,
                   struct heed_str text, struct heed_error *error);
/* Only what says where a heed's things are: name, store and admin, the rest as if it was
 * absent, right or not. As app_load. */
int app_load_place(struct app *app, const char *path, struct heed_error *error);
/* As it may be shown: ${...} as written, secrets that stand in the file itself masked. On
 * `arena`. HEED_E_NOMEM. */
int app_show(const struct app *app, struct arena *arena, struct heed_json *ret_value);
/* Adds a warning for each of these. */
void app_warn_secrets(struct app *app);
void app_done(struct app *app);
/* As app_load, with a struct app of its own (also when it returns HEED_E_CONFIG) that is
 * freed, by itself, with the last reference to its generation; one is the caller's. */
int app_open(const struct kinds *added, const char *path, struct app **ret_app,
             struct heed_error *error);
/* A model by name, or NULL. */
struct model *app_model(const struct app *app, struct heed_str name);
/* Make a definition again from a stored text, in a generation of its own. It has one
 * reference, the caller's. */
int app_revive(const struct kinds *added, struct heed_str flow, struct heed_str name,
               struct heed_str text, struct definition **ret_definition,
               struct heed_error *error);
/* Have one more definition in force. HEED_E_NOMEM. */
int app_define(struct app *app, struct definition *definition);
/* Append the problems as text, a line each: "file:line:column: what (hint)". */
void app_write_problems(const struct app *app, struct heed_buf *buf);

/* Append {"ok", "problems": [{"file", "line", "column", "text", "hint"}], "warnings"}. */
void app_write_report(const struct app *app, struct heed_buf *buf);

/* ---- app_budgets.c: what only the whole can tell of prices and budgets */
/* Adds problems; HEED_E_CONFIG. */
int app_check_budgets(struct app *app);
/* Adds warnings. */
void app_warn_of_prices(struct app *app);

#endif
