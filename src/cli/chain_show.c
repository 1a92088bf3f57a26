/*
 * chain_show.c - see chain_show.h.
 *
 *	customer_created c-1  from /crm, 2026-11-25T01:20:09.934Z
 *	|  {"id":1,"email":"ada@example.com"}
 *	`- run 1  enrich_customer  done  4ms, 1 call, 140 tokens, $0.000123
 *	   |- ask  quick  done  1ms, 120 + 20 tokens, $0.000123
 *	   |    prompt  Analyze this customer ...
 *	   |    answer  {"predicted_segment":"enterprise"}
 *	   |    check   it fits the schema
 *	   `- customer_enriched 2b9da9fe-...
 *
 * Lines are drawn with the characters for boxes; `prefix` is what stands before a line
 * of the node that is drawn.
 */
#include "cli/chain_show.h"

#include "base/clock.h"
#include "base/json.h"
#include "cli/out.h"
#include "cli/record.h"
#include "cli/summary.h"

#define BRANCH "\xe2\x94\x9c\xe2\x94\x80 "
#define LAST "\xe2\x94\x94\xe2\x94\x80 "
#define BAR "\xe2\x94\x82  "
#define SPACE "   "
#define PART_LINES 12
#define PART_TEXT 1000
#define LINE_TEXT 160
#define DEPTH_MAX 64 /* of drawing; deeper ones are not set further in */

struct tree {
	struct heed_buf *buf;
	struct heed_buf prefix;
	enum chain_detail detail;
	int64_t marked;
	int depth;
	struct arena scratch;
};

/* ---- the frame --------------------------------------------------------------------- */

static void
begin_node(struct tree *tree, bool last)
{
	buf_add(tree->buf, buf_str(&tree->prefix));
	buf_adds(tree->buf, last ? LAST : BRANCH);
}

/* What is drawn until leave() belongs to the node. Returns what leave() needs. */
static size_t
enter(struct tree *tree, bool last)
{
	size_t before = tree->prefix.len;

	if (tree->depth++ < DEPTH_MAX)
		buf_adds(&tree->prefix, last ? SPACE : BAR);
	return before;
}

static void
leave(struct tree *tree, size_t before)
{
	tree->depth--;
	buf_cut(&tree->prefix, before);
}

/* "label  text" below the node, the text's further lines set in. */
static void
add_part(struct tree *tree, const char *label, struct heed_str text)
{
	bool whole = tree->detail == CHAIN_FULL;
	struct heed_buf indent;

	text = str_trim(text);
	if (text.len == 0)
		return;
	buf_init(&indent, 4096);
	buf_add(&indent, buf_str(&tree->prefix));
	buf_adds(&indent, "          ");
	buf_add(tree->buf, buf_str(&tree->prefix));
	buf_addf(tree->buf, "  %s%-7s%s ", out_style(OUT_CYAN), label,
	         out_style(OUT_END));
	out_block(tree->buf, whole ? text : str_head_utf8(text, PART_TEXT),
	          indent.data != NULL ? indent.data : "", whole ? 0 : PART_LINES);
	buf_adds(tree->buf,
	         whole || text.len <= PART_TEXT ? "\n" : "\xe2\x80\xa6 (--full)\n");
	buf_done(&indent);
}

/* ---- entries ----------------------------------------------------------------------- */

static void
add_time(struct heed_buf *buf, int64_t from_us, int64_t to_us)
{
	if (to_us <= from_us)
		return;
	buf_adds(buf, "  ");
	clock_write_duration(buf, (to_us - from_us) / 1000);
}

static void
add_state(struct tree *tree, const struct store_entry *row)
{
	struct heed_str state = str_of(store_entry_state_name(row->state));

	buf_addf(tree->buf, "  %s%.*s%s", out_style(out_state_style(state)),
	         STR_ARG(state), out_style(OUT_END));
	if (row->class.len > 0)
		buf_addf(tree->buf, " (%.*s)", STR_ARG(row->class));
	add_time(tree->buf, row->at_us, row->ended_us);
	if (row->attempt > 1)
		buf_addf(tree->buf, ", attempt %d", row->attempt);
}

