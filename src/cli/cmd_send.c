/*
 * cmd_send.c - heed send: hand events in, from the command line, a file or standard
 * input.
 *
 * An event that was sent is on disk when the command ends. Without a running heed it is
 * put into the store, and handled when heed is run.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "cli/chain_show.h"
#include "cli/event_input.h"
#include "cli/look.h"
#include "cli/out.h"
#include "cli/progress.h"
#include "cli/record.h"
#include "cli/sender.h"
#include "service/service.h"

#define BATCH_EVENTS 500
#define BATCH_BYTES ((size_t)4 * 1024 * 1024)
#define LOOK_MS 20

static const struct cli_option options[] = {
	CLI_CONFIG_OPTION,
	{"--type", "TYPE", "the event's type; with a file: each line is an event's data"},
	{"--data", "JSON", "the event's data"},
	{"--subject", "TEXT", "the event's subject"},
	{"--id", "ID", "the event's id (default: a new one); sent twice, it counts once"},
	{"--source", "SOURCE", "the event's source (default: /heed/send)"},
	{"--wait", NULL, "wait for what comes of the events, and print it"},
	{"--timeout", "TIME", "with --wait: at most so long (default 60s)"},
	{"--json", NULL, "print JSON"},
	{NULL, NULL, NULL},
};

/* Who was sent, for --wait. */
struct name {
	struct name *next;
	struct heed_str id, source;
};

struct sending {
	const struct cli_args *args;
	struct app app;
	struct sender *sender;
	bool is_running;
	struct event_input input;
	struct sent sent;
	struct arena names_arena;
	struct name *first, **end; /* in order of sending */
	struct progress progress;
};

static int
remember(struct sending *sending, const struct event *event)
{
	struct name *name;

	if (!cli_has(sending->args, "--wait"))
		return 0;
	name = ARENA_NEW(&sending->names_arena, struct name);
	if (name == NULL)
		return HEED_E_NOMEM;
	name->id = arena_str(&sending->names_arena, event->id);
	name->source = arena_str(&sending->names_arena, event->source);
	*sending->end = name;
	sending->end = &name->next;
	return 0;
}

static int
send_batch(struct sending *sending, const struct event *events, size_t n,
           struct heed_error *error)
{
	size_t i;

	if (n == 0)
		return 0;
	HEED_TRY(sender_send(sending->sender, events, n, &sending->sent, error));
	for (i = 0; i < n; i++)
		HEED_TRY(remember(sending, &events[i]));
	progress_set(&sending->progress,
	             sending->sent.accepted + sending->sent.duplicates);
	return 0;
}

/* The next lines as one batch; *ret_more is false at the end. */
static int
send_some(struct sending *sending, struct arena *arena, bool *ret_more,
          struct heed_error *error)
{
	struct event *events = ARENA_ARRAY(arena, struct event, BATCH_EVENTS);
	size_t bytes = 0;
	size_t n = 0;
	int wrong = 1;
	int r;

	if (events == NULL)
		return error_nomem(error);
	while (n < BATCH_EVENTS && bytes < BATCH_BYTES) {
		wrong = event_input_next(&sending->input, arena, &events[n], error);
		if (wrong != 1)
			break;
		bytes += events[n++].json.len;
	}
	*ret_more = wrong == 1;
	if (wrong < 0) { /* what is before the wrong line is sent */
		struct heed_error later;

		r = send_batch(sending, events, n, &later);
		if (r < 0)
			*error = later;
		return r < 0 ? r : wrong;
	}
	return send_batch(sending, events, n, error);
}

static int
send_file(struct sending *sending, const char *path, struct heed_error *error)
{
	struct arena arena;
	bool more = true;
	int r = event_input_open(&sending->input, path, error);

	arena_init(&arena, 256 * 1024);
	while (r == 0 && more) {
		r = send_some(sending, &arena, &more, error);
		arena_reset(&arena);
	}
	arena_done(&arena);
	event_input_close(&sending->input);
	return r;
}

static int
send_one(struct sending *sending, struct heed_error *error)
{
	struct event event;
	struct arena arena;
	int r;

	arena_init(&arena, 0);
	r = event_input_make(&sending->input, str_of(cli_value(sending->args, "--id")),
	                     str_of(cli_value(sending->args, "--data")), &arena, &event,
	                     error);
	if (r == 0)
		r = send_batch(sending, &event, 1, error);
	arena_done(&arena);
	return r;
}

/* ---- waiting for the outcome ------------------------------------------------------- */

static int
show_chain(const struct sending *sending, const struct chain *chain)
{
	struct heed_buf buf;

	if (cli_has(sending->args, "--json"))
		return record_print(chain_record(chain));
	buf_init(&buf, 0);
	chain_show(&buf, chain, CHAIN_BRIEF, 0);
	return cli_print(&buf);
}

/* Look until everything that the event caused has ended. */
static int
wait_for(struct sending *sending, struct store *store, const struct name *name,
         int64_t until_ms, bool *ret_failed, struct heed_error *error)
{
	struct chain chain = {.finished = false};
	struct arena arena;
	int64_t run;
	int64_t seq;
	int r;

	*ret_failed = false;
	arena_init(&arena, 0);
	for (;;) {
		r = chain_find(store, name->id, name->source, false, &seq, &run, error);
		if (r == 0)
			r = chain_load(store, &arena, seq, 0, true, &chain, error);
		if (r < 0 || chain.finished)
			break;
		if (clock_steady_ms() > until_ms) {
			r = error_set(error, HEED_E_TIMEOUT,
			              "event %.*s is not finished yet",
			              STR_ARG(name->id));
			error_hint(error,
			           "heed explain event:%.*s shows how far it is; "
			           "--timeout waits longer",
			           STR_ARG(name->id));
			break;
		}
		arena_reset(&arena);
		(void)usleep(LOOK_MS * 1000);
	}
	if (r == 0)
		*ret_failed = chain.failed;
	if (r == 0)
		r = show_chain(sending, &chain);
	arena_done(&arena);
	return r;
}

