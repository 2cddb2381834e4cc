/*
 * log - one line is one write call, so lines of several threads or processes on the same
 * descriptor never mix (a write of at most PIPE_BUF bytes to a pipe is whole).
 *
 * The sink is the only mutable global of the tree: a threshold and a name, both atomic.
 */
#include "lib/base/log.h"

#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/assert.h"
#include "lib/base/clock.h"
#include "lib/base/text.h"

#define LINE 4096 /* bytes of a line, its newline included */
_Static_assert(LINE <= PIPE_BUF, "a line must be written whole");

static atomic_int threshold = PH_LOG_INFO;
static _Atomic(const char *) program;

void
ph_log_threshold(ph_log_level level)
{
	atomic_store(&threshold, (int) level);
}

void
ph_log_program(const char *name)
{
	atomic_store(&program, name);
}

static const char *
level_name(ph_log_level level)
{
	switch (level) {
	case PH_LOG_ERROR:
		return "error";
	case PH_LOG_WARN:
		return "warn";
	case PH_LOG_INFO:
		return "info";
	case PH_LOG_DEBUG:
		return "debug";
	}
	PH_UNREACHABLE("a level outside its enum");
}

/* Controls (C0, DEL, C1), line separators, and marks that turn text around on a terminal. */
static bool
must_escape(uint32_t code)
{
	return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x61c ||
	       code == 0x200e || code == 0x200f || (code >= 0x2028 && code <= 0x202e) ||
	       (code >= 0x2066 && code <= 0x2069);
}

/* Copy `text` to a terminal's safe form; returns the bytes written, at most `size`. */
static size_t
escape(const char *text, size_t length, char *out, size_t size)
{
	size_t written = 0;
	for (size_t at = 0; at < length;) {
		char piece[16];
		uint32_t code;
		size_t taken = ph_utf8_decode(text + at, length - at, &code);
		if (taken == 0) {
			taken = 1;
			snprintf(
			    piece, sizeof piece, "\\x%02x", (unsigned char) text[at]);
		} else if (must_escape(code)) {
			snprintf(piece, sizeof piece,
			    code < 0x80 ? "\\x%02x" : "\\u%04x", (unsigned) code);
		} else {
			memcpy(piece, text + at, taken);
			piece[taken] = '\0';
		}
		size_t bytes = strlen(piece);
		if (bytes > size - written)
			break;
		memcpy(out + written, piece, bytes);
		written += bytes;
		at += taken;
	}
	return written;
}

void
ph_log(ph_log_level level, const char *event, const char *format, ...)
{
	PH_ASSERT(event != NULL && format != NULL);
	if ((int) level > atomic_load(&threshold))
		return;

	char line[LINE];
	char time[PH_TIME_TEXT];
	ph_time_format(ph_clock_wall(ph_clock_system()), time);
	const char *name = atomic_load(&program);
	int head =
	    snprintf(line, sizeof line, "%s %s%s%s %s ", time, name == NULL ? "" : name,
		name == NULL ? "" : " ", level_name(level), event);
	PH_ASSERT(head > 0 && (size_t) head < sizeof line / 2);

	char text[LINE];
	va_list arguments;
	va_start(arguments, format);
	int length = vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	if (length < 0)
		length = 0;
	if ((size_t) length >= sizeof text)
		length = (int) sizeof text - 1;

	size_t at = (size_t) head;
	at += escape(text, (size_t) length, line + at, sizeof line - at - 1);
	while (at > 0 && line[at - 1] == ' ')
		at--;
	line[at++] = '\n';
	ssize_t written = write(STDERR_FILENO, line, at);
	(void) written; /* nowhere left to complain */
}
