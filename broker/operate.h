/*
 * operate - what an operator may ask of the running broker: the verbs behind the control socket.
 *
 * One entry point: a verb, its arguments in one struct, and a reply that takes rows (JSON objects)
 * and exactly one end. The end comes before ph_operate returns, or later on the same thread: a verb
 * that writes a record ends only after the record is synced. Verbs that the ledger answers (cases,
 * messages by subject) are not here.
 *
 * A letter's id is text, "<queue>/<acceptance number>"; the plain delivery number of
 * doc/protocol.md is understood as well.
 *
 *   verb           arguments (* needed)             rows
 *   status                                          one: see below
 *   queue.ls                                        queue state ready in_flight held dead oldest_s
 *                                                   rate_min next_try_s last_error; oldest_s
 *                                                   null: empty; rate_min: settled a minute
 *   queue.show     queue*                           the same, and the books of that queue
 *   queue.peek     queue* most after reveal         id acceptance state attempts accepted_ms source
 *                                                   message_id type subject size; revealed: message
 *   dead.ls        queue most after reason          id queue acceptance dead_ms stage reason attempts
 *                                                   source message_id type subject
 *   dead.show      ids* reveal                      the same, and path text; revealed: message
 *   dead.replay    ids* or all (queue reason) dry_run    id replayed (true; false with dry_run)
 *   dead.discard   ids* or all (queue reason) dry_run    id discarded
 *   message.show   ids* (acceptance numbers or      acceptance accepted_ms source message_id type
 *                  letters), or source and id       subject size generation queues (a list of
 *                  reveal                           {queue, state, attempts, reference}); message
 *   adapter.ls                                      adapter state pid restarts in_flight ready
 *                                                   queue transport last_error
 *   route.ls                                        route to when purpose
 *   route.explain  attributes* (type and promoted)  route matched to, one per route; then one with
 *                                                   queues: the list chosen
 *   xref.get       entity, and system and key,      entity system key canonical_id, one per binding
 *                  or canonical                     not yet in the ledger (the overlay's view)
 *   session.open   name                             endpoint token
 *
 * `message` is the encoded message (doc/protocol.md section 2) in base64. `status` has: version
 * uptime_s pid generation balance accepted replayed moved_in delivered duplicate dead discarded
 * expired erased moved_out pending ready in_flight held refused repeats conflicts ignored sessions
 * hosts synced_position space_bytes resident_bytes accepting (false: the disk is nearly full)
 * checkpoint (its number) checkpoint_age_s (null: none yet) checkpoint_position checkpoint_record
 * checkpoint_failures journal_damaged (ranges that are kept and were gone past) lost_records (in them, at
 * most) lost_messages (accepted in them and in no book, at most).
 *
 * Thread: owner (the broker's loop). Errors: given to `end`: PH_ERR_NOT_FOUND, PH_ERR_USAGE,
 * PH_ERR_CONFLICT, PH_ERR_FULL, PH_ERR_CLOSED (the broker is stopping), PH_ERR_IO, PH_ERR_DAMAGED.
 */
#ifndef PH_BROKER_OPERATE_H
#define PH_BROKER_OPERATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <packhorse/error.h>
#include <packhorse/message.h>

struct ph_broker;

/* Where answers go. `self` must live until `end` was called, which happens exactly once. */
typedef struct ph_reply {
	/* One JSON object, one line without its newline; borrowed during the call. */
	void (*row)(void *self, const char *json, size_t length);
	/* err is NULL when all went well. */
	void (*end)(void *self, const ph_error *err);
	void *self;
} ph_reply;

/* Arguments of any verb; what a verb does not know must be left zero (PH_ERR_USAGE). Borrowed
 * during the call. */
typedef struct ph_operate_args {
	const char *queue;	/* a queue's name */
	const char *name;	/* a session's name, shown to operators */
	const char *reason;	/* only dead letters of this reason */
	const char *source;	/* of a message, with `id` */
	const char *id;		/* of a message, with `source` */
	const char *entity;	/* "service-request" */
	const char *system;	/* "highways" */
	const char *key;	/* the vendor's reference */
	const char *canonical;	/* "SR-..." */
	const char *const *ids; /* letters or acceptance numbers, as text */
	size_t ids_count;
	const ph_attribute *attributes; /* of an invented message */
	size_t attributes_count;
	uint64_t after; /* go on behind this acceptance number */
	uint32_t most;	/* most rows; 0: 1000 */
	bool all;	/* every dead letter that `queue` and `reason` let through */
	bool dry_run;	/* say what would be done */
	bool reveal;	/* show the message itself */
} ph_operate_args;

/* Do `verb`. An unknown one ends with PH_ERR_NOT_FOUND. */
void ph_operate(struct ph_broker *broker, const char *verb, const ph_operate_args *args,
    const ph_reply *reply);
/* Is it one of the verbs above? */
bool ph_operate_knows(const char *verb);

#endif
