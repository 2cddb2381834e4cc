/*
 * How it works: an item is read into `incoming` (options checked, bindings copied), its message is
 * decoded, and then it is a chain of questions: bindings known and not contradicted? seen before?
 * which queues? room in them? The answer of the chain is one record and one call of
 * ph_accept_apply, which recovery uses too.
 */
#include "broker/accept.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/crashpoint.h"
#include "broker/cursor.h"
#include "broker/refill.h"
#include "lib/base/assert.h"
#include "lib/base/log.h"
#include "lib/wire/message.h"

#define BINDINGS_MAX	 16
#define FINGERPRINT_MIN	 16
#define FINGERPRINT_MAX	 64
#define TELL_EVERY_MS	 1000
#define PRINT_ID	 'i' /* kinds of fingerprints */
#define PRINT_FAILED	 'f'
#define PRINT_CONFLICT	 'c'
#define PRINT_CONTENT	 'd'
#define RESULT_ACCEPTED	 0
#define RESULT_DUPLICATE 1
#define RESULT_REFUSED	 2
#define RESULT_CONFLICT	 3

typedef struct incoming {
	ph_session *session;
	uint64_t ticket;
	int64_t wall_ms; /* when it came */
	ph_message *message;
	ph_slice fingerprint; /* length 0: none given */
	bool has_cursor, failed;
	char cursor_name[PH_CURSOR_NAME];
	ph_slice cursor;
	ph_record_failure failure;
	size_t binding_count;
	ph_reference bindings[BINDINGS_MAX];
	uint8_t id[PH_FINGERPRINT], content[PH_FINGERPRINT];
	ph_slice item;	  /* the whole of it, as it is parked */
	bool has_options; /* some that may have to wait for the ledger */
	ph_error why;	  /* it cannot be read; status PH_OK: it can */
} incoming;

/* ---- answers ---- */

static const char *
subject_of(const incoming *in)
{
	const char *subject = in->message == NULL
				  ? NULL
				  : ph_message_known(in->message, PH_TAG_SUBJECT, NULL);
	return subject == NULL ? "" : subject;
}

static void
refuse(ph_broker *broker, const incoming *in, const ph_error *why)
{
	int64_t now_ms = ph_clock_mono(broker->clock);
	broker->counts.refused++;
	/* A full queue refuses thousands a second: one line for them is enough. */
	if (now_ms - broker->told_ms >= TELL_EVERY_MS) {
		broker->told_ms = now_ms;
		ph_log(PH_LOG_WARN, "publish-refused",
		    "session=%s status=%s refused=%" PRIu64 " text=%s",
		    in->session->name, ph_status_name(why->status),
		    broker->counts.refused, why->text);
	}
	ph_session_result(broker->sessions, in->session, in->ticket, RESULT_REFUSED, 0,
	    subject_of(in), why->text);
}

/* ---- reading the options ---- */

static ph_status
read_failure(incoming *in, ph_reader *body)
{
	in->failed = true;
	in->failure.stage = ph_view_of_slice(ph_slice_read(body));
	in->failure.reason = ph_view_of_slice(ph_slice_read(body));
	in->failure.path = ph_view_of_slice(ph_slice_read(body));
	in->failure.text = ph_view_of_slice(ph_slice_read(body));
	return body->failed ? PH_ERR_INVALID : PH_OK;
}

static ph_status
read_binding(incoming *in, ph_reader *body, ph_error *err)
{
	if (in->binding_count == BINDINGS_MAX)
		return ph_fail(err, PH_ERR_TOO_LARGE,
		    "PH6512 one message binds at most %d references", BINDINGS_MAX);
	ph_reference *binding = &in->bindings[in->binding_count];
	ph_status status = ph_reference_read(body, binding, err);
	if (status == PH_OK && strcmp(binding->system, in->session->name) != 0)
		return ph_fail(err, PH_ERR_DENIED,
		    "PH6513 adapter %s may bind its own references only",
		    in->session->name);
	in->binding_count += status == PH_OK;
	return status;
}

