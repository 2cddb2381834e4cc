/*
 * pieces_xml - where the next element of the way begins.
 *
 * Tags, comments, CDATA sections and instructions are told apart, nothing more: whether the
 * document is well-formed is for its decoder to say, which reads every byte of it too.
 * Names are compared with their namespaces, as the tags on the way declare them.
 */
#include <string.h>

#include "lib/codec/pieces_inner.h"

typedef struct tag {
	const char *text; /* from '<' */
	size_t length;	  /* to '>' */
	size_t name;	  /* bytes of its name, behind '<' */
	bool empty;	  /* "/>" */
} tag;

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The byte after `what`, looked for from `from`; false: not there. */
static bool
find_after(const ph_pieces *p, size_t from, const char *what, size_t *after)
{
	size_t length = strlen(what), end = ph_pieces_end(p);
	while (from + length <= end) {
		const char *at = ph_pieces_bytes(p, from);
		const char *found = memchr(at, what[0], end - from);
		if (found == NULL)
			return false;
		from += (size_t) (found - at);
		if (from + length <= end && memcmp(found, what, length) == 0) {
			*after = from + length;
			return true;
		}
		from++;
	}
	return false;
}

/* The byte after the tag that begins at `from`; false: it is not there yet. */
static bool
tag_end(const ph_pieces *p, size_t from, size_t *after)
{
	char quote = 0;
	size_t end = ph_pieces_end(p);
	const char *at = ph_pieces_bytes(p, from);
	for (size_t i = 1; from + i < end; i++) {
		if (quote != 0)
			quote = at[i] == quote ? 0 : quote;
		else if (at[i] == '"' || at[i] == '\'')
			quote = at[i];
		else if (at[i] == '>') {
			*after = from + i + 1;
			return true;
		}
	}
	return false;
}

static tag
read_tag(const char *text, size_t length)
{
	tag t = {.text = text, .length = length};
	t.empty = length > 2 && text[length - 2] == '/';
	while (1 + t.name < length && !is_space(text[1 + t.name]) &&
	       strchr("/>", text[1 + t.name]) == NULL)
		t.name++;
	return t;
}

/* ---- namespaces ---- */

/* The next attribute of a tag, from *at on. */
static bool
next_attribute(const tag *t, size_t *at, const char **name, size_t *name_length,
    const char **value, size_t *length)
{
	size_t i = *at;
	while (i < t->length && is_space(t->text[i]))
		i++;
	*name = t->text + i;
	while (
	    i < t->length && !is_space(t->text[i]) && strchr("=/>", t->text[i]) == NULL)
		i++;
	*name_length = (size_t) (t->text + i - *name);
	while (i < t->length && (is_space(t->text[i]) || t->text[i] == '='))
		i++;
	if (i >= t->length || (t->text[i] != '"' && t->text[i] != '\''))
		return false;
	*value = t->text + i + 1;
	const char *quote = memchr(*value, t->text[i], t->length - i - 1);
	if (quote == NULL)
		return false;
	*length = (size_t) (quote - *value);
	*at = i + 1 + *length + 1;
	return true;
}

/* What a tag says of a prefix ("": of names without one); false: nothing. */
static bool
declares(const tag *t, const char *prefix, size_t prefix_length, const char **space,
    size_t *space_length)
{
	const char *name = NULL, *value = NULL;
	size_t at = 1 + t->name, name_length = 0, length = 0;
	while (next_attribute(t, &at, &name, &name_length, &value, &length)) {
		bool plain = prefix_length == 0 && name_length == 5;
		bool prefixed = prefix_length > 0 && name_length == 6 + prefix_length &&
				name[5] == ':' &&
				memcmp(name + 6, prefix, prefix_length) == 0;
		if ((plain || prefixed) && memcmp(name, "xmlns", 5) == 0) {
			*space = value;
			*space_length = length;
			return true;
		}
	}
	return false;
}

