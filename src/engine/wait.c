/*
 * wait.c - the step that waits: for an event, for a signal, or for a time to come.
 *
 *	none        write down what is waited for; look among the events since the run's
 *	intended    wait; a timer is armed when there is a bound
 *	done        the event, or the signal's value
 *	failed      nothing came in time, or the flow was stopped
 *
 * What is waited for and the event are both on disk before they meet, so their meeting
 * is never lost: an event that is committed is shown to the waits in memory
 * (wait_event), and a wait that comes into memory, new or after a restart, looks through
 * the events that were committed before (search). An event counts from the one that
 * started the run on. A step has one wait between two marks, and each wait takes one
 * event; the same event may end waits of many runs.
 *
 * The search reads a page of events a turn, so that a long past does not hold up the
 * loop. Until it is over a wait does not time out: what came in time wins.
 */
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "engine/core.h"

#define PAGE 64         /* events of one type read at once */
#define TROUBLE_MS 1000 /* before a search goes on that found no memory or no store */

struct waiting {
	TAILQ_ENTRY(waiting) link; /* engine->searching */
	struct entry *entry;
	struct wait wait; /* texts and input are the run's; types and match the flow's */
	struct heed_json input;
	int64_t after; /* what came up to this event is known not to end it */
	bool searching;
	size_t n_links;
	struct wait_link links[];
};

/* ---- the index --------------------------------------------------------------------- */

static struct wait_list *
bucket(struct engine *engine, struct heed_str type, struct heed_str subject)
{
	uint64_t hash = str_hash(type) * 31 + (subject.len > 0 ? str_hash(subject) : 0);

	return &engine->waits[hash % WAIT_BUCKETS];
}

static void
unlink_types(struct waiting *waiting)
{
	struct engine *engine = waiting->entry->run->engine;

	while (waiting->n_links > 0) {
		struct wait_link *link = &waiting->links[--waiting->n_links];

		TAILQ_REMOVE(bucket(engine, link->type, waiting->wait.subject), link,
		             link);
	}
}

static void
search_later(struct waiting *waiting, int64_t delay_ms)
{
	struct engine *engine = waiting->entry->run->engine;

	if (!waiting->searching)
		TAILQ_INSERT_TAIL(&engine->searching, waiting, link);
	waiting->searching = true;
	if (engine->search_timer.slot == 0)
		loop_timer_set(engine->loop, &engine->search_timer, delay_ms);
}

static void
end_search(struct waiting *waiting)
{
	if (waiting->searching)
		TAILQ_REMOVE(&waiting->entry->run->engine->searching, waiting, link);
	waiting->searching = false;
}

void
wait_forget(struct entry *entry)
{
	if (entry->waiting == NULL)
		return;
	unlink_types(entry->waiting);
	end_search(entry->waiting);
	entry->waiting = NULL;
}

/* ---- meeting ----------------------------------------------------------------------- */

/* Is this the event? A match that fails on it says no: it is not of the kind meant.
 * HEED_E_NOMEM: it is not known. */
static int
fits(const struct waiting *waiting, struct heed_json event, struct arena *scratch,
     bool *ret_fits)
{
	struct json_build build;
	struct heed_json input;
	uint32_t i;
	int r;

	*ret_fits = true;
	if (waiting->wait.match == NULL)
		return 0;
	json_object(&build, scratch);
	for (i = 0; i < waiting->input.len; i++)
		json_set(&build, waiting->input.members[i].name,
		         waiting->input.members[i].value);
	json_set_cstr(&build, "event", event);
	HEED_TRY(json_build_end(&build, &input));
	r = expr_test(waiting->wait.match, input, scratch, ret_fits, NULL);
	if (r < 0)
		*ret_fits = false;
	return r == HEED_E_NOMEM ? r : 0;
}

static bool
is_open(const struct entry *entry)
{
	return entry->state == ENTRY_INTENDED && entry->run->state < RUN_HELD;
}

