/*
 * peer - the driver: a pipelined publisher and a consumer, two processes, through another broker.
 *
 *	CLIENT --queue NAME [--host WHERE] [--port N] [--kind VARIANT] [--messages N] [--window N]
 *	    [--batch N] [--pace PER-SECOND] [--size BYTES]
 *
 * Prints the JSON line of measure.h.
 */
#include "bench/peers/peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SILENCE 60.0 /* seconds without anything: something is wrong */
#define LOOK	32u  /* messages sent between two looks for acknowledgements */

struct peer_sink {
	bench_report *report;
	uint64_t pace, taken;
};

void
peer_delivered(peer_sink *sink, const void *payload)
{
	bench_delivered(sink->report, sink->pace, payload);
	sink->taken++;
}

static double
consume(void *argument, bench_report *report)
{
	const peer_options *how = argument;
	peer_sink sink = {.report = report, .pace = how->pace};
	void *connection = peer.open(how, true);
	bench_ready(report);
	double first = 0;
	while (sink.taken < how->messages) {
		peer.deliver(connection, &sink, how->messages - sink.taken);
		if (first == 0)
			first = bench_now();
	}
	peer.close(connection);
	return bench_now() - first;
}

static void
hear(void *connection, bench_pacer *pacer, double seconds, bench_report *report)
{
	uint64_t before = pacer->acked;
	bench_pacer_acked(pacer, peer.acknowledged(connection, seconds), report);
	bench_must(seconds < SILENCE || pacer->acked > before,
	    "the broker acknowledges nothing more");
}

static void
publish_all(void *connection, const peer_options *how, bench_pacer *pacer,
    char *payload, bench_report *report)
{
	for (uint64_t number = 0; number < how->messages;) {
		double wait = bench_pacer_wait(pacer, number);
		bool full = number - pacer->acked >= how->window;
		if (wait > 0 || full) {
			hear(connection, pacer, full ? SILENCE : wait, report);
			continue;
		}
		bench_pacer_stamp(pacer, number, payload);
		number++;
		bool last = how->pace > 0 || number % how->batch == 0 ||
			    number == how->messages;
		peer.publish(connection, payload, last);
		if (how->pace > 0 || number % LOOK == 0)
			hear(connection, pacer, 0, report);
	}
}

static double
publish(void *argument, bench_report *report)
{
	const peer_options *how = argument;
	void *connection = peer.open(how, false);
	char *payload = malloc(how->size);
	bench_pacer pacer;
	bench_must(payload != NULL, "no memory for the publisher");
	memset(payload, 'x', how->size);
	bench_pacer_init(&pacer, how->pace, how->messages);
	publish_all(connection, how, &pacer, payload, report);
	while (pacer.acked < how->messages)
		hear(connection, &pacer, SILENCE, report);
	double seconds = bench_now() - pacer.started;
	bench_pacer_fini(&pacer);
	peer.close(connection);
	free(payload);
	return seconds;
}

/* In a process of its own: libraries that have threads do not survive the fork. */
static void
prepare(const peer_options *how)
{
	int status = 0;
	pid_t child = fork();
	bench_must(child >= 0, "cannot fork");
	if (child == 0) {
		peer.prepare(how);
		_exit(0);
	}
	bench_must(waitpid(child, &status, 0) == child && status == 0,
	    "the queue cannot be made");
}

int
main(int argc, char **argv)
{
	peer_options how = {.queue = bench_option(argv, "--queue", NULL),
	    .host = bench_option(argv, "--host", "127.0.0.1"),
	    .port = (int) bench_number(argv, "--port", 0),
	    .kind = bench_option(argv, "--kind", ""),
	    .messages = bench_number(argv, "--messages", 50000),
	    .window = bench_number(argv, "--window", 4096),
	    .batch = bench_number(argv, "--batch", 1),
	    .pace = bench_number(argv, "--pace", 0),
	    .size = bench_number(argv, "--size", 1024)};
	if (argc % 2 == 0 || how.queue == NULL || how.batch == 0 || how.messages == 0 ||
	    how.window < how.batch || how.size < sizeof(double)) {
		(void) fprintf(stderr,
		    "usage: %s --queue NAME [--OPTION VALUE]..., as peer.c says\n",
		    argv[0]);
		return 2;
	}
	prepare(&how);
	bench_pair(consume, publish, &how, how.messages);
	return 0;
}
