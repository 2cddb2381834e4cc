/*
 * map_parse - the map file: its head, the vendor's side, lists of links and conditions.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/assert.h"
#include "lib/base/fs.h"
#include "lib/config/config.h"
#include "transform/map_inner.h"

#define VENDOR_SCHEMA_MAX ((size_t) 4 << 20)

static const char *const head_names[] = {
    "map", "title", "canonical", "type", "vendor", "links", "require", "drop", NULL};
static const char *const vendor_names[] = {"format", "record", "namespaces",
    "unprefixed", "root", "each", "order", "schema", "charset", "repair", "multipart",
    "empty", "null", "previous", "open", NULL};
static const char *const root_names[] = {"in", "out", NULL};
static const char *const open_names[] = {"json", "xml", NULL};
static const char *const previous_names[] = {"root", "without", NULL};
static const char *const drop_names[] = {"vendor", "canonical", NULL};

/* An error that a function of lib/config located itself. */
static bool
pass_on(ph_load *load, const ph_error *err)
{
	return ph_load_fail_at(load, err->where, err->text);
}

static bool
known(ph_load *load, const ph_node *object, const char *const *names)
{
	ph_error why;
	if (ph_config_known(load->document, object, names, &why) == PH_OK)
		return true;
	return pass_on(load, &why);
}

/* A member that must be a plain text. *out stays as it is if there is none. */
static bool
text_member(ph_load *load, const ph_node *object, const char *name, const char **out)
{
	const ph_node *node = ph_node_get(object, name);
	if (node == NULL)
		return true;
	if (node->kind != PH_NODE_STRING || node->length == 0)
		return ph_load_fail(load, node, 0, "PH2040 %s needs a text", name);
	*out = node->text;
	return true;
}

static bool
parse_canonical(ph_map *map, ph_load *load, const ph_node *root)
{
	const ph_node *node = ph_node_get(root, "canonical");
	if (node == NULL || node->kind != PH_NODE_STRING)
		return ph_load_fail(load, node == NULL ? root : node, 0,
		    "PH2041 canonical: service-request@1 (or none) is missing");
	if (strcmp(node->text, "none") == 0) {
		map->entity = "";
		return true;
	}
	const char *at = strchr(node->text, '@');
	size_t digits = at == NULL ? 0 : strspn(at + 1, "0123456789");
	if (at == NULL || at == node->text || digits == 0 || digits > 4 ||
	    at[1 + digits] != 0)
		return ph_load_fail(load, node, 0,
		    "PH2041 write the canonical entity with its version: "
		    "service-request@1");
	map->entity = ph_arena_dup(map->arena, node->text, (size_t) (at - node->text));
	const char *file = ph_arena_printf(map->arena, "%s.v%s.schema.json",
	    map->entity == NULL ? "" : map->entity, at + 1);
	if (map->entity == NULL || file == NULL)
		return ph_load_no_memory(load);
	map->version = (unsigned) strtoul(at + 1, NULL, 10);
	const char *path = ph_load_find(load, "schemas", file);
	ph_error why;
	if (path == NULL)
		return ph_load_fail(load, node, 0,
		    "PH2042 there is no schema %s in any schema folder", file);
	if (ph_schema_load(path, &map->schema, &why) != PH_OK)
		return pass_on(load, &why);
	/* One list, so that the schema's rules and our paths mean the same pointers. */
	ph_names_destroy(&map->canonical_names);
	map->canonical_names = map->canonical_syntax.names =
	    ph_schema_names(map->schema);
	return true;
}

static bool
parse_format(ph_map *map, ph_load *load, const ph_node *vendor)
{
	static const char *const formats[] = {"xml", "soap", "json", "form", "csv",
	    "record-csv", "fixed", "hl7", "multipart"};
	const ph_node *node = ph_node_get(vendor, "format");
	for (size_t i = 0; i < 9 && node != NULL && node->kind == PH_NODE_STRING; i++)
		if (strcmp(formats[i], node->text) == 0) {
			map->format = (ph_map_format) (i + 1);
			return true;
		}
	return ph_load_fail(load, node == NULL ? vendor : node, 0,
	    "PH2043 vendor.format is xml, soap, json, form, csv, record-csv, fixed, "
	    "hl7 or multipart");
}

