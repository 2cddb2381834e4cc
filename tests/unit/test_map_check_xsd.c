/* What is said of a map that names an XML Schema of the vendor's. */
#include <stdio.h>
#include <string.h>

#include "tests/unit/told.h"

#define XS "<xs:schema xmlns:xs='http://www.w3.org/2001/XMLSchema' "
#define V  "urn:vendor"
#define NAMES                                                                          \
	"elementFormDefault='qualified' targetNamespace='" V "' xmlns:v='" V "'>\n"

static map_fixture fixture;

/* Everything that is told; the fields below `Job` are in the order of the schema. */
static const char vendor[] = XS NAMES
    "<xs:include schemaLocation='parts.xsd'/>\n"
    "<xs:import namespace='urn:other' schemaLocation='other.xsd'/>\n"
    "<xs:element name='Send'><xs:complexType><xs:sequence>\n"
    "  <xs:element name='Key' type='v:key'/>\n"
    "  <xs:element name='Job' type='v:job'/>\n"
    "</xs:sequence></xs:complexType></xs:element>\n"
    "<xs:complexType name='base'><xs:sequence>\n"
    "  <xs:element name='Number' type='xs:int'/>\n"
    "  <xs:element name='Text' type='v:short' minOccurs='0'/>\n"
    "</xs:sequence><xs:attribute name='kind' type='v:kind'/></xs:complexType>\n"
    "<xs:complexType name='job'><xs:complexContent><xs:extension base='v:base'>\n"
    "  <xs:sequence>\n"
    "    <xs:group ref='v:times'/>\n"
    "    <xs:element name='Done' type='xs:boolean' minOccurs='0'/>\n"
    "    <xs:choice minOccurs='0'>\n"
    "      <xs:sequence><xs:element name='X' type='xs:string'/>"
    "<xs:element name='Y' type='xs:string'/></xs:sequence>\n"
    "      <xs:element name='Place' type='xs:string'/>\n"
    "    </xs:choice>\n"
    "    <xs:element name='Row' minOccurs='0' maxOccurs='unbounded'><xs:complexType>"
    "<xs:sequence><xs:element name='Name' type='xs:string'/>"
    "<xs:element name='Value' type='xs:string'/></xs:sequence>"
    "</xs:complexType></xs:element>\n"
    "    <xs:element ref='v:Note' minOccurs='0'/>\n"
    "    <xs:element name='Tree' type='v:tree' minOccurs='0'/>\n"
    "    <xs:element name='More' minOccurs='0'><xs:complexType><xs:sequence>"
    "<xs:any processContents='skip'/></xs:sequence></xs:complexType></xs:element>\n"
    "    <xs:element name='Size' minOccurs='0'><xs:complexType><xs:simpleContent>"
    "<xs:extension base='xs:decimal'>"
    "<xs:attribute name='unit' type='xs:string' use='required'/></xs:extension>"
    "</xs:simpleContent></xs:complexType></xs:element>\n"
    "  </xs:sequence><xs:attribute name='id' type='xs:string'/>\n"
    "</xs:extension></xs:complexContent></xs:complexType>\n"
    "<xs:element name='Note' type='xs:string'/>\n"
    "<xs:element name='LongNote' type='xs:string' substitutionGroup='v:Note'/>\n"
    "<xs:complexType name='tree'><xs:sequence>"
    "<xs:element name='Leaf' type='xs:string' minOccurs='0'/>"
    "<xs:element name='Tree' type='v:tree' minOccurs='0'/></xs:sequence>"
    "</xs:complexType>\n"
    "</xs:schema>\n";
/* Without a namespace of its own. */
static const char parts[] =
    XS "elementFormDefault='qualified'>\n"
       "<xs:simpleType name='key'><xs:restriction base='xs:string'/></xs:simpleType>\n"
       "<xs:simpleType name='short'><xs:restriction base='xs:string'>"
       "<xs:maxLength value='4'/></xs:restriction></xs:simpleType>\n"
       "<xs:simpleType name='kind'><xs:restriction base='word'/></xs:simpleType>\n"
       "<xs:simpleType name='word'><xs:restriction base='xs:token'>"
       "<xs:enumeration value='new'/><xs:enumeration value='done'/>"
       "</xs:restriction></xs:simpleType>\n"
       "<xs:group name='times'><xs:sequence>"
       "<xs:element name='At' type='xs:dateTime' "
       "minOccurs='0'/></xs:sequence></xs:group>\n"
       "</xs:schema>\n";
