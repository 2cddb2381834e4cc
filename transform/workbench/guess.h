/*
 * guess - how likely two fields mean the same, by the words of their names and by what they hold.
 *
 * Names are cut into words at capitals, digits and signs; a few words that systems use for the same
 * thing count as one. Nothing here knows a vendor.
 *
 * Thread: pure.
 */
#ifndef PH_GUESS_H
#define PH_GUESS_H

#include "transform/schema.h"

/* 0 (nothing in common) to 100 (the same words). */
unsigned ph_guess_names(const char *a, const char *b);

/* What a sample's value looks like. */
typedef enum ph_looks {
	PH_LOOKS_EMPTY,
	PH_LOOKS_TEXT,
	PH_LOOKS_NUMBER,
	PH_LOOKS_BOOLEAN,
	PH_LOOKS_TIME
} ph_looks;

/* `conversion` is filled with what a link to a time or truth value needs ("time(...)"), else "". */
ph_looks ph_guess_value(const ph_node *node, char *conversion, size_t size);
/* May a field of this rule hold what looks so? */
bool ph_guess_fits(const ph_rule *rule, ph_looks looks);

#endif
