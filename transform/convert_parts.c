/*
 * convert_parts - join, template, match, default: values put together and taken apart.
 */
#include <string.h>

#include "lib/base/assert.h"
#include "lib/base/buffer.h"
#include "transform/convert.h"

static ph_flow
keep(ph_run *run, ph_value *value, const char *text, size_t length, uint32_t flags)
{
	char *copy = ph_arena_dup(ph_run_arena(run), text, length);
	if (copy == NULL)
		return ph_run_no_memory(run);
	*value = ph_value_text(copy, length);
	value->flags = flags;
	return PH_FLOW_ON;
}

/* ---- join: several values with a separator between them, or one taken apart at it ---- */

typedef struct joint {
	const char *separator;
	size_t length;
	size_t parts;
	bool joins; /* forward; else it splits forward */
	bool skip;  /* absent parts are left out */
} joint;

static bool
load_join(ph_build *build, const ph_term *term, ph_convert *convert)
{
	joint *j = ph_arena_zalloc(build->load->arena, sizeof(*j));
	if (j == NULL)
		return ph_load_no_memory(build->load);
	convert->state = j;
	const ph_argument *a = ph_term_at(term, 0);
	if (a == NULL || !a->string || a->length == 0)
		return ph_term_fail(
		    term, "PH2206 join needs its separator: join(\"_\")");
	j->separator = a->text;
	j->length = a->length;
	a = ph_term_get(term, "absent");
	if (a != NULL && strcmp(a->text, "skip") != 0)
		return ph_scan_fail(
		    term->scan, a->at, "PH2211 the only choice is absent=skip");
	j->skip = a != NULL;
	size_t leaving = build->reversed ? build->canonical_count : build->vendor_count;
	j->joins = build->arity > 1;
	j->parts = j->joins ? build->arity : leaving;
	if (j->parts < 2)
		return ph_term_fail(
		    term, "PH2219 join needs several values on one side of the link");
	build->arity = j->joins ? 1 : leaving;
	convert->lossy = j->skip;
	return true;
}

static ph_flow
join_values(const joint *j, ph_run *run, ph_tuple *tuple)
{
	size_t length = 0, there = 0;
	for (size_t i = 0; i < tuple->count; i++)
		if (ph_value_is_text(&tuple->at[i])) {
			length += tuple->at[i].length + j->length;
			there++;
		} else if (tuple->at[i].kind == PH_VALUE_MANY) {
			return ph_run_fail(run, PH_POLICY_HOLD, "invalid",
			    "PH2314 a repeated field cannot be joined");
		}
	if (there == 0 || (there < tuple->count && !j->skip)) {
		*tuple = (ph_tuple){.count = 1};
		return PH_FLOW_ON;
	}
	char *text = ph_arena_alloc(ph_run_arena(run), length + 1), *out = text;
	if (text == NULL)
		return ph_run_no_memory(run);
	for (size_t i = 0; i < tuple->count; i++) {
		if (!ph_value_is_text(&tuple->at[i]))
			continue;
		if (out != text) {
			memcpy(out, j->separator, j->length);
			out += j->length;
		}
		memcpy(out, tuple->at[i].text, tuple->at[i].length);
		out += tuple->at[i].length;
	}
	*out = 0;
	uint32_t flags = ph_tuple_flags(tuple);
	tuple->count = 1;
	tuple->at[0] = ph_value_text(text, (size_t) (out - text));
	tuple->at[0].flags = flags;
	return PH_FLOW_ON;
}

/* Where the separator is next, or the end. */
static size_t
find(const char *text, size_t length, const joint *j)
{
	for (size_t at = 0; at + j->length <= length; at++)
		if (memcmp(text + at, j->separator, j->length) == 0)
			return at;
	return length;
}

