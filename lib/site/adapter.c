/*
 * How it works: the connector's members that the site does not have are copied behind the site's
 * own; in the merged mappings the same is done one level down. A copied node keeps its line and
 * column, and remembers its file in `space`, which YAML has no use for: so an error names the file
 * that a person has to mend.
 */
#include "lib/site/part.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/assert.h"
#include "lib/base/fs.h"
#include "lib/config/config.h"

#define ADAPTERS_MAX	  200
#define IN_FLIGHT_DEFAULT 4
#define IN_FLIGHT_MAX	  10000
#define DAY_MS		  (24 * 3600 * INT64_C(1000))
#define FACTOR_MAX	  100

/* One adapter while it is read. */
typedef struct reading {
	ph_site_whole *whole;
	ph_site_adapter *adapter;
	ph_document *document; /* the site's, to be merged into */
	const ph_node *root;
} reading;

char *
ph_site_where(
    const ph_site_adapter *adapter, const ph_node *node, char *out, size_t size)
{
	if (node->space == NULL)
		return ph_node_where(adapter->document, node, out, size);
	(void) snprintf(out, size, "%s:%u:%u", node->space, node->line, node->column);
	return out;
}

/* An error about member `name`, which may be the connector's. */
static ph_status
relocate(const reading *at, const ph_node *object, const char *name, ph_status status,
    ph_error *err)
{
	const ph_node *node = object == NULL ? NULL : ph_node_get(object, name);
	if (status == PH_ERR_INVALID && err != NULL && node != NULL &&
	    node->space != NULL)
		(void) snprintf(err->where, sizeof err->where, "%s:%u:%u", node->space,
		    node->line, node->column);
	(void) at;
	return status;
}

static ph_node *
copy_tree(ph_document *into, const ph_node *node, const char *file)
{
	ph_node *copy =
	    ph_node_new(into, (ph_node_kind) node->kind, node->text, node->length);
	if (copy == NULL)
		return NULL;
	copy->flags = node->flags & (uint8_t) ~PH_NODE_KEYED;
	copy->line = node->line;
	copy->column = node->column;
	for (const ph_node *child = node->first; child != NULL; child = child->next) {
		if (ph_node_add(
			into, copy, child->name, copy_tree(into, child, file)) == NULL)
			return NULL;
	}
	copy->space = file;
	return copy;
}

/* Members of `from` that `to` does not have. */
static bool
lay_under(ph_document *into, ph_node *to, const ph_node *from, const char *file)
{
	for (const ph_node *member = from->first; member != NULL;
	     member = member->next) {
		if (ph_node_get(to, member->name) != NULL)
			continue;
		if (ph_node_add(
			into, to, member->name, copy_tree(into, member, file)) == NULL)
			return false;
	}
	return true;
}

static bool
is_merged(const char *name, const char *transport)
{
	return strcmp(name, "settings") == 0 ||
	       (transport != NULL && strcmp(name, transport) == 0);
}

/* A mapping where the connector has a list of entries is laid over each of them: `poll: {every: 1s}`.
 * Returns false without memory. */
static bool
lay_over_entries(ph_document *into, ph_node *root, ph_node *mine, const ph_node *list,
    const char *file)
{
	ph_node *whole = ph_node_new(into, PH_NODE_LIST, NULL, 0);
	if (whole == NULL)
		return false;
	whole->line = mine->line;
	whole->column = mine->column;
	for (const ph_node *entry = list->first; entry != NULL; entry = entry->next) {
		ph_node *over = copy_tree(into, mine, NULL);
		if (over == NULL || !lay_under(into, over, entry, file) ||
		    ph_node_add(into, whole, NULL, over) == NULL)
			return false;
	}
	const char *name = mine->name;
	ph_node_remove(mine);
	return ph_node_add(into, root, name, whole) != NULL;
}

static bool
is_list_of_entries(const char *name)
{
	return strcmp(name, "send") == 0 || strcmp(name, "poll") == 0 ||
	       strcmp(name, "receive") == 0;
}

