/*
 * path - a parser by hand over the part of a scalar that is the path, and readers that follow
 * the steps by pointer comparison.
 */
#include "transform/path.h"

#include <string.h>

#include "lib/base/assert.h"

#define STEPS_MAX 32

typedef struct parser {
	const ph_syntax *syntax;
	const ph_scan *scan;
	const char *text; /* the path */
	size_t length, at;
	ph_step steps[STEPS_MAX];
	size_t count;
	bool many;		/* a step repeats */
	bool paired;		/* name[key] was seen */
	size_t pair_at;		/* the step of the list */
	ph_step key[STEPS_MAX]; /* the steps of the key inside */
	size_t key_count;
} parser;

static bool
fail(const parser *p, size_t at, const char *text)
{
	size_t base = (size_t) (p->text - p->scan->text);
	return ph_scan_fail(p->scan, base + at, "%s", text);
}

static bool
is_bare(const parser *p, char c)
{
	return c != p->syntax->separator && strchr("/[]'@| \t(),=\"", c) == NULL;
}

/* A name, bare or quoted, to [*start, *start + *length). */
static bool
take_name(parser *p, const char **start, size_t *length, bool *quoted)
{
	*quoted = p->at < p->length && p->text[p->at] == '\'';
	if (*quoted) {
		const char *close =
		    memchr(p->text + p->at + 1, '\'', p->length - p->at - 1);
		if (close == NULL)
			return fail(
			    p, p->at, "PH2011 this name is not closed: ' is missing");
		*start = p->text + p->at + 1;
		*length = (size_t) (close - *start);
		p->at += *length + 2;
	} else {
		*start = p->text + p->at;
		while (p->at < p->length && is_bare(p, p->text[p->at]))
			p->at++;
		*length = (size_t) (p->text + p->at - *start);
	}
	if (*length == 0)
		return fail(p, p->at, "PH2010 the name of a field is missing here");
	return true;
}

static bool
resolve_prefix(parser *p, ph_step *step, const char **name, size_t *length, size_t at)
{
	const char *colon = p->syntax->xml ? memchr(*name, ':', *length) : NULL;
	if (colon == NULL) {
		bool bare = (step->flags & PH_STEP_ATTRIBUTE) != 0 ||
			    (p->syntax->bare != 0 && p->count > 0 &&
				p->steps[p->count - 1].space == p->syntax->bare);
		step->space = bare ? 0 : p->syntax->space;
		return true;
	}
	size_t prefix = (size_t) (colon - *name);
	for (size_t i = 0; i < p->syntax->prefix_count; i++) {
		const ph_prefix *known = &p->syntax->prefixes[i];
		if (strlen(known->prefix) == prefix &&
		    memcmp(known->prefix, *name, prefix) == 0) {
			step->space = known->number;
			*name += prefix + 1;
			*length -= prefix + 1;
			return *length > 0 ||
			       fail(
				   p, at, "PH2010 the name of a field is missing here");
		}
	}
	return fail(
	    p, at, "PH2012 unknown namespace prefix; declare it in vendor.namespaces");
}

static bool
wild_step(parser *p, ph_step *step, const char *name, size_t length)
{
	const char *star = memchr(name, '*', length);
	PH_ASSERT(star != NULL);
	ph_arena *arena = p->scan->load->arena;
	size_t before = (size_t) (star - name);
	step->flags |= PH_STEP_WILD;
	step->before = ph_arena_dup(arena, name, before);
	step->after = ph_arena_dup(arena, star + 1, length - before - 1);
	return (step->before != NULL && step->after != NULL) ||
	       ph_load_no_memory(p->scan->load);
}

/* '..' or ['@'] name, without brackets. */
static bool
plain_step(parser *p, ph_step *step)
{
	*step = (ph_step){0};
	if (p->syntax->separator == '/' && p->length - p->at >= 2 &&
	    memcmp(p->text + p->at, "..", 2) == 0 &&
	    (p->length - p->at == 2 || p->text[p->at + 2] == '/')) {
		step->flags = PH_STEP_PARENT;
		p->at += 2;
		return true;
	}
	size_t at = p->at;
	if (p->syntax->xml && p->at < p->length && p->text[p->at] == '@') {
		step->flags = PH_STEP_ATTRIBUTE;
		p->at++;
	}
	const char *name = NULL;
	size_t length = 0;
	bool quoted = false;
	if (!take_name(p, &name, &length, &quoted))
		return false;
	if (quoted && !p->syntax->xml && memchr(name, '*', length) != NULL)
		return wild_step(p, step, name, length);
	if (!resolve_prefix(p, step, &name, &length, at))
		return false;
	step->name = ph_names_add(p->syntax->names, name, length);
	return step->name != 0 || ph_load_no_memory(p->scan->load);
}