static ph_status
read_option(incoming *in, uint8_t tag, ph_reader *body, ph_error *err)
{
	switch (tag) {
	case PH_OPTION_FINGERPRINT:
		in->fingerprint = (ph_slice){(const char *) body->data, body->length};
		if (body->length < FINGERPRINT_MIN || body->length > FINGERPRINT_MAX)
			return PH_ERR_INVALID;
		return PH_OK;
	case PH_OPTION_CURSOR: {
		in->has_cursor = true;
		ph_slice name = ph_slice_read(body);
		in->cursor = ph_slice_read(body);
		if (body->failed)
			return PH_ERR_INVALID;
		return ph_cursor_name(in->session, name, in->cursor_name, err);
	}
	case PH_OPTION_BINDING:
		return read_binding(in, body, err);
	case PH_OPTION_FAILED:
		return read_failure(in, body);
	case PH_OPTION_REPLAY:
		(void) ph_reader_u64(body);
		return body->failed ? PH_ERR_INVALID : PH_OK;
	default:
		return ph_fail(err, PH_ERR_INVALID,
		    "PH6514 publish option %u is not known here", tag);
	}
}

static ph_status
read_options(incoming *in, ph_reader *options, ph_error *err)
{
	uint8_t tag;
	ph_reader body;
	while (ph_option_read(options, &tag, &body)) {
		if (tag != PH_OPTION_FINGERPRINT && in->session->role != PH_ROLE_HOST)
			return ph_fail(err, PH_ERR_DENIED,
			    "PH6515 only an adapter's host may give publish option %u",
			    tag);
		if (err != NULL)
			err->status = PH_OK;
		ph_status status = read_option(in, tag, &body, err);
		if (status != PH_OK && (err == NULL || err->status == PH_OK))
			return ph_fail(err, PH_ERR_INVALID,
			    "PH6516 publish option %u cannot be read", tag);
		if (status != PH_OK)
			return status;
	}
	if (options->failed)
		return ph_fail(
		    err, PH_ERR_INVALID, "PH6516 the publish options are cut short");
	return PH_OK;
}

/* ---- the questions ---- */

/* Is a binding contradicted, or not known well enough to say? PH_ERR_AGAIN: wants were added. */
static ph_status
check_bindings(ph_broker *broker, const incoming *in, ph_wants *wants, ph_error *err)
{
	bool missing = false;
	for (size_t i = 0; i < in->binding_count; i++) {
		const ph_reference *at = &in->bindings[i];
		const char *bound = NULL;
		ph_xref_answer answer = ph_xref_look(broker->xref, PH_XREF_CANONICAL,
		    at->entity, at->system, at->key, &bound);
		if (answer == PH_XREF_ASK) {
			missing = true;
			ph_wants_add(
			    wants, PH_XREF_CANONICAL, at->entity, at->system, at->key);
		} else if (answer == PH_XREF_FOUND &&
			   strcmp(bound, at->canonical) != 0) {
			return ph_fail(err, PH_ERR_CONFLICT,
			    "PH6517 the %s's reference is bound to another canonical "
			    "id already",
			    at->system);
		}
	}
	return missing ? PH_ERR_AGAIN : PH_OK;
}

/* What a repeat is compared by. */
static ph_slice
content_of(const incoming *in)
{
	ph_slice content = in->fingerprint;
	if (content.length == 0)
		content.data = ph_message_data(in->message, &content.length);
	return content;
}

/* As earlier builds made it, which digested what is long in another way. */
static void
earlier_print(const ph_broker *broker, const incoming *in, uint8_t out[PH_FINGERPRINT])
{
	ph_slice content = content_of(in);
	ph_sitekey_print(
	    &broker->key, PRINT_CONTENT, content.data, content.length, NULL, 0, out);
}

