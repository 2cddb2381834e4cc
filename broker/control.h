/*
 * control - the broker's local door: an AF_UNIX socket that speaks lines of JSON.
 *
 * doc/protocol.md section 6 gives the lines. Whoever may open the socket (its mode is 0660) may ask;
 * verbs that change something, and looks at payloads, are logged with the asker's user id
 * (SO_PEERCRED). Verbs are those of operate.h, and these, which the ledger answers:
 *
 *   verb           arguments (* needed)             rows
 *   case.show      reference*: a canonical id or    at_ms system event reference outcome detail
 *                  any vendor's reference           took_ms acceptance subject (took_ms null: none)
 *   message.find   id source type subject           acceptance accepted_ms message_id source type
 *                  reference attributes (one) most  subject, newest first
 *   xref.get       key*, or canonical*; entity,     entity system key canonical_id at_ms; every
 *                  system to choose                 binding of the thing that is meant; with both
 *                                                   entity and system that very binding
 *
 * `reveal` needs `why`: a sentence, which goes into the log (event `audit-reveal`).
 *
 * Nothing blocks: a slow reader is written to when it can take more, and is let go when more than
 * 64 MiB wait for it. A connection's requests are answered one after the other.
 *
 * Thread: owner (the loop). Errors: PH_ERR_IO, PH_ERR_NOMEM, PH_ERR_TOO_LARGE (the socket's path).
 */
#ifndef PH_BROKER_CONTROL_H
#define PH_BROKER_CONTROL_H

#include <stddef.h>
#include <packhorse/error.h>
#include "broker/ledger.h"
#include "lib/wire/loop.h"

struct ph_broker;
typedef struct ph_control ph_control;

typedef struct ph_control_options {
	const char *path; /* <run>/control */
	ph_loop *loop;
	struct ph_broker *broker; /* handed to ph_operate */
	ph_ledger *ledger;
	size_t peers_most; /* connections at a time; 0: 32 */
	size_t line_most;  /* bytes of a request; 0: 1 MiB */
} ph_control_options;

/* Listen. *out is yours. */
ph_status ph_control_open(
    const ph_control_options *options, ph_control **out, ph_error *err);
/* Hang up on everybody and free. Close the ledger first, and end every reply: nobody may answer
 * afterwards. NULL allowed. */
void ph_control_close(ph_control **control_p);

#endif
