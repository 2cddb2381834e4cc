#include "cli/entry.h"

#include <stdlib.h>
#include <string.h>

#include "cli/cloudevent.h"

/* Append the event of the row's message. False: it has none, or none that can be read. */
static bool
append_event(const json_t *row, ph_buffer *out)
{
	const json_t *message = json_object_get(row, "message");
	if (!json_is_string(message))
		return false;
	ph_buffer bytes;
	ph_message *decoded = NULL;
	ph_buffer_init(&bytes, 0);
	bool fine =
	    ph_base64_decode(
		json_string_value(message), json_string_length(message), &bytes) &&
	    ph_message_decode(bytes.data, bytes.length, &decoded, NULL) == PH_OK &&
	    ph_cloudevent_encode(decoded, true, out, NULL) == PH_OK;
	ph_message_unref(&decoded);
	ph_buffer_fini(&bytes);
	return fine;
}

/* The event is spliced in as text: a JSON value would lose how numbers were written. */
static void
show_json(ph_cli *cli, const json_t *row)
{
	ph_buffer event;
	json_t *rest = json_copy((json_t *) (uintptr_t) row);
	ph_buffer_init(&event, 0);
	bool has = append_event(row, &event);
	(void) json_object_del(rest, "message");
	char *text = json_dumps(rest, JSON_COMPACT);
	size_t length = text != NULL ? strlen(text) : 0;
	if (has && length >= 2)
		fprintf(cli->out, "%.*s,\"event\":%.*s}\n", (int) length - 1, text,
		    (int) event.length, (const char *) event.data);
	else if (text != NULL)
		fprintf(cli->out, "%s\n", text);
	free(text);
	json_decref(rest);
	ph_buffer_fini(&event);
}

void
ph_entry_show(ph_cli *cli, const ph_column *columns, size_t count, const json_t *row)
{
	if (cli->json) {
		show_json(cli, row);
		return;
	}
	ph_cli_sheet(cli, columns, count, json_incref((json_t *) (uintptr_t) row));
	ph_buffer event;
	ph_buffer_init(&event, 0);
	if (append_event(row, &event))
		fprintf(
		    cli->out, "%.*s\n", (int) event.length, (const char *) event.data);
	ph_buffer_fini(&event);
}
