/*
 * schema_check - holds a document against a schema's rules.
 *
 * The document's interned names are looked up once per check; after that a member finds its
 * rule by comparing pointers. The first broken rule ends it.
 *
 * A schema may make a check cost more than its document is worth: alternatives within
 * alternatives, a $ref to itself. Each rule costs a step, larger work more; past STEPS, and
 * STEPS_EACH for each node of the document, the check gives up, and a check that gave up is a
 * document that is not valid (PH3209).
 */
#include "transform/schema_checking.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/assert.h"
#include "lib/base/clock.h"
#include "lib/base/text.h"

#define STEPS	   UINT64_C(1000000)
#define STEPS_EACH 200u
#define DEPTH	   512
#define WORDS_MAX  200

/* The number of an item in its list, from 1. */
static size_t
position(const ph_node *item)
{
	size_t number = 1;
	for (const ph_node *n = item->parent->first; n != item; n = n->next)
		number++;
	return number;
}

/* Write "a.b[2].c" of a node below the root into `out`; returns its length. */
static size_t
write_path(const ph_node *root, const ph_node *node, char *out, size_t size)
{
	if (node == root || node->parent == NULL)
		return 0;
	size_t at = write_path(root, node->parent, out, size);
	int wrote =
	    node->name == NULL
		? snprintf(out + at, size - at, "[%zu]", position(node))
		: snprintf(out + at, size - at, "%s%s", at > 0 ? "." : "", node->name);
	return wrote < 0 || (size_t) wrote >= size - at ? size - 1
							: at + (size_t) wrote;
}

/* Write "#/a/0/b" of a schema's node into `out`; returns its length. */
static size_t
write_pointer(
    const ph_schema_resource *resource, const ph_node *node, char *out, size_t size)
{
	int wrote;
	size_t at = 0;
	if (node == resource->node || node->parent == NULL) {
		wrote = snprintf(out, size, "%s#", resource->uri);
	} else {
		at = write_pointer(resource, node->parent, out, size);
		wrote = node->name == NULL
			    ? snprintf(out + at, size - at, "/%zu", position(node) - 1)
			    : snprintf(out + at, size - at, "/%s", node->name);
	}
	return wrote < 0 || (size_t) wrote >= size - at ? size - 1
							: at + (size_t) wrote;
}

bool
ph_check_broken(ph_checking *c, const ph_rule *rule, const ph_node *node,
    const char *keyword, const char *format, ...)
{
	if (c->quiet > 0)
		return false;
	ph_violation *out = c->out;
	va_list list;
	va_start(list, format);
	vsnprintf(out->text, sizeof(out->text), format, list);
	va_end(list);
	out->path[0] = 0;
	write_path(c->root, node, out->path, sizeof(out->path));
	size_t at = write_pointer(
	    rule->resource, rule->node, out->schema_path, sizeof(out->schema_path));
	if (keyword[0] != '\0')
		snprintf(out->schema_path + at, sizeof(out->schema_path) - at, "/%s",
		    keyword);
	out->node = node;
	return false;
}

bool
ph_check_missing(ph_checking *c, const ph_rule *rule, const ph_node *object,
    const char *keyword, const char *name)
{
	ph_check_broken(c, rule, object, keyword, "PH3202 is missing and required");
	size_t at = strlen(c->out->path);
	if (c->quiet == 0)
		snprintf(c->out->path + at, sizeof(c->out->path) - at, "%s%s",
		    at > 0 ? "." : "", name);
	return false;
}

static uint64_t
count_nodes(const ph_node *node)
{
	uint64_t count = 1;
	for (const ph_node *n = node->first; n != NULL; n = n->next)
		count += count_nodes(n);
	return count;
}

bool
ph_check_pay_more(ph_checking *c, uint64_t steps)
{
	if (c->steps > 0 && !c->extended) {
		c->extended = true;
		c->steps += STEPS_EACH * count_nodes(c->root);
	}
	c->steps = c->steps > steps ? c->steps - steps : 0;
	return c->steps > 0;
}

ph_match
ph_check_match(
    ph_checking *c, const ph_pattern *pattern, const char *text, size_t length)
{
	if (!ph_check_pay(c, 1 + length / 16))
		return PH_MATCH_GAVE_UP;
	ph_match match = ph_pattern_match(pattern, text, length, NULL);
	if (match == PH_MATCH_GAVE_UP)
		c->steps = 0;
	return match;
}

bool
ph_marks_init(ph_checking *c, ph_marks *marks, size_t count)
{
	*marks = (ph_marks){.words = (count + 63) / 64};
	marks->bits = marks->few;
	if (marks->words <= 2)
		return true;
	marks->bits = calloc(marks->words, sizeof(*marks->bits));
	c->no_memory |= marks->bits == NULL;
	return marks->bits != NULL && ph_check_pay(c, marks->words);
}

void
ph_marks_fini(ph_marks *marks)
{
	if (marks->bits != marks->few)
		free(marks->bits);
}

void
ph_marks_merge(ph_marks *into, const ph_marks *from)
{
	PH_ASSERT(into->words == from->words);
	for (size_t i = 0; i < from->words; i++)
		into->bits[i] |= from->bits[i];
}

