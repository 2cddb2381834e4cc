/*
 * How it works: a header of 48 bytes, sections of a head of 24 bytes and a body each, the last one
 * with tag 0 and no body. Lengths are filled in as sections end; checksums all at once when the image
 * is sealed, which needs nothing but the bytes and so may be done on any thread.
 *
 *   header    0  "PHCHKPT\n"   8 version   12 sections   16 number   24 taken_ms   32 length
 *            40  zero         44 crc32c of bytes 0 to 43
 *   section   0  tag           4 flags (1 optional)   8 length   16 crc32c of the body
 *            20  crc32c of bytes 0 to 19, begun with the header's crc32c
 */
#include "broker/checkpoint_file.h"

#include <string.h>

#include "lib/base/assert.h"
#include "lib/base/crc32c.h"

#define FORMAT	     1u
#define HEAD	     48u
#define SECTION_HEAD 24u
#define OPTIONAL     1u

static const char mark[8] = {'P', 'H', 'C', 'H', 'K', 'P', 'T', '\n'};

/* ---- writing ---- */

static void
set_u64(ph_buffer *image, size_t at, uint64_t value)
{
	ph_buffer_set_u32(image, at, (uint32_t) value);
	ph_buffer_set_u32(image, at + 4, (uint32_t) (value >> 32));
}

void
ph_checkpoint_image_begin(ph_buffer *image, uint64_t number, int64_t taken_ms)
{
	PH_ASSERT(image->length == 0);
	ph_buffer_append(image, mark, sizeof mark);
	ph_buffer_u32(image, FORMAT);
	ph_buffer_u32(image, 0);
	ph_buffer_u64(image, number);
	ph_buffer_u64(image, (uint64_t) taken_ms);
	ph_buffer_u64(image, 0);
	ph_buffer_u32(image, 0);
	ph_buffer_u32(image, 0);
	PH_ASSERT(image->failed || image->length == HEAD);
}

size_t
ph_checkpoint_section_begin(ph_buffer *image, uint32_t tag, bool optional)
{
	size_t at = image->length;
	ph_buffer_u32(image, tag);
	ph_buffer_u32(image, optional ? OPTIONAL : 0);
	ph_buffer_u64(image, 0);
	ph_buffer_u64(image, 0);
	return at;
}

void
ph_checkpoint_section_end(ph_buffer *image, size_t section)
{
	if (image->failed)
		return;
	PH_ASSERT(section + SECTION_HEAD <= image->length);
	set_u64(image, section + 8, image->length - section - SECTION_HEAD);
}

/* Checksums of the section at `at`; returns where the next one is. */
static size_t
seal_section(ph_buffer *image, size_t at, uint32_t salt)
{
	ph_reader head;
	ph_reader_init(&head, image->data + at, SECTION_HEAD);
	(void) ph_reader_u64(&head);
	size_t length = (size_t) ph_reader_u64(&head);
	PH_ASSERT(length <= image->length - at - SECTION_HEAD);
	ph_buffer_set_u32(
	    image, at + 16, ph_crc32c(salt, image->data + at + SECTION_HEAD, length));
	ph_buffer_set_u32(image, at + 20, ph_crc32c(salt, image->data + at, 20));
	return at + SECTION_HEAD + length;
}

static unsigned
count_sections(const ph_buffer *image)
{
	unsigned count = 0;
	for (size_t at = HEAD; at < image->length; count++) {
		ph_reader head;
		ph_reader_init(&head, image->data + at, SECTION_HEAD);
		(void) ph_reader_u64(&head);
		at += SECTION_HEAD + (size_t) ph_reader_u64(&head);
	}
	return count;
}

void
ph_checkpoint_image_seal(ph_buffer *image)
{
	size_t end = ph_checkpoint_section_begin(image, PH_CHECKPOINT_END, false);
	ph_checkpoint_section_end(image, end);
	if (image->failed)
		return;
	unsigned count = count_sections(image);
	PH_ASSERT(count <= PH_CHECKPOINT_SECTIONS);
	ph_buffer_set_u32(image, 12, count);
	set_u64(image, 32, image->length);
	uint32_t salt = ph_crc32c(0, image->data, HEAD - 4);
	ph_buffer_set_u32(image, HEAD - 4, salt);
	for (size_t at = HEAD; at < image->length;)
		at = seal_section(image, at, salt);
}

