/*
 * replay - every file of tests/fuzz/corpus through its target, as TAP: one point for a
 * target. `replay --list` prints their names; `replay NAME FILE...` runs some files.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/fs.h"
#include "tests/fuzz/decoders.h"
#include "tests/fuzz/targets.h"

#define INPUT_MAX ((size_t) 16 << 20)

static bool
run_file(const ph_fuzz_target *target, const char *path)
{
	char *bytes = NULL;
	size_t length = 0;
	ph_error err = {0};
	if (ph_fs_slurp(path, INPUT_MAX, &bytes, &length, &err) != PH_OK) {
		printf("# %s: %s\n", path, err.text);
		return false;
	}
	/* exactly as many bytes: a byte too many is seen by the address sanitizer */
	uint8_t *exact = malloc(length == 0 ? 1 : length);
	if (exact == NULL)
		return false;
	if (length > 0)
		memcpy(exact, bytes, length);
	free(bytes);
	printf("# %s\n", path); /* the last one before a crash is to blame */
	fflush(stdout);
	target->run(exact, length);
	free(exact);
	return true;
}

/* Files of a target's folder that ran well; -1: one did not. */
static int
run_folder(const ph_fuzz_target *target, const char *source)
{
	char path[1024];
	snprintf(path, sizeof path, "%s/tests/fuzz/corpus/%s", source, target->name);
	DIR *folder = opendir(path);
	int count = 0;
	const struct dirent *entry = NULL;
	while (folder != NULL && count >= 0 && (entry = readdir(folder)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof path, "%s/tests/fuzz/corpus/%s/%s", source,
		    target->name, entry->d_name);
		count = run_file(target, path) ? count + 1 : -1;
	}
	if (folder != NULL)
		closedir(folder);
	return count;
}

static int
run_all(const char *source)
{
	int number = 0;
	int status = EXIT_SUCCESS;
	for (const ph_fuzz_target *t = ph_targets; t->name != NULL; t++) {
		int count = run_folder(t, source);
		bool good = count > 0; /* none at all is no test */
		printf("%sok %d - %s: %d files\n", good ? "" : "not ", ++number,
		    t->name, count);
		if (!good)
			status = EXIT_FAILURE;
	}
	printf("1..%d\n", number);
	return status;
}

static int
run_some(const char *name, char **files)
{
	const ph_fuzz_target *target = ph_target_named(name);
	if (target == NULL) {
		fprintf(stderr, "there is no target %s\n", name);
		return EXIT_FAILURE;
	}
	for (; *files != NULL; files++)
		if (!run_file(target, *files))
			return EXIT_FAILURE;
	return EXIT_SUCCESS;
}

int
main(int argc, char **argv)
{
	const char *source = getenv("PACKHORSE_SOURCE");
	int status = EXIT_SUCCESS;
	if (argc == 2 && strcmp(argv[1], "--list") == 0)
		for (const ph_fuzz_target *t = ph_targets; t->name != NULL; t++)
			puts(t->name);
	else if (argc > 1)
		status = run_some(argv[1], argv + 2);
	else
		status = run_all(source == NULL ? "." : source);
	ph_test_decoders_forget();
	return status;
}
