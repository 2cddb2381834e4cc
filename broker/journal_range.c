/*
 * journal_range - one line of text for one stretch.
 */
#include "broker/journal_range.h"

#include <stdio.h>

void
ph_journal_range_text(const ph_journal_range *range, char *out, size_t size)
{
	char last[32] = "?";

	if (range->last != 0)
		snprintf(last, sizeof last, "%llu", (unsigned long long) range->last);
	snprintf(out, size, "journal %010u@%llu+%llu: sequences %llu to %s",
	    range->segment, (unsigned long long) range->offset,
	    (unsigned long long) range->length, (unsigned long long) range->first,
	    last);
}