/* One of those wanted, where a value is of more than one: whole numbers are numbers too. */
static unsigned
type_of(const ph_node *node, unsigned wanted)
{
	switch ((ph_node_kind) node->kind) {
	case PH_NODE_NULL:
		return PH_TYPE_NULL;
	case PH_NODE_BOOLEAN:
		return PH_TYPE_BOOLEAN;
	case PH_NODE_NUMBER:
		return (wanted & PH_TYPE_NUMBER) == 0 && ph_number_whole(node->text)
			   ? PH_TYPE_INTEGER
			   : PH_TYPE_NUMBER;
	case PH_NODE_STRING:
		return PH_TYPE_STRING;
	case PH_NODE_LIST:
		return PH_TYPE_ARRAY;
	case PH_NODE_OBJECT:
		return PH_TYPE_OBJECT;
	}
	PH_UNREACHABLE("kind of node");
}

static const char *
type_word(unsigned types)
{
	static const char *const words[] = {
	    "null", "boolean", "number", "integer", "text", "list", "object"};
	if ((types & PH_TYPE_NUMBER) != 0)
		return "number";
	for (size_t i = 0; i < 7; i++)
		if ((types & (1u << i)) != 0)
			return words[i];
	return "nothing";
}

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

static bool
check_values(ph_checking *c, const ph_rule *rule, const ph_node *node)
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
ph_check_range(ph_checking *c, const ph_rule *rule, const ph_node *node, size_t count,
    const ph_range *range, const char *keywords[2], const char *what)
{
	if (range->has_least && count < range->least) {
		if (count == 0 && range->least == 1 && node->kind == PH_NODE_STRING)
			return ph_check_broken(
			    c, rule, node, keywords[0], "PH3203 is empty");
		return ph_check_broken(c, rule, node, keywords[0],
		    "PH3203 has %zu %s, at least %zu are needed", count, what,
		    range->least);
	}
	if (range->has_most && count > range->most)
		return ph_check_broken(c, rule, node, keywords[1],
		    "PH3203 has %zu %s, at most %zu are allowed", count, what,
		    range->most);
	return true;
}

static bool
check_text(ph_checking *c, const ph_rule *rule, const ph_node *node)
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

static bool
check_number(ph_checking *c, const ph_rule *rule, const ph_node *node)
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

static bool
check_body(ph_checking *c, const ph_rule *rule, const ph_node *node, ph_marks *marks)
{
	unsigned type = type_of(node, rule->types);
	if (rule->never)
		return ph_check_broken(c, rule, node, "", "PH3208 is not allowed here");
	if ((rule->types & type) == 0)
		return ph_check_broken(c, rule, node, "type",
		    "PH3201 is of type %s, %s is needed", type_word(type),
		    type_word(rule->types));
	if ((rule->choices != NULL || rule->constant != NULL) &&
	    !check_values(c, rule, node))
		return false;
	bool good = true;
	if (type == PH_TYPE_STRING)
		good = check_text(c, rule, node);
	else if (type == PH_TYPE_NUMBER || type == PH_TYPE_INTEGER)
		good = check_number(c, rule, node);
	else if (type == PH_TYPE_OBJECT)
		good = ph_check_object(c, rule, node, marks);
	else if (type == PH_TYPE_ARRAY)
		good = ph_check_list(c, rule, node, marks);
	return good && (!rule->applies || ph_check_applied(c, rule, node, marks));
}

/* With marks of its own, where the rule speaks of what is left over. */
static bool
check_marked(ph_checking *c, const ph_rule *rule, const ph_node *node, ph_marks *marks)
{
	ph_marks own;
	bool good = ph_marks_init(c, &own, node->count) &&
		    check_body(c, rule, node, &own) &&
		    ph_check_unevaluated(c, rule, node, &own);
	if (good && marks != NULL)
		ph_marks_merge(marks, &own);
	ph_marks_fini(&own);
	return good;
}

bool
ph_check_rule(ph_checking *c, const ph_rule *rule, const ph_node *node, ph_marks *marks)
{
	if (!ph_check_pay(c, 1) || c->depth == DEPTH) {
		c->steps = 0;
		return false;
	}
	ph_scope scope = {.resource = rule->resource, .up = c->scope};
	c->scope = &scope;
	c->depth++;
	bool own = node->kind == PH_NODE_OBJECT ? rule->unevaluated_properties != NULL
		   : node->kind == PH_NODE_LIST ? rule->unevaluated_items != NULL
						: false;
	bool good =
	    own ? check_marked(c, rule, node, marks) : check_body(c, rule, node, marks);
	c->depth--;
	c->scope = scope.up;
	return good && c->steps > 0;
}

ph_status
ph_schema_check(const ph_schema *schema, ph_document *document, const ph_node *node,
    unsigned flags, ph_violation *out)
{
	ph_checking c = {
	    .schema = schema, .flags = flags, .steps = STEPS, .root = node, .out = out};
	out->path[0] = out->text[0] = out->schema_path[0] = 0;
	out->node = NULL;
	c.names = ph_document_bind(document, schema->names);
	if (c.names == NULL)
		return PH_ERR_NOMEM;
	bool good = ph_check_rule(&c, schema->root, node, NULL);
	if (c.no_memory)
		return PH_ERR_NOMEM;
	c.quiet = 0;
	if (c.steps == 0 && strncmp(out->text, "PH3204", 6) != 0)
		ph_check_broken(&c, schema->root, node, "",
		    "PH3209 costs more to check than it may: the schema has too many "
		    "alternatives, or leads in a circle");
	return good ? PH_OK : PH_ERR_INVALID;
}

bool
ph_instant_valid(const char *text, size_t length)
{
	int64_t ignored;
	return ph_time_parse(text, length, &ignored, NULL) == PH_OK;
}
