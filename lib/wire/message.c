/*
 * How it works: a message is one heap block: the struct, an index of its attributes, and the
 * encoded bytes, or, where a holder keeps those, a pointer to them. The index holds where each
 * value lies, so that nothing is searched twice; known attributes are found by their tag. Decoding
 * checks everything a reader later relies on, in one pass; a message that is made from attributes
 * is checked and indexed while it is written.
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
#define ATTRIBUTE_MIN	4 /* bytes of one without a name and a value */
#define NAME_MAX_LENGTH 20
#define PLACES		8	    /* at least, where the next message may need more */
#define MAGIC		0x50484d53u /* "PHMS" */

typedef struct entry {
	uint32_t name;	/* offset of the name of an extension */
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
	uint16_t places;	     /* of the index */
	uint8_t known[PH_TAG_COUNT]; /* position of a known attribute + 1; 0: absent */
	const uint8_t *bytes;	     /* after the index, or in the holder's keeping */
	ph_holder *holder;	     /* of the bytes; NULL: they are in this block */
	entry index[];
};

static const char *const known_names[PH_TAG_COUNT] = {
#define X(symbol, number, name) [number] = name,
    PH_MESSAGE_TAGS(X)
#undef X
};

/* Known names by their length, of which no more than two have the same. */
static const uint8_t tags_of_length[NAME_MAX_LENGTH + 1][2] = {
    [2] = {PH_TAG_ID},
    [4] = {PH_TAG_TYPE, PH_TAG_TIME},
    [6] = {PH_TAG_SOURCE},
    [7] = {PH_TAG_SUBJECT},
    [10] = {PH_TAG_DATASCHEMA, PH_TAG_EXPIRYTIME},
    [11] = {PH_TAG_TRACEPARENT, PH_TAG_CAUSATIONID},
    [12] = {PH_TAG_PARTITIONKEY},
    [13] = {PH_TAG_CORRELATIONID},
    [15] = {PH_TAG_DATACONTENTTYPE},
    [18] = {PH_TAG_DATACLASSIFICATION},
};

