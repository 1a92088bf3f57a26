/*
 * cmd_explain.c - heed explain: one run from its event to its outcome.
 */
#include <stdio.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "cli/cli.h"
#include "cli/look.h"

static const struct cli_option options[] = {
	{"--config", "FILE", "the configuration (default: heed.yaml)"},
	{NULL, NULL, NULL},
};

struct explain {
	struct store *store;
	struct heed_error *error;
	bool found;
};

static void
print_text(const char *label, struct heed_str text)
{
	if (text.len > 0)
		printf("       %-8s %.*s\n", label, STR_ARG(text));
}

static int
print_entry(void *arg, const struct store_entry *entry)
{
	(void)arg;
	printf("  %2d  %s %.*s, attempt %d: %s", entry->n,
	       store_entry_kind_name(entry->kind), STR_ARG(entry->step), entry->attempt,
	       store_entry_state_name(entry->state));
	if (entry->class.len > 0)
		printf(" (%.*s)", STR_ARG(entry->class));
	if (entry->ended_us > entry->at_us)
		printf(", %.1f ms", (double)(entry->ended_us - entry->at_us) / 1000);
	if (entry->kind == ENTRY_ASK)
		printf(", %.*s, %lld + %lld tokens, $%.6f", STR_ARG(entry->model),
		       (long long)entry->input, (long long)entry->output,
		       (double)entry->cost_nano / 1e9);
	printf("\n");
	print_text("request", entry->request);
	print_text("reply", entry->reply);
	print_text("why", entry->detail);
	return 0;
}

static int
print_child(void *arg, const struct store_event *event)
{
	(void)arg;
	printf("  emitted %.*s %.*s\n", STR_ARG(event->type), STR_ARG(event->id));
	return 0;
}

static int
print_run(void *arg, const struct store_run *run, const struct store_event *event)
{
	struct explain *explain = arg;
	struct store_filter children = {.parent_run = run->id};
	char place[CLOCK_TEXT_SIZE];
	int r;

	explain->found = true;
	printf("run %lld of %.*s: %s%s%.*s\n", (long long)run->id, STR_ARG(run->name),
	       store_run_state_name(run->state), run->text.len > 0 ? ": " : "",
	       STR_ARG(run->text));
	printf("  event %.*s %.*s from %.*s, received %s", STR_ARG(event->type),
	       STR_ARG(event->id), STR_ARG(event->source),
	       clock_text(place, event->received_us).data);
	if (event->parent_run > 0)
		printf(", emitted by run %lld", (long long)event->parent_run);
	printf("\n       %.*s\n", STR_ARG(event->body));
	r = store_read_journal(explain->store, run->id, print_entry, NULL,
	                       explain->error);
	if (r == 0)
		r = store_read_events(explain->store, &children, print_child, NULL,
		                      explain->error);
	return r;
}

static int
look(const struct cli_args *args, struct store *store, struct heed_error *error)
{
	struct explain explain = {.store = store, .error = error};
	struct store_filter filter = {0};

	if (args->n_words != 1) {
		(void)error_set(error, HEED_E_INVALID, "name one run or one event");
		error_hint(error, "heed explain 17, or heed explain EVENT-ID; heed runs "
		                  "lists them");
		return HEED_E_INVALID;
	}
	if (str_to_i64(str_of(args->words[0]), &filter.run_id) < 0 || filter.run_id < 1) {
		filter.run_id = 0;
		filter.event_id = str_of(args->words[0]);
	}
	HEED_TRY(store_read_runs(store, &filter, print_run, &explain, error));
	if (explain.found)
		return 0;
	(void)error_set(error, HEED_E_NOTFOUND,
	                "there is no run and no event's run \"%s\"", args->words[0]);
	error_hint(error, "heed runs lists them");
	return HEED_E_NOTFOUND;
}

static int
run(int argc, char **argv)
{
	return cli_look(&cmd_explain, argc, argv, look);
}

const struct command cmd_explain = {
	.name = "explain",
	.usage = "RUN | EVENT-ID",
	.help = "Show one run from its event to its outcome: prompt, reply, tokens, "
		"cost, effects.",
	.options = options,
	.run = run,
};
