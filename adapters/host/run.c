/*
 * One turn of the loop: an event of the session or the mailbox, then letters, then alarms.
 *
 * When the broker dies the host stays: what is in flight goes on, outcomes wait in the client, and
 * the session is opened anew when there is a broker again. It ends by itself when the broker refuses
 * it for good, when nobody came back for an hour, or a minute after the broker said goodbye.
 * A signal to end lets what is being sent come to its end first, for some seconds.
 */
#include "adapters/host/run.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "adapters/host/block.h"
#include "adapters/host/calls.h"
#include "adapters/host/inbound.h"
#include "adapters/host/outbound.h"
#include "adapters/host/poll.h"
#include "adapters/host/replay.h"
#include "adapters/host/query.h"
#include "adapters/host/services.h"
#include "lib/base/assert.h"
#include "lib/base/log.h"
#include "lib/base/os.h"
#include "lib/base/text.h"

enum {
	CONNECT_MS = 20000,
	TURN_MS = 1000,
	LONELY_MS = 3600000, /* without a broker, after a loss */
	GOODBYE_MS = 60000,  /* the same, after its goodbye */
	DRAIN_MS = 10000,
	STRAGGLERS_MS =
	    100, /* for deliveries that were sent before anybody knew of the stop */
	CONFIRM_MS = 2000,
	PLUGIN_MS = 10000, /* to start, and to stop */
	INBOUND_CREDIT = 8
};

/* ---- what the broker hands over ---- */

static char *
member_of(ph_host_start *start, const char *key, size_t *size)
{
	struct {
		const char *key;
		char *out;
		size_t size;
	} members[] = {{"endpoint", start->endpoint, sizeof start->endpoint},
	    {"token", start->token, sizeof start->token},
	    {"adapter", start->adapter, sizeof start->adapter},
	    {"site", start->site, sizeof start->site}};
	for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
		if (strcmp(members[i].key, key) != 0)
			continue;
		*size = members[i].size;
		return members[i].out;
	}
	return NULL;
}

static ph_status
read_all(int fd, char *out, size_t size, ph_error *err)
{
	size_t have = 0;
	for (;;) {
		ssize_t got = read(fd, out + have, size - 1 - have);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return ph_fail_errno(
			    err, errno, "PH4010 descriptor 3 cannot be read");
		have += (size_t) got;
		out[have] = '\0';
		if (got == 0)
			return PH_OK;
		if (have == size - 1)
			return ph_fail(
			    err, PH_ERR_TOO_LARGE, "PH4010 too much on descriptor 3");
	}
}

ph_status
ph_host_start_read(int fd, ph_host_start *out, ph_error *err)
{
	char text[8192] = "";
	memset(out, 0, sizeof *out);
	ph_status status = read_all(fd, text, sizeof text, err);
	char *rest = NULL;
	for (char *line = status ? NULL : strtok_r(text, "\n", &rest); line;
	     line = strtok_r(NULL, "\n", &rest)) {
		char *space = strchr(line, ' ');
		if (!space)
			continue;
		*space = '\0';
		size_t size = 0;
		char *member = member_of(out, line, &size);
		if (member && strlen(space + 1) < size)
			memcpy(member, space + 1, strlen(space + 1) + 1);
	}
	if (!status &&
	    (!*out->endpoint || !*out->token || !*out->adapter || !*out->site))
		status = ph_fail(err, PH_ERR_INVALID,
		    "PH4010 descriptor 3 is to give endpoint, token, adapter and site");
	return status;
}

/* ---- preparing ---- */

static ph_status
allocate(ph_host **out, ph_error *err)
{
	ph_host *host = calloc(1, sizeof *host);
	if (!host)
		return ph_fail(err, PH_ERR_NOMEM, "out of memory");
	host->magic = PH_HOST_MAGIC;
	host->clock = ph_clock_system();
	atomic_init(&host->closed, false);
	atomic_init(&host->receiving, 0u);
	uint8_t random[16];
	ph_status status = ph_os_random(random, sizeof random, err);
	ph_hex_encode(random, sizeof random, host->instance_name);
	if (!status)
		status = ph_mailbox_new(host, &host->mailbox, err);
	if (!status)
		status = ph_waits_new(&host->waits, err);
	if (!status)
		status = ph_inbound_new(host, err);
	if (!status)
		status = ph_outbound_new(host, err);
	if (status)
		ph_host_destroy(&host);
	else
		*out = host;
	return status;
}

