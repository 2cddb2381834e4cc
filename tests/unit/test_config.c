/*
 * The readers of members: defaults, forms, ranges, and where a mistake stands.
 */
#include "lib/config/config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/documents.h"

#define LOOP(tcase, test, table)                                                       \
	tcase_add_loop_test(tcase, test, 0, (int) (sizeof(table) / sizeof((table)[0])))

static ph_document *
load(const char *text)
{
	ph_document *d = new_document();
	ph_error err = {0};
	ph_status status = ph_yaml_decode(d, text, strlen(text), 0, &err);
	ck_assert_msg(status == PH_OK, "%s: %s", err.where, err.text);
	return d;
}

typedef ph_status reader(const ph_document *d, const ph_node *object, const char *name,
    int64_t fallback, int64_t *out, ph_error *err);

static ph_status
read_number(const ph_document *d, const ph_node *object, const char *name,
    int64_t fallback, int64_t *out, ph_error *err)
{
	return ph_config_number(d, object, name, -10, 1000, fallback, out, err);
}

static ph_status
read_boolean(const ph_document *d, const ph_node *object, const char *name,
    int64_t fallback, int64_t *out, ph_error *err)
{
	bool value = false;
	ph_status status =
	    ph_config_boolean(d, object, name, fallback != 0, &value, err);
	if (status == PH_OK)
		*out = value;
	return status;
}

static const struct {
	reader *read;
	const char *text;
	int64_t expected;
	const char *code; /* NULL: read */
} values[] = {
    {read_number, "0", 0, NULL},
    {read_number, "007", 7, NULL},
    {read_number, "-10", -10, NULL},
    {read_number, "1000", 1000, NULL},
    {read_number, "\"12\"", 12, NULL},
    {read_number, "1001", 0, "PH1205"},
    {read_number, "-11", 0, "PH1205"},
    {read_number, "1.5", 0, "PH1205"},
    {read_number, "1 0", 0, "PH1205"},
    {read_number, "12x", 0, "PH1205"},
    {read_number, "''", 0, "PH1205"},
    {read_number, "'-'", 0, "PH1205"},
    {read_number, "0x10", 0, "PH1205"},
    {read_number, "9223372036854775808", 0, "PH1205"},
    {read_number, "99999999999999999999999", 0, "PH1205"},
    {read_number, "[1]", 0, "PH1204"},
    {read_number, "{a: 1}", 0, "PH1204"},
    {read_number, "", 0, "PH1203"},
    {ph_config_duration, "0", 0, NULL},
    {ph_config_duration, "250ms", 250, NULL},
    {ph_config_duration, "10s", 10000, NULL},
    {ph_config_duration, "5m", 300000, NULL},
    {ph_config_duration, "2h", 7200000, NULL},
    {ph_config_duration, "7d", 604800000, NULL},
    {ph_config_duration, "10", 0, "PH1206"},
    {ph_config_duration, "10 s", 0, "PH1206"},
    {ph_config_duration, "-1s", 0, "PH1206"},
    {ph_config_duration, "1.5s", 0, "PH1206"},
    {ph_config_duration, "s", 0, "PH1206"},
    {ph_config_duration, "1w", 0, "PH1206"},
    {ph_config_duration, "9223372036854775807d", 0, "PH1206"},
    {ph_config_duration, "", 0, "PH1203"},
    {ph_config_size, "0", 0, NULL},
    {ph_config_size, "123", 123, NULL},
    {ph_config_size, "64k", 65536, NULL},
    {ph_config_size, "64K", 65536, NULL},
    {ph_config_size, "8M", 8388608, NULL},
    {ph_config_size, "1G", 1073741824, NULL},
    {ph_config_size, "8MB", 0, "PH1207"},
    {ph_config_size, "-1", 0, "PH1207"},
    {ph_config_size, "1.5G", 0, "PH1207"},
    {ph_config_size, "9223372036854775807G", 0, "PH1207"},
    {ph_config_size, "[8M]", 0, "PH1204"},
    {read_boolean, "yes", 1, NULL},
    {read_boolean, "true", 1, NULL},
    {read_boolean, "no", 0, NULL},
    {read_boolean, "'false'", 0, NULL},
    {read_boolean, "NO", 0, "PH1208"},
    {read_boolean, "on", 0, "PH1208"},
    {read_boolean, "1", 0, "PH1208"},
    {read_boolean, "", 0, "PH1203"},
};

START_TEST(values_are_read_or_refused)
{
	char text[64];
	ph_error err = {0};
	int64_t out = 77;
	snprintf(text, sizeof text, "a: b\nx: %s\n", values[_i].text);
	ph_document *d = load(text);
	ph_status status = values[_i].read(d, ph_document_root(d), "x", 1, &out, &err);
	if (values[_i].code == NULL) {
		ck_assert_msg(status == PH_OK, "%s: %s", values[_i].text, err.text);
		ck_assert_int_eq(out, values[_i].expected);
	} else {
		ck_assert_int_eq(status, PH_ERR_INVALID);
		ck_assert_msg(
		    strncmp(err.text, values[_i].code, 6) == 0, "%s", err.text);
		ck_assert_int_eq(strncmp(err.where, "t:2:", 4), 0);
		ck_assert_int_eq(out, 77);
	}
	ph_document_destroy(&d);
}
END_TEST

