/*
 * context - the closed list of names.
 */
#include "transform/context.h"

#include <string.h>

static const char *const fixed[] = {"accepted_at", "receipt", "reference",
    "jurisdiction", "adapter", "origin", "window.from", "window.to", NULL};
static const char *const open[] = {"event.", "setting.", "secret.", NULL};

bool
ph_context_known(const char *name)
{
	for (size_t i = 0; fixed[i] != NULL; i++)
		if (strcmp(fixed[i], name) == 0)
			return true;
	for (size_t i = 0; open[i] != NULL; i++) {
		size_t length = strlen(open[i]);
		if (strncmp(open[i], name, length) == 0 && name[length] != 0)
			return true;
	}
	return false;
}

int
ph_context_find(const ph_context *context, const char *name)
{
	for (size_t i = 0; i < context->count; i++)
		if (strcmp(context->names[i], name) == 0)
			return (int) i;
	return -1;
}

int
ph_context_add(ph_context *context, ph_arena *arena, const char *name, size_t length)
{
	const char *copy = ph_arena_dup(arena, name, length);
	if (copy == NULL || !ph_context_known(copy))
		return -1;
	int known = ph_context_find(context, copy);
	if (known >= 0)
		return known;
	if (context->count == PH_CONTEXT_MAX)
		return -1;
	context->names[context->count++] = copy;
	return (int) context->count - 1;
}

uint32_t
ph_context_flags(const char *name)
{
	if (strncmp(name, "secret.", 7) == 0)
		return PH_VALUE_SECRET;
	if (strcmp(name, "accepted_at") == 0 || strcmp(name, "receipt") == 0 ||
	    strncmp(name, "window.", 7) == 0)
		return PH_VALUE_VOLATILE;
	return 0;
}