static void
make_prints(const ph_broker *broker, incoming *in)
{
	size_t id_length = 0, source_length = 0;
	const char *id = ph_message_known(in->message, PH_TAG_ID, &id_length);
	const char *source =
	    ph_message_known(in->message, PH_TAG_SOURCE, &source_length);
	ph_slice content = content_of(in);
	ph_sitekey_print(&broker->key, in->failed ? PRINT_FAILED : PRINT_ID, source,
	    source_length, id, id_length, in->id);
	ph_duplicates_fetch(broker->duplicates, in->id); /* while the content is read */
	ph_sitekey_content(
	    &broker->key, PRINT_CONTENT, content.data, content.length, in->content);
	if (PH_MUTANT("earlier-print"))
		earlier_print(broker, in, in->content);
}

/* Was it seen before, by an earlier build too? */
static ph_repeat
look(ph_broker *broker, const incoming *in, uint64_t *acceptance)
{
	ph_repeat found =
	    ph_duplicates_look(broker->duplicates, in->id, in->content, acceptance);
	if (found != PH_REPEAT_CONFLICT)
		return found;
	uint8_t earlier[PH_FINGERPRINT];
	earlier_print(broker, in, earlier);
	return ph_duplicates_look(broker->duplicates, in->id, earlier, acceptance);
}

static size_t
choose_queues(const ph_broker *broker, incoming *in, uint16_t *queues)
{
	if (in->failed) {
		queues[0] = PH_QUEUE_INBOUND;
		return 1;
	}
	size_t count =
	    ph_routes_match(broker->routes, in->message, queues, PH_ENTRY_ITEMS_MAX);
	if (count > 0)
		return count;
	in->failed = true;
	in->failure = (ph_record_failure){.stage = ph_view_of("route"),
	    .reason = ph_view_of("unrouted"),
	    .path = ph_view_of(""),
	    .text = ph_view_of("no route matches this message")};
	queues[0] = PH_QUEUE_UNROUTED;
	return 1;
}

static ph_status
check_room(ph_broker *broker, const uint16_t *queues, size_t count, ph_error *err)
{
	uint64_t most =
	    (uint64_t) ph_options_get(&broker->site->options, PH_OPTION_QUEUE_MESSAGES);
	for (size_t i = 0; i < count; i++) {
		ph_destination *to =
		    ph_destinations_get(broker->destinations, queues[i]);
		PH_ASSERT(to != NULL);
		if (ph_queue_pending(to->queue) >= most)
			return ph_fail(err, PH_ERR_FULL,
			    "PH5303 queue %s is full (%llu messages)",
			    ph_queue_name(to->queue), (unsigned long long) most);
		ph_status status = ph_refill_reserve(broker, to, err);
		if (status != PH_OK)
			return status;
	}
	return PH_OK;
}

/* ---- the record ---- */

static void
fill_bindings(const incoming *in, ph_record_bindings *out)
{
	out->count = PH_MUTANT("xref-in-memory") ? 0 : in->binding_count;
	for (size_t i = 0; i < out->count; i++) {
		const ph_reference *from = &in->bindings[i];
		out->list[i] = (ph_record_binding){.entity = ph_view_of(from->entity),
		    .system = ph_view_of(from->system),
		    .key = ph_view_of(from->key),
		    .canonical = ph_view_of(from->canonical)};
	}
}

static void
fill_record(
    ph_broker *broker, const incoming *in, const uint8_t *id, ph_record_accept *record)
{
	record->acceptance = broker->last_acceptance + 1;
	record->accepted_ms = in->wall_ms;
	record->generation = broker->generation;
	record->hops = 0;
	record->ignored = false;
	record->has_cursor = in->has_cursor && !PH_MUTANT("cursor-in-memory");
	record->has_failure = in->failed;
	memcpy(record->id, id, PH_FINGERPRINT);
	memcpy(record->content, in->content, PH_FINGERPRINT);
	record->cursor_name = ph_view_of(in->cursor_name);
	record->cursor = ph_view_of_slice(in->cursor);
	record->failure = in->failure;
	record->message.data = ph_message_bytes(in->message, &record->message.length);
	fill_bindings(in, &record->bindings);
}

