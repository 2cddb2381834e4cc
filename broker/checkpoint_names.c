/* How it works: ten digits, so that names sort as numbers do. */
#include "broker/checkpoint_names.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/fs.h"

void
ph_checkpoint_name(char out[PH_CHECKPOINT_PATH + 64], const char *directory,
    const char *before, uint64_t number, const char *after)
{
	(void) snprintf(out, PH_CHECKPOINT_PATH + 64, "%s/%s%010" PRIu64 "%s",
	    directory, before, number, after);
}

/* The number in a name that begins with `before`; 0: it is no such name. */
static uint64_t
number_in(const char *name, const char *before, const char *after)
{
	char *end;
	size_t length = strlen(before);
	if (strncmp(name, before, length) != 0 || name[length] < '0' ||
	    name[length] > '9')
		return 0;
	uint64_t number = strtoull(name + length, &end, 10);
	return strcmp(end, after) == 0 ? number : 0;
}

void
ph_checkpoint_each(const char *directory, const char *before, const char *after,
    void (*fn)(void *self, uint64_t number), void *self)
{
	char **names = NULL;
	size_t count = 0;
	if (ph_fs_list(directory, after, &names, &count, NULL) != PH_OK)
		return;
	for (size_t i = 0; i < count; i++) {
		uint64_t number = number_in(names[i], before, after);
		if (number > 0)
			fn(self, number);
	}
	free(names);
}
