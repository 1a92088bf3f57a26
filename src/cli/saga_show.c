/*
 * saga_show.c - see saga_show.h.
 *
 *	saga 17  fulfil_order  compensated after 3.2s, $0.0021
 *	  why     step charge (http): it answered 402
 *	  event   order_placed order-7 from /shop
 *
 *	  09:30:00.120  guide      execute reserve: it is in stock          $0.0004
 *	  09:30:00.131  done       reserve        120ms
 *	  09:30:00.260  failed     charge         3 attempts, 6.1s
 *	                           it answered 402
 *	  09:30:06.410  goes back  step charge (http): it answered 402
 *	  09:30:06.411  undone     reserve        80ms
 *
 *	  data    {"order":7,"reservation":1}
 */
#include "cli/saga_show.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "cli/cli.h"
#include "cli/record.h"
#include "cli/saga_story.h"

enum out_style
saga_state_style(const char *state)
{
	static const struct {
		const char *state;
		enum out_style style;
	} styles[] = {
		{"completed", OUT_GREEN}, {"compensated", OUT_YELLOW},
		{"failed", OUT_RED},      {"stuck", OUT_RED},
		{"waiting", OUT_CYAN},    {"running", OUT_BOLD},
	};
	size_t i;

	for (i = 0; i < sizeof(styles) / sizeof(styles[0]); i++)
		if (strcmp(styles[i].state, state) == 0)
			return styles[i].style;
	return OUT_END;
}

static void
add_head(struct heed_buf *buf, const struct store_run *run,
         const struct store_event *event, const struct saga_story *story)
{
	const char *state = saga_state(run);
	bool over = run->state >= RUN_HELD;

	buf_addf(buf, "saga %lld  %s%.*s%s  %s%s%s ", (long long)run->id,
	         out_style(OUT_BOLD), STR_ARG(run->name), out_style(OUT_END),
	         out_style(saga_state_style(state)), state, out_style(OUT_END));
	buf_adds(buf, over ? "after " : "for ");
	clock_write_duration(
		buf,
		((over ? run->updated_us : clock_wall_us()) - run->created_us) / 1000);
	buf_adds(buf, ", ");
	out_money(buf, run->cost_nano);
	buf_addc(buf, '\n');
	if (run->text.len > 0) {
		buf_adds(buf, "  why     ");
		out_block(buf, run->text, "          ", 0);
		buf_addc(buf, '\n');
	}
	buf_adds(buf, "  event   ");
	(void)out_text(buf, event->type, 0);
	buf_addc(buf, ' ');
	(void)out_text(buf, event->id, 0);
	buf_adds(buf, " from ");
	(void)out_text(buf, event->source, 0);
	buf_addc(buf, '\n');
	if (story->forked_of > 0)
		buf_addf(buf, "  forked  from saga %lld before %.*s\n",
		         (long long)story->forked_of, STR_ARG(story->forked_from));
	buf_addc(buf, '\n');
}

/* One word for what became of it. */
static const char *
word_of(const struct saga_item *item)
{
	static const char *const words[] = {
		[SAGA_CHOICE] = "guide", [SAGA_RECOVERY] = "recover",
		[SAGA_WORD] = "told",    [SAGA_TURN] = "goes back",
		[SAGA_RETRY] = "again",
	};

	if (item->kind == SAGA_TURN && str_is(item->name, "saga.stop"))
		return "stopped";
	if (item->kind != SAGA_STEP && item->kind != SAGA_UNDO)
		return words[item->kind];
	switch (item->state) {
	case ENTRY_DONE:
		return item->kind == SAGA_UNDO ? "undone" : "done";
	case ENTRY_FAILED:
		return "failed";
	case ENTRY_UNKNOWN:
		return "unknown";
	default:
		return item->entry == ENTRY_WAIT || item->entry == ENTRY_START
		               ? "waits"
		               : "under way";
	}
}

static enum out_style
style_of(const struct saga_item *item)
{
	if (item->kind == SAGA_TURN)
		return OUT_YELLOW;
	if (item->kind != SAGA_STEP && item->kind != SAGA_UNDO)
		return OUT_CYAN;
	return item->state == ENTRY_DONE                                     ? OUT_GREEN
	       : item->state == ENTRY_FAILED || item->state == ENTRY_UNKNOWN ? OUT_RED
	                                                                     : OUT_BOLD;
}

static void
add_effort(struct heed_buf *buf, const struct saga_item *item)
{
	const char *comma = "";

	if (item->attempts > 1) {
		buf_addf(buf, "%d attempts", item->attempts);
		comma = ", ";
	}
	if (item->ended_us > item->at_us) {
		buf_adds(buf, comma);
		clock_write_duration(buf, (item->ended_us - item->at_us) / 1000);
		comma = ", ";
	}
	if (item->cost_nano > 0) {
		buf_adds(buf, comma);
		out_money(buf, item->cost_nano);
	}
}

