/*
 * records_parse - the description's file: doc/records.md says what stands in it.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/base/assert.h"
#include "lib/codec/hl7_inner.h"
#include "lib/config/config.h"

typedef struct parser {
	ph_records *records;
	const ph_document *document;
	ph_arena *arena;
	ph_error *err;
} parser;

static const char *const csv_names[] = {"format", "title", "charset", "replace",
    "separator", "quote", "line-end", "header", "row", "fields", "gather", NULL};
static const char *const typed_names[] = {"format", "title", "charset", "replace",
    "separator", "quote", "line-end", "records", "first", "last", "count", NULL};
static const char *const fixed_names[] = {"format", "title", "charset", "replace",
    "unit", "line-end", "row", "fields", "gather", "type", "records", "first", "last",
    "count", NULL};
static const char *const hl7_names[] = {
    "format", "title", "charset", "replace", "segments", NULL};

/* False, with the place. */
#define REFUSE(p, node, ...)                                                           \
	(ph_config_fail((p)->err, (p)->document, node, __VA_ARGS__), false)

static bool
no_memory(parser *p)
{
	ph_fail(p->err, PH_ERR_NOMEM, "out of memory");
	return false;
}

static void *
room(parser *p, size_t count, size_t size)
{
	void *made = ph_arena_zalloc(p->arena, (count + 1) * size);
	if (made == NULL)
		no_memory(p);
	return made;
}

static bool
is_text(const ph_node *node)
{
	return node != NULL && node->kind == PH_NODE_STRING && node->length > 0;
}

/* One of some words; *out stays as it is if the member is not there. */
static bool
word(parser *p, const ph_node *root, const char *name, const char *const *words,
    const char *help, unsigned *out)
{
	const ph_node *node = ph_node_get(root, name);
	if (node == NULL)
		return true;
	for (unsigned i = 0; is_text(node) && words[i] != NULL; i++)
		if (strcmp(words[i], node->text) == 0) {
			*out = i;
			return true;
		}
	return REFUSE(p, node, "PH3181 %s: is %s", name, help);
}

static bool
parse_charset(parser *p, const ph_node *root)
{
	ph_records *r = p->records;
	const ph_node *node = ph_node_get(root, "charset");
	const ph_node *instead = ph_node_get(root, "replace");
	r->charset_given = node != NULL;
	if (node != NULL &&
	    (!is_text(node) || !ph_charset_named(node->text, &r->charset)))
		return REFUSE(
		    p, node, "PH3181 charset: is utf-8, windows-1252 or iso-8859-1");
	if (instead == NULL)
		return true;
	if (!is_text(instead) || instead->length != 1 || instead->text[0] < 0x20 ||
	    instead->text[0] > 0x7E)
		return REFUSE(p, instead,
		    "PH3181 replace: is one ASCII character: it stands for what the "
		    "charset does not have");
	r->instead = instead->text;
	return true;
}

static bool
parse_lines(parser *p, const ph_node *root)
{
	static const char *const ends[] = {"crlf", "lf", NULL};
	static const char *const separators[] = {",", ";", "|", "tab", NULL};
	static const char *const quotings[] = {"needed", "texts", "all", NULL};
	static const char *const units[] = {"characters", "bytes", NULL};
	ph_records *r = p->records;
	unsigned end = 0, separator = 0, quoting = 0, unit = 0;
	if (!word(p, root, "line-end", ends, "crlf or lf", &end) ||
	    !word(p, root, "separator", separators, "\",\", \";\", \"|\" or tab",
		&separator) ||
	    !word(p, root, "quote", quotings, "needed, texts or all", &quoting) ||
	    !word(p, root, "unit", units, "characters or bytes", &unit) ||
	    ph_config_boolean(p->document, root, "header", true, &r->header, p->err) !=
		PH_OK)
		return false;
	r->line_end = end == 0 ? "\r\n" : "\n";
	r->separator = ",;|\t"[separator];
	r->quoting = (ph_quoting) quoting;
	r->bytes = unit == 1;
	return true;
}