static ph_flow
split_value(const joint *j, ph_run *run, ph_tuple *tuple)
{
	ph_value whole = tuple->at[0];
	*tuple = (ph_tuple){.count = j->parts};
	if (!ph_value_is_text(&whole))
		return PH_FLOW_ON;
	const char *text = whole.text;
	size_t left = whole.length;
	for (size_t i = 0; i < j->parts; i++) {
		size_t length = i + 1 < j->parts ? find(text, left, j) : left;
		if (keep(run, &tuple->at[i], text, length, whole.flags) != PH_FLOW_ON)
			return PH_FLOW_FAIL;
		if (i + 1 == j->parts)
			break;
		if (length == left) {
			if (j->skip)
				return PH_FLOW_ON;
			return ph_run_fail(run, PH_POLICY_HOLD, "invalid",
			    "PH2315 the text has fewer than %zu parts", j->parts);
		}
		text += length + j->length;
		left -= length + j->length;
	}
	return PH_FLOW_ON;
}

static ph_flow
join_out(const ph_convert *convert, ph_run *run, ph_tuple *tuple)
{
	const joint *j = convert->state;
	return j->joins ? join_values(j, run, tuple) : split_value(j, run, tuple);
}

static ph_flow
join_in(const ph_convert *convert, ph_run *run, ph_tuple *tuple)
{
	const joint *j = convert->state;
	return j->joins ? split_value(j, run, tuple) : join_values(j, run, tuple);
}

const ph_convert_class ph_convert_join = {.name = "join",
    .help = "join(\"SEPARATOR\", absent=skip)",
    .plain = true,
    .load = load_join,
    .out = join_out,
    .in = join_in};

/* ---- template: "{1} at {2}[, {3}]"; a part in [ ] is left out when a value in it is absent ---- */

#define PIECES_MAX 32

typedef struct piece {
	enum { LITERAL, PLACE, OPEN, CLOSE } kind;
	const char *text;
	size_t length;
	size_t place; /* from 0 */
	bool number;  /* {1:number}: on the way back only a number fits */
} piece;

typedef struct template
{
	piece pieces[PIECES_MAX];
	size_t count;
	size_t places;
	ph_pattern *back;	    /* the way back */
	size_t group[PH_TUPLE_MAX]; /* of each place in `back`, from 1 */
}
template;

static bool
add_piece(template *t, piece p)
{
	if (t->count == PIECES_MAX)
		return false;
	t->pieces[t->count++] = p;
	return true;
}

/* Take the text apart. The literal runs up to one of { [ ] or a backslash before one of them. */
static const char *
parse_template(ph_arena *arena, const char *text, size_t arity, template *t)
{
	bool open = false;
	while (*text != 0) {
		piece p = {.kind = LITERAL};
		if (*text == '{') {
			p.number =
			    text[1] != 0 && strncmp(text + 2, ":number}", 8) == 0;
			if (text[1] < '1' || text[1] > '8' ||
			    (text[2] != '}' && !p.number))
				return "a place is written {1} to {8}, or {1:number}";
			p.kind = PLACE;
			p.place = (size_t) (text[1] - '1');
			if (p.place >= arity)
				return "there are fewer values than the places name";
			text += p.number ? 10 : 3;
		} else if (*text == '[' || *text == ']') {
			if (open == (*text == '['))
				return "[ and ] do not fit together";
			open = *text == '[';
			p.kind = open ? OPEN : CLOSE;
			text++;
		} else {
			size_t room = strlen(text);
			char *literal = ph_arena_alloc(arena, room + 1);
			if (literal == NULL)
				return "out of memory";
			while (*text != 0 && strchr("{[]", *text) == NULL) {
				if (*text == '\\' && text[1] != 0)
					text++;
				literal[p.length++] = *text++;
			}
			literal[p.length] = 0;
			p.text = literal;
		}
		if (!add_piece(t, p))
			return "it has too many parts";
	}
	return open ? "] is missing" : NULL;
}

/* The way back: literals as they are, places as groups, [ ] as optional. */
static bool
build_back(template *t, ph_buffer *out)
{
	size_t groups = 0;
	ph_buffer_text(out, "(?s)\\A");
	for (size_t i = 0; i < t->count; i++) {
		const piece *p = &t->pieces[i];
		switch (p->kind) {
		case LITERAL:
			for (size_t k = 0; k < p->length; k++)
				ph_buffer_printf(
				    out, "\\x{%02x}", (unsigned char) p->text[k]);
			break;
		case PLACE:
			if (t->group[p->place] != 0)
				return false;
			t->group[p->place] = ++groups;
			ph_buffer_text(out, p->number ? "(-?[0-9]+(?:\\.[0-9]+)?)"
					    : i + 1 == t->count ? "(.*)"
								: "(.*?)");
			break;
		case OPEN:
			ph_buffer_text(out, "(?:");
			break;
		case CLOSE:
			ph_buffer_text(out, ")?");
			break;
		}
	}
	ph_buffer_text(out, "\\z");
	return groups == t->places && !out->failed;
}

