/*
 * XML: the text a tree is written as, and what is not written.
 */
#include "lib/codec/codec.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/documents.h"

#define XSI "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\""
#define LOOP(tcase, test, table)                                                       \
	tcase_add_loop_test(tcase, test, 0, (int) (sizeof(table) / sizeof((table)[0])))

static const ph_xml_prefix prefixes[] = {
    {"p", "urn:p"}, {"", "urn:d"}, {"n1", "urn:n"}};

/* XML in, tree, XML out, without the declaration. */
static void
expect_text(const char *text, size_t count, const char *expected)
{
	static const char declaration[] =
	    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
	ph_document *d = new_document();
	ph_error err = {0};
	ph_buffer out;
	ph_buffer_init(&out, 0);
	ck_assert_int_eq(ph_xml_decode(d, text, strlen(text), NULL), PH_OK);
	ph_status status =
	    ph_xml_encode(ph_document_root(d), prefixes, count, &out, &err);
	ck_assert_msg(status == PH_OK, "%s", err.text);
	ck_assert_int_eq(
	    strncmp(ph_buffer_cstr(&out), declaration, strlen(declaration)), 0);
	ck_assert_str_eq(ph_buffer_cstr(&out) + strlen(declaration), expected);
	/* and it is the same document */
	ph_document *again = new_document();
	ck_assert_int_eq(ph_xml_decode(again, out.data, out.length, &err), PH_OK);
	char *one = describe(d, SPACES);
	char *two = describe(again, SPACES);
	ck_assert_str_eq(one, two);
	free(one);
	free(two);
	ph_document_destroy(&again);
	ph_buffer_fini(&out);
	ph_document_destroy(&d);
}

static const struct {
	const char *text;
	size_t prefixes;
	const char *expected;
} written[] = {
    {"<a><b>1</b><c/><b>2</b></a>", 0, "<a><b>1</b><c/><b>2</b></a>"},
    {"<a x='1' y=\"'&quot;\">t</a>", 0, "<a x=\"1\" y=\"'&quot;\">t</a>"},
    {"<a>&lt;&amp;&gt;\"'&#13;\n\t]]&gt;</a>", 0,
	"<a>&lt;&amp;&gt;\"'&#13;\n\t]]&gt;</a>"},
    {"<a x=\"&lt;&amp;&gt;&#13;&#10;&#9;\"/>", 0,
	"<a x=\"&lt;&amp;&gt;&#13;&#10;&#9;\"/>"},
    {"<a>\xC3\xA9\xF0\x9F\x98\x80</a>", 0, "<a>\xC3\xA9\xF0\x9F\x98\x80</a>"},
    {"<x:a xmlns:x='urn:p'><x:b/></x:a>", 3, "<p:a xmlns:p=\"urn:p\"><p:b/></p:a>"},
    {"<x:a xmlns:x='urn:p'/>", 0, "<n1:a xmlns:n1=\"urn:p\"/>"},
    {"<a><x:b xmlns:x='urn:p'/><x:b xmlns:x='urn:p'/></a>", 1,
	"<a><p:b xmlns:p=\"urn:p\"/><p:b xmlns:p=\"urn:p\"/></a>"},
    {"<a xmlns='urn:d'><b/><c xmlns=''><d xmlns='urn:d'/></c></a>", 3,
	"<a xmlns=\"urn:d\"><b/><c xmlns=\"\"><d xmlns=\"urn:d\"/></c></a>"},
    /* an attribute's namespace needs a prefix, and ours avoids the caller's */
    {"<d:a xmlns:d='urn:d' d:k='1'/>", 3,
	"<a xmlns=\"urn:d\" xmlns:n2=\"urn:d\" n2:k=\"1\"/>"},
    {"<a xmlns:p='urn:x' xmlns:q='urn:y' p:k='1' q:k='2'/>", 3,
	"<a xmlns:n2=\"urn:x\" n2:k=\"1\" xmlns:n3=\"urn:y\" n3:k=\"2\"/>"},
    {"<a xml:lang='cy'/>", 0, "<a xml:lang=\"cy\"/>"},
    {"<a " XSI "><b xsi:nil='1' k='v'/></a>", 0,
	"<a><b k=\"v\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" "
	"xsi:nil=\"true\"/></a>"},
    {"<a " XSI " xsi:type='t'><b xsi:nil='1'/></a>", 0,
	"<a " XSI " xsi:type=\"t\"><b xsi:nil=\"true\"/></a>"},
    {"<a>one<b/></a>", 0, "<a>one<b/></a>"},
    {"<\xC3\xA9t\xC3\xA9/>", 0, "<\xC3\xA9t\xC3\xA9/>"},
    {"<_a-b.c7 \xEF\xBB\xBFx=''/>", 0, "<_a-b.c7 \xEF\xBB\xBFx=\"\"/>"},
    {"<a xmlns='u?&amp;&lt;'/>", 0, "<n1:a xmlns:n1=\"u?&amp;&lt;\"/>"},
};

