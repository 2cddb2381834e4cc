/*
 * sample - rules are followed through their $ref and allOf; of anyOf and oneOf one is chosen.
 */
#include "transform/workbench/sample.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/buffer.h"
#include "transform/schema_inner.h"

#define DEPTH	 12
#define PARTS	 32
#define ATTEMPTS 20

/* A rule and all that must hold with it. */
typedef struct parts {
	const ph_rule *at[PARTS];
	size_t count;
} parts;

static void
gather(ph_sampler *sampler, const ph_rule *rule, parts *out)
{
	if (rule == NULL || out->count == PARTS)
		return;
	out->at[out->count++] = rule;
	gather(sampler, rule->ref, out);
	for (size_t i = 0; i < rule->all.count; i++)
		gather(sampler, rule->all.at[i], out);
	const ph_rules *choices[] = {&rule->any, &rule->one};
	for (size_t i = 0; i < 2; i++)
		if (choices[i]->count > 0)
			gather(sampler,
			    choices[i]->at[ph_sampler_number(
				sampler, 0, choices[i]->count - 1)],
			    out);
}

static ph_node *
copy(ph_document *document, const ph_node *node)
{
	ph_node *made =
	    ph_node_new(document, (ph_node_kind) node->kind, node->text, node->length);
	for (const ph_node *n = node->first; made != NULL && n != NULL; n = n->next)
		if (ph_node_add(document, made, n->name, copy(document, n)) == NULL)
			return NULL;
	return made;
}

static ph_node *
text_node(ph_document *document, ph_node_kind kind, const char *text)
{
	return ph_node_new(document, kind, text, strlen(text));
}

/* ---- scalars ---- */

static ph_node *
make_time(ph_sampler *sampler, ph_document *document)
{
	char text[40];
	static const char *const fractions[] = {"", "", "", ".5", ".481", ".123456"};
	snprintf(text, sizeof(text), "%04zu-%02zu-%02zuT%02zu:%02zu:%02zu%sZ",
	    ph_sampler_number(sampler, 1971, 2037), ph_sampler_number(sampler, 1, 12),
	    ph_sampler_number(sampler, 1, 28), ph_sampler_number(sampler, 0, 23),
	    ph_sampler_number(sampler, 0, 59), ph_sampler_number(sampler, 0, 59),
	    fractions[ph_sampler_number(sampler, 0, 5)]);
	return text_node(document, PH_NODE_STRING, text);
}

static ph_node *
make_string(ph_sampler *sampler, const parts *p, ph_document *document)
{
	size_t least = 0, most = 4000;
	const char *pattern = NULL;
	ph_buffer text;
	for (size_t i = 0; i < p->count; i++) {
		const ph_rule *rule = p->at[i];
		if (rule->date_time)
			return make_time(sampler, document);
		if (rule->length.has_least && rule->length.least > least)
			least = rule->length.least;
		if (rule->length.has_most && rule->length.most < most)
			most = rule->length.most;
		if (rule->pattern != NULL)
			pattern = ph_node_text(rule->node, "pattern");
	}
	ph_buffer_init(&text, 1 << 20);
	if (pattern != NULL) {
		if (!ph_sample_pattern(sampler, pattern, &text))
			ph_buffer_clear(&text);
	} else {
		/* what columns hold has no empty texts */
		ph_sample_text(
		    sampler, sampler->plain && least == 0 ? 1 : least, most, &text);
	}
	const char *whole = ph_buffer_cstr(&text);
	ph_node *node = whole == NULL
			    ? NULL
			    : ph_node_new(document, PH_NODE_STRING, whole, text.length);
	ph_buffer_fini(&text);
	return node;
}

static ph_node *
make_number(ph_sampler *sampler, const parts *p, bool whole, ph_document *document)
{
	double low = -1000, high = 1000000;
	char text[48];
	bool least = false, most = false;
	for (size_t i = 0; i < p->count; i++) {
		const ph_rule *rule = p->at[i];
		const char *from = rule->minimum ? rule->minimum : rule->above;
		const char *to = rule->maximum ? rule->maximum : rule->below;
		if (from != NULL) {
			low = strtod(from, NULL);
			least = true;
		}
		if (to != NULL) {
			high = strtod(to, NULL);
			most = true;
		}
	}
	if (least && !most)
		high = low + 1000000;
	if (most && !least)
		low = high - 1000000;
	double at = low + (high - low) * ((double) (ph_sampler_next(sampler) >> 11) /
					     9007199254740992.0);
	int digits = whole ? 0 : (int) ph_sampler_number(sampler, 0, 6);
	snprintf(text, sizeof(text), "%.*f", digits, at);
	if (strtod(text, NULL) == 0 && text[0] == '-')
		memmove(text, text + 1, strlen(text));
	return text_node(document, PH_NODE_NUMBER, text);
}

/* ---- lists and objects ---- */

