/*
 * packhorse config check: would the broker and its hosts start with this directory?
 *
 * Three looks, each with the code that starts it later: the site's files, every map that an
 * adapter names, and, where the host's program is there, the host's own check of each adapter
 * (its plug-in and the plug-in's settings).
 */
#include <errno.h>
#include <spawn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <packhorse/map.h>

#include "cli/cli.h"
#include "cli/declared.h"

#ifndef PH_SYSCONFDIR
#define PH_SYSCONFDIR "/etc/packhorse"
#endif

extern char **environ;

/* A check under way. */
typedef struct checking {
	ph_cli *cli;
	const ph_site *site;
	size_t problems, warnings, maps, adapters, routes;
	json_t *seen;	   /* maps checked, by adapter and name */
	const char *place; /* where the map being checked is asked for */
} checking;

static void
tell_one(checking *c, const char *kind, const char *where, const char *text)
{
	bool error = strcmp(kind, "error") == 0;
	if (!error && strcmp(kind, "warning") != 0)
		return;
	c->problems += error;
	c->warnings += !error;
	if (c->cli->json)
		ph_cli_json(
		    c->cli, json_pack("{s:s, s:s, s:o*, s:s}", "kind", kind, "where",
				where, "code", ph_cli_code(text), "text", text));
	else
		ph_cli_print(c->cli, "%s%s%s%s\n", where, where[0] != '\0' ? ": " : "",
		    error ? "" : "warning: ", text);
}

static void
tell(void *self, const char *kind, const char *where, const char *text)
{
	checking *c = self;
	tell_one(c, kind, where[0] != '\0' ? where : c->place, text);
}

/* --- maps --- */

static void
check_map(void *self, const ph_declared *declared)
{
	checking *c = self;
	const char *folders[PH_FOLDERS_MAX + 1];
	char key[512], where[PH_ERROR_WHERE];
	ph_error err = {.status = PH_OK};
	snprintf(key, sizeof key, "%s\n%s",
	    declared->adapter->connector ? declared->adapter->connector : "",
	    declared->map->text);
	if (json_object_get(c->seen, key) != NULL)
		return;
	json_object_set_new(c->seen, key, json_true());
	c->maps++;
	ph_declared_folders(c->site, declared->adapter, folders);
	ph_site_where(declared->adapter, declared->map, where, sizeof where);
	c->place = where;
	size_t before = c->problems;
	ph_status status = ph_map_check(declared->map->text, folders, tell, c, &err);
	c->place = "";
	if (status == PH_OK || c->problems > before)
		return;
	tell_one(c, "error", err.where[0] != '\0' ? err.where : where, err.text);
}

/* --- the host's own check --- */

static pid_t
start_host(const char *program, const char *site, const char *adapter, int output)
{
	char check[] = "--check", flag[] = "-c";
	char *arguments[] = {(char *) (uintptr_t) program, check, flag,
	    (char *) (uintptr_t) site, (char *) (uintptr_t) adapter, NULL};
	posix_spawn_file_actions_t actions;
	pid_t pid = -1;
	if (posix_spawn_file_actions_init(&actions) != 0)
		return -1;
	if (posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO) != 0 ||
	    posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO) != 0 ||
	    posix_spawn(&pid, program, &actions, NULL, arguments, environ) != 0)
		pid = -1;
	(void) posix_spawn_file_actions_destroy(&actions);
	return pid;
}

/* Its lines are problems, if it says there is one. */
static void
tell_lines(checking *c, FILE *lines, bool failed)
{
	char *line = NULL;
	size_t size = 0;
	bool told = false;
	while (getline(&line, &size, lines) >= 0) {
		line[strcspn(line, "\n")] = '\0';
		if (failed && line[0] != '\0') {
			/* "where: PHnnnn text" */
			char *code = strstr(line, ": PH");
			if (code != NULL)
				*code = '\0';
			tell_one(c, "error", code != NULL ? line : "",
			    code != NULL ? code + 2 : line);
			told = true;
		}
	}
	if (failed && !told)
		tell_one(
		    c, "error", "", "PH7040 the host's check failed and said nothing");
	free(line);
}

static void
check_host(checking *c, const ph_site_adapter *adapter)
{
	int ends[2], status = 0;
	if (access(c->site->host, X_OK) != 0 || pipe(ends) != 0)
		return;
	pid_t pid =
	    start_host(c->site->host, c->site->directory, adapter->name, ends[1]);
	close(ends[1]);
	FILE *lines = pid > 0 ? fdopen(ends[0], "r") : NULL;
	FILE *kept = lines != NULL ? tmpfile() : NULL;
	char bytes[4096];
	size_t got;
	while (kept != NULL && (got = fread(bytes, 1, sizeof bytes, lines)) > 0)
		(void) fwrite(bytes, 1, got, kept);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (kept != NULL) {
		rewind(kept);
		tell_lines(c, kept, !WIFEXITED(status) || WEXITSTATUS(status) != 0);
		fclose(kept);
	}
	if (lines != NULL)
		fclose(lines);
	else
		close(ends[0]);
}

static void
check_adapter(checking *c, const ph_site_adapter *adapter)
{
	size_t before = c->problems;
	ph_declared_each(adapter, check_map, c);
	/* What is wrong with its maps the host would only say again. */
	if (c->problems == before && adapter->enabled)
		check_host(c, adapter);
}

static int
check_site(checking *c, const char *directory)
{
	ph_site *site = NULL;
	ph_error err = {.status = PH_OK};
	if (ph_site_load(directory, &site, &err) != PH_OK) {
		tell_one(c, "error", err.where, err.text);
		return PH_EXIT_PROBLEM;
	}
	c->site = site;
	c->seen = json_object();
	for (size_t i = 0; i < site->adapter_count; i++)
		check_adapter(c, &site->adapters[i]);
	ph_cli_print(c->cli,
	    "%zu adapter%s, %zu map%s, %zu route%s: %zu problem%s, %zu warning%s\n",
	    site->adapter_count, ph_cli_s(site->adapter_count), c->maps,
	    ph_cli_s(c->maps), site->route_count, ph_cli_s(site->route_count),
	    c->problems, ph_cli_s(c->problems), c->warnings, ph_cli_s(c->warnings));
	c->adapters = site->adapter_count;
	c->routes = site->route_count;
	json_decref(c->seen);
	ph_site_destroy(&site);
	return c->problems > 0 ? PH_EXIT_PROBLEM : PH_EXIT_OK;
}

static int
check(ph_cli *cli, const ph_args *args)
{
	const char *directory = args->count > 0 ? args->operands[0] : cli->site;
	checking c = {.cli = cli};
	if (directory == NULL)
		directory = getenv("PACKHORSE_SITE");
	if (directory == NULL)
		directory = PH_SYSCONFDIR;
	int code = check_site(&c, directory);
	if (cli->json)
		ph_cli_json(
		    cli, json_pack("{s:b, s:I, s:I, s:I, s:I, s:I}", "ok",
			     code == PH_EXIT_OK, "problems", (json_int_t) c.problems,
			     "warnings", (json_int_t) c.warnings, "maps",
			     (json_int_t) c.maps, "adapters", (json_int_t) c.adapters,
			     "routes", (json_int_t) c.routes));
	return code;
}

static const ph_verb verbs[] = {
    {.name = "check",
	.operands = "[DIR]",
	.most = 1,
	.help = "Check a site's directory: what this accepts, the broker starts with.",
	.run = check},
    {.name = NULL},
};

const ph_noun ph_noun_config = {"config", "the site's configuration", verbs};
