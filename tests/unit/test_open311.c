/* The GeoReport server: addresses and forms, the shapes of answers, who is let in. */
#include <stdlib.h>
#include <string.h>

#include "adapters/open311/server.h"
#include "adapters/open311/target.h"
#include "adapters/open311/writer.h"
#include "tests/unit/check_main.h"
#include "tests/unit/fake_host.h"
#include "tests/unit/http_caller.h"

#define FORM "application/x-www-form-urlencoded"

/* ---- addresses and forms ---- */

START_TEST(targets_are_taken_apart_before_they_are_unescaped)
{
	static const struct {
		const char *raw, *base, *resource, *item, *extension;
	} cases[] = {{"/services.xml", "", "services", NULL, "xml"},
	    {"/services/Roads%2FHighways.xml", "", "services", "Roads/Highways", "xml"},
	    {"/services/Roads/Highways.xml", "", "services", "Roads/Highways", "xml"},
	    {"/services/Parks%20%26%20Green%20Spaces.json", "", "services",
		"Parks & Green Spaces", "json"},
	    {"/services/Missed%20Collection%20(Green%20Waste).xml", "", "services",
		"Missed Collection (Green Waste)", "xml"},
	    {"/services/A.B.json", "", "services", "A.B", "json"},
	    {"/services/a+b.xml", "", "services", "a+b", "xml"},
	    {"/o/v2/requests.xml?a=1", "/o/v2", "requests", NULL, "xml"},
	    {"/requests/SR-1.xml?x=%zz", "", NULL, NULL, NULL},
	    {"/requests/%FF.xml", "", NULL, NULL, NULL},
	    {"/requests/%00.xml", "", NULL, NULL, NULL},
	    {"/requests/%4.xml", "", NULL, NULL, NULL},
	    {"/v2/requests.xml", "/o/v2", NULL, NULL, NULL},
	    {"/services", "", "services", NULL, ""}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		ph_target target;
		bool good = ph_target_read(cases[i].raw, cases[i].base, &target);
		ck_assert_msg(good == (cases[i].resource != NULL), "%s", cases[i].raw);
		if (good) {
			ck_assert_str_eq(target.resource, cases[i].resource);
			ck_assert_pstr_eq(target.item, cases[i].item);
			ck_assert_str_eq(target.extension, cases[i].extension);
		}
		ph_target_fini(&target);
	}
}
END_TEST

static void
check_field(const ph_fields *fields, const char *name, const char *want)
{
	ph_adapter_text value = ph_fields_get(fields, name);
	ck_assert_ptr_nonnull(value.data);
	ck_assert_str_eq(value.data, want);
}

START_TEST(forms_are_read)
{
	static const char text[] =
	    "service_code=Roads%2FHighways&description=a+b%0D%0Ac%2Bd&"
	    "attribute%5Bpole_id%5D=12&empty=&alone&"
	    "name=Br%C3%B3nach+%F0%9F%9A%A7";
	ph_fields fields;
	ck_assert(ph_fields_read(text, strlen(text), &fields));
	check_field(&fields, "service_code", "Roads/Highways");
	check_field(&fields, "description", "a b\r\nc+d");
	check_field(&fields, "attribute[pole_id]", "12");
	check_field(&fields, "empty", "");
	check_field(&fields, "alone", "");
	check_field(&fields, "name", "Br\xc3\xb3nach \xf0\x9f\x9a\xa7");
	ck_assert_ptr_null(ph_fields_get(&fields, "other").data);
	ph_fields_fini(&fields);
	static const char *const bad[] = {"a=%", "a=%4", "a=%GG", "a=%00", "a=%C0%80",
	    "a=%ED%A0%80", "a=%F5%80%80%80", "%E2%82=1"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		ck_assert_msg(
		    !ph_fields_read(bad[i], strlen(bad[i]), &fields), "%s", bad[i]);
		ph_fields_fini(&fields);
	}
}
END_TEST

