/* Maps as a whole: records, references, values, digests, outcomes, what is written in which order. */
#include <stdio.h>
#include <string.h>

#include "tests/unit/check_main.h"
#include "tests/unit/map_fixture.h"

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
need(ph_map *map)
{
	ck_assert_msg(map != NULL, "%s: %s", fixture.err.where, fixture.err.text);
	return map;
}

static void
expect(const ph_map *map, ph_map_direction direction, const char *bytes,
    const char *values, const char *expected)
{
	char *got = map_fixture_run(map, direction, bytes, values);
	ck_assert_msg(strncmp(got, expected, strlen(expected)) == 0 &&
			  (expected[0] == '!' || strlen(got) == strlen(expected)),
	    "%s: got %s, expected %s", bytes, got, expected);
	free(got);
}

#define DROP "drop: {canonical: [a, b, c, ref, n, t, at, s, tags, attributes, sub]}\n"
#define HEAD "map: m\ncanonical: thing@1\n" DROP
#define IN   PH_MAP_IN
#define OUT  PH_MAP_OUT

START_TEST(absent_null_empty)
{
	ph_map *map = need(map_fixture_links(&fixture, "  - a <-> x\n  - b <-> y"));
	expect(map, IN, "{\"x\":\"\"}", NULL, "{\"a\":\"\"}");
	expect(map, IN, "{}", NULL, "!3 invalid PH3202");
	expect(map, IN, "{\"x\":\"v\",\"y\":null}", NULL, "!3 invalid PH3201 y -> b");
	expect(map, OUT, "{\"a\":\"\"}", NULL, "{\"x\":\"\"}");
	ph_map_destroy(&map);
	map = need(map_fixture_map(&fixture,
	    HEAD "vendor: {format: json, null: absent, empty: absent}\n"
		 "links:\n  - a <-> x\n  - b <-> y\n"));
	expect(map, IN, "{\"x\":\"v\",\"y\":null}", NULL, "{\"a\":\"v\"}");
	expect(map, IN, "{\"x\":\"v\",\"y\":\"\"}", NULL, "{\"a\":\"v\"}");
	expect(map, OUT, "{\"a\":\"v\",\"b\":\"\"}", NULL, "{\"x\":\"v\"}");
	ph_map_destroy(&map);
}
END_TEST

START_TEST(one_or_many)
{
	ph_map *map =
	    need(map_fixture_links(&fixture, "  - a <-> x\n  - tags[].name <-> y[]"));
	expect(map, IN, "{\"x\":[\"v\"],\"y\":\"one\"}", NULL,
	    "{\"a\":\"v\",\"tags\":[{\"name\":\"one\"}]}");
	expect(map, IN, "{\"x\":[\"v\",\"w\"]}", NULL, "!3 invalid PH2401 x -> a");
	expect(map, IN, "{\"x\":{\"z\":1}}", NULL, "!3 invalid PH2401");
	expect(map, IN, "{\"x\":[],\"y\":[]}", NULL, "!3 invalid PH3202");
	expect(map, OUT,
	    "{\"a\":\"v\",\"tags\":[{\"name\":\"1\"},{},{\"name\":\"3\"}]}", NULL,
	    "{\"x\":\"v\",\"y\":[\"1\",\"3\"]}");
	ph_map_destroy(&map);
	map = need(map_fixture_links(&fixture, "  - tags[].name -> y\n  - a <-> x"));
	expect(map, OUT, "{\"a\":\"v\",\"tags\":[{\"name\":\"1\"}]}", NULL,
	    "{\"y\":\"1\",\"x\":\"v\"}");
	expect(map, OUT, "{\"a\":\"v\",\"tags\":[{\"name\":\"1\"},{\"name\":\"2\"}]}",
	    NULL, "!3 invalid PH2402 tags[].name -> y");
	ph_map_destroy(&map);
}
END_TEST

