/*
 * journal_batch - framed records in memory, laid out as they will be in the file: by whole pages.
 *
 * A batch begins and ends anywhere in a page of the file. It is written from the beginning of the
 * first page, whose bytes before the batch are in the file already and are written again as they
 * are, to the end of the last, which is filled up with zeros. So the memory of a batch begins at a
 * page, has room for what stands before the records, and for what fills up behind them.
 *
 * Thread: owner. Errors: none but false: no memory.
 */
#ifndef PH_BROKER_JOURNAL_BATCH_H
#define PH_BROKER_JOURNAL_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PH_BATCH_PAGE 4096u /* bytes that are written at least */

/* All zeros: no memory. */
typedef struct ph_batch {
	uint8_t *bytes; /* the first record */
	size_t length;	/* of the records */
	size_t size;	/* bytes of them that there is room for */
	uint8_t *page; /* where the first page begins: at a multiple of PH_BATCH_PAGE */
	void *memory;  /* what was allocated */
} ph_batch;

/* Bytes to write, and where in the file. */
typedef struct ph_span {
	const uint8_t *bytes;
	size_t length;
	uint64_t offset;
} ph_span;

/* What stands in the file before the end, in the same page. */
typedef struct ph_batch_edge {
	uint8_t bytes[PH_BATCH_PAGE];
} ph_batch_edge;

/* Memory for `size` bytes of records in an empty batch; false: none, and the batch is all zeros. */
bool ph_batch_new(ph_batch *batch, size_t size);
void ph_batch_free(ph_batch *batch);
/* Room for `more` bytes behind the records of a batch that goes to place `at` of the file. */
bool ph_batch_reserve(ph_batch *batch, uint64_t at, size_t more);
/* Whole pages with the batch, which goes to place `at`, in them. `edge` is what stands before it,
 * and becomes what stands before its end. */
ph_span ph_batch_span(ph_batch *batch, uint64_t at, ph_batch_edge *edge);

#ifdef __cplusplus
}
#endif
#endif
