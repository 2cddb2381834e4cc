/*
 * error - see include/packhorse/error.h.
 *
 * The text is formatted beside the error and copied in last, so that an error may be wrapped
 * in itself: ph_fail_at(err, err->status, place, "%s", err->text).
 */
#include <packhorse/error.h>

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/assert.h"

const char *
ph_status_name(ph_status status)
{
	switch (status) {
	case PH_OK:
		return "ok";
	case PH_ERR_USAGE:
		return "usage";
	case PH_ERR_INVALID:
		return "invalid";
	case PH_ERR_NOT_FOUND:
		return "not-found";
	case PH_ERR_CONFLICT:
		return "conflict";
	case PH_ERR_DENIED:
		return "denied";
	case PH_ERR_TOO_LARGE:
		return "too-large";
	case PH_ERR_FULL:
		return "full";
	case PH_ERR_AGAIN:
		return "again";
	case PH_ERR_TIMEOUT:
		return "timeout";
	case PH_ERR_CLOSED:
		return "closed";
	case PH_ERR_VERSION:
		return "version";
	case PH_ERR_IO:
		return "io";
	case PH_ERR_DAMAGED:
		return "damaged";
	case PH_ERR_NOMEM:
		return "out-of-memory";
	}
	return "unknown";
}

/* Drop what was cut off in the middle of a UTF-8 sequence. */
static void
drop_broken_tail(char *text)
{
	size_t length = strlen(text);
	size_t start = length;
	while (start > 0 && length - start < 4) {
		unsigned char byte = (unsigned char) text[--start];
		if ((byte & 0xc0) == 0x80)
			continue;
		size_t need = byte >= 0xf0   ? 4
			      : byte >= 0xe0 ? 3
			      : byte >= 0xc0 ? 2
					     : 1;
		if (length - start < need)
			text[start] = '\0';
		return;
	}
}

/* Make one line of it. */
static void
flatten(char *text)
{
	for (; *text != '\0'; text++) {
		if ((unsigned char) *text < 0x20 || *text == 0x7f)
			*text = ' ';
	}
}

__attribute__((format(printf, 5, 0))) static ph_status
fill(ph_error *err, ph_status status, int sys_errno, const char *where,
    const char *format, va_list arguments)
{
	PH_ASSERT(status != PH_OK);
	if (err == NULL)
		return status;

	char text[PH_ERROR_TEXT];
	char place[PH_ERROR_WHERE];
	int length = vsnprintf(text, sizeof text, format, arguments);
	if (length < 0)
		text[0] = '\0';
	snprintf(place, sizeof place, "%s", where);
	drop_broken_tail(place);
	flatten(place);

	if (sys_errno != 0 && length >= 0 && (size_t) length < sizeof text - 1) {
		char reason[128];
		if (strerror_r(sys_errno, reason, sizeof reason) != 0)
			snprintf(reason, sizeof reason, "error %d", sys_errno);
		snprintf(text + length, sizeof text - (size_t) length, ": %s", reason);
	}
	drop_broken_tail(text);
	flatten(text);

	err->status = status;
	err->sys_errno = sys_errno;
	memcpy(err->where, place, sizeof place);
	memcpy(err->text, text, sizeof text);
	return status;
}

ph_status
ph_fail(ph_error *err, ph_status status, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	fill(err, status, 0, "", format, arguments);
	va_end(arguments);
	return status;
}

ph_status
ph_fail_at(ph_error *err, ph_status status, const char *where, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	fill(err, status, 0, where == NULL ? "" : where, format, arguments);
	va_end(arguments);
	return status;
}

ph_status
ph_fail_errno(ph_error *err, int sys_errno, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	fill(err, PH_ERR_IO, sys_errno, "", format, arguments);
	va_end(arguments);
	return PH_ERR_IO;
}
