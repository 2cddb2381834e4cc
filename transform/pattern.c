/*
 * pattern - a thin skin over PCRE2. Without JIT (where the system forbids it) the interpreter does
 * the same more slowly.
 *
 * What a match needs is kept with the pattern for the next one: whoever finds it taken by another
 * thread makes one more, and of two that come back one is freed. After a match that gave up it is
 * not kept, because the interpreter has grown it by then.
 */
#include "transform/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "lib/base/assert.h"
#include "lib/base/text.h"

#define STEPS_MAX  1000000u
#define DEPTH_MAX  10000u
#define HEAP_MAX_K 8192u

struct ph_pattern {
	pcre2_code *code;
	pcre2_match_context *limits;
	pcre2_general_context *memory;
	_Atomic(pcre2_match_data *) *spare; /* NULL inside while it is in use */
	uint32_t groups;
	bool compiled; /* to machine code */
};

static void *
take(size_t size, void *nothing)
{
	(void) nothing;
	return malloc(size);
}

static void
leave(void *block, void *nothing)
{
	(void) nothing;
	free(block);
}

static bool
make_ready(ph_pattern *pattern)
{
	pattern->memory = pcre2_general_context_create(take, leave, NULL);
	pattern->limits = pcre2_match_context_create(NULL);
	pattern->spare = malloc(sizeof(*pattern->spare));
	if (pattern->spare != NULL)
		atomic_init(pattern->spare, NULL);
	if (pattern->memory == NULL || pattern->limits == NULL ||
	    pattern->spare == NULL)
		return false;
	pcre2_set_match_limit(pattern->limits, STEPS_MAX);
	pcre2_set_depth_limit(pattern->limits, DEPTH_MAX);
	pcre2_set_heap_limit(pattern->limits, HEAP_MAX_K);
	pcre2_pattern_info(pattern->code, PCRE2_INFO_CAPTURECOUNT, &pattern->groups);
	/* a pattern may forbid it, (*NO_JIT), and the compiler then succeeds without a result */
	size_t machine_code = 0;
	(void) pcre2_jit_compile(pattern->code, PCRE2_JIT_COMPLETE);
	(void) pcre2_pattern_info(pattern->code, PCRE2_INFO_JITSIZE, &machine_code);
	pattern->compiled = machine_code > 0;
	return true;
}

static ph_status
make(const char *text, size_t length, uint32_t options, ph_pattern **out, size_t *fault,
    ph_error *err)
{
	ph_pattern *pattern = calloc(1, sizeof(*pattern));
	if (pattern == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "out of memory");
	int code = 0;
	pattern->code = pcre2_compile((PCRE2_SPTR) text, length,
	    PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C | PCRE2_DOLLAR_ENDONLY | options, &code,
	    fault, NULL);
	if (pattern->code == NULL) {
		PCRE2_UCHAR words[128];
		pcre2_get_error_message(code, words, sizeof(words));
		ph_pattern_destroy(&pattern);
		return ph_fail(err, PH_ERR_INVALID, "%s at character %zu",
		    (const char *) words, ph_utf8_length(text, *fault) + 1);
	}
	if (!make_ready(pattern)) {
		ph_pattern_destroy(&pattern);
		return ph_fail(err, PH_ERR_NOMEM, "out of memory");
	}
	*out = pattern;
	return PH_OK;
}

ph_status
ph_pattern_new(const char *text, size_t length, ph_pattern **out, ph_error *err)
{
	size_t fault = 0;
	return make(text, length, 0, out, &fault, err);
}

ph_status
ph_pattern_new_whole(
    const char *text, size_t length, ph_pattern **out, size_t *fault, ph_error *err)
{
	return make(text, length, PCRE2_ANCHORED | PCRE2_ENDANCHORED, out, fault, err);
}

void
ph_pattern_destroy(ph_pattern **pattern_p)
{
	ph_pattern *pattern = *pattern_p;
	if (pattern == NULL)
		return;
	if (pattern->spare != NULL)
		pcre2_match_data_free(atomic_exchange(pattern->spare, NULL));
	free(pattern->spare);
	pcre2_general_context_free(pattern->memory);
	pcre2_match_context_free(pattern->limits);
	pcre2_code_free(pattern->code);
	free(pattern);
	*pattern_p = NULL;
}

size_t
ph_pattern_groups(const ph_pattern *pattern)
{
	return pattern->groups;
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

static void
put_back(const ph_pattern *pattern, pcre2_match_data *data)
{
	pcre2_match_data *none = NULL;
	if (!atomic_compare_exchange_strong(pattern->spare, &none, data))
		pcre2_match_data_free(data);
}

ph_match
ph_pattern_match(
    const ph_pattern *pattern, const char *text, size_t length, ph_span *spans)
{
	PH_ASSERT(text != NULL);
	pcre2_match_data *data = atomic_exchange(pattern->spare, NULL);
	if (data == NULL)
		data = pcre2_match_data_create(PH_PATTERN_GROUPS, pattern->memory);
	if (data == NULL)
		return PH_MATCH_GAVE_UP;
	int found = pattern->compiled
			? pcre2_jit_match(pattern->code, (PCRE2_SPTR) text, length, 0,
			      PCRE2_NO_UTF_CHECK, data, pattern->limits)
			: pcre2_match(pattern->code, (PCRE2_SPTR) text, length, 0,
			      PCRE2_NO_UTF_CHECK, data, pattern->limits);
	if (found < 0 && found != PCRE2_ERROR_NOMATCH) {
		pcre2_match_data_free(data);
		return PH_MATCH_GAVE_UP;
	}
	if (found >= 0 && spans != NULL)
		copy_spans(
		    data, text, found == 0 ? PH_PATTERN_GROUPS : (size_t) found, spans);
	put_back(pattern, data);
	return found >= 0 ? PH_MATCH_YES : PH_MATCH_NO;
}
