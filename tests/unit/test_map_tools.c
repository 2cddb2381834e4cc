/* The tools around a map: laws, coverage, differences, links as text, drafts. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/buffer.h"
#include "lib/codec/codec.h"
#include "tests/unit/check_main.h"
#include "tests/unit/map_fixture.h"
#include "transform/codes.h"
#include "transform/workbench/coverage.h"
#include "transform/workbench/guess.h"
#include "transform/workbench/laws.h"
#include "transform/link_text.h"
#include "transform/workbench/map_diff.h"
#include "transform/workbench/propose.h"
#include "transform/workbench/sample.h"

static map_fixture fixture;

static void
setup(void)
{
	map_fixture_init(&fixture);
	map_fixture_file(&fixture, "codes/s.csv",
	    "x,canonical,in,out\n1,open,*,*\n2,fixed,*,*\n3,fixed,*,\n");
	map_fixture_file(
	    &fixture, "codes/k.csv", "k,canonical,in,out\nC,colour,*,*\nS,size,*,*\n");
}

static void
teardown(void)
{
	map_fixture_fini(&fixture);
}

static ph_map *
load(const char *links)
{
	ph_map *map = map_fixture_links(&fixture, links);
	ck_assert_msg(map != NULL, "%s: %s", fixture.err.where, fixture.err.text);
	return map;
}

/* ---- laws ---- */

static ph_laws
laws_of(const char *links, uint64_t seed, size_t cases)
{
	ph_laws laws;
	ph_map *map = load(links);
	ck_assert_int_eq(ph_laws_check(map, seed, cases, &laws, &fixture.err), PH_OK);
	ph_map_destroy(&map);
	return laws;
}

START_TEST(laws_that_hold)
{
	ph_laws laws =
	    laws_of("  - a <-> x\n  - b <-> y/z | fit(7)\n  - n <-> n\n  - t <-> "
		    "t | boolean(\"Y\", \"N\")\n"
		    "  - s <-> st/x | codes(s.csv)\n  - tags[].name <-> tags[]\n"
		    "  - attributes[code] <-> l[k]/v\n"
		    "  - ref <-> r | xref(thing)",
		7, 60);
	ck_assert_msg(!laws.broken, "%s: %s %s", laws.law, laws.text, laws.document);
	ck_assert_uint_eq(laws.links, 8);
	ck_assert_uint_gt(laws.held, 40);
	ph_laws_fini(&laws);
	/* one way only: nothing to hold it to */
	laws = laws_of("  - a <- x\n  - b -> y", 7, 10);
	ck_assert_uint_eq(laws.links, 0);
	ck_assert(!laws.broken);
}
END_TEST

START_TEST(a_law_that_is_broken)
{
	/* a text with the separator in it comes back in other parts */
	const char *links = "  - b <-> y\n  - (a, c) <-> x | join(\"-\")";
	ph_laws laws = laws_of(links, 3, 400);
	ck_assert_msg(laws.broken, "nothing broke: %zu held, %zu refused (%s)",
	    laws.held, laws.refused, laws.refusal);
	ck_assert_ptr_nonnull(strstr(laws.where, "m.yaml:7:5"));
	ck_assert_ptr_nonnull(strstr(laws.text, "came back as"));
	/* the other fields have been left out, and nothing is long */
	ck_assert_msg(
	    strlen(laws.document) < 60 && strstr(laws.document, "\"b\"") == NULL, "%s",
	    laws.document);
	/* the second time: what differs is a value, on both trips there is one */
	ph_laws other =
	    laws_of("  - a <-> y\n  - t <-> x | boolean(\"Y\", \"Y\")", 3, 60);
	ck_assert_msg(other.broken, "%zu held", other.held);
	ck_assert_str_eq(other.text, "t was \"false\", came back as \"true\"");
	ph_laws_fini(&other);
	/* the same seed finds the same */
	ph_laws again = laws_of(links, 3, 400);
	ck_assert_uint_eq(again.number, laws.number);
	ck_assert_str_eq(again.document, laws.document);
	ph_laws_fini(&again);
	ph_laws_fini(&laws);
}
END_TEST

/* ---- made-up texts ---- */

