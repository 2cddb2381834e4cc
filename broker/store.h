/*
 * store - the one log that everything else is a view of, behind a small table of functions.
 *
 * A store keeps records in order. A record is a type and a body (record.h); the store knows
 * neither. Submitting puts a record into the next batch and tells its position; flushing makes
 * the batch durable. Starting lets it become durable while the next one gathers: the durable
 * position passes its records later, in their order. Only a record before the durable position may be acknowledged, delivered,
 * counted or used for duplicates. Within a partition positions grow with every record; their
 * offset means something to the store alone, and a position may move when a store is opened
 * again after a crash. A sequence never changes: it counts records from 1, without gaps, for
 * ever.
 *
 * A failed write or sync is never tried again: the store is *failed* from then on, every call
 * that would write gives the first error again, and the program must end with an error.
 *
 * Old records are given back by the extent, which is a stretch of positions that only the store
 * knows the beginnings of: what is before the oldest extent that is kept can be read no more. A store
 * ends an extent when it is full, and may end one for the age of what is in it.
 *
 * A partition belongs to one owner at a time. The store tells its owner which are his: they are
 * assigned, and may be revoked when another is to have them. The local store (journal.h) has one
 * partition, number 0, which is its owner's for as long as the store is open.
 *
 * Thread: a store belongs to its loop, except ph_store_durable, ph_store_last and
 * ph_store_reader_new (any). A reader belongs to one thread, which may be another than the
 * store's; it must be destroyed before the store closes.
 * Errors: as each function says; PH_ERR_IO for good once failed.
 */
#ifndef PH_BROKER_STORE_H
#define PH_BROKER_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <packhorse/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Most bytes of one record's body: a message of 1 MiB and all that is said about it. */
#define PH_STORE_BODY_MAX (2u << 20)
/* A body of no more bytes says nothing of anybody: no extent is ended because it has grown old. */
#define PH_STORE_NOTHING  4u

typedef struct ph_store ph_store;
typedef struct ph_store_reader ph_store_reader;

typedef struct ph_position {
	uint32_t partition; /* the local store has only 0 */
	uint64_t
	    offset; /* the store's own; grows within a partition; 0 is the beginning */
} ph_position;

/* One piece of a body; the pieces of a record are joined as they are copied. */
typedef struct ph_store_part {
	const void *bytes;
	size_t length;
} ph_store_part;

/* What a record is written for. */
typedef enum ph_store_need {
	PH_STORE_NEW, /* something new: refused first when the disk fills */
	PH_STORE_ESSENTIAL /* what was taken on already (outcomes, dead letters): may use the reserve */
} ph_store_need;

/* One record as it was written. */
typedef struct ph_store_record {
	ph_position position; /* where it is */
	uint64_t sequence;    /* which it is, from 1 */
	int64_t wall_ms;      /* when its batch was begun */
	uint8_t type;	      /* ph_record_type */
	const uint8_t
	    *body;     /* borrowed until the next call with the same store or reader */
	size_t length; /* bytes in the body */
} ph_store_record;

/* One extent. */
typedef struct ph_store_span {
	ph_position begin;
	ph_position
	    next; /* the beginning of the one after it; offset 0: it is the last */
	uint64_t bytes; /* that it takes */
	int64_t
	    until_ms; /* wall time when the one after it was begun; 0: it is the last */
} ph_store_span;

typedef struct ph_store_space {
	uint64_t
	    open; /* bytes that new records may still take, as far as is known now */
	uint64_t reserve; /* bytes kept for essential records */
	uint64_t used;	  /* bytes that the extents take */
	bool accepting;	  /* false: PH_STORE_NEW is refused for want of space */
	const char *why;  /* then: for the log; borrowed until the next call */
} ph_store_space;