/* What a wait waits for. */
static void
add_wanted(struct heed_buf *buf, const struct saga_item *item, struct arena *arena)
{
	struct heed_json request = json_null();
	const struct heed_json *types;
	int64_t due_us;

	(void)json_parse(arena, item->request, &request, NULL);
	types = json_get(request, "types");
	due_us = json_get_int(request, "due_us", 0);
	if (item->entry == ENTRY_START)
		buf_addf(buf, "for saga %.*s",
		         STR_ARG(json_get_text(request, "subject")));
	else if (json_get_bool(request, "signal", false))
		buf_adds(buf, "for a person's decision");
	else if (types != NULL && types->len > 0)
		buf_addf(buf, "for %.*s", STR_ARG(json_text(types->items[0])));
	else
		buf_adds(buf, "for its time");
	if (due_us > 0) {
		buf_adds(buf, ", until ");
		clock_write(buf, due_us);
	}
}

static void
add_item(struct heed_buf *buf, const struct saga_item *item, struct arena *arena)
{
	char place[CLOCK_TEXT_SIZE];
	const char *word = word_of(item);
	bool step = item->kind == SAGA_STEP || item->kind == SAGA_UNDO;

	buf_addf(buf, "  %.12s  %s%-10s%s ", clock_text(place, item->at_us).data + 11,
	         out_style(style_of(item)), word, out_style(OUT_END));
	if (step) {
		out_cell(buf, item->name, 18);
		buf_addc(buf, ' ');
		if (strcmp(word, "waits") == 0)
			add_wanted(buf, item, arena);
		else
			add_effort(buf, item);
	}
	if (item->kind == SAGA_RETRY) {
		(void)out_text(buf, item->name, 40);
		buf_addc(buf, ' ');
	}
	if (step && item->text.len > 0)
		buf_addf(buf, "\n%*s", 27, "");
	out_block(buf, item->text, "                           ", 12);
	if (!step && item->cost_nano > 0) {
		buf_adds(buf, "  ");
		out_money(buf, item->cost_nano);
	}
	buf_addc(buf, '\n');
}

int
saga_show(struct store *store, const struct store_run *run,
          const struct store_event *event, struct arena *arena, struct heed_error *error)
{
	struct saga_story story;
	const struct saga_item *item;
	struct heed_buf buf;

	HEED_TRY(saga_story_read(store, run->id, arena, &story, error));
	buf_init(&buf, 0);
	add_head(&buf, run, event, &story);
	for (item = story.first; item != NULL; item = item->next)
		add_item(&buf, item, arena);
	buf_adds(&buf, "\n  data    ");
	out_block(&buf, json_text_of(arena, story.data), "          ", 0);
	buf_addc(&buf, '\n');
	return cli_print(&buf);
}

/* ---- as JSON ----------------------------------------------------------------------- */

struct journal {
	struct json_build build;
	struct arena *arena;
};

static int
push_entry(void *arg, const struct store_entry *row)
{
	struct journal *journal = arg;
	struct heed_json value;

	if (json_copy(journal->arena, record_entry(journal->arena, row), &value) < 0)
		return HEED_E_NOMEM;
	json_push(&journal->build, value);
	return 0;
}

int
saga_show_json(struct store *store, const struct store_run *run,
               const struct store_event *event, struct arena *arena,
               struct heed_error *error)
{
	struct journal journal = {.arena = arena};
	struct json_build build;
	struct heed_json entries;
	struct heed_json value;

	json_array(&journal.build, arena);
	HEED_TRY(store_read_journal(store, run->id, push_entry, &journal, error));
	json_object(&build, arena);
	json_set_cstr(&build, "saga", record_run(arena, run, event));
	json_set_cstr(&build, "state", json_cstr(saga_state(run)));
	if (json_build_end(&journal.build, &entries) < 0)
		return error_nomem(error);
	json_set_cstr(&build, "journal", entries);
	if (json_build_end(&build, &value) < 0)
		return error_nomem(error);
	return record_print(value);
}

int
saga_show_answer(struct heed_json answer)
{
	long long run = (long long)json_get_int(answer, "run", 0);
	struct heed_str did = json_get_text(answer, "did");
	struct heed_str step = json_get_text(answer, "step");
	struct heed_buf buf;

	buf_init(&buf, 0);
	if (str_is(did, "approve"))
		buf_addf(&buf, "%.*s of saga %lld is approved\n", STR_ARG(step), run);
	else if (str_is(did, "reject"))
		buf_addf(&buf, "%.*s of saga %lld is rejected\n", STR_ARG(step), run);
	else if (str_is(did, "cancel"))
		buf_addf(&buf, "saga %lld is being undone: heed sagas show %lld\n", run,
		         run);
	else if (str_is(did, "fork"))
		buf_addf(&buf, "saga %lld goes on from there: heed sagas show %lld\n",
		         (long long)json_get_int(answer, "new_run", 0),
		         (long long)json_get_int(answer, "new_run", 0));
	else
		buf_addf(&buf, "saga %lld goes on: heed sagas show %lld\n", run, run);
	return cli_print(&buf);
}
