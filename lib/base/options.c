/*
 * options - a table made from options.def, and values beside it.
 */
#include "lib/base/options.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "lib/base/assert.h"

static const ph_option_about descriptions[] = {
#define PH_OPTION(NAME, name, fallback, least, most, unit, meaning)                    \
	{name, fallback, least, most, unit, meaning},
#include "lib/base/options.def"
#undef PH_OPTION
};

const ph_option_about *
ph_option_describe(ph_option option)
{
	PH_ASSERT((size_t) option < PH_OPTION_COUNT);
	return &descriptions[option];
}

void
ph_options_init(ph_options *options)
{
	for (size_t i = 0; i < PH_OPTION_COUNT; i++)
		options->values[i] = descriptions[i].fallback;
}

int64_t
ph_options_get(const ph_options *options, ph_option option)
{
	PH_ASSERT((size_t) option < PH_OPTION_COUNT);
	return options->values[option];
}

ph_status
ph_options_set(ph_options *options, ph_option option, int64_t value, ph_error *err)
{
	const ph_option_about *about = ph_option_describe(option);
	if (value < about->least || value > about->most)
		return ph_fail(err, PH_ERR_INVALID,
		    "%s must be between %" PRId64 " and %" PRId64 " (%s)", about->name,
		    about->least, about->most, about->unit);
	options->values[option] = value;
	return PH_OK;
}

ph_status
ph_option_find(const char *name, ph_option *out, ph_error *err)
{
	for (size_t i = 0; i < PH_OPTION_COUNT; i++) {
		if (strcmp(descriptions[i].name, name) == 0) {
			*out = (ph_option) i;
			return PH_OK;
		}
	}
	return ph_fail(err, PH_ERR_NOT_FOUND, "there is no limit by that name");
}