START_TEST(parents_and_constants)
{
	ph_map *map = need(map_fixture_links(&fixture,
	    "  - const(\"1\") -> k\n  - const(\"WEB\", with=who) -> who/how\n"
	    "  - a -> who/name | when(a != \"-\")\n  - b -> deep/er/b\n  - a <- x"));
	expect(map, OUT, "{\"a\":\"-\"}", NULL, "{\"k\":\"1\"}");
	/* the order of the links, also for what is written last */
	expect(map, OUT, "{\"a\":\"n\",\"b\":\"m\"}", NULL,
	    "{\"k\":\"1\",\"who\":{\"how\":\"WEB\",\"name\":\"n\"},\"deep\":{\"er\":{"
	    "\"b\":\"m\"}}}");
	ph_map_destroy(&map);
}
END_TEST

START_TEST(conditions)
{
	ph_map *map = need(map_fixture_links(&fixture,
	    "  - a <- x\n  - b <- y | when($setting.show)\n"
	    "  - c <- y | when(x = \"v\" and not z and y matches \"^[0-9]+$\")\n"
	    "  - s <- const(\"open\") | when(z)\n  - s <- const(\"fixed\") | when(not "
	    "z)"));
	expect(map, IN, "{\"x\":\"v\",\"y\":\"12\"}", NULL,
	    "{\"a\":\"v\",\"c\":\"12\",\"s\":\"fixed\"}");
	expect(map, IN, "{\"x\":\"v\",\"y\":\"12\"}", "setting.show=yes",
	    "{\"a\":\"v\",\"b\":\"12\",\"c\":\"12\",\"s\":\"fixed\"}");
	expect(map, IN, "{\"x\":\"v\",\"y\":\"12\"}", "setting.show=no",
	    "{\"a\":\"v\",\"c\":\"12\",\"s\":\"fixed\"}");
	expect(map, IN, "{\"x\":\"v\",\"y\":\"12\",\"z\":0}", NULL,
	    "{\"a\":\"v\",\"s\":\"open\"}");
	expect(map, IN, "{\"x\":\"w\",\"y\":\"12\"}", NULL,
	    "{\"a\":\"w\",\"s\":\"fixed\"}");
	expect(map, IN, "{\"x\":\"v\",\"y\":\"1x\"}", NULL,
	    "{\"a\":\"v\",\"s\":\"fixed\"}");
	ph_map_destroy(&map);
}
END_TEST

START_TEST(requirements)
{
	ph_map *map = need(map_fixture_map(&fixture,
	    HEAD "vendor: {format: json}\n"
		 "require:\n  - key = $secret.k or key = \"\" and $setting.open | "
		 "deny\n  - kind != \"other\" | ignore\n"
		 "  - x\n"
		 "links:\n  - a <- x\n"));
	expect(map, IN, "{\"x\":\"v\",\"key\":\"s\",\"kind\":\"1\"}", "secret.k=s",
	    "{\"a\":\"v\"}");
	expect(map, IN, "{\"x\":\"v\",\"key\":\"S\",\"kind\":\"1\"}", "secret.k=s",
	    "!5 denied PH2408");
	expect(map, IN, "{\"x\":\"v\",\"key\":\"ss\",\"kind\":\"1\"}", "secret.k=s",
	    "!5 denied");
	expect(map, IN, "{\"x\":\"v\",\"kind\":\"1\"}", "secret.k=s", "!5 denied");
	expect(map, IN, "{\"x\":\"v\",\"key\":\"\",\"kind\":\"1\"}", NULL, "!5 denied");
	expect(map, IN, "{\"x\":\"v\",\"key\":\"\",\"kind\":\"1\"}", "setting.open=yes",
	    "{\"a\":\"v\"}");
	expect(map, IN, "{\"x\":\"v\",\"key\":\"s\",\"kind\":\"other\"}", "secret.k=s",
	    "!2");
	expect(map, IN, "{\"key\":\"s\",\"kind\":\"1\"}", "secret.k=s",
	    "!4 invalid PH2408");
	ph_map_destroy(&map);
}
END_TEST

