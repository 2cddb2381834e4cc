/* The editor's schema of record descriptions takes what the loader takes. */
#include <stdio.h>
#include <stdlib.h>

#include "lib/codec/records.h"
#include "lib/config/config.h"
#include "tests/unit/check_main.h"
#include "transform/schema.h"

#define LIMIT ((size_t) 1 << 20)

static ph_schema *schema;

static const char *
source(const char *name)
{
	static char path[1024];
	const char *root = getenv("PACKHORSE_SOURCE");
	snprintf(path, sizeof path, "%s/%s", root == NULL ? "." : root, name);
	return path;
}

static void
setup(void)
{
	ph_error err = {0};
	ck_assert_msg(ph_schema_load(source("schemas/records.schema.json"), &schema,
			  &err) == PH_OK,
	    "%s: %s", err.where, err.text);
}

static void
teardown(void)
{
	ph_schema_destroy(&schema);
}

static ph_status
judge(ph_document *document, ph_violation *violation)
{
	return ph_schema_check(
	    schema, document, ph_document_root(document), 0, violation);
}

static const char *const files[] = {
    "gazetteer", "hospital", "library-members", "permits", "rounds", "crew-sheets"};

START_TEST(descriptions_of_the_samples_are_valid)
{
	char name[64];
	ph_document *document = NULL;
	ph_records *records = NULL;
	ph_violation violation;
	ph_error err = {0};
	snprintf(name, sizeof name, "tests/formats/records/%s.yaml", files[_i]);
	ck_assert_msg(ph_yaml_load(source(name), 0, &document, &err) == PH_OK, "%s: %s",
	    err.where, err.text);
	ck_assert_msg(judge(document, &violation) == PH_OK, "%s: %s %s", name,
	    violation.path, violation.text);
	ck_assert_int_eq(ph_records_new(&document, &records, &err), PH_OK);
	ph_records_destroy(&records);
}
END_TEST

static const char *const bad[] = {
    "format: tsv\n",
    "format: csv\nfields: []\n",
    "format: csv\nfields: [a]\ngather: {record: x, by: []}\n",
    "format: csv\nfields: [a]\ngather: {by: [a]}\n",
    "format: csv\nfields: [a]\ngather: [a]\n",
    "format: record-csv\nrecords: {a: {fields: [x], gather: b}}\n",
    "format: record-csv\nrecords: {a: {name: x}}\n",
};

START_TEST(what_the_loader_refuses_is_invalid)
{
	ph_document *document = NULL;
	ph_records *records = NULL;
	ph_violation violation;
	ck_assert_int_eq(ph_document_new("d", LIMIT, &document, NULL), PH_OK);
	ck_assert_int_eq(
	    ph_yaml_decode(document, bad[_i], strlen(bad[_i]), 0, NULL), PH_OK);
	ck_assert_msg(
	    judge(document, &violation) == PH_ERR_INVALID, "taken: %s", bad[_i]);
	ck_assert_int_eq(ph_records_new(&document, &records, NULL), PH_ERR_INVALID);
}
END_TEST

static Suite *
records_schema_suite(void)
{
	Suite *suite = suite_create("records_schema");
	TCase *all = tcase_create("records_schema");
	tcase_add_checked_fixture(all, setup, teardown);
	tcase_add_loop_test(all, descriptions_of_the_samples_are_valid, 0,
	    (int) (sizeof files / sizeof *files));
	tcase_add_loop_test(all, what_the_loader_refuses_is_invalid, 0,
	    (int) (sizeof bad / sizeof *bad));
	suite_add_tcase(suite, all);
	return suite;
}

int
main(void)
{
	return ph_check_main(records_schema_suite());
}
