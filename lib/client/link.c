/*
 * How it works: the link is down, greeting or up. Each step looks at the clock and the socket and
 * moves on at most one state. After a loss everything unconfirmed is marked unsent, so that coming up
 * again is the same as coming up first: subscriptions, held deliveries, outcomes, requests, publishes,
 * in that order.
 */
#include "lib/client/inner.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/base/assert.h"

#define FIRST_BACKOFF_MS 50
#define LAST_BACKOFF_MS	 2000
#define SILENT_INTERVALS 3

int64_t
ph_client_look(ph_client *client)
{
	client->seen = ph_client_now();
	return client->seen;
}

/* At the last look, which was before: that saves one for each frame, and at worst a ping too many goes
 * out. */
static void
note_sent(ph_client *client)
{
	client->last_sent = client->seen;
}

bool
ph_link_send(ph_client *client, ph_buffer *frame)
{
	bool sent = client->socket != NULL && !frame->failed &&
		    ph_socket_send_buffer(client->socket, NULL, frame, NULL) == PH_OK;
	ph_buffer_fini(frame);
	if (sent)
		note_sent(client);
	return sent;
}

static void
send_plain(ph_client *client, ph_frame_type type, uint64_t number)
{
	ph_buffer frame;
	ph_buffer_init(&frame, PH_FRAME_MAX);
	ph_frame_begin(&frame, type, number);
	(void) ph_link_send(client, &frame);
}

/* ---- going down ---- */

static void
forget_sent(ph_client *client)
{
	ph_pending_rewind(&client->pending);
	ph_outbox_rewind(&client->outbox);
	for (ph_request *at = client->requests; at != NULL; at = at->next)
		at->sent = false;
}

void
ph_link_lose(ph_client *client, const char *why)
{
	ph_socket_destroy(&client->socket);
	client->walking = false;
	forget_sent(client);
	if (client->state != LINK_REFUSED)
		client->state = LINK_DOWN;
	client->next_try = ph_client_now() + client->backoff;
	client->backoff *= 2;
	if (client->backoff > LAST_BACKOFF_MS)
		client->backoff = LAST_BACKOFF_MS;
	(void) ph_fail(&client->refused, PH_ERR_CLOSED, "%s", why);
}

/* ---- coming up ---- */

static const ph_curve *
keys_of(const ph_client *client, ph_curve *keys)
{
	if (client->curve_server[0] == 0)
		return NULL;
	*keys = (ph_curve){.public_key = client->curve_public,
	    .secret_key = client->curve_secret,
	    .server_key = client->curve_server};
	return keys;
}

static void
send_hello(ph_client *client)
{
	bool resuming = client->resume[0] != 0;
	ph_buffer frame;
	ph_buffer_init(&frame, PH_FRAME_MAX);
	ph_frame_begin(&frame, PH_FRAME_HELLO, 0);
	ph_buffer_u16(&frame, PH_PROTOCOL_VERSION);
	ph_buffer_u16(&frame, PH_PROTOCOL_VERSION);
	ph_buffer_u8(&frame, client->role);
	ph_buffer_u8(&frame,
	    (uint8_t) (client->hello_flags | (resuming ? PH_HELLO_RESUMING : 0)));
	ph_buffer_string(&frame, client->name);
	ph_buffer_string(&frame, resuming ? client->resume : client->token);
	ph_buffer_string(&frame, client->instance);
	(void) ph_link_send(client, &frame);
}

static void
connect_once(ph_client *client)
{
	bool local = client->address[0] == '/' || client->address[0] == '.';
	ph_error err = {.status = PH_OK};
	ph_curve keys;
	if (local && client->resume[0] == 0 && ph_client_grant(client, &err) != PH_OK) {
		ph_link_lose(client, err.text);
		client->refused = err;
		return;
	}
	if (ph_dealer_new(client->endpoint, keys_of(client, &keys), &client->socket,
		&err) != PH_OK) {
		ph_link_lose(client, err.text);
		return;
	}
	client->state = LINK_GREETING;
	client->last_heard = ph_client_look(client);
	client->deadline = client->seen + client->connect_timeout;
	send_hello(client);
}

static bool
send_subscription(ph_client *client, const ph_subscription *at)
{
	ph_buffer frame;
	ph_buffer_init(&frame, PH_FRAME_MAX);
	ph_frame_begin(&frame, PH_FRAME_SUBSCRIBE, at->id);
	ph_buffer_string(&frame, at->queue);
	ph_buffer_u32(&frame, at->credit);
	ph_buffer_u8(&frame, 0);
	return ph_link_send(client, &frame);
}

static bool
send_held(ph_client *client, const ph_subscription *at)
{
	ph_buffer frame;
	ph_buffer_init(&frame, PH_FRAME_MAX);
	ph_frame_begin(&frame, PH_FRAME_REATTACH, at->id);
	for (size_t i = 0; i < at->held.capacity; i++) {
		if (at->held.slots[i] != 0)
			ph_buffer_u64(&frame, at->held.slots[i]);
	}
	ph_frame_count(&frame, (uint32_t) at->held.count);
	return ph_link_send(client, &frame);
}