START_TEST(records_of_a_document)
{
	ph_map *map = need(map_fixture_map(&fixture,
	    HEAD "vendor: {format: json, root: data, each: groups/rows}\n"
		 "links:\n  - a <- (../../day, ../name, id) | join(\"-\")\n"));
	ph_map_call *call;
	size_t length;
	static const char bytes[] =
	    "{\"data\":{\"day\":\"mon\",\"groups\":[{\"name\":\"g\",\"rows\":[{\"id\":"
	    "1},"
	    "{\"id\":2}]},{\"name\":\"h\",\"rows\":{\"id\":3}},{\"name\":\"i\"}]}}";
	static const char *const expected[] = {
	    "{\"a\":\"mon-g-1\"}", "{\"a\":\"mon-g-2\"}", "{\"a\":\"mon-h-3\"}"};
	ck_assert_int_eq(
	    ph_map_call_new(map, IN, 0, bytes, strlen(bytes), &call, NULL), PH_OK);
	ck_assert_int_eq(ph_map_call_run(call, NULL), PH_OK);
	ck_assert_uint_eq(ph_map_call_count(call), 3);
	for (size_t i = 0; i < 3; i++) {
		const char *data = ph_map_call_data(call, i, &length);
		ck_assert_uint_eq(length, strlen(expected[i]));
		ck_assert_mem_eq(data, expected[i], length);
	}
	ph_map_call_destroy(&call);
	expect(map, IN, "{\"data\":{\"groups\":[]}}", NULL, "(none)");
	expect(map, IN, "{\"error\":\"no\"}", NULL, "!3 malformed PH2409 data");
	ph_map_destroy(&map);
}
END_TEST

START_TEST(one_bad_record_of_many)
{
	ph_map *map = need(map_fixture_map(&fixture,
	    HEAD "vendor: {format: json, root: data, each: rows}\n"
		 "links:\n  - a <- x\n  - c <- y\n"));
	ph_map_call *call;
	static const char bytes[] = "{\"data\":{\"rows\":[{\"x\":\"1\"},{\"x\":\"2\","
				    "\"y\":\"too long\"},{\"x\":\"3\"}]}}";
	ck_assert_int_eq(
	    ph_map_call_new(map, IN, 0, bytes, strlen(bytes), &call, NULL), PH_OK);
	ck_assert_int_eq(ph_map_call_run(call, NULL), PH_OK);
	ck_assert_int_eq(ph_map_call_result(call, 0), PH_MAP_DONE);
	ck_assert_int_eq(ph_map_call_result(call, 1), PH_MAP_HELD);
	ck_assert_int_eq(ph_map_call_result(call, 2), PH_MAP_DONE);
	ck_assert_str_eq(ph_map_call_stage(call, 1), "validate");
	ck_assert_str_eq(ph_map_call_path(call, 1), "y -> c");
	ck_assert_ptr_null(strstr(ph_map_call_error(call, 1)->text, "too long"));
	ck_assert_ptr_nonnull(strstr(ph_map_call_error(call, 1)->where, "m.yaml:7:5"));
	ph_map_call_destroy(&call);
	ph_map_destroy(&map);
}
END_TEST

/* Of a file with one bad line, that line is kept with its header, and no other. */
START_TEST(described_records)
{
	map_fixture_file(&fixture, "r.yaml",
	    "format: csv\ncharset: windows-1252\nline-end: lf\nfields: [k, v]\n");
	ph_map *map = need(map_fixture_map(&fixture,
	    HEAD "vendor: {format: csv, record: r.yaml, each: row}\n"
		 "links:\n  - a <-> k\n  - b <-> v\n"));
	static const char file[] = "v,k\nx,1\n\x80,\ny,3\n";
	ph_map_call *call;
	char *bytes = NULL;
	size_t length = 0;
	ck_assert_str_eq(ph_map_media(map), "text/csv; charset=windows-1252");
	ck_assert_int_eq(
	    ph_map_call_new(map, IN, 0, file, sizeof(file) - 1, &call, &fixture.err),
	    PH_OK);
	ck_assert_int_eq(ph_map_call_run(call, &fixture.err), PH_OK);
	ck_assert_uint_eq(ph_map_call_count(call), 3);
	ck_assert_int_eq(ph_map_call_result(call, 0), PH_MAP_DONE);
	ck_assert_int_eq(ph_map_call_result(call, 1), PH_MAP_HELD);
	ck_assert_int_eq(ph_map_call_result(call, 2), PH_MAP_DONE);
	ck_assert_int_eq(
	    ph_map_call_source(call, 1, &bytes, &length, &fixture.err), PH_OK);
	ck_assert_str_eq(bytes, "k,v\n,\x80\n");
	free(bytes);
	ph_map_call_destroy(&call);
	expect(map, OUT, "{\"a\":\"7\",\"b\":\"\xE2\x82\xAC\"}", NULL, "k,v\n7,\x80\n");
	expect(map, OUT, "{\"a\":\"\xC5\x81\"}", NULL, "!3 invalid PH3150");
	ph_map_destroy(&map);
}
END_TEST

