/*
 * books - what went into a queue and what became of it: the two sides must be equal.
 *
 * accepted + replayed + moved_in =
 *   delivered + duplicate + dead + discarded + expired + erased + moved_out + pending
 *
 * Each side is counted on its own: the left and the ends by what happened, `pending` by the states
 * in which deliveries stand. A dead letter that is replayed stays counted under `dead` and is
 * counted anew under `replayed`; one that is discarded moves from `dead` to `discarded`. An acceptance
 * that is lost with a damaged part of the journal is on neither side; damage.h counts it.
 *
 * Thread: pure. Errors: none.
 */
#ifndef PH_BROKER_BOOKS_H
#define PH_BROKER_BOOKS_H

#include <stdint.h>

/* X(field): in the order they are shown. */
#define PH_BOOKS_IN(X) X(accepted) X(replayed) X(moved_in)
#define PH_BOOKS_OUT(X)                                                                \
	X(delivered) X(duplicate) X(dead) X(discarded) X(expired) X(erased) X(moved_out)

typedef struct ph_books {
#define X(field) uint64_t field;
	PH_BOOKS_IN(X) PH_BOOKS_OUT(X)
#undef X
} ph_books;

/* 0 when the books balance; else what came in too much (or, negative, went out too much). */
int64_t ph_books_balance(const ph_books *books, uint64_t pending);
/* Add `more` to `sum`. */
void ph_books_add(ph_books *sum, const ph_books *more);

#endif
