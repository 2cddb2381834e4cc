#include "broker/greet.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "broker/accept.h"
#include "broker/dispatch.h"
#include "broker/resolve.h"
#include "broker/settle.h"
#include "broker/supervise.h"
#include "lib/base/assert.h"
#include "lib/base/log.h"

/* Tell a peer outside of any session; if it does not get there, it will notice by itself. */
static void
tell(ph_broker *broker, const ph_peer *peer, ph_frame_type type, uint32_t status,
    const char *text)
{
	ph_buffer frame;
	ph_buffer_init(&frame, PH_FRAME_MAX);
	ph_frame_begin(&frame, type, 0);
	if (type == PH_FRAME_REFUSED)
		ph_buffer_u32(&frame, status);
	ph_buffer_string(&frame, text);
	if (!frame.failed)
		(void) ph_socket_send_buffer(broker->router, peer, &frame, NULL);
	ph_buffer_fini(&frame);
}

static void
refuse(ph_broker *broker, const ph_peer *peer, const ph_error *err)
{
	ph_log(PH_LOG_WARN, "session-refused", "status=%s text=%s",
	    ph_status_name(err->status), err->text);
	tell(broker, peer, PH_FRAME_REFUSED, (uint32_t) err->status, err->text);
}

/* ---- ends ---- */

void
ph_greet_end(ph_broker *broker, ph_session *session, const char *why)
{
	const ph_site_adapter *adapter = session->adapter;
	PH_ASSERT((adapter != NULL) == (session->role == PH_ROLE_HOST));
	ph_log(PH_LOG_INFO, "session-end", "session=%" PRIu64 " name=%s why=%s",
	    session->number, session->name, why);
	ph_park_end(broker, session);
	ph_dispatch_leave(broker, session);
	ph_sessions_remove(broker->sessions, &session);
	if (adapter != NULL)
		ph_supervise_detached(broker, adapter);
}

void
ph_greet_host_gone(ph_broker *broker, const ph_site_adapter *adapter)
{
	ph_session *session =
	    ph_sessions_named(broker->sessions, PH_ROLE_HOST, adapter->name);
	if (session != NULL)
		ph_greet_end(broker, session, "host-ended");
	ph_dispatch_host_gone(broker, adapter);
}

/* ---- beginnings ---- */

typedef struct hello {
	ph_hello_view view;
	char name[PH_SESSION_NAME];
	char instance[PH_SESSION_NAME];
	char token[PH_TOKEN_TEXT];
	const ph_site_adapter *adapter;
	bool resumed;
} hello;

static bool
printable(const char *text)
{
	for (; *text != 0; text++) {
		if (*text <= ' ' || *text > '~')
			return false;
	}
	return true;
}

static ph_status
read_hello(ph_broker *broker, ph_frame *frame, hello *out, ph_error *err)
{
	ph_status status = ph_hello_read(frame, &out->view, err);
	if (status != PH_OK)
		return status;
	if (out->view.least > PH_PROTOCOL_VERSION ||
	    out->view.most < PH_PROTOCOL_VERSION)
		return ph_fail(err, PH_ERR_VERSION,
		    "PH6540 the peer speaks protocol %u to %u, this broker %u",
		    out->view.least, out->view.most, PH_PROTOCOL_VERSION);
	if (!ph_slice_copy(out->view.name, out->name, sizeof out->name) ||
	    !ph_slice_copy(out->view.instance, out->instance, sizeof out->instance) ||
	    out->name[0] == 0 || !printable(out->name) || !printable(out->instance))
		return ph_fail(err, PH_ERR_INVALID,
		    "PH6541 a session's name and instance are short printable texts");
	if (!ph_slice_copy(out->view.token, out->token, sizeof out->token))
		out->token[0] = 0;
	if (out->view.role != PH_ROLE_HOST)
		return out->view.role == PH_ROLE_CLIENT
			   ? PH_OK
			   : ph_fail(err, PH_ERR_INVALID, "PH6542 unknown role");
	out->adapter = ph_site_adapter_get(broker->site, out->name);
	if (out->adapter == NULL)
		return ph_fail(err, PH_ERR_NOT_FOUND,
		    "PH6543 no adapter \"%s\" is configured", out->name);
	return PH_OK;
}

