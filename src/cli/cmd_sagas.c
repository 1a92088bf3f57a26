/*
 * cmd_sagas.c - heed sagas: what they are at, and what people may say to them. `ls` and
 * `show` read the store; the others are told to the running heed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "cli/admin_client.h"
#include "cli/look.h"
#include "cli/out.h"
#include "cli/record.h"
#include "cli/saga_show.h"
#include "cli/saga_story.h"

/* ---- ls ---------------------------------------------------------------------------- */

/* A saga's state, as the store tells it. */
static const struct state {
	const char *name;
	const char *runs;
	int compensated; /* 1: those; 0: the others; -1: any */
} states[] = {
	{"running", "ready,active", -1}, {"waiting", "waiting", -1},
	{"stuck", "held", -1},           {"completed", "done", 0},
	{"compensated", "done", 1},      {"failed", "dead,dropped", -1},
};
#define N_STATES (sizeof(states) / sizeof(states[0]))

static const struct cli_option ls_options[] = {
	CLI_CONFIG_OPTION,
	{"--state", "NAME", "running, waiting, stuck, completed, compensated or failed"},
	{"--saga", "NAME", "of this saga only"},
	CLI_PERIOD_OPTIONS,
	{"--json", NULL, "one JSON object a line"},
	{NULL, NULL, NULL},
};

struct listing {
	const struct cli_args *args;
	struct store *store;
	const struct state *state; /* NULL: any */
	struct heed_error *error;
};

static int
print_saga(struct listing *listing, const struct store_run *run,
           const struct store_event *event, struct arena *arena)
{
	struct saga_story story;
	const struct saga_item *now;
	const char *state = saga_state(run);
	struct heed_buf buf;
	struct heed_buf age;

	if (cli_has(listing->args, "--json"))
		return record_print(record_run(arena, run, event));
	HEED_TRY(saga_story_read(listing->store, run->id, arena, &story, listing->error));
	now = saga_story_now(&story);
	buf_init(&buf, 0);
	buf_addf(&buf, "%6lld  %s%-11s%s ", (long long)run->id,
	         out_style(saga_state_style(state)), state, out_style(OUT_END));
	out_cell(&buf, run->name, 20);
	buf_addc(&buf, ' ');
	out_cell(&buf, event->subject.len > 0 ? event->subject : event->id, 16);
	buf_addc(&buf, ' ');
	out_cell(&buf, now != NULL ? now->name : HEED_STR(""), 18);
	buf_addc(&buf, ' ');
	buf_init(&age, 64);
	out_age(&age, run->created_us);
	out_cell(&buf, buf_str(&age), 12);
	buf_done(&age);
	buf_addc(&buf, ' ');
	out_money(&buf, run->cost_nano);
	if (run->text.len > 0) {
		buf_adds(&buf, "  ");
		(void)out_text(&buf, run->text, 100);
	}
	buf_addc(&buf, '\n');
	return cli_print(&buf);
}

static int
list_row(void *arg, const struct store_run *run, const struct store_event *event)
{
	struct listing *listing = arg;
	struct arena arena;
	int r;

	if (listing->state != NULL && listing->state->compensated >= 0 &&
	    (run->class.len > 0) != (listing->state->compensated == 1))
		return 0;
	arena_init(&arena, 0);
	r = print_saga(listing, run, event, &arena);
	arena_done(&arena);
	return r;
}

static int
find_state(const char *name, const struct state **ret_state, struct heed_error *error)
{
	const char *names[N_STATES];
	const char *near;
	size_t i;

	*ret_state = NULL;
	for (i = 0; name != NULL && i < N_STATES; i++) {
		names[i] = states[i].name;
		if (strcmp(name, states[i].name) == 0)
			*ret_state = &states[i];
	}
	if (name == NULL || *ret_state != NULL)
		return 0;
	near = error_nearest(str_of(name), names, N_STATES);
	(void)error_set(error, HEED_E_INVALID, "a saga is never \"%s\"", name);
	error_hint(error, near != NULL ? "did you mean \"%s\"?" : "%s",
	           near != NULL ? near : ls_options[1].help);
	return HEED_E_INVALID;
}

static int
look_ls(const struct cli_args *args, struct store *store, struct heed_error *error)
{
	struct listing listing = {.args = args, .store = store, .error = error};
	struct store_filter filter = {
		.flow = HEED_STR("saga"),
		.name = str_of(cli_value(args, "--saga")),
		.newest = true,
	};

	HEED_TRY(find_state(cli_value(args, "--state"), &listing.state, error));
	if (listing.state != NULL)
		filter.states = listing.state->runs;
	HEED_TRY(cli_filter(args, &filter, error));
	if (!cli_has(args, "--json"))
		printf("  saga  state       name                 of               at     "
		       "            began        cost\n");
	return store_read_runs(store, &filter, list_row, &listing, error);
}

static const struct command sagas_ls;

static int
run_ls(int argc, char **argv)
{
	return cli_look(&sagas_ls, argc, argv, look_ls);
}

