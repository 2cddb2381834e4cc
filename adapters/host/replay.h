/*
 * replay - what failed on its way in, put through the map again: deliveries of the queue `inbound`.
 *
 * Thread: the host's. Errors: none; everything becomes an outcome.
 */
#ifndef PH_HOST_REPLAY_H
#define PH_HOST_REPLAY_H

#include "adapters/host/inner.h"

/* The name of the entry it came through is in its attribute `entry`. */
void ph_replay_take(ph_host *host, const ph_event *event);

#endif
