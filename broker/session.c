/*
 * How it works: sessions are found by the peer's ROUTER identity in one table. A session that gets
 * its first thing to say joins the list of those waiting; sealing and sending walk that list only, so
 * a thousand silent peers cost nothing.
 */
#include "broker/session.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/assert.h"
#include "lib/base/table.h"

#define UNSENT_MAX   (64u << 20) /* bytes kept for a peer that does not read */
#define RESULT_BREAK (1u << 20)	 /* a frame of results is closed past this */
#define HUNGRY_BYTES (8u << 20)

struct ph_sessions {
	ph_table *by_peer;
	size_t most;
	uint64_t last; /* number given last */
	ph_session *waiting, *waiting_last;
	size_t over; /* sessions whose peer turned out to be gone */
};

ph_status
ph_sessions_new(size_t most, ph_sessions **out, ph_error *err)
{
	ph_sessions *sessions = calloc(1, sizeof *sessions);
	if (sessions == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "no memory for sessions");
	sessions->most = most;
	ph_status status = ph_table_new(&sessions->by_peer, err);
	if (status != PH_OK)
		free(sessions);
	else
		*out = sessions;
	return status;
}

static void
free_session(void *value)
{
	ph_session *session = value;
	for (ph_subscription *at = session->subscriptions; at != NULL;) {
		ph_subscription *next = at->sibling;
		free(at);
		at = next;
	}
	for (size_t i = 0; i < session->frame_count; i++)
		ph_buffer_fini(&session->frames[i]);
	free(session->frames);
	ph_buffer_fini(&session->results);
	ph_buffer_fini(&session->settled);
	free(session);
}

void
ph_sessions_destroy(ph_sessions **sessions_p)
{
	ph_sessions *sessions = *sessions_p;
	*sessions_p = NULL;
	if (sessions == NULL)
		return;
	ph_table_destroy(&sessions->by_peer, free_session);
	free(sessions);
}

ph_status
ph_sessions_add(
    ph_sessions *sessions, const ph_peer *peer, ph_session **out, ph_error *err)
{
	if (ph_table_count(sessions->by_peer) >= sessions->most)
		return ph_fail(err, PH_ERR_FULL,
		    "PH6503 %zu sessions are open, which is the limit", sessions->most);
	ph_session *session = calloc(1, sizeof *session);
	if (session == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "no memory for a session");
	session->number = ++sessions->last;
	session->peer = *peer;
	ph_buffer_init(&session->results, PH_FRAME_MAX);
	ph_buffer_init(&session->settled, PH_FRAME_MAX);
	ph_status status =
	    ph_table_put(sessions->by_peer, peer->bytes, peer->length, session, err);
	if (status != PH_OK)
		free_session(session);
	else
		*out = session;
	return status;
}

static void
stop_waiting(ph_sessions *sessions, ph_session *session)
{
	ph_session **at = &sessions->waiting;
	sessions->waiting_last = NULL;
	while (*at != NULL) {
		if (*at == session) {
			*at = session->next_waiting;
			continue;
		}
		sessions->waiting_last = *at;
		at = &(*at)->next_waiting;
	}
	session->waiting = false;
}

void
ph_sessions_remove(ph_sessions *sessions, ph_session **session_p)
{
	ph_session *session = *session_p;
	*session_p = NULL;
	for (ph_subscription *at = session->subscriptions; at != NULL; at = at->sibling)
		PH_ASSERT(at->holder.count == 0 && at->next == NULL);
	PH_ASSERT(session->parked == NULL);
	if (session->waiting)
		stop_waiting(sessions, session);
	if (session->over)
		sessions->over--;
	(void) ph_table_remove(
	    sessions->by_peer, session->peer.bytes, session->peer.length);
	free_session(session);
}

ph_session *
ph_sessions_of(const ph_sessions *sessions, const ph_peer *peer)
{
	return ph_table_get(sessions->by_peer, peer->bytes, peer->length);
}

