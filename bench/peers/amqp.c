/*
 * amqp - RabbitMQ, by AMQP 0-9-1: persistent messages to a durable queue (--kind classic or quorum)
 * with publisher confirms; a consumer with a prefetch that acknowledges what has come in one go.
 */
#include <amqp.h>
#include <amqp_tcp_socket.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "bench/peers/peer.h"

#define CHANNEL	  1
#define FRAME_MAX 131072
#define PREFETCH  1000
#define ACK_EVERY 100 /* of the prefetch, so that the broker is never out of credit */

typedef struct client {
	amqp_connection_state_t connection;
	amqp_bytes_t queue;
	size_t size;
	uint64_t published, acknowledged; /* messages, in all */
	bool *confirmed; /* by delivery tag: confirms may come out of order */
} client;

static void
answered(amqp_connection_state_t connection, const char *what)
{
	bench_must(
	    amqp_get_rpc_reply(connection).reply_type == AMQP_RESPONSE_NORMAL, what);
}

static amqp_connection_state_t
connect_to(const peer_options *how)
{
	amqp_connection_state_t connection = amqp_new_connection();
	amqp_socket_t *socket = amqp_tcp_socket_new(connection);
	bench_must(
	    socket != NULL && amqp_socket_open(socket, how->host, how->port) == 0,
	    "amqp: cannot connect");
	amqp_rpc_reply_t reply = amqp_login(
	    connection, "/", 0, FRAME_MAX, 0, AMQP_SASL_METHOD_PLAIN, "guest", "guest");
	bench_must(reply.reply_type == AMQP_RESPONSE_NORMAL, "amqp: cannot log in");
	(void) amqp_channel_open(connection, CHANNEL);
	answered(connection, "amqp: cannot open a channel");
	return connection;
}

static void
hang_up(amqp_connection_state_t connection)
{
	(void) amqp_channel_close(connection, CHANNEL, AMQP_REPLY_SUCCESS);
	(void) amqp_connection_close(connection, AMQP_REPLY_SUCCESS);
	(void) amqp_destroy_connection(connection);
}

static void
prepare(const peer_options *how)
{
	amqp_connection_state_t connection = connect_to(how);
	amqp_table_entry_t type = {.key = amqp_cstring_bytes("x-queue-type"),
	    .value = {.kind = AMQP_FIELD_KIND_UTF8}};
	type.value.value.bytes = amqp_cstring_bytes(how->kind);
	amqp_table_t arguments = {.num_entries = 1, .entries = &type};
	(void) amqp_queue_declare(
	    connection, CHANNEL, amqp_cstring_bytes(how->queue), 0, 1, 0, 0, arguments);
	answered(connection, "amqp: cannot declare the queue");
	hang_up(connection);
}

static void *
open_client(const peer_options *how, bool consumer)
{
	client *c = calloc(1, sizeof *c);
	bench_must(c != NULL, "no memory");
	*c = (client){.connection = connect_to(how),
	    .queue = amqp_cstring_bytes(how->queue),
	    .size = how->size,
	    .confirmed = calloc(how->messages + 1, sizeof *c->confirmed)};
	bench_must(c->confirmed != NULL, "no memory");
	if (consumer) {
		(void) amqp_basic_qos(c->connection, CHANNEL, 0, PREFETCH, 0);
		(void) amqp_basic_consume(c->connection, CHANNEL, c->queue,
		    amqp_empty_bytes, 0, 0, 0, amqp_empty_table);
	} else {
		(void) amqp_confirm_select(c->connection, CHANNEL);
	}
	answered(c->connection, "amqp: cannot set up the channel");
	return c;
}

static void
publish(void *peer_p, const void *payload, bool last)
{
	client *c = peer_p;
	(void) last; /* the library sends at once */
	amqp_basic_properties_t properties = {
	    ._flags = AMQP_BASIC_DELIVERY_MODE_FLAG, .delivery_mode = 2};
	amqp_bytes_t body = {.len = c->size, .bytes = (void *) (uintptr_t) payload};
	bench_must(amqp_basic_publish(c->connection, CHANNEL, amqp_empty_bytes,
		       c->queue, 0, 0, &properties, body) == AMQP_STATUS_OK,
	    "amqp: cannot publish");
	c->published++;
}

static void
take_confirm(client *c, const amqp_frame_t *frame)
{
	if (frame->frame_type != AMQP_FRAME_METHOD)
		return;
	bench_must(frame->payload.method.id == AMQP_BASIC_ACK_METHOD,
	    "amqp: the broker did not accept a message");
	const amqp_basic_ack_t *ack = frame->payload.method.decoded;
	bench_must(ack->delivery_tag >= 1 && ack->delivery_tag <= c->published,
	    "amqp: an acknowledgement of something unknown");
	if (ack->multiple) {
		for (uint64_t i = c->acknowledged; i < ack->delivery_tag; i++)
			c->confirmed[i] = true;
	}
	c->confirmed[ack->delivery_tag - 1] = true;
	while (c->confirmed[c->acknowledged])
		c->acknowledged++;
}

static struct timeval
as_timeval(double seconds)
{
	struct timeval time = {.tv_sec = (time_t) seconds};
	time.tv_usec = (suseconds_t) ((seconds - (double) time.tv_sec) * 1e6);
	return time;
}

static uint64_t
acknowledged(void *peer_p, double seconds)
{
	client *c = peer_p;
	struct timeval wait = as_timeval(seconds);
	amqp_frame_t frame;
	amqp_maybe_release_buffers(c->connection);
	for (;;) {
		int status =
		    amqp_simple_wait_frame_noblock(c->connection, &frame, &wait);
		if (status == AMQP_STATUS_TIMEOUT)
			return c->acknowledged;
		bench_must(status == AMQP_STATUS_OK, "amqp: the broker is gone");
		take_confirm(c, &frame);
		wait = as_timeval(0);
	}
}

static void
deliver(void *peer_p, peer_sink *sink, uint64_t left)
{
	client *c = peer_p;
	struct timeval wait = as_timeval(60);
	uint64_t tag = 0;
	for (uint64_t taken = 0; taken < ACK_EVERY && taken < left; taken++) {
		amqp_envelope_t envelope;
		amqp_maybe_release_buffers(c->connection);
		amqp_rpc_reply_t reply =
		    amqp_consume_message(c->connection, &envelope, &wait, 0);
		if (reply.reply_type != AMQP_RESPONSE_NORMAL) {
			bench_must(taken > 0, "amqp: nothing more is delivered");
			break;
		}
		peer_delivered(sink, envelope.message.body.bytes);
		tag = envelope.delivery_tag;
		amqp_destroy_envelope(&envelope);
		wait = as_timeval(0);
	}
	bench_must(amqp_basic_ack(c->connection, CHANNEL, tag, 1) == 0,
	    "amqp: cannot acknowledge");
}

static void
close_client(void *peer_p)
{
	client *c = peer_p;
	hang_up(c->connection);
	free(c->confirmed);
	free(c);
}

const peer_ops peer = {
    prepare, open_client, publish, acknowledged, deliver, close_client};
