/*
 * cost.h - what the commands about money share: periods, cells and bars.
 */
#ifndef HEED_CLI_COST_H
#define HEED_CLI_COST_H

#include "cli/cli.h"

extern const struct command cmd_cost_forecast, cmd_cost_prices;

/* --since, --last and --until of `args`; what is not given stays as it is.
 * HEED_E_INVALID with words. */
int cost_read_period(const struct cli_args *args, int64_t *ret_since_us,
                     int64_t *ret_until_us, struct heed_error *error);

/* Append a bar that is full at `whole`, of at most `width` columns. */
void cost_bar(struct heed_buf *buf, int64_t part, int64_t whole, size_t width);
/* Append a number or an amount ($0.000315), right-aligned. */
void cost_cell_count(struct heed_buf *buf, int64_t n, size_t width);
void cost_cell_money(struct heed_buf *buf, int64_t nano, size_t width);

#endif
