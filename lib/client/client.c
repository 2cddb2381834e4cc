/*
 * How it works: this file holds the verbs a caller has; link.c keeps the session, events.c turns
 * frames into events, and pending.c, outbox.c, held.c and request.c remember what is owed.
 */
#include "lib/client/inner.h"

#include <packhorse/packhorse.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/assert.h"
#include "lib/base/os.h"
#include "lib/base/text.h"

#define FIRST_BACKOFF_MS 50
#define CREDIT_MAX	 100000

const char *
ph_version(void)
{
	return PACKAGE_VERSION;
}

ph_status
ph_client_allocate(const char *name, ph_client **out, ph_error *err)
{
	uint8_t random[16];
	ph_status status = ph_os_random(random, sizeof random, err);
	if (status != PH_OK)
		return status;
	ph_client *client = calloc(1, sizeof *client);
	if (client == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "no memory for a client");
	client->magic = PH_CLIENT_MAGIC;
	client->role = PH_ROLE_CLIENT;
	client->window = 4096;
	client->batch = 64;
	client->connect_timeout = 5000;
	client->heartbeat = 5000;
	client->backoff = FIRST_BACKOFF_MS;
	ph_hex_encode(random, sizeof random, client->instance);
	status = ph_client_set(client, "name", name, err);
	if (status == PH_OK)
		status = ph_pending_init(&client->pending, client->window, err);
	if (status != PH_OK)
		ph_client_destroy(&client);
	else
		*out = client;
	return status;
}

ph_status
ph_client_new(const char *address, ph_client **out, ph_error *err)
{
	size_t length = strlen(address);
	if (length == 0 || length >= PH_ERROR_WHERE)
		return ph_fail(err, PH_ERR_USAGE,
		    "PH6410 an address is a path or tcp://host:port");
	ph_client *client = NULL;
	ph_status status = ph_client_allocate("client", &client, err);
	if (status != PH_OK)
		return status;
	memcpy(client->address, address, length + 1);
	if (strncmp(address, "tcp://", 6) == 0)
		memcpy(client->endpoint, address, length + 1);
	*out = client;
	return PH_OK;
}

/* ---- options ---- */

static ph_status
set_text(char *out, size_t size, const char *name, const char *value, ph_error *err)
{
	size_t length = strlen(value);
	if (length == 0 || length >= size || strpbrk(value, "\"\\\n") != NULL)
		return ph_fail(
		    err, PH_ERR_USAGE, "PH6411 option %s: not a usable text", name);
	memcpy(out, value, length + 1);
	return PH_OK;
}

static ph_status
set_number(const char *name, const char *value, unsigned long least, unsigned long most,
    unsigned long *out, ph_error *err)
{
	char *end;
	unsigned long number = strtoul(value, &end, 10);
	if (value[0] < '0' || value[0] > '9' || *end != 0 || number < least ||
	    number > most)
		return ph_fail(err, PH_ERR_USAGE,
		    "PH6412 option %s: a number from %lu to %lu", name, least, most);
	*out = number;
	return PH_OK;
}

static ph_status
set_window(ph_client *client, size_t window, ph_error *err)
{
	if (client->pending.next != 1)
		return ph_fail(
		    err, PH_ERR_USAGE, "PH6413 the window is set before publishing");
	ph_pending fresh;
	ph_status status = ph_pending_init(&fresh, window, err);
	if (status != PH_OK)
		return status;
	ph_pending_fini(&client->pending);
	client->pending = fresh;
	client->window = window;
	return PH_OK;
}

ph_status
ph_client_set(ph_client *client, const char *name, const char *value, ph_error *err)
{
	PH_ASSERT(client != NULL && client->magic == PH_CLIENT_MAGIC);
	unsigned long number = 0;
	ph_status status;
	if (strcmp(name, "name") == 0)
		return set_text(client->name, sizeof client->name, name, value, err);
	if (strcmp(name, "curve-server") == 0)
		return set_text(client->curve_server, sizeof client->curve_server, name,
		    value, err);
	if (strcmp(name, "curve-public") == 0)
		return set_text(client->curve_public, sizeof client->curve_public, name,
		    value, err);
	if (strcmp(name, "curve-secret") == 0)
		return set_text(client->curve_secret, sizeof client->curve_secret, name,
		    value, err);
	if (strcmp(name, "window") == 0) {
		status = set_number(name, value, 1, 1000000, &number, err);
		return status != PH_OK ? status : set_window(client, number, err);
	}
	if (strcmp(name, "batch") == 0) {
		status = set_number(name, value, 1, 1024, &number, err);
		if (status == PH_OK)
			client->batch = number;
		return status;
	}
	if (strcmp(name, "connect-timeout") == 0) {
		status = set_number(name, value, 1, 3600000, &number, err);
		if (status == PH_OK)
			client->connect_timeout = (int64_t) number;
		return status;
	}
	return ph_fail(err, PH_ERR_USAGE, "PH6414 no option is named '%.40s'", name);
}