START_TEST(what_is_read_is_written)
{
	expect_text(written[_i].text, written[_i].prefixes, written[_i].expected);
}
END_TEST

static ph_node *
element(ph_document *d, ph_node *parent, const char *name, ph_node_kind kind,
    const char *text)
{
	return ph_node_add(d, parent, name,
	    ph_node_new(d, kind, text, text == NULL ? 0 : strlen(text)));
}

static ph_document *
rooted(const char *name)
{
	ph_document *d = new_document();
	ph_node *root = ph_node_new(d, PH_NODE_OBJECT, NULL, 0);
	root->name = ph_document_intern(d, name, strlen(name));
	ph_document_set_root(d, root);
	return d;
}

static ph_status
encode_root(const ph_document *d, ph_buffer *out, ph_error *err)
{
	ph_buffer_clear(out);
	return ph_xml_encode(ph_document_root(d), NULL, 0, out, err);
}

START_TEST(what_was_made_here_is_written)
{
	ph_document *d = rooted("a");
	ph_node *root = ph_document_root(d);
	element(d, root, "n", PH_NODE_NUMBER, "1.50");
	element(d, root, "b", PH_NODE_BOOLEAN, "true");
	ph_node *items = element(d, root, "i", PH_NODE_LIST, NULL);
	element(d, items, NULL, PH_NODE_STRING, "x");
	element(d, items, NULL, PH_NODE_NULL, NULL);
	element(
	    d, element(d, items, NULL, PH_NODE_OBJECT, NULL), "y", PH_NODE_STRING, "");
	element(d, root, "none", PH_NODE_LIST, NULL);
	element(d, root, "late", PH_NODE_STRING, "v")->flags |= PH_NODE_ATTRIBUTE;
	element(d, root, "gone", PH_NODE_NULL, NULL)->flags |= PH_NODE_ATTRIBUTE;
	element(d, root, "t", PH_NODE_STRING,
	    "\x01|\x7F|\xEF\xBF\xBF|\xEF\xBF\xBE|\xC3|\xED\xA0\x80|");
	ph_buffer out;
	ph_buffer_init(&out, 0);
	ck_assert_int_eq(encode_root(d, &out, NULL), PH_OK);
	ck_assert_str_eq(strchr(ph_buffer_cstr(&out), '\n') + 1,
	    "<a late=\"v\"><n>1.50</n><b>true</b><i>x</i>"
	    "<i " XSI " xsi:nil=\"true\"/><i><y/></i>"
	    "<t>\xEF\xBF\xBD|\x7F|\xEF\xBF\xBD|\xEF\xBF\xBD|\xEF\xBF\xBD|"
	    "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD|</t></a>");
	ph_buffer_fini(&out);
	ph_document_destroy(&d);
}
END_TEST

