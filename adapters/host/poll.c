/*
 * One poll is under way at a time for each entry: window -> question (a map) -> plug-in -> inbound ->
 * cursor -> pause. An entry without a question leaves the asking to the plug-in, which hands in what
 * it finds with cursors of its own.
 */
#include "adapters/host/poll.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "adapters/host/calls.h"
#include "adapters/host/inbound.h"
#include "adapters/host/mapping.h"
#include "adapters/host/outcome.h"
#include "lib/base/log.h"

enum { PATIENCE_MS = 10000, LONGEST_PAUSE_MS = 300000, DOUBLINGS = 6 };

typedef struct poll {
	ph_host *host;
	const ph_entry *entry;
	char name[80]; /* of the cursor: "poll:<entry>" */
	ph_alarm alarm;
	int64_t cursor;	  /* ms; 0: none yet */
	char *own_cursor; /* of a plug-in that asks itself */
	size_t own_length;
	int64_t from, to; /* being asked for */
	unsigned failures;
	ph_map_call *call; /* holds the question's bytes */
} poll;

struct ph_polls {
	poll *at;
	size_t count;
};

static void ask(poll *it);

void
ph_poll_window(
    const ph_entry *entry, int64_t cursor, int64_t now, int64_t *from, int64_t *to)
{
	*from = cursor ? cursor - entry->overlap : now - entry->first;
	*to = *from + entry->longest < now ? *from + entry->longest : now;
	if (*to < *from)
		*to = *from; /* the clock went back */
}

int64_t
ph_poll_pause(const ph_entry *entry, unsigned failures)
{
	int64_t most =
	    entry->every > LONGEST_PAUSE_MS ? entry->every : LONGEST_PAUSE_MS;
	unsigned shift = failures < DOUBLINGS ? failures : DOUBLINGS;
	int64_t pause = entry->every << shift;
	return pause < most ? pause : most;
}

static void
rings(void *self)
{
	ask(self);
}

static void
later(poll *it, int64_t pause)
{
	ph_map_call_destroy(&it->call);
	ph_alarm_set(
	    &it->host->alarms, &it->alarm, ph_host_now(it->host) + pause, rings, it);
}

/* A text with a code is ours; any other is the system's, and is not written into a log. */
static void
fail(poll *it, const char *text)
{
	it->failures++;
	int64_t pause = ph_poll_pause(it->entry, it->failures);
	ph_log(PH_LOG_WARN, "poll-failed", "poll=%s failures=%u wait_ms=%lld text=%s",
	    it->entry->name, it->failures, (long long) pause,
	    strncmp(text, "PH", 2) ? "the system refused it" : text);
	later(it, pause);
}

static void
succeed(poll *it)
{
	it->failures = 0;
	if (!it->entry->windowed) {
		later(it, it->entry->every);
		return;
	}
	/* far behind: the next window at once */
	bool behind = ph_host_wall(it->host) - it->to > it->entry->every;
	it->cursor = it->to;
	later(it, behind ? 0 : it->entry->every);
}

static void
read_in(void *self, const ph_inbound_end *end)
{
	poll *it = self;
	if (end->result == PH_ADAPTER_ACCEPTED || end->result == PH_ADAPTER_KEPT)
		ph_log(PH_LOG_INFO, "poll-read", "poll=%s messages=%zu",
		    it->entry->name, end->count);
	bool good =
	    end->result == PH_ADAPTER_ACCEPTED || end->result == PH_ADAPTER_DUPLICATE ||
	    end->result == PH_ADAPTER_IGNORED || end->result == PH_ADAPTER_KEPT ||
	    end->result == PH_ADAPTER_CONFLICT;
	if (good && (end->cursor || !it->entry->windowed))
		succeed(it);
	else
		fail(it, *end->text ? end->text : "PH4060 the answer cannot be read");
}

static void
hand_in(poll *it, const ph_adapter_answer *answer)
{
	char cursor[PH_TIME_TEXT], type[128], entry[80];
	ph_time_format(it->to, cursor);
	snprintf(type, sizeof type, "%.*s", (int) answer->content_type.length,
	    answer->content_type.length ? answer->content_type.data : "");
	snprintf(entry, sizeof entry, "%s", it->name);
	ph_inbound_task task = {.map = it->entry->map,
	    .entry = entry,
	    .bytes = answer->body.data,
	    .length = answer->body.length,
	    .content_type = type,
	    .patience = PATIENCE_MS,
	    .cursor_name = it->entry->windowed ? it->name : NULL,
	    .cursor = cursor,
	    .cursor_length = it->entry->windowed ? strlen(cursor) : 0,
	    .done = read_in,
	    .self = it};
	ph_error err = {.status = PH_OK};
	if (ph_inbound_start(it->host, &task, &err))
		fail(it, err.text);
}

