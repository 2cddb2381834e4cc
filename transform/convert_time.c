/*
 * convert_time - a vendor's date and time, in its own form and zone, and the canonical form:
 * RFC 3339 in UTC, "2024-10-27T00:30:00.4000Z".
 *
 * A time is seconds since 1970 and the digits of its fraction as written. Forms: rfc3339, epoch,
 * epoch-ms, or a pattern of
 *   %Y year  %y its last two digits (2000..2099)  %m month  %b month as Jan..Dec  %d day  %H hour
 *   %M minute  %S second  %f fraction, 1 to 9 digits  %z offset (Z, +01:00, +0100)  %% a %
 */
#include <stdio.h>
#include <string.h>

#include "lib/base/assert.h"
#include "transform/convert.h"
#include "transform/zone.h"

#define SENTINELS    4
#define KEEP	     10 /* digits of fraction: as written */
#define FRACTION_MAX 9
#define TEXT_MAX     96

typedef enum form { RFC3339, EPOCH, EPOCH_MS, PATTERN } form;

typedef struct times {
	form form;
	const char *pattern;
	ph_zone *zone;
	ph_gap gap;
	ph_overlap overlap;
	size_t fraction;   /* digits written for vendors; KEEP: as they are */
	bool numeric_zero; /* +00:00 instead of Z */
	bool shows_numbers;
	const char *sentinels[SENTINELS];
	size_t sentinel_count;
} times;

/* A date and clock time as read, before its zone is known. */
typedef struct reading {
	int64_t year;
	unsigned month, day, hour, minute, second;
	char fraction[FRACTION_MAX + 1];
	bool has_offset;
	int32_t offset;
} reading;

typedef struct cursor {
	const char *at, *end;
} cursor;

static bool
take_number(cursor *c, unsigned least, unsigned most, unsigned *out)
{
	unsigned value = 0, count = 0;
	while (count < most && c->at < c->end && *c->at >= '0' && *c->at <= '9') {
		value = value * 10 + (unsigned) (*c->at++ - '0');
		count++;
	}
	*out = value;
	return count >= least;
}

static bool
take_char(cursor *c, char wanted)
{
	if (c->at == c->end || *c->at != wanted)
		return false;
	c->at++;
	return true;
}

static bool
take_year(cursor *c, reading *r)
{
	unsigned year;
	bool good = take_number(c, 4, 4, &year);
	r->year = year;
	return good;
}

static bool
take_fraction(cursor *c, reading *r)
{
	size_t count = 0;
	while (c->at < c->end && *c->at >= '0' && *c->at <= '9') {
		if (count < FRACTION_MAX)
			r->fraction[count] = *c->at;
		else if (*c->at != '0')
			return false;
		count++;
		c->at++;
	}
	r->fraction[count < FRACTION_MAX ? count : FRACTION_MAX] = 0;
	return count > 0;
}

/* Z, z, +hh:mm, +hhmm, +hh */
static bool
take_offset(cursor *c, reading *r)
{
	r->has_offset = true;
	if (take_char(c, 'Z') || take_char(c, 'z'))
		return true;
	bool minus = c->at < c->end && *c->at == '-';
	if (!minus && !(c->at < c->end && *c->at == '+'))
		return false;
	c->at++;
	unsigned hours, minutes = 0;
	if (!take_number(c, 2, 2, &hours))
		return false;
	bool colon = take_char(c, ':');
	if (!take_number(c, 2, 2, &minutes) && colon)
		return false;
	r->offset = (int32_t) (hours * 3600 + minutes * 60) * (minus ? -1 : 1);
	return hours < 24 && minutes < 60;
}

static bool
read_rfc3339(cursor *c, reading *r)
{
	if (!take_year(c, r) || !take_char(c, '-') ||
	    !take_number(c, 2, 2, &r->month) || !take_char(c, '-') ||
	    !take_number(c, 2, 2, &r->day))
		return false;
	if (!take_char(c, 'T') && !take_char(c, 't') && !take_char(c, ' '))
		return false;
	if (!take_number(c, 2, 2, &r->hour) || !take_char(c, ':') ||
	    !take_number(c, 2, 2, &r->minute) || !take_char(c, ':') ||
	    !take_number(c, 2, 2, &r->second))
		return false;
	if (take_char(c, '.') && !take_fraction(c, r))
		return false;
	return c->at == c->end || take_offset(c, r);
}