/* "2]" or "-1]" after the bracket. */
static bool
place_of(parser *p, ph_step *step)
{
	size_t at = p->at;
	bool back = p->at < p->length && p->text[p->at] == '-';
	int place = 0;
	for (p->at += back; p->at < p->length && p->text[p->at] >= '0' &&
			    p->text[p->at] <= '9' && place < 1000;
	     p->at++)
		place = 10 * place + p->text[p->at] - '0';
	if (place == 0 || p->at == p->length || p->text[p->at] != ']') {
		p->at = at;
		return false;
	}
	p->at++;
	step->flags |= PH_STEP_CHOSEN;
	step->place = back ? -place : place;
	return true;
}

/* '="text"]' or '=text]' behind the first name in brackets. */
static bool
where_of(parser *p, ph_step *step)
{
	size_t open = p->at++;
	bool quoted = p->at < p->length && p->text[p->at] == '"';
	const char *start = p->text + p->at + quoted, *end = p->text + p->length;
	const char *close = memchr(start, quoted ? '"' : ']', (size_t) (end - start));
	if (close == NULL || (quoted && (close + 1 == end || close[1] != ']')))
		return fail(p, open, "PH2015 ] is missing here");
	ph_arena *arena = p->scan->load->arena;
	ph_step *where = ph_arena_alloc(arena, sizeof(*where));
	if (where != NULL)
		*where = p->key[0];
	step->length = (size_t) (close - start);
	step->text = ph_arena_dup(arena, start, step->length);
	step->where = where;
	step->flags |= PH_STEP_CHOSEN;
	p->at = (size_t) (close - p->text) + 1 + quoted;
	return (where != NULL && step->text != NULL) ||
	       ph_load_no_memory(p->scan->load);
}

/* "[]", "[key]", or the choice of one, after a step. */
static bool
brackets(parser *p, ph_step *step)
{
	size_t at = p->at++;
	if (place_of(p, step))
		return true;
	if (p->at < p->length && p->text[p->at] != ']') {
		size_t back = p->at, count = p->count;
		if (!plain_step(p, &p->key[0]))
			return false;
		if (p->at < p->length && p->text[p->at] == '=')
			return where_of(p, step);
		p->at = back;
		p->count = count;
	}
	if (p->many)
		return fail(p, at, "PH2013 a path may repeat only once");
	p->many = true;
	step->flags |= PH_STEP_MANY;
	if (p->at < p->length && p->text[p->at] == ']') {
		p->at++;
		return true;
	}
	p->paired = true;
	p->pair_at = p->count;
	for (;;) {
		if (p->key_count == STEPS_MAX || !plain_step(p, &p->key[p->key_count]))
			return p->key_count < STEPS_MAX
				   ? false
				   : fail(p, at, "PH2014 the path is too long");
		p->key_count++;
		if (p->at < p->length && p->text[p->at] == ']') {
			p->at++;
			return true;
		}
		if (p->at == p->length || p->text[p->at] != p->syntax->separator)
			return fail(p, p->at, "PH2015 ] is missing here");
		p->at++;
	}
}

static bool
parse_steps(parser *p)
{
	for (;;) {
		if (p->count == STEPS_MAX)
			return fail(p, p->at, "PH2014 the path is too long");
		ph_step *step = &p->steps[p->count];
		if (!plain_step(p, step))
			return false;
		if (p->at < p->length && p->text[p->at] == '[' && !brackets(p, step))
			return false;
		p->count++;
		if (p->at == p->length)
			return true;
		if (p->text[p->at] != p->syntax->separator)
			return fail(p, p->at,
			    p->syntax->separator == '.'
				? "PH2016 a . or the end of the path is wanted here"
				: "PH2016 a / or the end of the path is wanted here");
		p->at++;
		if ((step->flags & (PH_STEP_WILD | PH_STEP_ATTRIBUTE)) != 0)
			return fail(p, p->at, "PH2017 nothing can follow this step");
	}
}

static bool
store(const parser *p, const ph_step *head, size_t head_count, const ph_step *tail,
    size_t tail_count, ph_path *out)
{
	ph_arena *arena = p->scan->load->arena;
	*out = (ph_path){.text = ph_arena_dup(arena, p->text, p->length),
	    .at = (size_t) (p->text - p->scan->text),
	    .count = head_count + tail_count,
	    .steps =
		ph_arena_alloc(arena, (head_count + tail_count) * sizeof(ph_step))};
	if (out->text == NULL || out->steps == NULL)
		return ph_load_no_memory(p->scan->load);
	memcpy(out->steps, head, head_count * sizeof(*head));
	if (tail_count > 0)
		memcpy(out->steps + head_count, tail, tail_count * sizeof(*tail));
	return true;
}

