/*
 * poll - asking a system for what is new, at intervals, from where the last time ended.
 *
 * Each entry of `poll` has a cursor: the end of the last window, durable in the same record as what
 * was read up to it. A window begins a little before (overlap), because systems are late with what
 * they show; what is read twice is recognised by its id. A poll that fails is asked again, later
 * each time, from the same cursor.
 *
 * Thread: the host's. Errors: PH_ERR_NOMEM.
 */
#ifndef PH_HOST_POLL_H
#define PH_HOST_POLL_H

#include "adapters/host/inner.h"

/* Read the cursors, then begin. */
ph_status ph_polls_start(ph_host *host, ph_error *err);
void ph_polls_destroy(ph_host *host);

/* The window to ask for: from `cursor` (0: none yet) and the clock. Both ends in ms. */
void ph_poll_window(
    const ph_entry *entry, int64_t cursor, int64_t now, int64_t *from, int64_t *to);
/* How long to wait after so many failures in a row. */
int64_t ph_poll_pause(const ph_entry *entry, unsigned failures);

#endif
