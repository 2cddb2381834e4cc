/* Every conversion, both ways, in tables: link, direction, document, what it gives. */
#include <stdio.h>
#include <string.h>

#include "tests/unit/check_main.h"
#include "tests/unit/map_fixture.h"
#include "transform/convert.h"

typedef struct row {
	const char *link;
	ph_map_direction direction;
	const char *document;
	const char *expected; /* JSON, or "!" and what first_record says of a failure */
} row;

static map_fixture fixture;

static void
setup(void)
{
	map_fixture_init(&fixture);
	map_fixture_file(&fixture, "codes/status.csv",
	    "s,a,in,out\nnew,open,*,*\nold,open,*,\ndone,fixed,*,*\nskip,(ignore),*,"
	    "\n");
	map_fixture_file(&fixture, "codes/plain.csv",
	    "x,canonical,in,out\nnew,open,*,*\nold,open,*,\n007,bond,*,*\n,none,*,*\n"
	    "skip,(ignore),*,\n");
	map_fixture_file(&fixture, "codes/pair.csv",
	    "canonical,x,y,in,out\npothole,HM,POTH,*,*\ntip,10,,*,*\nroad,HM,ROAD,*,*\n"
	    "jet,HM,ROAD,,*\n");
	map_fixture_file(&fixture, "codes/keys.csv",
	    "canonical,key,in,out\nbin,79,*,*\n(ignore),80,*,\n");
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
	snprintf(links, sizeof links, "  - %s\n%s", r->link,
	    strncmp(r->link, "a ", 2) == 0 || strncmp(r->link, "(a,", 3) == 0
		? ""
		: "  - a <- const(\"-\")");
	ph_map *map = map_fixture_links(&fixture, links);
	ck_assert_msg(
	    map != NULL, "%s: %s: %s", r->link, fixture.err.where, fixture.err.text);
	char *got = map_fixture_run(map, r->direction, r->document, NULL);
	if (r->expected[0] == '!')
		ck_assert_msg(strncmp(got, r->expected, strlen(r->expected)) == 0,
		    "%s %s: got %s, expected %s", r->link, r->document, got,
		    r->expected);
	else
		ck_assert_msg(strcmp(got, r->expected) == 0,
		    "%s %s: got %s, expected %s", r->link, r->document, got,
		    r->expected);
	free(got);
	ph_map_destroy(&map);
}

#define TRY(rows)                                                                      \
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)                    \
	try_row(&rows[i])

#define IN  PH_MAP_IN
#define OUT PH_MAP_OUT

