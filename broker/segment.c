/*
 * segment - how one file of the journal is laid out (numbers are little-endian).
 *
 * Header block, 4096 bytes, written and synced before the file has its name:
 *	 0	8	"PHJRNL\r\n"
 *	 8	4	version of the format: 1
 *	12	4	number of the segment
 *	16	16	id of the journal
 *	32	8	bytes of the file
 *	40	8	sequence of the first record
 *	48	8	epoch
 *	56	8	wall time, milliseconds
 *	64	4	number of the oldest segment kept
 *	68	4024	zeros
 *	4092	4	CRC32C of bytes 0 to 4091
 *
 * Record, at a multiple of 8:
 *	 0	4	CRC32C of id, number, and bytes 4 to 31
 *	 4	4	CRC32C of id, number, and the body with its padding
 *	 8	4	length of the body
 *	12	4	lag: this sequence minus the highest known to be synced
 *	16	8	sequence
 *	24	1	type
 *	25	1	zero
 *	26	6	wall time, milliseconds
 *	32	n	body, then zeros up to a multiple of 8
 *
 * Every record tells in its lag what was synced when it was written, so every record is a
 * "synced up to" mark for those before it: that is what tells a torn end from damage.
 */
#include "broker/segment.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/crashpoint.h"
#include "broker/store.h"
#include "lib/base/assert.h"
#include "lib/base/crc32c.h"

static const uint8_t magic[8] = "PHJRNL\r\n";

static void
put32(uint8_t *out, uint32_t value)
{
	out[0] = (uint8_t) value;
	out[1] = (uint8_t) (value >> 8);
	out[2] = (uint8_t) (value >> 16);
	out[3] = (uint8_t) (value >> 24);
}

static void
put64(uint8_t *out, uint64_t value)
{
	put32(out, (uint32_t) value);
	put32(out + 4, (uint32_t) (value >> 32));
}

static uint32_t
get32(const uint8_t *in)
{
	return in[0] | (uint32_t) in[1] << 8 | (uint32_t) in[2] << 16 |
	       (uint32_t) in[3] << 24;
}

static uint64_t
get64(const uint8_t *in)
{
	return get32(in) | (uint64_t) get32(in + 4) << 32;
}

uint32_t
ph_segment_salt(const uint8_t id[PH_SEGMENT_ID], uint32_t number)
{
	uint8_t bytes[4];

	put32(bytes, number);
	return ph_crc32c(ph_crc32c(0, id, PH_SEGMENT_ID), bytes, sizeof bytes);
}

void
ph_segment_name(uint32_t number, char out[PH_SEGMENT_NAME])
{
	snprintf(out, PH_SEGMENT_NAME, "%010u.segment", number);
}

ph_status
ph_segment_path(
    const char *directory, uint32_t number, char out[PH_SEGMENT_PATH], ph_error *err)
{
	char name[PH_SEGMENT_NAME];

	ph_segment_name(number, name);
	int length = snprintf(out, PH_SEGMENT_PATH, "%s/%s", directory, name);
	if (length < 0 || length >= (int) PH_SEGMENT_PATH)
		return ph_fail(err, PH_ERR_USAGE, "the directory's name is too long");
	return PH_OK;
}

uint32_t
ph_segment_name_number(const char *name)
{
	uint64_t number = 0;

	for (int i = 0; i < 10; i++) {
		if (name[i] < '0' || name[i] > '9')
			return 0;
		number = number * 10 + (uint64_t) (name[i] - '0');
	}
	if (strcmp(name + 10, ".segment") != 0 || number > UINT32_MAX)
		return 0;
	return (uint32_t) number;
}

void
ph_segment_head_encode(const ph_segment_head *head, uint8_t out[PH_SEGMENT_HEAD])
{
	memset(out, 0, PH_SEGMENT_HEAD);
	memcpy(out, magic, sizeof magic);
	put32(out + 8, PH_SEGMENT_VERSION);
	put32(out + 12, head->number);
	memcpy(out + 16, head->id, PH_SEGMENT_ID);
	put64(out + 32, head->bytes);
	put64(out + 40, head->first);
	put64(out + 48, head->epoch);
	put64(out + 56, (uint64_t) head->made_ms);
	put32(out + 64, head->oldest);
	put32(out + PH_SEGMENT_HEAD - 4, ph_crc32c(0, out, PH_SEGMENT_HEAD - 4));
}

