/*
 * config - reading members of a configuration file, each with a located error of its
 * own.
 *
 * A member with nothing after its colon is an error here and not the default: somebody
 * meant to write something.
 */
#include "lib/config/config.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/assert.h"

#define WORD_MAX 64u /* longer names are not compared for likeness */

ph_status
ph_config_fail(ph_error *err, const ph_document *document, const ph_node *node,
    const char *format, ...)
{
	char where[PH_ERROR_WHERE];
	char text[PH_ERROR_TEXT];
	ph_node_where(document, node, where, sizeof where);
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	return ph_fail_at(err, PH_ERR_INVALID, where, "%s", text);
}

static unsigned
smallest(unsigned a, unsigned b, unsigned c)
{
	unsigned least = a < b ? a : b;
	return least < c ? least : c;
}

/* Letters to change, add or take away to make one word from the other. */
static unsigned
distance(const char *a, const char *b)
{
	unsigned row[WORD_MAX + 1];
	size_t width = strlen(b);
	for (unsigned j = 0; j <= width; j++)
		row[j] = j;
	for (unsigned i = 0; a[i] != '\0'; i++) {
		unsigned diagonal = row[0];
		row[0] = i + 1;
		for (size_t j = 0; j < width; j++) {
			unsigned swap = diagonal + (a[i] != b[j]);
			diagonal = row[j + 1];
			row[j + 1] = smallest(swap, row[j] + 1, diagonal + 1);
		}
	}
	return row[width];
}

/* The known word that looks most like it; NULL if none is near. */
static const char *
nearest(const char *word, const char *const *known)
{
	const char *best = NULL;
	unsigned least = 3;
	size_t length = strlen(word);
	if (length > WORD_MAX)
		return NULL;
	for (; *known != NULL; known++) {
		if (strlen(*known) > WORD_MAX)
			continue;
		unsigned steps = distance(word, *known);
		if (steps < least && steps < length) {
			least = steps;
			best = *known;
		}
	}
	return best;
}

static void
list_words(const char *const *known, char *out, size_t size)
{
	size_t at = 0;
	out[0] = '\0';
	for (; *known != NULL && at < size; known++) {
		int length =
		    snprintf(out + at, size - at, "%s%s", at == 0 ? "" : ", ", *known);
		at += length < 0 ? 0 : (size_t) length;
	}
}

static ph_status
unknown_member(const ph_document *document, const ph_node *member,
    const char *const *known, ph_error *err)
{
	ph_node named = *member; /* to point at the name, not at its value */
	named.flags &= (uint8_t) ~PH_NODE_KEYED;
	ph_node_key_place(member, &named.line, &named.column);
	const char *like = nearest(member->name, known);
	if (like != NULL)
		return ph_config_fail(err, document, &named,
		    "PH1201 \"%s\" is not known here; did you mean \"%s\"?",
		    member->name, like);
	char words[320];
	list_words(known, words, sizeof words);
	return ph_config_fail(err, document, &named,
	    "PH1201 \"%s\" is not known here; known: %s", member->name, words);
}

static bool
is_known(const char *name, const char *const *known)
{
	for (; *known != NULL; known++)
		if (strcmp(name, *known) == 0)
			return true;
	return false;
}

ph_status
ph_config_known(const ph_document *document, const ph_node *object,
    const char *const *known, ph_error *err)
{
	if (object == NULL || object->kind == PH_NODE_NULL)
		return PH_OK;
	if (object->kind != PH_NODE_OBJECT)
		return ph_config_fail(err, document, object,
		    "PH1202 names with values are expected here (name: value)");
	for (const ph_node *n = object->first; n != NULL; n = n->next)
		if (!is_known(n->name, known))
			return unknown_member(document, n, known, err);
	return PH_OK;
}

/* The member, or NULL if it is not there. One that has no text is refused. */
static ph_status
scalar_member(const ph_document *d, const ph_node *object, const char *name,
    const char *wanted, const ph_node **out, ph_error *err)
{
	const ph_node *node = ph_node_get(object, name);
	if (node != NULL && node->kind == PH_NODE_NULL)
		return ph_config_fail(err, d, node,
		    "PH1203 %s has no value: give it %s, or leave the name out", name,
		    wanted);
	if (node != NULL && !ph_node_is_scalar(node))
		return ph_config_fail(err, d, node, "PH1204 %s takes %s, not a %s",
		    name, wanted, node->kind == PH_NODE_LIST ? "list" : "mapping");
	*out = node;
	return PH_OK;
}

