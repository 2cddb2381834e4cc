#include "broker/cursor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/crashpoint.h"

ph_status
ph_cursor_name(
    const ph_session *session, ph_slice name, char out[PH_CURSOR_NAME], ph_error *err)
{
	char plain[PH_CURSOR_NAME];
	if (!ph_slice_copy(name, plain, sizeof plain) || plain[0] == 0 ||
	    snprintf(out, PH_CURSOR_NAME, "%s/%s", session->name, plain) >=
		PH_CURSOR_NAME)
		return ph_fail(
		    err, PH_ERR_INVALID, "PH6511 a cursor's name is empty or too long");
	return PH_OK;
}

ph_status
ph_cursor_commit(ph_broker *broker, const char *name, ph_slice bytes, ph_error *err)
{
	ph_record_cursor record = {
	    .name = ph_view_of(name), .bytes = {bytes.data, bytes.length}};
	uint64_t offset = 0;
	ph_status status = PH_OK;
	ph_buffer_clear(&broker->record);
	ph_record_cursor_encode(&record, &broker->record);
	if (!PH_MUTANT("cursor-in-memory"))
		status = ph_broker_submit(broker, PH_RECORD_CURSOR, PH_STORE_ESSENTIAL,
		    NULL, 0, &offset, err);
	if (status == PH_OK)
		status = ph_cursor_apply(broker, record.name, record.bytes, err);
	return status;
}

ph_status
ph_cursor_apply(ph_broker *broker, ph_view name, ph_view bytes, ph_error *err)
{
	ph_cursor *fresh = malloc(sizeof *fresh + bytes.length);
	if (fresh == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "no memory for a cursor");
	fresh->length = bytes.length;
	if (bytes.length > 0)
		memcpy(fresh->bytes, bytes.data, bytes.length);
	ph_cursor *old = ph_table_get(broker->cursors, name.data, name.length);
	ph_status status =
	    ph_table_put(broker->cursors, name.data, name.length, fresh, err);
	free(status == PH_OK ? old : fresh);
	return status;
}

const ph_cursor *
ph_cursor_get(const ph_broker *broker, const char *name)
{
	return ph_table_gets(broker->cursors, name);
}
