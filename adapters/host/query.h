/*
 * query - what a plug-in asks about messages: looked up, folded, rendered through a map.
 *
 * By reference: all messages of each canonical id, folded to the state that the canonical schema's
 * projection keeps, rendered as one record. By window: each message accepted in it as one record,
 * with $accepted_at as the time it became visible here.
 *
 * Thread: the host's. Errors: PH_ERR_NOMEM, PH_ERR_NOT_FOUND (entry).
 */
#ifndef PH_HOST_QUERY_H
#define PH_HOST_QUERY_H

#include "adapters/host/inner.h"

typedef struct ph_query_task {
	const ph_entry *entry;
	char **references; /* taken; NULL: by window */
	size_t count;
	uint64_t from, to;
	uint32_t most;
	int64_t deadline; /* on ph_host_now's scale */
	void *context;
	void (*done)(void *context, const ph_adapter_records *records);
} ph_query_task;

/* `done` is called once, also after an error at the start. */
void ph_query_start(ph_host *host, const ph_query_task *task);
/* Tell every listener that no answer comes any more. */
void ph_query_abandon(ph_host *host);
void ph_query_destroy(ph_host *host);

#endif
