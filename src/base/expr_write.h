/*
 * expr_write.h - expressions as text for libjq. For expr_jq.c only.
 */
#ifndef HEED_BASE_EXPR_WRITE_H
#define HEED_BASE_EXPR_WRITE_H

#include "base/expr_impl.h"

enum expr_layout {
	ONE_LINE,
	LINE_PER_TOKEN, /* so that the line in jq's message tells the token */
};

/* Append the part of `expr` that is for libjq. The buffer's failures; HEED_E_NOMEM. */
int expr_write(struct heed_buf *buf, const struct expr *expr, enum expr_layout layout);
/* Append the choice among the expressions numbered [low, high), of which `*expr` is the
 * first; afterwards it is the one behind them. */
int expr_write_choice(struct heed_buf *buf, const struct expr **expr, size_t low,
                      size_t high);
/* The place in expr->whole of the token on `line` of "(", the expression with one token a
 * line, and ")". Right after expr_write. */
size_t expr_write_place(const struct expr *expr, size_t line);
/* `expr` if it is for libjq, else the next one that is; or NULL. */
const struct expr *expr_write_next(const struct expr *expr);

#endif