START_TEST(texts)
{
	static const row rows[] = {
	    {"a <-> x", IN, "{\"x\":\"v\"}", "{\"a\":\"v\"}"},
	    {"a <-> x", OUT, "{\"a\":\"v\"}", "{\"x\":\"v\"}"},
	    {"a <-> x | fit(5)", OUT, "{\"a\":\"12345\"}", "{\"x\":\"12345\"}"},
	    {"a <-> x | fit(5)", OUT, "{\"a\":\"123456\"}", "{\"x\":\"12345\"}"},
	    {"a <-> x | fit(5)", IN, "{\"x\":\"123456\"}", "{\"a\":\"123456\"}"},
	    {"a <- x | fit(5)", IN, "{\"x\":\"123456\"}", "{\"a\":\"12345\"}"},
	    {"a <-> x | fit(5, ellipsis)", OUT, "{\"a\":\"123456\"}",
		"{\"x\":\"1234…\"}"},
	    {"a <-> x | fit(5, ellipsis=\"...\")", OUT, "{\"a\":\"123456\"}",
		"{\"x\":\"12...\"}"},
	    {"a <-> x | fit(3)", OUT,
		"{\"a\":\"ab\xf0\x9f\x9a\xb2"
		"cd\"}",
		"{\"x\":\"ab\xf0\x9f\x9a\xb2\"}"},
	    {"a <-> x | fit(3, unit=utf16)", OUT, "{\"a\":\"ab\xf0\x9f\x9a\xb2\"}",
		"{\"x\":\"ab\"}"},
	    {"a <-> x | fit(3, unit=bytes)", OUT, "{\"a\":\"abé\"}", "{\"x\":\"ab\"}"},
	    {"a <-> x | fit(4, unit=bytes)", OUT, "{\"a\":\"abé\"}", "{\"x\":\"abé\"}"},
	    /* e + combining acute stays whole or goes whole */
	    {"a <-> x | fit(2)", OUT, "{\"a\":\"ae\xcc\x81\"}", "{\"x\":\"a\"}"},
	    {"a <-> x | fit(3)", OUT, "{\"a\":\"ae\xcc\x81z\"}",
		"{\"x\":\"ae\xcc\x81\"}"},
	    /* a family: joined by ZWJ */
	    {"a <-> x | fit(2)", OUT,
		"{\"a\":\"a\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x91\xa7\"}",
		"{\"x\":\"a\"}"},
	    {"a <-> x | fit(2)", OUT, "{\"a\":\"a\\r\\nb\"}", "{\"x\":\"a\"}"},
	    {"a <-> x | text(2, 3)", OUT, "{\"a\":\"1\"}", "!3 invalid PH2301 a -> x"},
	    {"a <-> x | text(2, 3)", IN, "{\"x\":\"1234\"}",
		"!3 invalid PH2301 x -> a"},
	    {"a <-> x | text(2, 3)", IN, "{\"x\":\"ééé\"}", "{\"a\":\"ééé\"}"},
	    {"a <-> x | trim", IN, "{\"x\":\" \\t v w \\n\"}", "{\"a\":\"v w\"}"},
	    {"a <-> x | trim", IN, "{\"x\":\"  \"}", "{\"a\":\"\"}"},
	    {"a <- x | first-line(10)", IN, "{\"x\":\"\\r\\none\\r\\ntwo\"}",
		"{\"a\":\"one\"}"},
	    {"a <- x | first-line(4)", IN, "{\"x\":\"abcdef\"}", "{\"a\":\"abc…\"}"},
	    {"a <-> x | prefix(\"W-\")", OUT, "{\"a\":\"7\"}", "{\"x\":\"W-7\"}"},
	    {"a <-> x | prefix(\"W-\")", IN, "{\"x\":\"W-7\"}", "{\"a\":\"7\"}"},
	    {"a <-> x | prefix(\"W-\")", IN, "{\"x\":\"V-7\"}", "!3 invalid PH2302"},
	    {"a <- x | prefix(\"W-\")", IN, "{\"x\":\"7\"}", "{\"a\":\"W-7\"}"},
	    {"a <-> x | pad(8)", OUT, "{\"a\":\"560250\"}", "{\"x\":\"00560250\"}"},
	    {"a <-> x | pad(8)", IN, "{\"x\":\"00560250\"}", "{\"a\":\"560250\"}"},
	    {"a <-> x | pad(3)", OUT, "{\"a\":\"1234\"}", "!3 invalid PH2303"},
	    {"a <-> x | pad(3)", IN, "{\"x\":\"000\"}", "{\"a\":\"0\"}"},
	    {"a <- x | replace(\"\\n\", \" | \")", IN, "{\"x\":\"1\\n2\\n3\"}",
		"{\"a\":\"1 | 2 | 3\"}"},
	    {"a <- x | replace(\"aa\", \"\")", IN, "{\"x\":\"aaaab\"}",
		"{\"a\":\"b\"}"},
	};
	TRY(rows);
}
END_TEST

START_TEST(the_two_thousandth_place)
{
	static char in[9000], out[9000];
	char *p = in, *q = out;
	p += sprintf(p, "{\"a\":\"");
	q += sprintf(q, "{\"x\":\"");
	for (int i = 0; i < 1998; i++) {
		*p++ = 'x';
		*q++ = 'x';
	}
	sprintf(p, "\xf0\x9f\x9a\xb2yz\"}");
	sprintf(q, "\xf0\x9f\x9a\xb2…\"}");
	row r = {"a <-> x | fit(2000, ellipsis)", OUT, in, out};
	try_row(&r);
}
END_TEST