/* A name that no other field of the record has. */
static bool
name_field(parser *p, ph_record_rule *rule, const ph_node *node, const char *name)
{
	for (size_t i = 0; i < rule->field_count; i++)
		if (strcmp(rule->fields[i].name, name) == 0)
			return REFUSE(p, node, "PH3182 two fields of this name");
	rule->fields[rule->field_count].name = name;
	return true;
}

static bool
parse_names(parser *p, const ph_node *list, ph_record_rule *rule)
{
	if (list->kind != PH_NODE_LIST)
		return REFUSE(p, list, "PH3182 fields: a list of names in their order");
	for (const ph_node *n = list->first; n != NULL; n = n->next) {
		if (!is_text(n))
			return REFUSE(p, n, "PH3182 the name of a field");
		if (!name_field(p, rule, n, n->text))
			return false;
		rule->field_count++;
	}
	return true;
}

/* "1-8": columns from 1, the last one included. */
static bool
parse_columns(parser *p, const ph_node *node, size_t *first, size_t *width)
{
	char *end = NULL;
	const char *text = is_text(node) ? node->text : "";
	unsigned long from = *text >= '0' && *text <= '9' ? strtoul(text, &end, 10) : 0;
	unsigned long to = from;
	if (end != NULL && *end == '-' && end[1] >= '0' && end[1] <= '9')
		to = strtoul(end + 1, &end, 10);
	if (from == 0 || *end != '\0' || to < from || to > PH_COLUMNS_MAX)
		return REFUSE(p, node,
		    "PH3183 the columns of a field: 9-28, or 9 for one; at most %d",
		    PH_COLUMNS_MAX);
	*first = from - 1;
	*width = to - from + 1;
	return true;
}

static bool
parse_filling(parser *p, const ph_node *node, ph_field_rule *field)
{
	static const char *const known[] = {"at", "align", "pad", NULL};
	static const char *const sides[] = {"left", "right", NULL};
	const ph_node *pad = ph_node_get(node, "pad");
	unsigned side = 0;
	if (ph_config_known(p->document, node, known, p->err) != PH_OK ||
	    !word(p, node, "align", sides, "left or right", &side))
		return false;
	field->right = side == 1;
	if (pad != NULL && (pad->kind != PH_NODE_STRING || pad->length != 1 ||
			       pad->text[0] < 0x20 || pad->text[0] > 0x7E))
		return REFUSE(p, pad, "PH3183 pad: is one ASCII character");
	if (pad != NULL)
		field->pad = pad->text[0];
	return true;
}

static bool
parse_fixed_field(parser *p, const ph_node *node, ph_record_rule *rule)
{
	ph_field_rule *field = &rule->fields[rule->field_count];
	const ph_node *at = node;
	*field = (ph_field_rule){.pad = ' '};
	if (!name_field(p, rule, node, node->name))
		return false;
	if (node->kind == PH_NODE_OBJECT) {
		at = ph_node_get(node, "at");
		if (!parse_filling(p, node, field))
			return false;
	}
	if (!parse_columns(p, at == NULL ? node : at, &field->first, &field->width))
		return false;
	for (size_t i = 0; i < rule->field_count; i++) {
		const ph_field_rule *other = &rule->fields[i];
		if (field->first < other->first + other->width &&
		    other->first < field->first + field->width)
			return REFUSE(p, node, "PH3183 two fields share a column");
	}
	if (field->first + field->width > rule->width)
		rule->width = field->first + field->width;
	rule->field_count++;
	return true;
}

static int
by_column(const void *a, const void *b)
{
	const ph_field_rule *one = a, *other = b;
	return one->first < other->first ? -1 : one->first > other->first;
}

/* The type of a record is a field without a name. */
static bool
parse_fixed_fields(parser *p, const ph_node *fields, ph_record_rule *rule)
{
	const ph_records *r = p->records;
	if (fields->kind != PH_NODE_OBJECT)
		return REFUSE(
		    p, fields, "PH3182 fields: names with their columns: {name: 9-28}");
	if (r->type_width > 0)
		rule->fields[rule->field_count++] = (ph_field_rule){.name = "",
		    .first = r->type_first,
		    .width = r->type_width,
		    .pad = ' '};
	for (const ph_node *n = fields->first; n != NULL; n = n->next)
		if (!parse_fixed_field(p, n, rule))
			return false;
	qsort(rule->fields, rule->field_count, sizeof *rule->fields, by_column);
	return true;
}

