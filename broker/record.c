/*
 * record - numbers are little-endian; a text or short bytes are a u16 length and the bytes; long
 * bytes a u32 length and the bytes. doc/journal.md has every body, byte by byte.
 *
 * Fields that are often absent stand behind the fixed ones, and a flag says that they are there:
 * a plain `delivered` is 24 bytes. Flags, numbers and lengths that no encoder here writes make a
 * body invalid, except where a later version may write them: those are PH_ERR_VERSION.
 */
#include "broker/record.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/assert.h"

/* Flags of an acceptance. */
#define ACCEPT_CURSOR  0x01u
#define ACCEPT_FAILURE 0x02u
#define ACCEPT_IGNORED 0x04u
#define ACCEPT_FLAGS   0x07u

/* Flags of an outcome. */
#define OUTCOME_NOT_BEFORE 0x01u
#define OUTCOME_REFERENCE  0x02u
#define OUTCOME_FAILURE	   0x04u
#define OUTCOME_BINDINGS   0x08u
#define OUTCOME_FLAGS	   0x0fu

static const char *const names[] = {
    [PH_RECORD_MARK] = "mark",
    [PH_RECORD_QUEUE] = "queue",
    [PH_RECORD_ACCEPT] = "accept",
    [PH_RECORD_OUTCOME] = "outcome",
    [PH_RECORD_ATTEMPT] = "attempt",
    [PH_RECORD_PROGRESS] = "progress",
    [PH_RECORD_REPLAY] = "replay",
    [PH_RECORD_DISCARD] = "discard",
    [PH_RECORD_CURSOR] = "cursor",
    [PH_RECORD_BIND] = "bind",
    [PH_RECORD_CARRY] = "carry",
};

const char *
ph_record_type_name(uint8_t type)
{
	if (type == 0 || type >= sizeof names / sizeof *names)
		return "unknown";
	return names[type];
}

ph_status
ph_record_type_check(uint8_t type, ph_error *err)
{
	if (type > 0 && type < sizeof names / sizeof *names)
		return PH_OK;
	return ph_fail(err, PH_ERR_VERSION,
	    "PH5003 a record of type %u, which this version does not know", type);
}

ph_view
ph_view_of(const char *text)
{
	return (ph_view){.data = text, .length = text == NULL ? 0 : strlen(text)};
}

/* --- pieces --------------------------------------------------------------------------- */

static void
put_text(ph_buffer *out, ph_view view)
{
	ph_buffer_blob16(out, view.data, view.length);
}

static void
put_bytes(ph_buffer *out, ph_view view)
{
	if (view.length > UINT32_MAX)
		out->failed = true;
	ph_buffer_u32(out, (uint32_t) view.length);
	ph_buffer_append(out, view.data, view.length);
}

static void
put_failure(ph_buffer *out, const ph_record_failure *failure)
{
	put_text(out, failure->stage);
	put_text(out, failure->reason);
	put_text(out, failure->path);
	put_text(out, failure->text);
}

static void
put_bindings(ph_buffer *out, const ph_record_bindings *bindings)
{
	if (bindings->count > PH_RECORD_BINDINGS_MAX) {
		out->failed = true;
		return;
	}
	ph_buffer_u16(out, (uint16_t) bindings->count);
	for (size_t i = 0; i < bindings->count; i++) {
		put_text(out, bindings->list[i].entity);
		put_text(out, bindings->list[i].system);
		put_text(out, bindings->list[i].key);
		put_text(out, bindings->list[i].canonical);
	}
}

static ph_view
get_text(ph_reader *in)
{
	ph_view view = {0};

	view.data = ph_reader_string(in, &view.length);
	return view;
}

static ph_view
get_bytes(ph_reader *in)
{
	ph_view view = {0};

	view.length = ph_reader_u32(in);
	view.data = (const char *) ph_reader_bytes(in, view.length);
	if (view.data == NULL)
		view.length = 0;
	return view;
}

static void
get_failure(ph_reader *in, ph_record_failure *out)
{
	out->stage = get_text(in);
	out->reason = get_text(in);
	out->path = get_text(in);
	out->text = get_text(in);
}

static void
get_bindings(ph_reader *in, ph_record_bindings *out)
{
	size_t count = ph_reader_u16(in);

	if (count > PH_RECORD_BINDINGS_MAX) {
		in->failed = true;
		count = 0;
	}
	out->count = count;
	for (size_t i = 0; i < count; i++) {
		out->list[i].entity = get_text(in);
		out->list[i].system = get_text(in);
		out->list[i].key = get_text(in);
		out->list[i].canonical = get_text(in);
	}
}

/* Everything read, and nothing left over? */
static ph_status
finish(const ph_reader *in, const char *what, ph_error *err)
{
	if (!in->failed && ph_reader_left(in) == 0)
		return PH_OK;
	return ph_fail(
	    err, PH_ERR_DAMAGED, "PH5002 the body of %s record is not valid", what);
}