START_TEST(numbers)
{
	static const row rows[] = {
	    {"n <-> x | number", IN, "{\"x\":\"53.10\"}", "{\"n\":53.10,\"a\":\"-\"}"},
	    {"n <-> x", IN, "{\"x\":1234.10}", "{\"n\":1234.10,\"a\":\"-\"}"},
	    {"n <-> x", IN, "{\"x\":\"7\"}", "{\"n\":7,\"a\":\"-\"}"},
	    {"n <-> x | number", IN, "{\"x\":\"007\"}", "!3 invalid PH2304 x -> n"},
	    {"n <-> x | number", IN, "{\"x\":\"1,5\"}", "!3 invalid PH2304"},
	    {"n <-> x | number", OUT, "{\"a\":\"-\",\"n\":-1.50}", "{\"x\":-1.50}"},
	    {"a <-> x", IN, "{\"x\":17}", "{\"a\":\"17\"}"},
	    {"a <-> x | number", OUT, "{\"a\":\"17\"}", "{\"x\":17}"},
	    {"t <-> x | boolean(\"Y\", \"N\")", IN, "{\"x\":\"Y\"}",
		"{\"t\":true,\"a\":\"-\"}"},
	    {"t <-> x | boolean(\"Y\", \"N\")", OUT, "{\"a\":\"-\",\"t\":false}",
		"{\"x\":\"N\"}"},
	    {"t <-> x | boolean(\"Y\", \"N\")", IN, "{\"x\":\"J\"}",
		"!3 invalid PH2305"},
	    {"t <-> x", IN, "{\"x\":true}", "{\"t\":true,\"a\":\"-\"}"},
	    {"(sub.x, sub.y) <-> (x, y) | wgs84", IN, "{\"x\":\"53.7\",\"y\":\"-1.8\"}",
		"{\"sub\":{\"x\":53.7,\"y\":-1.8},\"a\":\"-\"}"},
	    {"(sub.x, sub.y) <-> (x, y) | wgs84", IN, "{\"x\":\"53.7\"}",
		"!3 invalid PH2309 (x, y) -> (sub.x, sub.y)"},
	    {"(sub.x, sub.y) <-> (x, y) | wgs84", IN, "{\"x\":\"93.7\",\"y\":\"1\"}",
		"!3 invalid PH2312"},
	    {"(sub.x, sub.y) <-> (x, y) | wgs84(zero=absent)", IN,
		"{\"x\":0,\"y\":\"0.00\"}", "{\"a\":\"-\"}"},
	};
	TRY(rows);
}
END_TEST

START_TEST(grid)
{
	static const row rows[] = {
	    {"(sub.x, sub.y) <-> (x, y) | osgb36(decimals=2, zero=absent)", OUT,
		"{\"a\":\"-\",\"sub\":{\"x\":0,\"y\":0}}", "{}"},
	    {"(sub.x, sub.y) <-> (x, y) | osgb36(zero=absent)", IN,
		"{\"x\":\"0.00\",\"y\":0}", "{\"a\":\"-\"}"},
	    {"(sub.x, sub.y) <-> (x, y) | osgb36", OUT,
		"{\"a\":\"-\",\"sub\":{\"x\":0,\"y\":0}}", "!3 invalid PH2311"},
	    {"(sub.x, sub.y) <-> (x, y) | osgb36", OUT,
		"{\"a\":\"-\",\"sub\":{\"x\":48.8566,\"y\":2.3522}}",
		"!3 invalid PH2311"},
	    {"(sub.x, sub.y) <-> (x, y) | osgb36", IN,
		"{\"x\":\"9999999\",\"y\":\"1\"}", "!3 invalid PH2311"},
	    {"(sub.x, sub.y) <-> (x, y) | osgb36", IN, "{\"x\":\"1e5\",\"y\":\"1\"}",
		"!3 invalid PH2310"},
	    {"(sub.x, sub.y) <-> (x, y) | osgb36", IN, "{\"x\":\"409098\"}",
		"!3 invalid PH2309"},
	};
	TRY(rows);
}
END_TEST