START_TEST(references)
{
	ph_map *map = need(map_fixture_map(&fixture,
	    HEAD "vendor: {format: json, root: d, each: rows}\n"
		 "links:\n  - a <- x | xref(thing, unknown=retry)\n"
		 "  - b <- y | xref(other, system=crm, unknown=ignore)\n"
		 "  - c <- z | known(thing, unknown=reject)\n"));
	ph_map_call *call;
	ph_map_reference kind;
	const char *entity, *system, *key;
	static const char bytes[] = "{\"d\":{\"rows\":[{\"x\":\"1\",\"y\":\"2\"},{"
				    "\"x\":\"1\",\"z\":\"3\"},{\"x\":\"9\"}]}}";
	ck_assert_int_eq(
	    ph_map_call_new(map, IN, 0, bytes, strlen(bytes), &call, NULL), PH_OK);
	ck_assert_int_eq(
	    ph_map_call_reference(call, 0, &kind, &entity, &system, &key), PH_OK);
	ck_assert_int_eq(kind, PH_MAP_CANONICAL);
	ck_assert_str_eq(entity, "thing");
	ck_assert_str_eq(system, "");
	ck_assert_str_eq(key, "1");
	ck_assert_int_eq(
	    ph_map_call_reference(call, 1, &kind, &entity, &system, &key), PH_OK);
	ck_assert_str_eq(system, "crm");
	ck_assert_int_eq(
	    ph_map_call_reference(call, 2, &kind, NULL, NULL, &key), PH_OK);
	ck_assert_int_eq(kind, PH_MAP_EXISTS);
	ck_assert_int_eq(ph_map_call_reference(call, 3, NULL, NULL, NULL, &key), PH_OK);
	ck_assert_str_eq(key, "9");
	ck_assert_int_eq(
	    ph_map_call_reference(call, 4, NULL, NULL, NULL, NULL), PH_ERR_NOT_FOUND);
	ck_assert_int_eq(ph_map_call_answer(call, 0, "TH-1", NULL), PH_OK);
	ck_assert_int_eq(ph_map_call_answer(call, 9, "TH-1", NULL), PH_ERR_USAGE);
	ck_assert_int_eq(ph_map_call_run(call, NULL), PH_OK);
	ck_assert_int_eq(ph_map_call_result(call, 0), PH_MAP_IGNORED);
	ck_assert_int_eq(ph_map_call_result(call, 1), PH_MAP_REFUSED);
	ck_assert_str_eq(ph_map_call_reason(call, 1), "unknown-reference");
	ck_assert_int_eq(ph_map_call_result(call, 2), PH_MAP_LATER);
	ph_map_call_destroy(&call);
	ph_map_destroy(&map);
	map = need(map_fixture_links(&fixture, "  - a <-> x | xref(thing)"));
	expect(map, OUT, "{\"a\":\"TH-1\"}", "ref.TH-1=77", "{\"x\":\"77\"}");
	expect(
	    map, OUT, "{\"a\":\"TH-1\"}", NULL, "!3 unknown-reference PH2320 a -> x");
	expect(map, IN, "{\"x\":\"\"}", NULL, "!3 unknown-reference PH2319");
	ph_map_destroy(&map);
}
END_TEST