static struct heed_json
parse(struct tree *tree, struct heed_str text)
{
	struct heed_json value = json_null();

	(void)json_parse(&tree->scratch, text, &value, NULL);
	return value;
}

/* What became of an answer: the repair that follows tells why it did not do; after the
 * last one it is the verdict of the run, which a later redrive has kept in its mark. */
static struct heed_str
check_of(struct tree *tree, const struct chain_run *run, const struct chain_entry *entry)
{
	const struct chain_entry *next = STAILQ_NEXT(entry, link);
	struct heed_json was;

	for (; next != NULL; next = STAILQ_NEXT(next, link)) {
		if (next->row.kind == ENTRY_ASK &&
		    str_eq(next->row.step, entry->row.step))
			return json_get_text(parse(tree, next->row.request), "complaint");
		if (next->row.kind == ENTRY_ACT || next->row.kind == ENTRY_EMIT)
			return HEED_STR("");
		if (next->row.kind != ENTRY_MARK)
			continue;
		was = parse(tree, next->row.request);
		return str_is(json_get_text(was, "class"), "validation")
		               ? json_get_text(was, "text")
		               : HEED_STR("");
	}
	return str_is(run->row.class, "validation") ? run->row.text : HEED_STR("");
}

static void
show_ask(struct tree *tree, const struct chain_run *run, const struct chain_entry *entry)
{
	const struct store_entry *row = &entry->row;
	struct heed_json request = parse(tree, row->request);
	struct heed_json reply = parse(tree, row->reply);
	struct heed_str complaint = json_get_text(request, "complaint");
	struct heed_str check;

	add_part(tree, "system", json_get_text(request, "system"));
	add_part(tree, "prompt", json_get_text(request, "prompt"));
	add_part(tree, "repair", complaint);
	add_part(tree, row->state == ENTRY_DONE ? "answer" : "reply",
	         json_get_text(reply, "text"));
	add_part(tree, "raw", json_get_text(reply, "raw"));
	add_part(tree, "why", row->detail);
	if (row->state != ENTRY_DONE)
		return;
	check = check_of(tree, run, entry);
	add_part(tree, "check", check.len > 0 ? check : HEED_STR("it fits"));
}

static void
add_usage(struct heed_buf *buf, const struct store_entry *row)
{
	buf_adds(buf, ", ");
	out_count(buf, row->input);
	buf_adds(buf, " + ");
	out_counted(buf, row->output, "token");
	if (row->cached_input > 0) {
		buf_adds(buf, " (");
		out_count(buf, row->cached_input);
		buf_adds(buf, " from the cache)");
	}
	if (row->reasoning > 0) {
		buf_adds(buf, " (");
		out_count(buf, row->reasoning);
		buf_adds(buf, " to reason)");
	}
	buf_adds(buf, ", ");
	out_money(buf, row->cost_nano);
}

static void
show_mark(struct tree *tree, const struct store_entry *row)
{
	char place[CLOCK_TEXT_SIZE];

	buf_addf(tree->buf, "%s%.*s%s  ", out_style(OUT_YELLOW), STR_ARG(row->step),
	         out_style(OUT_END));
	(void)out_text(tree->buf, row->detail, LINE_TEXT);
	buf_addf(tree->buf, "  %s\n", clock_text(place, row->at_us).data);
}

/* "read order/o-17 at version 3" */
static void
show_read(struct tree *tree, const struct store_entry *row)
{
	buf_adds(tree->buf, "read ");
	(void)out_text(tree->buf, row->request, LINE_TEXT);
	if (row->state == ENTRY_DONE)
		buf_addf(tree->buf, " at version %lld",
		         (long long)json_get_int(parse(tree, row->reply), "version", 0));
}

/* "append order_placed to order/o-17 behind version 3" */
static void
show_append(struct tree *tree, const struct store_entry *row)
{
	struct heed_json request = parse(tree, row->request);
	const struct heed_json *events = json_get(request, "events");
	uint32_t i;

	buf_adds(tree->buf, "append ");
	for (i = 0; events != NULL && i < events->len; i++) {
		buf_adds(tree->buf, i == 0 ? "" : ", ");
		(void)out_text(tree->buf, json_text(events->items[i]), 40);
	}
	buf_adds(tree->buf, " to ");
	(void)out_text(tree->buf, json_get_text(request, "stream"), LINE_TEXT);
	buf_addf(tree->buf, " behind version %lld",
	         (long long)json_get_int(request, "expected", 0));
}

