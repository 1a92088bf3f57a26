/*
 * price_list.c - list prices: US dollars for a million tokens of input, input read from
 * the provider's cache, input written to it, and output. Reasoning is billed as output,
 * and batches at half the price, with all of them.
 *
 * A new price is a new row with its day; the old one stays, for what was asked before.
 */
#include "model/price.h"

#define USD(dollars) ((int64_t)((dollars)*1000000 + 0.5) * 1000)
#define ROW(name, since, above, in, cached, write, out, source)                          \
	{                                                                                \
		name, since, above,                                                      \
			{                                                                \
				true,     USD(in),  USD(cached), USD(write),             \
				USD(out), USD(out), 0.5,                                 \
			},                                                               \
			&(source)                                                        \
	}

static const struct price_source llm_prices = {"simonw/llm-prices", "2026-08-05"};
static const struct price_source apidog = {"apidog.com, second-hand", "2026-10"};
static const struct price_source claude = {"platform.claude.com", "2026-10"};
static const struct price_source synaps = {"docs.rs synaps", "2026-10-10"};
static const struct price_source haiku = {"claude release notes", "2026-10-24"};

/* Providers without a fee for writing to their cache charge the price of input. */
const struct price_row price_list[] = {
	ROW("gpt-4o", "", 0, 2.50, 1.25, 2.50, 10.00, llm_prices),
	ROW("gpt-4o-mini", "", 0, 0.15, 0.075, 0.15, 0.60, llm_prices),
	ROW("gpt-4.1", "", 0, 2.00, 0.50, 2.00, 8.00, llm_prices),
	ROW("gpt-4.1-mini", "", 0, 0.40, 0.10, 0.40, 1.60, llm_prices),
	ROW("gpt-4.1-nano", "", 0, 0.10, 0.025, 0.10, 0.40, llm_prices),
	ROW("gpt-5", "", 0, 1.25, 0.125, 1.25, 10.00, llm_prices),
	ROW("gpt-5-mini", "", 0, 0.25, 0.025, 0.25, 2.00, llm_prices),
	ROW("gpt-5-nano", "", 0, 0.05, 0.005, 0.05, 0.40, llm_prices),
	ROW("gpt-5.1", "", 0, 1.25, 0.125, 1.25, 10.00, llm_prices),
	ROW("gpt-5.2", "", 0, 1.75, 0.175, 1.75, 14.00, llm_prices),
	ROW("gpt-5.4", "", 0, 2.50, 0.25, 2.50, 15.00, llm_prices),
	ROW("gpt-5.4", "", 272000, 5.00, 0.50, 5.00, 22.50, llm_prices),
	ROW("gpt-5.4-mini", "", 0, 0.75, 0.075, 0.75, 4.50, llm_prices),
	ROW("gpt-5.4-nano", "", 0, 0.20, 0.02, 0.20, 1.25, llm_prices),
	ROW("gpt-5.5", "", 0, 5.00, 0.50, 5.00, 30.00, llm_prices),
	ROW("gpt-5.5", "", 272000, 10.00, 1.00, 10.00, 45.00, llm_prices),
	ROW("gpt-5.6-sol", "", 0, 5.00, 0.50, 6.25, 30.00, llm_prices),
	ROW("gpt-5.6-terra", "2026-07-30", 0, 2.00, 0.20, 2.50, 12.00, llm_prices),
	ROW("gpt-5.6-luna", "2026-07-30", 0, 0.20, 0.02, 0.25, 1.20, llm_prices),
	ROW("gpt-6-sol", "", 0, 2.00, 0.20, 2.50, 10.00, apidog),
	ROW("gpt-6-luna", "", 0, 0.10, 0.01, 0.125, 0.50, apidog),
	ROW("o3-mini", "", 0, 1.10, 0.55, 1.10, 4.40, llm_prices),
	ROW("o4-mini", "", 0, 1.10, 0.275, 1.10, 4.40, llm_prices),
	ROW("claude-haiku-4-5", "", 0, 1.00, 0.10, 1.25, 5.00, claude),
	ROW("claude-haiku-5-5", "", 0, 0.10, 0.01, 0.125, 0.50, haiku),
	ROW("claude-haiku-5-5", "", 100000, 0.50, 0.05, 0.625, 2.50, haiku),
	ROW("claude-sonnet-4-5", "", 0, 3.00, 0.30, 3.75, 15.00, synaps),
	ROW("claude-sonnet-4-6", "", 0, 3.00, 0.30, 3.75, 15.00, synaps),
	ROW("claude-sonnet-5", "", 0, 2.00, 0.20, 2.50, 10.00, synaps),
	ROW("claude-sonnet-5-5", "", 0, 2.00, 0.20, 2.50, 10.00, synaps),
	ROW("claude-sonnet-5-5", "2026-10-07", 0, 2.00, 0.10, 2.50, 10.00, synaps),
	ROW("claude-opus-4-5", "", 0, 5.00, 0.50, 6.25, 25.00, claude),
	ROW("claude-opus-4-6", "", 0, 5.00, 0.50, 6.25, 25.00, claude),
	ROW("claude-opus-4-7", "", 0, 5.00, 0.50, 6.25, 25.00, claude),
	ROW("claude-opus-5", "", 0, 5.00, 0.50, 6.25, 25.00, claude),
	ROW("claude-opus-5-5", "", 0, 4.00, 0.20, 5.00, 20.00, claude),
	ROW("claude-fable-5", "", 0, 10.00, 1.00, 12.50, 50.00, claude),
	ROW("claude-fable-5-1", "", 0, 10.00, 0.25, 12.50, 50.00, claude),
	ROW("gemini-2.5-flash", "", 0, 0.30, 0.03, 0.30, 2.50, llm_prices),
	ROW("gemini-2.5-flash-lite", "", 0, 0.10, 0.01, 0.10, 0.40, llm_prices),
	ROW("gemini-2.5-pro", "", 0, 1.25, 0.125, 1.25, 10.00, llm_prices),
};

const size_t price_list_n = sizeof(price_list) / sizeof(price_list[0]);