/* name[key]/value: two paths that repeat together. A canonical one may leave the value out. */
static bool
store_pair(parser *p, ph_path *out)
{
	if (p->count == p->pair_at + 1) {
		if (p->syntax->separator != '.')
			return fail(p, p->length,
			    "PH2018 the value's field is missing: "
			    "write name[key]/value");
		p->steps[p->count++] = (ph_step){
		    .name = ph_names_add(p->syntax->names, "value", strlen("value"))};
	}
	return store(p, p->steps, p->pair_at + 1, p->key, p->key_count, &out[0]) &&
	       store(p, p->steps, p->count, NULL, 0, &out[1]);
}

bool
ph_path_parse(const ph_syntax *syntax, const ph_scan *scan, const char *text,
    size_t length, ph_path *out, size_t *count)
{
	parser p = {.syntax = syntax, .scan = scan, .text = text, .length = length};
	if (!parse_steps(&p))
		return false;
	if (p.paired) {
		*count = 2;
		return store_pair(&p, out);
	}
	*count = (p.steps[p.count - 1].flags & PH_STEP_WILD) != 0 ? 2 : 1;
	if (!store(&p, p.steps, p.count, NULL, 0, &out[0]))
		return false;
	out[1] = out[0];
	return true;
}

const char *
ph_path_column(const ph_path *path, const ph_names *names)
{
	const ph_step *last = &path->steps[path->count - 1];
	if ((last->flags & PH_STEP_WILD) != 0)
		return "name";
	const char *name = ph_names_text(names, last->name);
	return name == NULL ? "" : name;
}

bool
ph_path_is_wild(const ph_path *path)
{
	return path->count > 0 &&
	       (path->steps[path->count - 1].flags & PH_STEP_WILD) != 0;
}

bool
ph_path_is_chosen(const ph_path *path)
{
	for (size_t i = 0; i < path->count; i++)
		if ((path->steps[i].flags & PH_STEP_CHOSEN) != 0)
			return true;
	return false;
}

bool
ph_path_is_many(const ph_path *path)
{
	for (size_t i = 0; i < path->count; i++)
		if ((path->steps[i].flags & PH_STEP_MANY) != 0)
			return true;
	return false;
}

bool
ph_step_matches(const char *const *names, const ph_step *step, const ph_node *node)
{
	return node->name == names[step->name] && node->space == names[step->space] &&
	       ((node->flags & PH_NODE_ATTRIBUTE) != 0) ==
		   ((step->flags & PH_STEP_ATTRIBUTE) != 0);
}

static const ph_node *
next_match(const char *const *names, const ph_step *step, const ph_node *node)
{
	while (node != NULL && !ph_step_matches(names, step, node))
		node = node->next;
	return node;
}

/* Has the item the field with the text that the step asks for? */
static bool
is_wanted(const char *const *names, const ph_step *step, const ph_node *item)
{
	const ph_node *field = item->kind == PH_NODE_LIST
				   ? NULL
				   : next_match(names, step->where, item->first);
	for (; field != NULL; field = next_match(names, step->where, field->next)) {
		const ph_node *node =
		    field->kind == PH_NODE_LIST ? field->first : field;
		for (; node != NULL; node = node == field ? NULL : node->next)
			if (node->text != NULL && node->length == step->length &&
			    memcmp(node->text, step->text, step->length) == 0)
				return true;
	}
	return false;
}

/* The item that a chosen step means, of all members of its name from `first` on; NULL. */
static const ph_node *
choose(const char *const *names, const ph_step *step, const ph_node *first)
{
	int place = step->place, total = 0;
	for (const ph_node *n = first; place < 0 && n != NULL;
	     n = next_match(names, step, n->next))
		total += n->kind == PH_NODE_LIST ? (int) n->count : 1;
	place = place < 0 ? total + 1 + place : place;
	if (step->place < 0 && place < 1)
		return NULL;
	for (const ph_node *n = first; n != NULL;
	     n = next_match(names, step, n->next)) {
		const ph_node *item = n->kind == PH_NODE_LIST ? n->first : n;
		for (; item != NULL; item = item == n ? NULL : item->next)
			if (step->place == 0 ? is_wanted(names, step, item)
					     : --place == 0)
				return item;
	}
	return NULL;
}