int
wait_take(struct entry *entry, struct heed_json value)
{
	struct arena *arena = &entry->run->arena;
	struct heed_json copy;
	struct heed_str reply;

	if (json_copy(arena, value, &copy) < 0)
		return HEED_E_NOMEM;
	reply = json_text_of(arena, copy);
	if (reply.data == NULL)
		return HEED_E_NOMEM;
	entry->value = copy;
	entry->reply = reply;
	entry->state = ENTRY_DONE;
	entry->due_us = 0;
	run_wake(entry->run, entry);
	return 0;
}

static void
show(struct wait_list *list, const struct event *event, struct arena *scratch)
{
	struct wait_link *link;

	TAILQ_FOREACH (link, list, link) {
		struct waiting *waiting = link->waiting;
		struct heed_str subject = waiting->wait.subject;
		bool met = false;
		int r;

		if (!str_eq(link->type, event->type) || !is_open(waiting->entry) ||
		    (subject.len > 0 && !str_eq(subject, event->subject)))
			continue;
		r = fits(waiting, event->root, scratch, &met);
		if (r == 0 && met)
			r = wait_take(waiting->entry, event->root);
		if (r < 0) /* without memory now, the search finds it later */
			search_later(waiting, TROUBLE_MS);
	}
}

void
wait_event(struct engine *engine, struct event_ref *ref)
{
	const struct event *event = &ref->event;
	struct wait_list *any = bucket(engine, event->type, (struct heed_str){NULL, 0});
	struct wait_list *about = bucket(engine, event->type, event->subject);
	struct wait_link *link;
	struct arena scratch;

	if (TAILQ_EMPTY(any) && TAILQ_EMPTY(about))
		return;
	if (event_open(ref) < 0) { /* no memory: they look for it later */
		TAILQ_FOREACH (link, any, link)
			search_later(link->waiting, TROUBLE_MS);
		TAILQ_FOREACH (link, about, link)
			search_later(link->waiting, TROUBLE_MS);
		return;
	}
	arena_init(&scratch, 0);
	show(any, event, &scratch);
	if (about != any)
		show(about, event, &scratch);
	arena_done(&scratch);
	event_close(ref);
}

/* ---- looking back ------------------------------------------------------------------ */

struct page {
	struct waiting *waiting;
	struct arena *scratch;
	int n; /* rows of this type */
	int64_t last;
	int64_t found; /* event; 0: none */
	struct heed_json event;
};

static int
look_at_row(void *arg, const struct store_event *row)
{
	struct page *page = arg;
	struct heed_json event;
	bool met;
	int r;

	page->n++;
	page->last = row->seq;
	if (page->found != 0 && row->seq > page->found)
		return 1;
	r = json_parse(page->scratch, row->body, &event, NULL);
	if (r == 0)
		r = fits(page->waiting, event, page->scratch, &met);
	if (r == HEED_E_NOMEM)
		return r;
	if (r < 0 || !met)
		return 0;
	page->found = row->seq;
	page->event = event;
	return 1;
}

/* Read a page of each type. HEED_WAIT: there may be more; zero: it is over, and the entry
 * is done when an event was found; or a failure: nothing has changed. */
static int
search_page(struct waiting *waiting)
{
	struct store *store = waiting->entry->run->engine->options.store;
	struct arena scratch;
	struct page page = {.waiting = waiting, .scratch = &scratch};
	int64_t upto = INT64_MAX;
	int r = 0;
	size_t i;

	arena_init(&scratch, 0);
	for (i = 0; i < waiting->wait.types.n && r >= 0; i++) {
		struct store_filter filter = {
			.type = waiting->wait.types.items[i],
			.subject = waiting->wait.subject,
			.after = waiting->after,
			.limit = PAGE,
		};

		page.n = 0;
		r = store_read_events(store, &filter, look_at_row, &page, NULL);
		if (page.n == PAGE && page.last < upto)
			upto = page.last;
	}
	if (r >= 0 && page.found > 0 && page.found <= upto)
		r = wait_take(waiting->entry, page.event);
	else if (r >= 0 && upto < INT64_MAX)
		r = HEED_WAIT;
	else if (r > 0)
		r = 0;
	if (r == HEED_WAIT)
		waiting->after = upto;
	arena_done(&scratch);
	return r;
}

