/*
 * dlq_select.c - see dlq_select.h.
 */
#include "cli/dlq_select.h"

#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "cli/out.h"
#include "engine/signature.h"

#define PAGE_RUNS 1000
#define SAMPLE_RUNS 100 /* of a reaction, to guess what one costs */

/* ---- words and options ------------------------------------------------------------- */

static bool
is_group(const char *word)
{
	return strlen(word) == SIGNATURE_SIZE - 1 && word[0] == 'g' &&
	       strspn(word + 1, "0123456789abcdef") == SIGNATURE_SIZE - 2;
}

static int
select_word(const struct cli_args *args, const char *word, int64_t *runs,
            struct redrive *what, const char **ret_rest)
{
	struct heed_str number = str_of(word);

	if (str_starts(number, "run:"))
		number = str_from(number, 4);
	if (is_group(word)) {
		if (what->group.len > 0)
			return cli_misused(args, NULL, "name one group at a time");
		what->group = str_of(word);
		return 0;
	}
	if (str_to_i64(number, &runs[what->n_runs]) == 0 && runs[what->n_runs] > 0) {
		what->n_runs++;
		return 0;
	}
	if (*ret_rest != NULL)
		return cli_misused(args, NULL,
		                   "\"%s\" is neither a run's number nor a group", word);
	*ret_rest = word;
	return 0;
}

static int
select_times(const struct cli_args *args, struct redrive *what, struct heed_error *error)
{
	const char *since = cli_value(args, "--since");
	const char *until = cli_value(args, "--until");

	if (since != NULL)
		HEED_TRY(out_read_time("--since", since, &what->since_us, error));
	return until != NULL ? out_read_time("--until", until, &what->until_us, error)
	                     : 0;
}

static bool
selects_nothing(const struct redrive *what)
{
	return what->n_runs == 0 && what->group.len == 0 && what->name.len == 0 &&
	       what->class.len == 0 && what->type.len == 0 && what->since_us == 0 &&
	       what->until_us == 0;
}

int
dlq_select(const struct cli_args *args, struct arena *arena, bool needed,
           struct redrive *what, const char **ret_rest)
{
	int64_t *runs = ARENA_ARRAY(arena, int64_t, (size_t)args->n_words + 1);
	struct heed_error error = {0};
	int i;
	int r = 0;

	*ret_rest = NULL;
	if (runs == NULL)
		(void)error_nomem(&error);
	for (i = 0; i < args->n_words && r == 0 && runs != NULL; i++)
		r = select_word(args, args->words[i], runs, what, ret_rest);
	if (r != 0)
		return r;
	what->name = str_of(cli_value(args, "--reaction"));
	what->class = str_of(cli_value(args, "--class"));
	what->type = str_of(cli_value(args, "--type"));
	if (runs == NULL || select_times(args, what, &error) < 0)
		return cli_fail(args, &error);
	redrive_sort(runs, what->n_runs);
	what->runs = runs;
	if (what->n_runs > 0 && what->group.len > 0)
		return cli_misused(args, NULL, "name runs or a group, not both");
	if (needed && selects_nothing(what) && !cli_has(args, "--all"))
		return cli_misused(
			args, "heed dlq ls and heed dlq groups list them; --all is all",
			"say which: runs, a group, or by --reaction, --class, "
			"--type, --since");
	return 0;
}

/* ---- the plan ---------------------------------------------------------------------- */

/* What a run of a reaction costs on average, as far as it is known. */
struct guess {
	struct guess *next;
	struct heed_str name;
	int64_t cost_nano;
	bool known;
};

struct planning {
	struct store *store;
	const struct redrive *what;
	struct arena *arena;
	struct dlq_plan *plan;
	struct guess *guesses;
	struct heed_error *error;
	struct progress progress;
	size_t n_page;
	/* of the present run */
	bool answered;
	int64_t asked_nano; /* the dearest question so far */
};

struct sample {
	int64_t n, cost_nano;
};

static int
add_sample(void *arg, const struct store_run *run, const struct store_event *event)
{
	struct sample *sample = arg;

	(void)event;
	sample->n++;
	sample->cost_nano += run->cost_nano;
	return 0;
}

/* Does its definition name no model at all? Then it costs nothing. */
static bool
asks_nobody(struct planning *planning, struct heed_str definition)
{
	struct heed_str text;
	struct arena scratch;
	bool nobody;

	arena_init(&scratch, 0);
	nobody = store_read_definition(planning->store, definition, &scratch, &text,
	                               NULL) == 0 &&
	         str_search(text, HEED_STR("\"model\"")) == text.len;
	arena_done(&scratch);
	return nobody;
}