static const ph_node *
up(const ph_node *node)
{
	do {
		node = node->parent;
	} while (node != NULL && node->kind == PH_NODE_LIST);
	return node;
}

bool
ph_node_read(ph_reading *reading, const ph_node *node, ph_value *out)
{
	switch ((ph_node_kind) node->kind) {
	case PH_NODE_NULL:
		*out = (ph_value){
		    .kind = reading->null_absent ? PH_VALUE_ABSENT : PH_VALUE_NULL};
		return true;
	case PH_NODE_BOOLEAN:
		*out = ph_value_text(node->text, node->length);
		out->kind = PH_VALUE_BOOLEAN;
		break;
	case PH_NODE_NUMBER:
		*out = ph_value_text(node->text, node->length);
		out->kind = PH_VALUE_NUMBER;
		break;
	case PH_NODE_STRING:
		*out = ph_value_text(node->text, node->length);
		break;
	case PH_NODE_LIST:
		reading->problem = "is a list where one value is needed";
		return false;
	case PH_NODE_OBJECT:
		if (node->text == NULL) {
			reading->problem =
			    "has fields of its own where a value is needed";
			return false;
		}
		*out = ph_value_text(node->text, node->length);
		break;
	}
	out->flags = (node->flags & PH_NODE_VOLATILE) != 0 ? PH_VALUE_VOLATILE : 0;
	if (reading->empty_absent && out->kind == PH_VALUE_STRING && out->length == 0)
		*out = (ph_value){0};
	return true;
}

static bool read_from(ph_reading *reading, const ph_path *path, size_t at,
    const ph_node *node, ph_value *out);

/* The items of every member that fits: a list's, or the member itself. */
static size_t
count_items(const ph_reading *reading, const ph_step *step, const ph_node *first)
{
	size_t count = 0;
	for (const ph_node *n = first; n != NULL;
	     n = next_match(reading->names, step, n->next))
		count += n->kind == PH_NODE_LIST ? n->count : 1;
	return count;
}

static bool
read_many(ph_reading *reading, const ph_path *path, size_t at, const ph_node *first,
    ph_value *out)
{
	const ph_step *step = &path->steps[at];
	size_t count = count_items(reading, step, first), filled = 0;
	*out = (ph_value){.kind = count == 0 ? PH_VALUE_ABSENT : PH_VALUE_MANY};
	if (count == 0)
		return true;
	out->items = ph_arena_alloc(reading->arena, count * sizeof(*out->items));
	if (out->items == NULL) {
		reading->problem = "is too large";
		return false;
	}
	for (const ph_node *n = first; n != NULL;
	     n = next_match(reading->names, step, n->next)) {
		const ph_node *item = n->kind == PH_NODE_LIST ? n->first : n;
		for (; item != NULL; item = n->kind == PH_NODE_LIST ? item->next : NULL)
			if (!read_from(
				reading, path, at + 1, item, &out->items[filled++]))
				return false;
	}
	out->count = (uint32_t) filled;
	return true;
}

/* One member, where one is wanted: a list of one is taken for its item. */
static bool
single(ph_reading *reading, const ph_step *step, const ph_node **node)
{
	const ph_node *found = *node;
	if ((!reading->distinct &&
		next_match(reading->names, step, found->next) != NULL) ||
	    (found->kind == PH_NODE_LIST && found->count > 1)) {
		reading->problem = "is there more than once";
		return false;
	}
	*node = found->kind == PH_NODE_LIST ? found->first : found;
	return true;
}

static bool
read_from(ph_reading *reading, const ph_path *path, size_t at, const ph_node *node,
    ph_value *out)
{
	for (; at < path->count && node != NULL; at++) {
		const ph_step *step = &path->steps[at];
		if ((step->flags & PH_STEP_PARENT) != 0) {
			node = up(node);
			continue;
		}
		node = node->kind == PH_NODE_LIST
			   ? NULL
			   : next_match(reading->names, step, node->first);
		if ((step->flags & PH_STEP_MANY) != 0)
			return read_many(reading, path, at, node, out);
		if (node != NULL && (step->flags & PH_STEP_CHOSEN) != 0)
			node = choose(reading->names, step, node);
		else if (node != NULL && !single(reading, step, &node))
			return false;
	}
	if (node == NULL) {
		*out = (ph_value){0};
		return true;
	}
	return ph_node_read(reading, node, out);
}

bool
ph_path_read(
    ph_reading *reading, const ph_path *path, const ph_node *record, ph_value *out)
{
	PH_ASSERT(!ph_path_is_wild(path));
	return read_from(reading, path, 0, record, out);
}