ph_status
ph_config_text(const ph_document *d, const ph_node *object, const char *name,
    const char *fallback, const char **out, ph_error *err)
{
	const ph_node *node = NULL;
	ph_status status = scalar_member(d, object, name, "a text", &node, err);
	if (status == PH_OK)
		*out = node == NULL ? fallback : node->text;
	return status;
}

/* Decimal digits, perhaps after a minus. *end is the first byte behind them. */
static bool
read_integer(const char *text, int64_t *value, const char **end)
{
	bool negative = *text == '-';
	int64_t sum = 0;
	const char *at = text + (negative ? 1 : 0);
	if (*at < '0' || *at > '9')
		return false;
	for (; *at >= '0' && *at <= '9'; at++) {
		int digit = *at - '0';
		if (sum > (INT64_MAX - digit) / 10)
			return false;
		sum = sum * 10 + digit;
	}
	*value = negative ? -sum : sum;
	*end = at;
	return true;
}

ph_status
ph_config_number(const ph_document *d, const ph_node *object, const char *name,
    int64_t least, int64_t most, int64_t fallback, int64_t *out, ph_error *err)
{
	const ph_node *node = NULL;
	int64_t value = fallback;
	const char *end = "";
	ph_status status = scalar_member(d, object, name, "a number", &node, err);
	if (status != PH_OK)
		return status;
	if (node != NULL && (!read_integer(node->text, &value, &end) || *end != '\0' ||
				value < least || value > most))
		return ph_config_fail(err, d, node,
		    "PH1205 %s takes a whole number from %" PRId64 " to %" PRId64, name,
		    least, most);
	*out = value;
	return PH_OK;
}

typedef struct unit {
	const char *name;
	int64_t factor;
} unit;

/* A number with one of the units; its product. */
static bool
read_quantity(const char *text, const unit *units, int64_t *out)
{
	int64_t value = 0;
	const char *end = NULL;
	if (*text == '-' || !read_integer(text, &value, &end))
		return false;
	for (; units->name != NULL; units++) {
		if (strcmp(end, units->name) == 0 &&
		    value <= INT64_MAX / units->factor) {
			*out = value * units->factor;
			return true;
		}
	}
	*out = 0;
	return value == 0 && *end == '\0';
}

ph_status
ph_config_duration(const ph_document *d, const ph_node *object, const char *name,
    int64_t fallback_ms, int64_t *ms, ph_error *err)
{
	static const unit units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000},
	    {"h", 3600000}, {"d", 86400000}, {NULL, 0}};
	const ph_node *node = NULL;
	int64_t value = fallback_ms;
	ph_status status = scalar_member(d, object, name, "a duration", &node, err);
	if (status != PH_OK)
		return status;
	if (node != NULL && !read_quantity(node->text, units, &value))
		return ph_config_fail(err, d, node,
		    "PH1206 %s takes a duration: a whole number with ms, s, m, h or d, "
		    "as in 10s",
		    name);
	*ms = value;
	return PH_OK;
}

ph_status
ph_config_size(const ph_document *d, const ph_node *object, const char *name,
    int64_t fallback, int64_t *bytes, ph_error *err)
{
	static const unit units[] = {{"", 1}, {"k", 1024}, {"K", 1024}, {"M", 1 << 20},
	    {"G", 1 << 30}, {NULL, 0}};
	const ph_node *node = NULL;
	int64_t value = fallback;
	ph_status status = scalar_member(d, object, name, "a size", &node, err);
	if (status != PH_OK)
		return status;
	if (node != NULL && !read_quantity(node->text, units, &value))
		return ph_config_fail(err, d, node,
		    "PH1207 %s takes a size: a whole number of bytes, or with k, M or "
		    "G, as in 8M",
		    name);
	*bytes = value;
	return PH_OK;
}

ph_status
ph_config_boolean(const ph_document *d, const ph_node *object, const char *name,
    bool fallback, bool *out, ph_error *err)
{
	const ph_node *node = NULL;
	ph_status status = scalar_member(d, object, name, "yes or no", &node, err);
	if (status != PH_OK)
		return status;
	bool yes = fallback;
	if (node != NULL) {
		yes = strcmp(node->text, "yes") == 0 || strcmp(node->text, "true") == 0;
		if (!yes && strcmp(node->text, "no") != 0 &&
		    strcmp(node->text, "false") != 0)
			return ph_config_fail(err, d, node,
			    "PH1208 %s takes yes or no (or true or false)", name);
	}
	*out = yes;
	return PH_OK;
}
