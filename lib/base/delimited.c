/*
 * delimited - a cursor over the input and one scratch buffer for the field it has read.
 */
#include "lib/base/delimited.h"

#include <string.h>

void
ph_delimited_init(ph_delimited *input, const char *bytes, size_t length, char separator)
{
	*input =
	    (ph_delimited){.bytes = bytes, .length = length, .separator = separator};
	ph_buffer_init(&input->field, 0);
}

void
ph_delimited_fini(ph_delimited *input)
{
	ph_buffer_fini(&input->field);
}

/* The byte at the cursor; -1 at the end. */
static int
peek(const ph_delimited *input)
{
	return input->at < input->length ? (unsigned char) input->bytes[input->at] : -1;
}

static bool
at_separator(const ph_delimited *input)
{
	return input->at < input->length && input->bytes[input->at] == input->separator;
}

bool
ph_delimited_at_end(const ph_delimited *input)
{
	int c = peek(input);
	return c == -1 || c == '\n' ||
	       (c == '\r' && input->at + 1 < input->length &&
		   input->bytes[input->at + 1] == '\n');
}

bool
ph_delimited_more(ph_delimited *input)
{
	if (!at_separator(input))
		return false;
	input->at++;
	return true;
}

void
ph_delimited_skip_end(ph_delimited *input)
{
	if (peek(input) == '\r')
		input->at++;
	if (peek(input) == '\n')
		input->at++;
}

bool
ph_delimited_skip_blank(ph_delimited *input)
{
	size_t start = input->at;
	while (!at_separator(input) && (peek(input) == ' ' || peek(input) == '\t'))
		input->at++;
	if (ph_delimited_at_end(input))
		return true;
	input->at = start;
	return false;
}

static ph_delimited_fault
read_quoted(ph_delimited *input)
{
	size_t start = input->at++;
	for (;;) {
		const char *from = input->bytes + input->at;
		const char *quote = memchr(from, '"', input->length - input->at);
		if (quote == NULL) {
			input->at = start;
			return PH_DELIMITED_OPEN;
		}
		ph_buffer_append(&input->field, from, (size_t) (quote - from));
		input->at = (size_t) (quote - input->bytes) + 1;
		if (peek(input) != '"')
			break;
		ph_buffer_u8(&input->field, '"');
		input->at++;
	}
	return ph_delimited_at_end(input) || at_separator(input) ? PH_DELIMITED_GOOD
								 : PH_DELIMITED_AFTER;
}

static ph_delimited_fault
read_plain(ph_delimited *input)
{
	size_t start = input->at;
	for (; !ph_delimited_at_end(input) && !at_separator(input); input->at++) {
		if (peek(input) == '"')
			return PH_DELIMITED_QUOTE;
		if (peek(input) == '\r')
			return PH_DELIMITED_RETURN;
	}
	ph_buffer_append(&input->field, input->bytes + start, input->at - start);
	return PH_DELIMITED_GOOD;
}

ph_delimited_fault
ph_delimited_read(ph_delimited *input)
{
	ph_buffer_clear(&input->field);
	input->quoted = peek(input) == '"';
	return input->quoted ? read_quoted(input) : read_plain(input);
}

const char *
ph_delimited_text(const ph_delimited *input)
{
	return input->field.length == 0 ? "" : (const char *) input->field.data;
}