/* The description of formats that do not say what their fields are. */
static bool
parse_record(ph_map *map, ph_load *load, const ph_node *vendor)
{
	const ph_node *node = ph_node_get(vendor, "record");
	bool wanted = map->format >= PH_MAP_CSV && map->format <= PH_MAP_HL7;
	ph_error why;
	if (!wanted || node == NULL)
		return !wanted && node == NULL
			   ? true
			   : ph_load_fail(load, node == NULL ? vendor : node, 0,
				 "PH2056 vendor.record names the file "
				 "that describes csv, record-csv, "
				 "fixed and hl7, and no others");
	if (node->kind != PH_NODE_STRING || node->length == 0)
		return ph_load_fail(
		    load, node, 0, "PH2040 record needs the name of a file");
	const char *path = ph_load_find(load, "records", node->text);
	if (path == NULL)
		return ph_load_fail(load, node, 0,
		    "PH2057 there is no record description %s in any folder records/",
		    node->text);
	if (ph_records_load(path, &map->records, &why) != PH_OK)
		return pass_on(load, &why);
	const char *format = ph_records_format_name(ph_records_format_of(map->records));
	if (strcmp(format, ph_node_text(vendor, "format")) != 0)
		return ph_load_fail(
		    load, node, 0, "PH2056 %s describes %s", node->text, format);
	return true;
}

/* The vendor's own schema: JSON Schema, for what reads JSON and forms. Others are for people. */
static bool
parse_vendor_schema(ph_map *map, ph_load *load, const ph_node *vendor)
{
	const ph_node *node = ph_node_get(vendor, "schema");
	ph_error why;
	char *bytes;
	size_t length;
	if (node == NULL)
		return true;
	if (node->kind != PH_NODE_STRING || node->length == 0)
		return ph_load_fail(
		    load, node, 0, "PH2040 schema needs the name of a file");
	if (node->length < 5 || strcmp(node->text + node->length - 5, ".json") != 0)
		return true;
	if (map->format != PH_MAP_JSON && map->format != PH_MAP_FORM)
		return ph_load_fail(load, node, 0,
		    "PH2058 a JSON Schema describes json and form, and no others");
	const char *path = ph_load_find(load, "schemas", node->text);
	if (path == NULL)
		return ph_load_fail(load, node, 0,
		    "PH2042 there is no schema %s in any schema folder", node->text);
	if (ph_fs_slurp(path, VENDOR_SCHEMA_MAX, &bytes, &length, &why) != PH_OK)
		return pass_on(load, &why);
	ph_status status = ph_schema_parse_with(
	    path, bytes, length, NULL, PH_SCHEMA_STANDARD, &map->vendor_schema, &why);
	free(bytes);
	return status == PH_OK ? true : pass_on(load, &why);
}

static bool
add_prefix(ph_map *map, ph_load *load, const ph_node *node, const char *prefix,
    const char *space)
{
	if (map->prefix_count == PH_PREFIXES_MAX)
		return ph_load_fail(load, node, 0, "PH2044 too many namespaces");
	uint32_t number = ph_names_add(map->vendor_names, space, strlen(space));
	if (number == 0)
		return ph_load_no_memory(load);
	if (strcmp(space, PH_SOAP_NAMESPACE) == 0)
		map->vendor_syntax.bare = number;
	map->prefixes[map->prefix_count++] = (ph_prefix){prefix, space, number};
	map->xml_prefixes[map->xml_prefix_count++] =
	    (ph_xml_prefix){.prefix = prefix, .space = space};
	return true;
}

static bool
parse_namespaces(ph_map *map, ph_load *load, const ph_node *vendor)
{
	const ph_node *node = ph_node_get(vendor, "namespaces");
	bool soap_declared = false;
	if (node != NULL && node->kind != PH_NODE_OBJECT)
		return ph_load_fail(load, node, 0,
		    "PH2044 namespaces: {prefix: \"http://...\"} is wanted here");
	for (const ph_node *n = node == NULL ? NULL : node->first; n != NULL;
	     n = n->next) {
		if (n->kind != PH_NODE_STRING || n->length == 0)
			return ph_load_fail(
			    load, n, 0, "PH2044 the name of the namespace is missing");
		if (!add_prefix(map, load, n, n->name, n->text))
			return false;
		soap_declared |= strcmp(n->name, "s") == 0;
	}
	return map->format != PH_MAP_SOAP || soap_declared ||
	       add_prefix(map, load, vendor, "s", PH_SOAP_NAMESPACE);
}

static bool
parse_unprefixed(ph_map *map, ph_load *load, const ph_node *vendor)
{
	const ph_node *node = ph_node_get(vendor, "unprefixed");
	if (node == NULL)
		return true;
	for (size_t i = 0; i < map->prefix_count; i++)
		if (node->kind == PH_NODE_STRING &&
		    strcmp(map->prefixes[i].prefix, node->text) == 0) {
			map->vendor_syntax.space = map->prefixes[i].number;
			return true;
		}
	return ph_load_fail(load, node, 0,
	    "PH2044 unprefixed names one of the prefixes of vendor.namespaces");
}

