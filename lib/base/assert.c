/*
 * assert - the last words of a program that has caught itself in a mistake.
 *
 * Written with one write call and no allocation: nothing can be trusted any more.
 */
#include "lib/base/assert.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void
ph_assert_failed(const char *expression, const char *file, int line)
{
	char text[512];
	snprintf(text, sizeof text, "packhorse: %s:%d: assertion failed: %s\n", file,
	    line, expression);
	ssize_t written = write(STDERR_FILENO, text, strlen(text));
	(void) written;
	abort();
}
