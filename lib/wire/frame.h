/*
 * frame - the frames of doc/protocol.md, read and written without any I/O.
 *
 * A writer builds one frame in a ph_buffer; a reader walks one frame's items and borrows from it.
 * Every reader checks lengths: a frame from a stranger cannot make it read past its end.
 *
 * Thread: pure. Errors: PH_ERR_INVALID (where = frame name and byte), PH_ERR_VERSION.
 */
#ifndef PH_WIRE_FRAME_H
#define PH_WIRE_FRAME_H

#include <stdbool.h>
#include <packhorse/message.h>
#include "lib/base/buffer.h"
#include "lib/wire/holder.h"

#define PH_PROTOCOL_VERSION 1
#define PH_FRAME_MAX	    (4u << 20)
#define PH_FRAME_HEADER	    16

#define PH_FRAMES(X)                                                                   \
	X(HELLO, 1)                                                                    \
	X(WELCOME, 2)                                                                  \
	X(REFUSED, 3)                                                                  \
	X(PUBLISH, 4)                                                                  \
	X(ACCEPTED, 5)                                                                 \
	X(RESULT, 6)                                                                   \
	X(SUBSCRIBE, 7)                                                                \
	X(SUBSCRIBED, 8)                                                               \
	X(DELIVER, 9)                                                                  \
	X(SETTLE, 10)                                                                  \
	X(SETTLED, 11)                                                                 \
	X(PROGRESS, 12)                                                                \
	X(PROGRESSED, 13)                                                              \
	X(RESOLVE, 14)                                                                 \
	X(RESOLVED, 15)                                                                \
	X(QUERY, 16)                                                                   \
	X(ANSWER, 17)                                                                  \
	X(PING, 18)                                                                    \
	X(PONG, 19)                                                                    \
	X(BYE, 20)                                                                     \
	X(REATTACH, 21)                                                                \
	X(CURSOR, 22)                                                                  \
	X(CURSORS, 23)                                                                 \
	X(ANSWER_CURSOR, 24)

typedef enum ph_frame_type {
#define X(name, number) PH_FRAME_##name = number,
	PH_FRAMES(X)
#undef X
} ph_frame_type;

enum { PH_ROLE_CLIENT = 1, PH_ROLE_HOST = 2 };
enum { PH_HELLO_RESUMING = 1, PH_HELLO_CAN_PROBE = 2 };
enum {
	PH_DELIVER_SENT_BEFORE = 1,
	PH_DELIVER_POSSIBLY_SENT = 2,
	PH_DELIVER_REPLAYED = 4
};
enum {
	PH_OPTION_FINGERPRINT = 1,
	PH_OPTION_CURSOR = 2,
	PH_OPTION_BINDING = 3,
	PH_OPTION_FAILED = 4,
	PH_OPTION_REPLAY = 5
};
enum {
	PH_RESOLVE_CANONICAL = 1,
	PH_RESOLVE_VENDOR = 2,
	PH_RESOLVE_MINT = 3,
	PH_RESOLVE_EXISTS = 4
};
enum {
	PH_RESOLVED_FOUND = 0,
	PH_RESOLVED_UNKNOWN = 1,
	PH_RESOLVED_MINTED = 2,
	PH_RESOLVED_REFUSED = 3
};
enum { PH_QUERY_SUBJECT = 1, PH_QUERY_TYPE = 2 };

/* "PUBLISH"; "frame 99" is never returned: NULL for an unknown type. */
const char *ph_frame_name(unsigned type);

/* Start a frame in an empty buffer. Set the count last with ph_frame_count. */
void ph_frame_begin(ph_buffer *frame, ph_frame_type type, uint64_t number);
void ph_frame_count(ph_buffer *frame, uint32_t count);

/* An opened frame: header checked, `body` at its start. */
typedef struct ph_frame {
	ph_frame_type type;
	uint32_t count;
	uint64_t number;
	ph_reader body;
	ph_holder *
	    holder; /* of the bytes, borrowed; NULL: theirs is another way of staying */
} ph_frame;
ph_status ph_frame_open(const void *bytes, size_t length, ph_frame *out, ph_error *err);

/* Text borrowed from a frame; not zero-terminated. */
typedef struct ph_slice {
	const char *data;
	size_t length;
} ph_slice;
ph_slice ph_slice_read(ph_reader *reader); /* a `string` or `bytes16` */
bool ph_slice_is(ph_slice slice, const char *text);
/* Copy with a zero; false if it does not fit or holds a zero byte. */
bool ph_slice_copy(ph_slice slice, char *out, size_t size);
/* A zero-terminated copy on the heap; NULL without memory. */
char *ph_slice_dup(ph_slice slice);

typedef struct ph_binding_view {
	ph_slice entity, system, key, canonical;
} ph_binding_view;
void ph_binding_read(ph_reader *reader, ph_binding_view *out);
void ph_binding_write(ph_buffer *frame, const char *entity, const char *system,
    const char *key, const char *canonical);

typedef struct ph_hello_view {
	uint16_t least, most;
	uint8_t role, flags;
	ph_slice name, token, instance;
} ph_hello_view;
ph_status ph_hello_read(ph_frame *frame, ph_hello_view *out, ph_error *err);

/* One item of PUBLISH: options and the encoded message, both borrowed. */
typedef struct ph_publish_view {
	ph_reader options;
	const void *message;
	size_t message_length;
} ph_publish_view;
ph_status ph_publish_read(ph_frame *frame, ph_publish_view *out, ph_error *err);
/* Next option; false at the end. */
bool ph_option_read(ph_reader *options, uint8_t *tag, ph_reader *body);

typedef struct ph_deliver_view {
	uint64_t delivery;
	uint16_t attempt;
	uint8_t flags;
	uint64_t accepted_ms;
	ph_slice reference, resume;
	const void *message;
	size_t message_length;
} ph_deliver_view;
ph_status ph_deliver_read(ph_frame *frame, ph_deliver_view *out, ph_error *err);
void ph_deliver_write(ph_buffer *frame, const ph_deliver_view *item);

typedef struct ph_settle_view {
	uint64_t delivery;
	uint8_t outcome;
	uint64_t delay_ms;
	ph_slice reference, stage, reason, path, text;
	uint8_t bindings; /* how many follow in `rest` */
	ph_reader rest;
} ph_settle_view;
ph_status ph_settle_read(ph_frame *frame, ph_settle_view *out, ph_error *err);
/* There is nothing to say but the outcome itself. */
bool ph_settle_plain(const ph_settle_view *item, size_t bindings_length);
/* The short form. */
void ph_settle_write_plain(ph_buffer *frame, uint64_t delivery, uint8_t outcome);
/* Writes the short form when that is so. `bindings` are already encoded. */
void ph_settle_write(ph_buffer *frame, const ph_settle_view *item, const void *bindings,
    size_t bindings_length);

#endif