static bool
parse_fields(
    parser *p, const ph_node *owner, const ph_node *fields, ph_record_rule *rule)
{
	if (fields == NULL || fields->first == NULL)
		return REFUSE(
		    p, fields == NULL ? owner : fields, "PH3182 fields: are missing");
	if (fields->count > PH_FIELDS_MAX)
		return REFUSE(p, fields, "PH3182 more than %u fields", PH_FIELDS_MAX);
	rule->fields = room(p, fields->count, sizeof *rule->fields);
	if (rule->fields == NULL)
		return false;
	return p->records->format == PH_RECORDS_FIXED
		   ? parse_fixed_fields(p, fields, rule)
		   : parse_names(p, fields, rule);
}

/* ---- rows that make one record ---- */

/* Names of fields that no other list of these has; NULL is an empty list. */
static bool
parse_shared(
    parser *p, const ph_node *list, const char **out, size_t most, size_t *count)
{
	const ph_records *r = p->records;
	if (list != NULL && (list->kind != PH_NODE_LIST || list->count > most))
		return REFUSE(p, list,
		    "PH3187 by: and with: are lists of fields, by: of at most %u",
		    PH_GATHER_BY);
	for (const ph_node *n = list == NULL ? NULL : list->first; n != NULL;
	     n = n->next) {
		size_t i = 0;
		while (is_text(n) && i < r->rules->field_count &&
		       strcmp(r->rules->fields[i].name, n->text) != 0)
			i++;
		if (!is_text(n) || i == r->rules->field_count)
			return REFUSE(p, n,
			    "PH3187 rows are gathered by fields that fields: lists");
		if (ph_records_shares(r, n->text))
			return REFUSE(p, n, "PH3187 this field stands here twice");
		out[(*count)++] = n->text;
	}
	return true;
}

/* gather: {record: case, by: [number], with: [opened]} */
static bool
parse_gather(parser *p, const ph_node *root)
{
	static const char *const known[] = {"record", "by", "with", NULL};
	ph_records *r = p->records;
	const ph_node *node = ph_node_get(root, "gather");
	if (node == NULL)
		return true;
	if (node->kind != PH_NODE_OBJECT || r->rules->field_count == 0)
		return REFUSE(p, node,
		    "PH3187 gather: {record: ..., by: [...], with: [...]}, with "
		    "fields:");
	const ph_node *by = ph_node_get(node, "by"), *with = ph_node_get(node, "with");
	r->with = room(p, r->rules->field_count, sizeof *r->with);
	if (r->with == NULL ||
	    ph_config_known(p->document, node, known, p->err) != PH_OK ||
	    ph_config_text(p->document, node, "record", "", &r->group, p->err) !=
		PH_OK ||
	    !parse_shared(p, by, r->by, PH_GATHER_BY, &r->by_count) ||
	    !parse_shared(p, with, r->with, PH_FIELDS_MAX, &r->with_count))
		return false;
	if (r->by_count == 0 || *r->group == '\0' ||
	    strcmp(r->group, r->rules->name) == 0)
		return REFUSE(p, node,
		    "PH3187 gather: needs record:, another name than that of row:, and "
		    "by:");
	for (size_t i = 0; i < r->by_count; i++)
		for (size_t k = 0; k < r->rules->field_count; k++)
			if (strcmp(r->rules->fields[k].name, r->by[i]) == 0)
				r->by_rules[i] = &r->rules->fields[k];
	r->gathers = true;
	return true;
}

/* gather: [address, note] of one type of record. */
static bool
parse_part(parser *p, ph_record_rule *rule, const ph_node *node)
{
	ph_records *r = p->records;
	const ph_record_rule *part =
	    is_text(node) ? ph_records_by_name(r, node->text) : NULL;
	if (part == NULL || part == rule || part == r->first || part == r->last)
		return REFUSE(p, node,
		    "PH3187 gather: names other records, and not the first or last");
	for (size_t i = 0; i < rule->field_count; i++)
		if (strcmp(rule->fields[i].name, part->name) == 0)
			return REFUSE(p, node,
			    "PH3187 a gathered record has the name of a field");
	rule->gathers |= UINT64_C(1) << (part - r->rules);
	r->gathers = true;
	return true;
}

