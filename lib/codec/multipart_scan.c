/*
 * multipart_scan - where parts begin and end, and what their headers say.
 *
 * A delimiter is a line of "--", the boundary, perhaps "--" for the end, and nothing
 * else but blanks: a longer word that begins like it is data. The line's end before it
 * belongs to it and not to the part.
 */
#include "lib/codec/multipart_inner.h"

#include <string.h>
#include <strings.h>

#define BOUNDARY_CHARACTERS                                                            \
	"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'()+_,-./:=? "

static bool
refuse(ph_parts *p, const char *at, ph_status status, const char *text)
{
	ph_source_fail(
	    p->source, status, (size_t) (at - p->source->bytes), p->err, "%s", text);
	return false;
}

/* One past the line that `at` is in. */
static const char *
line_end(const char *at, const char *end)
{
	const char *feed = memchr(at, '\n', (size_t) (end - at));
	return feed == NULL ? end : feed + 1;
}

/* Blanks and a line's end, or the end of all? *next is behind them. */
static bool
ends_line(const char *at, const char *end, const char **next)
{
	while (at < end && (*at == ' ' || *at == '\t'))
		at++;
	if (at < end && *at == '\r')
		at++;
	*next = at < end ? at + 1 : at;
	return at == end || *at == '\n';
}

/* Behind "--boundary": is it a delimiter, and the last? */
static bool
is_delimiter(ph_parts *p, const char *at)
{
	const char *next = at;
	bool last = p->end - at >= 2 && memcmp(at, "--", 2) == 0;
	if (!ends_line(last ? at + 2 : at, p->end, &next))
		return false;
	p->last = last;
	p->at = next;
	return true;
}

static bool
take_boundary(ph_parts *p, const char *at)
{
	const char *next = line_end(at, p->end);
	size_t length = (size_t) (next - at);
	if (length == 0 || at[length - 1] != '\n')
		return refuse(p, at, PH_ERR_INVALID,
		    "PH3501 the text ends in its first boundary");
	p->line = length > 1 && at[length - 2] == '\r' ? "\r\n" : "\n";
	length -= strlen(p->line);
	while (length > 0 && (at[length - 1] == ' ' || at[length - 1] == '\t'))
		length--;
	if (length == 0 || length >= PH_MULTIPART_BOUNDARY)
		return refuse(
		    p, at, PH_ERR_INVALID, "PH3501 a boundary has 1 to 70 characters");
	for (size_t i = 0; i < length; i++)
		if (at[i] == '\0' || strchr(BOUNDARY_CHARACTERS, at[i]) == NULL)
			return refuse(p, at + i, PH_ERR_INVALID,
			    "PH3501 a character that no boundary has");
	p->boundary = (ph_piece){at, length};
	p->at = next;
	return true;
}

bool
ph_parts_begin(ph_parts *parts, const ph_source *source, ph_error *err)
{
	*parts = (ph_parts){.source = source,
	    .err = err,
	    .at = source->bytes,
	    .end = source->bytes + source->length};
	while (parts->end - parts->at >= 2) {
		if (memcmp(parts->at, "--", 2) == 0)
			return take_boundary(parts, parts->at + 2);
		parts->at = line_end(parts->at, parts->end);
	}
	return refuse(parts, parts->end, PH_ERR_INVALID,
	    "PH3501 there is no boundary: no line begins with --");
}

/* The header lines: up to an empty line. */
static bool
take_heads(ph_parts *p, ph_part *out)
{
	const char *start = p->at;
	const char *at = start;
	for (;;) {
		const char *next = line_end(at, p->end);
		bool empty = next - at == (ptrdiff_t) strlen(p->line) &&
			     memcmp(at, p->line, strlen(p->line)) == 0;
		if ((size_t) (next - start) > PH_PART_HEADS_MAX)
			return refuse(p, start, PH_ERR_TOO_LARGE,
			    "PH3503 a part with more than 16 KiB of headers");
		if (next == p->end && !empty)
			return refuse(p, start, PH_ERR_INVALID,
			    "PH3502 the text ends in the headers of a part");
		if (empty) {
			out->heads = (ph_piece){start, (size_t) (at - start)};
			p->at = next;
			return true;
		}
		if (*at != ' ' && *at != '\t' &&
		    memchr(at, ':', (size_t) (next - at)) == NULL)
			return refuse(p, at, PH_ERR_INVALID,
			    "PH3502 a header of a part without a colon");
		at = next;
	}
}

