/*
 * explain - rows are JSON from the start, so that --json and the text say the same.
 */
#include "cli/explain.h"

#include <stdlib.h>
#include <string.h>

#include "transform/link_text.h"

static json_t *
part_json(ph_part part)
{
	return json_stringn(part.text, part.length);
}

static void
note_step(void *self, const ph_run *run, const ph_convert *convert,
    const ph_tuple *before, const ph_tuple *after)
{
	ph_explain *explain = self;
	(void) before;
	(void) after;
	if (explain->op != run->op || explain->record != run->record) {
		json_array_clear(explain->steps);
		explain->op = run->op;
		explain->record = run->record;
	}
	json_array_append_new(explain->steps,
	    part_json(ph_link_term(run->op->link->node->text + convert->at)));
}

/* What an operand is called; NULL for the second half of a pattern of names. */
static json_t *
operand_json(const ph_operand *operand)
{
	switch (operand->kind) {
	case PH_OPERAND_PATH:
	case PH_OPERAND_KEYS:
		return json_string(operand->path.text);
	case PH_OPERAND_HEADER:
		return json_sprintf("$header/%s", operand->path.text);
	case PH_OPERAND_VALUES:
		return NULL;
	case PH_OPERAND_CONTEXT:
	case PH_OPERAND_EVENT:
		return json_sprintf(
		    operand->kind == PH_OPERAND_EVENT ? "$event.%s" : "$%s",
		    operand->kind == PH_OPERAND_EVENT ? operand->text + 6
						      : operand->text);
	case PH_OPERAND_CONST:
		return json_string("const");
	case PH_OPERAND_URL:
		return json_sprintf("$url.%s", operand->text);
	}
	return NULL;
}

static bool
reads_secret(const ph_op *op)
{
	for (size_t i = 0; i < op->from->count; i++)
		if (op->from->at[i].kind == PH_OPERAND_CONTEXT &&
		    strncmp(op->from->at[i].text, "secret.", 7) == 0)
			return true;
	return false;
}

/* NULL if there is a secret in it. */
static json_t *
value_json(const ph_value *value)
{
	if ((value->flags & PH_VALUE_SECRET) != 0)
		return NULL;
	switch (value->kind) {
	case PH_VALUE_ABSENT:
	case PH_VALUE_NULL:
		return json_null();
	case PH_VALUE_BOOLEAN:
	case PH_VALUE_NUMBER:
	case PH_VALUE_STRING:
		return json_stringn(value->text, value->length);
	case PH_VALUE_MANY:
		break;
	}
	json_t *list = json_array();
	for (uint32_t i = 0; i < value->count; i++) {
		json_t *item = value_json(&value->items[i]);
		if (item == NULL) {
			json_decref(list);
			return NULL;
		}
		json_array_append_new(list, item);
	}
	return list;
}

static json_t *
sources(const ph_op *op)
{
	json_t *list = json_array();
	for (size_t i = 0; i < op->from->count; i++) {
		const ph_operand *operand = &op->from->at[i];
		json_t *text = operand_json(operand);
		size_t last = json_array_size(list);
		/* Both halves of a name/value list are written as one path. */
		if (text != NULL && last > 0 &&
		    json_equal(json_array_get(list, last - 1), text))
			json_decref(text);
		else if (text != NULL)
			json_array_append_new(list, text);
	}
	return list;
}

static json_t *
record_rows(ph_explain *explain, const ph_run *run)
{
	char key[24];
	snprintf(key, sizeof key, "%zu", (size_t) (run->record - run->call->records));
	json_t *rows = json_object_get(explain->records, key);
	if (rows == NULL) {
		rows = json_array();
		json_object_set_new(explain->records, key, rows);
	}
	return rows;
}

static void
note_value(void *self, const ph_run *run, size_t i, const ph_value *value, bool late)
{
	ph_explain *explain = self;
	const ph_op *op = run->op;
	char where[PH_ERROR_WHERE];
	ph_link_where(run->call->map, op->link, where);
	const ph_operand *target = &op->to->at[i];
	json_t *name = operand_json(target);
	json_t *row = json_pack("{s:o, s:s, s:o}", "target",
	    name != NULL ? name : json_string(op->to->at[i - 1].path.text), "where",
	    where, "sources", sources(op));
	json_object_set_new(row, "conversions",
	    explain->op == op && explain->record == run->record
		? json_copy(explain->steps)
		: json_array());
	json_t *shown = reads_secret(op) ? NULL : value_json(value);
	if (shown != NULL)
		json_object_set_new(row, "value", shown);
	else
		json_object_set_new(row, "secret", json_true());
	json_object_set_new(row, "used", json_boolean(!late));
	json_array_append_new(record_rows(explain, run), row);
}

/* ---- for people ---- */

static void
show_value(ph_cli *cli, const json_t *row)
{
	const json_t *value = json_object_get(row, "value");
	if (value == NULL) {
		ph_cli_print(cli, "(secret)");
		return;
	}
	char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
	ph_cli_print(cli, "%s", text != NULL ? text : "");
	free(text);
}

static void
show_list(ph_cli *cli, const json_t *list, const char *between)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		ph_cli_print(cli, "%s%s", i > 0 ? between : "",
		    json_string_value(json_array_get(list, i)));
}

static void
show_row(ph_cli *cli, const json_t *row)
{
	const json_t *conversions = json_object_get(row, "conversions");
	ph_cli_print(cli, "%s = ", json_string_value(json_object_get(row, "target")));
	show_value(cli, row);
	ph_cli_print(cli, "\n    from ");
	show_list(cli, json_object_get(row, "sources"), ", ");
	if (json_array_size(conversions) > 0) {
		ph_cli_print(cli, " | ");
		show_list(cli, conversions, " | ");
	}
	ph_cli_print(cli, "\n    at %s%s\n",
	    json_string_value(json_object_get(row, "where")),
	    json_is_true(json_object_get(row, "used"))
		? ""
		: " (not used: an earlier link has written this field)");
}

void
ph_explain_show(const ph_explain *explain, ph_cli *cli, size_t record)
{
	const json_t *rows = ph_explain_rows(explain, record);
	for (size_t i = 0; i < json_array_size(rows); i++)
		show_row(cli, json_array_get(rows, i));
}

void
ph_explain_init(ph_explain *explain)
{
	*explain = (ph_explain){
	    .trace = {.self = explain, .step = note_step, .wrote = note_value},
	    .records = json_object(),
	    .steps = json_array()};
}

void
ph_explain_fini(ph_explain *explain)
{
	json_decref(explain->records);
	json_decref(explain->steps);
}

const json_t *
ph_explain_rows(const ph_explain *explain, size_t record)
{
	char key[24];
	snprintf(key, sizeof key, "%zu", record);
	return json_object_get(explain->records, key);
}
