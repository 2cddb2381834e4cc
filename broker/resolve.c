/*
 * How it works: a RESOLVE is answered whole or not at all: its items are written into the answer one
 * after the other, and the first that memory does not know turns the rest of the walk into a
 * collection of wants. Queries go to the ledger for places, then to the journal for the messages.
 */
#include "broker/resolve.h"

#include <stdlib.h>
#include <string.h>

#include "broker/cursor.h"
#include "lib/base/assert.h"
#include "lib/base/log.h"

#define ITEMS_MAX    1024
#define PREFIX_MAX   16
#define ANSWER_BREAK (900u << 10) /* an ANSWER is closed past this */
#define QUERY_MOST   10000

typedef struct item {
	uint8_t kind; /* PH_RESOLVE_* */
	char entity[PH_REFERENCE_NAME], system[PH_REFERENCE_NAME];
	char key[PH_REFERENCE_KEY];
	char prefix[PREFIX_MAX];
} item;

static ph_status
denied(const char *what, ph_error *err)
{
	return ph_fail(err, PH_ERR_DENIED, "PH6515 only a host may %s", what);
}

static bool
read_item(ph_reader *body, item *out)
{
	out->kind = ph_reader_u8(body);
	out->prefix[0] = 0;
	ph_reader_copy(body, out->entity, sizeof out->entity);
	ph_reader_copy(body, out->system, sizeof out->system);
	ph_reader_copy(body, out->key, sizeof out->key);
	if (out->kind == PH_RESOLVE_MINT)
		ph_reader_copy(body, out->prefix, sizeof out->prefix);
	return !body->failed && out->kind >= PH_RESOLVE_CANONICAL &&
	       out->kind <= PH_RESOLVE_EXISTS;
}

static ph_xref_kind
kind_of(const item *at)
{
	switch (at->kind) {
	case PH_RESOLVE_VENDOR:
		return PH_XREF_KEY;
	case PH_RESOLVE_EXISTS:
		return PH_XREF_EXISTS;
	default:
		return PH_XREF_CANONICAL;
	}
}

static bool
may_mint(const ph_session *session, const item *at)
{
	return session->adapter != NULL && strcmp(at->system, session->name) == 0 &&
	       ph_site_may_mint(session->adapter, at->entity);
}

static void
answer_item(ph_buffer *frame, uint8_t status, const char *value)
{
	ph_buffer_u8(frame, status);
	ph_buffer_string(frame, value);
}

/* Write one answer; false: the ledger must be asked. */
static bool
resolve_item(ph_broker *broker, ph_session *session, const item *at, ph_buffer *frame)
{
	const char *value = "";
	char minted[PREFIX_MAX + PH_MINT_DIGITS + 2];
	if (at->kind == PH_RESOLVE_MINT && !may_mint(session, at)) {
		answer_item(frame, PH_RESOLVED_REFUSED, "");
		return true;
	}
	switch (ph_xref_look(
	    broker->xref, kind_of(at), at->entity, at->system, at->key, &value)) {
	case PH_XREF_FOUND:
		answer_item(frame, PH_RESOLVED_FOUND, value);
		return true;
	case PH_XREF_ASK:
		return false;
	case PH_XREF_ABSENT:
		break;
	}
	if (at->kind == PH_RESOLVE_MINT &&
	    ph_sitekey_mint(
		&broker->key, at->prefix, at->system, at->key, minted, sizeof minted))
		answer_item(frame, PH_RESOLVED_MINTED, minted);
	else
		answer_item(frame, PH_RESOLVED_UNKNOWN, "");
	return true;
}

/* Answer all, or note what is wanted. PH_ERR_AGAIN: wants were noted. */
static ph_status
resolve_all(ph_broker *broker, ph_session *session, uint64_t request, uint32_t count,
    ph_reader body, ph_wants *wants, ph_error *err)
{
	ph_buffer frame;
	item at;
	ph_status status = PH_OK;
	ph_buffer_init(&frame, PH_FRAME_MAX);
	ph_frame_begin(&frame, PH_FRAME_RESOLVED, request);
	for (uint32_t i = 0; i < count; i++) {
		if (!read_item(&body, &at)) {
			ph_buffer_fini(&frame);
			return ph_fail(err, PH_ERR_INVALID,
			    "PH6523 item %u of a RESOLVE cannot be read", i);
		}
		if (!resolve_item(broker, session, &at, &frame)) {
			ph_wants_add(wants, kind_of(&at), at.entity, at.system, at.key);
			status = PH_ERR_AGAIN;
		}
	}
	ph_frame_count(&frame, count);
	if (status == PH_OK)
		ph_session_frame(broker->sessions, session, &frame);
	ph_buffer_fini(&frame);
	return status;
}