static ph_message_tag
tag_of(const char *name, size_t length)
{
	if (length > NAME_MAX_LENGTH)
		return PH_TAG_EXTENSION;
	for (int i = 0; i < 2 && tags_of_length[length][i] != 0; i++) {
		uint8_t tag = tags_of_length[length][i];
		if (memcmp(name, known_names[tag], length) == 0)
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

static size_t
head_size(size_t attributes)
{
	return sizeof(ph_message) + attributes * sizeof(entry);
}

static void
begin(ph_message *message, size_t length)
{
	memset(message, 0, sizeof *message);
	message->magic = MAGIC;
	atomic_init(&message->holders, 1);
	message->length = (uint32_t) length;
}

/* One whose bytes come after the index. */
static ph_message *
allocate(size_t attributes, size_t length)
{
	ph_message *message = malloc(head_size(attributes) + length);
	if (message == NULL)
		return NULL;
	begin(message, length);
	message->bytes = (const uint8_t *) message + head_size(attributes);
	return message;
}

/* Nobody else can hold a message that has one holder. */
static bool
is_alone(const ph_message *message)
{
	return atomic_load_explicit(&message->holders, memory_order_acquire) == 1;
}

static uint8_t *
writable(ph_message *message, size_t attributes)
{
	return (uint8_t *) message + head_size(attributes);
}

static ph_status
no_memory(size_t length, ph_error *err)
{
	return ph_fail(
	    err, PH_ERR_NOMEM, "no memory for a message of %zu bytes", length);
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
	return at->tag != 0 ? known_names[at->tag]
			    : (const char *) message->bytes + at->name;
}

/* ---- the index ---- */

static bool
extension_taken(const ph_message *message, const entry *new_entry)
{
	for (size_t i = 0; i < message->count; i++) {
		const entry *old = &message->index[i];
		if (old->tag == 0 && old->name_length == new_entry->name_length &&
		    memcmp(message->bytes + old->name, message->bytes + new_entry->name,
			old->name_length) == 0)
			return true;
	}
	return false;
}

/* Eight bytes of ASCII without a zero among them? */
static bool
eight_plain(const uint8_t *at)
{
	uint64_t word;
	memcpy(&word, at, sizeof word);
	return ((word | (word - UINT64_C(0x0101010101010101))) &
		   UINT64_C(0x8080808080808080)) == 0;
}

/* Are all bytes ASCII without a zero, as most values are? */
static bool
is_plain(const uint8_t *value, size_t length)
{
	size_t at = 0;
	for (; length - at >= 8; at += 8) {
		if (!eight_plain(value + at))
			return false;
	}
	if (length >= 8)
		return at == length || eight_plain(value + length - 8);
	for (; at < length; at++) {
		if ((uint8_t) (value[at] - 1) >= 0x7f)
			return false;
	}
	return true;
}

/* What is wrong with a value, or NULL. */
static const char *
check_value(const uint8_t *value, size_t length)
{
	if (is_plain(value, length))
		return NULL;
	if (memchr(value, 0, length) != NULL)
		return "zero byte in an attribute value";
	if (!ph_utf8_valid(value, length, NULL))
		return "attribute value is not UTF-8";
	return NULL;
}

/* The place behind the index was filled in: it counts, unless it is there already. */
static const char *
enter(ph_message *message)
{
	const entry *at = &message->index[message->count];
	if (at->tag != 0 ? message->known[at->tag] != 0 : extension_taken(message, at))
		return "attribute given twice";
	message->count++;
	if (at->tag != 0)
		message->known[at->tag] = (uint8_t) message->count;
	return NULL;
}

/* Read the name of an extension at *position. */
static const char *
read_name(const ph_message *message, size_t *position, entry *at)
{
	size_t left = message->data - *position;
	const uint8_t *bytes = message->bytes + *position;
	if (left < 1 || left - 1 < bytes[0] + 1u || bytes[1 + bytes[0]] != 0 ||
	    !ph_message_extension_ok((const char *) bytes + 1, bytes[0]))
		return "bad attribute name";
	at->name_length = bytes[0];
	at->name = (uint32_t) *position + 1;
	*position += at->name_length + 2u;
	return NULL;
}

/* Read the attribute at *position into the next place of the index. */
static const char *
read_attribute(ph_message *message, size_t *position)
{
	const char *wrong = NULL;
	entry *at = &message->index[message->count];
	if (*position >= message->data)
		return "attribute value runs over its end";
	at->tag = message->bytes[(*position)++];
	if (at->tag >= PH_TAG_COUNT)
		return "unknown attribute tag";
	if (at->tag == 0 && (wrong = read_name(message, position, at)) != NULL)
		return wrong;
	size_t left = message->data - *position;
	const uint8_t *bytes = message->bytes + *position;
	size_t length = left < 2 ? 0 : (size_t) ph_get_number(bytes, 2);
	if (left < 3 || left - 3 < length || bytes[2 + length] != 0)
		return "attribute value runs over its end";
	if (length > PH_MESSAGE_VALUE_MAX)
		return "attribute value over 4096 bytes";
	at->length = (uint16_t) length;
	at->value = (uint32_t) *position + 2;
	*position += length + 3;
	wrong = check_value(bytes + 2, length);
	return wrong != NULL ? wrong : enter(message);
}

static ph_status
check_required(const ph_message *message, ph_error *err)
{
	for (int tag = PH_TAG_ID; tag <= PH_TAG_TYPE; tag++) {
		if (message->known[tag] == 0 ||
		    message->index[message->known[tag] - 1u].length == 0)
			return bad(err, HEADER, "id, source and type are required");
	}
	return PH_OK;
}

/* Fill the index of a message whose bytes are in place. */
static ph_status
index_message(ph_message *message, size_t attributes, ph_error *err)
{
	uint32_t data = (uint32_t) ph_get_number(message->bytes + 8, 4);
	if (ph_get_number(message->bytes + 12, 4) != 0)
		return bad(err, 12, "sealed parts are not known to this version");
	if (data < HEADER || data > message->length)
		return bad(err, 8, "data offset outside the message");
	message->data = data;
	size_t position = HEADER;
	for (size_t i = 0; i < attributes; i++) {
		const char *wrong = read_attribute(message, &position);
		if (wrong != NULL)
			return bad(err, position, wrong);
	}
	if (position != data)
		return bad(
		    err, position, "attributes do not end where the data begins");
	return check_required(message, err);
}

/* ---- decoding ---- */

/* The first eight bytes: how long, which layout, how many attributes. */
static ph_status
check_start(const void *bytes, size_t length, size_t *attributes, ph_error *err)
{
	const uint8_t *start = bytes;
	if (length > PH_MESSAGE_MAX)
		return ph_fail(err, PH_ERR_TOO_LARGE,
		    "PH6102 a message of %zu bytes; the limit is %u", length,
		    PH_MESSAGE_MAX);
	if (length < HEADER || ph_get_number(start, 4) != length)
		return bad(err, 0, "length does not match");
	if (start[4] != LAYOUT_VERSION || start[5] != 0)
		return ph_fail(err, PH_ERR_VERSION,
		    "PH6103 message layout %u is not known here", start[4]);
	*attributes = (size_t) ph_get_number(start + 6, 2);
	if (*attributes < 3 || *attributes > PH_MESSAGE_ATTRIBUTES_MAX)
		return bad(err, 6, "attribute count outside 3..64");
	/* Else a few bytes could have memory taken for many. */
	if (*attributes > (length - HEADER) / ATTRIBUTE_MIN)
		return bad(err, 6, "more attributes than it has bytes for");
	return PH_OK;
}

ph_status
ph_message_decode(const void *bytes, size_t length, ph_message **out, ph_error *err)
{
	size_t attributes;
	PH_ASSERT(out != NULL && (bytes != NULL || length == 0));
	ph_status status = check_start(bytes, length, &attributes, err);
	if (status != PH_OK)
		return status;
	ph_message *message = allocate(attributes, length);
	if (message == NULL)
		return no_memory(length, err);
	memcpy(writable(message, attributes), bytes, length);
	status = index_message(message, attributes, err);
	if (status != PH_OK)
		ph_message_unref(&message);
	else
		*out = message;
	return status;
}

/* The old message if its memory can serve again, else another in the holder with so many places. */
static ph_message *
room_for(ph_message **old_p, ph_holder *holder, size_t attributes, size_t places)
{
	ph_message *message = *old_p;
	*old_p = NULL;
	if (message != NULL && message->holder == holder &&
	    message->places >= attributes && is_alone(message)) {
		places = message->places;
	} else {
		ph_message_unref(&message);
		message = ph_holder_take(holder, head_size(places));
		if (message == NULL)
			return NULL;
		(void) ph_holder_ref(holder);
	}
	begin(message, 0);
	message->holder = holder;
	message->places = (uint16_t) places;
	return message;
}

/* Into *message_p, which has at least so many places if it is another than before. */
static ph_status
decode_over(ph_message **message_p, size_t places, ph_holder *holder, const void *bytes,
    size_t length, ph_error *err)
{
	size_t attributes;
	PH_ASSERT(holder != NULL && (bytes != NULL || length == 0));
	ph_status status = check_start(bytes, length, &attributes, err);
	if (status != PH_OK) {
		ph_message_unref(message_p);
		return status;
	}
	ph_message *message = room_for(
	    message_p, holder, attributes, attributes > places ? attributes : places);
	if (message == NULL)
		return no_memory(length, err);
	message->length = (uint32_t) length;
	message->bytes = bytes;
	status = index_message(message, attributes, err);
	if (status != PH_OK)
		ph_message_unref(&message);
	*message_p = message;
	return status;
}

ph_status
ph_message_decode_over(ph_message **message_p, ph_holder *holder, const void *bytes,
    size_t length, ph_error *err)
{
	return decode_over(message_p, PLACES, holder, bytes, length, err);
}

ph_status
ph_message_decode_in(ph_holder *holder, const void *bytes, size_t length,
    ph_message **out, ph_error *err)
{
	ph_message *message = NULL;
	PH_ASSERT(out != NULL);
	ph_status status = decode_over(&message, 0, holder, bytes, length, err);
	if (status == PH_OK)
		*out = message;
	return status;
}

ph_status
ph_message_own(ph_message **message_p, ph_error *err)
{
	ph_message *in = *message_p;
	PH_ASSERT(in != NULL && in->magic == MAGIC &&
		  atomic_load_explicit(&in->holders, memory_order_acquire) == 1);
	if (in->holder == NULL)
		return PH_OK;
	ph_message *own = allocate(in->count, in->length);
	if (own == NULL)
		return no_memory(in->length, err);
	own->data = in->data;
	own->count = in->count;
	memcpy(own->known, in->known, sizeof own->known);
	memcpy(own->index, in->index, in->count * sizeof(entry));
	memcpy(writable(own, own->count), in->bytes, in->length);
	ph_message_unref(message_p);
	*message_p = own;
	return PH_OK;
}

/* ---- making ---- */

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

/* Write the attribute at *end, move that behind it, and enter it into the index. */
static const char *
write_attribute(ph_message *message, const ph_attribute *attribute, ph_message_tag tag,
    uint8_t **end)
{
	uint8_t *at = *end;
	entry *added = &message->index[message->count];
	added->tag = (uint8_t) tag;
	added->length = (uint16_t) attribute->length;
	*at++ = (uint8_t) tag;
	if (tag == PH_TAG_EXTENSION) {
		added->name_length = (uint8_t) strlen(attribute->name);
		*at++ = added->name_length;
		added->name = (uint32_t) (at - message->bytes);
		at = write_bytes(at, attribute->name, added->name_length + 1u);
	}
	ph_put_number(at, attribute->length, 2);
	at += 2;
	added->value = (uint32_t) (at - message->bytes);
	const char *wrong =
	    check_value((const uint8_t *) attribute->value, attribute->length);
	at = write_bytes(at, attribute->value, attribute->length);
	*at++ = 0;
	*end = at;
	return wrong != NULL ? wrong : enter(message);
}

static ph_status
write_message(ph_message *message, const ph_attribute *attributes, size_t count,
    const ph_message_tag *tags, const void *data, size_t data_length, ph_error *err)
{
	uint8_t *start = writable(message, count), *at = start + HEADER;
	for (size_t i = 0; i < count; i++) {
		const char *wrong =
		    write_attribute(message, &attributes[i], tags[i], &at);
		if (wrong != NULL)
			return bad(err, (size_t) (at - start), wrong);
	}
	memset(start, 0, HEADER);
	ph_put_number(start, message->length, 4);
	start[4] = LAYOUT_VERSION;
	ph_put_number(start + 6, count, 2);
	message->data = (uint32_t) (at - start);
	ph_put_number(start + 8, message->data, 4);
	(void) write_bytes(at, data, data_length);
	return check_required(message, err);
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
		return no_memory(length, err);
	ph_status status =
	    write_message(message, attributes, count, tags, data, data_length, err);
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
	if (!is_alone(message) &&
	    atomic_fetch_sub_explicit(&message->holders, 1, memory_order_acq_rel) != 1)
		return;
	ph_holder *holder = message->holder; /* the message lies there too */
	message->magic = 0;
	if (holder == NULL)
		free(message);
	else
		ph_holder_unref(&holder);
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
