/*
 * zone - reads TZif (RFC 8536) and the POSIX rule at its end.
 *
 * A file is a header, a block with 32-bit times, and from version 2 on a second header and block
 * with 64-bit times, then a line with a rule in the form of POSIX's TZ variable that holds after the
 * last transition. Only the last block and the rule are used:
 *
 *   header  "TZif" version, 15 unused bytes, six u32: isutcnt isstdcnt leapcnt timecnt typecnt
 *           charcnt; everything big-endian
 *   block   timecnt times, timecnt u8 types, typecnt times {i32 offset, u8 summer, u8 name},
 *           charcnt bytes of names, leapcnt leap records, isstdcnt + isutcnt bytes
 *   footer  newline, rule, newline
 */
#include "transform/zone.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/assert.h"
#include "lib/base/fs.h"

#define FOLDER	 "/usr/share/zoneinfo/"
#define FILE_MAX ((size_t) 256 << 10)
#define DAY	 86400

/* When a rule's summer time begins or ends. */
typedef struct change {
	char form;	      /* 'M' month.week.day, 'J' day 1..365, 'D' day 0..365 */
	unsigned month, week; /* 'M' */
	unsigned day;	      /* 'M': 0 Sunday to 6; else the day of the year */
	int32_t at;	      /* seconds after local midnight */
} change;

typedef struct rule {
	bool known;
	bool summer; /* has it two offsets? */
	int32_t winter_offset, summer_offset;
	change begin, end;
} rule;

struct ph_zone {
	size_t count;	  /* transitions */
	int64_t *times;	  /* in UTC */
	int32_t *offsets; /* [i]: from times[i] on */
	int32_t first;	  /* before the first transition */
	rule after;	  /* after the last */
};

int64_t
ph_days_of(int64_t year, unsigned month, unsigned day)
{
	/* Years begin in March here, so that the leap day is the last of its year. */
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t of_era = y - era * 400;
	int64_t m = month > 2 ? (int64_t) month - 3 : (int64_t) month + 9;
	int64_t of_year = (153 * m + 2) / 5 + (int64_t) day - 1;
	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year -
	       719468;
}

void
ph_date_of(int64_t days, int64_t *year, unsigned *month, unsigned *day)
{
	int64_t z = days + 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t of_era = z - era * 146097;
	int64_t y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * y + y / 4 - y / 100);
	int64_t m = (5 * of_year + 2) / 153;
	*day = (unsigned) (of_year - (153 * m + 2) / 5 + 1);
	*month = (unsigned) (m < 10 ? m + 3 : m - 9);
	*year = y + era * 400 + (*month <= 2 ? 1 : 0);
}

