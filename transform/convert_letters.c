/*
 * convert_letters - case, strip-control, plain: letters of another case, no control characters, only
 * the characters of a charset.
 *
 * Case is that of the Latin, Greek and Cyrillic letters that have exactly one partner; "ß" stays as
 * it is. plain writes what the charset lacks with letters it has ("…" as "...", "ő" as "o"), and a
 * declared text for the rest.
 */
#include <string.h>

#include "lib/base/assert.h"
#include "lib/base/text.h"
#include "lib/codec/charset.h"
#include "transform/convert.h"

/* Turns one character into at most WIDEST bytes at `out`; returns how many. */
enum { WIDEST = 16 };
typedef size_t turn(const void *how, uint32_t code, char *out);

/* Every character of a text through `function`. */
static ph_flow
rewrite(ph_run *run, ph_value *value, turn *function, const void *how)
{
	char piece[WIDEST];
	size_t length = 0, at = 0;
	for (size_t pass = 0; pass < 2; pass++) {
		char *text = NULL;
		if (pass == 1 &&
		    (text = ph_arena_alloc(ph_run_arena(run), length + 1)) == NULL)
			return ph_run_no_memory(run);
		char *end = text;
		for (at = 0; at < value->length;) {
			uint32_t code;
			size_t bytes =
			    ph_utf8_decode(value->text + at, value->length - at, &code);
			if (bytes == 0)
				break;
			size_t size = function(how, code, piece);
			if (pass == 0) {
				length += size;
			} else {
				memcpy(end, piece, size);
				end += size;
			}
			at += bytes;
		}
		if (pass == 0)
			continue;
		*end = 0;
		value->text = text;
		value->length = length;
		value->kind = PH_VALUE_STRING;
	}
	return PH_FLOW_ON;
}

/* ---- case ---- */

typedef enum letters { KEEP, LOWER, UPPER } letters;

/* Pairs that alternate, capital first, from an even or an odd code point. */
static const struct {
	uint32_t from, to;
} alternating[] = {{0x100, 0x12f}, {0x132, 0x137}, {0x139, 0x148}, {0x14a, 0x177},
    {0x179, 0x17e}, {0x370, 0x373}, {0x3d8, 0x3ef}, {0x460, 0x481}, {0x48a, 0x4bf},
    {0x4d0, 0x52f}, {0x1e00, 0x1e95}, {0x1ea0, 0x1eff}};

/* Blocks of capitals whose small letters stand `by` further. */
static const struct {
	uint32_t from, to, by;
} blocks[] = {{'A', 'Z', 32}, {0xc0, 0xd6, 32}, {0xd8, 0xde, 32}, {0x391, 0x3a1, 32},
    {0x3a3, 0x3ab, 32}, {0x410, 0x42f, 32}, {0x400, 0x40f, 80}};

static uint32_t
lower(uint32_t code)
{
	if (code == 0x178)
		return 0xff;
	for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
		if (code >= blocks[i].from && code <= blocks[i].to)
			return code + blocks[i].by;
	for (size_t i = 0; i < sizeof alternating / sizeof *alternating; i++)
		if (code >= alternating[i].from && code <= alternating[i].to &&
		    (code - alternating[i].from) % 2 == 0)
			return code + 1;
	return code;
}

static uint32_t
upper(uint32_t code)
{
	if (code == 0xff)
		return 0x178;
	if (code == 0x3c2) /* final sigma */
		return 0x3a3;
	for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
		if (code >= blocks[i].from + blocks[i].by &&
		    code <= blocks[i].to + blocks[i].by)
			return code - blocks[i].by;
	for (size_t i = 0; i < sizeof alternating / sizeof *alternating; i++)
		if (code >= alternating[i].from && code <= alternating[i].to &&
		    (code - alternating[i].from) % 2 == 1)
			return code - 1;
	return code;
}

static size_t
turn_case(const void *how, uint32_t code, char *out)
{
	const letters *to = how;
	return ph_utf8_encode(*to == LOWER ? lower(code) : upper(code), out);
}

typedef struct cases {
	letters forth, back;
} cases;