ph_session *
ph_sessions_next(const ph_sessions *sessions, size_t *cursor)
{
	return ph_table_next(sessions->by_peer, cursor, NULL, NULL);
}

ph_session *
ph_sessions_named(const ph_sessions *sessions, uint8_t role, const char *name)
{
	size_t cursor = 0;
	ph_session *at;
	while ((at = ph_sessions_next(sessions, &cursor)) != NULL) {
		if (at->role == role && !at->over && strcmp(at->name, name) == 0)
			return at;
	}
	return NULL;
}

ph_session *
ph_sessions_numbered(const ph_sessions *sessions, uint64_t number)
{
	size_t cursor = 0;
	ph_session *at;
	while ((at = ph_sessions_next(sessions, &cursor)) != NULL) {
		if (at->number == number)
			return at;
	}
	return NULL;
}

size_t
ph_sessions_count(const ph_sessions *sessions, uint8_t role)
{
	size_t cursor = 0, count = 0;
	const ph_session *at;
	while ((at = ph_sessions_next(sessions, &cursor)) != NULL)
		count += at->role == role;
	return count;
}

ph_subscription *
ph_session_subscription(const ph_session *session, uint64_t number)
{
	for (ph_subscription *at = session->subscriptions; at != NULL;
	     at = at->sibling) {
		if (at->number == number)
			return at;
	}
	return NULL;
}

/* ---- to be said ---- */

static void
wait_for_sending(ph_sessions *sessions, ph_session *session)
{
	if (session->waiting)
		return;
	session->waiting = true;
	session->next_waiting = NULL;
	*(sessions->waiting_last == NULL ? &sessions->waiting
					 : &sessions->waiting_last->next_waiting) =
	    session;
	sessions->waiting_last = session;
}

void
ph_session_give_up(ph_sessions *sessions, ph_session *session)
{
	sessions->over += !session->over;
	session->over = true;
}

void
ph_session_frame(ph_sessions *sessions, ph_session *session, ph_buffer *frame)
{
	PH_ASSERT(frame->failed || frame->length >= PH_FRAME_HEADER);
	wait_for_sending(sessions, session);
	if (session->frame_count == session->frame_capacity) {
		size_t capacity =
		    session->frame_capacity == 0 ? 8 : session->frame_capacity * 2;
		ph_buffer *frames = realloc(session->frames, capacity * sizeof *frames);
		if (frames != NULL) {
			session->frames = frames;
			session->frame_capacity = capacity;
		}
	}
	if (frame->failed || session->frame_count == session->frame_capacity ||
	    session->frame_bytes > UNSENT_MAX) {
		/* What cannot be said in order ends the session: it will come back. */
		ph_buffer_fini(frame);
		ph_session_give_up(sessions, session);
		return;
	}
	session->frame_bytes += frame->length;
	session->frames[session->frame_count++] = *frame;
	ph_buffer_init(frame, frame->limit);
}

void
ph_session_plain(
    ph_sessions *sessions, ph_session *session, ph_frame_type type, uint64_t number)
{
	ph_buffer frame;
	ph_buffer_init(&frame, PH_FRAME_MAX);
	ph_frame_begin(&frame, type, number);
	ph_session_frame(sessions, session, &frame);
}

static void
close_acks(ph_sessions *sessions, ph_session *session)
{
	if (session->ack_count == 0)
		return;
	ph_buffer frame;
	ph_buffer_init(&frame, PH_FRAME_MAX);
	ph_frame_begin(&frame, PH_FRAME_ACCEPTED, session->ack_ticket);
	ph_buffer_u64(&frame, session->ack_acceptance);
	ph_frame_count(&frame, session->ack_count);
	session->ack_count = 0;
	ph_session_frame(sessions, session, &frame);
}

static void
close_items(
    ph_sessions *sessions, ph_session *session, ph_buffer *frame, uint32_t *count)
{
	if (*count == 0)
		return;
	ph_frame_count(frame, *count);
	*count = 0;
	ph_session_frame(sessions, session, frame);
}