static tag
level_tag(const ph_pieces *p, const ph_pieces_level *level)
{
	const char *from = level->has_child ? (const char *) level->head.data
					    : ph_pieces_bytes(p, level->start);
	return read_tag(from + level->lead, level->tag);
}

/* Is the tag's prefix bound to the step's namespace? */
static bool
has_space(
    const ph_pieces *p, const tag *t, size_t prefix, const char *wanted, bool *unclear)
{
	const char *space = "";
	size_t length = 0;
	bool found = declares(t, t->text + 1, prefix, &space, &length);
	for (size_t i = p->depth; i > 0 && !found; i--) {
		tag outer = level_tag(p, &p->levels[i - 1]);
		found = declares(&outer, t->text + 1, prefix, &space, &length);
	}
	*unclear = length > 0 && memchr(space, '&', length) != NULL;
	wanted = wanted == NULL ? "" : wanted;
	return (found || prefix == 0) && strlen(wanted) == length &&
	       memcmp(wanted, space, length) == 0;
}

static bool
compare(const ph_pieces *p, const tag *t, const ph_pieces_step *step, bool *unclear)
{
	const char *name = t->text + 1;
	const char *colon = memchr(name, ':', t->name);
	size_t prefix = colon == NULL ? 0 : (size_t) (colon - name);
	const char *local = colon == NULL ? name : colon + 1;
	size_t length = t->name - (size_t) (local - name);
	if (step->name == NULL)
		return true;
	return strlen(step->name) == length && memcmp(step->name, local, length) == 0 &&
	       has_space(p, t, prefix, step->space, unclear);
}

static bool
mentions_namespace(const tag *t)
{
	for (size_t i = 1 + t->name; i + 5 < t->length; i++)
		if (t->text[i] == 'x' && memcmp(t->text + i, "xmlns", 5) == 0)
			return true;
	return false;
}

/* Is it the next step? The answer for one name is kept while the levels stay the same. */
static bool
is_step(ph_pieces *p, const tag *t, bool *unclear)
{
	const ph_pieces_step *step = &p->way[p->depth];
	if (step->first && p->depth > 0 && p->levels[p->depth - 1].children > 0)
		return false;
	bool plain = !mentions_namespace(t);
	if (plain && p->names.length == t->name && t->name > 0 &&
	    memcmp(p->names.data, t->text + 1, t->name) == 0)
		return p->names_match;
	bool match = compare(p, t, step, unclear);
	ph_buffer_clear(&p->names);
	if (plain && !step->first)
		ph_buffer_append(&p->names, t->text + 1, t->name);
	p->names_match = match;
	return match;
}

/* ---- tokens ---- */

static ph_cut
refuse_behind(ph_pieces *p, size_t at)
{
	return ph_pieces_refuse(p, PH_ERR_INVALID, at,
	    "PH3131 a field behind the records it belongs to: in a large file it "
	    "stands "
	    "before them, or no link reads beside its record");
}

/* Does anything in the innermost level come too late to be seen? */
static bool
comes_late(const ph_pieces *p)
{
	return p->plan.beside && p->below == 0 && p->depth > 0 &&
	       p->levels[p->depth - 1].has_child;
}

static ph_cut
open_level(ph_pieces *p, const tag *t, size_t at, size_t after)
{
	if (p->depth > 0) {
		if (!ph_pieces_child(p, at))
			return ph_pieces_no_memory(p);
		p->levels[p->depth - 1].children++;
	}
	ph_pieces_level *level = ph_pieces_push(p, at);
	if (level == NULL)
		return PH_CUT_REFUSED;
	level->lead = at - level->start;
	level->tag = after - at;
	ph_buffer_clear(&p->names);
	if (t->empty)
		ph_pieces_pop(p);
	return PH_CUT_MORE;
}

/* An element of the way's last step: told once, then passed over. */
static ph_cut
meet_record(ph_pieces *p, const tag *t, size_t at)
{
	if (!p->fresh) {
		p->fresh = true;
		p->at = at;
		return ph_pieces_child(p, at) ? PH_CUT_BEFORE : ph_pieces_no_memory(p);
	}
	p->fresh = false;
	p->levels[p->depth - 1].children++;
	p->below = t->empty ? 0 : 1;
	return PH_CUT_MORE;
}

