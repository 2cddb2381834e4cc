/* The vendor's side of a map: its schema, charset and repairs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/check_main.h"
#include "tests/unit/map_fixture.h"

#define HEAD                                                                           \
	"map: m\ncanonical: thing@1\n"                                                 \
	"drop: {canonical: [a, b, c, ref, n, t, at, s, tags, attributes, sub]}\n"
#define IN  PH_MAP_IN
#define OUT PH_MAP_OUT

static map_fixture fixture;

static void
setup(void)
{
	map_fixture_init(&fixture);
	map_fixture_file(&fixture, "schemas/v.xsd",
	    "<xs:schema xmlns:xs='http://www.w3.org/2001/XMLSchema'>"
	    "<xs:element name='v'><xs:complexType><xs:sequence>"
	    "<xs:element name='x'><xs:simpleType><xs:restriction base='xs:string'>"
	    "<xs:maxLength value='5'/></xs:restriction></xs:simpleType></xs:element>"
	    "<xs:element name='y' type='xs:int' minOccurs='0'/>"
	    "<xs:element name='r' minOccurs='0' maxOccurs='2'><xs:complexType>"
	    "<xs:sequence><xs:element name='k' type='xs:string'/></xs:sequence>"
	    "</xs:complexType></xs:element>"
	    "</xs:sequence></xs:complexType></xs:element></xs:schema>");
}

static void
teardown(void)
{
	map_fixture_fini(&fixture);
}

static ph_map *
need(ph_map *map)
{
	ck_assert_msg(map != NULL, "%s: %s", fixture.err.where, fixture.err.text);
	return map;
}

static void
expect(const ph_map *map, ph_map_direction direction, const char *bytes,
    const char *wanted)
{
	char *got = map_fixture_run(map, direction, bytes, NULL);
	ck_assert_str_eq(got, wanted);
	free(got);
}

static void
refused(const char *text, const char *code)
{
	ck_assert_ptr_null(map_fixture_map(&fixture, text));
	ck_assert_msg(strncmp(fixture.err.text, code, 6) == 0, "%s, not %s",
	    fixture.err.text, code);
}

static const char schema_map[] =
    HEAD "vendor: {format: xml, root: v, schema: v.xsd}\n"
	 "links:\n  - a <-> x\n  - b <-> y\n  - ref -> r/k\n";

START_TEST(documents_in_are_held_to_the_schema)
{
	ph_map *map = need(map_fixture_map(&fixture, schema_map));
	expect(map, IN, "<v><x>one</x><y>2</y></v>", "{\"a\":\"one\",\"b\":\"2\"}");
	expect(map, IN, "<v><x>one</x><y>two</y></v>", "!3 invalid PH3405 y");
	expect(map, IN, "<v><y>2</y><x>one</x></v>", "!3 invalid PH3401 y");
	expect(map, IN, "<v/>", "!3 invalid PH3402 /");
	expect(map, IN, "<w/>", "!3 invalid PH3401 /");
	expect(map, IN, "<v><x>", "!3 malformed PH3027 ");
	ph_map_call *call;
	static const char bad[] = "<v>\n<x>one</x>\n <y>secret</y></v>";
	ck_assert_int_eq(
	    ph_map_call_new(map, IN, 0, bad, strlen(bad), &call, NULL), PH_OK);
	ck_assert_int_eq(ph_map_call_run(call, NULL), PH_OK);
	ck_assert_str_eq(ph_map_call_stage(call, 0), "validate");
	ck_assert_str_eq(ph_map_call_error(call, 0)->where, "vendor:3:11");
	ck_assert_ptr_null(strstr(ph_map_call_error(call, 0)->text, "secret"));
	ph_map_call_destroy(&call);
	ck_assert_int_eq(
	    ph_map_call_new(map, IN, PH_MAP_ALONE, bad, strlen(bad), &call, NULL),
	    PH_OK);
	ck_assert_int_eq(ph_map_call_run(call, NULL), PH_OK);
	ck_assert_int_eq(ph_map_call_result(call, 0), PH_MAP_DONE);
	ph_map_call_destroy(&call);
	ph_map_destroy(&map);
}
END_TEST

START_TEST(documents_out_are_held_to_the_schema)
{
	ph_map *map = need(map_fixture_map(&fixture, schema_map));
	expect(map, OUT, "{\"a\":\"one\",\"b\":\"2\",\"ref\":\"k\"}",
	    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
	    "<v><x>one</x><y>2</y><r><k>k</k></r></v>");
	expect(map, OUT, "{\"a\":\"one\",\"b\":\"two\"}", "!3 invalid PH3405 b -> y");
	expect(map, OUT, "{\"a\":\"far too long\"}", "!3 invalid PH3405 a -> x");
	ph_map_call *call;
	static const char bad[] = "{\"a\":\"secret\"}";
	ck_assert_int_eq(
	    ph_map_call_new(map, OUT, 0, bad, strlen(bad), &call, NULL), PH_OK);
	ck_assert_int_eq(ph_map_call_run(call, NULL), PH_OK);
	ck_assert_str_eq(ph_map_call_stage(call, 0), "validate");
	const ph_error *err = ph_map_call_error(call, 0);
	ck_assert_ptr_nonnull(strstr(err->where, "m.yaml:6:5"));
	ck_assert_ptr_null(strstr(err->text, "secret"));
	ph_map_call_destroy(&call);
	ph_map_destroy(&map);
}
END_TEST

START_TEST(what_a_link_must_write_is_missed)
{
	ph_map *map = need(map_fixture_map(&fixture,
	    HEAD "vendor: {format: xml, root: v, schema: v.xsd}\n"
		 "links:\n  - c -> x\n  - b -> y\n  - ref -> r/k\n"));
	expect(map, OUT, "{\"a\":\"one\",\"b\":\"2\"}", "!3 invalid PH3401 b -> y");
	ph_map_destroy(&map);
}
END_TEST

START_TEST(the_body_of_an_envelope_is_held_to_the_schema)
{
	ph_map *map = need(map_fixture_map(&fixture,
	    HEAD "vendor: {format: soap, root: v, schema: v.xsd}\n"
		 "links:\n  - a <-> x\n  - b <-> y\n  - ref -> r/k\n"));
#define ENVELOPE(text)                                                                 \
	"<s:Envelope "                                                                 \
	"xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body>" text          \
	"</s:Body></s:Envelope>"
	expect(map, IN, ENVELOPE("<v><x>one</x></v>"), "{\"a\":\"one\"}");
	expect(map, IN, ENVELOPE("<v><x>one</x><y>two</y></v>"), "!3 invalid PH3405 y");
	expect(map, IN, ENVELOPE("<s:Fault><x/></s:Fault>"), "!3 malformed PH2409 v");
	expect(map, OUT, "{\"a\":\"one\",\"b\":\"2\"}",
	    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n" ENVELOPE(
		"<v><x>one</x><y>2</y></v>"));
	expect(map, OUT, "{\"a\":\"far too long\"}", "!3 invalid PH3405 a -> x");
	ph_map_destroy(&map);
}
END_TEST

START_TEST(schemas_that_cannot_be)
{
	refused(HEAD
	    "vendor: {format: xml, root: v, schema: none.xsd}\nlinks:\n  - a <-> x\n",
	    "PH2084");
	refused(HEAD "vendor: {format: json, schema: v.xsd}\nlinks:\n  - a <-> x\n",
	    "PH2084");
	refused(HEAD
	    "vendor: {format: xml, root: v, schema: [v.xsd]}\nlinks:\n  - a <-> x\n",
	    "PH2040");
	map_fixture_file(&fixture, "schemas/w.xsd", "<w/>");
	refused(HEAD
	    "vendor: {format: xml, root: v, schema: w.xsd}\nlinks:\n  - a <-> x\n",
	    "PH3351");
	ck_assert_ptr_nonnull(strstr(fixture.err.where, "w.xsd:1:1"));
}
END_TEST

START_TEST(xml_is_written_in_the_charset)
{
	ph_map *map = need(map_fixture_map(&fixture,
	    HEAD "vendor: {format: xml, root: v, charset: iso-8859-1}\n"
		 "links:\n  - a <-> x\n"));
	ck_assert_str_eq(ph_map_media(map), "text/xml; charset=iso-8859-1");
	expect(map, OUT, "{\"a\":\"\xC3\xA9 \xE2\x82\xAC\"}",
	    "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>\n<v><x>\xE9 "
	    "&#8364;</x></v>");
	expect(map, IN,
	    "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>\n<v><x>\xE9 "
	    "&#8364;</x></v>",
	    "{\"a\":\"\xC3\xA9 \xE2\x82\xAC\"}");
	ph_map_destroy(&map);
	refused(HEAD
	    "vendor: {format: xml, root: v, charset: latin1}\nlinks:\n  - a <-> x\n",
	    "PH2085");
	refused(HEAD "vendor: {format: json, charset: utf-8}\nlinks:\n  - a <-> x\n",
	    "PH2085");
}
END_TEST

static char told[4096];

static void
tell(void *self, const char *kind, const char *where, const char *text)
{
	(void) self;
	(void) where;
	size_t at = strlen(told);
	snprintf(told + at, sizeof told - at, "%s %s\n", kind, text);
}

START_TEST(double_utf8_is_repaired_where_declared)
{
	static const char links[] =
	    "links:\n  - a <-> x\n  - b <- y\n  - ref -> k\n  - c <- const(\"1\")\n";
	char text[512];
	snprintf(text, sizeof text, HEAD "vendor: {format: json}\n%s", links);
	ph_map *map = need(map_fixture_map(&fixture, text));
	expect(map, IN, "{\"x\":\"caf\xC3\x83\xC2\xA9\"}",
	    "{\"a\":\"caf\xC3\x83\xC2\xA9\",\"c\":\"1\"}");
	ph_map_destroy(&map);
	snprintf(text, sizeof text,
	    HEAD "vendor: {format: json, repair: double-utf8}\n%s", links);
	map = need(map_fixture_map(&fixture, text));
	expect(map, IN, "{\"x\":\"caf\xC3\x83\xC2\xA9\",\"y\":\"\xC3\xA9\"}",
	    "{\"a\":\"caf\xC3\xA9\",\"b\":\"\xC3\xA9\",\"c\":\"1\"}");
	expect(map, OUT, "{\"a\":\"caf\xC3\xA9\"}", "{\"x\":\"caf\xC3\xA9\"}");
	ph_map_destroy(&map);
	told[0] = 0;
	(void) ph_map_check("m", fixture.folders, tell, NULL, NULL);
	ck_assert_ptr_nonnull(strstr(told, "link lossy: a <-> x\nnote vendor.repair"));
	ck_assert_ptr_nonnull(strstr(told, "link in-only: y -> b\nnote vendor.repair"));
	ck_assert_ptr_nonnull(strstr(told, "link out-only: ref -> k\nlink"));
	ck_assert_ptr_null(strstr(strstr(told, "const -> c"), "note vendor.repair"));
	refused(HEAD "vendor: {format: json, repair: yes}\nlinks:\n  - a <-> x\n",
	    "PH2086");
}
END_TEST

#define PART(name) "--b\r\nContent-Disposition: form-data; name=" name "\r\n"
#define PHOTO	   "--b\r\nContent-Disposition: form-data; name=f; filename=p.jpg\r\n"

START_TEST(a_map_names_parts)
{
	ph_map *map = need(map_fixture_map(&fixture,
	    HEAD "vendor:\n  format: multipart\n  namespaces: {n: \"urn:n\"}\n"
		 "links:\n  - a <-> x\n  - b <- f/filename\n  - ref <- f/part\n"
		 "  - c <- j/deep/y\n  - tags[].name <- k/n:root/n:t[]\n"));
	expect(map, IN,
	    PART("x") "\r\none\r\n" PHOTO
		      "\r\n\xFF\r\n" PART("j") "Content-Type: "
					       "application/"
					       "json\r\n\r\n{\"deep\":{\"y\":\"2\"}}"
					       "\r\n" PART("k") "Content-Type: "
								"text/xml\r\n\r\n<root "
								"xmlns='urn:n'><t>u</"
								"t><t>v</t></root>\r\n"
								"--b--",
	    "{\"a\":\"one\",\"b\":\"p.jpg\",\"ref\":\"part:2\",\"c\":\"2\","
	    "\"tags\":[{\"name\":\"u\"},{\"name\":\"v\"}]}");
	expect(map, IN, PART("x") "\r\none\r\n", "!3 malformed PH3504 ");
	ck_assert_str_eq(ph_map_media(map), "multipart/form-data");
	ph_map_destroy(&map);
}
END_TEST

START_TEST(a_map_writes_parts)
{
	ph_map_call *call;
	char wanted[512];
	size_t length;
	static const char bytes[] = "{\"a\":\"one\",\"b\":\"1,2\"}";
	ph_map *map = need(map_fixture_map(&fixture,
	    HEAD "vendor: {format: multipart}\n"
		 "links:\n  - a -> x\n  - const(\"t.csv\", with=f) -> f/filename\n"
		 "  - b -> f/content\n"));
	ck_assert_int_eq(
	    ph_map_call_new(map, OUT, 0, bytes, strlen(bytes), &call, NULL), PH_OK);
	ck_assert_int_eq(ph_map_call_run(call, NULL), PH_OK);
	const char *media = ph_map_call_media(call, 0);
	ck_assert_int_eq(strncmp(media, "multipart/form-data; boundary=", 30), 0);
	const char *boundary = media + 30;
	snprintf(wanted, sizeof wanted,
	    "--%s\r\nContent-Disposition: form-data; name=\"x\"\r\nContent-Type: "
	    "text/plain; charset=utf-8\r\n\r\none\r\n--%s\r\nContent-Disposition: "
	    "form-data; name=\"f\"; filename=\"t.csv\"\r\nContent-Type: text/plain; "
	    "charset=utf-8\r\n\r\n1,2\r\n--%s--\r\n",
	    boundary, boundary, boundary);
	ck_assert_str_eq(ph_map_call_data(call, 0, &length), wanted);
	ph_map_call_destroy(&call);
	ph_map_destroy(&map);
	map = need(map_fixture_map(&fixture,
	    HEAD "vendor: {format: multipart, multipart: related}\n"
		 "links:\n  - a -> r/a\n  - ref -> f/part\n"));
	expect(map, OUT, "{\"a\":\"1\",\"ref\":\"part:1\"}", "!3 invalid PH3512 ");
	ck_assert_int_eq(
	    ph_map_call_new(map, OUT, 0, bytes, strlen(bytes), &call, NULL), PH_OK);
	ck_assert_int_eq(ph_map_call_run(call, NULL), PH_OK);
	media = ph_map_call_media(call, 0);
	ck_assert_ptr_eq(
	    strstr(media, "multipart/related; type=\"application/json\"; boundary="),
	    media);
	ck_assert_ptr_nonnull(
	    strstr(ph_map_call_data(call, 0, &length), strstr(media, "part-")));
	ph_map_call_destroy(&call);
	ck_assert_str_eq(ph_map_media(map), "multipart/related");
	ph_map_destroy(&map);
	refused(HEAD
	    "vendor: {format: multipart, multipart: mixed}\nlinks:\n  - a <-> x\n",
	    "PH2087");
	refused(HEAD
	    "vendor: {format: json, multipart: related}\nlinks:\n  - a <-> x\n",
	    "PH2087");
}
END_TEST

static Suite *
vendor_suite(void)
{
	Suite *suite = suite_create("map-vendor");
	TCase *tcase = tcase_create("map-vendor");
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, documents_in_are_held_to_the_schema);
	tcase_add_test(tcase, documents_out_are_held_to_the_schema);
	tcase_add_test(tcase, what_a_link_must_write_is_missed);
	tcase_add_test(tcase, the_body_of_an_envelope_is_held_to_the_schema);
	tcase_add_test(tcase, schemas_that_cannot_be);
	tcase_add_test(tcase, xml_is_written_in_the_charset);
	tcase_add_test(tcase, double_utf8_is_repaired_where_declared);
	tcase_add_test(tcase, a_map_names_parts);
	tcase_add_test(tcase, a_map_writes_parts);
	suite_add_tcase(suite, tcase);
	return suite;
}

int
main(void)
{
	return ph_check_main(vendor_suite());
}
