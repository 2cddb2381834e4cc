#include "broker/progress.h"

#include <stdlib.h>
#include <string.h>

#include "broker/refill.h"
#include "lib/base/assert.h"

void
ph_progress_destroy(void *value)
{
	ph_progress *progress = value;
	if (progress == NULL)
		return;
	free(progress->reference);
	free(progress->resume);
	free(progress);
}

static ph_progress *
progress_new(const ph_record_progress *record)
{
	ph_progress *progress = calloc(1, sizeof *progress);
	if (progress == NULL)
		return NULL;
	progress->reference =
	    ph_slice_dup((ph_slice){record->reference.data, record->reference.length});
	progress->resume = malloc(record->resume.length + 1);
	if (progress->reference == NULL || progress->resume == NULL) {
		ph_progress_destroy(progress);
		return NULL;
	}
	memcpy(progress->resume, record->resume.data, record->resume.length);
	progress->resume_length = record->resume.length;
	return progress;
}

const ph_progress *
ph_progress_of(const ph_broker *broker, uint16_t queue, uint64_t acceptance)
{
	uint64_t number = ph_delivery_number(queue, acceptance);
	return ph_table_get(broker->progress, &number, sizeof number);
}

void
ph_progress_forget(ph_broker *broker, ph_item *item)
{
	if ((item->flags & PH_ITEM_PROGRESS) == 0)
		return;
	PH_ASSERT(item->state != PH_DELIVERY_GONE);
	uint64_t number = ph_delivery_number(item->queue, ph_item_entry(item)->number);
	ph_progress_destroy(ph_table_remove(broker->progress, &number, sizeof number));
	item->flags &= (uint8_t) ~PH_ITEM_PROGRESS;
}

ph_status
ph_progress_apply(ph_broker *broker, const ph_record_progress *record, ph_error *err)
{
	ph_item *item = ph_refill_item(broker,
	    ph_destinations_get(broker->destinations, record->queue),
	    record->acceptance);
	if (item == NULL)
		return PH_OK;
	ph_progress *progress = progress_new(record);
	if (progress == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "no memory for progress");
	ph_progress_forget(broker, item);
	uint64_t number = ph_delivery_number(record->queue, record->acceptance);
	ph_status status =
	    ph_table_put(broker->progress, &number, sizeof number, progress, err);
	if (status != PH_OK)
		ph_progress_destroy(progress);
	else
		item->flags |= PH_ITEM_PROGRESS;
	return status;
}