START_TEST(times_go_both_ways)
{
	static const struct {
		const char *text, *utc; /* NULL: refused */
	} cases[] = {{"2026-11-23T04:19:00Z", "2026-11-23T04:19:00Z"},
	    {"2026-11-23T04:19:00.999Z", "2026-11-23T04:19:00Z"},
	    {"2019-10-23T01:00:00+01:00", "2019-10-23T00:00:00Z"},
	    {"2019-10-23T01:00:00 01:00", "2019-10-23T00:00:00Z"},
	    {"2019-12-31T23:30:00-05:30", "2020-01-01T05:00:00Z"},
	    {"2024-02-29", "2024-02-29T00:00:00Z"},
	    {"2000-03-01T00:00:00Z", "2000-03-01T00:00:00Z"},
	    {"1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z"}, {"2023-02-29", NULL},
	    {"2023-13-01", NULL}, {"2023-01-01T24:00:00Z", NULL},
	    {"2023-01-01T10:00:00", NULL}, {"2023-01-01T10:00:00Zx", NULL},
	    {"yesterday", NULL}, {"", NULL}, {"1969-12-31", NULL}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		uint64_t ms = 0;
		char out[24];
		bool good = ph_target_time(ph_plug_text(cases[i].text), &ms);
		ck_assert_msg(good == (cases[i].utc != NULL), "%s", cases[i].text);
		if (!good)
			continue;
		ph_target_time_write(ms, out);
		ck_assert_str_eq(out, cases[i].utc);
	}
}
END_TEST

/* ---- shapes ---- */

static const char settings_json[] =
    "{\"transport\":{\"listen\":\"127.0.0.1:%u\",\"jurisdictions\":[\"calderdale\"],"
    "\"keys\":[\"k1\",\"k2\"],\"body_limit\":\"2000\",\"services\":["
    "{\"service_code\":\"LGSL524-17\",\"service_name\":\"Missed "
    "bin\",\"group\":\"Waste\","
    "\"keywords\":\"waste_only\",\"in\":\"*\"},"
    "{\"service_code\":\"Roads/Highways\",\"service_name\":\"Roads & "
    "<ways>\",\"group\":"
    "\"Streets\",\"in\":\"*\"},"
    "{\"service_code\":\"Old\",\"in\":\"\"},{\"service_code\":\"Hidden\",\"published\":"
    "\"no\"}],"
    "\"attributes\":[{\"code\":\"uprn\",\"groups\":[\"Waste\"],\"required\":true,"
    "\"description\":\"UPRN\",\"automated\":\"server_set\"},"
    "{\"code\":\"size\",\"groups\":[\"Waste\"],\"datatype\":\"singlevaluelist\","
    "\"values\":[{\"key\":\"a\",\"name\":\"A\"}]}],"
    "\"discovery\":{\"contact\":\"c\",\"url\":\"http://x/\"}}}";

typedef struct rig {
	fake_host host;
	ph_open311_settings settings;
	ph_open311_server *server;
	unsigned port;
	char json[4096];
} rig;

static void
read_settings(rig *r)
{
	ph_adapter_error error = {.size = sizeof error};
	memset(r, 0, sizeof *r);
	fake_host_init(&r->host);
	r->port = http_free_port();
	/* the port is the only thing filled in */
	const char *mark = strstr(settings_json, "%u");
	snprintf(r->json, sizeof r->json, "%.*s%u%s", (int) (mark - settings_json),
	    settings_json, r->port, mark + 2);
	ph_adapter_config config = {
	    .size = sizeof config, .json = ph_plug_text(r->json)};
	uint32_t code = ph_open311_settings_read(&config, &r->settings, &error);
	ck_assert_msg(!code, "%s", error.text);
}

static void
start(rig *r)
{
	ph_adapter_error error = {.size = sizeof error};
	read_settings(r);
	uint32_t code =
	    ph_open311_server_start(&r->host.table, &r->settings, &r->server, &error);
	ck_assert_msg(!code, "%s", error.text);
}

static void
stop(rig *r)
{
	ph_open311_server_stop(&r->server);
	ph_open311_settings_fini(&r->settings);
	fake_host_fini(&r->host);
}

