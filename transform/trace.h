/*
 * trace - watch a call from the inside: what each link read, how it was converted, what it wrote.
 *
 * For the tools around the map compiler (map run --explain, map coverage). A call without a trace
 * pays one test per conversion and value. References are collected unwatched.
 *
 * What is told is borrowed and lives as long as the call. Values may hold secrets and personal data:
 * whoever shows them asks ph_value's flags first.
 *
 * Thread: the call's owner.
 */
#ifndef PH_TRACE_H
#define PH_TRACE_H

#include "transform/map_inner.h"

struct ph_trace {
	void *self;
	/* A conversion of run->op's link is done; NULL: not wanted. */
	void (*step)(void *self, const ph_run *run, const ph_convert *convert,
	    const ph_tuple *before, const ph_tuple *after);
	/* A value is about to be put into target `i` of run->op. `late`: it is there already, from
	 * an earlier link, and stays. */
	void (*wrote)(
	    void *self, const ph_run *run, size_t i, const ph_value *value, bool late);
};

/* From now on; the trace outlives the call. */
void ph_map_call_trace(ph_map_call *call, const ph_trace *trace);

/* For map_run.c. */
ph_flow ph_trace_convert(
    const ph_convert *convert, unsigned direction, ph_run *run, ph_tuple *tuple);
void ph_trace_wrote(const ph_run *run, size_t i, const ph_value *value);

#endif