static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

static bool
take_month(cursor *c, reading *r)
{
	if (c->end - c->at < 3)
		return false;
	for (unsigned i = 0; i < 12; i++) {
		bool same = true;
		for (size_t k = 0; k < 3; k++)
			same &= (c->at[k] | 32) == (months[3 * i + k] | 32);
		if (same) {
			r->month = i + 1;
			c->at += 3;
			return true;
		}
	}
	return false;
}

static bool
take_directive(cursor *c, char directive, reading *r)
{
	unsigned year;
	switch (directive) {
	case 'Y':
		return take_year(c, r);
	case 'y':
		if (!take_number(c, 2, 2, &year))
			return false;
		r->year = 2000 + (int64_t) year;
		return true;
	case 'm':
		return take_number(c, 1, 2, &r->month);
	case 'b':
		return take_month(c, r);
	case 'd':
		return take_number(c, 1, 2, &r->day);
	case 'H':
		return take_number(c, 1, 2, &r->hour);
	case 'M':
		return take_number(c, 2, 2, &r->minute);
	case 'S':
		return take_number(c, 2, 2, &r->second);
	case 'f':
		return take_fraction(c, r);
	case 'z':
		return take_offset(c, r);
	case '%':
		return take_char(c, '%');
	default:
		PH_UNREACHABLE("directive that was not checked");
	}
}

static bool
read_pattern(const char *pattern, cursor *c, reading *r)
{
	for (const char *p = pattern; *p != 0; p++)
		if (*p == '%' ? !take_directive(c, *++p, r) : !take_char(c, *p))
			return false;
	return true;
}

static bool
is_real(const reading *r)
{
	return r->year >= 1 && r->year <= 9999 && r->month >= 1 && r->month <= 12 &&
	       r->day >= 1 && r->day <= ph_days_in_month(r->year, r->month) &&
	       r->hour <= 23 && r->minute <= 59 && r->second <= 60;
}

static int64_t
local_second(const reading *r)
{
	return ph_days_of(r->year, r->month, r->day) * 86400 +
	       (int64_t) r->hour * 3600 + (int64_t) r->minute * 60 + r->second;
}

static ph_flow
bad_form(ph_run *run)
{
	return ph_run_fail(run, PH_POLICY_HOLD, "invalid",
	    "PH2306 this is no date and time of the form the map names");
}

/* Seconds since 1970, as text; the digits after the last three are the fraction for EPOCH_MS. */
static bool
read_epoch(const ph_value *value, bool milliseconds, int64_t *utc, reading *r)
{
	cursor c = {value->text, value->text + value->length};
	bool minus = take_char(&c, '-');
	int64_t number = 0;
	size_t count = 0;
	while (c.at < c.end && *c.at >= '0' && *c.at <= '9' && count++ < 15)
		number = number * 10 + (*c.at++ - '0');
	if (count == 0 || (take_char(&c, '.') && !take_fraction(&c, r)) ||
	    c.at != c.end)
		return false;
	number = minus ? -number : number;
	if (!milliseconds) {
		*utc = number;
		return !minus || r->fraction[0] == 0;
	}
	int64_t rest = number % 1000;
	if (rest < 0)
		rest += 1000;
	*utc = (number - rest) / 1000;
	if (rest != 0)
		snprintf(r->fraction, sizeof(r->fraction), "%03d", (int) rest);
	return true;
}

/* A vendor's text to seconds since 1970; the fraction stays in *r. */
static ph_flow
instant_of(const times *t, ph_run *run, const ph_value *value, int64_t *utc, reading *r)
{
	*r = (reading){0};
	if (t->form == EPOCH || t->form == EPOCH_MS)
		return read_epoch(value, t->form == EPOCH_MS, utc, r) ? PH_FLOW_ON
								      : bad_form(run);
	cursor c = {value->text, value->text + value->length};
	bool read =
	    t->form == RFC3339 ? read_rfc3339(&c, r) : read_pattern(t->pattern, &c, r);
	if (!read || c.at != c.end || !is_real(r))
		return bad_form(run);
	int64_t local = local_second(r);
	if (r->has_offset) {
		*utc = local - r->offset;
		return PH_FLOW_ON;
	}
	ph_error why;
	if (ph_zone_instant(t->zone, local, t->gap, t->overlap, utc, &why) != PH_OK)
		return ph_run_fail(run, PH_POLICY_HOLD, "invalid",
		    "PH2307 %s; say gap= or overlap= in the map", why.text);
	return PH_FLOW_ON;
}

