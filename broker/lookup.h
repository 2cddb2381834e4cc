/*
 * lookup - what has to wait for the ledger before it can be done.
 *
 * A publish or an outcome with bindings, or a RESOLVE, may need cross-references that are not in
 * memory (xref.h). Whoever handles it then says what it wants; the ledger is asked, the bytes are
 * parked with the session, and once the answer has been learnt they are handled again. Publishes
 * and cursors of one session keep their order: none overtakes a parked one.
 *
 * Thread: owner. Errors: PH_ERR_NOMEM, PH_ERR_INVALID (a reference over its limits).
 */
#ifndef PH_BROKER_LOOKUP_H
#define PH_BROKER_LOOKUP_H

#include "broker/broker.h"

#define PH_REFERENCE_NAME 64  /* bytes of an entity or a system, the zero included */
#define PH_REFERENCE_KEY  512 /* of a vendor's key or a canonical id */

/* A binding's texts, zero-terminated. */
typedef struct ph_reference {
	char entity[PH_REFERENCE_NAME];
	char system[PH_REFERENCE_NAME];
	char key[PH_REFERENCE_KEY];
	char canonical[PH_REFERENCE_KEY];
} ph_reference;

/* PH_ERR_INVALID: a part is too long or empty (an empty canonical id is allowed). */
ph_status ph_reference_read(ph_reader *reader, ph_reference *out, ph_error *err);

/* What is wanted of the ledger. */
typedef struct ph_wants ph_wants;
ph_wants *ph_wants_new(void);
void ph_wants_destroy(ph_wants **wants_p);
/* One more; a failure to note it shows as PH_ERR_NOMEM when asking. */
void ph_wants_add(ph_wants *wants, ph_xref_kind kind, const char *entity,
    const char *system, const char *key);
size_t ph_wants_count(const ph_wants *wants);

/* How what is parked is tried again. */
typedef struct ph_park_way {
	/* True: it is done with, one way or the other. With `last_chance` it has to be: the session
	 * ends. */
	bool (*again)(ph_broker *broker, ph_session *session, const ph_parked *parked,
	    bool last_chance);
	bool ordered; /* none overtakes another that is ordered too */
} ph_park_way;

struct ph_parked {
	ph_parked *next;
	uint64_t number; /* ticket or request */
	uint32_t count;	 /* items in it */
	const ph_park_way *way;
	size_t length;
	uint8_t bytes[];
};

/* Does what is ordered have to queue up behind something parked? */
bool ph_park_blocks(const ph_session *session);
/* Keep the bytes and ask for what is wanted; *wants_p is taken (NULL: it only keeps its place).
 * Without memory the session is given up. */
void ph_park(ph_broker *broker, ph_session *session, const ph_park_way *way,
    uint64_t number, uint32_t count, const void *bytes, size_t length,
    ph_wants **wants_p);
/* Ask again for something parked already. NULL, for want of memory, as when it cannot be asked: the session
 * is given up. */
void ph_park_ask(ph_broker *broker, ph_session *session, ph_wants **wants_p);
/* Try again whatever is parked with the session. */
void ph_park_run(ph_broker *broker, ph_session *session);
/* The session ends: outcomes are taken as they are, the rest is dropped (its peer repeats it). */
void ph_park_end(ph_broker *broker, ph_session *session);

#endif