START_TEST(minting)
{
	ph_map *map = need(map_fixture_links(&fixture,
	    "  - a <- x\n"
	    "  - ref <- ($jurisdiction, k) | join(\"/\") | default($receipt) | "
	    "mint(thing)\n"
	    "  - $event.id <- ($jurisdiction, k) | join(\"/\") | default($receipt)\n"
	    "  - at <- $accepted_at"));
	ph_map_call *call;
	const char *entity, *system, *key, *id, *name, *value;
	size_t length;
	ck_assert(ph_map_mints(map));
	ck_assert_str_eq(ph_map_id_prefix(map), "TH");
	ck_assert_int_eq(
	    ph_map_call_new(map, IN, 0, "{\"x\":\"v\",\"k\":\"7\"}", 17, &call, NULL),
	    PH_OK);
	ph_map_call_set(call, "jurisdiction", "here", NULL);
	ph_map_call_set(call, "receipt", "r1", NULL);
	ph_map_call_set(call, "accepted_at", "2024-01-01T00:00:00Z", NULL);
	ck_assert_int_eq(ph_map_call_set(call, "nonsense", "1", NULL), PH_ERR_USAGE);
	ck_assert_int_eq(ph_map_call_reference(call, 0, NULL, NULL, NULL, &key), PH_OK);
	ck_assert_str_eq(key, "here/7");
	ph_map_call_answer(call, 0, "TH-9", NULL);
	ck_assert_int_eq(ph_map_call_run(call, NULL), PH_OK);
	ck_assert_int_eq(
	    ph_map_call_binding(call, 0, 0, &entity, &system, &key, &id), 1);
	ck_assert_str_eq(entity, "thing");
	ck_assert_str_eq(system, "");
	ck_assert_str_eq(key, "here/7");
	ck_assert_str_eq(id, "TH-9");
	ck_assert_int_eq(
	    ph_map_call_binding(call, 0, 1, &entity, &system, &key, &id), 0);
	ck_assert_str_eq(ph_map_call_get(call, 0, "id"), "here/7");
	ck_assert_str_eq(ph_map_call_get(call, 0, "subject"), "TH-9");
	ck_assert_str_eq(ph_map_call_get(call, 0, "time"), "2024-01-01T00:00:00Z");
	ck_assert_str_eq(ph_map_call_get(call, 0, "dataschema"), "urn:test:thing:1");
	ck_assert_ptr_null(ph_map_call_get(call, 0, "bee"));
	ck_assert_int_eq(ph_map_call_attribute(call, 0, 0, &name, &value), 1);
	/* what comes from the clock is no part of what a repeat is recognised by */
	const char *digest = ph_map_call_digest(call, 0, &length);
	ck_assert_str_eq(digest, "{\"a\":\"v\",\"ref\":\"TH-9\"}");
	ph_map_call_destroy(&call);
	/* without a key each receipt is a thing of its own */
	ck_assert_int_eq(
	    ph_map_call_new(map, IN, 0, "{\"x\":\"v\"}", 9, &call, NULL), PH_OK);
	ph_map_call_set(call, "receipt", "r1", NULL);
	ck_assert_int_eq(ph_map_call_reference(call, 0, NULL, NULL, NULL, &key), PH_OK);
	ck_assert_str_eq(key, "r1");
	ph_map_call_run(call, NULL);
	ck_assert_int_eq(ph_map_call_result(call, 0), PH_MAP_HELD);
	ph_map_call_destroy(&call);
	ph_map_destroy(&map);
}
END_TEST

START_TEST(promoted)
{
	ph_map *map = need(map_fixture_links(&fixture, "  - a <- x\n  - b <- y"));
	ph_map_call *call;
	ck_assert_int_eq(
	    ph_map_call_new(map, IN, 0, "{\"x\":\"v\",\"y\":\"w\"}", 17, &call, NULL),
	    PH_OK);
	ck_assert_int_eq(ph_map_call_run(call, NULL), PH_OK);
	ck_assert_str_eq(ph_map_call_get(call, 0, "bee"), "w");
	ck_assert_ptr_null(ph_map_call_get(call, 0, "a"));
	ph_map_call_destroy(&call);
	ph_map_destroy(&map);
}
END_TEST

