/*
 * journal_inspect - a journal seen from outside: what is there, what is missing, every record.
 *
 * Nothing is changed and no lock is taken, so a broker may have the journal open, start or stop
 * meanwhile. Then only what its marks say was synced counts: what is behind that is being written,
 * and its end is not judged. A file that is trimmed while it is read is no damage.
 *
 * Thread: owner. Errors: PH_ERR_NOT_FOUND (no journal there), PH_ERR_CONFLICT (it was changed
 * while it was read: look again), PH_ERR_VERSION, PH_ERR_IO, PH_ERR_NOMEM.
 */
#ifndef PH_BROKER_JOURNAL_INSPECT_H
#define PH_BROKER_JOURNAL_INSPECT_H

#include <sys/types.h>

#include "broker/journal_scan.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ph_inspection ph_inspection;

/* How the journal ends. */
typedef enum ph_journal_end {
	PH_END_OPEN,   /* a process has it open */
	PH_END_CLOSED, /* it was closed cleanly */
	PH_END_IDLE,   /* its last mark says that all there is was synced: clean, too */
	PH_END_UNCLEAN, /* its last records may not have been synced: they are written again */
	PH_END_TORN, /* behind its last record is a part of what was being written */
	PH_END_LOST  /* its end is missing: see the damage */
} ph_journal_end;

/* "closed" */
const char *ph_journal_end_name(ph_journal_end end);

/* Told while files are read, with how many bytes of all have been; NULL: nobody asks. */
typedef struct ph_inspection_watch {
	void (*progress)(void *self, uint64_t done, uint64_t bytes);
	void *self;
} ph_inspection_watch;

/* Look at every record of the journal in a directory. *out is yours; *watch is lent until it is
 * closed. */
ph_status ph_inspection_open(const ph_fs *fs, const char *directory,
    const ph_inspection_watch *watch, ph_inspection **out, ph_error *err);
/* NULL allowed. */
void ph_inspection_close(ph_inspection **inspection_p);

/* What was found; borrowed. Its report names some of the damage only. */
const ph_journal_scan *ph_inspection_scan(const ph_inspection *inspection);
/* All damaged ranges, in order; borrowed. */
const ph_journal_range *ph_inspection_damage(
    const ph_inspection *inspection, size_t *count);
ph_journal_end ph_inspection_end(const ph_inspection *inspection);
/* Sequence of the last record that counts; 0: none. */
uint64_t ph_inspection_last(const ph_inspection *inspection);
/* Who has it open, if PH_END_OPEN; 0: nobody, or nobody knows. */
pid_t ph_inspection_holder(const ph_inspection *inspection);
/* What is torn, if PH_END_TORN. */
ph_journal_range ph_inspection_torn(const ph_inspection *inspection);

typedef struct ph_inspected {
	uint32_t segment;
	uint64_t offset;
	ph_frame frame;
	const uint8_t *body; /* borrowed until the next call */
} ph_inspected;

/* Start (again) at the first record whose sequence is not below this. */
void ph_inspection_start(ph_inspection *inspection, uint64_t sequence);
/* The next record that counts, marks too, over what is damaged. PH_ERR_AGAIN: there is no more. */
ph_status ph_inspection_next(
    ph_inspection *inspection, ph_inspected *out, ph_error *err);

#ifdef __cplusplus
}
#endif
#endif