START_TEST(texts_of_a_pattern)
{
	static const char *const patterns[] = {"^SR-[0-9A-HJKMNP-TV-Z]{13}$",
	    "^[^@\\s]+@[^@\\s]+$", "^(?:a|bc|d{2,3})(x?y*)+$",
	    "^\\d{4}-\\d\\d\\.[ab|]$", "^[a-z0-9][a-z0-9-]{0,59}$"};
	ph_sampler sampler = {.state = 11};
	for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
		ph_pattern *pattern;
		ck_assert_int_eq(
		    ph_pattern_new(patterns[i], strlen(patterns[i]), &pattern, NULL),
		    PH_OK);
		for (int k = 0; k < 50; k++) {
			ph_buffer text;
			ph_buffer_init(&text, 0);
			ck_assert(ph_sample_pattern(&sampler, patterns[i], &text));
			ck_assert_msg(ph_pattern_match(pattern, ph_buffer_cstr(&text),
					  text.length, NULL) == PH_MATCH_YES,
			    "%s is no %s", ph_buffer_cstr(&text), patterns[i]);
			ph_buffer_fini(&text);
		}
		ph_pattern_destroy(&pattern);
	}
	ph_buffer text;
	ph_buffer_init(&text, 0);
	ck_assert(!ph_sample_pattern(&sampler, "^(?=x)y", &text));
	ph_buffer_fini(&text);
}
END_TEST

START_TEST(documents_of_a_schema)
{
	static const char text[] =
	    "{\"$id\": \"urn:x:1\", \"type\": \"object\", \"required\": [\"a\"],"
	    "\"properties\": {\"a\": {\"type\": \"string\", \"minLength\": 2, "
	    "\"maxLength\": 5}, \"n\": {\"type\": \"integer\", \"minimum\": 3, "
	    "\"maximum\": 9}, \"at\": {\"type\": \"string\", \"format\": "
	    "\"date-time\"}, \"l\": {\"type\": \"array\", \"minItems\": 1, \"items\": "
	    "{\"$ref\": \"#/$defs/e\"}}}, \"$defs\": {\"e\": {\"enum\": [\"x\", 7, "
	    "null]}}}";
	ph_schema *schema;
	ph_document *document;
	ph_sampler sampler = {.state = 5};
	bool with = false, without = false;
	ck_assert_int_eq(
	    ph_schema_parse("x", text, strlen(text), &schema, &fixture.err), PH_OK);
	ck_assert_int_eq(ph_document_new("t", 16 << 20, &document, NULL), PH_OK);
	for (int i = 0; i < 100; i++) {
		ph_violation violation;
		ph_node *made = ph_sample_make(&sampler, schema, document);
		ck_assert_ptr_nonnull(made);
		ck_assert_int_eq(
		    ph_schema_check(schema, document, made, 0, &violation), PH_OK);
		with |= ph_node_get(made, "n") != NULL;
		without |= ph_node_get(made, "n") == NULL;
	}
	ck_assert(with && without);
	ph_document_destroy(&document);
	ph_schema_destroy(&schema);
}
END_TEST

/* ---- coverage ---- */

static void
run_traced(const ph_map *map, ph_map_direction direction, const char *bytes,
    const ph_trace *trace)
{
	ph_map_call *call;
	ck_assert_int_eq(
	    ph_map_call_new(map, direction, 0, bytes, strlen(bytes), &call, NULL),
	    PH_OK);
	ph_map_call_trace(call, trace);
	ck_assert_int_eq(ph_map_call_run(call, NULL), PH_OK);
	ck_assert_int_eq(ph_map_call_result(call, 0), PH_MAP_DONE);
	ph_map_call_destroy(&call);
}

/* "in x", "out codes 2": what has not been hit. */
static void
bare(const ph_coverage *coverage, char out[512])
{
	out[0] = '\0';
	for (size_t i = 0; i < ph_coverage_count(coverage); i++) {
		ph_covered item = ph_coverage_at(coverage, i);
		size_t at = strlen(out);
		if (!item.hit && item.table == NULL)
			snprintf(out + at, 512 - at, "%s %u;",
			    item.inward ? "in" : "out", item.link->node->line);
		else if (!item.hit)
			snprintf(out + at, 512 - at, "%s code %u;",
			    item.inward ? "in" : "out",
			    ph_codes_line(item.table, item.row));
	}
}

