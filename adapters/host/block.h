/*
 * block - the adapter file's part that is the plug-in's: checked against its schema, as JSON.
 *
 * Made of the merged adapter file: {"adapter", "transport", "receive", "send", "poll"}. In
 * the transport's block `{secret: NAME}` becomes the secret and `{table: FILE}` the rows of a code
 * table; of the entries of the lists only what is not the host's own is kept, and their names.
 * Scalars become numbers or booleans where the schema allows those and not a string.
 *
 * Thread: owner. Errors: PH_ERR_INVALID at the adapter file's line, or at the table or secret.
 */
#ifndef PH_HOST_BLOCK_H
#define PH_HOST_BLOCK_H

#include "adapters/host/plugin.h"
#include "lib/base/buffer.h"
#include "lib/site/site.h"

/* Append the JSON. */
ph_status ph_block_build(const ph_site *site, const ph_site_adapter *adapter,
    const ph_plugin *plugin, ph_buffer *out, ph_error *err);

/* Where a person wrote what the plug-in calls `path` ("transport/listen"), or the nearest thing
 * around it that is there: "file:line:col". `out` has `size` bytes and is returned. */
char *ph_block_where(
    const ph_site_adapter *adapter, const char *path, char *out, size_t size);

/* The keys of an entry of `list` (send, poll, receive) that are the host's own; NULL-terminated.
 */
const char *const *ph_block_own_keys(const char *list);

#endif