ph_status
ph_segment_head_decode(
    const uint8_t in[PH_SEGMENT_HEAD], ph_segment_head *out, ph_error *err)
{
	if (memcmp(in, magic, sizeof magic) != 0)
		return ph_fail(
		    err, PH_ERR_DAMAGED, "not the header of a journal's file");
	/* The checksum's place and meaning are the same in every version. */
	if (get32(in + PH_SEGMENT_HEAD - 4) != ph_crc32c(0, in, PH_SEGMENT_HEAD - 4) &&
	    !PH_MUTANT("no-crc"))
		return ph_fail(err, PH_ERR_DAMAGED, "the file's header is damaged");
	if (get32(in + 8) != PH_SEGMENT_VERSION)
		return ph_fail(err, PH_ERR_VERSION,
		    "PH5003 the journal is of version %u, this program reads version "
		    "%u",
		    get32(in + 8), PH_SEGMENT_VERSION);
	*out = (ph_segment_head){
	    .number = get32(in + 12),
	    .oldest = get32(in + 64),
	    .bytes = get64(in + 32),
	    .first = get64(in + 40),
	    .epoch = get64(in + 48),
	    .made_ms = (int64_t) get64(in + 56),
	};
	memcpy(out->id, in + 16, PH_SEGMENT_ID);
	if (out->number == 0 || out->first == 0 || out->bytes < PH_SEGMENT_HEAD ||
	    out->oldest > out->number)
		return ph_fail(err, PH_ERR_DAMAGED, "the file's header makes no sense");
	return PH_OK;
}

ph_status
ph_segment_head_read(
    const ph_fs *fs, int fd, uint32_t number, ph_segment_head *out, ph_error *err)
{
	uint8_t block[PH_SEGMENT_HEAD];
	size_t have = 0;

	while (have < sizeof block) {
		ssize_t got = fs->pread(
		    fs->self, fd, block + have, sizeof block - have, (int64_t) have);
		int failed = errno;

		if (got < 0 && failed == EINTR)
			continue;
		if (got < 0)
			return ph_fail_errno(
			    err, failed, "cannot read journal file %010u", number);
		if (got == 0)
			return ph_fail(
			    err, PH_ERR_DAMAGED, "the file's header is cut off");
		have += (size_t) got;
	}
	ph_status status = ph_segment_head_decode(block, out, err);
	if (status == PH_OK && out->number != number)
		return ph_fail(err, PH_ERR_DAMAGED,
		    "the file's header says it is number %u", out->number);
	return status;
}

void
ph_frame_encode(const ph_frame *frame, uint32_t salt, uint8_t out[PH_FRAME_HEAD])
{
	put32(out + 4, frame->body_crc);
	put32(out + 8, frame->length);
	put32(out + 12, frame->lag);
	put64(out + 16, frame->sequence);
	put64(out + 24, frame->type | (uint64_t) frame->wall_ms << 16);
	put32(out, ph_crc32c(salt, out + 4, PH_FRAME_HEAD - 4));
}

static void
get_frame(const uint8_t in[PH_FRAME_HEAD], ph_frame *out)
{
	*out = (ph_frame){
	    .sequence = get64(in + 16),
	    .wall_ms = (int64_t) (get64(in + 24) >> 16),
	    .length = get32(in + 8),
	    .lag = get32(in + 12),
	    .body_crc = get32(in + 4),
	    .type = in[24],
	};
}

bool
ph_frame_decode(const uint8_t in[PH_FRAME_HEAD], uint32_t salt, ph_frame *out)
{
	if (get32(in) != ph_crc32c(salt, in + 4, PH_FRAME_HEAD - 4) &&
	    (!PH_MUTANT("no-crc") || get32(in) == 0))
		return false;
	get_frame(in, out);
	return in[25] == 0 && out->type != 0 && out->lag != 0 &&
	       out->lag <= out->sequence && out->length <= PH_STORE_BODY_MAX;
}