typedef struct broken {
	int64_t year;
	unsigned month, day, hour, minute, second;
} broken;

static broken
break_down(int64_t second)
{
	broken b;
	int64_t days = (second >= 0 ? second : second - 86399) / 86400;
	int64_t rest = second - days * 86400;
	ph_date_of(days, &b.year, &b.month, &b.day);
	b.hour = (unsigned) (rest / 3600);
	b.minute = (unsigned) (rest / 60 % 60);
	b.second = (unsigned) (rest % 60);
	return b;
}

static ph_flow
keep_text(ph_run *run, ph_value *value, const char *text, ph_value_kind kind)
{
	size_t length = strlen(text);
	char *copy = ph_arena_dup(ph_run_arena(run), text, length);
	if (copy == NULL)
		return ph_run_no_memory(run);
	*value = (ph_value){
	    .kind = kind, .flags = value->flags, .text = copy, .length = length};
	return PH_FLOW_ON;
}

/* `width` digits with leading zeros; returns what is behind them. */
static char *
put_digits(char *out, unsigned value, unsigned width)
{
	for (unsigned i = width; i > 0; i--, value /= 10)
		out[i - 1] = (char) ('0' + value % 10);
	return out + width;
}

/* "2025-07-04T09:12:33.481", zero-terminated; returns its length. Years have four digits. */
static size_t
put_time(char out[TEXT_MAX], const broken *b, const char *fraction)
{
	char *at = put_digits(out, (unsigned) b->year, 4);
	*at++ = '-';
	at = put_digits(at, b->month, 2);
	*at++ = '-';
	at = put_digits(at, b->day, 2);
	*at++ = 'T';
	at = put_digits(at, b->hour, 2);
	*at++ = ':';
	at = put_digits(at, b->minute, 2);
	*at++ = ':';
	at = put_digits(at, b->second, 2);
	size_t length = strlen(fraction);
	if (length > 0)
		*at++ = '.';
	memcpy(at, fraction, length + 1);
	return (size_t) (at - out) + length;
}

static ph_flow
time_in(const ph_convert *convert, ph_run *run, ph_tuple *tuple)
{
	const times *t = convert->state;
	ph_value *value = &tuple->at[0];
	for (size_t i = 0; i < t->sentinel_count; i++) {
		size_t length = strlen(t->sentinels[i]);
		if (value->length >= length &&
		    memcmp(value->text, t->sentinels[i], length) == 0) {
			*value = (ph_value){0};
			return PH_FLOW_ON;
		}
	}
	int64_t utc;
	reading r;
	if (instant_of(t, run, value, &utc, &r) != PH_FLOW_ON)
		return PH_FLOW_FAIL;
	broken b = break_down(utc);
	if (b.year < 1 || b.year > 9999)
		return bad_form(run);
	char text[TEXT_MAX];
	size_t length = put_time(text, &b, r.fraction);
	memcpy(text + length, "Z", 2);
	return keep_text(run, value, text, PH_VALUE_STRING);
}

/* The fraction with as many digits as the map wants; cut, never rounded up. */
static void
fit_fraction(size_t digits, char fraction[FRACTION_MAX + 1])
{
	if (digits == KEEP)
		return;
	size_t length = strlen(fraction);
	while (length < digits)
		fraction[length++] = '0';
	fraction[digits] = 0;
}

typedef struct writer {
	char text[TEXT_MAX * 4];
	size_t length;
} writer;

static void
put(writer *w, const char *text)
{
	size_t length = strlen(text);
	if (w->length + length < sizeof(w->text)) {
		memcpy(w->text + w->length, text, length + 1);
		w->length += length;
	}
}

static void
put_number(writer *w, unsigned value, unsigned width)
{
	char text[16];
	*put_digits(text, value, width) = 0;
	put(w, text);
}

