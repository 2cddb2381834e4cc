/*
 * map_run - runs the program of one direction over the records of a call.
 *
 * An operation reads its operands, sends them through its chain and puts the results into the
 * shapes. Before that the same operations may run once to collect references: then a conversion
 * that needs one notes it and stops its link, and failures are left for the real run to report
 * (map_note.c).
 */
#include <string.h>

#include "lib/base/assert.h"
#include "transform/map_inner.h"
#include "transform/trace.h"

static ph_flow
read_operand(ph_run *run, const ph_operand *operand, ph_tuple *tuple, size_t i)
{
	const ph_node *base =
	    operand->kind == PH_OPERAND_HEADER ? run->call->header : run->record->node;
	ph_value *out = &tuple->at[i];
	switch (operand->kind) {
	case PH_OPERAND_HEADER:
	case PH_OPERAND_PATH:
		*out = (ph_value){0};
		if (base == NULL ||
		    ph_path_read(&run->reading, &operand->path, base, out))
			return PH_FLOW_ON;
		break;
	case PH_OPERAND_KEYS:
		if (ph_path_read_wild(
			&run->reading, &operand->path, base, out, &tuple->at[i + 1]))
			return PH_FLOW_ON;
		break;
	case PH_OPERAND_VALUES:
		return PH_FLOW_ON;
	case PH_OPERAND_CONTEXT:
		*out = ph_run_context(run, operand->number);
		return PH_FLOW_ON;
	case PH_OPERAND_CONST:
		*out = ph_value_text(operand->text, operand->length);
		return PH_FLOW_ON;
	case PH_OPERAND_URL:
	case PH_OPERAND_EVENT:
		PH_UNREACHABLE("a target that is read");
	}
	return ph_run_fail(run, PH_POLICY_HOLD, "invalid", "PH2401 the field %s %s",
	    operand->path.text, run->reading.problem);
}

static ph_flow
run_chain(ph_run *run, ph_tuple *tuple)
{
	const ph_link *link = run->op->link;
	unsigned direction = run->call->direction;
	bool back = direction == PH_FLOWS_IN && link->directions != PH_FLOWS_IN;
	for (size_t i = 0; i < link->chain_count; i++) {
		const ph_convert *convert =
		    &link->chain[back ? link->chain_count - 1 - i : i];
		ph_flow flow = run->call->trace == NULL
				   ? ph_convert_run(convert, direction, run, tuple)
				   : ph_trace_convert(convert, direction, run, tuple);
		if (flow != PH_FLOW_ON)
			return flow;
	}
	return PH_FLOW_ON;
}

/* What cannot be written as it is: null in a form, many where one is wanted. */
static ph_flow
settle_value(ph_run *run, const ph_operand *target, ph_value *value)
{
	const ph_map *map = run->call->map;
	bool out = run->call->direction == PH_FLOWS_OUT;
	if (value->kind == PH_VALUE_NULL && out && map->null_absent)
		*value = (ph_value){0};
	if (value->kind == PH_VALUE_NULL && out &&
	    (map->format == PH_MAP_FORM || target->kind == PH_OPERAND_URL))
		return ph_run_fail(run, PH_POLICY_HOLD, "invalid",
		    "PH2403 a form cannot say null; write vendor.null: absent");
	if (value->kind == PH_VALUE_STRING && value->length == 0 && out &&
	    map->empty_absent)
		*value = (ph_value){0};
	if (value->kind != PH_VALUE_MANY ||
	    (target->path.count > 0 &&
		(ph_path_is_many(&target->path) || ph_path_is_wild(&target->path))))
		return PH_FLOW_ON;
	if (value->count > 1)
		return ph_run_fail(run, PH_POLICY_HOLD, "invalid",
		    "PH2402 there are %u values for a field that takes one",
		    value->count);
	*value = value->count == 0 ? (ph_value){0} : value->items[0];
	return PH_FLOW_ON;
}

static ph_flow
put_value(ph_run *run, size_t i, ph_value *value)
{
	const ph_op *op = run->op;
	const ph_operand *target = &op->to->at[i];
	if (settle_value(run, target, value) != PH_FLOW_ON)
		return PH_FLOW_FAIL;
	if (value->kind == PH_VALUE_ABSENT)
		return PH_FLOW_ON;
	run->is_volatile |= (value->flags & PH_VALUE_VOLATILE) != 0;
	if (run->call->trace != NULL)
		ph_trace_wrote(run, i, value);
	switch (target->kind) {
	case PH_OPERAND_HEADER:
		ph_filling_put(&run->header, op->slots[i], value);
		return PH_FLOW_ON;
	case PH_OPERAND_URL:
		run->record->urls[target->number] = value->text;
		return PH_FLOW_ON;
	case PH_OPERAND_EVENT:
		if (run->event[target->number].kind == PH_VALUE_ABSENT)
			run->event[target->number] = *value;
		return PH_FLOW_ON;
	case PH_OPERAND_PATH:
	case PH_OPERAND_KEYS:
	case PH_OPERAND_VALUES:
		ph_filling_put(&run->body, op->slots[i], value);
		return PH_FLOW_ON;
	case PH_OPERAND_CONTEXT:
	case PH_OPERAND_CONST:
		break;
	}
	PH_UNREACHABLE("a source that is written");
}

