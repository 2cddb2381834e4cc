/*
 * bus - a pipelined publisher and a consumer, as two processes, through a running broker.
 *
 * Every message is published with a durable acknowledgement and settled by the consumer.
 *
 *	bus --socket PATH [--messages N] [--size BYTES] [--batch N] [--window N] [--credit N]
 *	    [--pace PER-SECOND] [--reference yes] [--queue NAME] [--queues N] [--types N]
 *	    [--type N] [--fanout N] [--idle N] [--consume no]
 *
 * With --queues the consumer takes NAME0, NAME1, ... instead of NAME; with --types the publisher
 * goes round the types bench.000000.v1, bench.000001.v1, ..., from that of --type on; with --fanout
 * each message is expected that many times. --idle holds so many more clients, connected and still.
 * --consume no leaves everything pending. --reference gives every message one of 10,000 business
 * references.
 *
 * Prints the JSON line of measure.h.
 */
#include <packhorse/packhorse.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/measure.h"

#define SUBJECTS  10000u
#define ID_DIGITS 10
#define SILENCE	  60000 /* ms without any event: something is wrong */

typedef struct options {
	const char *socket, *queue, *batch, *window;
	uint64_t messages, queues, types, type, fanout, idle;
	size_t size;
	bool reference, consume;
	uint64_t credit;
	uint64_t pace; /* messages a second; 0: as fast as it goes */
} options;

static void
must(ph_status status, const ph_error *err, const char *what)
{
	if (status == PH_OK)
		return;
	(void) fprintf(stderr, "bus: %s: %s %s\n", what, err->where, err->text);
	exit(1);
}

static ph_client *
open_client(const options *how, const char *name)
{
	ph_client *client = NULL;
	ph_error err;
	ph_error_clear(&err);
	must(ph_client_new(how->socket, &client, &err), &err, "client");
	must(ph_client_set(client, "name", name, &err), &err, "name");
	must(ph_client_set(client, "batch", how->batch, &err), &err, "batch");
	must(ph_client_set(client, "window", how->window, &err), &err, "window");
	must(ph_client_connect(client, 10000, &err), &err, "connect");
	return client;
}

/* The next event, whatever it is. */
static const ph_event *
next(ph_client *client, int timeout_ms)
{
	const ph_event *event = NULL;
	ph_error err;
	ph_error_clear(&err);
	ph_status status = ph_client_next(client, timeout_ms, &event, &err);
	if (status == PH_ERR_TIMEOUT)
		return NULL;
	must(status, &err, "event");
	return event;
}

/* ---- the consumer ---- */

static void
subscribe(ph_client *client, const options *how)
{
	ph_error err;
	ph_error_clear(&err);
	uint64_t credit = how->queues > 1 ? how->credit / how->queues : how->credit;
	if (credit == 0)
		credit = 1;
	for (uint64_t i = 0; i < how->queues; i++) {
		char name[64];
		(void) snprintf(name, sizeof name, how->queues > 1 ? "%s%llu" : "%s",
		    how->queue, (unsigned long long) i);
		must(ph_client_subscribe(client, name, (uint32_t) credit, &err), &err,
		    "subscribe");
	}
}

static void
take_delivery(
    ph_client *client, const ph_event *event, const options *how, bench_report *report)
{
	ph_error err;
	ph_error_clear(&err);
	if (how->pace > 0) {
		size_t length;
		bench_delivered(report, how->pace,
		    ph_message_data(ph_event_message(event), &length));
	}
	must(ph_client_settle(client, ph_event_delivery(event), PH_DELIVERED, NULL,
		 NULL, NULL, 0, &err),
	    &err, "settle");
}

static double
consume(void *argument, bench_report *report)
{
	const options *how = argument;
	if (!how->consume) {
		bench_ready(report);
		return 0;
	}
	ph_client *client = open_client(how, "bench-consumer");
	subscribe(client, how);
	bench_ready(report);
	double first = 0;
	for (uint64_t settled = 0; settled < how->messages * how->fanout;) {
		const ph_event *event = next(client, SILENCE);
		bench_must(event != NULL, "bus: nothing more is delivered");
		if (first == 0)
			first = bench_now();
		if (ph_event_kind_of(event) == PH_EVENT_SETTLED)
			settled++;
		else if (ph_event_kind_of(event) == PH_EVENT_DELIVERY)
			take_delivery(client, event, how, report);
	}
	double taken = bench_now() - first;
	ph_client_destroy(&client);
	return taken;
}

/* ---- the publisher ---- */

/* Digits with leading zeros: printf would be a good part of what a publisher takes. */
static void
put_number(char *out, size_t digits, uint64_t number)
{
	while (digits-- > 0) {
		out[digits] = (char) ('0' + number % 10);
		number /= 10;
	}
}

static ph_message *
make(const options *how, const char *data, const char *run, uint64_t number)
{
	char id[48] = {0};
	char type[] = "bench.000000.v1";
	char subject[] = "SR-0000000000000";
	size_t run_length = strlen(run);
	memcpy(id, run, run_length);
	put_number(id + run_length, ID_DIGITS, number);
	put_number(type + 6, 6, how->type + number % how->types);
	put_number(subject + 3, 13, number % SUBJECTS);
	ph_attribute attributes[] = {{"id", id, run_length + ID_DIGITS},
	    {"source", "urn:bench", 9}, {"type", type, sizeof type - 1},
	    {"datacontenttype", "application/octet-stream", 24},
	    {"subject", subject, sizeof subject - 1}};
	ph_message *message = NULL;
	ph_error err;
	ph_error_clear(&err);
	must(ph_message_new(
		 attributes, how->reference ? 5 : 4, data, how->size, &message, &err),
	    &err, "message");
	return message;
}

