/*
 * options - the limits of options.def, with the values this process runs with.
 *
 * A set of options starts with the defaults; a value outside its least and most is refused.
 *
 * Thread: owner while it is changed, any after. Errors: PH_ERR_NOT_FOUND, PH_ERR_INVALID.
 */
#ifndef PH_BASE_OPTIONS_H
#define PH_BASE_OPTIONS_H

#include <stdint.h>
#include <packhorse/error.h>

typedef enum ph_option {
#define PH_OPTION(NAME, name, fallback, least, most, unit, meaning) PH_OPTION_##NAME,
#include "lib/base/options.def"
#undef PH_OPTION
	PH_OPTION_COUNT
} ph_option;

/* What options.def says about one. */
typedef struct ph_option_about {
	const char *name;
	int64_t fallback;
	int64_t least;
	int64_t most;
	const char *unit; /* "bytes", "ms", "s" or "count" */
	const char *meaning;
} ph_option_about;

typedef struct ph_options {
	int64_t values[PH_OPTION_COUNT];
} ph_options;

/* All at their defaults. */
void ph_options_init(ph_options *options);
int64_t ph_options_get(const ph_options *options, ph_option option);
/* PH_ERR_INVALID: outside its least and most. */
ph_status ph_options_set(
    ph_options *options, ph_option option, int64_t value, ph_error *err);
/* By the name in packhorse.yaml. PH_ERR_NOT_FOUND: no such limit. */
ph_status ph_option_find(const char *name, ph_option *out, ph_error *err);
/* Never NULL; lives for ever. */
const ph_option_about *ph_option_describe(ph_option option);

#endif