START_TEST(times)
{
#define LONDON(options) "at <-> x | time(rfc3339, Europe/London" options ")"
#define LOCAL(options)                                                                 \
	"at <-> x | time(\"%Y-%m-%dT%H:%M:%S\", Europe/London" options ")"
#define AT(text) "{\"at\":\"" text "\",\"a\":\"-\"}"
#define X(text)	 "{\"x\":\"" text "\"}"
#define C(text)	 "{\"a\":\"-\",\"at\":\"" text "\"}"
	static const row rows[] = {
	    {LONDON(""), IN, X("2018-03-01T13:30:00.4000Z"),
		AT("2018-03-01T13:30:00.4000Z")},
	    {LONDON(""), IN, X("2019-10-23T01:00:00+01:00"),
		AT("2019-10-23T00:00:00Z")},
	    {LONDON(""), IN, X("2019-10-23 01:00:00+0100"), AT("2019-10-23T00:00:00Z")},
	    {LONDON(""), IN, X("2024-07-01T12:00:00"), AT("2024-07-01T11:00:00Z")},
	    {LONDON(""), OUT, C("2024-07-01T11:00:00.5Z"),
		X("2024-07-01T12:00:00.5+01:00")},
	    {LONDON(""), OUT, C("2024-01-01T11:00:00Z"), X("2024-01-01T11:00:00Z")},
	    {LONDON(", utc=+00:00"), OUT, C("2024-01-01T11:00:00Z"),
		X("2024-01-01T11:00:00+00:00")},
	    {LONDON(", fraction=0"), OUT, C("2024-01-01T11:00:00.999Z"),
		X("2024-01-01T11:00:00Z")},
	    {LONDON(", fraction=3"), OUT, C("2024-01-01T11:00:00Z"),
		X("2024-01-01T11:00:00.000Z")},
	    {LONDON(""), OUT, C("2024-01-01T11:00:00-05:30"),
		X("2024-01-01T16:30:00Z")},
	    /* 01:30 on 31 March 2024 does not exist */
	    {LOCAL(""), IN, X("2024-03-31T01:30:00"), "!3 invalid PH2307 x -> at"},
	    {LOCAL(", gap=later"), IN, X("2024-03-31T01:30:00"),
		AT("2024-03-31T01:30:00Z")},
	    {LOCAL(", gap=earlier"), IN, X("2024-03-31T01:30:00"),
		AT("2024-03-31T00:30:00Z")},
	    {LOCAL(""), IN, X("2024-03-31T00:59:59"), AT("2024-03-31T00:59:59Z")},
	    {LOCAL(""), IN, X("2024-03-31T02:00:00"), AT("2024-03-31T01:00:00Z")},
	    {LOCAL(""), OUT, C("2024-03-31T01:30:00Z"), X("2024-03-31T02:30:00")},
	    /* 01:30 on 27 October 2024 comes twice */
	    {LOCAL(""), IN, X("2024-10-27T01:30:00"), "!3 invalid PH2307"},
	    {LOCAL(", overlap=first"), IN, X("2024-10-27T01:30:00"),
		AT("2024-10-27T00:30:00Z")},
	    {LOCAL(", overlap=second"), IN, X("2024-10-27T01:30:00"),
		AT("2024-10-27T01:30:00Z")},
	    {LOCAL(""), IN, X("2024-10-27T00:59:59"), AT("2024-10-26T23:59:59Z")},
	    {LOCAL(""), IN, X("2024-10-27T02:00:00"), AT("2024-10-27T02:00:00Z")},
	    {LOCAL(""), OUT, C("2024-10-27T00:30:00Z"), X("2024-10-27T01:30:00")},
	    {LOCAL(""), OUT, C("2024-10-27T01:30:00Z"), X("2024-10-27T01:30:00")},
	    /* after the last transition of the file the rule at its end holds */
	    {LOCAL(""), IN, X("2061-07-01T12:00:00"), AT("2061-07-01T11:00:00Z")},
	    {LOCAL(""), IN, X("2061-12-01T12:00:00"), AT("2061-12-01T12:00:00Z")},
	    {"at <-> x | time(\"%d/%m/%Y %H:%M\", Europe/London)", IN,
		X("17/04/2019 12:05"), AT("2019-04-17T11:05:00Z")},
	    {"at <-> x | time(\"%d/%m/%Y %H:%M\", Europe/London)", OUT,
		C("2019-04-17T11:05:59Z"), X("17/04/2019 12:05")},
	    {"at <-> x | time(\"%d-%b-%Y %H:%M:%S\", UTC)", IN,
		X("03-FEB-2020 04:05:06"), AT("2020-02-03T04:05:06Z")},
	    {"at <-> x | time(\"%d-%b-%Y %H:%M:%S\", UTC)", OUT,
		C("2020-02-03T04:05:06Z"), X("03-Feb-2020 04:05:06")},
	    {"at <-> x | time(\"%Y%m%d\", UTC)", IN, X("20200203"),
		AT("2020-02-03T00:00:00Z")},
	    {"at <-> x | time(\"%H:%M:%S.%f %Y-%m-%d %z\", UTC, fraction=7)", OUT,
		C("2020-02-03T04:05:06.123456789Z"),
		X("04:05:06.1234567 2020-02-03 Z")},
	    {"at <-> x | time(\"%H:%M:%S.%f %Y-%m-%d %z\", UTC)", IN,
		X("04:05:06.123456789 2020-02-03 +01:00"),
		AT("2020-02-03T03:05:06.123456789Z")},
	    {"at <-> x | time(epoch)", IN, "{\"x\":1580702706}",
		AT("2020-02-03T04:05:06Z")},
	    {"at <-> x | time(epoch)", OUT, C("2020-02-03T04:05:06Z"),
		"{\"x\":1580702706}"},
	    {"at <-> x | time(epoch-ms)", IN, X("1580702706007"),
		AT("2020-02-03T04:05:06.007Z")},
	    {"at <-> x | time(epoch-ms)", OUT, C("2020-02-03T04:05:06.0079Z"),
		"{\"x\":1580702706007}"},
	    {"at <-> x | time(epoch-ms)", IN, X("-1"), AT("1969-12-31T23:59:59.999Z")},
	    {"at <-> x | time(rfc3339, UTC, absent=\"0001-01-01\", "
	     "absent=\"1753-01-01\")",
		IN, X("1753-01-01T00:00:00"), "{\"a\":\"-\"}"},
	    {"at <-> x | time(rfc3339, UTC, absent=\"0001-01-01\")", IN,
		X("0001-01-01T00:00:00"), "{\"a\":\"-\"}"},
	    {LONDON(""), IN, X("2023-02-29T00:00:00Z"), "!3 invalid PH2306"},
	    {LONDON(""), IN, X("2024-02-29T24:00:00Z"), "!3 invalid PH2306"},
	    {LONDON(""), IN, X("2024-02-29T00:00:00Z "), "!3 invalid PH2306"},
	    {LONDON(""), IN, X("yesterday"), "!3 invalid PH2306"},
	    {LOCAL(""), IN, X("02/10/2024"), "!3 invalid PH2306"},
	    {"a -> x | time(rfc3339, UTC)", OUT, "{\"a\":\"2024-01-01T00:00:00\"}",
		"!3 invalid PH2308"},
	};
	TRY(rows);
}
END_TEST

