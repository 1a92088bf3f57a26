/*
 * saga_show.h - a saga for people: its steps in order, with attempts, reasons, times and
 * costs.
 */
#ifndef HEED_CLI_SAGA_SHOW_H
#define HEED_CLI_SAGA_SHOW_H

#include "base/json.h"
#include "cli/out.h"
#include "store/store.h"

/* To standard output; CLI_OK, CLI_FAILED or what reading the store gave. */
int
saga_show(struct store *store, const struct store_run *run,
          const struct store_event *event, struct arena *arena, struct heed_error *error);
int saga_show_json(struct store *store, const struct store_run *run,
                   const struct store_event *event, struct arena *arena,
                   struct heed_error *error);
/* What a running heed answered, in a sentence. */
int saga_show_answer(struct heed_json answer);
/* The colour of a saga's state. */
enum out_style saga_state_style(const char *state);

#endif
