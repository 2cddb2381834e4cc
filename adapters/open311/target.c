#include "adapters/open311/target.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int
digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Well-formed UTF-8 in its shortest form, no surrogates. */
static bool
is_utf8(const unsigned char *at, size_t length)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	for (size_t i = 0; i < length;) {
		unsigned char c = at[i];
		size_t size = c < 0x80		   ? 1
			      : (c & 0xe0) == 0xc0 ? 2
			      : (c & 0xf0) == 0xe0 ? 3
			      : (c & 0xf8) == 0xf0 ? 4
						   : 0;
		if (!size || size > length - i)
			return false;
		uint32_t code = size == 1 ? c : c & (0x7fu >> size);
		for (size_t j = 1; j < size; j++) {
			if ((at[i + j] & 0xc0) != 0x80)
				return false;
			code = code << 6 | (at[i + j] & 0x3fu);
		}
		if (code < least[size] || code > 0x10ffff ||
		    (code >= 0xd800 && code <= 0xdfff))
			return false;
		i += size;
	}
	return true;
}

/* Un-escape into `out` (never longer than the input); the length, or -1. */
static ptrdiff_t
unescape(const char *from, size_t length, bool plus, char *out)
{
	size_t wrote = 0;
	for (size_t i = 0; i < length; i++) {
		char c = from[i];
		if (c == '%') {
			int high = i + 2 < length ? digit(from[i + 1]) : -1;
			int low = i + 2 < length ? digit(from[i + 2]) : -1;
			if (high < 0 || low < 0 || (high == 0 && low == 0))
				return -1;
			c = (char) (high * 16 + low);
			i += 2;
		} else if (c == '+' && plus) {
			c = ' ';
		} else if (c == '\0') {
			return -1;
		}
		out[wrote++] = c;
	}
	out[wrote] = '\0';
	return is_utf8((const unsigned char *) out, wrote) ? (ptrdiff_t) wrote : -1;
}

/* ---- fields ---- */

static bool
read_field(const char *from, size_t length, char **memory, ph_adapter_pair *out)
{
	const char *equals = memchr(from, '=', length);
	size_t name_length = equals ? (size_t) (equals - from) : length;
	size_t value_length = equals ? length - name_length - 1 : 0;
	ptrdiff_t wrote = unescape(from, name_length, true, *memory);
	if (wrote < 0)
		return false;
	out->name = (ph_adapter_text){*memory, (uint64_t) wrote};
	*memory += wrote + 1;
	wrote = unescape(equals ? equals + 1 : "", value_length, true, *memory);
	if (wrote < 0)
		return false;
	out->value = (ph_adapter_text){*memory, (uint64_t) wrote};
	*memory += wrote + 1;
	return true;
}

bool
ph_fields_read(const char *text, size_t length, ph_fields *out)
{
	size_t most = 1;
	memset(out, 0, sizeof *out);
	for (size_t i = 0; i < length; i++)
		most += text[i] == '&';
	if (most > 10000)
		return false;
	out->at = calloc(most, sizeof *out->at);
	out->memory = malloc(length + 2 * most + 2);
	if (!out->at || !out->memory)
		return false;
	char *memory = out->memory;
	const char *end = text + length;
	while (text < end) {
		const char *next = memchr(text, '&', (size_t) (end - text));
		size_t size = (size_t) ((next ? next : end) - text);
		if (size && !read_field(text, size, &memory, &out->at[out->count++]))
			return false;
		text = next ? next + 1 : end;
	}
	return true;
}

void
ph_fields_fini(ph_fields *fields)
{
	free(fields->at);
	free(fields->memory);
	memset(fields, 0, sizeof *fields);
}

ph_adapter_text
ph_fields_get(const ph_fields *fields, const char *name)
{
	for (size_t i = 0; i < fields->count; i++)
		if (fields->at[i].name.length == strlen(name) &&
		    !memcmp(fields->at[i].name.data, name, strlen(name)))
			return fields->at[i].value;
	return (ph_adapter_text){NULL, 0};
}

/* ---- targets ---- */

static char *
unescaped(const char *from, size_t length)
{
	char *out = malloc(length + 1);
	if (out && unescape(from, length, false, out) < 0) {
		free(out);
		return NULL;
	}
	return out;
}

/* Cut ".xml" off the end; a code may hold dots, so it is the last one. */
static const char *
cut_extension(char *text)
{
	char *dot = strrchr(text, '.');
	if (!dot || strchr(dot, '/'))
		return "";
	*dot = '\0';
	return dot + 1;
}

bool
ph_target_read(const char *raw, const char *base, ph_target *out)
{
	memset(out, 0, sizeof *out);
	const char *mark = strchr(raw, '?');
	const char *end = mark ? mark : raw + strlen(raw);
	if (mark && !ph_fields_read(mark + 1, strlen(mark + 1), &out->query))
		return false;
	size_t length = strlen(base);
	if (strncmp(raw, base, length) != 0 || raw[length] != '/')
		return false;
	const char *path = raw + length + 1;
	const char *slash = memchr(path, '/', (size_t) (end - path));
	out->resource = unescaped(path, (size_t) ((slash ? slash : end) - path));
	if (slash)
		out->item = unescaped(slash + 1, (size_t) (end - slash - 1));
	if (!out->resource || (slash && !out->item))
		return false;
	out->extension = cut_extension(out->item ? out->item : out->resource);
	return true;
}