START_TEST(codes)
{
	static const row rows[] = {
	    {"a <-> x | codes(plain.csv)", IN, X("new"), "{\"a\":\"open\"}"},
	    {"a <-> x | codes(plain.csv)", IN, X("old"), "{\"a\":\"open\"}"},
	    {"a <-> x | codes(plain.csv)", OUT, "{\"a\":\"open\"}", X("new")},
	    {"a <-> x | codes(plain.csv)", IN, X("007"), "{\"a\":\"bond\"}"},
	    {"a <-> x | codes(plain.csv)", IN, X("7"), "!3 unknown-code PH2313 x -> a"},
	    {"a <-> x | codes(plain.csv)", IN, X("New"), "!3 unknown-code PH2313"},
	    {"a <-> x | codes(plain.csv)", IN, X("skip"), "!2 ignored"},
	    {"a <-> x | codes(plain.csv)", OUT, "{\"a\":\"fixed\"}",
		"!3 unknown-code PH2313"},
	    {"a <-> x | codes(plain.csv, unknown=reject)", IN, X("?"),
		"!4 unknown-code"},
	    {"a <-> x | codes(plain.csv, unknown=retry)", IN, X("?"),
		"!6 unknown-code"},
	    {"a <-> x | codes(plain.csv, unknown=ignore)", IN, X("?"),
		"!2 unknown-code"},
	    {"a <-> x | codes(plain.csv, unknown=default(\"odd\"))", IN, X("?"),
		"{\"a\":\"odd\"}"},
	    {"a <-> (x, y) | codes(pair.csv)", IN, "{\"x\":\"HM\",\"y\":\"ROAD\"}",
		"{\"a\":\"road\"}"},
	    {"a <-> (x, y) | codes(pair.csv)", OUT, "{\"a\":\"jet\"}",
		"{\"x\":\"HM\",\"y\":\"ROAD\"}"},
	    {"a <-> (x, y) | codes(pair.csv)", OUT, "{\"a\":\"tip\"}", X("10")},
	    {"a <-> (x, y) | codes(pair.csv)", IN, X("10"), "{\"a\":\"tip\"}"},
	    {"a <-> (x, y) | codes(pair.csv)", IN, "{\"x\":10}", "{\"a\":\"tip\"}"},
	    {"a <-> (x, y) | codes(pair.csv)", IN, X("HM"), "!3 unknown-code"},
	    {"tags[].name <-> x[] | codes(plain.csv)", IN, "{\"x\":[\"new\",\"007\"]}",
		"{\"tags\":[{\"name\":\"open\"},{\"name\":\"bond\"}],\"a\":\"-\"}"},
	    {"attributes[code] <-> l[key]/v | keys(keys.csv, unknown=drop)", IN,
		"{\"l\":[{\"key\":79,\"v\":\"grey\"},{\"key\":\"80\",\"v\":\"no\"},"
		"{\"key\":\"1\",\"v\":\"x\"}]}",
		"{\"attributes\":[{\"code\":\"bin\",\"value\":\"grey\"}],\"a\":\"-\"}"},
	    {"attributes[code] <-> l[key]/v | keys(keys.csv, unknown=drop)", OUT,
		"{\"a\":\"-\",\"attributes\":[{\"code\":\"bin\",\"value\":\"grey\"},"
		"{\"code\":\"other\",\"value\":\"x\"},{\"code\":\"bin\",\"value\":"
		"\"green\"}]}",
		"{\"l\":[{\"key\":\"79\",\"v\":\"grey\"},{\"key\":\"79\",\"v\":"
		"\"green\"}]}"},
	    {"attributes[code] <-> l[key]/v | keys(keys.csv)", OUT,
		"{\"a\":\"-\",\"attributes\":[{\"code\":\"other\",\"value\":\"x\"}]}",
		"!3 unknown-code PH2313"},
	    {"attributes[code] <-> l[key]/v | keys(keys.csv, unknown=keep)", OUT,
		"{\"a\":\"-\",\"attributes\":[{\"code\":\"other\",\"value\":\"x\"}]}",
		"{\"l\":[{\"key\":\"other\",\"v\":\"x\"}]}"},
	    {"attributes[code] <-> l[key]/v | values(fit=3)", OUT,
		"{\"a\":\"-\",\"attributes\":[{\"code\":\"k\",\"value\":\"12345\"}]}",
		"{\"l\":[{\"key\":\"k\",\"v\":\"123\"}]}"},
	    {"attributes[code] <-> 'at[*]'", IN,
		"{\"at[q]\":\"1\",\"at[]\":\"2\",\"b\":\"3\"}",
		"{\"attributes\":[{\"code\":\"q\",\"value\":\"1\"}],\"a\":\"-\"}"},
	    {"attributes[code] <-> 'at[*]'", OUT,
		"{\"a\":\"-\",\"attributes\":[{\"code\":\"q\",\"value\":\"1\"}]}",
		"{\"at[q]\":\"1\"}"},
	};
	TRY(rows);
}
END_TEST

