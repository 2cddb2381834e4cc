/*
 * waits - who wants to know when the broker answers: by the number of the request or ticket.
 *
 * Thread: owner. Errors: PH_ERR_NOMEM.
 */
#ifndef PH_HOST_WAITS_H
#define PH_HOST_WAITS_H

#include <packhorse/error.h>
#include "lib/base/table.h"

typedef enum ph_wait_kind {
	PH_WAIT_RESULT = 1, /* answer: const ph_event * of a ticket */
	PH_WAIT_RESOLVED,   /* answer: const ph_inner_event * of a request, as below */
	PH_WAIT_ANSWER,	    /* comes several times: see `last` */
	PH_WAIT_CURSOR,
	PH_WAIT_PROGRESSED
} ph_wait_kind;

/* `answer` is NULL when none will come any more: free what only waited for it, do nothing else. */
typedef void ph_wait_fn(void *self, const void *answer);

typedef struct ph_waits ph_waits;

ph_status ph_waits_new(ph_waits **out, ph_error *err);
/* Tells everyone who waits. NULL allowed. */
void ph_waits_destroy(ph_waits **waits_p);
/* Call fn(self, answer) when it comes. */
ph_status ph_waits_add(ph_waits *waits, ph_wait_kind kind, uint64_t number,
    ph_wait_fn *fn, void *self, ph_error *err);
/* An answer has come: false if nobody waits for it. `last`: forget the wait. */
int ph_waits_answer(
    ph_waits *waits, ph_wait_kind kind, uint64_t number, const void *answer, int last);

#endif
