/*
 * window_move - the window of duplicates that had to be kept in memory goes into a file after all.
 *
 * A slice of it in each turn, so that the loop goes on. Meanwhile the window in memory is the one that
 * is looked into and added to; the copy follows, and takes its place when it has caught up. Until then
 * no checkpoint names the copy: after a kill in between the window is made again from the journal
 * (remember.h), as if nothing had been begun.
 *
 * A disk that fills up meanwhile ends it (`duplicates-in-memory`, PH5376): the window stays in memory,
 * whole, the file is removed, and the next checkpoint tries again.
 *
 * Thread: owner.
 */
#ifndef PH_BROKER_WINDOW_MOVE_H
#define PH_BROKER_WINDOW_MOVE_H

#include "broker/broker.h"

/* Begin, if the window is in memory and a file can be made now. True: it has begun. */
bool ph_window_move_begin(ph_broker *broker);
/* Copy a slice. False: nothing is being moved, and nothing was. */
bool ph_window_move_turn(ph_broker *broker);
/* All of it at once, at the end: nobody waits. */
void ph_window_move_now(ph_broker *broker);
/* Leave the window where it is, and free the copy. */
void ph_window_move_drop(ph_broker *broker);

#endif
