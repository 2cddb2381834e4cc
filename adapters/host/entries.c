#include "adapters/host/entries.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "adapters/host/block.h"
#include "lib/config/config.h"

enum { FOLDERS_MAX = 16, FETCH_SINCE = 2 /* minor of the interface */ };

typedef struct loading {
	const ph_site *site;
	const ph_site_adapter *adapter;
	const ph_plugin *plugin;
	ph_entries *entries;
	const char *folders[FOLDERS_MAX + 1];
	ph_error *err;
} loading;

static ph_status
fail_at(loading *l, const ph_node *node, const char *format, const char *word)
{
	char where[PH_ERROR_WHERE], text[PH_ERROR_TEXT];
	ph_site_where(l->adapter, node, where, sizeof where);
	snprintf(text, sizeof text, "%s%s", format, word);
	return ph_fail_at(l->err, PH_ERR_INVALID, where, "%s", text);
}

static ph_status
no_memory(loading *l)
{
	return ph_fail(l->err, PH_ERR_NOMEM, "out of memory");
}

/* Where maps and what they name are looked for: the site, the connector, the schemas' folders. */
static void
list_folders(loading *l)
{
	size_t count = 0;
	l->folders[count++] = l->site->directory;
	if (l->adapter->connector)
		l->folders[count++] = l->adapter->connector;
	for (size_t i = 0; i < l->site->schemas.count && count < FOLDERS_MAX; i++)
		l->folders[count++] = l->site->schemas.at[i];
	l->folders[count] = NULL;
}

static ph_status
load_map(
    loading *l, const ph_node *entry, const char *key, bool needed, const ph_map **out)
{
	const ph_node *node = ph_node_get(entry, key);
	if (!node || node->kind == PH_NODE_NULL)
		return needed ? fail_at(l, entry, "PH4030 an entry here needs ", key)
			      : PH_OK;
	if (!ph_node_is_scalar(node))
		return fail_at(l, node, "PH4031 the name of a map is needed here", "");
	ph_map *map = ph_table_gets(l->entries->maps, node->text);
	if (!map) {
		ph_status status = ph_map_load(node->text, l->folders, &map, l->err);
		if (status == PH_ERR_NOT_FOUND && l->err && !*l->err->where)
			ph_site_where(l->adapter, node, l->err->where, PH_ERROR_WHERE);
		if (status)
			return status;
		ph_map_limits(map,
		    (size_t) ph_options_get(
			&l->site->options, PH_OPTION_DOCUMENT_BYTES),
		    (size_t) ph_options_get(&l->site->options, PH_OPTION_RECORD_BYTES));
		status = ph_table_puts(l->entries->maps, node->text, map, l->err);
		if (status) {
			ph_map_destroy(&map);
			return status;
		}
	}
	*out = map;
	return PH_OK;
}

static ph_status
check_direction(loading *l, const ph_node *entry, const char *key, const ph_map *map,
    ph_map_direction direction)
{
	if (!map || ph_map_goes(map, direction))
		return PH_OK;
	return fail_at(l, ph_node_get(entry, key),
	    direction == PH_MAP_IN ? "PH4032 this map has no links inwards (<-): "
				   : "PH4032 this map has no links outwards (->): ",
	    ph_map_name(map));
}

/* What it reads becomes messages of the bus. */
static ph_status
check_type(loading *l, const ph_node *entry, const ph_map *map)
{
	if (!map || !ph_map_goes(map, PH_MAP_IN) || ph_map_has_type(map))
		return PH_OK;
	return fail_at(l, ph_node_get(entry, "map"),
	    "PH4039 this map says no type: of the messages that it makes: ",
	    ph_map_name(map));
}

static ph_status
read_types(loading *l, const ph_node *entry, ph_entry *out)
{
	const ph_node *on = ph_node_get(entry, "on");
	size_t count = !on ? 0 : on->kind == PH_NODE_LIST ? on->count : 1;
	out->types = calloc(count + 1, sizeof *out->types);
	if (!out->types)
		return no_memory(l);
	if (!on)
		return PH_OK;
	const ph_node *at = on->kind == PH_NODE_LIST ? on->first : on;
	for (size_t i = 0; i < count; i++, at = at->next) {
		if (!ph_node_is_scalar(at) || !at->length)
			return fail_at(
			    l, at, "PH4033 on: the type of a message is needed", "");
		out->types[i] = at->text;
	}
	return PH_OK;
}

