/*
 * look.c - see look.h.
 */
#include "cli/look.h"

#include <string.h>

int
cli_store_place(struct app *app, struct heed_str *ret_place)
{
	struct heed_str path = str_from(app->store, 7);
	const char *slash = strrchr(app->path, '/');

	*ret_place = app->store;
	if (!str_starts(app->store, "sqlite:") || slash == NULL ||
	    (path.len > 0 && path.data[0] == '/'))
		return 0;
	*ret_place = arena_printf(&app->arena, "sqlite:%.*s/%.*s",
	                          (int)(slash - app->path), app->path, STR_ARG(path));
	return ret_place->data == NULL ? HEED_E_NOMEM : 0;
}

int
cli_look(const struct command *command, int argc, char **argv, cli_look_fn *look)
{
	struct heed_error error = {0};
	struct store *store = NULL;
	struct heed_str place;
	struct app app = {0};
	struct cli_args args;
	struct cli_args load;
	int r = cli_parse(command, argc, argv, &args);

	if (r != 0 || args.command == NULL)
		return r;
	load = args;
	load.n_words = 0; /* words are the command's own, not a configuration */
	r = cli_load(&load, &app);
	if (r == 0) {
		r = cli_store_place(&app, &place);
		if (r == 0)
			r = store_open_readonly(place, &store, &error);
		if (r == 0)
			r = look(&args, store, &error);
		if (r < 0)
			r = cli_fail(&args, &error);
	}
	store_close(store);
	app_done(&app);
	return r;
}
