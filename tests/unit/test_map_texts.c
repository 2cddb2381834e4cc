/* Texts that hold more than one thing: documents in a field (vendor.open), items of an each. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/check_main.h"
#include "tests/unit/map_fixture.h"

#define IN   PH_MAP_IN
#define OUT  PH_MAP_OUT
#define HEAD "map: m\ncanonical: thing@1\nvendor: "

static map_fixture fixture;

static void
setup(void)
{
	map_fixture_init(&fixture);
}

static void
teardown(void)
{
	map_fixture_fini(&fixture);
}

static ph_map *
load(const char *vendor, const char *links)
{
	char text[2048];
	snprintf(text, sizeof text,
	    HEAD "%s\ndrop: {canonical: [a, b, c, tags, ref, n, t, at, s, attributes, "
		 "sub]}\nlinks:\n%s",
	    vendor, links);
	ph_map *map = map_fixture_map(&fixture, text);
	ck_assert_msg(map != NULL, "%s: %s", fixture.err.where, fixture.err.text);
	return map;
}

static ph_map_call *
ran(const ph_map *map, ph_map_direction direction, const char *bytes)
{
	ph_map_call *call;
	ph_error err;
	ck_assert_int_eq(
	    ph_map_call_new(map, direction, 0, bytes, strlen(bytes), &call, &err),
	    PH_OK);
	ck_assert_int_eq(ph_map_call_run(call, &err), PH_OK);
	return call;
}

/* The outputs of all records, a line each; a failed one as "!CODE path". */
static void
gives(const ph_map *map, ph_map_direction direction, const char *bytes,
    const char *expected)
{
	char got[4096] = "";
	ph_map_call *call = ran(map, direction, bytes);
	for (size_t i = 0; i < ph_map_call_count(call); i++) {
		size_t at = strlen(got), length;
		if (ph_map_call_result(call, i) == PH_MAP_DONE) {
			const char *data = ph_map_call_data(call, i, &length);
			snprintf(got + at, sizeof got - at, "%s%.*s", i ? "\n" : "",
			    (int) length, data);
		} else {
			snprintf(got + at, sizeof got - at, "%s!%.6s %s", i ? "\n" : "",
			    ph_map_call_error(call, i)->text,
			    ph_map_call_path(call, i));
		}
	}
	ph_map_call_destroy(&call);
	ck_assert_str_eq(got, expected);
}

/* The sender's bytes of one record alone. */
static void
source_is(const ph_map *map, const char *bytes, size_t record, const char *expected)
{
	ph_map_call *call = ran(map, IN, bytes);
	char *out = NULL;
	size_t length;
	ph_error err;
	ck_assert_int_eq(ph_map_call_source(call, record, &out, &length, &err), PH_OK);
	ck_assert_str_eq(out, expected);
	/* and it is read as the record was */
	char *first = map_fixture_run(map, IN, out, NULL);
	const char *was = ph_map_call_result(call, record) == PH_MAP_DONE
			      ? ph_map_call_data(call, record, &length)
			      : NULL;
	if (was != NULL)
		ck_assert_str_eq(first, was);
	free(first);
	free(out);
	ph_map_call_destroy(&call);
}

START_TEST(json_in_json)
{
	ph_map *map = load("{format: json, open: {json: form/payload}}",
	    "  - a <-> form/payload/name\n  - b <-> form/payload/more/note\n"
	    "  - tags[].name <-> form/payload/tags[]\n  - c <-> form/id\n");
	static const char canonical[] =
	    "{\"a\":\"N\\\"1\",\"b\":\"x\",\"tags\":[{\"name\":\"p\"}],\"c\":\"7\"}";
	static const char vendor[] =
	    "{\"form\":{\"payload\":\"{\\\"name\\\":\\\"N\\\\\\\"1\\\",\\\"more\\\":{"
	    "\\\"note\\\":\\\"x\\\"},\\\"tags\\\":[\\\"p\\\"]}\",\"id\":\"7\"}}";
	gives(map, IN, vendor, canonical);
	gives(map, OUT, canonical, vendor);
	/* nothing in it: it is not written */
	gives(map, OUT, "{\"a\":\"\",\"c\":\"7\"}",
	    "{\"form\":{\"payload\":\"{\\\"name\\\":\\\"\\\"}\",\"id\":\"7\"}}");
	ph_map_destroy(&map);
}
END_TEST

