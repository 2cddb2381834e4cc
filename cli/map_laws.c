/*
 * packhorse map laws: made-up documents through maps, there and back.
 */
#include "transform/workbench/laws.h"

#include <stdlib.h>
#include <string.h>

#include "cli/map_tools.h"
#include "cli/offline.h"
#include "lib/base/fs.h"

#define CASES_DEFAULT 100
#define CASES_MAX     1000000
#define SEED_MAX      0x7fffffffffffffffLL

const ph_cli_option ph_map_laws_options[] = {
    {"cases", "N", "documents for each map; 100 without it"},
    {"seed", "S", "another seed makes other documents; 1 without it"},
    {"schemas", "DIR", "where canonical schemas are looked for first"},
    {NULL, NULL, NULL},
};

typedef struct lawful {
	ph_cli *cli;
	long long cases, seed;
} lawful;

static void
tell_json(const lawful *l, const ph_map *map, const ph_laws *laws)
{
	json_t *row = json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I}", "map",
	    ph_map_name(map), "result",
	    laws->broken       ? "broken"
	    : laws->links == 0 ? "one-way"
	    : laws->held == 0  ? "empty"
			       : "kept",
	    "links", (json_int_t) laws->links, "held", (json_int_t) laws->held,
	    "refused", (json_int_t) laws->refused, "cases", (json_int_t) l->cases,
	    "seed", (json_int_t) l->seed);
	if (laws->refused > 0)
		json_object_set_new(row, "refusal", json_string(laws->refusal));
	if (laws->broken)
		json_object_update_new(
		    row, json_pack("{s:s, s:s, s:s, s:I, s:s, s:s}", "law", laws->law,
			     "where", laws->where, "text", laws->text, "case",
			     (json_int_t) laws->number, "side",
			     laws->canonical ? "canonical" : "vendor", "document",
			     laws->document));
	ph_cli_json(l->cli, row);
}

static void
tell(const lawful *l, const ph_map *map, const ph_laws *laws)
{
	if (l->cli->json) {
		tell_json(l, map, laws);
		return;
	}
	if (laws->broken) {
		ph_cli_print(l->cli,
		    "BROKEN  %s, case %zu of seed %lld, %s: %s\n%s\n%s document:\n%s\n",
		    ph_map_name(map), laws->number, l->seed, laws->law, laws->text,
		    laws->where, laws->canonical ? "canonical" : "vendor's",
		    laws->document);
		return;
	}
	if (laws->links == 0) {
		ph_cli_print(
		    l->cli, "-       %s: no link goes both ways\n", ph_map_name(map));
		return;
	}
	ph_cli_print(l->cli, "%s  %s: %zu links, %zu documents there and back",
	    laws->held == 0 ? "EMPTY " : "ok    ", ph_map_name(map), laws->links,
	    laws->held);
	if (laws->refused > 0)
		ph_cli_print(
		    l->cli, ", %zu refused (%s)", laws->refused, laws->refusal);
	ph_cli_print(l->cli, "\n");
}

static int
check_map(const lawful *l, const char *name, const char *const *folders)
{
	ph_map *map;
	ph_laws laws;
	ph_error err;
	if (ph_map_load(name, folders, &map, &err) != PH_OK)
		return ph_cli_fail(l->cli, &err);
	ph_status status =
	    ph_laws_check(map, (uint64_t) l->seed, (size_t) l->cases, &laws, &err);
	if (status != PH_OK) {
		ph_map_destroy(&map);
		return ph_cli_fail(l->cli, &err);
	}
	tell(l, map, &laws);
	bool good = !laws.broken && (laws.links == 0 || laws.held > 0);
	ph_laws_fini(&laws);
	ph_map_destroy(&map);
	return good ? PH_EXIT_OK : PH_EXIT_PROBLEM;
}

static int
check_operand(const lawful *l, const char *path, const char *schemas)
{
	ph_offline offline;
	ph_error err;
	char maps[1100], **names;
	size_t count;
	if (ph_offline_init(&offline, path, schemas, &err) != PH_OK)
		return ph_cli_fail(l->cli, &err);
	if (!ph_offline_is_folder(path))
		return check_map(l, path, offline.folders);
	snprintf(maps, sizeof maps, "%s/maps", offline.connector);
	if (ph_cli_list(maps, ".yaml", &names, &count, &err) != PH_OK)
		return ph_cli_fail(l->cli, &err);
	int worst = PH_EXIT_OK;
	for (size_t i = 0; i < count; i++) {
		int exit = check_map(l, names[i], offline.folders);
		worst = exit > worst ? exit : worst;
	}
	free(names);
	if (count == 0) {
		ph_fail_at(
		    &err, PH_ERR_NOT_FOUND, path, "PH7302 there are no maps in maps/");
		return ph_cli_fail(l->cli, &err);
	}
	return worst;
}

int
ph_map_laws(ph_cli *cli, const ph_args *args)
{
	lawful l = {.cli = cli, .cases = CASES_DEFAULT, .seed = 1};
	int worst = PH_EXIT_OK;
	if (!ph_args_number(cli, args, "cases", 1, CASES_MAX, &l.cases) ||
	    !ph_args_number(cli, args, "seed", 0, SEED_MAX, &l.seed))
		return PH_EXIT_USAGE;
	for (size_t i = 0; i < args->count; i++) {
		int exit =
		    check_operand(&l, args->operands[i], ph_args_get(args, "schemas"));
		worst = exit > worst ? exit : worst;
	}
	ph_cli_print(cli, "seed %lld, %lld cases for each map\n", l.seed, l.cases);
	return worst;
}
