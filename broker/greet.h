/*
 * greet - how sessions begin and end, and what becomes of each frame.
 *
 * Nothing but HELLO is read from a stranger. A peer that breaks the protocol is told REFUSED and its
 * session ends; one whose session is over for another reason is told BYE, and may come back.
 *
 * Thread: owner. Errors: none; peers are told.
 */
#ifndef PH_BROKER_GREET_H
#define PH_BROKER_GREET_H

#include "broker/broker.h"

/* One frame from a peer, checked and handled. */
void ph_greet_frame(ph_broker *broker, const ph_received *received);
/* End a session; why is for the log. */
void ph_greet_end(ph_broker *broker, ph_session *session, const char *why);
/* The process of the adapter's host is gone: its session, and whatever it held. */
void ph_greet_host_gone(ph_broker *broker, const ph_site_adapter *adapter);
/* End those that are over, and those that were silent too long; PING those that were told nothing
 * lately. When to come again, in milliseconds; -1: when there is a session. */
int64_t ph_greet_tend(ph_broker *broker);
/* Tell everybody BYE. */
void ph_greet_goodbye(ph_broker *broker);

#endif