uint32_t
ph_frame_body_crc(uint32_t salt, const uint8_t *body, size_t padded)
{
	return ph_crc32c(salt, body, padded);
}

void
ph_cursor_init(ph_cursor *cursor, const ph_fs *fs, size_t chunk)
{
	*cursor = (ph_cursor){.fs = fs, .fd = -1, .chunk = chunk};
}

void
ph_cursor_fini(ph_cursor *cursor)
{
	free(cursor->memory);
	cursor->memory = NULL;
	cursor->memory_size = 0;
	cursor->window = NULL;
	cursor->window_length = 0;
}

void
ph_cursor_set(ph_cursor *cursor, int fd, uint32_t salt, uint64_t limit, uint64_t offset,
    uint64_t sequence)
{
	cursor->fd = fd;
	cursor->salt = salt;
	cursor->limit = limit;
	cursor->offset = offset;
	cursor->sequence = sequence;
	cursor->window_start = offset;
	cursor->window_length = 0;
	cursor->lent = false;
}

void
ph_cursor_lend(ph_cursor *cursor, const uint8_t *bytes, size_t length, uint64_t start)
{
	cursor->window = bytes;
	cursor->window_start = start;
	cursor->window_length = length;
	cursor->lent = true;
}

/* Fill the window from `offset` with at least `length` bytes, which the limit allows. */
static ph_status
fill(ph_cursor *cursor, uint64_t offset, size_t length, ph_error *err)
{
	uint64_t left = cursor->limit - offset;
	size_t wanted = length > cursor->chunk ? length : cursor->chunk;

	if (wanted > left)
		wanted = (size_t) left;
	if (wanted > cursor->memory_size) {
		uint8_t *larger = realloc(cursor->memory, wanted);

		if (larger == NULL)
			return ph_fail(
			    err, PH_ERR_NOMEM, "no memory to read the journal");
		cursor->memory = larger;
		cursor->memory_size = wanted;
	}
	cursor->window = cursor->memory;
	cursor->lent = false;
	cursor->window_start = offset;
	cursor->window_length = 0;
	while (cursor->window_length < wanted) {
		size_t have = cursor->window_length;
		ssize_t got = cursor->fs->pread(cursor->fs->self, cursor->fd,
		    cursor->memory + have, wanted - have, (int64_t) (offset + have));
		int failed = errno;

		if (got < 0 && failed == EINTR)
			continue;
		if (got < 0)
			return ph_fail_errno(err, failed, "cannot read the journal");
		if (got == 0)
			break; /* shorter than its limit: what is missing is not there */
		cursor->window_length += (size_t) got;
	}
	return PH_OK;
}

ph_status
ph_cursor_bytes(ph_cursor *cursor, uint64_t offset, size_t length, const uint8_t **out,
    ph_error *err)
{
	if (offset > cursor->limit || length > cursor->limit - offset)
		return ph_fail(err, PH_ERR_NOT_FOUND, "nothing there");
	uint64_t end = cursor->window_start + cursor->window_length;
	if (offset < cursor->window_start || offset + length > end) {
		ph_status status = fill(cursor, offset, length, err);

		if (status != PH_OK)
			return status;
		if (cursor->window_length < length)
			return ph_fail(err, PH_ERR_NOT_FOUND, "nothing there");
	}
	*out = cursor->window + (offset - cursor->window_start);
	return PH_OK;
}

/* The record at `offset`, whatever its sequence; PH_ERR_NOT_FOUND: none. */
static ph_status
record_at(ph_cursor *cursor, uint64_t offset, ph_frame *frame, const uint8_t **body,
    ph_error *err)
{
	const uint8_t *bytes;
	ph_status status = ph_cursor_bytes(cursor, offset, PH_FRAME_HEAD, &bytes, err);

	if (status != PH_OK)
		return status;
	if (cursor->lent)
		get_frame(bytes, frame);
	else if (!ph_frame_decode(bytes, cursor->salt, frame))
		return ph_fail(err, PH_ERR_NOT_FOUND, "no record there");
	uint64_t size = ph_frame_size(frame->length);
	status = ph_cursor_bytes(cursor, offset, (size_t) size, &bytes, err);
	if (status != PH_OK)
		return status;
	*body = bytes + PH_FRAME_HEAD;
	if (!cursor->lent &&
	    ph_frame_body_crc(cursor->salt, *body, (size_t) size - PH_FRAME_HEAD) !=
		frame->body_crc &&
	    !PH_MUTANT("no-crc"))
		return ph_fail(err, PH_ERR_NOT_FOUND, "no whole record there");
	return PH_OK;
}

