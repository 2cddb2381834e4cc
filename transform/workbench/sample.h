/*
 * sample - documents made up from a schema: the same for the same seed, on every machine.
 *
 * Texts keep to lengths, patterns and formats, numbers to their bounds; optional fields come and
 * go. Not every rule of JSON Schema is aimed at (not, if, contains): what is made is checked, and
 * made again if it breaks a rule, a few times.
 *
 * Thread: owner. Errors: NULL when out of memory or when nothing valid was found.
 */
#ifndef PH_SAMPLE_H
#define PH_SAMPLE_H

#include "lib/base/buffer.h"
#include "transform/schema.h"

typedef struct ph_sampler {
	uint64_t state; /* the seed, then on */
	bool
	    plain; /* texts without line ends, marks, quotes, and blanks at their ends: what
		       columns can hold */
	const struct ph_names *names; /* its own: of the schema at hand */
	unsigned depth;		      /* its own */
} ph_sampler;

/* sampler.c: the next number. */
uint64_t ph_sampler_next(ph_sampler *sampler);
/* A number in [least, most]. */
size_t ph_sampler_number(ph_sampler *sampler, size_t least, size_t most);

/* A document that the schema allows; it belongs to `document`. */
ph_node *ph_sample_make(
    ph_sampler *sampler, const ph_schema *schema, ph_document *document);
/* One value by its rule (NULL: any text). */
ph_node *ph_sample_value(
    ph_sampler *sampler, const ph_rule *rule, ph_document *document);

/* sample_text.c: a text of least to most characters; of a pattern. Appended to `out`. */
void ph_sample_text(ph_sampler *sampler, size_t least, size_t most, ph_buffer *out);
/* False if the pattern has something in it that is not understood. */
bool ph_sample_pattern(ph_sampler *sampler, const char *pattern, ph_buffer *out);

#endif
