/*
 * stomp - ActiveMQ, by STOMP 1.1: persistent messages with receipts, or in transactions of --batch
 * with one receipt each; a consumer with a prefetch that acknowledges all that has come at once.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/peers/line.h"
#include "bench/peers/peer.h"

typedef struct client {
	line_connection *line;
	const char *queue;
	size_t size;
	uint64_t batch, published; /* messages, in all */
	uint64_t acknowledged;	   /* messages, in all */
	bool open;		   /* a transaction is begun */
} client;

/* One frame of the broker. */
typedef struct frame {
	const char *head, *body; /* borrowed until the next fill */
	size_t body_length;
} frame;

/* The next whole frame of what is read, or false. */
static bool
hear_one(client *c, frame *out)
{
	size_t length;
	const char *text = line_peek(c->line, &length);
	while (length > 0 && *text == '\n') {
		line_take(c->line, 1);
		text = line_peek(c->line, &length);
	}
	const char *body = length == 0 ? NULL : strstr(text, "\n\n");
	if (body == NULL)
		return false;
	body += 2;
	const char *given = strstr(text, "content-length:");
	bool has = given != NULL && given < body;
	size_t head = (size_t) (body - text);
	size_t body_length = has ? strtoul(given + 15, NULL, 10) : 0;
	if (!has) {
		const char *end = memchr(body, 0, length - head);
		if (end == NULL)
			return false;
		body_length = (size_t) (end - body);
	}
	if (length < head + body_length + 1)
		return false;
	if (strncmp(text, "ERROR", 5) == 0)
		bench_die(text);
	*out = (frame){.head = text, .body = body, .body_length = body_length};
	line_take(c->line, head + body_length + 1);
	return true;
}

static void
wait_for(client *c, const char *command)
{
	frame heard;
	for (;;) {
		while (hear_one(c, &heard)) {
			if (strncmp(heard.head, command, strlen(command)) == 0)
				return;
		}
		bench_must(line_fill(c->line, 60), "stomp: no answer");
	}
}

/* The end of a frame without a body. */
static void
end_frame(client *c)
{
	line_put(c->line, "\n\0", 2);
}

static client *
connect_to(const peer_options *how)
{
	client *c = calloc(1, sizeof *c);
	bench_must(c != NULL, "no memory");
	*c = (client){.line = line_open(how->host, how->port),
	    .queue = how->queue,
	    .size = how->size,
	    .batch = how->batch};
	line_print(c->line, "CONNECT\naccept-version:1.1\nhost:localhost\n");
	end_frame(c);
	line_flush(c->line);
	wait_for(c, "CONNECTED");
	return c;
}

static void
close_client(void *peer_p)
{
	client *c = peer_p;
	line_print(c->line, "DISCONNECT\nreceipt:end\n");
	end_frame(c);
	line_flush(c->line);
	wait_for(c, "RECEIPT\nreceipt-id:end");
	line_close(&c->line);
	free(c);
}

static void
prepare(const peer_options *how)
{
	close_client(connect_to(how)); /* queues make themselves */
}

static void *
open_client(const peer_options *how, bool consumer)
{
	client *c = connect_to(how);
	if (!consumer)
		return c;
	line_print(c->line,
	    "SUBSCRIBE\nid:0\ndestination:/queue/%s\nack:client\n"
	    "activemq.prefetchSize:1000\nreceipt:on\n",
	    how->queue);
	end_frame(c);
	line_flush(c->line);
	wait_for(c, "RECEIPT");
	return c;
}

static void
publish(void *peer_p, const void *payload, bool last)
{
	client *c = peer_p;
	bool group = c->batch > 1;
	if (group && !c->open) {
		line_print(c->line, "BEGIN\ntransaction:t\n");
		end_frame(c);
		c->open = true;
	}
	c->published++;
	line_print(c->line,
	    "SEND\ndestination:/queue/%s\npersistent:true\ncontent-length:%zu\n",
	    c->queue, c->size);
	if (group)
		line_print(c->line, "transaction:t\n\n");
	else
		line_print(
		    c->line, "receipt:%llu\n\n", (unsigned long long) c->published);
	line_put(c->line, payload, c->size);
	line_put(c->line, "", 1);
	if (group && last) {
		line_print(c->line, "COMMIT\ntransaction:t\nreceipt:%llu\n",
		    (unsigned long long) c->published);
		end_frame(c);
		c->open = false;
	}
	if (last)
		line_flush(c->line);
}

static uint64_t
acknowledged(void *peer_p, double seconds)
{
	client *c = peer_p;
	frame heard;
	line_flush(c->line);
	if (!line_fill(c->line, seconds))
		return c->acknowledged;
	while (hear_one(c, &heard)) {
		const char *receipt = strstr(heard.head, "receipt-id:");
		bench_must(receipt != NULL && receipt < heard.body,
		    "stomp: something else than a receipt");
		uint64_t number = strtoull(receipt + 11, NULL, 10);
		bench_must(number > c->acknowledged, "stomp: a receipt out of order");
		c->acknowledged = number;
	}
	return c->acknowledged;
}

static void
deliver(void *peer_p, peer_sink *sink, uint64_t left)
{
	client *c = peer_p;
	frame heard;
	char id[256] = "";
	bench_must(line_fill(c->line, 60), "stomp: nothing more is delivered");
	for (uint64_t taken = 0; taken < left && hear_one(c, &heard); taken++) {
		const char *given = strstr(heard.head, "message-id:");
		bench_must(heard.body_length == c->size && given != NULL,
		    "stomp: something else is delivered");
		(void) sscanf(given + 11, "%255[^\n]", id);
		peer_delivered(sink, heard.body);
	}
	if (id[0] == 0)
		return;
	line_print(c->line, "ACK\nsubscription:0\nmessage-id:%s\n", id);
	end_frame(c);
	line_flush(c->line);
}

const peer_ops peer = {
    prepare, open_client, publish, acknowledged, deliver, close_client};