static void
put_offset(writer *w, const times *t, int32_t offset)
{
	if (offset == 0 && !t->numeric_zero) {
		put(w, "Z");
		return;
	}
	unsigned minutes = (unsigned) (offset < 0 ? -offset : offset) / 60;
	put(w, offset < 0 ? "-" : "+");
	put_number(w, minutes / 60, 2);
	put(w, ":");
	put_number(w, minutes % 60, 2);
}

static void
put_directive(writer *w, const times *t, char directive, const broken *b,
    const char *fraction, int32_t offset)
{
	char name[4] = "";
	switch (directive) {
	case 'Y':
		put_number(w, (unsigned) b->year, 4);
		return;
	case 'y':
		put_number(w, (unsigned) (b->year % 100), 2);
		return;
	case 'm':
		put_number(w, b->month, 2);
		return;
	case 'b':
		memcpy(name, months + 3 * (b->month - 1), 3);
		put(w, name);
		return;
	case 'd':
		put_number(w, b->day, 2);
		return;
	case 'H':
		put_number(w, b->hour, 2);
		return;
	case 'M':
		put_number(w, b->minute, 2);
		return;
	case 'S':
		put_number(w, b->second, 2);
		return;
	case 'f':
		put(w, fraction[0] == 0 ? "0" : fraction);
		return;
	case 'z':
		put_offset(w, t, offset);
		return;
	case '%':
		put(w, "%");
		return;
	default:
		PH_UNREACHABLE("directive that was not checked");
	}
}

static void
put_pattern(
    writer *w, const times *t, const broken *b, const char *fraction, int32_t offset)
{
	for (const char *p = t->pattern; *p != 0; p++) {
		char one[2] = {*p, 0};
		if (*p == '%')
			put_directive(w, t, *++p, b, fraction, offset);
		else
			put(w, one);
	}
}

static ph_flow
write_epoch(const times *t, ph_run *run, ph_value *value, int64_t utc, char *fraction)
{
	char text[TEXT_MAX];
	if (t->form == EPOCH_MS) {
		fit_fraction(3, fraction);
		snprintf(text, sizeof(text), "%lld",
		    (long long) utc * 1000 + (fraction[0] - '0') * 100 +
			(fraction[1] - '0') * 10 + (fraction[2] - '0'));
	} else {
		snprintf(text, sizeof(text), "%lld", (long long) utc);
	}
	return keep_text(
	    run, value, text, t->shows_numbers ? PH_VALUE_NUMBER : PH_VALUE_STRING);
}

static ph_flow
time_out(const ph_convert *convert, ph_run *run, ph_tuple *tuple)
{
	const times *t = convert->state;
	ph_value *value = &tuple->at[0];
	cursor c = {value->text, value->text + value->length};
	reading r = {0};
	if (!read_rfc3339(&c, &r) || c.at != c.end || !r.has_offset || !is_real(&r))
		return ph_run_fail(run, PH_POLICY_HOLD, "invalid",
		    "PH2308 the canonical value is no RFC 3339 date and time");
	int64_t utc = local_second(&r) - r.offset;
	if (t->form == EPOCH || t->form == EPOCH_MS)
		return write_epoch(t, run, value, utc, r.fraction);
	int32_t offset = ph_zone_offset(t->zone, utc);
	broken b = break_down(utc + offset);
	if (b.year < 1 || b.year > 9999)
		return ph_run_fail(run, PH_POLICY_HOLD, "invalid",
		    "PH2308 the canonical value leaves the years 1 to 9999 in the "
		    "vendor's zone");
	fit_fraction(t->fraction, r.fraction);
	writer w = {.length = 0};
	if (t->form == PATTERN) {
		put_pattern(&w, t, &b, r.fraction, offset);
	} else {
		w.length = put_time(w.text, &b, r.fraction);
		put_offset(&w, t, offset);
	}
	return keep_text(run, value, w.text, PH_VALUE_STRING);
}

