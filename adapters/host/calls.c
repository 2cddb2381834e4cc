#include "adapters/host/calls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "lib/base/assert.h"
#include "lib/base/log.h"

enum { URL_VALUES_MAX = 32, GRACE_MS = 2000 };

struct ph_call {
	ph_call *next, **link; /* in the host's list */
	ph_host *host;
	uint64_t token;
	uint64_t delivery;
	ph_call_done *done;
	void *self;
	ph_alarm deadline;
};

static ph_call *
find(const ph_host *host, uint64_t token)
{
	for (ph_call *call = host->calls; call; call = call->next)
		if (call->token == token)
			return call;
	return NULL;
}

static void
unlink_call(ph_call *call)
{
	ph_alarm_stop(&call->deadline);
	*call->link = call->next;
	if (call->next)
		call->next->link = call->link;
}

static void
end(ph_call *call, const ph_adapter_answer *answer)
{
	ph_call copy = *call;
	unlink_call(call);
	free(call);
	copy.done(copy.self, answer);
}

static void
end_with(ph_call *call, uint32_t verdict, const char *text)
{
	ph_adapter_answer answer = {
	    .size = sizeof answer, .verdict = verdict, .text = {text, strlen(text)}};
	end(call, &answer);
}

static void
deadline_rings(void *self)
{
	ph_call *call = self;
	ph_log(
	    PH_LOG_WARN, "call-late", "token=%llu", (unsigned long long) call->token);
	end_with(call, PH_ADAPTER_LOST, "PH4050 no word from the transport in time");
}

static ph_call *
make(ph_host *host, const ph_call_task *task, ph_error *err)
{
	PH_ASSERT(task->done != NULL);
	ph_call *call = calloc(1, sizeof *call);
	if (!call) {
		(void) ph_fail(err, PH_ERR_NOMEM, "out of memory");
		return NULL;
	}
	call->host = host;
	call->token = ++host->tokens;
	call->delivery = task->delivery;
	call->done = task->done;
	call->self = task->self;
	call->next = host->calls;
	call->link = &host->calls;
	if (call->next)
		call->next->link = &call->next;
	host->calls = call;
	/* a little after the deadline the plug-in knows: its own word says more */
	ph_alarm_set(&host->alarms, &call->deadline,
	    ph_host_now(host) + task->entry->deadline + GRACE_MS, deadline_rings, call);
	return call;
}

/* The entry's attributes and the map's $url values. Names of the latter go to `names`. */
static size_t
list_attributes(
    const ph_call_task *task, ph_adapter_pair *pairs, char names[URL_VALUES_MAX][72])
{
	size_t count = 0;
	for (size_t i = 0; i < task->entry->attribute_count; i++)
		pairs[count++] = task->entry->attributes[i];
	const char *name = NULL, *value = NULL;
	for (size_t i = 0; task->values && i < URL_VALUES_MAX &&
			   ph_map_call_url(task->values, 0, i, &name, &value);
	     i++) {
		snprintf(names[i], sizeof names[i], "url.%s", name);
		pairs[count++] = (ph_adapter_pair){
		    {names[i], strlen(names[i])}, {value, strlen(value)}};
	}
	return count;
}

typedef uint32_t send_fn(
    void *instance, const ph_adapter_request *request, ph_adapter_error *error);

static ph_status
hand_over(ph_host *host, const ph_call_task *task, send_fn *send, ph_error *err)
{
	char names[URL_VALUES_MAX][72];
	ph_adapter_pair *pairs =
	    calloc(task->entry->attribute_count + URL_VALUES_MAX, sizeof *pairs);
	ph_call *call = pairs ? make(host, task, err) : NULL;
	if (!call) {
		free(pairs);
		return ph_fail(err, PH_ERR_NOMEM, "out of memory");
	}
	uint64_t token = call->token;
	ph_adapter_request request = {.size = sizeof request,
	    .operation = task->operation,
	    .token = token,
	    .deadline = (uint64_t) (ph_host_now(host) + task->entry->deadline),
	    .attempt = task->attempt,
	    .flags = task->flags,
	    .body = {task->bytes, task->length},
	    .content_type = {task->content_type,
		task->content_type ? strlen(task->content_type) : 0},
	    .attributes = pairs,
	    .attribute_count = list_attributes(task, pairs, names),
	    .key = {task->key, task->key ? strlen(task->key) : 0},
	    .reference = {task->reference.data, task->reference.length},
	    .resume = {task->resume.data, task->resume.length},
	    .version = {task->version.data, task->version.length}};
	ph_adapter_error error = {.size = sizeof error};
	uint32_t code = send(host->instance, &request, &error);
	free(pairs);
	error.text[sizeof error.text - 1] = '\0';
	/* the answer cannot have come yet: letters are opened later, by this thread */
	if (code)
		end_with(find(host, token),
		    code == PH_ADAPTER_INVALID || code == PH_ADAPTER_UNSUPPORTED
			? PH_ADAPTER_REFUSED
			: PH_ADAPTER_NOT_SENT,
		    error.text);
	return PH_OK;
}

ph_status
ph_call_start(ph_host *host, const ph_call_task *task, ph_error *err)
{
	return hand_over(host, task, ph_plugin_ops(host->plugin)->send, err);
}

ph_status
ph_call_probe(ph_host *host, const ph_call_task *task, ph_error *err)
{
	return hand_over(host, task, ph_plugin_ops(host->plugin)->probe, err);
}

ph_status
ph_call_poll(ph_host *host, const ph_call_task *task, ph_error *err)
{
	ph_call *call = make(host, task, err);
	if (!call)
		return PH_ERR_NOMEM;
	uint64_t token = call->token;
	ph_adapter_poll poll = {.size = sizeof poll,
	    .token = token,
	    .deadline = (uint64_t) (ph_host_now(host) + task->entry->deadline),
	    .entry = {task->entry->name, strlen(task->entry->name)},
	    .cursor = {task->cursor.data, task->cursor.length},
	    .from = (uint64_t) task->from_ms,
	    .to = (uint64_t) task->to_ms};
	ph_adapter_error error = {.size = sizeof error};
	uint32_t code =
	    ph_plugin_ops(host->plugin)->poll(host->instance, &poll, &error);
	error.text[sizeof error.text - 1] = '\0';
	if (code)
		end_with(find(host, token), PH_ADAPTER_NOT_SENT, error.text);
	return PH_OK;
}

bool
ph_call_answered(ph_host *host, uint64_t token, const ph_adapter_answer *answer)
{
	ph_call *call = find(host, token);
	if (!call)
		return false;
	end(call, answer);
	return true;
}

uint64_t
ph_call_delivery(const ph_host *host, uint64_t token)
{
	const ph_call *call = find(host, token);
	return call ? call->delivery : 0;
}

void
ph_calls_destroy(ph_host *host)
{
	while (host->calls) {
		ph_call *call = host->calls;
		unlink_call(call);
		free(call);
	}
}
