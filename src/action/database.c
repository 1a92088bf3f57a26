/*
 * database.c - the sessions of one connection and the line before them. See database.h.
 *
 * The line, the places and who uses them are the loop's; a job and its place belong to a
 * work thread from loop_work until its end is back on the loop. A cancelled job ends by
 * itself, soon, and is only forgotten.
 */
#include "action/database.h"

#include <string.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"

#define SESSIONS_MAX 16

struct db_job {
	TAILQ_ENTRY(db_job) link; /* in line */
	struct database *database;
	struct arena arena;
	struct db_request request;
	int64_t end_ms;
	atomic_bool stop;
	bool running;
	struct loop_timer waiting; /* in line, until end_ms */
	struct db_place *place;
	struct loop_work work;
	struct db_reply reply;
	db_done_fn *done; /* NULL: nobody waits any more */
	void *arg;
};

struct database {
	struct loop *loop;
	struct arena arena;
	struct connection connection; /* a copy: the configuration's may go */
	TAILQ_HEAD(, db_job) line;
	struct db_place places[SESSIONS_MAX];
	bool used[SESSIONS_MAX];
	size_t running;
	bool closed;
};

bool
db_is_over(const struct db_bounds *bounds)
{
	return atomic_load(bounds->stop) || clock_steady_ms() >= bounds->end_ms;
}

/* ---- life -------------------------------------------------------------------------- */

static void
free_database(struct database *database)
{
	size_t i;

	for (i = 0; i < SESSIONS_MAX; i++)
		if (database->places[i].session != NULL)
			database->connection.driver->close(database->places[i].session);
	arena_done(&database->arena);
	mem_free(database);
}

static int
copy_connection(struct database *database, const struct connection *connection)
{
	struct connection *copy = &database->connection;
	size_t i;

	*copy = *connection;
	copy->database = NULL;
	copy->name = arena_str(&database->arena, connection->name);
	copy->place = arena_cstr(&database->arena, str_of(connection->place));
	copy->secret = connection->secret != NULL
	                       ? arena_cstr(&database->arena, str_of(connection->secret))
	                       : NULL;
	for (i = 0; i < SESSIONS_MAX; i++)
		database->places[i].connection = copy;
	return copy->place == NULL || (connection->secret != NULL && copy->secret == NULL)
	               ? HEED_E_NOMEM
	               : 0;
}

/* The connection's, made at first use. NULL without memory. */
static struct database *
want_database(struct connection *connection, struct loop *loop)
{
	struct database *database = connection->database;

	if (database != NULL)
		return database;
	database = mem_new(sizeof(*database));
	if (database == NULL)
		return NULL;
	database->loop = loop;
	arena_init(&database->arena, 512);
	TAILQ_INIT(&database->line);
	if (copy_connection(database, connection) < 0) {
		free_database(database);
		return NULL;
	}
	connection->database = database;
	return database;
}

static void
free_job(struct db_job *job)
{
	arena_done(&job->arena);
	mem_free(job);
}

/* ---- running ----------------------------------------------------------------------- */

static void start_next(struct database *database);

/* In a work thread. */
static void
run_job(void *arg)
{
	struct db_job *job = arg;
	struct db_bounds bounds = {job->end_ms, &job->stop};

	job->reply.code =
		once_run(job->place, &job->request, &bounds, &job->arena,
	                 &job->reply.result, &job->reply.begun, &job->reply.error);
}

static void
job_done(void *arg)
{
	struct db_job *job = arg;
	struct database *database = job->database;

	database->running--;
	database->used[job->place - database->places] = false;
	if (job->done != NULL)
		job->done(job->arg, &job->reply);
	free_job(job);
	if (!database->closed)
		start_next(database);
	else if (database->running == 0)
		free_database(database);
}

/* A place that nobody uses, if possible with a session. */
static struct db_place *
find_place(struct database *database)
{
	struct db_place *place = NULL;
	int64_t i;

	for (i = 0; i < database->connection.sessions; i++) {
		if (database->used[i])
			continue;
		if (place == NULL || database->places[i].session != NULL)
			place = &database->places[i];
		if (place->session != NULL)
			break;
	}
	return place;
}

static void
start_next(struct database *database)
{
	struct db_job *job = TAILQ_FIRST(&database->line);
	struct db_place *place = job != NULL ? find_place(database) : NULL;

	if (place == NULL)
		return;
	TAILQ_REMOVE(&database->line, job, link);
	loop_timer_clear(database->loop, &job->waiting);
	database->used[place - database->places] = true;
	database->running++;
	job->running = true;
	job->place = place;
	job->work = (struct loop_work){.run = run_job, .done = job_done, .arg = job};
	loop_work(database->loop, &job->work);
}

/* It waited in line for too long. */
static void
give_up(void *arg)
{
	struct db_job *job = arg;

	TAILQ_REMOVE(&job->database->line, job, link);
	job->reply.code = error_set(&job->reply.error, HEED_E_TIMEOUT,
	                            "no session of the connection was free in time");
	job->done(job->arg, &job->reply);
	free_job(job);
}

/* Everything that the work thread reads is the job's own. */
static int
copy_request(struct db_job *job, const struct db_request *request)
{
	job->request = *request;
	job->request.statement = arena_str(&job->arena, request->statement);
	job->request.key = arena_str(&job->arena, request->key);
	if (job->request.statement.data == NULL || job->request.key.data == NULL)
		return HEED_E_NOMEM;
	return json_copy(&job->arena, request->values, &job->request.values);
}

int
database_run(struct connection *connection, struct loop *loop,
             const struct db_request *request, db_done_fn *done, void *arg,
             struct db_job **ret_job)
{
	struct database *database = want_database(connection, loop);
	struct db_job *job = database != NULL ? mem_new(sizeof(*job)) : NULL;

	if (job == NULL)
		return HEED_E_NOMEM;
	arena_init(&job->arena, 4096);
	if (copy_request(job, request) < 0) {
		free_job(job);
		return HEED_E_NOMEM;
	}
	job->database = database;
	job->end_ms = clock_steady_ms() + request->timeout_ms;
	job->reply.result = json_null();
	job->done = done;
	job->arg = arg;
	TAILQ_INSERT_TAIL(&database->line, job, link);
	loop_timer_init(&job->waiting, give_up, job);
	loop_timer_set(loop, &job->waiting, request->timeout_ms);
	start_next(database);
	*ret_job = job;
	return 0;
}

void
database_cancel(struct db_job *job)
{
	job->done = NULL;
	atomic_store(&job->stop, true);
	if (job->running)
		return;
	TAILQ_REMOVE(&job->database->line, job, link);
	loop_timer_clear(job->database->loop, &job->waiting);
	free_job(job);
}

void
database_close(struct database *database)
{
	if (database == NULL)
		return;
	/* Those who wait have been cancelled by their owners. */
	database->closed = true;
	if (database->running == 0)
		free_database(database);
}
