/*
 * packhorse map: maps looked at, run and tested, without a broker.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/declared.h"
#include "cli/map_tools.h"
#include "cli/offline.h"
#include "lib/base/fs.h"

#ifndef PH_SYSCONFDIR
#define PH_SYSCONFDIR "/etc/packhorse"
#endif
#define LINE_MAX_SHOWN 160
#define INPUT_MAX      ((size_t) 64 << 20)

/* --- check --- */

typedef struct checking {
	ph_cli *cli;
	const ph_site *site;
	bool links; /* show each link's class */
	size_t maps, errors, warnings;
	json_t *seen; /* maps of a site that are done */
} checking;

/* "file:line:column" taken apart; false if it is none. */
static bool
read_place(const char *where, char *file, size_t size, unsigned long *line,
    unsigned long *column)
{
	const char *end = where + strlen(where);
	const char *colons[2] = {NULL, NULL};
	for (const char *p = end; p > where && colons[1] == NULL; p--)
		if (p[-1] == ':')
			colons[colons[0] == NULL ? 0 : 1] = p - 1;
	if (colons[1] == NULL || (size_t) (colons[1] - where) >= size)
		return false;
	memcpy(file, where, (size_t) (colons[1] - where));
	file[colons[1] - where] = '\0';
	*line = strtoul(colons[1] + 1, NULL, 10);
	*column = strtoul(colons[0] + 1, NULL, 10);
	return *line > 0 && *column > 0;
}

/* The offending line with a caret below its place. */
static void
show_line(ph_cli *cli, const char *where)
{
	char file[PH_ERROR_WHERE], *bytes;
	unsigned long line, column;
	size_t length;
	if (!read_place(where, file, sizeof file, &line, &column) ||
	    ph_fs_slurp(file, INPUT_MAX, &bytes, &length, NULL) != PH_OK)
		return;
	const char *start = bytes, *end = bytes + length;
	while (start < end && --line > 0) {
		const char *next = memchr(start, '\n', (size_t) (end - start));
		start = next == NULL ? end : next + 1;
	}
	const char *stop =
	    start < end ? memchr(start, '\n', (size_t) (end - start)) : NULL;
	size_t width = (size_t) ((stop == NULL ? end : stop) - start);
	if (start < end && column <= width + 1 && width <= LINE_MAX_SHOWN * 4) {
		ph_cli_print(cli, "  %.*s\n  ", (int) width, start);
		for (size_t i = 0; i + 1 < column; i++)
			if (start[i] == '\t' ||
			    ((unsigned char) start[i] & 0xc0) != 0x80)
				ph_cli_print(cli, "%c", start[i] == '\t' ? '\t' : ' ');
		ph_cli_print(cli, "^\n");
	}
	free(bytes);
}

static void
tell_json(ph_cli *cli, const char *kind, const char *where, const char *text)
{
	char file[PH_ERROR_WHERE];
	unsigned long line, column;
	json_t *row = json_pack("{s:s, s:s, s:o*, s:s}", "kind", kind, "where", where,
	    "code", ph_cli_code(text), "text", text);
	if (read_place(where, file, sizeof file, &line, &column))
		json_object_update_new(
		    row, json_pack("{s:s, s:I, s:I}", "file", file, "line",
			     (json_int_t) line, "column", (json_int_t) column));
	ph_cli_json(cli, row);
}

static void
tell(void *self, const char *kind, const char *where, const char *text)
{
	checking *c = self;
	bool error = strcmp(kind, "error") == 0, warning = strcmp(kind, "warning") == 0;
	c->errors += error;
	c->warnings += warning;
	if (c->cli->json) {
		tell_json(c->cli, kind, where, text);
		return;
	}
	if (!error && !warning && !c->links)
		return;
	ph_cli_print(c->cli, "%s%s%s%s%s\n", where, where[0] != '\0' ? ": " : "",
	    error ? "" : kind, error ? "" : ": ", text);
	if (error || warning)
		show_line(c->cli, where);
}

static void
check_one(checking *c, const char *name, const char *const *folders)
{
	ph_error err = {.status = PH_OK};
	size_t before = c->errors;
	c->maps++;
	if (ph_map_check(name, folders, tell, c, &err) != PH_OK && c->errors == before)
		tell(c, "error", err.where, err.text);
}

static int
check_folder(checking *c, const char *folder, const char *schemas)
{
	ph_offline offline;
	ph_error err;
	char maps[1100], **names;
	size_t count;
	if (ph_offline_init(&offline, folder, schemas, &err) != PH_OK)
		return ph_cli_fail(c->cli, &err);
	snprintf(maps, sizeof maps, "%s/maps", offline.connector);
	if (ph_cli_list(maps, ".yaml", &names, &count, &err) != PH_OK)
		return ph_cli_fail(c->cli, &err);
	for (size_t i = 0; i < count; i++)
		check_one(c, names[i], offline.folders);
	free(names);
	if (count > 0)
		return PH_EXIT_OK;
	ph_fail_at(&err, PH_ERR_NOT_FOUND, folder, "PH7302 there are no maps in maps/");
	return ph_cli_fail(c->cli, &err);
}

