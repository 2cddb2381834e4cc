/*
 * survey - which codes of a document no table has a row for.
 */
#include "transform/map_inner.h"

ph_status
ph_map_call_survey(ph_map_call *call, ph_map_unmapped *tell, void *self, ph_error *err)
{
	if (call->ran)
		return ph_fail(err, PH_ERR_USAGE, "PH2083 the call has run already");
	if (call->count == 1 && call->records[0].failed) {
		const ph_error *why = call->records[0].error;
		return ph_fail_at(err, PH_ERR_INVALID, why->where, "%s", why->text);
	}
	call->unmapped = tell;
	call->unmapped_self = self;
	ph_call_survey(call);
	call->unmapped = NULL;
	return call->no_memory ? ph_fail(err, PH_ERR_NOMEM, "out of memory") : PH_OK;
}