START_TEST(covered_links_and_codes)
{
	char left[512];
	ph_coverage *coverage;
	ph_map *map =
	    load("  - a <-> x\n  - s <-> st/x | codes(s.csv)\n  - b <- first\n  - "
		 "b <- second | when(x)\n"
		 "  - attributes[code] <-> l[k]/v | keys(k.csv)");
	ck_assert_int_eq(ph_coverage_new(map, &coverage, NULL), PH_OK);
	const ph_trace *trace = ph_coverage_trace(coverage);
	bare(coverage, left);
	ck_assert_str_eq(left,
	    "in 6;out 6;in 7;in code 2;in code 3;in code 4;out 7;out code 2;out code 3;"
	    "in 8;in 9;in 10;in code 2;in code 3;out 10;out code 2;out code 3;");
	run_traced(map, PH_MAP_IN,
	    "{\"x\":\"1\",\"first\":\"f\",\"second\":\"s\",\"st\":{\"x\":\"3\"},"
	    "\"l\":[{\"k\":\"S\",\"v\":\"9\"}]}",
	    trace);
	bare(coverage, left);
	/* `second` had a value too, but `first` was there before it */
	ck_assert_str_eq(left,
	    "out 6;in code 2;in code 3;out 7;out code 2;out code 3;in 9;in code 2;out "
	    "10;out code 2;out code 3;");
	run_traced(map, PH_MAP_OUT,
	    "{\"a\":\"1\",\"s\":\"fixed\",\"attributes\":[{\"code\":\"colour\","
	    "\"value\":\"red\"}]}",
	    trace);
	bare(coverage, left);
	ck_assert_str_eq(
	    left, "in code 2;in code 3;out code 2;in 9;in code 2;out code 3;");
	ph_coverage_destroy(&coverage);
	ph_map_destroy(&map);
}
END_TEST

/* ---- links as text ---- */

START_TEST(links_as_text)
{
	ph_link_text text;
	ph_link_split(
	    "(a, b)  <-> 'x -> | y'/z | join(\"|)\") | when(c = \"->\")", &text);
	ck_assert_int_eq(strncmp(text.canonical.text, "(a, b)", 6), 0);
	ck_assert_uint_eq(text.canonical.length, 6);
	ck_assert_uint_eq(text.arrow.length, 3);
	ck_assert_uint_eq(text.vendor.length, strlen("'x -> | y'/z"));
	ck_assert_uint_eq(text.count, 2);
	ck_assert_uint_eq(text.terms[0].length, strlen("join(\"|)\")"));
	ck_assert_uint_eq(ph_term_name(text.terms[1]).length, 4);
	ph_part a = {"fit(5,ellipsis)", 15}, b = {"fit( 5, ellipsis )", 18};
	ck_assert(ph_part_same(a, b));
	ph_part c = {"x(\"a b\")", 8}, d = {"x(\"ab\")", 7};
	ck_assert(!ph_part_same(c, d));
	ph_link_split("a <-> b | prefix(\")|\") | trim", &text);
	ck_assert_uint_eq(text.count, 2);
	ph_link_split("no link", &text);
	ck_assert_uint_eq(text.arrow.length, 0);
	ck_assert_uint_eq(text.canonical.length, 7);
}
END_TEST

/* ---- differences ---- */

static void
note(void *self, const char *kind, const char *change, const char *where,
    const char *text)
{
	char *out = self;
	size_t at = strlen(out);
	const char *file = strrchr(where, '/');
	snprintf(out + at, 4096 - at, "%s %s %s %s\n", kind, change, file + 1, text);
}

static char *
difference(const char *old, const char *new)
{
	static char out[4096], paths[2][160];
	ph_map_version_of a = {paths[0], fixture.folders},
			  b = {paths[1], fixture.folders};
	out[0] = '\0';
	map_fixture_file(&fixture, "maps/old.yaml", old);
	map_fixture_file(&fixture, "maps/new.yaml", new);
	snprintf(paths[0], sizeof paths[0], "%s/maps/old.yaml", fixture.folder);
	snprintf(paths[1], sizeof paths[1], "%s/maps/new.yaml", fixture.folder);
	ck_assert_int_eq(ph_map_diff(&a, &b, note, out, &fixture.err), PH_OK);
	return out;
}