START_TEST(addresses)
{
	ph_map *map = need(map_fixture_links(&fixture,
	    "  - ref -> $url.case | xref(thing)\n  - a -> $url.day\n  - a -> x\n"
	    "  - $event.source -> from\n  - $origin -> who"));
	ph_map_call *call;
	const char *name, *value;
	static const char bytes[] = "{\"a\":\"mon\",\"ref\":\"TH-1\"}";
	ck_assert_int_eq(
	    ph_map_call_new(map, OUT, 0, bytes, strlen(bytes), &call, NULL), PH_OK);
	ck_assert_int_eq(
	    ph_map_call_set(call, "event.source", "urn:council:here:highways", NULL),
	    PH_OK);
	ck_assert_int_eq(ph_map_call_reference(call, 0, NULL, NULL, NULL, NULL), PH_OK);
	ph_map_call_answer(call, 0, "7/7", NULL);
	ck_assert_int_eq(ph_map_call_run(call, NULL), PH_OK);
	ck_assert_int_eq(ph_map_call_url(call, 0, 0, &name, &value), 1);
	ck_assert_str_eq(name, "case");
	ck_assert_str_eq(value, "7/7");
	ck_assert_int_eq(ph_map_call_url(call, 0, 1, &name, &value), 1);
	ck_assert_int_eq(ph_map_call_url(call, 0, 2, &name, &value), 0);
	size_t length;
	ck_assert_str_eq(ph_map_call_data(call, 0, &length),
	    "{\"x\":\"mon\",\"from\":\"urn:council:here:highways\",\"who\":"
	    "\"highways\"}");
	ph_map_call_destroy(&call);
	expect(map, OUT, "{\"a\":\"mon\"}", NULL, "!3 invalid PH2406 case");
	ph_map_destroy(&map);
}
END_TEST

START_TEST(forms)
{
	ph_map *map = need(map_fixture_map(&fixture, HEAD
	    "vendor: {format: form}\nlinks:\n  - a <-> x\n  - tags[].name <-> t[]\n"
	    "  - attributes[code] <-> 'q[*]'\n  - b <- 'q[b]'\n"));
	ph_map_call *call;
	const char *name, *value;
	size_t length, count = 0;
	expect(map, IN, "x=1+1&t=2&t=3&q%5Bb%5D=4&q%5Bc%5D=5", NULL,
	    "{\"a\":\"1 1\",\"tags\":[{\"name\":\"2\"},{\"name\":\"3\"}],"
	    "\"attributes\":[{\"code\":\"c\",\"value\":\"5\"}],\"b\":\"4\"}");
	expect(map, IN, "x=1&x=2", NULL, "!3 invalid PH2401 x -> a");
	expect(map, IN, "x=%ZZ", NULL, "!3 malformed PH3");
	static const char bytes[] =
	    "{\"a\":\"&\",\"tags\":[{\"name\":\"2\"},{\"name\":\"3\"}]}";
	ck_assert_int_eq(
	    ph_map_call_new(map, OUT, 0, bytes, strlen(bytes), &call, NULL), PH_OK);
	ck_assert_int_eq(ph_map_call_run(call, NULL), PH_OK);
	ck_assert_str_eq(ph_map_call_data(call, 0, &length), "x=%26&t=2&t=3");
	while (ph_map_call_pair(call, 0, count, &name, &value, &length))
		count++;
	ck_assert_uint_eq(count, 3);
	ck_assert_int_eq(ph_map_call_pair(call, 0, 2, &name, &value, NULL), 1);
	ck_assert_str_eq(name, "t");
	ck_assert_str_eq(value, "3");
	ph_map_call_destroy(&call);
	ph_map_destroy(&map);
}
END_TEST

#define SOAP(body)                                                                     \
	"<e:Envelope "                                                                 \
	"xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\"><e:Body>" body          \
	"</e:Body></e:Envelope>"

START_TEST(xml_and_soap)
{
	ph_map *map = need(map_fixture_map(&fixture,
	    HEAD "vendor:\n  format: soap\n  namespaces: {v: \"urn:v\", h: \"urn:h\"}\n"
		 "  unprefixed: v\n  root: v:Do/v:It\n  order: [../First, Two, One]\n"
		 "links:\n  - const(\"u\") -> $header/h:Who/@s:must\n"
		 "  - b <-> $header/h:Who/h:Name\n  - a <-> One\n  - ref <-> Two/@id\n"
		 "  - c <-> Two\n  - sub.x <-> ../First\n"));
	static const char canonical[] = "{\"a\":\"<&\\r\",\"b\":\"me\",\"ref\":\"7\","
					"\"c\":\"t\",\"sub\":{\"x\":1.50}}";
	char *got = map_fixture_run(map, OUT, canonical, NULL);
	const char *first = strstr(got, "First>"), *two = strstr(got, "Two"),
		   *one = strstr(got, "One>");
	ck_assert_msg(first != NULL && two != NULL && one != NULL, "%s", got);
	ck_assert_msg(first < strstr(got, "It>") && two < one, "%s", got);
	ck_assert_ptr_nonnull(strstr(got, "&lt;&amp;&#13;"));
	ck_assert_ptr_nonnull(strstr(got, "1.50"));
	expect(map, IN, got, NULL,
	    "{\"b\":\"me\",\"a\":\"<&\\r\",\"ref\":\"7\",\"c\":\"t\","
	    "\"sub\":{\"x\":1.50}}");
	free(got);
	/* the right names in another namespace are other names */
	expect(map, IN, SOAP("<Do xmlns=\"urn:w\"><It/></Do>"), NULL,
	    "!3 malformed PH2409");
	expect(map, IN,
	    SOAP("<Do xmlns=\"urn:v\"><It><One xmlns=\"\">x</One></It></Do>"), NULL,
	    "!3 invalid PH3202");
	expect(map, IN, "<html><body>Sorry</body></html>", NULL, "!3 malformed PH");
	expect(map, IN,
	    "<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><x>&e;</x>", NULL,
	    "!3 malformed PH");
	ph_map_destroy(&map);
}
END_TEST

