/*
 * convert_text - fit, text, trim, first-line, prefix, pad, replace.
 *
 * Lengths are counted in code points unless the map says utf16 or bytes. A cut never parts a
 * code point, nor a character from the marks, joiners and variation selectors that belong to it.
 */
#include <string.h>

#include "lib/base/assert.h"
#include "lib/base/text.h"
#include "transform/convert.h"

#define LENGTH_MAX 10000000

typedef enum unit { CHARACTERS, UTF16, BYTES } unit;

typedef struct fit {
	size_t most;
	unit unit;
	const char *ellipsis; /* NULL: none */
	size_t ellipsis_size; /* in units */
} fit;

static size_t
code_size(unit u, uint32_t code, size_t bytes)
{
	switch (u) {
	case CHARACTERS:
		return 1;
	case UTF16:
		return code > 0xffff ? 2 : 1;
	case BYTES:
		return bytes;
	}
	PH_UNREACHABLE("unit");
}

/* Length in units, reading no further than to see that it is over `most`. */
static size_t
measure(const char *text, size_t length, unit u, size_t most)
{
	size_t size = 0;
	for (size_t at = 0; at < length && size <= most;) {
		uint32_t code;
		size_t bytes = ph_utf8_decode(text + at, length - at, &code);
		if (bytes == 0)
			return size;
		size += code_size(u, code, bytes);
		at += bytes;
	}
	return size;
}

/* Does this code point belong to the one before it? */
static bool
joins(uint32_t code)
{
	return (code >= 0x300 && code <= 0x36f) || (code >= 0x1ab0 && code <= 0x1aff) ||
	       (code >= 0x1dc0 && code <= 0x1dff) ||
	       (code >= 0x20d0 && code <= 0x20ff) ||
	       (code >= 0xfe00 && code <= 0xfe0f) ||
	       (code >= 0xfe20 && code <= 0xfe2f) ||
	       (code >= 0x1f3fb && code <= 0x1f3ff) ||
	       (code >= 0xe0020 && code <= 0xe007f) || code == 0x200d;
}

#define JOINER	    0x200du
#define CLUSTER_MAX 32 /* code points; a longer heap of marks is cut where it falls */

/* Bytes of the longest whole characters within `most` units. */
static size_t
prefix_within(const char *text, size_t length, unit u, size_t most)
{
	size_t at = 0, size = 0, safe = 0, cluster = 0;
	uint32_t before = 0;
	while (at < length) {
		uint32_t code;
		size_t bytes = ph_utf8_decode(text + at, length - at, &code);
		if (bytes == 0)
			break;
		bool inside = at > 0 && (joins(code) || before == JOINER ||
					    (before == '\r' && code == '\n'));
		cluster = inside ? cluster + 1 : 0;
		if (!inside || cluster > CLUSTER_MAX)
			safe = at;
		size += code_size(u, code, bytes);
		if (size > most)
			return safe;
		at += bytes;
		before = code;
	}
	return at;
}

static bool
load_fit(ph_build *build, const ph_term *term, ph_convert *convert)
{
	/* a byte of those charsets is a character */
	static const struct {
		const char *word;
		unit unit;
	} units[] = {{"characters", CHARACTERS}, {"utf16", UTF16}, {"bytes", BYTES},
	    {"utf-8", BYTES}, {"windows-1252", CHARACTERS}, {"iso-8859-1", CHARACTERS}};
	enum { UNITS = sizeof units / sizeof *units };
	fit *f = ph_arena_zalloc(build->load->arena, sizeof(*f));
	if (f == NULL)
		return ph_load_no_memory(build->load);
	if (!ph_convert_whole(term, ph_term_at(term, 0), 1, LENGTH_MAX, &f->most))
		return false;
	const ph_argument *a = ph_term_get(term, "unit");
	if (a != NULL) {
		size_t i = 0;
		while (i < UNITS && strcmp(units[i].word, a->text) != 0)
			i++;
		if (i == UNITS)
			return ph_scan_fail(term->scan, a->at,
			    "PH2205 unit= is characters, utf16, bytes (of UTF-8), "
			    "windows-1252 or iso-8859-1");
		f->unit = units[i].unit;
	}
	a = ph_term_get(term, "ellipsis");
	if (a != NULL)
		f->ellipsis = a->text;
	else if (ph_term_flag(term, "ellipsis"))
		f->ellipsis = "\xe2\x80\xa6";
	if (f->ellipsis != NULL)
		f->ellipsis_size =
		    measure(f->ellipsis, strlen(f->ellipsis), f->unit, LENGTH_MAX);
	if (f->ellipsis_size >= f->most)
		return ph_term_fail(term, "PH2205 there is no room for the ellipsis");
	convert->state = f;
	convert->lossy = true;
	return true;
}