START_TEST(what_is_no_xml_is_not_written)
{
	static const char *const names[] = {
	    "", "1a", "a b", "a:b", "-a", "a<", "\xC3\x97"};
	ph_buffer out;
	ph_error err = {0};
	ph_buffer_init(&out, 0);
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		ph_document *d = rooted("a");
		ph_node *node =
		    element(d, ph_document_root(d), names[i], PH_NODE_STRING, "");
		ck_assert_int_eq(encode_root(d, &out, &err), PH_ERR_INVALID);
		ck_assert_ptr_nonnull(strstr(err.text, "PH3070"));
		node->flags |= PH_NODE_ATTRIBUTE;
		ck_assert_int_eq(encode_root(d, &out, &err), PH_ERR_INVALID);
		ck_assert_ptr_nonnull(strstr(err.text, "PH3070"));
		ph_document_destroy(&d);
	}
	ph_document *d = rooted("a");
	ph_node *list = element(d, ph_document_root(d), "l", PH_NODE_LIST, NULL);
	ck_assert_int_eq(ph_xml_encode(list, NULL, 0, &out, &err), PH_ERR_INVALID);
	element(d, list, NULL, PH_NODE_LIST, NULL);
	ck_assert_int_eq(encode_root(d, &out, &err), PH_ERR_INVALID);
	ck_assert_ptr_nonnull(strstr(err.text, "PH3072"));
	list->flags |= PH_NODE_ATTRIBUTE;
	ck_assert_int_eq(encode_root(d, &out, &err), PH_ERR_INVALID);
	ck_assert_ptr_nonnull(strstr(err.text, "PH3071"));
	ph_document_destroy(&d);
	ph_buffer_fini(&out);
}
END_TEST

START_TEST(bad_prefixes_are_not_written)
{
	static const ph_xml_prefix wrong[][2] = {{{"p", "u"}, {"p", "v"}},
	    {{"1", "u"}, {"q", "v"}}, {{"xmlns", "u"}, {"q", "v"}},
	    {{"a:b", "u"}, {"q", "v"}}};
	ph_document *d = rooted("a");
	ph_buffer out;
	ph_error err = {0};
	ph_buffer_init(&out, 0);
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		ck_assert_int_eq(
		    ph_xml_encode(ph_document_root(d), wrong[i], 2, &out, &err),
		    PH_ERR_INVALID);
		ck_assert_ptr_nonnull(strstr(err.text, "PH3075"));
	}
	ph_buffer_fini(&out);
	ph_document_destroy(&d);
}
END_TEST

START_TEST(too_much_is_not_written)
{
	ph_document *d = rooted("a");
	ph_buffer out;
	ph_error err = {0};
	ph_buffer_init(&out, 0);
	ph_node *at = ph_document_root(d);
	for (int i = 1; i < 128; i++)
		at = element(d, at, "a", PH_NODE_OBJECT, NULL);
	ck_assert_int_eq(encode_root(d, &out, &err), PH_OK);
	for (int i = 0; i < 100000; i++)
		at = element(d, at, "a", PH_NODE_OBJECT, NULL);
	ck_assert_int_eq(encode_root(d, &out, &err), PH_ERR_TOO_LARGE);
	ck_assert_ptr_nonnull(strstr(err.text, "PH3074"));
	ph_document_destroy(&d);
	d = rooted("a");
	for (int i = 0; i < 100; i++) {
		char space[16];
		int length = snprintf(space, sizeof space, "urn:%d", i);
		ph_node *node =
		    element(d, ph_document_root(d), "b", PH_NODE_STRING, "");
		node->space = ph_document_intern(d, space, (size_t) length);
	}
	ck_assert_int_eq(encode_root(d, &out, &err), PH_ERR_TOO_LARGE);
	ck_assert_ptr_nonnull(strstr(err.text, "PH3073"));
	ph_buffer_fini(&out);
	ph_buffer_init(&out, 20);
	ck_assert_int_eq(encode_root(d, &out, NULL), PH_ERR_TOO_LARGE);
	ph_buffer_fini(&out);
	ph_document_destroy(&d);
}
END_TEST

static Suite *
xml_encode_suite(void)
{
	Suite *suite = suite_create("xml_encode");
	TCase *encode = tcase_create("encode");
	LOOP(encode, what_is_read_is_written, written);
	tcase_add_test(encode, what_was_made_here_is_written);
	tcase_add_test(encode, what_is_no_xml_is_not_written);
	tcase_add_test(encode, bad_prefixes_are_not_written);
	tcase_add_test(encode, too_much_is_not_written);
	suite_add_tcase(suite, encode);
	return suite;
}

int
main(void)
{
	return ph_check_main(xml_encode_suite());
}
