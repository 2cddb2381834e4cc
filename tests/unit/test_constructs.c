/* Letters, lists, points, chosen items; the previous record; surveys of codes. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/check_main.h"
#include "tests/unit/map_fixture.h"

typedef struct row {
	const char *link;
	ph_map_direction direction;
	const char *document;
	const char *
	    expected; /* JSON; "!" and what a failure says; "^" and a beginning; "?" and a load error */
} row;

static map_fixture fixture;

static void
setup(void)
{
	map_fixture_init(&fixture);
	map_fixture_file(&fixture, "codes/t.csv",
	    "x,canonical,in,out\nNEW,open,*,*\n4*,fixed,*,\nOLD,fixed,*,*\n");
	map_fixture_file(&fixture, "codes/keys.csv", "canonical,key\nbin,79\n");
	map_fixture_file(&fixture, "codes/state.csv",
	    "x,canonical,in,out\nfixed,fixed,*,*\nopen,open,*,*\n");
}

static void
teardown(void)
{
	map_fixture_fini(&fixture);
}

static void
try_row(const row *r)
{
	char links[1024];
	bool writes_a =
	    strncmp(r->link, "a ", 2) == 0 || strncmp(r->link, "(a,", 3) == 0;
	snprintf(links, sizeof links, "  - %s\n%s", r->link,
	    writes_a ? "" : "  - a <- const(\"-\")");
	ph_map *map = map_fixture_links(&fixture, links);
	if (r->expected[0] == '?') {
		ck_assert_msg(map == NULL, "%s: loaded", r->link);
		ck_assert_msg(strncmp(fixture.err.text, r->expected + 1, 6) == 0,
		    "%s: %s: %s", r->link, fixture.err.where, fixture.err.text);
		return;
	}
	ck_assert_msg(
	    map != NULL, "%s: %s: %s", r->link, fixture.err.where, fixture.err.text);
	char *got = map_fixture_run(map, r->direction, r->document, NULL);
	const char *wanted = r->expected + (r->expected[0] == '^');
	bool same = r->expected[0] == '!' || r->expected[0] == '^'
			? strncmp(got, wanted, strlen(wanted)) == 0
			: strcmp(got, wanted) == 0;
	ck_assert_msg(
	    same, "%s %s: got %s, expected %s", r->link, r->document, got, r->expected);
	free(got);
	ph_map_destroy(&map);
}

#define TRY(rows)                                                                      \
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)                    \
	try_row(&rows[i])

#define IN   PH_MAP_IN
#define OUT  PH_MAP_OUT
#define X(t) "{\"x\":\"" t "\"}"
#define A(t) "{\"a\":\"" t "\"}"

START_TEST(cases)
{
	static const row rows[] = {
	    {"a <-> x | case(upper, lower)", OUT, A("renée ñ ß ő я ς"),
		X("RENÉE Ñ ß Ő Я Σ")},
	    {"a <-> x | case(upper, lower)", IN, X("OPEN Ÿ Ж Џ Ź Ï"),
		A("open ÿ ж џ ź ï")},
	    {"a <-> x | case(keep, lower)", OUT, A("Mixed"), X("Mixed")},
	    {"a <-> x | case(upper)", IN, X("Mixed"), A("Mixed")},
	    {"a <- x | case(lower)", IN, X("ABC ×÷"), A("abc ×÷")},
	    {"a <-> x | codes(state.csv) | case(keep, lower)", IN, X("Fixed"),
		A("fixed")},
	    {"a <-> x | codes(state.csv) | case(keep, lower)", OUT, A("fixed"),
		X("fixed")},
	    {"a <- x | case(title)", IN, X(""), "?PH2230"},
	    {"a <- x | case", IN, X(""), "?PH2230"},
	};
	TRY(rows);
}
END_TEST

