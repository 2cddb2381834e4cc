/*
 * gather - rows that together make one record (doc/records.md, section 6).
 *
 * Where rows are of one type, those behind each other whose fields in `by` have the same text
 * become the rows of a record, which takes these fields and those in `with`. Where they
 * are of several, a record takes in those behind it whose types its rule gathers.
 */
#include <string.h>

#include "lib/codec/records_inner.h"

/* ---- reading ---- */

static ph_status
refuse(const ph_gather *g, size_t at, ph_error *err, const char *text)
{
	return ph_source_fail(g->source, PH_ERR_INVALID, at, err, "%s", text);
}

static ph_status
link_row(ph_gather *g, ph_node *parent, const char *name, ph_node *row, ph_error *err)
{
	const char *own = ph_document_intern(g->source->document, name, strlen(name));
	if (own == NULL || ph_source_overgrown(g->source))
		return ph_source_no_room(g->source, err);
	ph_node_link(parent, own, row);
	return PH_OK;
}

/* One more row of the record in hand. */
static ph_status
count_row(ph_gather *g, size_t at, ph_error *err)
{
	if (++g->rows <= PH_GATHER_ROWS)
		return PH_OK;
	return ph_source_fail(g->source, PH_ERR_TOO_LARGE, at, err,
	    "PH3117 more than %u rows for one record: are they gathered by the right "
	    "fields?",
	    PH_GATHER_ROWS);
}

static const char *
text_of(const ph_node *row, const char *name)
{
	const char *text = ph_node_text(row, name);
	return text == NULL ? "" : text;
}

static bool
has_same_key(const ph_gather *g, const ph_node *row)
{
	const ph_records *records = g->records;
	if (g->group == NULL)
		return false;
	for (size_t i = 0; i < records->by_count; i++)
		if (strcmp(text_of(g->group, records->by[i]),
			text_of(row, records->by[i])) != 0)
			return false;
	return true;
}

static bool
has_key(const ph_records *records, const ph_node *row)
{
	for (size_t i = 0; i < records->by_count; i++)
		if (text_of(row, records->by[i])[0] != '\0')
			return true;
	return false;
}

/* The first field that the record has another value of; NULL. */
static const char *
other_value(const ph_gather *g, const ph_node *row)
{
	for (size_t i = 0; i < g->records->with_count; i++) {
		const char *name = g->records->with[i];
		const char *one = ph_node_text(g->group, name);
		const char *other = ph_node_text(row, name);
		if ((one == NULL) != (other == NULL) ||
		    (one != NULL && strcmp(one, other) != 0))
			return name;
	}
	return NULL;
}

/* Take the shared fields out of the row; `into` gets them, if it is not NULL. */
static void
take_shared(const ph_records *records, ph_node *row, ph_node *into)
{
	ph_node *next = row->first;
	row->first = row->last = NULL;
	row->count = 0;
	while (next != NULL) {
		ph_node *node = next;
		next = node->next;
		node->parent = node->next = NULL;
		if (!ph_records_shares(records, node->name))
			ph_node_link(row, node->name, node);
		else if (into != NULL)
			ph_node_link(into, node->name, node);
	}
}

static ph_status
begin_group(ph_gather *g, const ph_node *row, ph_error *err)
{
	ph_node *group = ph_node_new(g->source->document, PH_NODE_OBJECT, NULL, 0);
	if (group == NULL)
		return ph_source_no_room(g->source, err);
	group->line = row->line;
	group->column = row->column;
	g->group = group;
	g->rows = 0;
	return link_row(g, g->root, g->records->group, group, err);
}

static ph_status
add_by_key(
    ph_gather *g, const ph_record_rule *rule, ph_node *row, size_t at, ph_error *err)
{
	ph_status status = PH_OK;
	if (!has_key(g->records, row))
		return refuse(g, at, err,
		    "PH3118 a row that has none of the fields rows are gathered by");
	bool goes_on = has_same_key(g, row);
	if (!goes_on)
		status = begin_group(g, row, err);
	else if (other_value(g, row) != NULL)
		return ph_source_fail(g->source, PH_ERR_INVALID, at, err,
		    "PH3119 the field %s differs from that of the row before, and is "
		    "to "
		    "be the same in all rows of a record",
		    other_value(g, row));
	if (status == PH_OK)
		status = count_row(g, at, err);
	if (status != PH_OK)
		return status;
	take_shared(g->records, row, goes_on ? NULL : g->group);
	return row->first == NULL ? PH_OK : link_row(g, g->group, rule->name, row, err);
}

static ph_status
add_by_type(
    ph_gather *g, const ph_record_rule *rule, ph_node *row, size_t at, ph_error *err)
{
	if (g->group != NULL && ph_records_gathers(g->records, g->rule, rule)) {
		ph_status status = count_row(g, at, err);
		return status == PH_OK ? link_row(g, g->group, rule->name, row, err)
				       : status;
	}
	if (ph_records_part_of_any(g->records, rule))
		return refuse(g, at, err,
		    "PH3118 a record that belongs to one before it, which is not "
		    "there");
	g->group = row;
	g->rule = rule;
	g->rows = 1;
	return link_row(g, g->root, rule->name, row, err);
}