/* Who is told about partitions; called on the store's own thread, from inside its functions. */
typedef struct ph_store_owner {
	void *self;
	/* It is ours from now on: its records may be read, and new ones submitted. */
	void (*assigned)(void *self, uint32_t partition);
	/* It is ours no more. All of ours that is durable is before `end`; what was submitted behind
	 * it is not kept, must not be acknowledged, and its sender will send it again. */
	void (*revoked)(void *self, uint32_t partition, ph_position end);
} ph_store_owner;

/* What an implementation fills in; callers use the functions below. */
typedef struct ph_store_ops {
	const char *name; /* "local" */

	/* How often poll has to be called, whatever else happens: what others do to partitions is
	 * noticed in no other way. 0: no need. */
	int64_t poll_ms;

	/*
	 * Add a record to the batch and give its position. The parts are copied before this
	 * returns. All or nothing: whatever the error, no part of the record is in the batch. May
	 * write and sync what was submitted before, never this record.
	 */
	ph_status (*submit)(ph_store *store, uint8_t type, ph_store_need need,
	    const ph_store_part *parts, size_t count, ph_position *position,
	    ph_error *err);

	/*
	 * Make everything that was submitted durable, and wait until it is. On PH_OK *durable is
	 * the end of what is durable now. An empty batch costs nothing.
	 */
	ph_status (*flush)(ph_store *store, ph_position *durable, ph_error *err);

	/*
	 * Begin to make the batch durable; waits for earlier ones if the store takes no more at
	 * once. A store that cannot do two things at a time flushes.
	 */
	ph_status (*start)(ph_store *store, ph_error *err);

	/* What has become of the batches that were started; see ph_store_poll. */
	ph_status (*poll)(
	    ph_store *store, bool wait, ph_position *durable, ph_error *err);

	/* The end of what is durable. Any thread. */
	ph_position (*durable)(const ph_store *store);

	/* The sequence of the last durable record; 0 if there is none. Any thread. */
	uint64_t (*last)(const ph_store *store);

	/* The record at a position that submit, read or a reader gave since the store was opened. */
	ph_status (*read)(ph_store *store, ph_position position,
	    ph_store_record *record, ph_error *err);

	/* Is this record in a range that the open went past? May be NULL: there is none. */
	bool (*lost)(const ph_store *store, uint64_t sequence);

	/* What is submitted next will be read again; see ph_store_expect_read. May be NULL. */
	void (*expect_read)(ph_store *store);

	/* A reader from a position; see ph_store_reader_new. */
	ph_status (*reader)(ph_store *store, ph_position from, uint64_t after,
	    ph_store_reader **out, ph_error *err);

	/* Give the extents back that are wholly before a position; see ph_store_trim. */
	ph_status (*trim)(ph_store *store, ph_position before, ph_error *err);

	/* The beginning of the extent that holds a position. Pure. */
	ph_position (*extent)(const ph_store *store, ph_position position);

	/* The extent that holds a position; see ph_store_span_of. */
	ph_status (*span)(
	    ph_store *store, ph_position position, ph_store_span *out, ph_error *err);

	/* Nothing has been submitted for a while: note down that all there is is durable. */
	ph_status (*idle)(ph_store *store, ph_error *err);

	/* Room, and whether new records are taken. */
	ph_status (*space)(ph_store *store, ph_store_space *out, ph_error *err);

	/* Room that is left to others; see ph_store_keep. May be NULL. */
	void (*keep)(ph_store *store, uint64_t bytes);

	/* Who is told of partitions; see ph_store_own. */
	void (*own)(ph_store *store, const ph_store_owner *owner);

	/* How often the store has been taken into possession: grows with every open. */
	uint64_t (*epoch)(const ph_store *store);

	/* Flush, note the clean end, let go. The store is freed even on error. */
	ph_status (*close)(ph_store *store, ph_error *err);
} ph_store_ops;

typedef struct ph_store_reader_ops {
	/* The next record before the durable position; see ph_store_reader_next. */
	ph_status (*next)(
	    ph_store_reader *reader, ph_store_record *record, ph_error *err);
	void (*destroy)(ph_store_reader *reader);
} ph_store_reader_ops;

