/*
 * xsd_words - a breach of a schema in our words.
 *
 * libxml2's message quotes the value, so only three things are taken from it, each by
 * its fixed place: the attribute's name (from the document's markup), the names that
 * were expected (from the schema) and the number that a length or count is held to
 * (from the schema, at the very end). All else follows from the code.
 */
#include "lib/codec/xsd_inner.h"

#include <stdio.h>
#include <string.h>

#define NAMES_SHOWN	160
#define LONGEST_MESSAGE 4096 /* a longer one holds a long value and may have been cut */

typedef enum tail { NOTHING, EXPECTED, LIMIT, MISSING } tail;

typedef struct words {
	int code;
	const char *text;
	tail tail;
} words;

static const words known[] = {
    {XML_SCHEMAV_CVC_ELT_1, "PH3401 the schema has no such root element", NOTHING},
    {XML_SCHEMAV_CVC_COMPLEX_TYPE_2_4, "PH3401 an element that is not expected here",
	EXPECTED},
    {XML_SCHEMAV_CVC_WILDCARD, "PH3401 an element or attribute that no schema declares",
	NOTHING},
    {XML_SCHEMAV_CVC_ELT_2, "PH3401 an abstract element: one of its kinds is wanted",
	NOTHING},
    {XML_SCHEMAV_CVC_TYPE_2, "PH3401 an abstract type: xsi:type is to name another",
	NOTHING},
    {XML_SCHEMAV_CVC_ELT_4_1, "PH3401 xsi:type is no name", NOTHING},
    {XML_SCHEMAV_CVC_ELT_4_2, "PH3401 xsi:type names a type that the schema has not",
	NOTHING},
    {XML_SCHEMAV_CVC_ELT_4_3,
	"PH3401 xsi:type names a type that cannot stand for the element's own",
	NOTHING},
    {XML_SCHEMAV_ELEMENT_CONTENT, "PH3401 an element that is not expected here",
	EXPECTED},
    {XML_SCHEMAV_CVC_COMPLEX_TYPE_3_2_1, "PH3403 an attribute that is not allowed here",
	NOTHING},
    {XML_SCHEMAV_CVC_COMPLEX_TYPE_3_2_2, "PH3403 an attribute that is not allowed here",
	NOTHING},
    {XML_SCHEMAV_CVC_COMPLEX_TYPE_4, "PH3404 a required attribute is missing", MISSING},
    {XML_SCHEMAV_CVC_LENGTH_VALID, "PH3405 a text that has not just the wanted length",
	LIMIT},
    {XML_SCHEMAV_CVC_MINLENGTH_VALID, "PH3405 a text that is too short; the least is",
	LIMIT},
    {XML_SCHEMAV_CVC_MAXLENGTH_VALID, "PH3405 a text that is too long; the most is",
	LIMIT},
    {XML_SCHEMAV_CVC_MININCLUSIVE_VALID, "PH3405 a value that is too low", NOTHING},
    {XML_SCHEMAV_CVC_MINEXCLUSIVE_VALID, "PH3405 a value that is too low", NOTHING},
    {XML_SCHEMAV_CVC_MAXINCLUSIVE_VALID, "PH3405 a value that is too high", NOTHING},
    {XML_SCHEMAV_CVC_MAXEXCLUSIVE_VALID, "PH3405 a value that is too high", NOTHING},
    {XML_SCHEMAV_CVC_TOTALDIGITS_VALID, "PH3405 a number with too many digits",
	NOTHING},
    {XML_SCHEMAV_CVC_FRACTIONDIGITS_VALID,
	"PH3405 a number with too many digits after the point", NOTHING},
    {XML_SCHEMAV_CVC_PATTERN_VALID, "PH3405 a text that does not fit the pattern",
	NOTHING},
    {XML_SCHEMAV_CVC_ENUMERATION_VALID,
	"PH3405 a value that is none of those the schema lists", NOTHING},
    {XML_SCHEMAV_CVC_DATATYPE_VALID_1_2_1,
	"PH3405 a value that is not of the wanted type", NOTHING},
    {XML_SCHEMAV_CVC_DATATYPE_VALID_1_2_2,
	"PH3405 a list with a value that is not of the wanted type", NOTHING},
    {XML_SCHEMAV_CVC_DATATYPE_VALID_1_2_3,
	"PH3405 a value that is of none of the wanted types", NOTHING},
    {XML_SCHEMAV_CVC_ELT_5_2_2_2_1, "PH3405 a value other than the fixed one", NOTHING},
    {XML_SCHEMAV_CVC_ELT_5_2_2_2_2, "PH3405 a value other than the fixed one", NOTHING},
    {XML_SCHEMAV_CVC_AU, "PH3405 a value other than the fixed one", NOTHING},
    {XML_SCHEMAV_CVC_ELT_3_1, "PH3406 xsi:nil on an element that may not be null",
	NOTHING},
    {XML_SCHEMAV_CVC_ELT_3_2_1,
	"PH3406 an element with xsi:nil=\"true\" and something in it", NOTHING},
    {XML_SCHEMAV_CVC_COMPLEX_TYPE_2_1, "PH3406 an element that is to be empty is not",
	NOTHING},
    {XML_SCHEMAV_CVC_COMPLEX_TYPE_2_2,
	"PH3406 elements in one that is to hold a text only", NOTHING},
    {XML_SCHEMAV_CVC_COMPLEX_TYPE_2_3,
	"PH3406 text in an element that is to hold elements only", NOTHING},
    {XML_SCHEMAV_CVC_TYPE_3_1_1, "PH3406 attributes on an element that has none",
	NOTHING},
    {XML_SCHEMAV_CVC_TYPE_3_1_2, "PH3406 elements in one that is to hold a text only",
	NOTHING},
    {XML_SCHEMAV_INTERNAL,
	"PH3408 the schema does not allow this, or its pattern takes too many steps",
	NOTHING},
    {XML_SCHEMAV_CVC_IDC,
	"PH3407 a key that is there twice, is missing, or refers to nothing", NOTHING}};