static void
answered(void *self, const ph_adapter_answer *answer)
{
	poll *it = self;
	ph_ending ending;
	ph_outcome_of_question(it->entry, answer, &ending);
	if (ending.outcome != PH_DELIVERED && ending.outcome != PH_DUPLICATE) {
		fail(it, ending.text);
		return;
	}
	if (answer->verdict == PH_ADAPTER_ANSWERED)
		hand_in(it, answer);
	else
		succeed(it);
}

static void
start_call(poll *it, const ph_call_task *task)
{
	ph_error err = {.status = PH_OK};
	ph_status status = it->entry->request ? ph_call_start(it->host, task, &err)
					      : ph_call_poll(it->host, task, &err);
	if (status)
		fail(it, err.text);
}

static void
question_mapped(void *self, ph_map_call *call, const ph_error *why)
{
	poll *it = self;
	it->call = call;
	if (!call) {
		fail(it, why->text);
		return;
	}
	if (!ph_map_call_count(call) || ph_map_call_result(call, 0) != PH_MAP_DONE) {
		fail(it, ph_map_call_count(call) ? ph_map_call_error(call, 0)->text
						 : "PH4061 the question is empty");
		return;
	}
	ph_call_task task = {.entry = it->entry,
	    .operation = PH_ADAPTER_POLL,
	    .content_type = ph_map_call_media(call, 0),
	    .values = call,
	    .attempt = it->failures + 1,
	    .done = answered,
	    .self = it};
	task.bytes = ph_map_call_data(call, 0, &task.length);
	start_call(it, &task);
}

static void
ask(poll *it)
{
	if (atomic_load(&it->host->closed))
		return;
	it->from = it->to = 0;
	if (it->entry->windowed)
		ph_poll_window(
		    it->entry, it->cursor, ph_host_wall(it->host), &it->from, &it->to);
	if (!it->entry->request) {
		ph_call_task task = {.entry = it->entry,
		    .from_ms = it->from,
		    .to_ms = it->to,
		    .cursor = {it->own_cursor, it->own_length},
		    .done = answered,
		    .self = it};
		start_call(it, &task);
		return;
	}
	ph_error err = {.status = PH_OK};
	ph_mapping_task task = {.map = it->entry->request,
	    .direction = PH_MAP_OUT,
	    .bytes = "",
	    .accepted_ms = ph_host_wall(it->host),
	    .from_ms = it->from,
	    .to_ms = it->to,
	    .done = question_mapped,
	    .self = it};
	if (ph_mapping_start(it->host, &task, &err))
		fail(it, err.text);
}

/* ---- cursors ---- */

static void
cursor_read(void *self, const void *answer)
{
	poll *it = self;
	const ph_inner_event *event = answer;
	if (!event)
		return;
	ph_reader body = event->frame.body;
	uint8_t known = ph_reader_u8(&body);
	ph_slice value = ph_slice_read(&body);
	if (!body.failed && known) {
		free(it->own_cursor);
		it->own_cursor = ph_slice_dup(value);
		it->own_length = it->own_cursor ? value.length : 0;
		if (it->entry->windowed &&
		    ph_time_parse(value.data, value.length, &it->cursor, NULL))
			ph_log(PH_LOG_WARN, "cursor-unreadable", "poll=%s",
			    it->entry->name);
	}
	later(it, 0);
}

ph_status
ph_polls_start(ph_host *host, ph_error *err)
{
	host->polls = calloc(1, sizeof *host->polls);
	if (host->polls)
		host->polls->at =
		    calloc(host->entries.poll.count + 1, sizeof *host->polls->at);
	if (!host->polls || !host->polls->at)
		return ph_fail(err, PH_ERR_NOMEM, "out of memory");
	for (size_t i = 0; i < host->entries.poll.count; i++) {
		poll *it = &host->polls->at[host->polls->count++];
		it->host = host;
		it->entry = &host->entries.poll.at[i];
		snprintf(it->name, sizeof it->name, "poll:%s", it->entry->name);
		uint64_t number = 0;
		ph_status status =
		    ph_client_cursor_get(host->client, it->name, &number, err);
		if (!status)
			status = ph_waits_add(
			    host->waits, PH_WAIT_CURSOR, number, cursor_read, it, err);
		if (status)
			return status;
	}
	return PH_OK;
}

void
ph_polls_destroy(ph_host *host)
{
	if (!host->polls)
		return;
	for (size_t i = 0; i < host->polls->count; i++) {
		ph_alarm_stop(&host->polls->at[i].alarm);
		ph_map_call_destroy(&host->polls->at[i].call);
		free(host->polls->at[i].own_cursor);
	}
	free(host->polls->at);
	free(host->polls);
	host->polls = NULL;
}