static bool
parse_parts(parser *p, const ph_node *list)
{
	ph_records *r = p->records;
	size_t i = 0;
	uint64_t parts = 0;
	for (const ph_node *n = list->first; n != NULL; n = n->next, i++) {
		const ph_node *gather = ph_node_get(n, "gather");
		if (gather == NULL)
			continue;
		if (gather->kind != PH_NODE_LIST)
			return REFUSE(
			    p, gather, "PH3187 gather: is a list of records here");
		for (const ph_node *g = gather->first; g != NULL; g = g->next)
			if (!parse_part(p, &r->rules[i], g))
				return false;
		parts |= r->rules[i].gathers;
	}
	for (i = 0; i < r->rule_count; i++)
		if ((parts >> i & 1) != 0 && r->rules[i].gathers != 0)
			return REFUSE(
			    p, list, "PH3187 what is gathered gathers nothing itself");
	return true;
}

/* Records of one type only: `row` is their name. */
static bool
parse_row(parser *p, const ph_node *root)
{
	ph_records *r = p->records;
	const ph_node *fields = ph_node_get(root, "fields");
	r->rules = room(p, 1, sizeof *r->rules);
	if (r->rules == NULL)
		return false;
	r->rule_count = 1;
	r->rules[0].type = "";
	if (ph_config_text(
		p->document, root, "row", "row", &r->rules[0].name, p->err) != PH_OK)
		return false;
	if (fields == NULL && r->format == PH_RECORDS_CSV && r->header)
		return true;
	return parse_fields(p, root, fields, &r->rules[0]);
}

static bool
parse_record(parser *p, const ph_node *node)
{
	static const char *const known[] = {"name", "fields", "gather", NULL};
	ph_records *r = p->records;
	ph_record_rule *rule = &r->rules[r->rule_count];
	if (node->kind != PH_NODE_OBJECT || node->name == NULL || *node->name == '\0')
		return REFUSE(p, node,
		    "PH3184 records: each type with its {name: ..., fields: ...}");
	if (r->type_width > 0 && strlen(node->name) != r->type_width)
		return REFUSE(p, node,
		    "PH3184 a type of this length does not stand in the columns of "
		    "type:");
	rule->type = node->name;
	if (ph_config_known(p->document, node, known, p->err) != PH_OK ||
	    ph_config_text(
		p->document, node, "name", node->name, &rule->name, p->err) != PH_OK)
		return false;
	if (ph_records_by_name(r, rule->name) != NULL)
		return REFUSE(p, node, "PH3184 two types of record have this name");
	r->rule_count++;
	if (r->type_width > 0)
		rule->width = r->type_first + r->type_width;
	return parse_fields(p, node, ph_node_get(node, "fields"), rule);
}

/* A record named by `first` or `last`. */
static bool
parse_place(
    parser *p, const ph_node *root, const char *name, const ph_record_rule **out)
{
	const ph_node *node = ph_node_get(root, name);
	if (node == NULL)
		return true;
	*out = is_text(node) ? ph_records_by_name(p->records, node->text) : NULL;
	return *out != NULL ||
	       REFUSE(p, node, "PH3185 %s: names one of the records", name);
}

static bool
parse_uncounted(parser *p, const ph_node *list)
{
	if (list != NULL && list->kind != PH_NODE_LIST)
		return REFUSE(p, list, "PH3185 except: is a list of records");
	for (const ph_node *n = list == NULL ? NULL : list->first; n != NULL;
	     n = n->next) {
		const ph_record_rule *rule =
		    is_text(n) ? ph_records_by_name(p->records, n->text) : NULL;
		if (rule == NULL)
			return REFUSE(p, n, "PH3185 except: names records");
		p->records->rules[rule - p->records->rules].uncounted = true;
	}
	return true;
}

