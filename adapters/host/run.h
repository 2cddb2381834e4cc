/*
 * run - the life of a host: prepared from its site, then run until it is to stop.
 *
 * Thread: the process's first. Errors: those of the site, the plug-in, the maps and the session.
 */
#ifndef PH_HOST_RUN_H
#define PH_HOST_RUN_H

#include "adapters/host/inner.h"

/* What the broker hands over on the inherited descriptor. */
typedef struct ph_host_start {
	char endpoint[512];
	char token[512];
	char adapter[64];
	char site[4096];
} ph_host_start;

/* Read lines "key value" to the end. PH_ERR_INVALID: a key is missing or too long. */
ph_status ph_host_start_read(int fd, ph_host_start *out, ph_error *err);

/* Load everything and make an instance of the plug-in: what --check does. *out is yours. */
ph_status ph_host_prepare(
    const char *site, const char *adapter, ph_host **out, ph_error *err);
/* Open the session, start the plug-in, and run until told to stop. */
ph_status ph_host_run(ph_host *host, const ph_host_start *start, ph_error *err);
/* NULL allowed. */
void ph_host_destroy(ph_host **host_p);

#endif
