/*
 * state - what is folded from the journal: messages and queues, the window of duplicates, cursors,
 * progress, what is to be carried. Empty when made; recover.h fills it.
 *
 * Thread: owner. Errors: PH_ERR_NOMEM; after one, free what there is.
 */
#ifndef PH_BROKER_STATE_H
#define PH_BROKER_STATE_H

#include "broker/broker.h"

ph_status ph_state_make(ph_broker *broker, ph_error *err);
void ph_state_free(ph_broker *broker);
/* Before sockets are open: back to having none. */
ph_status ph_state_forget(ph_broker *broker, ph_error *err);

#endif
