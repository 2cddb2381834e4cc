/*
 * journal - the local store: one append-only log in preallocated files.
 *
 * Implements store.h with one partition. Submitted records gather in one batch; a flush writes
 * the batch with one pwrite and syncs it with one fdatasync (group commit). A batch that is
 * started instead is written and synced on a thread of the journal's own, one batch at a time. Files are made,
 * filled with room and synced before a record goes into them. Opening takes the directory's lock,
 * checks every record, and mends what a crash may leave; what a crash cannot leave is damage: it
 * is named, kept and never served.
 *
 * Thread: owner; readers as in store.h. Errors: PH_ERR_AGAIN (another process has it),
 * PH_ERR_DAMAGED, PH_ERR_VERSION, PH_ERR_FULL, PH_ERR_IO, PH_ERR_NOMEM, PH_ERR_USAGE.
 */
#ifndef PH_BROKER_JOURNAL_H
#define PH_BROKER_JOURNAL_H

#include "broker/journal_range.h"
#include "broker/store.h"
#include "lib/base/clock.h"
#include "lib/base/fs.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PH_JOURNAL_SEGMENT_DEFAULT (64u << 20) /* bytes of a segment */
#define PH_JOURNAL_SEGMENT_MIN	   (1u << 20)
#define PH_JOURNAL_SEGMENT_MAX	   (1u << 30)
#define PH_JOURNAL_BATCH_DEFAULT                                                       \
	(8u << 20)	      /* bytes gathered before a flush is forced */
#define PH_JOURNAL_RANGES 128 /* damaged ranges that a report names */

typedef struct ph_journal_config {
	const char *directory; /* made (0700) if missing; nobody else's files in it */
	uint64_t
	    segment_bytes; /* 0: the default; a multiple of 4096 between MIN and MAX */
	uint64_t
	    reserve_bytes; /* kept for essential records; 0: one segment; rounded up to whole ones */
	uint64_t batch_bytes; /* 0: the default */
	uint64_t
	    keep_bytes; /* of the disk, left to others until ph_store_keep says how many */
	int64_t
	    age_ms; /* a file is ended, at idle too, when its first record that says anything is
		     * so old; 0: only when it is full */
	bool thread; /* make, zero and remove files on a thread of the journal's own */
	bool
	    past_damage; /* open although there is damage: its ranges are passed over */
	bool overlap; /* write and sync batches that are started on another such thread;
		       * without, starting one flushes it */
	const ph_fs *fs;       /* NULL: the system's; must be fit for several threads */
	const ph_clock *clock; /* NULL: the system's */
} ph_journal_config;

/* What opening found and did. */
typedef struct ph_journal_report {
	bool fresh;	    /* there was no journal: a new one was made */
	bool clean;	    /* all that was there was known to be synced */
	uint64_t records;   /* records found, marks included */
	uint64_t last;	    /* sequence of the last record found */
	uint64_t epoch;	    /* of this open */
	uint32_t segments;  /* files found */
	uint64_t rewritten; /* records of the unproven tail, copied and synced again */
	bool torn; /* the end was torn: `tail` says where; possibly acknowledged */
	ph_journal_range tail; /* cut off */
	char tail_file[64];    /* name of the copy of its bytes, in the directory */
	size_t
	    damage_count; /* damaged ranges, also those that `damage` has no room for */
	ph_journal_range damage[PH_JOURNAL_RANGES];
} ph_journal_report;

/*
 * Open the journal, or make it. *report (NULL allowed) is filled also when this fails with
 * PH_ERR_DAMAGED. *out is yours; close it with ph_store_close.
 */
ph_status ph_journal_open(const ph_journal_config *config, ph_store **out,
    ph_journal_report *report, ph_error *err);

#ifdef __cplusplus
}
#endif
#endif
