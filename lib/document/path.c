/*
 * document, second half - finding nodes by name and path, and saying where they are.
 *
 * A path is written from its end, since a node knows its parent and not its position;
 * what does not fit in the caller's bytes is its beginning, so the part nearest to the
 * node is kept.
 */
#include "lib/document/document.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/assert.h"

static bool
named(const ph_node *node, const char *name, size_t length)
{
	return node->name != NULL &&
	       (node->name == name || (strncmp(node->name, name, length) == 0 &&
					  node->name[length] == '\0'));
}

ph_node *
ph_node_get(const ph_node *object, const char *name)
{
	if (object == NULL)
		return NULL;
	for (ph_node *n = object->first; n != NULL; n = n->next)
		if (n->name == name || (n->name != NULL && strcmp(n->name, name) == 0))
			return n;
	return NULL;
}

static bool
same_name(const ph_node *a, const ph_node *b)
{
	return a->name == b->name && a->space == b->space &&
	       ((a->flags ^ b->flags) & PH_NODE_ATTRIBUTE) == 0;
}

ph_node *
ph_node_next_same(const ph_node *node)
{
	for (ph_node *n = node->next; n != NULL; n = n->next)
		if (same_name(n, node))
			return n;
	return NULL;
}

const char *
ph_node_text(const ph_node *object, const char *name)
{
	const ph_node *node = ph_node_get(object, name);
	return node == NULL || node->kind == PH_NODE_NULL ? NULL : node->text;
}

/* Digits up to `length`, as a number; false if there is anything else. */
static bool
read_number(const char *text, size_t length, uint32_t *number)
{
	uint32_t value = 0;
	if (length == 0 || length > 9)
		return false;
	for (size_t i = 0; i < length; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		value = value * 10 + (uint32_t) (text[i] - '0');
	}
	*number = value;
	return true;
}

static ph_node *
item_at(const ph_node *list, uint32_t position)
{
	ph_node *n = list->first;
	while (n != NULL && position-- > 0)
		n = n->next;
	return n;
}

static ph_node *
member(const ph_node *object, const char *name, size_t length)
{
	for (ph_node *n = object->first; n != NULL; n = n->next)
		if (named(n, name, length))
			return n;
	return NULL;
}

/* The nth (from 1) of the siblings that are named as `node`, or of the items of a list.
 * */
static ph_node *
nth(ph_node *node, uint32_t number)
{
	if (node == NULL || number == 0)
		return NULL;
	if (node->kind == PH_NODE_LIST)
		return item_at(node, number - 1);
	while (node != NULL && --number > 0)
		node = ph_node_next_same(node);
	return node;
}

/* Split "name[2]" into its name and its number; *number stays 0 without one. */
static size_t
split_index(const char *step, size_t length, uint32_t *number)
{
	const char *open = memchr(step, '[', length);
	if (open == NULL || step[length - 1] != ']')
		return length;
	size_t digits = (size_t) (step + length - 1 - (open + 1));
	return read_number(open + 1, digits, number) ? (size_t) (open - step) : length;
}

/* One step of a path: a position in a list, or a member, with or without its number. */
static ph_node *
step_down(const ph_node *node, const char *step, size_t length)
{
	uint32_t number = 0;
	if (node->kind == PH_NODE_LIST && read_number(step, length, &number))
		return item_at(node, number);
	ph_node *whole = member(node, step, length);
	size_t name = split_index(step, length, &number);
	if (whole != NULL || number == 0)
		return whole;
	if (name == 0)
		return node->kind == PH_NODE_LIST ? item_at(node, number - 1) : NULL;
	return nth(member(node, step, name), number);
}

ph_node *
ph_node_find(const ph_node *node, const char *path)
{
	while (node != NULL && *path != '\0') {
		size_t length = strcspn(path, "/");
		if (length > 0)
			node = step_down(node, path, length);
		path += length;
		if (*path == '/')
			path++;
	}
	uintptr_t found = (uintptr_t) node;
	return (ph_node *) found;
}

/* Writes from the end of a caller's bytes towards their beginning. */
typedef struct backwards {
	char *out;
	size_t at; /* the first byte written; falls to 0 */
	bool cut;  /* there was more */
} backwards;

static void
prepend(backwards *writer, const char *bytes, size_t length)
{
	for (size_t i = length; i > 0 && !writer->cut; i--) {
		unsigned char c = (unsigned char) bytes[i - 1];
		if (writer->at == 0)
			writer->cut = true;
		else
			writer->out[--writer->at] =
			    c < 0x20 || c == 0x7F ? '?' : (char) c;
	}
}

/* Which one it is among the siblings of its name, from 1; 0: the only one. */
static uint32_t
number_among(const ph_node *node)
{
	uint32_t number = 0;
	bool others = node->parent->kind == PH_NODE_LIST;
	uint32_t before = 0;
	for (const ph_node *n = node->parent->first; n != NULL; n = n->next) {
		if (n == node)
			number = before + 1;
		else if (node->parent->kind == PH_NODE_LIST || same_name(n, node)) {
			before++;
			others = true;
		}
	}
	return others ? number : 0;
}

char *
ph_node_path(const ph_node *node, char *out, size_t size)
{
	PH_ASSERT(size >= 8);
	backwards writer = {.out = out, .at = size - 1};
	out[size - 1] = '\0';
	for (; node != NULL && node->parent != NULL && !writer.cut;
	     node = node->parent) {
		uint32_t number = number_among(node);
		if (number > 0) {
			char index[16];
			int length =
			    snprintf(index, sizeof index, "[%" PRIu32 "]", number);
			prepend(&writer, index, (size_t) length);
		}
		if (node->name != NULL)
			prepend(&writer, node->name, strlen(node->name));
		if (node->parent->parent != NULL && node->name != NULL)
			prepend(&writer, "/", 1);
	}
	if (writer.cut)
		memcpy(out, "...", 3);
	else if (writer.at == size - 1)
		prepend(&writer, "/", 1);
	return memmove(out, out + writer.at, size - writer.at);
}

char *
ph_node_where(const ph_document *document, const ph_node *node, char *out, size_t size)
{
	const char *name = ph_document_name(document);
	if (node == NULL || node->line == 0)
		snprintf(out, size, "%s", name);
	else
		snprintf(out, size, "%s:%" PRIu32 ":%" PRIu32, name, node->line,
		    node->column);
	return out;
}
