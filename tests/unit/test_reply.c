/* Reply rules: what a vendor answered becomes an outcome, a reference, a text. */
#include <string.h>

#include "lib/config/config.h"
#include "tests/unit/check_main.h"
#include "tests/unit/map_fixture.h"
#include "transform/reply.h"

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

static ph_status
load(const char *rules, const ph_map *map, ph_reply **out, ph_error *err)
{
	ph_document *document;
	ck_assert_int_eq(ph_document_new("a.yaml", 1 << 20, &document, NULL), PH_OK);
	ph_status status = ph_yaml_decode(document, rules, strlen(rules), 0, err);
	if (status == PH_OK)
		status = ph_reply_load(document,
		    ph_node_get(ph_document_root(document), "reply"), map, out, err);
	ph_document_destroy(&document);
	return status;
}

static ph_verdict
judge(const ph_reply *reply, unsigned status, const char *bytes)
{
	ph_verdict verdict;
	ck_assert_int_eq(
	    ph_reply_judge(reply, status, bytes, strlen(bytes), &verdict, NULL), PH_OK);
	return verdict;
}

#define SOAP(body)                                                                     \
	"<e:Envelope "                                                                 \
	"xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\"><e:Body>" body          \
	"</e:Body></e:Envelope>"

/* The answer is read as the map's record description says. */
START_TEST(acknowledgement)
{
	static const char rules[] =
	    "reply:\n"
	    "  - {if: MSA/code = AA, outcome: delivered, reference: MSA/2}\n"
	    "  - {if: MSA/code = AE, outcome: rejected, text: ERR/8}\n";
	map_fixture_file(
	    &fixture, "h.yaml", "format: hl7\nsegments: {MSA: {1: code}}\n");
	ph_map *map = map_fixture_map(&fixture,
	    "map: m\ncanonical: none\nvendor: {format: hl7, record: h.yaml}\n"
	    "drop: {vendor: [MSA]}\n"
	    "links:\n  - const(\"1\") -> MSH/3\n");
	ph_reply *reply;
	ph_error err;
	ck_assert_msg(map != NULL, "%s", fixture.err.text);
	ck_assert_msg(
	    load(rules, map, &reply, &err) == PH_OK, "%s: %s", err.where, err.text);
	ph_map_destroy(&map);
	ph_verdict v = judge(reply, 0, "MSH|^~\\&|\rMSA|AA|77\r");
	ck_assert_int_eq(v.outcome, PH_DELIVERED);
	ck_assert_str_eq(v.reference, "77");
	v = judge(reply, 0, "MSH|^~\\&|\rMSA|AE|77\rERR||||||||No such ward\r");
	ck_assert_int_eq(v.outcome, PH_REJECTED);
	ck_assert_str_eq(v.text, "No such ward");
	ck_assert(!judge(reply, 0, "<html>").matched);
	ph_reply_destroy(&reply);
}
END_TEST

START_TEST(soap)
{
	static const char rules[] =
	    "reply:\n"
	    "  - {if: \"v:R/v:Error/Code != 0\", outcome: rejected, text: ../Text, "
	    "reason: refused}\n"
	    "  - {if: \"v:R/v:Id\", outcome: delivered, reference: $value}\n"
	    "  - {if: \"v:R/v:Note matches \\\"already exists\\\"\", outcome: "
	    "duplicate}\n"
	    "  - {if: '$fault matches \"^Client\"', outcome: rejected, text: "
	    "s:Fault/faultstring}\n"
	    "  - {if: $fault = Server, outcome: retry, after: 30s, text: "
	    "s:Fault/faultstring}\n"
	    "  - {if: $status = 503, outcome: retry}\n";
	ph_map *map = map_fixture_map(&fixture,
	    "map: m\ncanonical: none\nvendor:\n  format: soap\n  namespaces: {v: "
	    "\"urn:v\"}\n"
	    "  unprefixed: v\n  root: v:Q\nlinks:\n  - const(\"1\") -> x\n");
	ph_reply *reply;
	ph_error err;
	ck_assert_msg(map != NULL, "%s", fixture.err.text);
	ck_assert_msg(
	    load(rules, map, &reply, &err) == PH_OK, "%s: %s", err.where, err.text);
	ph_verdict v = judge(reply, 200, SOAP("<R xmlns=\"urn:v\"><Id>77</Id></R>"));
	ck_assert_int_eq(v.outcome, PH_DELIVERED);
	ck_assert_str_eq(v.reference, "77");
	ck_assert_uint_eq(v.line, 3);
	v = judge(reply, 200,
	    SOAP("<R xmlns=\"urn:v\"><Error><Code>6</Code><Text>no\nway</Text></Error>"
		 "<Id>1</Id></R>"));
	ck_assert_int_eq(v.outcome, PH_REJECTED);
	ck_assert_str_eq(v.text, "no way");
	ck_assert_str_eq(v.reason, "refused");
	ck_assert_str_eq(v.reference, "");
	v = judge(reply, 200,
	    SOAP("<R xmlns=\"urn:v\"><Error><Code>0</Code></Error><Id>1</Id></R>"));
	ck_assert_int_eq(v.outcome, PH_DELIVERED);
	v = judge(reply, 200,
	    SOAP("<R xmlns=\"urn:v\"><Note>it already exists in it</Note></R>"));
	ck_assert_int_eq(v.outcome, PH_DUPLICATE);
	v = judge(reply, 500,
	    SOAP("<e:Fault><faultcode>e:Client.Schema</faultcode><faultstring>bad</"
		 "faultstring>"
		 "</e:Fault>"));
	ck_assert_int_eq(v.outcome, PH_REJECTED);
	ck_assert_str_eq(v.text, "bad");
	v = judge(reply, 500,
	    SOAP("<e:Fault><faultcode>e:Server</faultcode><faultstring>down</"
		 "faultstring>"
		 "</e:Fault>"));
	ck_assert_int_eq(v.outcome, PH_RETRY);
	ck_assert_uint_eq(v.delay_ms, 30000);
	v = judge(reply, 503, "<html>");
	ck_assert_int_eq(v.outcome, PH_RETRY);
	ck_assert_str_eq(v.text, "");
	/* nobody can tell */
	v = judge(reply, 200, "<html>");
	ck_assert_int_eq(v.outcome, PH_UNKNOWN);
	ck_assert(!v.matched);
	v = judge(reply, 200, "");
	ck_assert_int_eq(v.outcome, PH_UNKNOWN);
	v = judge(reply, 200, SOAP("<R xmlns=\"urn:w\"><Id>77</Id></R>"));
	ck_assert_int_eq(v.outcome, PH_UNKNOWN);
	ph_reply_destroy(&reply);
	ph_map_destroy(&map);
}
END_TEST