static bool
is_leap(int64_t year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

unsigned
ph_days_in_month(int64_t year, unsigned month)
{
	static const unsigned char days[] = {
	    31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	PH_ASSERT(month >= 1 && month <= 12);
	return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

/* 0 Sunday to 6 Saturday. */
static unsigned
weekday(int64_t days)
{
	int64_t day = (days + 4) % 7;
	return (unsigned) (day < 0 ? day + 7 : day);
}

/* The local second (as if UTC) at which a change happens in a year. */
static int64_t
change_second(const change *c, int64_t year)
{
	int64_t days;
	if (c->form == 'M') {
		int64_t first = ph_days_of(year, c->month, 1);
		unsigned shift = (c->day + 7 - weekday(first)) % 7;
		unsigned of_month = shift + 7 * (c->week - 1);
		while (of_month >= ph_days_in_month(year, c->month))
			of_month -= 7;
		days = first + (int64_t) of_month;
	} else {
		days = ph_days_of(year, 1, 1) + (int64_t) c->day;
		if (c->form == 'J')
			days += is_leap(year) && c->day >= 60 ? 0 : -1;
	}
	return days * DAY + c->at;
}

static int32_t
rule_offset(const rule *r, int64_t utc)
{
	if (!r->summer)
		return r->winter_offset;
	int64_t local = utc + r->winter_offset, year;
	unsigned month, day;
	ph_date_of((local >= 0 ? local : local - (DAY - 1)) / DAY, &year, &month, &day);
	int64_t begin = change_second(&r->begin, year) - r->winter_offset;
	int64_t end = change_second(&r->end, year) - r->summer_offset;
	bool summer =
	    begin < end ? utc >= begin && utc < end : utc >= begin || utc < end;
	return summer ? r->summer_offset : r->winter_offset;
}

int32_t
ph_zone_offset(const ph_zone *zone, int64_t utc)
{
	if (zone->count == 0)
		return zone->after.known ? rule_offset(&zone->after, utc) : zone->first;
	if (utc < zone->times[0])
		return zone->first;
	if (utc >= zone->times[zone->count - 1] && zone->after.known)
		return rule_offset(&zone->after, utc);
	size_t low = 0, high = zone->count;
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;
		if (zone->times[middle] <= utc)
			low = middle;
		else
			high = middle;
	}
	return zone->offsets[low];
}

ph_status
ph_zone_instant(const ph_zone *zone, int64_t local, ph_gap gap, ph_overlap overlap,
    int64_t *utc, ph_error *err)
{
	/* The offsets a day before and after: no zone changes twice in that time. */
	int32_t before = ph_zone_offset(zone, local - DAY - 14 * 3600);
	int32_t after = ph_zone_offset(zone, local + DAY + 14 * 3600);
	int64_t early = local - before, late = local - after;
	bool early_holds = ph_zone_offset(zone, early) == before;
	bool late_holds = ph_zone_offset(zone, late) == after;
	if (early_holds && late_holds && early != late) {
		if (overlap == PH_OVERLAP_REFUSE)
			return ph_fail(err, PH_ERR_INVALID,
			    "the local time comes twice (the clock goes back)");
		bool first = overlap == PH_OVERLAP_FIRST;
		*utc = (early < late) == first ? early : late;
		return PH_OK;
	}
	if (early_holds || late_holds) {
		*utc = early_holds ? early : late;
		return PH_OK;
	}
	if (gap == PH_GAP_REFUSE)
		return ph_fail(err, PH_ERR_INVALID,
		    "the local time does not exist (the clock goes forward)");
	*utc = gap == PH_GAP_LATER ? early : late;
	return PH_OK;
}

/* The rule's text: std offset [dst [offset] , begin , end]. */
typedef struct scan {
	const char *at, *end;
	bool bad;
} scan;

static bool
take(scan *s, char c)
{
	if (s->at == s->end || *s->at != c)
		return false;
	s->at++;
	return true;
}

static unsigned
digits(scan *s)
{
	unsigned value = 0, count = 0;
	while (s->at < s->end && *s->at >= '0' && *s->at <= '9' && count++ < 4)
		value = value * 10 + (unsigned) (*s->at++ - '0');
	if (count == 0)
		s->bad = true;
	return value;
}

static void
skip_name(scan *s)
{
	if (take(s, '<')) {
		while (s->at < s->end && *s->at != '>')
			s->at++;
		s->bad |= !take(s, '>');
		return;
	}
	const char *start = s->at;
	while (s->at < s->end && ((*s->at | 32) >= 'a' && (*s->at | 32) <= 'z'))
		s->at++;
	s->bad |= s->at == start;
}

/* [+-]hh[:mm[:ss]] in seconds. */
static int32_t
clock_time(scan *s)
{
	int32_t sign = take(s, '-') ? -1 : 1;
	if (sign == 1)
		take(s, '+');
	int32_t value = (int32_t) digits(s) * 3600;
	if (take(s, ':'))
		value += (int32_t) digits(s) * 60;
	if (take(s, ':'))
		value += (int32_t) digits(s);
	return sign * value;
}

static change
change_of(scan *s)
{
	change c = {.form = 'D', .at = 7200};
	if (take(s, 'M')) {
		c.form = 'M';
		c.month = digits(s);
		s->bad |= !take(s, '.');
		c.week = digits(s);
		s->bad |= !take(s, '.');
		c.day = digits(s);
		s->bad |= c.month < 1 || c.month > 12 || c.week < 1 || c.week > 5 ||
			  c.day > 6;
	} else {
		if (take(s, 'J'))
			c.form = 'J';
		c.day = digits(s);
		s->bad |= c.day > 365;
	}
	if (take(s, '/'))
		c.at = clock_time(s);
	return c;
}

static bool
rule_of(const char *text, size_t length, rule *out)
{
	scan s = {.at = text, .end = text + length};
	rule r = {.known = true};
	if (length == 0)
		return true;
	skip_name(&s);
	r.winter_offset = -clock_time(&s);
	if (!s.bad && s.at < s.end) {
		r.summer = true;
		skip_name(&s);
		r.summer_offset = r.winter_offset + 3600;
		if (s.at < s.end && *s.at != ',')
			r.summer_offset = -clock_time(&s);
		s.bad |= !take(&s, ',');
		r.begin = change_of(&s);
		s.bad |= !take(&s, ',');
		r.end = change_of(&s);
	}
	if (s.bad || s.at != s.end)
		return false;
	*out = r;
	return true;
}

static uint32_t
be32(const uint8_t *p)
{
	return (uint32_t) p[0] << 24 | (uint32_t) p[1] << 16 | (uint32_t) p[2] << 8 |
	       p[3];
}

static int64_t
be64(const uint8_t *p)
{
	return (int64_t) ((uint64_t) be32(p) << 32 | be32(p + 4));
}

#define HEADER 44
typedef struct counts {
	size_t utc, standard, leap, time, type, name;
} counts;

/* Read a header at `at`; false if it is none. */
static bool
header_of(const uint8_t *bytes, size_t length, size_t at, counts *c)
{
	if (length < HEADER || at > length - HEADER ||
	    memcmp(bytes + at, "TZif", 4) != 0)
		return false;
	const uint8_t *p = bytes + at + 20;
	*c = (counts){.utc = be32(p),
	    .standard = be32(p + 4),
	    .leap = be32(p + 8),
	    .time = be32(p + 12),
	    .type = be32(p + 16),
	    .name = be32(p + 20)};
	return c->time < 4096 && c->type > 0 && c->type < 256 && c->name < 4096 &&
	       c->leap < 4096 && c->utc < 256 && c->standard < 256;
}

static size_t
block_size(const counts *c, size_t time)
{
	return c->time * (time + 1) + c->type * 6 + c->name + c->leap * (time + 4) +
	       c->utc + c->standard;
}

static bool
fill(ph_zone *zone, const uint8_t *block, const counts *c)
{
	const uint8_t *types = block + c->time * 8;
	const uint8_t *infos = types + c->time;
	zone->times = calloc(c->time + 1, sizeof(*zone->times));
	zone->offsets = calloc(c->time + 1, sizeof(*zone->offsets));
	if (zone->times == NULL || zone->offsets == NULL)
		return false;
	zone->first = (int32_t) be32(infos);
	zone->count = c->time;
	for (size_t i = 0; i < c->time; i++) {
		if (types[i] >= c->type)
			return false;
		zone->times[i] = be64(block + i * 8);
		zone->offsets[i] = (int32_t) be32(infos + 6u * types[i]);
		if (i > 0 && zone->times[i] <= zone->times[i - 1])
			return false;
	}
	return true;
}

static bool
decode(ph_zone *zone, const uint8_t *bytes, size_t length)
{
	counts first, second;
	if (!header_of(bytes, length, 0, &first) || bytes[4] < '2')
		return false;
	size_t at = HEADER + block_size(&first, 4);
	if (!header_of(bytes, length, at, &second))
		return false;
	size_t block = at + HEADER, footer = block + block_size(&second, 8);
	if (footer >= length || bytes[footer] != '\n')
		return false;
	const uint8_t *end = memchr(bytes + footer + 1, '\n', length - footer - 1);
	if (end == NULL || !fill(zone, bytes + block, &second))
		return false;
	const char *text = (const char *) bytes + footer + 1;
	return rule_of(text, (size_t) ((const char *) end - text), &zone->after);
}

ph_status
ph_zone_decode(const void *bytes, size_t length, ph_zone **out, ph_error *err)
{
	ph_zone *zone = calloc(1, sizeof(*zone));
	if (zone == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "out of memory");
	if (!decode(zone, bytes, length)) {
		ph_zone_destroy(&zone);
		return ph_fail(err, PH_ERR_INVALID, "not a compiled time zone file");
	}
	*out = zone;
	return PH_OK;
}

static bool
name_is_plain(const char *name)
{
	return name[0] != 0 && name[0] != '/' && strlen(name) < 64 &&
	       strstr(name, "..") == NULL &&
	       strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
			    "0123456789_+-/.") == strlen(name);
}

ph_status
ph_zone_load(const char *name, ph_zone **out, ph_error *err)
{
	if (strcmp(name, "UTC") == 0 || strcmp(name, "Z") == 0) {
		ph_zone *utc = calloc(1, sizeof(*utc));
		if (utc == NULL)
			return ph_fail(err, PH_ERR_NOMEM, "out of memory");
		*out = utc;
		return PH_OK;
	}
	if (!name_is_plain(name))
		return ph_fail(err, PH_ERR_NOT_FOUND, "no time zone of that name");
	char path[sizeof(FOLDER) + 64] = FOLDER;
	strcat(path, name);
	char *bytes;
	size_t length;
	if (ph_fs_slurp(path, FILE_MAX, &bytes, &length, NULL) != PH_OK)
		return ph_fail(err, PH_ERR_NOT_FOUND,
		    "no time zone of that name (is the package tzdata installed?)");
	ph_status status = ph_zone_decode(bytes, length, out, err);
	free(bytes);
	return status;
}

void
ph_zone_destroy(ph_zone **zone_p)
{
	ph_zone *zone = *zone_p;
	if (zone == NULL)
		return;
	free(zone->times);
	free(zone->offsets);
	free(zone);
	*zone_p = NULL;
}
