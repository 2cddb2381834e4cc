/*
 * The messages of a queue, one CloudEvent in JSON a line. With --settle this is a consumer: each
 * message is written out, flushed, and only then settled; the program ends when every settlement
 * is durable. Without it the queue is looked at through the control socket, again and again from the
 * last entry seen.
 */
#include "cli/message.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/ask.h"
#include "cli/cloudevent.h"
#include "cli/session.h"
#include "lib/base/clock.h"

#define CREDIT	  64
#define LOOK_MS	  200 /* between two looks */
#define LOOK_MOST 100 /* entries in one look */
#define SETTLE_MS 30000

const ph_cli_option ph_tail_options[] = {
    {"queue", "NAME", "which queue (needed)"},
    {"settle", NULL, "take the messages: acknowledge each after it was written out"},
    {"count", "N", "end after so many"},
    {"timeout", "S", "end when none came for so long"},
    {"reason", "TEXT", "why you look, for the broker's log"},
    {NULL, NULL, NULL},
};

typedef struct tailing {
	ph_cli *cli;
	const char *queue;
	const char *reason;
	long long count;   /* messages to print; 0: no end */
	long long printed; /* so far */
	long long timeout; /* seconds; 0: none */
	int64_t heard_ms;  /* when the last message came */
	uint64_t after;	   /* looking: the last entry seen */
	int code;
} tailing;

static int64_t
now_ms(void)
{
	return ph_clock_mono(ph_clock_system());
}

/* Not one more message, even if it has come. */
static bool
full(const tailing *t)
{
	return t->code != PH_EXIT_OK || (t->count > 0 && t->printed >= t->count);
}

static bool
enough(const tailing *t)
{
	return full(t) ||
	       (t->timeout > 0 && now_ms() - t->heard_ms >= t->timeout * 1000);
}

/* How long to wait for the next message, in ms. */
static int
wait_ms(const tailing *t, int most)
{
	if (t->timeout == 0)
		return most;
	int64_t left = t->heard_ms + t->timeout * 1000 - now_ms();
	return left < 0 ? 0 : left < most ? (int) left : most;
}

/* Write one line; false: nobody reads any more. */
static bool
print_message(tailing *t, const ph_message *message)
{
	ph_buffer line;
	ph_buffer_init(&line, 0);
	(void) ph_cloudevent_encode(message, true, &line, NULL);
	ph_buffer_u8(&line, '\n');
	bool written = !line.failed &&
		       fwrite(line.data, 1, line.length, t->cli->out) == line.length &&
		       fflush(t->cli->out) == 0;
	int failed = errno;
	ph_buffer_fini(&line);
	if (!written && failed != EPIPE) { /* a reader that has enough is no trouble */
		ph_error err;
		(void) ph_fail_errno(&err, failed,
		    "PH7024 cannot write a message out; it was not settled");
		(void) ph_cli_fail(t->cli, &err);
	}
	t->printed++;
	t->heard_ms = now_ms();
	return written;
}

/* --- taking --- */

static void
take(tailing *t, ph_client *client, const ph_event *event)
{
	ph_error err;
	if (ph_event_kind_of(event) != PH_EVENT_DELIVERY || full(t))
		return;
	uint64_t delivery = ph_event_delivery(event);
	if (!print_message(t, ph_event_message(event))) {
		t->code = PH_EXIT_PROBLEM;
		return;
	}
	if (ph_client_settle(
		client, delivery, PH_DELIVERED, NULL, NULL, NULL, 0, &err) != PH_OK)
		t->code = ph_cli_fail(t->cli, &err);
}

/* Until everything settled is known to be durable. */
static void
wait_settled(tailing *t, ph_client *client)
{
	int64_t until = now_ms() + SETTLE_MS;
	const ph_event *event;
	ph_error err;
	while (ph_client_unsettled(client) > 0 && now_ms() < until) {
		ph_status status = ph_client_next(client, 100, &event, &err);
		if (status != PH_OK && status != PH_ERR_TIMEOUT) {
			t->code = ph_cli_fail(t->cli, &err);
			return;
		}
	}
	if (ph_client_unsettled(client) == 0)
		return;
	(void) ph_fail(&err, PH_ERR_TIMEOUT,
	    "PH7011 %zu messages were printed, but not confirmed as settled: they will "
	    "come "
	    "again",
	    ph_client_unsettled(client));
	t->code = ph_ask_unreachable(t->cli, &err);
}