START_TEST(characters)
{
	static const row rows[] = {
	    {"a <-> x | strip-control", IN, X("ab\\u0007\\tc\\n\\u0085d\\u007f"),
		A("ab\\tc\\nd")},
	    {"a <-> x | strip-control", OUT, A("\\u001b[1mA"), X("[1mA")},
	    {"a <-> x | plain(windows-1252)", OUT, A("£5 – ‘it’s’ … € ő ☃ Ž"),
		X("£5 – ‘it’s’ … € o ? Ž")},
	    {"a <-> x | plain(windows-1252)", OUT, A("\\u0085"), X("?")},
	    {"a <-> x | plain(iso-8859-1)", OUT, A("£5 – ‘it’s’ … € ñ Š"),
		X("£5 - 'it's' ... EUR ñ S")},
	    {"a <-> x | plain(ascii, instead=\"\")", OUT,
		A("£5 Æsir Œuvre ß ñ e\xcc\x81 ☃ ł"), X("GBP5 AEsir OEuvre ss n e  l")},
	    {"a <-> x | plain(ascii)", IN, X("☃"), A("☃")},
	    {"a <-> x | plain(ascii) | fit(4)", OUT, A("ab…cd"), X("ab..")},
	    {"a <-> x | plain(latin)", OUT, A(""), "?PH2231"},
	    {"a <-> x | fit(3, unit=windows-1252)", OUT, A("’’’’"), X("’’’")},
	    {"a <-> x | fit(3, unit=utf-8)", OUT, A("’’’’"), X("’")},
	    {"a <-> x | fit(3, unit=ebcdic)", OUT, A(""), "?PH2205"},
	};
	TRY(rows);
}
END_TEST

#define TAGS(...) "{\"a\":\"-\",\"tags\":[" __VA_ARGS__ "]}"
#define TAG(t)	  "{\"name\":\"" t "\"}"

START_TEST(lists)
{
	static const row rows[] = {
	    {"tags[].name <-> x | split(\"::\")", OUT, TAGS(TAG("p") "," TAG("q")),
		X("p::q")},
	    {"tags[].name <-> x | split(\"::\")", IN, X("p::q::"),
		"{\"tags\":[" TAG("p") "," TAG("q") "," TAG("") "],\"a\":\"-\"}"},
	    {"tags[].name <-> x | trim | split(\",\")", IN, X("p , q"),
		"{\"tags\":[" TAG("p") "," TAG("q") "],\"a\":\"-\"}"},
	    {"tags[].name <-> x | split(\",\")", IN, X(""), "{\"a\":\"-\"}"},
	    {"tags[].name <-> x | split(\",\")", OUT, TAGS(TAG("p,q")),
		"!3 invalid PH2330"},
	    {"tags[].name <-> x | split", OUT, "", "?PH2206"},
	    {"(b, c) <-> x[] | list", OUT, "{\"a\":\"-\",\"b\":\"1\",\"c\":\"2\"}",
		"{\"x\":[\"1\",\"2\"]}"},
	    {"(b, c) <-> x[] | list", IN, "{\"x\":[\"1\",\"2\"]}",
		"{\"b\":\"1\",\"c\":\"2\",\"a\":\"-\"}"},
	    {"(b, c) <-> x[] | list", IN, "{\"x\":[\"1\"]}",
		"{\"b\":\"1\",\"a\":\"-\"}"},
	    {"(b, c) <-> x[] | list", IN, "{\"x\":[1,2,3]}", "!3 invalid PH2331"},
	    {"(b, c) <-> x[] | list", OUT, "{\"a\":\"-\",\"b\":\"1\"}", "{}"},
	    {"b <-> x | list", OUT, "", "?PH2219"},
	};
	TRY(rows);
}
END_TEST

START_TEST(hashes)
{
	/* sha256 of 01, the length in 8 bytes, least first, and the text */
	static const row rows[] = {
	    {"a <- x | hash", IN, X("abc"), A("ba5003abefcbbe6726776603017a0183")},
	    {"a <-> x | hash", IN, "", "?PH2202"},
	    {"a <- x | hash(length=8)", IN, "", "?PH2204"},
	};
	TRY(rows);
	ph_map *map = map_fixture_links(
	    &fixture, "  - a <- (x, y) | hash(length=16, prefix=\"R-\")");
	ck_assert_msg(map != NULL, "%s", fixture.err.text);
	static const char *const documents[] = {"{\"x\":\"1\",\"y\":\"2\"}",
	    "{\"x\":\"12\",\"y\":\"\"}", "{\"x\":\"12\"}", "{\"y\":\"12\"}",
	    "{\"x\":\"1\",\"y\":\"2\"}"};
	char *seen[5];
	for (size_t i = 0; i < 5; i++) {
		seen[i] = map_fixture_run(map, IN, documents[i], NULL);
		ck_assert_uint_eq(strlen(seen[i]), strlen("{\"a\":\"R-\"}") + 16);
		for (size_t k = 0; k < i; k++)
			ck_assert_int_eq(
			    strcmp(seen[i], seen[k]) == 0, k == 0 && i == 4);
	}
	for (size_t i = 0; i < 5; i++)
		free(seen[i]);
	char *none = map_fixture_run(map, IN, "{}", NULL);
	ck_assert_msg(strstr(none, "PH3") != NULL, "%s", none); /* `a` is required */
	free(none);
	ph_map_destroy(&map);
}
END_TEST