START_TEST(differences_in_words)
{
	const char *old = "map: m\nvendor: {format: json, empty: absent}\nlinks:\n"
			  "  - a <-> x | fit(5)\n  - b -> y\n  - c <-> z\n  - d <- w\n"
			  "drop: {vendor: [p, q]}\n";
	ck_assert_str_eq(difference(old, old), "");
	/* layout and comments are nothing */
	ck_assert_str_eq(
	    difference(old,
		"map: m\nvendor:\n  format: json\n  empty: absent\nlinks:\n"
		"  # first\n  - a   <-> x |fit( 5 )\n  - b -> y\n  - c <-> z\n"
		"  - d <- w\ndrop:\n  vendor: [p, q]\n"),
	    "");
	ck_assert_str_eq(
	    difference(old,
		"map: m\nvendor: {format: xml, root: r}\nlinks:\n"
		"  - a <-> x | fit(9, ellipsis) | trim\n  - b <-> y\n  - c <-> zz\n"
		"  - e <- v\ndrop: {vendor: [q, s]}\n"),
	    "setting changed new.yaml:2:18 vendor.format was json, is now xml\n"
	    "setting removed old.yaml:2:31 vendor.empty is gone: absent\n"
	    "setting added new.yaml:2:29 vendor.root is new: r\n"
	    "link changed new.yaml:4:5 a <-> x: fit(5) is now fit(9, ellipsis)\n"
	    "link changed new.yaml:4:5 a <-> x: now trim\n"
	    "link changed new.yaml:5:5 b <-> y: it went out only, it now goes both "
	    "ways\n"
	    "link changed new.yaml:6:5 c <-> zz: its vendor side was z\n"
	    "link removed old.yaml:7:5 the link is gone: d <- w\n"
	    "link added new.yaml:7:5 a new link: e <- v\n"
	    "list removed old.yaml:8:17 drop.vendor no longer has p\n"
	    "list added new.yaml:8:20 drop.vendor has s now\n");
	ck_assert_str_eq(difference("links:\n  - a <-> x\n  - b <-> y\n",
			     "links:\n  - b <-> y\n  - a <-> x\n"),
	    "order changed new.yaml:2:5 the links stand in another order: fields may "
	    "be "
	    "written in another order, and another link may win\n");
}
END_TEST

START_TEST(differences_of_tables)
{
	char out[4096] = "", old[160], new[160];
	map_fixture_file(&fixture, "codes/a.csv",
	    "x,canonical,in,out\n1,open,*,*\n2,fixed,*,*\n3,gone,*,*\n");
	map_fixture_file(&fixture, "codes/b.csv",
	    "x,canonical,in,out\n1,open,*,*\n5,fixed,*,\n4,fresh,*,*\n");
	snprintf(old, sizeof old, "%s/codes/a.csv", fixture.folder);
	snprintf(new, sizeof new, "%s/codes/b.csv", fixture.folder);
	ck_assert_int_eq(ph_codes_diff(old, new, note, out, NULL), PH_OK);
	ck_assert_str_eq(out,
	    "code changed b.csv:3:1 b.csv: x 5, canonical fixed, in; x was 2, is now "
	    "5; "
	    "out was *, is now empty\n"
	    "code removed a.csv:4:1 b.csv: the row is gone: x 3, canonical gone, in, "
	    "out\n"
	    "code added b.csv:4:1 b.csv: a new row: x 4, canonical fresh, in, out\n");
	/* rows are known by their canonical value first */
	out[0] = '\0';
	map_fixture_file(&fixture, "codes/a.csv", "x,canonical\n1,open\n2,fixed\n");
	map_fixture_file(&fixture, "codes/b.csv", "x,canonical\n2,open\n1,fixed\n");
	ck_assert_int_eq(ph_codes_diff(old, new, note, out, NULL), PH_OK);
	ck_assert_str_eq(out,
	    "code changed b.csv:2:1 b.csv: x 2, canonical open; x was 1, is now 2\n"
	    "code changed b.csv:3:1 b.csv: x 1, canonical fixed; x was 2, is now 1\n");
}
END_TEST

/* ---- drafts ---- */