static bool
read_case(const ph_term *term, size_t place, letters fallback, letters *out)
{
	static const char *const words[] = {"keep", "lower", "upper"};
	const ph_argument *a = ph_term_at(term, place);
	*out = fallback;
	if (a == NULL && place > 0)
		return true;
	for (size_t i = 0; a != NULL && i < 3; i++)
		if (!a->string && !a->call && strcmp(a->text, words[i]) == 0) {
			*out = (letters) i;
			return true;
		}
	return ph_scan_fail(term->scan, a == NULL ? term->at : a->at,
	    "PH2230 case needs upper, lower or keep: case(upper, lower)");
}

static bool
load_case(ph_build *build, const ph_term *term, ph_convert *convert)
{
	cases *c = ph_arena_zalloc(build->load->arena, sizeof(*c));
	if (c == NULL)
		return ph_load_no_memory(build->load);
	convert->state = c;
	convert->lossy = true;
	return read_case(term, 0, KEEP, &c->forth) &&
	       read_case(term, 1, KEEP, &c->back);
}

static ph_flow
case_forth(const ph_convert *convert, ph_run *run, ph_tuple *tuple)
{
	const cases *c = convert->state;
	return c->forth == KEEP ? PH_FLOW_ON
				: rewrite(run, &tuple->at[0], turn_case, &c->forth);
}

static ph_flow
case_back(const ph_convert *convert, ph_run *run, ph_tuple *tuple)
{
	const cases *c = convert->state;
	return c->back == KEEP ? PH_FLOW_ON
			       : rewrite(run, &tuple->at[0], turn_case, &c->back);
}

const ph_convert_class ph_convert_case = {.name = "case",
    .help = "case(upper|lower|keep, upper|lower|keep)",
    .each = true,
    .plain = true,
    .load = load_case,
    .out = case_forth,
    .in = case_back};

/* ---- strip-control ---- */

static size_t
turn_control(const void *how, uint32_t code, char *out)
{
	(void) how;
	if ((code < 0x20 && code != '\t' && code != '\n' && code != '\r') ||
	    (code >= 0x7f && code <= 0x9f))
		return 0;
	return ph_utf8_encode(code, out);
}

static bool
load_control(ph_build *build, const ph_term *term, ph_convert *convert)
{
	(void) build;
	(void) term;
	convert->lossy = true;
	return true;
}

static ph_flow
strip_control(const ph_convert *convert, ph_run *run, ph_tuple *tuple)
{
	(void) convert;
	return rewrite(run, &tuple->at[0], turn_control, NULL);
}

const ph_convert_class ph_convert_strip_control = {.name = "strip-control",
    .help = "strip-control",
    .each = true,
    .load = load_control,
    .out = strip_control,
    .in = strip_control};

/* ---- plain ---- */

typedef struct plain {
	uint32_t least_missing; /* all below are there; 0x80 or 0x100 */
	bool windows;
	const char *instead;
} plain;

static const struct {
	uint32_t code;
	const char *text;
} simpler[] = {{0xa0, " "}, {0xa3, "GBP"}, {0xa9, "(c)"}, {0xab, "\""}, {0xad, ""},
    {0xae, "(r)"}, {0xb4, "'"}, {0xb7, "."}, {0xbb, "\""}, {0xbc, "1/4"}, {0xbd, "1/2"},
    {0xbe, "3/4"}, {0xc6, "AE"}, {0xd0, "D"}, {0xd7, "x"}, {0xd8, "O"}, {0xde, "Th"},
    {0xdf, "ss"}, {0xe6, "ae"}, {0xf0, "d"}, {0xf8, "o"}, {0xfe, "th"}, {0x152, "OE"},
    {0x153, "oe"}, {0x192, "f"}, {0x2c6, "^"}, {0x2dc, "~"}, {0x200b, ""}, {0x200c, ""},
    {0x200d, ""}, {0x2010, "-"}, {0x2011, "-"}, {0x2012, "-"}, {0x2013, "-"},
    {0x2014, "-"}, {0x2015, "-"}, {0x2018, "'"}, {0x2019, "'"}, {0x201a, ","},
    {0x201b, "'"}, {0x201c, "\""}, {0x201d, "\""}, {0x201e, "\""}, {0x2020, "+"},
    {0x2022, "*"}, {0x2026, "..."}, {0x2028, "\n"}, {0x2029, "\n"}, {0x202f, " "},
    {0x2030, "0/00"}, {0x2032, "'"}, {0x2033, "\""}, {0x2039, "'"}, {0x203a, "'"},
    {0x2044, "/"}, {0x20ac, "EUR"}, {0x2122, "(tm)"}, {0x2190, "<-"}, {0x2192, "->"},
    {0x2212, "-"}, {0xfb01, "fi"}, {0xfb02, "fl"}, {0xfe0f, ""}, {0xfeff, ""}};