static const char other[] =
    XS "targetNamespace='urn:other'>\n"
       "<xs:element name='Else' type='xs:string'/></xs:schema>\n";

static void
setup(void)
{
	map_fixture_init(&fixture);
	map_fixture_file(&fixture, "schemas/v.xsd", vendor);
	map_fixture_file(&fixture, "schemas/parts.xsd", parts);
	map_fixture_file(&fixture, "schemas/other.xsd", other);
	map_fixture_file(&fixture, "codes/good.csv",
	    "kind,canonical,in,out\nnew,open,*,*\ndone,fixed,*,*\n");
	map_fixture_file(&fixture, "codes/odd.csv",
	    "kind,canonical,in,out\nnew,open,*,*\nlost,fixed,*,*\n");
}

static void
teardown(void)
{
	map_fixture_fini(&fixture);
}

/* A map whose links begin in line 5: root, links, what is dropped of the vendor's. */
static told
check_at(const char *root, const char *links, const char *drop, const char *code)
{
	char text[4096];
	snprintf(text, sizeof text,
	    "map: m\ncanonical: thing@1\n"
	    "vendor: {format: xml, namespaces: {v: \"" V
	    "\", o: \"urn:other\", i: \"http://www.w3.org/2001/XMLSchema-instance\"}, "
	    "unprefixed: v, schema: v.xsd, root: %s}\nlinks:\n%s\ndrop:\n"
	    "  canonical: [a, b, c, ref, n, t, at, s, tags, attributes, sub]\n"
	    "  vendor: [%s]\n",
	    root, links, drop);
	return told_of(&fixture, text, code);
}

#define BASE "  - const(\"k\") -> ../Key\n  - a <-> @id\n  - const(\"1\") -> Number\n"
#define REST                                                                           \
	"'@kind', Text, At, Done, X, Y, Place, Row, Note, LongNote, Tree, More, Size"

static told
check(const char *links, const char *drop, const char *code)
{
	char text[2048];
	snprintf(text, sizeof text, BASE "%s", links);
	return check_at("Send/Job", text, drop, code);
}

START_TEST(a_whole_map)
{
	told t = check("  - b <-> Text | fit(4)\n  - at <-> At\n  - t <-> Done\n"
		       "  - n <-> Size\n  - const(\"m\", with=Size) -> Size/@unit\n"
		       "  - s <-> @kind | codes(good.csv)",
	    "X, Y, Place, Row, Note, LongNote, Tree, More", "PH");
	ck_assert_msg(t.errors == 0, "%s", t.all);
	t = check("", REST, "PH");
	ck_assert_msg(t.errors == 0, "%s", t.all);
}
END_TEST

START_TEST(unknown_paths)
{
	told t = check("  - b <-> Txet", REST, "PH2070");
	expect(
	    &t, "error", "m.yaml:8:11", "no element Txet in Job; did you mean Text?");
	t = check("  - b <-> Tree/Laef", REST, "PH2070");
	expect(&t, "error", "m.yaml:8:16", "Laef in Tree; did you mean Leaf?");
	t = check("  - b <-> @knid", REST, "PH2070");
	expect(&t, "error", "m.yaml:8:11", "did you mean @kind?");
	t = check("  - b <-> kind", REST, "PH2070");
	expect(&t, "error", "m.yaml:8:11", "it is an attribute there, @kind");
	t = check("  - b <-> @Text", REST, "PH2070");
	expect(&t, "error", "m.yaml:8:11", "it is an element there, Text");
	t = check("  - b <-> o:Text", REST, "PH2070");
	expect(
	    &t, "error", "m.yaml:8:11", "of that namespace: there it is in urn:vendor");
	t = check("  - b <-> Text", REST ", Plaec", "PH2070");
	expect(&t, "error", "m.yaml:11:89", "Plaec; did you mean Place?");
	/* open, recursive, and what may stand for another */
	t = check("  - b <-> More/Anything/At\n  - c <-> Tree/Tree/Tree/Leaf\n"
		  "  - s <-> LongNote",
	    REST, "PH2070");
	expect_nothing(&t);
}
END_TEST