START_TEST(xml_in_xml)
{
	ph_map *map = load("{format: xml, namespaces: {p: \"urn:p\", q: \"urn:q\"}, "
			   "unprefixed: p, root: R, open: {xml: R/Doc}}",
	    "  - a <-> Doc/q:Case/q:Name\n  - b <-> Doc/q:Case/@n\n  - c <-> Id\n");
	static const char vendor[] =
	    "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<p:R xmlns:p=\"urn:p\"><p:Doc>"
	    "&lt;q:Case xmlns:q=\"urn:q\" n=\"1\"&gt;&lt;q:Name&gt;A &amp;amp; "
	    "B&lt;/q:Name&gt;&lt;/q:Case&gt;</p:Doc><p:Id>7</p:Id></p:R>";
	gives(map, IN, vendor, "{\"a\":\"A & B\",\"b\":\"1\",\"c\":\"7\"}");
	ph_map_destroy(&map);
	map = load("{format: xml, root: R, open: {xml: R/Doc}}",
	    "  - a <-> Doc/Case/Name\n  - b <-> Doc/Case/Note\n");
	static const char plain[] = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
				    "<R><Doc>&lt;Case&gt;&lt;Name&gt;é&lt;/Name&gt;&lt;"
				    "Note&gt;x&lt;/Note&gt;&lt;/Case&gt;</Doc></R>";
	gives(map, IN, plain, "{\"a\":\"é\",\"b\":\"x\"}");
	gives(map, OUT, "{\"a\":\"é\",\"b\":\"x\"}", plain);
	/* what it says of its charset was so before it became a text */
	gives(map, IN,
	    "<R><Doc>  &lt;?xml version=\"1.0\" encoding=\"utf-16\"?&gt;&lt;Case&gt;"
	    "&lt;Name&gt;é&lt;/Name&gt;&lt;/Case&gt;</Doc></R>",
	    "{\"a\":\"é\"}");
	ph_map_destroy(&map);
}
END_TEST

/* The root element itself, whose text is JSON, below a default namespace; lists in it are lists. */
START_TEST(json_in_xml)
{
	ph_map *map =
	    load("{format: xml, namespaces: {t: \"urn:t\"}, unprefixed: t, root: "
		 "string, open: {json: string}}",
		"  - a <-> name\n  - tags[].name <-> tags[]/id\n");
	gives(map, IN,
	    "<string xmlns=\"urn:t\">{\"name\":\"N\",\"tags\":[{\"id\":1},{\"id\":2}]}"
	    "</string>",
	    "{\"a\":\"N\",\"tags\":[{\"name\":\"1\"},{\"name\":\"2\"}]}");
	gives(map, OUT, "{\"a\":\"N\",\"tags\":[{\"name\":\"1\"}]}",
	    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<t:string "
	    "xmlns:t=\"urn:t\">{\"name\":\"N\",\"tags\":[{\"id\":\"1\"}]}</t:string>");
	ph_map_destroy(&map);
	/* attributes stay attributes */
	map = load("{format: xml, root: R, open: {json: R/P}}",
	    "  - a <-> P/name\n  - b <-> P/@k\n");
	static const char vendor[] = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
				     "<R><P k=\"v\">{\"name\":\"N\"}</P></R>";
	gives(map, IN, vendor, "{\"a\":\"N\",\"b\":\"v\"}");
	gives(map, OUT, "{\"a\":\"N\",\"b\":\"v\"}", vendor);
	ph_map_destroy(&map);
}
END_TEST

#define ENVELOPE "http://schemas.xmlsoap.org/soap/envelope/"