static ph_node *
make_list(ph_sampler *sampler, const parts *p, ph_document *document)
{
	size_t least = 0, most = 3;
	const ph_rule *items = NULL;
	ph_node *list = ph_node_new(document, PH_NODE_LIST, NULL, 0);
	for (size_t i = 0; i < p->count; i++) {
		const ph_rule *rule = p->at[i];
		if (rule->items != NULL)
			items = rule->items;
		if (rule->items_count.has_least)
			least = rule->items_count.least;
		if (rule->items_count.has_most && rule->items_count.most < most)
			most = rule->items_count.most;
	}
	size_t count = ph_sampler_number(sampler, least, most < least ? least : most);
	for (size_t i = 0; i < count && list != NULL; i++)
		if (ph_node_add(document, list, NULL,
			ph_sample_value(sampler, items, document)) == NULL)
			return NULL;
	return list;
}

static ph_node *
make_object(
    ph_sampler *sampler, const parts *p, ph_document *document, const ph_names *names)
{
	ph_node *object = ph_node_new(document, PH_NODE_OBJECT, NULL, 0);
	for (size_t i = 0; i < p->count && object != NULL; i++)
		for (size_t k = 0; k < p->at[i]->property_count; k++) {
			const ph_property *property = &p->at[i]->properties[k];
			const char *name = ph_names_text(names, property->name);
			bool wanted =
			    property->required || ph_sampler_number(sampler, 0, 9) < 7;
			if (!wanted || ph_node_get(object, name) != NULL)
				continue;
			ph_node *value =
			    ph_sample_value(sampler, property->rule, document);
			if (ph_node_add(document, object, name, value) == NULL)
				return NULL;
		}
	return object;
}

/* ---- any ---- */

static unsigned
choose_type(ph_sampler *sampler, const parts *p)
{
	static const unsigned order[] = {PH_TYPE_OBJECT, PH_TYPE_ARRAY, PH_TYPE_STRING,
	    PH_TYPE_NUMBER, PH_TYPE_INTEGER, PH_TYPE_BOOLEAN, PH_TYPE_NULL};
	unsigned types = PH_TYPE_ANY;
	for (size_t i = 0; i < p->count; i++) {
		types &= p->at[i]->types;
		if (p->at[i]->types == PH_TYPE_ANY && p->at[i]->property_count > 0)
			return PH_TYPE_OBJECT;
	}
	if (types == PH_TYPE_ANY)
		return PH_TYPE_STRING;
	if ((types & PH_TYPE_NULL) != 0 && ph_sampler_number(sampler, 0, 7) == 0)
		return PH_TYPE_NULL;
	for (size_t i = 0; i < 7; i++)
		if ((types & order[i]) != 0)
			return order[i];
	return PH_TYPE_STRING;
}

/* An enum or const: one of its values; NULL if there is none. */
static ph_node *
make_choice(ph_sampler *sampler, const parts *p, ph_document *document)
{
	for (size_t i = 0; i < p->count; i++) {
		const ph_rule *rule = p->at[i];
		if (rule->constant != NULL)
			return copy(document, rule->constant);
		if (rule->choices == NULL || rule->choices->count == 0)
			continue;
		const ph_node *choice = rule->choices->first;
		for (size_t left =
			 ph_sampler_number(sampler, 0, rule->choices->count - 1);
		     left > 0; left--)
			choice = choice->next;
		return copy(document, choice);
	}
	return NULL;
}

static ph_node *
make(ph_sampler *sampler, const parts *p, ph_document *document)
{
	ph_node *choice = make_choice(sampler, p, document);
	if (choice != NULL)
		return choice;
	unsigned type = choose_type(sampler, p);
	if (sampler->depth >= DEPTH &&
	    (type == PH_TYPE_OBJECT || type == PH_TYPE_ARRAY))
		type = PH_TYPE_NULL;
	switch (type) {
	case PH_TYPE_OBJECT:
		return make_object(sampler, p, document, sampler->names);
	case PH_TYPE_ARRAY:
		return make_list(sampler, p, document);
	case PH_TYPE_NUMBER:
	case PH_TYPE_INTEGER:
		return make_number(sampler, p, type == PH_TYPE_INTEGER, document);
	case PH_TYPE_BOOLEAN:
		return text_node(document, PH_NODE_BOOLEAN,
		    ph_sampler_number(sampler, 0, 1) == 0 ? "false" : "true");
	case PH_TYPE_NULL:
		return ph_node_new(document, PH_NODE_NULL, NULL, 0);
	default:
		return make_string(sampler, p, document);
	}
}

ph_node *
ph_sample_value(ph_sampler *sampler, const ph_rule *rule, ph_document *document)
{
	parts p = {.count = 0};
	gather(sampler, rule, &p);
	sampler->depth++;
	ph_node *node = make(sampler, &p, document);
	sampler->depth--;
	return node;
}

ph_node *
ph_sample_make(ph_sampler *sampler, const ph_schema *schema, ph_document *document)
{
	ph_violation violation;
	sampler->names = schema->names;
	for (unsigned i = 0; i < ATTEMPTS; i++) {
		ph_node *node = ph_sample_value(sampler, schema->root, document);
		if (node == NULL ||
		    ph_schema_check(schema, document, node, 0, &violation) == PH_OK)
			return node;
	}
	return NULL;
}