START_TEST(names_that_are_alike)
{
	ck_assert_uint_eq(ph_guess_names("requested_at", "RequestedAt"), 100);
	ck_assert_uint_eq(ph_guess_names("reporter.phone", "customer/telephone"), 100);
	ck_assert_uint_eq(ph_guess_names("location.lat", "Colour"), 0);
	ck_assert_uint_gt(ph_guess_names("reporter.email", "EmailAddress"), 20);
	/* the last word says what it is, the others of what */
	ck_assert_uint_gt(ph_guess_names("reporter.email", "email"),
	    ph_guess_names("reporter.email", "reporter.fax"));
}
END_TEST

START_TEST(a_draft)
{
	static const char sample[] =
	    "{\"total\":1,\"rows\":[{\"b\":\"Smith\",\"at\":\"2024-01-02T03:04:05Z\","
	    "\"n\":4,\"sub\":{\"x\":1.5},\"t\":true,\"odd/name\":\"q\",\"attributes\":"
	    "[{\"code\":\"c\",\"value\":\"v\"}]}]}";
	ph_schema *schema;
	ph_document *document;
	ph_buffer out;
	char path[160];
	snprintf(path, sizeof path, "%s/schemas/thing.v1.schema.json", fixture.folder);
	ck_assert_int_eq(ph_schema_load(path, &schema, &fixture.err), PH_OK);
	ck_assert_int_eq(ph_document_new("s", 8 << 20, &document, NULL), PH_OK);
	ck_assert_int_eq(ph_json_decode(document, sample, strlen(sample), NULL), PH_OK);
	ph_proposal proposal = {.name = "m",
	    .format = PH_MAP_JSON,
	    .format_name = "json",
	    .schema = schema,
	    .sample = document};
	ph_buffer_init(&out, 0);
	ck_assert_int_eq(ph_propose(&proposal, &out, &fixture.err), PH_OK);
	const char *text = ph_buffer_cstr(&out);
	static const char *const lines[] = {"canonical: thing@1\n", "  each: rows\n",
	    "  - a <- const(\"\") # unsure", "  - b <-> b\n", "  - n <-> n\n",
	    "  - t <-> t\n", "  - sub.x <-> sub/x\n",
	    "  - at <-> at | time(rfc3339, Europe/London) # unsure",
	    "  - attributes[code] <-> attributes[code]/value # unsure",
	    "\"'odd/name'\"", "sub.y"};
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
		ck_assert_msg(
		    strstr(text, lines[i]) != NULL, "no %s in\n%s", lines[i], text);
	ck_assert_msg(strstr(text, "Smith") == NULL, "%s", text);
	/* and it is a map */
	ph_map *map = map_fixture_map(&fixture, text);
	ck_assert_msg(
	    map != NULL, "%s: %s\n%s", fixture.err.where, fixture.err.text, text);
	ph_map_destroy(&map);
	ph_buffer_fini(&out);
	ph_document_destroy(&document);
	ph_schema_destroy(&schema);
}
END_TEST

#define XS "<xs:schema xmlns:xs='http://www.w3.org/2001/XMLSchema' "

static const char jobs_xsd[] =
    XS "targetNamespace='urn:v' xmlns:v='urn:v' elementFormDefault='qualified'>"
       "<xs:element name='Send'><xs:complexType><xs:sequence>"
       "<xs:element name='Job' type='v:job' maxOccurs='unbounded'/>"
       "</xs:sequence></xs:complexType></xs:element>"
       "<xs:element name='Reply' type='xs:string'/>"
       "<xs:complexType name='job'><xs:sequence>"
       "<xs:element name='Kind'><xs:simpleType><xs:restriction base='xs:string'>"
       "<xs:enumeration value='new job'/><xs:enumeration value='old'/>"
       "</xs:restriction></xs:simpleType></xs:element>"
       "<xs:element name='B' minOccurs='0'><xs:simpleType>"
       "<xs:restriction base='xs:string'><xs:maxLength value='40'/></xs:restriction>"
       "</xs:simpleType></xs:element>"
       "<xs:element name='A' type='xs:string'/>"
       "<xs:element name='At' type='xs:dateTime' minOccurs='0'/>"
       "<xs:choice><xs:element name='N' type='xs:decimal'/>"
       "<xs:element name='Other' type='xs:string'/></xs:choice>"
       "<xs:element name='Sub' minOccurs='0'><xs:complexType><xs:sequence>"
       "<xs:element name='X' type='xs:decimal'/></xs:sequence></xs:complexType>"
       "</xs:element>"
       "<xs:element name='Follow' type='v:job' minOccurs='0'/>"
       "</xs:sequence><xs:attribute name='grade' type='xs:int' use='required'/>"
       "</xs:complexType></xs:schema>";

