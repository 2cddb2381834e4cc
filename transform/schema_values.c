/*
 * schema_values - keywords that say what a value may be: its type, bounds, lengths, values, form,
 * and our annotations of it.
 */
#include <stdio.h>
#include <string.h>

#include "transform/schema_loading.h"

static unsigned
type_named(const char *word)
{
	static const struct {
		const char *word;
		unsigned type;
	} types[] = {{"null", PH_TYPE_NULL}, {"boolean", PH_TYPE_BOOLEAN},
	    {"number", PH_TYPE_NUMBER | PH_TYPE_INTEGER}, {"integer", PH_TYPE_INTEGER},
	    {"string", PH_TYPE_STRING}, {"array", PH_TYPE_ARRAY},
	    {"object", PH_TYPE_OBJECT}};
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(types[i].word, word) == 0)
			return types[i].type;
	return 0;
}

bool
ph_load_type(ph_schema_loading *l, ph_rule *rule, const ph_node *node, size_t field)
{
	(void) field;
	rule->types = 0;
	if (node->kind == PH_NODE_STRING) {
		rule->types = type_named(node->text);
	} else if (node->kind == PH_NODE_LIST) {
		for (const ph_node *n = node->first; n != NULL; n = n->next) {
			unsigned type =
			    n->kind == PH_NODE_STRING ? type_named(n->text) : 0;
			if (type == 0)
				return REFUSE(l, n, "PH3302 no such type");
			rule->types |= type;
		}
	}
	if (rule->types == 0)
		return REFUSE(l, node, "PH3302 no such type");
	return true;
}

bool
ph_schema_count(const ph_node *node, size_t *out)
{
	if (node->kind != PH_NODE_NUMBER || !ph_number_whole(node->text) ||
	    ph_number_compare(node->text, "0") < 0 ||
	    ph_number_compare(node->text, "1000000000") >= 0)
		return false;
	size_t low = 0, high = 1000000000;
	while (low + 1 < high) {
		char middle[24];
		snprintf(middle, sizeof(middle), "%zu", (low + high) / 2);
		if (ph_number_compare(node->text, middle) < 0)
			high = (low + high) / 2;
		else
			low = (low + high) / 2;
	}
	*out = low;
	return true;
}

static bool
read_count(ph_schema_loading *l, const ph_node *node, size_t *out, bool *has)
{
	if (!ph_schema_count(node, out))
		return REFUSE(l, node, "PH3303 a whole number is needed");
	*has = true;
	return true;
}

bool
ph_load_least(ph_schema_loading *l, ph_rule *rule, const ph_node *node, size_t field)
{
	ph_range *range = ph_loading_field(rule, field);
	return read_count(l, node, &range->least, &range->has_least);
}

bool
ph_load_most(ph_schema_loading *l, ph_rule *rule, const ph_node *node, size_t field)
{
	ph_range *range = ph_loading_field(rule, field);
	return read_count(l, node, &range->most, &range->has_most);
}

bool
ph_load_bound(ph_schema_loading *l, ph_rule *rule, const ph_node *node, size_t field)
{
	const char **bound = ph_loading_field(rule, field);
	if (node->kind != PH_NODE_NUMBER)
		return REFUSE(l, node, "PH3303 a number is needed");
	*bound = node->text;
	return true;
}

bool
ph_load_flag(ph_schema_loading *l, ph_rule *rule, const ph_node *node, size_t field)
{
	bool *flag = ph_loading_field(rule, field);
	if (node->kind != PH_NODE_BOOLEAN)
		return REFUSE(l, node, "PH3303 true or false is needed");
	*flag = node->text[0] == 't';
	return true;
}

bool
ph_load_multiple(ph_schema_loading *l, ph_rule *rule, const ph_node *node, size_t field)
{
	(void) field;
	if (node->kind != PH_NODE_NUMBER || !ph_number_divisor(node->text))
		return REFUSE(l, node,
		    "PH3303 a number above 0 with at most 18 digits is needed");
	rule->multiple = node->text;
	return true;
}

/* Those of enum and const as texts, if they are texts all. */
static bool
load_texts(ph_schema_loading *l, ph_rule *rule, const ph_node *first, size_t count)
{
	const ph_node *n = first;
	for (size_t i = 0; i < count; i++, n = n->next)
		if (n->kind != PH_NODE_STRING)
			return true;
	rule->values = ph_loading_room(l, count, sizeof(*rule->values));
	if (rule->values == NULL)
		return false;
	rule->value_count = 0;
	for (n = first; rule->value_count < count; n = n->next)
		rule->values[rule->value_count++] = n->text;
	return true;
}

bool
ph_load_enum(ph_schema_loading *l, ph_rule *rule, const ph_node *node, size_t field)
{
	(void) field;
	if (node->kind != PH_NODE_LIST || node->count == 0)
		return REFUSE(l, node, "PH3303 enum needs a list of values");
	rule->choices = node;
	return rule->value_count > 0 || load_texts(l, rule, node->first, node->count);
}

bool
ph_load_const(ph_schema_loading *l, ph_rule *rule, const ph_node *node, size_t field)
{
	(void) field;
	rule->constant = node;
	return load_texts(l, rule, node, 1);
}

bool
ph_loading_pattern(
    ph_schema_loading *l, const ph_node *at, const char *text, ph_pattern **out)
{
	ph_error why;
	if (ph_pattern_new(text, strlen(text), out, &why) != PH_OK)
		return REFUSE(l, at, "PH3305 pattern: %s", why.text);
	return true;
}

bool
ph_load_pattern(ph_schema_loading *l, ph_rule *rule, const ph_node *node, size_t field)
{
	(void) field;
	if (node->kind != PH_NODE_STRING)
		return REFUSE(l, node, "PH3303 a pattern is a text");
	return ph_loading_pattern(l, node, node->text, &rule->pattern);
}

bool
ph_load_format(ph_schema_loading *l, ph_rule *rule, const ph_node *node, size_t field)
{
	(void) field;
	if (node->kind != PH_NODE_STRING)
		return REFUSE(l, node, "PH3303 a format is a text");
	rule->date_time = (l->schema->flags & PH_SCHEMA_STANDARD) == 0 &&
			  strcmp(node->text, "date-time") == 0;
	return true;
}

bool
ph_load_label(ph_schema_loading *l, ph_rule *rule, const ph_node *node, size_t field)
{
	(void) field;
	static const char *const labels[] = {"public", "personal", "special", "secret"};
	for (size_t i = 0; i < 4; i++)
		if (node->kind == PH_NODE_STRING && strcmp(node->text, labels[i]) == 0)
			rule->label = labels[i];
	if (rule->label[0] == 0)
		return REFUSE(
		    l, node, "PH3306 a label is public, personal, special or secret");
	return true;
}

bool
ph_load_attribute(
    ph_schema_loading *l, ph_rule *rule, const ph_node *node, size_t field)
{
	(void) field;
	if (node->kind != PH_NODE_STRING || node->length < 1 || node->length > 20 ||
	    strspn(node->text, "abcdefghijklmnopqrstuvwxyz0123456789") != node->length)
		return REFUSE(l, node,
		    "PH3306 an attribute's name has 1 to 20 characters of a-z0-9");
	rule->attribute = node->text;
	return true;
}
