/*
 * SOAP 1.1: the envelope comes off, goes on, and nothing else passes for one.
 */
#include "lib/codec/codec.h"

#include <string.h>

#include "tests/unit/documents.h"

#define S   "xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\""
#define NEW "xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\""
#define LOOP(tcase, test, table)                                                       \
	tcase_add_loop_test(tcase, test, 0, (int) (sizeof(table) / sizeof((table)[0])))

static const struct {
	const char *text;
	const char *body;   /* name of what is in it; NULL: refused */
	const char *header; /* text of the header's first child; NULL: no header */
	const char *code;
	const char *place;
} samples[] = {
    {"<s:Envelope " S "><s:Body><a/></s:Body></s:Envelope>", "a", NULL, NULL, NULL},
    {"<s:Envelope " S
     "><s:Header><h>1</h></s:Header><s:Body><a/><b/></s:Body></s:Envelope>",
	"a", "1", NULL, NULL},
    {"<s:Envelope " S
     " x=\"1\"> <s:Body y=\"2\"> <s:Fault><faultcode>s:Client</faultcode>"
     "</s:Fault> </s:Body> </s:Envelope>",
	"Fault", NULL, NULL, NULL},
    {"<a/>", NULL, NULL, "PH3040", "t:1:1"},
    {"<Envelope><Body><a/></Body></Envelope>", NULL, NULL, "PH3040", "t:1:1"},
    {"<s:Body " S "/>", NULL, NULL, "PH3040", "t:1:1"},
    {"<s:Envelope " NEW "><s:Body><a/></s:Body></s:Envelope>", NULL, NULL, "PH3041",
	"t:1:1"},
    {"<s:Envelope " S "/>", NULL, NULL, "PH3042", "t:1:1"},
    {"<s:Envelope " S ">\n<s:Header/></s:Envelope>", NULL, NULL, "PH3042", NULL},
    {"<s:Envelope " S ">\n<x/><s:Body><a/></s:Body></s:Envelope>", NULL, NULL, "PH3042",
	"t:2:1"},
    {"<s:Envelope " S "><Body><a/></Body></s:Envelope>", NULL, NULL, "PH3042", NULL},
    {"<s:Envelope " S ">\n <s:Body/></s:Envelope>", NULL, NULL, "PH3043", "t:2:2"},
    {"<s:Envelope " S ">\n<s:Body x=\"1\">text</s:Body></s:Envelope>", NULL, NULL,
	"PH3043", "t:2:1"},
};

START_TEST(an_envelope_is_taken_off)
{
	ph_document *d = new_document();
	ph_error err = {0};
	ph_node *header = NULL;
	ph_node *body = NULL;
	const char *text = samples[_i].text;
	ck_assert_int_eq(ph_xml_decode(d, text, strlen(text), &err), PH_OK);
	ph_status status = ph_soap_unwrap(d, &header, &body, &err);
	if (samples[_i].body != NULL) {
		ck_assert_msg(status == PH_OK, "%s", err.text);
		ck_assert_str_eq(body->name, samples[_i].body);
		ck_assert_int_eq(header == NULL, samples[_i].header == NULL);
		if (header != NULL)
			ck_assert_str_eq(header->first->text, samples[_i].header);
	} else {
		ck_assert_int_eq(status, PH_ERR_INVALID);
		ck_assert_int_eq(strncmp(err.text, samples[_i].code, 6), 0);
		if (samples[_i].place != NULL)
			ck_assert_str_eq(err.where, samples[_i].place);
		ck_assert_ptr_null(body);
	}
	ph_document_destroy(&d);
}
END_TEST

START_TEST(an_empty_document_is_no_envelope)
{
	ph_document *d = new_document();
	ph_node *header = NULL;
	ph_node *body = NULL;
	ck_assert_int_eq(ph_soap_unwrap(d, &header, &body, NULL), PH_ERR_INVALID);
	ph_document_destroy(&d);
}
END_TEST

static ph_node *
element(ph_document *d, const char *name, const char *text)
{
	ph_node *node = ph_node_new(d, PH_NODE_STRING, text, strlen(text));
	node->name = ph_document_intern(d, name, strlen(name));
	return node;
}

START_TEST(an_envelope_is_put_on)
{
	static const ph_xml_prefix prefixes[] = {{"s", PH_SOAP_NAMESPACE}};
	ph_document *d = new_document();
	ph_node *header = ph_node_new(d, PH_NODE_OBJECT, NULL, 0);
	ph_node_link(header, NULL, element(d, "h", "1"));
	ph_node_link(header, NULL, element(d, "h", "2"));
	ph_node *body = element(d, "b", "3");
	ph_document_set_root(d, body);
	ck_assert_int_eq(ph_soap_wrap(d, header, body, NULL), PH_OK);
	ph_buffer out;
	ph_buffer_init(&out, 0);
	ck_assert_int_eq(
	    ph_xml_encode(ph_document_root(d), prefixes, 1, &out, NULL), PH_OK);
	ck_assert_str_eq(strchr(ph_buffer_cstr(&out), '\n') + 1,
	    "<s:Envelope " S "><s:Header><h>1</h><h>2</h></s:Header>"
	    "<s:Body><b>3</b></s:Body></s:Envelope>");
	ck_assert_uint_eq(header->count, 0);

	/* and off again, and on without a header */
	ph_node *head = NULL;
	ph_node *inner = NULL;
	ck_assert_int_eq(ph_soap_unwrap(d, &head, &inner, NULL), PH_OK);
	ck_assert_ptr_eq(inner, body);
	ck_assert_uint_eq(head->count, 2);
	ck_assert_int_eq(ph_soap_wrap(d, NULL, body, NULL), PH_OK);
	ph_buffer_clear(&out);
	ck_assert_int_eq(
	    ph_xml_encode(ph_document_root(d), prefixes, 1, &out, NULL), PH_OK);
	ck_assert_str_eq(strchr(ph_buffer_cstr(&out), '\n') + 1,
	    "<s:Envelope " S "><s:Body><b>3</b></s:Body></s:Envelope>");
	ph_buffer_fini(&out);
	ph_document_destroy(&d);
}
END_TEST

START_TEST(no_room_for_an_envelope_is_told)
{
	ph_document *d = NULL;
	ck_assert_int_eq(ph_document_new("t", 400, &d, NULL), PH_OK);
	ph_node *body = element(d, "b", "3");
	ck_assert_int_eq(ph_soap_wrap(d, NULL, body, NULL), PH_ERR_TOO_LARGE);
	ck_assert_ptr_null(body->parent);
	ph_document_destroy(&d);
}
END_TEST

static Suite *
soap_suite(void)
{
	Suite *suite = suite_create("soap");
	TCase *tcase = tcase_create("envelope");
	LOOP(tcase, an_envelope_is_taken_off, samples);
	tcase_add_test(tcase, an_empty_document_is_no_envelope);
	tcase_add_test(tcase, an_envelope_is_put_on);
	tcase_add_test(tcase, no_room_for_an_envelope_is_told);
	suite_add_tcase(suite, tcase);
	return suite;
}

int
main(void)
{
	return ph_check_main(soap_suite());
}