/* The scan is left behind the path. */
static bool
scan_path(ph_map *map, ph_load *load, const ph_node *node, unsigned refused,
    ph_scan *scan, ph_path *out)
{
	if (node->kind != PH_NODE_STRING || node->length == 0)
		return ph_load_fail(load, node, 0, "PH2040 a path is wanted here");
	ph_path paths[2];
	size_t length, count;
	ph_scan_init(scan, load, node);
	const char *text = ph_scan_path(scan, &length);
	if (!ph_path_parse(&map->vendor_syntax, scan, text, length, paths, &count))
		return false;
	if (count != 1)
		return ph_load_fail(
		    load, node, 0, "PH2045 a plain path is wanted here");
	for (size_t i = 0; i < paths[0].count; i++)
		if ((paths[0].steps[i].flags & refused) != 0)
			return ph_load_fail(load, node, 0,
			    "PH2045 only names of fields are wanted here");
	*out = paths[0];
	return true;
}

static bool
parse_path(
    ph_map *map, ph_load *load, const ph_node *node, unsigned refused, ph_path *out)
{
	ph_scan scan;
	if (!scan_path(map, load, node, refused, &scan, out))
		return false;
	return ph_scan_done(&scan) ||
	       ph_load_fail(load, node, 0, "PH2045 a plain path is wanted here");
}

/* The way to the records, or to the text whose items make them. */
static bool
parse_each(ph_map *map, ph_load *load, const ph_node *each)
{
	ph_scan scan;
	map->has_each = true;
	if (!scan_path(map, load, each, PH_STEP_PARENT, &scan, &map->each) ||
	    !ph_split_parse(map, load, &scan))
		return false;
	for (size_t i = 0; i < map->each.count; i++)
		if ((map->each.steps[i].flags & PH_STEP_ATTRIBUTE) != 0)
			return ph_load_fail(load, each, 0,
			    "PH2045 only names of fields are wanted here");
	return ph_scan_done(&scan) ||
	       ph_load_fail(load, each, 0, "PH2045 a plain path is wanted here");
}

#define ONLY_NAMES (PH_STEP_PARENT | PH_STEP_ATTRIBUTE)

static bool
parse_root(ph_map *map, ph_load *load, const ph_node *vendor)
{
	const ph_node *root = ph_node_get(vendor, "root");
	const ph_node *each = ph_node_get(vendor, "each");
	bool xml = map->format == PH_MAP_XML || map->format == PH_MAP_SOAP;
	if (root == NULL && xml)
		return ph_load_fail(load, vendor, 0,
		    "PH2046 vendor.root is missing: the way to the record's element");
	if (root != NULL && root->kind == PH_NODE_OBJECT) {
		const ph_node *in = ph_node_get(root, "in"),
			      *out = ph_node_get(root, "out");
		if (!known(load, root, root_names))
			return false;
		if (in == NULL || out == NULL)
			return ph_load_fail(load, root, 0,
			    "PH2046 both root.in and root.out are needed, or one path");
		if (!parse_path(map, load, in, ONLY_NAMES, &map->root_in) ||
		    !parse_path(map, load, out, ONLY_NAMES, &map->root_out))
			return false;
	} else if (root != NULL) {
		if (!parse_path(map, load, root, ONLY_NAMES, &map->root_in))
			return false;
		map->root_out = map->root_in;
	}
	return each == NULL || parse_each(map, load, each);
}

/* A list of fields, if there is one. */
static bool
parse_fields(ph_map *map, ph_load *load, const ph_node *object, const char *name,
    unsigned refused, ph_path **out, size_t *count)
{
	const ph_node *list = ph_node_get(object, name);
	if (list == NULL)
		return true;
	if (list->kind != PH_NODE_LIST)
		return ph_load_fail(
		    load, list, 0, "PH2050 %s: a list of fields is wanted here", name);
	*out = ph_arena_alloc(map->arena, (list->count + 1) * sizeof(**out));
	if (*out == NULL)
		return ph_load_no_memory(load);
	for (const ph_node *n = list->first; n != NULL; n = n->next)
		if (!parse_path(map, load, n, refused, &(*out)[(*count)++]))
			return false;
	return true;
}

