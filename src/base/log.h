/*
 * log.h - the process's log: one line an outcome, on standard error, as text or JSON.
 *
 * Only the callers at the top log; library code returns errors. Fields are pairs of a
 * name and a value; a value that looks like a secret never gets here (config keeps them
 * apart).
 */
#ifndef HEED_BASE_LOG_H
#define HEED_BASE_LOG_H

#include "heed.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_SILENT };
enum log_form { LOG_TEXT, LOG_JSON };

/* Process-wide. Default: LOG_INFO, LOG_TEXT. */
void log_setup(enum log_level least, enum log_form form);
enum log_form log_form(void);
bool log_wants(enum log_level level);

struct log_field {
	const char *name;
	struct heed_str text;
	int64_t number;
	int is_number;
};

#define LOG_S(name, value) ((struct log_field){(name), (value), 0, 0})
#define LOG_N(name, value) ((struct log_field){(name), {NULL, 0}, (value), 1})

/* Write one line. `what` is a short constant sentence such as "run done". A line of text
 * leaves out what is empty. Thread-safe. */
void log_write(enum log_level level, const char *what, const struct log_field *fields,
               size_t n);

/* log_event(LOG_INFO, "run done", LOG_S("run", id), LOG_N("ms", 12)); */
#define log_event(level, what, ...)                                                      \
	do {                                                                             \
		if (log_wants(level)) {                                                  \
			const struct log_field log_fields_[] = {__VA_ARGS__};            \
			log_write(level, what, log_fields_,                              \
			          sizeof(log_fields_) / sizeof(log_fields_[0]));         \
		}                                                                        \
	} while (0)
/* The same for a failure: its text, where and hint become fields. */
void log_failure(enum log_level level, const char *what, const struct heed_error *error);

#endif
