/*
 * chain.c - see chain.h. Breadth first, so that a bound cuts the far end of the tree; no
 * query is made while another one's rows are read.
 */
#include "cli/chain.h"

#include "base/error.h"

/* ---- copies on the arena ----------------------------------------------------------- */

static struct heed_str
keep(struct chain *chain, struct heed_str text)
{
	return arena_str(chain->arena, text);
}

static struct chain_event *
copy_event(struct chain *chain, const struct store_event *row)
{
	struct chain_event *event = ARENA_NEW(chain->arena, struct chain_event);

	if (event == NULL)
		return NULL;
	event->row = *row;
	event->row.id = keep(chain, row->id);
	event->row.source = keep(chain, row->source);
	event->row.type = keep(chain, row->type);
	event->row.subject = keep(chain, row->subject);
	event->row.trace = keep(chain, row->trace);
	event->row.body = keep(chain, row->body);
	STAILQ_INIT(&event->runs);
	STAILQ_INSERT_TAIL(&chain->all, event, line);
	chain->n_events++;
	return event->row.body.data != NULL ? event : NULL;
}

static struct chain_run *
copy_run(struct chain *chain, const struct store_run *row)
{
	struct chain_run *run = ARENA_NEW(chain->arena, struct chain_run);

	if (run == NULL)
		return NULL;
	run->row = *row;
	run->row.flow = keep(chain, row->flow);
	run->row.name = keep(chain, row->name);
	run->row.definition = keep(chain, row->definition);
	run->row.key = keep(chain, row->key);
	run->row.class = keep(chain, row->class);
	run->row.text = keep(chain, row->text);
	run->row.step = keep(chain, row->step);
	STAILQ_INIT(&run->entries);
	STAILQ_INIT(&run->emitted);
	chain->n_runs++;
	return run;
}

static struct chain_entry *
copy_entry(struct chain *chain, const struct store_entry *row)
{
	struct chain_entry *entry = ARENA_NEW(chain->arena, struct chain_entry);

	if (entry == NULL)
		return NULL;
	entry->row = *row;
	entry->row.step = keep(chain, row->step);
	entry->row.model = keep(chain, row->model);
	entry->row.class = keep(chain, row->class);
	entry->row.request = keep(chain, row->request);
	entry->row.reply = keep(chain, row->reply);
	entry->row.detail = keep(chain, row->detail);
	return entry;
}

/* ---- loading ----------------------------------------------------------------------- */

struct loading {
	struct chain *chain;
	struct store *store;
	struct chain_event *event; /* whose runs are read */
	struct chain_run *run;     /* whose entries or events are read */
	size_t runs_max;
	bool journals;
	struct heed_error *error;
};

static int
take_root(void *arg, const struct store_event *row)
{
	struct loading *loading = arg;

	loading->chain->root = copy_event(loading->chain, row);
	return loading->chain->root == NULL ? HEED_E_NOMEM : 0;
}

static int
take_run(void *arg, const struct store_run *row, const struct store_event *event)
{
	struct loading *loading = arg;
	struct chain *chain = loading->chain;
	struct chain_run *run;

	(void)event;
	if (loading->runs_max > 0 && chain->n_runs >= loading->runs_max) {
		chain->cut = true;
		return 1;
	}
	run = copy_run(chain, row);
	if (run == NULL)
		return HEED_E_NOMEM;
	STAILQ_INSERT_TAIL(&loading->event->runs, run, link);
	if (row->state < RUN_HELD)
		chain->finished = false;
	if (row->state == RUN_HELD || row->state == RUN_DEAD)
		chain->failed = true;
	return 0;
}

static int
take_entry(void *arg, const struct store_entry *row)
{
	struct loading *loading = arg;
	struct chain_entry *entry = copy_entry(loading->chain, row);

	if (entry == NULL)
		return HEED_E_NOMEM;
	STAILQ_INSERT_TAIL(&loading->run->entries, entry, link);
	return 0;
}

static int
take_emitted(void *arg, const struct store_event *row)
{
	struct loading *loading = arg;
	struct chain_event *event = copy_event(loading->chain, row);

	if (event == NULL)
		return HEED_E_NOMEM;
	STAILQ_INSERT_TAIL(&loading->run->emitted, event, link);
	return 0;
}

static int
load_run(struct loading *loading, struct chain_run *run)
{
	struct store_filter emitted = {.parent_run = run->row.id};

	loading->run = run;
	if (loading->journals)
		HEED_TRY(store_read_journal(loading->store, run->row.id, take_entry,
		                            loading, loading->error));
	return store_read_events(loading->store, &emitted, take_emitted, loading,
	                         loading->error);
}

static int
load_event(struct loading *loading, struct chain_event *event)
{
	struct store_filter runs = {.event_seq = event->row.seq};
	struct chain_run *run;
	int r;

	loading->event = event;
	r = store_read_runs(loading->store, &runs, take_run, loading, loading->error);
	if (r < 0)
		return r;
	STAILQ_FOREACH (run, &event->runs, link)
		HEED_TRY(load_run(loading, run));
	return 0;
}

