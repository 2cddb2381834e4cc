/*
 * outcome - from what the transport says to how a delivery ended, by the declared reply rules.
 *
 * Thread: pure. Errors: none: what cannot be read makes an outcome too.
 */
#ifndef PH_HOST_OUTCOME_H
#define PH_HOST_OUTCOME_H

#include "adapters/host/inner.h"

typedef struct ph_ending {
	ph_outcome outcome;
	uint64_t delay_ms;	  /* PH_RETRY: not before; 0: the queue's back-off */
	char reference[1024];	  /* the system's, or "" */
	char reason[64];	  /* a word, or "" */
	char path[256];		  /* of the rule or field, or "" */
	char text[PH_ERROR_TEXT]; /* one line, or "" */
	const char *stage;	  /* "send" unless the map failed */
	char without
	    [256]; /* not "": send once more without this field of the system's */
} ph_ending;

/* What a delivery or a probe came to. An answer that no rule knows is unknown. */
void ph_outcome_of(
    const ph_entry *entry, const ph_adapter_answer *answer, ph_ending *out);
/* What a question came to: an answer that no rule knows is good if its status is. */
void ph_outcome_of_question(
    const ph_entry *entry, const ph_adapter_answer *answer, ph_ending *out);
void ph_ending_set(ph_ending *out, ph_outcome outcome, const char *reason,
    const char *format, ...) __attribute__((format(printf, 4, 5)));

#endif
