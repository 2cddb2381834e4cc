/*
 * journal_writer - the end of the journal: the batch, the file it goes to, and the next file.
 *
 * Records are framed in the batch at the place in the file they will have. Flushing writes and
 * syncs the batch. With a thread for it (journal_sync.h) a batch may be started instead: it goes
 * away to be written and synced there, and the next one gathers behind it meanwhile; one batch is
 * away at a time. A record that does not fit in the file flushes what is there and begins the
 * next file, whose header is thereby proof that everything before it is synced.
 *
 * After a failed write or sync nobody knows what is on the disk, so nothing is tried again: the
 * first error stays, and every further call returns it.
 *
 * Thread: owner. Errors: PH_ERR_FULL (nothing has changed), PH_ERR_NOMEM, PH_ERR_TOO_LARGE (the
 * same), PH_ERR_IO (for good).
 */
#ifndef PH_BROKER_JOURNAL_WRITER_H
#define PH_BROKER_JOURNAL_WRITER_H

#include "broker/journal_reader.h"
#include "broker/journal_room.h"
#include "broker/journal_scan.h"
#include "broker/journal_sync.h"
#include "broker/segment.h"
#include "broker/store.h"
#include "lib/base/clock.h"
#include "lib/base/fs.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes that a mark takes. */
#define PH_MARK_SIZE (PH_FRAME_HEAD + PH_MARK_BODY)

typedef struct ph_writer {
	const ph_fs *fs;
	const ph_clock *clock;
	const char *directory;	/* lent */
	uint64_t segment_bytes; /* of files made from now on */
	size_t batch_limit;	/* bytes of a batch that force a flush */
	int64_t age_ms; /* of what ends a file that is not full; 0: nothing does */
	ph_room room;	/* files made ahead */
	ph_journal_view *view; /* lent: told what is durable */

	ph_segment_head head;  /* of the file being written; its id is the journal's */
	int fd;		       /* the file, or -1 */
	uint32_t salt;	       /* start value of its checksums */
	uint64_t end;	       /* where the batch goes in it: behind the one away */
	uint64_t next;	       /* sequence of the next record */
	uint64_t synced;       /* highest sequence known to be synced */
	uint64_t epoch;	       /* of this open */
	uint32_t oldest;       /* number of the oldest file */
	uint64_t closed_bytes; /* of the files before the one being written */
	bool holds;	       /* the file has a record that says anything */
	int64_t since_ms;      /* wall time of the first of them */
	bool marked; /* a mark at the end says that all is synced, or has no room */

	ph_batch batch;
	ph_batch_edge edge; /* what stands before it in its page of the file */
	bool direct;	    /* the file is written past the page cache */
	size_t read_again;  /* so many bytes still go through it, to be read again */
	int64_t batch_ms;   /* wall time of its first record */
	ph_frame first;	    /* its first record's */

	ph_sync sync;	    /* the batch that is away, if any */
	uint64_t away_end;  /* where it ends in the file */
	uint64_t away_last; /* its last sequence */

	bool
	    doubt; /* the reserve is being made whole: new records wait to know of it */
	bool full; /* the reserve is not whole: new records are refused */
	ph_error full_why;     /* why not */
	uint64_t keep;	       /* bytes of the disk that are left to others */
	bool tight;	       /* there are fewer: new records are refused */
	int64_t full_again_ms; /* when to ask the disk again, monotonic */
	ph_error failure;      /* status not PH_OK: failed for good */
} ph_writer;

/* Fill the plain members before: fs, clock, directory, segment_bytes, batch_limit, age_ms, view,
 * epoch, oldest, the id in head. */
void ph_writer_init(ph_writer *writer);
void ph_writer_fini(ph_writer *writer);

/* A record into the batch. */
ph_status ph_writer_submit(ph_writer *writer, uint8_t type, ph_store_need need,
    const ph_store_part *parts, size_t count, ph_position *position, ph_error *err);
/* Write and sync the batch, behind the one that is away. */
ph_status ph_writer_flush(ph_writer *writer, ph_error *err);
/* Send the batch away, behind the one that is; without a thread, flush it. */
ph_status ph_writer_start(ph_writer *writer, ph_error *err);
/* If the batch that is away has landed, or once it has, what is in it is durable. PH_ERR_IO: it
 * failed. */
ph_status ph_writer_poll(ph_writer *writer, bool wait, ph_error *err);
/* An old record was read, or what is written next will be: for a while it is kept in the cache. */
void ph_writer_expect_read(ph_writer *writer);
/* A mark into the batch; false: no room for it in this file. */
bool ph_writer_mark(ph_writer *writer, ph_mark_kind kind);
/* Go on in a new file. */
ph_status ph_writer_roll(ph_writer *writer, ph_error *err);
/* The same, if what is in this one is so old that it should end, and the disk has room. */
ph_status ph_writer_age(ph_writer *writer, ph_error *err);
/* Make the reserve whole, or note that it is not. */
void ph_writer_reserve(ph_writer *writer);
/* Leave so many bytes of the disk to others: new records are refused while there are fewer. */
void ph_writer_keep(ph_writer *writer, uint64_t bytes);
/* Keep the files from number `oldest` on, and say so durably. PH_ERR_FULL: nothing has changed. */
ph_status ph_writer_trim(ph_writer *writer, uint32_t oldest, ph_error *err);

/* For opening: the file is written on at `end`. Look what stands before it. */
ph_status ph_writer_look(ph_writer *writer, ph_error *err);
/* For opening: a record that exists already, with its sequence `next`; false: no memory. */
bool ph_writer_again(ph_writer *writer, const ph_frame *frame, const uint8_t *body);
/* Describe file `number` with room for `records` bytes, and frame what follows for it. */
void ph_writer_aim(ph_writer *writer, uint32_t number, uint64_t records, uint64_t first,
    ph_segment_head *out);
/* Begin the file `head` describes, with what is in the batch as its first records. PH_ERR_FULL:
 * nothing has changed. Other errors: nobody knows. */
ph_status ph_writer_begin(
    ph_writer *writer, const ph_segment_head *head, ph_error *err);

#ifdef __cplusplus
}
#endif
#endif
