/*
 * peer - what the client of another broker does for the common driver.
 *
 * The driver (peer.c) is the same for all: it publishes 1-KB messages with a window of
 * unacknowledged ones or at a pace, and has a consumer in another process. A client says how that is
 * done with its broker. It is built by the benchmark itself, against Debian's libraries, and only
 * when they are there.
 *
 * Thread: owner; the publisher's and the consumer's connection are in different processes.
 * Errors: bench_die.
 */
#ifndef PH_BENCH_PEER_H
#define PH_BENCH_PEER_H

#include "bench/measure.h"

typedef struct peer_options {
	const char *host; /* address, or what else tells where the broker is */
	int port;
	const char *kind;  /* a variant of the broker, such as "quorum" */
	const char *queue; /* a fresh name for this run */
	uint64_t batch;	   /* messages of one transaction, where the broker has them */
	uint64_t messages, window, pace;
	size_t size;
} peer_options;

/* Where a delivery goes: the payload is read at once. */
typedef struct peer_sink peer_sink;
void peer_delivered(peer_sink *sink, const void *payload);

typedef struct peer_ops {
	/* Make the queue; called before anything else, and its connection is closed again. */
	void (*prepare)(const peer_options *how);
	/* Connect; a consumer is subscribed on return. */
	void *(*open)(const peer_options *how, bool consumer);
	/* Publish one message; `last` of a batch, or of all that is to be sent now: send it. */
	void (*publish)(void *peer, const void *payload, bool last);
	/* Read acknowledgements, waiting at most so many seconds for the first: the first so many
	 * messages are acknowledged. */
	uint64_t (*acknowledged)(void *peer, double seconds);
	/* Wait for deliveries, hand over at least one, and settle them. `left` are still to come. */
	void (*deliver)(void *peer, peer_sink *sink, uint64_t left);
	/* Everything is settled as far as the broker tells; close and free. */
	void (*close)(void *peer);
} peer_ops;

/* The one table of the program. */
extern const peer_ops peer;

#endif
