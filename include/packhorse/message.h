/*
 * message - one canonical message: a CloudEvents 1.0.2 event, immutable and counted.
 *
 * A message is its encoded form: one block of bytes laid out as doc/protocol.md section 2
 * says, the same on the wire and in the journal. Attribute values are text; extension names
 * are lower-case letters and digits, 1 to 20 of them (CloudEvents 1.0.2, "Naming conventions").
 * Required: id, source, type. `specversion` is always "1.0" and is not stored.
 *
 * Ownership: reference counted; the only counted type of Packhorse. Pointers that accessors
 * return live as long as the message.
 * Thread: any (the count is atomic, everything else never changes).
 * Errors: PH_ERR_INVALID (a rule of CloudEvents or of the layout), PH_ERR_TOO_LARGE, PH_ERR_NOMEM.
 */
#ifndef PACKHORSE_MESSAGE_H
#define PACKHORSE_MESSAGE_H

#include <stddef.h>
#include <stdint.h>
#include <packhorse/error.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PH_MESSAGE_MAX		  (1u << 20) /* bytes of one encoded message: 1 MiB */
#define PH_MESSAGE_ATTRIBUTES_MAX 64	     /* attributes in one message */
#define PH_MESSAGE_VALUE_MAX	  4096	     /* bytes in one attribute value */

typedef struct ph_message ph_message;

/* One attribute to build from. `value` is UTF-8 without zero bytes; length counts its bytes. */
typedef struct ph_attribute {
	const char *name;
	const char *value;
	size_t length;
} ph_attribute;

/* Build a message from attributes and data (both copied). *out is yours. */
PH_EXPORT ph_status ph_message_new(const ph_attribute *attributes, size_t count,
    const void *data, size_t data_length, ph_message **out, ph_error *err);

/* Read an encoded message (copied, checked whole). *out is yours. */
PH_EXPORT ph_status ph_message_decode(
    const void *bytes, size_t length, ph_message **out, ph_error *err);

/* One more holder; returns its argument. */
PH_EXPORT ph_message *ph_message_ref(ph_message *message);
/* One holder less; NULLs the pointer, NULL allowed. */
PH_EXPORT void ph_message_unref(ph_message **message_p);

/* The encoded form, borrowed. */
PH_EXPORT const void *ph_message_bytes(const ph_message *message, size_t *length);
/* The payload, borrowed; may be empty. */
PH_EXPORT const void *ph_message_data(const ph_message *message, size_t *length);
/* An attribute's value, zero-terminated and borrowed; NULL if absent. `length` may be NULL. */
PH_EXPORT const char *ph_message_get(
    const ph_message *message, const char *name, size_t *length);
/* Attributes by position, in encoded order; NULL past the end. `name` may be NULL. */
PH_EXPORT const char *ph_message_at(
    const ph_message *message, size_t index, const char **name);
/* How many attributes. */
PH_EXPORT size_t ph_message_count(const ph_message *message);

#ifdef __cplusplus
}
#endif
#endif