/* U+00C0 to U+017F without their marks; '?' stands for a letter with no such form. */
static const char bare[] =
    "AAAAAA?CEEEEIIII?NOOOOO??UUUUY??aaaaaa?ceeeeiiii?nooooo??uuuuy?y"
    "AaAaAaCcCcCcCcDdDdEeEeEeEeEeGgGgGgGgHhHhIiIiIiIiIi??JjKkk"
    "LlLlLlLlLlNnNnNnn??OoOoOo??RrRrRrSsSsSsSsTtTtTtUuUuUuUuUuUuWwYyY"
    "ZzZzZzs";

static bool
has(const plain *p, uint32_t code)
{
	if (code < p->least_missing)
		return code < 0x80 || code >= 0xa0 || !p->windows;
	for (unsigned byte = 0x80; p->windows && byte <= 0x9f; byte++)
		if (ph_charset_code((unsigned char) byte) == code)
			return true;
	return false;
}

static size_t
put(const char *text, char *out)
{
	size_t length = strlen(text);
	memcpy(out, text, length);
	return length;
}

static size_t
turn_plain(const void *how, uint32_t code, char *out)
{
	const plain *p = how;
	if (has(p, code))
		return ph_utf8_encode(code, out);
	for (size_t i = 0; i < sizeof simpler / sizeof *simpler; i++)
		if (simpler[i].code == code)
			return put(simpler[i].text, out);
	if (code >= 0x300 && code <= 0x36f)
		return 0; /* a mark by itself */
	if (code >= 0xc0 && code <= 0x17f && bare[code - 0xc0] != '?') {
		out[0] = bare[code - 0xc0];
		return 1;
	}
	return put(p->instead, out);
}

static bool
load_plain(ph_build *build, const ph_term *term, ph_convert *convert)
{
	static const char *const names[] = {"ascii", "iso-8859-1", "windows-1252"};
	plain *p = ph_arena_zalloc(build->load->arena, sizeof(*p));
	if (p == NULL)
		return ph_load_no_memory(build->load);
	convert->state = p;
	convert->lossy = true;
	const ph_argument *a = ph_term_at(term, 0);
	size_t which = 0;
	while (a != NULL && which < 3 && strcmp(names[which], a->text) != 0)
		which++;
	if (a == NULL || which == 3)
		return ph_scan_fail(term->scan, a == NULL ? term->at : a->at,
		    "PH2231 plain needs ascii, iso-8859-1 or windows-1252");
	p->least_missing = which == 0 ? 0x80 : 0x100;
	p->windows = which == 2;
	p->instead = "?";
	a = ph_term_get(term, "instead");
	if (a == NULL)
		return true;
	p->instead = a->text;
	return (a->string && a->length < WIDEST) ||
	       ph_scan_fail(
		   term->scan, a->at, "PH2231 instead= is a short text: instead=\"?\"");
}

static ph_flow
make_plain(const ph_convert *convert, ph_run *run, ph_tuple *tuple)
{
	return rewrite(run, &tuple->at[0], turn_plain, convert->state);
}

static ph_flow
stay(const ph_convert *convert, ph_run *run, ph_tuple *tuple)
{
	(void) convert;
	(void) run;
	(void) tuple;
	return PH_FLOW_ON;
}

const ph_convert_class ph_convert_plain = {.name = "plain",
    .help = "plain(ascii|iso-8859-1|windows-1252, instead=\"?\")",
    .each = true,
    .plain = true,
    .load = load_plain,
    .out = make_plain,
    .in = stay};
