/*
 * How it works: a message is one heap block: the struct, an index of its attributes, and the
 * encoded bytes. The index holds where each value lies, so that nothing is searched twice; known
 * attributes are found by their tag. Decoding checks everything a reader later relies on.
 */
#include "lib/wire/message.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/assert.h"
#include "lib/base/buffer.h"
#include "lib/base/text.h"

#define LAYOUT_VERSION	1
#define HEADER		16
#define NAME_MAX_LENGTH 20
#define MAGIC		0x50484d53u /* "PHMS" */

typedef struct entry {
	uint32_t name;	/* offset of the name; 0 for a known attribute */
	uint32_t value; /* offset of the value */
	uint16_t length;
	uint8_t tag;
	uint8_t name_length;
} entry;

struct ph_message {
	uint32_t magic;
	atomic_uint holders;
	uint32_t length;	     /* of bytes */
	uint32_t data;		     /* offset of the payload */
	uint16_t count;		     /* attributes */
	uint8_t known[PH_TAG_COUNT]; /* position of a known attribute + 1; 0: absent */
	const uint8_t *bytes;	     /* after the index, in the same block */
	entry index[];
};

static const char *const tag_names[PH_TAG_COUNT] = {
#define X(symbol, number, name) [number] = name,
    PH_MESSAGE_TAGS(X)
#undef X
};

static ph_message_tag
tag_of(const char *name, size_t length)
{
	for (int tag = 1; tag < PH_TAG_COUNT; tag++) {
		if (ph_text_is(name, length, tag_names[tag]))
			return (ph_message_tag) tag;
	}
	return PH_TAG_EXTENSION;
}

int
ph_message_extension_ok(const char *name, size_t length)
{
	if (length < 1 || length > NAME_MAX_LENGTH)
		return 0;
	for (size_t i = 0; i < length; i++) {
		char c = name[i];
		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')))
			return 0;
	}
	return !ph_text_is(name, length, "specversion") &&
	       !ph_text_is(name, length, "data") &&
	       tag_of(name, length) == PH_TAG_EXTENSION;
}

static ph_message *
allocate(size_t attributes, size_t length)
{
	size_t index = attributes * sizeof(entry);
	ph_message *message = malloc(sizeof *message + index + length);
	if (message == NULL)
		return NULL;
	memset(message, 0, sizeof *message);
	message->magic = MAGIC;
	atomic_init(&message->holders, 1);
	message->length = (uint32_t) length;
	message->bytes = (const uint8_t *) message + sizeof *message + index;
	return message;
}

static uint8_t *
writable(ph_message *message, size_t attributes)
{
	return (uint8_t *) message + sizeof *message + attributes * sizeof(entry);
}

static ph_status
bad(ph_error *err, size_t at, const char *what)
{
	char where[PH_ERROR_WHERE];
	ph_fail(err, PH_ERR_INVALID, "PH6101 not an encoded message: %s", what);
	if (err != NULL) {
		(void) snprintf(where, sizeof where, "message byte %zu", at);
		memcpy(err->where, where, sizeof where);
	}
	return PH_ERR_INVALID;
}

static const char *
name_of(const ph_message *message, const entry *at)
{
	return at->tag != 0 ? tag_names[at->tag]
			    : (const char *) message->bytes + at->name;
}

static bool
name_taken(const ph_message *message, const entry *new_entry)
{
	if (new_entry->tag != 0)
		return message->known[new_entry->tag] != 0;
	for (size_t i = 0; i < message->count; i++) {
		const entry *old = &message->index[i];
		if (old->tag == 0 && old->name_length == new_entry->name_length &&
		    memcmp(message->bytes + old->name, message->bytes + new_entry->name,
			old->name_length) == 0)
			return true;
	}
	return false;
}

/* Read one attribute into the next place of the index. */
static const char *
read_attribute(ph_message *message, ph_reader *reader)
{
	entry at = {.tag = ph_reader_u8(reader)};
	if (at.tag >= PH_TAG_COUNT)
		return "unknown attribute tag";
	if (at.tag == 0) {
		at.name_length = ph_reader_u8(reader);
		at.name = (uint32_t) reader->at;
		const uint8_t *name =
		    ph_reader_bytes(reader, (size_t) at.name_length + 1);
		if (name == NULL || name[at.name_length] != 0 ||
		    !ph_message_extension_ok((const char *) name, at.name_length))
			return "bad attribute name";
	}
	at.length = ph_reader_u16(reader);
	at.value = (uint32_t) reader->at;
	const uint8_t *value = ph_reader_bytes(reader, (size_t) at.length + 1);
	if (value == NULL || value[at.length] != 0)
		return "attribute value runs over its end";
	if (at.length > PH_MESSAGE_VALUE_MAX)
		return "attribute value over 4096 bytes";
	if (memchr(value, 0, at.length) != NULL)
		return "zero byte in an attribute value";
	if (!ph_utf8_valid(value, at.length, NULL))
		return "attribute value is not UTF-8";
	if (name_taken(message, &at))
		return "attribute given twice";
	message->index[message->count++] = at;
	if (at.tag != 0)
		message->known[at.tag] = (uint8_t) message->count;
	return NULL;
}