/* ---- verbs ---- */

ph_status
ph_client_publish(
    ph_client *client, ph_message *message, uint64_t *ticket, ph_error *err)
{
	return ph_client_publish_with(client, message, NULL, 0, ticket, err);
}

ph_status
ph_client_flush(ph_client *client, ph_error *err)
{
	PH_ASSERT(client != NULL && client->magic == PH_CLIENT_MAGIC);
	if (client->state == LINK_REFUSED) {
		if (err != NULL)
			*err = client->refused;
		return client->refused.status;
	}
	ph_link_flush(client);
	return PH_OK;
}

ph_status
ph_client_subscribe(
    ph_client *client, const char *queue, uint32_t credit, ph_error *err)
{
	PH_ASSERT(client != NULL && client->magic == PH_CLIENT_MAGIC);
	if (credit < 1 || credit > CREDIT_MAX)
		return ph_fail(err, PH_ERR_USAGE,
		    "PH6415 credit is a number from 1 to %d", CREDIT_MAX);
	ph_subscription *added = calloc(1, sizeof *added);
	char *name = strdup(queue);
	if (added == NULL || name == NULL) {
		free(added);
		free(name);
		return ph_fail(err, PH_ERR_NOMEM, "no memory for a subscription");
	}
	*added = (ph_subscription){.id = ++client->last_id,
	    .queue = name,
	    .credit = credit,
	    .next = client->subscriptions};
	client->subscriptions = added;
	ph_link_flush(client);
	return PH_OK;
}

static ph_slice
slice_of(const char *text)
{
	return text == NULL ? (ph_slice){"", 0} : (ph_slice){text, strlen(text)};
}

ph_status
ph_client_settle(ph_client *client, uint64_t delivery, ph_outcome outcome,
    const char *reference, const char *reason, const char *text, uint64_t delay_ms,
    ph_error *err)
{
	ph_settle_view item = {.delivery = delivery,
	    .outcome = (uint8_t) outcome,
	    .delay_ms = delay_ms,
	    .reference = slice_of(reference),
	    .stage = {"", 0},
	    .reason = slice_of(reason),
	    .path = {"", 0},
	    .text = slice_of(text)};
	return ph_client_settle_with(client, &item, NULL, 0, err);
}

ph_status
ph_client_connect(ph_client *client, int timeout_ms, ph_error *err)
{
	PH_ASSERT(client != NULL && client->magic == PH_CLIENT_MAGIC);
	int64_t deadline = ph_client_now() + timeout_ms;
	while (client->state != LINK_UP) {
		int64_t left = deadline - ph_client_now();
		if (client->state == LINK_REFUSED || left <= 0)
			break;
		const ph_event *event;
		(void) ph_client_next(
		    client, left < 20 ? (int) left : 20, &event, NULL);
	}
	if (client->state == LINK_UP)
		return PH_OK;
	if (client->state == LINK_REFUSED) {
		if (err != NULL)
			*err = client->refused;
		return client->refused.status;
	}
	return ph_fail_at(err, PH_ERR_TIMEOUT, client->address,
	    "PH6416 no session with the broker: %s",
	    client->refused.text[0] != 0 ? client->refused.text : "it does not answer");
}

size_t
ph_client_pending(const ph_client *client)
{
	return client->pending.waiting;
}

size_t
ph_client_unsettled(const ph_client *client)
{
	return client->outbox.waiting;
}

static void
free_subscriptions(ph_client *client)
{
	while (client->subscriptions != NULL) {
		ph_subscription *gone = client->subscriptions;
		client->subscriptions = gone->next;
		ph_held_fini(&gone->held);
		free(gone->queue);
		free(gone);
	}
}

void
ph_client_destroy(ph_client **client_p)
{
	ph_client *client = *client_p;
	*client_p = NULL;
	if (client == NULL)
		return;
	PH_ASSERT(client->magic == PH_CLIENT_MAGIC);
	if (client->state == LINK_UP) {
		ph_buffer frame;
		ph_link_flush(client);
		ph_buffer_init(&frame, PH_FRAME_MAX);
		ph_frame_begin(&frame, PH_FRAME_BYE, 0);
		ph_buffer_string(&frame, "");
		(void) ph_link_send(client, &frame);
	}
	ph_socket_destroy(&client->socket);
	ph_pending_fini(&client->pending);
	ph_outbox_fini(&client->outbox);
	while (client->requests != NULL)
		(void) ph_request_answered(
		    client, client->requests->answer, client->requests->number);
	free_subscriptions(client);
	ph_message_unref(&client->event.message);
	client->magic = 0;
	free(client);
}
