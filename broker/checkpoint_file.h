/*
 * checkpoint_file - the bytes of one checkpoint: sections in a sealed file.
 *
 * Writing: begin an image, begin and end sections, fill them with the buffer's writers, seal. Reading:
 * everything is checked before a byte is believed; every byte of the file stands under a checksum. A
 * section that this version does not know is passed over when it is marked as optional; else the file
 * is of a later version. The layout is in doc/checkpoint.md, byte by byte.
 *
 * Thread: pure. Errors: PH_ERR_DAMAGED, PH_ERR_VERSION, PH_ERR_NOMEM, PH_ERR_IO.
 */
#ifndef PH_BROKER_CHECKPOINT_FILE_H
#define PH_BROKER_CHECKPOINT_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <packhorse/error.h>
#include "lib/base/buffer.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PH_CHECKPOINT_SECTIONS 64 /* most in one file */

/* The numbers are on disk: never changed, never used again. */
typedef enum ph_checkpoint_tag {
	PH_CHECKPOINT_END = 0,	    /* nothing follows */
	PH_CHECKPOINT_PLACE = 1,    /* the last record that is in the state; counters */
	PH_CHECKPOINT_QUEUES = 2,   /* numbers, names, books, last errors */
	PH_CHECKPOINT_ENTRIES = 3,  /* the messages that some queue needs */
	PH_CHECKPOINT_ITEMS = 4,    /* their place in each queue, in its order */
	PH_CHECKPOINT_PROGRESS = 5, /* of deliveries that are not finished */
	PH_CHECKPOINT_CURSORS = 6,  /* how far sources have been read */
	PH_CHECKPOINT_DUPLICATES = 7, /* the window */
	PH_CHECKPOINT_ADAPTERS = 8,   /* names behind the numbers in items */
	PH_CHECKPOINT_LEDGER = 9,     /* the ledger's snapshot; optional */
	PH_CHECKPOINT_SHELVES = 10,   /* what of queues is on their shelves */
	PH_CHECKPOINT_CARRIED = 11    /* where records were carried to */
} ph_checkpoint_tag;

typedef struct ph_checkpoint_section {
	uint32_t tag;
	bool optional;
	const uint8_t *body; /* borrowed from the file's bytes */
	size_t length;
} ph_checkpoint_section;

/* A checked file. */
typedef struct ph_checkpoint_file {
	uint64_t number;  /* as in its name */
	int64_t taken_ms; /* wall */
	size_t count;
	ph_checkpoint_section sections[PH_CHECKPOINT_SECTIONS];
} ph_checkpoint_file;

/* Begin an image in an empty buffer. */
void ph_checkpoint_image_begin(ph_buffer *image, uint64_t number, int64_t taken_ms);
/* Begin a section; give what it returns to its end. */
size_t ph_checkpoint_section_begin(ph_buffer *image, uint32_t tag, bool optional);
void ph_checkpoint_section_end(ph_buffer *image, size_t section);
/* Close the image and work out its checksums. image->failed: it did not fit. */
void ph_checkpoint_image_seal(ph_buffer *image);

/* Check all of it. The file borrows from `bytes`. PH_ERR_DAMAGED: `err` says which part. */
ph_status ph_checkpoint_file_parse(
    const void *bytes, size_t length, ph_checkpoint_file *out, ph_error *err);
/* NULL: it has no such section. */
const ph_checkpoint_section *ph_checkpoint_file_find(
    const ph_checkpoint_file *file, uint32_t tag);

#ifdef __cplusplus
}
#endif
#endif
