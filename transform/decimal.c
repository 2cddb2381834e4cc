/*
 * decimal - arithmetic on JSON numbers as text.
 *
 * A number is its sign, its digits without zeros before them, and the power of ten of the first
 * digit; nothing is converted, so nothing is rounded. A division keeps a remainder below the
 * divisor, digit by digit.
 */
#include "transform/decimal.h"

#include <string.h>

#include "lib/base/assert.h"

#define DIVISOR_MAX UINT64_C(1000000000000000000)

bool
ph_number_valid(const char *text, size_t length)
{
	const char *p = text, *end = text + length;
	p += p < end && *p == '-';
	if (p == end || *p < '0' || *p > '9')
		return false;
	if (*p == '0' && p + 1 < end && p[1] >= '0' && p[1] <= '9')
		return false;
	while (p < end && *p >= '0' && *p <= '9')
		p++;
	if (p < end && *p == '.') {
		const char *fraction = ++p;
		while (p < end && *p >= '0' && *p <= '9')
			p++;
		if (p == fraction)
			return false;
	}
	if (p < end && (*p == 'e' || *p == 'E')) {
		p++;
		p += p < end && (*p == '+' || *p == '-');
		const char *exponent = p;
		while (p < end && *p >= '0' && *p <= '9')
			p++;
		if (p == exponent)
			return false;
	}
	return p == end;
}

/* A number as sign, digits without leading zeros, and the power of ten of the first digit. */
typedef struct decimal {
	bool negative, zero;
	const char *digits; /* may hold a '.' */
	int64_t power;
} decimal;

static decimal
decimal_of(const char *text)
{
	decimal d = {.negative = *text == '-'};
	if (*text == '-' || *text == '+')
		text++;
	size_t mantissa = 0;
	while (text[mantissa] != 0 && (text[mantissa] | 0x20) != 'e')
		mantissa++;
	int64_t exponent = 0;
	if (text[mantissa] != 0) {
		const char *p = text + mantissa + 1;
		bool minus = *p == '-';
		p += *p == '-' || *p == '+';
		for (; *p != 0; p++)
			if (exponent < 1000000000)
				exponent = exponent * 10 + (*p - '0');
		exponent = minus ? -exponent : exponent;
	}
	size_t point = 0;
	while (point < mantissa && text[point] != '.')
		point++;
	size_t first = 0;
	while (first < mantissa && (text[first] == '0' || text[first] == '.'))
		first++;
	d.zero = first == mantissa;
	d.digits = text + first;
	d.power = exponent + (first < point ? (int64_t) (point - first)
					    : (int64_t) point - (int64_t) first + 1);
	return d;
}

/* The next digit, '0' after the last. */
static char
next_digit(const char **p)
{
	if (**p == '.')
		(*p)++;
	if (**p < '0' || **p > '9')
		return '0';
	return *(*p)++;
}

static int
compare_size(const decimal *a, const decimal *b)
{
	if (a->zero || b->zero)
		return (int) b->zero - (int) a->zero;
	if (a->power != b->power)
		return a->power < b->power ? -1 : 1;
	const char *p = a->digits, *q = b->digits;
	while ((*p >= '0' && *p <= '9') || *p == '.' || (*q >= '0' && *q <= '9') ||
	       *q == '.') {
		char x = next_digit(&p), y = next_digit(&q);
		if (x != y)
			return x < y ? -1 : 1;
	}
	return 0;
}

int
ph_number_compare(const char *a, const char *b)
{
	decimal x = decimal_of(a), y = decimal_of(b);
	if (x.zero && y.zero)
		return 0;
	bool x_minus = x.negative && !x.zero, y_minus = y.negative && !y.zero;
	if (x_minus != y_minus)
		return x_minus ? -1 : 1;
	int size = compare_size(&x, &y);
	return x_minus ? -size : size;
}

/* The digits without the zeros at both ends; their number, and the power of ten of the last. */
static size_t
significant(const decimal *d, int64_t *last)
{
	size_t count = 0, upto = 0;
	for (const char *p = d->digits; (*p >= '0' && *p <= '9') || *p == '.'; p++) {
		count += *p != '.';
		if (*p != '.' && *p != '0')
			upto = count;
	}
	*last = d->power - (int64_t) upto;
	return upto;
}

bool
ph_number_whole(const char *text)
{
	decimal d = decimal_of(text);
	int64_t last;
	return d.zero || (significant(&d, &last) > 0 && last >= 0);
}

bool
ph_number_divisor(const char *text)
{
	decimal d = decimal_of(text);
	int64_t last;
	return !d.zero && !d.negative && significant(&d, &last) <= 18;
}

/* a * b mod m, for m up to 10^18. */
static uint64_t
times(uint64_t a, uint64_t b, uint64_t m)
{
	uint64_t sum = 0;
	for (; b > 0; b >>= 1) {
		if ((b & 1) != 0)
			sum = (sum + a) % m;
		a = (a + a) % m;
	}
	return sum;
}

static uint64_t
power_of_ten(int64_t exponent, uint64_t m)
{
	uint64_t result = 1 % m, base = 10 % m;
	for (; exponent > 0; exponent >>= 1) {
		if ((exponent & 1) != 0)
			result = times(result, base, m);
		base = times(base, base, m);
	}
	return result;
}

bool
ph_number_multiple(const char *text, const char *divisor)
{
	PH_ASSERT(ph_number_divisor(divisor));
	decimal a = decimal_of(text), b = decimal_of(divisor);
	if (a.zero)
		return true;
	int64_t a_last, b_last;
	size_t a_count = significant(&a, &a_last), b_count = significant(&b, &b_last);
	if (a_last < b_last)
		return false;
	uint64_t m = 0, rest = 0;
	const char *p = b.digits;
	for (size_t i = 0; i < b_count; i++)
		m = m * 10 + (uint64_t) (next_digit(&p) - '0');
	PH_ASSERT(m > 0 && m < DIVISOR_MAX);
	p = a.digits;
	for (size_t i = 0; i < a_count; i++)
		rest = (rest * 10 + (uint64_t) (next_digit(&p) - '0')) % m;
	return times(rest, power_of_ten(a_last - b_last, m), m) == 0;
}

uint64_t
ph_number_hash(const char *text)
{
	decimal d = decimal_of(text);
	if (d.zero)
		return 1;
	int64_t last;
	size_t count = significant(&d, &last);
	uint64_t hash = (uint64_t) d.power * 31 + (d.negative ? 7 : 3);
	const char *p = d.digits;
	for (size_t i = 0; i < count; i++)
		hash = (hash ^ (uint64_t) next_digit(&p)) * UINT64_C(1099511628211);
	return hash;
}
