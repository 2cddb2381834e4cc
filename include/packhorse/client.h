/*
 * client - a session with the broker: publish, subscribe, settle.
 *
 * One client is one session. It connects, proves itself, keeps the session alive, and
 * reconnects with exponential back-off; what was published and not yet acknowledged, and what
 * was settled and not yet confirmed, is sent again after a reconnect, so nothing a caller
 * handed over is lost while the client lives. The broker recognises repeats by (source, id).
 *
 * Everything the broker says arrives as an event from ph_client_next. A message is *accepted*
 * only when it is durable.
 *
 * Thread: owner (one thread per client). Errors: as each function says; a lost connection is
 * no error but an event.
 */
#ifndef PACKHORSE_CLIENT_H
#define PACKHORSE_CLIENT_H

#include <packhorse/message.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ph_client ph_client;
typedef struct ph_event ph_event;

/* How a delivery ended; exactly one per delivery. */
typedef enum ph_outcome {
	PH_DELIVERED = 1, /* the destination has it */
	PH_DUPLICATE = 2, /* the destination had it already */
	PH_RETRY = 3,	  /* not now: again later, not before the time given */
	PH_REJECTED = 4,  /* never: dead letter with the reason */
	PH_UNKNOWN = 5	  /* may have arrived: probe before sending again, else hold */
} ph_outcome;

typedef enum ph_event_kind {
	PH_EVENT_CONNECTED = 1, /* session established (again) */
	PH_EVENT_DISCONNECTED,	/* session lost; the client is reconnecting */
	PH_EVENT_RESULT,	/* what became of one published message */
	PH_EVENT_DELIVERY,	/* a message for one of our subscriptions */
	PH_EVENT_SETTLED	/* an outcome of ours is durable */
} ph_event_kind;

typedef enum ph_result {
	PH_ACCEPTED = 0, /* durable and routed */
	PH_RESULT_DUPLICATE =
	    1,		       /* same source, id and content as one accepted before */
	PH_RESULT_REFUSED = 2, /* not accepted; the text says why */
	PH_RESULT_CONFLICT =
	    3 /* same source and id, other content; kept as a dead letter */
} ph_result;

/*
 * Make a client. `address` is the broker's control socket (a path; local, where the socket's
 * permission is the proof) or "tcp://host:port" (with the curve-* options set). No connection
 * is made yet. *out is yours.
 */
PH_EXPORT ph_status ph_client_new(const char *address, ph_client **out, ph_error *err);

/*
 * Options, before connecting. Unknown name or bad value: PH_ERR_USAGE.
 *   name             shown to operators; default "client"
 *   window           published messages not yet acknowledged, 1..1000000; default 4096; of large
 *                    ones at most 16 MiB are sent at a time, the others wait here
 *   batch            most messages packed in one frame, 1..1024; default 64
 *   connect-timeout  milliseconds for one attempt; default 5000
 *   curve-server, curve-public, curve-secret   Z85 keys, for tcp
 */
PH_EXPORT ph_status ph_client_set(
    ph_client *client, const char *name, const char *value, ph_error *err);

/* Connect and wait for the session. PH_ERR_TIMEOUT, PH_ERR_DENIED, PH_ERR_VERSION, PH_ERR_IO. */
PH_EXPORT ph_status ph_client_connect(ph_client *client, int timeout_ms, ph_error *err);

/*
 * Hand a message over: it is copied, and can be let go. It is packed with its neighbours and
 * sent by the next ph_client_flush or ph_client_next, or when a batch is full. *ticket (may be
 * NULL) names it in its PH_EVENT_RESULT; tickets count up from 1. PH_ERR_FULL: the window is
 * full, read events first.
 */
PH_EXPORT ph_status ph_client_publish(
    ph_client *client, ph_message *message, uint64_t *ticket, ph_error *err);

/* Send what is packed, now. */
PH_EXPORT ph_status ph_client_flush(ph_client *client, ph_error *err);

/* Take messages of a queue, at most `credit` (1..100000) unsettled at a time: as many may wait in the
 * memory of this process, of up to 1 MiB each. */
PH_EXPORT ph_status ph_client_subscribe(
    ph_client *client, const char *queue, uint32_t credit, ph_error *err);

/*
 * End a delivery. `reference` (the destination's own), `reason` (a word, for rejected) and
 * `text` (a sentence without personal data) may be NULL; `delay_ms` is for PH_RETRY, 0 lets
 * the broker's back-off decide. Packed like a publish.
 */
PH_EXPORT ph_status ph_client_settle(ph_client *client, uint64_t delivery,
    ph_outcome outcome, const char *reference, const char *reason, const char *text,
    uint64_t delay_ms, ph_error *err);

/*
 * The next event, waiting at most timeout_ms (0: do not wait, -1: for ever). *out is borrowed
 * until the next call with this client. PH_ERR_TIMEOUT: none came. PH_ERR_DENIED: the broker
 * refused the session for good.
 */
PH_EXPORT ph_status ph_client_next(
    ph_client *client, int timeout_ms, const ph_event **out, ph_error *err);

/* Published messages without a result yet. */
PH_EXPORT size_t ph_client_pending(const ph_client *client);

/* Settlements not yet confirmed. */
PH_EXPORT size_t ph_client_unsettled(const ph_client *client);

/* Close the session and free; what is unacknowledged is not waited for. NULL allowed. */
PH_EXPORT void ph_client_destroy(ph_client **client_p);

PH_EXPORT ph_event_kind ph_event_kind_of(const ph_event *event);
/* RESULT: which publish, and what became of it. */
PH_EXPORT uint64_t ph_event_ticket(const ph_event *event);
PH_EXPORT ph_result ph_event_result(const ph_event *event);
/* RESULT: the acceptance number (0 if refused). */
PH_EXPORT uint64_t ph_event_acceptance(const ph_event *event);
/* RESULT refused or conflict, DISCONNECTED: why; else "". */
PH_EXPORT const char *ph_event_text(const ph_event *event);
/* DELIVERY, SETTLED: its id. */
PH_EXPORT uint64_t ph_event_delivery(const ph_event *event);
/* DELIVERY: the message (borrowed), the queue, the attempt (from 1), sent before? A message that
 * is kept (ph_message_ref) keeps all that came with it in one frame, up to 4 MiB; to keep few of
 * many for long, copy them (ph_message_bytes, ph_message_decode). */
PH_EXPORT ph_message *ph_event_message(const ph_event *event);
PH_EXPORT const char *ph_event_queue(const ph_event *event);
PH_EXPORT unsigned ph_event_attempt(const ph_event *event);
PH_EXPORT int ph_event_redelivered(const ph_event *event);

#ifdef __cplusplus
}
#endif
#endif
