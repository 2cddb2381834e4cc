/*
 * scan - see the header for the words; a term is read by descent, one level of nesting deep.
 */
#include "transform/scan.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/assert.h"
#include "lib/base/text.h"

void
ph_scan_init(ph_scan *scan, ph_load *load, const ph_node *node)
{
	*scan = (ph_scan){.load = load,
	    .node = node,
	    .text = node->text,
	    .length = node->length,
	    .end = node->length};
}

bool
ph_scan_fail(const ph_scan *scan, size_t offset, const char *format, ...)
{
	char text[PH_ERROR_TEXT];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	return ph_load_fail(scan->load, scan->node, offset, "%s", text);
}

static bool
is_space(char c)
{
	return c == ' ' || c == '\t';
}

void
ph_scan_space(ph_scan *scan)
{
	while (scan->at < scan->end && is_space(scan->text[scan->at]))
		scan->at++;
}

bool
ph_scan_done(ph_scan *scan)
{
	ph_scan_space(scan);
	return scan->at == scan->end;
}

bool
ph_scan_sees(ph_scan *scan, const char *text)
{
	ph_scan_space(scan);
	size_t length = strlen(text);
	return scan->end - scan->at >= length &&
	       memcmp(scan->text + scan->at, text, length) == 0;
}

bool
ph_scan_take(ph_scan *scan, const char *text)
{
	if (!ph_scan_sees(scan, text))
		return false;
	scan->at += strlen(text);
	return true;
}

static bool
is_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

const char *
ph_scan_name(ph_scan *scan, size_t *length)
{
	ph_scan_space(scan);
	const char *start = scan->text + scan->at;
	while (scan->at < scan->end && is_name(scan->text[scan->at]))
		scan->at++;
	*length = (size_t) (scan->text + scan->at - start);
	return start;
}

static bool
hex4(const char *p, size_t left, uint32_t *code)
{
	uint8_t bytes[2];
	if (left < 4 || !ph_hex_decode(p, 4, bytes))
		return false;
	*code = (uint32_t) bytes[0] << 8 | bytes[1];
	return true;
}

/* One escape at scan->at, after the backslash, to `out`; bytes written, 0 if it is none. */
static size_t
escape(ph_scan *scan, char *out)
{
	static const char from[] = "ntr\"\\", to[] = "\n\t\r\"\\";
	char c = scan->text[scan->at++];
	const char *known = c == 0 ? NULL : strchr(from, c);
	if (known != NULL) {
		*out = to[known - from];
		return 1;
	}
	uint32_t code;
	if (c != 'u' || !hex4(scan->text + scan->at, scan->end - scan->at, &code))
		return 0;
	scan->at += 4;
	return ph_utf8_encode(code, out);
}

const char *
ph_scan_string(ph_scan *scan, size_t *length)
{
	ph_scan_space(scan);
	size_t start = scan->at;
	char *out = ph_arena_alloc(scan->load->arena, scan->end - scan->at + 1);
	if (out == NULL) {
		ph_load_no_memory(scan->load);
		return NULL;
	}
	size_t wrote = 0;
	PH_ASSERT(scan->text[scan->at] == '"');
	scan->at++;
	while (scan->at < scan->end && scan->text[scan->at] != '"') {
		if (scan->text[scan->at] != '\\') {
			out[wrote++] = scan->text[scan->at++];
			continue;
		}
		size_t slash = scan->at++;
		size_t bytes = scan->at < scan->end ? escape(scan, out + wrote) : 0;
		if (bytes == 0) {
			ph_scan_fail(scan, slash,
			    "PH2004 unknown escape; known are \\n \\t \\r \\\" \\\\ "
			    "\\uXXXX");
			return NULL;
		}
		wrote += bytes;
	}
	if (scan->at == scan->end) {
		ph_scan_fail(
		    scan, start, "PH2003 this string is not closed: \" is missing");
		return NULL;
	}
	scan->at++;
	out[wrote] = 0;
	*length = wrote;
	return out;
}

const char *
ph_scan_path(ph_scan *scan, size_t *length)
{
	ph_scan_space(scan);
	size_t start = scan->at;
	char quote = 0;
	unsigned depth = 0;
	for (; scan->at < scan->end; scan->at++) {
		char c = scan->text[scan->at];
		if (quote != 0) {
			if (c == quote)
				quote = 0;
		} else if (c == '\'' || (c == '"' && depth > 0)) {
			quote = c;
		} else if (c == '[') {
			depth++;
		} else if (c == ']' && depth > 0) {
			depth--;
		} else if (is_space(c) || (depth == 0 && strchr(",|()=", c) != NULL)) {
			break;
		}
	}
	*length = scan->at - start;
	return scan->text + start;
}

/* A word of an argument: up to a delimiter. */
static const char *
argument_word(ph_scan *scan, size_t *length)
{
	size_t start = scan->at;
	while (
	    scan->at < scan->end && strchr(",()|\"= \t", scan->text[scan->at]) == NULL)
		scan->at++;
	*length = scan->at - start;
	return scan->text + start;
}

