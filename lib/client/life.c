/*
 * How it works: a client begins with the defaults below, is set up by its options, and says BYE and
 * frees everything when it ends. What is between is in client.c and host.c.
 */
#include "lib/client/inner.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/assert.h"
#include "lib/base/os.h"
#include "lib/base/text.h"

#define FIRST_BACKOFF_MS 50

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

/* ---- the end ---- */

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