static int
load_root(struct loading *loading, int64_t seq)
{
	struct store_filter root = {.event_seq = seq};
	struct chain *chain = loading->chain;

	chain->finished = true;
	STAILQ_INIT(&chain->all);
	HEED_TRY(store_read_events(loading->store, &root, take_root, loading,
	                           loading->error));
	return chain->root != NULL ? 0
	                           : error_set(loading->error, HEED_E_NOTFOUND,
	                                       "event number %lld is not in the store",
	                                       (long long)seq);
}

int
chain_load(struct store *store, struct arena *arena, int64_t seq, size_t runs_max,
           bool journals, struct chain *ret_chain, struct heed_error *error)
{
	struct loading loading = {
		.chain = ret_chain,
		.store = store,
		.runs_max = runs_max,
		.journals = journals,
		.error = error,
	};
	struct chain_event *event;

	*ret_chain = (struct chain){.arena = arena};
	HEED_TRY(load_root(&loading, seq));
	STAILQ_FOREACH (event, &ret_chain->all, line) /* which grows meanwhile */
		HEED_TRY(load_event(&loading, event));
	return 0;
}

int
chain_load_event(struct store *store, struct arena *arena, int64_t seq,
                 struct chain *ret_chain, struct heed_error *error)
{
	struct loading loading = {
		.chain = ret_chain,
		.store = store,
		.journals = true,
		.error = error,
	};

	*ret_chain = (struct chain){.arena = arena};
	HEED_TRY(load_root(&loading, seq));
	return load_event(&loading, ret_chain->root);
}

/* ---- finding ----------------------------------------------------------------------- */

struct finding {
	struct heed_str source;
	int64_t seq, parent_run;
	int n; /* events that fit */
};

static int
found_event(void *arg, const struct store_event *row)
{
	struct finding *finding = arg;

	finding->seq = row->seq;
	finding->parent_run = row->parent_run;
	finding->n++;
	return 0;
}

static int
found_run(void *arg, const struct store_run *row, const struct store_event *event)
{
	(void)row;
	return found_event(arg, event);
}

static int
find_run(struct store *store, int64_t id, struct finding *finding,
         struct heed_error *error)
{
	struct store_filter filter = {.run_id = id};

	*finding = (struct finding){.n = 0};
	return store_read_runs(store, &filter, found_run, finding, error);
}

static int
find_event(struct store *store, struct heed_str id, struct heed_str source,
           struct finding *finding, struct heed_error *error)
{
	struct store_filter filter = {.event_id = id, .source = source};

	*finding = (struct finding){.n = 0};
	HEED_TRY(store_read_events(store, &filter, found_event, finding, error));
	if (finding->n > 1) {
		(void)error_set(error, HEED_E_CONFLICT, "%d events have the id \"%.*s\"",
		                finding->n, STR_ARG(id));
		error_hint(error,
		           "say which by --source; heed events --id %.*s lists them",
		           STR_ARG(id));
		return HEED_E_CONFLICT;
	}
	return 0;
}

/* A number is a run's, unless there is none and an event is called so. */
static int
find_word(struct store *store, struct heed_str word, struct heed_str source,
          struct finding *finding, int64_t *ret_run, struct heed_error *error)
{
	bool is_event = str_starts(word, "event:");
	bool is_run = str_starts(word, "run:");
	struct heed_str id = str_from(word, is_event ? 6 : is_run ? 4 : 0);
	int64_t number;

	*ret_run = 0;
	*finding = (struct finding){.n = 0};
	if (!is_event && str_to_i64(id, &number) == 0 && number > 0) {
		HEED_TRY(find_run(store, number, finding, error));
		if (finding->n > 0)
			*ret_run = number;
	}
	if (finding->n == 0 && !is_run)
		HEED_TRY(find_event(store, id, source, finding, error));
	if (finding->n > 0)
		return 0;
	(void)error_set(error, HEED_E_NOTFOUND, "there is no run and no event \"%.*s\"",
	                STR_ARG(word));
	error_hint(error, "heed runs and heed events list what there is");
	return HEED_E_NOTFOUND;
}

int
chain_find(struct store *store, struct heed_str word, struct heed_str source,
           bool to_root, int64_t *ret_seq, int64_t *ret_run, struct heed_error *error)
{
	struct finding finding;

	HEED_TRY(find_word(store, word, source, &finding, ret_run, error));
	*ret_seq = finding.seq;
	while (to_root && finding.parent_run > 0) {
		HEED_TRY(find_run(store, finding.parent_run, &finding, error));
		if (finding.n == 0) /* pruned: the chain begins here */
			return 0;
		*ret_seq = finding.seq;
	}
	return 0;
}