ph_status
ph_gather_add(
    ph_gather *g, const ph_record_rule *rule, ph_node *row, size_t at, ph_error *err)
{
	if (!g->records->gathers)
		return link_row(g, g->root, rule->name, row, err);
	return g->records->by_count > 0 ? add_by_key(g, rule, row, at, err)
					: add_by_type(g, rule, row, at, err);
}

/* ---- writing ---- */

const ph_node *
ph_records_field(const ph_node *row, const ph_node *group, const char *name)
{
	const ph_node *node = row == NULL ? NULL : ph_node_get(row, name);
	return node != NULL || group == NULL ? node : ph_node_get(group, name);
}

/* A member, or the items of a list of that name. */
static ph_status
write_part(const char *name, const ph_node *part, const ph_node *group,
    ph_gather_write *write, void *self, ph_error *err)
{
	if (part->kind != PH_NODE_LIST)
		return write(self, name, part, group, err);
	ph_status status = PH_OK;
	for (const ph_node *n = part->first; n != NULL && status == PH_OK; n = n->next)
		status = write(self, name, n, group, err);
	return status;
}

static ph_status
check_row(const ph_records *records, const ph_node *row, ph_error *err)
{
	for (const ph_node *f = row->first; f != NULL; f = f->next)
		if (f->name != NULL && ph_records_shares(records, f->name))
			return ph_records_refuse(f, err,
			    "PH3158 this field stands in the record, not in its rows");
	return PH_OK;
}

/* A row, or a list of them. */
static ph_status
check_rows(const ph_records *records, const ph_node *part, ph_error *err)
{
	ph_status status = PH_OK;
	if (part->kind != PH_NODE_LIST)
		return check_row(records, part, err);
	for (const ph_node *n = part->first; n != NULL && status == PH_OK; n = n->next)
		status = check_row(records, n, err);
	return status;
}

/* What is one for all rows is said once. */
static ph_status
check_shared(const ph_records *records, const ph_node *group, ph_error *err)
{
	if (group->kind != PH_NODE_OBJECT)
		return ph_records_refuse(
		    group, err, "PH3152 a record is an object with its fields");
	for (const ph_node *n = group->first; n != NULL; n = n->next) {
		if (ph_records_is_part(records, n)) {
			ph_status status = check_rows(records, n, err);
			if (status != PH_OK)
				return status;
		} else if (!ph_records_shares(records, n->name) ||
			   ph_node_get(group, n->name) != n)
			return ph_records_refuse(n, err,
			    "PH3158 a gathered record has the fields of by: and with:, "
			    "once, and its rows");
	}
	return has_key(records, group)
		   ? PH_OK
		   : ph_records_refuse(group, err,
			 "PH3158 a record without the fields its rows are gathered by");
}

static ph_status
write_group(const ph_records *records, const ph_node *group, ph_gather_write *write,
    void *self, ph_error *err)
{
	size_t rows = 0;
	const char *name = records->rules[0].name;
	ph_status status = check_shared(records, group, err);
	for (const ph_node *n = group->first; n != NULL && status == PH_OK; n = n->next)
		if (ph_records_is_part(records, n)) {
			rows += n->kind != PH_NODE_LIST || n->first != NULL;
			status = write_part(name, n, group, write, self, err);
		}
	return status == PH_OK && rows == 0 ? write(self, name, group, NULL, err)
					    : status;
}

ph_status
ph_gather_rows(const ph_records *records, const ph_node *node, ph_gather_write *write,
    void *self, ph_error *err)
{
	if (records->by_count > 0)
		return node->name != NULL && strcmp(node->name, records->group) == 0
			   ? write_group(records, node, write, self, err)
			   : ph_records_refuse(node, err,
				 "PH3151 a record that the description does not have");
	ph_status status = write(self, node->name, node, NULL, err);
	if (!records->gathers || node->kind != PH_NODE_OBJECT)
		return status;
	const ph_record_rule *rule = ph_records_by_name(records, node->name);
	if (status == PH_OK && ph_records_part_of_any(records, rule))
		return ph_records_refuse(node, err,
		    "PH3158 a record that belongs to one before it stands in that");
	for (const ph_node *n = node->first; n != NULL && status == PH_OK;
	     n = n->next) {
		if (!ph_records_is_part(records, n))
			continue;
		const ph_record_rule *part = ph_records_by_name(records, n->name);
		status = ph_records_gathers(records, rule, part)
			     ? write_part(n->name, n, NULL, write, self, err)
			     : ph_records_refuse(n, err,
				   "PH3158 a record that this one does not gather");
	}
	return status;
}