START_TEST(in_an_envelope)
{
	ph_map *map = load("{format: soap, namespaces: {p: \"urn:p\"}, unprefixed: p, "
			   "root: Get/Result, each: Set/Case, open: {xml: Get/Result}}",
	    "  - a <-> Name\n");
	gives(map, IN,
	    "<e:Envelope xmlns:e=\"" ENVELOPE "\"><e:Body><Get xmlns=\"urn:p\"><Result>"
	    "<![CDATA[<Set "
	    "xmlns=\"urn:p\"><Case><Name>1</Name></Case><Case><Name>2</Name>"
	    "</Case></Set>]]></Result></Get></e:Body></e:Envelope>",
	    "{\"a\":\"1\"}\n{\"a\":\"2\"}");
	gives(map, OUT, "{\"a\":\"1\"}",
	    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<s:Envelope "
	    "xmlns:s=\"" ENVELOPE
	    "\"><s:Body><p:Get xmlns:p=\"urn:p\"><p:Result>&lt;p:Set "
	    "xmlns:p=\"urn:p\"&gt;&lt;p:Case&gt;&lt;p:Name&gt;1&lt;/p:Name&gt;&lt;/"
	    "p:Case&gt;&lt;/p:Set&gt;</p:Result></p:Get></s:Body></s:Envelope>");
	/* a fault has no such text */
	gives(map, IN,
	    "<e:Envelope xmlns:e=\"" ENVELOPE "\"><e:Body><e:Fault><faultcode>x</"
	    "faultcode></e:Fault></e:Body></e:Envelope>",
	    "!PH2409 Get/Result");
	ph_map_destroy(&map);
}
END_TEST

START_TEST(in_a_row)
{
	map_fixture_file(
	    &fixture, "r.yaml", "format: csv\nrow: row\nfields: [id, data]\n");
	ph_map *map =
	    load("{format: csv, record: r.yaml, each: row, open: {json: row/data}}",
		"  - a <-> id\n  - b <-> data/x\n");
	static const char rows[] = "id,data\r\n1,\"{\"\"x\"\":\"\"p\"\"}\"\r\n";
	gives(map, IN, rows, "{\"a\":\"1\",\"b\":\"p\"}");
	gives(map, OUT, "{\"a\":\"1\",\"b\":\"p\"}", rows);
	source_is(map, "id,data\r\n1,{}\r\n2,\"{\"\"x\"\": 1}\"\r\n", 1,
	    "id,data\r\n2,\"{\"\"x\"\": 1}\"\r\n");
	ph_map_destroy(&map);
}
END_TEST

/* Each in the other, the records in the inner one, whatever order they are named in. */
START_TEST(nested)
{
	ph_map *map = load("{format: json, root: body/Set, each: Case, open: {json: "
			   "body/Set/Case/data, xml: body}}",
	    "  - a <- Id\n  - b <- data/x\n");
	static const char bytes[] =
	    "{\"body\":\"<Set><Case><Id>1</Id><data>{\\\"x\\\":\\\"p\\\"}</data></"
	    "Case><Case><Id>2</Id><data>{\\\"x\\\":</data></Case><Case><Id>3</Id></"
	    "Case></Set>\",\"at\":5}";
	/* what is no document fails the record that it is in, and no other */
	gives(map, IN, bytes,
	    "{\"a\":\"1\",\"b\":\"p\"}\n!PH2410 body/Set/Case[2]/data\n{\"a\":\"3\"}");
	source_is(map, bytes, 0,
	    "{\"body\":\"<Set><Case><Id>1</Id><data>{\\\"x\\\":\\\"p\\\"}</data></"
	    "Case></Set>\",\"at\":5}");
	source_is(map, bytes, 1,
	    "{\"body\":\"<Set><Case><Id>2</Id><data>{\\\"x\\\":</data></Case></"
	    "Set>\",\"at\":5}");
	/* the way to the records leads through it: nothing can be read */
	gives(map, IN, "{\"body\":\"<Set>\"}", "!PH2410 ");
	gives(map, IN, "{\"body\":\"\"}", "!PH2409 body/Set");
	ph_map_destroy(&map);
}
END_TEST

