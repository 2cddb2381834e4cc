/*
 * schema_checking - what every rule's check uses: complaints with their places, steps, marks, ranges.
 */
#include "transform/schema_checking.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/assert.h"

#define STEPS_EACH 200u

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