static ph_status
invalid(const char *what, ph_error *err)
{
	return ph_fail(
	    err, PH_ERR_DAMAGED, "PH5002 the body of %s record is not valid", what);
}

static ph_status
newer(const char *what, ph_error *err)
{
	return ph_fail(err, PH_ERR_VERSION,
	    "PH5003 %s record has something that this version does not know", what);
}

/* --- queue ---------------------------------------------------------------------------- */

void
ph_record_queue_encode(const ph_record_queue *record, ph_buffer *out)
{
	ph_buffer_u16(out, record->number);
	put_text(out, record->name);
}

ph_status
ph_record_queue_decode(
    const void *body, size_t length, ph_record_queue *out, ph_error *err)
{
	ph_reader in;

	ph_reader_init(&in, body, length);
	out->number = ph_reader_u16(&in);
	out->name = get_text(&in);
	return finish(&in, "a queue", err);
}

/* --- accept --------------------------------------------------------------------------- */

void
ph_record_accept_encode(const ph_record_accept *record, ph_buffer *out)
{
	unsigned flags = (record->has_cursor ? ACCEPT_CURSOR : 0) |
			 (record->has_failure ? ACCEPT_FAILURE : 0) |
			 (record->ignored ? ACCEPT_IGNORED : 0);

	if (record->queue_count > PH_RECORD_QUEUES_MAX ||
	    record->message.length > UINT32_MAX ||
	    record->ignored != (record->queue_count == 0)) {
		out->failed = true;
		return;
	}
	ph_buffer_u64(out, record->acceptance);
	ph_buffer_u64(out, (uint64_t) record->accepted_ms);
	ph_buffer_u32(out, record->generation);
	ph_buffer_u8(out, (uint8_t) flags);
	ph_buffer_u8(out, record->hops);
	ph_buffer_u16(out, (uint16_t) record->queue_count);
	ph_buffer_append(out, record->id, sizeof record->id);
	ph_buffer_append(out, record->content, sizeof record->content);
	for (size_t i = 0; i < record->queue_count; i++)
		ph_buffer_u16(out, record->queues[i]);
	put_bindings(out, &record->bindings);
	if (record->has_cursor) {
		put_text(out, record->cursor_name);
		put_bytes(out, record->cursor);
	}
	if (record->has_failure)
		put_failure(out, &record->failure);
	ph_buffer_u16(out, 0); /* sealed parts: none yet */
	ph_buffer_u32(out, (uint32_t) record->message.length);
}

/* The parts of an acceptance between the fixed ones and the message. */
static void
get_accept_lists(ph_reader *in, ph_record_accept *out)
{
	for (size_t i = 0; i < out->queue_count; i++)
		out->queues[i] = ph_reader_u16(in);
	get_bindings(in, &out->bindings);
	out->cursor_name = out->cursor = (ph_view){0};
	if (out->has_cursor) {
		out->cursor_name = get_text(in);
		out->cursor = get_bytes(in);
	}
	out->failure = (ph_record_failure){0};
	if (out->has_failure)
		get_failure(in, &out->failure);
}

static void
get_fingerprint(ph_reader *in, uint8_t out[PH_RECORD_FINGERPRINT])
{
	const uint8_t *bytes = ph_reader_bytes(in, PH_RECORD_FINGERPRINT);

	if (bytes != NULL)
		memcpy(out, bytes, PH_RECORD_FINGERPRINT);
}

ph_status
ph_record_accept_decode(
    const void *body, size_t length, ph_record_accept *out, ph_error *err)
{
	ph_reader in;

	ph_reader_init(&in, body, length);
	out->acceptance = ph_reader_u64(&in);
	out->accepted_ms = (int64_t) ph_reader_u64(&in);
	out->generation = ph_reader_u32(&in);
	unsigned flags = ph_reader_u8(&in);
	out->hops = ph_reader_u8(&in);
	out->queue_count = ph_reader_u16(&in);
	get_fingerprint(&in, out->id);
	get_fingerprint(&in, out->content);
	if ((flags & ~ACCEPT_FLAGS) != 0)
		return newer("an accept", err);
	out->has_cursor = (flags & ACCEPT_CURSOR) != 0;
	out->has_failure = (flags & ACCEPT_FAILURE) != 0;
	out->ignored = (flags & ACCEPT_IGNORED) != 0;
	if (out->queue_count > PH_RECORD_QUEUES_MAX ||
	    out->ignored != (out->queue_count == 0))
		return invalid("an accept", err);
	get_accept_lists(&in, out);
	if (ph_reader_u16(&in) != 0)
		return newer("an accept", err);
	out->message = get_bytes(&in);
	return finish(&in, "an accept", err);
}

