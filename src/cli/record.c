/*
 * record.c - see record.h.
 */
#include "cli/record.h"

#include "cli/cli.h"

int
record_print(struct heed_json value)
{
	struct heed_buf buf;

	buf_init(&buf, 0);
	json_write(&buf, value, JSON_COMPACT);
	buf_addc(&buf, '\n');
	return cli_print(&buf);
}