static void
search_turn(void *arg)
{
	struct engine *engine = arg;
	struct waiting *waiting = TAILQ_FIRST(&engine->searching);
	int r = 0;

	if (waiting == NULL)
		return;
	end_search(waiting);
	if (is_open(waiting->entry)) {
		r = search_page(waiting);
		if (r != 0)
			search_later(waiting, r < 0 ? TROUBLE_MS : 0);
		else if (is_open(waiting->entry))
			run_wake(waiting->entry->run, NULL); /* it may be late */
	}
	if (!TAILQ_EMPTY(&engine->searching) && engine->search_timer.slot == 0)
		loop_timer_set(engine->loop, &engine->search_timer, 0);
}

/* The first page at once, since most waits have little behind them. */
static void
search(struct waiting *waiting)
{
	int r = search_page(waiting);

	if (r != 0)
		search_later(waiting, r < 0 ? TROUBLE_MS : 0);
}

void
wait_init(struct engine *engine)
{
	size_t i;

	for (i = 0; i < WAIT_BUCKETS; i++)
		TAILQ_INIT(&engine->waits[i]);
	TAILQ_INIT(&engine->searching);
	loop_timer_init(&engine->search_timer, search_turn, engine);
}

void
wait_done(struct engine *engine)
{
	loop_timer_clear(engine->loop, &engine->search_timer);
}

/* ---- the step ---------------------------------------------------------------------- */

bool
wait_holds(const struct run *run)
{
	const struct entry *entry;

	TAILQ_FOREACH (entry, &run->entries, link)
		if (entry->state == ENTRY_INTENDED &&
		    (entry->kind == ENTRY_WAIT || entry->kind == ENTRY_START))
			return true;
	return false;
}

int
wait_recover(struct entry *entry)
{
	if (json_parse(&entry->run->arena, entry->request, &entry->value, NULL) < 0)
		return HEED_E_NOMEM;
	entry->due_us = json_get_int(entry->value, "due_us", 0);
	return 0;
}

/* From here on events find it. */
static int
attach(struct entry *entry, const struct wait *wait, struct heed_json input)
{
	struct run *run = entry->run;
	struct waiting *waiting =
		arena_zero(&run->arena,
	                   sizeof(*waiting) + wait->types.n * sizeof(waiting->links[0]));
	size_t i;

	if (waiting == NULL)
		return HEED_E_NOMEM;
	waiting->entry = entry;
	waiting->wait = *wait;
	waiting->wait.subject = arena_str(&run->arena, wait->subject);
	waiting->input = input;
	waiting->after = run->event->event.seq;
	if (wait->subject.len > 0 && waiting->wait.subject.data == NULL)
		return HEED_E_NOMEM;
	for (i = 0; i < wait->types.n; i++) {
		struct wait_link *link = &waiting->links[i];

		*link = (struct wait_link){.waiting = waiting,
		                           .type = wait->types.items[i]};
		TAILQ_INSERT_TAIL(bucket(run->engine, link->type, waiting->wait.subject),
		                  link, link);
	}
	waiting->n_links = wait->types.n;
	entry->waiting = waiting;
	search(waiting);
	return 0;
}

/* What is written down: enough to tell people, and to wait on after a restart. */
static int
write_request(struct entry *entry, const struct wait *wait)
{
	struct arena *arena = &entry->run->arena;
	struct json_build build;
	struct json_build types;
	struct heed_json list;
	size_t i;

	json_object(&build, arena);
	if (wait->types.n > 0) {
		json_array(&types, arena);
		for (i = 0; i < wait->types.n; i++)
			json_push(&types, json_str(wait->types.items[i]));
		HEED_TRY(json_build_end(&types, &list));
		json_set_cstr(&build, "types", list);
	}
	if (wait->subject.len > 0)
		json_set_cstr(&build, "subject",
		              json_str(arena_str(arena, wait->subject)));
	if (wait->signal)
		json_set_cstr(&build, "signal", json_bool(true));
	if (entry->due_us > 0)
		json_set_cstr(&build, "due_us", json_int(entry->due_us));
	HEED_TRY(json_build_end(&build, &entry->value));
	entry->request = json_text_of(arena, entry->value);
	return entry->request.data == NULL ? HEED_E_NOMEM : 0;
}