static ph_flow
run_op(ph_run *run, const ph_op *op)
{
	run->op = op;
	if (op->link->has_when && !ph_condition_holds(&op->link->when, &run->reading,
				      run->record->node, run->call->context, NULL))
		return PH_FLOW_ON;
	if (op->last && !ph_filling_has(&run->body, op->with_slot))
		return PH_FLOW_ON;
	ph_tuple tuple;
	tuple.count = op->from->count;
	for (size_t i = 0; i < tuple.count; i++)
		if (read_operand(run, &op->from->at[i], &tuple, i) != PH_FLOW_ON)
			return PH_FLOW_FAIL;
	ph_flow flow = run_chain(run, &tuple);
	if (flow != PH_FLOW_ON || run->collecting)
		return flow;
	PH_ASSERT(tuple.count == op->to->count);
	for (size_t i = 0; i < tuple.count; i++)
		if (put_value(run, i, &tuple.at[i]) != PH_FLOW_ON)
			return PH_FLOW_FAIL;
	return PH_FLOW_ON;
}

/* The first `require` that does not hold; NULL if all do. */
static const ph_require *
unmet(ph_run *run)
{
	if (run->call->direction != PH_FLOWS_IN ||
	    (run->call->flags & PH_MAP_LOOSE) != 0)
		return NULL;
	for (const ph_require *r = run->call->map->requires; r != NULL; r = r->next)
		if (!ph_condition_holds(&r->condition, &run->reading, run->record->node,
			run->call->context, NULL))
			return r;
	return NULL;
}

static bool
check_requires(ph_run *run)
{
	const ph_require *r = unmet(run);
	if (r == NULL)
		return true;
	char where[PH_ERROR_WHERE];
	ph_node_where(run->call->map->document, r->node, where, sizeof(where));
	ph_record_fail(run->call, run->record, ph_policy_result(r->policy), "map",
	    r->policy == PH_POLICY_DENY ? "denied" : "invalid", "", where,
	    "PH2408 the map requires: %.*s", (int) strcspn(r->node->text, "|"),
	    r->node->text);
	return false;
}

static bool
run_ops(ph_run *run, const ph_program *program, bool last)
{
	for (size_t i = 0; i < program->count; i++) {
		if (program->ops[i].last != last)
			continue;
		ph_flow flow = run_op(run, &program->ops[i]);
		if (flow == PH_FLOW_ON)
			continue;
		if (flow == PH_FLOW_IGNORE) {
			run->record->failed = true;
			run->record->result = PH_MAP_IGNORED;
			run->record->stage = "map";
			run->record->reason = "ignored";
			run->record->path = ph_arena_strdup(ph_run_arena(run),
			    ph_op_path(ph_run_arena(run), &program->ops[i]));
		}
		return false;
	}
	return true;
}

static bool
begin(ph_map_call *call, ph_run *run)
{
	bool out = call->direction == PH_FLOWS_OUT;
	const ph_program *program = out ? &call->map->out : &call->map->in;
	*run = (ph_run){.call = call};
	run->reading = (ph_reading){.names = call->source_names,
	    .arena = ph_document_arena(call->target),
	    .null_absent = !out && call->map->null_absent,
	    .empty_absent = !out && call->map->empty_absent,
	    .distinct = out || call->map->format == PH_MAP_JSON};
	return ph_filling_init(
		   &run->body, program->body, call->target, call->target_names) &&
	       ph_filling_init(
		   &run->header, program->header, call->target, call->target_names);
}

/* Does the map leave the record out anyway? Who sent it is not asked again. */
static bool
is_left_out(ph_run *run)
{
	if (run->call->direction != PH_FLOWS_IN)
		return false;
	for (const ph_require *r = run->call->map->requires; r != NULL; r = r->next)
		if (r->policy != PH_POLICY_DENY &&
		    !ph_condition_holds(&r->condition, &run->reading, run->record->node,
			run->call->context, NULL))
			return true;
	return false;
}

/* Run the links of every record that `skips` does not skip, keeping nothing; `all`: not only those
 * with references. */
static bool
try_links(ph_map_call *call, bool (*skips)(ph_run *run), bool all)
{
	ph_run run;
	const ph_program *program =
	    call->direction == PH_FLOWS_OUT ? &call->map->out : &call->map->in;
	if (!begin(call, &run)) {
		call->no_memory = true;
		return false;
	}
	run.collecting = true;
	for (size_t r = 0; r < call->count; r++) {
		run.record = &call->records[r];
		if (run.record->failed || skips(&run))
			continue;
		for (size_t i = 0; i < program->count; i++)
			if (all || program->ops[i].link->references)
				(void) run_op(&run, &program->ops[i]);
	}
	return true;
}

static bool
is_unmet(ph_run *run)
{
	return unmet(run) != NULL;
}

void
ph_call_collect(ph_map_call *call)
{
	call->collected = try_links(call, is_unmet, false) || call->collected;
}

/* Conversions tell what they do not know. */
void
ph_call_survey(ph_map_call *call)
{
	(void) try_links(call, is_left_out, true);
}

static void
run_record(ph_run *run, const ph_program *program)
{
	memset(run->event, 0, sizeof(run->event));
	run->is_volatile = false;
	ph_filling_reset(&run->body);
	ph_filling_reset(&run->header);
	if (check_requires(run) && run_ops(run, program, false) &&
	    run_ops(run, program, true) && ph_run_output(run))
		run->record->result = PH_MAP_DONE;
	else
		PH_ASSERT(run->record->failed);
}

void
ph_call_run(ph_map_call *call)
{
	ph_run run;
	const ph_program *program =
	    call->direction == PH_FLOWS_OUT ? &call->map->out : &call->map->in;
	if (!begin(call, &run)) {
		call->no_memory = true;
		return;
	}
	for (size_t r = 0; r < call->count; r++) {
		run.record = &call->records[r];
		if (!run.record->failed)
			run_record(&run, program);
	}
	call->ran = true;
}
