/*
 * cloudevent - CloudEvents in JSON (CloudEvents 1.0.2, "JSON event format") to messages and back.
 *
 * Numbers in `data` keep the text they were written with. `data` is JSON when `datacontenttype` is
 * missing or a JSON type; with another type it is a string, or `data_base64`. A message without a
 * datacontenttype whose `data` was given gets "application/json".
 *
 * Thread: pure. Errors: PH_ERR_INVALID with `where` as given and a text that starts with its code.
 */
#ifndef PH_CLI_CLOUDEVENT_H
#define PH_CLI_CLOUDEVENT_H

#include <stdbool.h>
#include <packhorse/message.h>
#include "lib/base/buffer.h"

/* Read one event; `where` is shown in errors ("events.jsonl:3"). *id (NULL allowed) is a copy of its
 * id for answers, "" where it has none; it is set also on errors, and yours to free. */
ph_status ph_cloudevent_decode(const char *where, const void *json, size_t length,
    ph_message **out, char **id, ph_error *err);

/* Append the event as one line of JSON without its newline. `with_data`: the payload too. */
ph_status ph_cloudevent_encode(
    const ph_message *message, bool with_data, ph_buffer *out, ph_error *err);

/* Append the base64 form (RFC 4648, section 4, padded). */
void ph_base64_encode(const void *bytes, size_t length, ph_buffer *out);
/* Append the bytes; false if it is not base64. */
bool ph_base64_decode(const char *text, size_t length, ph_buffer *out);

#endif
