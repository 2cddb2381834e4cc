/*
 * journal_scan - look at every file of a journal and say what is there. Changes nothing.
 *
 * Thread: owner. Errors: PH_ERR_DAMAGED never (damage is a finding, in the report),
 * PH_ERR_VERSION, PH_ERR_IO, PH_ERR_NOMEM.
 */
#ifndef PH_BROKER_JOURNAL_SCAN_H
#define PH_BROKER_JOURNAL_SCAN_H

#include "broker/journal.h"
#include "broker/segment.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Body of a mark: what the journal says about itself. */
#define PH_MARK_BODY 16u
typedef enum ph_mark_kind {
	PH_MARK_OPEN = 1,
	PH_MARK_IDLE = 2,
	PH_MARK_CLOSE = 3,
	PH_MARK_TRIM = 4
} ph_mark_kind;

typedef struct ph_mark {
	uint64_t epoch;	 /* of the open that wrote it */
	uint32_t oldest; /* number of the oldest segment kept */
	uint8_t kind;	 /* ph_mark_kind */
} ph_mark;

void ph_mark_encode(const ph_mark *mark, uint8_t out[PH_MARK_BODY]);
/* PH_ERR_DAMAGED. */
ph_status ph_mark_decode(const void *body, size_t length, ph_mark *out, ph_error *err);

/* Does the record say anything of anybody, so that it should not be kept for ever? Marks do not. */
bool ph_scan_says(const ph_frame *frame);

/* Who wants to know more than the report has room for; members may be NULL. What is found in files
 * before the oldest one kept, which the scan knows at its end, is no damage. */
typedef struct ph_scan_watch {
	void (*progress)(void *self, uint64_t done, uint64_t bytes); /* of all files */
	void (*damage)(void *self, const ph_journal_range *range);
	void *self;
} ph_scan_watch;

/* One file. */
typedef struct ph_scan_file {
	uint32_t number;
	bool readable; /* its header is valid and of this journal */
	uint64_t size;
	uint64_t cut; /* 0, or where it should have been cut and was not yet */
	ph_segment_head head;
} ph_scan_file;

typedef struct ph_journal_scan {
	size_t count; /* files */
	ph_scan_file *files;
	uint8_t id[PH_SEGMENT_ID]; /* of the journal, if a header is readable */
	bool has_id;
	uint32_t
	    oldest; /* number of the oldest segment that is kept; before it only what
			    a trim has left */

	/* The rest speaks of the last file, unless its header is unreadable. */
	uint64_t end;	 /* behind its last good record */
	uint64_t used;	 /* behind its last byte that is not zero */
	uint64_t next;	 /* sequence that a next record would have */
	uint64_t proven; /* highest sequence that a mark says was synced */
	uint64_t tail;	 /* offset of the first record that is not proven */
	uint64_t
	    tail_first; /* its sequence; what is between it and `proven` is damaged */
	bool settled;	/* all is proven but a mark at the very end, at `mark_at` */
	uint64_t mark_at;
	ph_frame mark_frame;
	uint8_t mark_body[PH_MARK_BODY];
	bool holds;	  /* it has a record that says anything */
	int64_t since_ms; /* wall time of the first of them */
	bool lost_end;	  /* its end, or all of it, is missing: see the damage */

	uint64_t bytes;		    /* of all files */
	uint64_t before;	    /* of the files that have been read */
	const ph_scan_watch *watch; /* while it looks; NULL: nobody */
	ph_journal_report report;
} ph_journal_scan;

/* Look. *out is filled in any case; ph_journal_scan_fini it. */
ph_status ph_journal_scan_run(
    const ph_fs *fs, const char *directory, ph_journal_scan *out, ph_error *err);
/* The same, and *watch (NULL allowed) is told on the way. */
ph_status ph_journal_scan_watched(const ph_fs *fs, const char *directory,
    const ph_scan_watch *watch, ph_journal_scan *out, ph_error *err);
/* The first sequence of the next readable file after this one: where its own records end; 0: none. */
uint64_t ph_journal_scan_stop(const ph_journal_scan *scan, size_t index);
void ph_journal_scan_fini(ph_journal_scan *scan);

#ifdef __cplusplus
}
#endif
#endif