static void
take_all(tailing *t)
{
	ph_client *client = NULL;
	const ph_event *event;
	ph_error err;
	t->code = ph_cli_session(t->cli, "packhorse-tail", &client);
	if (t->code != PH_EXIT_OK)
		return;
	uint32_t credit =
	    t->count > 0 && t->count < CREDIT ? (uint32_t) t->count : CREDIT;
	if (ph_client_subscribe(client, t->queue, credit, &err) != PH_OK)
		t->code = ph_cli_fail(t->cli, &err);
	t->heard_ms = now_ms();
	while (!enough(t)) {
		ph_status status =
		    ph_client_next(client, wait_ms(t, 1000), &event, &err);
		if (status == PH_OK)
			take(t, client, event);
		else if (status != PH_ERR_TIMEOUT)
			t->code = ph_cli_fail(t->cli, &err);
	}
	if (t->code != PH_EXIT_USAGE)
		wait_settled(t, client);
	ph_client_destroy(&client);
}

/* --- looking --- */

static void
look_row(void *self, json_t *row)
{
	tailing *t = self;
	const json_t *message = json_object_get(row, "message");
	json_int_t acceptance = json_integer_value(json_object_get(row, "acceptance"));
	ph_message *decoded = NULL;
	ph_buffer bytes;
	t->after = (uint64_t) acceptance > t->after ? (uint64_t) acceptance : t->after;
	if (full(t) || !json_is_string(message))
		return;
	ph_buffer_init(&bytes, 0);
	if (ph_base64_decode(
		json_string_value(message), json_string_length(message), &bytes) &&
	    ph_message_decode(bytes.data, bytes.length, &decoded, NULL) == PH_OK &&
	    !print_message(t, decoded))
		t->code = PH_EXIT_PROBLEM;
	ph_message_unref(&decoded);
	ph_buffer_fini(&bytes);
}

static void
count_row(void *self, json_t *row)
{
	(void) row;
	++*(size_t *) self;
}

static json_t *
look_request(const tailing *t, bool reveal)
{
	json_t *request = json_pack("{s:s, s:I, s:i}", "queue", t->queue, "after",
	    (json_int_t) t->after, "most", LOOK_MOST);
	if (reveal) {
		json_object_set_new(request, "reveal", json_true());
		ph_ask_set(
		    request, "why", t->reason != NULL ? t->reason : "message tail");
	}
	return request;
}

/* One look: payloads are asked for only when there are some, as each asking is recorded. */
static void
look_once(tailing *t)
{
	size_t count = 0;
	t->code =
	    ph_ask(t->cli, "queue.peek", look_request(t, false), count_row, &count);
	if (t->code == PH_EXIT_OK && count > 0) {
		int code =
		    ph_ask(t->cli, "queue.peek", look_request(t, true), look_row, t);
		t->code = t->code == PH_EXIT_OK ? code : t->code;
	}
}

static void
look_all(tailing *t)
{
	t->heard_ms = now_ms();
	do {
		long long before = t->printed;
		look_once(t);
		const struct timespec rest = {
		    .tv_nsec = wait_ms(t, LOOK_MS) * 1000000L};
		if (t->printed == before && !enough(t))
			(void) nanosleep(&rest, NULL);
	} while (!enough(t));
}

int
ph_cli_tail(ph_cli *cli, const ph_args *args)
{
	tailing t = {
	    .cli = cli,
	    .queue = ph_args_get(args, "queue"),
	    .reason = ph_args_get(args, "reason"),
	};
	if (t.queue == NULL)
		return ph_cli_usage(cli, "PH7007 which queue? --queue NAME");
	if (!ph_args_number(cli, args, "count", 1, INT64_MAX, &t.count) ||
	    !ph_args_number(cli, args, "timeout", 1, 86400, &t.timeout))
		return PH_EXIT_USAGE;
	if (ph_args_has(args, "settle"))
		take_all(&t);
	else
		look_all(&t);
	if (t.code == PH_EXIT_OK && t.count > 0 && t.printed < t.count)
		return PH_EXIT_PROBLEM; /* fewer came than were asked for */
	return t.code;
}
