/*
 * streams - a file read whole, and the same file cut into pieces: the same comes out.
 *
 * Formats go by a letter: c CSV, t record-typed CSV, f fixed columns; g, h, i the same with
 * rows gathered; x XML (the way is r:rows/case/item), j JSON (rows/item).
 *
 * Thread: one. Errors: it aborts where a promise is broken.
 */
#ifndef PH_TESTS_STREAMS_H
#define PH_TESTS_STREAMS_H

#include "lib/base/buffer.h"
#include "lib/codec/pieces.h"

/* Does somebody know this letter? */
bool ph_test_stream_known(char letter);
/* Read `bytes` whole; what its records are is appended to `out`. */
ph_status ph_test_stream_whole(
    char letter, const void *bytes, size_t length, ph_buffer *out, ph_error *err);
/* In pieces of at least `target` bytes, read `chunk` bytes at a time. `longest` 0: as it is.
 * *count is the number of pieces. */
ph_status ph_test_stream_pieces(char letter, const void *bytes, size_t length,
    size_t target, size_t chunk, size_t longest, ph_buffer *out, size_t *count,
    ph_error *err);
/* Both, compared; true: it was accepted. */
bool ph_test_stream_same(
    char letter, const void *bytes, size_t length, size_t target, size_t chunk);
/* Free what the functions above keep. */
void ph_test_streams_forget(void);

#endif