static ph_status
merge(reading *at, const ph_document *connector, ph_error *err)
{
	ph_node *root = ph_document_root(at->document);
	const ph_node *from = ph_document_root(connector);
	const char *name = ph_document_name(connector);
	const char *file = ph_document_intern(at->document, name, strlen(name));
	const char *transport = ph_node_text(root, "transport");
	if (transport == NULL)
		transport = ph_node_text(from, "transport");
	if (file == NULL)
		return ph_site_no_room(err);
	for (const ph_node *member = from->first; member != NULL;
	     member = member->next) {
		ph_node *mine = ph_node_get(root, member->name);
		if (mine != NULL && mine->kind == PH_NODE_OBJECT &&
		    member->kind == PH_NODE_OBJECT &&
		    is_merged(member->name, transport) &&
		    !lay_under(at->document, mine, member, file))
			return ph_site_no_room(err);
		if (mine != NULL && mine->kind == PH_NODE_OBJECT &&
		    member->kind == PH_NODE_LIST && is_list_of_entries(member->name) &&
		    !lay_over_entries(at->document, root, mine, member, file))
			return ph_site_no_room(err);
	}
	return lay_under(at->document, root, from, file) ? PH_OK : ph_site_no_room(err);
}

static ph_status
check_names(const ph_document *document, const char *transport, ph_error *err)
{
	const char *known[] = {"adapter", "connector", "transport", "queue",
	    "in_flight", "unknown", "idempotent", "originates", "retry", "settings",
	    "send", "poll", "receive", "enabled", transport, NULL};
	const ph_node *root = ph_document_root(document);
	if (root == NULL || root->kind != PH_NODE_OBJECT)
		return ph_fail_at(err, PH_ERR_INVALID, ph_document_name(document),
		    "PH1320 the file of an adapter has names with values");
	return ph_config_known(document, root, known, err);
}

static ph_status
find_connector(reading *at, const ph_node *node, ph_error *err)
{
	const ph_site *site = &at->whole->site;
	if (!ph_site_name_ok(node->text == NULL ? "" : node->text))
		return ph_config_fail(err, at->document, node,
		    "PH1321 a connector is named by the name of its folder");
	for (size_t i = 0; i < site->connectors.count; i++) {
		const char *folder =
		    ph_site_path(at->whole, site->connectors.at[i], node->text);
		const char *file =
		    folder == NULL ? NULL
				   : ph_site_path(at->whole, folder, "connector.yaml");
		if (file == NULL)
			return ph_site_no_room(err);
		if (access(file, R_OK) == 0) {
			at->adapter->connector = folder;
			return PH_OK;
		}
	}
	return ph_config_fail(err, at->document, node,
	    "PH1322 there is no connector \"%s\" in %s%s", node->text,
	    site->connectors.at[0],
	    site->connectors.count > 1 ? " or the other directories of "
					 "paths: connectors:"
				       : "");
}

/* Lay the site's file over its connector's. */
static ph_status
merge_connector(reading *at, ph_error *err)
{
	const ph_node *node = ph_node_get(at->root, "connector");
	const char *transport = ph_node_text(at->root, "transport");
	ph_document *connector = NULL;
	if (node == NULL)
		return check_names(at->document, transport, err);
	ph_status status = find_connector(at, node, err);
	if (status != PH_OK)
		return status;
	const char *file =
	    ph_site_path(at->whole, at->adapter->connector, "connector.yaml");
	if (file == NULL)
		return ph_site_no_room(err);
	status = ph_site_read(at->whole, file, &connector, err);
	if (status == PH_OK && transport == NULL)
		transport = ph_node_text(ph_document_root(connector), "transport");
	if (status == PH_OK)
		status = check_names(connector, transport, err);
	if (status == PH_OK)
		status = check_names(at->document, transport, err);
	return status == PH_OK ? merge(at, connector, err) : status;
}

/* ---- the broker's own members ---- */

static ph_status
read_number(const reading *at, const ph_node *object, const char *name, int64_t least,
    int64_t most, int64_t fallback, uint32_t *out, ph_error *err)
{
	int64_t value = 0;
	ph_status status = ph_config_number(
	    at->document, object, name, least, most, fallback, &value, err);
	if (status == PH_OK)
		*out = (uint32_t) value;
	return relocate(at, object, name, status, err);
}