/* The body of a RESOLVE. */
static bool
resolve_again(
    ph_broker *broker, ph_session *session, const ph_parked *parked, bool last_chance)
{
	if (last_chance)
		return true;
	ph_reader body;
	ph_wants *wants = ph_wants_new();
	ph_reader_init(&body, parked->bytes, parked->length);
	ph_status status = resolve_all(
	    broker, session, parked->number, parked->count, body, wants, NULL);
	if (status == PH_ERR_AGAIN)
		ph_park_ask(broker, session, &wants);
	ph_wants_destroy(&wants);
	return status != PH_ERR_AGAIN;
}

static const ph_park_way resolve_way = {resolve_again, .ordered = false};

ph_status
ph_resolve_frame(ph_broker *broker, ph_session *session, ph_frame *frame, ph_error *err)
{
	if (session->role != PH_ROLE_HOST)
		return denied("resolve references", err);
	if (frame->count > ITEMS_MAX)
		return ph_fail(err, PH_ERR_TOO_LARGE,
		    "PH6524 a RESOLVE has at most %d items", ITEMS_MAX);
	ph_wants *wants = ph_wants_new();
	ph_status status = resolve_all(
	    broker, session, frame->number, frame->count, frame->body, wants, err);
	if (status == PH_ERR_AGAIN && wants != NULL) {
		ph_park(broker, session, &resolve_way, frame->number, frame->count,
		    frame->body.data + frame->body.at, ph_reader_left(&frame->body),
		    &wants);
		return PH_OK;
	}
	ph_wants_destroy(&wants);
	return status == PH_ERR_AGAIN ? ph_fail(err, PH_ERR_NOMEM, "no memory")
				      : status;
}

/* ---- queries ---- */

typedef struct query {
	ph_question question; /* first */
	ph_broker *broker;
	uint64_t session; /* its number */
	uint64_t request;
} query;

static void
begin_answer(ph_buffer *frame, uint64_t request)
{
	ph_buffer_init(frame, PH_FRAME_MAX);
	ph_frame_begin(frame, PH_FRAME_ANSWER, request);
	ph_buffer_u8(frame, 0);
}

static void
end_answer(
    ph_broker *broker, ph_session *session, ph_buffer *frame, uint32_t count, bool last)
{
	if (!frame->failed)
		frame->data[PH_FRAME_HEADER] = last;
	ph_frame_count(frame, count);
	ph_session_frame(broker->sessions, session, frame);
	ph_buffer_fini(frame);
}

/* One message of the answer, from the journal. */
static void
answer_message(
    ph_broker *broker, const ph_ledger_message *row, ph_buffer *frame, uint32_t *count)
{
	ph_store_record record;
	ph_record_accept accept;
	ph_error err = {.status = PH_OK};
	ph_status status = ph_store_read(broker->store, row->position, &record, &err);
	if (status == PH_OK)
		status =
		    ph_record_accept_decode(record.body, record.length, &accept, &err);
	if (status != PH_OK) {
		ph_log(PH_LOG_ERROR, "message-unreadable", "message=%llu text=%s",
		    (unsigned long long) row->acceptance, err.text);
		return;
	}
	ph_buffer_u32(frame, (uint32_t) (16 + accept.message.length));
	ph_buffer_u64(frame, accept.acceptance);
	ph_buffer_u64(frame, (uint64_t) accept.accepted_ms);
	ph_buffer_append(frame, accept.message.data, accept.message.length);
	++*count;
}