static const words *
find(int code)
{
	static const words other = {
	    0, "PH3408 the schema does not allow this", NOTHING};
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		if (known[i].code == code)
			return &known[i];
	return &other;
}

/* The name of NAME' that follows `mark`; "{namespace}" before it is left out. */
static bool
quoted(const char *at, const char **name, int *length)
{
	const char *end = strchr(at, '\'');
	if (end == NULL)
		return false;
	for (const char *c = at; c < end; c++)
		if (*c == '}')
			at = c + 1;
	*name = at;
	*length = end - at > NAMES_SHOWN ? NAMES_SHOWN : (int) (end - at);
	return true;
}

/* "Element 'x', attribute 'y': ...": names of markup hold no quote. */
static bool
attribute_of(const char *message, const char **name, int *length)
{
	static const char before[] = "Element '", between[] = ", attribute '";
	if (strncmp(message, before, sizeof before - 1) != 0)
		return false;
	const char *end = strchr(message + sizeof before - 1, '\'');
	if (end == NULL || strncmp(end + 1, between, sizeof between - 1) != 0)
		return false;
	return quoted(end + sizeof between, name, length);
}

/* "{http://...}" before each name is left out. */
static void
add_names(const char *names, char *out, size_t size)
{
	size_t at = strlen(out);
	bool space = false;
	for (; *names != '\0' && *names != '\n' && at + 5 < size; names++) {
		space = *names == '{' || (space && *names != '}');
		if (!space && *names != '}')
			out[at++] = *names;
	}
	while (at > 0 && (out[at - 1] == ' ' || out[at - 1] == '.'))
		at--;
	out[at] = '\0';
	if (*names != '\0' && *names != '\n')
		strcpy(out + at, "...");
}

static void
add_expected(const char *message, char *out)
{
	static const char *const marks[] = {
	    "Missing child element(s)", " Expected is one of ", " Expected is "};
	const char *missing = strstr(message, marks[0]);
	const char *names = strstr(message, marks[1]);
	size_t length = strlen(marks[1]);
	if (names == NULL) {
		names = strstr(message, marks[2]);
		length = strlen(marks[2]);
	}
	if (missing != NULL)
		strcpy(out, "PH3402 an element is missing");
	if (names == NULL)
		return;
	strcat(out, "; the schema wants ");
	size_t room = strlen(out) + NAMES_SHOWN;
	add_names(names + length, out, room);
}

/* "... length of '10'.": the number in the last quotes. */
static void
add_limit(const char *message, char *out)
{
	size_t end = strlen(message);
	while (end > 0 && strchr(".\n", message[end - 1]) != NULL)
		end--;
	size_t digits = 0;
	if (end == 0 || end > LONGEST_MESSAGE || message[end - 1] != '\'')
		return;
	for (end--; digits < end && message[end - digits - 1] >= '0' &&
		    message[end - digits - 1] <= '9';)
		digits++;
	if (digits > 0 && digits < 12 && message[end - digits - 1] == '\'')
		snprintf(out + strlen(out), 16, " %.*s", (int) digits,
		    message + end - digits);
}

void
ph_xsd_words(ph_xml_complaint complaint, char out[PH_ERROR_TEXT])
{
	const words *w = find(complaint->code);
	const char *message = complaint->message == NULL ? "" : complaint->message;
	const char *name = NULL;
	int length = 0;
	snprintf(out, PH_ERROR_TEXT / 2, "%s", w->text);
	if (w->tail == EXPECTED)
		add_expected(message, out);
	if (w->tail == LIMIT)
		add_limit(message, out);
	static const char needed[] = "The attribute '";
	const char *missing = w->tail == MISSING ? strstr(message, needed) : NULL;
	bool found = missing != NULL
			 ? quoted(missing + sizeof needed - 1, &name, &length)
			 : attribute_of(message, &name, &length);
	size_t at = strlen(out);
	if (found)
		at += (size_t) snprintf(
		    out + at, NAMES_SHOWN + 16, " (attribute %.*s)", length, name);
	snprintf(out + at, PH_ERROR_TEXT - at, " (libxml2 error %d)", complaint->code);
}
