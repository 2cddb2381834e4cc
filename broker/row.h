/*
 * row - one answer row of an operator's verb: a JSON object, built member by member.
 *
 * Text is escaped (control bytes, quotes, backslashes; invalid UTF-8 becomes U+FFFD). Lists and
 * objects inside are opened and closed by hand.
 *
 * Thread: owner. Errors: the buffer's `failed`.
 */
#ifndef PH_BROKER_ROW_H
#define PH_BROKER_ROW_H

#include <stdbool.h>
#include <stdint.h>
#include "lib/base/buffer.h"

void ph_row_begin(ph_buffer *row);
void ph_row_end(ph_buffer *row);
void ph_row_text(ph_buffer *row, const char *name, const char *text);
void ph_row_text_n(ph_buffer *row, const char *name, const char *text, size_t length);
void ph_row_number(ph_buffer *row, const char *name, int64_t number);
void ph_row_count(ph_buffer *row, const char *name, uint64_t number);
void ph_row_bool(ph_buffer *row, const char *name, bool yes);
void ph_row_null(ph_buffer *row, const char *name);
void ph_row_base64(ph_buffer *row, const char *name, const void *bytes, size_t length);
/* "name":[ ... ]; items by ph_row_item_*. */
void ph_row_list(ph_buffer *row, const char *name);
void ph_row_list_end(ph_buffer *row);
void ph_row_item(ph_buffer *row, const char *text);
/* An object in a list, or in the row under a name (NULL in a list). */
void ph_row_object(ph_buffer *row, const char *name);
void ph_row_object_end(ph_buffer *row);

#endif
