/*
 * inbound_file - the item's bytes as a stream of the map engine.
 */
#include "adapters/host/inbound_file.h"

#include <stdlib.h>
#include <string.h>
#include "lib/base/assert.h"

/* What is looked through in a turn of the loop: some milliseconds. */
enum { SLICE_BYTES = 256 << 10 };

struct ph_inbound_file {
	ph_inbound_item *item;
	size_t at; /* bytes that were read */
	ph_map_stream *stream;
	ph_map_call *call; /* of a piece that has just come; NULL */
	const char *cursor_name;
	bool ended;
};

static ph_status
read_bytes(void *self, void *into, size_t size, size_t *got, ph_error *err)
{
	ph_inbound_file *file = self;
	size_t left = file->item->task.length - file->at;
	(void) err;
	*got = left < size ? left : size;
	if (*got)
		memcpy(into, file->item->bytes + file->at, *got);
	file->at += *got;
	return PH_OK;
}

bool
ph_inbound_is_file(const ph_inbound_item *it)
{
	const ph_inbound_task *task = &it->task;
	return task->length > ph_map_largest(task->map) && !task->caller_waits &&
	       !task->replay && !task->alone &&
	       ph_map_streams(task->map, NULL) == PH_OK;
}

static ph_status
open_stream(ph_inbound_file *file, ph_error *err)
{
	file->at = 0;
	ph_map_stream_destroy(&file->stream);
	return ph_map_stream_open(
	    file->item->task.map, read_bytes, file, &file->stream, err);
}

ph_status
ph_inbound_file_open(ph_inbound_item *it, ph_error *err)
{
	int64_t most = ph_options_get(&it->host->site->options, PH_OPTION_FILE_BYTES);
	if (it->task.length > (size_t) most)
		return ph_fail(err, PH_ERR_TOO_LARGE,
		    "PH4047 a file of more bytes than the limit file: allows");
	ph_inbound_file *file = calloc(1, sizeof *file);
	if (!file)
		return ph_fail(err, PH_ERR_NOMEM, "PH4043 out of memory");
	it->file = file;
	file->item = it;
	return open_stream(file, err);
}

ph_status
ph_inbound_file_look(ph_inbound_item *it, ph_error *err)
{
	ph_inbound_file *file = it->file;
	size_t until = file->at + SLICE_BYTES;
	ph_status status = PH_OK;
	while (!status && file->at < until)
		status = ph_map_stream_check_next(file->stream, err);
	if (!status)
		return PH_ERR_AGAIN;
	if (status == PH_ERR_NOT_FOUND)
		status = open_stream(file, err);
	if (status)
		return status;
	file->cursor_name = it->task.cursor_name;
	it->task.cursor_name = NULL;
	return PH_OK;
}

void
ph_inbound_file_close(ph_inbound_item *it)
{
	ph_inbound_file *file = it->file;
	if (!file)
		return;
	ph_map_call_destroy(&file->call);
	ph_map_stream_destroy(&file->stream);
	free(file);
	it->file = NULL;
}

ph_status
ph_inbound_file_next(ph_inbound_item *it, ph_error *err)
{
	ph_inbound_file *file = it->file;
	PH_ASSERT(!file->ended && !file->call);
	ph_status status = ph_map_stream_next(file->stream, &file->call, err);
	if (status == PH_ERR_NOT_FOUND) {
		file->ended = true;
		it->task.cursor_name = file->cursor_name;
	}
	it->before = (size_t) ph_map_stream_before(file->stream);
	return status;
}

ph_status
ph_inbound_file_call(ph_inbound_item *it, ph_map_call **out, ph_error *err)
{
	ph_inbound_file *file = it->file;
	if (!file->call)
		return ph_map_stream_again(file->stream, out, err);
	*out = file->call;
	file->call = NULL;
	return PH_OK;
}

bool
ph_inbound_file_more(const ph_inbound_item *it)
{
	return it->file && !it->file->ended;
}