/* Compare and free both. */
static void
check_tree(json_t *tree, const char *root, const char *xml, const char *json)
{
	char *text = ph_writer_write(PH_WRITER_XML, root, tree);
	static const char head[] = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n";
	ck_assert_int_eq(strncmp(text, head, sizeof head - 1), 0);
	text[strlen(text) - 1] = '\0'; /* the newline */
	ck_assert_str_eq(text + sizeof head - 1, xml);
	free(text);
	text = ph_writer_write(PH_WRITER_JSON, root, tree);
	ck_assert_str_eq(text, json);
	free(text);
	json_decref(tree);
}

START_TEST(services_are_the_published_ones)
{
	rig r;
	read_settings(&r);
	check_tree(ph_writer_services(&r.settings), "services",
	    "<services><service><service_code>LGSL524-17</"
	    "service_code><service_name>Missed "
	    "bin</service_name><description>Missed "
	    "bin</description><metadata>true</metadata>"
	    "<type>realtime</type><keywords>waste_only</keywords><group>Waste</group>"
	    "</service><service><service_code>Roads/Highways</"
	    "service_code><service_name>"
	    "Roads &amp; &lt;ways&gt;</service_name><description>Roads &amp; "
	    "&lt;ways&gt;"
	    "</description><metadata>false</metadata><type>realtime</type><keywords/"
	    "><group>"
	    "Streets</group></service></services>",
	    "[{\"service_code\":\"LGSL524-17\",\"service_name\":\"Missed bin\","
	    "\"description\":\"Missed "
	    "bin\",\"metadata\":\"true\",\"type\":\"realtime\","
	    "\"keywords\":\"waste_only\",\"group\":\"Waste\"},{\"service_code\":"
	    "\"Roads/Highways\",\"service_name\":\"Roads & <ways>\",\"description\":"
	    "\"Roads & "
	    "<ways>\",\"metadata\":\"false\",\"type\":\"realtime\",\"keywords\":"
	    "\"\",\"group\":\"Streets\"}]");
	stop(&r);
}
END_TEST

START_TEST(a_definition_lists_its_attributes)
{
	rig r;
	read_settings(&r);
	check_tree(ph_writer_definition(
		       &r.settings, ph_open311_service(&r.settings, "LGSL524-17", 10)),
	    "service_definition",
	    "<service_definition><service_code>LGSL524-17</service_code><attributes>"
	    "<attribute><variable>true</variable><code>uprn</code><datatype>string</"
	    "datatype>"
	    "<required>true</required><datatype_description/><order>1</"
	    "order><description>"
	    "UPRN</description><automated>server_set</automated></attribute><attribute>"
	    "<variable>true</variable><code>size</code><datatype>singlevaluelist</"
	    "datatype>"
	    "<required>false</required><datatype_description/><order>2</"
	    "order><description>"
	    "size</description><values><value><key>a</key><name>A</name></value></"
	    "values>"
	    "</attribute></attributes></service_definition>",
	    "{\"service_code\":\"LGSL524-17\",\"attributes\":[{\"variable\":\"true\","
	    "\"code\":\"uprn\",\"datatype\":\"string\",\"required\":\"true\","
	    "\"datatype_description\":\"\",\"order\":1,\"description\":\"UPRN\","
	    "\"automated\":\"server_set\"},{\"variable\":\"true\",\"code\":\"size\","
	    "\"datatype\":\"singlevaluelist\",\"required\":\"false\","
	    "\"datatype_description\":\"\",\"order\":2,\"description\":\"size\","
	    "\"values\":[{"
	    "\"key\":\"a\",\"name\":\"A\"}]}]}");
	stop(&r);
}
END_TEST