START_TEST(roots)
{
	told t = check_at("Sned/Job", "  - a <-> @id", REST, "PH2070");
	expect(&t, "error", "m.yaml:3:154",
	    "no element Sned as a root; did you mean Send?");
	ck_assert_uint_eq(t.errors, 1);
	t = check_at("{in: Send/Job, out: Send/Jbo}", "  - a <-> @id", REST, "PH2070");
	expect(&t, "error", "m.yaml:3:174", "no element Jbo in Send");
}
END_TEST

START_TEST(what_is_written)
{
	told t = check_at(
	    "Send/Job", "  - a <-> @id\n  - const(\"1\") -> Number", REST, "PH2072");
	expect(&t, "error", "m.yaml:4:1", "required field Key ");
	t = check_at(
	    "Send/Job", "  - a <-> @id\n  - const(\"k\") -> ../Key", REST, "PH2072");
	expect(&t, "error", "m.yaml:4:1", "required field Number ");
	/* way in only: nothing is required */
	t = check_at("Send/Job", "  - a <- @id", REST ", Number", "PH2072");
	expect_nothing(&t);
	/* a branch of a choice is whole, and the others are not asked for */
	t = check("  - b <-> X", REST, "PH2072");
	expect(&t, "error", "m.yaml:4:1", "required field Y ");
	t = check("  - b <-> X\n  - c <-> Y", REST, "PH2072");
	expect_nothing(&t);
	t = check("  - b <-> Place", REST, "PH2072");
	expect_nothing(&t);
	/* what an optional parent requires, once it is written */
	t = check("  - b <-> Size", REST, "PH2072");
	expect(&t, "error", "m.yaml:8:5", "required field Size/@unit ");
	t = check("  - tags[].name <-> Row[]/Name", REST, "PH2072");
	expect(&t, "error", "m.yaml:8:5", "required field Row/Value ");
	t = check("  - attributes[code] <-> Row[Name]/Value", REST, "PH2072");
	expect_nothing(&t);
}
END_TEST

START_TEST(what_is_nil_has_nothing)
{
	told t = check("  - const(\"true\") -> Row/@i:nil", REST, "PH2072");
	expect_nothing(&t);
	t = check("  - b -> Row/Name", REST, "PH2072");
	expect(&t, "error", "m.yaml:8:5", "Row/Value is written by no link");
}
END_TEST

/* What is in an opened text is in no schema; the text itself is. */
START_TEST(opened_texts)
{
	told t = check_at("Send/Job, open: {json: Send/Job/Place}",
	    BASE "  - b <-> Place/case/id\n  - at <-> Place/case/at",
	    "'@kind', Text, At, Done, X, Y, Row, Note, LongNote, Tree, More, Size",
	    "PH");
	ck_assert_msg(t.errors == 0, "%s", t.all);
	t = check_at("Send/Job, open: {json: Send/Job/Plaec}",
	    BASE "  - b <-> Plaec/case/id", REST, "PH2070");
	ck_assert_msg(
	    strstr(t.all, "Plaec in Job; did you mean Place?") != NULL, "%s", t.all);
}
END_TEST

/* A map that completes a record takes over what it does not write. */
START_TEST(completing_maps)
{
	told t = check_at("Send/Job", "  - a -> @id", REST, "PH2072");
	ck_assert_uint_eq(t.times, 2);
	t = check_at("Send/Job, previous: {}", "  - a -> @id", "", "PH2072");
	expect_nothing(&t);
	ck_assert_msg(strstr(t.all, "PH2071") == NULL, "%s", t.all);
}
END_TEST

START_TEST(left_over)
{
	told t = check("  - b <-> Text | fit(4)",
	    "'@kind', At, Done, X, Y, Place, Row, Note, LongNote, Tree, More",
	    "PH2071");
	ck_assert_uint_eq(t.times, 2); /* Size and Size/@unit */
	ck_assert_ptr_nonnull(strstr(t.all, "field Size is neither"));
	ck_assert_ptr_nonnull(strstr(t.all, "field Size/@unit is neither"));
	t = check("  - b <-> Text | fit(4)",
	    "At, Done, X, Y, Place, Row/Name, Row, Note, LongNote, Tree, More, Size",
	    "PH2071");
	expect(&t, "error", "m.yaml:4:1", "field @kind is neither");
	/* a recursive type is told once */
	t = check("",
	    "'@kind', Text, At, Done, X, Y, Place, Row, Note, LongNote, More, Size",
	    "PH2071");
	expect(&t, "error", "m.yaml:4:1", "field Tree/Leaf is neither");
}
END_TEST