/* An implementation's struct starts with this. */
struct ph_store {
	uint32_t magic; /* the implementation's own */
	const ph_store_ops *ops;
};

struct ph_store_reader {
	uint32_t magic;
	const ph_store_reader_ops *ops;
};

/*
 * Add a record to the batch; *position is where it will be.
 * PH_ERR_FULL: no room on the disk for this need: refuse the message, go on with the rest; room
 * that is made later is found by itself. PH_ERR_TOO_LARGE, PH_ERR_NOMEM: this record only.
 * PH_ERR_IO: the store has failed.
 */
static inline ph_status
ph_store_submit(ph_store *store, uint8_t type, ph_store_need need,
    const ph_store_part *parts, size_t count, ph_position *position, ph_error *err)
{
	return store->ops->submit(store, type, need, parts, count, position, err);
}

/* Make everything submitted durable, and wait; *durable (NULL allowed) is the end of what is. */
static inline ph_status
ph_store_flush(ph_store *store, ph_position *durable, ph_error *err)
{
	return store->ops->flush(store, durable, err);
}

/*
 * Begin to make what was submitted durable, and do not wait for it. PH_OK promises nothing yet:
 * ph_store_poll says how it went.
 */
static inline ph_status
ph_store_start(ph_store *store, ph_error *err)
{
	return store->ops->start(store, err);
}

/*
 * *durable (NULL allowed) is the end of what is durable by now; with `wait`, once everything started is. The
 * durable position moves in this call, in those that wait, and where an extent ends, never between. PH_ERR_IO: a batch
 * that was started has failed, and with it the store.
 */
static inline ph_status
ph_store_poll(ph_store *store, bool wait, ph_position *durable, ph_error *err)
{
	return store->ops->poll(store, wait, durable, err);
}

/* At least so often ph_store_poll is to be called; 0: no need. */
static inline int64_t
ph_store_poll_every(const ph_store *store)
{
	return store->ops->poll_ms;
}

/* The end of what is durable: every record at a smaller offset is. */
static inline ph_position
ph_store_durable(const ph_store *store)
{
	return store->ops->durable(store);
}

/*
 * The sequence of the last durable record. Who keeps a view outside the store (the ledger)
 * compares it, before anything is submitted, with the last sequence applied to the view: a
 * view that is ahead has seen records that were lost, and must be built again.
 */
static inline uint64_t
ph_store_last(const ph_store *store)
{
	return store->ops->last(store);
}

/*
 * The record at a position. PH_ERR_AGAIN: not durable yet. PH_ERR_NOT_FOUND: trimmed. PH_ERR_DAMAGED: what is there is not what was written; nothing is served.
 */
static inline ph_status
ph_store_read(
    ph_store *store, ph_position position, ph_store_record *record, ph_error *err)
{
	return store->ops->read(store, position, record, err);
}

/*
 * Is the record with this sequence in a damaged range that the store was opened past? Whoever has seen
 * it may believe what it remembers: the store cannot tell. Any thread.
 */
static inline bool
ph_store_lost(const ph_store *store, uint64_t sequence)
{
	return store->ops->lost != NULL && store->ops->lost(store, sequence);
}

/*
 * What is submitted next is not kept in memory by whoever submits it, and will be read when its turn
 * comes: a store that can keep it near at some cost had better.
 */
static inline void
ph_store_expect_read(ph_store *store)
{
	if (store->ops->expect_read != NULL)
		store->ops->expect_read(store);
}

/*
 * Nothing before `before` is needed any more: extents wholly before it are given back. On PH_OK
 * it is durable that they are not kept; a read or a reader there gets PH_ERR_NOT_FOUND (a record
 * that a reader has given already stays valid), also after the next start. Flushes the batch. The
 * extent that holds the durable end always stays.
 * PH_ERR_CONFLICT: `before` lies beyond what is durable. PH_ERR_FULL: no room even to say it;
 * nothing has changed. PH_ERR_IO: the store has failed.
 */
