/*
 * log_options.c - see log_options.h.
 */
#include "observe/log_options.h"

static const char *const level_names[] = {"debug", "info",   "warn",
                                          "error", "silent", NULL};
static const char *const form_names[] = {"text", "json", NULL};

const struct option log_options[] = {
	{.name = "level",
         .kind = OPTION_ENUM,
         .offset = offsetof(struct log_options, level),
         .fallback = "info",
         .names = level_names,
         .help = "the least that is told: info has a line for every run that ends, warn "
                 "only for those that failed"},
	{.name = "form",
         .kind = OPTION_ENUM,
         .offset = offsetof(struct log_options, form),
         .fallback = "text",
         .names = form_names,
         .help = "text for people, or json: an object a line"},
	OPTION_ROWS_END,
};
