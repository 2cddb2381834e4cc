/*
 * journal_mend - from what a scan found to a journal whose end can be written.
 *
 * If everything is proven but a mark at the very end, writing goes on there; the mark is written
 * again with the next batch, since what was read may be a page that never reached the disk.
 * Otherwise, in this order: a torn end is copied aside and synced; the unproven records are
 * written to a new file with their old sequences, which is synced and then named; the old file is
 * cut before them. Until the new file has its name nothing has changed, and from then on nothing
 * counts that the old file has at or behind the new one's first sequence: a crash at any moment
 * leaves one of the two, and the next open finishes the cut.
 *
 * Thread: owner. Errors: PH_ERR_FULL, PH_ERR_IO, PH_ERR_NOMEM.
 */
#ifndef PH_BROKER_JOURNAL_MEND_H
#define PH_BROKER_JOURNAL_MEND_H

#include "broker/journal_scan.h"
#include "broker/journal_writer.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Bring the files into the state in which `writer` goes on; tells in scan->report what was done.
 * What the writer's batch then has in it goes out with its next flush. */
ph_status ph_journal_mend(ph_writer *writer, ph_journal_scan *scan, ph_error *err);

#ifdef __cplusplus
}
#endif
#endif