static ph_flow
cut(const fit *f, ph_run *run, ph_value *value)
{
	/* Bytes are no fewer than characters or UTF-16 units. */
	if (value->length <= f->most ||
	    measure(value->text, value->length, f->unit, f->most) <= f->most)
		return PH_FLOW_ON;
	const char *ellipsis = f->ellipsis == NULL ? "" : f->ellipsis;
	size_t kept = prefix_within(
	    value->text, value->length, f->unit, f->most - f->ellipsis_size);
	size_t more = strlen(ellipsis);
	char *text = ph_arena_alloc(ph_run_arena(run), kept + more + 1);
	if (text == NULL)
		return ph_run_no_memory(run);
	memcpy(text, value->text, kept);
	memcpy(text + kept, ellipsis, more + 1);
	value->text = text;
	value->length = kept + more;
	value->kind = PH_VALUE_STRING;
	return PH_FLOW_ON;
}

ph_flow
ph_convert_cut(ph_run *run, size_t most, ph_value *value)
{
	const fit f = {.most = most};
	return cut(&f, run, value);
}

static ph_flow
fit_out(const ph_convert *convert, ph_run *run, ph_tuple *tuple)
{
	return cut(convert->state, run, &tuple->at[0]);
}

static ph_flow
unchanged(const ph_convert *convert, ph_run *run, ph_tuple *tuple)
{
	(void) convert;
	(void) run;
	(void) tuple;
	return PH_FLOW_ON;
}

const ph_convert_class ph_convert_fit = {.name = "fit",
    .help = "fit(MOST, ellipsis, unit=characters|utf16|bytes|windows-1252|iso-8859-1)",
    .each = true,
    .plain = true,
    .load = load_fit,
    .out = fit_out,
    .in = unchanged};

typedef struct range {
	size_t least, most;
} range;

static bool
load_text(ph_build *build, const ph_term *term, ph_convert *convert)
{
	range *r = ph_arena_zalloc(build->load->arena, sizeof(*r));
	if (r == NULL)
		return ph_load_no_memory(build->load);
	convert->state = r;
	return ph_convert_whole(term, ph_term_at(term, 0), 0, LENGTH_MAX, &r->least) &&
	       ph_convert_whole(
		   term, ph_term_at(term, 1), r->least, LENGTH_MAX, &r->most);
}

static ph_flow
check_text(const ph_convert *convert, ph_run *run, ph_tuple *tuple)
{
	const range *r = convert->state;
	const ph_value *value = &tuple->at[0];
	size_t length = ph_utf8_length(value->text, value->length);
	if (length >= r->least && length <= r->most)
		return PH_FLOW_ON;
	return ph_run_fail(run, PH_POLICY_HOLD, "invalid",
	    "PH2301 the text has %zu characters, %zu to %zu are allowed", length,
	    r->least, r->most);
}

const ph_convert_class ph_convert_text = {.name = "text",
    .help = "text(LEAST, MOST)",
    .each = true,
    .load = load_text,
    .out = check_text,
    .in = check_text};

