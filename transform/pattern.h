/*
 * pattern - regular expressions (PCRE2, Unicode), compiled once.
 *
 * Patterns come from declarations; what they are matched against comes from strangers, so each
 * match has a limit of steps and of memory.
 *
 * Without JIT, where the system forbids it, matching is slower and its limits are the same.
 *
 * Thread: any after compilation. Errors: PH_ERR_INVALID with PCRE2's own words.
 */
#ifndef PH_PATTERN_H
#define PH_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <packhorse/error.h>

#define PH_PATTERN_GROUPS 16

typedef struct ph_pattern ph_pattern;

typedef struct ph_span {
	const char *text; /* NULL: the group took no part */
	size_t length;
} ph_span;

typedef enum ph_match {
	PH_MATCH_NO,
	PH_MATCH_YES,
	PH_MATCH_GAVE_UP /* too many steps, or out of memory */
} ph_match;

ph_status ph_pattern_new(
    const char *text, size_t length, ph_pattern **out, ph_error *err);
/* The same for a pattern that has to fit the whole text. After PH_ERR_INVALID *fault is the byte of
 * it where it ceases to be one. */
ph_status ph_pattern_new_whole(
    const char *text, size_t length, ph_pattern **out, size_t *fault, ph_error *err);
void ph_pattern_destroy(ph_pattern **pattern_p);
/* Groups in the pattern, the whole not counted. */
size_t ph_pattern_groups(const ph_pattern *pattern);
/* Search valid UTF-8. spans[0] is the whole match; spans (PH_PATTERN_GROUPS of them) may be
 * NULL. What a match needs is kept: a second one takes no memory. */
ph_match ph_pattern_match(
    const ph_pattern *pattern, const char *text, size_t length, ph_span *spans);

#endif