static const struct command sagas_ls = {
	.name = "sagas ls",
	.usage = "[OPTIONS]",
	.help = "List sagas, the newest first: state, step, age, cost.",
	.options = ls_options,
	.run = run_ls,
};

/* ---- show -------------------------------------------------------------------------- */

static const struct cli_option show_options[] = {
	CLI_CONFIG_OPTION,
	{"--json", NULL, "one JSON object: the saga and its journal"},
	{NULL, NULL, NULL},
};

struct showing {
	const struct cli_args *args;
	struct store *store;
	struct heed_error *error;
	bool found;
};

static int
show_row(void *arg, const struct store_run *run, const struct store_event *event)
{
	struct showing *showing = arg;
	struct arena arena;
	int r;

	showing->found = true;
	arena_init(&arena, 0);
	r = cli_has(showing->args, "--json")
	            ? saga_show_json(showing->store, run, event, &arena, showing->error)
	            : saga_show(showing->store, run, event, &arena, showing->error);
	arena_done(&arena);
	return r;
}

/* The number that a command is about. */
static int
read_id(const struct cli_args *args, int64_t *ret_id, struct heed_error *error)
{
	if (args->n_words >= 1 && str_to_i64(str_of(args->words[0]), ret_id) == 0 &&
	    *ret_id > 0)
		return 0;
	if (args->n_words >= 1)
		(void)error_set(error, HEED_E_INVALID, "\"%s\" is no saga's number",
		                args->words[0]);
	else
		(void)error_set(error, HEED_E_INVALID, "name a saga by its number");
	error_hint(error, "heed sagas ls lists them");
	return HEED_E_INVALID;
}

static int
look_show(const struct cli_args *args, struct store *store, struct heed_error *error)
{
	struct showing showing = {.args = args, .store = store, .error = error};
	struct store_filter filter = {.flow = HEED_STR("saga")};

	HEED_TRY(read_id(args, &filter.run_id, error));
	HEED_TRY(store_read_runs(store, &filter, show_row, &showing, error));
	if (showing.found)
		return 0;
	(void)error_set(error, HEED_E_NOTFOUND, "there is no saga %lld",
	                (long long)filter.run_id);
	error_hint(error, "heed sagas ls lists them");
	return HEED_E_NOTFOUND;
}

static const struct command sagas_show;

static int
run_show(int argc, char **argv)
{
	return cli_look(&sagas_show, argc, argv, look_show);
}

static const struct command sagas_show = {
	.name = "sagas show",
	.usage = "SAGA",
	.words_max = CLI_ANY_WORDS,
	.help = "Show one saga: its steps, attempts, choices with their reasons, times, "
		"costs.",
	.options = show_options,
	.run = run_show,
};

/* ---- what is told to the running heed ---------------------------------------------- */

/* Say it, and print what was answered. `words` is how many the command takes at most. */
static int
say(const struct cli_args *args, const char *verb, struct heed_json body,
    struct arena *arena, struct heed_error *error)
{
	struct admin_client *client = NULL;
	struct heed_json answer;
	struct heed_str path;
	struct app app = {0};
	struct cli_args load = *args;
	int64_t id;
	int r;

	HEED_TRY(read_id(args, &id, error));
	load.n_words = 0;
	path = arena_printf(arena, "/sagas/%lld/%s", (long long)id, verb);
	r = path.data == NULL ? error_nomem(error) : cli_load_place(&load, &app);
	if (r == 0)
		r = admin_client_open(&app, &client, error);
	if (r == HEED_E_NOTFOUND)
		error_hint(error, "start it with heed run, then say it again");
	if (r == 0)
		r = admin_client_call(client, "POST", path.data, body, arena, &answer,
		                      error);
	if (r == 0)
		r = cli_has(args, "--json") ? record_print(answer)
		                            : saga_show_answer(answer);
	admin_client_close(client);
	app_done(&app);
	return r;
}

static void
set_text(struct json_build *build, const char *name, const char *text)
{
	if (text != NULL)
		json_set_cstr(build, name, json_cstr(text));
}

/* Who says it: --by, or the user's name here. */
static const char *
who(const struct cli_args *args)
{
	const char *by = cli_value(args, "--by");

	return by != NULL ? by : getenv("USER");
}

static int
make_decision(const struct cli_args *args, struct arena *arena,
              struct heed_json *ret_body, struct heed_error *error)
{
	const char *edit = cli_value(args, "--edit");
	struct json_build build;
	struct heed_json value;

	json_object(&build, arena);
	set_text(&build, "step", args->n_words > 1 ? args->words[1] : NULL);
	set_text(&build, "by", who(args));
	set_text(&build, "reason", cli_value(args, "--reason"));
	if (edit != NULL) {
		if (json_parse(arena, str_of(edit), &value, error) < 0) {
			error_prefix(error, "--edit");
			return HEED_E_INVALID;
		}
		json_set_cstr(&build, "edit", value);
	}
	return json_build_end(&build, ret_body) < 0 ? error_nomem(error) : 0;
}