/* A one-time token, or the one to come back with. */
static ph_status
check_token(ph_broker *broker, hello *said, ph_error *err)
{
	uint8_t role = said->view.role;
	if (ph_tokens_resumes(
		broker->tokens, role, said->name, said->instance, said->token)) {
		said->resumed = true;
		return PH_OK;
	}
	if (ph_tokens_use(broker->tokens, role, said->name, said->token))
		return PH_OK;
	return ph_fail(
	    err, PH_ERR_DENIED, "PH6544 the session's token is not good, or no more");
}

/* Whoever had that place before: the same process over another connection, or one that is gone. */
static void
end_predecessor(ph_broker *broker, const ph_peer *peer, const hello *said)
{
	ph_session *old = ph_sessions_of(broker->sessions, peer);
	if (old != NULL)
		ph_greet_end(broker, old, "greeted-again");
	size_t cursor = 0;
	while ((old = ph_sessions_next(broker->sessions, &cursor)) != NULL) {
		bool same_process = strcmp(old->instance, said->instance) == 0 &&
				    strcmp(old->name, said->name) == 0;
		bool same_host = said->adapter != NULL && old->adapter == said->adapter;
		if (old->role == said->view.role && (same_process || same_host))
			ph_greet_end(broker, old, "replaced");
	}
	if (said->adapter != NULL && !said->resumed)
		ph_dispatch_host_gone(broker, said->adapter);
}

static void
welcome(ph_broker *broker, ph_session *session)
{
	const ph_options *options = &broker->site->options;
	char token[PH_TOKEN_TEXT];
	ph_buffer frame;
	ph_buffer_init(&frame, PH_FRAME_MAX);
	ph_tokens_resume(
	    broker->tokens, session->role, session->name, session->instance, token);
	ph_frame_begin(&frame, PH_FRAME_WELCOME, session->number);
	ph_buffer_u16(&frame, PH_PROTOCOL_VERSION);
	ph_buffer_u16(&frame, 0);
	ph_buffer_u32(
	    &frame, (uint32_t) ph_options_get(options, PH_OPTION_HEARTBEAT_MS));
	ph_buffer_u32(&frame, PH_FRAME_MAX);
	ph_buffer_u32(&frame, (uint32_t) ph_options_get(options, PH_OPTION_WINDOW));
	ph_buffer_string(&frame, token);
	ph_buffer_string(&frame, broker->instance);
	ph_session_frame(broker->sessions, session, &frame);
	ph_buffer_fini(&frame);
}

static void
greet(ph_broker *broker, const ph_peer *peer, ph_frame *frame)
{
	hello said = {.resumed = false};
	ph_error err = {.status = PH_OK};
	ph_session *session = NULL;
	ph_status status = read_hello(broker, frame, &said, &err);
	if (status == PH_OK)
		status = check_token(broker, &said, &err);
	if (status == PH_OK) {
		end_predecessor(broker, peer, &said);
		status = ph_sessions_add(broker->sessions, peer, &session, &err);
	}
	if (status != PH_OK) {
		refuse(broker, peer, &err);
		return;
	}
	session->role = said.view.role;
	session->can_probe = (said.view.flags & PH_HELLO_CAN_PROBE) != 0;
	session->resumed = said.resumed;
	session->adapter = said.adapter;
	memcpy(session->name, said.name, sizeof session->name);
	memcpy(session->instance, said.instance, sizeof session->instance);
	session->heard_ms = session->said_ms = ph_clock_mono(broker->clock);
	ph_log(PH_LOG_INFO, "session-start", "session=%" PRIu64 " name=%s role=%s%s",
	    session->number, session->name,
	    session->role == PH_ROLE_HOST ? "host" : "client",
	    session->resumed ? " resumed=yes" : "");
	welcome(broker, session);
	if (session->adapter != NULL)
		ph_supervise_attached(broker, session->adapter);
	broker->tend_ms = 0;
}

/* ---- frames ---- */