static void
check_declared(void *self, const ph_declared *declared)
{
	checking *c = self;
	const char *folders[PH_FOLDERS_MAX + 1];
	char key[1200];
	snprintf(key, sizeof key, "%s\n%s",
	    declared->adapter->connector ? declared->adapter->connector : "",
	    declared->map->text);
	if (json_object_get(c->seen, key) != NULL)
		return;
	json_object_set_new(c->seen, key, json_true());
	ph_declared_folders(c->site, declared->adapter, folders);
	check_one(c, declared->map->text, folders);
}

/* All maps that a site's adapters name. */
static int
check_site(checking *c)
{
	ph_site *site;
	ph_error err;
	const char *directory =
	    c->cli->site != NULL ? c->cli->site : getenv("PACKHORSE_SITE");
	if (ph_site_load(directory != NULL ? directory : PH_SYSCONFDIR, &site, &err) !=
	    PH_OK)
		return ph_cli_fail(c->cli, &err);
	c->site = site;
	c->seen = json_object();
	for (size_t i = 0; i < site->adapter_count; i++)
		ph_declared_each(&site->adapters[i], check_declared, c);
	json_decref(c->seen);
	ph_site_destroy(&site);
	return PH_EXIT_OK;
}

static int
run_check(ph_cli *cli, const ph_args *args)
{
	checking c = {.cli = cli, .links = ph_args_has(args, "links")};
	const char *schemas = ph_args_get(args, "schemas");
	int exit = PH_EXIT_OK;
	if (args->count == 0)
		exit = check_site(&c);
	for (size_t i = 0; i < args->count && exit == PH_EXIT_OK; i++) {
		ph_offline offline;
		ph_error err;
		const char *path = args->operands[i];
		if (ph_offline_is_folder(path)) {
			exit = check_folder(&c, path, schemas);
			continue;
		}
		if (ph_offline_init(&offline, path, schemas, &err) != PH_OK)
			return ph_cli_fail(cli, &err);
		check_one(&c, path, offline.folders);
	}
	if (exit != PH_EXIT_OK)
		return exit;
	ph_cli_print(cli, "%zu map%s, %zu error%s, %zu warning%s\n", c.maps,
	    ph_cli_s(c.maps), c.errors, ph_cli_s(c.errors), c.warnings,
	    ph_cli_s(c.warnings));
	return c.errors == 0 ? PH_EXIT_OK : PH_EXIT_PROBLEM;
}

static const ph_cli_option check_options[] = {
    {"links", NULL, "show each link with its class: iso, lossy, in-only, out-only"},
    {"schemas", "DIR", "where canonical schemas are looked for first"},
    {NULL, NULL, NULL},
};

static const ph_verb verbs[] = {
    {"check", "[MAP.yaml|CONNECTOR]...", 0, 0,
	"look maps over before they run\n"
	"Without operands: all maps that the site's adapters name.",
	check_options, run_check},
    {"run", "MAP.yaml in|out FILE|- [NAME=VALUE]...", 3, 200,
	"send one document through a map\n"
	"NAME=VALUE gives $NAME its value (accepted_at=2026-01-31T09:00:00Z);\n"
	"ref.KEY=ID answers a cross-reference, ref.*=ID every other one.\n"
	"A file of more than 8 MiB goes through in pieces, in memory that does not "
	"grow; "
	"it is\n"
	"read once before anything is shown, unless it is standard input.",
	ph_map_run_options, ph_map_run},
    {"test", "CONNECTOR...", 1, 0, "run a connector's samples both ways",
	ph_map_test_options, ph_map_test},
    {"new", NULL, 0, 0,
	"draft a map from a sample of the vendor's and a canonical schema\n"
	"Pairs fields by their names and by what they hold, marks what is not sure, "
	"and lists\n"
	"the rest under drop. No value of the sample is written. An XML schema "
	"(--from FILE.xsd)\n"
	"takes a sample's place: what it requires is written, and texts are cut to its "
	"lengths.\n"
	"The draft goes to standard output; a CSV file's record description stands "
	"before it\n"
	"as a comment.",
	ph_map_new_options, ph_map_new},
    {"laws", "MAP.yaml|CONNECTOR...", 1, 0,
	"made-up documents there and back: what comes back differs by declared loss "
	"only\n"
	"Documents are made from the canonical schema and from what is known of the\n"
	"vendor's. A document that breaks a law is shown, as small as it could be "
	"made;\n"
	"the same seed makes the same documents. Exit 1 if a law is broken, or if no\n"
	"document got through.",
	ph_map_laws_options, ph_map_laws},
    {"coverage", "CONNECTOR...", 1, 0,
	"what of a connector's maps and code tables its samples never touch\n"
	"Counts each link in each of its directions, and each row of a code table in\n"
	"each direction in which it counts.",
	ph_map_coverage_options, ph_map_coverage},
    {"diff", "OLD NEW", 2, 2,
	"what changed between two versions of a map, in words\n"
	"OLD and NEW are two maps' files, or two connectors' folders. Settings, links, "
	"lists\n"
	"and the rows of the code tables that the links name. Exit 1 if they differ.",
	NULL, ph_map_diff_verb},
    {NULL, NULL, 0, 0, NULL, NULL, NULL},
};

const ph_noun ph_noun_map = {
    "map", "maps between vendors' records and canonical messages", verbs};