#define SUB(x, y) "{\"sub\":{\"x\":" x ",\"y\":" y "},\"a\":\"-\"}"
#define PAIR	  "{\"a\":\"-\",\"sub\":{\"x\":53.72,\"y\":-1.86}}"

START_TEST(points)
{
	static const row rows[] = {
	    {"(sub.x, sub.y) <-> g | wkt", OUT, PAIR,
		"{\"g\":\"POINT (-1.86 53.72)\"}"},
	    {"(sub.x, sub.y) <-> g | wkt", IN, "{\"g\":\"POINT (-1.86 53.72)\"}",
		SUB("53.72", "-1.86")},
	    {"(sub.x, sub.y) <-> g | wkt", IN,
		"{\"g\":\" SRID=4326;point z(-1.86 53.720 12) \"}",
		SUB("53.720", "-1.86")},
	    {"(sub.x, sub.y) <-> g | wkt", IN, "{\"g\":\"LINESTRING (1 2, 3 4)\"}",
		"!3 invalid PH2332"},
	    {"(sub.x, sub.y) <-> g | wkt", IN, "{\"g\":\"POINT (1)\"}",
		"!3 invalid PH2332"},
	    {"(sub.x, sub.y) <-> g | wkt", IN, "{\"g\":\"POINT (1 x)\"}",
		"!3 invalid PH2310"},
	    {"(sub.x, sub.y) <-> g | wkt", OUT, "{\"a\":\"-\",\"sub\":{\"x\":1}}",
		"!3 invalid PH2309"},
	    {"(sub.x, sub.y) <-> g | wkt", OUT, "{\"a\":\"-\"}", "{}"},
	    {"(sub.x, sub.y) <-> g | osgb36(decimals=0) | wkt(xy)", OUT, PAIR,
		"^{\"g\":\"POINT (4093"},
	    {"(sub.x, sub.y) <-> g/c[] | geojson", OUT, PAIR,
		"{\"g\":{\"c\":[-1.86,53.72]}}"},
	    {"(sub.x, sub.y) <-> g/c[] | geojson", IN,
		"{\"g\":{\"c\":[-1.86,53.72,8]}}", SUB("53.72", "-1.86")},
	    {"(sub.x, sub.y) <-> g/c[] | geojson", IN, "{\"g\":{\"c\":[-1.86]}}",
		"!3 invalid PH2309"},
	    {"(sub.x, sub.y) <-> g/c[] | wgs84(zero=absent) | geojson", IN,
		"{\"g\":{\"c\":[0,0]}}", "{\"a\":\"-\"}"},
	    {"b <-> g | wkt", OUT, "", "?PH2210"},
	};
	TRY(rows);
}
END_TEST

#define IDS                                                                            \
	"{\"ids\":[{\"type\":\"PAS\",\"v\":\"7\"},{\"type\":\"NHS "                    \
	"no\",\"v\":\"9990000018\"},"                                                  \
	"{\"v\":\"8\"}]}"

