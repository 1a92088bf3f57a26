/*
 * cmd_cost_prices.c - heed cost prices: the list of prices that is built in, with days
 * and sources; or what the models of a configuration cost.
 */
#include <stdio.h>

#include "base/clock.h"
#include "base/money.h"
#include "cli/cost.h"
#include "cli/out.h"
#include "cli/record.h"
#include "model/price.h"

static const struct cli_option options[] = {
	{"--config", "FILE", "of this configuration's models, with what it says itself"},
	{"--json", NULL, "one JSON object a line, US dollars for a million tokens"},
	{NULL, NULL, NULL},
};

/* One line of either list. */
struct line {
	struct heed_str name;  /* of the model */
	struct heed_str label; /* as its provider calls it */
	const struct model_price *price;
	int64_t above;
	const char *since;
	const char *source, *seen;
};

static const struct {
	const char *name;
	size_t offset;
} rates[] = {
	{"input", offsetof(struct model_price, input)},
	{"cached_input", offsetof(struct model_price, cached_input)},
	{"cache_write", offsetof(struct model_price, cache_write)},
	{"output", offsetof(struct model_price, output)},
	{"reasoning", offsetof(struct model_price, reasoning)},
};
#define N_RATES (sizeof(rates) / sizeof(rates[0]))

static int64_t
rate_of(const struct line *line, size_t i)
{
	return *(const int64_t *)((const char *)line->price + rates[i].offset);
}

static int
print_json(const struct line *line)
{
	struct heed_json value = json_null();
	struct json_build build;
	struct arena arena;
	int r;

	arena_init(&arena, 1024);
	json_object(&build, &arena);
	if (line->name.len > 0)
		json_set_cstr(&build, "name", json_str(line->name));
	json_set_cstr(&build, "model", json_str(line->label));
	for (size_t i = 0; line->price != NULL && i < N_RATES; i++)
		json_set_cstr(&build, rates[i].name,
		              json_real((double)rate_of(line, i) / (double)MONEY_DOLLAR));
	if (line->price != NULL)
		json_set_cstr(&build, "batch", json_real(line->price->batch));
	json_set_cstr(&build, "known", json_bool(line->price != NULL));
	if (line->above > 0)
		json_set_cstr(&build, "above_input_tokens", json_int(line->above));
	if (line->since[0] != '\0')
		json_set_cstr(&build, "since", json_cstr(line->since));
	json_set_cstr(&build, "source", json_cstr(line->source));
	if (line->seen[0] != '\0')
		json_set_cstr(&build, "seen", json_cstr(line->seen));
	(void)json_build_end(&build, &value);
	r = record_print(value);
	arena_done(&arena);
	return r;
}

static void
add_line(struct heed_buf *buf, const struct line *line)
{
	if (line->name.len > 0) {
		out_cell(buf, line->name, 16);
		buf_addc(buf, ' ');
	}
	out_cell(buf, line->label, 24);
	for (size_t i = 0; i < N_RATES; i++) {
		char place[MONEY_TEXT_SIZE];

		buf_addf(buf, "%11s",
		         line->price != NULL ? money_text(place, rate_of(line, i)) : "?");
	}
	if (line->price != NULL)
		buf_addf(buf, "%6.0f%%", line->price->batch * 100);
	else
		buf_addf(buf, "%7s", "?");
	buf_addf(buf, "  %-10s  %s%s%s", line->since[0] != '\0' ? line->since : "-",
	         line->source, line->seen[0] != '\0' ? ", " : "", line->seen);
	if (line->above > 0) {
		buf_adds(buf, "; above ");
		out_count(buf, line->above);
		buf_adds(buf, " tokens in");
	}
	buf_addc(buf, '\n');
}

static void
add_head(struct heed_buf *buf, bool with_name)
{
	buf_adds(buf,
	         "US dollars for a million tokens; batch: what batches cost of it\n");
	if (with_name)
		buf_addf(buf, "%-16s ", "name");
	buf_addf(buf, "%-24s%11s%11s%11s%11s%11s%7s  %-10s  %s\n", "model", "input",
	         "cached", "write", "output", "reasoning", "batch", "since", "source");
}

static int
print_line(struct heed_buf *buf, const struct line *line, bool as_json)
{
	if (as_json)
		return print_json(line);
	add_line(buf, line);
	return 0;
}

static bool
is_wanted(const struct cli_args *args, struct heed_str name)
{
	for (int i = 0; i < args->n_words; i++)
		if (str_search(name, str_of(args->words[i])) < name.len)
			return true;
	return args->n_words == 0;
}

static int
print_list(const struct cli_args *args, struct heed_buf *buf, bool as_json)
{
	size_t shown = 0;
	int r = 0;

	for (size_t i = 0; i < price_list_n && r == 0; i++) {
		const struct price_row *row = &price_list[i];
		struct line line = {
			.label = str_of(row->name),
			.price = &row->price,
			.above = row->above,
			.since = row->since,
			.source = row->source->name,
			.seen = row->source->seen,
		};

		if (!is_wanted(args, line.label))
			continue;
		shown++;
		r = print_line(buf, &line, as_json);
	}
	if (shown == 0)
		return cli_misused(args, "heed cost prices lists all that are known",
		                   "there is no price of a model called \"%s\"",
		                   args->words[0]);
	return r;
}

static int
print_models(const struct cli_args *args, const struct app *app, struct heed_buf *buf,
             bool as_json)
{
	const struct model *models = app->models.items;
	struct heed_str none = {NULL, 0};
	int64_t now = clock_wall_us();
	int r = 0;

	for (size_t i = 0; i < app->models.n && r == 0; i++) {
		const struct model *model = &models[i];
		const struct price_row *row = price_find(model_label(model), 0, now);
		struct line line = {
			.name = model->name,
			.label = model_label(model),
			.price = price_of(model, none, 0, now),
			.since = "",
			.source = "not known: add price:",
			.seen = "",
		};

		if (!is_wanted(args, model->name))
			continue;
		if (model->price.set) {
			line.source = "this configuration";
		} else if (line.price != NULL && row != NULL &&
		           line.price == &row->price) {
			line.since = row->since;
			line.source = row->source->name;
			line.seen = row->source->seen;
		} else if (line.price != NULL) {
			line.source = "free: no model is called";
		}
		r = print_line(buf, &line, as_json);
	}
	return r;
}

static int
run(int argc, char **argv)
{
	struct cli_args args;
	struct heed_buf buf;
	struct app app = {0};
	int r = cli_parse(&cmd_cost_prices, argc, argv, &args);
	bool as_json, of_models;

	if (r != 0 || args.command == NULL)
		return r;
	as_json = cli_has(&args, "--json");
	of_models = cli_has(&args, "--config");
	buf_init(&buf, 0);
	if (!as_json)
		add_head(&buf, of_models);
	if (of_models)
		r = cli_load(&args, &app);
	if (r == 0)
		r = of_models ? print_models(&args, &app, &buf, as_json)
		              : print_list(&args, &buf, as_json);
	app_done(&app);
	if (r == 0)
		return cli_print(&buf);
	buf_done(&buf);
	return r;
}

const struct command cmd_cost_prices = {
	.name = "cost prices",
	.usage = "[--config FILE] [NAME...]",
	.words_max = CLI_ANY_WORDS,
	.help = "List the prices that are built in, with their days and sources, or "
		"those "
		"of a configuration's models.",
	.options = options,
	.run = run,
};
