/*
 * records_sequence - the order of records in a file: which may come where, and how many were
 * counted.
 */
#include <stdio.h>
#include <string.h>

#include "lib/codec/records_inner.h"

const char *
ph_sequence_add(ph_sequence *sequence, const ph_record_rule *rule)
{
	const ph_records *records = sequence->records;
	bool is_first = records->first == rule;
	if (records->first != NULL && is_first != (sequence->seen == 0))
		return is_first ? "PH3112 a first record that is not the first"
				: "PH3112 the record that is to come first is missing";
	if (records->last != NULL && sequence->before == records->last)
		return "PH3112 a record after the one that is to come last";
	sequence->seen++;
	sequence->counted += rule->uncounted ? 0 : 1;
	sequence->before = rule;
	return NULL;
}

const char *
ph_sequence_end(const ph_sequence *sequence)
{
	const ph_records *records = sequence->records;
	if (sequence->seen == 0)
		return "PH3110 there are no records";
	if (records->last != NULL && sequence->before != records->last)
		return "PH3112 the record that is to come last is missing: was the end "
		       "cut?";
	return NULL;
}

static bool
agrees(const ph_sequence *sequence, const char *text)
{
	char expected[32];
	if (text == NULL || *text == '\0' || strspn(text, "0123456789") != strlen(text))
		return false;
	while (text[0] == '0' && text[1] != '\0')
		text++;
	snprintf(expected, sizeof expected, "%zu", sequence->counted);
	return strcmp(text, expected) == 0;
}

ph_status
ph_sequence_check(const ph_sequence *sequence, const ph_source *source,
    const ph_node *trailer, ph_error *err)
{
	char where[PH_ERROR_WHERE];
	const ph_node *value = ph_node_get(trailer, sequence->records->count->name);
	if (agrees(sequence, value == NULL ? NULL : value->text))
		return PH_OK;
	return ph_fail_at(err, PH_ERR_INVALID,
	    ph_node_where(
		source->document, value == NULL ? trailer : value, where, sizeof where),
	    "PH3113 the last record's count is not that of the records, %zu: was the "
	    "file cut, or put together from two?",
	    sequence->counted);
}

ph_status
ph_sequence_write(ph_sequence *sequence, const char *name, const ph_node *row,
    const ph_record_rule **rule, ph_error *err)
{
	*rule = ph_records_by_name(sequence->records, name);
	if (*rule == NULL)
		return ph_records_refuse(
		    row, err, "PH3151 a record that the description does not have");
	if (row->kind != PH_NODE_OBJECT)
		return ph_records_refuse(
		    row, err, "PH3152 a record is an object with its fields");
	const char *complaint = ph_sequence_add(sequence, *rule);
	return complaint == NULL ? PH_OK : ph_records_refuse(row, err, complaint);
}

bool
ph_sequence_closes(ph_sequence *sequence)
{
	const ph_records *records = sequence->records;
	return records->count != NULL && sequence->seen > 0 &&
	       sequence->before != records->last &&
	       ph_sequence_add(sequence, records->last) == NULL;
}
