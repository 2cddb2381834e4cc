/*
 * ledger - what is looked up by key: cross-references, cases, dead letters. A view, on its own thread.
 *
 * The ledger is an SQLite file (`ledger.sqlite`, 0600) folded from the journal's records. It reads
 * the journal itself, up to the position the broker has told it is durable, and keeps the position
 * it has applied in the same transaction as the rows, so after any crash it goes on exactly there.
 * It is never on the path of an acknowledgement. A file that cannot be read, or has another
 * layout, is moved aside (`ledger.sqlite.damaged-1`, ...); it, or one that is missing, is brought
 * back from the newest snapshot in state/checkpoint that is whole, and goes on from there; without
 * one it is built again from the journal. The same journal always gives the same rows.
 *
 * Invariants: a message without a subject makes no case row; bodies and personal data are never
 * kept here (attributes of a message are public by the rules of the canonical schemas).
 *
 * Thread: owner (the loop given to ph_ledger_open); ph_ledger_durable, ph_ledger_copy: any. Answers and the
 * `applied` callback run on that loop. Errors: PH_ERR_IO, PH_ERR_NOMEM.
 */
#ifndef PH_BROKER_LEDGER_H
#define PH_BROKER_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <packhorse/error.h>
#include "lib/wire/loop.h"
#include "broker/store.h"

typedef struct ph_ledger ph_ledger;

/* What the ledger's thread says about itself, to be logged by the broker. */
typedef enum ph_ledger_news {
	PH_LEDGER_REBUILT, /* a file was moved aside (text says which and why); building again */
	PH_LEDGER_DAMAGED, /* the journal could not be read at a position: stopped there */
	PH_LEDGER_CONFLICT, /* a record binds a key that another record bound differently; kept the first */
	PH_LEDGER_FAILED, /* SQLite or the disk refused: tried again later */
	PH_LEDGER_RESTORED, /* a snapshot was brought back; the journal since is folded again */
	PH_LEDGER_SHORT /* there is none, and the journal has been trimmed: what came before is gone */
} ph_ledger_news;

typedef struct ph_ledger_options {
	const char *directory; /* the state directory */
	ph_store *store; /* read through readers of its own; outlives the ledger */
	ph_loop *loop;	 /* the broker's: answers and callbacks run here */
	/* Everything before `position` is applied (and committed): the overlay may forget it. */
	void (*applied)(void *self, ph_position position);
	void (*news)(void *self, ph_ledger_news news, const char *text);
	void *self; /* of both callbacks; either may be NULL */
} ph_ledger_options;

/* Open (or build) the file and start the thread. *out is yours. */
ph_status ph_ledger_open(
    const ph_ledger_options *options, ph_ledger **out, ph_error *err);
/* Stop after the batch in hand, answer nothing more, join the thread, free. NULL allowed. */
void ph_ledger_close(ph_ledger **ledger_p);

/* Records before `position` are durable and may be applied. Any thread; cheap. */
void ph_ledger_durable(ph_ledger *ledger, ph_position position);

/*
 * Questions. Each is answered exactly once on the loop (unless the ledger is closed first), after
 * everything before `ask.upto` has been applied. A question for a position that is not durable yet
 * waits for it.
 */
typedef enum ph_ledger_kind {
	PH_LEDGER_RESOLVE =
	    1,		/* look up `lookups`: one ph_ledger_found each, in order */
	PH_LEDGER_CASE, /* timeline of `key`, a canonical id or any vendor's reference: events */
	PH_LEDGER_XREFS,   /* every binding of `key`, either side: bindings */
	PH_LEDGER_SUBJECT, /* messages with subject `key`: messages, oldest first */
	PH_LEDGER_TYPE, /* messages of type `key` accepted in [from_ms, to_ms): messages */
	PH_LEDGER_MESSAGE, /* the message with acceptance number `acceptance`: messages (0 or 1).
				 * `position` may lie before it: a place to read on from */
	PH_LEDGER_FIND, /* messages by `find`, newest first: messages */
	PH_LEDGER_DEAD, /* open dead letters, of queue `key` or all (NULL): dead, oldest first */
	PH_LEDGER_COPY, /* a copy of the whole in the new file `key`: copied */
	PH_LEDGER_DEAD_ONE /* the dead letter (`key`, `acceptance`), open or closed: dead (0 or 1) */
} ph_ledger_kind;

typedef enum ph_lookup_kind {
	PH_LOOKUP_CANONICAL = 1, /* (entity, system, key) -> canonical id */
	PH_LOOKUP_KEY =
	    2, /* (entity, system, key = canonical id) -> vendor's key, the newest */
	PH_LOOKUP_EXISTS = 4 /* key = canonical id: is it known? */
} ph_lookup_kind;

