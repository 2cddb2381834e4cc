/*
 * host - what a session can do beyond the public client: the verbs of adapter hosts.
 *
 * The same ph_client object; not exported from libpackhorse. Answers arrive as inner events from
 * ph_client_next_inner, which also hands out the public ones.
 *
 * Thread: owner. Errors: as the public client.
 */
#ifndef PH_CLIENT_HOST_H
#define PH_CLIENT_HOST_H

#include <packhorse/client.h>
#include "lib/wire/frame.h"

/* Become a host: `endpoint` and the one-time `token` from the inherited descriptor, `name` of the
 * adapter. Connect with ph_client_connect as usual; it re-attaches by itself after a loss. */
ph_status ph_client_new_host(const char *endpoint, const char *token, const char *name,
    ph_client **out, ph_error *err);

/* Flags for HELLO beyond the client's own (PH_HELLO_CAN_PROBE); before connecting. */
void ph_client_announce(ph_client *client, uint8_t flags);

/* Publish with options: `options` is an encoded option list (doc/protocol.md section 4). */
ph_status ph_client_publish_with(ph_client *client, ph_message *message,
    const void *options, size_t options_length, uint64_t *ticket, ph_error *err);

/* Settle with everything. `bindings` is their encoded form, `count` of them. */
ph_status ph_client_settle_with(ph_client *client, const ph_settle_view *outcome,
    const void *bindings, size_t bindings_length, ph_error *err);

/* Journal progress of a delivery; answered by PH_INNER_PROGRESSED. */
ph_status ph_client_progress(ph_client *client, uint64_t delivery,
    const char *reference, const void *resume, size_t resume_length, ph_error *err);

/* One look-up of a RESOLVE frame. */
typedef struct ph_resolve_item {
	uint8_t kind; /* PH_RESOLVE_* */
	const char *entity, *system, *key;
	const char *prefix; /* PH_RESOLVE_MINT: "SR" */
} ph_resolve_item;
/* Requests are answered by an inner event with the same number, at most once; they are repeated after
 * a reconnect. */
ph_status ph_client_resolve(ph_client *client, const ph_resolve_item *items,
    size_t count, uint64_t *request, ph_error *err);
ph_status ph_client_query(ph_client *client, uint8_t kind, const char *key,
    uint64_t from_ms, uint64_t to_ms, uint32_t most, uint64_t *request, ph_error *err);
/* Make a cursor durable without a message; its result is a PH_EVENT_RESULT of *ticket. */
ph_status ph_client_cursor_put(ph_client *client, const char *name, const void *value,
    size_t length, uint64_t *ticket, ph_error *err);
ph_status ph_client_cursor_get(
    ph_client *client, const char *name, uint64_t *request, ph_error *err);

typedef enum ph_inner_kind {
	PH_INNER_NONE,	   /* a public event: see `event` */
	PH_INNER_RESOLVED, /* frame: items of RESOLVED, read with ph_reader */
	PH_INNER_ANSWER, /* frame: items of ANSWER; the body starts with the flags byte */
	PH_INNER_CURSOR,    /* frame: ANSWER_CURSOR */
	PH_INNER_PROGRESSED /* number = delivery */
} ph_inner_kind;
typedef struct ph_inner_event {
	ph_inner_kind kind;
	const ph_event *event; /* PH_INNER_NONE */
	uint64_t number;       /* request or delivery */
	ph_frame frame;	       /* borrowed until the next call */
} ph_inner_event;
/* As ph_client_next; waits on `extra_fd` (or -1) too: PH_ERR_AGAIN when that became readable. */
ph_status ph_client_next_inner(ph_client *client, int extra_fd, int timeout_ms,
    ph_inner_event *out, ph_error *err);

/* DELIVERY events: what the public accessors leave out. */
uint8_t ph_event_flags(const ph_event *event); /* PH_DELIVER_* */
uint64_t ph_event_accepted_ms(const ph_event *event);
ph_slice ph_event_reference(const ph_event *event);
ph_slice ph_event_resume(const ph_event *event);
/* RESULT: the subject the message has or had. */
const char *ph_event_subject(const ph_event *event);

#endif