static struct guess *
find_guess(const struct planning *planning, struct heed_str name)
{
	struct guess *guess = planning->guesses;

	while (guess != NULL && !str_eq(guess->name, name))
		guess = guess->next;
	return guess;
}

/* From the latest that went well. NULL with *ret_code. */
static struct guess *
make_guess(struct planning *planning, const struct store_run *run, int *ret_code)
{
	struct store_filter filter = {.states = "done",
	                              .name = run->name,
	                              .newest = true,
	                              .limit = SAMPLE_RUNS};
	struct sample sample = {0};
	struct guess *guess = ARENA_NEW(planning->arena, struct guess);

	*ret_code = guess == NULL ? error_nomem(planning->error)
	                          : store_read_runs(planning->store, &filter, add_sample,
	                                            &sample, planning->error);
	if (guess == NULL || *ret_code < 0)
		return NULL;
	guess->name = arena_str(planning->arena, run->name);
	guess->known = sample.n > 0 || asks_nobody(planning, run->definition);
	guess->cost_nano = sample.n > 0 ? sample.cost_nano / sample.n : 0;
	guess->next = planning->guesses;
	planning->guesses = guess;
	return guess;
}

static int
add_guess(struct planning *planning, const struct store_run *run)
{
	struct guess *guess = find_guess(planning, run->name);
	int r = 0;

	if (guess == NULL)
		guess = make_guess(planning, run, &r);
	if (guess == NULL)
		return r;
	planning->plan->n_priced += guess->known;
	planning->plan->cost_nano += guess->cost_nano;
	return 0;
}

static int
look_at_entry(void *arg, const struct store_entry *entry)
{
	struct planning *planning = arg;

	if (entry->kind != ENTRY_ASK)
		return 0;
	planning->answered = planning->answered || entry->state == ENTRY_DONE;
	if (entry->cost_nano > planning->asked_nano)
		planning->asked_nano = entry->cost_nano;
	return 0;
}

/* An answer is used again unless it was what failed. */
static bool
will_ask(const struct planning *planning, const struct store_run *run)
{
	return planning->what->patch.len > 0 || !planning->answered ||
	       str_is(run->class, "validation");
}

static int
plan_cost(struct planning *planning, const struct store_run *run)
{
	struct dlq_plan *plan = planning->plan;

	planning->answered = false;
	planning->asked_nano = 0;
	HEED_TRY(store_read_journal(planning->store, run->id, look_at_entry, planning,
	                            planning->error));
	if (!will_ask(planning, run)) {
		plan->n_paid++;
		plan->n_priced++;
		return 0;
	}
	if (planning->asked_nano > 0) {
		plan->n_priced++;
		plan->cost_nano += planning->asked_nano;
		return 0;
	}
	return add_guess(planning, run);
}

static int
plan_run(void *arg, const struct store_run *run, const struct store_event *event)
{
	struct planning *planning = arg;
	struct dlq_plan *plan = planning->plan;

	(void)event;
	if (plan->n++ == 0) {
		plan->name = arena_str(planning->arena, run->name);
		plan->class = arena_str(planning->arena, run->class);
	}
	planning->n_page++;
	plan->last_run = run->id;
	plan->mixed = plan->mixed || !str_eq(plan->name, run->name) ||
	              !str_eq(plan->class, run->class);
	plan->n_held += run->state == RUN_HELD && str_is(run->class, "unknown");
	progress_set(&planning->progress, plan->n);
	if (planning->what->verb == REDRIVE_DROP || planning->what->verb == REDRIVE_PATCH)
		return 0;
	return plan_cost(planning, run);
}

int
dlq_plan(struct store *store, const struct redrive *what, struct arena *arena,
         struct dlq_plan *ret_plan, struct heed_error *error)
{
	struct planning planning = {
		.store = store,
		.what = what,
		.arena = arena,
		.plan = ret_plan,
		.error = error,
	};
	struct arena page;
	int r = 0;

	*ret_plan = (struct dlq_plan){0};
	arena_init(&page, 256 * 1024);
	progress_begin(&planning.progress, "counting", 0);
	do {
		planning.n_page = 0;
		r = redrive_select(store, what, ret_plan->last_run, PAGE_RUNS, &page,
		                   plan_run, &planning, error);
		arena_reset(&page);
	} while (r == 0 && planning.n_page == PAGE_RUNS);
	progress_end(&planning.progress);
	arena_done(&page);
	return r;
}

void
dlq_plan_show(struct heed_buf *buf, const struct dlq_plan *plan)
{
	out_counted(buf, plan->n, "run");
	if (plan->n > 0 && !plan->mixed) {
		buf_adds(buf, " of ");
		(void)out_text(buf, plan->name, 60);
		buf_adds(buf, " (");
		(void)out_text(buf, plan->class, 40);
		buf_adds(buf, ")");
	}
}
