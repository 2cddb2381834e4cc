/*
 * link_text - one scan that knows quotes and parentheses, used for every cut.
 */
#include "transform/link_text.h"

#include <string.h>

static bool
is_space(char c)
{
	return c == ' ' || c == '\t';
}

/* Past the quoted text that begins at `p`; past the first character if it is not closed. */
static const char *
past_quotes(const char *p)
{
	for (const char *q = p + 1; *q != 0; q++) {
		if (*p == '"' && *q == '\\' && q[1] != 0)
			q++;
		else if (*q == *p)
			return q + 1;
	}
	return p + 1;
}

/* The first of `stops` (characters) outside quotes and parentheses; the end if there is none. */
static const char *
find(const char *p, const char *stops)
{
	unsigned depth = 0;
	while (*p != 0) {
		if (depth == 0 && strchr(stops, *p) != NULL)
			return p;
		if (*p == '"' || *p == '\'') {
			p = past_quotes(p);
			continue;
		}
		if (*p == '(')
			depth++;
		else if (*p == ')' && depth > 0)
			depth--;
		p++;
	}
	return p;
}

static ph_part
trimmed(const char *from, const char *to)
{
	while (from < to && is_space(*from))
		from++;
	while (to > from && is_space(to[-1]))
		to--;
	return (ph_part){from, (size_t) (to - from)};
}

/* The arrow at or after `p`; length 0 at the end. */
static ph_part
find_arrow(const char *p)
{
	for (p = find(p, "<-"); *p != 0; p = find(p + 1, "<-")) {
		if (strncmp(p, "<->", 3) == 0)
			return (ph_part){p, 3};
		if (strncmp(p, "->", 2) == 0 || strncmp(p, "<-", 2) == 0)
			return (ph_part){p, 2};
	}
	return (ph_part){p, 0};
}

void
ph_link_split(const char *text, ph_link_text *out)
{
	memset(out, 0, sizeof(*out));
	out->arrow = find_arrow(text);
	out->canonical = trimmed(text, out->arrow.text);
	const char *right = out->arrow.text + out->arrow.length;
	const char *end = find(right, "|");
	out->vendor = trimmed(right, end);
	while (*end == '|' && out->count < PH_LINK_TERMS_MAX) {
		const char *from = end + 1;
		end = find(from, "|");
		out->terms[out->count++] = trimmed(from, end);
	}
}

ph_part
ph_link_term(const char *text)
{
	return trimmed(text, find(text, "|"));
}

ph_part
ph_term_name(ph_part term)
{
	const char *open = memchr(term.text, '(', term.length);
	if (open != NULL)
		term.length = (size_t) (open - term.text);
	return term;
}

bool
ph_part_same(ph_part a, ph_part b)
{
	const char *p = a.text, *p_end = p + a.length;
	const char *q = b.text, *q_end = q + b.length;
	bool quoted = false;
	for (;;) {
		while (!quoted && p < p_end && is_space(*p))
			p++;
		while (!quoted && q < q_end && is_space(*q))
			q++;
		if (p == p_end || q == q_end)
			return p == p_end && q == q_end;
		if (*p != *q)
			return false;
		if (*p == '"' || *p == '\'')
			quoted = !quoted;
		p++;
		q++;
	}
}
