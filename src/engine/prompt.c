/*
 * prompt.c - see prompt.h.
 */
#include "engine/prompt.h"

#include "base/error.h"
#include "base/json.h"

/* Said to the model when placeholders may come back. */
#define NOTE                                                                             \
	"Placeholders in square brackets, such as [EMAIL_1], stand for values that are " \
	"kept back. Use them as they are, where their values belong."

static const struct redact_rules *
common_rules(const struct engine *engine)
{
	return engine->options.redact != NULL
	               ? engine->options.redact(engine->options.arg)
	               : NULL;
}

static int
render(struct run *run, const struct template *template, const struct prompt *prompt,
       struct heed_str *ret_text, struct heed_error *error)
{
	struct heed_str text = {NULL, 0};
	struct heed_buf buf;
	int r = 0;

	*ret_text = text;
	if (template == NULL)
		return 0;
	buf_init(&buf, 0);
	r = template_render(template, prompt->input, &run->arena, &buf, error);
	if (r == 0 && buf_error(&buf) == 0)
		text = arena_str(&run->arena, buf_str(&buf));
	if (r == 0 && buf_error(&buf) == HEED_E_LIMIT)
		r = error_set(error, HEED_E_LIMIT, "it is longer than 64 MiB");
	else if (r == 0 && text.data == NULL)
		r = error_nomem(error);
	buf_done(&buf);
	if (r == 0 && prompt->redaction != NULL)
		r = redaction_text(prompt->redaction, text, &text);
	*ret_text = text;
	return r;
}

bool
prompt_keeps_back(const struct run *run, const struct ask *ask)
{
	const struct redact_rules *common = common_rules(run->engine);

	return ask->redact.n > 0 || (common != NULL && common->n > 0);
}

/* The words for a failure of keeping back. */
static int
say_why(int code, struct heed_error *error)
{
	if (code == HEED_E_LIMIT)
		return error_set(error, code,
		                 "too much of it is to be kept back (redact:)");
	return error_nomem(error);
}

static int
keep_back(struct run *run, const struct ask *ask, struct heed_json input,
          struct prompt *prompt)
{
	const struct redact_rules *lists[] = {common_rules(run->engine), &ask->redact};

	if (!prompt_keeps_back(run, ask))
		return 0;
	return redaction_new(&run->arena, lists, 2, input, &prompt->redaction,
	                     &prompt->input);
}

static int
add_note(struct run *run, struct prompt *prompt)
{
	if (prompt->redaction == NULL || !redaction_restores(prompt->redaction))
		return 0;
	prompt->system = arena_printf(&run->arena, "%.*s%s%s", STR_ARG(prompt->system),
	                              prompt->system.len > 0 ? "\n\n" : "", NOTE);
	return prompt->system.data != NULL ? 0 : HEED_E_NOMEM;
}

int
prompt_make(struct run *run, const struct ask *ask, struct heed_json input,
            struct prompt *ret_prompt, struct heed_error *error)
{
	struct prompt prompt = {.input = input};
	struct heed_error unused;
	int r;

	error = error != NULL ? error : &unused;
	error->text[0] = '\0';
	r = keep_back(run, ask, input, &prompt);
	if (r == 0)
		r = render(run, ask->system, &prompt, &prompt.system, error);
	if (r == 0)
		r = render(run, ask->prompt, &prompt, &prompt.text, error);
	if (r == 0)
		r = add_note(run, &prompt);
	if (r == 0) {
		*ret_prompt = prompt;
		return 0;
	}
	prompt_done(&prompt);
	return error->text[0] != '\0' ? r : say_why(r, error);
}

int
prompt_clean(struct prompt *prompt, struct heed_str text, struct heed_str *ret_text,
             struct heed_error *error)
{
	int r;

	*ret_text = text;
	if (prompt->redaction == NULL)
		return 0;
	r = redaction_text(prompt->redaction, text, ret_text);
	return r < 0 ? say_why(r, error) : 0;
}

void
prompt_done(struct prompt *prompt)
{
	redaction_free(prompt->redaction);
	prompt->redaction = NULL;
}

/* Was this prompt what the entry asked? */
static bool
was_asked(struct run *run, const struct prompt *prompt, const struct entry *entry)
{
	struct heed_json request;

	return json_parse(&run->arena, entry->request, &request, NULL) == 0 &&
	       str_eq(json_get_text(request, "prompt"), prompt->text) &&
	       str_eq(json_get_text(request, "system"), prompt->system);
}

int
prompt_restore(struct run *run, const struct ask *ask, const struct prompt *prompt,
               const struct entry *entry, struct heed_str *text)
{
	if (prompt->redaction == NULL || !redaction_restores(prompt->redaction) ||
	    str_find(*text, '[') == text->len || !was_asked(run, prompt, entry))
		return 0;
	return redaction_restore(prompt->redaction, *text,
	                         ask->answer != NULL ? REDACT_JSON : REDACT_PLAIN, text);
}
