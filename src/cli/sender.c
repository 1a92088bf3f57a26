/*
 * sender.c - see sender.h.
 */
#include "cli/sender.h"

#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "cli/admin_client.h"
#include "service/intake.h"

#define BUSY_WAIT_MS 200
#define BUSY_MAX_MS 60000

struct sender {
	struct admin_client *client; /* one of the two */
	struct intake *intake;
};

int
sender_open(struct app *app, struct sender **ret_sender, struct heed_error *error)
{
	struct sender *sender = mem_new(sizeof(*sender));
	int r = sender == NULL ? error_nomem(error)
	                       : admin_client_open(app, &sender->client, error);

	if (r < 0)
		sender_close(sender);
	else
		*ret_sender = sender;
	return r;
}

int
sender_open_store(const struct cli_args *args, struct app *app,
                  struct sender **ret_sender, struct heed_error *error)
{
	struct sender *sender = mem_new(sizeof(*sender));
	struct cli_args load = *args;
	int r;

	if (sender == NULL)
		return error_nomem(error);
	app_done(app);
	load.n_words = 0; /* the words are the command's own */
	r = cli_load(&load, app);
	if (r == 0)
		r = intake_open(app, &sender->intake, error);
	if (r != 0)
		sender_close(sender);
	else
		*ret_sender = sender;
	return r;
}

void
sender_close(struct sender *sender)
{
	if (sender == NULL)
		return;
	admin_client_close(sender->client);
	intake_close(sender->intake);
	mem_free(sender);
}

static int
post(struct sender *sender, const struct event *events, size_t n, struct sent *sent,
     struct heed_error *error)
{
	struct json_build list;
	struct heed_json body;
	struct heed_json answer = json_null();
	struct arena arena;
	size_t i;
	int r;

	arena_init(&arena, 0);
	json_array(&list, &arena);
	for (i = 0; i < n; i++)
		json_push(&list, events[i].root);
	r = json_build_end(&list, &body) < 0
	            ? error_nomem(error)
	            : admin_client_call(sender->client, "POST", "/events", body, &arena,
	                                &answer, error);
	if (r == 0) {
		sent->accepted += json_get_int(answer, "accepted", 0);
		sent->duplicates += json_get_int(answer, "duplicates", 0);
	} else if (r == HEED_E_NETWORK && n == 1) {
		error_hint(error,
		           "it may be on disk all the same; sent again with --id %.*s it "
		           "counts once",
		           STR_ARG(events[0].id));
	} else if (r == HEED_E_NETWORK) {
		error_hint(error, "some may be on disk all the same; those that have an "
		                  "id count once when they are sent again");
	}
	arena_done(&arena);
	return r;
}

int
sender_send(struct sender *sender, const struct event *events, size_t n,
            struct sent *sent, struct heed_error *error)
{
	int64_t until_ms = clock_steady_ms() + BUSY_MAX_MS;
	size_t accepted = 0;
	size_t duplicates = 0;
	int r;

	if (sender->client == NULL) {
		HEED_TRY(intake_send(sender->intake, events, n, &accepted, &duplicates,
		                     error));
		sent->accepted += (int64_t)accepted;
		sent->duplicates += (int64_t)duplicates;
		return 0;
	}
	while ((r = post(sender, events, n, sent, error)) == HEED_E_BUSY &&
	       clock_steady_ms() < until_ms)
		(void)usleep(BUSY_WAIT_MS * 1000);
	return r;
}