START_TEST(small_answers_have_their_shape)
{
	check_tree(ph_writer_error(400, "service_code was not provided"), "errors",
	    "<errors><error><code>400</code><description>service_code was not provided"
	    "</description></error></errors>",
	    "[{\"code\":400,\"description\":\"service_code was not provided\"}]");
	check_tree(ph_writer_posted_request(ph_plug_text("SR-0000000000001")),
	    "service_requests",
	    "<service_requests><request><service_request_id>SR-0000000000001"
	    "</service_request_id><service_notice/><account_id/></request>"
	    "</service_requests>",
	    "[{\"service_request_id\":\"SR-0000000000001\",\"service_notice\":\"\","
	    "\"account_id\":\"\"}]");
	check_tree(ph_writer_posted_update(ph_plug_text("998")),
	    "service_request_updates",
	    "<service_request_updates><request_update><update_id>998</update_id>"
	    "</request_update></service_request_updates>",
	    "[{\"update_id\":\"998\"}]");
	ph_adapter_records none = {.size = sizeof none};
	check_tree(ph_writer_updates(&none), "service_request_updates",
	    "<service_request_updates></service_request_updates>", "[]");
}
END_TEST

START_TEST(records_are_written_with_all_their_fields)
{
	ph_adapter_pair pairs[] = {{ph_plug_text("update_id"), ph_plug_text("2002_2")},
	    {ph_plug_text("service_request_id"), ph_plug_text("SR-0000000000001")},
	    {ph_plug_text("status"), ph_plug_text("fixed")},
	    {ph_plug_text("description"), ph_plug_text("a\r\n<b> & \x01 \xef\xbf\xbe")},
	    {ph_plug_text("media_url"), ph_plug_text("http://x/1")},
	    {ph_plug_text("media_url"), ph_plug_text("http://x/2")},
	    {ph_plug_text("agency_updated_datetime"),
		ph_plug_text("2026-01-02T03:04:05.678Z")},
	    {ph_plug_text("external_status_code"), ph_plug_text("FIX")},
	    {ph_plug_text("not a name"), ph_plug_text("x")}};
	ph_adapter_record record = {.size = sizeof record,
	    .accepted = 1795407540123,
	    .pairs = pairs,
	    .pair_count = sizeof pairs / sizeof *pairs};
	const ph_adapter_record *list[] = {&record};
	ph_adapter_records records = {
	    .size = sizeof records, .records = list, .count = 1};
	check_tree(ph_writer_updates(&records), "service_request_updates",
	    "<service_request_updates><request_update><update_id>2002_2</update_id>"
	    "<service_request_id>SR-0000000000001</service_request_id><status>fixed</"
	    "status>"
	    "<updated_datetime>2026-11-23T04:19:00Z</"
	    "updated_datetime><description>a&#13;\n"
	    "&lt;b&gt; &amp; \xef\xbf\xbd "
	    "\xef\xbf\xbd</description><media_url>http://x/1"
	    "</media_url><media_url>http://x/2</media_url><agency_updated_datetime>"
	    "2026-01-02T03:04:05Z</agency_updated_datetime><external_status_code>FIX"
	    "</external_status_code></request_update></service_request_updates>",
	    "[{\"update_id\":\"2002_2\",\"service_request_id\":\"SR-0000000000001\","
	    "\"status\":\"fixed\",\"updated_datetime\":\"2026-11-23T04:19:00Z\","
	    "\"description\":\"a\\r\\n<b> & \\u0001 \xef\xbf\xbe\",\"media_url\":["
	    "\"http://x/1\",\"http://x/2\"],\"agency_updated_datetime\":"
	    "\"2026-01-02T03:04:05Z\",\"external_status_code\":\"FIX\"}]");
}
END_TEST

/* ---- the server ---- */