START_TEST(absent_names_give_the_default)
{
	static reader *const readers[] = {
	    read_number, ph_config_duration, ph_config_size, read_boolean};
	ph_document *d = load("a: b\n");
	const ph_node *objects[] = {ph_document_root(d), NULL};
	for (size_t i = 0; i < 2; i++) {
		const char *text = NULL;
		for (size_t j = 0; j < 4; j++) {
			int64_t out = 77;
			ck_assert_int_eq(
			    readers[j](d, objects[i], "x", 1, &out, NULL), PH_OK);
			ck_assert_int_eq(out, 1);
		}
		ck_assert_int_eq(
		    ph_config_text(d, objects[i], "x", "f", &text, NULL), PH_OK);
		ck_assert_str_eq(text, "f");
		ck_assert_int_eq(
		    ph_config_text(d, objects[i], "x", NULL, &text, NULL), PH_OK);
		ck_assert_ptr_null(text);
	}
	ph_document_destroy(&d);
}
END_TEST

START_TEST(texts_are_read)
{
	ph_document *d = load("a: b\nc: ''\nd:\ne: [f]\n");
	const ph_node *root = ph_document_root(d);
	const char *text = NULL;
	ph_error err = {0};
	ck_assert_int_eq(ph_config_text(d, root, "a", NULL, &text, NULL), PH_OK);
	ck_assert_str_eq(text, "b");
	ck_assert_int_eq(ph_config_text(d, root, "c", "x", &text, NULL), PH_OK);
	ck_assert_str_eq(text, "");
	ck_assert_int_eq(
	    ph_config_text(d, root, "d", "x", &text, &err), PH_ERR_INVALID);
	ck_assert_str_eq(err.where, "t:3:1");
	ck_assert_int_eq(strncmp(err.text, "PH1203 d ", 9), 0);
	ck_assert_int_eq(
	    ph_config_text(d, root, "e", "x", &text, &err), PH_ERR_INVALID);
	ck_assert_str_eq(err.where, "t:4:1");
	ck_assert_ptr_nonnull(strstr(err.text, "not a list"));
	ck_assert_str_eq(text, "");
	ph_document_destroy(&d);
}
END_TEST

static const char *const known[] = {"adapter", "connector", "transport", "queue", NULL};

static const struct {
	const char *text;
	const char *where; /* NULL: all are known */
	const char *says;
} members[] = {
    {"adapter: a\nqueue: b\n", NULL, NULL},
    {"", NULL, NULL},
    {"adapter: a\nadaptor: b\n", "t:2:1", "did you mean \"adapter\"?"},
    {"quue: b\n", "t:1:1", "did you mean \"queue\"?"},
    {"Queue: b\n", "t:1:1", "did you mean \"queue\"?"},
    {"adapter: a\n   \nzzz:\n  - b\n", "t:3:1",
	"known: adapter, connector, transport, queue"},
    {"x: b\n", "t:1:1", "known: adapter"},
    {"[adapter]\n", "t:1:1", "PH1202"},
    {"adapter\n", "t:1:1", "PH1202"},
};

START_TEST(unknown_names_are_refused)
{
	ph_document *d = load(members[_i].text);
	ph_error err = {0};
	ph_status status = ph_config_known(d, ph_document_root(d), known, &err);
	if (members[_i].where == NULL) {
		ck_assert_int_eq(status, PH_OK);
	} else {
		ck_assert_int_eq(status, PH_ERR_INVALID);
		ck_assert_str_eq(err.where, members[_i].where);
		ck_assert_msg(
		    strstr(err.text, members[_i].says) != NULL, "%s", err.text);
	}
	ck_assert_int_eq(ph_config_known(d, NULL, known, NULL), PH_OK);
	ph_document_destroy(&d);
}
END_TEST

START_TEST(long_names_are_only_listed)
{
	static const char *const long_known[] = {
	    "a-name-of-more-than-sixty-four-bytes-which-nobody-would-write-in-a-file",
	    "b", NULL};
	ph_error err = {0};
	ph_document *d = load("a-name-of-more-than-sixty-four-bytes-which-nobody-would-"
			      "write-in-a-fil: 1\n");
	ck_assert_int_eq(
	    ph_config_known(d, ph_document_root(d), long_known, &err), PH_ERR_INVALID);
	ck_assert_ptr_nonnull(strstr(err.text, "known: a-name"));
	ph_document_destroy(&d);
	d = load("c: 1\n");
	ck_assert_int_eq(
	    ph_config_known(d, ph_document_root(d), long_known, &err), PH_ERR_INVALID);
	ph_document_destroy(&d);
}
END_TEST

START_TEST(failures_name_the_place)
{
	ph_document *d = load("a:\n  b: c\n");
	ph_error err = {0};
	const ph_node *node = ph_node_find(ph_document_root(d), "a/b");
	ck_assert_int_eq(
	    ph_config_fail(&err, d, node, "PH1999 %d of them", 3), PH_ERR_INVALID);
	ck_assert_str_eq(err.where, "t:2:6");
	ck_assert_str_eq(err.text, "PH1999 3 of them");
	ck_assert_int_eq(ph_config_fail(NULL, d, node, "PH1999"), PH_ERR_INVALID);
	ck_assert_int_eq(ph_config_fail(&err, d, NULL, "PH1999"), PH_ERR_INVALID);
	ck_assert_str_eq(err.where, "t");
	ph_document_destroy(&d);
}
END_TEST

static Suite *
config_suite(void)
{
	Suite *suite = suite_create("config");
	TCase *tcase = tcase_create("members");
	LOOP(tcase, values_are_read_or_refused, values);
	tcase_add_test(tcase, absent_names_give_the_default);
	tcase_add_test(tcase, texts_are_read);
	LOOP(tcase, unknown_names_are_refused, members);
	tcase_add_test(tcase, long_names_are_only_listed);
	tcase_add_test(tcase, failures_name_the_place);
	suite_add_tcase(suite, tcase);
	return suite;
}

int
main(void)
{
	return ph_check_main(config_suite());
}