START_TEST(a_list_is_read)
{
	ph_map *map =
	    load("{format: json, root: data, each: rows, open: {json: data/rows}}",
		"  - a <- id\n");
	static const char bytes[] =
	    "{\"data\":{\"rows\":\"[{\\\"id\\\":1.50},{\\\"id\\\":2}]\"}}";
	gives(map, IN, bytes, "{\"a\":\"1.50\"}\n{\"a\":\"2\"}");
	source_is(map, bytes, 1, "{\"data\":{\"rows\":\"[{\\\"id\\\":2}]\"}}");
	gives(map, IN, "{\"data\":{\"rows\":\"[\"}}", "!PH2410 ");
	gives(map, IN, "{\"data\":{\"rows\":\"5\"}}", "!PH2410 ");
	ph_map_destroy(&map);
	/* and written, where the path says so */
	map = load("{format: json, open: {json: rows}}",
	    "  - a <-> x\n  - tags[].name <-> rows[]/id\n");
	static const char one[] = "{\"a\":\"1\",\"tags\":[{\"name\":\"p\"}]}";
	gives(map, OUT, one, "{\"x\":\"1\",\"rows\":\"[{\\\"id\\\":\\\"p\\\"}]\"}");
	gives(map, IN, "{\"x\":\"1\",\"rows\":\"[{\\\"id\\\":\\\"p\\\"}]\"}", one);
	ph_map_destroy(&map);
}
END_TEST

static void
completes(
    const ph_map *map, const char *message, const char *previous, const char *expected)
{
	ph_map_call *call;
	ph_error err = {.status = PH_OK};
	size_t length;
	ck_assert_int_eq(ph_map_call_new(map, OUT, PH_MAP_PARTIAL, message,
			     strlen(message), &call, &err),
	    PH_OK);
	if (ph_map_call_previous(call, previous, strlen(previous), &err)) {
		ck_assert_int_eq(strncmp(err.text, expected, 6), 0);
	} else {
		ck_assert_int_eq(ph_map_call_run(call, &err), PH_OK);
		ck_assert_str_eq(
		    (const char *) ph_map_call_data(call, 0, &length), expected);
	}
	ph_map_call_destroy(&call);
}

START_TEST(a_previous_record_with_texts)
{
	ph_map *map = load("{format: json, open: {json: payload}, previous: {without: "
			   "[payload/key]}}",
	    "  - a <-> payload/name\n  - b <-> note\n");
	completes(map, "{\"a\":\"N\"}",
	    "{\"payload\":\"{\\\"key\\\":1,\\\"z\\\": 2}\",\"note\":\"o\"}",
	    "{\"payload\":\"{\\\"z\\\":2,\\\"name\\\":\\\"N\\\"}\",\"note\":\"o\"}");
	completes(map, "{\"b\":\"n\"}",
	    "{\"payload\":\"{\\\"key\\\":1,\\\"z\\\": 2}\"}",
	    "{\"payload\":\"{\\\"z\\\":2}\",\"note\":\"n\"}");
	completes(map, "{\"b\":\"n\"}", "{\"payload\":\"{\"}", "PH2410");
	ph_map_destroy(&map);
	/* it stands elsewhere in what the vendor sends, and so does the text */
	map = load("{format: json, root: form, open: {json: form/payload}, previous: "
		   "{root: case, without: [payload/key]}}",
	    "  - a <-> payload/name\n  - b <-> note\n");
	completes(map, "{\"a\":\"N\"}",
	    "{\"case\":{\"payload\":\"{\\\"key\\\":1,\\\"z\\\":2}\",\"note\":\"o\"}}",
	    "{\"form\":{\"payload\":\"{\\\"z\\\":2,\\\"name\\\":\\\"N\\\"}\",\"note\":"
	    "\"o\"}}");
	completes(map, "{\"b\":\"n\"}", "{\"case\":{\"payload\":\"{\"}}", "PH2410");
	ph_map_destroy(&map);
}
END_TEST

