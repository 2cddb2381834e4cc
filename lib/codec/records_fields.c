/*
 * records_fields - what a description says of its fields, for those who look maps over.
 */
#include <stdio.h>
#include <string.h>

#include "lib/codec/records_inner.h"

static bool
is_number(const char *name)
{
	return name[0] != 0 && name[strspn(name, "0123456789")] == 0;
}

static const ph_field_rule *
by_name(const ph_field_rule *fields, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (fields[i].name != NULL && strcmp(fields[i].name, name) == 0)
			return &fields[i];
	return NULL;
}

static ph_records_known
find_hl7(const ph_record_rule *rule, const char *const *way, size_t count)
{
	const ph_field_rule *fields = rule->fields;
	size_t fields_count = rule->field_count;
	for (size_t i = 1; i < count; i++) {
		if (is_number(way[i]))
			return PH_RECORDS_OPEN;
		const ph_field_rule *field = by_name(fields, fields_count, way[i]);
		if (field == NULL)
			return PH_RECORDS_UNKNOWN;
		fields = field->parts;
		fields_count = field->part_count;
	}
	return PH_RECORDS_NAMED;
}

/* The way of a field in a gathered record: by its own name, or below its rows. */
static ph_records_known
find_gathered(
    const ph_records *records, const char *const *way, size_t count, size_t *width)
{
	const ph_record_rule *rule = records->by_count > 0
					 ? records->rules
					 : ph_records_by_name(records, way[0]);
	bool below = count == 3;
	if (!below && records->by_count == 0 && ph_records_part_of_any(records, rule))
		return PH_RECORDS_UNKNOWN;
	if (below && records->by_count > 0 && strcmp(way[1], rule->name) != 0)
		return PH_RECORDS_UNKNOWN;
	if (below && records->by_count == 0) {
		const ph_record_rule *part = ph_records_by_name(records, way[1]);
		if (part == NULL || !ph_records_gathers(records, rule, part))
			return PH_RECORDS_UNKNOWN;
		rule = part;
	}
	const ph_field_rule *field =
	    count == 2 || below
		? by_name(rule->fields, rule->field_count, way[count - 1])
		: NULL;
	if (field == NULL ||
	    (records->by_count > 0 && ph_records_shares(records, field->name) == below))
		return PH_RECORDS_UNKNOWN;
	*width = field->width;
	return PH_RECORDS_NAMED;
}

ph_records_known
ph_records_find(
    const ph_records *records, const char *const *way, size_t count, size_t *width)
{
	*width = 0;
	const ph_record_rule *rule =
	    count == 0 ? NULL : ph_records_by_name(records, way[0]);
	if (count > 0 && records->by_count > 0)
		rule = strcmp(way[0], records->group) == 0 ? records->rules : NULL;
	bool hl7 = records->format == PH_RECORDS_HL7;
	if (rule == NULL)
		return hl7 && count > 0 ? PH_RECORDS_OPEN : PH_RECORDS_UNKNOWN;
	if (hl7)
		return find_hl7(rule, way, count);
	if (records->gathers)
		return find_gathered(records, way, count, width);
	const ph_field_rule *field =
	    count == 2 ? by_name(rule->fields, rule->field_count, way[1]) : NULL;
	if (field == NULL)
		return count == 2 && rule->field_count == 0 ? PH_RECORDS_OPEN
							    : PH_RECORDS_UNKNOWN;
	*width = field->width;
	return PH_RECORDS_NAMED;
}

/* A field of a gathered record, or of its rows. */
static bool
tell_gathered(const ph_records *records, const ph_record_rule *rule,
    const ph_field_rule *field, ph_records_tell *tell, void *self)
{
	char path[512];
	snprintf(path, sizeof(path), "%s/%s", rule->name, field->name);
	if (records->by_count > 0)
		return tell(self, records->group,
		    ph_records_shares(records, field->name) ? field->name : path,
		    field->width);
	bool part = false;
	for (size_t i = 0; i < records->rule_count; i++) {
		const ph_record_rule *owner = &records->rules[i];
		if (!ph_records_gathers(records, owner, rule))
			continue;
		part = true;
		if (!tell(self, owner->name, path, field->width))
			return false;
	}
	return part || tell(self, rule->name, field->name, field->width);
}

static bool
tell_field(const ph_records *records, const ph_record_rule *rule,
    const ph_field_rule *field, ph_records_tell *tell, void *self)
{
	char path[512];
	if (records->gathers && *field->name != 0)
		return tell_gathered(records, rule, field, tell, self);
	if (field->part_count == 0)
		return tell(self, rule->name, field->name, field->width);
	for (size_t i = 0; i < field->part_count; i++) {
		snprintf(
		    path, sizeof(path), "%s/%s", field->name, field->parts[i].name);
		if (!tell(self, rule->name, path, 0))
			return false;
	}
	return true;
}

void
ph_records_each(const ph_records *records, ph_records_tell *tell, void *self)
{
	for (size_t i = 0; i < records->rule_count; i++) {
		const ph_record_rule *rule = &records->rules[i];
		for (size_t k = 0; k < rule->field_count; k++)
			if (rule->fields[k].name != NULL &&
			    !tell_field(records, rule, &rule->fields[k], tell, self))
				return;
	}
}
