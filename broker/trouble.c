/* How it works: the texts of two failures differ by the names of files, so their kinds are compared. */
#include "broker/trouble.h"

#define TELL_EVERY_MS 60000

bool
ph_trouble_due(ph_trouble *trouble, const ph_error *why, int64_t now_ms)
{
	if (trouble->status == why->status && trouble->sys_errno == why->sys_errno &&
	    now_ms - trouble->told_ms < TELL_EVERY_MS)
		return false;
	*trouble = (ph_trouble){
	    .status = why->status, .sys_errno = why->sys_errno, .told_ms = now_ms};
	return true;
}

void
ph_trouble_over(ph_trouble *trouble)
{
	*trouble = (ph_trouble){.status = PH_OK};
}
