/*
 * dev_models.h - who answers in heed dev: the model, where its key is set; else its
 * `rules`, or, without these, the simplest answer that its schema allows.
 */
#ifndef HEED_CLI_DEV_MODELS_H
#define HEED_CLI_DEV_MODELS_H

#include "config/app.h"

/* Before the configuration is loaded, and before there are threads: variables that name
 * the keys of models (api_key: ${NAME}) and are not set get a value by which such models
 * are known. What is wrong with the file is left to the loading. */
void dev_models_prepare(const char *path);
/* Has it no key, and is asked for nothing? */
bool dev_model_has_no_key(const struct model *model);
extern const struct model_stand_in dev_models_stand_in;
/* A line for each model: who answers. */
void dev_models_show(struct heed_buf *buf, const struct app *app);

#endif
