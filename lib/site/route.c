/*
 * How it works: `routes/` is read in the order of its files' names; the routes of one file keep
 * their order. All routes that match a message count, so the order decides nothing but what is shown.
 */
#include "lib/site/part.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/fs.h"
#include "lib/config/config.h"

#define ROUTES_MAX 2000
#define QUEUES_MAX 64 /* one route's */

typedef struct reading {
	ph_site_whole *whole;
	const ph_document *document;
	const char *file;
} reading;

static bool
attribute_ok(const char *name)
{
	size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789");
	return length > 0 && length <= 20 && name[length] == 0;
}

static ph_status
check_patterns(const reading *at, const ph_node *when, const char *name,
    const ph_site_list *patterns, ph_error *err)
{
	const ph_node *node = ph_node_get(when, name);
	if (patterns->count == 0)
		return ph_config_fail(
		    err, at->document, node, "PH1340 %s has no values to match", name);
	for (size_t i = 0; i < patterns->count; i++) {
		const char *star = strchr(patterns->at[i], '*');
		if (star != NULL && star[1] != 0)
			return ph_config_fail(err, at->document, node,
			    "PH1341 a * may stand only at the end of a value");
	}
	return PH_OK;
}

static ph_status
read_when(const reading *at, const ph_node *node, ph_site_route *route, ph_error *err)
{
	const ph_node *when = ph_node_get(node, "when");
	if (when == NULL || when->kind != PH_NODE_OBJECT || when->count == 0)
		return ph_config_fail(err, at->document, when == NULL ? node : when,
		    "PH1342 a route has `when`: attributes and the values to match");
	ph_site_condition *list =
	    ph_arena_zalloc(at->whole->arena, when->count * sizeof(ph_site_condition));
	if (list == NULL)
		return ph_site_no_room(err);
	for (const ph_node *member = when->first; member != NULL;
	     member = member->next) {
		ph_site_condition *one = &list[route->when_count++];
		if (!attribute_ok(member->name))
			return ph_config_fail(err, at->document, member,
			    "PH1343 attributes have 1 to 20 of a-z and 0-9");
		one->attribute = member->name;
		ph_status status = ph_site_texts(
		    at->whole, at->document, when, member->name, &one->patterns, err);
		if (status == PH_OK)
			status =
			    check_patterns(at, when, member->name, &one->patterns, err);
		if (status != PH_OK)
			return status;
	}
	route->when = list;
	return PH_OK;
}

static ph_status
read_to(const reading *at, const ph_node *node, ph_site_route *route, ph_error *err)
{
	const ph_site *site = &at->whole->site;
	const ph_node *to = ph_node_get(node, "to");
	if (to == NULL)
		return ph_config_fail(err, at->document, node,
		    "PH1344 a route has `to`: the queues it leads to");
	ph_status status =
	    ph_site_texts(at->whole, at->document, node, "to", &route->to, err);
	if (status == PH_OK && (route->to.count == 0 || route->to.count > QUEUES_MAX))
		return ph_config_fail(err, at->document, to,
		    "PH1345 a route leads to 1 to %d queues", QUEUES_MAX);
	for (size_t i = 0; status == PH_OK && i < route->to.count; i++) {
		if (!ph_site_has_queue(site, route->to.at[i]))
			return ph_config_fail(err, at->document, to,
			    "PH1346 there is no queue \"%s\": no adapter empties it, "
			    "and packhorse.yaml does not declare it",
			    route->to.at[i]);
	}
	return status;
}

static ph_status
read_route(const reading *at, const ph_node *node, ph_site_route *route, ph_error *err)
{
	static const char *const known[] = {"route", "purpose", "when", "to", NULL};
	const ph_site *site = &at->whole->site;
	ph_status status = ph_config_known(at->document, node, known, err);
	if (status == PH_OK)
		status = ph_config_text(
		    at->document, node, "route", NULL, &route->name, err);
	if (status == PH_OK && (route->name == NULL || route->name[0] == 0))
		return ph_config_fail(
		    err, at->document, node, "PH1347 a route has a name: `route: ...`");
	for (size_t i = 0; status == PH_OK && i < site->route_count; i++) {
		if (strcmp(site->routes[i].name, route->name) == 0)
			return ph_config_fail(err, at->document,
			    ph_node_get(node, "route"),
			    "PH1348 there is a route of that name in %s:%u",
			    site->routes[i].file, site->routes[i].line);
	}
	if (status == PH_OK)
		status = ph_config_text(
		    at->document, node, "purpose", "", &route->purpose, err);
	route->file = at->file;
	route->line = node->line;
	if (status == PH_OK)
		status = read_when(at, node, route, err);
	if (status == PH_OK)
		status = read_to(at, node, route, err);
	return status;
}

static ph_status
read_file(ph_site_whole *whole, const char *path, ph_error *err)
{
	static const char *const known[] = {"routes", NULL};
	ph_document *document = NULL;
	ph_status status = ph_site_read(whole, path, &document, err);
	if (status != PH_OK)
		return status;
	reading at = {.whole = whole, .document = document, .file = path};
	const ph_node *root = ph_document_root(document);
	status = ph_config_known(document, root, known, err);
	if (status != PH_OK)
		return status;
	const ph_node *list = root == NULL ? NULL : ph_node_get(root, "routes");
	if (list == NULL || list->kind == PH_NODE_NULL)
		return PH_OK;
	if (list->kind != PH_NODE_LIST)
		return ph_config_fail(
		    err, document, list, "PH1349 routes takes a list of routes");
	for (const ph_node *node = list->first; node != NULL; node = node->next) {
		if (whole->site.route_count == ROUTES_MAX)
			return ph_config_fail(err, document, node,
			    "PH1350 there are more than %d routes", ROUTES_MAX);
		status =
		    read_route(&at, node, &whole->routes[whole->site.route_count], err);
		if (status != PH_OK)
			return status;
		whole->site.route_count++;
	}
	return PH_OK;
}

ph_status
ph_site_load_routes(ph_site_whole *whole, ph_error *err)
{
	const char *directory = ph_site_path(whole, whole->site.directory, "routes");
	char **names = NULL;
	size_t count = 0;
	whole->routes =
	    ph_arena_zalloc(whole->arena, ROUTES_MAX * sizeof(ph_site_route));
	if (directory == NULL || whole->routes == NULL)
		return ph_site_no_room(err);
	whole->site.routes = whole->routes;
	ph_status status = ph_fs_list(directory, ".yaml", &names, &count, err);
	for (size_t i = 0; status == PH_OK && i < count; i++) {
		const char *path = ph_site_path(whole, directory, names[i]);
		status =
		    path == NULL ? ph_site_no_room(err) : read_file(whole, path, err);
	}
	free(names);
	return status;
}
