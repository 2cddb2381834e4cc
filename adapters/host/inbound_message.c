/*
 * What an inbound item says to the broker: messages and the options they are published with, as
 * doc/protocol.md section 4 lays them out.
 */
#include "adapters/host/inbound_part.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "lib/base/text.h"

enum { ATTRIBUTES_MAX = PH_MESSAGE_ATTRIBUTES_MAX, DIGEST_BYTES = 32 };
enum { PLACE_MAX = 96 };
enum { KEPT_MAX = PH_MESSAGE_MAX - 4096 }; /* beside the attributes */

#define FAILED_TYPE "packhorse.inbound.failed.v1"

typedef ph_inbound_item item;

/* ---- options of a publish ---- */

static void
begin_option(ph_buffer *out, uint8_t tag, size_t *at)
{
	ph_buffer_u8(out, tag);
	*at = out->length;
	ph_buffer_u16(out, 0);
}

static void
end_option(ph_buffer *out, size_t at)
{
	size_t length = out->length - at - 2;
	if (length > UINT16_MAX)
		out->failed = true;
	if (out->failed)
		return;
	out->data[at] = (uint8_t) (length & 0xff);
	out->data[at + 1] = (uint8_t) (length >> 8);
}

static void
add_fingerprint(ph_buffer *out, const void *bytes, size_t length)
{
	uint8_t digest[DIGEST_BYTES];
	size_t at = 0;
	(void) crypto_generichash(digest, sizeof digest, bytes, length, NULL, 0);
	begin_option(out, PH_OPTION_FINGERPRINT, &at);
	ph_buffer_append(out, digest, sizeof digest);
	end_option(out, at);
}

static void
add_bindings(ph_buffer *out, const item *it, size_t record)
{
	const char *entity = NULL, *system = NULL, *key = NULL, *id = NULL;
	for (size_t i = 0;
	     ph_map_call_binding(it->call, record, i, &entity, &system, &key, &id);
	     i++) {
		size_t at = 0;
		begin_option(out, PH_OPTION_BINDING, &at);
		ph_binding_write(
		    out, entity, *system ? system : it->host->adapter->name, key, id);
		end_option(out, at);
	}
}

static void
add_cursor(ph_buffer *out, const item *it)
{
	size_t at = 0;
	begin_option(out, PH_OPTION_CURSOR, &at);
	ph_buffer_string(out, it->task.cursor_name);
	ph_buffer_blob16(out, it->cursor, it->task.cursor_length);
	end_option(out, at);
}

/* Where in a large file it stands, which nobody finds otherwise. */
static void
write_place(const item *it, const ph_inbound_piece *which, char out[PLACE_MAX])
{
	uint32_t line = 0, column = 0;
	out[0] = '\0';
	if (it->file && ph_map_call_place(it->call, which->record, &line, &column))
		snprintf(out, PLACE_MAX, "record %zu of the file, at %u:%u",
		    it->before + which->record + 1, (unsigned) line, (unsigned) column);
}

/* Why, where, and what is missing. */
static void
write_failure(const item *it, const ph_inbound_piece *which, char *out, size_t size)
{
	char place[PLACE_MAX];
	size_t at = (size_t) snprintf(out, size, "%s",
	    which->refused ? it->why
			   : ph_map_call_error(it->call, which->record)->text);
	write_place(it, which, place);
	if (*place)
		at += (size_t) snprintf(out + at, size - at, " (%s)", place);
	if (which->left_out)
		snprintf(out + at, size - at,
		    " (only the beginning is kept, the last %zu bytes are not)",
		    which->left_out);
}

static void
add_failed(ph_buffer *out, const item *it, const ph_inbound_piece *which)
{
	char text[PH_ERROR_TEXT + 160];
	size_t at = 0;
	write_failure(it, which, text, sizeof text);
	begin_option(out, PH_OPTION_FAILED, &at);
	ph_buffer_string(
	    out, which->refused ? "map" : ph_map_call_stage(it->call, which->record));
	ph_buffer_string(out, which->refused
				  ? "no-message"
				  : ph_map_call_reason(it->call, which->record));
	ph_buffer_string(
	    out, which->refused ? "" : ph_map_call_path(it->call, which->record));
	ph_buffer_string(out, text);
	end_option(out, at);
}

static void
add_replay(ph_buffer *out, const item *it)
{
	size_t at = 0;
	begin_option(out, PH_OPTION_REPLAY, &at);
	ph_buffer_u64(out, it->task.replay);
	end_option(out, at);
}

/* ---- messages ---- */

typedef struct attributes {
	ph_attribute at[ATTRIBUTES_MAX];
	size_t count;
} attributes;

static void
add_attribute(attributes *list, const char *name, const char *value)
{
	if (list->count < ATTRIBUTES_MAX && value && *value)
		list->at[list->count++] = (ph_attribute){name, value, strlen(value)};
}