/* ---- what goes to the transport as attributes ---- */

static bool
is_own(const char *key, const char *const *own)
{
	for (; *own; own++)
		if (!strcmp(key, *own))
			return true;
	return !strcmp(key, "name");
}

static ph_status
add_attribute(loading *l, ph_entry *out, const char *prefix, const ph_node *node)
{
	size_t size = strlen(prefix) + strlen(node->name) + 2;
	char *name = malloc(size);
	if (!name)
		return no_memory(l);
	snprintf(name, size, "%s%s%s", prefix, *prefix ? "." : "", node->name);
	size_t at = out->attribute_count++;
	out->pair_names[at] = name;
	out->attributes[at] =
	    (ph_adapter_pair){{name, strlen(name)}, {node->text, node->length}};
	return PH_OK;
}

static size_t
count_attributes(const ph_node *entry)
{
	size_t count = 1;
	for (const ph_node *at = entry->first; at; at = at->next)
		count += ph_node_is_scalar(at) ? 1 : at->count;
	return count;
}

static ph_status
read_attributes(loading *l, const ph_node *entry, const char *const *own, ph_entry *out)
{
	size_t most = count_attributes(entry);
	out->attributes = calloc(most, sizeof *out->attributes);
	out->pair_names = calloc(most, sizeof *out->pair_names);
	if (!out->attributes || !out->pair_names)
		return no_memory(l);
	ph_status status = PH_OK;
	for (const ph_node *at = entry->first; at && !status; at = at->next) {
		if (is_own(at->name, own))
			continue;
		if (ph_node_is_scalar(at)) {
			status = add_attribute(l, out, "", at);
			continue;
		}
		for (const ph_node *in = at->first; in && !status; in = in->next)
			if (in->name && ph_node_is_scalar(in))
				status = add_attribute(l, out, at->name, in);
	}
	return status;
}

/* ---- the entries of each list ---- */

static ph_status
read_common(
    loading *l, const ph_node *node, const char *list, size_t position, ph_entry *out)
{
	out->node = node;
	const char *name = ph_node_text(node, "name");
	if (name && strlen(name) >= sizeof out->name)
		return fail_at(l, node, "PH4034 the name of an entry is too long", "");
	if (name)
		snprintf(out->name, sizeof out->name, "%s", name);
	else
		snprintf(out->name, sizeof out->name, "%zu", position);
	ph_status status = read_types(l, node, out);
	if (!status)
		status = ph_config_duration(l->adapter->document, node, "deadline",
		    ph_options_get(&l->site->options, PH_OPTION_CALL_MS),
		    &out->deadline, l->err);
	return status ? status : read_attributes(l, node, ph_block_own_keys(list), out);
}

static ph_status
read_reply(loading *l, const ph_node *node, ph_entry *out, const ph_map *map)
{
	const ph_node *rules = ph_node_get(node, "reply");
	if (!rules || rules->kind == PH_NODE_NULL)
		return PH_OK;
	return ph_reply_load(l->adapter->document, rules, map, &out->reply, l->err);
}

/* A question beside a delivery: a send of its own that does no harm. Without a map the replies are
 * read in the terms of `map`. */
static ph_status
read_question(loading *l, const ph_node *node, const ph_map *map, ph_entry **out)
{
	ph_entry *made = *out = calloc(1, sizeof *made);
	if (!made)
		return no_memory(l);
	ph_status status = read_common(l, node, "send", 0, made);
	if (!status)
		status = load_map(l, node, "map", !map, &made->map);
	if (!status)
		status = check_direction(l, node, "map", made->map, PH_MAP_OUT);
	return status ? status : read_reply(l, node, made, made->map ? made->map : map);
}