void
ph_target_fini(ph_target *target)
{
	free(target->resource);
	free(target->item);
	ph_fields_fini(&target->query);
	memset(target, 0, sizeof *target);
}

/* ---- times ---- */

/* Days from 1970-01-01 to a date of the Gregorian calendar: March is the first month of a year, so
 * that a leap day is its last, and 400 years are always 146,097 days. */
static int64_t
days_of(int64_t year, int64_t month, int64_t day)
{
	year -= month <= 2;
	int64_t era = (year >= 0 ? year : year - 399) / 400;
	int64_t of_era = year - era * 400;
	int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year -
	       719468;
}

/* `count` digits as a number; -1. */
static int64_t
number(const char **at, const char *end, int count)
{
	int64_t value = 0;
	for (int i = 0; i < count; i++, (*at)++) {
		if (*at >= end || **at < '0' || **at > '9')
			return -1;
		value = value * 10 + (**at - '0');
	}
	return value;
}

static bool
skip(const char **at, const char *end, char c)
{
	if (*at >= end || **at != c)
		return false;
	(*at)++;
	return true;
}

static bool
read_date(const char **at, const char *end, int64_t *days)
{
	static const int64_t lengths[] = {
	    31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int64_t year = number(at, end, 4);
	if (year < 1970 || !skip(at, end, '-'))
		return false;
	int64_t month = number(at, end, 2);
	if (month < 1 || month > 12 || !skip(at, end, '-'))
		return false;
	int64_t day = number(at, end, 2);
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	if (day < 1 || day > lengths[month - 1] || (month == 2 && day == 29 && !leap))
		return false;
	*days = days_of(year, month, day);
	return true;
}

static bool
read_clock(const char **at, const char *end, int64_t *ms)
{
	int64_t hour = number(at, end, 2);
	if (hour < 0 || hour > 23 || !skip(at, end, ':'))
		return false;
	int64_t minute = number(at, end, 2);
	if (minute < 0 || minute > 59 || !skip(at, end, ':'))
		return false;
	int64_t second = number(at, end, 2);
	if (second < 0 || second > 60)
		return false;
	*ms = ((hour * 60 + minute) * 60 + second) * 1000;
	if (!skip(at, end, '.'))
		return true;
	int64_t scale = 100;
	if (*at >= end || **at < '0' || **at > '9')
		return false;
	for (; *at < end && **at >= '0' && **at <= '9'; (*at)++, scale /= 10)
		*ms += (**at - '0') * scale;
	return true;
}

static bool
read_offset(const char **at, const char *end, int64_t *ms)
{
	*ms = 0;
	if (skip(at, end, 'Z') || skip(at, end, 'z'))
		return true;
	int64_t sign = skip(at, end, '-') ? -1 : 1;
	if (sign == 1 && !skip(at, end, '+') && !skip(at, end, ' '))
		return false;
	int64_t hour = number(at, end, 2);
	if (hour < 0 || hour > 23 || !skip(at, end, ':'))
		return false;
	int64_t minute = number(at, end, 2);
	*ms = sign * (hour * 60 + minute) * 60000;
	return minute >= 0 && minute <= 59;
}

bool
ph_target_time(ph_adapter_text text, uint64_t *ms)
{
	if (!text.length)
		return false;
	const char *at = text.data, *end = text.data + text.length;
	int64_t days = 0, clock = 0, offset = 0;
	if (!read_date(&at, end, &days))
		return false;
	if (at < end) {
		if (*at != 'T' && *at != 't' && *at != ' ')
			return false;
		at++;
		if (!read_clock(&at, end, &clock) || !read_offset(&at, end, &offset))
			return false;
	}
	int64_t sum = days * 86400000 + clock - offset;
	if (at != end || sum < 0)
		return false;
	*ms = (uint64_t) sum;
	return true;
}

void
ph_target_time_write(uint64_t ms, char *out)
{
	uint64_t seconds = ms / 1000 % 86400;
	int64_t days = (int64_t) (ms / 86400000) + 719468;
	int64_t era = days / 146097, of_era = days % 146097;
	int64_t year_of_era =
	    (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year =
	    of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int64_t part = (5 * of_year + 2) / 153;
	int64_t day = of_year - (153 * part + 2) / 5 + 1;
	int64_t month = part < 10 ? part + 3 : part - 9;
	int64_t year = year_of_era + era * 400 + (month <= 2);
	snprintf(out, 24, "%04u-%02u-%02uT%02u:%02u:%02uZ", (unsigned) (year % 10000),
	    (unsigned) (month % 100), (unsigned) (day % 100),
	    (unsigned) (seconds / 3600), (unsigned) (seconds / 60 % 60),
	    (unsigned) (seconds % 60));
}
