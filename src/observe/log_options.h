/*
 * log_options.h - the `log:` section of a configuration.
 */
#ifndef HEED_OBSERVE_LOG_OPTIONS_H
#define HEED_OBSERVE_LOG_OPTIONS_H

#include "config/option.h"

struct log_options {
	int level; /* enum log_level */
	int form;  /* enum log_form */
};

extern const struct option log_options[];

#endif