/* "ask gpt-4o-mini", "POST https://...", "wait approve": what it is. */
static void
show_what(struct tree *tree, const struct store_entry *row)
{
	switch (row->kind) {
	case ENTRY_ASK:
		buf_adds(tree->buf, "ask  ");
		(void)out_text(tree->buf, row->model, 40);
		break;
	case ENTRY_PROBE:
		buf_adds(tree->buf, "probe ");
		/* fallthrough */
	case ENTRY_ACT:
	case ENTRY_EMIT:
		summary_effect(tree->buf, HEED_STR(""), parse(tree, row->request),
		               LINE_TEXT);
		break;
	case ENTRY_READ:
		show_read(tree, row);
		break;
	case ENTRY_APPEND:
		show_append(tree, row);
		break;
	default:
		buf_addf(tree->buf, "%s ", store_entry_kind_name(row->kind));
		(void)out_text(tree->buf, row->step, 60);
		break;
	}
}

static void
show_effect(struct tree *tree, const struct store_entry *row)
{
	if (tree->detail == CHAIN_FULL || row->state != ENTRY_DONE)
		add_part(tree, "request", row->request);
	if (!str_is(row->reply, "null"))
		add_part(tree, "reply", row->reply);
	add_part(tree, "why", row->detail);
}

static void
show_entry(struct tree *tree, const struct chain_run *run,
           const struct chain_entry *entry, bool last)
{
	const struct store_entry *row = &entry->row;
	size_t before;

	begin_node(tree, last);
	if (row->kind == ENTRY_MARK) {
		show_mark(tree, row);
	} else {
		show_what(tree, row);
		add_state(tree, row);
		if (row->kind == ENTRY_ASK)
			add_usage(tree->buf, row);
		buf_addc(tree->buf, '\n');
	}
	before = enter(tree, last);
	if (row->kind == ENTRY_ASK) {
		show_ask(tree, run, entry);
	} else if (row->kind == ENTRY_MARK) {
		add_part(tree, "was", json_get_text(parse(tree, row->request), "text"));
		add_part(tree, "event", row->reply);
	} else if (row->kind == ENTRY_READ || row->kind == ENTRY_APPEND) {
		add_part(tree, "why", row->detail);
	} else {
		show_effect(tree, row);
	}
	leave(tree, before);
}

/* ---- runs and events --------------------------------------------------------------- */

static void show_event(struct tree *tree, const struct chain_event *event, bool last);

/* An event that was emitted follows by itself; its step is shown when it did not. */
static bool
is_shown(const struct chain_run *run, const struct chain_entry *entry)
{
	const struct chain_event *event;
	const struct chain_entry *other;
	int n = 0;

	if (entry->row.kind != ENTRY_EMIT || entry->row.state != ENTRY_DONE)
		return true;
	STAILQ_FOREACH (event, &run->emitted, link)
		n++;
	STAILQ_FOREACH (other, &run->entries, link)
		n -= other->row.kind == ENTRY_EMIT && other->row.state == ENTRY_DONE;
	return n < 0;
}

static const struct chain_entry *
next_shown(const struct chain_run *run, const struct chain_entry *entry)
{
	while (entry != NULL && !is_shown(run, entry))
		entry = STAILQ_NEXT(entry, link);
	return entry;
}

/* The answer that the run went on with. */
static struct heed_str
answer_of(struct tree *tree, const struct chain_run *run)
{
	const struct chain_entry *entry;
	struct heed_str answer = {NULL, 0};

	STAILQ_FOREACH (entry, &run->entries, link)
		if (entry->row.kind == ENTRY_ASK && entry->row.state == ENTRY_DONE)
			answer = json_get_text(parse(tree, entry->row.reply), "text");
	return answer;
}

