/*
 * supervise - the processes of the adapters' hosts: one each, never two.
 *
 * A host is started with two descriptors: 3, a pipe with its endpoint and one-time token, and 4, the
 * lock of its adapter, held as long as it lives. It outlives the broker. A broker that finds the lock
 * taken at its start adopts the host: it waits for it to come back, and kills it when it does not
 * within the deadline. A host that dies is started again after a back-off that grows with every
 * early death. What a dead host held is settled as its queue's rules say (settle.h).
 *
 * Thread: owner. Errors: PH_ERR_IO, PH_ERR_NOMEM; a host that cannot be started is tried again.
 */
#ifndef PH_BROKER_SUPERVISE_H
#define PH_BROKER_SUPERVISE_H

#include "broker/broker.h"

/* The process of an adapter's host is gone for good, and what it held with it. */
typedef void ph_supervise_gone(ph_broker *broker, const ph_site_adapter *adapter);

/* Start or adopt the host of every enabled adapter. */
ph_status ph_supervise_start(ph_broker *broker, ph_supervise_gone *gone, ph_error *err);
/* Ask all hosts to end, kill the rest after a while; the loop is stopped when none is left. */
void ph_supervise_stop(ph_broker *broker);
bool ph_supervise_stopping(const ph_broker *broker);
/* The hosts live on; only our memory of them is freed. */
void ph_supervise_destroy(ph_broker *broker);

/* A host's session began or ended. */
void ph_supervise_attached(ph_broker *broker, const ph_site_adapter *adapter);
void ph_supervise_detached(ph_broker *broker, const ph_site_adapter *adapter);

/* What operators are shown. */
typedef struct ph_supervise_look {
	const char *state; /* "disabled" "waiting" "starting" "up" "detached" "ended" */
	int64_t pid;	   /* 0: none */
	uint64_t restarts; /* since this broker started */
	const char *last_error; /* "" if none; borrowed */
} ph_supervise_look;
void ph_supervise_look_at(
    const ph_broker *broker, const ph_site_adapter *adapter, ph_supervise_look *out);

#endif
