/*
 * records_rules - what a description says, once it has been read.
 */
#include <string.h>

#include "lib/base/text.h"
#include "lib/codec/records_inner.h"

const char *
ph_records_file(const ph_records *records)
{
	return ph_document_name(records->document);
}

ph_records_format
ph_records_format_of(const ph_records *records)
{
	return records->format;
}

const char *
ph_records_format_name(ph_records_format format)
{
	static const char *const names[] = {"csv", "record-csv", "fixed", "hl7"};
	return names[format];
}

const char *
ph_records_media(const ph_records *records)
{
	static const char *const media[][3] = {
	    {"text/csv; charset=utf-8", "text/csv; charset=windows-1252",
		"text/csv; charset=iso-8859-1"},
	    {"text/plain; charset=utf-8", "text/plain; charset=windows-1252",
		"text/plain; charset=iso-8859-1"},
	    {"x-application/hl7-v2+er7; charset=utf-8",
		"x-application/hl7-v2+er7; charset=windows-1252",
		"x-application/hl7-v2+er7; charset=iso-8859-1"}};
	size_t kind = records->format == PH_RECORDS_HL7	    ? 2
		      : records->format == PH_RECORDS_FIXED ? 1
							    : 0;
	return media[kind][records->charset];
}

const char *
ph_records_first(const ph_records *records)
{
	return records->first == NULL ? NULL : records->first->name;
}

bool
ph_records_first_gathers(const ph_records *records)
{
	return records->first != NULL && records->first->gathers != 0;
}

const char *
ph_records_last(const ph_records *records)
{
	return records->last == NULL ? NULL : records->last->name;
}

const ph_record_rule *
ph_records_by_type(const ph_records *records, const char *type, size_t length)
{
	for (size_t i = 0; i < records->rule_count; i++)
		if (ph_text_is(type, length, records->rules[i].type))
			return &records->rules[i];
	return NULL;
}

const ph_record_rule *
ph_records_by_name(const ph_records *records, const char *name)
{
	for (size_t i = 0; i < records->rule_count; i++)
		if (name != NULL && strcmp(records->rules[i].name, name) == 0)
			return &records->rules[i];
	return NULL;
}

bool
ph_records_gathers(
    const ph_records *records, const ph_record_rule *rule, const ph_record_rule *part)
{
	return (rule->gathers >> (part - records->rules) & 1) != 0;
}

bool
ph_records_part_of_any(const ph_records *records, const ph_record_rule *rule)
{
	for (size_t i = 0; i < records->rule_count; i++)
		if (ph_records_gathers(records, &records->rules[i], rule))
			return true;
	return false;
}

bool
ph_records_shares(const ph_records *records, const char *field)
{
	for (size_t i = 0; i < records->by_count; i++)
		if (strcmp(records->by[i], field) == 0)
			return true;
	for (size_t i = 0; i < records->with_count; i++)
		if (strcmp(records->with[i], field) == 0)
			return true;
	return false;
}

bool
ph_records_is_part(const ph_records *records, const ph_node *member)
{
	if (!records->gathers || member->name == NULL || ph_node_is_scalar(member))
		return false;
	const ph_record_rule *rule = ph_records_by_name(records, member->name);
	return rule != NULL &&
	       (records->by_count > 0 || ph_records_part_of_any(records, rule));
}
