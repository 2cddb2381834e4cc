/*
 * redis - a Redis stream: XADD, pipelined, whose reply is the acknowledgement; a consumer group that
 * reads in blocks, and acknowledges, deletes and asks for the next block in one go.
 */
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#include "bench/peers/peer.h"

#define BLOCK 500 /* most entries of one read */

typedef struct client {
	redisContext *context;
	const char *stream;
	size_t size;
	uint64_t acknowledged;	      /* messages, in all */
	char ids[BLOCK][32];	      /* of the last block */
	const char *words[BLOCK + 3]; /* of a command about them */
} client;

static redisReply *
good(void *reply)
{
	redisReply *r = reply;
	bench_must(r != NULL, "redis: the broker is gone");
	if (r->type == REDIS_REPLY_ERROR)
		bench_die(r->str);
	return r;
}

static redisContext *
connect_to(const peer_options *how)
{
	redisContext *context = redisConnect(how->host, how->port);
	bench_must(context != NULL && context->err == 0, "redis: cannot connect");
	return context;
}

static void
prepare(const peer_options *how)
{
	redisContext *context = connect_to(how);
	freeReplyObject(good(
	    redisCommand(context, "XGROUP CREATE %s group $ MKSTREAM", how->queue)));
	redisFree(context);
}

static void
ask(client *c)
{
	bench_must(redisAppendCommand(c->context,
		       "XREADGROUP GROUP group consumer COUNT %d BLOCK 60000 STREAMS "
		       "%s >",
		       BLOCK, c->stream) == REDIS_OK,
	    "redis: cannot ask");
}

static void *
open_client(const peer_options *how, bool consumer)
{
	client *c = calloc(1, sizeof *c);
	bench_must(c != NULL, "no memory");
	c->context = connect_to(how);
	c->stream = how->queue;
	c->size = how->size;
	if (consumer)
		ask(c);
	return c;
}

static void
flush(client *c)
{
	int done = 0;
	while (!done)
		bench_must(redisBufferWrite(c->context, &done) == REDIS_OK,
		    "redis: cannot send");
}

static void
publish(void *peer_p, const void *payload, bool last)
{
	client *c = peer_p;
	bench_must(redisAppendCommand(c->context, "XADD %s * body %b", c->stream,
		       payload, c->size) == REDIS_OK,
	    "redis: cannot publish");
	(void) last; /* acknowledged() sends what waits, for many messages at once */
}

static uint64_t
acknowledged(void *peer_p, double seconds)
{
	client *c = peer_p;
	void *reply;
	flush(c);
	if (!bench_readable(c->context->fd, seconds))
		return c->acknowledged;
	bench_must(
	    redisBufferRead(c->context) == REDIS_OK, "redis: the broker is gone");
	for (;;) {
		bench_must(redisGetReplyFromReader(c->context, &reply) == REDIS_OK,
		    "redis: not understood");
		if (reply == NULL)
			return c->acknowledged;
		freeReplyObject(good(reply));
		c->acknowledged++;
	}
}

static redisReply *
next_reply(client *c)
{
	void *reply = NULL;
	bench_must(
	    redisGetReply(c->context, &reply) == REDIS_OK, "redis: the broker is gone");
	return good(reply);
}

/* XACK stream group id... and XDEL stream id..., for the first `count` ids. */
static void
settle(client *c, size_t count)
{
	for (size_t i = 0; i < count; i++)
		c->words[3 + i] = c->ids[i];
	c->words[0] = "XACK";
	c->words[1] = c->stream;
	c->words[2] = "group";
	bench_must(redisAppendCommandArgv(
		       c->context, (int) count + 3, c->words, NULL) == REDIS_OK,
	    "redis: cannot settle");
	c->words[1] = "XDEL";
	c->words[2] = c->stream;
	bench_must(redisAppendCommandArgv(
		       c->context, (int) count + 2, c->words + 1, NULL) == REDIS_OK,
	    "redis: cannot delete");
}

/* [[stream, [[id, [field, value]]...]]] */
static void
deliver(void *peer_p, peer_sink *sink, uint64_t left)
{
	client *c = peer_p;
	redisReply *reply = next_reply(c);
	bench_must(
	    reply->type == REDIS_REPLY_ARRAY, "redis: nothing more is delivered");
	const redisReply *entries = reply->element[0]->element[1];
	for (size_t i = 0; i < entries->elements; i++) {
		const redisReply *entry = entries->element[i];
		bench_must(
		    entry->element[0]->len < sizeof c->ids[i], "redis: a long id");
		strcpy(c->ids[i], entry->element[0]->str);
		peer_delivered(sink, entry->element[1]->element[1]->str);
	}
	settle(c, entries->elements);
	if (entries->elements < left)
		ask(c);
	freeReplyObject(reply);
	for (int i = 0; i < 2; i++)
		freeReplyObject(next_reply(c));
}

static void
close_client(void *peer_p)
{
	client *c = peer_p;
	redisFree(c->context);
	free(c);
}

const peer_ops peer = {
    prepare, open_client, publish, acknowledged, deliver, close_client};