START_TEST(chosen)
{
	static const row rows[] = {
	    {"a <- ids[type=\"NHS no\"]/v", IN, IDS, A("9990000018")},
	    {"a <- ids[type=PAS]/v", IN, IDS, A("7")},
	    {"b <- ids[type=PA]/v", IN, IDS, "{\"a\":\"-\"}"},
	    {"a <- ids[1]/v", IN, IDS, A("7")},
	    {"a <- ids[3]/v", IN, IDS, A("8")},
	    {"a <- ids[-1]/v", IN, IDS, A("8")},
	    {"a <- ids[-3]/v", IN, IDS, A("7")},
	    {"b <- ids[4]/v", IN, IDS, "{\"a\":\"-\"}"},
	    {"b <- ids[-4]/v", IN, IDS, "{\"a\":\"-\"}"},
	    {"b <- ids[type=none]/v", IN, IDS, "{\"a\":\"-\"}"},
	    {"a <- ids[1]", IN, "{\"ids\":\"only\"}", A("only")},
	    {"a <- ids[-1]", IN, "{\"ids\":[\"p\",\"q\"]}", A("q")},
	    {"b <- v | when(ids[type=PAS]/v = \"7\")", IN,
		"{\"v\":\"yes\",\"ids\":[{\"type\":\"PAS\",\"v\":\"7\"}]}",
		"{\"b\":\"yes\",\"a\":\"-\"}"},
	    {"b <- v | when(ids[type=NHS]/v = \"7\")", IN,
		"{\"v\":\"yes\",\"ids\":[{\"type\":\"PAS\",\"v\":\"7\"}]}",
		"{\"a\":\"-\"}"},
	    {"attributes[code=\"uprn\"].value -> x", OUT,
		"{\"a\":\"-\",\"attributes\":[{\"code\":\"q\",\"value\":\"1\"},"
		"{\"code\":\"uprn\",\"value\":\"010001\"}]}",
		X("010001")},
	    {"b <-> ids[type=PAS]/v", IN, "", "?PH2019"},
	    {"b <- ids[type=\"PAS]/v", IN, "", "?PH2015"},
	};
	TRY(rows);
}
END_TEST

START_TEST(typed_values)
{
	ph_map *map = map_fixture_map(&fixture,
	    "map: m\ncanonical: thing@1\n"
	    "vendor:\n  format: xml\n  root: Doc\n  namespaces:\n"
	    "    xsi: http://www.w3.org/2001/XMLSchema-instance\n"
	    "    xsd: http://www.w3.org/2001/XMLSchema\n"
	    "drop: {canonical: [c, ref, n, t, at, s, tags, attributes, sub]}\n"
	    "links:\n  - a <-> Uprn\n  - b <-> Other\n"
	    "  - const(\"xsd:string\", with=Uprn) -> Uprn/@xsi:type\n");
	ck_assert_msg(map != NULL, "%s: %s", fixture.err.where, fixture.err.text);
	char *got = map_fixture_run(map, OUT, A("007"), NULL);
	const char *tag = strstr(got, "<Uprn");
	ck_assert_msg(
	    tag != NULL && strstr(tag, "xsi:type=\"xsd:string\"") != NULL, "%s", got);
	ck_assert_msg(
	    strstr(got, "xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\"") != NULL, "%s",
	    got);
	char *back = map_fixture_run(map, IN, got, NULL);
	ck_assert_str_eq(back, A("007"));
	free(back);
	free(got);
	ph_map_destroy(&map);
}
END_TEST

static char *
complete(ph_map *map, const char *message, const char *previous)
{
	ph_map_call *call;
	ph_error err;
	ck_assert_int_eq(ph_map_call_new(map, OUT, PH_MAP_PARTIAL, message,
			     strlen(message), &call, &err),
	    PH_OK);
	ph_status status = ph_map_call_previous(call, previous, strlen(previous), &err);
	char *text;
	if (status == PH_OK) {
		ck_assert_int_eq(ph_map_call_run(call, &err), PH_OK);
		ck_assert_int_eq(ph_map_call_result(call, 0), PH_MAP_DONE);
		size_t length;
		const char *data = ph_map_call_data(call, 0, &length);
		text = strndup(data, length);
	} else {
		text = strndup(err.text, 6);
	}
	ph_map_call_destroy(&call);
	return text;
}

static void
completed(ph_map *map, const char *message, const char *previous, const char *expected)
{
	char *got = complete(map, message, previous);
	ck_assert_str_eq(got, expected);
	free(got);
}

START_TEST(previous_json)
{
	ph_map *map = map_fixture_map(&fixture,
	    "map: m\ncanonical: thing@1\nvendor: {format: json, root: item}\n"
	    "drop: {canonical: [ref, n, t, at, s, attributes, sub]}\nlinks:\n"
	    "  - a <-> name\n  - b <-> more/note\n  - c <-> more/tel\n"
	    "  - tags[].name <-> tags[]\n");
	ck_assert_msg(map != NULL, "%s: %s", fixture.err.where, fixture.err.text);
	completed(map, "{\"b\":\"new\"}",
	    "{\"item\":{\"id\":7,\"more\":{\"tel\":\"0\",\"note\":\"old\",\"z\":[1,{}]}"
	    ","
	    "\"name\":\"N\"}}",
	    "{\"item\":{\"id\":7,\"more\":{\"tel\":\"0\",\"note\":\"new\",\"z\":[1,{}]}"
	    ","
	    "\"name\":\"N\"}}");
	completed(map, "{\"a\":\"M\",\"b\":\"\"}", "{\"item\":{\"name\":\"N\"}}",
	    "{\"item\":{\"name\":\"M\",\"more\":{\"note\":\"\"}}}");
	/* what repeats is one thing */
	completed(map, "{\"a\":\"M\",\"tags\":[{\"name\":\"z\"}]}",
	    "{\"item\":{\"tags\":[\"x\",\"y\"],\"name\":null}}",
	    "{\"item\":{\"tags\":[\"z\"],\"name\":\"M\"}}");
	completed(map, "{\"a\":\"M\"}", "{\"other\":1}", "PH2081");
	ph_map_destroy(&map);
}
END_TEST

