/*
 * schema_check - holds a document against a schema's rules.
 *
 * The document's interned names are looked up once per check; after that a member finds its
 * rule by comparing pointers. The first broken rule ends it.
 */
#include <stdio.h>
#include <string.h>

#include "lib/base/assert.h"
#include "lib/base/clock.h"
#include "lib/base/text.h"
#include "transform/schema_inner.h"

typedef struct check {
	const ph_schema *schema;
	ph_arena *arena;
	const char *const *names; /* the schema's, in the document */
	unsigned flags;
	const ph_node *root;
	ph_violation *out;
} check;

static bool check_node(check *c, const ph_rule *rule, const ph_node *node);

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
write_path(const check *c, const ph_node *node, char *out, size_t size)
{
	if (node == c->root || node->parent == NULL)
		return 0;
	size_t at = write_path(c, node->parent, out, size);
	int wrote =
	    node->name == NULL
		? snprintf(out + at, size - at, "[%zu]", position(node))
		: snprintf(out + at, size - at, "%s%s", at > 0 ? "." : "", node->name);
	return wrote < 0 || (size_t) wrote >= size - at ? size - 1
							: at + (size_t) wrote;
}

static bool
broken(check *c, const ph_node *node, const char *text)
{
	c->out->path[0] = 0;
	write_path(c, node, c->out->path, sizeof(c->out->path));
	c->out->node = node;
	if (c->out->text != text)
		snprintf(c->out->text, sizeof(c->out->text), "%s", text);
	return false;
}

static bool
missing(check *c, const ph_node *object, const char *name)
{
	broken(c, object, "PH3202 is missing and required");
	size_t at = strlen(c->out->path);
	snprintf(c->out->path + at, sizeof(c->out->path) - at, "%s%s",
	    at > 0 ? "." : "", name);
	return false;
}

