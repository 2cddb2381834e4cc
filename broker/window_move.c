/*
 * How it works: entries have numbers in the order in which they were added, so the copy knows where it
 * has got to, whatever the window forgets and takes in between two slices. A slice is larger than what
 * came since the last, so there is an end.
 */
#include "broker/window_move.h"

#include <stdlib.h>

#include "broker/keep.h"
#include "lib/base/log.h"

#define SLICE 2048 /* entries, beside as many as came since the last: 1 to 2 ms */

struct ph_window_move {
	ph_duplicates *copy;
	uint64_t next;	   /* number of the entry to be copied next */
	uint64_t accepted; /* the last acceptance at the last slice */
};

void
ph_window_move_drop(ph_broker *broker)
{
	if (broker->move == NULL)
		return;
	ph_duplicates_destroy(&broker->move->copy);
	free(broker->move);
	broker->move = NULL;
}

bool
ph_window_move_begin(ph_broker *broker)
{
	size_t limit =
	    (size_t) ph_options_get(&broker->site->options, PH_OPTION_DUPLICATES);
	if (broker->move != NULL || ph_duplicates_fd(broker->duplicates) >= 0 ||
	    !ph_keep_allows(broker, PH_DUPLICATES_STEP))
		return false;
	broker->move = calloc(1, sizeof *broker->move);
	if (broker->move == NULL)
		return false;
	broker->move->accepted = broker->last_acceptance;
	if (ph_duplicates_new(limit, &broker->move->copy, NULL) == PH_OK &&
	    ph_duplicates_begin(
		broker->move->copy, broker->fs, broker->site->state, NULL) == PH_OK)
		return true;
	ph_window_move_drop(broker);
	return false;
}

static void
give_up(ph_broker *broker, const ph_error *why)
{
	ph_log(PH_LOG_ERROR, "duplicates-in-memory",
	    "most=%zu text=PH5376 the duplicate window stays in memory: %s",
	    ph_duplicates_count(broker->duplicates), why->text);
	ph_window_move_drop(broker);
	ph_duplicates_remove(broker->fs, broker->site->state);
}

static void
take_over(ph_broker *broker)
{
	ph_duplicates *in_memory = broker->duplicates;
	broker->duplicates = broker->move->copy;
	broker->move->copy = in_memory;
	ph_window_move_drop(broker);
	ph_log(PH_LOG_INFO, "duplicates-in-file", "entries=%zu",
	    ph_duplicates_count(broker->duplicates));
}

bool
ph_window_move_turn(ph_broker *broker)
{
	struct ph_window_move *move = broker->move;
	ph_error why = {.status = PH_OK};
	if (move == NULL)
		return false;
	size_t most = SLICE + (size_t) (broker->last_acceptance - move->accepted);
	move->accepted = broker->last_acceptance;
	bool more =
	    ph_duplicates_copy(broker->duplicates, move->copy, &move->next, most);
	if (ph_duplicates_flush(move->copy, &why) != PH_OK)
		give_up(broker, &why);
	else if (!more)
		take_over(broker);
	return true;
}

void
ph_window_move_now(ph_broker *broker)
{
	(void) ph_window_move_begin(broker);
	while (ph_window_move_turn(broker))
		;
}