/* --- outcome -------------------------------------------------------------------------- */

void
ph_record_outcome_encode(const ph_record_outcome *record, ph_buffer *out)
{
	unsigned flags = (record->not_before_ms != 0 ? OUTCOME_NOT_BEFORE : 0) |
			 (record->reference.length > 0 ? OUTCOME_REFERENCE : 0) |
			 (record->has_failure ? OUTCOME_FAILURE : 0) |
			 (record->bindings.count > 0 ? OUTCOME_BINDINGS : 0);

	ph_buffer_u64(out, record->acceptance);
	ph_buffer_u64(out, (uint64_t) record->at_ms);
	ph_buffer_u16(out, record->queue);
	ph_buffer_u16(out, record->attempt);
	ph_buffer_u8(out, record->outcome);
	ph_buffer_u8(out, record->state);
	ph_buffer_u16(out, (uint16_t) flags);
	if ((flags & OUTCOME_NOT_BEFORE) != 0)
		ph_buffer_u64(out, (uint64_t) record->not_before_ms);
	if ((flags & OUTCOME_REFERENCE) != 0)
		put_text(out, record->reference);
	if ((flags & OUTCOME_FAILURE) != 0)
		put_failure(out, &record->failure);
	if ((flags & OUTCOME_BINDINGS) != 0)
		put_bindings(out, &record->bindings);
}

static void
get_outcome_rest(ph_reader *in, unsigned flags, ph_record_outcome *out)
{
	out->not_before_ms = 0;
	out->reference = (ph_view){0};
	out->failure = (ph_record_failure){0};
	out->bindings.count = 0;
	out->has_failure = (flags & OUTCOME_FAILURE) != 0;
	if ((flags & OUTCOME_NOT_BEFORE) != 0)
		out->not_before_ms = (int64_t) ph_reader_u64(in);
	if ((flags & OUTCOME_REFERENCE) != 0)
		out->reference = get_text(in);
	if (out->has_failure)
		get_failure(in, &out->failure);
	if ((flags & OUTCOME_BINDINGS) != 0)
		get_bindings(in, &out->bindings);
	/* a flag for what is not there is none that an encoder writes */
	if (((flags & OUTCOME_NOT_BEFORE) != 0 && out->not_before_ms == 0) ||
	    ((flags & OUTCOME_REFERENCE) != 0 && out->reference.length == 0) ||
	    ((flags & OUTCOME_BINDINGS) != 0 && out->bindings.count == 0))
		in->failed = true;
}

ph_status
ph_record_outcome_decode(
    const void *body, size_t length, ph_record_outcome *out, ph_error *err)
{
	ph_reader in;

	ph_reader_init(&in, body, length);
	out->acceptance = ph_reader_u64(&in);
	out->at_ms = (int64_t) ph_reader_u64(&in);
	out->queue = ph_reader_u16(&in);
	out->attempt = ph_reader_u16(&in);
	out->outcome = ph_reader_u8(&in);
	out->state = ph_reader_u8(&in);
	unsigned flags = ph_reader_u16(&in);
	if ((flags & ~OUTCOME_FLAGS) != 0)
		return newer("an outcome", err);
	if (out->outcome < 1 || out->outcome > 5 || out->state < PH_RECORD_SETTLED ||
	    out->state > PH_RECORD_DEAD)
		return invalid("an outcome", err);
	get_outcome_rest(&in, flags, out);
	return finish(&in, "an outcome", err);
}

/* --- attempt, progress ---------------------------------------------------------------- */

void
ph_record_attempt_encode(const ph_record_attempt *record, ph_buffer *out)
{
	ph_buffer_u64(out, record->acceptance);
	ph_buffer_u64(out, (uint64_t) record->at_ms);
	ph_buffer_u16(out, record->queue);
	ph_buffer_u16(out, record->attempt);
}

ph_status
ph_record_attempt_decode(
    const void *body, size_t length, ph_record_attempt *out, ph_error *err)
{
	ph_reader in;

	ph_reader_init(&in, body, length);
	out->acceptance = ph_reader_u64(&in);
	out->at_ms = (int64_t) ph_reader_u64(&in);
	out->queue = ph_reader_u16(&in);
	out->attempt = ph_reader_u16(&in);
	return finish(&in, "an attempt", err);
}

void
ph_record_progress_encode(const ph_record_progress *record, ph_buffer *out)
{
	ph_buffer_u64(out, record->acceptance);
	ph_buffer_u16(out, record->queue);
	put_text(out, record->reference);
	put_bytes(out, record->resume);
}

ph_status
ph_record_progress_decode(
    const void *body, size_t length, ph_record_progress *out, ph_error *err)
{
	ph_reader in;

	ph_reader_init(&in, body, length);
	out->acceptance = ph_reader_u64(&in);
	out->queue = ph_reader_u16(&in);
	out->reference = get_text(&in);
	out->resume = get_bytes(&in);
	return finish(&in, "a progress", err);
}