/* Fill the index of a message whose bytes are in place. */
static ph_status
index_message(ph_message *message, size_t attributes, ph_error *err)
{
	ph_reader reader;
	ph_reader_init(&reader, message->bytes, message->length);
	(void) ph_reader_bytes(&reader, 8);
	uint32_t data = ph_reader_u32(&reader);
	uint16_t sealed = ph_reader_u16(&reader);
	if (ph_reader_u16(&reader) != 0 || sealed != 0)
		return bad(err, 12, "sealed parts are not known to this version");
	if (data < HEADER || data > message->length)
		return bad(err, 8, "data offset outside the message");
	for (size_t i = 0; i < attributes; i++) {
		const char *wrong = read_attribute(message, &reader);
		if (wrong != NULL)
			return bad(err, reader.at, wrong);
	}
	if (reader.at != data)
		return bad(
		    err, reader.at, "attributes do not end where the data begins");
	message->data = data;
	for (int tag = PH_TAG_ID; tag <= PH_TAG_TYPE; tag++) {
		size_t length = 0;
		if (ph_message_known(message, (ph_message_tag) tag, &length) == NULL ||
		    length == 0)
			return bad(err, HEADER, "id, source and type are required");
	}
	return PH_OK;
}

ph_status
ph_message_decode(const void *bytes, size_t length, ph_message **out, ph_error *err)
{
	PH_ASSERT(out != NULL && (bytes != NULL || length == 0));
	if (length > PH_MESSAGE_MAX)
		return ph_fail(err, PH_ERR_TOO_LARGE,
		    "PH6102 a message of %zu bytes; the limit is %u", length,
		    PH_MESSAGE_MAX);
	ph_reader reader;
	ph_reader_init(&reader, bytes, length);
	uint32_t stated = ph_reader_u32(&reader);
	uint8_t version = ph_reader_u8(&reader);
	uint8_t flags = ph_reader_u8(&reader);
	uint16_t attributes = ph_reader_u16(&reader);
	if (length < HEADER || stated != length)
		return bad(err, 0, "length does not match");
	if (version != LAYOUT_VERSION || flags != 0)
		return ph_fail(err, PH_ERR_VERSION,
		    "PH6103 message layout %u is not known here", version);
	if (attributes < 3 || attributes > PH_MESSAGE_ATTRIBUTES_MAX)
		return bad(err, 6, "attribute count outside 3..64");
	ph_message *message = allocate(attributes, length);
	if (message == NULL)
		return ph_fail(
		    err, PH_ERR_NOMEM, "no memory for a message of %zu bytes", length);
	memcpy(writable(message, attributes), bytes, length);
	ph_status status = index_message(message, attributes, err);
	if (status != PH_OK)
		ph_message_unref(&message);
	else
		*out = message;
	return status;
}

/* What an attribute takes in the encoded message. */
static ph_status
attribute_size(
    const ph_attribute *attribute, ph_message_tag *tag, size_t *size, ph_error *err)
{
	size_t name_length = strlen(attribute->name);
	*tag = tag_of(attribute->name, name_length);
	if (*tag == PH_TAG_EXTENSION &&
	    !ph_message_extension_ok(attribute->name, name_length))
		return ph_fail(err, PH_ERR_INVALID,
		    "PH6104 '%.40s' cannot name an attribute: 1 to 20 of a-z and 0-9",
		    attribute->name);
	if (attribute->length > PH_MESSAGE_VALUE_MAX)
		return ph_fail(err, PH_ERR_TOO_LARGE,
		    "PH6105 attribute %s has %zu bytes; the limit is %d",
		    attribute->name, attribute->length, PH_MESSAGE_VALUE_MAX);
	*size = 1 + (*tag == PH_TAG_EXTENSION ? name_length + 2 : 0) + 2 +
		attribute->length + 1;
	return PH_OK;
}

static uint8_t *
write_bytes(uint8_t *at, const void *bytes, size_t length)
{
	if (length > 0)
		memcpy(at, bytes, length);
	return at + length;
}

static uint8_t *
write_attribute(uint8_t *at, const ph_attribute *attribute, ph_message_tag tag)
{
	*at++ = (uint8_t) tag;
	if (tag == PH_TAG_EXTENSION) {
		size_t name_length = strlen(attribute->name);
		*at++ = (uint8_t) name_length;
		at = write_bytes(at, attribute->name, name_length + 1);
	}
	ph_put_number(at, attribute->length, 2);
	at = write_bytes(at + 2, attribute->value, attribute->length);
	*at++ = 0;
	return at;
}

