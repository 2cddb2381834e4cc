/* How it works: requests are few; they stand in a list until their answer comes, and are sent again
 * after a reconnect. */
#include "lib/client/inner.h"

#include <stdlib.h>

#include "lib/base/assert.h"

ph_status
ph_request_add(ph_client *client, ph_frame_type answer, uint64_t number,
    ph_buffer *frame, ph_error *err)
{
	ph_request *added = frame->failed ? NULL : calloc(1, sizeof *added);
	if (added == NULL) {
		ph_buffer_fini(frame);
		return ph_fail(err, PH_ERR_NOMEM, "no memory for a request");
	}
	*added = (ph_request){.answer = answer, .number = number, .frame = *frame};
	ph_request **end = &client->requests;
	while (*end != NULL)
		end = &(*end)->next;
	*end = added;
	ph_link_flush(client);
	return PH_OK;
}

bool
ph_request_answered(ph_client *client, ph_frame_type answer, uint64_t number)
{
	for (ph_request **link = &client->requests; *link != NULL;
	     link = &(*link)->next) {
		ph_request *at = *link;
		if (at->answer != answer || at->number != number)
			continue;
		*link = at->next;
		ph_buffer_fini(&at->frame);
		free(at);
		return true;
	}
	return false;
}