START_TEST(posts_are_checked_and_handed_in)
{
	static const struct {
		const char *form;
		unsigned status;
		const char *has;
	} cases[] = {{"", 403, "api_key"}, {"api_key=k3", 403, "api_key"},
	    {"api_key=k1&jurisdiction_id=elsewhere", 404, "jurisdiction_id"},
	    {"api_key=k1", 400, "service_code was not provided"},
	    {"api_key=k1&service_code=Nope", 404, "service_code"},
	    {"api_key=k1&service_code=Old", 404, "service_code"},
	    {"api_key=k1&service_code=%GG", 400, "percent"},
	    {"api_key=k2&service_code=Roads%2FHighways&jurisdiction_id=calderdale", 201,
		"<service_request_id>SR-0000000000001</service_request_id>"}};
	rig r;
	http_caller c;
	start(&r);
	r.host.receipt = (ph_adapter_receipt){.size = sizeof r.host.receipt,
	    .result = PH_ADAPTER_ACCEPTED,
	    .reference = ph_plug_text("SR-0000000000001")};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		http_post(&c, r.port, "/requests.xml", FORM, cases[i].form);
		ck_assert_msg(
		    c.status == cases[i].status, "%s: %u", cases[i].form, c.status);
		ck_assert_ptr_nonnull(strstr(c.body, cases[i].has));
	}
	ck_assert_uint_eq(r.host.received, 1);
	ck_assert_str_eq(r.host.entry, "request");
	ck_assert_str_eq(r.host.body, cases[7].form); /* as it came */
	http_post(
	    &c, r.port, "/requests.json", "multipart/form-data; boundary=x", "--x--");
	ck_assert_uint_eq(c.status, 400);
	char large[3001];
	memset(large, 'a', 3000);
	large[3000] = '\0';
	http_post(&c, r.port, "/requests.json", FORM, large);
	ck_assert_uint_eq(c.status, 413);
	ck_assert_uint_eq(r.host.received, 1);
	stop(&r);
}
END_TEST

START_TEST(receipts_become_statuses)
{
	static const struct {
		uint32_t result;
		unsigned status;
	} cases[] = {{PH_ADAPTER_ACCEPTED, 201}, {PH_ADAPTER_DUPLICATE, 200},
	    {PH_ADAPTER_MALFORMED, 400}, {PH_ADAPTER_FORBIDDEN, 403},
	    {PH_ADAPTER_UNKNOWN, 404}, {PH_ADAPTER_CONFLICT, 409},
	    {PH_ADAPTER_TOO_LARGE, 413}, {PH_ADAPTER_LATER, 503}, {1234, 503}};
	rig r;
	http_caller c;
	start(&r);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		r.host.receipt = (ph_adapter_receipt){.size = sizeof r.host.receipt,
		    .result = cases[i].result,
		    .reference = ph_plug_text("SR-0000000000001"),
		    .path = ph_plug_text("lat"),
		    .text = ph_plug_text("PH2312 not on the globe")};
		http_post(&c, r.port, "/requests.json", FORM,
		    "api_key=k1&service_code=LGSL524-17");
		ck_assert_uint_eq(c.status, cases[i].status);
		if (c.status >= 400)
			ck_assert_ptr_nonnull(strstr(c.body,
			    "\"description\":\"lat: PH2312 not on the globe\"}]"));
	}
	/* well answered without a reference would count as a failure at the sender */
	r.host.receipt = (ph_adapter_receipt){
	    .size = sizeof r.host.receipt, .result = PH_ADAPTER_IGNORED};
	http_post(
	    &c, r.port, "/requests.json", FORM, "api_key=k1&service_code=LGSL524-17");
	ck_assert_uint_eq(c.status, 503);
	r.host.refuse_receive = PH_ADAPTER_BUSY;
	http_post(
	    &c, r.port, "/requests.json", FORM, "api_key=k1&service_code=LGSL524-17");
	ck_assert_uint_eq(c.status, 503);
	stop(&r);
}
END_TEST

