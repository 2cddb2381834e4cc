/*
 * How it works: packhorse.yaml is read here, then the adapters' and routes' files by adapter.c and
 * route.c. All texts and arrays live on one arena, all documents in one list; a site is freed by
 * freeing both. part.c is what the readers share, find.c what is asked of a site afterwards.
 */
#include "lib/site/part.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/config/config.h"

#define ARENA_MAX    (64u << 20)
#define RUN_PATH_MAX 64 /* leaves room for socket names within ipc's 107 bytes */

static const char *const system_queues[] = {"inbound", "unrouted"};

static ph_status
read_paths(ph_site_whole *whole, const ph_document *document, const ph_node *root,
    ph_error *err)
{
	static const char *const known[] = {
	    "plugins", "connectors", "schemas", "host", NULL};
	ph_site *site = &whole->site;
	const ph_node *paths = ph_node_get(root, "paths");
	const char *plugins = PH_PLUGINDIR;
	const char *host = PH_LIBEXECDIR "/packhorse-host";
	ph_status status = ph_config_known(document, paths, known, err);
	if (status == PH_OK)
		status =
		    ph_config_text(document, paths, "plugins", plugins, &plugins, err);
	if (status == PH_OK)
		status = ph_config_text(document, paths, "host", host, &host, err);
	if (status == PH_OK)
		status = ph_site_texts(
		    whole, document, paths, "connectors", &site->connectors, err);
	if (status == PH_OK)
		status = ph_site_texts(
		    whole, document, paths, "schemas", &site->schemas, err);
	if (status != PH_OK)
		return status;
	site->plugins = ph_site_path(whole, site->directory, plugins);
	site->host = ph_site_path(whole, site->directory, host);
	if (site->connectors.count == 0)
		(void) ph_site_list_add(
		    whole, &site->connectors, PH_DATADIR "/connectors");
	if (site->schemas.count == 0)
		(void) ph_site_list_add(whole, &site->schemas, PH_DATADIR "/schemas");
	for (size_t i = 0; i < site->connectors.count; i++)
		site->connectors.at[i] =
		    ph_site_path(whole, site->directory, site->connectors.at[i]);
	for (size_t i = 0; i < site->schemas.count; i++)
		site->schemas.at[i] =
		    ph_site_path(whole, site->directory, site->schemas.at[i]);
	return PH_OK;
}

static ph_status
read_limit(ph_options *options, const ph_document *document, const ph_node *limits,
    const ph_node *limit, ph_error *err)
{
	ph_option option;
	if (ph_option_find(limit->name, &option, NULL) != PH_OK)
		return ph_config_fail(err, document, limit,
		    "PH1305 there is no limit \"%s\"; packhorse.conf(5) lists them",
		    limit->name);
	const ph_option_about *about = ph_option_describe(option);
	int64_t value = 0;
	ph_status status;
	if (strcmp(about->unit, "bytes") == 0)
		status = ph_config_size(document, limits, limit->name, 0, &value, err);
	else if (strcmp(about->unit, "count") == 0)
		status = ph_config_number(
		    document, limits, limit->name, 0, INT64_MAX, 0, &value, err);
	else
		status =
		    ph_config_duration(document, limits, limit->name, 0, &value, err);
	if (status != PH_OK)
		return status;
	if (strcmp(about->unit, "s") == 0)
		value /= 1000;
	if (ph_options_set(options, option, value, NULL) != PH_OK)
		return ph_config_fail(err, document, limit,
		    "PH1306 %s may be %lld to %lld (%s)", limit->name,
		    (long long) about->least, (long long) about->most, about->unit);
	return PH_OK;
}

static ph_status
read_limits(ph_site_whole *whole, const ph_document *document, const ph_node *root,
    ph_error *err)
{
	static const char *const none[] = {NULL};
	const ph_node *limits = ph_node_get(root, "limits");
	ph_options_init(&whole->site.options);
	if (limits == NULL || limits->kind == PH_NODE_NULL)
		return PH_OK;
	if (limits->kind != PH_NODE_OBJECT)
		return ph_config_known(document, limits, none, err);
	for (const ph_node *at = limits->first; at != NULL; at = at->next) {
		ph_status status =
		    read_limit(&whole->site.options, document, limits, at, err);
		if (status != PH_OK)
			return status;
	}
	return PH_OK;
}

static ph_status
read_listen(ph_site_whole *whole, const ph_document *document, const ph_node *root,
    ph_error *err)
{
	ph_status status =
	    ph_site_texts(whole, document, root, "listen", &whole->site.listen, err);
	for (size_t i = 0; status == PH_OK && i < whole->site.listen.count; i++) {
		const char *endpoint = whole->site.listen.at[i];
		const ph_node *node = ph_node_get(root, "listen");
		if (strncmp(endpoint, "ipc://", 6) == 0)
			continue;
		return ph_config_fail(err, document, node,
		    strncmp(endpoint, "tcp://", 6) == 0
			? "PH1307 a tcp:// endpoint needs CURVE keys, which this "
			  "version does not take: listen on ipc:// only"
			: "PH1308 an endpoint begins with ipc://");
	}
	return status;
}

static bool
is_system_queue(const char *name)
{
	for (size_t i = 0; i < sizeof system_queues / sizeof system_queues[0]; i++) {
		if (strcmp(system_queues[i], name) == 0)
			return true;
	}
	return false;
}