void
ph_session_ack(
    ph_sessions *sessions, ph_session *session, uint64_t ticket, uint64_t acceptance)
{
	PH_ASSERT(acceptance > 0);
	wait_for_sending(sessions, session);
	uint64_t count = session->ack_count;
	if (count > 0 && session->ack_ticket + count == ticket &&
	    session->ack_acceptance + count == acceptance) {
		session->ack_count++;
		return;
	}
	close_acks(sessions, session);
	session->ack_ticket = ticket;
	session->ack_acceptance = acceptance;
	session->ack_count = 1;
}

void
ph_session_result(ph_sessions *sessions, ph_session *session, uint64_t ticket,
    uint8_t result, uint64_t acceptance, const char *subject, const char *text)
{
	wait_for_sending(sessions, session);
	ph_buffer *frame = &session->results;
	if (frame->length > RESULT_BREAK)
		close_items(sessions, session, frame, &session->result_count);
	if (session->result_count++ == 0)
		ph_frame_begin(frame, PH_FRAME_RESULT, 0);
	ph_buffer_u64(frame, ticket);
	ph_buffer_u8(frame, result);
	ph_buffer_u64(frame, acceptance);
	ph_buffer_string(frame, subject);
	ph_buffer_string(frame, text);
}

void
ph_session_settled(ph_sessions *sessions, ph_session *session, uint64_t delivery)
{
	wait_for_sending(sessions, session);
	ph_buffer *frame = &session->settled;
	if (frame->length > RESULT_BREAK)
		close_items(sessions, session, frame, &session->settled_count);
	if (session->settled_count++ == 0)
		ph_frame_begin(frame, PH_FRAME_SETTLED, 0);
	ph_buffer_u64(frame, delivery);
}

bool
ph_session_hungry(const ph_session *session)
{
	return !session->over && session->frame_bytes < HUNGRY_BYTES;
}

/* False: the peer reads too slowly, the rest stays. */
static bool
send_frames(ph_sessions *sessions, ph_session *session, ph_socket *router)
{
	size_t sent = 0;
	while (sent < session->sealed) {
		ph_buffer *frame = &session->frames[sent];
		size_t length = frame->length;
		ph_status status =
		    ph_socket_send_buffer(router, &session->peer, frame, NULL);
		if (status == PH_ERR_AGAIN)
			break;
		if (status != PH_OK)
			ph_session_give_up(sessions, session);
		session->frame_bytes -= length;
		ph_buffer_fini(frame);
		sent++;
	}
	session->frame_count -= sent;
	session->sealed -= sent;
	if (session->frame_count > 0 && sent > 0)
		memmove(session->frames, session->frames + sent,
		    session->frame_count * sizeof(ph_buffer));
	return session->sealed == 0;
}

void
ph_sessions_seal(ph_sessions *sessions)
{
	for (ph_session *at = sessions->waiting; at != NULL; at = at->next_waiting) {
		close_acks(sessions, at);
		close_items(sessions, at, &at->results, &at->result_count);
		close_items(sessions, at, &at->settled, &at->settled_count);
		at->sealed = at->frame_count;
	}
}

static bool
has_more_to_say(const ph_session *session)
{
	return session->frame_count > 0 || session->ack_count > 0 ||
	       session->result_count > 0 || session->settled_count > 0;
}

bool
ph_sessions_send(ph_sessions *sessions, ph_socket *router, int64_t now_ms)
{
	ph_session *at = sessions->waiting;
	bool stays = false;
	sessions->waiting = sessions->waiting_last = NULL;
	while (at != NULL) {
		ph_session *next = at->next_waiting;
		if (at->sealed > 0)
			at->said_ms = now_ms;
		if (!send_frames(sessions, at, router))
			stays = true;
		at->waiting = false;
		if (has_more_to_say(at))
			wait_for_sending(sessions, at);
		at = next;
	}
	return stays;
}

bool
ph_sessions_any_over(const ph_sessions *sessions)
{
	return sessions->over > 0;
}