static void
show_run_line(struct tree *tree, const struct chain_run *run)
{
	const struct store_run *row = &run->row;
	struct heed_str state = str_of(store_run_state_name(row->state));

	buf_addf(tree->buf, "run %lld  %s", (long long)row->id, out_style(OUT_BOLD));
	(void)out_text(tree->buf, row->name, 40);
	buf_addf(tree->buf, "%s  %s%.*s%s", out_style(OUT_END),
	         out_style(out_state_style(state)), STR_ARG(state), out_style(OUT_END));
	add_time(tree->buf, row->created_us, row->updated_us);
	if (row->calls > 0) {
		buf_adds(tree->buf, ", ");
		out_counted(tree->buf, row->calls, "call");
		buf_adds(tree->buf, ", ");
		out_counted(tree->buf, row->tokens_in + row->tokens_out, "token");
		buf_adds(tree->buf, ", ");
		out_money(tree->buf, row->cost_nano);
	}
	if (row->redrives > 0) {
		buf_adds(tree->buf, ", redriven ");
		out_counted(tree->buf, row->redrives, "time");
	}
	if (row->id == tree->marked)
		buf_addf(tree->buf, "  %s<- asked for%s", out_style(OUT_YELLOW),
		         out_style(OUT_END));
	buf_addc(tree->buf, '\n');
}

static void
show_run(struct tree *tree, const struct chain_run *run, bool last)
{
	const struct chain_entry *entry = next_shown(run, STAILQ_FIRST(&run->entries));
	const struct chain_event *event;
	size_t before;

	begin_node(tree, last);
	show_run_line(tree, run);
	before = enter(tree, last);
	if (tree->detail == CHAIN_BRIEF) {
		add_part(tree, "answer", answer_of(tree, run));
		entry = NULL;
	}
	while (entry != NULL) {
		const struct chain_entry *next =
			next_shown(run, STAILQ_NEXT(entry, link));

		show_entry(tree, run, entry, next == NULL && STAILQ_EMPTY(&run->emitted));
		entry = next;
	}
	STAILQ_FOREACH (event, &run->emitted, link)
		show_event(tree, event, STAILQ_NEXT(event, link) == NULL);
	if (run->row.text.len > 0)
		add_part(tree, run->row.state == RUN_DONE ? "note" : "cause",
		         run->row.text);
	leave(tree, before);
}

static void
show_event_line(struct tree *tree, const struct store_event *row)
{
	char place[CLOCK_TEXT_SIZE];

	buf_adds(tree->buf, out_style(OUT_BOLD));
	(void)out_text(tree->buf, row->type, 60);
	buf_addf(tree->buf, "%s ", out_style(OUT_END));
	(void)out_text(tree->buf, row->id, 60);
	buf_addf(tree->buf, "  %s", out_style(OUT_DIM));
	if (row->parent_run == 0) {
		buf_adds(tree->buf, "from ");
		(void)out_text(tree->buf, row->source, 60);
		buf_adds(tree->buf, ", ");
	}
	buf_addf(tree->buf, "%s%s\n", clock_text(place, row->received_us).data,
	         out_style(OUT_END));
}

static void
show_data(struct tree *tree, const struct store_event *row)
{
	struct heed_json body = parse(tree, row->body);
	const struct heed_json *data = json_get(body, "data");

	if (tree->detail == CHAIN_FULL)
		add_part(tree, "event", row->body);
	else if (data != NULL)
		add_part(tree, "data", json_text_of(&tree->scratch, *data));
}

static void
show_event(struct tree *tree, const struct chain_event *event, bool last)
{
	const struct chain_run *run;
	size_t before;

	begin_node(tree, last);
	show_event_line(tree, &event->row);
	before = enter(tree, last);
	if (tree->detail != CHAIN_BRIEF && !str_is(event->row.type, "heed.dead_letter"))
		show_data(tree, &event->row);
	STAILQ_FOREACH (run, &event->runs, link)
		show_run(tree, run, STAILQ_NEXT(run, link) == NULL);
	leave(tree, before);
}

/* ---- the whole --------------------------------------------------------------------- */

static void
tree_init(struct tree *tree, struct heed_buf *buf, enum chain_detail detail)
{
	*tree = (struct tree){.buf = buf, .detail = detail};
	buf_init(&tree->prefix, 4096);
	arena_init(&tree->scratch, 0);
}

static void
tree_done(struct tree *tree)
{
	buf_done(&tree->prefix);
	arena_done(&tree->scratch);
}

