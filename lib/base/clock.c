/*
 * clock - the system's clocks, and RFC 3339 both ways.
 *
 * Dates are proleptic Gregorian; a day number counts from 1970-01-01. Years are grouped in
 * cycles of 400 (146,097 days) that begin on 1 March, so a leap day ends its year and the
 * month lengths follow one straight line.
 */
#include "lib/base/clock.h"

#include <stdbool.h>
#include <stdio.h>
#include <time.h>

#include "lib/base/assert.h"

#define DAY_MS	     INT64_C(86400000)
#define FIRST_SHOWN  (INT64_C(-719528) * DAY_MS)     /* 0000-01-01 */
#define LAST_SHOWN   (INT64_C(2932897) * DAY_MS - 1) /* 9999-12-31, last millisecond */
#define MARCH_OFFSET INT64_C(719468) /* days from 0000-03-01 to 1970-01-01 */

static int64_t
read_clock(clockid_t id)
{
	struct timespec now;
	int failed = clock_gettime(id, &now);
	PH_ASSERT(failed == 0);
	return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t
system_wall(void *self)
{
	(void) self;
	return read_clock(CLOCK_REALTIME);
}

static int64_t
system_mono(void *self)
{
	(void) self;
	return read_clock(CLOCK_MONOTONIC);
}

const ph_clock *
ph_clock_system(void)
{
	static const ph_clock clock = {.wall_ms = system_wall, .mono_ms = system_mono};
	return &clock;
}

int64_t
ph_clock_wall(const ph_clock *clock)
{
	return clock->wall_ms(clock->self);
}

int64_t
ph_clock_mono(const ph_clock *clock)
{
	return clock->mono_ms(clock->self);
}

typedef struct date {
	int64_t year;
	int64_t month; /* 1..12 */
	int64_t day;   /* 1..31 */
} date;

static int64_t
day_number(date when)
{
	int64_t year = when.month > 2 ? when.year : when.year - 1;
	int64_t cycle = (year >= 0 ? year : year - 399) / 400;
	int64_t year_of_cycle = year - cycle * 400;
	int64_t month = (when.month + 9) % 12; /* March is 0 */
	int64_t day_of_year = (153 * month + 2) / 5 + when.day - 1;
	int64_t day_of_cycle =
	    year_of_cycle * 365 + year_of_cycle / 4 - year_of_cycle / 100 + day_of_year;
	return cycle * 146097 + day_of_cycle - MARCH_OFFSET;
}

static date
date_of(int64_t number)
{
	int64_t days = number + MARCH_OFFSET;
	int64_t cycle = (days >= 0 ? days : days - 146096) / 146097;
	int64_t day_of_cycle = days - cycle * 146097;
	int64_t year_of_cycle = (day_of_cycle - day_of_cycle / 1460 +
				    day_of_cycle / 36524 - day_of_cycle / 146096) /
				365;
	int64_t day_of_year = day_of_cycle - (365 * year_of_cycle + year_of_cycle / 4 -
						 year_of_cycle / 100);
	int64_t month = (5 * day_of_year + 2) / 153; /* March is 0 */
	date when = {
	    .day = day_of_year - (153 * month + 2) / 5 + 1,
	    .month = month < 10 ? month + 3 : month - 9,
	};
	when.year = cycle * 400 + year_of_cycle + (when.month <= 2 ? 1 : 0);
	return when;
}

void
ph_time_format(int64_t wall_ms, char *out)
{
	if (wall_ms < FIRST_SHOWN)
		wall_ms = FIRST_SHOWN;
	if (wall_ms > LAST_SHOWN)
		wall_ms = LAST_SHOWN;
	int64_t day = (wall_ms >= 0 ? wall_ms : wall_ms - (DAY_MS - 1)) / DAY_MS;
	int64_t rest = wall_ms - day * DAY_MS;
	date when = date_of(day);
	snprintf(out, PH_TIME_TEXT, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ",
	    (unsigned) when.year % 10000, (unsigned) when.month % 100,
	    (unsigned) when.day % 100, (unsigned) (rest / 3600000) % 100,
	    (unsigned) (rest / 60000 % 60), (unsigned) (rest / 1000 % 60),
	    (unsigned) (rest % 1000));
}

/* A place in the text being read. */
typedef struct scan {
	const char *at;
	const char *end;
} scan;

/* Exactly `digits` decimal digits. */
static bool
number(scan *in, unsigned digits, int64_t *out)
{
	int64_t value = 0;
	for (unsigned i = 0; i < digits; i++, in->at++) {
		if (in->at == in->end || *in->at < '0' || *in->at > '9')
			return false;
		value = value * 10 + (*in->at - '0');
	}
	*out = value;
	return true;
}

static bool
literal(scan *in, char lower, char upper)
{
	if (in->at == in->end || (*in->at != lower && *in->at != upper))
		return false;
	in->at++;
	return true;
}

/* ".1" to ".123456789", cut to milliseconds; nothing at all is 0. */
static bool
fraction(scan *in, int64_t *ms)
{
	*ms = 0;
	if (!literal(in, '.', '.'))
		return true;
	int64_t scale = 100;
	unsigned digits = 0;
	for (; in->at < in->end && *in->at >= '0' && *in->at <= '9';
	     in->at++, digits++) {
		*ms += (*in->at - '0') * scale;
		scale /= 10;
	}
	return digits >= 1 && digits <= 9;
}

/* "Z", "+01:00", "-00:00"; in minutes east. */
static bool
offset(scan *in, int64_t *minutes)
{
	*minutes = 0;
	if (literal(in, 'z', 'Z'))
		return true;
	bool west = in->at < in->end && *in->at == '-';
	int64_t hour;
	int64_t minute;
	if (!literal(in, '+', '-') || !number(in, 2, &hour) || !literal(in, ':', ':') ||
	    !number(in, 2, &minute) || hour > 23 || minute > 59)
		return false;
	*minutes = (hour * 60 + minute) * (west ? -1 : 1);
	return true;
}

static int64_t
month_length(int64_t year, int64_t month)
{
	static const int8_t lengths[] = {
	    31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
	return month == 2 && leap ? 29 : lengths[month - 1];
}

static bool
read_date(scan *in, int64_t *day)
{
	date when;
	if (!number(in, 4, &when.year) || !literal(in, '-', '-') ||
	    !number(in, 2, &when.month) || !literal(in, '-', '-') ||
	    !number(in, 2, &when.day))
		return false;
	if (when.month < 1 || when.month > 12 || when.day < 1 ||
	    when.day > month_length(when.year, when.month))
		return false;
	*day = day_number(when);
	return true;
}

/* A second 60 (a leap second) is read as the first moment after it, as POSIX counts. */
static bool
read_time(scan *in, int64_t *ms)
{
	int64_t hour;
	int64_t minute;
	int64_t second;
	int64_t part;
	if (!number(in, 2, &hour) || !literal(in, ':', ':') ||
	    !number(in, 2, &minute) || !literal(in, ':', ':') ||
	    !number(in, 2, &second) || !fraction(in, &part))
		return false;
	if (hour > 23 || minute > 59 || second > 60)
		return false;
	*ms = ((hour * 60 + minute) * 60 + second) * 1000 + (second == 60 ? 0 : part);
	return true;
}

ph_status
ph_time_parse(const char *text, size_t length, int64_t *wall_ms, ph_error *err)
{
	PH_ASSERT(text != NULL && wall_ms != NULL);
	scan in = {.at = text, .end = text + length};
	int64_t day;
	int64_t time_of_day;
	int64_t east;
	if (!read_date(&in, &day))
		return ph_fail(err, PH_ERR_INVALID,
		    "the date does not exist or is not written as 2026-11-23");
	if (!literal(&in, 't', 'T') || !read_time(&in, &time_of_day))
		return ph_fail(err, PH_ERR_INVALID,
		    "the time of day is not written as T04:19:00 or T04:19:00.123");
	if (!offset(&in, &east) || in.at != in.end)
		return ph_fail(err, PH_ERR_INVALID,
		    "the time must end in its offset, Z or +01:00");
	*wall_ms = day * DAY_MS + time_of_day - east * 60000;
	return PH_OK;
}