static void
bind_in_memory(ph_broker *broker, const incoming *in, uint64_t offset)
{
	for (size_t i = 0; i < in->binding_count; i++) {
		const ph_reference *at = &in->bindings[i];
		(void) ph_xref_bind(broker->xref, at->entity, at->system, at->key,
		    at->canonical, offset, NULL);
	}
}

/* Submit and enter into the state. Past the submit nothing may be refused any more. */
static ph_status
commit(ph_broker *broker, incoming *in, ph_record_accept *record, ph_store_need need,
    ph_error *err)
{
	uint64_t offset = 0;
	ph_buffer_clear(&broker->record);
	ph_record_accept_encode(record, &broker->record);
	ph_status status = ph_broker_submit(broker, PH_RECORD_ACCEPT, need,
	    record->message.data, record->message.length, &offset, err);
	if (status != PH_OK)
		return status;
	if (ph_accept_apply(broker, record, &in->message, offset, err) != PH_OK) {
		/* It is in the batch but not in memory: only a new start mends that. */
		broker->failed = true;
		return PH_ERR_NOMEM;
	}
	if (PH_MUTANT("cursor-in-memory") && in->has_cursor)
		(void) ph_cursor_apply(broker, ph_view_of(in->cursor_name),
		    ph_view_of_slice(in->cursor), NULL);
	if (PH_MUTANT("xref-in-memory"))
		bind_in_memory(broker, in, offset);
	broker->counts.messages++;
	return PH_OK;
}

static void
accept_new(ph_broker *broker, incoming *in)
{
	ph_record_accept record;
	ph_error err;
	ph_error_clear(&err);
	record.queue_count = choose_queues(broker, in, record.queues);
	ph_status status = check_room(broker, record.queues, record.queue_count, &err);
	if (status == PH_OK) {
		fill_record(broker, in, in->id, &record);
		status = commit(broker, in, &record, PH_STORE_NEW, &err);
	}
	if (status != PH_OK)
		refuse(broker, in, &err);
	else
		ph_session_ack(
		    broker->sessions, in->session, in->ticket, broker->last_acceptance);
}

/* Seen before with the same content: the original's result, and the cursor made durable. */
static void
repeat(ph_broker *broker, const incoming *in, uint64_t acceptance)
{
	ph_error err;
	ph_error_clear(&err);
	broker->counts.repeats++;
	if (in->has_cursor &&
	    ph_cursor_commit(broker, in->cursor_name, in->cursor, &err) != PH_OK) {
		refuse(broker, in, &err);
		return;
	}
	ph_session_result(broker->sessions, in->session, in->ticket, RESULT_DUPLICATE,
	    acceptance, subject_of(in), "");
}

/* As a dead letter of `inbound`. The message stays ours too: its subject is told afterwards. */
static ph_status
keep_conflict(ph_broker *broker, incoming *in, const uint8_t *id, const ph_error *why,
    ph_error *err)
{
	ph_record_accept record;
	in->failed = true;
	in->binding_count = 0;
	in->failure = (ph_record_failure){.stage = ph_view_of("accept"),
	    .reason = ph_view_of("conflict"),
	    .path = ph_view_of(""),
	    .text = ph_view_of(why->text)};
	record.queues[0] = PH_QUEUE_INBOUND;
	record.queue_count = 1;
	fill_record(broker, in, id, &record);
	ph_status status = check_room(broker, record.queues, 1, err);
	if (status != PH_OK)
		return status;
	ph_message *message = ph_message_ref(in->message);
	status = commit(broker, in, &record, PH_STORE_ESSENTIAL, err);
	ph_message_unref(&in->message);
	in->message = message;
	return status;
}

