/*
 * How it works: this file holds the verbs a caller has, the plainer forms of those in host.c. life.c
 * makes, sets up and frees a client, link.c keeps the session, events.c turns frames into events,
 * and pending.c, outbox.c, held.c and request.c remember what is owed.
 */
#include "lib/client/inner.h"

#include <packhorse/packhorse.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/assert.h"

#define CREDIT_MAX 100000

const char *
ph_version(void)
{
	return PACKAGE_VERSION;
}

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
