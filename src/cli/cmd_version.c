/*
 * cmd_version.c - heed version: this build and what is in it.
 */
#include <curl/curl.h>
#include <microhttpd.h>
#include <sqlite3.h>
#include <stdio.h>
#include <uv.h>

#include "cli/cli.h"
#include "engine/action.h"

static const struct cli_option options[] = {
	{"--json", NULL, "as JSON"},
	{NULL, NULL, NULL},
};

static void
add_names(struct heed_buf *buf, const char *label, const char *(*name)(size_t))
{
	size_t i;

	buf_addf(buf, ",\"%s\":[", label);
	for (i = 0; name(i) != NULL; i++)
		buf_addf(buf, "%s\"%s\"", i > 0 ? "," : "", name(i));
	buf_addc(buf, ']');
}

static const char *
source_name(size_t i)
{
	return source_kinds[i] != NULL ? source_kinds[i]->name : NULL;
}

static const char *
action_name(size_t i)
{
	return action_kinds[i] != NULL ? action_kinds[i]->name : NULL;
}

static const char *
provider_name(size_t i)
{
	return model_provider_names[i];
}

static int
run(int argc, char **argv)
{
	struct cli_args args;
	struct heed_buf buf;
	int r = cli_parse(&cmd_version, argc, argv, &args);

	if (r != 0 || args.command == NULL)
		return r;
	if (!cli_has(&args, "--json")) {
		printf("heed %s\n", HEED_VERSION);
		printf("  libuv %s, libcurl %s, libmicrohttpd %s, SQLite %s\n",
		       uv_version_string(), curl_version_info(CURLVERSION_NOW)->version,
		       MHD_get_version(), sqlite3_libversion());
#ifdef HEED_HAVE_POSTGRESQL
		printf("  with PostgreSQL for sql actions\n");
#else
		printf("  without PostgreSQL\n");
#endif
		return CLI_OK;
	}
	buf_init(&buf, 0);
	buf_addf(&buf, "{\"version\":\"%s\"", HEED_VERSION);
	add_names(&buf, "sources", source_name);
	add_names(&buf, "actions", action_name);
	add_names(&buf, "providers", provider_name);
	buf_adds(&buf, "}\n");
	return cli_print(&buf);
}

const struct command cmd_version = {
	.name = "version",
	.usage = "[--json]",
	.help = "Say which version this is and what was built in.",
	.options = options,
	.run = run,
};
