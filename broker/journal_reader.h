/*
 * journal_reader - what readers of the journal may see, and a reader that walks over it.
 *
 * The view is the one thing that the journal's loop and the readers' threads share: where the
 * files are (never changes while it is open), which ranges are damaged (the same), which file is
 * the oldest, and how far the journal is durable (these grow). A reader has its own descriptors
 * and its own memory. A file may be trimmed, and its blocks be used for other records, while a
 * reader is at it: no checksum is right then, so a reader that fails looks at what is kept before
 * it calls anything damaged.
 *
 * Thread: a view: any; a reader: owner. Errors: as store.h says for readers.
 */
#ifndef PH_BROKER_JOURNAL_READER_H
#define PH_BROKER_JOURNAL_READER_H

#include "broker/journal.h"
#include "broker/journal_batch.h"
#include "broker/segment.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ph_journal_view ph_journal_view;

/* A position of the journal: the segment in the upper half, the byte in the lower. */
static inline uint64_t
ph_journal_offset(uint32_t segment, uint64_t byte)
{
	return (uint64_t) segment << 32 | byte;
}

/* `report` lends the damaged ranges; `oldest` is the number of the first segment. */
ph_status ph_journal_view_new(const ph_fs *fs, const char *directory,
    const uint8_t id[PH_SEGMENT_ID], uint32_t oldest, const ph_journal_report *report,
    ph_journal_view **out, ph_error *err);
/* No reader may be left. */
void ph_journal_view_destroy(ph_journal_view **view_p);
/* Number of the oldest segment that may be read. */
uint32_t ph_journal_view_oldest(const ph_journal_view *view);
/* What is before segment `oldest` is not kept any more. Called by the journal's loop alone. */
void ph_journal_view_trim(ph_journal_view *view, uint32_t oldest);
/* Is this segment trimmed? Then *err says so: PH_ERR_NOT_FOUND. Ask again after a failed read: the
 * segment may have been trimmed meanwhile. */
ph_status ph_journal_view_kept(
    const ph_journal_view *view, uint32_t number, ph_error *err);
/* One more range that readers pass over; before there are readers. */
void ph_journal_view_damage(ph_journal_view *view, const ph_journal_range *range);
/* Is the record with this sequence in a range that readers pass over? */
bool ph_journal_view_lost(const ph_journal_view *view, uint64_t sequence);
/* The journal is durable up to here. Called by the journal's loop alone. */
void ph_journal_view_advance(ph_journal_view *view, uint64_t durable, uint64_t last);
/* A batch that begins at this position is about to be called durable: its memory may be kept for a
 * reader that follows (journal_recent.h). Called by the journal's loop alone. */
void ph_journal_view_keep(ph_journal_view *view, uint64_t start, ph_batch *batch);
/* Is a batch of this length kept for a reader that follows? */
bool ph_journal_view_wants(ph_journal_view *view, size_t length);
uint64_t ph_journal_view_durable(const ph_journal_view *view);
uint64_t ph_journal_view_last(const ph_journal_view *view);
/* Open a segment for reading; its header is checked. PH_ERR_NOT_FOUND, PH_ERR_DAMAGED. */
ph_status ph_journal_view_open(const ph_journal_view *view, uint32_t number, int *fd,
    uint64_t *size, ph_segment_head *head, ph_error *err);

ph_status ph_journal_reader_new(ph_journal_view *view, ph_position from, uint64_t after,
    ph_store_reader **out, ph_error *err);

#ifdef __cplusplus
}
#endif
#endif