/* A draft from the schema `jobs.xsd`; out is the map, or the error. */
static ph_status
draft_of_schema(const char *way, ph_buffer *out)
{
	ph_xsd *xsd;
	ph_xsd_shape *shape;
	ph_xsd_sample made;
	ph_schema *schema;
	char path[160];
	snprintf(path, sizeof path, "%s/schemas/thing.v1.schema.json", fixture.folder);
	ck_assert_int_eq(ph_schema_load(path, &schema, &fixture.err), PH_OK);
	snprintf(path, sizeof path, "%s/schemas/jobs.xsd", fixture.folder);
	ck_assert_int_eq(ph_xsd_load(path, &xsd, &fixture.err), PH_OK);
	ck_assert_int_eq(ph_xsd_shape_new(xsd, &shape, &fixture.err), PH_OK);
	ph_status status =
	    ph_xsd_sample_init(&made, shape, "jobs.xsd", way, &fixture.err);
	ph_proposal proposal = {.name = "m",
	    .format = PH_MAP_XML,
	    .format_name = "xml",
	    .schema = schema,
	    .sample = made.document,
	    .made = &made,
	    .xsd = "jobs.xsd"};
	ph_buffer_clear(out);
	if (status == PH_OK)
		ck_assert_int_eq(ph_propose(&proposal, out, &fixture.err), PH_OK);
	else
		ph_buffer_text(out, fixture.err.text);
	ph_xsd_sample_fini(&made);
	ph_xsd_shape_destroy(&shape);
	ph_xsd_destroy(&xsd);
	ph_schema_destroy(&schema);
	return status;
}

static void
tell_error(void *self, const char *kind, const char *where, const char *text)
{
	if (strcmp(kind, "error") == 0)
		ph_buffer_printf(self, "%s %s\n", where, text);
}

/* In the schema's order, with what it requires and no text longer than it takes; and it is a map that
 * the schema has nothing against. */
START_TEST(a_draft_of_a_schema)
{
	static const char wanted[] =
	    "vendor:\n  format: xml\n  namespaces:\n    n1: \"urn:v\"\n"
	    "  unprefixed: n1\n  root: Send\n  each: Job\n  schema: jobs.xsd\nlinks:\n"
	    "  - const(\"7\") -> @grade # unsure: the vendor's schema requires it\n"
	    "  - const(\"new job\") -> Kind # unsure: the vendor's schema requires it\n"
	    "  - b <-> B | fit(40)\n  - a <-> A\n"
	    "  - at <-> At | time(rfc3339, Europe/London) # unsure: is the time zone "
	    "right?\n"
	    "  - n <-> N\n  - sub.x <-> Sub/X\ndrop:\n  vendor: [Other]\n";
	ph_buffer out, errors;
	ph_buffer_init(&out, 0);
	ph_buffer_init(&errors, 0);
	map_fixture_file(&fixture, "schemas/jobs.xsd", jobs_xsd);
	ck_assert_int_eq(draft_of_schema("Send/Job", &out), PH_OK);
	const char *text = ph_buffer_cstr(&out);
	ck_assert_msg(strstr(text, wanted) != NULL, "%s", text);
	ck_assert_ptr_null(strstr(text, "Follow")); /* the record again */
	map_fixture_file(&fixture, "maps/m.yaml", text);
	(void) ph_map_check("m", fixture.folders, tell_error, &errors, NULL);
	ck_assert_str_eq(ph_buffer_cstr(&errors), "");
	ph_buffer_fini(&errors);
	ph_buffer_fini(&out);
}
END_TEST

/* Of a choice one branch is linked, whole; the links of the others are comments. What may be chosen
 * again and again excludes nothing. */
