/*
 * How it works: a route whose `type` condition has only whole values is listed under each of them in
 * a table; the others are looked at for every message. A candidate's conditions are then checked in
 * order.
 */
#include "broker/route.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/assert.h"
#include "lib/base/table.h"

typedef struct route {
	const ph_site_route *site;
	uint16_t *queues; /* site->to.count of them */
} route;

/* Routes that want one type. */
typedef struct bucket {
	size_t count;
	const route **routes;
} bucket;

struct ph_routes {
	size_t count;
	route *routes;
	ph_table *by_type; /* type -> bucket */
	bucket any;	   /* routes without a plain list of types */
};

static bool
matches_one(const char *pattern, const char *value)
{
	size_t length = strlen(pattern);
	if (length > 0 && pattern[length - 1] == '*')
		return strncmp(pattern, value, length - 1) == 0;
	return strcmp(pattern, value) == 0;
}

static bool
condition_holds(const ph_site_condition *condition, const char *value)
{
	for (size_t i = 0; value != NULL && i < condition->patterns.count; i++) {
		if (matches_one(condition->patterns.at[i], value))
			return true;
	}
	return false;
}

bool
ph_route_matches(const ph_site_route *site, ph_route_get_fn *get, const void *self)
{
	for (size_t i = 0; i < site->when_count; i++) {
		const ph_site_condition *condition = &site->when[i];
		if (!condition_holds(condition, get(self, condition->attribute)))
			return false;
	}
	return true;
}

static const char *
get_attribute(const void *self, const char *name)
{
	return ph_message_get(self, name, NULL);
}

static bool
bucket_add(bucket *into, const route *one)
{
	const route **routes =
	    realloc(into->routes, (into->count + 1) * sizeof(route *));
	if (routes == NULL)
		return false;
	into->routes = routes;
	routes[into->count++] = one;
	return true;
}

static void
destroy_bucket(void *value)
{
	bucket *one = value;
	free(one->routes);
	free(one);
}

/* The condition on `type`, if all its values are whole. */
static const ph_site_condition *
types_of(const ph_site_route *site)
{
	for (size_t i = 0; i < site->when_count; i++) {
		if (strcmp(site->when[i].attribute, "type") != 0)
			continue;
		for (size_t k = 0; k < site->when[i].patterns.count; k++) {
			if (strchr(site->when[i].patterns.at[k], '*') != NULL)
				return NULL;
		}
		return &site->when[i];
	}
	return NULL;
}

static bool
add_under(ph_routes *routes, const char *type, const route *one)
{
	bucket *into = ph_table_gets(routes->by_type, type);
	if (into == NULL) {
		into = calloc(1, sizeof *into);
		if (into == NULL ||
		    ph_table_puts(routes->by_type, type, into, NULL) != PH_OK) {
			free(into);
			return false;
		}
	}
	/* The same type twice in one route's list: once is enough. */
	if (into->count > 0 && into->routes[into->count - 1] == one)
		return true;
	return bucket_add(into, one);
}

static ph_status
add(ph_routes *routes, const ph_site_route *site, ph_route_queue_fn *number, void *self,
    ph_error *err)
{
	route *one = &routes->routes[routes->count];
	const ph_site_condition *types = types_of(site);
	one->site = site;
	one->queues = calloc(site->to.count, sizeof(uint16_t));
	bool ok = one->queues != NULL;
	routes->count++;
	for (size_t i = 0; ok && i < site->to.count; i++) {
		one->queues[i] = number(self, site->to.at[i]);
		if (one->queues[i] == 0)
			return ph_fail(err, PH_ERR_NOT_FOUND,
			    "route %s leads to queue %s, which is not there",
			    site->name, site->to.at[i]);
	}
	if (ok && types == NULL)
		ok = bucket_add(&routes->any, one);
	for (size_t i = 0; ok && types != NULL && i < types->patterns.count; i++)
		ok = add_under(routes, types->patterns.at[i], one);
	return ok ? PH_OK : ph_fail(err, PH_ERR_NOMEM, "no memory for the routes");
}

ph_status
ph_routes_new(const ph_site_route *list, size_t count, ph_route_queue_fn *number,
    void *self, ph_routes **out, ph_error *err)
{
	ph_routes *routes = calloc(1, sizeof *routes);
	if (routes == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "no memory for the routes");
	ph_status status = ph_table_new(&routes->by_type, err);
	routes->routes = calloc(count + 1, sizeof(route));
	if (status == PH_OK && routes->routes == NULL)
		status = ph_fail(err, PH_ERR_NOMEM, "no memory for the routes");
	for (size_t i = 0; status == PH_OK && i < count; i++)
		status = add(routes, &list[i], number, self, err);
	if (status != PH_OK)
		ph_routes_destroy(&routes);
	else
		*out = routes;
	return status;
}

void
ph_routes_destroy(ph_routes **routes_p)
{
	ph_routes *routes = *routes_p;
	*routes_p = NULL;
	if (routes == NULL)
		return;
	ph_table_destroy(&routes->by_type, destroy_bucket);
	for (size_t i = 0; routes->routes != NULL && i < routes->count; i++)
		free(routes->routes[i].queues);
	free(routes->routes);
	free(routes->any.routes);
	free(routes);
}

static size_t
choose(const bucket *from, const ph_message *message, uint16_t *queues, size_t count,
    size_t most)
{
	for (size_t i = 0; i < from->count; i++) {
		const route *one = from->routes[i];
		if (!ph_route_matches(one->site, get_attribute, message))
			continue;
		for (size_t k = 0; k < one->site->to.count && count < most; k++) {
			size_t at = 0;
			while (at < count && queues[at] != one->queues[k])
				at++;
			queues[at] = one->queues[k];
			count += at == count;
		}
	}
	return count;
}

size_t
ph_routes_match(
    const ph_routes *routes, const ph_message *message, uint16_t *queues, size_t most)
{
	size_t length = 0;
	const char *type = ph_message_get(message, "type", &length);
	PH_ASSERT(type != NULL);
	const bucket *typed = ph_table_get(routes->by_type, type, length);
	size_t count = choose(&routes->any, message, queues, 0, most);
	return typed == NULL ? count : choose(typed, message, queues, count, most);
}