/* Fields that are to be written in this order, whatever the order of the links. */
static bool
parse_order(ph_map *map, ph_load *load, const ph_node *vendor)
{
	map->order_node = ph_node_get(vendor, "order");
	return parse_fields(map, load, vendor, "order",
	    PH_STEP_ATTRIBUTE | PH_STEP_WILD, &map->order, &map->order_count);
}

/* One path, or a list of them. */
static bool
parse_opens(ph_map *map, ph_load *load, const ph_node *node, bool xml)
{
	bool list = node != NULL && node->kind == PH_NODE_LIST;
	for (const ph_node *n = list ? node->first : node; n != NULL;
	     n = list ? n->next : NULL) {
		ph_open *open = &map->opens[map->open_count++];
		open->xml = xml;
		if (!parse_path(map, load, n,
			ONLY_NAMES | PH_STEP_MANY | PH_STEP_WILD | PH_STEP_CHOSEN,
			&open->path))
			return false;
	}
	return true;
}

/* Fields whose text is a document. */
static bool
parse_open(ph_map *map, ph_load *load, const ph_node *vendor)
{
	const ph_node *open = ph_node_get(vendor, "open");
	if (open == NULL)
		return true;
	if (open->kind != PH_NODE_OBJECT)
		return ph_load_fail(load, open, 0,
		    "PH2089 open: {json: PATH, xml: PATH} is wanted here");
	if (!known(load, open, open_names))
		return false;
	const ph_node *json = ph_node_get(open, "json"),
		      *xml = ph_node_get(open, "xml");
	size_t room = (json == NULL ? 0u : 1u + json->count) +
		      (xml == NULL ? 0u : 1u + xml->count);
	map->opens = ph_arena_zalloc(map->arena, (room + 1) * sizeof(*map->opens));
	if (map->opens == NULL)
		return ph_load_no_memory(load);
	if (!parse_opens(map, load, json, false) || !parse_opens(map, load, xml, true))
		return false;
	return ph_open_settle(map) || ph_load_no_memory(load);
}

/* What the vendor's record looks like when it is read to be completed from. */
static bool
parse_previous(ph_map *map, ph_load *load, const ph_node *vendor)
{
	const ph_node *previous = ph_node_get(vendor, "previous");
	if (previous == NULL)
		return true;
	if (map->format > PH_MAP_FORM)
		return ph_load_fail(load, previous, 0,
		    "PH2080 a file of records or parts has no previous record to be "
		    "completed from");
	map->completes = true;
	if (previous->kind != PH_NODE_OBJECT)
		return ph_load_fail(load, previous, 0,
		    "PH2088 previous: {root: ..., without: [...]} is wanted here");
	const ph_node *root = ph_node_get(previous, "root");
	map->has_previous_root = root != NULL;
	return known(load, previous, previous_names) &&
	       (root == NULL ||
		   parse_path(map, load, root, ONLY_NAMES, &map->previous_root)) &&
	       parse_fields(map, load, previous, "without",
		   PH_STEP_PARENT | PH_STEP_WILD | PH_STEP_CHOSEN | PH_STEP_MANY,
		   &map->previous_without, &map->previous_without_count);
}

static bool
parse_absent(ph_load *load, const ph_node *vendor, const char *name, bool *out)
{
	const ph_node *node = ph_node_get(vendor, name);
	*out = false;
	if (node == NULL)
		return true;
	bool text = node->kind == PH_NODE_STRING;
	*out = text && strcmp(node->text, "absent") == 0;
	if (*out || (text && strcmp(node->text, "keep") == 0))
		return true;
	return ph_load_fail(load, node, 0, "PH2047 %s: is absent or keep", name);
}

static bool
parse_vendor(ph_map *map, ph_load *load, const ph_node *root)
{
	const ph_node *vendor = ph_node_get(root, "vendor");
	if (vendor == NULL || vendor->kind != PH_NODE_OBJECT)
		return ph_load_fail(load, vendor == NULL ? root : vendor, 0,
		    "PH2048 vendor: {format: ...} is missing");
	if (!known(load, vendor, vendor_names) || !parse_format(map, load, vendor) ||
	    !parse_record(map, load, vendor) || !parse_vendor_schema(map, load, vendor))
		return false;
	map->vendor_syntax.xml = ph_vendor_is_xml(map) ||
				 map->format == PH_MAP_MULTIPART ||
				 ph_node_find(vendor, "open/xml") != NULL;
	if (!parse_namespaces(map, load, vendor))
		return false;
	map->vendor_syntax.prefixes = map->prefixes;
	map->vendor_syntax.prefix_count = map->prefix_count;
	return parse_unprefixed(map, load, vendor) && parse_root(map, load, vendor) &&
	       ph_vendor_parse(map, load, vendor) && parse_order(map, load, vendor) &&
	       parse_previous(map, load, vendor) && parse_open(map, load, vendor) &&
	       parse_absent(load, vendor, "null", &map->null_absent) &&
	       parse_absent(load, vendor, "empty", &map->empty_absent);
}