START_TEST(items_are_messages)
{
	ph_map *map = load("{format: json, each: 'refs | split(\",\")'}",
	    "  - a <-> refs | trim\n  - b <-> state\n");
	gives(map, IN, "{\"refs\":\"1, 2,,\",\"state\":\"s\"}",
	    "{\"a\":\"1\",\"b\":\"s\"}\n{\"a\":\"2\",\"b\":\"s\"}");
	gives(map, IN, "{\"state\":\"s\",\"refs\":\"1\"}", "{\"a\":\"1\",\"b\":\"s\"}");
	gives(map, IN, "{\"state\":\"s\",\"refs\":\",\"}", "{\"a\":\",\",\"b\":\"s\"}");
	gives(
	    map, OUT, "{\"a\":\"1\",\"b\":\"s\"}", "{\"refs\":\"1\",\"state\":\"s\"}");
	/* two cannot be told from one that has the separator in it */
	gives(map, OUT, "{\"a\":\"1,2\"}", "!PH2330 refs");
	source_is(map, "{\"x\":1,\"refs\":\"1,2\",\"state\":\"s\"}", 1,
	    "{\"refs\":\"2\",\"x\":1,\"state\":\"s\"}");
	ph_map_destroy(&map);
	map = load("{format: xml, root: R, each: 'Row/Refs | split(\"::\")'}",
	    "  - a <-> Refs\n  - b <-> Note\n  - c <-> ../Id\n");
	static const char bytes[] =
	    "<R><Id>9</Id><Row><Note>x</Note><Refs>1::2</Refs></Row>"
	    "<Row><Refs>3</Refs></Row><Row/></R>";
	gives(map, IN, bytes,
	    "{\"a\":\"1\",\"b\":\"x\",\"c\":\"9\"}\n{\"a\":\"2\",\"b\":\"x\",\"c\":"
	    "\"9\"}\n"
	    "{\"a\":\"3\",\"c\":\"9\"}\n!PH3202 Refs -> a");
	source_is(map, bytes, 0,
	    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<R><Id>9</Id><Row><Refs>1</"
	    "Refs><Note>x</Note></Row></R>");
	gives(map, OUT, "{\"a\":\"1\",\"c\":\"9\"}",
	    "<?xml version=\"1.0\" "
	    "encoding=\"UTF-8\"?>\n<R><Row><Refs>1</Refs></Row><Id>9</"
	    "Id></R>");
	ph_map_destroy(&map);
}
END_TEST

/* One or many is no difference; attributes stay beside each item. */
START_TEST(items_of_what_is_no_plain_text)
{
	ph_map *map = load("{format: json, each: 'refs | split(\",\")'}",
	    "  - a <- refs\n  - b <- state\n");
	gives(map, IN, "{\"refs\":[\"1,2\"],\"state\":\"s\"}",
	    "{\"a\":\"1\",\"b\":\"s\"}\n{\"a\":\"2\",\"b\":\"s\"}");
	gives(map, IN, "{\"refs\":[\"1,2\",\"3\"]}", "!PH2401 refs -> a");
	ph_map_destroy(&map);
	map = load("{format: xml, root: R, each: 'Refs | split(\",\")'}",
	    "  - a <- Refs\n  - b <- Refs/@kind\n");
	gives(map, IN, "<R><Refs kind='k'>1,2</Refs></R>",
	    "{\"a\":\"1\",\"b\":\"k\"}\n{\"a\":\"2\",\"b\":\"k\"}");
	ph_map_destroy(&map);
	map = load("{format: xml, root: R, each: 'Row/@refs | split(\",\")'}",
	    "  - a <- @refs\n");
	gives(map, IN, "<R><Row refs='1,2'/></R>", "{\"a\":\"1\"}\n{\"a\":\"2\"}");
	source_is(map, "<R><Row refs='1,2'/></R>", 1,
	    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<R><Row refs=\"2\"/></R>");
	ph_map_destroy(&map);
	map = load("{format: xml, root: R, each: 'Refs | split(\",\")'}",
	    "  - a <- Refs\n  - b <- Refs/@kind\n");
	source_is(map, "<R><Refs kind='k'>1,2</Refs></R>", 1,
	    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<R><Refs "
	    "kind=\"k\">2</Refs></R>");
	ph_map_destroy(&map);
}
END_TEST

/* A text beside the records is read by each of them: without it none can be trusted. */
START_TEST(a_text_beside_the_records)
{
	ph_map *map =
	    load("{format: json, each: rows, open: {json: [meta, rows/data]}}",
		"  - a <- data/x\n  - b <- ../meta/by\n");
	gives(map, IN,
	    "{\"meta\":\"{\\\"by\\\":\\\"m\\\"}\",\"rows\":[{\"data\":\"{\\\"x\\\":"
	    "\\\"1\\\"}\"},{\"data\":\"no\"}]}",
	    "{\"a\":\"1\",\"b\":\"m\"}\n!PH2410 rows[2]/data");
	gives(map, IN,
	    "{\"meta\":\"no\",\"rows\":[{\"data\":\"{\\\"x\\\":\\\"1\\\"}\"}]}",
	    "!PH2410 ");
	ph_map_destroy(&map);
}
END_TEST