/* Does a name fit the pattern, and does no other link take it? */
static bool
fits(const char *const *names, const ph_path *path, const ph_node *node,
    const char **key, size_t *length)
{
	const ph_step *step = &path->steps[path->count - 1];
	size_t all = strlen(node->name), before = strlen(step->before),
	       after = strlen(step->after);
	if (all < before + after || memcmp(node->name, step->before, before) != 0 ||
	    memcmp(node->name + all - after, step->after, after) != 0)
		return false;
	for (const uint32_t *e = path->except; e != NULL && *e != 0; e++)
		if (names[*e] == node->name)
			return false;
	*key = node->name + before;
	*length = all - before - after;
	return *length > 0;
}

static bool
add_wild(ph_reading *reading, const ph_node *node, const char *key, size_t length,
    ph_value *keys, ph_value *values)
{
	const ph_node *item = node->kind == PH_NODE_LIST ? node->first : node;
	for (; item != NULL; item = node->kind == PH_NODE_LIST ? item->next : NULL) {
		ph_value value;
		if (!ph_node_read(reading, item, &value))
			return false;
		if (value.kind == PH_VALUE_ABSENT)
			continue;
		const char *text = ph_arena_dup(reading->arena, key, length);
		if (text == NULL) {
			reading->problem = "is too large";
			return false;
		}
		keys->items[keys->count++] = ph_value_text(text, length);
		values->items[values->count++] = value;
	}
	return true;
}

bool
ph_path_read_wild(ph_reading *reading, const ph_path *path, const ph_node *record,
    ph_value *keys, ph_value *values)
{
	*keys = *values = (ph_value){0};
	ph_path parent = *path;
	parent.count--;
	const ph_node *node = ph_path_node(reading, &parent, record);
	if (node == NULL || node->kind != PH_NODE_OBJECT)
		return true;
	const char *key;
	size_t length, room = 0;
	for (const ph_node *n = node->first; n != NULL; n = n->next)
		if (fits(reading->names, path, n, &key, &length))
			room += n->kind == PH_NODE_LIST ? n->count : 1;
	if (room == 0)
		return true;
	keys->items = ph_arena_alloc(reading->arena, room * sizeof(ph_value));
	values->items = ph_arena_alloc(reading->arena, room * sizeof(ph_value));
	if (keys->items == NULL || values->items == NULL) {
		reading->problem = "is too large";
		return false;
	}
	for (const ph_node *n = node->first; n != NULL; n = n->next)
		if (fits(reading->names, path, n, &key, &length) &&
		    !add_wild(reading, n, key, length, keys, values))
			return false;
	keys->kind = values->kind = keys->count > 0 ? PH_VALUE_MANY : PH_VALUE_ABSENT;
	return true;
}

const ph_node *
ph_path_node(const ph_reading *reading, const ph_path *path, const ph_node *record)
{
	const ph_node *node = record;
	for (size_t at = 0; at < path->count && node != NULL; at++) {
		const ph_step *step = &path->steps[at];
		if ((step->flags & PH_STEP_PARENT) != 0) {
			node = up(node);
			continue;
		}
		if (node->kind == PH_NODE_LIST)
			node = node->first;
		node =
		    node == NULL ? NULL : next_match(reading->names, step, node->first);
		if (node != NULL && (step->flags & PH_STEP_CHOSEN) != 0)
			node = choose(reading->names, step, node);
	}
	return node;
}

static bool
walk_from(const char *const *names, const ph_path *path, size_t at, const ph_node *node,
    ph_path_visit *visit, void *self)
{
	if (node->kind == PH_NODE_LIST) {
		for (const ph_node *n = node->first; n != NULL; n = n->next)
			if (!walk_from(names, path, at, n, visit, self))
				return false;
		return true;
	}
	if (at == path->count)
		return visit(self, node);
	const ph_step *step = &path->steps[at];
	if ((step->flags & PH_STEP_CHOSEN) != 0) {
		node = next_match(names, step, node->first);
		node = node == NULL ? NULL : choose(names, step, node);
		return node == NULL ||
		       walk_from(names, path, at + 1, node, visit, self);
	}
	for (const ph_node *n = next_match(names, step, node->first); n != NULL;
	     n = next_match(names, step, n->next))
		if (!walk_from(names, path, at + 1, n, visit, self))
			return false;
	return true;
}

bool
ph_path_walk(const char *const *names, const ph_path *path, const ph_node *root,
    bool whole, ph_path_visit *visit, void *self)
{
	if (!whole || path->count == 0)
		return walk_from(names, path, 0, root, visit, self);
	return !ph_step_matches(names, &path->steps[0], root) ||
	       walk_from(names, path, 1, root, visit, self);
}