static ph_status
read_queues(ph_site_whole *whole, const ph_document *document, const ph_node *root,
    ph_error *err)
{
	static const char *nothing[] = {NULL};
	static const char *const none[] = {NULL};
	const ph_node *queues = ph_node_get(root, "queues");
	whole->site.queues = (ph_site_list){.at = nothing};
	if (queues == NULL || queues->kind == PH_NODE_NULL)
		return PH_OK;
	if (queues->kind != PH_NODE_OBJECT)
		return ph_config_known(document, queues, none, err);
	for (const ph_node *at = queues->first; at != NULL; at = at->next) {
		if (!ph_site_name_ok(at->name) || is_system_queue(at->name))
			return ph_config_fail(err, document, at,
			    "PH1309 a queue's name has 1 to %d of a-z, 0-9 and -, and "
			    "is not one of the system's",
			    PH_SITE_NAME_MAX);
		ph_status status = ph_config_known(document, at, none, err);
		if (status != PH_OK)
			return status;
		if (!ph_site_list_add(whole, &whole->site.queues, at->name))
			return ph_site_no_room(err);
	}
	return PH_OK;
}

static ph_status
read_places(ph_site_whole *whole, const ph_document *document, const ph_node *root,
    ph_error *err)
{
	ph_site *site = &whole->site;
	const char *state = "/var/lib/packhorse", *run = "/run/packhorse";
	ph_status status = ph_config_text(document, root, "state", state, &state, err);
	if (status == PH_OK)
		status = ph_config_text(document, root, "run", run, &run, err);
	if (status == PH_OK)
		status = ph_config_text(
		    document, root, "jurisdiction", "local", &site->jurisdiction, err);
	if (status != PH_OK)
		return status;
	site->state = ph_site_path(whole, site->directory, state);
	site->run = ph_site_path(whole, site->directory, run);
	if (site->run == NULL || site->state == NULL)
		return ph_site_no_room(err);
	if (strlen(site->run) > RUN_PATH_MAX)
		return ph_config_fail(err, document, ph_node_get(root, "run"),
		    "PH1310 the path of the run directory has over %d bytes, and "
		    "sockets in it would not fit their limit: choose a shorter one",
		    RUN_PATH_MAX);
	if (!ph_site_name_ok(site->jurisdiction))
		return ph_config_fail(err, document, ph_node_get(root, "jurisdiction"),
		    "PH1311 the jurisdiction is a name of 1 to %d of a-z, 0-9 and -",
		    PH_SITE_NAME_MAX);
	return PH_OK;
}

static ph_status
read_broker(ph_site_whole *whole, ph_error *err)
{
	static const char *const known[] = {"state", "run", "jurisdiction", "paths",
	    "limits", "listen", "queues", NULL};
	static ph_status (*const parts[])(
	    ph_site_whole *, const ph_document *, const ph_node *, ph_error *) = {
	    read_places, read_paths, read_limits, read_listen, read_queues};
	ph_document *document = NULL;
	const char *path = ph_site_path(whole, whole->site.directory, "packhorse.yaml");
	if (path == NULL)
		return ph_site_no_room(err);
	ph_status status = ph_site_read(whole, path, &document, err);
	if (status != PH_OK)
		return status;
	const ph_node *root = ph_document_root(document);
	status = ph_config_known(document, root, known, err);
	for (size_t i = 0; status == PH_OK && i < sizeof parts / sizeof parts[0]; i++)
		status = parts[i](whole, document, root, err);
	if (status == PH_OK && ph_arena_failed(whole->arena))
		status = ph_site_no_room(err);
	return status;
}

static ph_status
load(const char *directory, bool all, ph_site **out, ph_error *err)
{
	ph_site_whole *whole = calloc(1, sizeof *whole);
	ph_site *site = (ph_site *) whole;
	char absolute[4096];
	if (whole == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "no memory for the configuration");
	ph_status status = ph_arena_new(ARENA_MAX, &whole->arena, err);
	if (status == PH_OK && directory[0] != '/' &&
	    getcwd(absolute, sizeof absolute) != NULL)
		site->directory =
		    ph_arena_printf(whole->arena, "%s/%s", absolute, directory);
	else if (status == PH_OK)
		site->directory = ph_arena_strdup(whole->arena, directory);
	if (status == PH_OK && site->directory == NULL)
		status = ph_site_no_room(err);
	if (status == PH_OK)
		status = read_broker(whole, err);
	if (status == PH_OK && all)
		status = ph_site_load_adapters(whole, err);
	if (status == PH_OK && all)
		status = ph_site_load_routes(whole, err);
	if (status != PH_OK)
		ph_site_destroy(&site);
	else
		*out = site;
	return status;
}

ph_status
ph_site_load(const char *directory, ph_site **out, ph_error *err)
{
	return load(directory, true, out, err);
}

ph_status
ph_site_load_broker(const char *directory, ph_site **out, ph_error *err)
{
	return load(directory, false, out, err);
}

void
ph_site_destroy(ph_site **site_p)
{
	ph_site_whole *whole = (ph_site_whole *) *site_p;
	*site_p = NULL;
	if (whole == NULL)
		return;
	for (size_t i = 0; i < whole->document_count; i++)
		ph_document_destroy(&whole->documents[i]);
	ph_arena_destroy(&whole->arena);
	free(whole);
}
