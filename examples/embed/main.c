/*
 * A packing station that embeds heed: a scale brings parcels in (a source in C), a model
 * chooses the packing and a printer prints the label (a flow and an action in C). Kill it
 * at any time and start it again: every parcel is asked about once and labelled once.
 */
#include <heed.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- the flow: ask, act, emit ------------------------------------------------------ */

static const struct heed_question packing = {
	.name = "packing",
	.model = "clerk",
	.prompt = "How is a parcel of {{ .event.data.kg }} kg packed?",
	.answer = "{type: object, required: [packing],"
		  " properties: {packing: {enum: [envelope, box, pallet]}}}",
};

static const struct heed_effect label = {
	.name = "label",
	.action = "print_label: {text: 'parcel {{ .event.data.id }}: {{ .input.packing "
		  "}}'}",
};

static int
ship(struct heed_run *run)
{
	struct heed_json event = heed_event(run);
	struct heed_json answer;

	HEED_TRY(heed_ask(run, "packing", &packing, &answer));
	HEED_TRY(heed_act(run, "label", &label, answer, NULL));
	const struct heed_member shipped[] = {
		{HEED_STR("id"), *heed_get(&event, "/data/id")},
		{HEED_STR("packing"), *heed_get(&answer, "/packing")},
	};
	return heed_emit(run, "parcel_shipped", heed_object(shipped, 2));
}

static const struct heed_flow ship_flow = {
	.name = "ship",
	.version = 1,
	.on = (const char *const[]){"parcel_weighed", NULL},
	.key = ".event.source", /* there is one printer: in order, one at a time */
	.questions = (const struct heed_question *const[]){&packing, NULL},
	.effects = (const struct heed_effect *const[]){&label, NULL},
	.run = ship,
};

/* ---- the action: a slow printer, which prints each key once ------------------------ */

static void *
print_slowly(void *arg)
{
	struct heed_call *call = arg;
	struct heed_json options = heed_call_options(call);
	struct heed_str text = heed_text(&options, "/text");
	const char *key = heed_call_key(call), *ms = getenv("PRINTER_MS");
	char line[512];
	int printed = 0;
	FILE *labels = fopen("labels.txt", "a+");

	while (labels != NULL && !printed && fgets(line, sizeof(line), labels) != NULL)
		printed = strncmp(line, key, strlen(key)) == 0;
	if (labels != NULL && !printed)
		fprintf(labels, "%s %.*s\n", key, (int)text.len, text.data);
	if (labels == NULL || fclose(labels) != 0) {
		heed_action_done(call, HEED_E_TRANSIENT, heed_null(), "no paper");
		return NULL;
	}
	usleep(ms != NULL ? 1000 * (useconds_t)atoi(ms) : 2000);
	heed_action_done(call, 0, heed_null(), NULL);
	return NULL;
}

static int
print_label(void *arg, struct heed_call *call, struct heed_error *error)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, print_slowly, call) != 0)
		return HEED_E_TRANSIENT;
	(void)pthread_detach(thread);
	return 0;
}

static const struct heed_action printer = {
	.name = "print_label", .effect = HEED_KEYED, .perform = print_label};

/* ---- the source: a scale, which goes on behind the last parcel that was committed ---
 */

struct scale {
	struct heed_source *source; /* NULL: stopped */
	long weighed;
	int waiting; /* for a commit */
};

static void weigh(void *arg, struct heed_source *source);

/* The next parcel; or, when too much waits, later: heed says so by calling weigh. */
static void
committed(void *arg, const struct heed_outcome *outcome)
{
	struct scale *scale = arg;

	scale->waiting = 0;
	if (outcome->code != 0 || scale->source == NULL)
		return;
	scale->weighed++;
	weigh(scale, scale->source);
}

static void
weigh(void *arg, struct heed_source *source)
{
	struct scale *scale = arg;
	struct heed_json options = heed_source_options(source);
	long id = scale->weighed + 1;
	char event[200], position[24];

	if (scale->waiting || id > heed_get(&options, "/parcels")->i64)
		return;
	snprintf(position, sizeof(position), "%ld", id);
	snprintf(event, sizeof(event),
	         "{\"type\": \"parcel_weighed\", \"source\": \"/scale\", \"id\": \"%ld\","
	         " \"data\": {\"id\": %ld, \"kg\": %ld}}",
	         id, id, id * 7 % 19);
	scale->waiting =
		heed_deliver(source, event, position, committed, scale, NULL) == 0;
}

static int
start_scale(void *arg, struct heed_source *source, const char *position,
            struct heed_error *error)
{
	struct scale *scale = arg;

	scale->source = source;
	scale->weighed = strtol(position, NULL, 10);
	weigh(scale, source);
	return 0;
}

static void
stop_scale(void *arg, struct heed_source *source)
{
	((struct scale *)arg)->source = NULL;
}

static struct scale the_scale;
static const struct heed_source_kind scale_kind = {.name = "scale",
                                                   .start = start_scale,
                                                   .resume = weigh,
                                                   .stop = stop_scale,
                                                   .arg = &the_scale};

/* ---- the program ------------------------------------------------------------------- */

/* Show what comes of the parcels; the shift ends with the reaction `last`. */
static void
show(void *heed, struct heed_json record)
{
	struct heed_str name = heed_text(&record, "/name");
	struct heed_str state = heed_text(&record, "/state");
	const struct heed_json *run = heed_get(&record, "/run");

	if (run == NULL)
		return;
	printf("run %lld  %-8.*s %.*s\n", (long long)run->i64, (int)name.len, name.data,
	       (int)state.len, state.data);
	fflush(stdout);
	if (name.len == 4 && memcmp(name.data, "last", 4) == 0)
		heed_stop(heed);
}

static int
work(struct heed *heed, struct heed_error *error)
{
	char *runs;

	heed_watch(heed, show, heed);
	HEED_TRY(heed_stop_on(heed, SIGINT, error));
	HEED_TRY(heed_stop_on(heed, SIGTERM, error));
	HEED_TRY(heed_add_flow(heed, &ship_flow, error));
	HEED_TRY(heed_add_action(heed, &printer, error));
	HEED_TRY(heed_add_source(heed, &scale_kind, error));
	HEED_TRY(heed_start(heed, error));
	HEED_TRY(heed_serve(heed, error));
	HEED_TRY(heed_journal(heed, 1, &runs, error));
	printf("the journal of run 1: %s\n", runs);
	heed_free(runs);
	return 0;
}

int
main(int argc, char **argv)
{
	struct heed_error error = {0};
	struct heed *heed = NULL;
	int r;

	(void)signal(SIGPIPE, SIG_IGN);
	heed_log(HEED_LOG_WARN, HEED_LOG_TEXT);
	r = heed_open(argc > 1 ? argv[1] : "heed.yaml", &heed, &error);
	if (r == 0)
		r = work(heed, &error);
	if (r < 0)
		fprintf(stderr, "station: %s %s\n%s\n", error.text, error.where,
		        error.hint);
	heed_close(heed);
	return r < 0;
}
