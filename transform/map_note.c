/*
 * map_note - what a run notes of its record beside the bytes: failures, warnings, the references it
 * wants and its bindings.
 *
 * This is all that a running conversion may ask of its run (convert.h). While references are collected
 * nothing is noted but what is wanted.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/assert.h"
#include "transform/map_inner.h"

void
ph_link_where(const ph_map *map, const ph_link *link, char out[PH_ERROR_WHERE])
{
	ph_node_where(map->document, link->node, out, PH_ERROR_WHERE);
}

static void
describe(ph_buffer *out, const ph_side *side)
{
	if (side->count > 1)
		ph_buffer_text(out, "(");
	for (size_t i = 0; i < side->count; i++) {
		const ph_operand *o = &side->at[i];
		if (o->kind == PH_OPERAND_VALUES)
			continue;
		if (i > 0)
			ph_buffer_text(out, ", ");
		if (o->kind == PH_OPERAND_CONST)
			ph_buffer_text(out, "const");
		else if (o->kind == PH_OPERAND_CONTEXT || o->kind == PH_OPERAND_EVENT)
			ph_buffer_printf(out, "$%s", o->text);
		else if (o->kind == PH_OPERAND_URL)
			ph_buffer_printf(out, "$url.%s", o->text);
		else
			ph_buffer_printf(out, "%s%s",
			    o->kind == PH_OPERAND_HEADER ? "$header/" : "",
			    o->path.text);
	}
	if (side->count > 1)
		ph_buffer_text(out, ")");
}

const char *
ph_op_path(ph_arena *arena, const ph_op *op)
{
	ph_buffer text;
	ph_buffer_init_on(&text, 4096, arena);
	describe(&text, op->from);
	ph_buffer_text(&text, " -> ");
	describe(&text, op->to);
	const char *whole = ph_buffer_cstr(&text);
	const char *copy = whole == NULL ? "" : ph_arena_strdup(arena, whole);
	ph_buffer_fini(&text);
	return copy == NULL ? "" : copy;
}

void
ph_record_fail(ph_map_call *call, ph_record *record, ph_map_result result,
    const char *stage, const char *reason, const char *path, const char *where,
    const char *format, ...)
{
	ph_arena *arena = ph_document_arena(call->target);
	record->failed = true;
	record->result = result;
	record->stage = stage;
	record->reason = reason;
	record->path = ph_arena_strdup(arena, path);
	record->error = ph_arena_zalloc(arena, sizeof(*record->error));
	if (record->path == NULL || record->error == NULL) {
		call->no_memory = true;
		return;
	}
	char text[PH_ERROR_TEXT];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	ph_fail_at(record->error, PH_ERR_INVALID, where, "%s", text);
}

ph_map_result
ph_policy_result(ph_policy policy)
{
	switch (policy) {
	case PH_POLICY_REJECT:
		return PH_MAP_REFUSED;
	case PH_POLICY_IGNORE:
		return PH_MAP_IGNORED;
	case PH_POLICY_RETRY:
		return PH_MAP_LATER;
	case PH_POLICY_DENY:
		return PH_MAP_DENIED;
	case PH_POLICY_HOLD:
	case PH_POLICY_DEFAULT:
	case PH_POLICY_DROP:
	case PH_POLICY_KEEP:
		break;
	}
	return PH_MAP_HELD;
}

ph_arena *
ph_run_arena(ph_run *run)
{
	return ph_document_arena(run->call->target);
}

ph_flow
ph_run_fail(ph_run *run, ph_policy policy, const char *reason, const char *format, ...)
{
	char text[PH_ERROR_TEXT], where[PH_ERROR_WHERE];
	va_list arguments;
	if (run->collecting)
		return PH_FLOW_FAIL;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	ph_link_where(run->call->map, run->op->link, where);
	ph_record_fail(run->call, run->record, ph_policy_result(policy), "map", reason,
	    ph_op_path(ph_run_arena(run), run->op), where, "%s", text);
	return PH_FLOW_FAIL;
}

ph_flow
ph_run_no_memory(ph_run *run)
{
	return ph_run_fail(run, PH_POLICY_HOLD, "too-large",
	    "PH2407 the document grows too large while it is mapped");
}

void
ph_run_warn(ph_run *run, const char *format, ...)
{
	char text[PH_ERROR_TEXT];
	va_list arguments;
	if (run->collecting)
		return;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	ph_arena *arena = ph_run_arena(run);
	ph_warning *warning = ph_arena_alloc(arena, sizeof(*warning));
	const char *copy =
	    ph_arena_printf(arena, "%s (%s)", text, ph_op_path(arena, run->op));
	if (warning == NULL || copy == NULL)
		return;
	*warning = (ph_warning){copy, run->record->warnings};
	run->record->warnings = warning;
}

ph_value
ph_run_context(const ph_run *run, int number)
{
	PH_ASSERT(number >= 0 && (size_t) number < run->call->map->context.count);
	return run->call->context[number];
}

ph_flow
ph_run_reference(ph_run *run, ph_map_reference kind, const char *entity,
    const char *system, const ph_value *key, const char **answer)
{
	ph_map_call *call = run->call;
	if (memchr(key->text, 0x1f, key->length) != NULL)
		return ph_run_fail(run, PH_POLICY_HOLD, "invalid",
		    "PH2322 a reference holds a control character");
	const ph_wanted *wanted = ph_call_want(call, kind, entity, system, key->text);
	if (wanted == NULL)
		return ph_run_no_memory(run);
	if (run->collecting)
		return PH_FLOW_STOP;
	*answer = wanted->answer;
	return PH_FLOW_ON;
}

ph_flow
ph_run_bind(ph_run *run, const char *entity, const char *key, const char *canonical)
{
	ph_binding *binding = ph_arena_alloc(ph_run_arena(run), sizeof(*binding));
	if (binding == NULL)
		return ph_run_no_memory(run);
	*binding = (ph_binding){entity, "", key, canonical, run->record->bindings};
	run->record->bindings = binding;
	return PH_FLOW_ON;
}

bool
ph_run_unmapped(ph_run *run, const char *table, const ph_tuple *code)
{
	ph_map_call *call = run->call;
	const char *texts[PH_TUPLE_MAX];
	if (call->unmapped == NULL)
		return false;
	for (size_t i = 0; i < code->count; i++)
		texts[i] = ph_value_is_text(&code->at[i]) ? code->at[i].text : "";
	call->unmapped(call->unmapped_self, table, texts, code->count);
	return true;
}