START_TEST(repeated_elements)
{
	ph_map *map = need(map_fixture_map(&fixture,
	    HEAD "vendor: {format: xml, root: R}\nlinks:\n  - a <-> A\n"
		 "  - attributes[code] <-> F[K]/V\n  - tags[].name <-> T[]/@n\n"));
	static const char canonical[] =
	    "{\"a\":\"v\",\"attributes\":[{\"code\":\"k\",\"value\":\"1\"},{\"code\":"
	    "\"l\","
	    "\"value\":\"2\"}],\"tags\":[{\"name\":\"x\"},{\"name\":\"y\"}]}";
	char *got = map_fixture_run(map, OUT, canonical, NULL);
	ck_assert_msg(
	    strstr(got, "<R><A>v</A><F><K>k</K><V>1</V></F><F><K>l</K><V>2</V></F>"
			"<T n=\"x\"") != NULL,
	    "%s", got);
	expect(map, IN, got, NULL, canonical);
	free(got);
	expect(map, OUT, "{}", NULL, "!3 invalid PH3202");
	ph_map_destroy(&map);
	/* attributes first, whenever they are linked */
	map = need(
	    map_fixture_map(&fixture, HEAD "vendor: {format: xml, root: R}\nlinks:\n  "
					   "- a <-> B/C\n  - b <-> B/@id\n"));
	got = map_fixture_run(map, OUT, "{\"a\":\"v\",\"b\":\"7\"}", NULL);
	ck_assert_msg(
	    strstr(got, "<R><B id=\"7\"><C>v</C></B></R>") != NULL, "%s", got);
	free(got);
	ph_map_destroy(&map);
}
END_TEST

START_TEST(secrets_and_questions)
{
	ph_map *map = need(map_fixture_map(&fixture,
	    "map: m\ncanonical: none\nvendor: {format: xml, root: Ask}\nlinks:\n"
	    "  - $secret.user -> User\n  - $window.from -> From | time(\"%d/%m/%Y\", "
	    "UTC)\n"
	    "  - $setting.none -> None\n"));
	ck_assert_int_eq(ph_map_goes(map, IN), 0);
	ck_assert_str_eq(ph_map_wants(map, 0), "secret.user");
	ck_assert_ptr_null(ph_map_wants(map, 3));
	char *got = map_fixture_run(
	    map, OUT, "", "secret.user=me;window.from=2024-03-01T00:00:00Z");
	ck_assert_ptr_nonnull(
	    strstr(got, "<Ask><User>me</User><From>01/03/2024</From></Ask>"));
	free(got);
	ph_map_call *call;
	ck_assert_int_eq(ph_map_call_new(map, IN, 0, "", 0, &call, NULL), PH_ERR_USAGE);
	ph_map_destroy(&map);
}
END_TEST