/* It may stand elsewhere than what is written, and hold what is not to be sent back. */
START_TEST(previous_elsewhere)
{
	ph_map *map = map_fixture_map(&fixture,
	    "map: m\ncanonical: thing@1\n"
	    "vendor: {format: json, root: item, previous: {root: data/case, without: "
	    "[id, log, more/self, owners/key]}}\n"
	    "drop: {canonical: [ref, n, t, at, s, attributes, sub, tags, c]}\nlinks:\n"
	    "  - a <-> name\n  - b <-> more/note\n");
	ck_assert_msg(map != NULL, "%s: %s", fixture.err.where, fixture.err.text);
	ck_assert_int_eq(ph_map_completes(map), 1);
	completed(map, "{\"b\":\"new\"}",
	    "{\"data\":{\"case\":{\"id\":7,\"log\":[],\"name\":\"N\",\"more\":{"
	    "\"self\":\"/"
	    "7\",\"z\":1},\"owners\":[{\"key\":1,\"who\":\"J\"},{\"key\":2}]"
	    "}}}",
	    "{\"item\":{\"name\":\"N\",\"more\":{\"z\":1,\"note\":\"new\"},"
	    "\"owners\":[{\"who\":\"J\"},{}]}}");
	completed(map, "{\"b\":\"new\"}", "{\"item\":{\"name\":\"N\"}}", "PH2081");
	ph_map_destroy(&map);
	static const char *const wrong[] = {"{format: json, previous: case}",
	    "{format: json, previous: {without: [a/../b]}}",
	    "{format: json, previous: {without: a}}",
	    "{format: json, previous: {path: a}}", "{format: multipart, previous: {}}"};
	static const char *const codes[] = {
	    "PH2088", "PH2045", "PH2050", "PH1201", "PH2080"};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		char text[512];
		snprintf(text, sizeof text,
		    "map: m\ncanonical: thing@1\nvendor: %s\nlinks:\n  - a <-> name\n",
		    wrong[i]);
		ck_assert_ptr_null(map_fixture_map(&fixture, text));
		ck_assert_msg(
		    strncmp(fixture.err.text, codes[i], strlen(codes[i])) == 0,
		    "%s: %s", wrong[i], fixture.err.text);
	}
}
END_TEST

/* Only where the record is: nothing is written, and nothing has to be whole. */
START_TEST(an_address_alone)
{
	ph_map *map = map_fixture_map(&fixture,
	    "map: m\ncanonical: thing@1\n"
	    "vendor: {format: xml, root: Case}\n"
	    "drop: {canonical: [ref, n, t, at, s, attributes, sub, tags, c]}\nlinks:\n"
	    "  - a -> $url.case\n  - b -> Note\n");
	ck_assert_msg(map != NULL, "%s: %s", fixture.err.where, fixture.err.text);
	ph_map_call *call;
	ph_error err;
	const char *name, *value;
	size_t length = 1;
	ck_assert_int_eq(ph_map_call_new(map, OUT, PH_MAP_PARTIAL | PH_MAP_ADDRESS,
			     "{\"a\":\"C7\"}", 10, &call, &err),
	    PH_OK);
	ck_assert_int_eq(ph_map_call_run(call, &err), PH_OK);
	ck_assert_int_eq(ph_map_call_result(call, 0), PH_MAP_DONE);
	ck_assert(ph_map_call_url(call, 0, 0, &name, &value));
	ck_assert_str_eq(value, "C7");
	(void) ph_map_call_data(call, 0, &length);
	ck_assert_uint_eq(length, 0);
	ph_map_call_destroy(&call);
	ph_map_destroy(&map);
}
END_TEST

