/*
 * trace - conversions may change the items of a value of many in place, so what they got is copied
 * before they run.
 */
#include "transform/trace.h"

#include "lib/base/assert.h"

void
ph_map_call_trace(ph_map_call *call, const ph_trace *trace)
{
	PH_ASSERT(call != NULL && !call->ran);
	call->trace = trace;
}

/* False without memory. */
static bool
copy(ph_run *run, const ph_tuple *from, ph_tuple *to)
{
	*to = *from;
	for (size_t i = 0; i < to->count; i++) {
		ph_value *value = &to->at[i];
		if (value->kind != PH_VALUE_MANY || value->count == 0)
			continue;
		size_t size = value->count * sizeof(*value->items);
		ph_value *items = ph_arena_alloc(ph_run_arena(run), size);
		if (items == NULL)
			return false;
		memcpy(items, value->items, size);
		value->items = items;
	}
	return true;
}

ph_flow
ph_trace_convert(
    const ph_convert *convert, unsigned direction, ph_run *run, ph_tuple *tuple)
{
	const ph_trace *trace = run->call->trace;
	ph_tuple before;
	if (run->collecting || trace->step == NULL)
		return ph_convert_run(convert, direction, run, tuple);
	if (!copy(run, tuple, &before))
		return ph_run_no_memory(run);
	ph_flow flow = ph_convert_run(convert, direction, run, tuple);
	if (flow == PH_FLOW_ON || flow == PH_FLOW_IGNORE)
		trace->step(trace->self, run, convert, &before, tuple);
	return flow;
}

/* Is there a value already where this one goes? */
static bool
is_late(const ph_run *run, size_t i)
{
	const ph_operand *target = &run->op->to->at[i];
	switch (target->kind) {
	case PH_OPERAND_PATH:
	case PH_OPERAND_KEYS:
	case PH_OPERAND_VALUES:
		return ph_filling_has(&run->body, run->op->slots[i]);
	case PH_OPERAND_HEADER:
		return ph_filling_has(&run->header, run->op->slots[i]);
	case PH_OPERAND_EVENT:
		return run->event[target->number].kind != PH_VALUE_ABSENT;
	case PH_OPERAND_URL:
	case PH_OPERAND_CONTEXT:
	case PH_OPERAND_CONST:
		break;
	}
	return false;
}

void
ph_trace_wrote(const ph_run *run, size_t i, const ph_value *value)
{
	const ph_trace *trace = run->call->trace;
	if (trace->wrote != NULL)
		trace->wrote(trace->self, run, i, value, is_late(run, i));
}
