/*
 * packhorse map diff: two versions of a map, or of a connector's maps, in words.
 */
#include "transform/workbench/map_diff.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/map_tools.h"
#include "cli/offline.h"
#include "lib/base/fs.h"

typedef struct differing {
	ph_cli *cli;
	size_t count;
	ph_offline old, new;
} differing;

static void
tell(void *self, const char *kind, const char *change, const char *where,
    const char *text)
{
	differing *d = self;
	d->count++;
	if (d->cli->json)
		ph_cli_json(
		    d->cli, json_pack("{s:s, s:s, s:s, s:s}", "kind", kind, "change",
				change, "where", where, "text", text));
	ph_cli_print(d->cli, "%s: %s\n", where, text);
}

static int
compare_files(differing *d, const char *old, const char *new)
{
	ph_map_version_of a = {old, d->old.folders}, b = {new, d->new.folders};
	ph_error err;
	if (ph_map_diff(&a, &b, tell, d, &err) != PH_OK)
		return ph_cli_fail(d->cli, &err);
	return PH_EXIT_OK;
}

static bool
is_in(const char *file, char **names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(strrchr(names[i], '/'), strrchr(file, '/')) == 0)
			return true;
	return false;
}

/* Maps by the names of their files. */
static int
compare_lists(differing *d, char **old, size_t old_count, char **new, size_t new_count)
{
	int worst = PH_EXIT_OK;
	for (size_t i = 0; i < old_count; i++) {
		if (!is_in(old[i], new, new_count)) {
			tell(d, "map", "removed", old[i], "the map is gone");
			continue;
		}
		for (size_t k = 0; k < new_count; k++) {
			if (!is_in(old[i], &new[k], 1))
				continue;
			int exit = compare_files(d, old[i], new[k]);
			worst = exit > worst ? exit : worst;
		}
	}
	for (size_t k = 0; k < new_count; k++)
		if (!is_in(new[k], old, old_count))
			tell(d, "map", "added", new[k], "a new map");
	return worst;
}

/* The maps of a folder; each name with its path, one block to free with free. */
static ph_status
list_maps(const ph_offline *offline, char ***out, size_t *count, ph_error *err)
{
	char maps[1100], **names;
	snprintf(maps, sizeof maps, "%s/maps", offline->connector);
	ph_status status = ph_cli_list(maps, ".yaml", &names, count, err);
	if (status != PH_OK)
		return status;
	if (*count == 0) {
		free(names);
		return ph_fail_at(err, PH_ERR_NOT_FOUND, offline->connector,
		    "PH7302 there are no maps in maps/");
	}
	size_t room = (*count + 1) * sizeof(char *), used = room;
	for (size_t i = 0; i < *count; i++)
		room += strlen(maps) + strlen(names[i]) + 2;
	*out = malloc(room);
	for (size_t i = 0; *out != NULL && i < *count; i++) {
		(*out)[i] = (char *) *out + used;
		used += 1 + (size_t) snprintf(
				(*out)[i], room - used, "%s/%s", maps, names[i]);
	}
	free(names);
	return *out != NULL ? PH_OK : ph_fail(err, PH_ERR_NOMEM, "out of memory");
}

static int
compare_folders(differing *d)
{
	char **old = NULL, **new = NULL;
	size_t old_count, new_count;
	ph_error err;
	ph_status status = list_maps(&d->old, &old, &old_count, &err);
	if (status == PH_OK)
		status = list_maps(&d->new, &new, &new_count, &err);
	int exit = status == PH_OK ? compare_lists(d, old, old_count, new, new_count)
				   : ph_cli_fail(d->cli, &err);
	free(old);
	free(new);
	return exit;
}

int
ph_map_diff_verb(ph_cli *cli, const ph_args *args)
{
	const char *old = args->operands[0], *new = args->operands[1];
	differing d = {.cli = cli};
	ph_error err;
	bool folder = ph_offline_is_folder(old);
	bool mixed = folder != ph_offline_is_folder(new);
	if (mixed && access(folder ? new : old, F_OK) != 0) {
		ph_fail_at(&err, PH_ERR_NOT_FOUND, folder ? new : old,
		    "PH7311 there is no file or folder of this name");
		return ph_cli_fail(cli, &err);
	}
	if (mixed)
		return ph_cli_usage(
		    cli, "PH7307 compare two maps, or two connectors, not one of each");
	if (ph_offline_init(&d.old, old, NULL, &err) != PH_OK ||
	    ph_offline_init(&d.new, new, NULL, &err) != PH_OK)
		return ph_cli_fail(cli, &err);
	int exit = folder ? compare_folders(&d) : compare_files(&d, old, new);
	if (exit != PH_EXIT_OK)
		return exit;
	ph_cli_print(cli, "%zu difference%s\n", d.count, ph_cli_s(d.count));
	return d.count == 0 ? PH_EXIT_OK : PH_EXIT_PROBLEM;
}
