/*
 * journal_range - one line of text for one stretch.
 */
#include "broker/journal_range.h"

#include <inttypes.h>
#include <stdio.h>

void
ph_journal_range_text(const ph_journal_range *range, char *out, size_t size)
{
	char first[32] = "?", last[32] = "?", place[64];

	/* no record has sequence 0 */
	if (range->first != 0)
		snprintf(
		    first, sizeof first, "%llu", (unsigned long long) range->first);
	if (range->last != 0)
		snprintf(last, sizeof last, "%llu", (unsigned long long) range->last);
	if (range->offset == 0 && range->length == 0)
		snprintf(
		    place, sizeof place, "%010u: the file is missing", range->segment);
	else
		snprintf(place, sizeof place, "%010u@%llu+%llu", range->segment,
		    (unsigned long long) range->offset,
		    (unsigned long long) range->length);
	snprintf(out, size, "journal %s: sequences %s to %s", place, first, last);
}

void
ph_journal_place_text(uint64_t position, char out[PH_JOURNAL_PLACE])
{
	snprintf(out, PH_JOURNAL_PLACE, "%010" PRIu64 "@%" PRIu64, position >> 32,
	    position & UINT32_MAX);
}
