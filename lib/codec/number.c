/*
 * number - one pass over the digits; nothing is converted.
 */
#include "lib/codec/number.h"

static const char *
skip_digits(const char *at)
{
	while (*at >= '0' && *at <= '9')
		at++;
	return at;
}

const char *
ph_json_number_end(const char *at)
{
	if (*at == '-')
		at++;
	if (*at < '0' || *at > '9')
		return NULL;
	at = *at == '0' ? at + 1 : skip_digits(at);
	if (*at == '.') {
		const char *digits = at + 1;
		at = skip_digits(digits);
		if (at == digits)
			return NULL;
	}
	if (*at == 'e' || *at == 'E') {
		const char *digits = at[1] == '+' || at[1] == '-' ? at + 2 : at + 1;
		at = skip_digits(digits);
		if (at == digits)
			return NULL;
	}
	return at;
}

bool
ph_json_is_number(const char *text, size_t length)
{
	return text != NULL && length > 0 && ph_json_number_end(text) == text + length;
}
