/*
 * context - the values beside the two documents that a declaration may name: $accepted_at,
 * $setting.x, $secret.x and so on.
 *
 * A declaration collects the names it uses, numbered from 0; a call holds one value per number.
 *
 * Thread: owner while names are added; afterwards any.
 */
#ifndef PH_CONTEXT_H
#define PH_CONTEXT_H

#include "transform/load.h"
#include "transform/value.h"

#define PH_CONTEXT_MAX 64

typedef struct ph_context {
	const char *names[PH_CONTEXT_MAX]; /* without '$' */
	size_t count;
} ph_context;

/* Is it a name that may be given? */
bool ph_context_known(const char *name);
/* Its number, new or not; -1 if it is not known or there are too many. */
int ph_context_add(
    ph_context *context, ph_arena *arena, const char *name, size_t length);
/* Its number if the declaration uses it; else -1. */
int ph_context_find(const ph_context *context, const char *name);
/* PH_VALUE_VOLATILE and PH_VALUE_SECRET by name. */
uint32_t ph_context_flags(const char *name);

#endif
