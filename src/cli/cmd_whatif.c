/*
 * cmd_whatif.c - heed whatif: what would another prompt, model or configuration have
 * decided about the events that were recorded, and at what cost?
 */
#include <stdio.h>

#include "base/error.h"
#include "base/json.h"
#include "cli/cli.h"
#include "cli/out.h"
#include "cli/record.h"
#include "service/service.h"
#include "service/whatif.h"

static const struct cli_option options[] = {
	{"--config", "FILE", "whose store holds the events (default: heed.yaml)"},
	{"--with", "FILE", "the configuration to decide by (default: the same)"},
	{"--model", "NAME", "ask this model of it in place of every other"},
	{"--reaction", "NAME", "only its decisions"},
	{"--by", "EXPR", "what of an answer counts, such as .segment (default: all)"},
	{"--since", "TIME",
         "only runs from then on: 2h (before now), 2026-11-24, or RFC 3339"},
	{"--limit", "N", "the newest so many (default: 100)"},
	{"--allow", "N", "so many may differ before the exit code is 1 (default: 0)"},
	{"--json", NULL, "as JSON, a decision a line, the sums last"},
	{NULL, NULL, NULL},
};

#define LIMIT_MAX 10000
#define SHOWN 60

struct asking {
	struct cli_args args;
	struct app recorded, with;
	struct expr_set *exprs;
	struct store *store;
	struct whatif_options whatif;
	int64_t allowed;
};

/* ---- the command line -------------------------------------------------------------- */

static int
check_names(const struct asking *asking, struct heed_error *error)
{
	struct heed_str model = asking->whatif.model;
	struct heed_str name = asking->whatif.name;
	size_t i;

	if (model.len > 0 && app_model(&asking->with, model) == NULL)
		return error_set(error, HEED_E_INVALID,
		                 "there is no model \"%.*s\" in %s", STR_ARG(model),
		                 asking->with.path);
	for (i = 0; name.len > 0 && i < asking->with.n_definitions; i++)
		if (str_eq(asking->with.definitions[i]->name, name))
			return 0;
	return name.len == 0 ? 0
	                     : error_set(error, HEED_E_INVALID,
	                                 "there is no reaction \"%.*s\" in %s",
	                                 STR_ARG(name), asking->with.path);
}

static int
read_options(struct asking *asking, struct heed_error *error)
{
	const struct cli_args *args = &asking->args;
	const char *since = cli_value(args, "--since");
	const char *by = cli_value(args, "--by");

	asking->whatif = (struct whatif_options){
		.app = &asking->with,
		.name = str_of(cli_value(args, "--reaction")),
		.model = str_of(cli_value(args, "--model")),
	};
	HEED_TRY(cli_number(args, "--limit", 1, LIMIT_MAX, 100, &asking->whatif.limit));
	HEED_TRY(cli_number(args, "--allow", 0, LIMIT_MAX, 0, &asking->allowed));
	if (since != NULL)
		HEED_TRY(
			out_read_time("--since", since, &asking->whatif.since_us, error));
	HEED_TRY(check_names(asking, error));
	if (by == NULL)
		return 0;
	asking->exprs = expr_set_new();
	if (asking->exprs == NULL)
		return error_nomem(error);
	if (expr_new(asking->exprs, str_of(by), &asking->whatif.by, error) < 0 ||
	    expr_set_check(asking->exprs, NULL, error) < 0) {
		error_prefix(error, "--by");
		error->code = HEED_E_INVALID;
		return HEED_E_INVALID;
	}
	return 0;
}

static int
load(struct asking *asking)
{
	const char *with = cli_value(&asking->args, "--with");
	int r = cli_load_place(&asking->args, &asking->recorded);

	if (r != 0)
		return r;
	return cli_load_file(&asking->args,
	                     with != NULL ? with : cli_config(&asking->args),
	                     &asking->with);
}

/* ---- printing ---------------------------------------------------------------------- */

static struct heed_json
decision_json(struct arena *arena, const struct decision *decision)
{
	struct json_build build;
	struct heed_json value = json_null();

	json_object(&build, arena);
	json_set_cstr(&build, "state", json_cstr(decision->state));
	json_set_cstr(&build, "answer", decision->answer);
	json_set_cstr(&build, "cost", json_real((double)decision->cost_nano / 1e9));
	return json_build_end(&build, &value) == 0 ? value : json_null();
}

static void
print_line(struct json_build *build)
{
	struct heed_json value;

	if (json_build_end(build, &value) == 0)
		(void)record_print(value);
}

