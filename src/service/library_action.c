/*
 * library_action.c - actions in C as action kinds.
 *
 * What a program holds of an attempt, a struct heed_call, is not the engine's call: it
 * outlives that when the engine gives up first, and the word that it is done comes by
 * mail. So a program may end its call whenever it likes, from wherever it likes, once.
 */
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "config/bind.h"
#include "pattern/acts.h"
#include "service/library.h"

struct c_kind {
	struct action_kind kind; /* first */
	const struct heed_action *code;
	struct mailbox *mailbox; /* the heed's */
};

struct c_action {
	struct action action; /* first */
	struct shape *options;
};

struct heed_call {
	struct mail mail; /* first */
	struct mailbox *mailbox;
	struct action_call *call; /* NULL: it was cancelled; the loop's */
	struct arena arena;
	struct heed_json options;
	const char *key;
	int64_t timeout_ms;
	int code; /* of the end */
	struct heed_json result;
	struct heed_error error;
};

static const struct option options[] = {
	{.name = "options",
         .kind = OPTION_SHAPE,
         .offset = offsetof(struct c_action, options),
         .flags = OPTION_WHOLE,
         .help = "what the program's action takes"},
	OPTION_ROWS_END,
};

static const struct c_kind *
kind_of(const struct action *action)
{
	return (const struct c_kind *)action->kind;
}

static enum effect_class
effect(const struct action *action)
{
	return kind_of(action)->code->effect == HEED_KEYED ? EFFECT_KEYED
	                                                   : EFFECT_UNKEYED;
}

static int
prepare(const struct action *action, struct heed_json input, struct arena *arena,
        struct heed_json *ret_request, struct heed_error *error)
{
	const struct c_action *mine = (const struct c_action *)action;

	if (mine->options == NULL) {
		*ret_request = json_null();
		return 0;
	}
	return shape_eval(mine->options, input, arena, ret_request, error);
}

/* ---- one attempt ------------------------------------------------------------------- */

static void
call_free(struct heed_call *call)
{
	arena_done(&call->arena);
	mailbox_unref(call->mailbox);
	mem_free(call);
}

static void
read_end(struct mail *mail, bool lost)
{
	struct heed_call *mine = (struct heed_call *)mail;
	struct action_call *call = lost ? NULL : mine->call;

	if (call != NULL)
		action_done(call, mine->code, mine->result, -1,
		            mine->error.text[0] != '\0' ? &mine->error : NULL);
	call_free(mine);
}

static struct heed_call *
call_new(const struct c_kind *kind, struct action_call *call)
{
	struct heed_call *mine = mem_new(sizeof(*mine));

	if (mine == NULL)
		return NULL;
	arena_init(&mine->arena, 0);
	mine->mail.read = read_end;
	mine->mailbox = kind->mailbox;
	mailbox_ref(mine->mailbox);
	mine->call = call;
	mine->timeout_ms = call->timeout_ms;
	mine->key = arena_cstr(&mine->arena, call->key);
	if (json_copy(&mine->arena, call->request, &mine->options) < 0 ||
	    mine->key == NULL) {
		call_free(mine);
		return NULL;
	}
	return mine;
}

static int
perform(struct action *action, struct action_call *call, struct heed_error *error)
{
	const struct c_kind *kind = kind_of(action);
	struct heed_call *mine = call_new(kind, call);
	int r;

	if (mine == NULL)
		return error_nomem(error);
	call->context = mine;
	r = kind->code->perform(kind->code->arg, mine, error);
	if (r == 0)
		return 0;
	if (r > 0)
		r = HEED_E_PERMANENT;
	if (error != NULL && error->text[0] == '\0')
		(void)error_set(error, r, "%s", heed_code_text(r));
	call_free(mine);
	return r;
}

static void
cancel(struct action *action, struct action_call *call)
{
	const struct c_kind *kind = kind_of(action);
	struct heed_call *mine = call->context;

	mine->call = NULL;
	if (kind->code->cancel != NULL)
		kind->code->cancel(kind->code->arg, mine);
}

struct heed_json
heed_call_options(const struct heed_call *call)
{
	return call->options;
}

const char *
heed_call_key(const struct heed_call *call)
{
	return call->key;
}

int64_t
heed_call_timeout_ms(const struct heed_call *call)
{
	return call->timeout_ms;
}

void
heed_action_done(struct heed_call *call, int code, struct heed_json result,
                 const char *text)
{
	call->code = code > 0 ? HEED_E_PERMANENT : code;
	call->result = json_null();
	if (call->code == 0 && json_copy(&call->arena, result, &call->result) < 0) {
		/* It happened, and what it gave is lost. */
		call->code = HEED_E_UNKNOWN;
		text = "there was no memory for its result";
	}
	if (call->code != 0)
		(void)error_set(&call->error, call->code, "%s",
		                text != NULL ? text : heed_code_text(code));
	mailbox_put(call->mailbox, &call->mail);
}

/* ---- adding ------------------------------------------------------------------------ */

static int
check(const struct heed *heed, const struct heed_action *code, struct heed_error *error)
{
	const struct action_kind *other;
	size_t i;

	HEED_TRY(library_may_add(heed, "action", code->name, error));
	if (code->perform == NULL ||
	    (code->effect != HEED_KEYED && code->effect != HEED_UNKEYED))
		return error_set(error, HEED_E_INVALID,
		                 "action %s needs perform, and effect HEED_KEYED or "
		                 "HEED_UNKEYED",
		                 code->name);
	if (acts_reserves(str_of(code->name)))
		return error_set(error, HEED_E_EXISTS,
		                 "\"%s\" stands beside actions and cannot name one",
		                 code->name);
	for (i = 0; (other = action_kind_at(&heed->kinds, i)) != NULL; i++)
		if (strcmp(other->name, code->name) == 0)
			return error_set(error, HEED_E_EXISTS,
			                 "there is an action \"%s\" already", code->name);
	return 0;
}

int
heed_add_action(struct heed *heed, const struct heed_action *action,
                struct heed_error *error)
{
	struct kinds *kinds = &heed->kinds;
	struct c_kind *mine;

	HEED_TRY(check(heed, action, error));
	mine = mem_new(sizeof(*mine));
	if (mine == NULL ||
	    mem_grow((void **)&kinds->actions, &heed->cap_actions, kinds->n_actions + 1,
	             sizeof(kinds->actions[0])) < 0) {
		mem_free(mine);
		return error_nomem(error);
	}
	mine->code = action;
	mine->mailbox = heed->mailbox;
	mine->kind = (struct action_kind){
		.name = action->name,
		.help = action->help != NULL ? action->help : "an action of the program",
		.options = options,
		.size = sizeof(struct c_action),
		.effect = effect,
		.prepare = prepare,
		.perform = perform,
		.cancel = cancel,
	};
	kinds->actions[kinds->n_actions++] = &mine->kind;
	return 0;
}

void
library_free_actions(struct heed *heed)
{
	size_t i;

	for (i = 0; i < heed->kinds.n_actions; i++)
		mem_free((void *)heed->kinds.actions[i]);
	mem_free((void *)heed->kinds.actions);
}
