/*
 * inbound - bytes from a system, on their way to being durable messages.
 *
 * Read and mapped, record by record; each record that became a message is published with its
 * bindings; what could not become one is refused, where the sender can be told, or published as a
 * failed one, which the broker keeps in its queue `inbound`. A cursor is made durable with the last
 * message, and only after all before it were accepted; where there is none, by itself.
 *
 * Invariants: `done` is called once: when everything is durable, when it is refused, or when the
 * deadline has passed (the work then goes on without a listener).
 * Thread: the host's. Errors: PH_ERR_NOMEM.
 */
#ifndef PH_HOST_INBOUND_H
#define PH_HOST_INBOUND_H

#include "adapters/host/inner.h"

/* What became of it. Borrowed during the call. */
typedef struct ph_inbound_end {
	uint32_t result;       /* PH_ADAPTER_ACCEPTED and so on */
	const char *reference; /* canonical id of the first message, or "" */
	const char *id;	       /* its event id, or "" */
	const char *stage;     /* refusals: decode, validate, map */
	const char *reason;    /* a word */
	const char *path;
	const char *text;
	size_t count; /* messages made durable */
	bool cursor;  /* the cursor is durable */
} ph_inbound_end;

typedef struct ph_inbound_task {
	const ph_map *map;
	const char
	    *entry; /* its name: goes with what failed, so that it can be replayed */
	const void *bytes; /* copied */
	size_t length;
	const char *content_type; /* of the bytes; NULL: the map's */
	bool caller_waits;	  /* tell, do not keep */
	int64_t deadline;	  /* on ph_host_now's scale; 0: none */
	int64_t patience;	  /* ms to wait for references that may turn up soon */
	const char *cursor_name;  /* NULL: no cursor */
	const void *cursor;	  /* copied */
	size_t cursor_length;
	bool
	    alone; /* one record that was cut from a document and failed: PH_MAP_ALONE */
	uint64_t replay; /* delivery of the queue `inbound` this comes from; 0 */
	void (*done)(void *self, const ph_inbound_end *end); /* NULL allowed */
	void *self;
} ph_inbound_task;

/* Room for items in `host`. */
ph_status ph_inbound_new(ph_host *host, ph_error *err);
ph_status ph_inbound_start(ph_host *host, const ph_inbound_task *task, ph_error *err);

/* How many are under way. */
size_t ph_inbound_count(const ph_host *host);
/* Tell every listener now that it did not come to an end: the host is stopping. */
void ph_inbound_abandon(ph_host *host);
/* Free everything that is left. */
void ph_inbound_destroy(ph_host *host);

#endif