static const char *
find_attribute(const attributes *list, const char *name)
{
	for (size_t i = 0; i < list->count; i++)
		if (!strcmp(list->at[i].name, name))
			return list->at[i].value;
	return NULL;
}

static void
write_source(const item *it, char *out, size_t size)
{
	snprintf(out, size, "urn:council:%s:%s", it->host->site->jurisdiction,
	    it->host->adapter->name);
}

static ph_status
make_message(const item *it, size_t record, ph_message **out, ph_error *err)
{
	attributes list = {.count = 0};
	char source[256], own_id[128];
	const char *name = NULL, *value = NULL;
	for (size_t i = 0; ph_map_call_attribute(it->call, record, i, &name, &value);
	     i++)
		add_attribute(&list, name, value);
	write_source(it, source, sizeof source);
	add_attribute(&list, "source", source);
	snprintf(own_id, sizeof own_id, "%s-%zu", it->receipt, it->before + record);
	if (!find_attribute(&list, "id"))
		add_attribute(&list, "id", own_id);
	const char *subject = find_attribute(&list, "subject");
	if (subject && !find_attribute(&list, "correlationid"))
		add_attribute(&list, "correlationid", subject);
	size_t length = 0;
	const void *data = ph_map_call_data(it->call, record, &length);
	return ph_message_new(list.at, list.count, data, length, out, err);
}

/* An id that is the same whenever the same bytes of the same entry fail again. */
static void
write_failed_id(const item *it, const void *bytes, size_t length, char id[48])
{
	uint8_t digest[16];
	crypto_generichash_state state;
	(void) crypto_generichash_init(&state, NULL, 0, sizeof digest);
	(void) crypto_generichash_update(
	    &state, (const uint8_t *) it->entry, strlen(it->entry) + 1);
	(void) crypto_generichash_update(&state, bytes, length);
	(void) crypto_generichash_final(&state, digest, sizeof digest);
	memcpy(id, "failed-", 7);
	ph_hex_encode(digest, sizeof digest, id + 7);
}

/* How much of it a message holds; no character of UTF-8 is cut, or nobody could read the rest. */
static size_t
kept_of(const char *bytes, size_t length)
{
	size_t kept = length < KEPT_MAX ? length : KEPT_MAX;
	while (kept < length && kept > KEPT_MAX - 3 &&
	       ((unsigned char) bytes[kept] & 0xC0) == 0x80)
		kept--;
	return kept;
}

/* What failed, as the sender sent it: the record alone, where there are others beside it. */
static ph_status
make_failed(const item *it, ph_inbound_piece *which, ph_message **out, ph_error *err)
{
	char *alone = NULL;
	size_t length = it->task.length;
	ph_status cut =
	    ph_map_call_source(it->call, which->record, &alone, &length, err);
	if (cut && it->file)
		return cut; /* never the whole of a large file */
	if (cut)
		length = it->task.length;
	const void *bytes = alone ? alone : it->bytes;
	char id[48], source[256], place[PLACE_MAX];
	write_failed_id(it, bytes, length, id);
	write_source(it, source, sizeof source);
	which->left_out = length - kept_of(bytes, length);
	attributes list = {.count = 0};
	add_attribute(&list, "id", id);
	add_attribute(&list, "source", source);
	add_attribute(&list, "type", FAILED_TYPE);
	add_attribute(&list, "datacontenttype",
	    it->content_type ? it->content_type : ph_map_media(it->task.map));
	add_attribute(&list, "adapter", it->host->adapter->name);
	add_attribute(&list, "entry", it->entry);
	add_attribute(&list, "alone", alone ? "yes" : NULL);
	add_attribute(&list, "shortened", which->left_out ? "yes" : NULL);
	write_place(it, which, place);
	add_attribute(&list, "place", place);
	if (which->left_out && !which->refused)
		add_attribute(&list, "path", ph_map_call_path(it->call, which->record));
	ph_status status = ph_message_new(
	    list.at, list.count, bytes, length - which->left_out, out, err);
	free(alone);
	return status;
}

ph_status
ph_inbound_message(
    const ph_inbound_item *it, ph_inbound_piece *which, ph_message **out, ph_error *err)
{
	return which->failed ? make_failed(it, which, out, err)
			     : make_message(it, which->record, out, err);
}

ph_status
ph_inbound_options(const ph_inbound_item *it, const ph_inbound_piece *which,
    ph_buffer *out, ph_error *err)
{
	if (which->failed) {
		add_failed(out, it, which);
	} else {
		size_t length = 0;
		const void *digest =
		    ph_map_call_digest(it->call, which->record, &length);
		add_fingerprint(out, digest, length);
		add_bindings(out, it, which->record);
	}
	if (it->task.cursor_name && which == &it->parts[it->part_count - 1])
		add_cursor(out, it);
	if (it->task.replay)
		add_replay(out, it);
	return out->failed ? ph_fail(err, PH_ERR_TOO_LARGE, "PH4042 too many bindings")
			   : PH_OK;
}