static ph_status
open_plugin(ph_host *host, ph_error *err)
{
	char path[4096];
	const char *transport = host->adapter->transport;
	snprintf(path, sizeof path, "%s/%s.so", host->site->plugins, transport);
	ph_status status = ph_plugin_open(path, &host->plugin, err);
	if (status == PH_ERR_NOT_FOUND && err) {
		const ph_node *said = ph_node_get(host->adapter->root, "transport");
		ph_site_where(host->adapter, said ? said : host->adapter->root,
		    err->where, sizeof err->where);
	}
	if (status || !strcmp(ph_plugin_manifest(host->plugin)->name, transport))
		return status;
	return ph_fail_at(err, PH_ERR_INVALID, path,
	    "PH4008 it calls itself `%s`: a plug-in's file is named after it",
	    ph_plugin_manifest(host->plugin)->name);
}

/* What the plug-in says, where a person wrote what it is about. */
static ph_status
plugin_fails(
    const ph_host *host, ph_status status, const ph_adapter_error *said, ph_error *err)
{
	char where[PH_ERROR_WHERE];
	ph_block_where(host->adapter, said->path, where, sizeof where);
	return ph_fail_at(err, status, where, "%s%s%s", said->text,
	    *said->path ? " at " : "", said->path);
}

static ph_status
create_instance(ph_host *host, ph_error *err)
{
	ph_buffer json;
	ph_buffer_init(&json, 0);
	ph_status status =
	    ph_block_build(host->site, host->adapter, host->plugin, &json, err);
	if (!status) {
		ph_adapter_config config = {.size = sizeof config,
		    .name = {host->adapter->name, strlen(host->adapter->name)},
		    .json = {(const char *) json.data, json.length}};
		ph_adapter_error error = {.size = sizeof error};
		ph_services_fill(host);
		if (ph_plugin_ops(host->plugin)
			->create(&host->table, &config, &host->instance, &error))
			status = plugin_fails(host, PH_ERR_INVALID, &error, err);
	}
	if (json.data) /* it holds secrets */
		memset(json.data, 0, json.capacity);
	ph_buffer_fini(&json);
	return status;
}

ph_status
ph_host_prepare(const char *site, const char *adapter, ph_host **out, ph_error *err)
{
	ph_host *host = NULL;
	ph_status status = allocate(&host, err);
	if (status)
		return status;
	status = ph_site_load(site, &host->site, err);
	if (!status) {
		host->adapter = ph_site_adapter_get(host->site, adapter);
		if (!host->adapter)
			status = ph_fail_at(err, PH_ERR_NOT_FOUND, site,
			    "PH4011 there is no adapter `%s` in this site", adapter);
	}
	if (!status)
		status = open_plugin(host, err);
	if (!status)
		status = ph_entries_load(
		    host->site, host->adapter, host->plugin, &host->entries, err);
	if (!status)
		status = create_instance(host, err);
	if (status)
		ph_host_destroy(&host);
	else
		*out = host;
	return status;
}

void
ph_host_destroy(ph_host **host_p)
{
	ph_host *host = *host_p;
	if (!host)
		return;
	*host_p = NULL;
	if (host->instance)
		ph_plugin_ops(host->plugin)->destroy(host->instance);
	host->instance = NULL;
	ph_mailbox_destroy(&host->mailbox);
	ph_waits_destroy(&host->waits);
	ph_polls_destroy(host);
	ph_calls_destroy(host);
	ph_query_destroy(host);
	ph_inbound_destroy(host);
	ph_outbound_destroy(host);
	ph_client_destroy(&host->client);
	ph_entries_fini(&host->entries);
	ph_plugin_close(&host->plugin);
	ph_site_destroy(&host->site);
	free(host);
}

/* ---- events ---- */

static void
session_changed(ph_host *host, const ph_event *event)
{
	host->connected = ph_event_kind_of(event) == PH_EVENT_CONNECTED;
	if (host->connected) {
		ph_log(PH_LOG_INFO, "session-up", "adapter=%s", host->adapter->name);
		host->lost_since = 0;
		host->goodbye = false;
		return;
	}
	host->lost_since = ph_host_now(host);
	host->goodbye = !strncmp(ph_event_text(event), "PH6423", 6);
	ph_log(PH_LOG_WARN, "session-lost", "adapter=%s text=%s", host->adapter->name,
	    ph_event_text(event));
}

