/*
 * load - one publisher and one consumer that keep their own books while the broker is killed.
 *
 *     load publish SOCKET FILE [FIRST]   publishes until SIGTERM, then waits for every result;
 *                                        the first message has number FIRST, from 1
 *     load consume SOCKET FILE [QUEUE]   takes and settles until SIGTERM; from "bench"
 *
 * FILE gets one line per fact, written before anything else is done: "a N" message N was
 * acknowledged; "d N S" message N of subject S was delivered; "s N" its settlement was confirmed.
 * The checker trusts only these files, never the broker.
 */
#include <fcntl.h>
#include <packhorse/packhorse.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SUBJECTS 50u
#define WINDOW	 "256"
#define CREDIT	 128

static volatile sig_atomic_t stopping;

static void
on_term(int number)
{
	(void) number;
	stopping = 1;
}

/* `subject` is written for deliveries only. */
static void
fact(int file, char kind, uint64_t number, uint64_t subject)
{
	char line[64];
	int length =
	    kind == 'd' ? snprintf(line, sizeof line, "d %llu %llu\n",
			      (unsigned long long) number, (unsigned long long) subject)
			: snprintf(line, sizeof line, "%c %llu\n", kind,
			      (unsigned long long) number);
	if (write(file, line, (size_t) length) != length)
		exit(1);
}

static void
must(ph_status status, const ph_error *err, const char *what)
{
	if (status == PH_OK)
		return;
	(void) fprintf(stderr, "load: %s: %s\n", what, err->text);
	exit(1);
}

static ph_client *
open_client(const char *path, const char *name)
{
	ph_client *client = NULL;
	ph_error err = {.status = PH_OK};
	must(ph_client_new(path, &client, &err), &err, "client");
	must(ph_client_set(client, "name", name, &err), &err, "name");
	must(ph_client_set(client, "window", WINDOW, &err), &err, "window");
	must(ph_client_connect(client, 30000, &err), &err, "connect");
	return client;
}

/* ---- publisher ---- */

static ph_message *
make(const char *run, uint64_t number)
{
	char id[64], subject[32], data[64];
	int id_length =
	    snprintf(id, sizeof id, "%s-%llu", run, (unsigned long long) number);
	int subject_length = snprintf(subject, sizeof subject, "K-%llu",
	    (unsigned long long) (number % SUBJECTS));
	int data_length =
	    snprintf(data, sizeof data, "%llu", (unsigned long long) number);
	ph_attribute attributes[] = {{"id", id, (size_t) id_length},
	    {"source", "urn:crash", 9}, {"type", "bench.crash.v1", 14},
	    {"subject", subject, (size_t) subject_length}};
	ph_message *message = NULL;
	ph_error err = {.status = PH_OK};
	must(ph_message_new(attributes, 4, data, (size_t) data_length, &message, &err),
	    &err, "message");
	return message;
}

/*
 * Tickets count up from 1 as message numbers do from `first`. A duplicate was acknowledged before
 * the kill.
 */
static void
take_result(ph_client *client, int file, uint64_t first, int timeout_ms)
{
	const ph_event *event = NULL;
	ph_error err = {.status = PH_OK};
	ph_status status = ph_client_next(client, timeout_ms, &event, &err);
	if (status == PH_ERR_TIMEOUT)
		return;
	must(status, &err, "event");
	if (ph_event_kind_of(event) != PH_EVENT_RESULT)
		return;
	if (ph_event_result(event) > PH_RESULT_DUPLICATE) {
		(void) fprintf(stderr, "load: refused: %s\n", ph_event_text(event));
		exit(1);
	}
	fact(file, 'a', first - 1 + ph_event_ticket(event), 0);
}

static void
publish(const char *path, int file, uint64_t first)
{
	ph_client *client = open_client(path, "crash-publisher");
	char run[32];
	(void) snprintf(run, sizeof run, "%ld", (long) getpid());
	for (uint64_t number = first; !stopping;) {
		ph_message *message = make(run, number);
		ph_status status = ph_client_publish(client, message, NULL, NULL);
		ph_message_unref(&message);
		if (status == PH_OK)
			number++;
		take_result(client, file, first, status == PH_OK ? 0 : 100);
	}
	while (ph_client_pending(client) > 0)
		take_result(client, file, first, 100);
	ph_client_destroy(&client);
}

/* ---- consumer ---- */

typedef struct numbers {
	uint64_t *at; /* delivery -> message number, for the few in flight */
	uint64_t *delivery;
	size_t count, capacity;
} numbers;

static void
remember(numbers *held, uint64_t delivery, uint64_t number)
{
	if (held->count == held->capacity) {
		held->capacity = held->capacity == 0 ? 256 : held->capacity * 2;
		held->at = realloc(held->at, held->capacity * sizeof *held->at);
		held->delivery =
		    realloc(held->delivery, held->capacity * sizeof *held->delivery);
		if (held->at == NULL || held->delivery == NULL)
			exit(1);
	}
	held->at[held->count] = number;
	held->delivery[held->count++] = delivery;
}

static uint64_t
recall(numbers *held, uint64_t delivery)
{
	for (size_t i = 0; i < held->count; i++) {
		if (held->delivery[i] != delivery)
			continue;
		uint64_t number = held->at[i];
		held->count--;
		held->at[i] = held->at[held->count];
		held->delivery[i] = held->delivery[held->count];
		return number;
	}
	return 0;
}

static void
take_delivery(ph_client *client, int file, numbers *held, const ph_event *event)
{
	char text[32] = "";
	size_t length;
	const char *data = ph_message_data(ph_event_message(event), &length);
	memcpy(text, data, length < sizeof text - 1 ? length : sizeof text - 1);
	uint64_t number = strtoull(text, NULL, 10);
	fact(file, 'd', number, number % SUBJECTS);
	remember(held, ph_event_delivery(event), number);
	ph_error err = {.status = PH_OK};
	must(ph_client_settle(client, ph_event_delivery(event), PH_DELIVERED, NULL,
		 NULL, NULL, 0, &err),
	    &err, "settle");
}

static void
consume(const char *path, int file, const char *queue)
{
	ph_client *client = open_client(path, "crash-consumer");
	ph_error err = {.status = PH_OK};
	numbers held = {.count = 0};
	must(ph_client_subscribe(client, queue, CREDIT, &err), &err, "subscribe");
	while (!stopping) {
		const ph_event *event = NULL;
		ph_status status = ph_client_next(client, 100, &event, &err);
		if (status == PH_ERR_TIMEOUT)
			continue;
		must(status, &err, "event");
		if (ph_event_kind_of(event) == PH_EVENT_DELIVERY)
			take_delivery(client, file, &held, event);
		else if (ph_event_kind_of(event) == PH_EVENT_SETTLED)
			fact(file, 's', recall(&held, ph_event_delivery(event)), 0);
	}
	ph_client_destroy(&client);
	free(held.at);
	free(held.delivery);
}

int
main(int argc, char **argv)
{
	if (argc < 4 || argc > 5) {
		(void) fprintf(stderr, "usage: load publish SOCKET FILE [FIRST]\n"
				       "       load consume SOCKET FILE [QUEUE]\n");
		return 2;
	}
	(void) signal(SIGTERM, on_term);
	int file = open(argv[3], O_WRONLY | O_CREAT | O_APPEND, 0600);
	if (file < 0)
		return 1;
	if (strcmp(argv[1], "publish") == 0)
		publish(argv[2], file, argc == 5 ? strtoull(argv[4], NULL, 10) : 1);
	else
		consume(argv[2], file, argc == 5 ? argv[4] : "bench");
	return 0;
}