START_TEST(previous_xml)
{
	ph_map *map = map_fixture_map(&fixture,
	    "map: m\ncanonical: thing@1\n"
	    "vendor: {format: xml, namespaces: {p: \"urn:p\"}, unprefixed: p, root: "
	    "Set/Case}\n"
	    "drop: {canonical: [ref, n, t, at, s, attributes, sub, tags]}\nlinks:\n"
	    "  - a <-> Name\n  - b <-> Note\n  - c <-> '@code'\n");
	if (map == NULL) /* an attribute's path is not quoted */
		map = map_fixture_map(&fixture,
		    "map: m\ncanonical: thing@1\n"
		    "vendor: {format: xml, namespaces: {p: \"urn:p\"}, unprefixed: p, "
		    "root: Set/Case}\n"
		    "drop: {canonical: [ref, n, t, at, s, attributes, sub, tags]}\n"
		    "links:\n  - a <-> Name\n  - b <-> Note\n  - c <-> Name/@code\n");
	ck_assert_msg(map != NULL, "%s: %s", fixture.err.where, fixture.err.text);
	char *got = complete(map, "{\"b\":\"new\"}",
	    "<Set xmlns='urn:p'><Case v='2'><Name "
	    "code='q'>N</Name><Log>1</Log><Log>2</Log>"
	    "<Note>old</Note></Case></Set>");
	ck_assert_msg(
	    strstr(got, " v=\"2\"") != NULL && strstr(got, "code=\"q\">N<") != NULL,
	    "%s", got);
	const char *log = strstr(got, "Log>1<"), *note = strstr(got, "Note>new<");
	ck_assert_msg(
	    log != NULL && note > log && strstr(log, "Log>2<") != NULL, "%s", got);
	ck_assert_msg(strstr(got, "old") == NULL, "%s", got);
	free(got);
	completed(map, "{\"b\":\"new\"}", "<Set xmlns='urn:p'><Case/><Case/></Set>",
	    "PH2081");
	ph_map_destroy(&map);
}
END_TEST

/* What the record had not yet stands by its neighbours of the map, and what links do not write stays. */
START_TEST(new_fields_in_the_maps_order)
{
	static const struct {
		const char *message, *previous, *expected;
	} rows[] = {
	    {"{\"b\":\"2\"}", "<Case><A>1</A><X/><E>5</E></Case>",
		"<Case><A>1</A><B>2</B><X/><E>5</E></Case>"},
	    {"{\"a\":\"1\"}", "<Case><X/><B>2</B></Case>",
		"<Case><X/><A>1</A><B>2</B></Case>"},
	    {"{\"a\":\"1\",\"b\":\"2\",\"ref\":\"4\"}",
		"<Case k='9'><More><C>3</C><Y/></More><E>5</E></Case>",
		"<Case k=\"9\"><A>1</A><B>2</B><More><C>3</C><D>4</D><Y/></More>"
		"<E>5</E></Case>"},
	    {"{\"b\":\"2\"}", "<Case><X/><Y/></Case>", "<Case><X/><Y/><B>2</B></Case>"},
	    {"{\"tags\":[{\"name\":\"x\"},{\"name\":\"y\"},{\"name\":\"z\"}]}",
		"<Case><B>2</B><E>5</E></Case>",
		"<Case><B>2</B><T>x</T><T>y</T><T>z</T><E>5</E></Case>"},
	    {"{\"b\":\"2\"}", "<Case><E>5</E><A>1</A><A>1</A><X/></Case>",
		"<Case><E>5</E><A>1</A><A>1</A><B>2</B><X/></Case>"},
	};
	ph_map *map = map_fixture_map(&fixture,
	    "map: m\ncanonical: thing@1\nvendor: {format: xml, root: Case}\n"
	    "drop: {canonical: [t, at, s, attributes, sub]}\nlinks:\n"
	    "  - a <-> A\n  - b <-> B\n  - c <-> More/C\n  - ref <-> More/D\n"
	    "  - tags[].name <-> T[]\n  - n <-> E\n");
	ck_assert_msg(map != NULL, "%s: %s", fixture.err.where, fixture.err.text);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char *got = complete(map, rows[i].message, rows[i].previous);
		ck_assert_msg(strstr(got, rows[i].expected) != NULL, "%zu: %s", i, got);
		free(got);
	}
	ph_map_destroy(&map);
}
END_TEST