static int
begin(struct run *run, struct heed_str step, const struct wait *wait,
      struct entry **ret_entry)
{
	struct entry *entry = journal_add(run, ENTRY_WAIT, step);

	if (entry == NULL)
		return HEED_E_NOMEM;
	entry->attempt = 1;
	if (wait->timeout_ms > 0)
		entry->due_us = entry->at_us + wait->timeout_ms * 1000;
	*ret_entry = entry;
	return write_request(entry, wait);
}

/* It ends without what was waited for. */
static void
give_up(struct entry *entry, int code, const char *class, const char *text)
{
	entry->state = ENTRY_FAILED;
	entry->code = code;
	entry->class = str_of(class);
	entry->detail = str_of(text);
	entry->due_us = 0;
	entry->ended_us = loop_wall_us(entry->run->engine->loop);
	entry->dirty = true;
}

static int
fail(struct entry *entry)
{
	char class[32];
	struct heed_error error;
	int code = str_is(entry->class, "timeout") ? HEED_E_TIMEOUT : HEED_E_CANCELLED;
	struct heed_str name = str_head(entry->class, sizeof(class) - 1);

	memcpy(class, name.data != NULL ? name.data : "", name.len);
	class[name.len] = '\0';
	(void)error_set(&error, code, "step %.*s: %.*s", STR_ARG(entry->step),
	                STR_ARG(entry->detail));
	return flow_fail(entry->run, code, class, &error);
}

/* HEED_WAIT, or HEED_E_TIMEOUT when its time has come. */
static int
look_at_clock(struct entry *entry)
{
	struct run *run = entry->run;

	if (entry->due_us == 0)
		return HEED_WAIT;
	if (entry->due_us <= loop_wall_us(run->engine->loop))
		return entry->waiting != NULL && entry->waiting->searching
		               ? HEED_WAIT
		               : HEED_E_TIMEOUT;
	if (run->due_us == 0 || entry->due_us < run->due_us)
		run->due_us = entry->due_us;
	return HEED_WAIT;
}

/* Bring the step up to date. Zero: it is done or has failed; HEED_E_TIMEOUT: it is open,
 * and its time has come. */
static int
stand(struct run *run, struct heed_str step, const struct wait *wait,
      struct heed_json input, struct entry **ret_entry)
{
	struct entry *entry = journal_find(run, ENTRY_WAIT, step);

	if (entry == NULL && run->stop.code != 0)
		return flow_stopped(run, step);
	if (entry == NULL)
		HEED_TRY(begin(run, step, wait, &entry));
	*ret_entry = entry;
	if (entry->state == ENTRY_INTENDED && entry->waiting == NULL && wait->types.n > 0)
		HEED_TRY(attach(entry, wait, input));
	if (entry->state == ENTRY_INTENDED && run->stop.code != 0)
		give_up(entry, run->stop.code, run->stop.class, run->stop.text);
	return entry->state == ENTRY_INTENDED ? look_at_clock(entry) : 0;
}

int
flow_wait(struct run *run, struct heed_str step, const struct wait *wait,
          struct heed_json input, struct heed_json *ret_fact)
{
	struct entry *entry = NULL;
	int r = stand(run, step, wait, input, &entry);

	if (entry == NULL || (r != 0 && r != HEED_E_TIMEOUT))
		return r;
	if (r == HEED_E_TIMEOUT)
		give_up(entry, r, "timeout", "nothing came in time");
	wait_forget(entry);
	if (entry->state == ENTRY_FAILED)
		return fail(entry);
	*ret_fact = entry->value;
	return 0;
}

int
flow_sleep(struct run *run, struct heed_str step, int64_t ms)
{
	struct wait wait = {.timeout_ms = ms > 0 ? ms : 1};
	struct entry *entry = NULL;
	int r = stand(run, step, &wait, json_null(), &entry);

	if (entry == NULL || (r != 0 && r != HEED_E_TIMEOUT))
		return r;
	if (r == 0)
		return entry->state == ENTRY_FAILED ? fail(entry) : 0;
	entry->state = ENTRY_DONE;
	entry->value = json_null();
	entry->ended_us = loop_wall_us(run->engine->loop);
	entry->due_us = 0;
	entry->dirty = true;
	return 0;
}
