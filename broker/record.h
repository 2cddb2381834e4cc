/*
 * record - the bodies of the records in the store.
 *
 * One struct per type, the same for writing and for reading: texts and bytes are views, borrowed
 * from the caller when encoding and from the record's body when decoding. Encoding appends to a
 * buffer (check `failed` once at the end). Decoding checks everything: a body that is not exactly
 * what an encoder makes is PH_ERR_DAMAGED. The layouts are in doc/journal.md, byte by byte.
 *
 * Thread: pure. Errors: PH_ERR_DAMAGED; PH_ERR_VERSION (written by a later version).
 */
#ifndef PH_BROKER_RECORD_H
#define PH_BROKER_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <packhorse/error.h>
#include "lib/base/buffer.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PH_RECORD_QUEUES_MAX   256 /* queues of one acceptance */
#define PH_RECORD_BINDINGS_MAX 32  /* bindings in one record */
#define PH_RECORD_FINGERPRINT  16  /* bytes of a fingerprint */

/* The numbers are on disk: never changed, never used again. */
typedef enum ph_record_type {
	PH_RECORD_MARK = 1,	/* the journal's own; readers never see one */
	PH_RECORD_QUEUE = 2,	/* a queue's number and name, before its first use */
	PH_RECORD_ACCEPT = 3,	/* a message was accepted */
	PH_RECORD_OUTCOME = 4,	/* a delivery ended */
	PH_RECORD_ATTEMPT = 5,	/* a delivery is about to be handed out */
	PH_RECORD_PROGRESS = 6, /* a delivery got so far */
	PH_RECORD_REPLAY = 7,	/* a dead letter is ready again */
	PH_RECORD_DISCARD = 8,	/* a dead letter is given up */
	PH_RECORD_CURSOR = 9,	/* a source has been read so far */
	PH_RECORD_BIND = 10,	/* references bound outside of a delivery */
	PH_RECORD_CARRY = 11	/* a copy of an accept or outcome whose file is to go */
} ph_record_type;

/* "accept"; "unknown" for a number that has no name here. */
const char *ph_record_type_name(uint8_t type);

/* Text or bytes that belong to somebody else, not zero-terminated. Empty: length 0. */
typedef struct ph_view {
	const char *data;
	size_t length;
} ph_view;

/* A zero-terminated text as a view; NULL is empty. */
ph_view ph_view_of(const char *text);

/* `key` in `system` is `canonical`, an `entity`. */
typedef struct ph_record_binding {
	ph_view entity;	   /* "service-request" */
	ph_view system;	   /* the adapter's name */
	ph_view key;	   /* the vendor's reference */
	ph_view canonical; /* "SR-..." */
} ph_record_binding;

typedef struct ph_record_bindings {
	size_t count; /* entries used; the others are neither read nor written */
	ph_record_binding list[PH_RECORD_BINDINGS_MAX];
} ph_record_bindings;

/* Why something did not work. */
typedef struct ph_record_failure {
	ph_view stage;	/* "decode", "validate", "map", "send" */
	ph_view reason; /* "unknown-code" */
	ph_view path;	/* place in the message */
	ph_view text;	/* one sentence, nothing personal */
} ph_record_failure;

typedef struct ph_record_queue {
	uint16_t number;
	ph_view name;
} ph_record_queue;

typedef struct ph_record_accept {
	uint64_t acceptance; /* acceptance number, from 1 */
	int64_t accepted_ms; /* wall time */
	uint32_t generation; /* of the configuration that routed it */
	uint8_t hops;	     /* how often it has been through a bus */
	bool ignored;	     /* routed to nothing on purpose: the queues are empty */
	bool has_cursor;     /* cursor_name and cursor count */
	bool has_failure;    /* failure counts: it enters its queues as a dead letter */
	uint8_t id[PH_RECORD_FINGERPRINT]; /* of (source, id) */
	uint8_t
	    content[PH_RECORD_FINGERPRINT]; /* of what must be the same in a repeat */
	size_t queue_count;		    /* entries of `queues` that count */
	uint16_t queues[PH_RECORD_QUEUES_MAX]; /* their numbers */
	ph_view cursor_name;
	ph_view cursor;
	ph_record_failure failure;
	ph_view message; /* encoded; doc/protocol.md section 2 */
	ph_record_bindings bindings;
} ph_record_accept;

/* Where a delivery is after an outcome. */
typedef enum ph_record_state {
	PH_RECORD_SETTLED = 1, /* done */
	PH_RECORD_WAITING = 2, /* again, not before a time */
	PH_RECORD_DEAD = 3     /* a dead letter */
} ph_record_state;