static unsigned
type_of(const ph_node *node)
{
	switch ((ph_node_kind) node->kind) {
	case PH_NODE_NULL:
		return PH_TYPE_NULL;
	case PH_NODE_BOOLEAN:
		return PH_TYPE_BOOLEAN;
	case PH_NODE_NUMBER:
		return strpbrk(node->text, ".eE") == NULL ? PH_TYPE_INTEGER
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

static bool
check_values(check *c, const ph_rule *rule, const ph_node *node)
{
	for (size_t i = 0; i < rule->value_count; i++)
		if (strcmp(rule->values[i], node->text) == 0)
			return true;
	if (rule->value_count == 1)
		snprintf(c->out->text, sizeof(c->out->text), "PH3205 must be \"%s\"",
		    rule->values[0]);
	else
		snprintf(c->out->text, sizeof(c->out->text),
		    "PH3205 is none of the %zu values allowed", rule->value_count);
	return broken(c, node, c->out->text);
}

static bool
check_length(
    check *c, const ph_rule *rule, const ph_node *node, size_t length, const char *what)
{
	if (rule->has_least && length < rule->least) {
		if (length == 0 && rule->least == 1 && node->kind == PH_NODE_STRING)
			return broken(c, node, "PH3203 is empty");
		snprintf(c->out->text, sizeof(c->out->text),
		    "PH3203 has %zu %s, at least %zu are needed", length, what,
		    rule->least);
		return broken(c, node, c->out->text);
	}
	if (rule->has_most && length > rule->most) {
		snprintf(c->out->text, sizeof(c->out->text),
		    "PH3203 has %zu %s, at most %zu are allowed", length, what,
		    rule->most);
		return broken(c, node, c->out->text);
	}
	return true;
}

static bool
check_text(check *c, const ph_rule *rule, const ph_node *node)
{
	if (rule->value_count > 0 && !check_values(c, rule, node))
		return false;
	/* Bytes are no fewer than characters, and at most four for each. */
	bool fits = (!rule->has_most || node->length <= rule->most) &&
		    (!rule->has_least || node->length >= 4 * rule->least);
	if ((rule->has_least || rule->has_most) && !fits &&
	    !check_length(
		c, rule, node, ph_utf8_length(node->text, node->length), "characters"))
		return false;
	if (rule->date_time && !ph_instant_valid(node->text, node->length))
		return broken(
		    c, node, "PH3206 is no date and time with an offset (RFC 3339)");
	if (rule->pattern == NULL)
		return true;
	switch (
	    ph_pattern_match(rule->pattern, c->arena, node->text, node->length, NULL)) {
	case PH_MATCH_YES:
		return true;
	case PH_MATCH_NO:
		return broken(c, node, "PH3204 does not have the form asked for");
	case PH_MATCH_GAVE_UP:
		return broken(c, node, "PH3204 is too complex to be checked");
	}
	PH_UNREACHABLE("match");
}

static bool
check_number(check *c, const ph_rule *rule, const ph_node *node)
{
	if (rule->minimum != NULL && ph_number_compare(node->text, rule->minimum) < 0) {
		snprintf(c->out->text, sizeof(c->out->text), "PH3207 is less than %s",
		    rule->minimum);
		return broken(c, node, c->out->text);
	}
	if (rule->maximum != NULL && ph_number_compare(node->text, rule->maximum) > 0) {
		snprintf(c->out->text, sizeof(c->out->text), "PH3207 is more than %s",
		    rule->maximum);
		return broken(c, node, c->out->text);
	}
	return true;
}

static bool
check_missing(check *c, const ph_rule *rule, const ph_node *node)
{
	if ((c->flags & PH_SCHEMA_PARTIAL) != 0)
		return true;
	for (size_t i = 0; i < rule->missing_count; i++) {
		const char *name = c->names[rule->missing[i]];
		bool there = false;
		for (const ph_node *n = node->first; n != NULL; n = n->next)
			there |= n->name == name;
		if (!there)
			return missing(c, node, name);
	}
	return true;
}

static bool
check_object(check *c, const ph_rule *rule, const ph_node *node)
{
	uint64_t seen = 0;
	for (const ph_node *n = node->first; n != NULL; n = n->next) {
		size_t i = 0;
		while (i < rule->property_count &&
		       c->names[rule->properties[i].name] != n->name)
			i++;
		if (i == rule->property_count) {
			if (rule->closed)
				return broken(c, n,
				    "PH3208 is not among the fields allowed here");
			continue;
		}
		PH_ASSERT(i < 64);
		seen |= (uint64_t) 1 << i;
		if (!check_node(c, rule->properties[i].rule, n))
			return false;
	}
	for (size_t i = 0; i < rule->property_count; i++)
		if (rule->properties[i].required && (seen >> i & 1) == 0 &&
		    (c->flags & PH_SCHEMA_PARTIAL) == 0)
			return missing(c, node, c->names[rule->properties[i].name]);
	return check_missing(c, rule, node);
}

static bool
check_list(check *c, const ph_rule *rule, const ph_node *node)
{
	if (!check_length(c, rule, node, node->count, "items"))
		return false;
	for (const ph_node *n = node->first; rule->items != NULL && n != NULL;
	     n = n->next)
		if (!check_node(c, rule->items, n))
			return false;
	return true;
}

static bool
check_node(check *c, const ph_rule *rule, const ph_node *node)
{
	unsigned type = type_of(node);
	if ((rule->types & type) == 0) {
		snprintf(c->out->text, sizeof(c->out->text),
		    "PH3201 is of type %s, %s is needed", type_word(type),
		    type_word(rule->types));
		return broken(c, node, c->out->text);
	}
	if (type == PH_TYPE_STRING)
		return check_text(c, rule, node);
	if (type == PH_TYPE_NUMBER || type == PH_TYPE_INTEGER)
		return check_number(c, rule, node);
	if (type == PH_TYPE_OBJECT)
		return check_object(c, rule, node);
	if (type == PH_TYPE_ARRAY)
		return check_list(c, rule, node);
	return true;
}

ph_status
ph_schema_check(const ph_schema *schema, ph_document *document, const ph_node *node,
    unsigned flags, ph_violation *out)
{
	check c = {.schema = schema,
	    .arena = ph_document_arena(document),
	    .flags = flags,
	    .root = node,
	    .out = out};
	out->path[0] = 0;
	out->text[0] = 0;
	out->node = NULL;
	c.names = ph_names_bind(schema->names, document);
	if (c.names == NULL)
		return PH_ERR_NOMEM;
	return check_node(&c, schema->root, node) ? PH_OK : PH_ERR_INVALID;
}

bool
ph_number_valid(const char *text, size_t length)
{
	const char *p = text, *end = text + length;
	p += p < end && *p == '-';
	if (p == end || *p < '0' || *p > '9')
		return false;
	if (*p == '0' && p + 1 < end && p[1] >= '0' && p[1] <= '9')
		return false;
	while (p < end && *p >= '0' && *p <= '9')
		p++;
	if (p < end && *p == '.') {
		const char *fraction = ++p;
		while (p < end && *p >= '0' && *p <= '9')
			p++;
		if (p == fraction)
			return false;
	}
	if (p < end && (*p == 'e' || *p == 'E')) {
		p++;
		p += p < end && (*p == '+' || *p == '-');
		const char *exponent = p;
		while (p < end && *p >= '0' && *p <= '9')
			p++;
		if (p == exponent)
			return false;
	}
	return p == end;
}

/* A number as sign, digits without leading zeros, and the power of ten of the first digit. */
typedef struct decimal {
	bool negative, zero;
	const char *digits; /* may hold a '.' */
	int64_t power;
} decimal;

static decimal
decimal_of(const char *text)
{
	decimal d = {.negative = *text == '-'};
	if (*text == '-' || *text == '+')
		text++;
	size_t mantissa = strcspn(text, "eE");
	int64_t exponent = 0;
	if (text[mantissa] != 0) {
		const char *p = text + mantissa + 1;
		bool minus = *p == '-';
		p += *p == '-' || *p == '+';
		for (; *p != 0; p++)
			if (exponent < 1000000000)
				exponent = exponent * 10 + (*p - '0');
		exponent = minus ? -exponent : exponent;
	}
	size_t point = 0;
	while (point < mantissa && text[point] != '.')
		point++;
	size_t first = 0;
	while (first < mantissa && (text[first] == '0' || text[first] == '.'))
		first++;
	d.zero = first == mantissa;
	d.digits = text + first;
	d.power = exponent + (first < point ? (int64_t) (point - first)
					    : (int64_t) point - (int64_t) first + 1);
	return d;
}

/* The next digit, '0' after the last. */
static char
next_digit(const char **p)
{
	if (**p == '.')
		(*p)++;
	if (**p < '0' || **p > '9')
		return '0';
	return *(*p)++;
}

static int
compare_size(const decimal *a, const decimal *b)
{
	if (a->zero || b->zero)
		return (int) b->zero - (int) a->zero;
	if (a->power != b->power)
		return a->power < b->power ? -1 : 1;
	const char *p = a->digits, *q = b->digits;
	while ((*p >= '0' && *p <= '9') || *p == '.' || (*q >= '0' && *q <= '9') ||
	       *q == '.') {
		char x = next_digit(&p), y = next_digit(&q);
		if (x != y)
			return x < y ? -1 : 1;
	}
	return 0;
}

int
ph_number_compare(const char *a, const char *b)
{
	decimal x = decimal_of(a), y = decimal_of(b);
	if (x.zero && y.zero)
		return 0;
	bool x_minus = x.negative && !x.zero, y_minus = y.negative && !y.zero;
	if (x_minus != y_minus)
		return x_minus ? -1 : 1;
	int size = compare_size(&x, &y);
	return x_minus ? -size : size;
}

bool
ph_instant_valid(const char *text, size_t length)
{
	int64_t ignored;
	return ph_time_parse(text, length, &ignored, NULL) == PH_OK;
}
