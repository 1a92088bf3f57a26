/*
 * case.h - tests beside a configuration: a file of cases, each run as a rehearsal.
 *
 *	cases:
 *	  - name: a large customer is an enterprise
 *	    event: {type: customer_created, data: {id: 1, email: a@example.com}}
 *	    answers: {quick: {segment: enterprise}}
 *	    expect:
 *	      answer: {segment: enterprise}
 *	      events: [{type: customer_enriched, data: {segment: enterprise}}]
 */
#ifndef HEED_SERVICE_CASE_H
#define HEED_SERVICE_CASE_H

#include "config/app.h"
#include "config/bind.h"
#include "config/option.h"

struct expectation {
	struct heed_json answer;  /* part of the first answer */
	struct heed_json runs;    /* {NAME: state} */
	struct heed_json events;  /* parts of emitted events, in order */
	struct heed_json effects; /* [{KIND: part of its request}], in order */
	int64_t calls;            /* -1: any number */
	double cost;              /* US dollars at most; -1: any */
	struct option_list that;  /* struct expr *, over the outcome */
};

struct test_case {
	struct heed_str name;
	struct heed_str at;       /* RFC 3339; empty: the rehearsal's own start */
	struct heed_json event;   /* one, or a list */
	struct heed_json answers; /* {MODEL: answer or list of them} */
	struct heed_json results; /* {ACTION: result or list of them} */
	int64_t within_ms;
	struct expectation expect;
	int line; /* in its file */
};

/* A file of cases; everything lives on its arena. */
struct case_file {
	struct arena arena;
	struct expr_set *exprs;
	struct conf_problems problems;
	struct bind bind;
	struct conf_node *root;
	const char *path;
	struct option_list cases;  /* struct test_case */
	const char *recorded_path; /* NAME.answers.json beside it */
	struct heed_json recorded; /* {CASE: {MODEL: [{text, input, output}]}} */
};

/* Rows of one case, for documentation. */
extern const struct option case_options[];

/* Read and check it, and the answers recorded for it. Zero, HEED_E_CONFIG with problems,
 * or an error with words. case_file_done in any case. */
int case_file_load(struct case_file *file, const char *path, struct heed_error *error);
void case_file_done(struct case_file *file);

struct case_result {
	struct heed_json outcome;    /* see rehearsal_outcome */
	struct heed_json complaints; /* texts; empty: it passed */
	double cost;
};

/* Run one. `record`: ask real providers for what the case has no answer for, and keep
 * what they say in file->recorded. A failure is one of the rehearsal's making; what the
 * case expected otherwise is a complaint. All of *ret_result is on `arena`. */
int case_run(struct case_file *file, const struct test_case *test, struct app *app,
             bool record, struct arena *arena, struct case_result *ret_result,
             struct heed_error *error);
/* Write what was recorded. */
int case_file_save(const struct case_file *file, struct heed_error *error);

#endif