static void
release_pattern(void *pattern)
{
	ph_pattern *p = pattern;
	ph_pattern_destroy(&p);
}

static bool
load_back(ph_build *build, const ph_term *term, template *t)
{
	ph_buffer text;
	ph_error why;
	ph_buffer_init(&text, 65536);
	bool good = build_back(t, &text);
	if (good)
		good = ph_pattern_new((const char *) text.data, text.length, &t->back,
			   &why) == PH_OK;
	ph_buffer_fini(&text);
	if (!good)
		return ph_term_fail(term,
		    "PH2220 this template has no way back: each place must stand in it "
		    "once; use a -> link");
	return build->keep(build->self, t->back, release_pattern) ||
	       ph_load_no_memory(build->load);
}

static bool
load_template(ph_build *build, const ph_term *term, ph_convert *convert)
{
	template *t = ph_arena_zalloc(build->load->arena, sizeof(*t));
	if (t == NULL)
		return ph_load_no_memory(build->load);
	convert->state = t;
	const ph_argument *a = ph_term_at(term, 0);
	if (a == NULL || !a->string)
		return ph_term_fail(
		    term, "PH2206 template needs its text: template(\"{1}, {2}\")");
	t->places = build->arity;
	const char *wrong =
	    parse_template(build->load->arena, a->text, build->arity, t);
	if (wrong != NULL)
		return ph_scan_fail(term->scan, a->at, "PH2220 template: %s", wrong);
	build->arity = 1;
	convert->lossy = true;
	return build->directions != (PH_FLOWS_IN | PH_FLOWS_OUT) ||
	       load_back(build, term, t);
}

/* Is every place between this OPEN and its CLOSE there? */
static bool
section_holds(const template *t, size_t open, const ph_tuple *tuple)
{
	for (size_t i = open + 1; t->pieces[i].kind != CLOSE; i++)
		if (t->pieces[i].kind == PLACE &&
		    !ph_value_is_text(&tuple->at[t->pieces[i].place]))
			return false;
	return true;
}

static void
fill_template(const template *t, const ph_tuple *tuple, ph_buffer *out)
{
	for (size_t i = 0; i < t->count; i++) {
		const piece *p = &t->pieces[i];
		if (p->kind == OPEN && !section_holds(t, i, tuple)) {
			while (t->pieces[i].kind != CLOSE)
				i++;
		} else if (p->kind == LITERAL) {
			ph_buffer_append(out, p->text, p->length);
		} else if (p->kind == PLACE && ph_value_is_text(&tuple->at[p->place])) {
			const ph_value *value = &tuple->at[p->place];
			ph_buffer_append(out, value->text, value->length);
		}
	}
}

static ph_flow
template_out(const ph_convert *convert, ph_run *run, ph_tuple *tuple)
{
	const template *t = convert->state;
	uint32_t flags = ph_tuple_flags(tuple);
	for (size_t i = 0; i < tuple->count; i++)
		if (tuple->at[i].kind == PH_VALUE_MANY)
			return ph_run_fail(run, PH_POLICY_HOLD, "invalid",
			    "PH2314 a repeated field cannot stand in a template");
	if (ph_tuple_absent(tuple)) {
		*tuple = (ph_tuple){.count = 1};
		return PH_FLOW_ON;
	}
	ph_buffer text;
	ph_buffer_init_on(&text, (size_t) 16 << 20, ph_run_arena(run));
	fill_template(t, tuple, &text);
	tuple->count = 1;
	ph_flow flow = text.failed ? ph_run_no_memory(run)
				   : keep(run, &tuple->at[0],
					 text.data == NULL ? "" : (char *) text.data,
					 text.length, flags);
	ph_buffer_fini(&text);
	return flow;
}

