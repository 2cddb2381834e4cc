#include "cli/sharing.h"

#include <string.h>

#include "cli/declared.h"
#include "transform/map_inner.h"

#define COUNT(list) (sizeof(list) / sizeof *(list))

static const ph_column columns[] = {
    {"DESTINATION", "destination", PH_COLUMN_TEXT},
    {"PURPOSE", "purpose", PH_COLUMN_TEXT},
    {"FIELD", "field", PH_COLUMN_TEXT},
    {"LABEL", "label", PH_COLUMN_TEXT},
    {"OF", "type", PH_COLUMN_TEXT},
    {"AS", "as", PH_COLUMN_TEXT},
};

/* The table while it is made. */
typedef struct sharing {
	const ph_site *site;
	const ph_site_route *route;
	ph_rows *rows;
	json_t *seen; /* rows already there, as keys */
	ph_status status;
	ph_error *err;
} sharing;

/* --- fields of a map --- */

/* Is it written already? Two values of a list are in one field. */
static bool
is_listed(const ph_side *side, size_t place)
{
	const char *text = side->at[place].path.text;
	for (size_t i = 0; i < place && text != NULL; i++)
		if (side->at[i].kind == side->at[place].kind &&
		    side->at[i].path.text != NULL &&
		    strcmp(side->at[i].path.text, text) == 0)
			return true;
	return false;
}

/* The vendor's side of a link: what the field becomes. */
static void
vendor_words(const ph_side *side, char *out, size_t size)
{
	size_t at = 0;
	out[0] = '\0';
	for (size_t i = 0; i < side->count && at < size; i++) {
		const ph_operand *operand = &side->at[i];
		if (operand->kind == PH_OPERAND_VALUES)
			continue; /* written together with its keys */
		if (operand->kind != PH_OPERAND_URL && is_listed(side, i))
			continue;
		const char *text = operand->kind == PH_OPERAND_URL ? operand->text
								   : operand->path.text;
		at += (size_t) snprintf(
		    out + at, size - at, "%s%s", at > 0 ? ", " : "", text ? text : "");
	}
}

/* A canonical path as the schema writes it: "attributes[].value". */
static void
schema_path(const ph_map *map, const ph_path *path, char *out, size_t size)
{
	size_t at = 0;
	out[0] = '\0';
	for (size_t i = 0; i < path->count && at < size; i++) {
		const ph_step *step = &path->steps[i];
		const char *name = ph_names_text(map->canonical_names, step->name);
		at += (size_t) snprintf(out + at, size - at, "%s%s%s", i > 0 ? "." : "",
		    name != NULL ? name : "",
		    (step->flags & PH_STEP_MANY) != 0 ? "[]" : "");
	}
}

static const char *
label_of(const ph_map *map, const char *path)
{
	const ph_rule *rule = map->schema ? ph_schema_field(map->schema, path) : NULL;
	const char *label = rule != NULL ? ph_rule_label(rule) : NULL;
	return label != NULL && label[0] != '\0' ? label : "unknown";
}

static void
add_field(sharing *s, const char *destination, const char *type, const ph_map *map,
    const char *field, const char *as)
{
	char key[1200];
	snprintf(key, sizeof key, "%s\n%s\n%s\n%s\n%s\n%s", destination,
	    s->route->purpose, type, field, as, s->route->name);
	if (json_object_get(s->seen, key) != NULL)
		return;
	json_object_set_new(s->seen, key, json_true());
	ph_rows_add(s->rows,
	    json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "destination",
		destination, "purpose", s->route->purpose, "type", type, "entity",
		ph_map_entity(map), "field", field, "label", label_of(map, field), "as",
		as, "route", s->route->name));
}

static void
add_link(sharing *s, const char *destination, const char *type, const ph_map *map,
    const ph_link *link)
{
	char as[512], field[256];
	vendor_words(&link->vendor, as, sizeof as);
	for (size_t i = 0; i < link->canonical.count; i++) {
		const ph_operand *operand = &link->canonical.at[i];
		if (operand->kind != PH_OPERAND_PATH &&
		    operand->kind != PH_OPERAND_KEYS &&
		    operand->kind != PH_OPERAND_VALUES)
			continue;
		schema_path(map, &operand->path, field, sizeof field);
		add_field(s, destination, type, map, field, as);
	}
}

static void
add_map(sharing *s, const ph_declared *declared, const char *type)
{
	const char *folders[PH_FOLDERS_MAX + 1];
	ph_map *map = NULL;
	ph_declared_folders(s->site, declared->adapter, folders);
	s->status = ph_map_load(declared->map->text, folders, &map, s->err);
	if (s->status != PH_OK)
		return;
	for (const ph_link *link = map->links; link != NULL; link = link->next)
		if ((link->directions & PH_FLOWS_OUT) != 0)
			add_link(s, declared->adapter->name, type, map, link);
	ph_map_destroy(&map);
}

/* --- routes --- */

/* May the route carry messages of this type? */
static bool
carries(const ph_site_route *route, const char *type)
{
	for (size_t i = 0; i < route->when_count; i++) {
		const ph_site_condition *when = &route->when[i];
		bool found = strcmp(when->attribute, "type") != 0;
		for (size_t k = 0; k < when->patterns.count && !found; k++) {
			const char *pattern = when->patterns.at[k];
			size_t length = strlen(pattern);
			found = length > 0 && pattern[length - 1] == '*'
				    ? strncmp(pattern, type, length - 1) == 0
				    : strcmp(pattern, type) == 0;
		}
		if (!found)
			return false;
	}
	return true;
}

static void
add_declared(void *self, const ph_declared *declared)
{
	sharing *s = self;
	const ph_node *on = ph_node_get(declared->entry, "on");
	if (s->status != PH_OK || strcmp(declared->list, "send") != 0 || on == NULL)
		return;
	const ph_node *type = on->kind == PH_NODE_LIST ? on->first : on;
	for (; type != NULL; type = on->kind == PH_NODE_LIST ? type->next : NULL)
		if (type->text != NULL && carries(s->route, type->text) &&
		    s->status == PH_OK)
			add_map(s, declared, type->text);
}

ph_status
ph_sharing_show(ph_cli *cli, const ph_site *site,
    bool (*wanted)(void *self, const char *route), void *self, ph_error *err)
{
	sharing s = {.site = site, .seen = json_object(), .err = err};
	s.status = ph_rows_new(cli, columns, COUNT(columns), &s.rows, err);
	for (size_t i = 0; i < site->route_count && s.status == PH_OK; i++) {
		s.route = &site->routes[i];
		if (wanted != NULL && !wanted(self, s.route->name))
			continue;
		for (size_t k = 0; k < s.route->to.count && s.status == PH_OK; k++) {
			const ph_site_adapter *adapter =
			    ph_site_adapter_of_queue(site, s.route->to.at[k]);
			if (adapter != NULL)
				ph_declared_each(adapter, add_declared, &s);
		}
	}
	ph_rows_finish(&s.rows, "no field leaves by these routes");
	json_decref(s.seen);
	return s.status;
}
