/*
 * How it works: each part is made empty; recovery fills it, from a checkpoint and the records since.
 */
#include "broker/state.h"

#include <stdlib.h>

#include "broker/carry.h"
#include "broker/progress.h"
#include "broker/window_move.h"
#include "lib/base/assert.h"

#define CACHE_BYTES (64u << 20)

ph_status
ph_state_make(ph_broker *broker, ph_error *err)
{
	const ph_options *options = &broker->site->options;
	ph_status status = ph_backlog_new(CACHE_BYTES, &broker->backlog, err);
	if (status == PH_OK)
		status = ph_duplicates_new(
		    (size_t) ph_options_get(options, PH_OPTION_DUPLICATES),
		    &broker->duplicates, err);
	if (status == PH_OK)
		status = ph_destinations_new(
		    (size_t) ph_options_get(options, PH_OPTION_QUEUES),
		    &broker->destinations, err);
	if (status == PH_OK)
		status = ph_table_new(&broker->cursors, err);
	if (status == PH_OK)
		status = ph_table_new(&broker->progress, err);
	if (status == PH_OK)
		status = ph_carry_new(&broker->carry, err);
	return status;
}

static void
free_cursor(void *cursor)
{
	free(cursor);
}

void
ph_state_free(ph_broker *broker)
{
	/* queues look at their items once more, for the letters of the dead */
	ph_destinations_destroy(&broker->destinations);
	ph_backlog_destroy(&broker->backlog);
	ph_window_move_drop(broker);
	ph_duplicates_destroy(&broker->duplicates);
	ph_table_destroy(&broker->cursors, free_cursor);
	ph_table_destroy(&broker->progress, ph_progress_destroy);
	ph_carry_destroy(&broker->carry);
}

ph_status
ph_state_forget(ph_broker *broker, ph_error *err)
{
	PH_ASSERT(broker->router == NULL && !broker->dirty);
	ph_state_free(broker);
	broker->last_acceptance = 0;
	broker->last_position = (ph_position){.offset = 0};
	broker->counts = (ph_broker_counts){.messages = 0};
	return ph_state_make(broker, err);
}
