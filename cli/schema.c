/*
 * packhorse schema: schema files looked at, and the validator held to a test suite.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/cli.h"
#include "lib/codec/codec.h"
#include "transform/schema.h"

#define FILE_LIMIT ((size_t) 4 << 20)
#define MEMORY	   ((size_t) 64 << 20)
#define PATH_ROOM  1024
#define NESTED	   8
#define REMOTE	   "http://localhost:1234/"

/* --- check --- */

static int
check_schemas(ph_cli *cli, const ph_args *args)
{
	ph_error err;
	ph_schema_set *set;
	size_t errors = 0;
	if (ph_schema_set_new(NULL, &set, &err) != PH_OK)
		return ph_cli_fail(cli, &err);
	char **bytes = calloc(args->count, sizeof(*bytes));
	size_t *lengths = calloc(args->count, sizeof(*lengths));
	for (size_t i = 0; bytes != NULL && lengths != NULL && i < args->count; i++) {
		const char *name = args->operands[i];
		if (ph_cli_slurp(name, FILE_LIMIT, &bytes[i], &lengths[i], &err) ==
		    PH_OK)
			(void) ph_schema_set_add(
			    set, name, name, bytes[i], lengths[i], NULL);
		else
			errors += (size_t) ph_cli_fail(cli, &err) > 0;
	}
	for (size_t i = 0; bytes != NULL && lengths != NULL && i < args->count; i++) {
		ph_schema *schema = NULL;
		if (bytes[i] == NULL)
			continue;
		if (ph_schema_parse_with(args->operands[i], bytes[i], lengths[i], set,
			0, &schema, &err) != PH_OK)
			errors += (size_t) ph_cli_fail(cli, &err) > 0;
		ph_schema_destroy(&schema);
	}
	for (size_t i = 0; bytes != NULL && i < args->count; i++)
		free(bytes[i]);
	free(bytes);
	free(lengths);
	ph_schema_set_destroy(&set);
	if (cli->json)
		ph_cli_json(
		    cli, json_pack("{s:I, s:I}", "schemas", (json_int_t) args->count,
			     "errors", (json_int_t) errors));
	ph_cli_print(cli, "%zu schema%s, %zu with errors\n", args->count,
	    ph_cli_s(args->count), errors);
	return errors > 0 ? PH_EXIT_PROBLEM : PH_EXIT_OK;
}

/* --- suite --- */

typedef struct suite {
	ph_cli *cli;
	ph_schema_set *remotes;
	const char *file;
	size_t passed, failed, skipped;
} suite;

typedef bool found(suite *s, const char *path, const char *below, ph_error *err);

/* Every .json file of a folder, in the order of names, folders inside too if `deep`. */
static bool
each_file(
    suite *s, const char *folder, size_t root, unsigned deep, found *run, ph_error *err)
{
	char path[PATH_ROOM];
	struct dirent **entries;
	struct stat state;
	int count = scandir(folder, &entries, NULL, alphasort);
	if (count < 0) {
		ph_fail_at(err, PH_ERR_NOT_FOUND, folder,
		    "PH7311 the folder cannot be read: %s", strerror(errno));
		return false;
	}
	bool good = true;
	for (int i = 0; i < count; i++) {
		const char *name = entries[i]->d_name;
		size_t length = strlen(name);
		int wrote = snprintf(path, sizeof(path), "%s/%s", folder, name);
		if (good && name[0] != '.' && (size_t) wrote < sizeof(path) &&
		    stat(path, &state) == 0) {
			if (S_ISDIR(state.st_mode) && deep > 0)
				good = each_file(s, path, root, deep - 1, run, err);
			else if (length > 5 && strcmp(name + length - 5, ".json") == 0)
				good = run(s, path, path + root + 1, err);
		}
		free(entries[i]);
	}
	free(entries);
	return good;
}

static bool
add_remote(suite *s, const char *path, const char *below, ph_error *err)
{
	char uri[PATH_ROOM + sizeof(REMOTE)], *bytes;
	size_t length;
	if (ph_cli_slurp(path, FILE_LIMIT, &bytes, &length, err) != PH_OK)
		return false;
	snprintf(uri, sizeof(uri), "%s%s", REMOTE, below);
	ph_status status = ph_schema_set_add(s->remotes, uri, path, bytes, length, err);
	free(bytes);
	return status == PH_OK;
}

static void
tell(suite *s, const char *result, const ph_node *group, const ph_node *test,
    const char *why)
{
	const char *about = ph_node_text(group, "description");
	const char *case_ = test == NULL ? NULL : ph_node_text(test, "description");
	about = about == NULL ? "" : about;
	if (s->cli->json)
		ph_cli_json(s->cli,
		    json_pack("{s:s, s:s, s:s, s:s*, s:s}", "result", result, "file",
			s->file, "group", about, "test", case_, "why", why));
	else
		ph_cli_print(s->cli, "%s: %s: %s%s%s: %s\n", result, s->file, about,
		    case_ == NULL ? "" : ": ", case_ == NULL ? "" : case_, why);
}

