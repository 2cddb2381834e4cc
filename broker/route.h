/*
 * route - which queues a message goes to.
 *
 * A route matches when every attribute it names has one of the values it lists; all routes that
 * match count, and a queue is chosen once. Routes are compiled when the broker starts, with the
 * queues as numbers; those that name a type are found by it.
 *
 * Thread: pure once made. Errors: PH_ERR_NOMEM, PH_ERR_NOT_FOUND (a queue without a number).
 */
#ifndef PH_BROKER_ROUTE_H
#define PH_BROKER_ROUTE_H

#include <stdbool.h>
#include <packhorse/message.h>
#include "lib/site/site.h"

typedef struct ph_routes ph_routes;
/* The number of a queue; 0 if there is none. */
typedef uint16_t ph_route_queue_fn(void *self, const char *name);
/* A message's attribute by name; NULL if it has none. */
typedef const char *ph_route_get_fn(const void *self, const char *name);

/* The routes are borrowed. *out is yours. */
ph_status ph_routes_new(const ph_site_route *routes, size_t count,
    ph_route_queue_fn *number, void *self, ph_routes **out, ph_error *err);
void ph_routes_destroy(ph_routes **routes_p);

/* The queues of a message, each once, at most `most`; returns how many. */
size_t ph_routes_match(
    const ph_routes *routes, const ph_message *message, uint16_t *queues, size_t most);
/* Does one route match whatever `get` tells of? For explaining. */
bool ph_route_matches(
    const ph_site_route *route, ph_route_get_fn *get, const void *self);

#endif