ph_status
ph_cursor_next(ph_cursor *cursor, ph_frame *frame, const uint8_t **body, ph_error *err)
{
	ph_status status = record_at(cursor, cursor->offset, frame, body, err);

	if (status != PH_OK)
		return status;
	if (cursor->sequence != 0 && frame->sequence != cursor->sequence)
		return ph_fail(err, PH_ERR_NOT_FOUND, "another record is there");
	cursor->offset += ph_frame_size(frame->length);
	cursor->sequence = frame->sequence + 1;
	return PH_OK;
}

ph_status
ph_cursor_resync(ph_cursor *cursor, uint64_t until, ph_error *err)
{
	for (uint64_t at = cursor->offset + 8; at < until; at += 8) {
		const uint8_t *bytes;
		ph_frame frame;
		ph_status status =
		    ph_cursor_bytes(cursor, at, PH_FRAME_HEAD, &bytes, err);

		if (status != PH_OK)
			return status;
		/* Most of what is looked at is zeros: spare the checksum. */
		if (get64(bytes) == 0 ||
		    !ph_frame_decode(bytes, cursor->salt, &frame) ||
		    frame.sequence <= cursor->sequence)
			continue;
		status = record_at(cursor, at, &frame, &bytes, err);
		if (status == PH_ERR_NOT_FOUND)
			continue;
		if (status != PH_OK)
			return status;
		cursor->offset = at;
		cursor->sequence = frame.sequence;
		return PH_OK;
	}
	return ph_fail(err, PH_ERR_NOT_FOUND, "no record after it");
}

/* Bytes up to the last one that is not zero. */
static size_t
used_of(const uint8_t *bytes, size_t length)
{
	/* mostly they are all zeros: each is like its neighbour, which memcmp sees fastest */
	if (length > 0 && bytes[0] == 0 && memcmp(bytes, bytes + 1, length - 1) == 0)
		return 0;
	while (length > 0 && bytes[length - 1] == 0)
		length--;
	return length;
}

ph_status
ph_cursor_used(ph_cursor *cursor, uint64_t *end, ph_error *err)
{
	uint64_t last = cursor->offset;

	for (uint64_t at = cursor->offset; at < cursor->limit;) {
		uint64_t left = cursor->limit - at;
		size_t length = left < cursor->chunk ? (size_t) left : cursor->chunk;
		const uint8_t *bytes;
		ph_status status = ph_cursor_bytes(cursor, at, length, &bytes, err);

		if (status != PH_OK)
			return status;
		size_t used = used_of(bytes, length);
		if (used > 0)
			last = at + used;
		at += length;
	}
	*end = last;
	return PH_OK;
}

ph_status
ph_segment_write(const ph_fs *fs, int fd, const uint8_t *bytes, size_t length,
    uint64_t offset, ph_error *err)
{
	bool refused = false;

	while (length > 0) {
		ssize_t put = fs->pwrite(fs->self, fd, bytes, length, (int64_t) offset);
		int failed = errno;

		if (put < 0 && failed == EINTR)
			continue;
		if (put < 0 && failed == EINVAL && !refused) {
			refused = true; /* past the cache, perhaps: then through it */
			if (fs->direct(fs->self, fd, false) == 0)
				continue;
		}
		if (put < 0)
			return ph_fail_errno(err, failed, "cannot write the journal");
		if (put == 0)
			return ph_fail(
			    err, PH_ERR_IO, "the disk takes no more of the journal");
		bytes += put;
		offset += (uint64_t) put;
		length -= (size_t) put;
	}
	return PH_OK;
}
