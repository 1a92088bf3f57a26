/*
 * look.c - see look.h.
 */
#include "cli/look.h"

#include "base/error.h"
#include "cli/out.h"
#include "service/service.h"

int
cli_filter(const struct cli_args *args, struct store_filter *filter,
           struct heed_error *error)
{
	const char *since = cli_value(args, "--since");
	const char *until = cli_value(args, "--until");
	const char *limit = cli_value(args, "--limit");

	if (since != NULL)
		HEED_TRY(out_read_time("--since", since, &filter->since_us, error));
	if (until != NULL)
		HEED_TRY(out_read_time("--until", until, &filter->until_us, error));
	filter->limit = 50;
	if (limit != NULL &&
	    (str_to_i64(str_of(limit), &filter->limit) < 0 || filter->limit < 0))
		return error_set(error, CLI_E_USAGE,
		                 "--limit takes a number, 0 for all, not \"%s\"", limit);
	return 0;
}

int
cli_look(const struct command *command, int argc, char **argv, cli_look_fn *look)
{
	struct heed_error error = {0};
	struct store *store = NULL;
	struct heed_str place;
	struct app app = {0};
	struct cli_args args;
	int r = cli_parse(command, argc, argv, &args);

	if (r != 0 || args.command == NULL)
		return r;
	r = cli_load_place(&args, &app);
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