static ph_status
handle(ph_broker *broker, ph_session *session, ph_frame *frame, ph_error *err)
{
	switch (frame->type) {
	case PH_FRAME_PUBLISH:
		return ph_accept_publish(broker, session, frame, err);
	case PH_FRAME_SETTLE:
		return ph_settle_frame(broker, session, frame, err);
	case PH_FRAME_SUBSCRIBE:
		return ph_dispatch_subscribe(broker, session, frame, err);
	case PH_FRAME_REATTACH:
		return ph_dispatch_reattach(broker, session, frame, err);
	case PH_FRAME_PROGRESS:
		return ph_settle_progress(broker, session, frame, err);
	case PH_FRAME_RESOLVE:
		return ph_resolve_frame(broker, session, frame, err);
	case PH_FRAME_QUERY:
		return ph_resolve_query(broker, session, frame, err);
	case PH_FRAME_CURSOR:
		return ph_accept_cursor(broker, session, frame, err);
	case PH_FRAME_CURSORS:
		return ph_resolve_cursors(broker, session, frame, err);
	case PH_FRAME_PING:
		ph_session_plain(
		    broker->sessions, session, PH_FRAME_PONG, frame->number);
		return PH_OK;
	case PH_FRAME_PONG:
		ph_dispatch_pong(broker, session, frame->number);
		return PH_OK;
	case PH_FRAME_HELLO:
	case PH_FRAME_BYE:
		PH_UNREACHABLE("handled before");
	case PH_FRAME_WELCOME:
	case PH_FRAME_REFUSED:
	case PH_FRAME_ACCEPTED:
	case PH_FRAME_RESULT:
	case PH_FRAME_SUBSCRIBED:
	case PH_FRAME_DELIVER:
	case PH_FRAME_SETTLED:
	case PH_FRAME_PROGRESSED:
	case PH_FRAME_RESOLVED:
	case PH_FRAME_ANSWER:
	case PH_FRAME_ANSWER_CURSOR:
		break;
	}
	return ph_fail(err, PH_ERR_INVALID, "PH6545 %s is for the broker to say",
	    ph_frame_name(frame->type));
}

void
ph_greet_frame(ph_broker *broker, const ph_received *received)
{
	ph_frame frame;
	ph_error err;
	const ph_peer *peer = &received->peer;
	ph_error_clear(&err);
	ph_status status =
	    ph_frame_open(received->bytes, received->length, &frame, &err);
	frame.holder = received->holder;
	ph_session *session = ph_sessions_of(broker->sessions, peer);
	if (session != NULL && session->over)
		return;
	if (status == PH_OK && frame.type == PH_FRAME_HELLO) {
		greet(broker, peer, &frame);
		return;
	}
	if (session == NULL) {
		/* A stranger, or one whose session is over: it may say HELLO. */
		if (status != PH_OK)
			refuse(broker, peer, &err);
		else if (frame.type != PH_FRAME_BYE)
			tell(broker, peer, PH_FRAME_BYE, 0, "no session");
		return;
	}
	session->heard_ms = ph_clock_mono(broker->clock);
	if (status == PH_OK && frame.type == PH_FRAME_BYE) {
		ph_greet_end(broker, session, "bye");
		return;
	}
	if (status == PH_OK)
		status = handle(broker, session, &frame, &err);
	if (status != PH_OK && !broker->failed) {
		refuse(broker, peer, &err);
		ph_greet_end(broker, session, "refused");
	}
}

/* ---- the living and the dead ---- */

/* True if the session was ended. */
static bool
tend(ph_broker *broker, ph_session *session, int64_t now_ms)
{
	const ph_options *options = &broker->site->options;
	int64_t heartbeat_ms = ph_options_get(options, PH_OPTION_HEARTBEAT_MS);
	int64_t silence_ms = ph_options_get(options, PH_OPTION_SESSION_SILENCE_MS);
	ph_peer peer = session->peer;
	if (silence_ms < 3 * heartbeat_ms)
		silence_ms = 3 * heartbeat_ms;
	if (session->over || now_ms - session->heard_ms > silence_ms) {
		ph_greet_end(broker, session, session->over ? "gone" : "silent");
		tell(broker, &peer, PH_FRAME_BYE, 0, "the session is over");
		return true;
	}
	if (now_ms - session->said_ms >= heartbeat_ms)
		ph_session_plain(broker->sessions, session, PH_FRAME_PING, 0);
	return false;
}

int64_t
ph_greet_tend(ph_broker *broker)
{
	size_t cursor = 0;
	bool any = false;
	ph_session *session;
	int64_t now_ms = ph_clock_mono(broker->clock);
	while ((session = ph_sessions_next(broker->sessions, &cursor)) != NULL)
		any = !tend(broker, session, now_ms) || any;
	return any ? ph_options_get(&broker->site->options, PH_OPTION_HEARTBEAT_MS) / 4
		   : -1;
}

void
ph_greet_goodbye(ph_broker *broker)
{
	size_t cursor = 0;
	const ph_session *session;
	const char *why = broker->partition_held
			      ? "the broker stops"
			      : "another broker has been given the partition";
	while ((session = ph_sessions_next(broker->sessions, &cursor)) != NULL)
		tell(broker, &session->peer, PH_FRAME_BYE, 0, why);
}
