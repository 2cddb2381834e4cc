/*
 * message - the inner side of <packhorse/message.h>: attributes by tag, and checks without a copy.
 *
 * Thread: as the public header.
 */
#ifndef PH_WIRE_MESSAGE_H
#define PH_WIRE_MESSAGE_H

#include <packhorse/message.h>
#include "lib/wire/holder.h"

/* The known attributes of doc/protocol.md section 2; a tag is a position in this list. */
#define PH_MESSAGE_TAGS(X)                                                             \
	X(ID, 1, "id")                                                                 \
	X(SOURCE, 2, "source")                                                         \
	X(TYPE, 3, "type")                                                             \
	X(SUBJECT, 4, "subject")                                                       \
	X(TIME, 5, "time")                                                             \
	X(DATASCHEMA, 6, "dataschema")                                                 \
	X(DATACONTENTTYPE, 7, "datacontenttype")                                       \
	X(PARTITIONKEY, 8, "partitionkey")                                             \
	X(CORRELATIONID, 9, "correlationid")                                           \
	X(CAUSATIONID, 10, "causationid")                                              \
	X(TRACEPARENT, 11, "traceparent")                                              \
	X(EXPIRYTIME, 12, "expirytime")                                                \
	X(DATACLASSIFICATION, 13, "dataclassification")

typedef enum ph_message_tag {
	PH_TAG_EXTENSION = 0,
#define X(symbol, number, name) PH_TAG_##symbol = number,
	PH_MESSAGE_TAGS(X)
#undef X
	    PH_TAG_COUNT
} ph_message_tag;

/* As ph_message_decode, without the copy: the bytes stay where they are in `holder`'s keeping, and the
 * message itself lies there too. It is one more user of the holder until it goes. */
ph_status ph_message_decode_in(ph_holder *holder, const void *bytes, size_t length,
    ph_message **out, ph_error *err);
/* The same into *message_p, whose memory serves again if it lies there too and nobody else holds it; else it
 * is let go. NULL allowed; NULL after an error. */
ph_status ph_message_decode_over(ph_message **message_p, ph_holder *holder,
    const void *bytes, size_t length, ph_error *err);
/* Make such a message one by itself, with a copy of its bytes; nothing to do for another. All that was
 * borrowed from the message ends, so nobody else may be reading it, on this thread or another.
 * PH_ERR_NOMEM: the message is as it was. *message_p is another pointer then. */
ph_status ph_message_own(ph_message **message_p, ph_error *err);

/* A known attribute's value: borrowed, zero-terminated; NULL if absent. `length` may be NULL. */
const char *ph_message_known(
    const ph_message *message, ph_message_tag tag, size_t *length);
/* Is this a name an extension may have, and none of the known or reserved ones? */
int ph_message_extension_ok(const char *name, size_t length);

#endif