START_TEST(updates_are_posted_and_asked_for)
{
	rig r;
	http_caller c;
	start(&r);
	r.host.receipt = (ph_adapter_receipt){.size = sizeof r.host.receipt,
	    .result = PH_ADAPTER_ACCEPTED,
	    .id = ph_plug_text("12")};
	http_post(
	    &c, r.port, "/servicerequestupdates.xml", FORM, "api_key=k1&update_id=12");
	ck_assert_uint_eq(c.status, 400);
	http_post(&c, r.port, "/servicerequestupdates.xml", FORM,
	    "api_key=k1&update_id=12&service_request_id=SR-0000000000001");
	ck_assert_uint_eq(c.status, 201);
	ck_assert_ptr_nonnull(strstr(c.body, "<update_id>12</update_id>"));
	ck_assert_str_eq(r.host.entry, "update");
	ph_adapter_records none = {.size = sizeof none};
	r.host.records = &none;
	http_get(&c, r.port, "/servicerequestupdates.xml");
	ck_assert_uint_eq(c.status, 200);
	ck_assert_uint_eq(r.host.kind, PH_ADAPTER_BY_WINDOW);
	ck_assert_uint_eq(r.host.to, 1795407541000); /* to the end of this second */
	ck_assert_uint_eq(r.host.from, 1795407540000 - 86400000);
	http_get(&c, r.port,
	    "/servicerequestupdates.json?start_date=2026-11-01T00:00:00Z&end_date=2026-"
	    "11-01T"
	    "02%3A00%3A00%2B01:00");
	ck_assert_str_eq(c.body, "[]");
	ck_assert_uint_eq(r.host.to - r.host.from, 3601000);
	http_get(&c, r.port, "/servicerequestupdates.xml?start_date=x");
	ck_assert_uint_eq(c.status, 400);
	http_get(&c, r.port,
	    "/servicerequestupdates.xml?start_date=2026-11-02&end_date=2026-11-01");
	ck_assert_uint_eq(c.status, 400);
	none.code = PH_ADAPTER_TIMEOUT;
	http_get(&c, r.port, "/servicerequestupdates.xml");
	ck_assert_uint_eq(c.status, 503);
	stop(&r);
}
END_TEST

START_TEST(requests_are_asked_for)
{
	rig r;
	http_caller c;
	start(&r);
	ph_adapter_records none = {.size = sizeof none};
	r.host.records = &none;
	http_get(&c, r.port, "/requests/SR-0000000000001.xml");
	ck_assert_uint_eq(c.status, 404);
	ck_assert_str_eq(r.host.references[0], "SR-0000000000001");
	http_get(&c, r.port, "/requests.json?service_request_id=a,,b%2Cc");
	ck_assert_uint_eq(c.status, 200);
	ck_assert_str_eq(c.body, "[]");
	ck_assert_uint_eq(r.host.reference_count, 3);
	ck_assert_str_eq(r.host.references[2], "c");
	http_get(&c, r.port, "/requests.json"); /* everybody's: only with a key */
	ck_assert_uint_eq(c.status, 403);
	http_get(&c, r.port, "/requests.json?api_key=k1");
	ck_assert_uint_eq(c.status, 200);
	ck_assert_uint_eq(r.host.kind, PH_ADAPTER_BY_WINDOW);
	ph_adapter_pair pairs[] = {
	    {ph_plug_text("service_request_id"), ph_plug_text("SR-0000000000001")},
	    {ph_plug_text("service_code"), ph_plug_text("LGSL524-17")}};
	ph_adapter_record record = {.size = sizeof record,
	    .reference = ph_plug_text("SR-0000000000001"),
	    .accepted = 1795407540123,
	    .pairs = pairs,
	    .pair_count = 2};
	const ph_adapter_record *list[] = {&record};
	ph_adapter_records one = {.size = sizeof one, .records = list, .count = 1};
	r.host.records = &one;
	http_get(&c, r.port, "/requests/SR-0000000000001.json");
	ck_assert_ptr_nonnull(strstr(c.body, "\"service_name\":\"Missed bin\""));
	/* a list asks twice: which there are, and how they stand */
	unsigned before = r.host.queried;
	http_get(&c, r.port, "/requests.json?api_key=k1&service_code=Other,LGSL524-17");
	ck_assert_uint_eq(r.host.queried, before + 2);
	ck_assert_uint_eq(r.host.kind, PH_ADAPTER_BY_REFERENCE);
	ck_assert_str_eq(r.host.references[0], "SR-0000000000001");
	ck_assert_ptr_nonnull(strstr(c.body, "SR-0000000000001"));
	http_get(&c, r.port, "/requests.json?api_key=k1&service_code=Other");
	ck_assert_str_eq(c.body, "[]");
	stop(&r);
}
END_TEST