static bool
load_form(const ph_term *term, times *t, ph_convert *convert)
{
	static const char *const forms[] = {"rfc3339", "epoch", "epoch-ms"};
	const ph_argument *a = ph_term_at(term, 0);
	if (a == NULL)
		return ph_term_fail(term, "PH2207 time needs a form and a zone: "
					  "time(rfc3339, Europe/London)");
	for (size_t i = 0; i < 3 && !a->string; i++)
		if (strcmp(forms[i], a->text) == 0) {
			t->form = (form) i;
			return true;
		}
	t->form = PATTERN;
	t->pattern = a->text;
	if (!a->string || strchr(a->text, '%') == NULL || a->length > 80)
		return ph_scan_fail(term->scan, a->at,
		    "PH2207 a form is rfc3339, epoch, epoch-ms or a \"pattern\" with "
		    "%%Y "
		    "and so on");
	for (const char *p = a->text; *p != 0; p++)
		if (*p == '%' && (p[1] == 0 || strchr("YymbdHMSfz%", *++p) == NULL))
			return ph_scan_fail(term->scan, a->at,
			    "PH2207 known in a pattern are %%Y %%y %%m %%b %%d %%H %%M "
			    "%%S %%f %%z %%%%");
	convert->lossy =
	    strstr(t->pattern, "%S") == NULL || strstr(t->pattern, "%f") == NULL;
	return true;
}

static bool
load_choice(
    const ph_term *term, const char *key, const char *const words[3], size_t *out)
{
	const ph_argument *a = ph_term_get(term, key);
	*out = 0;
	if (a == NULL)
		return true;
	for (size_t i = 0; i < 3; i++)
		if (strcmp(words[i], a->text) == 0) {
			*out = i;
			return true;
		}
	return ph_scan_fail(term->scan, a->at, "PH2208 %s= is %s, %s or %s", key,
	    words[0], words[1], words[2]);
}

static void
release_zone(void *zone)
{
	ph_zone *z = zone;
	ph_zone_destroy(&z);
}

static bool
load_zone(ph_build *build, const ph_term *term, times *t)
{
	const ph_argument *a = ph_term_at(term, 1);
	ph_error why;
	if (a == NULL && (t->form == EPOCH || t->form == EPOCH_MS))
		return true;
	if (a == NULL)
		return ph_term_fail(
		    term, "PH2207 time needs the vendor's zone: UTC or Europe/London");
	if (ph_zone_load(a->text, &t->zone, &why) != PH_OK)
		return ph_scan_fail(term->scan, a->at, "PH2209 %s", why.text);
	return build->keep(build->self, t->zone, release_zone) ||
	       ph_load_no_memory(build->load);
}

static bool
load_options(const ph_term *term, times *t)
{
	static const char *const gaps[] = {"refuse", "later", "earlier"};
	static const char *const overlaps[] = {"refuse", "first", "second"};
	size_t gap, overlap;
	if (!load_choice(term, "gap", gaps, &gap) ||
	    !load_choice(term, "overlap", overlaps, &overlap))
		return false;
	t->gap = (ph_gap) gap;
	t->overlap = (ph_overlap) overlap;
	t->fraction = t->form == PATTERN ? 3 : KEEP;
	const ph_argument *a = ph_term_get(term, "fraction");
	if (a != NULL && !ph_convert_whole(term, a, 0, FRACTION_MAX, &t->fraction))
		return false;
	a = ph_term_get(term, "utc");
	if (a != NULL && strcmp(a->text, "Z") != 0 && strcmp(a->text, "+00:00") != 0)
		return ph_scan_fail(term->scan, a->at, "PH2208 utc= is Z or +00:00");
	t->numeric_zero = a != NULL && a->text[0] == '+';
	while ((a = ph_term_get(term, "absent")) != NULL) {
		if (t->sentinel_count == SENTINELS)
			return ph_scan_fail(term->scan, a->at,
			    "PH2208 at most %d values can stand for absent", SENTINELS);
		t->sentinels[t->sentinel_count++] = a->text;
	}
	return true;
}

static bool
load_time(ph_build *build, const ph_term *term, ph_convert *convert)
{
	times *t = ph_arena_zalloc(build->load->arena, sizeof(*t));
	if (t == NULL)
		return ph_load_no_memory(build->load);
	convert->state = t;
	t->shows_numbers = build->shows_numbers;
	return load_form(term, t, convert) && load_zone(build, term, t) &&
	       load_options(term, t);
}

const ph_convert_class ph_convert_time = {.name = "time",
    .help = "time(FORM, ZONE, gap=refuse|later|earlier, overlap=refuse|first|second, "
	    "fraction=DIGITS, utc=Z|+00:00, absent=\"0001-01-01\")",
    .each = true,
    .load = load_time,
    .out = time_out,
    .in = time_in};
