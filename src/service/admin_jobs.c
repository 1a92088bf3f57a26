/*
 * admin_jobs.c - POST /jobs and DELETE /jobs/N: redrives begin, and are ended early.
 * Answered once that is on disk. How far they are is in the store, for all to read.
 */
#include "base/error.h"
#include "base/json.h"
#include "engine/engine.h"
#include "service/admin.h"
#include "service/local.h"

static void
answered(void *arg, int code, int64_t job)
{
	struct call *call = arg;
	struct heed_error error = {0};
	struct heed_json value = json_null();
	struct json_build build;

	if (code != 0) {
		(void)error_set(&error, code, "%s",
		                code == HEED_E_NOTFOUND ? "the job was done before"
		                                        : heed_code_text(code));
		call_problem(call, &error);
		return;
	}
	json_object(&build, &call->exchange->arena);
	json_set_cstr(&build, "job", json_int(job));
	(void)json_build_end(&build, &value);
	call_answer(call, 202, value);
}

int
admin_redrive(struct call *call, struct heed_error *error)
{
	struct redrive what;

	HEED_TRY(redrive_read(call->body, &call->exchange->arena, &what, error));
	return engine_redrive(call->service->engine, &what,
	                      json_get_int(call->body, "total", 0), answered, call,
	                      error);
}

int
admin_cancel_job(struct call *call, struct heed_error *error)
{
	int64_t job;

	if (str_to_i64(call->rest, &job) < 0)
		return error_set(error, HEED_E_INVALID, "\"%.*s\" is no job's number",
		                 STR_ARG(call->rest));
	return engine_cancel_job(call->service->engine, job, answered, call, error);
}