static bool
parse_count(parser *p, const ph_node *root)
{
	static const char *const known[] = {"field", "except", NULL};
	ph_records *r = p->records;
	const ph_node *node = ph_node_get(root, "count");
	const char *field = NULL;
	if (node == NULL)
		return true;
	if (r->last == NULL || node->kind != PH_NODE_OBJECT)
		return REFUSE(p, node,
		    "PH3185 count: {field: ...} of the record that last: names");
	if (ph_config_known(p->document, node, known, p->err) != PH_OK ||
	    ph_config_text(p->document, node, "field", "", &field, p->err) != PH_OK ||
	    !parse_uncounted(p, ph_node_get(node, "except")))
		return false;
	for (size_t i = 0; i < r->last->field_count; i++)
		if (*field != '\0' && strcmp(r->last->fields[i].name, field) == 0)
			r->count = &r->last->fields[i];
	return r->count != NULL ||
	       REFUSE(p, node, "PH3185 count: names no field of the last record");
}

static bool
parse_types(parser *p, const ph_node *root)
{
	ph_records *r = p->records;
	const ph_node *list = ph_node_get(root, "records");
	const ph_node *type = ph_node_get(root, "type");
	if (list == NULL || list->kind != PH_NODE_OBJECT || list->first == NULL ||
	    list->count > PH_RECORD_TYPES_MAX)
		return REFUSE(p, list == NULL ? root : list,
		    "PH3184 records: types with their {name: ..., fields: ...}; at "
		    "most %u",
		    PH_RECORD_TYPES_MAX);
	if (r->format == PH_RECORDS_FIXED &&
	    !parse_columns(
		p, type == NULL ? root : type, &r->type_first, &r->type_width))
		return false;
	r->rules = room(p, list->count, sizeof *r->rules);
	if (r->rules == NULL)
		return false;
	for (const ph_node *n = list->first; n != NULL; n = n->next)
		if (!parse_record(p, n))
			return false;
	return parse_place(p, root, "first", &r->first) &&
	       parse_place(p, root, "last", &r->last) && parse_count(p, root) &&
	       parse_parts(p, list);
}

static bool
parse_format(parser *p, const ph_node *root)
{
	const ph_node *node = ph_node_get(root, "format");
	for (int i = PH_RECORDS_CSV; is_text(node) && i <= PH_RECORDS_HL7; i++)
		if (strcmp(ph_records_format_name((ph_records_format) i), node->text) ==
		    0) {
			p->records->format = (ph_records_format) i;
			return true;
		}
	return REFUSE(p, node == NULL ? root : node,
	    "PH3180 format: is csv, record-csv, fixed or hl7");
}

/* A number from 1, as a name. */
static bool
parse_number(parser *p, const ph_node *node, size_t *out)
{
	size_t number = 0;
	const char *at = node->name == NULL ? "" : node->name;
	for (; *at >= '0' && *at <= '9' && number <= PH_FIELDS_MAX; at++)
		number = number * 10 + (size_t) (*at - '0');
	*out = number;
	return (*at == '\0' && number > 0 && number <= PH_FIELDS_MAX &&
		   node->name[0] != '0') ||
	       REFUSE(p, node, "PH3186 the number of a field or component, 1 to %u",
		   PH_FIELDS_MAX);
}

/* A name that no other has, and that is not taken for a number. */
static bool
parse_name(parser *p, const ph_node *node, ph_field_rule *rules, size_t count)
{
	if (!is_text(node) || (*node->text >= '0' && *node->text <= '9'))
		return REFUSE(
		    p, node, "PH3186 a name that does not begin with a digit");
	for (size_t i = 0; i < count; i++)
		if (strcmp(rules[i].name, node->text) == 0)
			return REFUSE(p, node, "PH3182 two fields of this name");
	rules[count].name = node->text;
	return true;
}

static bool
parse_components(parser *p, const ph_node *list, ph_field_rule *field)
{
	bool numbered = list->kind == PH_NODE_OBJECT;
	if ((!numbered && list->kind != PH_NODE_LIST) || list->first == NULL ||
	    list->count > PH_FIELDS_MAX)
		return REFUSE(p, list,
		    "PH3186 components: names in their order, or {1: name, 4: name}");
	field->parts = room(p, list->count, sizeof *field->parts);
	if (field->parts == NULL)
		return false;
	for (const ph_node *n = list->first; n != NULL; n = n->next) {
		ph_field_rule *part = &field->parts[field->part_count];
		part->number = field->part_count + 1;
		if ((numbered && !parse_number(p, n, &part->number)) ||
		    !parse_name(p, n, field->parts, field->part_count))
			return false;
		field->part_count++;
	}
	return true;
}