static void
take_delivery(ph_host *host, const ph_event *event)
{
	if (host->stop)
		ph_outbound_settle(host, ph_event_delivery(event), PH_RETRY, "send", "",
		    "", "PH4119 stopping", "");
	else if (strcmp(ph_event_queue(event), "inbound") == 0)
		ph_replay_take(host, event);
	else
		ph_outbound_take(host, event);
}

static void
take_public(ph_host *host, const ph_event *event)
{
	switch (ph_event_kind_of(event)) {
	case PH_EVENT_CONNECTED:
	case PH_EVENT_DISCONNECTED:
		session_changed(host, event);
		break;
	case PH_EVENT_RESULT:
		(void) ph_waits_answer(
		    host->waits, PH_WAIT_RESULT, ph_event_ticket(event), event, 1);
		break;
	case PH_EVENT_DELIVERY:
		take_delivery(host, event);
		break;
	case PH_EVENT_SETTLED:
		break;
	}
}

static void
take_event(ph_host *host, const ph_inner_event *event)
{
	ph_reader body = event->frame.body;
	switch (event->kind) {
	case PH_INNER_NONE:
		take_public(host, event->event);
		break;
	case PH_INNER_RESOLVED:
		(void) ph_waits_answer(
		    host->waits, PH_WAIT_RESOLVED, event->number, event, 1);
		break;
	case PH_INNER_ANSWER:
		(void) ph_waits_answer(host->waits, PH_WAIT_ANSWER, event->number,
		    event, ph_reader_u8(&body) & 1);
		break;
	case PH_INNER_CURSOR:
		(void) ph_waits_answer(
		    host->waits, PH_WAIT_CURSOR, event->number, event, 1);
		break;
	case PH_INNER_PROGRESSED:
		(void) ph_waits_answer(
		    host->waits, PH_WAIT_PROGRESSED, event->number, event, 1);
		break;
	}
}

/* Take what is there, waiting at most `most` ms for the first thing. */
static ph_status
turn(ph_host *host, int64_t most, ph_error *err)
{
	int64_t wait = ph_alarms_wait(&host->alarms, ph_host_now(host), most);
	for (int taken = 0; taken < 256; taken++) {
		ph_inner_event event;
		ph_status status = ph_client_next_inner(host->client,
		    ph_mailbox_fd(host->mailbox), taken ? 0 : (int) wait, &event, err);
		if (status == PH_ERR_TIMEOUT || status == PH_ERR_AGAIN)
			break;
		if (status)
			return status;
		take_event(host, &event);
	}
	ph_mailbox_open(host->mailbox);
	ph_alarms_ring(&host->alarms, ph_host_now(host));
	return ph_client_flush(host->client, err);
}

/* ---- signals ---- */

typedef struct stop_letter {
	ph_letter letter;
} stop_letter;

static void
open_stop(ph_letter *letter, void *self)
{
	ph_host *host = self;
	host->stop = true;
	free(letter);
}

/* A thread that waits for the signals that end a program. */
static void *
watch_signals(void *self)
{
	ph_host *host = self;
	sigset_t set;
	int number = 0;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	while (sigwait(&set, &number) != 0)
		continue;
	stop_letter *it = calloc(1, sizeof *it);
	if (!it)
		return NULL;
	it->letter.open = open_stop;
	ph_mailbox_post(host->mailbox, &it->letter);
	return NULL;
}

static ph_status
start_watching(ph_host *host, pthread_t *thread, ph_error *err)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	/* blocked before any other thread starts, so that only sigwait takes them */
	if (pthread_sigmask(SIG_BLOCK, &set, NULL) ||
	    signal(SIGPIPE, SIG_IGN) == SIG_ERR ||
	    pthread_create(thread, NULL, watch_signals, host))
		return ph_fail(err, PH_ERR_IO, "PH4012 no thread to be had");
	return PH_OK;
}

static void
end_watching(pthread_t thread)
{
	(void) pthread_kill(thread, SIGTERM); /* if it still waits */
	(void) pthread_join(thread, NULL);
}

/* ---- starting and stopping ---- */

static bool
can_probe(const ph_host *host)
{
	if (ph_plugin_can(host->plugin, PH_ADAPTER_CAN_PROBE))
		return true;
	for (size_t i = 0; i < host->entries.send.count; i++)
		if (host->entries.send.at[i].probe)
			return true;
	return false;
}