static ph_cut
start_tag(ph_pieces *p, size_t at, size_t after)
{
	bool unclear = false;
	tag t = read_tag(ph_pieces_bytes(p, at), after - at);
	if (p->below > 0) {
		p->below += t.empty ? 0 : 1;
		return PH_CUT_MORE;
	}
	bool match = is_step(p, &t, &unclear);
	if (unclear)
		return ph_pieces_refuse(p, PH_ERR_INVALID, at,
		    "PH3132 a namespace that is written with character references");
	if (match && p->depth > 0 && p->depth + 1 == p->plan.depth)
		return meet_record(p, &t, at);
	if (match && p->depth + 1 < p->plan.depth)
		return open_level(p, &t, at, after);
	if (comes_late(p))
		return refuse_behind(p, at);
	if (p->depth > 0)
		p->levels[p->depth - 1].children++;
	p->below = t.empty ? 0 : 1;
	return PH_CUT_MORE;
}

static void
end_tag(ph_pieces *p)
{
	if (p->below > 0)
		p->below--;
	else if (p->depth > 0) {
		ph_pieces_pop(p);
		ph_buffer_clear(&p->names);
	}
}

/* Text from `next` to `end`. */
static bool
text_is_late(const ph_pieces *p, size_t end)
{
	if (!comes_late(p))
		return false;
	const char *text = ph_pieces_bytes(p, p->next);
	for (size_t i = 0; i < end - p->next; i++)
		if (!is_space(text[i]))
			return true;
	return false;
}

/* What begins with "<!" or "<?"; false: its end is not there yet. */
static bool
pass_other(ph_pieces *p, size_t at, size_t *after, bool *text)
{
	static const struct {
		const char *begins, *ends;
	} kinds[] = {{"<!--", "-->"}, {"<![CDATA[", "]]>"}, {"<?", "?>"}, {"<!", ">"}};
	size_t there = ph_pieces_end(p) - at;
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		size_t length = strlen(kinds[i].begins);
		size_t common = there < length ? there : length;
		if (memcmp(ph_pieces_bytes(p, at), kinds[i].begins, common) != 0)
			continue;
		*text = i == 1;
		return common == length &&
		       find_after(p, at + length, kinds[i].ends, after);
	}
	return false;
}

static ph_cut
token(ph_pieces *p, size_t at, size_t *after)
{
	char kind = *ph_pieces_bytes(p, at + 1);
	bool text = false;
	*after = 0;
	if (kind == '!' || kind == '?')
		return pass_other(p, at, after, &text) && text && comes_late(p)
			   ? refuse_behind(p, at)
			   : PH_CUT_MORE;
	if (!tag_end(p, at, after))
		return PH_CUT_MORE;
	if (kind != '/')
		return start_tag(p, at, *after);
	end_tag(p);
	return PH_CUT_MORE;
}

ph_cut
ph_pieces_scan_xml(ph_pieces *p)
{
	for (;;) {
		size_t after = 0, end = ph_pieces_end(p);
		const char *from = ph_pieces_bytes(p, p->next);
		const char *found = memchr(from, '<', end - p->next);
		size_t at = found == NULL ? end : p->next + (size_t) (found - from);
		if (text_is_late(p, at))
			return refuse_behind(p, p->next);
		p->next = at;
		if (at + 1 >= end)
			return PH_CUT_MORE;
		ph_cut cut = token(p, at, &after);
		if (cut != PH_CUT_MORE || after == 0)
			return cut;
		p->next = after;
	}
}

void
ph_pieces_close_xml(const ph_pieces *p, ph_buffer *out)
{
	for (size_t i = p->depth; i > 0; i--) {
		tag t = level_tag(p, &p->levels[i - 1]);
		ph_buffer_text(out, "</");
		ph_buffer_append(out, t.text + 1, t.name);
		ph_buffer_u8(out, '>');
	}
}
