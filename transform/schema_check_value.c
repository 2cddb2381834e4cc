/*
 * schema_check_value - a value by itself: the values allowed, texts and numbers.
 */
#include <stdio.h>
#include <string.h>

#include "lib/base/assert.h"
#include "lib/base/clock.h"
#include "lib/base/text.h"
#include "transform/schema_checking.h"

#define WORDS_MAX 200

/* "open, fixed"; false if they are too many to be told, or no words. */
static bool
list_words(const ph_node *choices, char out[WORDS_MAX])
{
	size_t at = 0;
	for (const ph_node *n = choices->first; n != NULL; n = n->next) {
		if (n->kind != PH_NODE_STRING || n->length + 3 > WORDS_MAX - at)
			return false;
		at += (size_t) snprintf(
		    out + at, WORDS_MAX - at, "%s%s", at == 0 ? "" : ", ", n->text);
	}
	return at > 0;
}

bool
ph_check_values(ph_checking *c, const ph_rule *rule, const ph_node *node)
{
	if (rule->constant != NULL && !ph_node_equal(rule->constant, node, &c->steps)) {
		if (rule->constant->kind == PH_NODE_STRING)
			return ph_check_broken(c, rule, node, "const",
			    "PH3205 must be \"%s\"", rule->constant->text);
		return ph_check_broken(
		    c, rule, node, "const", "PH3205 is not the one value allowed");
	}
	if (rule->choices == NULL)
		return true;
	for (const ph_node *n = rule->choices->first; n != NULL; n = n->next)
		if (ph_node_equal(n, node, &c->steps))
			return true;
	char words[WORDS_MAX];
	if (list_words(rule->choices, words))
		return ph_check_broken(c, rule, node, "enum",
		    "PH3205 is none of the values allowed: %s", words);
	return ph_check_broken(c, rule, node, "enum",
	    "PH3205 is none of the %u values allowed", rule->choices->count);
}

bool
ph_instant_valid(const char *text, size_t length)
{
	int64_t ignored;
	return ph_time_parse(text, length, &ignored, NULL) == PH_OK;
}

bool
ph_check_text(ph_checking *c, const ph_rule *rule, const ph_node *node)
{
	static const char *keywords[2] = {"minLength", "maxLength"};
	const ph_range *length = &rule->length;
	/* Bytes are no fewer than characters, and at most four for each. */
	bool fits = (!length->has_most || node->length <= length->most) &&
		    (!length->has_least || node->length >= 4 * length->least);
	if ((length->has_least || length->has_most) && !fits &&
	    !ph_check_range(c, rule, node, ph_utf8_length(node->text, node->length),
		length, keywords, "characters"))
		return false;
	if (rule->date_time && !ph_instant_valid(node->text, node->length))
		return ph_check_broken(c, rule, node, "format",
		    "PH3206 is no date and time with an offset (RFC 3339)");
	if (rule->pattern == NULL)
		return true;
	switch (ph_check_match(c, rule->pattern, node->text, node->length)) {
	case PH_MATCH_YES:
		return true;
	case PH_MATCH_NO:
		return ph_check_broken(c, rule, node, "pattern",
		    "PH3204 does not have the form asked for: %.180s",
		    ph_node_text(rule->node, "pattern"));
	case PH_MATCH_GAVE_UP:
		return ph_check_broken(
		    c, rule, node, "pattern", "PH3204 is too complex to be checked");
	}
	PH_UNREACHABLE("match");
}

bool
ph_check_number(ph_checking *c, const ph_rule *rule, const ph_node *node)
{
	const char *text = node->text;
	if (rule->minimum != NULL && ph_number_compare(text, rule->minimum) < 0)
		return ph_check_broken(
		    c, rule, node, "minimum", "PH3207 is less than %s", rule->minimum);
	if (rule->maximum != NULL && ph_number_compare(text, rule->maximum) > 0)
		return ph_check_broken(
		    c, rule, node, "maximum", "PH3207 is more than %s", rule->maximum);
	if (rule->above != NULL && ph_number_compare(text, rule->above) <= 0)
		return ph_check_broken(c, rule, node, "exclusiveMinimum",
		    "PH3207 is not more than %s", rule->above);
	if (rule->below != NULL && ph_number_compare(text, rule->below) >= 0)
		return ph_check_broken(c, rule, node, "exclusiveMaximum",
		    "PH3207 is not less than %s", rule->below);
	if (rule->multiple != NULL && !ph_number_multiple(text, rule->multiple))
		return ph_check_broken(c, rule, node, "multipleOf",
		    "PH3207 is no multiple of %s", rule->multiple);
	return true;
}