/* Ask whether a delivery arrived. */
static ph_status
read_probe(loading *l, const ph_node *node, ph_entry *out)
{
	const ph_node *probe = ph_node_get(node, "probe");
	if (!probe || probe->kind == PH_NODE_NULL)
		return PH_OK;
	if (probe->kind != PH_NODE_OBJECT)
		return fail_at(
		    l, probe, "PH4035 probe: is a mapping with map and reply", "");
	return read_question(l, probe, NULL, &out->probe);
}

/* Read the record that is to be changed, as it is. */
static ph_status
read_previous(loading *l, const ph_node *node, ph_entry *out)
{
	const ph_node *previous = ph_node_get(node, "previous");
	if (!previous || previous->kind == PH_NODE_NULL)
		return !ph_map_completes(out->map)
			   ? PH_OK
			   : fail_at(l, ph_node_get(node, "map"),
				 "PH4038 `previous:` is missing here, for this map "
				 "completes a record as it was: ",
				 ph_map_name(out->map));
	if (previous->kind != PH_NODE_OBJECT)
		return fail_at(l, previous,
		    "PH4038 previous: is a mapping with what the transport needs to "
		    "read the record",
		    "");
	if (ph_plugin_manifest(l->plugin)->abi_minor_built < FETCH_SINCE)
		return fail_at(l, previous,
		    "PH4038 this transport is too old to read a record: ",
		    l->adapter->transport);
	if (ph_map_format_of(out->map) > PH_MAP_FORM)
		return fail_at(l, previous,
		    "PH4038 a file of records or parts is not completed from what "
		    "was: ",
		    ph_map_name(out->map));
	return read_question(l, previous, out->map, &out->previous);
}

static ph_status
read_send(loading *l, const ph_node *node, ph_entry *out)
{
	if (!*out->types)
		return fail_at(l, node, "PH4030 an entry here needs ", "on");
	if (!ph_plugin_can(l->plugin, PH_ADAPTER_CAN_SEND))
		return fail_at(l, node,
		    "PH4036 this transport cannot send: ", l->adapter->transport);
	ph_status status = load_map(l, node, "map", true, &out->map);
	if (!status)
		status = check_direction(l, node, "map", out->map, PH_MAP_OUT);
	if (!status)
		status = read_reply(l, node, out, out->map);
	if (!status)
		status = read_previous(l, node, out);
	return status ? status : read_probe(l, node, out);
}

static ph_status
read_window(loading *l, const ph_node *node, ph_entry *out)
{
	const ph_node *window = ph_node_get(node, "window");
	if (!window || window->kind == PH_NODE_NULL)
		return PH_OK;
	static const char *const known[] = {"overlap", "first", "max", NULL};
	const ph_document *document = l->adapter->document;
	if (window->kind != PH_NODE_OBJECT)
		return fail_at(l, window, "PH4037 window: is a mapping", "");
	out->windowed = true;
	ph_status status = ph_config_known(document, window, known, l->err);
	if (!status)
		status = ph_config_duration(
		    document, window, "overlap", 60000, &out->overlap, l->err);
	if (!status)
		status = ph_config_duration(
		    document, window, "first", 86400000, &out->first, l->err);
	if (!status)
		status = ph_config_duration(
		    document, window, "max", 86400000, &out->longest, l->err);
	if (!status && out->longest <= out->overlap)
		return fail_at(l, window,
		    "PH4037 window: max is to be longer than overlap, or it would "
		    "stand still",
		    "");
	return status;
}

static ph_status
read_poll(loading *l, const ph_node *node, ph_entry *out)
{
	ph_status status = ph_config_duration(
	    l->adapter->document, node, "every", 60000, &out->every, l->err);
	if (!status && out->every < 100)
		return fail_at(l, node, "PH4037 every: is to be 100ms or more", "");
	if (!status)
		status = load_map(l, node, "map", true, &out->map);
	if (!status)
		status = check_direction(l, node, "map", out->map, PH_MAP_IN);
	if (!status)
		status = check_type(l, node, out->map);
	if (!status)
		status = load_map(l, node, "request", false, &out->request);
	if (!status)
		status = check_direction(l, node, "request", out->request, PH_MAP_OUT);
	if (!status && !out->request && !ph_plugin_can(l->plugin, PH_ADAPTER_CAN_POLL))
		return fail_at(l, node, "PH4030 an entry here needs ", "request");
	if (!status)
		status = read_window(l, node, out);
	return status ? status : read_reply(l, node, out, out->map);
}

