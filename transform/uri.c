/*
 * uri - the base is cut where the reference begins anew: at its scheme, authority, path or file;
 * then dot segments are taken out of the path.
 */
#include "transform/uri.h"

#include <string.h>

#include "lib/base/assert.h"

/* Bytes of "scheme:"; 0 for none. */
static size_t
scheme_length(const char *uri)
{
	size_t length =
	    strspn(uri, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
			"0123456789+-.");
	return length > 0 && uri[length] == ':' ? length + 1 : 0;
}

/* Bytes of "scheme://authority". */
static size_t
authority_length(const char *uri)
{
	size_t at = scheme_length(uri);
	if (strncmp(uri + at, "//", 2) == 0)
		at += 2 + strcspn(uri + at + 2, "/?#");
	return at;
}

/* Take "/./" and "/../" out of a path that begins with '/', in place. */
static void
remove_dots(char *path)
{
	char *write = path;
	const char *read = path;
	while (*read == '/') {
		size_t length = 1 + strcspn(read + 1, "/?#");
		bool last = read[length] != '/';
		bool up = length == 3 && memcmp(read, "/..", 3) == 0;
		if (up)
			while (write > path && *--write != '/')
				continue;
		if (!up && !(length == 2 && read[1] == '.')) {
			memmove(write, read, length);
			write += length;
		} else if (last) {
			*write++ = '/';
		}
		read += length;
	}
	memmove(write, read, strlen(read) + 1);
}

const char *
ph_uri_resolve(ph_arena *arena, const char *base, const char *reference)
{
	PH_ASSERT(base != NULL && reference != NULL);
	size_t length = strcspn(reference, "#"), keep = strcspn(base, "#");
	bool scheme = scheme_length(reference) > 0;
	if (scheme)
		keep = 0;
	else if (strncmp(reference, "//", 2) == 0)
		keep = scheme_length(base);
	else if (reference[0] == '/')
		keep = authority_length(base);
	else if (length > 0 && reference[0] == '?')
		keep = strcspn(base, "?#");
	else if (length > 0) {
		size_t authority = authority_length(base);
		keep = strcspn(base, "?#");
		while (keep > authority && base[keep - 1] != '/')
			keep--;
	}
	bool slash = !scheme && length > 0 && keep > 0 && reference[0] != '/' &&
		     reference[0] != '?' && base[keep - 1] != '/' &&
		     authority_length(base) > scheme_length(base);
	char *out = ph_arena_printf(arena, "%.*s%s%.*s", (int) keep, base,
	    slash ? "/" : "", (int) length, reference);
	if (out == NULL)
		return NULL;
	size_t path = authority_length(out);
	if (out[path] == '/')
		remove_dots(out + path);
	return out;
}

static int
hex(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

const char *
ph_uri_fragment(ph_arena *arena, const char *reference)
{
	const char *at = strchr(reference, '#');
	if (at == NULL)
		return "";
	char *out = ph_arena_strdup(arena, at + 1);
	if (out == NULL)
		return NULL;
	char *write = out;
	for (const char *p = out; *p != '\0'; p++) {
		int high = *p == '%' ? hex(p[1]) : -1;
		int low = high < 0 ? -1 : hex(p[2]);
		*write++ = low < 0 ? *p : (char) (high * 16 + low);
		p += low < 0 ? 0 : 2;
	}
	*write = '\0';
	return out;
}