/* Results come in the order of publishing. */
static bool
take_results(
    ph_client *client, bench_pacer *pacer, int timeout_ms, bench_report *report)
{
	const ph_event *event;
	bool any = false;
	while ((event = next(client, any ? 0 : timeout_ms)) != NULL) {
		any = true;
		if (ph_event_kind_of(event) != PH_EVENT_RESULT)
			continue;
		if (ph_event_result(event) != PH_ACCEPTED)
			bench_die(ph_event_text(event));
		bench_pacer_acked(pacer, pacer->acked + 1, report);
	}
	return any;
}

/* Publish one, or hear results where it cannot be done yet. */
static bool
publish_one(ph_client *client, const options *how, bench_pacer *pacer, char *data,
    const char *run, uint64_t number, bench_report *report)
{
	ph_error err;
	ph_error_clear(&err);
	double wait = bench_pacer_wait(pacer, number);
	if (wait > 0) {
		(void) take_results(client, pacer, (int) (wait * 1000), report);
		bench_sleep(wait < 0.001 ? wait : 0);
		return false;
	}
	bench_pacer_stamp(pacer, number, data);
	ph_message *message = make(how, data, run, number);
	ph_status status = ph_client_publish(client, message, NULL, &err);
	ph_message_unref(&message);
	if (status == PH_ERR_FULL) {
		bench_must(take_results(client, pacer, SILENCE, report),
		    "bus: nothing more is acknowledged");
		return false;
	}
	must(status, &err, "publish");
	if (how->pace > 0)
		must(ph_client_flush(client, &err), &err, "flush");
	return true;
}

static double
publish(void *argument, bench_report *report)
{
	const options *how = argument;
	ph_client *client = open_client(how, "bench-publisher");
	char run[32];
	bench_pacer pacer;
	char *data = malloc(how->size + sizeof(double));
	bench_must(data != NULL, "bus: no memory");
	memset(data, 'x', how->size);
	bench_pacer_init(&pacer, how->pace, how->messages);
	(void) snprintf(run, sizeof run, "%lx-%lx-", (unsigned long) getpid(),
	    (unsigned long) (pacer.started * 1000));
	for (uint64_t number = 0; number < how->messages;) {
		if (publish_one(client, how, &pacer, data, run, number, report))
			number++;
	}
	while (pacer.acked < how->messages)
		bench_must(take_results(client, &pacer, SILENCE, report),
		    "bus: nothing more is acknowledged");
	double taken = bench_now() - pacer.started;
	bench_pacer_fini(&pacer);
	ph_client_destroy(&client);
	free(data);
	return taken;
}

/* ---- the others ---- */

static void
keep_idle(const options *how, int ready)
{
	struct rlimit files;
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void) setrlimit(RLIMIT_NOFILE, &files);
	}
	for (uint64_t i = 0; i < how->idle; i++) {
		char name[64];
		(void) snprintf(
		    name, sizeof name, "bench-idle-%llu", (unsigned long long) i);
		(void) open_client(how, name);
	}
	bench_must(write(ready, "r", 1) == 1, "bus: nobody waits");
	for (;;)
		(void) pause();
}

/* The process that holds the idle clients, once they are connected; -1: none are wanted. */
static pid_t
start_idle(const options *how)
{
	int ready[2];
	char byte;
	if (how->idle == 0)
		return -1;
	bench_must(pipe(ready) == 0, "bus: cannot make a pipe");
	pid_t child = fork();
	if (child == 0) {
		(void) close(ready[0]);
		keep_idle(how, ready[1]);
	}
	(void) close(ready[1]);
	bench_must(child > 0 && read(ready[0], &byte, 1) == 1,
	    "bus: the idle clients cannot connect");
	(void) close(ready[0]);
	return child;
}

int
main(int argc, char **argv)
{
	options how = {.socket = bench_option(argv, "--socket", NULL),
	    .queue = bench_option(argv, "--queue", "bench"),
	    .batch = bench_option(argv, "--batch", "1"),
	    .window = bench_option(argv, "--window", "4096"),
	    .messages = bench_number(argv, "--messages", 100000),
	    .size = bench_number(argv, "--size", 1024),
	    .credit = bench_number(argv, "--credit", 8192),
	    .pace = bench_number(argv, "--pace", 0),
	    .queues = bench_number(argv, "--queues", 1),
	    .types = bench_number(argv, "--types", 1),
	    .type = bench_number(argv, "--type", 0),
	    .fanout = bench_number(argv, "--fanout", 1),
	    .idle = bench_number(argv, "--idle", 0),
	    .reference = strcmp(bench_option(argv, "--reference", "no"), "yes") == 0,
	    .consume = strcmp(bench_option(argv, "--consume", "yes"), "yes") == 0};
	if (argc % 2 == 0 || how.socket == NULL || how.messages == 0 ||
	    how.queues == 0 || how.types == 0 ||
	    (how.pace > 0 && how.size < sizeof(double))) {
		(void) fprintf(stderr, "usage: bus --socket PATH [--OPTION VALUE]..., "
				       "as its source says\n");
		return 2;
	}
	pid_t idle = start_idle(&how);
	bench_pair(consume, publish, &how, how.messages);
	if (idle > 0) {
		(void) kill(idle, SIGKILL);
		(void) waitpid(idle, NULL, 0);
	}
	return 0;
}