/* --- replay, discard ------------------------------------------------------------------ */

static void
put_verdict(ph_buffer *out, const ph_record_verdict *record)
{
	ph_buffer_u64(out, record->acceptance);
	ph_buffer_u64(out, (uint64_t) record->at_ms);
	ph_buffer_u16(out, record->queue);
	put_text(out, record->by);
}

static void
get_verdict(ph_reader *in, ph_record_verdict *out)
{
	out->acceptance = ph_reader_u64(in);
	out->at_ms = (int64_t) ph_reader_u64(in);
	out->queue = ph_reader_u16(in);
	out->by = get_text(in);
	out->reason = (ph_view){0};
}

void
ph_record_replay_encode(const ph_record_verdict *record, ph_buffer *out)
{
	put_verdict(out, record);
}

ph_status
ph_record_replay_decode(
    const void *body, size_t length, ph_record_verdict *out, ph_error *err)
{
	ph_reader in;

	ph_reader_init(&in, body, length);
	get_verdict(&in, out);
	return finish(&in, "a replay", err);
}

void
ph_record_discard_encode(const ph_record_verdict *record, ph_buffer *out)
{
	put_verdict(out, record);
	put_text(out, record->reason);
}

ph_status
ph_record_discard_decode(
    const void *body, size_t length, ph_record_verdict *out, ph_error *err)
{
	ph_reader in;

	ph_reader_init(&in, body, length);
	get_verdict(&in, out);
	out->reason = get_text(&in);
	return finish(&in, "a discard", err);
}

/* --- cursor, bind --------------------------------------------------------------------- */

void
ph_record_cursor_encode(const ph_record_cursor *record, ph_buffer *out)
{
	put_text(out, record->name);
	put_bytes(out, record->bytes);
}

ph_status
ph_record_cursor_decode(
    const void *body, size_t length, ph_record_cursor *out, ph_error *err)
{
	ph_reader in;

	ph_reader_init(&in, body, length);
	out->name = get_text(&in);
	out->bytes = get_bytes(&in);
	return finish(&in, "a cursor", err);
}

void
ph_record_bind_encode(const ph_record_bindings *record, ph_buffer *out)
{
	put_bindings(out, record);
}

ph_status
ph_record_bind_decode(
    const void *body, size_t length, ph_record_bindings *out, ph_error *err)
{
	ph_reader in;

	ph_reader_init(&in, body, length);
	get_bindings(&in, out);
	return finish(&in, "a bind", err);
}

/* --- carry ---------------------------------------------------------------------------- */

#define CARRY_HEAD 8 /* bytes before the body that is carried */

void
ph_record_carry_encode(ph_record_type type, ph_buffer *out)
{
	PH_ASSERT(type == PH_RECORD_ACCEPT || type == PH_RECORD_OUTCOME);
	ph_buffer_u64(out, type);
}

ph_status
ph_record_carry_decode(
    const void *body, size_t length, ph_record_carry *out, ph_error *err)
{
	ph_reader in;

	ph_reader_init(&in, body, length);
	uint64_t type = ph_reader_u64(&in);
	if (in.failed)
		return invalid("a carry", err);
	if (type != PH_RECORD_ACCEPT && type != PH_RECORD_OUTCOME)
		return newer("a carry", err);
	out->type = (ph_record_type) type;
	out->body = (const uint8_t *) body + CARRY_HEAD;
	out->length = length - CARRY_HEAD;
	return PH_OK;
}

/* The body of a record of the type `want`, carried or not. */
static ph_status
find_body(uint8_t type, ph_record_type want, const void *body, size_t length,
    ph_record_carry *out, ph_error *err)
{
	*out = (ph_record_carry){(ph_record_type) type, body, length};
	ph_status status = type == PH_RECORD_CARRY
			       ? ph_record_carry_decode(body, length, out, err)
			       : PH_OK;
	if (status == PH_OK && out->type != want)
		status = invalid("another", err);
	return status;
}

ph_status
ph_record_accept_read(
    uint8_t type, const void *body, size_t length, ph_record_accept *out, ph_error *err)
{
	ph_record_carry is;
	ph_status status = find_body(type, PH_RECORD_ACCEPT, body, length, &is, err);
	return status == PH_OK ? ph_record_accept_decode(is.body, is.length, out, err)
			       : status;
}

ph_status
ph_record_outcome_read(uint8_t type, const void *body, size_t length,
    ph_record_outcome *out, ph_error *err)
{
	ph_record_carry is;
	ph_status status = find_body(type, PH_RECORD_OUTCOME, body, length, &is, err);
	return status == PH_OK ? ph_record_outcome_decode(is.body, is.length, out, err)
			       : status;
}