static int
wait_for_all(struct sending *sending, struct heed_error *error)
{
	const char *limit = cli_value(sending->args, "--timeout");
	struct store *store = NULL;
	const struct name *name;
	struct heed_str place;
	int64_t wait_ms = 60000;
	int64_t n = 0;
	bool failed = false;
	int r;

	if (limit != NULL && str_to_duration(str_of(limit), &wait_ms) < 0)
		return error_set(
			error, HEED_E_INVALID,
			"--timeout takes a length of time such as 30s, not \"%s\"",
			limit);
	wait_ms += clock_steady_ms();
	r = service_store_place(&sending->app, &place);
	if (r == 0)
		r = store_open_readonly(place, &store, error);
	progress_begin(&sending->progress, "waiting for", sending->sent.accepted);
	for (name = sending->first; name != NULL && r == 0; name = name->next) {
		bool one_failed = false;

		r = wait_for(sending, store, name, wait_ms, &one_failed, error);
		failed = failed || one_failed;
		progress_set(&sending->progress, ++n);
	}
	progress_end(&sending->progress);
	store_close(store);
	return r == 0 && failed ? CLI_FAILED : r;
}

/* ---- the command ------------------------------------------------------------------- */

static int
report(const struct sending *sending)
{
	struct heed_buf buf;

	buf_init(&buf, 0);
	if (cli_has(sending->args, "--json")) {
		buf_addf(&buf, "{\"accepted\":%lld,\"duplicates\":%lld,\"running\":%s}\n",
		         (long long)sending->sent.accepted,
		         (long long)sending->sent.duplicates,
		         sending->is_running ? "true" : "false");
		return cli_print(&buf);
	}
	buf_adds(&buf, "sent ");
	out_counted(&buf, sending->sent.accepted, "event");
	if (sending->sent.duplicates > 0) {
		buf_adds(&buf, ", ");
		out_count(&buf, sending->sent.duplicates);
		buf_adds(&buf, " known already");
	}
	buf_adds(&buf, sending->is_running
	                       ? "\n"
	                       : "; no heed is running: handled when it is (heed run)\n");
	return cli_print(&buf);
}

static int
send_all(struct sending *sending, struct heed_error *error)
{
	const struct cli_args *args = sending->args;
	int r = 0;
	int i;

	progress_begin(&sending->progress, "sending", 0);
	if (args->n_words == 0)
		r = send_one(sending, error);
	for (i = 0; i < args->n_words && r == 0; i++)
		r = send_file(sending, args->words[i], error);
	progress_end(&sending->progress);
	return r;
}

/* What contradicts itself. Zero or CLI_USAGE. */
static int
check(const struct cli_args *args)
{
	if (args->n_words == 0 && !cli_has(args, "--type"))
		return cli_misused(
			args,
			"heed send --type order_placed --data '{\"id\": 1}', or a file "
			"of "
			"events, one JSON object a line, or - for standard input",
			"there is nothing to send");
	if (args->n_words > 0 && (cli_has(args, "--data") || cli_has(args, "--id")))
		return cli_misused(args, NULL,
		                   "--data and --id are for one event, not for a file");
	return 0;
}

static int
run_with(struct sending *sending)
{
	const struct cli_args *args = sending->args;
	struct heed_error error = {0};
	int r = cli_load_place(args, &sending->app);

	if (r == 0)
		r = sender_open(&sending->app, &sending->sender, &error);
	sending->is_running = r == 0;
	if (r == HEED_E_NOTFOUND && cli_has(args, "--wait"))
		return cli_misused(args, "start one first, in another terminal: heed run",
		                   "--wait needs a running heed");
	if (r == HEED_E_NOTFOUND)
		r = sender_open_store(args, &sending->app, &sending->sender, &error);
	if (r != 0)
		return r < 0 ? cli_fail(args, &error) : r;
	r = send_all(sending, &error);
	if (r < 0 && sending->sent.accepted + sending->sent.duplicates > 0)
		(void)report(sending);
	if (r == 0 && cli_has(args, "--wait"))
		r = wait_for_all(sending, &error);
	else if (r == 0)
		r = report(sending);
	return r < 0 ? cli_fail(args, &error) : r;
}

static int
run(int argc, char **argv)
{
	struct sending sending = {0};
	struct cli_args args;
	int r = cli_parse(&cmd_send, argc, argv, &args);

	if (r != 0 || args.command == NULL)
		return r;
	r = check(&args);
	if (r != 0)
		return r;
	sending.args = &args;
	sending.end = &sending.first;
	arena_init(&sending.names_arena, 0);
	sending.input.type = str_of(cli_value(&args, "--type"));
	sending.input.source = str_of(cli_value(&args, "--source"));
	sending.input.subject = str_of(cli_value(&args, "--subject"));
	r = run_with(&sending);
	sender_close(sending.sender);
	app_done(&sending.app);
	arena_done(&sending.names_arena);
	return r;
}

const struct command cmd_send = {
	.name = "send",
	.usage = "--type TYPE [--data JSON] [OPTIONS] | FILE...",
	.words_max = CLI_ANY_WORDS,
	.help = "Send events: one from its parts, or a file's (one JSON object a line, - "
		"for "
		"standard input). They are on disk when it ends.",
	.options = options,
	.run = run,
};