/* The records of both directions are walked where they differ. */
START_TEST(left_over_of_what_is_written)
{
	told t = check_at("{in: Send/Job, out: Send/Job/Tree}",
	    "  - a <- @id\n  - b -> Tree/Leaf", "Number, " REST, "PH2071");
	expect(&t, "error", "m.yaml:4:1", "field Leaf is neither");
}
END_TEST

START_TEST(once_or_many)
{
	told t = check("  - tags[].name <-> Note[]", REST, "PH2092");
	expect(&t, "error", "m.yaml:8:21", "has Note once at most");
	t = check("  - b <-> Row/Name\n  - const(\"v\") -> Row/Value", REST, "PH2093");
	expect(&t, "warning", "m.yaml:8:11", "say Row[], or Row[1]");
	t = check("  - b -> Row/Name\n  - const(\"v\") -> Row/Value", REST, "PH2093");
	expect_nothing(&t);
	t = check("  - b <- Row[1]/Name", REST, "PH2093");
	expect_nothing(&t);
}
END_TEST

START_TEST(order)
{
	told t = check("  - t <-> Done\n  - b <-> Text | fit(4)", REST, "PH2090");
	expect(&t, "error", "m.yaml:9:5", "wants Text before Done");
	/* one that is far too early is one mistake */
	t = check(
	    "  - t <-> Done\n  - b <-> Text | fit(4)\n  - at <-> At", REST, "PH2090");
	expect(
	    &t, "error", "m.yaml:8:5", "wants Done behind At, which is written later");
	t = check("  - b <-> Text | fit(4)\n  - t <-> Done", REST, "PH2090");
	expect_nothing(&t);
	/* between the branches of a choice there is no order */
	t = check("  - b <-> Place\n  - c <-> X\n  - s <-> Y", REST, "PH2090");
	expect_nothing(&t);
}
END_TEST

START_TEST(values)
{
	told t = check("  - b <-> Done", REST, "PH2074");
	expect(&t, "warning", "m.yaml:8:11",
	    "b may be any text, but the vendor's Done is");
	t = check("  - n <-> Done", REST, "PH2074");
	expect(&t, "error", "m.yaml:8:11", "a number");
	t = check("  - t <-> Done", REST, "PH2074");
	expect_nothing(&t);
	t = check("  - at <-> Done", REST, "PH2074");
	expect(
	    &t, "error", "m.yaml:8:12", "at is a date with a time, but the vendor's");
	t = check("  - b <-> At", REST, "PH2074");
	expect(&t, "warning", "m.yaml:8:11", "a date with a time");
	t = check("  - b <- At", REST, "PH2074");
	expect_nothing(&t);
	t = check("  - b <-> Text", REST, "PH2075");
	expect(&t, "warning", "m.yaml:8:11", "holds 4 characters");
	t = check("  - tags[1].name -> Text", REST, "PH2075");
	expect(&t, "warning", "m.yaml:8:21", "holds 4 characters");
	t = check("  - const(\"other\") -> @kind", REST, "PH2091");
	expect(&t, "error", "m.yaml:8:5", "@kind does not take this constant");
	t = check("  - const(\"new\") -> @kind", REST, "PH2091");
	expect_nothing(&t);
	t = check("  - const(\"maybe\") -> Done", REST, "PH2091");
	expect(&t, "error", "m.yaml:8:5", "true or false");
	t = check("  - const(\"fifth\") -> Text", REST, "PH2091");
	expect(&t, "error", "m.yaml:8:5", "Text does not take");
}
END_TEST

