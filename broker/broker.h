/*
 * broker - what the parts of packhorsed share.
 *
 * One thread and one loop: frames are read (bounded), handled, and what they ask for is submitted
 * to the store; then it is made durable; then everything that was waiting to be said is sent.
 * Nothing is said of a record before it is durable. The state in memory is ahead of that: while
 * one batch becomes durable the loop may gather the next (commit.h). A failed batch ends the
 * process.
 *
 * The parts reach each other through this struct. Who changes what:
 *   accept    new messages: duplicates, routes, the record, queues
 *   settle    outcomes, attempts' ends, dead letters, operators' verdicts
 *   dispatch  subscriptions and handing out
 *   refill    what of a queue is in memory and what on its shelf
 *   resolve   cross-references, cursors, queries: what asks the ledger
 *   greet     sessions' beginnings and ends
 *   supervise hosts' processes
 *   commit    what was submitted becomes durable; what waits for it is said
 *   lifecycle    all of it made, run and taken apart
 *   state     what is folded from the journal, empty at first
 *   recover   the state at start, from the newest checkpoint and the journal since
 *   checkpoint   the state written down from time to time
 *   window_move   the window of duplicates put into a file that could not be made before
 *   carry     records that are needed copied forward, so that old extents can go
 *
 * Thread: owner (the loop's). Errors: as each function says.
 */
#ifndef PH_BROKER_BROKER_H
#define PH_BROKER_BROKER_H

#include <stdbool.h>
#include <stdint.h>
#include <packhorse/error.h>
#include "broker/backlog.h"
#include "broker/damage.h"
#include "broker/destination.h"
#include "broker/duplicate.h"
#include "broker/ledger.h"
#include "broker/record.h"
#include "broker/route.h"
#include "broker/session.h"
#include "broker/sitekey.h"
#include "broker/store.h"
#include "broker/token.h"
#include "broker/xref.h"
#include "lib/base/fs.h"
#include "lib/base/table.h"
#include "lib/site/site.h"
#include "lib/wire/loop.h"
#include "lib/wire/socket.h"

#define PH_BROKER_MAGIC	   0x50484252u /* "PHBR" */
#define PH_BROKER_ENDPOINT 128	       /* bytes of an endpoint's name */

typedef struct ph_broker ph_broker;
typedef struct ph_supervisor ph_supervisor;
typedef struct ph_checkpoints ph_checkpoints;
typedef struct ph_carry ph_carry;
typedef struct ph_window_move ph_window_move;

/* Something that waits for the ledger's answer: first member of whatever that is. */
typedef struct ph_question ph_question;
struct ph_question {
	ph_question *next, **back;	  /* in the broker's list */
	void (*abandon)(ph_question *at); /* there will be no answer: free it */
};

/* What is counted beside the books of the queues. */
typedef struct ph_broker_counts {
	uint64_t messages;  /* accepted, each once */
	uint64_t refused;   /* publishes refused */
	uint64_t repeats;   /* publishes recognised as repeats */
	uint64_t conflicts; /* same id, other content; or a binding that contradicts */
} ph_broker_counts;