static bool
load_trim(ph_build *build, const ph_term *term, ph_convert *convert)
{
	(void) build;
	(void) term;
	convert->lossy = true;
	return true;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static ph_flow
trim(const ph_convert *convert, ph_run *run, ph_tuple *tuple)
{
	(void) convert;
	ph_value *value = &tuple->at[0];
	const char *text = value->text, *end = text + value->length;
	while (text < end && is_blank(*text))
		text++;
	while (end > text && is_blank(end[-1]))
		end--;
	char *copy = ph_arena_dup(ph_run_arena(run), text, (size_t) (end - text));
	if (copy == NULL)
		return ph_run_no_memory(run);
	value->text = copy;
	value->length = (size_t) (end - text);
	return PH_FLOW_ON;
}

const ph_convert_class ph_convert_trim = {.name = "trim",
    .help = "trim",
    .each = true,
    .load = load_trim,
    .out = trim,
    .in = trim};

static ph_flow
first_line(const ph_convert *convert, ph_run *run, ph_tuple *tuple)
{
	ph_value *value = &tuple->at[0];
	const char *text = value->text;
	size_t skip = 0;
	while (skip < value->length && is_blank(text[skip]))
		skip++;
	text += skip;
	size_t length = 0;
	while (length < value->length - skip && text[length] != '\r' &&
	       text[length] != '\n')
		length++;
	char *copy = ph_arena_dup(ph_run_arena(run), text, length);
	if (copy == NULL)
		return ph_run_no_memory(run);
	value->text = copy;
	value->length = length;
	return cut(convert->state, run, value);
}

static bool
load_first_line(ph_build *build, const ph_term *term, ph_convert *convert)
{
	fit *f = ph_arena_zalloc(build->load->arena, sizeof(*f));
	if (f == NULL)
		return ph_load_no_memory(build->load);
	*f = (fit){.ellipsis = "\xe2\x80\xa6", .ellipsis_size = 1};
	convert->state = f;
	convert->lossy = true;
	return ph_convert_whole(term, ph_term_at(term, 0), 2, LENGTH_MAX, &f->most);
}

const ph_convert_class ph_convert_first_line = {.name = "first-line",
    .help = "first-line(MOST)",
    .each = true,
    .plain = true,
    .load = load_first_line,
    .out = first_line};

typedef struct affix {
	const char *text;
	size_t length, width;
} affix;

static bool
load_prefix(ph_build *build, const ph_term *term, ph_convert *convert)
{
	affix *x = ph_arena_zalloc(build->load->arena, sizeof(*x));
	if (x == NULL)
		return ph_load_no_memory(build->load);
	const ph_argument *a = ph_term_at(term, 0);
	if (a == NULL || !a->string || a->length == 0)
		return ph_term_fail(
		    term, "PH2206 prefix needs its text: prefix(\"...\")");
	x->text = a->text;
	x->length = a->length;
	convert->state = x;
	return true;
}

static ph_flow
add_prefix(const ph_convert *convert, ph_run *run, ph_tuple *tuple)
{
	const affix *x = convert->state;
	ph_value *value = &tuple->at[0];
	char *text = ph_arena_alloc(ph_run_arena(run), x->length + value->length + 1);
	if (text == NULL)
		return ph_run_no_memory(run);
	memcpy(text, x->text, x->length);
	memcpy(text + x->length, value->text, value->length);
	value->length += x->length;
	text[value->length] = 0;
	value->text = text;
	value->kind = PH_VALUE_STRING;
	return PH_FLOW_ON;
}

static ph_flow
strip_prefix(const ph_convert *convert, ph_run *run, ph_tuple *tuple)
{
	const affix *x = convert->state;
	ph_value *value = &tuple->at[0];
	if (value->length < x->length || memcmp(value->text, x->text, x->length) != 0)
		return ph_run_fail(run, PH_POLICY_HOLD, "invalid",
		    "PH2302 the text does not begin with the prefix");
	value->text += x->length;
	value->length -= x->length;
	return PH_FLOW_ON;
}

const ph_convert_class ph_convert_prefix = {.name = "prefix",
    .help = "prefix(\"TEXT\")",
    .each = true,
    .plain = true,
    .load = load_prefix,
    .out = add_prefix,
    .in = strip_prefix};

static bool
load_pad(ph_build *build, const ph_term *term, ph_convert *convert)
{
	affix *x = ph_arena_zalloc(build->load->arena, sizeof(*x));
	if (x == NULL)
		return ph_load_no_memory(build->load);
	convert->state = x;
	convert->lossy = true;
	return ph_convert_whole(term, ph_term_at(term, 0), 1, 64, &x->width);
}

static ph_flow
add_zeros(const ph_convert *convert, ph_run *run, ph_tuple *tuple)
{
	const affix *x = convert->state;
	ph_value *value = &tuple->at[0];
	if (value->length > x->width)
		return ph_run_fail(run, PH_POLICY_HOLD, "invalid",
		    "PH2303 the text has more than %zu characters", x->width);
	char *text = ph_arena_alloc(ph_run_arena(run), x->width + 1);
	if (text == NULL)
		return ph_run_no_memory(run);
	size_t zeros = x->width - value->length;
	memset(text, '0', zeros);
	memcpy(text + zeros, value->text, value->length);
	text[x->width] = 0;
	*value = (ph_value){.kind = PH_VALUE_STRING,
	    .flags = value->flags,
	    .text = text,
	    .length = x->width};
	return PH_FLOW_ON;
}

static ph_flow
strip_zeros(const ph_convert *convert, ph_run *run, ph_tuple *tuple)
{
	(void) convert;
	(void) run;
	ph_value *value = &tuple->at[0];
	while (value->length > 1 && value->text[0] == '0') {
		value->text++;
		value->length--;
	}
	return PH_FLOW_ON;
}

const ph_convert_class ph_convert_pad = {.name = "pad",
    .help = "pad(WIDTH)",
    .each = true,
    .plain = true,
    .load = load_pad,
    .out = add_zeros,
    .in = strip_zeros};

typedef struct exchange {
	const char *from, *to;
	size_t from_length, to_length;
} exchange;

static bool
load_replace(ph_build *build, const ph_term *term, ph_convert *convert)
{
	exchange *x = ph_arena_zalloc(build->load->arena, sizeof(*x));
	if (x == NULL)
		return ph_load_no_memory(build->load);
	const ph_argument *from = ph_term_at(term, 0), *to = ph_term_at(term, 1);
	if (from == NULL || to == NULL || !from->string || !to->string ||
	    from->length == 0)
		return ph_term_fail(
		    term, "PH2206 replace needs two texts: replace(\"what\", \"by\")");
	*x = (exchange){from->text, to->text, from->length, to->length};
	convert->state = x;
	convert->lossy = true;
	return true;
}

static size_t
occurrences(const ph_value *value, const exchange *x)
{
	size_t count = 0;
	for (size_t at = 0; at + x->from_length <= value->length;)
		if (memcmp(value->text + at, x->from, x->from_length) == 0) {
			count++;
			at += x->from_length;
		} else {
			at++;
		}
	return count;
}

static ph_flow
replace(const ph_convert *convert, ph_run *run, ph_tuple *tuple)
{
	const exchange *x = convert->state;
	ph_value *value = &tuple->at[0];
	size_t count = occurrences(value, x);
	if (count == 0)
		return PH_FLOW_ON;
	size_t length = value->length - count * x->from_length + count * x->to_length;
	char *text = ph_arena_alloc(ph_run_arena(run), length + 1), *out = text;
	if (text == NULL)
		return ph_run_no_memory(run);
	for (size_t at = 0; at < value->length;) {
		if (at + x->from_length <= value->length &&
		    memcmp(value->text + at, x->from, x->from_length) == 0) {
			memcpy(out, x->to, x->to_length);
			out += x->to_length;
			at += x->from_length;
		} else {
			*out++ = value->text[at++];
		}
	}
	*out = 0;
	value->text = text;
	value->length = length;
	return PH_FLOW_ON;
}

const ph_convert_class ph_convert_replace = {.name = "replace",
    .help = "replace(\"WHAT\", \"BY\")",
    .each = true,
    .plain = true,
    .load = load_replace,
    .out = replace};