static ph_status
read_wait(const reading *at, const ph_node *object, const char *name, int64_t fallback,
    int64_t *out, ph_error *err)
{
	ph_status status =
	    ph_config_duration(at->document, object, name, fallback, out, err);
	if (status == PH_OK && (*out < 1 || *out > 7 * DAY_MS))
		status = ph_config_fail(err, at->document, ph_node_get(object, name),
		    "PH1323 %s may be 1ms to 7d", name);
	return relocate(at, object, name, status, err);
}

static ph_status
read_factor(const reading *at, const ph_node *retry, uint32_t *out, ph_error *err)
{
	const char *text = NULL;
	ph_status status =
	    ph_config_text(at->document, retry, "factor", "2", &text, err);
	if (status != PH_OK)
		return relocate(at, retry, "factor", status, err);
	unsigned whole = 0, hundredths = 0, used = 0;
	for (; text[used] >= '0' && text[used] <= '9' && whole <= FACTOR_MAX; used++)
		whole = whole * 10 + (unsigned) (text[used] - '0');
	if (used > 0 && text[used] == '.') {
		for (unsigned place = 10; text[++used] >= '0' && text[used] <= '9';
		     place /= 10)
			hundredths += place * (unsigned) (text[used] - '0');
	}
	if (used == 0 || text[used] != 0 || whole < 1 || whole > FACTOR_MAX)
		return relocate(at, retry, "factor",
		    ph_config_fail(err, at->document, ph_node_get(retry, "factor"),
			"PH1324 factor takes a number from 1 to %d, as in 2 or 1.5",
			FACTOR_MAX),
		    err);
	*out = whole * 100 + hundredths;
	return PH_OK;
}

static ph_status
read_retry(const reading *at, ph_error *err)
{
	static const char *const known[] = {"first", "factor", "max", "tries", NULL};
	const ph_options *options = &at->whole->site.options;
	ph_site_retry *retry = &at->adapter->retry;
	const ph_node *node = ph_node_get(at->root, "retry");
	ph_status status = relocate(at, at->root, "retry",
	    ph_config_known(at->document, node, known, err), err);
	if (status == PH_OK)
		status = read_wait(at, node, "first",
		    ph_options_get(options, PH_OPTION_RETRY_FIRST_MS), &retry->first_ms,
		    err);
	if (status == PH_OK)
		status = read_wait(at, node, "max",
		    ph_options_get(options, PH_OPTION_RETRY_MOST_MS), &retry->max_ms,
		    err);
	if (status == PH_OK)
		status = read_factor(at, node, &retry->factor_percent, err);
	if (status == PH_OK)
		status = read_number(at, node, "tries", 1, 10000,
		    ph_options_get(options, PH_OPTION_TRIES), &retry->tries, err);
	return status;
}

/* `unknown: dead` or `retry`. */
static ph_status
read_unknown(const reading *at, ph_error *err)
{
	const char *text = NULL;
	ph_status status =
	    ph_config_text(at->document, at->root, "unknown", "dead", &text, err);
	if (status != PH_OK)
		return relocate(at, at->root, "unknown", status, err);
	at->adapter->unknown_retry = strcmp(text, "retry") == 0;
	if (at->adapter->unknown_retry || strcmp(text, "dead") == 0)
		return PH_OK;
	status = ph_config_fail(err, at->document, ph_node_get(at->root, "unknown"),
	    "PH1325 unknown takes dead (held for an operator) or retry");
	return relocate(at, at->root, "unknown", status, err);
}

static ph_status
read_switch(
    const reading *at, const char *name, bool fallback, bool *out, ph_error *err)
{
	return relocate(at, at->root, name,
	    ph_config_boolean(at->document, at->root, name, fallback, out, err), err);
}

static ph_status
read_name(const reading *at, const char *name, const char *fallback, const char **out,
    ph_error *err)
{
	ph_status status =
	    ph_config_text(at->document, at->root, name, fallback, out, err);
	if (status == PH_OK && *out == NULL)
		return ph_fail_at(err, PH_ERR_INVALID, ph_document_name(at->document),
		    "PH1326 %s is missing", name);
	if (status == PH_OK && !ph_site_name_ok(*out))
		status = ph_config_fail(err, at->document, ph_node_get(at->root, name),
		    "PH1327 %s takes a name of 1 to %d of a-z, 0-9 and -", name,
		    PH_SITE_NAME_MAX);
	return relocate(at, at->root, name, status, err);
}