static bool
parse_segment_field(parser *p, const ph_node *node, ph_record_rule *rule)
{
	static const char *const known[] = {"name", "components", NULL};
	ph_field_rule *field = &rule->fields[rule->field_count];
	const ph_node *name = node;
	if (!parse_number(p, node, &field->number))
		return false;
	if (node->kind == PH_NODE_OBJECT) {
		const ph_node *components = ph_node_get(node, "components");
		name = ph_node_get(node, "name");
		if (ph_config_known(p->document, node, known, p->err) != PH_OK ||
		    (components != NULL && !parse_components(p, components, field)))
			return false;
	}
	if (!parse_name(p, name == NULL ? node : name, rule->fields, rule->field_count))
		return false;
	rule->field_count++;
	return true;
}

/* HL7: what is not described goes by its number. */
static bool
parse_segments(parser *p, const ph_node *root)
{
	ph_records *r = p->records;
	const ph_node *list = ph_node_get(root, "segments");
	if (list == NULL)
		return true;
	if (list->kind != PH_NODE_OBJECT || list->count > PH_RECORD_TYPES_MAX)
		return REFUSE(p, list,
		    "PH3186 segments: {PID: {3: name, ...}}, at most %u",
		    PH_RECORD_TYPES_MAX);
	r->rules = room(p, list->count, sizeof *r->rules);
	if (r->rules == NULL)
		return false;
	for (const ph_node *n = list->first; n != NULL; n = n->next) {
		ph_record_rule *rule = &r->rules[r->rule_count++];
		rule->type = rule->name = n->name;
		if (!ph_hl7_is_segment(n->name, strlen(n->name)) ||
		    n->kind != PH_NODE_OBJECT || n->count > PH_FIELDS_MAX)
			return REFUSE(p, n, "PH3186 a segment: PID: {3: name, ...}");
		rule->fields = room(p, n->count, sizeof *rule->fields);
		if (rule->fields == NULL)
			return false;
		for (const ph_node *f = n->first; f != NULL; f = f->next)
			if (!parse_segment_field(p, f, rule))
				return false;
	}
	return true;
}

/* Fixed lines are of one type, or of several: what belongs to the other is refused. */
static bool
refuse_others(parser *p, const ph_node *root, bool typed)
{
	static const char *const of_several[] = {
	    "type", "first", "last", "count", NULL};
	static const char *const of_one[] = {"row", "fields", "gather", NULL};
	for (const char *const *name = typed ? of_one : of_several; *name != NULL;
	     name++) {
		const ph_node *node = ph_node_get(root, *name);
		if (node != NULL)
			return REFUSE(p, node, "PH3184 %s: goes %s records:", *name,
			    typed ? "without" : "with");
	}
	return true;
}

static bool
parse_root(parser *p, const ph_node *root)
{
	static const char *const *const known[] = {
	    csv_names, typed_names, fixed_names, hl7_names};
	if (root == NULL || root->kind != PH_NODE_OBJECT)
		return REFUSE(p, root, "PH3180 a description is a mapping");
	if (!parse_format(p, root) ||
	    ph_config_known(p->document, root, known[p->records->format], p->err) !=
		PH_OK ||
	    !parse_charset(p, root) || !parse_lines(p, root))
		return false;
	if (p->records->format == PH_RECORDS_HL7)
		return parse_segments(p, root);
	bool typed = ph_node_get(root, "records") != NULL;
	if (p->records->format == PH_RECORDS_FIXED && !refuse_others(p, root, typed))
		return false;
	return typed || p->records->format == PH_RECORDS_TYPED
		   ? parse_types(p, root)
		   : parse_row(p, root) && parse_gather(p, root);
}

ph_status
ph_records_parse(ph_records *records, ph_error *err)
{
	ph_error local = {.status = PH_OK};
	parser p = {.records = records,
	    .document = records->document,
	    .arena = ph_document_arena(records->document),
	    .err = err == NULL ? &local : err};
	p.err->status = PH_OK;
	if (parse_root(&p, ph_document_root(records->document)))
		return PH_OK;
	PH_ASSERT(p.err->status != PH_OK);
	return p.err->status;
}