/* Does a line that begins here begin with "--" and the boundary? */
static bool
begins_so(const ph_parts *p, const char *at)
{
	return (size_t) (p->end - at) >= 2 + p->boundary.length &&
	       memcmp(at, "--", 2) == 0 &&
	       memcmp(at + 2, p->boundary.at, p->boundary.length) == 0;
}

/* Up to the next delimiter. An empty body may have its line's end in the empty line. */
static bool
take_body(ph_parts *p, ph_part *out)
{
	size_t line = strlen(p->line);
	const char *start = p->at;
	const char *feed = start - 1;
	for (; feed != NULL && feed < p->end;
	     feed = memchr(feed + 1, '\n', (size_t) (p->end - feed - 1))) {
		if ((line == 2 && feed[-1] != '\r') || !begins_so(p, feed + 1) ||
		    !is_delimiter(p, feed + 3 + p->boundary.length))
			continue;
		const char *at = feed + 1 - line;
		out->body = (ph_piece){start, at < start ? 0 : (size_t) (at - start)};
		return true;
	}
	return refuse(p, p->end, PH_ERR_INVALID,
	    "PH3504 the last boundary is missing: the text was cut");
}

bool
ph_parts_next(ph_parts *parts, ph_part *out, bool *failed)
{
	*failed = false;
	if (parts->last)
		return false;
	*failed = true;
	if (parts->count == PH_PARTS_MAX)
		return refuse(
		    parts, parts->at, PH_ERR_TOO_LARGE, "PH3503 more than 1,000 parts");
	if (!take_heads(parts, out) || !take_body(parts, out))
		return false;
	parts->count++;
	*failed = false;
	return true;
}

/* ---- headers ---- */

ph_piece
ph_part_header(const ph_part *part, const char *name)
{
	const char *at = part->heads.at;
	const char *end = at + part->heads.length;
	size_t length = strlen(name);
	while (at < end) {
		const char *next = line_end(at, end);
		while (next < end && (*next == ' ' || *next == '\t'))
			next = line_end(next, end);
		if ((size_t) (next - at) > length && at[length] == ':' &&
		    strncasecmp(at, name, length) == 0) {
			at += length + 1;
			while (at < next && strchr(" \t\r\n", *at) != NULL)
				at++;
			while (next > at && strchr(" \t\r\n", next[-1]) != NULL)
				next--;
			return (ph_piece){at, (size_t) (next - at)};
		}
		at = next;
	}
	return (ph_piece){NULL, 0};
}

bool
ph_header_is(ph_piece header, const char *word)
{
	size_t length = strlen(word);
	return header.length >= length && strncasecmp(header.at, word, length) == 0 &&
	       (header.length == length ||
		   strchr("; \t\r\n", header.at[length]) != NULL);
}

/* One past a value that may be quoted. */
static const char *
value_end(const char *at, const char *end)
{
	if (at < end && *at == '"') {
		for (at++; at < end && *at != '"'; at++)
			if (*at == '\\' && end - at > 1 &&
			    (at[1] == '"' || at[1] == '\\'))
				at++;
		return at < end ? at + 1 : at;
	}
	while (at < end && *at != ';')
		at++;
	return at;
}

static bool
unquote(const char *at, const char *end, char *out)
{
	size_t length = 0;
	bool quoted = at < end && *at == '"';
	if (quoted) {
		at++;
		end -= end > at && end[-1] == '"' ? 1 : 0;
	} else {
		while (end > at && strchr(" \t\r\n", end[-1]) != NULL)
			end--;
	}
	for (; at < end; at++) {
		if (quoted && *at == '\\' && end - at > 1 &&
		    (at[1] == '"' || at[1] == '\\'))
			at++;
		if (length == PH_PART_NAME_MAX)
			return false;
		out[length++] = *at;
	}
	out[length] = '\0';
	return true;
}

bool
ph_header_parameter(ph_piece header, const char *name, char out[PH_PART_NAME_MAX + 1])
{
	if (header.length == 0)
		return false;
	const char *end = header.at + header.length;
	size_t length = strlen(name);
	const char *at = value_end(header.at, end);
	while (at < end && *at == ';') {
		at++;
		while (at < end && strchr(" \t\r\n", *at) != NULL)
			at++;
		const char *start = at;
		while (at < end && *at != '=' && *at != ';')
			at++;
		if (at == end || *at == ';')
			continue;
		const char *value = at + 1;
		at = value_end(value, end);
		if ((size_t) (value - 1 - start) == length &&
		    strncasecmp(start, name, length) == 0)
			return unquote(value, at, out);
		while (at < end && *at != ';')
			at++;
	}
	return false;
}