/* Inwards what is received goes through it; outwards what the plug-in asks about is rendered. */
static ph_status
read_receive(loading *l, const ph_node *node, ph_entry *out)
{
	ph_status status = load_map(l, node, "map", true, &out->map);
	if (!status && !ph_map_goes(out->map, PH_MAP_IN) &&
	    ph_map_format_of(out->map) != PH_MAP_FORM)
		return check_direction(l, node, "map", out->map, PH_MAP_IN);
	return status ? status : check_type(l, node, out->map);
}

typedef ph_status read_fn(loading *l, const ph_node *node, ph_entry *out);

static ph_status
read_list(loading *l, const char *name, read_fn *read, ph_entry_list *out)
{
	const ph_node *list = ph_node_get(l->adapter->root, name);
	if (!list || list->kind == PH_NODE_NULL)
		return PH_OK;
	if (list->kind != PH_NODE_LIST)
		return fail_at(l, list, "PH4023 a list of entries is needed here", "");
	out->at = calloc(list->count + 1, sizeof *out->at);
	if (!out->at)
		return no_memory(l);
	ph_status status = PH_OK;
	for (const ph_node *node = list->first; node && !status; node = node->next) {
		if (node->kind != PH_NODE_OBJECT)
			return fail_at(l, node, "PH4023 an entry is a mapping", "");
		ph_entry *entry = &out->at[out->count];
		status = read_common(l, node, name, out->count++, entry);
		if (!status)
			status = read(l, node, entry);
	}
	return status;
}

ph_status
ph_entries_load(const ph_site *site, const ph_site_adapter *adapter,
    const ph_plugin *plugin, ph_entries *out, ph_error *err)
{
	memset(out, 0, sizeof *out);
	loading l = {.site = site,
	    .adapter = adapter,
	    .plugin = plugin,
	    .entries = out,
	    .err = err};
	list_folders(&l);
	ph_status status = ph_table_new(&out->maps, err);
	if (!status)
		status = read_list(&l, "send", read_send, &out->send);
	if (!status)
		status = read_list(&l, "poll", read_poll, &out->poll);
	return status ? status : read_list(&l, "receive", read_receive, &out->receive);
}

static void
fini_entry(ph_entry *entry)
{
	for (size_t i = 0; i < entry->attribute_count; i++)
		free(entry->pair_names[i]);
	free(entry->pair_names);
	free(entry->attributes);
	free(entry->types);
	ph_reply_destroy(&entry->reply);
	ph_entry *questions[] = {entry->probe, entry->previous};
	for (size_t i = 0; i < 2; i++) {
		if (questions[i])
			fini_entry(questions[i]);
		free(questions[i]);
	}
}

static void
fini_list(ph_entry_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		fini_entry(&list->at[i]);
	free(list->at);
	*list = (ph_entry_list){NULL, 0};
}

static void
destroy_map(void *value)
{
	ph_map *map = value;
	ph_map_destroy(&map);
}

void
ph_entries_fini(ph_entries *entries)
{
	fini_list(&entries->send);
	fini_list(&entries->poll);
	fini_list(&entries->receive);
	ph_table_destroy(&entries->maps, destroy_map);
}

static bool
type_matches(const char *pattern, const char *type)
{
	size_t length = strlen(pattern);
	if (length && pattern[length - 1] == '*')
		return !strncmp(pattern, type, length - 1);
	return !strcmp(pattern, type);
}

const ph_entry *
ph_entries_for(const ph_entry_list *list, const char *type)
{
	for (size_t i = 0; i < list->count; i++)
		for (const char **at = list->at[i].types; *at; at++)
			if (type_matches(*at, type))
				return &list->at[i];
	return NULL;
}

const ph_entry *
ph_entries_named(const ph_entry_list *list, const char *name, size_t length)
{
	if (!length)
		return list->count ? &list->at[0] : NULL;
	for (size_t i = 0; i < list->count; i++)
		if (strlen(list->at[i].name) == length &&
		    !memcmp(list->at[i].name, name, length))
			return &list->at[i];
	return NULL;
}