/* Kept and logged once: a poll may show it for ever. Refused to the sender each time. */
static void
conflict(ph_broker *broker, incoming *in, const ph_error *why)
{
	uint8_t id[PH_FINGERPRINT];
	uint64_t acceptance = 0;
	ph_error err;
	ph_error_clear(&err);
	broker->counts.conflicts++;
	ph_sitekey_print(&broker->key, PRINT_CONFLICT, in->id, sizeof in->id,
	    in->content, sizeof in->content, id);
	if (ph_duplicates_look(broker->duplicates, id, in->content, &acceptance) ==
	    PH_REPEAT_NO) {
		if (keep_conflict(broker, in, id, why, &err) != PH_OK) {
			refuse(broker, in, &err);
			return;
		}
		acceptance = broker->last_acceptance;
		ph_log(PH_LOG_ERROR, "publish-conflict", "session=%s text=%s",
		    in->session->name, why->text);
	}
	ph_session_result(broker->sessions, in->session, in->ticket, RESULT_CONFLICT,
	    acceptance, subject_of(in), why->text);
}

/* False: it has to wait for the ledger. */
static bool
decide(ph_broker *broker, incoming *in, ph_wants *wants)
{
	ph_error err;
	ph_error_clear(&err);
	uint64_t acceptance = 0;
	switch (look(broker, in, &acceptance)) {
	case PH_REPEAT_SAME:
		repeat(broker, in, acceptance);
		return true;
	case PH_REPEAT_CONFLICT:
		(void) ph_fail(&err, PH_ERR_CONFLICT,
		    "PH6518 the same source and id were accepted before with other "
		    "content");
		conflict(broker, in, &err);
		return true;
	case PH_REPEAT_NO:
		break;
	}
	ph_status status = check_bindings(broker, in, wants, &err);
	if (status == PH_ERR_AGAIN)
		return false;
	if (status == PH_ERR_CONFLICT)
		conflict(broker, in, &err);
	else
		accept_new(broker, in);
	return true;
}

/* What came in a frame is read where it lies. */
static ph_status
decode(ph_holder *holder, const ph_publish_view *item, ph_message **out, ph_error *err)
{
	if (holder == NULL)
		return ph_message_decode(item->message, item->message_length, out, err);
	return ph_message_decode_in(
	    holder, item->message, item->message_length, out, err);
}

/* Read an item. The place of its id in the window is on its way from memory from now on. */
static void
prepare(ph_broker *broker, ph_session *session, uint64_t ticket, int64_t wall_ms,
    ph_holder *holder, ph_publish_view *item, incoming *in)
{
	in->session = session;
	in->ticket = ticket;
	in->wall_ms = wall_ms;
	in->message = NULL;
	in->fingerprint = in->cursor = (ph_slice){"", 0};
	in->has_cursor = in->failed = false;
	in->cursor_name[0] = 0;
	in->failure = (ph_record_failure){.stage = {"", 0}};
	in->binding_count = 0;
	in->has_options = item->options.length > 0;
	ph_error_clear(&in->why);
	if (decode(holder, item, &in->message, &in->why) == PH_OK &&
	    read_options(in, &item->options, &in->why) == PH_OK)
		make_prints(broker, in);
}

/* False: it has to wait, `wants` says for what. */
static bool
finish(ph_broker *broker, incoming *in, ph_wants *wants)
{
	bool done = true;
	if (in->why.status != PH_OK)
		refuse(broker, in, &in->why);
	else
		done = decide(broker, in, wants);
	ph_message_unref(&in->message);
	return done;
}

/* A parked item of PUBLISH, behind its length. */
static bool
take_again(
    ph_broker *broker, ph_session *session, const ph_parked *parked, bool last_chance)
{
	if (last_chance)
		return true; /* its peer repeats it */
	ph_frame frame = {.type = PH_FRAME_PUBLISH, .count = 1};
	ph_publish_view item;
	incoming in;
	ph_reader_init(&frame.body, parked->bytes, parked->length);
	ph_status status = ph_publish_read(&frame, &item, NULL);
	PH_ASSERT(status == PH_OK);
	prepare(
	    broker, session, parked->number, ph_broker_now(broker), NULL, &item, &in);
	ph_wants *wants = ph_wants_new();
	bool done = finish(broker, &in, wants);
	if (!done)
		ph_park_ask(broker, session, &wants);
	ph_wants_destroy(&wants);
	return done;
}