static inline ph_status
ph_store_trim(ph_store *store, ph_position before, ph_error *err)
{
	return store->ops->trim(store, before, err);
}

/* The beginning of the extent that holds a position: itself a position to read from. */
static inline ph_position
ph_store_extent(const ph_store *store, ph_position position)
{
	return store->ops->extent(store, position);
}

/* The extent that holds a position, and where the next begins. One before the oldest that is kept
 * (offset 0) gives the oldest: what ph_store_trim could give back first. */
static inline ph_status
ph_store_span_of(
    ph_store *store, ph_position position, ph_store_span *out, ph_error *err)
{
	return store->ops->span(store, position, out, err);
}

/* Call when nothing has been submitted for some 100 ms, so that the next start has no doubts. */
static inline ph_status
ph_store_idle(ph_store *store, ph_error *err)
{
	return store->ops->idle(store, err);
}

static inline ph_status
ph_store_space_left(ph_store *store, ph_store_space *out, ph_error *err)
{
	return store->ops->space(store, out, err);
}

/*
 * Leave so many bytes of the disk to those by whose work extents can be given back (checkpoints, the
 * ledger, its snapshots): while there are fewer, PH_STORE_NEW is refused and no room is made ahead.
 * Asks the disk; call it as often as the need changes.
 */
static inline void
ph_store_keep(ph_store *store, uint64_t bytes)
{
	if (store->ops->keep != NULL)
		store->ops->keep(store, bytes);
}

/*
 * Say who is told of partitions, once, right after the open; `owner` is copied. `assigned` is called
 * for each that is ours, in this call or later in poll or flush; `revoked` in these two only.
 * Submitting while no partition is ours gives PH_ERR_CLOSED.
 */
static inline void
ph_store_own(ph_store *store, const ph_store_owner *owner)
{
	store->ops->own(store, owner);
}

static inline uint64_t
ph_store_epoch(const ph_store *store)
{
	return store->ops->epoch(store);
}

/* Flush and close. *store_p is NULL afterwards, even on error; NULL allowed. */
static inline ph_status
ph_store_close(ph_store **store_p, ph_error *err)
{
	ph_store *store = *store_p;

	*store_p = NULL;
	return store == NULL ? PH_OK : store->ops->close(store, err);
}

/*
 * A reader that starts at `from` (offset 0: at the oldest record) and passes over records whose
 * sequence is `after` or less (0: none). Who comes back after a restart gives the position and
 * the sequence of the last record it has seen; the reader finds the next one even where the
 * position has moved. Any thread, while the store is open.
 * PH_ERR_CONFLICT: `from` or `after` lies beyond the end of what is durable. PH_ERR_NOT_FOUND:
 * `from` is trimmed.
 */
static inline ph_status
ph_store_reader_new(ph_store *store, ph_position from, uint64_t after,
    ph_store_reader **out, ph_error *err)
{
	return store->ops->reader(store, from, after, out, err);
}

/*
 * The next record, whole and checked, the store's own marks left out. PH_ERR_AGAIN: none is
 * durable yet; call again later. PH_ERR_DAMAGED: see ph_store_read; the reader stays where it is.
 * PH_ERR_NOT_FOUND: what comes next is trimmed: this reader is of no more use.
 */
static inline ph_status
ph_store_reader_next(ph_store_reader *reader, ph_store_record *record, ph_error *err)
{
	return reader->ops->next(reader, record, err);
}

static inline void
ph_store_reader_destroy(ph_store_reader **reader_p)
{
	ph_store_reader *reader = *reader_p;

	*reader_p = NULL;
	if (reader != NULL)
		reader->ops->destroy(reader);
}

#ifdef __cplusplus
}
#endif
#endif