/* The vendor's schema knows better than the map, and what no link writes. */
START_TEST(new_fields_in_the_schemas_order)
{
	map_fixture_file(&fixture, "schemas/case.xsd",
	    "<xs:schema xmlns:xs='http://www.w3.org/2001/XMLSchema'>"
	    "<xs:element name='Case'><xs:complexType><xs:sequence>"
	    "<xs:element name='X' type='xs:string' minOccurs='0'/>"
	    "<xs:element name='B' type='xs:string' minOccurs='0'/>"
	    "<xs:element name='Y' type='xs:string' minOccurs='0'/>"
	    "<xs:element name='A' type='xs:string' minOccurs='0'/>"
	    "<xs:any namespace='urn:o' minOccurs='0' processContents='skip'/>"
	    "<xs:element name='More' minOccurs='0'><xs:complexType><xs:sequence>"
	    "<xs:element name='D' type='xs:string' minOccurs='0'/>"
	    "<xs:element name='Z' type='xs:string' minOccurs='0'/>"
	    "<xs:element name='C' type='xs:string' minOccurs='0'/>"
	    "</xs:sequence></xs:complexType></xs:element>"
	    "<xs:element name='E' type='xs:string' minOccurs='0'/>"
	    "</xs:sequence></xs:complexType></xs:element></xs:schema>");
	ph_map *map = map_fixture_map(&fixture,
	    "map: m\ncanonical: thing@1\n"
	    "vendor: {format: xml, root: Case, schema: case.xsd}\n"
	    "drop: {canonical: [t, at, s, attributes, sub, tags], vendor: [X, Y, "
	    "More/Z]}\nlinks:\n"
	    "  - b <-> B\n  - a <-> A\n  - ref <-> More/D\n  - c <-> More/C\n"
	    "  - n <-> E\n");
	ck_assert_msg(map != NULL, "%s: %s", fixture.err.where, fixture.err.text);
	char *got = complete(map, "{\"b\":\"2\",\"ref\":\"4\"}",
	    "<Case><X/><Y>y</Y><A>1</A><More><Z/><C>3</C></More></Case>");
	ck_assert_msg(strstr(got, "<Case><X/><B>2</B><Y>y</Y><A>1</A>"
				  "<More><D>4</D><Z/><C>3</C></More></Case>") != NULL,
	    "%s", got);
	free(got);
	/* also around what its wildcards take */
	got = complete(map, "{\"b\":\"2\",\"n\":5}", "<Case><Q xmlns='urn:o'/></Case>");
	const char *before = strstr(got, "<B>2</B><"),
		   *behind = strstr(got, "<E>5</E>");
	ck_assert_msg(before != NULL && behind != NULL, "%s", got);
	ck_assert_msg(strstr(before, "Q xmlns") < behind, "%s", got);
	free(got);
	ph_map_destroy(&map);
}
END_TEST

START_TEST(previous_misused)
{
	ph_map *map = map_fixture_links(&fixture, "  - a <-> x");
	ph_map_call *call;
	ph_error err;
	ck_assert_int_eq(ph_map_call_new(map, IN, 0, "{}", 2, &call, &err), PH_OK);
	ck_assert_int_eq(ph_map_call_previous(call, "{}", 2, &err), PH_ERR_USAGE);
	ck_assert_msg(strncmp(err.text, "PH2082", 6) == 0, "%s", err.text);
	ph_map_call_destroy(&call);
	ck_assert_int_eq(ph_map_call_new(map, OUT, 0, A("1"), 9, &call, &err), PH_OK);
	ck_assert_int_eq(ph_map_call_previous(call, "{", 1, &err), PH_ERR_INVALID);
	ck_assert_int_eq(ph_map_call_previous(call, "{}", 2, &err), PH_OK);
	ck_assert_int_eq(ph_map_call_previous(call, "{}", 2, &err), PH_ERR_USAGE);
	ph_map_call_destroy(&call);
	ph_map_destroy(&map);
}
END_TEST

static void
note(void *self, const char *table, const char *const *code, size_t count)
{
	char *out = self;
	strcat(strcat(out, table), ":");
	for (size_t i = 0; i < count; i++)
		strcat(strcat(out, code[i]), i + 1 < count ? "+" : " ");
}