START_TEST(a_draft_of_a_choice)
{
	ph_buffer out, errors;
	ph_buffer_init(&out, 0);
	ph_buffer_init(&errors, 0);
	map_fixture_file(&fixture, "schemas/jobs.xsd",
	    XS "><xs:element name='Job'><xs:complexType><xs:sequence><xs:choice>"
	       "<xs:element name='NewA' type='xs:string'/>"
	       "<xs:sequence><xs:element name='A' type='xs:string'/>"
	       "<xs:element name='B' type='xs:string' minOccurs='0'/></xs:sequence>"
	       "<xs:element name='OtherN' type='xs:decimal'/></xs:choice>"
	       "<xs:element name='N' type='xs:decimal'/>"
	       "</xs:sequence></xs:complexType></xs:element></xs:schema>");
	ck_assert_int_eq(draft_of_schema("Job", &out), PH_OK);
	const char *text = ph_buffer_cstr(&out);
	ck_assert_msg(strstr(text, "links:\n"
				   "  # - a <-> NewA # the vendor's schema has this or "
				   "A: choose one\n"
				   "  - a <-> A\n  - b <-> B\n"
				   "  # - n <-> OtherN # the vendor's schema has this "
				   "or A: choose one\n  - n <-> N\n") != NULL,
	    "%s", text);
	ck_assert_msg(strstr(text, "vendor: [NewA, OtherN]\n") != NULL, "%s", text);
	map_fixture_file(&fixture, "maps/m.yaml", text);
	(void) ph_map_check("m", fixture.folders, tell_error, &errors, NULL);
	ck_assert_str_eq(ph_buffer_cstr(&errors), "");
	map_fixture_file(&fixture, "schemas/jobs.xsd",
	    XS "><xs:element name='Job'><xs:complexType>"
	       "<xs:choice maxOccurs='unbounded'>"
	       "<xs:element name='A' type='xs:string'/>"
	       "<xs:element name='B' type='xs:string'/>"
	       "</xs:choice></xs:complexType></xs:element></xs:schema>");
	ck_assert_int_eq(draft_of_schema("Job", &out), PH_OK);
	ck_assert_ptr_null(strstr(ph_buffer_cstr(&out), "choose one"));
	ph_buffer_fini(&errors);
	ph_buffer_fini(&out);
}
END_TEST

START_TEST(a_schema_has_to_say_where_it_begins)
{
	static const struct {
		const char *way, *words;
	} rows[] = {
	    {NULL, "PH7313 say with --root which element is the record: a document may "
		   "begin with Send, Reply"},
	    {"Send/Jop", "PH7312 there is no element Jop there, but: Job"},
	    {"Reply/A", "PH7312 there is no element A there, but: none"},
	};
	ph_buffer out;
	ph_buffer_init(&out, 0);
	map_fixture_file(&fixture, "schemas/jobs.xsd", jobs_xsd);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		ck_assert_int_ne(draft_of_schema(rows[i].way, &out), PH_OK);
		ck_assert_str_eq(ph_buffer_cstr(&out), rows[i].words);
	}
	/* the only one is found */
	map_fixture_file(&fixture, "schemas/jobs.xsd",
	    XS "><xs:element name='Job'><xs:complexType><xs:sequence>"
	       "<xs:element name='A' type='xs:string'/></xs:sequence>"
	       "</xs:complexType></xs:element></xs:schema>");
	ck_assert_int_eq(draft_of_schema("/Job", &out), PH_OK);
	ck_assert_int_eq(draft_of_schema(NULL, &out), PH_OK);
	ck_assert_ptr_nonnull(strstr(ph_buffer_cstr(&out), "root: Job\n"));
	ck_assert_ptr_nonnull(strstr(ph_buffer_cstr(&out), "  - a <-> A\n"));
	ph_buffer_fini(&out);
}
END_TEST