static ph_flow
template_in(const ph_convert *convert, ph_run *run, ph_tuple *tuple)
{
	const template *t = convert->state;
	ph_value whole = tuple->at[0];
	ph_span spans[PH_PATTERN_GROUPS];
	*tuple = (ph_tuple){.count = t->places};
	if (!ph_value_is_text(&whole))
		return PH_FLOW_ON;
	if (ph_pattern_match(t->back, whole.text, whole.length, spans) != PH_MATCH_YES)
		return ph_run_fail(run, PH_POLICY_HOLD, "invalid",
		    "PH2316 the text does not have the form of the template");
	for (size_t i = 0; i < t->places; i++) {
		const ph_span *span = &spans[t->group[i]];
		if (span->text != NULL && keep(run, &tuple->at[i], span->text,
					      span->length, whole.flags) != PH_FLOW_ON)
			return PH_FLOW_FAIL;
	}
	return PH_FLOW_ON;
}

const ph_convert_class ph_convert_template = {.name = "template",
    .help = "template(\"{1} at {2}[, {3}]\")",
    .plain = true,
    .load = load_template,
    .out = template_out,
    .in = template_in};

/* ---- match: the groups of a pattern ---- */

typedef struct matching {
	ph_pattern *pattern;
	size_t groups; /* 0: the whole match is the value */
	ph_policy policy;
	bool has_else;
	const char *word;    /* else="text"; NULL: absent */
	ph_convert fallback; /* else=first-line(n): class NULL if none */
} matching;

static bool
load_else(ph_build *build, const ph_term *term, matching *m)
{
	const ph_argument *a = ph_term_get(term, "else");
	m->policy = PH_POLICY_HOLD;
	m->has_else = a != NULL;
	if (a == NULL)
		return true;
	if (a->string) {
		m->word = a->text;
		return true;
	}
	if (a->call && strcmp(a->text, "first-line") == 0) {
		ph_argument most = {
		    .text = a->inner, .length = strlen(a->inner), .at = a->at};
		ph_term inner = {.name = "first-line",
		    .at = a->at,
		    .scan = term->scan,
		    .first = &most};
		return ph_convert_load(build, &inner, &m->fallback);
	}
	if (strcmp(a->text, "absent") == 0 && !a->call)
		return true;
	if (strcmp(a->text, "reject") == 0 || strcmp(a->text, "hold") == 0) {
		m->has_else = false;
		m->policy = a->text[0] == 'r' ? PH_POLICY_REJECT : PH_POLICY_HOLD;
		return true;
	}
	return ph_scan_fail(term->scan, a->at,
	    "PH2221 else= is absent, hold, reject, \"text\" or first-line(MOST)");
}

static bool
load_match(ph_build *build, const ph_term *term, ph_convert *convert)
{
	matching *m = ph_arena_zalloc(build->load->arena, sizeof(*m));
	ph_error why;
	if (m == NULL)
		return ph_load_no_memory(build->load);
	convert->state = m;
	const ph_argument *a = ph_term_at(term, 0);
	if (a == NULL || !a->string)
		return ph_term_fail(
		    term, "PH2206 match needs its pattern: match(\"^A-(.*)$\")");
	if (build->arity != 1)
		return ph_term_fail(term, "PH2222 match works on one value");
	if (ph_pattern_new(a->text, a->length, &m->pattern, &why) != PH_OK)
		return ph_scan_fail(term->scan, a->at, "PH2035 pattern: %s", why.text);
	if (!build->keep(build->self, m->pattern, release_pattern))
		return ph_load_no_memory(build->load);
	m->groups = ph_pattern_groups(m->pattern);
	if (m->groups > PH_TUPLE_MAX)
		return ph_scan_fail(
		    term->scan, a->at, "PH2222 at most %d groups", PH_TUPLE_MAX);
	if (!load_else(build, term, m))
		return false;
	build->arity = m->groups == 0 ? 1 : m->groups;
	convert->lossy = true;
	return true;
}