static void
answer_query(void *self, const ph_ledger_answer *answer)
{
	query *asked = self;
	ph_broker *broker = asked->broker;
	ph_session *session = ph_sessions_numbered(broker->sessions, asked->session);
	ph_buffer frame;
	uint32_t count = 0;
	uint64_t request = asked->request;
	ph_question_strike(&asked->question);
	free(asked);
	if (session == NULL || session->over)
		return;
	if (answer->status != PH_OK) {
		ph_session_give_up(broker->sessions, session);
		return;
	}
	begin_answer(&frame, request);
	for (size_t i = 0; i < answer->count; i++) {
		if (frame.length > ANSWER_BREAK) {
			end_answer(broker, session, &frame, count, false);
			begin_answer(&frame, request);
			count = 0;
		}
		answer_message(broker, &answer->rows.messages[i], &frame, &count);
	}
	end_answer(broker, session, &frame, count, true);
}

static void
abandon_query(ph_question *at)
{
	free(at);
}

static ph_status
ask(ph_broker *broker, const ph_session *session, uint64_t request,
    const ph_ledger_ask *question, ph_error *err)
{
	query *asked = calloc(1, sizeof *asked);
	if (asked == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "no memory for a query");
	*asked =
	    (query){.broker = broker, .session = session->number, .request = request};
	ph_question_note(broker, &asked->question, abandon_query);
	ph_status status =
	    ph_ledger_query(broker->ledger, question, answer_query, asked, err);
	if (status != PH_OK) {
		ph_question_strike(&asked->question);
		free(asked);
	}
	return status;
}

ph_status
ph_resolve_query(ph_broker *broker, ph_session *session, ph_frame *frame, ph_error *err)
{
	char key[PH_REFERENCE_KEY];
	if (session->role != PH_ROLE_HOST)
		return denied("query messages", err);
	uint8_t kind = ph_reader_u8(&frame->body);
	ph_reader_copy(&frame->body, key, sizeof key);
	uint64_t from_ms = ph_reader_u64(&frame->body);
	uint64_t to_ms = ph_reader_u64(&frame->body);
	uint32_t most = ph_reader_u32(&frame->body);
	if (frame->body.failed || (kind != PH_QUERY_SUBJECT && kind != PH_QUERY_TYPE) ||
	    from_ms > INT64_MAX || to_ms > INT64_MAX)
		return ph_fail(err, PH_ERR_INVALID, "PH6525 a QUERY cannot be read");
	ph_ledger_ask question = {
	    .kind = kind == PH_QUERY_SUBJECT ? PH_LEDGER_SUBJECT : PH_LEDGER_TYPE,
	    .current = true,
	    .patient = true,
	    .key = key,
	    .from_ms = (int64_t) from_ms,
	    .to_ms = (int64_t) to_ms,
	    .most = most == 0 || most > QUERY_MOST ? QUERY_MOST : most};
	if (broker->ledger == NULL) {
		ph_buffer nothing;
		begin_answer(&nothing, frame->number);
		end_answer(broker, session, &nothing, 0, true);
		return PH_OK;
	}
	return ask(broker, session, frame->number, &question, err);
}

/* ---- cursors ---- */

ph_status
ph_resolve_cursors(
    ph_broker *broker, ph_session *session, ph_frame *frame, ph_error *err)
{
	char name[PH_CURSOR_NAME];
	ph_buffer answer;
	if (session->role != PH_ROLE_HOST)
		return denied("read cursors", err);
	ph_slice plain = ph_slice_read(&frame->body);
	if (frame->body.failed)
		return ph_fail(err, PH_ERR_INVALID, "PH6519 the cursor is cut short");
	ph_status status = ph_cursor_name(session, plain, name, err);
	if (status != PH_OK)
		return status;
	const ph_cursor *cursor = ph_cursor_get(broker, name);
	ph_buffer_init(&answer, PH_FRAME_MAX);
	ph_frame_begin(&answer, PH_FRAME_ANSWER_CURSOR, frame->number);
	ph_buffer_u8(&answer, cursor != NULL);
	ph_buffer_blob16(&answer, cursor == NULL ? NULL : cursor->bytes,
	    cursor == NULL ? 0 : cursor->length);
	ph_session_frame(broker->sessions, session, &answer);
	ph_buffer_fini(&answer);
	return PH_OK;
}