static void
run_test(suite *s, const ph_schema *schema, ph_document *document, const ph_node *group,
    const ph_node *test)
{
	ph_violation wrong;
	char why[800];
	const ph_node *data = ph_node_get(test, "data");
	const char *valid = ph_node_text(test, "valid");
	if (data == NULL || valid == NULL) {
		s->failed++;
		tell(s, "failed", group, test, "a test needs data and valid");
		return;
	}
	ph_status status = ph_schema_check(schema, document, data, 0, &wrong);
	bool good = status == PH_OK;
	if (status != PH_ERR_NOMEM && good == (valid[0] == 't') &&
	    strncmp(wrong.text, "PH3209", 6) != 0) {
		s->passed++;
		return;
	}
	s->failed++;
	if (good)
		snprintf(why, sizeof(why), "was found valid");
	else
		snprintf(why, sizeof(why), "%s (%s, rule %s)", wrong.text,
		    wrong.path[0] == '\0' ? "the whole" : wrong.path,
		    wrong.schema_path);
	tell(s, "failed", group, test, why);
}

static void
run_group(suite *s, ph_document *document, const ph_node *group)
{
	ph_error err;
	ph_schema *schema;
	const ph_node *source = ph_node_get(group, "schema");
	const ph_node *tests = ph_node_get(group, "tests");
	if (source == NULL || tests == NULL) {
		s->failed++;
		tell(s, "failed", group, NULL, "a group needs schema and tests");
		return;
	}
	if (ph_schema_compile(document, source, "", s->remotes, PH_SCHEMA_STANDARD,
		&schema, &err) == PH_OK) {
		for (const ph_node *n = tests->first; n != NULL; n = n->next)
			run_test(s, schema, document, group, n);
		ph_schema_destroy(&schema);
		return;
	}
	bool remote =
	    strncmp(err.text, "PH3307", 6) == 0 && strstr(err.text, "://") != NULL;
	remote |= strncmp(err.text, "PH3311", 6) == 0;
	*(remote ? &s->skipped : &s->failed) += tests->count;
	tell(s, remote ? "skipped" : "failed", group, NULL, err.text);
}

static bool
run_file(suite *s, const char *path, const char *below, ph_error *err)
{
	char *bytes;
	size_t length;
	ph_document *document;
	if (ph_cli_slurp(path, FILE_LIMIT, &bytes, &length, err) != PH_OK)
		return false;
	ph_status status = ph_document_new(path, MEMORY, &document, err);
	if (status == PH_OK) {
		status = ph_json_decode_with(document, bytes, length, PH_JSON_NUL, err);
		s->file = below;
		for (const ph_node *n =
			 status == PH_OK ? ph_document_root(document)->first : NULL;
		     n != NULL; n = n->next)
			run_group(s, document, n);
		ph_document_destroy(&document);
	}
	free(bytes);
	return status == PH_OK;
}

static int
run_suite(ph_cli *cli, const ph_args *args)
{
	ph_error err;
	suite s = {.cli = cli};
	const char *folder = args->operands[0];
	const char *remotes = ph_args_get(args, "remotes");
	bool good = ph_schema_set_new(NULL, &s.remotes, &err) == PH_OK &&
		    (remotes == NULL || each_file(&s, remotes, strlen(remotes), NESTED,
					    add_remote, &err)) &&
		    each_file(&s, folder, strlen(folder), 0, run_file, &err);
	ph_schema_set_destroy(&s.remotes);
	if (!good)
		return ph_cli_fail(cli, &err);
	if (cli->json)
		ph_cli_json(
		    cli, json_pack("{s:I, s:I, s:I}", "passed", (json_int_t) s.passed,
			     "failed", (json_int_t) s.failed, "skipped",
			     (json_int_t) s.skipped));
	ph_cli_print(cli, "%zu passed, %zu failed, %zu skipped\n", s.passed, s.failed,
	    s.skipped);
	return s.failed > 0 || s.passed + s.skipped == 0 ? PH_EXIT_PROBLEM : PH_EXIT_OK;
}

static const ph_cli_option suite_options[] = {
    {"remotes", "DIR", "schemas that the tests refer to, as if under " REMOTE},
    {NULL, NULL, NULL},
};

static const ph_verb verbs[] = {
    {.name = "check",
	.operands = "FILE...",
	.least = 1,
	.help = "Read schema files and say what is wrong with them.\n"
		"They may refer to each other by $id.",
	.run = check_schemas},
    {.name = "suite",
	.operands = "DIR",
	.least = 1,
	.most = 1,
	.help =
	    "Hold the validator to tests in the form of the JSON Schema Test Suite.\n"
	    "Each .json file of DIR is a list of {description, schema, tests:\n"
	    "[{description, data, valid}]}. Nothing is fetched: groups that refer to\n"
	    "schemas which are not loaded are skipped.",
	.options = suite_options,
	.run = run_suite},
    {.name = NULL},
};

const ph_noun ph_noun_schema = {
    "schema", "schemas looked at, the validator tested", verbs};