static ph_status
read_members(const reading *at, ph_error *err)
{
	ph_site_adapter *adapter = at->adapter;
	ph_status status = read_name(at, "adapter", NULL, &adapter->name, err);
	if (status == PH_OK)
		status = read_name(at, "transport", NULL, &adapter->transport, err);
	if (status == PH_OK)
		status = read_name(at, "queue", adapter->name, &adapter->queue, err);
	if (status == PH_OK)
		status = read_switch(at, "enabled", true, &adapter->enabled, err);
	if (status == PH_OK)
		status =
		    read_switch(at, "idempotent", false, &adapter->idempotent, err);
	if (status == PH_OK)
		status = read_unknown(at, err);
	if (status == PH_OK)
		status = read_number(at, at->root, "in_flight", 1, IN_FLIGHT_MAX,
		    IN_FLIGHT_DEFAULT, &adapter->in_flight, err);
	if (status == PH_OK)
		status = read_retry(at, err);
	if (status == PH_OK)
		status = relocate(at, at->root, "originates",
		    ph_site_texts(at->whole, at->document, at->root, "originates",
			&adapter->originates, err),
		    err);
	return status;
}

/* Names and queues are one adapter's alone. */
static ph_status
check_unique(const reading *at, ph_error *err)
{
	const ph_site *site = &at->whole->site;
	const ph_site_adapter *adapter = at->adapter;
	const ph_node *name = ph_node_get(at->root, "adapter");
	if (strcmp(adapter->queue, "inbound") == 0 ||
	    strcmp(adapter->queue, "unrouted") == 0)
		return ph_config_fail(err, at->document, name,
		    "PH1328 %s is a queue of the system's own", adapter->queue);
	for (size_t i = 0; i < site->adapter_count; i++) {
		const ph_site_adapter *other = &site->adapters[i];
		if (strcmp(other->name, adapter->name) == 0)
			return ph_config_fail(err, at->document, name,
			    "PH1329 adapter %s is declared in %s already",
			    adapter->name, other->file);
		if (strcmp(other->queue, adapter->queue) == 0)
			return ph_config_fail(err, at->document, name,
			    "PH1330 queue %s is emptied by adapter %s already",
			    adapter->queue, other->name);
	}
	return PH_OK;
}

static ph_status
read_adapter(ph_site_whole *whole, const char *path, ph_error *err)
{
	reading at = {
	    .whole = whole, .adapter = &whole->adapters[whole->site.adapter_count]};
	ph_status status = ph_site_read(whole, path, &at.document, err);
	if (status != PH_OK)
		return status;
	at.root = ph_document_root(at.document);
	at.adapter->file = path;
	if (at.root == NULL || at.root->kind != PH_NODE_OBJECT)
		return check_names(at.document, NULL, err);
	status = merge_connector(&at, err);
	if (status == PH_OK)
		status = read_members(&at, err);
	if (status == PH_OK)
		status = check_unique(&at, err);
	if (status != PH_OK)
		return status;
	at.adapter->document = at.document;
	at.adapter->root = at.root;
	whole->site.adapter_count++;
	return PH_OK;
}

ph_status
ph_site_load_adapters(ph_site_whole *whole, ph_error *err)
{
	const char *directory = ph_site_path(whole, whole->site.directory, "adapters");
	char **names = NULL;
	size_t count = 0;
	if (directory == NULL)
		return ph_site_no_room(err);
	ph_status status = ph_fs_list(directory, ".yaml", &names, &count, err);
	if (status != PH_OK)
		return status;
	if (count > ADAPTERS_MAX)
		status = ph_fail_at(err, PH_ERR_TOO_LARGE, directory,
		    "PH1331 there are more than %d adapters", ADAPTERS_MAX);
	whole->adapters =
	    ph_arena_zalloc(whole->arena, (count + 1) * sizeof(ph_site_adapter));
	whole->site.adapters = whole->adapters;
	if (status == PH_OK && whole->adapters == NULL)
		status = ph_site_no_room(err);
	for (size_t i = 0; status == PH_OK && i < count; i++) {
		const char *path = ph_site_path(whole, directory, names[i]);
		status = path == NULL ? ph_site_no_room(err)
				      : read_adapter(whole, path, err);
	}
	free(names);
	return status;
}
