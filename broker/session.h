/*
 * session - one peer that has proven itself: what it holds, and what is still to be said to it.
 *
 * What a session is told gathers here during a turn (acknowledgements as runs of tickets, results
 * and settlements as items, everything else as frames in order). Sealing it says that the records it
 * speaks of are those of one batch; sending sends what was sealed, once that batch is durable. A peer that reads too slowly keeps its frames here, up to a limit; past it, or
 * when the connection is gone, the session is over.
 *
 * Invariants: a subscription belongs to one session and stands in its destination's ring. Ending a
 * session leaves nothing in flight with it.
 *
 * Thread: owner. Errors: PH_ERR_NOMEM, PH_ERR_FULL, PH_ERR_CLOSED.
 */
#ifndef PH_BROKER_SESSION_H
#define PH_BROKER_SESSION_H

#include <stdbool.h>
#include <packhorse/error.h>
#include "broker/destination.h"
#include "broker/token.h"
#include "lib/base/buffer.h"
#include "lib/wire/frame.h"
#include "lib/wire/socket.h"

#define PH_SESSION_NAME 64 /* bytes of a name or an instance, the zero included */

typedef struct ph_session ph_session;

struct ph_subscription {
	ph_holding holder; /* first: what it has in flight */
	ph_session *session;
	ph_destination *to;
	uint64_t number; /* the peer's */
	uint32_t credit;
	bool
	    open; /* may be handed something: nothing is known to be on its way to us */
	bool returned;		      /* has told what it holds */
	ph_subscription *next, *prev; /* ring of the destination */
	ph_subscription *sibling;     /* next of the session */
};

/* A publish, a cursor or an outcome that waits for a look-up; the session's own, in order. */
typedef struct ph_parked ph_parked;

struct ph_session {
	uint64_t number; /* of the session, from 1 */
	uint8_t role;	 /* PH_ROLE_* */
	bool can_probe;
	bool resumed; /* the same process as before */
	bool over;    /* to be ended as soon as nothing of it is in use */
	char name[PH_SESSION_NAME];
	char instance[PH_SESSION_NAME];
	const ph_site_adapter *adapter; /* of a host */
	ph_peer peer;
	ph_subscription *subscriptions;
	int64_t heard_ms, said_ms; /* mono */
	uint64_t barrier; /* PING whose PONG opens the subscriptions; 0: none */
	ph_parked *parked, *parked_last;
	/* What is to be said. */
	uint64_t ack_ticket, ack_acceptance; /* first of the run */
	uint32_t ack_count;
	uint32_t result_count, settled_count;
	ph_buffer results, settled; /* frames being filled */
	ph_buffer *frames;	    /* ready to go, oldest first */
	size_t frame_count, frame_capacity, frame_bytes;
	size_t sealed; /* of the frames: those that the next sending may send */
	bool waiting;  /* in the list of those with something to say */
	ph_session *next_waiting;
};

typedef struct ph_sessions ph_sessions;

/* `most` sessions at a time. */
ph_status ph_sessions_new(size_t most, ph_sessions **out, ph_error *err);
void ph_sessions_destroy(ph_sessions **sessions_p);
/* PH_ERR_FULL: too many. */
ph_status ph_sessions_add(
    ph_sessions *sessions, const ph_peer *peer, ph_session **out, ph_error *err);
/* Forget and free: nothing is in flight with it and it stands in no ring. */
void ph_sessions_remove(ph_sessions *sessions, ph_session **session_p);
/* NULL: no such. */
ph_session *ph_sessions_of(const ph_sessions *sessions, const ph_peer *peer);
ph_session *ph_sessions_named(
    const ph_sessions *sessions, uint8_t role, const char *name);
ph_session *ph_sessions_numbered(const ph_sessions *sessions, uint64_t number);
/* Each in turn: start with 0; NULL at the end. Removing the one returned is allowed. */
ph_session *ph_sessions_next(const ph_sessions *sessions, size_t *cursor);
size_t ph_sessions_count(const ph_sessions *sessions, uint8_t role);

ph_subscription *ph_session_subscription(const ph_session *session, uint64_t number);

/* ---- to be said once it is durable ---- */
void ph_session_ack(
    ph_sessions *sessions, ph_session *session, uint64_t ticket, uint64_t acceptance);
void ph_session_result(ph_sessions *sessions, ph_session *session, uint64_t ticket,
    uint8_t result, uint64_t acceptance, const char *subject, const char *text);
void ph_session_settled(ph_sessions *sessions, ph_session *session, uint64_t delivery);
/* The buffer's memory is taken. */
void ph_session_frame(ph_sessions *sessions, ph_session *session, ph_buffer *frame);
/* A frame without a body. */
void ph_session_plain(
    ph_sessions *sessions, ph_session *session, ph_frame_type type, uint64_t number);
/* Has it room for more deliveries? */
bool ph_session_hungry(const ph_session *session);

/* What there is to say now may be said by the next sending; what comes later may not. */
void ph_sessions_seal(ph_sessions *sessions);
/* Send what was sealed, to everybody. Sessions whose peer is gone get `over`. Returns true if
 * something had to stay for later. */
bool ph_sessions_send(ph_sessions *sessions, ph_socket *router, int64_t now_ms);
/* It is over: ended at the end of the turn. */
void ph_session_give_up(ph_sessions *sessions, ph_session *session);
/* Any session `over`? */
bool ph_sessions_any_over(const ph_sessions *sessions);

#endif
