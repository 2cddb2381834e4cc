/*
 * ledger_plain - which of the latest acceptances have a plain message: one that has no row in the
 * ledger, and will never have one, so that what happens to it need not be looked up there.
 *
 * A cache: the ledger's rows say the same. All zeros is empty. Thread: owner.
 */
#ifndef PH_BROKER_LEDGER_PLAIN_H
#define PH_BROKER_LEDGER_PLAIN_H

#include <stdbool.h>
#include <stdint.h>

#define PH_LEDGER_PLAIN 262144 /* acceptances remembered; a power of 2 */

typedef struct ph_ledger_plain {
	uint64_t next; /* nothing is known from here on */
	uint8_t bits[PH_LEDGER_PLAIN / 8];
} ph_ledger_plain;

/* Acceptances come in any order; one that is older than all that is remembered is forgotten at once. */
void ph_ledger_plain_note(ph_ledger_plain *plain, uint64_t acceptance, bool is_plain);
/* False also where it is not known. */
bool ph_ledger_is_plain(const ph_ledger_plain *plain, uint64_t acceptance);

#endif