static void
print_json(struct arena *arena, const struct whatif *whatif)
{
	struct json_build build;
	size_t i;

	for (i = 0; i < whatif->n; i++) {
		const struct whatif_pair *pair = &whatif->pairs[i];

		json_object(&build, arena);
		json_set_cstr(&build, "run", json_int(pair->run_id));
		json_set_cstr(&build, "reaction", json_str(pair->name));
		json_set_cstr(&build, "type", json_str(pair->event_type));
		json_set_cstr(&build, "event", json_str(pair->event_id));
		json_set_cstr(&build, "differs", json_bool(pair->differs));
		json_set_cstr(&build, "was", decision_json(arena, &pair->was));
		json_set_cstr(&build, "is", decision_json(arena, &pair->is));
		print_line(&build);
	}
	json_object(&build, arena);
	json_set_cstr(&build, "decisions", json_int((int64_t)whatif->n));
	json_set_cstr(&build, "differ", json_int((int64_t)whatif->n_differ));
	json_set_cstr(&build, "was_cost", json_real((double)whatif->was_nano / 1e9));
	json_set_cstr(&build, "is_cost", json_real((double)whatif->is_nano / 1e9));
	print_line(&build);
}

static struct heed_str
shown(struct arena *arena, const struct decision *decision)
{
	if (decision->answer.kind == HEED_NULL)
		return str_of(decision->state);
	return str_head_utf8(json_text_of(arena, decision->answer), SHOWN);
}

static void
print_table(struct arena *arena, const struct whatif *whatif)
{
	size_t i;

	for (i = 0; i < whatif->n; i++) {
		const struct whatif_pair *pair = &whatif->pairs[i];

		if (!pair->differs)
			continue;
		printf("run %-6lld %.*s, %.*s %.*s\n", (long long)pair->run_id,
		       STR_ARG(pair->name), STR_ARG(pair->event_type),
		       STR_ARG(pair->event_id));
		printf("    was  $%.6f  %.*s\n", (double)pair->was.cost_nano / 1e9,
		       STR_ARG(shown(arena, &pair->was)));
		printf("    is   $%.6f  %.*s\n", (double)pair->is.cost_nano / 1e9,
		       STR_ARG(shown(arena, &pair->is)));
	}
	printf("%zu of %zu decision%s differ%s; cost was $%.6f, is $%.6f\n",
	       whatif->n_differ, whatif->n, whatif->n == 1 ? "" : "s",
	       whatif->n_differ == 1 ? "s" : "", (double)whatif->was_nano / 1e9,
	       (double)whatif->is_nano / 1e9);
}

/* ---- the command ------------------------------------------------------------------- */

static int
decide(struct asking *asking, struct heed_error *error)
{
	struct whatif whatif = {0};
	struct heed_str place;
	struct arena arena;
	int r;

	HEED_TRY(read_options(asking, error));
	HEED_TRY(service_store_place(&asking->recorded, &place));
	HEED_TRY(store_open_readonly(place, &asking->store, error));
	asking->whatif.recorded = asking->store;
	arena_init(&arena, 0);
	r = whatif_run(&asking->whatif, &arena, &whatif, error);
	if (r == 0 && whatif.n == 0) {
		(void)error_set(error, HEED_E_NOTFOUND,
		                "the store holds no such decision of a model");
		error_hint(error, "heed runs lists what there is");
		r = HEED_E_NOTFOUND;
	}
	if (r == 0 && cli_has(&asking->args, "--json"))
		print_json(&arena, &whatif);
	else if (r == 0)
		print_table(&arena, &whatif);
	arena_done(&arena);
	if (r < 0)
		return r;
	return (int64_t)whatif.n_differ > asking->allowed ? CLI_FAILED : CLI_OK;
}

static int
run(int argc, char **argv)
{
	struct asking asking = {0};
	struct heed_error error = {0};
	int r = cli_parse(&cmd_whatif, argc, argv, &asking.args);

	if (r != 0 || asking.args.command == NULL)
		return r;
	r = load(&asking);
	if (r == 0) {
		r = decide(&asking, &error);
		if (r < 0)
			r = cli_fail(&asking.args, &error);
	}
	store_close(asking.store);
	expr_set_free(asking.exprs);
	app_done(&asking.with);
	app_done(&asking.recorded);
	return r;
}

const struct command cmd_whatif = {
	.name = "whatif",
	.usage = "[OPTIONS]",
	.help = "Decide recorded events again by another configuration or model, effects "
		"off; show what differs, and the cost of each side.",
	.options = options,
	.run = run,
};