void
ph_link_welcome(ph_client *client, ph_frame *frame)
{
	if (client->state != LINK_GREETING)
		return;
	ph_reader *body = &frame->body;
	(void) ph_reader_u16(body);
	(void) ph_reader_u16(body);
	client->heartbeat = ph_reader_u32(body);
	(void) ph_reader_u32(body);
	(void) ph_reader_u32(body);
	ph_slice resume = ph_slice_read(body);
	if (body->failed || client->heartbeat < 1) {
		ph_link_lose(client, "PH6406 the broker's welcome cannot be read");
		return;
	}
	bool resuming = client->resume[0] != 0;
	(void) ph_slice_copy(resume, client->resume, sizeof client->resume);
	client->token[0] = 0;
	client->state = LINK_UP;
	client->backoff = FIRST_BACKOFF_MS;
	for (ph_subscription *at = client->subscriptions; at != NULL; at = at->next) {
		at->told = false;
		at->reattach = resuming;
	}
	ph_link_flush(client);
}

/* A local client whose resume token is not taken any more can ask for a new session. */
void
ph_link_refused(ph_client *client, ph_frame *frame)
{
	uint32_t status = ph_reader_u32(&frame->body);
	char text[PH_ERROR_TEXT] = "";
	(void) ph_slice_copy(ph_slice_read(&frame->body), text, sizeof text);
	if (client->resume[0] != 0 && client->address[0] != 0) {
		client->resume[0] = 0;
		ph_link_lose(client, text);
		return;
	}
	client->state = LINK_REFUSED;
	ph_link_lose(client, text);
	client->refused.status = status > PH_OK && status <= PH_ERR_NOMEM
				     ? (ph_status) status
				     : PH_ERR_DENIED;
}

/* ---- sending what is due ---- */

/* As many as the socket takes: the rest at the next step. */
static bool
flush_subscriptions(ph_client *client)
{
	for (ph_subscription *at = client->subscriptions; at != NULL; at = at->next) {
		if (!at->told && !send_subscription(client, at))
			return false;
		at->told = true;
		if (at->reattach && !send_held(client, at))
			return false;
		at->reattach = false;
	}
	return true;
}

static bool
flush_outcomes(ph_client *client)
{
	while (client->outbox.sent < client->outbox.next) {
		ph_buffer frame;
		uint64_t after;
		ph_buffer_init(&frame, PH_FRAME_MAX);
		if (!ph_outbox_frame(&client->outbox, &frame, &after)) {
			client->outbox.sent = after;
			return true;
		}
		if (!ph_link_send(client, &frame))
			return false;
		client->outbox.sent = after;
	}
	return true;
}

static bool
flush_requests(ph_client *client)
{
	for (ph_request *at = client->requests; at != NULL; at = at->next) {
		if (at->sent)
			continue;
		if (ph_socket_send(client->socket, NULL, at->frame.data,
			at->frame.length, NULL) != PH_OK)
			return false;
		at->sent = true;
	}
	return true;
}

static void
flush_pending(ph_client *client)
{
	const ph_batch *batch;
	while ((batch = ph_pending_frame(&client->pending)) != NULL &&
	       ph_socket_send_held(client->socket, batch->holder, batch->frame.data,
		   batch->frame.length, NULL) == PH_OK) {
		note_sent(client);
		ph_pending_sent(&client->pending, batch);
	}
}

void
ph_link_flush(ph_client *client)
{
	if (client->state == LINK_UP && flush_subscriptions(client) &&
	    flush_outcomes(client) && flush_requests(client))
		flush_pending(client);
}

/* ---- one step ---- */

static void
keep_alive(ph_client *client, int64_t now, int64_t *wait)
{
	if (now - client->last_heard > SILENT_INTERVALS * client->heartbeat) {
		ph_link_lose(client, "PH6407 the broker has been silent for too long");
		*wait = 0;
		return;
	}
	if (now - client->last_sent >= client->heartbeat)
		send_plain(client, PH_FRAME_PING, (uint64_t) now);
	*wait = client->heartbeat / 2 + 1;
}

void
ph_link_step(ph_client *client, int64_t *wait)
{
	int64_t now = ph_client_look(client);
	*wait = 1000;
	if (client->socket != NULL && ph_socket_lost(client->socket))
		ph_link_lose(client, "PH6408 the connection to the broker was lost");
	switch (client->state) {
	case LINK_DOWN:
		if (now >= client->next_try)
			connect_once(client);
		*wait = client->state == LINK_DOWN ? client->next_try - now : 10;
		break;
	case LINK_GREETING:
		if (now >= client->deadline)
			ph_link_lose(client, "PH6409 the broker does not answer");
		*wait = 10;
		break;
	case LINK_UP:
		keep_alive(client, now, wait);
		ph_link_flush(client);
		break;
	case LINK_REFUSED:
		break;
	}
	if (*wait < 1)
		*wait = 1;
}
