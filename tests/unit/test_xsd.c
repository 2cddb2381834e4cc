/*
 * A vendor's XML Schema: documents are held to it, and it is held to what may be read.
 */
#include "lib/codec/xsd.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/codec/codec.h"
#include "tests/unit/documents.h"

#define XS   "xmlns:xs=\"http://www.w3.org/2001/XMLSchema\""
#define XSI  "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\""
#define SOAP "xmlns:s=\"" PH_SOAP_NAMESPACE "\""
#define LOOP(tcase, test, table)                                                       \
	tcase_add_loop_test(tcase, test, 0, (int) (sizeof(table) / sizeof((table)[0])))

static char folder[64];
static ph_xsd *schema;

static void
set_up(void)
{
	strcpy(folder, "/tmp/packhorse-xsd-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	schema = NULL;
}

static void
tear_down(void)
{
	char command[128];
	ph_xsd_destroy(&schema);
	snprintf(command, sizeof command, "rm -r '%s'", folder);
	ck_assert_int_eq(system(command), 0);
}

/* A file of the folder: the opening tag's attributes, and what is in xs:schema. */
static void
write_file(const char *name, const char *attributes, const char *inside)
{
	char path[160];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	FILE *file = fopen(path, "wb");
	ck_assert_ptr_nonnull(file);
	if (attributes != NULL)
		fprintf(file, "<xs:schema " XS " %s>", attributes);
	fputs(inside, file);
	if (attributes != NULL)
		fputs("</xs:schema>", file);
	ck_assert_int_eq(fclose(file), 0);
}

static ph_status
load(const char *name, ph_error *err)
{
	char path[160];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	memset(err, 0, sizeof *err);
	return ph_xsd_load(path, &schema, err);
}

static void
must_load(const char *attributes, const char *inside)
{
	ph_error err;
	write_file("a.xsd", attributes, inside);
	ck_assert_msg(
	    load("a.xsd", &err) == PH_OK, "refused: %s: %s", err.where, err.text);
}

static ph_status
check(const char *text, unsigned flags, char path[PH_XSD_PATH], ph_error *err)
{
	size_t length = strlen(text);
	char *copy = malloc(length + 1);
	ck_assert_ptr_nonnull(copy);
	memcpy(copy, text, length);
	memset(err, 0, sizeof *err);
	ph_status status = ph_xsd_check(schema, "v", copy, length, flags, path, err);
	free(copy);
	return status;
}

/* ---- documents ---- */

#define SPACE                                                                          \
	"targetNamespace=\"urn:t\" xmlns:t=\"urn:t\" elementFormDefault=\"qualified\""

static const char report[] =
    "<xs:simpleType name='name'><xs:restriction base='xs:string'>"
    "<xs:minLength value='2'/><xs:maxLength "
    "value='10'/></xs:restriction></xs:simpleType>"
    "<xs:simpleType name='kind'><xs:restriction base='xs:string'>"
    "<xs:enumeration value='a'/><xs:enumeration value='b'/></xs:restriction>"
    "</xs:simpleType>"
    "<xs:complexType name='place'><xs:sequence><xs:element name='x' type='xs:decimal'/>"
    "</xs:sequence></xs:complexType>"
    "<xs:complexType name='area'><xs:complexContent><xs:extension base='t:place'>"
    "<xs:sequence><xs:element name='r' type='xs:int'/></xs:sequence></xs:extension>"
    "</xs:complexContent></xs:complexType>"
    "<xs:element name='report'><xs:complexType><xs:sequence>"
    "<xs:element name='who' type='t:name'/>"
    "<xs:element name='kind' type='t:kind' minOccurs='0'/>"
    "<xs:element name='at' type='t:place' minOccurs='0' maxOccurs='9' nillable='true'/>"
    "<xs:element name='code' minOccurs='0'><xs:simpleType><xs:restriction "
    "base='xs:string'>"
    "<xs:pattern value='[0-9]{4}'/></xs:restriction></xs:simpleType></xs:element>"
    "<xs:element name='level' minOccurs='0'><xs:simpleType><xs:restriction "
    "base='xs:int'><xs:maxInclusive value='5'/></xs:restriction></xs:simpleType>"
    "</xs:element></xs:sequence>"
    "<xs:attribute name='id' type='xs:int' use='required'/></xs:complexType>"
    "</xs:element>";

#define REPORT(attributes, inside)                                                     \
	"<report xmlns=\"urn:t\" " XSI " " attributes ">\n" inside "</report>"

/* Every bad value has "zq" in it, which must not be told. */
static const struct {
	const char *text;
	const char *words; /* NULL: it is good */
	const char *path;
	const char *where;
} documents[] = {
    {REPORT("id='1'", "<who>Ann</who>"), NULL, NULL, NULL},
    {REPORT(
	 "id='1'", "<who>Ann</who><kind>b</kind><at><x>1.5</x></at><code>0042</code>"),
	NULL, NULL, NULL},
    {REPORT("id='1'", "<who>A&amp;n</who><at xsi:nil='true'/>"), NULL, NULL, NULL},
    {"<t:report xmlns:t='urn:t' id='1'><t:who>Ann</t:who></t:report>", NULL, NULL,
	NULL},
    {REPORT("id='1'", "<who>Ann</who><at xsi:type='area'><x>1</x><r>2</r></at>"), NULL,
	NULL, NULL},
    {REPORT("id='1'", "<who>zqzqzqzqzqz</who>"),
	"PH3405 a text that is too long; the most is 10 (libxml2 error 1832)", "who",
	"v:2:17"},
    {REPORT("id='1'", "<who>zqzq&amp;&amp;&amp;&amp;&amp;&amp;&amp;</who>"),
	"PH3405 a text that is too long; the most is 10", "who", NULL},
    {REPORT("id='1'", "<who/>"), "PH3405 a text that is too short; the least is 2",
	"who", "v:2:1"},
    {REPORT("id='1'", "<who>Ann</who>\n<kind>zq</kind>"),
	"PH3405 a value that is none of those the schema lists", "kind", "v:3:9"},
    {REPORT("id='1'", "<who>Ann</who><at>\n<x>1.zq</x></at>"),
	"PH3405 a value that is not of the wanted type", "at/x", "v:3:8"},
    {REPORT("id='1'", "<who>Ann</who><code>zq42</code>"),
	"PH3405 a text that does not fit the pattern", "code", NULL},
    {REPORT("id='1'", "<who>Ann</who><level>6</level>"),
	"PH3405 a value that is too high", "level", NULL},
    {REPORT("id='zq'", "<who>Ann</who>"),
	"PH3405 a value that is not of the wanted type (attribute id)", "/", "v:1:1"},
    {REPORT("id='1' zq='zq'", "<who>Ann</who>"),
	"PH3403 an attribute that is not allowed here (attribute zq)", "/", NULL},
    {REPORT("", "<who>Ann</who>"),
	"PH3404 a required attribute is missing (attribute id)", "/", NULL},
    {REPORT("id='1'", "<kind>a</kind>"),
	"PH3401 an element that is not expected here; the schema wants ( who )", "kind",
	"v:2:1"},
    {REPORT("id='1'", "<who>Ann</who><who>zq</who>"),
	"PH3401 an element that is not expected here; the schema wants ( kind, at, "
	"code, "
	"level )",
	"who", "v:2:15"},
    {REPORT("id='1'", "<who>Ann</who><at/>"),
	"PH3402 an element is missing; the schema wants ( x )", "at", NULL},
    {REPORT("id='1'", ""), "PH3402 an element is missing; the schema wants ( who )",
	"/", NULL},
    {REPORT("id='1'", "zq<who>Ann</who>"), "PH3406 text in an element", "/", NULL},
    {REPORT("id='1'", "<who>A<b/></who>"),
	"PH3406 elements in one that is to hold a text", "who/b", NULL},
    {REPORT("id='1'", "<who xsi:nil='true'/>"), "PH3406 xsi:nil on an element", "who",
	NULL},
    {REPORT("id='1'", "<who>Ann</who><at xsi:type='zq'><x>1</x></at>"),
	"PH3401 xsi:type names a type", "at", NULL},
    {REPORT("id='1'", "<who>Ann</who><at xsi:type='kind'>a</at>"),
	"PH3401 xsi:type names a type that cannot stand", "at", NULL},
    {"<zq/>", "PH3401 the schema has no such root element", "/", "v:1:1"},
    {"<report id='1'><who>Ann</who></report>",
	"PH3401 the schema has no such root element", "/", "v:1:1"},
    {"<!DOCTYPE r [<!ENTITY e SYSTEM '/etc/passwd'>]>" REPORT(
	 "id='1'", "<who>&e;</who>"),
	"PH3021", "", NULL},
    {REPORT("id='1'", "<who>Ann</who"), "PH3027", "", NULL},
};

START_TEST(documents_are_held_to_it)
{
	ph_error err;
	char path[PH_XSD_PATH];
	must_load(SPACE, report);
	ph_status status = check(documents[_i].text, 0, path, &err);
	if (documents[_i].words == NULL) {
		ck_assert_msg(status == PH_OK, "%s: %s", err.where, err.text);
		return;
	}
	ck_assert_int_eq(status, PH_ERR_INVALID);
	ck_assert_msg(
	    strncmp(err.text, documents[_i].words, strlen(documents[_i].words)) == 0,
	    "\"%s\", not \"%s\"", err.text, documents[_i].words);
	ck_assert_str_eq(path, documents[_i].path);
	if (documents[_i].where != NULL)
		ck_assert_str_eq(err.where, documents[_i].where);
	if (strstr(err.text, "(attribute zq)") == NULL)
		ck_assert_ptr_null(strstr(err.text, "zq"));
}
END_TEST

#define ENVELOPE(more, header, body)                                                   \
	"<s:Envelope " SOAP " " more ">" header "<s:Body>" body "</s:Body></"          \
	"s:Envelope>"

static const struct {
	const char *text;
	const char *words; /* NULL: it is good */
	const char *path;
} envelopes[] = {
    {ENVELOPE("", "", REPORT("id='1'", "<who>Ann</who>")), NULL, NULL},
    {ENVELOPE("", "<s:Header><zq/></s:Header>", REPORT("id='1'", "<who>Ann</who>")),
	NULL, NULL},
    /* prefixes of the envelope count in values below */
    {ENVELOPE("xmlns:p='urn:other' xmlns:t='urn:t' " XSI, "",
	 "<t:report id='1' xmlns:p='urn:t'><t:who>Ann</t:who>"
	 "<t:at xsi:type='p:area'><t:x>1</t:x><t:r>2</t:r></t:at></t:report>"),
	NULL, NULL},
    {ENVELOPE("xmlns:p='urn:other' xmlns:t='urn:t' " XSI, "",
	 "<t:report id='1'><t:who>Ann</t:who>"
	 "<t:at xsi:type='p:area'><t:x>1</t:x><t:r>2</t:r></t:at></t:report>"),
	"PH3401 xsi:type", "at"},
    {ENVELOPE("", "", "<s:Fault><faultcode>s:Server</faultcode></s:Fault>"), NULL,
	NULL},
    {ENVELOPE("", "", REPORT("id='1'", "<who>Ann</who>") "<zq/>"), NULL, NULL},
    {ENVELOPE("", "", "<zq/>"), "PH3401", "/"},
    {ENVELOPE("", "", REPORT("id='1'", "<who>Ann</who><at><x>zq</x></at>")), "PH3405",
	"at/x"},
};

START_TEST(what_an_envelope_holds_is_held_to_it)
{
	ph_error err;
	char path[PH_XSD_PATH];
	must_load(SPACE, report);
	ph_status status = check(envelopes[_i].text, PH_XSD_SOAP, path, &err);
	if (envelopes[_i].words == NULL) {
		ck_assert_msg(status == PH_OK, "%s: %s", err.where, err.text);
		return;
	}
	ck_assert_int_eq(status, PH_ERR_INVALID);
	ck_assert_int_eq(
	    strncmp(err.text, envelopes[_i].words, strlen(envelopes[_i].words)), 0);
	ck_assert_str_eq(path, envelopes[_i].path);
}
END_TEST

/* The schema that a document names is there and would allow it: it is not read. */
/* What one check says is what any says that has seen others before. */
static void
expect_the_same(
    ph_xsd_checker *checker, ph_xml_reader *reader, const char *text, unsigned flags)
{
	ph_error one, again, held;
	char one_path[PH_XSD_PATH], path[PH_XSD_PATH];
	ph_document *document;
	size_t length = strlen(text);
	ph_status status = check(text, flags, one_path, &one);
	memset(&again, 0, sizeof again);
	ck_assert_int_eq(
	    ph_xsd_checker_run(checker, text, length, flags, path, &again), status);
	ck_assert_str_eq(again.text, one.text);
	ck_assert_str_eq(again.where, one.where);
	ck_assert_str_eq(path, one_path);
	if (strncmp(one.text, "PH3", 3) == 0 && strncmp(one.text, "PH34", 4) != 0)
		return; /* it is not decoded */
	memset(&held, 0, sizeof held);
	ck_assert_int_eq(
	    ph_document_new("v", (size_t) 64 << 20, &document, NULL), PH_OK);
	ck_assert_int_eq(
	    ph_xml_decode_held(reader, document, text, length, checker, flags, &held),
	    PH_OK);
	ck_assert_ptr_nonnull(ph_document_root(document));
	ck_assert_int_eq(ph_xsd_checker_result(checker, path, &held), status);
	ck_assert_str_eq(held.text, one.text);
	ck_assert_str_eq(held.where, one.where);
	ck_assert_str_eq(path, one_path);
	ph_document_destroy(&document);
}

START_TEST(one_checker_holds_many_documents)
{
	ph_xsd_checker *checker;
	ph_xml_reader *reader;
	must_load(SPACE, report);
	ck_assert_int_eq(ph_xsd_checker_new(schema, "v", &checker, NULL), PH_OK);
	ck_assert_int_eq(ph_xml_reader_new(&reader, NULL), PH_OK);
	for (int turn = 0; turn < 3; turn++) {
		for (size_t i = 0; i < sizeof documents / sizeof documents[0]; i++)
			expect_the_same(checker, reader, documents[i].text, 0);
		for (size_t i = 0; i < sizeof envelopes / sizeof envelopes[0]; i++)
			expect_the_same(
			    checker, reader, envelopes[i].text, PH_XSD_SOAP);
	}
	ph_xml_reader_destroy(&reader);
	ph_xsd_checker_destroy(&checker);
}
END_TEST

/* What breaks off in the middle leaves nothing behind. */
START_TEST(a_checker_goes_on_after_what_is_no_xml)
{
	ph_xsd_checker *checker;
	ph_xml_reader *reader;
	ph_error err;
	char path[PH_XSD_PATH];
	static const char broken[] = "<report xmlns='urn:t' id='1'><who>An";
	must_load(SPACE, report);
	ck_assert_int_eq(ph_xsd_checker_new(schema, "v", &checker, NULL), PH_OK);
	ck_assert_int_eq(ph_xml_reader_new(&reader, NULL), PH_OK);
	for (int turn = 0; turn < 3; turn++) {
		ph_document *document;
		ck_assert_int_eq(
		    ph_document_new("v", (size_t) 64 << 20, &document, NULL), PH_OK);
		ck_assert_int_eq(ph_xml_decode_held(reader, document, broken,
				     strlen(broken), checker, 0, &err),
		    PH_ERR_INVALID);
		ph_document_destroy(&document);
		ck_assert_int_eq(
		    ph_xsd_checker_run(checker, broken, strlen(broken), 0, path, &err),
		    PH_ERR_INVALID);
		ck_assert_int_eq(strncmp(err.text, "PH3027", 6), 0);
		expect_the_same(checker, reader, documents[0].text, 0);
	}
	ph_xml_reader_destroy(&reader);
	ph_xsd_checker_destroy(&checker);
}
END_TEST

START_TEST(a_document_cannot_bring_its_schema)
{
	ph_error err;
	char text[512];
	must_load(SPACE, report);
	write_file("b.xsd", "targetNamespace='urn:b'", "<xs:element name='zq'/>");
	snprintf(text, sizeof text,
	    "<zq xmlns='urn:b' " XSI " xsi:schemaLocation='urn:b %s/b.xsd'/>", folder);
	ck_assert_int_eq(check(text, 0, NULL, &err), PH_ERR_INVALID);
	ck_assert_int_eq(strncmp(err.text, "PH3401", 6), 0);
}
END_TEST

/* Work grows with the size, not with its square: a long text in many pieces. */
START_TEST(a_long_text_is_checked_in_one_piece)
{
	ph_error err;
	ph_buffer text;
	must_load("", "<xs:element name='a' type='xs:string'/>");
	ph_buffer_init(&text, 0);
	ph_buffer_text(&text, "<a>");
	for (int i = 0; i < 100000; i++)
		ph_buffer_text(&text, "abcdefghijklmnopqrst&amp;uvwxyz\n");
	ph_buffer_text(&text, "</a>");
	ck_assert_int_eq(check(ph_buffer_cstr(&text), 0, NULL, &err), PH_OK);
	ph_buffer_fini(&text);
}
END_TEST

static const char keyed[] =
    "<xs:element name='a'><xs:complexType><xs:sequence>"
    "<xs:element name='b' type='xs:string' minOccurs='0' maxOccurs='unbounded'/>"
    "</xs:sequence></xs:complexType>"
    "<xs:unique name='u'><xs:selector xpath='b'/><xs:field xpath='.'/></xs:unique>"
    "</xs:element>";

START_TEST(keys_are_checked_and_counted)
{
	ph_error err;
	char path[PH_XSD_PATH];
	must_load("", keyed);
	ck_assert_int_eq(check("<a><b>1</b><b>2</b></a>", 0, NULL, &err), PH_OK);
	ck_assert_int_eq(
	    check("<a><b>zq</b><b>zq</b></a>", 0, path, &err), PH_ERR_INVALID);
	ck_assert_int_eq(strncmp(err.text, "PH3407", 6), 0);
	ck_assert_ptr_null(strstr(err.text, "zq"));
	ck_assert_str_eq(path, "b");
	ph_buffer text;
	ph_buffer_init(&text, 0);
	ph_buffer_text(&text, "<a>");
	for (int i = 0; i < 20000; i++)
		ph_buffer_printf(&text, "<b>%d</b>", i);
	ph_buffer_text(&text, "</a>");
	ck_assert_int_eq(check(ph_buffer_cstr(&text), 0, NULL, &err), PH_ERR_TOO_LARGE);
	ck_assert_int_eq(strncmp(err.text, "PH3409", 6), 0);
	ph_buffer_fini(&text);
}
END_TEST

/* ---- schemas ---- */

static void
refused_with(const char *name, ph_status status, const char *code)
{
	ph_error err;
	ph_status got = load(name, &err);
	ck_assert_msg(got == status, "%d: %s", got, err.text);
	ck_assert_msg(strncmp(err.text, code, 6) == 0, "%s, not %s", err.text, code);
	ck_assert_ptr_null(schema);
}

START_TEST(files_beside_it_are_read)
{
	ph_error err;
	write_file("types.xsd", "targetNamespace='urn:t'",
	    "<xs:simpleType name='n'><xs:restriction base='xs:int'/></xs:simpleType>");
	write_file("other.xsd",
	    "targetNamespace='urn:o' elementFormDefault='qualified'",
	    "<xs:import/><xs:element name='o' type='xs:int'/>");
	must_load(SPACE " xmlns:o='urn:o'",
	    "<xs:include schemaLocation='types.xsd'/>"
	    "<xs:import namespace='urn:o' schemaLocation='other.xsd'/>"
	    "<xs:element name='a'><xs:complexType><xs:sequence>"
	    "<xs:element name='n' type='t:n'/><xs:element ref='o:o'/></xs:sequence>"
	    "</xs:complexType></xs:element>");
	ck_assert_int_eq(
	    check("<a xmlns='urn:t'><n>1</n><o xmlns='urn:o'>2</o></a>", 0, NULL, &err),
	    PH_OK);
	ck_assert_int_eq(
	    check("<a xmlns='urn:t'><n>x</n><o xmlns='urn:o'>2</o></a>", 0, NULL, &err),
	    PH_ERR_INVALID);
	ck_assert_int_eq(
	    check("<a xmlns='urn:t'><n>1</n><o xmlns='urn:o'>x</o></a>", 0, NULL, &err),
	    PH_ERR_INVALID);
}
END_TEST

START_TEST(a_folder_may_have_an_odd_name)
{
	char path[160];
	ph_error err;
	snprintf(path, sizeof path, "%s/a b%%20c#d", folder);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	write_file("a b%20c#d/b.xsd", "", "<xs:element name='b' type='xs:int'/>");
	write_file("a b%20c#d/a.xsd", "", "<xs:include schemaLocation='b.xsd'/>");
	ck_assert_msg(
	    load("a b%20c#d/a.xsd", &err) == PH_OK, "%s: %s", err.where, err.text);
	ck_assert_int_eq(check("<b>1</b>", 0, NULL, &err), PH_OK);
	ck_assert_int_eq(check("<b>x</b>", 0, NULL, &err), PH_ERR_INVALID);
}
END_TEST

static const char *const locations[] = {"http://127.0.0.1:1/b.xsd", "../b.xsd",
    "/etc/passwd", "file:///etc/passwd", "below/b.xsd", "", ".b.xsd", "b.xsd?x",
    "b%2exsd", "ftp://127.0.0.1/b.xsd"};

START_TEST(nothing_is_fetched)
{
	char text[256];
	write_file("b.xsd", "", "");
	snprintf(text, sizeof text, "<xs:%s schemaLocation='%s'/>",
	    _i % 2 == 0 ? "include" : "import namespace='urn:x'", locations[_i / 2]);
	write_file("a.xsd", "", text);
	refused_with("a.xsd", PH_ERR_INVALID, "PH3352");
}
END_TEST

static const struct {
	const char *attributes; /* NULL: the text is the whole file */
	const char *inside;
	ph_status status;
	const char *code;
} bad_schemas[] = {
    {"", "<xs:include/>", PH_ERR_INVALID, "PH3352"},
    {"", "<xs:include schemaLocation='none.xsd'/>", PH_ERR_NOT_FOUND, "PH3353"},
    {"", "<xs:redefine schemaLocation='a.xsd'/>", PH_ERR_INVALID, "PH3354"},
    {NULL, "<schema/>", PH_ERR_INVALID, "PH3351"},
    {NULL, "<definitions xmlns='http://schemas.xmlsoap.org/wsdl/'/>", PH_ERR_INVALID,
	"PH3351"},
    {NULL, "<!DOCTYPE x SYSTEM '/etc/passwd'><xs:schema " XS "/>", PH_ERR_INVALID,
	"PH3021"},
    {NULL, "<xs:schema " XS ">", PH_ERR_INVALID, "PH3027"},
    {NULL, "", PH_ERR_INVALID, "PH3027"},
    {"", "<xs:element name='a' type='b'/>", PH_ERR_INVALID, "PH3356"},
    {"", "<xs:elemental name='a'/>", PH_ERR_INVALID, "PH3356"},
    {"",
	"<xs:element name='a'><xs:complexType><xs:sequence>"
	"<xs:element name='b' minOccurs='0'/><xs:element name='b'/></xs:sequence>"
	"</xs:complexType></xs:element>",
	PH_ERR_INVALID, "PH3356"},
    /* circles */
    {"", "<xs:group name='g'><xs:sequence><xs:group ref='g'/></xs:sequence></xs:group>",
	PH_ERR_INVALID, "PH3356"},
    {"", "<xs:simpleType name='t'><xs:union memberTypes='t t'/></xs:simpleType>",
	PH_ERR_INVALID, "PH3356"},
};

START_TEST(bad_schemas_are_refused)
{
	write_file("a.xsd", bad_schemas[_i].attributes, bad_schemas[_i].inside);
	refused_with("a.xsd", bad_schemas[_i].status, bad_schemas[_i].code);
}
END_TEST

START_TEST(a_place_is_told)
{
	ph_error err;
	char where[160];
	write_file("a.xsd", "", "\n\n<xs:element name='a' type='none'/>\n");
	ck_assert_int_eq(load("a.xsd", &err), PH_ERR_INVALID);
	snprintf(where, sizeof where, "%s/a.xsd:3:1", folder);
	ck_assert_str_eq(err.where, where);
	ck_assert_int_eq(load("none.xsd", &err), PH_ERR_NOT_FOUND);
	ck_assert_int_eq(strncmp(err.text, "PH3353", 6), 0);
}
END_TEST

/* Each definition is twice the one before: a thousand million things in a small file. */
static const struct {
	const char *first, *next, *use;
} bombs[] = {
    {"<xs:group name='d0'><xs:sequence><xs:element name='e'/></xs:sequence></xs:group>",
	"<xs:group name='d%d'><xs:sequence><xs:group ref='d%d'/><xs:group ref='d%d'/>"
	"</xs:sequence></xs:group>",
	""},
    {"<xs:attributeGroup name='d0'><xs:attribute name='e'/></xs:attributeGroup>",
	"<xs:attributeGroup name='d%d'><xs:attributeGroup ref='d%d'/>"
	"<xs:attributeGroup ref='d%d'/></xs:attributeGroup>",
	""},
    {"<xs:simpleType name='d0'><xs:union memberTypes='xs:int "
     "xs:date'/></xs:simpleType>",
	"<xs:simpleType name='d%d'><xs:union memberTypes='d%d d%d'/></xs:simpleType>",
	""},
};

START_TEST(what_multiplies_is_counted_first)
{
	ph_buffer text;
	ph_buffer_init(&text, 0);
	ph_buffer_text(&text, bombs[_i].first);
	for (int i = 1; i < 31; i++) {
		char next[400];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(next, sizeof next, bombs[_i].next, i, i - 1, i - 1);
#pragma GCC diagnostic pop
		ph_buffer_text(&text, next);
	}
	write_file("a.xsd", "", ph_buffer_cstr(&text));
	refused_with("a.xsd", PH_ERR_TOO_LARGE, "PH3355");
	ph_buffer_fini(&text);
}
END_TEST

START_TEST(a_long_chain_is_refused)
{
	ph_buffer text;
	ph_buffer_init(&text, 0);
	ph_buffer_text(&text, "<xs:simpleType name='d0'><xs:restriction base='xs:int'/>"
			      "</xs:simpleType>");
	for (int i = 1; i < 300; i++)
		ph_buffer_printf(&text,
		    "<xs:simpleType name='d%d'><xs:restriction base='d%d'/>"
		    "</xs:simpleType>",
		    300 - i, 299 - i);
	write_file("a.xsd", "", ph_buffer_cstr(&text));
	refused_with("a.xsd", PH_ERR_TOO_LARGE, "PH3355");
	ph_buffer_fini(&text);
}
END_TEST

/* Content that takes libxml2 minutes to compile. */
START_TEST(content_is_counted_first)
{
	ph_buffer text, deep;
	ph_buffer_init(&text, 0);
	ph_buffer_text(&text, "<xs:element name='a'><xs:complexType><xs:sequence>");
	for (int i = 0; i < 600; i++)
		ph_buffer_printf(&text, "<xs:element name='e%d' minOccurs='0'/>", i);
	ph_buffer_text(&text, "</xs:sequence></xs:complexType></xs:element>");
	write_file("a.xsd", "", ph_buffer_cstr(&text));
	refused_with("a.xsd", PH_ERR_TOO_LARGE, "PH3355");
	ph_buffer_fini(&text);
	ph_buffer_init(&deep, 0);
	ph_buffer_text(&deep, "<xs:group name='g'><xs:choice>");
	for (int i = 0; i < 11; i++)
		ph_buffer_text(&deep, "<xs:sequence maxOccurs='unbounded'>");
	ph_buffer_text(&deep, "<xs:element name='x'/>");
	for (int i = 0; i < 11; i++)
		ph_buffer_text(&deep, "</xs:sequence>");
	ph_buffer_text(&deep, "</xs:choice></xs:group>");
	ph_error err;
	write_file("b.xsd", "", ph_buffer_cstr(&deep));
	ck_assert_msg(load("b.xsd", &err) == PH_OK, "%s", err.text);
	ph_xsd_destroy(&schema);
	ph_buffer_text(&deep, "<xs:complexType name='t'>");
	for (int i = 0; i < 11; i++)
		ph_buffer_text(&deep, "<xs:choice minOccurs='0'>");
	ph_buffer_text(&deep, "<xs:group ref='g'/>");
	for (int i = 0; i < 11; i++)
		ph_buffer_text(&deep, "</xs:choice>");
	ph_buffer_text(&deep, "</xs:complexType>");
	write_file("b.xsd", "", ph_buffer_cstr(&deep));
	refused_with("b.xsd", PH_ERR_TOO_LARGE, "PH3355");
	ph_buffer_fini(&deep);
}
END_TEST

START_TEST(files_are_counted)
{
	char name[32], text[64];
	for (int i = 0; i < 70; i++) {
		snprintf(name, sizeof name, "f%d.xsd", i);
		snprintf(
		    text, sizeof text, "<xs:include schemaLocation='f%d.xsd'/>", i + 1);
		write_file(name, "", text);
	}
	refused_with("f0.xsd", PH_ERR_TOO_LARGE, "PH3355");
	/* a circle of files is no trouble */
	ph_error err;
	write_file("c.xsd", "",
	    "<xs:include schemaLocation='d.xsd'/>"
	    "<xs:element name='c' type='n'/>");
	write_file("d.xsd", "",
	    "<xs:include schemaLocation='c.xsd'/>"
	    "<xs:simpleType name='n'><xs:restriction "
	    "base='xs:int'/></xs:simpleType>");
	ck_assert_msg(load("c.xsd", &err) == PH_OK, "%s", err.text);
	ck_assert_int_eq(check("<c>1</c>", 0, NULL, &err), PH_OK);
}
END_TEST

static Suite *
xsd_suite(void)
{
	Suite *suite = suite_create("xsd");
	TCase *tcase = tcase_create("documents");
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	LOOP(tcase, documents_are_held_to_it, documents);
	LOOP(tcase, what_an_envelope_holds_is_held_to_it, envelopes);
	tcase_add_test(tcase, one_checker_holds_many_documents);
	tcase_add_test(tcase, a_checker_goes_on_after_what_is_no_xml);
	tcase_add_test(tcase, a_document_cannot_bring_its_schema);
	tcase_add_test(tcase, a_long_text_is_checked_in_one_piece);
	tcase_add_test(tcase, keys_are_checked_and_counted);
	suite_add_tcase(suite, tcase);
	tcase = tcase_create("schemas");
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, files_beside_it_are_read);
	tcase_add_test(tcase, a_folder_may_have_an_odd_name);
	tcase_add_loop_test(tcase, nothing_is_fetched, 0,
	    2 * (int) (sizeof locations / sizeof locations[0]));
	LOOP(tcase, bad_schemas_are_refused, bad_schemas);
	tcase_add_test(tcase, a_place_is_told);
	LOOP(tcase, what_multiplies_is_counted_first, bombs);
	tcase_add_test(tcase, a_long_chain_is_refused);
	tcase_add_test(tcase, content_is_counted_first);
	tcase_add_test(tcase, files_are_counted);
	suite_add_tcase(suite, tcase);
	return suite;
}

int
main(void)
{
	return ph_check_main(xsd_suite());
}
