/*
 * nats - NATS JetStream, by its text protocol: a file-backed work-queue stream; the publish
 * acknowledgement of JetStream is the acknowledgement; a push consumer that acknowledges every
 * message, as a work queue asks for.
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
	uint64_t acknowledged; /* messages, in all */
} client;

/* One thing that the server says. */
typedef struct said {
	char reply[256];    /* MSG: where an answer goes, or "" */
	const char *data;   /* MSG: the payload, zero-terminated only by chance */
	size_t length;	    /* of the payload */
	bool message, pong; /* which it is; else something to pass over */
} said;

/* "MSG subject sid [reply] length" */
static void
parse_message(const char *text, said *out)
{
	char words[3][256] = {"", "", ""};
	char last[32] = "";
	int count = sscanf(
	    text, "MSG %255s %255s %255s %31s", words[0], words[1], words[2], last);
	bench_must(count >= 3, "nats: not understood");
	if (count == 4)
		memcpy(out->reply, words[2], sizeof out->reply);
	out->length = strtoul(count == 4 ? last : words[2], NULL, 10);
	out->message = true;
}

/* The next of what is read, or false if it is not whole. */
static bool
hear_one(client *c, said *out)
{
	size_t length;
	const char *text = line_peek(c->line, &length);
	const char *end = length == 0 ? NULL : memchr(text, '\n', length);
	*out = (said){.length = 0};
	if (end == NULL)
		return false;
	size_t head = (size_t) (end - text) + 1;
	if (strncmp(text, "-ERR", 4) == 0)
		bench_die(text);
	out->pong = strncmp(text, "PONG", 4) == 0;
	if (strncmp(text, "PING", 4) == 0) {
		line_print(c->line, "PONG\r\n");
		line_flush(c->line);
	}
	if (strncmp(text, "MSG ", 4) != 0) {
		line_take(c->line, head);
		return true;
	}
	parse_message(text, out);
	if (length < head + out->length + 2)
		return false;
	out->data = end + 1;
	line_take(c->line, head + out->length + 2);
	return true;
}

/* Wait for a message or a PONG. */
static said
hear_until(client *c, bool pong)
{
	said heard;
	for (;;) {
		while (hear_one(c, &heard)) {
			if (pong ? heard.pong : heard.message)
				return heard;
		}
		bench_must(line_fill(c->line, 60), "nats: no answer");
	}
}

static void
ping(client *c)
{
	line_print(c->line, "PING\r\n");
	line_flush(c->line);
	(void) hear_until(c, true);
}

static client *
connect_to(const peer_options *how)
{
	client *c = calloc(1, sizeof *c);
	bench_must(c != NULL, "no memory");
	c->line = line_open(how->host, how->port);
	c->queue = how->queue;
	c->size = how->size;
	line_print(c->line, "CONNECT {\"verbose\":false,\"pedantic\":false}\r\n");
	ping(c);
	return c;
}

/* JetStream answers with JSON that has a member "error". */
static void
die_of_error(const said *answer)
{
	char text[512];
	(void) snprintf(
	    text, sizeof text, "nats: %.*s", (int) answer->length, answer->data);
	if (strstr(text, "\"error\":{") != NULL)
		bench_die(text);
}

/* A call of JetStream's own API; dies unless the answer is good. */
static void
request(client *c, const char *subject, const char *body)
{
	line_print(c->line, "SUB answer.%s 9\r\nPUB %s answer.%s %zu\r\n%s\r\n",
	    c->queue, subject, c->queue, strlen(body), body);
	line_print(c->line, "UNSUB 9 1\r\n");
	line_flush(c->line);
	said answer = hear_until(c, false);
	die_of_error(&answer);
}

static void
close_client(void *peer_p)
{
	client *c = peer_p;
	ping(c); /* the server has read everything that we sent */
	line_close(&c->line);
	free(c);
}

static void
prepare(const peer_options *how)
{
	char subject[256], body[512];
	client *c = connect_to(how);
	(void) snprintf(
	    subject, sizeof subject, "$JS.API.STREAM.CREATE.%s", how->queue);
	(void) snprintf(body, sizeof body,
	    "{\"name\":\"%s\",\"subjects\":[\"work.%s\"],\"storage\":\"file\","
	    "\"retention\":\"workqueue\"}",
	    how->queue, how->queue);
	request(c, subject, body);
	close_client(c);
}

static void *
open_client(const peer_options *how, bool consumer)
{
	char subject[256], body[512];
	client *c = connect_to(how);
	if (!consumer) {
		line_print(c->line, "SUB ack.%s 1\r\n", how->queue);
		ping(c);
		return c;
	}
	(void) snprintf(subject, sizeof subject,
	    "$JS.API.CONSUMER.DURABLE.CREATE.%s.worker", how->queue);
	(void) snprintf(body, sizeof body,
	    "{\"stream_name\":\"%s\",\"config\":{\"durable_name\":\"worker\","
	    "\"deliver_subject\":\"deliver.%s\",\"ack_policy\":\"explicit\","
	    "\"max_ack_pending\":8192}}",
	    how->queue, how->queue);
	request(c, subject, body);
	line_print(c->line, "SUB deliver.%s 1\r\n", how->queue);
	ping(c);
	return c;
}

static void
publish(void *peer_p, const void *payload, bool last)
{
	client *c = peer_p;
	line_print(c->line, "PUB work.%s ack.%s %zu\r\n", c->queue, c->queue, c->size);
	line_put(c->line, payload, c->size);
	line_put(c->line, "\r\n", 2);
	if (last)
		line_flush(c->line);
}

static uint64_t
acknowledged(void *peer_p, double seconds)
{
	client *c = peer_p;
	said heard;
	line_flush(c->line);
	if (!line_fill(c->line, seconds))
		return c->acknowledged;
	while (hear_one(c, &heard)) {
		if (!heard.message)
			continue;
		die_of_error(&heard);
		c->acknowledged++;
	}
	return c->acknowledged;
}

static void
deliver(void *peer_p, peer_sink *sink, uint64_t left)
{
	client *c = peer_p;
	said heard;
	bench_must(line_fill(c->line, 60), "nats: nothing more is delivered");
	for (uint64_t taken = 0; taken < left && hear_one(c, &heard);) {
		if (!heard.message)
			continue;
		bench_must(
		    heard.length == c->size, "nats: something else is delivered");
		peer_delivered(sink, heard.data);
		line_print(c->line, "PUB %s 0\r\n\r\n", heard.reply);
		taken++;
	}
	line_flush(c->line);
}

const peer_ops peer = {
    prepare, open_client, publish, acknowledged, deliver, close_client};
