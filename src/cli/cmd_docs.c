/*
 * cmd_docs.c - heed docs: the reference, from the option rows themselves.
 */
#include <stdio.h>
#include <string.h>

#include "action/connection.h"
#include "base/error.h"
#include "base/json.h"
#include "cli/cli.h"
#include "engine/action.h"
#include "pattern/acts.h"
#include "observe/metric.h"
#include "pattern/kinds.h"
#include "service/case.h"

static const struct cli_option options[] = {
	{"--markdown", NULL, "as Markdown"},
	{"--json", NULL, "one JSON object a topic, with its JSON Schema"},
	{"--schema", NULL, "the JSON Schema of a configuration file, for editors"},
	{NULL, NULL, NULL},
};

struct topic {
	const char *name;
	const char *help;
	const struct option *rows;
	void (*more)(struct heed_buf *buf, bool markdown); /* behind the rows */
	const char *of; /* what it is a kind of, where names can be the same; or NULL */
};

static const struct topic topics[] = {
	{"file", "the top of a configuration file", app_options},
	{"models", "an entry of models:", model_options},
	{"ask", "a question to a model (ask:)", ask_options},
	{"retry", "when a failed attempt is made again (retry:)", retry_options},
	{"then", "what stands beside an action", act_options},
	{"connections", "an entry of connections:", connection_options},
	{"test", "a case of heed test (cases:)", case_options},
	{"metrics", "observe.metrics: numbers for Prometheus", metrics_options,
         metric_docs_write},
	{"traces", "observe.traces: spans for a collector", traces_options},
	{"retention", "how long what is over is kept (retention:)", retention_options},
	{"limits", "bounds of the engine (limits:)", engine_limit_options},
	{"redact", "what is kept back from models (redact:)", redact_options},
	{"budgets", "an entry of budgets:", budget_options},
};

#define N_TOPICS (sizeof(topics) / sizeof(topics[0]))
#define TOPICS_MAX 64

/* All topics: the fixed ones, then every pattern, source and action of this build. */
static size_t
all_topics(struct topic all[TOPICS_MAX])
{
	size_t n = N_TOPICS;
	size_t i;

	memcpy(all, topics, sizeof(topics));
	for (i = 0; pattern_kinds[i] != NULL && n < TOPICS_MAX; i++)
		all[n++] = (struct topic){pattern_kinds[i]->section,
		                          pattern_kinds[i]->help, pattern_kinds[i]->rows};
	for (i = 0; source_kinds[i] != NULL && n < TOPICS_MAX; i++)
		all[n++] = (struct topic){source_kinds[i]->name, source_kinds[i]->help,
		                          source_kinds[i]->options, NULL, "source"};
	for (i = 0; action_kinds[i] != NULL && n < TOPICS_MAX; i++)
		all[n++] = (struct topic){action_kinds[i]->name, action_kinds[i]->help,
		                          action_kinds[i]->options, NULL, "action"};
	return n;
}

/* One line: {"topic", "help", "schema"}. */
static void
write_json(struct heed_buf *buf, const struct topic *topic)
{
	buf_addf(buf, "{\"topic\":\"%s\",\"help\":", topic->name);
	json_write_string(buf, str_of(topic->help));
	buf_adds(buf, ",\"schema\":");
	option_schema_write(buf, topic->rows);
	buf_adds(buf, "}\n");
}

static int
print_index(const struct topic *all, size_t n)
{
	size_t i;

	printf("usage: heed docs TOPIC...\n\n");
	for (i = 0; i < n; i++)
		printf("  %-12s %s%s%s\n", all[i].name,
		       all[i].of != NULL ? all[i].of : "", all[i].of != NULL ? ": " : "",
		       all[i].help);
	return CLI_OK;
}

static int
unknown_topic(const char *word, const struct topic *all, size_t n)
{
	const char *names[TOPICS_MAX];
	const char *near;
	size_t i;

	for (i = 0; i < n; i++)
		names[i] = all[i].name;
	near = error_nearest(str_of(word), names, n);
	fprintf(stderr, "heed docs: there is no topic \"%s\"", word);
	fprintf(stderr, near != NULL ? "; did you mean \"%s\"?\n" : "%s\n",
	        near != NULL ? near : "");
	fprintf(stderr, "  see: heed docs\n");
	return CLI_USAGE;
}

static void
write_topic(struct heed_buf *buf, const struct cli_args *args, const struct topic *topic)
{
	bool markdown = cli_has(args, "--markdown");

	if (cli_has(args, "--json")) {
		write_json(buf, topic);
		return;
	}
	buf_addf(buf, "%s%s%s%s: %s\n\n", markdown ? "## " : "",
	         topic->of != NULL ? topic->of : "", topic->of != NULL ? " " : "",
	         topic->name, topic->help);
	option_docs_write(buf, topic->rows, markdown);
	if (topic->more == NULL)
		return;
	buf_addc(buf, '\n');
	topic->more(buf, markdown);
}

/* All of that name: there are a source http and an action http. How many. */
static size_t
write_topics(struct heed_buf *buf, const struct cli_args *args, const struct topic *all,
             size_t n, const char *name)
{
	size_t found = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		if (name != NULL && strcmp(all[i].name, name) != 0)
			continue;
		if (found++ > 0 && !cli_has(args, "--json"))
			buf_addc(buf, '\n');
		write_topic(buf, args, &all[i]);
	}
	return found;
}

static int
print_topics(const struct cli_args *args, const struct topic *all, size_t n)
{
	struct heed_buf buf;
	int word;

	buf_init(&buf, 0);
	for (word = 0; word < args->n_words; word++) {
		if (word > 0 && !cli_has(args, "--json"))
			buf_addc(&buf, '\n');
		if (write_topics(&buf, args, all, n, args->words[word]) == 0) {
			buf_done(&buf);
			return unknown_topic(args->words[word], all, n);
		}
	}
	if (args->n_words == 0)
		(void)write_topics(&buf, args, all, n, NULL);
	return cli_print(&buf);
}

static int
run(int argc, char **argv)
{
	struct topic all[TOPICS_MAX];
	struct cli_args args;
	struct heed_buf buf;
	size_t n = all_topics(all);
	int r = cli_parse(&cmd_docs, argc, argv, &args);

	if (r != 0 || args.command == NULL)
		return r;
	if (cli_has(&args, "--schema")) {
		buf_init(&buf, 0);
		option_schema_write(&buf, app_options);
		buf_addc(&buf, '\n');
		return cli_print(&buf);
	}
	if (args.n_words == 0 && !cli_has(&args, "--json") &&
	    !cli_has(&args, "--markdown"))
		return print_index(all, n);
	return print_topics(&args, all, n);
}

const struct command cmd_docs = {
	.name = "docs",
	.usage = "[--markdown | --json | --schema] [TOPIC...]",
	.words_max = CLI_ANY_WORDS,
	.help = "Show what can be configured: names, defaults, bounds, meaning.",
	.options = options,
	.run = run,
};