/* What an XML text says of its charset does not count, behind a byte order mark either. */
START_TEST(a_text_with_a_mark)
{
	ph_map *map = load("{format: json, open: {xml: x}}", "  - a <- x/R/A\n");
	static const char declared[] =
	    "<?xml version='1.0' encoding='utf-16'?>\\n<R><A>caf\xC3\xA9</A></R>\"}";
	char bytes[200];
	for (int i = 0; i < 2; i++) {
		snprintf(bytes, sizeof bytes, "{\"x\":\"%s%s",
		    i == 0 ? "" : "\xEF\xBB\xBF", declared);
		gives(map, IN, bytes, "{\"a\":\"caf\xC3\xA9\"}");
	}
	ph_map_destroy(&map);
}
END_TEST

/* A text of many items beside many fields costs no more than both together; of too many it is
 * refused. */
START_TEST(many_items_beside_many_fields)
{
	ph_map *map =
	    load("{format: json, each: 'refs | split(\",\")'}", "  - a <- refs\n");
	static const struct {
		unsigned items, fields;
		const char *item;
		size_t records;
	} rows[] = {{5000, 2000, "12345678,", 5000}, {300000, 1, "1,", 1}};
	for (size_t k = 0; k < 2; k++) {
		char *bytes = malloc(1 << 20);
		size_t at = (size_t) sprintf(bytes, "{\"refs\":\"");
		for (unsigned i = 0; i < rows[k].items; i++)
			at += (size_t) sprintf(bytes + at, "%s", rows[k].item);
		at += (size_t) sprintf(bytes + at, "\"");
		for (unsigned i = 0; i < rows[k].fields; i++)
			at += (size_t) sprintf(bytes + at, ",\"f%u\":1", i);
		(void) sprintf(bytes + at, "}");
		ph_map_call *call = ran(map, IN, bytes);
		ck_assert_uint_eq(ph_map_call_count(call), rows[k].records);
		ck_assert_str_eq(
		    ph_map_call_reason(call, 0), k == 0 ? "" : "too-large");
		ph_map_call_destroy(&call);
		free(bytes);
	}
	ph_map_destroy(&map);
}
END_TEST

START_TEST(declarations)
{
	static const char *const rows[][2] = {
	    {"{format: json, open: payload}", "PH2089"},
	    {"{format: json, open: {yaml: a}}", "PH1201"},
	    {"{format: json, open: {json: a/../b}}", "PH2045"},
	    {"{format: json, open: {json: ['a[]']}}", "PH2045"},
	    {"{format: json, each: refs | split}", "PH2059"},
	    {"{format: json, each: refs | split(1)}", "PH2059"},
	    {"{format: json, each: refs | trim}", "PH2059"},
	    {"{format: json, each: 'refs | split(\",\") | trim'}", "PH2045"},
	    {"{format: json, each: 'refs | split(\",\", 1)'}", "PH2008"}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char text[512];
		snprintf(
		    text, sizeof text, HEAD "%s\nlinks:\n  - a <-> name\n", rows[i][0]);
		ph_map *map = map_fixture_map(&fixture, text);
		ck_assert_msg(map == NULL, "%s: loaded", rows[i][0]);
		ck_assert_msg(
		    strncmp(fixture.err.text, rows[i][1], strlen(rows[i][1])) == 0,
		    "%s: %s", rows[i][0], fixture.err.text);
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("texts");
	TCase *tests = tcase_create("texts");
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, json_in_json);
	tcase_add_test(tests, xml_in_xml);
	tcase_add_test(tests, json_in_xml);
	tcase_add_test(tests, in_an_envelope);
	tcase_add_test(tests, in_a_row);
	tcase_add_test(tests, nested);
	tcase_add_test(tests, a_list_is_read);
	tcase_add_test(tests, a_previous_record_with_texts);
	tcase_add_test(tests, items_are_messages);
	tcase_add_test(tests, items_of_what_is_no_plain_text);
	tcase_add_test(tests, a_text_beside_the_records);
	tcase_add_test(tests, a_text_with_a_mark);
	tcase_add_test(tests, many_items_beside_many_fields);
	tcase_add_test(tests, declarations);
	suite_add_tcase(suite, tests);
	return ph_check_main(suite);
}