static int
make_reason(const struct cli_args *args, struct arena *arena, struct heed_json *ret_body,
            struct heed_error *error)
{
	struct json_build build;

	json_object(&build, arena);
	set_text(&build, "by", who(args));
	set_text(&build, "reason", cli_value(args, "--reason"));
	return json_build_end(&build, ret_body) < 0 ? error_nomem(error) : 0;
}

static int
make_how(const struct cli_args *args, struct arena *arena, struct heed_json *ret_body,
         struct heed_error *error)
{
	struct json_build build;

	json_object(&build, arena);
	set_text(&build, "how",
	         cli_has(args, "--done")     ? "done"
	         : cli_has(args, "--repeat") ? "repeat"
	                                     : "retry");
	return json_build_end(&build, ret_body) < 0 ? error_nomem(error) : 0;
}

static int
make_fork(const struct cli_args *args, struct arena *arena, struct heed_json *ret_body,
          struct heed_error *error)
{
	const char *from = cli_value(args, "--from");
	struct json_build build;

	if (from == NULL) {
		(void)error_set(error, HEED_E_INVALID, "say where they part");
		error_hint(error, "--from STEP: what was finished before it is kept");
		return HEED_E_INVALID;
	}
	json_object(&build, arena);
	set_text(&build, "from", from);
	set_text(&build, "patch", cli_value(args, "--patch"));
	return json_build_end(&build, ret_body) < 0 ? error_nomem(error) : 0;
}

typedef int make_fn(const struct cli_args *args, struct arena *arena,
                    struct heed_json *ret_body, struct heed_error *error);

static int
tell(const struct command *command, int argc, char **argv, const char *verb,
     make_fn *make)
{
	struct heed_error error = {0};
	struct heed_json body;
	struct cli_args args;
	struct arena arena;
	int r = cli_parse(command, argc, argv, &args);

	if (r != 0 || args.command == NULL)
		return r;
	arena_init(&arena, 0);
	r = make(&args, &arena, &body, &error);
	if (r == 0)
		r = say(&args, verb, body, &arena, &error);
	arena_done(&arena);
	return r < 0 ? cli_fail(&args, &error) : r;
}

#define TELLS(id, word, make, words, text, ...)                                          \
	static const struct cli_option of_##id[] = {                                     \
		CLI_CONFIG_OPTION,                                                       \
		__VA_ARGS__,                                                             \
		{"--json", NULL, "print JSON"},                                          \
		{NULL, NULL, NULL},                                                      \
	};                                                                               \
	static const struct command sagas_##id;                                          \
	static int run_##id(int argc, char **argv)                                       \
	{                                                                                \
		return tell(&sagas_##id, argc, argv, word, make);                        \
	}                                                                                \
	static const struct command sagas_##id = {                                       \
		.name = "sagas " word,                                                   \
		.usage = words,                                                          \
		.words_max = CLI_ANY_WORDS,                                              \
		.help = text,                                                            \
		.options = of_##id,                                                      \
		.run = run_##id,                                                         \
	}

#define BY_OPTION                                                                        \
	{                                                                                \
		"--by", "NAME", "who says so (default: your user name)"                  \
	}
#define REASON_OPTION                                                                    \
	{                                                                                \
		"--reason", "TEXT", "why"                                                \
	}

/* clang-format off */
TELLS(approve, "approve", make_decision, "SAGA [STEP]",
      "Approve what a saga asks a person; --edit gives what the step lets you change.",
      BY_OPTION, REASON_OPTION,
      {"--edit", "JSON", "what is to be different"});
TELLS(reject, "reject", make_decision, "SAGA [STEP]",
      "Reject what a saga asks a person.",
      BY_OPTION, REASON_OPTION);
TELLS(cancel, "cancel", make_reason, "SAGA",
      "Stop a saga that is under way and undo what it did.",
      BY_OPTION, REASON_OPTION);
TELLS(retry, "retry", make_how, "SAGA",
      "Let a stuck or failed saga go on.",
      {"--done", NULL, "what it is stuck on was done by hand"},
      {"--repeat", NULL, "what is not known to have happened did not: do it again"});
TELLS(fork, "fork", make_fork, "SAGA --from STEP [--patch JQ]",
      "Start a new saga with what an ended one had finished before a step.",
      {"--from", "STEP", "the step where they part; what comes before is kept"},
      {"--patch", "JQ", "a jq program from the data there to the new saga's"});
/* clang-format on */

static const struct command *const subs[] = {
	&sagas_ls,     &sagas_show,  &sagas_approve, &sagas_reject,
	&sagas_cancel, &sagas_retry, &sagas_fork,    NULL,
};

const struct command cmd_sagas = {
	.name = "sagas",
	.usage = "COMMAND",
	.help = "Look at sagas, decide for them, stop them, let them go on.",
	.subs = subs,
};
