/*
 * turn - what the loop does between two sleeps; the functions are called by the loop, with the
 * broker as `self`.
 *
 * Thread: owner. Errors: a store that has failed is told in the log, and the loop stops.
 */
#ifndef PH_BROKER_TURN_H
#define PH_BROKER_TURN_H

#include "broker/broker.h"

/* There are frames at the router. */
void ph_turn_frames(void *self);
/* Before the loop sleeps. True: do not sleep, there is more to do. */
bool ph_turn_end(void *self);
/* A time has come: the end of the turn does what is due. */
void ph_turn_due(void *self);
/* Nothing was submitted for a while. */
void ph_turn_idle(void *self);

#endif
