/*
 * calls - sends, polls and probes through the plug-in, each ending once.
 *
 * A call is named by a token. It ends with the plug-in's answer, or, when the deadline has passed
 * without one, as lost. What comes after that is ignored and logged.
 *
 * Thread: the host's. Errors: PH_ERR_NOMEM; the plug-in's refusal is an answer (not sent).
 */
#ifndef PH_HOST_CALLS_H
#define PH_HOST_CALLS_H

#include "adapters/host/inner.h"

/* How it ended: the plug-in's answer. Borrowed during the call of `done`. */
typedef void ph_call_done(void *self, const ph_adapter_answer *answer);

typedef struct ph_call_task {
	const ph_entry *entry;
	uint32_t operation; /* PH_ADAPTER_DELIVER and so on */
	const void *bytes;
	size_t length;
	const char *content_type;  /* NULL: none */
	const ph_map_call *values; /* its $url values, of record 0; NULL */
	uint32_t attempt;
	uint32_t flags;
	uint64_t delivery; /* that progress is about; 0: none */
	const char *key;   /* NULL: none */
	ph_slice reference, resume;
	ph_slice version;	/* of the record that was read before; empty: none */
	int64_t from_ms, to_ms; /* a poll of the plug-in's own */
	ph_slice cursor;	/* the same */
	ph_call_done *done;
	void *self;
} ph_call_task;

/* The end may come before this returns. */
ph_status ph_call_start(ph_host *host, const ph_call_task *task, ph_error *err);

/* The plug-in's own poll (ops.poll) or probe (ops.probe) instead of send. */
ph_status ph_call_poll(ph_host *host, const ph_call_task *task, ph_error *err);
ph_status ph_call_probe(ph_host *host, const ph_call_task *task, ph_error *err);

/* A plug-in's word on a token: false if no call has it (any more). */
bool ph_call_answered(ph_host *host, uint64_t token, const ph_adapter_answer *answer);
/* The delivery a token is about; 0: none. */
uint64_t ph_call_delivery(const ph_host *host, uint64_t token);
/* End all calls without telling anyone. */
void ph_calls_destroy(ph_host *host);

#endif
