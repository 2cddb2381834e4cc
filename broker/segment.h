/*
 * segment - one file of the journal: its header, its records, and a cursor over them.
 *
 * A segment is a header block and then records, one after another, each on a multiple of 8
 * bytes; after the last one there are zeros. Every checksum begins with the journal's id and the
 * segment's number, so bytes that were valid in another file or another place are not valid
 * here. The layout is in doc/journal.md, byte by byte.
 *
 * Thread: owner. Errors: PH_ERR_DAMAGED, PH_ERR_VERSION, PH_ERR_NOT_FOUND (no valid record here),
 * PH_ERR_IO, PH_ERR_NOMEM.
 */
#ifndef PH_BROKER_SEGMENT_H
#define PH_BROKER_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <packhorse/error.h>
#include "lib/base/fs.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PH_SEGMENT_VERSION 1u
#define PH_SEGMENT_HEAD	   4096u /* bytes of the header block; records start after it */
#define PH_SEGMENT_ID	   16	 /* bytes of a journal's id */
#define PH_FRAME_HEAD	   32u	 /* bytes before a record's body */
#define PH_SEGMENT_NAME	   32	 /* bytes of a file's name, the zero included */
#define PH_SEGMENT_PATH	   4096u /* bytes of its path, the zero included */

typedef struct ph_segment_head {
	uint8_t id[PH_SEGMENT_ID]; /* the journal's, random */
	uint32_t number;	   /* the segment's, from 1, never used again */
	uint32_t oldest; /* number of the oldest segment kept when this one was made */
	uint64_t bytes;	 /* size it was made with */
	uint64_t first;	 /* sequence of its first record: all before it were synced */
	uint64_t epoch;	 /* of the open that made it */
	int64_t made_ms; /* wall time */
} ph_segment_head;

/* The start value of all checksums in a segment. */
uint32_t ph_segment_salt(const uint8_t id[PH_SEGMENT_ID], uint32_t number);
/* "0000000003.segment" */
void ph_segment_name(uint32_t number, char out[PH_SEGMENT_NAME]);
/* "<directory>/0000000003.segment"; PH_ERR_USAGE: longer than PH_SEGMENT_PATH. */
ph_status ph_segment_path(
    const char *directory, uint32_t number, char out[PH_SEGMENT_PATH], ph_error *err);
/* The number in a file's name; 0 if it is not a segment's. */
uint32_t ph_segment_name_number(const char *name);

void ph_segment_head_encode(const ph_segment_head *head, uint8_t out[PH_SEGMENT_HEAD]);
/* PH_ERR_DAMAGED, or PH_ERR_VERSION (*err says which version it is). */
ph_status ph_segment_head_decode(
    const uint8_t in[PH_SEGMENT_HEAD], ph_segment_head *out, ph_error *err);
/* Read and check the header of an open file. */
ph_status ph_segment_head_read(
    const ph_fs *fs, int fd, uint32_t number, ph_segment_head *out, ph_error *err);

/* What stands before a body. */
typedef struct ph_frame {
	uint64_t sequence;
	int64_t wall_ms;
	uint32_t length; /* bytes of the body, padding left out */
	uint32_t lag; /* sequence - lag was known to be synced when this was written */
	uint32_t body_crc;
	uint8_t type;
} ph_frame;

/* Bytes that a record with this body takes in the file. */
static inline uint64_t
ph_frame_size(uint64_t length)
{
	return PH_FRAME_HEAD + ((length + 7) & ~(uint64_t) 7);
}

/* Write the 32 bytes before a body; frame->body_crc must be set. */
void ph_frame_encode(const ph_frame *frame, uint32_t salt, uint8_t out[PH_FRAME_HEAD]);
/* False: these are not the first bytes of a record of this segment. */
bool ph_frame_decode(const uint8_t in[PH_FRAME_HEAD], uint32_t salt, ph_frame *out);
/* The checksum of a body, `padded` bytes with its padding. */
uint32_t ph_frame_body_crc(uint32_t salt, const uint8_t *body, size_t padded);

/*
 * A cursor over the records of one open file. It reads through a window and believes nothing:
 * a record counts only when both checksums, its length and its sequence are right. Only bytes
 * that were lent to it are taken to be what was written.
 */
typedef struct ph_cursor {
	const ph_fs *fs;
	int fd;
	uint32_t salt;
	uint64_t limit;	   /* bytes of the file that may be looked at */
	uint64_t offset;   /* where the next record should start */
	uint64_t sequence; /* what its sequence should be; 0: any */
	size_t chunk;	   /* least bytes to read at a time */
	uint8_t *memory;   /* of its own, to read into */
	size_t memory_size;
	const uint8_t *window; /* that, or bytes that were lent */
	uint64_t window_start; /* offset of window[0] in the file */
	size_t window_length;
	bool lent; /* by who framed them: the checksums are right */
} ph_cursor;

void ph_cursor_init(ph_cursor *cursor, const ph_fs *fs, size_t chunk);
void ph_cursor_fini(ph_cursor *cursor);
/* Look at another file, or at the same one anew. The memory to read into is kept. */
void ph_cursor_set(ph_cursor *cursor, int fd, uint32_t salt, uint64_t limit,
    uint64_t offset, uint64_t sequence);
/* Look at these bytes of the file, whole records, from `start` on instead of reading them; lent until
 * the cursor has moved past them or is set anew. */
void ph_cursor_lend(
    ph_cursor *cursor, const uint8_t *bytes, size_t length, uint64_t start);
/* Is the byte at the offset in the window? */
static inline bool
ph_cursor_has(const ph_cursor *cursor)
{
	return cursor->offset - cursor->window_start < cursor->window_length;
}

/*
 * The record at the offset; then the cursor stands behind it. *body is borrowed until the next
 * call. PH_ERR_NOT_FOUND: there is no valid record there, and the cursor has not moved.
 */
ph_status ph_cursor_next(
    ph_cursor *cursor, ph_frame *frame, const uint8_t **body, ph_error *err);
/* Move on to the next place after the offset and before `until` where a valid record starts
 * whose sequence is larger than the expected one. PH_ERR_NOT_FOUND: none; not moved. */
ph_status ph_cursor_resync(ph_cursor *cursor, uint64_t until, ph_error *err);
/* Offset behind the last byte from `offset` to the limit that is not zero; `offset` if none. */
ph_status ph_cursor_used(ph_cursor *cursor, uint64_t *end, ph_error *err);
/* `length` bytes at an offset, borrowed until the next call; PH_ERR_NOT_FOUND past the limit. */
ph_status ph_cursor_bytes(ph_cursor *cursor, uint64_t offset, size_t length,
    const uint8_t **out, ph_error *err);

/* pwrite until all is written, through the page cache from where a write past it (fs.h) is refused;
 * PH_ERR_IO with errno. */
ph_status ph_segment_write(const ph_fs *fs, int fd, const uint8_t *bytes, size_t length,
    uint64_t offset, ph_error *err);

#ifdef __cplusplus
}
#endif
#endif