static void
show_totals(struct heed_buf *buf, const struct chain *chain)
{
	const struct chain_event *event;
	const struct chain_run *run;
	int64_t calls = 0;
	int64_t tokens = 0;
	int64_t cost = 0;
	int64_t last_us = chain->root->row.received_us;

	STAILQ_FOREACH (event, &chain->all, line)
		STAILQ_FOREACH (run, &event->runs, link) {
			calls += run->row.calls;
			tokens += run->row.tokens_in + run->row.tokens_out;
			cost += run->row.cost_nano;
			if (run->row.updated_us > last_us)
				last_us = run->row.updated_us;
		}
	buf_adds(buf, out_style(OUT_DIM));
	out_counted(buf, (int64_t)chain->n_events, "event");
	buf_adds(buf, ", ");
	out_counted(buf, (int64_t)chain->n_runs, "run");
	buf_adds(buf, ", ");
	out_counted(buf, calls, "call");
	buf_adds(buf, ", ");
	out_counted(buf, tokens, "token");
	buf_adds(buf, ", ");
	out_money(buf, cost);
	buf_adds(buf, ", ");
	clock_write_duration(buf, (last_us - chain->root->row.received_us) / 1000);
	buf_addf(buf, "%s\n", out_style(OUT_END));
	if (chain->cut)
		buf_adds(buf, "There is more: --full shows all.\n");
}

void
chain_show(struct heed_buf *buf, const struct chain *chain, enum chain_detail detail,
           int64_t run)
{
	const struct chain_run *each;
	struct tree tree;

	tree_init(&tree, buf, detail);
	tree.marked = run;
	show_event_line(&tree, &chain->root->row);
	if (detail != CHAIN_BRIEF)
		show_data(&tree, &chain->root->row);
	if (STAILQ_EMPTY(&chain->root->runs))
		buf_adds(buf, LAST "no reaction wanted it\n");
	STAILQ_FOREACH (each, &chain->root->runs, link)
		show_run(&tree, each, STAILQ_NEXT(each, link) == NULL);
	show_totals(buf, chain);
	tree_done(&tree);
}

void
chain_show_run(struct heed_buf *buf, const struct chain_run *run,
               enum chain_detail detail)
{
	struct tree tree;

	tree_init(&tree, buf, detail);
	show_run(&tree, run, true);
	tree_done(&tree);
}

const struct chain_run *
chain_find_run(const struct chain *chain, int64_t id)
{
	const struct chain_event *event;
	const struct chain_run *run;

	STAILQ_FOREACH (event, &chain->all, line)
		STAILQ_FOREACH (run, &event->runs, link)
			if (run->row.id == id)
				return run;
	return NULL;
}

/* ---- JSON -------------------------------------------------------------------------- */

static struct heed_json record_node(struct arena *arena, const struct chain_event *event);

static struct heed_json
end(struct json_build *list)
{
	struct heed_json value = json_null();

	(void)json_build_end(list, &value);
	return value;
}

static struct heed_json
record_chain_run(struct arena *arena, const struct chain_run *run)
{
	struct heed_json value = record_run(arena, &run->row, NULL);
	const struct chain_entry *entry;
	const struct chain_event *event;
	struct json_build list;

	json_array(&list, arena);
	STAILQ_FOREACH (entry, &run->entries, link)
		json_push(&list, record_entry(arena, &entry->row));
	value = record_with(arena, value, "journal", end(&list));
	json_array(&list, arena);
	STAILQ_FOREACH (event, &run->emitted, link)
		json_push(&list, record_node(arena, event));
	return record_with(arena, value, "emitted", end(&list));
}

static struct heed_json
record_node(struct arena *arena, const struct chain_event *event)
{
	const struct chain_run *run;
	struct json_build list;

	json_array(&list, arena);
	STAILQ_FOREACH (run, &event->runs, link)
		json_push(&list, record_chain_run(arena, run));
	return record_with(arena, record_event(arena, &event->row, true), "runs",
	                   end(&list));
}

struct heed_json
chain_record(const struct chain *chain)
{
	return record_node(chain->arena, chain->root);
}

struct heed_json
chain_record_run(const struct chain *chain, const struct chain_run *run)
{
	return record_chain_run(chain->arena, run);
}
