/*
 * cursor - how far each source has been read: durable, by the name of adapter and cursor.
 *
 * A cursor comes in the record of what was read up to it (accept.h), or by itself in a record of its
 * own.
 *
 * Thread: owner. Errors: PH_ERR_INVALID (the name), PH_ERR_NOMEM, and those of submitting.
 */
#ifndef PH_BROKER_CURSOR_H
#define PH_BROKER_CURSOR_H

#include "broker/broker.h"

#define PH_CURSOR_NAME 160 /* bytes of "<adapter>/<name>", the zero included */

typedef struct ph_cursor {
	size_t length;
	uint8_t bytes[];
} ph_cursor;

/* The name of a session's cursor among all. */
ph_status ph_cursor_name(
    const ph_session *session, ph_slice name, char out[PH_CURSOR_NAME], ph_error *err);
/* Record a cursor by itself, and enter it. */
ph_status ph_cursor_commit(
    ph_broker *broker, const char *name, ph_slice bytes, ph_error *err);
/* Enter a cursor into the state: when it has been submitted, and again at every start. */
ph_status ph_cursor_apply(
    ph_broker *broker, ph_view name, ph_view bytes, ph_error *err);
/* NULL if it was never set; borrowed until it is. */
const ph_cursor *ph_cursor_get(const ph_broker *broker, const char *name);

#endif
