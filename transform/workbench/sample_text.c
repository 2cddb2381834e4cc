/*
 * sample_text - texts, and texts of a pattern.
 *
 * A pattern is walked as it is written: an alternative is chosen, an atom with a quantifier is
 * made again for each repetition. Anchors make nothing. Look-around, back references and classes
 * by property are not understood.
 */
#include <string.h>

#include "lib/base/buffer.h"
#include "transform/workbench/sample.h"

#define DEPTH 16

/* ---- texts ---- */

static const char *const rich[] = {"a", "b", "e", "o", "n", "T", "W", "0", "7", " ",
    " ", ".", ",", "-", "'", "\"", "&", "<", ">", "/", "\\", "|", "~", "^", "\n", "\t",
    "\u00e9", "\u00df", "\u20ac", "\u0142", "\U0001f6b2", "e\u0301"};
static const char *const modest[] = {
    "a", "b", "e", "o", "n", "T", "W", "0", "7", ".", "-", "\u00e9"};

void
ph_sample_text(ph_sampler *sampler, size_t least, size_t most, ph_buffer *out)
{
	const char *const *palette = sampler->plain ? modest : rich;
	size_t count = sampler->plain ? sizeof(modest) / sizeof(*modest)
				      : sizeof(rich) / sizeof(*rich);
	size_t wanted = ph_sampler_number(sampler, least, least + 20);
	switch (ph_sampler_number(sampler, 0, 9)) {
	case 0:
		wanted = least;
		break;
	case 1:
		wanted = least + 200;
		break;
	case 2:
		wanted = most < 6000 ? most : 6000;
		break;
	default:
		break;
	}
	wanted = wanted > most ? most : wanted;
	for (size_t i = 0; i < wanted; i++) {
		const char *piece = palette[ph_sampler_number(sampler, 0, count - 1)];
		/* a letter with its combining mark counts two */
		if (strcmp(piece, "e\u0301") == 0 && ++i == wanted)
			piece = "e";
		ph_buffer_text(out, piece);
	}
}

/* ---- patterns ---- */

typedef struct walk {
	ph_sampler *sampler;
	ph_buffer *out;
	unsigned depth;
	bool lost; /* something is not understood */
} walk;

static void make_choice(walk *w, const char *p, const char *end);

/* The end of the atom that begins at `p`. */
static const char *
past_atom(const char *p, const char *end)
{
	if (*p == '\\')
		return p + 2 <= end ? p + 2 : end;
	if (*p == '[') {
		p++;
		p += p < end && *p == '^';
		p += p < end && *p == ']';
		for (; p < end && *p != ']'; p++)
			p += *p == '\\' && p + 1 < end;
		return p < end ? p + 1 : end;
	}
	if (*p != '(')
		return p + 1;
	unsigned depth = 0;
	while (p < end) {
		depth += *p == '(';
		depth -= *p == ')';
		p = *p == '(' || *p == ')' ? p + 1 : past_atom(p, end);
		if (depth == 0)
			break;
	}
	return p;
}

/* Characters of a class or escape, as a set of ASCII. */
static void
add_escape(bool set[128], char c)
{
	for (int i = 32; i < 127; i++) {
		bool digit = i >= '0' && i <= '9';
		bool letter = (i >= 'a' && i <= 'z') || (i >= 'A' && i <= 'Z');
		bool word = digit || letter || i == '_';
		bool blank = i == ' ';
		if ((c == 'd' && digit) || (c == 'D' && !digit) || (c == 'w' && word) ||
		    (c == 'W' && !word) || (c == 's' && blank) ||
		    (c == 'S' && !blank) || i == (strchr("dDwWsS", c) != NULL ? 0 : c))
			set[i] = true;
	}
}

