/*
 * destination - a queue and who empties it.
 *
 * Every queue that was ever used has a number for ever (a record binds the two before its first
 * use); the system's own are 1 `inbound` and 2 `unrouted`. A queue whose adapter has left the
 * configuration keeps its messages and hands nothing out.
 *
 * Thread: owner. Errors: PH_ERR_NOMEM, PH_ERR_FULL.
 */
#ifndef PH_BROKER_DESTINATION_H
#define PH_BROKER_DESTINATION_H

#include <stdbool.h>
#include "broker/queue.h"
#include "broker/rate.h"
#include "broker/shelf.h"
#include "lib/site/site.h"

#define PH_QUEUE_INBOUND  1
#define PH_QUEUE_UNROUTED 2

typedef struct ph_subscription ph_subscription;

typedef struct ph_destination {
	ph_queue *queue;
	ph_shelf *shelf; /* NULL until something of the queue is put there */
	const ph_site_adapter *adapter; /* NULL: plain clients', or nobody's */
	bool declared;			/* in today's configuration */
	ph_holding away;		/* in flight with a host that is not here now */
	ph_subscription *first; /* the next to be handed something; a ring by `next` */
	ph_rate settled;	/* since the start: deliveries that are over */
	char last_error
	    [256]; /* of the last delivery that failed; "" once one went well */
} ph_destination;

typedef struct ph_destinations ph_destinations;

ph_status ph_destinations_new(size_t most, ph_destinations **out, ph_error *err);
void ph_destinations_destroy(ph_destinations **destinations_p);
/* A queue with its number, from the journal or new. PH_ERR_CONFLICT: number or name is taken. */
ph_status ph_destinations_add(ph_destinations *destinations, uint16_t number,
    const char *name, ph_destination **out, ph_error *err);
/* A number that is free. */
ph_status ph_destinations_number(
    const ph_destinations *destinations, uint16_t *out, ph_error *err);
/* NULL: no such queue. */
ph_destination *ph_destinations_get(
    const ph_destinations *destinations, uint16_t number);
ph_destination *ph_destinations_find(
    const ph_destinations *destinations, const char *name);
/* In the order of their numbers: start with 0; NULL at the end. */
ph_destination *ph_destinations_next(
    const ph_destinations *destinations, unsigned *cursor);

/* The queue's deliveries may be sent twice without harm. */
static inline bool
ph_destination_repeatable(const ph_destination *to)
{
	return to->adapter == NULL || to->adapter->idempotent;
}

#endif
