/*
 * services - the functions that the host hands to its plug-in.
 *
 * Each copies what it is given into a letter for the host's thread and returns.
 *
 * Thread: the functions in the table: any. ph_services_fill: the host's.
 */
#ifndef PH_HOST_SERVICES_H
#define PH_HOST_SERVICES_H

#include "adapters/host/inner.h"

/* Fill host->table; `self` in it is the host. */
void ph_services_fill(ph_host *host);
/* An ABI struct of any version read into one of ours: missing members are zero. */
void ph_services_read(void *to, size_t size, const void *from);

#endif