START_TEST(canonical_side_is_checked)
{
	ph_map *map = need(map_fixture_links(&fixture, "  - a <-> x\n  - c <-> y"));
	ph_map_call *call;
	expect(map, OUT, "{\"b\":\"v\"}", NULL, "!3 invalid PH3202 a");
	expect(map, OUT, "{\"a\":\"v\",\"c\":\"123456\"}", NULL, "!3 invalid PH3203 c");
	expect(map, OUT, "{\"a\":\"v\",\"other\":1}", NULL, "!3 invalid PH3208 other");
	expect(map, OUT, "{\"a\":\"v\",\"a\":\"w\"}", NULL, "!3 malformed PH3");
	expect(map, OUT, "", NULL, "!3 malformed PH3");
	ck_assert_int_eq(
	    ph_map_call_new(map, OUT, PH_MAP_PARTIAL, "{\"c\":\"1\"}", 9, &call, NULL),
	    PH_OK);
	ck_assert_int_eq(ph_map_call_run(call, NULL), PH_OK);
	ck_assert_int_eq(ph_map_call_result(call, 0), PH_MAP_DONE);
	ph_map_call_destroy(&call);
	ph_map_destroy(&map);
}
END_TEST

START_TEST(folding)
{
	ph_map *map = need(map_fixture_links(&fixture, "  - a <-> x"));
	static const char one[] = "{\"a\":\"v\",\"b\":\"w\",\"sub\":{\"x\":1,\"y\":2}}";
	static const char two[] = "{\"status\":\"fixed\",\"text\":\"private\"}";
	char *state = NULL, *next = NULL;
	size_t length = 0, more = 0;
	ck_assert_int_eq(ph_map_fold(map, "urn:test:thing:1", NULL, 0, one, strlen(one),
			     &state, &length, NULL),
	    PH_OK);
	ck_assert_str_eq(state, "{\"a\":\"v\",\"sub\":{\"x\":1}}");
	ck_assert_int_eq(ph_map_fold(map, "urn:other", state, length, two, strlen(two),
			     &next, &more, NULL),
	    PH_OK);
	ck_assert_str_eq(next, "{\"a\":\"v\",\"sub\":{\"x\":1},\"b\":\"fixed\"}");
	free(state);
	ck_assert_int_eq(ph_map_fold(map, "urn:unknown", next, more, two, strlen(two),
			     &state, &length, NULL),
	    PH_OK);
	ck_assert_str_eq(state, next);
	free(state);
	free(next);
	ck_assert_int_eq(
	    ph_map_fold(map, "urn:other", NULL, 0, "{", 1, &state, &length, NULL),
	    PH_ERR_INVALID);
	ph_map_destroy(&map);
}
END_TEST

START_TEST(warnings)
{
	map_fixture_file(&fixture, "codes/t.csv", "x,canonical,in,out\n1,one,*,*\n");
	ph_map *map = need(map_fixture_links(
	    &fixture, "  - a <-> x | codes(t.csv, unknown=default(\"odd\"))"));
	ph_map_call *call;
	ck_assert_int_eq(
	    ph_map_call_new(map, IN, 0, "{\"x\":\"2\"}", 9, &call, NULL), PH_OK);
	ck_assert_int_eq(ph_map_call_run(call, NULL), PH_OK);
	ck_assert_ptr_nonnull(strstr(ph_map_call_warning(call, 0, 0), "PH2313"));
	ck_assert_ptr_null(ph_map_call_warning(call, 0, 1));
	ph_map_call_destroy(&call);
	ph_map_destroy(&map);
}
END_TEST

static Suite *
map_suite(void)
{
	Suite *suite = suite_create("map");
	TCase *tests = tcase_create("map");
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, absent_null_empty);
	tcase_add_test(tests, one_or_many);
	tcase_add_test(tests, parents_and_constants);
	tcase_add_test(tests, conditions);
	tcase_add_test(tests, requirements);
	tcase_add_test(tests, records_of_a_document);
	tcase_add_test(tests, one_bad_record_of_many);
	tcase_add_test(tests, described_records);
	tcase_add_test(tests, references);
	tcase_add_test(tests, minting);
	tcase_add_test(tests, promoted);
	tcase_add_test(tests, addresses);
	tcase_add_test(tests, forms);
	tcase_add_test(tests, xml_and_soap);
	tcase_add_test(tests, repeated_elements);
	tcase_add_test(tests, secrets_and_questions);
	tcase_add_test(tests, canonical_side_is_checked);
	tcase_add_test(tests, folding);
	tcase_add_test(tests, warnings);
	suite_add_tcase(suite, tests);
	return suite;
}

int
main(void)
{
	return ph_check_main(map_suite());
}
