/*
 * reduce - the bytes of a request without one field: for systems that refuse a field sometimes.
 *
 * Thread: pure. Errors: PH_ERR_NOT_FOUND (no such field in it), PH_ERR_INVALID.
 */
#ifndef PH_HOST_REDUCE_H
#define PH_HOST_REDUCE_H

#include <packhorse/map.h>
#include "lib/base/buffer.h"

/* Append `bytes` without the members whose name is the last part of `path` ("a/b:c" is c). */
ph_status ph_reduce(ph_map_format format, const void *bytes, size_t length,
    const char *path, ph_buffer *out, ph_error *err);

#endif