/* word, "string", $name or name(inner). */
static bool
argument_value(ph_scan *scan, ph_argument *argument)
{
	ph_scan_space(scan);
	argument->at = scan->at;
	if (ph_scan_sees(scan, "\"")) {
		argument->string = true;
		argument->text = ph_scan_string(scan, &argument->length);
		return argument->text != NULL;
	}
	argument->context = ph_scan_take(scan, "$");
	size_t length;
	const char *word = argument_word(scan, &length);
	if (length == 0)
		return ph_scan_fail(
		    scan, argument->at, "PH2005 an argument is missing here");
	argument->text = ph_arena_dup(scan->load->arena, word, length);
	argument->length = length;
	if (argument->text == NULL)
		return ph_load_no_memory(scan->load);
	if (!ph_scan_take(scan, "("))
		return true;
	argument->call = true;
	if (ph_scan_sees(scan, "\"")) {
		argument->inner = ph_scan_string(scan, &length);
		if (argument->inner == NULL)
			return false;
	} else {
		ph_scan_space(scan);
		word = argument_word(scan, &length);
		argument->inner = ph_arena_dup(scan->load->arena, word, length);
	}
	if (!ph_scan_take(scan, ")"))
		return ph_scan_fail(scan, scan->at, "PH2006 ) is missing here");
	return true;
}

/* [key =] value */
static ph_argument *
argument(ph_scan *scan)
{
	ph_argument *a = ph_arena_zalloc(scan->load->arena, sizeof(*a));
	if (a == NULL) {
		ph_load_no_memory(scan->load);
		return NULL;
	}
	if (!argument_value(scan, a))
		return NULL;
	if (!ph_scan_take(scan, "="))
		return a;
	size_t at = a->at;
	if (a->string || a->call || a->context) {
		ph_scan_fail(scan, at, "PH2007 before = stands the name of an option");
		return NULL;
	}
	*a = (ph_argument){.key = a->text};
	if (!argument_value(scan, a))
		return NULL;
	return a;
}

static bool
arguments(ph_scan *scan, ph_term *term)
{
	ph_argument **link = &term->first;
	if (ph_scan_take(scan, ")"))
		return true;
	for (;;) {
		*link = argument(scan);
		if (*link == NULL)
			return false;
		link = &(*link)->next;
		if (ph_scan_take(scan, ")"))
			return true;
		if (!ph_scan_take(scan, ","))
			return ph_scan_fail(
			    scan, scan->at, "PH2006 , or ) is missing here");
	}
}

/* The offset of the ) that closes the ( before `at`; scan->end if none does. */
static size_t
closing(const ph_scan *scan, size_t at)
{
	unsigned depth = 1;
	char quote = 0;
	for (; at < scan->end; at++) {
		char c = scan->text[at];
		if (quote == '"' && c == '\\' && at + 1 < scan->end)
			at++;
		else if (quote != 0)
			quote = c == quote ? 0 : quote;
		else if (c == '"' || c == '\'')
			quote = c;
		else if (c == '(')
			depth++;
		else if (c == ')' && --depth == 0)
			return at;
	}
	return at;
}

bool
ph_scan_term(ph_scan *scan, ph_term *out)
{
	ph_scan_space(scan);
	*out = (ph_term){.at = scan->at, .scan = scan};
	size_t length;
	const char *name = ph_scan_name(scan, &length);
	if (length == 0)
		return ph_scan_fail(
		    scan, out->at, "PH2005 the name of a conversion is missing here");
	out->name = ph_arena_dup(scan->load->arena, name, length);
	if (out->name == NULL)
		return ph_load_no_memory(scan->load);
	if (scan->at == scan->end || scan->text[scan->at] != '(')
		return true;
	scan->at++;
	if (strcmp(out->name, "when") != 0)
		return arguments(scan, out);
	out->raw_at = scan->at;
	size_t close = closing(scan, scan->at);
	if (close == scan->end)
		return ph_scan_fail(scan, out->at, "PH2006 ) is missing for this (");
	out->raw = scan->text + scan->at;
	out->raw_length = close - scan->at;
	scan->at = close + 1;
	return true;
}

ph_argument *
ph_term_at(const ph_term *term, size_t index)
{
	for (ph_argument *a = term->first; a != NULL; a = a->next)
		if (a->key == NULL && index-- == 0) {
			a->used = true;
			return a;
		}
	return NULL;
}

ph_argument *
ph_term_get(const ph_term *term, const char *key)
{
	for (ph_argument *a = term->first; a != NULL; a = a->next)
		if (a->key != NULL && !a->used && strcmp(a->key, key) == 0) {
			a->used = true;
			return a;
		}
	return NULL;
}

bool
ph_term_flag(const ph_term *term, const char *word)
{
	for (ph_argument *a = term->first; a != NULL; a = a->next)
		if (a->key == NULL && !a->string && !a->call &&
		    strcmp(a->text, word) == 0) {
			a->used = true;
			return true;
		}
	return false;
}

bool
ph_term_finish(const ph_term *term, const char *help)
{
	for (ph_argument *a = term->first; a != NULL; a = a->next)
		if (!a->used)
			return ph_scan_fail(term->scan, a->at,
			    "PH2008 %s does not take %s%s here%s%s", term->name,
			    a->key != NULL ? "the option " : "this argument",
			    a->key != NULL ? a->key : "", help != NULL ? ": " : "",
			    help != NULL ? help : "");
	return true;
}

bool
ph_term_fail(const ph_term *term, const char *format, ...)
{
	char text[PH_ERROR_TEXT];
	va_list list;
	va_start(list, format);
	vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	return ph_scan_fail(term->scan, term->at, "%s", text);
}