START_TEST(what_is_not_there_is_said_in_its_shape)
{
	static const struct {
		const char *path;
		unsigned status;
	} cases[] = {{"/", 404}, {"/services", 404}, {"/services.html", 404},
	    {"/services/Nope.xml", 404}, {"/tokens/1.xml", 404}, {"/nothing.json", 404},
	    {"/services/Roads%2FHighways.xml", 200},
	    {"/services/Roads/Highways.json", 200},
	    {"/services.xml?jurisdiction_id=calderdale", 200},
	    {"/services.xml?jurisdiction_id=", 200},
	    {"/services.xml?jurisdiction_id=other", 404}, {"/discovery.xml", 200}};
	rig r;
	http_caller c;
	start(&r);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		http_get(&c, r.port, cases[i].path);
		ck_assert_msg(
		    c.status == cases[i].status, "%s: %u", cases[i].path, c.status);
		if (c.status == 404)
			ck_assert_ptr_nonnull(strstr(c.body, "404"));
	}
	http_call(&c, r.port,
	    "DELETE /services.xml HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
	ck_assert_uint_eq(c.status, 405);
	http_call(&c, r.port,
	    "HEAD /services.xml HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
	ck_assert_uint_eq(c.status, 200);
	ck_assert_str_eq(c.body, "");
	stop(&r);
}
END_TEST

START_TEST(settings_are_checked)
{
	static const struct {
		const char *json, *path;
	} cases[] = {{"{\"transport\":{\"listen\":\"here\",\"services\":[{\"service_"
		      "code\":\"a\"}]}}",
			 "transport/listen"},
	    {"{\"transport\":{\"listen\":\"127.0.0.1:1\",\"services\":[{\"service_"
	     "code\":\"a\","
	     "\"in\":\"\"}]}}",
		"transport/services"},
	    {"{\"transport\":{\"listen\":\"127.0.0.1:1\",\"base\":\"x/"
	     "\",\"services\":[{"
	     "\"service_code\":\"a\"}]}}",
		"transport/base"},
	    {"{\"transport\":{\"listen\":\"127.0.0.1:1\",\"services\":[{\"service_"
	     "code\":\"a\"}]"
	     ",\"attributes\":[{\"code\":\"x\",\"services\":[\"b\"]}]}}",
		"transport/attributes"}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		ph_open311_settings settings;
		ph_adapter_error error = {.size = sizeof error};
		ph_adapter_config config = {
		    .size = sizeof config, .json = ph_plug_text(cases[i].json)};
		ck_assert_uint_eq(ph_open311_settings_read(&config, &settings, &error),
		    PH_ADAPTER_INVALID);
		ck_assert_str_eq(error.path, cases[i].path);
		ph_open311_settings_fini(&settings);
	}
}
END_TEST

static Suite *
open311_suite(void)
{
	Suite *suite = suite_create("open311");
	TCase *tcase = tcase_create("open311");
	tcase_add_test(tcase, targets_are_taken_apart_before_they_are_unescaped);
	tcase_add_test(tcase, forms_are_read);
	tcase_add_test(tcase, times_go_both_ways);
	tcase_add_test(tcase, services_are_the_published_ones);
	tcase_add_test(tcase, a_definition_lists_its_attributes);
	tcase_add_test(tcase, small_answers_have_their_shape);
	tcase_add_test(tcase, records_are_written_with_all_their_fields);
	tcase_add_test(tcase, posts_are_checked_and_handed_in);
	tcase_add_test(tcase, receipts_become_statuses);
	tcase_add_test(tcase, updates_are_posted_and_asked_for);
	tcase_add_test(tcase, requests_are_asked_for);
	tcase_add_test(tcase, what_is_not_there_is_said_in_its_shape);
	tcase_add_test(tcase, settings_are_checked);
	suite_add_tcase(suite, tcase);
	return suite;
}

int
main(void)
{
	return ph_check_main(open311_suite());
}