static const ph_park_way publish_way = {take_again, .ordered = true};

/* Finish it, or park it behind what waits already. False: the session is over. */
static bool
take(ph_broker *broker, ph_session *session, incoming *in)
{
	bool may_wait = session->role == PH_ROLE_HOST;
	bool blocked = may_wait && ph_park_blocks(session);
	ph_wants *wants =
	    may_wait && !blocked && in->has_options ? ph_wants_new() : NULL;
	if (!blocked && finish(broker, in, wants)) {
		ph_wants_destroy(&wants);
		return true;
	}
	ph_message_unref(&in->message);
	if (!blocked && wants == NULL) {
		ph_session_give_up(broker->sessions, session);
		return false;
	}
	ph_park(broker, session, &publish_way, in->ticket, 1, in->item.data,
	    in->item.length, &wants);
	return true;
}

/* Each item is read before the one in front of it is finished: see prepare. */
ph_status
ph_accept_publish(
    ph_broker *broker, ph_session *session, ph_frame *frame, ph_error *err)
{
	incoming two[2];
	ph_status status = PH_OK;
	int64_t wall_ms = ph_broker_now(broker);
	for (uint32_t i = 0; status == PH_OK && i <= frame->count; i++) {
		incoming *in = &two[i % 2];
		in->message = NULL;
		if (i < frame->count) {
			ph_publish_view item;
			size_t start = frame->body.at;
			status = ph_publish_read(frame, &item, err);
			/* Behind its u32 length, which the reader wants to see again. */
			in->item = (ph_slice){(const char *) frame->body.data + start,
			    frame->body.at - start};
			if (status == PH_OK)
				prepare(broker, session, frame->number + i, wall_ms,
				    frame->holder, &item, in);
		}
		if (i > 0 && !take(broker, session, &two[(i - 1) % 2])) {
			ph_message_unref(&in->message);
			return PH_OK;
		}
	}
	return status;
}

/* ---- cursors by themselves ---- */

/* The body of a CURSOR. */
static bool
commit_cursor(
    ph_broker *broker, ph_session *session, const ph_parked *parked, bool last_chance)
{
	if (last_chance)
		return true;
	ph_reader body;
	incoming in = {.session = session, .ticket = parked->number};
	ph_error err;
	ph_error_clear(&err);
	ph_reader_init(&body, parked->bytes, parked->length);
	ph_slice name = ph_slice_read(&body);
	ph_slice bytes = ph_slice_read(&body);
	ph_status status =
	    body.failed
		? ph_fail(&err, PH_ERR_INVALID, "PH6519 the cursor is cut short")
		: ph_cursor_name(session, name, in.cursor_name, &err);
	if (status == PH_OK)
		status = ph_cursor_commit(broker, in.cursor_name, bytes, &err);
	if (status != PH_OK)
		refuse(broker, &in, &err);
	else
		ph_session_result(broker->sessions, session, parked->number,
		    RESULT_ACCEPTED, 0, "", "");
	return true;
}

static const ph_park_way cursor_way = {commit_cursor, .ordered = true};

ph_status
ph_accept_cursor(ph_broker *broker, ph_session *session, ph_frame *frame, ph_error *err)
{
	ph_wants *nothing = NULL;
	if (session->role != PH_ROLE_HOST)
		return ph_fail(err, PH_ERR_DENIED, "PH6515 only a host keeps cursors");
	bool blocked = ph_park_blocks(session);
	ph_park(broker, session, &cursor_way, frame->number, 1,
	    frame->body.data + frame->body.at, ph_reader_left(&frame->body), &nothing);
	if (!blocked && !session->over)
		ph_park_run(broker, session);
	return PH_OK;
}
