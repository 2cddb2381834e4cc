/* The editor's schemas take every file of ours that the loaders take, and refuse names written wrong. */
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/options.h"
#include "lib/config/config.h"
#include "tests/unit/check_main.h"
#include "transform/schema.h"

#define LIMIT ((size_t) 1 << 20)
#define MOST  8

/* One schema, where its files are, how many there are at least, and what it refuses. */
typedef struct subject {
	const char *schema;
	const char *files[MOST];
	size_t least;
	const char *bad[MOST];
} subject;

#define LINKS "links: [a <-> b]\n"
#define MAP   "map: m\ncanonical: none\n"

static const subject subjects[] = {
    {"map", {"adapters/*/maps", "tests/*/maps", "tests/unit/*/maps", "doc/*/*/maps"},
	28,
	{MAP "vendor: {format: json}\nlink: [a <-> b]\n",
	    MAP "vendor: {format: jsn}\n" LINKS,
	    MAP "vendor: {format: json, eech: a}\n" LINKS,
	    MAP "vendor: {format: json, previous: {witout: [a]}}\n" LINKS,
	    MAP "vendor: {format: json, open: {jsn: a}}\n" LINKS,
	    MAP "vendor: {format: json}\nlinks: [a = b]\n",
	    MAP "vendor: {format: json}\n" LINKS "drop: {vender: [a]}\n",
	    "map: m\nvendor: {format: json}\n" LINKS}},
    {"adapter",
	{"adapters/*/connector.yaml", "demo/site/adapters",
	    "tests/unit/parks/adapters"},
	10,
	{"adaptor: crm\n", "retry: {frist: 1s}\n", "limits: {calls: 1}\n",
	    "send: [{on: a, reply: [{outcome: delivered}]}]\n",
	    "send: [{map: m, reply: [{outcome: deliverd}]}]\n",
	    "send: [{map: m, previous: {reply: [{if: a, outcom: unknown}]}}]\n",
	    "poll: [{map: m, window: {overlp: 1m}}]\n", "unknown: maybe\n"}},
    {"routes",
	{"demo/site/routes", "tests/soak/site/routes", "tests/power/site/routes",
	    "bench/site/routes"},
	4,
	{"route: [{route: a, to: [b]}]\n", "routes: [{route: a, two: [b]}]\n",
	    "routes: [{route: a, when: {type: c}, to: b, porpose: c}]\n",
	    "routes: [{route: a, to: b}]\n",
	    "routes: [{route: a, when: {Type: c}, to: b}]\n",
	    "routes: [{route: a, when: {type: c}, to: []}]\n"}},
    {"packhorse",
	{"demo/site/packhorse.yaml", "tests/*/site/packhorse.yaml",
	    "tests/unit/*/packhorse.yaml", "bench/site/packhorse.yaml"},
	5,
	{"stat: x\n", "queues: [a]\n", "queues: {a: {tries: 3}}\n",
	    "limits: {sesions: 5}\n", "paths: {plugin: x}\n",
	    "listen: ['tcp://127.0.0.1:1']\n"}},
    {"records", {"tests/formats/records"}, 6, {"format: csv\nfeilds: [a]\n"}},
};
enum { SUBJECTS = sizeof subjects / sizeof *subjects };

static const char *
source(const char *name)
{
	static char path[1024];
	const char *root = getenv("PACKHORSE_SOURCE");
	snprintf(path, sizeof path, "%s/%s", root == NULL ? "." : root, name);
	return path;
}

static ph_schema *
load(const char *name)
{
	ph_schema *schema = NULL;
	ph_error err = {0};
	char file[64];
	snprintf(file, sizeof file, "schemas/%s.schema.json", name);
	ck_assert_msg(ph_schema_load(source(file), &schema, &err) == PH_OK, "%s: %s",
	    err.where, err.text);
	return schema;
}

static ph_status
judge(const ph_schema *schema, ph_document *document, ph_violation *violation)
{
	return ph_schema_check(
	    schema, document, ph_document_root(document), 0, violation);
}

/* Of one pattern: a folder's .yaml files, or files. How many there are. */
static size_t
hold_files(const ph_schema *schema, const char *pattern)
{
	char whole[1100];
	glob_t found;
	snprintf(whole, sizeof whole, "%s%s", source(pattern),
	    strstr(pattern, ".yaml") == NULL ? "/*.yaml" : "");
	if (glob(whole, 0, NULL, &found) != 0)
		return 0;
	for (size_t i = 0; i < found.gl_pathc; i++) {
		ph_document *document = NULL;
		ph_violation violation;
		ph_error err = {0};
		ck_assert_msg(
		    ph_yaml_load(found.gl_pathv[i], 0, &document, &err) == PH_OK,
		    "%s: %s", err.where, err.text);
		ck_assert_msg(judge(schema, document, &violation) == PH_OK, "%s: %s %s",
		    found.gl_pathv[i], violation.path, violation.text);
		ph_document_destroy(&document);
	}
	size_t count = found.gl_pathc;
	globfree(&found);
	return count;
}

START_TEST(our_files_are_taken)
{
	const subject *s = &subjects[_i];
	ph_schema *schema = load(s->schema);
	size_t count = 0;
	for (size_t i = 0; i < MOST && s->files[i] != NULL; i++)
		count += hold_files(schema, s->files[i]);
	ck_assert_uint_ge(count, s->least);
	ph_schema_destroy(&schema);
}
END_TEST

static ph_status
judge_text(const ph_schema *schema, const char *text)
{
	ph_document *document = NULL;
	ph_violation violation;
	ck_assert_int_eq(ph_document_new("d", LIMIT, &document, NULL), PH_OK);
	ck_assert_int_eq(ph_yaml_decode(document, text, strlen(text), 0, NULL), PH_OK);
	ph_status status = judge(schema, document, &violation);
	ph_document_destroy(&document);
	return status;
}

START_TEST(what_is_written_wrong_is_refused)
{
	const subject *s = &subjects[_i];
	ph_schema *schema = load(s->schema);
	for (size_t i = 0; i < MOST && s->bad[i] != NULL; i++)
		ck_assert_msg(judge_text(schema, s->bad[i]) == PH_ERR_INVALID,
		    "taken: %s", s->bad[i]);
	ph_schema_destroy(&schema);
}
END_TEST

START_TEST(each_limit_is_in_the_schema)
{
	ph_schema *schema = load("packhorse");
	for (ph_option option = 0; option < PH_OPTION_COUNT; option++) {
		char text[128];
		const char *name = ph_option_describe(option)->name;
		snprintf(text, sizeof text, "limits: {%s: 10}\n", name);
		ck_assert_msg(judge_text(schema, text) == PH_OK,
		    "schemas/packhorse.schema.json does not know the limit %s", name);
	}
	ph_schema_destroy(&schema);
}
END_TEST

static Suite *
editor_schemas_suite(void)
{
	Suite *suite = suite_create("editor_schemas");
	TCase *all = tcase_create("editor_schemas");
	tcase_add_loop_test(all, our_files_are_taken, 0, SUBJECTS);
	tcase_add_loop_test(all, what_is_written_wrong_is_refused, 0, SUBJECTS);
	tcase_add_test(all, each_limit_is_in_the_schema);
	suite_add_tcase(suite, all);
	return suite;
}

int
main(void)
{
	return ph_check_main(editor_schemas_suite());
}
