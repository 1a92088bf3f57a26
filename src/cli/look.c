/*
 * look.c - see look.h.
 */
#include "cli/look.h"

#include "service/service.h"

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
		r = service_store_place(&app, &place);
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