struct ph_broker {
	uint32_t magic;
	const ph_clock *clock;
	const ph_fs *fs;
	uint32_t shelf_entries; /* of one file of a shelf; 0: as usual */
	bool alone;		/* the journal makes no threads */
	bool past_damage;	/* somebody wishes it to be opened past damage */
	ph_loop *loop;
	ph_site *site;
	ph_sitekey key;
	ph_store *store;
	ph_ledger *ledger; /* NULL in tests that do without */
	ph_socket *router;
	ph_backlog *backlog;
	ph_duplicates *duplicates;
	ph_window_move *move; /* of duplicates, into a file; NULL: none */
	ph_routes *routes;
	ph_tokens *tokens;
	ph_xref *xref;
	ph_table *cursors;  /* name -> ph_cursor */
	ph_table *progress; /* delivery number -> ph_progress */
	ph_destinations *destinations;
	ph_carry *carry;
	ph_sessions *sessions;
	ph_checkpoints *checkpoints; /* NULL until the state is recovered */
	ph_supervisor *supervisor;   /* NULL until started */
	struct ph_control *control;  /* NULL until opened */
	ph_question *questions;	     /* asked and not answered */
	struct ph_operation *operations,
	    *operations_last; /* replies that wait until all is durable */
	ph_timer *timer;      /* the next thing that is due */
	ph_timer *idle;	      /* tells the store that nothing happens */
	ph_timer *slow;	      /* tries again to send to a peer that reads slowly */
	int64_t tend_ms;      /* when sessions are looked at next (mono) */
	int64_t retain_ms;    /* when old extents are looked at next (mono) */
	int64_t
	    retain_by_ms; /* and by when at the latest; INT64_MAX: when something happens */
	bool retain_waits;  /* an extent that is too old waits for checkpoints alone */
	bool reshelved;	    /* a shelf has new files that no checkpoint names yet */
	bool retain_urgent; /* so does all that is new, since the disk is full */
	uint64_t
	    checkpoint_bytes; /* of the newest checkpoint; 0: of an earlier process */
	uint64_t kept_for;    /* `written` when the store was told last what to leave */
	int64_t told_ms;      /* when a refusal was logged last (mono) */
	uint64_t turns;
	size_t read_left;    /* bytes of old messages that this turn may still read */
	unsigned serve_from; /* queue with which the next turn begins to hand out */
	uint64_t last_acceptance;
	ph_position last_position; /* of the last record; offset 0: none yet */
	ph_position gate;	   /* what was sealed may be said past this position */
	uint64_t begun_bytes;	   /* `written` when the last batch was begun */
	ph_position known;  /* bindings of records before it may be missing in xref */
	uint64_t written;   /* bytes of records submitted since the start */
	uint64_t recovered; /* the last acceptance of an earlier process */
	uint64_t queue_memory; /* ready deliveries of one queue kept in memory */
	uint32_t generation;   /* of the configuration: the beginning of its digest */
	ph_broker_counts counts;
	ph_damage damage;   /* that the journal was opened past */
	int64_t started_ms; /* wall */
	ph_buffer record;   /* the record that is being encoded */
	bool dirty;	    /* something was submitted since the last batch was begun */
	bool away;	    /* a batch was started, and is not known to be durable */
	bool starved;	    /* something to hand out is not durable yet */
	bool more;	    /* the router may have more frames */
	bool accepting;	    /* false: the disk is nearly full */
	bool partition_held;		   /* the store has given us its partition */
	bool failed;			   /* the store has failed: say nothing more */
	bool recovering;		   /* the journal is being read */
	char instance[33];		   /* random; of this process */
	char endpoint[PH_BROKER_ENDPOINT]; /* of the bus */
};

/* Submit the record in broker->record, with `message` (length 0: none) behind it. */
ph_status ph_broker_submit(ph_broker *broker, ph_record_type type, ph_store_need need,
    const void *message, size_t message_length, uint64_t *offset, ph_error *err);
/* The message of an entry, from memory or the journal. *out is yours. */
ph_status ph_broker_message(
    ph_broker *broker, ph_entry *entry, ph_message **out, ph_error *err);
/* The message of an acceptance whose record is at `offset`. *out is yours. */
ph_status ph_broker_message_at(ph_broker *broker, uint64_t acceptance, uint64_t offset,
    ph_message **out, ph_error *err);
/* Note a question down before it is asked, and strike it out when it is answered. */
void ph_question_note(
    ph_broker *broker, ph_question *at, void (*abandon)(ph_question *at));
void ph_question_strike(ph_question *at);
/* There will be no answers any more. */
void ph_questions_abandon(ph_broker *broker);
/* Wall clock. */
int64_t ph_broker_now(const ph_broker *broker);
/* What a peer said, as a record has it. */
static inline ph_view
ph_view_of_slice(ph_slice slice)
{
	return (ph_view){slice.data, slice.length};
}

#endif
