#include "cli/declared.h"

#include <string.h>

/* A visit of one adapter's entries. */
typedef struct visit {
	ph_declared declared;
	void (*fn)(void *self, const ph_declared *declared);
	void *self;
} visit;

static void
visit_entry(visit *v, const ph_node *entry)
{
	static const char *const members[] = {"map", "request"};
	if (entry->kind != PH_NODE_OBJECT)
		return;
	v->declared.entry = entry;
	for (size_t i = 0; i < 2; i++) {
		v->declared.map = ph_node_get(entry, members[i]);
		if (v->declared.map != NULL && ph_node_is_scalar(v->declared.map) &&
		    v->declared.map->kind != PH_NODE_NULL)
			v->fn(v->self, &v->declared);
	}
	const ph_node *probe = ph_node_get(entry, "probe");
	if (probe != NULL)
		visit_entry(v, probe);
}

void
ph_declared_each(const ph_site_adapter *adapter,
    void (*fn)(void *self, const ph_declared *declared), void *self)
{
	static const char *const lists[] = {"send", "poll", "receive"};
	for (size_t i = 0; i < 3; i++) {
		const ph_node *list = ph_node_get(adapter->root, lists[i]);
		visit v = {
		    .declared = {.adapter = adapter, .list = lists[i]},
		    .fn = fn,
		    .self = self,
		};
		if (list == NULL || list->kind != PH_NODE_LIST)
			continue;
		for (const ph_node *entry = list->first; entry; entry = entry->next)
			visit_entry(&v, entry);
	}
}

void
ph_declared_folders(
    const ph_site *site, const ph_site_adapter *adapter, const char **out)
{
	size_t count = 0;
	out[count++] = site->directory;
	if (adapter->connector != NULL)
		out[count++] = adapter->connector;
	for (size_t i = 0; i < site->schemas.count && count < PH_FOLDERS_MAX; i++)
		out[count++] = site->schemas.at[i];
	out[count] = NULL;
}

/* The type itself, or its beginning with "*" after it. */
static bool
names_type(const ph_node *item, const char *type)
{
	const char *text = item->text;
	if (!ph_node_is_scalar(item) || text == NULL)
		return false;
	size_t length = strlen(text);
	if (length > 0 && text[length - 1] == '*')
		return strncmp(text, type, length - 1) == 0;
	return strcmp(text, type) == 0;
}

bool
ph_declared_on(const ph_node *entry, const char *type)
{
	const ph_node *on = ph_node_get(entry, "on");
	if (on == NULL)
		return false;
	if (on->kind != PH_NODE_LIST)
		return names_type(on, type);
	for (const ph_node *item = on->first; item != NULL; item = item->next)
		if (names_type(item, type))
			return true;
	return false;
}
