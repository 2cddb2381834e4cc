/*
 * crashpoint - counts how often the chosen place was reached, in test builds only.
 */
#include "broker/crashpoint.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

void
ph_crash_point_reached(const char *name)
{
	static atomic_ulong reached;
	const char *chosen = getenv("PACKHORSE_CRASH_AT");
	size_t length = strlen(name);

	if (chosen == NULL || strncmp(chosen, name, length) != 0)
		return;
	unsigned long wanted = 1;
	if (chosen[length] == ':')
		wanted = strtoul(chosen + length + 1, NULL, 10);
	else if (chosen[length] != '\0')
		return;
	if (atomic_fetch_add(&reached, 1) + 1 == wanted)
		raise(SIGKILL);
}

bool
ph_mutant_chosen(const char *name)
{
	const char *chosen = getenv("PACKHORSE_MUTANT");

	return chosen != NULL && strcmp(chosen, name) == 0;
}
