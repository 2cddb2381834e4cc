/*
 * bus - one pipelined publisher and one consumer, as two processes, through a running broker.
 *
 * Every message is published with a durable acknowledgement and settled by the consumer. The
 * publisher's clock runs from the first publish to the last acknowledgement, the consumer's from the
 * first delivery to the last confirmed settlement; the rate is the slower of both.
 *
 * Prints one JSON line: {"messages":N,"published_s":...,"consumed_s":...,"rate":...}.
 */
#include <errno.h>
#include <packhorse/packhorse.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SUBJECTS 10000u

typedef struct options {
	const char *socket, *queue, *batch, *window;
	uint64_t messages;
	size_t size;
	int subject;
	unsigned credit;
	uint64_t pace; /* messages a second; 0: as fast as it goes */
} options;

static double
now(void)
{
	struct timespec at;
	(void) clock_gettime(CLOCK_MONOTONIC, &at);
	return (double) at.tv_sec + (double) at.tv_nsec / 1e9;
}

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
	ph_error err = {.status = PH_OK};
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
	ph_error err = {.status = PH_OK};
	ph_status status = ph_client_next(client, timeout_ms, &event, &err);
	if (status == PH_ERR_TIMEOUT)
		return NULL;
	must(status, &err, "event");
	return event;
}

/* ---- the consumer ---- */

static double
consume(const options *how, int ready)
{
	ph_client *client = open_client(how, "bench-consumer");
	ph_error err = {.status = PH_OK};
	must(ph_client_subscribe(client, how->queue, how->credit, &err), &err,
	    "subscribe");
	if (write(ready, "r", 1) != 1)
		exit(1);
	uint64_t settled = 0;
	double first = 0;
	while (settled < how->messages) {
		const ph_event *event = next(client, 30000);
		if (event == NULL) {
			(void) fprintf(stderr,
			    "bus: nothing came for 30 s after %llu messages\n",
			    (unsigned long long) settled);
			exit(1);
		}
		if (ph_event_kind_of(event) == PH_EVENT_SETTLED)
			settled++;
		if (ph_event_kind_of(event) != PH_EVENT_DELIVERY)
			continue;
		if (first == 0)
			first = now();
		must(ph_client_settle(client, ph_event_delivery(event), PH_DELIVERED,
			 NULL, NULL, NULL, 0, &err),
		    &err, "settle");
	}
	double taken = now() - first;
	ph_client_destroy(&client);
	return taken;
}

/* ---- the publisher ---- */

static ph_message *
make(const options *how, const char *data, const char *run, uint64_t number)
{
	char id[64], subject[32];
	int id_length =
	    snprintf(id, sizeof id, "%s-%llu", run, (unsigned long long) number);
	int subject_length = snprintf(subject, sizeof subject, "SR-%013llu",
	    (unsigned long long) (number % SUBJECTS));
	ph_attribute attributes[] = {{"id", id, (size_t) id_length},
	    {"source", "urn:bench", 9}, {"type", "bench.message.v1", 16},
	    {"datacontenttype", "application/octet-stream", 24},
	    {"subject", subject, (size_t) subject_length}};
	ph_message *message = NULL;
	ph_error err = {.status = PH_OK};
	must(ph_message_new(
		 attributes, how->subject ? 5 : 4, data, how->size, &message, &err),
	    &err, "message");
	return message;
}

static void
take_results(ph_client *client, uint64_t *results, int timeout_ms)
{
	const ph_event *event;
	while ((event = next(client, timeout_ms)) != NULL) {
		timeout_ms = 0;
		if (ph_event_kind_of(event) != PH_EVENT_RESULT)
			continue;
		if (ph_event_result(event) != PH_ACCEPTED) {
			(void) fprintf(
			    stderr, "bus: refused: %s\n", ph_event_text(event));
			exit(1);
		}
		++*results;
	}
}

static double
publish(const options *how)
{
	ph_client *client = open_client(how, "bench-publisher");
	char run[32];
	(void) snprintf(run, sizeof run, "%lx%lx", (unsigned long) getpid(),
	    (unsigned long) time(NULL));
	char *data = malloc(how->size + 1);
	if (data == NULL)
		exit(1);
	memset(data, 'x', how->size);
	uint64_t results = 0;
	double start = now();
	for (uint64_t number = 0; number < how->messages;) {
		ph_error err = {.status = PH_OK};
		if (how->pace > 0 &&
		    (double) number > (now() - start) * (double) how->pace) {
			take_results(client, &results, 1);
			continue;
		}
		ph_message *message = make(how, data, run, number);
		ph_status status = ph_client_publish(client, message, NULL, &err);
		ph_message_unref(&message);
		if (status == PH_ERR_FULL) {
			take_results(client, &results, 1000);
			continue;
		}
		must(status, &err, "publish");
		number++;
	}
	while (results < how->messages)
		take_results(client, &results, 1000);
	double taken = now() - start;
	ph_client_destroy(&client);
	free(data);
	return taken;
}

/* ---- both ---- */

static void
usage(void)
{
	(void) fprintf(stderr,
	    "usage: bus --socket PATH [--queue NAME] [--messages N] [--size BYTES] "
	    "[--batch N]\n"
	    "           [--window N] [--credit N] [--pace PER-SECOND] [--subject]\n");
	exit(2);
}

static void
parse(int argc, char **argv, options *how)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--subject") == 0) {
			how->subject = 1;
			continue;
		}
		if (i + 1 >= argc)
			usage();
		const char *value = argv[++i];
		if (strcmp(argv[i - 1], "--socket") == 0)
			how->socket = value;
		else if (strcmp(argv[i - 1], "--queue") == 0)
			how->queue = value;
		else if (strcmp(argv[i - 1], "--messages") == 0)
			how->messages = strtoull(value, NULL, 10);
		else if (strcmp(argv[i - 1], "--size") == 0)
			how->size = strtoul(value, NULL, 10);
		else if (strcmp(argv[i - 1], "--batch") == 0)
			how->batch = value;
		else if (strcmp(argv[i - 1], "--window") == 0)
			how->window = value;
		else if (strcmp(argv[i - 1], "--credit") == 0)
			how->credit = (unsigned) strtoul(value, NULL, 10);
		else if (strcmp(argv[i - 1], "--pace") == 0)
			how->pace = strtoull(value, NULL, 10);
		else
			usage();
	}
	if (how->socket == NULL || how->messages == 0)
		usage();
}

int
main(int argc, char **argv)
{
	options how = {.queue = "bench",
	    .batch = "1",
	    .window = "4096",
	    .messages = 100000,
	    .size = 1024,
	    .credit = 8192};
	int ready[2], done[2];
	char byte;
	double consumed = 0;
	parse(argc, argv, &how);
	if (pipe(ready) != 0 || pipe(done) != 0)
		return 1;
	pid_t child = fork();
	if (child == 0) {
		consumed = consume(&how, ready[1]);
		return write(done[1], &consumed, sizeof consumed) == sizeof consumed
			   ? 0
			   : 1;
	}
	(void) close(ready[1]);
	(void) close(done[1]);
	if (read(ready[0], &byte, 1) != 1)
		return 1;
	double published = publish(&how);
	if (read(done[0], &consumed, sizeof consumed) != sizeof consumed)
		return 1;
	(void) waitpid(child, NULL, 0);
	double slower = published > consumed ? published : consumed;
	(void) printf("{\"messages\":%llu,\"published_s\":%.4f,\"consumed_s\":%.4f,"
		      "\"rate\":%.0f}\n",
	    (unsigned long long) how.messages, published, consumed,
	    (double) how.messages / slower);
	return 0;
}
