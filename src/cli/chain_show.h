/*
 * chain_show.h - a chain as a tree for people, or as JSON.
 */
#ifndef HEED_CLI_CHAIN_SHOW_H
#define HEED_CLI_CHAIN_SHOW_H

#include "cli/chain.h"

enum chain_detail {
	CHAIN_BRIEF, /* events, runs, answers */
	CHAIN_PARTS, /* and every attempt, with the beginnings of prompts and replies */
	CHAIN_FULL,  /* everything, whole */
};

/* Append the tree and a line of totals. `run` is marked (0: none). */
void chain_show(struct heed_buf *buf, const struct chain *chain, enum chain_detail detail,
                int64_t run);
/* Append one run of it alone: what `heed dlq show` is made of. */
void chain_show_run(struct heed_buf *buf, const struct chain_run *run,
                    enum chain_detail detail);
/* The run of that number in the chain, or NULL. */
const struct chain_run *chain_find_run(const struct chain *chain, int64_t id);

/* {"event": ..., "runs": [{..., "journal": [...], "emitted": [{"event": ...}]}]} on the
 * chain's arena. */
struct heed_json chain_record(const struct chain *chain);
struct heed_json chain_record_run(const struct chain *chain, const struct chain_run *run);

#endif