/* ---- reading ---- */

static ph_status
damaged(const char *what, ph_error *err)
{
	return ph_fail(
	    err, PH_ERR_DAMAGED, "PH5340 the checkpoint is damaged: %s", what);
}

static ph_status
parse_head(const uint8_t *bytes, size_t length, ph_checkpoint_file *out,
    uint32_t *count, uint32_t *salt, ph_error *err)
{
	ph_reader head;
	if (length < HEAD || memcmp(bytes, mark, sizeof mark) != 0)
		return damaged("it does not begin like one", err);
	ph_reader_init(&head, bytes + sizeof mark, HEAD - sizeof mark);
	uint32_t version = ph_reader_u32(&head);
	*count = ph_reader_u32(&head);
	out->number = ph_reader_u64(&head);
	out->taken_ms = (int64_t) ph_reader_u64(&head);
	uint64_t whole = ph_reader_u64(&head);
	uint32_t zero = ph_reader_u32(&head);
	*salt = ph_crc32c(0, bytes, HEAD - 4);
	if (ph_reader_u32(&head) != *salt)
		return damaged("its header is not what was written", err);
	if (version != FORMAT)
		return ph_fail(err, PH_ERR_VERSION,
		    "PH5341 the checkpoint has version %u, this program knows %u",
		    version, FORMAT);
	if (whole != length || zero != 0 || *count > PH_CHECKPOINT_SECTIONS)
		return damaged("its length is not what was written", err);
	return PH_OK;
}

/* The section at the reader's place. */
static ph_status
parse_section(
    ph_reader *reader, uint32_t salt, ph_checkpoint_section *out, ph_error *err)
{
	const uint8_t *head = reader->data + reader->at;
	out->tag = ph_reader_u32(reader);
	uint32_t flags = ph_reader_u32(reader);
	uint64_t length = ph_reader_u64(reader);
	uint32_t body_crc = ph_reader_u32(reader);
	uint32_t head_crc = ph_reader_u32(reader);
	if (reader->failed || ph_crc32c(salt, head, 20) != head_crc)
		return damaged("the head of a section is not what was written", err);
	if (length > ph_reader_left(reader))
		return damaged("a section is cut short", err);
	out->optional = (flags & OPTIONAL) != 0;
	out->length = (size_t) length;
	out->body = reader->data + reader->at;
	reader->at += out->length;
	if (ph_crc32c(salt, out->body, out->length) != body_crc)
		return ph_fail(err, PH_ERR_DAMAGED,
		    "PH5340 the checkpoint is damaged: section %u is not what was "
		    "written",
		    out->tag);
	if (out->tag > PH_CHECKPOINT_CARRIED && !out->optional)
		return ph_fail(err, PH_ERR_VERSION,
		    "PH5341 the checkpoint has a section %u, which this program does "
		    "not know",
		    out->tag);
	return PH_OK;
}

ph_status
ph_checkpoint_file_parse(
    const void *bytes, size_t length, ph_checkpoint_file *out, ph_error *err)
{
	uint32_t count = 0, salt = 0;
	ph_reader reader;
	memset(out, 0, sizeof *out);
	ph_status status = parse_head(bytes, length, out, &count, &salt, err);
	if (status != PH_OK)
		return status;
	ph_reader_init(&reader, bytes, length);
	reader.at = HEAD;
	for (out->count = 0; out->count < count; out->count++) {
		status = parse_section(&reader, salt, &out->sections[out->count], err);
		if (status != PH_OK)
			return status;
	}
	if (count == 0 || out->sections[count - 1].tag != PH_CHECKPOINT_END ||
	    ph_reader_left(&reader) > 0)
		return damaged("it does not end where it should", err);
	return PH_OK;
}

const ph_checkpoint_section *
ph_checkpoint_file_find(const ph_checkpoint_file *file, uint32_t tag)
{
	for (size_t i = 0; i < file->count; i++) {
		if (file->sections[i].tag == tag)
			return &file->sections[i];
	}
	return NULL;
}