START_TEST(json)
{
	static const char rules[] =
	    "reply:\n"
	    "  - {if: $status = 201 and id, outcome: delivered, reference: id}\n"
	    "  - {if: '$status matches \"^4\"', outcome: rejected, text: "
	    "errors/message, "
	    "without: LoggedTime}\n"
	    "  - {if: $status = 202, outcome: delivered, reference: '\"none\"', text: "
	    "$status}\n"
	    "  - {outcome: retry}\n";
	ph_reply *reply;
	ph_error err;
	ck_assert_msg(
	    load(rules, NULL, &reply, &err) == PH_OK, "%s: %s", err.where, err.text);
	ph_verdict v = judge(reply, 201, "{\"id\":17}");
	ck_assert_int_eq(v.outcome, PH_DELIVERED);
	ck_assert_str_eq(v.reference, "17");
	v = judge(
	    reply, 422, "{\"errors\":[{\"message\":\"one\"},{\"message\":\"two\"}]}");
	ck_assert_int_eq(v.outcome, PH_REJECTED);
	ck_assert_str_eq(v.text, "one");
	ck_assert_str_eq(v.without, "LoggedTime");
	ck_assert_str_eq(v.reason, "rejected");
	v = judge(reply, 202, "not json");
	ck_assert_str_eq(v.reference, "none");
	ck_assert_str_eq(v.text, "202");
	v = judge(reply, 201, "{}");
	ck_assert_int_eq(v.outcome, PH_RETRY);
	static char big[5000];
	strcpy(big, "{\"id\":\"");
	memset(big + 7, 'x', 2000);
	strcpy(big + 2007, "\"}");
	v = judge(reply, 201, big);
	ck_assert_int_eq(v.outcome, PH_UNKNOWN);
	ck_assert_str_eq(v.reference, "");
	ph_reply_destroy(&reply);
}
END_TEST

START_TEST(refused)
{
	static const struct {
		const char *rules, *where, *code;
	} rows[] = {
	    {"reply: []\n", "a.yaml:1:1", "PH2505"},
	    {"reply:\n  - x\n", "a.yaml:2:5", "PH2505"},
	    {"reply:\n  - {outcome: done}\n", "a.yaml:2:5", "PH2504"},
	    {"reply:\n  - {if: x}\n", "a.yaml:2:5", "PH2504"},
	    {"reply:\n  - {outcome: retry, when: x}\n", "a.yaml:2:22", "PH1"},
	    {"reply:\n  - {outcome: retry, after: soon}\n", "a.yaml:2:29", "PH1"},
	    {"reply:\n  - {if: x == 1, outcome: retry}\n", "a.yaml:2:12", "PH2033"},
	    {"reply:\n  - {if: $nope = 1, outcome: retry}\n", "a.yaml:2:10", "PH2030"},
	    {"reply:\n  - {if: x, outcome: delivered, reference: $nope}\n",
		"a.yaml:2:44", "PH2503"},
	    {"reply:\n  - {if: x, outcome: delivered, reference: a b}\n", "a.yaml:2:44",
		"PH2502"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		ph_reply *reply = NULL;
		ph_error err;
		ck_assert_msg(load(rows[i].rules, NULL, &reply, &err) != PH_OK, "%s",
		    rows[i].rules);
		ck_assert_msg(
		    strncmp(err.text, rows[i].code, strlen(rows[i].code)) == 0,
		    "%s: %s: %s", rows[i].rules, err.where, err.text);
		ck_assert_msg(strcmp(err.where, rows[i].where) == 0, "%s: %s: %s",
		    rows[i].rules, err.where, err.text);
	}
}
END_TEST

static Suite *
reply_suite(void)
{
	Suite *suite = suite_create("reply");
	TCase *tests = tcase_create("rules");
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, acknowledgement);
	tcase_add_test(tests, soap);
	tcase_add_test(tests, json);
	tcase_add_test(tests, refused);
	suite_add_tcase(suite, tests);
	return suite;
}

int
main(void)
{
	return ph_check_main(reply_suite());
}