static void
read_class(walk *w, const char *p, const char *end, bool set[128])
{
	bool negated = p < end && *p == '^', first = true;
	p += negated;
	for (; p < end && (*p != ']' || first); p++, first = false) {
		if (*p == '[' && p + 1 < end && p[1] == ':')
			w->lost = true;
		if (*p == '\\' && p + 1 < end) {
			add_escape(set, *++p);
			continue;
		}
		bool range = p + 2 < end && p[1] == '-' && p[2] != ']';
		int from = (unsigned char) *p, to = range ? (unsigned char) p[2] : from;
		for (int i = from; i <= to && i < 128; i++)
			set[i] = true;
		p += range ? 2 : 0;
	}
	for (int i = 0; negated && i < 128; i++)
		set[i] = !set[i] && i >= 32 && i < 127;
}

static void
put_one(walk *w, const bool set[128])
{
	char members[128];
	size_t count = 0;
	for (int i = 0; i < 128; i++)
		if (set[i])
			members[count++] = (char) i;
	if (count == 0)
		w->lost = true;
	else
		ph_buffer_append(
		    w->out, &members[ph_sampler_number(w->sampler, 0, count - 1)], 1);
}

static void
make_atom(walk *w, const char *p, const char *end)
{
	bool set[128] = {false};
	switch (*p) {
	case '^':
	case '$':
		return;
	case '(':
		p++;
		if (p < end && *p == '?') {
			w->lost |= p + 1 >= end || p[1] != ':';
			p += 2;
		}
		make_choice(w, p, end - 1);
		return;
	case '[':
		read_class(w, p + 1, end, set);
		break;
	case '.':
		add_escape(set, 'w');
		break;
	case '\\':
		w->lost |= p + 1 >= end || strchr("bBAzZkpPRX123456789", p[1]) != NULL;
		if (p + 1 < end)
			add_escape(set, p[1]);
		break;
	default:
		ph_buffer_append(w->out, p, (size_t) (end - p));
		return;
	}
	put_one(w, set);
}

/* The quantifier at `p`, if there is one. */
static const char *
read_quantifier(const char *p, const char *end, size_t *least, size_t *most)
{
	const size_t many = 8;
	*least = *most = 1;
	if (p == end || strchr("?*+{", *p) == NULL)
		return p;
	if (*p != '{') {
		*least = *p == '+' ? 1 : 0;
		*most = *p == '?' ? 1 : many;
		p++;
	} else {
		size_t number = 0;
		for (p++; p < end && *p >= '0' && *p <= '9' && number < 10000; p++)
			number = number * 10 + (size_t) (*p - '0');
		*least = *most = number;
		if (p < end && *p == ',') {
			number = 0;
			bool open = p + 1 < end && p[1] == '}';
			for (p++; p < end && *p >= '0' && *p <= '9' && number < 10000;
			     p++)
				number = number * 10 + (size_t) (*p - '0');
			*most = open ? *least + many : number;
		}
		p += p < end;
	}
	return p < end && (*p == '?' || *p == '+') ? p + 1 : p;
}

static void
make_sequence(walk *w, const char *p, const char *end)
{
	while (p < end && !w->lost) {
		size_t least, most;
		const char *atom_end = past_atom(p, end);
		const char *next = read_quantifier(atom_end, end, &least, &most);
		size_t times =
		    ph_sampler_number(w->sampler, least, most < least ? least : most);
		for (size_t i = 0; i < times && !w->lost; i++)
			make_atom(w, p, atom_end);
		p = next;
	}
}

static void
make_choice(walk *w, const char *p, const char *end)
{
	size_t count = 1;
	if (w->depth == DEPTH) {
		w->lost = true;
		return;
	}
	w->depth++;
	for (const char *q = p; q < end; q = past_atom(q, end))
		count += *q == '|';
	size_t chosen = ph_sampler_number(w->sampler, 0, count - 1);
	const char *from = p, *q = p;
	for (; q < end; q = past_atom(q, end)) {
		if (*q != '|')
			continue;
		if (chosen-- == 0)
			break;
		from = q + 1;
	}
	make_sequence(w, from, q);
	w->depth--;
}

bool
ph_sample_pattern(ph_sampler *sampler, const char *pattern, ph_buffer *out)
{
	walk w = {.sampler = sampler, .out = out};
	make_choice(&w, pattern, pattern + strlen(pattern));
	return !w.lost;
}
