/*
 * pieces_json - where the next item of a list on the way begins.
 *
 * Lists are passed through, as maps pass through them: the way counts names only. Whether
 * the document is well-formed is for its decoder to say, which reads every byte of it too.
 */
#include <string.h>

#include "lib/codec/pieces_inner.h"

static ph_pieces_level *
innermost(ph_pieces *p)
{
	return p->depth == 0 ? NULL : &p->levels[p->depth - 1];
}

/* The byte after the text that begins at `from`; false: it is not there yet. */
static bool
string_end(const ph_pieces *p, size_t from, size_t *after)
{
	size_t end = ph_pieces_end(p);
	const char *at = ph_pieces_bytes(p, from);
	for (size_t i = 1; from + i < end; i++) {
		if (at[i] == '\\')
			i++;
		else if (at[i] == '"') {
			*after = from + i + 1;
			return true;
		}
	}
	return false;
}

/* The name of a member of a level. */
static ph_cut
read_name(ph_pieces *p, ph_pieces_level *level, size_t at, size_t after)
{
	const char *text = ph_pieces_bytes(p, at + 1);
	size_t length = after - at - 2;
	if (memchr(text, '\\', length) != NULL)
		return ph_pieces_refuse(p, PH_ERR_INVALID, at,
		    "PH3132 the name of a member on the way to the records is written "
		    "with escapes");
	p->matched = level->steps < p->plan.depth &&
		     strlen(p->way[level->steps].name) == length &&
		     memcmp(p->way[level->steps].name, text, length) == 0;
	if (!p->matched && p->plan.beside && level->has_child)
		return ph_pieces_refuse(p, PH_ERR_INVALID, at,
		    "PH3131 a field behind the records it belongs to: in a large file "
		    "it stands before them, or no link reads beside its record");
	return PH_CUT_MORE;
}

static ph_cut
open_level(ph_pieces *p, char kind, size_t at, size_t steps)
{
	if (p->depth > 0 && !ph_pieces_child(p, at))
		return ph_pieces_no_memory(p);
	ph_pieces_level *level = ph_pieces_push(p, at);
	if (level == NULL)
		return PH_CUT_REFUSED;
	level->closes = kind == '{' ? '}' : ']';
	level->steps = steps;
	p->value = p->matched = false;
	return PH_CUT_MORE;
}

/* Does a comma, or its list's beginning, stand before the item at `at`? Pieces end there, so their
 * decoder would not miss it. */
static bool
is_parted(const ph_pieces *p, size_t at)
{
	const char *begin = ph_pieces_bytes(p, p->start);
	const char *before = ph_pieces_bytes(p, at);
	while (before > begin && strchr(" \t\r\n", before[-1]) != NULL &&
	       before[-1] != '\0')
		before--;
	return before == begin || before[-1] == ',' || before[-1] == '[';
}

/* A list or object begins. */
static ph_cut
open_value(ph_pieces *p, char kind, size_t at)
{
	const ph_pieces_level *level = innermost(p);
	bool in_list = level != NULL && level->closes == ']';
	bool on_way = level == NULL || in_list || (p->value && p->matched);
	size_t steps = level == NULL ? 0 : level->steps + (in_list ? 0 : 1);
	bool record = on_way && kind == '{' && steps == p->plan.depth;
	if (on_way && !record)
		return open_level(p, kind, at, steps);
	if (record && level != NULL && !ph_pieces_child(p, at))
		return ph_pieces_no_memory(p);
	if (record && in_list && !p->fresh) {
		if (!is_parted(p, at))
			return ph_pieces_refuse(p, PH_ERR_INVALID, at,
			    "PH3011 a comma or a ] is expected here");
		p->fresh = true;
		p->at = at;
		return PH_CUT_BEFORE;
	}
	p->fresh = false;
	p->value = p->matched = false;
	p->below = 1;
	return PH_CUT_MORE;
}

static void
close_value(ph_pieces *p)
{
	if (p->below > 0)
		p->below--;
	else if (p->depth > 0)
		ph_pieces_pop(p);
	p->value = p->matched = false;
}

/* A text: a name, or a value. */
static ph_cut
pass_string(ph_pieces *p, size_t at, size_t after)
{
	ph_pieces_level *level = innermost(p);
	if (p->below == 0 && level != NULL && level->closes == '}' && !p->value)
		return read_name(p, level, at, after);
	return PH_CUT_MORE;
}

ph_cut
ph_pieces_scan_json(ph_pieces *p)
{
	while (p->next < ph_pieces_end(p)) {
		size_t at = p->next, after = at + 1;
		char c = *ph_pieces_bytes(p, at);
		ph_cut cut = PH_CUT_MORE;
		if (c == '"') {
			if (!string_end(p, at, &after))
				return PH_CUT_MORE;
			cut = pass_string(p, at, after);
		} else if ((c == '{' || c == '[') && p->below > 0)
			p->below++;
		else if (c == '{' || c == '[')
			cut = open_value(p, c, at);
		else if (c == '}' || c == ']')
			close_value(p);
		else if (c == ':' && p->below == 0)
			p->value = true;
		else if (c == ',' && p->below == 0)
			p->value = p->matched = false;
		if (cut != PH_CUT_MORE)
			return cut;
		p->next = after;
	}
	return PH_CUT_MORE;
}

void
ph_pieces_close_json(const ph_pieces *p, ph_buffer *out)
{
	for (size_t i = p->depth; i > 0; i--)
		ph_buffer_u8(out, (uint8_t) p->levels[i - 1].closes);
}
