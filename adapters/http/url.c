/*
 * The result is written into one block that is large enough for the worst case: every byte of every
 * value as three.
 */
#include "adapters/http/url.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool
unreserved(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
}

static char *
encode(char *at, ph_adapter_text value)
{
	static const char digits[] = "0123456789ABCDEF";
	for (uint64_t i = 0; i < value.length; i++) {
		unsigned char c = (unsigned char) value.data[i];
		if (unreserved((char) c)) {
			*at++ = (char) c;
			continue;
		}
		*at++ = '%';
		*at++ = digits[c >> 4];
		*at++ = digits[c & 15];
	}
	return at;
}

static size_t
worst_case(const char *base, ph_adapter_text path, const ph_adapter_pair *pairs,
    uint64_t count)
{
	size_t values = 0, names = 1;
	for (uint64_t i = 0; i < count; i++)
		values += pairs[i].value.length * 3;
	for (uint64_t i = 0; i < path.length; i++)
		names += path.data[i] == '{';
	return strlen(base) + path.length + values * names + 2;
}

/* One {NAME}: *path points behind the brace and ends behind the closing one. */
static uint32_t
fill_in(const char **path, const char *end, const ph_adapter_pair *pairs,
    uint64_t count, char **at, ph_adapter_error *error)
{
	const char *close = memchr(*path, '}', (size_t) (end - *path));
	char name[64];
	if (!close || close == *path || (size_t) (close - *path) > 50)
		return ph_plug_fail(error, PH_ADAPTER_INVALID, "url",
		    "PH4116 a brace in the url is to be like {name}");
	snprintf(name, sizeof name, "url.%.*s", (int) (close - *path), *path);
	ph_adapter_text value = ph_plug_pair(pairs, count, name);
	if (!value.length || ph_plug_is(value, ".") || ph_plug_is(value, ".."))
		return ph_plug_fail(error, PH_ADAPTER_INVALID, "url",
		    "PH4117 no usable value for {%s} of the url", name + 4);
	*at = encode(*at, value);
	*path = close + 1;
	return PH_ADAPTER_OK;
}

static bool
is_whole(ph_adapter_text path)
{
	return (path.length > 7 && !memcmp(path.data, "http://", 7)) ||
	       (path.length > 8 && !memcmp(path.data, "https://", 8));
}

/* The base without the slash that the path brings. */
static char *
put_base(char *at, const char *base, ph_adapter_text path)
{
	size_t length = strlen(base);
	if (!path.length || is_whole(path)) {
		length = path.length ? 0 : length;
		memcpy(at, base, length);
		return at + length;
	}
	while (length && base[length - 1] == '/')
		length--;
	memcpy(at, base, length);
	at += length;
	if (path.data[0] != '/' && path.data[0] != '?')
		*at++ = '/';
	return at;
}

uint32_t
ph_http_url(const char *base, ph_adapter_text path, const ph_adapter_pair *pairs,
    uint64_t count, char **out, ph_adapter_error *error)
{
	char *url = malloc(worst_case(base, path, pairs, count));
	if (!url)
		return ph_plug_fail(
		    error, PH_ADAPTER_FAILED, "", "PH4113 out of memory");
	char *at = put_base(url, base, path);
	const char *from = path.data, *end = path.data ? path.data + path.length : NULL;
	uint32_t code = PH_ADAPTER_OK;
	while (from < end && !code) {
		if (*from == '{') {
			from++;
			code = fill_in(&from, end, pairs, count, &at, error);
		} else {
			*at++ = *from++;
		}
	}
	*at = '\0';
	if (code)
		free(url);
	else
		*out = url;
	return code;
}
