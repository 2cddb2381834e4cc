/*
 * template - the least a transport has to do; a beginning for one of your own.
 *
 * It is an echo: what is to be sent is answered with the same bytes, from a thread of its own, and
 * with `receive: yes` in its block each of them is handed in as well, through the first entry of
 * `receive`. No network is touched, so the host's tests use it as a system that always answers.
 *
 * It needs nothing but packhorse/adapter.h and POSIX threads:
 *   cc -shared -fPIC -fvisibility=hidden -I<include> -o template.so template.c -lpthread
 */
#include <packhorse/adapter.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One request waiting for its echo. */
typedef struct job {
	struct job *next;
	uint64_t token;
	uint64_t length;
	char bytes[];
} job;

/* One instance: everything lives here, nothing in globals, so that there may be several. */
typedef struct echo {
	const ph_adapter_host *host;
	int receives; /* hand in what is sent, too */
	pthread_t thread;
	int started;
	pthread_mutex_t lock;
	pthread_cond_t more;
	job *first, *last; /* under the lock, as the next */
	int stopping;
} echo;

static uint32_t
fail(ph_adapter_error *error, uint32_t code, const char *path, const char *text)
{
	if (error && error->size >= sizeof *error) {
		error->code = code;
		snprintf(error->path, sizeof error->path, "%s", path);
		snprintf(error->text, sizeof error->text, "%s", text);
	}
	return code;
}

/* [any] The answer to one token: exactly once. */
static void
answer(echo *it, const job *work)
{
	ph_adapter_answer out = {.size = sizeof out,
	    .verdict = PH_ADAPTER_ANSWERED,
	    .status = 200,
	    .body = {work->bytes, work->length}};
	it->host->answered(it->host->self, work->token, &out);
}

/* Nobody waits for what becomes of it, so there is no `done`; what fails is kept by the host. */
static void
hand_in(echo *it, const job *work)
{
	ph_adapter_received in = {
	    .size = sizeof in, .body = {work->bytes, work->length}};
	ph_adapter_error error = {.size = sizeof error};
	if (it->host->receive(it->host->self, &in, &error)) {
		ph_adapter_text text = {error.text, strlen(error.text)};
		it->host->log(it->host->self, PH_ADAPTER_LOG_WARN, text);
	}
}

/* The next job, or NULL when it is time to stop. */
static job *
take(echo *it)
{
	pthread_mutex_lock(&it->lock);
	while (!it->first && !it->stopping)
		pthread_cond_wait(&it->more, &it->lock);
	job *work = it->first;
	if (work) {
		it->first = work->next;
		if (!it->first)
			it->last = NULL;
	}
	pthread_mutex_unlock(&it->lock);
	return work;
}

static void *
run(void *self)
{
	echo *it = self;
	job *work = NULL;
	while ((work = take(it))) {
		if (it->receives)
			hand_in(it, work);
		answer(it, work);
		free(work);
	}
	return NULL;
}

/* ---- what the host calls ---- */

static uint32_t
create(const ph_adapter_host *host, const ph_adapter_config *config, void **instance,
    ph_adapter_error *error)
{
	echo *it = calloc(1, sizeof *it);
	if (!it)
		return fail(error, PH_ADAPTER_FAILED, "", "out of memory");
	it->host = host;
	/* a real plug-in reads its JSON with a JSON reader; the schema has been checked already */
	char *json = malloc(config->json.length + 1);
	if (!json) {
		free(it);
		return fail(error, PH_ADAPTER_FAILED, "", "out of memory");
	}
	memcpy(json, config->json.data, config->json.length);
	json[config->json.length] = '\0';
	it->receives = strstr(json, "\"receive\":true") != NULL;
	free(json);
	pthread_mutex_init(&it->lock, NULL);
	pthread_cond_init(&it->more, NULL);
	*instance = it;
	return PH_ADAPTER_OK;
}

static uint32_t
start(void *instance, uint64_t deadline, ph_adapter_error *error)
{
	echo *it = instance;
	(void) deadline; /* nothing here takes time */
	if (pthread_create(&it->thread, NULL, run, it))
		return fail(error, PH_ADAPTER_FAILED, "", "no thread to be had");
	it->started = 1;
	return PH_ADAPTER_OK;
}

static uint32_t
send_bytes(void *instance, const ph_adapter_request *request, ph_adapter_error *error)
{
	echo *it = instance;
	/* the request is only lent for this call: copy what is needed later */
	job *work = malloc(sizeof *work + request->body.length);
	if (!work)
		return fail(error, PH_ADAPTER_BUSY, "", "out of memory");
	*work = (job){.token = request->token, .length = request->body.length};
	if (request->body.length)
		memcpy(work->bytes, request->body.data, request->body.length);
	pthread_mutex_lock(&it->lock);
	if (it->last)
		it->last->next = work;
	else
		it->first = work;
	it->last = work;
	pthread_cond_signal(&it->more);
	pthread_mutex_unlock(&it->lock);
	return PH_ADAPTER_OK;
}

static void
stop(void *instance, uint64_t deadline)
{
	echo *it = instance;
	(void) deadline;
	pthread_mutex_lock(&it->lock);
	it->stopping = 1;
	pthread_cond_signal(&it->more);
	pthread_mutex_unlock(&it->lock);
	pthread_join(it->thread, NULL); /* what waits is answered first */
	it->started = 0;
}

static void
destroy(void *instance)
{
	echo *it = instance;
	if (it->started)
		stop(it, 0);
	pthread_mutex_destroy(&it->lock);
	pthread_cond_destroy(&it->more);
	free(it);
}

static const ph_adapter_ops ops = {
    .size = sizeof ops,
    .create = create,
    .start = start,
    .send = send_bytes,
    .stop = stop,
    .destroy = destroy,
};

/* The one thing that is exported. The numbers of the ABI are literals: they say what this file was
 * written for, not which header it happens to be compiled with. One that says 2 has to look at the
 * request's operation: a FETCH reads and changes nothing. */
PH_ADAPTER_EXPORT const ph_adapter_manifest ph_adapter = {
    .size = sizeof ph_adapter,
    .abi_major = 0,
    .abi_minor_least = 1,
    .abi_minor_built = 1, /* it makes no use of what came later */
    .required = PH_ADAPTER_CAN_SEND | PH_ADAPTER_CAN_RECEIVE,
    .name = "template",
    .version = "0.1.0",
    .vendor = "Packhorse",
    .licence = "Apache-2.0",
    .schema = "{\"type\":\"object\",\"properties\":{\"transport\":{\"type\":\"object\","
	      "\"additionalProperties\":false,\"properties\":{"
	      "\"receive\":{\"type\":\"boolean\"}}}}}",
    .ops = &ops,
};