/* The lengths of lists count items, those of bytes count bytes. */
START_TEST(lengths_of_what_is_no_text)
{
	map_fixture_file(&fixture, "schemas/v.xsd",
	    XS NAMES
	    "<xs:simpleType name='words'><xs:list "
	    "itemType='xs:token'/></xs:simpleType>\n"
	    "<xs:simpleType name='two'><xs:restriction base='v:words'>"
	    "<xs:maxLength value='2'/></xs:restriction></xs:simpleType>\n"
	    "<xs:simpleType name='three'><xs:restriction base='xs:base64Binary'>"
	    "<xs:length value='3'/></xs:restriction></xs:simpleType>\n"
	    "<xs:simpleType name='names'><xs:restriction base='xs:NMTOKENS'>"
	    "<xs:maxLength value='2'/></xs:restriction></xs:simpleType>\n"
	    "<xs:element name='Send'><xs:complexType><xs:sequence>"
	    "<xs:element name='Job'><xs:complexType><xs:sequence>"
	    "<xs:element name='Two' type='v:two'/>"
	    "<xs:element name='Three' type='v:three'/>"
	    "<xs:element name='Names' type='v:names'/></xs:sequence></xs:complexType>"
	    "</xs:element></xs:sequence></xs:complexType></xs:element></xs:schema>\n");
	told t = check_at("Send/Job",
	    "  - a <-> Two\n  - const(\"AAAA\") -> Three\n  - const(\"one two\") -> "
	    "Names",
	    "", "PH");
	ck_assert_msg(t.errors == 0, "%s", t.all);
	expect_nothing(&t);
}
END_TEST

/* Types that all lead to each other: 13! ways, of which enough are looked at. */
START_TEST(many_ways)
{
	enum { TYPES = 13 };
	static char text[40000];
	size_t at = (size_t) snprintf(text, sizeof text,
	    XS NAMES "<xs:element name='Send'><xs:complexType><xs:sequence>"
		     "<xs:element name='Job'><xs:complexType><xs:sequence>"
		     "<xs:element name='k' type='xs:string'/>"
		     "<xs:element name='e0' type='v:t0' minOccurs='0'/></xs:sequence>"
		     "</xs:complexType></xs:element></xs:sequence></xs:complexType>"
		     "</xs:element>\n");
	for (int i = 0; i < TYPES; i++) {
		at += (size_t) snprintf(text + at, sizeof text - at,
		    "<xs:complexType name='t%d'><xs:choice>", i);
		for (int k = 0; k < TYPES; k++)
			at += (size_t) snprintf(text + at, sizeof text - at,
			    "<xs:element name='e%d' type='v:t%d' minOccurs='0'/>", k,
			    k);
		at += (size_t) snprintf(
		    text + at, sizeof text - at, "</xs:choice></xs:complexType>\n");
	}
	snprintf(text + at, sizeof text - at, "</xs:schema>");
	map_fixture_file(&fixture, "schemas/v.xsd", text);
	told t = check_at("Send/Job", "  - a <-> k", "", "PH");
	ck_assert_msg(t.errors == 0, "%s", t.all);
}
END_TEST

START_TEST(codes)
{
	told t = check("  - s <-> @kind | codes(odd.csv)", REST, "PH2076");
	expect(&t, "error", "m.yaml:8:19", "\"lost\" (line 3)");
	t = check("  - s <-> @kind | codes(odd.csv)", REST, "PH2077");
	expect(&t, "warning", "m.yaml:8:19", "\"done\"");
	t = check("  - s -> @kind", REST, "PH2079");
	expect(&t, "warning", "m.yaml:8:10", "list of 2 values without \"open\"");
}
END_TEST

static Suite *
check_suite(void)
{
	Suite *suite = suite_create("map check of an XML Schema");
	TCase *tests = tcase_create("vendor");
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, a_whole_map);
	tcase_add_test(tests, unknown_paths);
	tcase_add_test(tests, roots);
	tcase_add_test(tests, what_is_written);
	tcase_add_test(tests, what_is_nil_has_nothing);
	tcase_add_test(tests, opened_texts);
	tcase_add_test(tests, completing_maps);
	tcase_add_test(tests, left_over);
	tcase_add_test(tests, left_over_of_what_is_written);
	tcase_add_test(tests, once_or_many);
	tcase_add_test(tests, order);
	tcase_add_test(tests, values);
	tcase_add_test(tests, lengths_of_what_is_no_text);
	tcase_add_test(tests, many_ways);
	tcase_add_test(tests, codes);
	suite_add_tcase(suite, tests);
	return suite;
}

int
main(void)
{
	return ph_check_main(check_suite());
}
