/*
 * trouble - a trouble that comes again and again is told when it comes, when its reason changes, and now
 * and then.
 *
 * Thread: owner. Errors: none.
 */
#ifndef PH_BROKER_TROUBLE_H
#define PH_BROKER_TROUBLE_H

#include <stdbool.h>
#include <stdint.h>
#include <packhorse/error.h>

/* All zero: there was none. */
typedef struct ph_trouble {
	ph_status status; /* of the last one; PH_OK: it is over */
	int sys_errno;
	int64_t told_ms; /* mono */
} ph_trouble;

/* It has happened: is it to be told? */
bool ph_trouble_due(ph_trouble *trouble, const ph_error *why, int64_t now_ms);
/* It is over: the next one is told. */
void ph_trouble_over(ph_trouble *trouble);

#endif
