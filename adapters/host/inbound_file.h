/*
 * inbound_file - a polled file of records that is too large to be mapped whole.
 *
 * It is looked through first, so that of a broken file nothing is taken; a slice of it at a time, because
 * the host's loop has other work. Then its records are mapped
 * piece by piece: the next piece comes when all messages of the one before are durable, so the host
 * and the broker hold one piece at a time beside the bytes. The cursor is made durable by itself, after
 * the last; a host that dies before that reads the file again, and what was published is a repeat.
 *
 * Files are taken from polls alone: a caller who waits is told of the first bad record, and keeps
 * nothing, which pieces cannot promise.
 *
 * Thread: the host's. Errors: what the map says of the file; PH_ERR_TOO_LARGE, PH_ERR_NOMEM.
 */
#ifndef PH_HOST_INBOUND_FILE_H
#define PH_HOST_INBOUND_FILE_H

#include "adapters/host/inbound_part.h"

/* Is the item's document to be read so? */
bool ph_inbound_is_file(const ph_inbound_item *it);
/* Open it. The cursor is kept from its messages until the end. */
ph_status ph_inbound_file_open(ph_inbound_item *it, ph_error *err);
/* Look through the next slice; PH_ERR_AGAIN while there are more. */
ph_status ph_inbound_file_look(ph_inbound_item *it, ph_error *err);
void ph_inbound_file_close(ph_inbound_item *it);
/* The next piece; PH_ERR_NOT_FOUND after the last, and the item has its cursor again. */
ph_status ph_inbound_file_next(ph_inbound_item *it, ph_error *err);
/* A call over the piece at hand, anew each time. *out is yours. */
ph_status ph_inbound_file_call(ph_inbound_item *it, ph_map_call **out, ph_error *err);
/* May there be more pieces? */
bool ph_inbound_file_more(const ph_inbound_item *it);

#endif