static void
surveyed(
    ph_map *map, ph_map_direction direction, const char *document, const char *expected)
{
	ph_map_call *call;
	ph_error err;
	char out[512] = "";
	ck_assert_int_eq(ph_map_call_new(map, direction, PH_MAP_PARTIAL, document,
			     strlen(document), &call, &err),
	    PH_OK);
	ph_status status = ph_map_call_survey(call, note, out, &err);
	ck_assert_str_eq(status == PH_OK ? out : "?", expected);
	ph_map_call_destroy(&call);
}

START_TEST(survey)
{
	ph_map *map = map_fixture_map(&fixture,
	    "map: m\ncanonical: thing@1\nvendor: {format: json, each: rows}\n"
	    "require:\n  - secret = $secret.push | deny\n"
	    "  - not x = \"SKIP\" | ignore\n"
	    "drop: {canonical: [ref, n, t, at, s, tags, sub, c]}\nlinks:\n"
	    "  - a <-> x | codes(t.csv, unknown=default(\"open\"))\n"
	    "  - b <-> ref | xref(thing)\n"
	    "  - attributes[code] <-> l[key]/v | keys(keys.csv, unknown=drop)\n");
	ck_assert_msg(map != NULL, "%s: %s", fixture.err.where, fixture.err.text);
	surveyed(map, IN,
	    "{\"rows\":[{\"x\":\"NEW\"},{\"x\":\"BAD\",\"ref\":\"1\",\"l\":[{\"key\":"
	    "\"1\"},"
	    "{\"key\":\"79\"},{\"key\":\"2\"}]},{\"x\":\"44\"},{\"x\":\"WORSE\"},{},{"
	    "\"x\":\"SKIP\"}]}",
	    "t.csv:BAD keys.csv:1 keys.csv:2 t.csv:WORSE ");
	surveyed(map, OUT, "{\"a\":\"planned\"}", "t.csv:planned ");
	surveyed(map, IN, "{", "?");
	ph_map_destroy(&map);
}
END_TEST

START_TEST(layered_by_folder)
{
	char upper[160];
	snprintf(upper, sizeof upper, "%s/site", fixture.folder);
	map_fixture_file(&fixture, "maps/m.yaml",
	    "map: m\ncanonical: thing@1\nvendor: {format: json}\n"
	    "drop: {canonical: [b, c, ref, n, t, at, s, tags, attributes, sub]}\n"
	    "links:\n  - a <-> x | codes(t.csv)\n");
	char command[400];
	snprintf(command, sizeof command, "mkdir -p '%s/codes'", upper);
	ck_assert_int_eq(system(command), 0);
	map_fixture_file(&fixture, "site/codes/t.csv",
	    "x,canonical,in,out\nNEW,(none),*,\nMINE,open,*,*\n");
	const char *const folders[] = {upper, fixture.folder, NULL};
	ph_map *map;
	ph_error err;
	ck_assert_msg(ph_map_load("m", folders, &map, &err) == PH_OK, "%s: %s",
	    err.where, err.text);
	static const char *const pairs[][2] = {{X("MINE"), A("open")},
	    {X("OLD"), A("fixed")}, {X("NEW"), "!3 unknown-code PH2313"}};
	for (size_t i = 0; i < 3; i++) {
		char *got = map_fixture_run(map, IN, pairs[i][0], NULL);
		ck_assert_msg(strncmp(got, pairs[i][1], strlen(pairs[i][1])) == 0,
		    "%zu: %s", i, got);
		free(got);
	}
	ph_map_destroy(&map);
}
END_TEST

static Suite *
constructs_suite(void)
{
	Suite *suite = suite_create("constructs");
	TCase *tests = tcase_create("constructs");
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, cases);
	tcase_add_test(tests, characters);
	tcase_add_test(tests, lists);
	tcase_add_test(tests, hashes);
	tcase_add_test(tests, points);
	tcase_add_test(tests, chosen);
	tcase_add_test(tests, typed_values);
	tcase_add_test(tests, previous_json);
	tcase_add_test(tests, previous_elsewhere);
	tcase_add_test(tests, an_address_alone);
	tcase_add_test(tests, previous_xml);
	tcase_add_test(tests, new_fields_in_the_maps_order);
	tcase_add_test(tests, new_fields_in_the_schemas_order);
	tcase_add_test(tests, previous_misused);
	tcase_add_test(tests, survey);
	tcase_add_test(tests, layered_by_folder);
	suite_add_tcase(suite, tests);
	return suite;
}

int
main(void)
{
	return ph_check_main(constructs_suite());
}
