#include "tests/fuzz/folder.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "lib/base/assert.h"

#define OPEN_MOST 8 /* folders that are open at a time */

static char folder[64];

static int
remove_one(const char *path, const struct stat *what, int kind, struct FTW *where)
{
	(void) what;
	(void) kind;
	(void) where;
	return remove(path);
}

static void
leave(void)
{
	(void) nftw(folder, remove_one, OPEN_MOST, FTW_DEPTH | FTW_PHYS);
}

const char *
ph_fuzz_folder(void)
{
	const char *base = getenv("TMPDIR");
	if (folder[0] != '\0')
		return folder;
	(void) snprintf(
	    folder, sizeof folder, "%.40s/fuzz.XXXXXX", base == NULL ? "/tmp" : base);
	PH_ASSERT(mkdtemp(folder) != NULL);
	PH_ASSERT(atexit(leave) == 0);
	return folder;
}

const char *
ph_fuzz_path(const char *name, char *out)
{
	int length = snprintf(out, PH_FUZZ_PATH, "%s/%s", ph_fuzz_folder(), name);
	PH_ASSERT(length > 0 && length < PH_FUZZ_PATH);
	return out;
}

void
ph_fuzz_make(const char *name)
{
	char path[PH_FUZZ_PATH];
	PH_ASSERT(mkdir(ph_fuzz_path(name, path), 0700) == 0 || errno == EEXIST);
}

void
ph_fuzz_put(const char *name, const void *bytes, size_t length)
{
	char path[PH_FUZZ_PATH];
	FILE *file = fopen(ph_fuzz_path(name, path), "wb");
	PH_ASSERT(file != NULL);
	PH_ASSERT(length == 0 || fwrite(bytes, 1, length, file) == length);
	PH_ASSERT(fclose(file) == 0);
}

void
ph_fuzz_remove(const char *name)
{
	char path[PH_FUZZ_PATH];
	(void) nftw(
	    ph_fuzz_path(name, path), remove_one, OPEN_MOST, FTW_DEPTH | FTW_PHYS);
}