/* A text beside attributes is a field as they are; what may be one text only is that text. */
START_TEST(a_draft_of_texts_with_attributes)
{
	ph_buffer out, errors;
	ph_buffer_init(&out, 0);
	ph_buffer_init(&errors, 0);
	map_fixture_file(&fixture, "schemas/jobs.xsd",
	    XS "><xs:simpleType name='V'><xs:restriction base='xs:string'/>"
	       "</xs:simpleType><xs:element name='Job'><xs:complexType><xs:sequence>"
	       "<xs:element name='A'><xs:complexType><xs:simpleContent>"
	       "<xs:extension base='xs:string'><xs:attribute name='a' type='xs:string' "
	       "use='required'/></xs:extension></xs:simpleContent></xs:complexType>"
	       "</xs:element><xs:element name='N' type='xs:decimal' fixed='2.0'/>"
	       "<xs:element ref='Kind'/>"
	       "</xs:sequence><xs:attribute name='v' type='V' fixed='K9' "
	       "use='required'/></xs:complexType></xs:element>"
	       "<xs:element name='Kind' type='V'/></xs:schema>");
	ck_assert_int_eq(draft_of_schema("Job", &out), PH_OK);
	const char *text = ph_buffer_cstr(&out);
	ck_assert_msg(strstr(text, "  - const(\"K9\") -> @v #") != NULL, "%s", text);
	ck_assert_msg(strstr(text, " <-> A\n") != NULL, "%s", text);
	ck_assert_msg(strstr(text, "const(\"text\") -> Kind #") != NULL, "%s", text);
	ck_assert_msg(strstr(text, "A/@a") != NULL, "%s", text);
	char *other = strdup(text), *place = strstr(other, "K9");
	ck_assert_ptr_nonnull(place);
	memcpy(place, "K8", 2);
	map_fixture_file(&fixture, "maps/m.yaml", other);
	free(other);
	(void) ph_map_check("m", fixture.folders, tell_error, &errors, NULL);
	ck_assert_ptr_nonnull(
	    strstr(ph_buffer_cstr(&errors), "PH2091 the vendor's @v "));
	ph_buffer_fini(&errors);
	ph_buffer_fini(&out);
}
END_TEST

/* Types in types, each twice: a billion elements without a text. */
START_TEST(a_schema_that_is_too_much_for_a_draft)
{
	char text[8000];
	ph_buffer out;
	size_t at = (size_t) snprintf(text, sizeof text,
	    XS "><xs:element name='Job' type='T0'/><xs:complexType name='T30'>"
	       "<xs:sequence/></xs:complexType>");
	for (unsigned i = 0; i < 30; i++)
		at += (size_t) snprintf(text + at, sizeof text - at,
		    "<xs:complexType name='T%u'><xs:sequence><xs:element name='a' "
		    "type='T%u'/><xs:element name='b' type='T%u'/></xs:sequence>"
		    "</xs:complexType>",
		    i, i + 1, i + 1);
	snprintf(text + at, sizeof text - at, "</xs:schema>");
	ph_buffer_init(&out, 0);
	map_fixture_file(&fixture, "schemas/jobs.xsd", text);
	ck_assert_int_eq(draft_of_schema(NULL, &out), PH_ERR_TOO_LARGE);
	ck_assert_int_eq(strncmp(ph_buffer_cstr(&out), "PH7314 ", 7), 0);
	map_fixture_file(
	    &fixture, "schemas/jobs.xsd", XS "><xs:complexType name='T'/></xs:schema>");
	ck_assert_int_eq(draft_of_schema(NULL, &out), PH_ERR_INVALID);
	ck_assert_str_eq(ph_buffer_cstr(&out),
	    "PH7313 the schema has no element that a document may begin with: give the "
	    "file that has");
	ph_buffer_fini(&out);
}
END_TEST

static Suite *
tools_suite(void)
{
	Suite *suite = suite_create("map tools");
	TCase *tests = tcase_create("tools");
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, laws_that_hold);
	tcase_add_test(tests, a_law_that_is_broken);
	tcase_add_test(tests, texts_of_a_pattern);
	tcase_add_test(tests, documents_of_a_schema);
	tcase_add_test(tests, covered_links_and_codes);
	tcase_add_test(tests, links_as_text);
	tcase_add_test(tests, differences_in_words);
	tcase_add_test(tests, differences_of_tables);
	tcase_add_test(tests, names_that_are_alike);
	tcase_add_test(tests, a_draft);
	tcase_add_test(tests, a_draft_of_a_schema);
	tcase_add_test(tests, a_draft_of_a_choice);
	tcase_add_test(tests, a_schema_has_to_say_where_it_begins);
	tcase_add_test(tests, a_draft_of_texts_with_attributes);
	tcase_add_test(tests, a_schema_that_is_too_much_for_a_draft);
	suite_add_tcase(suite, tests);
	return suite;
}

int
main(void)
{
	return ph_check_main(tools_suite());
}