static void
write_message(ph_message *message, const ph_attribute *attributes, size_t count,
    const ph_message_tag *tags, const void *data, size_t data_length)
{
	uint8_t *start = writable(message, count), *at = start + HEADER;
	for (size_t i = 0; i < count; i++)
		at = write_attribute(at, &attributes[i], tags[i]);
	memset(start, 0, HEADER);
	ph_put_number(start, message->length, 4);
	start[4] = LAYOUT_VERSION;
	ph_put_number(start + 6, count, 2);
	ph_put_number(start + 8, (uint64_t) (at - start), 4);
	(void) write_bytes(at, data, data_length);
}

ph_status
ph_message_new(const ph_attribute *attributes, size_t count, const void *data,
    size_t data_length, ph_message **out, ph_error *err)
{
	ph_message_tag tags[PH_MESSAGE_ATTRIBUTES_MAX];
	size_t length = HEADER;
	PH_ASSERT(out != NULL && (attributes != NULL || count == 0));
	if (count > PH_MESSAGE_ATTRIBUTES_MAX)
		return ph_fail(err, PH_ERR_TOO_LARGE,
		    "PH6106 %zu attributes; the limit is %d", count,
		    PH_MESSAGE_ATTRIBUTES_MAX);
	for (size_t i = 0; i < count; i++) {
		size_t size = 0;
		ph_status status = attribute_size(&attributes[i], &tags[i], &size, err);
		if (status != PH_OK)
			return status;
		length += size;
	}
	if (length > PH_MESSAGE_MAX || data_length > PH_MESSAGE_MAX - length)
		return ph_fail(err, PH_ERR_TOO_LARGE,
		    "PH6102 a message is at most %u bytes, attributes included",
		    PH_MESSAGE_MAX);
	length += data_length;
	ph_message *message = allocate(count, length);
	if (message == NULL)
		return ph_fail(
		    err, PH_ERR_NOMEM, "no memory for a message of %zu bytes", length);
	write_message(message, attributes, count, tags, data, data_length);
	ph_status status = index_message(message, count, err);
	if (status != PH_OK)
		ph_message_unref(&message);
	else
		*out = message;
	return status;
}

ph_message *
ph_message_ref(ph_message *message)
{
	PH_ASSERT(message != NULL && message->magic == MAGIC);
	atomic_fetch_add_explicit(&message->holders, 1, memory_order_relaxed);
	return message;
}

void
ph_message_unref(ph_message **message_p)
{
	ph_message *message = *message_p;
	*message_p = NULL;
	if (message == NULL)
		return;
	PH_ASSERT(message->magic == MAGIC);
	/* The last holder need not count down, which would wait for all that it has written. */
	if (atomic_load_explicit(&message->holders, memory_order_acquire) != 1 &&
	    atomic_fetch_sub_explicit(&message->holders, 1, memory_order_acq_rel) != 1)
		return;
	message->magic = 0;
	free(message);
}

const void *
ph_message_bytes(const ph_message *message, size_t *length)
{
	PH_ASSERT(message != NULL && message->magic == MAGIC);
	*length = message->length;
	return message->bytes;
}

const void *
ph_message_data(const ph_message *message, size_t *length)
{
	PH_ASSERT(message != NULL && message->magic == MAGIC);
	*length = message->length - message->data;
	return message->bytes + message->data;
}

static const char *
value_at(const ph_message *message, size_t position, size_t *length)
{
	const entry *at = &message->index[position];
	if (length != NULL)
		*length = at->length;
	return (const char *) message->bytes + at->value;
}

const char *
ph_message_known(const ph_message *message, ph_message_tag tag, size_t *length)
{
	PH_ASSERT(message != NULL && message->magic == MAGIC);
	PH_ASSERT(tag > PH_TAG_EXTENSION && tag < PH_TAG_COUNT);
	if (message->known[tag] == 0)
		return NULL;
	return value_at(message, message->known[tag] - 1u, length);
}

const char *
ph_message_get(const ph_message *message, const char *name, size_t *length)
{
	size_t name_length = strlen(name);
	ph_message_tag tag = tag_of(name, name_length);
	if (tag != PH_TAG_EXTENSION)
		return ph_message_known(message, tag, length);
	for (size_t i = 0; i < message->count; i++) {
		const entry *at = &message->index[i];
		if (at->tag == 0 && at->name_length == name_length &&
		    memcmp(message->bytes + at->name, name, name_length) == 0)
			return value_at(message, i, length);
	}
	return NULL;
}

const char *
ph_message_at(const ph_message *message, size_t index, const char **name)
{
	if (index >= message->count)
		return NULL;
	if (name != NULL)
		*name = name_of(message, &message->index[index]);
	return value_at(message, index, NULL);
}

size_t
ph_message_count(const ph_message *message)
{
	return message->count;
}
