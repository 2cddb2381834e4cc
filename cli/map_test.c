/*
 * packhorse map test: a connector's samples both ways, told line by line and as JUnit XML.
 */
#include <string.h>

#include "cli/map_tools.h"
#include "cli/offline.h"
#include "lib/base/fs.h"
#include "lib/codec/codec.h"

#define JUNIT_MEMORY ((size_t) 64 << 20)

const ph_cli_option ph_map_test_options[] = {
    {"junit", "FILE", "write the results as JUnit XML too"},
    {"schemas", "DIR", "where canonical schemas are looked for first"},
    {NULL, NULL, NULL},
};

typedef struct telling {
	ph_cli *cli;
	json_t *rows; /* every result, for JUnit */
} telling;

static void
tell(void *self, const ph_map *map, const char *sample, const char *direction,
    const char *why)
{
	telling *t = self;
	json_t *row = json_pack("{s:s, s:s, s:s, s:b}", "map", ph_map_name(map),
	    "sample", sample, "direction", direction, "good", why == NULL);
	if (why != NULL)
		json_object_set_new(row, "why", json_string(why));
	json_array_append(t->rows, row);
	if (t->cli->json) {
		ph_cli_json(t->cli, row);
		return;
	}
	ph_cli_print(t->cli, "%s  %s %s %s%s%s\n", why == NULL ? "ok    " : "NOT OK",
	    ph_map_name(map), sample, direction, why == NULL ? "" : ": ",
	    why == NULL ? "" : why);
	json_decref(row);
}

/* ---- JUnit ---- */

static const char *
word(const json_t *row, const char *name)
{
	const char *text = json_string_value(json_object_get(row, name));
	return text == NULL ? "" : text;
}

static void
attribute(ph_document *document, ph_node *element, const char *name, const char *text)
{
	ph_node *node = ph_node_add_text(document, element, name, text, strlen(text));
	if (node != NULL)
		node->flags |= PH_NODE_ATTRIBUTE;
}

static void
number(ph_document *document, ph_node *element, const char *name, size_t value)
{
	char text[24];
	snprintf(text, sizeof text, "%zu", value);
	attribute(document, element, name, text);
}

/* Results of a map (NULL: of all): how many, how many bad. */
static void
count(const json_t *rows, const char *map, size_t *all, size_t *bad)
{
	*all = *bad = 0;
	for (size_t i = 0; i < json_array_size(rows); i++) {
		const json_t *row = json_array_get(rows, i);
		if (map != NULL && strcmp(word(row, "map"), map) != 0)
			continue;
		*all += 1;
		*bad += json_is_false(json_object_get(row, "good"));
	}
}

static ph_node *
element(ph_document *document, ph_node *parent, const char *name)
{
	ph_node *made = ph_node_new(document, PH_NODE_OBJECT, NULL, 0);
	return made == NULL ? NULL : ph_node_add(document, parent, name, made);
}

static void
add_case(ph_document *document, ph_node *suite, const json_t *row)
{
	char name[512];
	ph_node *test = element(document, suite, "testcase");
	if (test == NULL)
		return;
	snprintf(
	    name, sizeof name, "%s %s", word(row, "sample"), word(row, "direction"));
	attribute(document, test, "classname", word(row, "map"));
	attribute(document, test, "name", name);
	if (json_is_true(json_object_get(row, "good")))
		return;
	ph_node *failure = element(document, test, "failure");
	if (failure != NULL)
		attribute(document, failure, "message", word(row, "why"));
}

static void
add_suite(ph_document *document, ph_node *root, const json_t *rows, const char *map)
{
	size_t all, bad;
	ph_node *suite = element(document, root, "testsuite");
	if (suite == NULL)
		return;
	count(rows, map, &all, &bad);
	attribute(document, suite, "name", map);
	number(document, suite, "tests", all);
	number(document, suite, "failures", bad);
	for (size_t i = 0; i < json_array_size(rows); i++)
		if (strcmp(word(json_array_get(rows, i), "map"), map) == 0)
			add_case(document, suite, json_array_get(rows, i));
}

static void
fill(ph_document *document, ph_node *root, const json_t *rows)
{
	size_t all, bad;
	count(rows, NULL, &all, &bad);
	attribute(document, root, "name", "packhorse map test");
	number(document, root, "tests", all);
	number(document, root, "failures", bad);
	for (size_t i = 0; i < json_array_size(rows); i++) {
		const char *map = word(json_array_get(rows, i), "map");
		bool seen = false;
		for (size_t k = 0; k < i && !seen; k++)
			seen = strcmp(map, word(json_array_get(rows, k), "map")) == 0;
		if (!seen)
			add_suite(document, root, rows, map);
	}
}

static ph_status
write_junit(const char *path, const json_t *rows, ph_error *err)
{
	ph_document *document;
	ph_buffer bytes;
	ph_error why;
	ph_error_clear(&why);
	ph_buffer_init(&bytes, 0);
	ph_status status = ph_document_new("junit", JUNIT_MEMORY, &document, err);
	if (status != PH_OK)
		return status;
	ph_node *root = ph_node_new(document, PH_NODE_OBJECT, NULL, 0);
	if (root != NULL) {
		root->name = ph_document_intern(document, "testsuites", 10);
		fill(document, root, rows);
	}
	if (root == NULL || ph_arena_failed(ph_document_arena(document)))
		status = ph_fail(err, PH_ERR_NOMEM, "out of memory");
	else
		status = ph_xml_encode(root, NULL, 0, &bytes, err);
	if (status == PH_OK)
		status = ph_fs_replace(
		    ph_fs_system(), path, bytes.data, bytes.length, 0666, &why);
	if (why.status != PH_OK)
		status = ph_fail(err, why.status, "PH7316 %s", why.text);
	ph_buffer_fini(&bytes);
	ph_document_destroy(&document);
	return status;
}

int
ph_map_test(ph_cli *cli, const ph_args *args)
{
	telling t = {.cli = cli, .rows = json_array()};
	ph_samples samples = {.cli = cli,
	    .schemas = ph_args_get(args, "schemas"),
	    .self = &t,
	    .result = tell};
	const char *junit = ph_args_get(args, "junit");
	int worst = PH_EXIT_OK;
	ph_error err;
	for (size_t i = 0; i < args->count; i++) {
		int exit = ph_samples_run(&samples, args->operands[i]);
		worst = exit > worst ? exit : worst;
	}
	if (junit != NULL && write_junit(junit, t.rows, &err) != PH_OK)
		worst = ph_cli_fail(cli, &err);
	json_decref(t.rows);
	ph_cli_print(cli, "%zu test%s, %s\n", samples.ran, ph_cli_s(samples.ran),
	    worst == PH_EXIT_OK ? "all good" : "not good");
	return worst;
}
