/*
 * How it works: a ring of bits, one for each acceptance; `next` is behind the newest that was noted.
 */
#include "broker/ledger_plain.h"

#include <string.h>

static void
set(ph_ledger_plain *plain, uint64_t acceptance, bool is_plain)
{
	uint64_t bit = acceptance % PH_LEDGER_PLAIN;
	uint8_t mask = (uint8_t) (1u << bit % 8);
	if (is_plain)
		plain->bits[bit / 8] |= mask;
	else
		plain->bits[bit / 8] &= (uint8_t) ~mask;
}

void
ph_ledger_plain_note(ph_ledger_plain *plain, uint64_t acceptance, bool is_plain)
{
	if (acceptance >= plain->next + PH_LEDGER_PLAIN) {
		memset(plain->bits, 0, sizeof plain->bits);
		plain->next = acceptance;
	}
	/* of those in between nothing is known */
	for (; plain->next <= acceptance; plain->next++)
		set(plain, plain->next, false);
	if (plain->next - acceptance <= PH_LEDGER_PLAIN)
		set(plain, acceptance, is_plain);
}

bool
ph_ledger_is_plain(const ph_ledger_plain *plain, uint64_t acceptance)
{
	uint64_t bit = acceptance % PH_LEDGER_PLAIN;
	return acceptance < plain->next &&
	       plain->next - acceptance <= PH_LEDGER_PLAIN &&
	       (plain->bits[bit / 8] >> bit % 8 & 1) != 0;
}