static ph_status
open_session(ph_host *host, const ph_host_start *start, ph_error *err)
{
	ph_status status = ph_client_new_host(
	    start->endpoint, start->token, host->adapter->name, &host->client, err);
	if (status)
		return status;
	if (can_probe(host))
		ph_client_announce(host->client, PH_HELLO_CAN_PROBE);
	return ph_client_connect(host->client, CONNECT_MS, err);
}

/* Only when the plug-in has started: of a delivery that comes to a host which cannot, nobody could tell
 * whether it was begun. */
static ph_status
subscribe(ph_host *host, ph_error *err)
{
	ph_status status = ph_client_subscribe(
	    host->client, host->adapter->queue, host->adapter->in_flight, err);
	if (!status && (host->entries.receive.count || host->entries.poll.count))
		status =
		    ph_client_subscribe(host->client, "inbound", INBOUND_CREDIT, err);
	return status;
}

static ph_status
start_plugin(ph_host *host, ph_error *err)
{
	ph_adapter_error error = {.size = sizeof error};
	if (!ph_plugin_ops(host->plugin)
		 ->start(
		     host->instance, (uint64_t) ph_host_now(host) + PLUGIN_MS, &error))
		return PH_OK;
	return plugin_fails(host, PH_ERR_IO, &error, err);
}

static bool
is_idle(const ph_host *host)
{
	return !host->calls && !ph_outbound_count(host) && !ph_inbound_count(host);
}

/* Too long without a broker? */
static bool
is_lonely(const ph_host *host)
{
	if (!host->lost_since)
		return false;
	int64_t alone = ph_host_now(host) - host->lost_since;
	bool owes =
	    ph_client_unsettled(host->client) || ph_client_pending(host->client);
	if (host->goodbye && is_idle(host) && !owes)
		return true;
	return alone > (host->goodbye ? GOODBYE_MS : LONELY_MS);
}

/* No new work; what is being sent may end. A delivery that is on its way to us is sent back: left
 * unread, nobody could tell whether it was begun. */
static void
drain(ph_host *host)
{
	int64_t begun = ph_host_now(host);
	atomic_store(&host->closed, true);
	for (int64_t now = begun; (!is_idle(host) && now < begun + DRAIN_MS) ||
				  (host->connected && now < begun + STRAGGLERS_MS);
	     now = ph_host_now(host))
		if (turn(host, is_idle(host) ? begun + STRAGGLERS_MS - now : 100, NULL))
			break;
}

/* Nobody of the plug-in's waits any more when this returns. */
static void
dismiss_listeners(ph_host *host)
{
	int64_t until = ph_host_now(host) + PLUGIN_MS;
	atomic_store(&host->closed, true);
	while (ph_host_now(host) < until) {
		ph_mailbox_open(host->mailbox);
		ph_inbound_abandon(host);
		ph_query_abandon(host);
		if (!atomic_load(&host->receiving))
			return;
		struct pollfd item = {
		    .fd = ph_mailbox_fd(host->mailbox), .events = POLLIN};
		(void) poll(&item, 1, 10);
	}
}

static void
stop_plugin(ph_host *host)
{
	dismiss_listeners(host);
	ph_plugin_ops(host->plugin)
	    ->stop(host->instance, (uint64_t) ph_host_now(host) + PLUGIN_MS);
	int64_t until = ph_host_now(host) + CONFIRM_MS;
	while (host->connected && ph_host_now(host) < until &&
	       (!is_idle(host) || ph_client_unsettled(host->client) ||
		   ph_client_pending(host->client)))
		if (turn(host, 50, NULL))
			break;
}

static ph_status
serve(ph_host *host, ph_error *err)
{
	host->connected = true;
	ph_status status = ph_polls_start(host, err);
	ph_log(PH_LOG_INFO, "host-ready", "adapter=%s transport=%s",
	    host->adapter->name, host->adapter->transport);
	while (!status && !host->stop) {
		status = turn(host, TURN_MS, err);
		if (!status && is_lonely(host)) {
			ph_log(PH_LOG_WARN, "host-lonely", "adapter=%s",
			    host->adapter->name);
			break;
		}
	}
	if (!status)
		drain(host);
	return status;
}

ph_status
ph_host_run(ph_host *host, const ph_host_start *start, ph_error *err)
{
	pthread_t watcher;
	ph_status status = start_watching(host, &watcher, err);
	if (status)
		return status;
	status = open_session(host, start, err);
	if (!status)
		status = start_plugin(host, err);
	if (!status) {
		status = subscribe(host, err);
		if (!status)
			status = serve(host, err);
		stop_plugin(host);
	}
	end_watching(watcher);
	return status;
}
