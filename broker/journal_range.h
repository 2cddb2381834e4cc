/*
 * journal_range - a stretch of the journal that is missing, and how people are told of it.
 *
 * Thread: pure. Errors: none.
 */
#ifndef PH_BROKER_JOURNAL_RANGE_H
#define PH_BROKER_JOURNAL_RANGE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A stretch of a segment. */
typedef struct ph_journal_range {
	uint32_t segment; /* its number */
	uint64_t offset;  /* first byte */
	uint64_t length;  /* bytes */
	uint64_t first;	  /* first sequence that is missing */
	uint64_t last;	  /* last one; 0: nobody can know */
} ph_journal_range;

/* "journal 0000000003@8192+64: sequences 17 to 19": a range in words, for people. */
void ph_journal_range_text(const ph_journal_range *range, char *out, size_t size);

/* "0000000003@8192": a position of the journal (segment in the upper half, byte in the lower), as people
 * and logs have it everywhere. */
#define PH_JOURNAL_PLACE 24
void ph_journal_place_text(uint64_t position, char out[PH_JOURNAL_PLACE]);

#ifdef __cplusplus
}
#endif
#endif