static ph_flow
match_else(const matching *m, ph_run *run, ph_tuple *tuple)
{
	if (m->fallback.class != NULL) {
		ph_tuple one = {.count = 1, .at = {tuple->at[0]}};
		ph_flow flow = m->fallback.class->out(&m->fallback, run, &one);
		size_t count = tuple->count;
		*tuple = (ph_tuple){
		    .count = m->groups > 1 ? m->groups : count, .at = {one.at[0]}};
		return flow;
	}
	if (!m->has_else)
		return ph_run_fail(run, m->policy, "invalid",
		    "PH2317 the text does not fit the pattern");
	uint32_t flags = tuple->at[0].flags;
	*tuple = (ph_tuple){.count = m->groups == 0 ? 1 : m->groups};
	if (m->word != NULL) {
		tuple->at[0] = ph_value_text(m->word, strlen(m->word));
		tuple->at[0].flags = flags;
	}
	return PH_FLOW_ON;
}

static ph_flow
match_out(const ph_convert *convert, ph_run *run, ph_tuple *tuple)
{
	const matching *m = convert->state;
	ph_value whole = tuple->at[0];
	ph_span spans[PH_PATTERN_GROUPS];
	size_t leaving = m->groups == 0 ? 1 : m->groups;
	if (whole.kind == PH_VALUE_MANY)
		return ph_run_fail(run, PH_POLICY_HOLD, "invalid",
		    "PH2314 a repeated field cannot be matched");
	if (!ph_value_is_text(&whole)) {
		if (leaving > 1)
			*tuple = (ph_tuple){.count = leaving};
		return PH_FLOW_ON;
	}
	switch (ph_pattern_match(m->pattern, whole.text, whole.length, spans)) {
	case PH_MATCH_NO:
		return match_else(m, run, tuple);
	case PH_MATCH_GAVE_UP:
		return ph_run_fail(
		    run, PH_POLICY_HOLD, "invalid", "PH2318 matching took too long");
	case PH_MATCH_YES:
		break;
	}
	*tuple = (ph_tuple){.count = leaving};
	for (size_t i = 0; i < leaving; i++) {
		const ph_span *span = &spans[m->groups == 0 ? 0 : i + 1];
		if (span->text != NULL && keep(run, &tuple->at[i], span->text,
					      span->length, whole.flags) != PH_FLOW_ON)
			return PH_FLOW_FAIL;
	}
	return PH_FLOW_ON;
}

const ph_convert_class ph_convert_match = {.name = "match",
    .help = "match(\"PATTERN\", else=absent|hold|reject|\"TEXT\"|first-line(MOST))",
    .plain = true,
    .load = load_match,
    .out = match_out};

/* ---- default: a value for an absent one ---- */

typedef struct stand_in {
	const char *text;
	int context; /* number of $name, or -1 */
} stand_in;

static bool
load_default(ph_build *build, const ph_term *term, ph_convert *convert)
{
	stand_in *s = ph_arena_zalloc(build->load->arena, sizeof(*s));
	if (s == NULL)
		return ph_load_no_memory(build->load);
	convert->state = s;
	const ph_argument *a = ph_term_at(term, 0);
	if (a == NULL || (!a->string && !a->context))
		return ph_term_fail(term, "PH2206 default needs its value: "
					  "default(\"...\") or default($name)");
	if (build->arity != 1)
		return ph_term_fail(term, "PH2222 default works on one value");
	s->text = a->text;
	s->context = -1;
	convert->lossy = true;
	if (!a->context)
		return true;
	s->context =
	    ph_context_add(build->context, build->load->arena, a->text, a->length);
	return s->context >= 0 ||
	       ph_scan_fail(term->scan, a->at, "PH2030 unknown name after $");
}

static ph_flow
default_out(const ph_convert *convert, ph_run *run, ph_tuple *tuple)
{
	const stand_in *s = convert->state;
	if (tuple->at[0].kind != PH_VALUE_ABSENT)
		return PH_FLOW_ON;
	tuple->at[0] = s->context >= 0 ? ph_run_context(run, s->context)
				       : ph_value_text(s->text, strlen(s->text));
	return PH_FLOW_ON;
}

const ph_convert_class ph_convert_default = {.name = "default",
    .help = "default(\"VALUE\") or default($NAME)",
    .plain = true,
    .load = load_default,
    .out = default_out};
