/*
 * guess - the share of words that two names have in common; the last word counts double, since
 * it says what the field is and the others say of what.
 */
#include "transform/workbench/guess.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "transform/schema_inner.h"

#define WORDS_MAX 12
#define WORD_MAX  24

typedef struct words {
	size_t count;
	char at[WORDS_MAX][WORD_MAX];
} words;

/* Words that mean the same in such systems; each row begins with the one that stands for all. */
static const char *const synonyms[][8] = {
    {"description", "desc", "descr", "details", "detail", "text", "notes", NULL},
    {"reference", "ref", "number", "no", "num", "id", NULL},
    {"lat", "latitude", NULL},
    {"long", "lng", "lon", "longitude", NULL},
    {"phone", "telephone", "tel", "mobile", NULL},
    {"email", "mail", NULL},
    {"family", "surname", "last", "lastname", NULL},
    {"given", "forename", "first", "firstname", NULL},
    {"requested", "created", "opened", "logged", "reported", "raised", NULL},
    {"updated", "changed", "modified", NULL},
    {"at", "time", "date", "datetime", "on", NULL},
    {"status", "state", NULL},
    {"reporter", "customer", "contact", "caller", "requester", NULL},
    {"code", "type", "category", "cat", NULL},
    {"service", "subject", NULL},
    {"summary", "title", "headline", NULL},
    {"location", "place", "site", "address", NULL},
};

static const char *
stands_for(const char *word)
{
	for (size_t i = 0; i < sizeof(synonyms) / sizeof(*synonyms); i++)
		for (size_t k = 0; k < 8 && synonyms[i][k] != NULL; k++)
			if (strcmp(synonyms[i][k], word) == 0)
				return synonyms[i][0];
	return word;
}

static void
finish_word(words *w, char *word, size_t *length)
{
	word[*length] = 0;
	if (*length > 0 && w->count < WORDS_MAX)
		snprintf(w->at[w->count++], WORD_MAX, "%s", stands_for(word));
	*length = 0;
}

/* "OpenedAt", "opened_at", "USRN" */
static void
cut(const char *name, words *w)
{
	char word[WORD_MAX];
	size_t length = 0;
	w->count = 0;
	for (const char *p = name; *p != 0; p++) {
		unsigned char c = (unsigned char) *p;
		bool upper = isupper(c) != 0;
		bool begins = upper && p > name &&
			      (islower((unsigned char) p[-1]) ||
				  (isupper((unsigned char) p[-1]) &&
				      islower((unsigned char) p[1])));
		if (begins || !isalpha(c))
			finish_word(w, word, &length);
		if (isalpha(c) && length < WORD_MAX - 1)
			word[length++] = (char) tolower(c);
	}
	finish_word(w, word, &length);
}

unsigned
ph_guess_names(const char *a, const char *b)
{
	words x, y;
	unsigned common = 0, all = 0;
	cut(a, &x);
	cut(b, &y);
	if (x.count == 0 || y.count == 0)
		return 0;
	for (size_t i = 0; i < x.count; i++) {
		unsigned weight = i + 1 == x.count ? 2 : 1;
		all += weight;
		for (size_t k = 0; k < y.count; k++)
			if (strcmp(x.at[i], y.at[k]) == 0) {
				common += weight;
				break;
			}
	}
	for (size_t k = 0; k < y.count; k++) {
		unsigned weight = k + 1 == y.count ? 2 : 1;
		all += weight;
		for (size_t i = 0; i < x.count; i++)
			if (strcmp(x.at[i], y.at[k]) == 0) {
				common += weight;
				break;
			}
	}
	return common * 100 / all;
}

/* ---- values ---- */

/* Has the text this form? 9 stands for a digit, all else for itself. */
static bool
has_form(const char *text, size_t length, const char *form)
{
	size_t i = 0;
	for (; i < length && form[i] != 0; i++)
		if (form[i] == '9' ? !isdigit((unsigned char) text[i])
				   : text[i] != form[i])
			return false;
	return i == length && form[i] == 0;
}

static bool
is_time(const ph_node *node, char *conversion, size_t size)
{
	static const struct {
		const char *form, *conversion;
	} forms[] = {
	    {"9999-99-99", "time(\"%Y-%m-%d\", Europe/London)"},
	    {"9999-99-99 99:99:99", "time(\"%Y-%m-%d %H:%M:%S\", Europe/London)"},
	    {"99/99/9999", "time(\"%d/%m/%Y\", Europe/London)"},
	    {"99/99/9999 99:99", "time(\"%d/%m/%Y %H:%M\", Europe/London)"},
	    {"99/99/9999 99:99:99", "time(\"%d/%m/%Y %H:%M:%S\", Europe/London)"},
	    {"99999999999999", "time(\"%Y%m%d%H%M%S\", Europe/London)"},
	};
	for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++)
		if (has_form(node->text, node->length, forms[i].form)) {
			snprintf(conversion, size, "%s", forms[i].conversion);
			return true;
		}
	/* with seconds, and perhaps a fraction and a zone */
	if (node->length < 19 || !has_form(node->text, 19, "9999-99-99T99:99:99"))
		return false;
	snprintf(conversion, size, "time(rfc3339, Europe/London)");
	return true;
}

static bool
is_boolean(const ph_node *node, char *conversion, size_t size)
{
	static const char *const pairs[][2] = {
	    {"true", "false"}, {"Y", "N"}, {"Yes", "No"}, {"yes", "no"}, {"T", "F"}};
	for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++)
		for (size_t k = 0; k < 2; k++)
			if (strcmp(node->text, pairs[i][k]) == 0) {
				snprintf(conversion, size, "boolean(\"%s\", \"%s\")",
				    pairs[i][0], pairs[i][1]);
				return true;
			}
	return false;
}

static bool
is_number(const ph_node *node)
{
	size_t at = node->length > 1 && node->text[0] == '-' ? 1 : 0, digits = 0,
	       points = 0;
	for (; at < node->length; at++) {
		digits += isdigit((unsigned char) node->text[at]) != 0;
		points += node->text[at] == '.';
	}
	return digits > 0 && points <= 1 &&
	       digits + points + (node->text[0] == '-' ? 1 : 0) == node->length;
}

ph_looks
ph_guess_value(const ph_node *node, char *conversion, size_t size)
{
	conversion[0] = 0;
	if (node->text == NULL || node->length == 0)
		return PH_LOOKS_EMPTY;
	if (node->kind == PH_NODE_NUMBER)
		return PH_LOOKS_NUMBER;
	if (node->kind == PH_NODE_BOOLEAN)
		return PH_LOOKS_BOOLEAN;
	if (is_time(node, conversion, size))
		return PH_LOOKS_TIME;
	if (is_boolean(node, conversion, size))
		return PH_LOOKS_BOOLEAN;
	return is_number(node) ? PH_LOOKS_NUMBER : PH_LOOKS_TEXT;
}

bool
ph_guess_fits(const ph_rule *rule, ph_looks looks)
{
	unsigned types = ph_rule_types(rule);
	switch (looks) {
	case PH_LOOKS_EMPTY:
		return (types & PH_TYPE_STRING) != 0;
	case PH_LOOKS_NUMBER:
		return !rule->date_time && (types & PH_TYPE_BOOLEAN) == 0;
	case PH_LOOKS_BOOLEAN:
		return (types & PH_TYPE_BOOLEAN) != 0;
	case PH_LOOKS_TIME:
		return rule->date_time;
	case PH_LOOKS_TEXT:
		break;
	}
	return (types & PH_TYPE_STRING) != 0 && !rule->date_time;
}