static bool
is_line(ph_load *load, const ph_node *node, const char *what)
{
	if (node->kind == PH_NODE_OBJECT)
		return ph_load_fail(load, node, 0,
		    "PH2001 this %s reads as a mapping: quote the part with \": \" in "
		    "it, "
		    "or take the space away",
		    what);
	if (node->kind != PH_NODE_STRING || (node->flags & PH_NODE_QUOTED) != 0 ||
	    strchr(node->text, '\n') != NULL)
		return ph_load_fail(load, node, 0,
		    "PH2001 a %s is one plain line, without quotes around it", what);
	return true;
}

static bool
parse_links(ph_map *map, ph_load *load, const ph_node *root)
{
	const ph_node *links = ph_node_get(root, "links");
	ph_link **end = &map->links;
	bool good = true;
	if (links == NULL || links->kind != PH_NODE_LIST || links->first == NULL)
		return ph_load_fail(load, links == NULL ? root : links, 0,
		    "PH2049 links: a list of lines is missing");
	for (const ph_node *n = links->first; n != NULL; n = n->next) {
		if (is_line(load, n, "link") && ph_link_parse(map, load, n, &end))
			map->link_count++;
		else
			good = false;
	}
	return good;
}

static bool
parse_requires(ph_map *map, ph_load *load, const ph_node *root)
{
	const ph_node *list = ph_node_get(root, "require");
	ph_require **end = &map->requires;
	bool good = true;
	if (list == NULL)
		return true;
	if (list->kind != PH_NODE_LIST)
		return ph_load_fail(
		    load, list, 0, "PH2049 require: a list of lines is wanted here");
	for (const ph_node *n = list->first; n != NULL; n = n->next) {
		if (!is_line(load, n, "condition") ||
		    !ph_require_parse(map, load, n, end)) {
			good = false;
			continue;
		}
		end = &(*end)->next;
	}
	return good;
}

static bool
parse_drop_list(
    ph_load *load, const ph_node *drop, const char *name, const ph_node **out)
{
	const ph_node *list = ph_node_get(drop, name);
	if (list == NULL)
		return true;
	if (list->kind != PH_NODE_LIST)
		return ph_load_fail(load, list, 0,
		    "PH2050 drop.%s: a list of fields is wanted here", name);
	for (const ph_node *n = list->first; n != NULL; n = n->next)
		if (n->kind != PH_NODE_STRING || n->length == 0)
			return ph_load_fail(
			    load, n, 0, "PH2050 the name of a field is wanted here");
	*out = list;
	return true;
}

static bool
parse_drop(ph_map *map, ph_load *load, const ph_node *root)
{
	const ph_node *drop = ph_node_get(root, "drop");
	if (drop == NULL)
		return true;
	if (drop->kind != PH_NODE_OBJECT)
		return ph_load_fail(load, drop, 0,
		    "PH2050 drop: {vendor: [...], canonical: [...]} is wanted here");
	return known(load, drop, drop_names) &&
	       parse_drop_list(load, drop, "vendor", &map->drop_vendor) &&
	       parse_drop_list(load, drop, "canonical", &map->drop_canonical);
}

bool
ph_map_parse(ph_map *map, ph_load *load)
{
	const ph_node *root = ph_document_root(map->document);
	if (root == NULL || root->kind != PH_NODE_OBJECT)
		return ph_load_fail(load, root, 0, "PH2040 a map file is a mapping");
	map->name = "";
	map->type = "";
	map->canonical_syntax =
	    (ph_syntax){.names = map->canonical_names, .separator = '.'};
	map->vendor_syntax = (ph_syntax){.names = map->vendor_names, .separator = '/'};
	bool good = known(load, root, head_names);
	good &= text_member(load, root, "map", &map->name);
	good &= text_member(load, root, "type", &map->type);
	good &= parse_canonical(map, load, root);
	if (map->name[0] == 0)
		good = ph_load_fail(load, root, 0, "PH2040 map: its name is missing");
	/* Without the vendor's side or the schema the links cannot be read. */
	if (!parse_vendor(map, load, root) || !good)
		return false;
	good &= parse_drop(map, load, root);
	good &= parse_links(map, load, root);
	return parse_requires(map, load, root) && good;
}