START_TEST(parts)
{
	static const row rows[] = {
	    {"a <- (x, y) | join(\"_\")", IN, "{\"x\":\"1\",\"y\":2}",
		"{\"a\":\"1_2\"}"},
	    {"b <- (x, y) | join(\"_\")", IN, X("1"), "{\"a\":\"-\"}"},
	    {"a <- (x, y) | join(\"_\", absent=skip)", IN, X("1"), "{\"a\":\"1\"}"},
	    {"a <-> (x, y) | join(\"_\")", OUT, "{\"a\":\"1_2_3\"}",
		"{\"x\":\"1\",\"y\":\"2_3\"}"},
	    {"a <-> (x, y) | join(\"_\")", IN, "{\"x\":\"1\",\"y\":\"2\"}",
		"{\"a\":\"1_2\"}"},
	    {"a <-> (x, y) | join(\"_\")", OUT, "{\"a\":\"1\"}", "!3 invalid PH2315"},
	    {"(a, b) <-> x | join(\", \")", OUT, "{\"a\":\"1\",\"b\":\"2\"}",
		X("1, 2")},
	    {"(a, b) <-> x | join(\", \")", IN, X("1, 2"), "{\"a\":\"1\",\"b\":\"2\"}"},
	    {"at <-> (x, y) | time(\"%Y-%m-%d %H:%M\", UTC) | join(\" \")", OUT,
		C("2024-02-29T10:11:12Z"), "{\"x\":\"2024-02-29\",\"y\":\"10:11\"}"},
	    {"at <-> (x, y) | time(\"%Y-%m-%d %H:%M\", UTC) | join(\" \")", IN,
		"{\"x\":\"2024-02-29\",\"y\":\"10:11\"}", AT("2024-02-29T10:11:00Z")},
	    {"(a, b) -> x | template(\"{1}; {2}\")", OUT, "{\"a\":\"1\",\"b\":\"2\"}",
		X("1; 2")},
	    {"(a, b) -> x | template(\"{1}[ ({2})]\")", OUT, "{\"a\":\"1\"}", X("1")},
	    {"(a, b) -> x | template(\"{1}[ ({2})]\")", OUT,
		"{\"a\":\"1\",\"b\":\"2\"}", X("1 (2)")},
	    {"(a, b) -> x | template(\"\\\\[{2}{1}\\\\]\")", OUT, "{\"a\":\"1\"}",
		X("[1]")},
	    {"(a, b) <-> x | template(\"{1}[ ({2})]\")", IN, X("1 (2)"),
		"{\"a\":\"1\",\"b\":\"2\"}"},
	    {"(a, b) <-> x | template(\"{1}[ ({2})]\")", IN, X("1 2"),
		"{\"a\":\"1 2\"}"},
	    {"(a, b) <-> x | template(\"{1} at {2:number}\")", IN, X("it is at 4 at 5"),
		"{\"a\":\"it is at 4\",\"b\":\"5\"}"},
	    {"(a, b) <-> x | template(\"{1} at {2:number}\")", IN, X("nowhere"),
		"!3 invalid PH2316"},
	    {"(a, sub.x, sub.y) <-> x | template(\"{1}[\\n\\n{2:number},{3:number}]\") "
	     "| "
	     "fit(100)",
		IN, X("a\\n\\n1,b\\n\\n53.5,-1.5"),
		"{\"a\":\"a\\n\\n1,b\",\"sub\":{\"x\":53.5,\"y\":-1.5}}"},
	    {"a <- x | match(\"^A-(.*)$\", else=hold)", IN, X("A-7"), "{\"a\":\"7\"}"},
	    {"a <- x | match(\"^A-(.*)$\", else=hold)", IN, X("B-7"),
		"!3 invalid PH2317"},
	    {"a <- x | match(\"^A-(.*)$\", else=reject)", IN, X("B-7"),
		"!4 invalid PH2317"},
	    {"b <- x | match(\"^A-(.*)$\", else=absent)", IN, X("B-7"),
		"{\"a\":\"-\"}"},
	    {"a <- x | match(\"^A-(.*)$\", else=\"none\")", IN, X("B-7"),
		"{\"a\":\"none\"}"},
	    {"a <- x | match(\"^A-(.*)$\", else=first-line(5))", IN, X("B-7\\nmore"),
		"{\"a\":\"B-7\"}"},
	    {"(a, b) <- x | match(\"^(\\\\w+)_(\\\\w+)$\")", IN, X("ABC_DEF"),
		"{\"a\":\"ABC\",\"b\":\"DEF\"}"},
	    {"a <- x | match(\"[0-9]+\")", IN, X("no 42"), "{\"a\":\"42\"}"},
	    {"a <- x | match(\"^(a+)+$\")", IN,
		X("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		  "b"),
		"!3 invalid PH2318"},
	    {"a <- x | default(\"d\")", IN, "{}", "{\"a\":\"d\"}"},
	    {"a <- x | default(\"d\")", IN, X(""), "{\"a\":\"\"}"},
	    {"a <- x | default(\"d\")", IN, X("v"), "{\"a\":\"v\"}"},
	    {"b -> x | default(\"d\")", OUT, "{\"a\":\"-\"}", X("d")},
	};
	TRY(rows);
}
END_TEST

/* Each conversion of the table has at least one row above, and is known by its name. */
START_TEST(names_and_table_agree)
{
	const char *const *names = ph_convert_names();
	for (; *names != NULL; names++)
		if (strcmp(*names, "when") != 0)
			ck_assert_str_eq(ph_convert_find(*names)->name, *names);
	ck_assert_ptr_null(ph_convert_find("nonsense"));
}
END_TEST

static Suite *
convert_suite(void)
{
	Suite *suite = suite_create("convert");
	TCase *tests = tcase_create("tables");
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, texts);
	tcase_add_test(tests, the_two_thousandth_place);
	tcase_add_test(tests, numbers);
	tcase_add_test(tests, grid);
	tcase_add_test(tests, times);
	tcase_add_test(tests, codes);
	tcase_add_test(tests, parts);
	tcase_add_test(tests, names_and_table_agree);
	suite_add_tcase(suite, tests);
	return suite;
}

int
main(void)
{
	return ph_check_main(convert_suite());
}