typedef struct ph_record_outcome {
	uint64_t acceptance;
	int64_t at_ms;
	int64_t not_before_ms; /* 0: none */
	uint16_t queue;
	uint16_t attempt;
	uint8_t
	    outcome; /* ph_outcome of <packhorse/client.h>: 1 delivered ... 5 unknown */
	uint8_t state;	   /* ph_record_state */
	ph_view reference; /* the destination's own; empty: none */
	bool has_failure;
	ph_record_failure failure;
	ph_record_bindings bindings;
} ph_record_outcome;

typedef struct ph_record_attempt {
	uint64_t acceptance;
	int64_t at_ms;
	uint16_t queue;
	uint16_t attempt;
} ph_record_attempt;

typedef struct ph_record_progress {
	uint64_t acceptance;
	uint16_t queue;
	ph_view reference; /* so far; empty: none */
	ph_view resume;	   /* opaque, handed back on the next attempt */
} ph_record_progress;

/* Of a dead letter: replayed or discarded. */
typedef struct ph_record_verdict {
	uint64_t acceptance;
	int64_t at_ms;
	uint16_t queue;
	ph_view by;	/* who asked */
	ph_view reason; /* discarded only */
} ph_record_verdict;

typedef struct ph_record_cursor {
	ph_view name;
	ph_view bytes;
} ph_record_cursor;

/* An accept or an outcome as it was written first. */
typedef struct ph_record_carry {
	ph_record_type type; /* of the record that was copied */
	const uint8_t *body; /* and all of its body */
	size_t length;
} ph_record_carry;

/* Encoders append to `out`; out->failed afterwards: a text or a list is over its limit (65,535
 * bytes, the maxima above), or out of memory. */
void ph_record_queue_encode(const ph_record_queue *record, ph_buffer *out);
/* All but the message's bytes: submit those as the second part, so that they are copied once. */
void ph_record_accept_encode(const ph_record_accept *record, ph_buffer *out);
void ph_record_outcome_encode(const ph_record_outcome *record, ph_buffer *out);
void ph_record_attempt_encode(const ph_record_attempt *record, ph_buffer *out);
void ph_record_progress_encode(const ph_record_progress *record, ph_buffer *out);
void ph_record_replay_encode(const ph_record_verdict *record, ph_buffer *out);
void ph_record_discard_encode(const ph_record_verdict *record, ph_buffer *out);
void ph_record_cursor_encode(const ph_record_cursor *record, ph_buffer *out);
void ph_record_bind_encode(const ph_record_bindings *record, ph_buffer *out);

/* What stands before the body that is carried: submit that as the second part. */
void ph_record_carry_encode(ph_record_type type, ph_buffer *out);

ph_status ph_record_queue_decode(
    const void *body, size_t length, ph_record_queue *out, ph_error *err);
ph_status ph_record_accept_decode(
    const void *body, size_t length, ph_record_accept *out, ph_error *err);
ph_status ph_record_outcome_decode(
    const void *body, size_t length, ph_record_outcome *out, ph_error *err);
ph_status ph_record_attempt_decode(
    const void *body, size_t length, ph_record_attempt *out, ph_error *err);
ph_status ph_record_progress_decode(
    const void *body, size_t length, ph_record_progress *out, ph_error *err);
ph_status ph_record_replay_decode(
    const void *body, size_t length, ph_record_verdict *out, ph_error *err);
ph_status ph_record_discard_decode(
    const void *body, size_t length, ph_record_verdict *out, ph_error *err);
ph_status ph_record_cursor_decode(
    const void *body, size_t length, ph_record_cursor *out, ph_error *err);
ph_status ph_record_bind_decode(
    const void *body, size_t length, ph_record_bindings *out, ph_error *err);

ph_status ph_record_carry_decode(
    const void *body, size_t length, ph_record_carry *out, ph_error *err);

/* The same of a record that may be carried: `type` is the record's own. PH_ERR_DAMAGED also if it is
 * neither such a record nor a carry of one. */
ph_status ph_record_accept_read(uint8_t type, const void *body, size_t length,
    ph_record_accept *out, ph_error *err);
ph_status ph_record_outcome_read(uint8_t type, const void *body, size_t length,
    ph_record_outcome *out, ph_error *err);

/* Refuse a type this version does not know: PH_ERR_VERSION, with the number. */
ph_status ph_record_type_check(uint8_t type, ph_error *err);

#ifdef __cplusplus
}
#endif
#endif
