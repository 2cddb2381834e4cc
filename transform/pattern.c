/*
 * pattern - a thin skin over PCRE2. The match data of one match lives on the document's arena;
 * without JIT (where the system forbids it) the interpreter does the same more slowly.
 */
#include "transform/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>

#include "lib/base/assert.h"

#define STEPS_MAX  1000000u
#define DEPTH_MAX  10000u
#define HEAP_MAX_K 8192u

struct ph_pattern {
	pcre2_code *code;
	pcre2_match_context *limits;
	uint32_t groups;
};

ph_status
ph_pattern_new(const char *text, size_t length, ph_pattern **out, ph_error *err)
{
	ph_pattern *pattern = calloc(1, sizeof(*pattern));
	if (pattern == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "out of memory");
	int code = 0;
	size_t offset = 0;
	pattern->code = pcre2_compile((PCRE2_SPTR) text, length,
	    PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C | PCRE2_DOLLAR_ENDONLY, &code, &offset,
	    NULL);
	if (pattern->code == NULL) {
		PCRE2_UCHAR words[128];
		pcre2_get_error_message(code, words, sizeof(words));
		ph_pattern_destroy(&pattern);
		return ph_fail(err, PH_ERR_INVALID, "%s at character %zu",
		    (const char *) words, offset + 1);
	}
	pattern->limits = pcre2_match_context_create(NULL);
	if (pattern->limits == NULL) {
		ph_pattern_destroy(&pattern);
		return ph_fail(err, PH_ERR_NOMEM, "out of memory");
	}
	pcre2_set_match_limit(pattern->limits, STEPS_MAX);
	pcre2_set_depth_limit(pattern->limits, DEPTH_MAX);
	pcre2_set_heap_limit(pattern->limits, HEAP_MAX_K);
	pcre2_pattern_info(pattern->code, PCRE2_INFO_CAPTURECOUNT, &pattern->groups);
	(void) pcre2_jit_compile(pattern->code, PCRE2_JIT_COMPLETE);
	*out = pattern;
	return PH_OK;
}

void
ph_pattern_destroy(ph_pattern **pattern_p)
{
	ph_pattern *pattern = *pattern_p;
	if (pattern == NULL)
		return;
	pcre2_code_free(pattern->code);
	pcre2_match_context_free(pattern->limits);
	free(pattern);
	*pattern_p = NULL;
}

size_t
ph_pattern_groups(const ph_pattern *pattern)
{
	return pattern->groups;
}

static void *
take(size_t size, void *arena)
{
	return ph_arena_alloc(arena, size);
}

static void
leave(void *block, void *arena)
{
	(void) block;
	(void) arena;
}

static void
copy_spans(pcre2_match_data *data, const char *text, size_t found, ph_span *spans)
{
	const size_t *ends = pcre2_get_ovector_pointer(data);
	for (size_t i = 0; i < PH_PATTERN_GROUPS; i++) {
		bool set = i < found && ends[2 * i] != PCRE2_UNSET;
		spans[i] = (ph_span){.text = set ? text + ends[2 * i] : NULL,
		    .length = set ? ends[2 * i + 1] - ends[2 * i] : 0};
	}
}

ph_match
ph_pattern_match(const ph_pattern *pattern, ph_arena *arena, const char *text,
    size_t length, ph_span *spans)
{
	PH_ASSERT(text != NULL);
	pcre2_general_context *memory =
	    pcre2_general_context_create(take, leave, arena);
	if (memory == NULL)
		return PH_MATCH_GAVE_UP;
	pcre2_match_data *data = pcre2_match_data_create(PH_PATTERN_GROUPS, memory);
	if (data == NULL)
		return PH_MATCH_GAVE_UP;
	int found = pcre2_match(pattern->code, (PCRE2_SPTR) text, length, 0,
	    PCRE2_NO_UTF_CHECK, data, pattern->limits);
	if (found == PCRE2_ERROR_NOMATCH)
		return PH_MATCH_NO;
	if (found < 0)
		return PH_MATCH_GAVE_UP;
	if (spans != NULL)
		copy_spans(
		    data, text, found == 0 ? PH_PATTERN_GROUPS : (size_t) found, spans);
	return PH_MATCH_YES;
}