typedef struct ph_ledger_lookup {
	ph_lookup_kind kind;
	const char *entity, *system, *key;
} ph_ledger_lookup;

/* Conditions of PH_LEDGER_FIND; NULL ones are not asked. All must hold. */
typedef struct ph_ledger_find {
	const char *id, *source, *type, *subject;
	const char *reference; /* a vendor's: found through the cross-references */
	const char *attribute, *value; /* an extension attribute and its value */
} ph_ledger_find;

typedef struct ph_ledger_ask {
	ph_ledger_kind kind;
	ph_position upto; /* include every record before this */
	bool current;	  /* instead: everything told durable by now */
	bool patient;	  /* in trouble it waits instead of being refused */
	const char *key;  /* see the kinds */
	uint64_t acceptance;
	int64_t from_ms, to_ms;		 /* to_ms is not included; 0: no end */
	uint32_t most;			 /* rows at most; 0: 1000 */
	const ph_ledger_lookup *lookups; /* RESOLVE */
	size_t count;
	ph_ledger_find find; /* FIND */
} ph_ledger_ask;

typedef struct ph_ledger_found {
	bool known;
	const char *value; /* "" when not known */
} ph_ledger_found;

typedef struct ph_ledger_event {
	int64_t at_ms;
	const char *system; /* the source's adapter, or the queue */
	const char
	    *event; /* "council.service-request.created.v1", "deliver", "replay", ... */
	const char *reference; /* the vendor's, or "" */
	const char *outcome;   /* "accepted", "delivered", "dead", "retry", ... */
	const char *detail;    /* reason and text of a dead letter, or "" */
	int64_t
	    took_ms; /* from hand-out (else acceptance) to outcome; -1 where it has no meaning */
	uint64_t acceptance;
	const char *subject;
} ph_ledger_event;

typedef struct ph_ledger_binding {
	const char *entity, *system, *key, *canonical;
	int64_t at_ms;
} ph_ledger_binding;

typedef struct ph_ledger_message {
	uint64_t acceptance;
	ph_position position; /* of its ACCEPT record */
	uint64_t sequence;    /* of that record */
	int64_t accepted_ms;
	const char *id, *source, *type, *subject;
} ph_ledger_message;

typedef struct ph_ledger_dead {
	const char *queue;
	uint64_t acceptance;
	ph_position position; /* of the ACCEPT record */
	int64_t accepted_ms, at_ms;
	uint32_t attempts;
	const char *id, *source, *type, *subject; /* subject "" when it has none */
	const char *stage, *reason, *path, *text;
	const char *state; /* "open", "replayed", "discarded" */
} ph_ledger_dead;

/* How far a copy is, and how large. */
typedef struct ph_ledger_copied {
	ph_position position; /* of the last record that is in it */
	uint64_t sequence;
	uint64_t bytes;
} ph_ledger_copied;

/* An answer; everything in it is borrowed until the callback returns. */
typedef struct ph_ledger_answer {
	ph_ledger_kind kind;
	ph_status status; /* PH_OK, or why `error` says; no rows then */
	ph_error error;
	size_t count;
	bool more; /* there were more rows than asked for */
	union {
		const ph_ledger_found *found;
		const ph_ledger_event *events;
		const ph_ledger_binding *bindings;
		const ph_ledger_message *messages;
		const ph_ledger_dead *dead;
		const ph_ledger_copied *copied;
	} rows;
} ph_ledger_answer;

typedef void ph_ledger_fn(void *self, const ph_ledger_answer *answer);

/* Ask; everything in `ask` is copied. */
ph_status ph_ledger_query(ph_ledger *ledger, const ph_ledger_ask *ask, ph_ledger_fn *fn,
    void *self, ph_error *err);

/* A copy of the ledger in <directory>, of one moment, in the new file `path` (0600), synced. The ledger
 * may be open and at work. Any thread. PH_ERR_CONFLICT: there is such a file. */
ph_status ph_ledger_copy(
    const char *directory, const char *path, ph_ledger_copied *out, ph_error *err);

/* What the status shows: records behind (0: up to date), rows applied since start. Any thread. */
typedef struct ph_ledger_state {
	ph_position applied, durable;
	uint64_t rows;
	bool rebuilding; /* the first pass over the journal is not done yet */
} ph_ledger_state;
void ph_ledger_look(ph_ledger *ledger, ph_ledger_state *out);

#endif
