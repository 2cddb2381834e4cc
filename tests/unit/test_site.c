/* The site's configuration: what is read, what is merged, and what every mistake is answered with. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/fs.h"
#include "lib/site/site.h"
#include "tests/unit/check_main.h"

static char directory[] = "/tmp/ph-site.XXXXXX";

static void
write_file(const char *name, const char *text)
{
	char path[256];
	(void) snprintf(path, sizeof path, "%s/%s", directory, name);
	ck_assert_int_eq(
	    ph_fs_replace(ph_fs_system(), path, text, strlen(text), 0600, NULL), PH_OK);
}

static void
make_folder(const char *name)
{
	char path[256];
	(void) snprintf(path, sizeof path, "%s/%s", directory, name);
	ck_assert_int_eq(ph_fs_make_dirs(path, 0700, NULL), PH_OK);
}

#define BROKER                                                                         \
	"state: state\nrun: /tmp/r\njurisdiction: testshire\n"                         \
	"paths: {connectors: connectors, schemas: [s1, /abs/s2]}\n"                    \
	"limits: {sessions: 32, retry-first: 2s, segment-bytes: 2M}\n"                 \
	"queues: {bench: {}}\n"
#define CONNECTOR                                                                      \
	"transport: http\nretry: {first: 5s, tries: 3}\n"                              \
	"http: {timeout: 9s, url: 'http://connector/'}\n"                              \
	"settings: {database: LIVE, region: north}\noriginates: [service-request]\n"   \
	"send: [{on: one}]\n"
#define ADAPTER                                                                        \
	"adapter: waste\nconnector: bins\nqueue: bins\nin_flight: 7\n"                 \
	"http: {url: 'http://site/'}\nsettings: {database: DEMO}\n"
#define ROUTES                                                                         \
	"routes:\n  - {route: bins, purpose: repair, when: {type: a.*, service: [x, "  \
	"y]},"                                                                         \
	" to: [bins, bench]}\n"

static void
setup(void)
{
	ck_assert_ptr_nonnull(mkdtemp(directory));
	make_folder("adapters");
	make_folder("routes");
	make_folder("connectors/bins/maps");
	make_folder("maps");
	make_folder("s1");
	write_file("packhorse.yaml", BROKER);
	write_file("connectors/bins/connector.yaml", CONNECTOR);
	write_file("adapters/waste.yaml", ADAPTER);
	write_file("routes/a.yaml", ROUTES);
}

static void
teardown(void)
{
	char command[64];
	(void) snprintf(command, sizeof command, "rm -r %s", directory);
	ck_assert_int_eq(system(command), 0);
}

static ph_site *
load(void)
{
	ph_error err;
	ph_site *site = NULL;
	ph_status status = ph_site_load(directory, &site, &err);
	ck_assert_msg(status == PH_OK, "%s: %s", err.where, err.text);
	return site;
}

START_TEST(the_broker)
{
	char path[256];
	ph_site *site = load();
	(void) snprintf(path, sizeof path, "%s/state", directory);
	ck_assert_str_eq(site->state, path);
	ck_assert_str_eq(site->run, "/tmp/r");
	ck_assert_str_eq(site->jurisdiction, "testshire");
	ck_assert_uint_eq(site->schemas.count, 2);
	ck_assert_str_eq(site->schemas.at[1], "/abs/s2");
	ck_assert_int_eq(ph_options_get(&site->options, PH_OPTION_SESSIONS), 32);
	ck_assert_int_eq(
	    ph_options_get(&site->options, PH_OPTION_RETRY_FIRST_MS), 2000);
	ck_assert_int_eq(
	    ph_options_get(&site->options, PH_OPTION_SEGMENT_BYTES), 2 << 20);
	ck_assert(ph_site_has_queue(site, "bench") && ph_site_has_queue(site, "bins"));
	ck_assert(!ph_site_has_queue(site, "waste"));
	ph_site_destroy(&site);
}
END_TEST

START_TEST(adapters_are_laid_over_their_connectors)
{
	char where[256];
	ph_site *site = load();
	const ph_site_adapter *waste = ph_site_adapter_get(site, "waste");
	ck_assert_ptr_nonnull(waste);
	ck_assert_ptr_eq(ph_site_adapter_of_queue(site, "bins"), waste);
	ck_assert_str_eq(waste->transport, "http");
	ck_assert_uint_eq(waste->in_flight, 7);
	ck_assert_int_eq(waste->retry.first_ms, 5000);
	ck_assert_uint_eq(waste->retry.tries, 3);
	ck_assert_uint_eq(waste->retry.factor_percent, 200);
	ck_assert(waste->enabled && !waste->idempotent && !waste->unknown_retry);
	ck_assert(ph_site_may_mint(waste, "service-request"));
	ck_assert(!ph_site_may_mint(waste, "case"));
	const ph_node *http = ph_node_get(waste->root, "http");
	ck_assert_str_eq(ph_node_text(http, "url"), "http://site/");
	ck_assert_str_eq(ph_node_text(http, "timeout"), "9s");
	const ph_node *settings = ph_node_get(waste->root, "settings");
	ck_assert_str_eq(ph_node_text(settings, "database"), "DEMO");
	ck_assert_str_eq(ph_node_text(settings, "region"), "north");
	ph_site_where(waste, ph_node_get(settings, "region"), where, sizeof where);
	ck_assert_ptr_nonnull(strstr(where, "connector.yaml:4:"));
	ph_site_where(waste, ph_node_get(settings, "database"), where, sizeof where);
	ck_assert_ptr_nonnull(strstr(where, "adapters/waste.yaml:6:"));
	ph_site_destroy(&site);
}
END_TEST

START_TEST(routes)
{
	ph_site *site = load();
	ck_assert_uint_eq(site->route_count, 1);
	const ph_site_route *route = &site->routes[0];
	ck_assert_str_eq(route->name, "bins");
	ck_assert_uint_eq(route->when_count, 2);
	ck_assert_str_eq(route->when[1].attribute, "service");
	ck_assert_str_eq(route->when[1].patterns.at[1], "y");
	ck_assert_str_eq(route->to.at[1], "bench");
	ph_site_destroy(&site);
}
END_TEST

START_TEST(files_are_looked_for_in_order)
{
	char path[256];
	write_file("connectors/bins/maps/one.yaml", "");
	ph_site *site = load();
	const ph_site_adapter *waste = ph_site_adapter_get(site, "waste");
	ck_assert_int_eq(
	    ph_site_find(site, waste, "maps", "one.yaml", path, sizeof path, NULL),
	    PH_OK);
	ck_assert_ptr_nonnull(strstr(path, "connectors/bins/maps/one.yaml"));
	write_file("maps/one.yaml", "");
	ck_assert_int_eq(
	    ph_site_find(site, waste, "maps", "one.yaml", path, sizeof path, NULL),
	    PH_OK);
	ck_assert_ptr_null(strstr(path, "connectors"));
	write_file("s1/x.json", "");
	ck_assert_int_eq(
	    ph_site_find(site, NULL, "schemas", "x.json", path, sizeof path, NULL),
	    PH_OK);
	ck_assert_int_eq(
	    ph_site_find(site, NULL, "maps", "x.json", path, sizeof path, NULL),
	    PH_ERR_NOT_FOUND);
	ck_assert_int_eq(ph_site_find(site, NULL, "maps", "../packhorse.yaml", path,
			     sizeof path, NULL),
	    PH_ERR_INVALID);
	ph_site_destroy(&site);
}
END_TEST

START_TEST(another_text_is_another_generation)
{
	ph_site *one = load();
	write_file("routes/a.yaml", ROUTES "# a remark\n");
	ph_site *two = load();
	ck_assert(one->digest != two->digest);
	ph_site_destroy(&one);
	ph_site_destroy(&two);
}
END_TEST

static const struct {
	const char *file, *text, *where, *code;
} mistakes[] = {
    {"packhorse.yaml", "sate: x\n", "packhorse.yaml:1:1", "PH1201"},
    {"packhorse.yaml", "limits: {frames: 1}\n", "packhorse.yaml:1:", "PH1305"},
    {"packhorse.yaml", "limits: {sessions: 0}\n", "packhorse.yaml:1:", "PH1306"},
    {"packhorse.yaml", "listen: ['tcp://*:5000']\n", "packhorse.yaml:1:", "PH1307"},
    {"packhorse.yaml", "listen: [/tmp/x]\n", "packhorse.yaml:1:", "PH1308"},
    {"packhorse.yaml", "queues: {inbound: {}}\n", "packhorse.yaml:1:", "PH1309"},
    {"packhorse.yaml", "queues: {A b: {}}\n", "packhorse.yaml:1:", "PH1309"},
    {"packhorse.yaml",
	"run: /tmp/a-very-long-name-for-a-directory-that-would-not-leave-room-for-the-"
	"sockets\n",
	"packhorse.yaml:1:6", "PH1310"},
    {"packhorse.yaml", "jurisdiction: Two Words\n", "packhorse.yaml:1:15", "PH1311"},
    {"adapters/waste.yaml", "- x\n", "waste.yaml", "PH1320"},
    {"adapters/waste.yaml", "adapter: waste\nconnector: none\n", "waste.yaml:2:12",
	"PH1322"},
    {"adapters/waste.yaml", "adapter: waste\n", "waste.yaml", "PH1326 transport"},
    {"adapters/waste.yaml", "transport: http\n", "waste.yaml", "PH1326 adapter"},
    {"adapters/waste.yaml", "adapter: Waste\ntransport: http\n", "waste.yaml:1:10",
	"PH1327"},
    {"adapters/waste.yaml", "adapter: w\ntransport: http\nhtpp: {}\n", "waste.yaml:3:1",
	"PH1201"},
    {"adapters/waste.yaml", "adapter: w\ntransport: http\nlimits: {call: 9s}\n",
	"waste.yaml:3:1", "PH1201"}, /* the broker's file has them */
    {"adapters/waste.yaml", "adapter: w\ntransport: http\nunknown: ask\n",
	"waste.yaml:3:10", "PH1325"},
    {"adapters/waste.yaml", "adapter: w\ntransport: http\nin_flight: 0\n",
	"waste.yaml:3:12", "PH1205"},
    {"adapters/waste.yaml", "adapter: w\ntransport: http\nretry: {factor: x}\n",
	"waste.yaml:3:", "PH1324"},
    {"adapters/waste.yaml", "adapter: w\ntransport: http\nretry: {first: 0s}\n",
	"waste.yaml:3:", "PH1323"},
    {"adapters/waste.yaml", "adapter: w\ntransport: http\nqueue: unrouted\n",
	"waste.yaml:1:", "PH1328"},
    {"adapters/other.yaml", "adapter: waste\ntransport: http\n",
	"waste.yaml:1:", "PH1329"},
    {"adapters/other.yaml", "adapter: other\nqueue: bins\ntransport: http\n",
	"waste.yaml:1:", "PH1330"},
    {"connectors/bins/connector.yaml", "transport: http\nretry: {tries: 0}\n",
	"connector.yaml:2:", "PH1205"},
    {"connectors/bins/connector.yaml", "transport: http\nsned: []\n",
	"connector.yaml:2:1", "PH1201"},
    {"routes/a.yaml", "routes: x\n", "a.yaml:1:9", "PH1349"},
    {"routes/a.yaml", "routes: [{route: r, to: bench}]\n", "a.yaml:1:", "PH1342"},
    {"routes/a.yaml", "routes: [{route: r, when: {type: t}}]\n", "a.yaml:1:", "PH1344"},
    {"routes/a.yaml", "routes: [{when: {type: t}, to: bench}]\n",
	"a.yaml:1:", "PH1347"},
    {"routes/a.yaml", "routes: [{route: r, when: {type: 't*x'}, to: bench}]\n",
	"a.yaml:1:", "PH1341"},
    {"routes/a.yaml", "routes: [{route: r, when: {Type: t}, to: bench}]\n",
	"a.yaml:1:", "PH1343"},
    {"routes/a.yaml", "routes: [{route: r, when: {type: []}, to: bench}]\n",
	"a.yaml:1:", "PH1340"},
    {"routes/a.yaml", "routes: [{route: r, when: {type: t}, to: waste}]\n",
	"a.yaml:1:", "PH1346"},
    {"routes/b.yaml", ROUTES, "b.yaml:2:", "PH1348"},
};

START_TEST(mistakes_are_located)
{
	ph_site *site = NULL;
	ph_error err;
	write_file(mistakes[_i].file, mistakes[_i].text);
	ck_assert_msg(ph_site_load(directory, &site, &err) == PH_ERR_INVALID,
	    "%s taken", mistakes[_i].text);
	ck_assert_ptr_null(site);
	ck_assert_msg(strstr(err.where, mistakes[_i].where) != NULL, "at %s: %s",
	    err.where, err.text);
	ck_assert_msg(
	    strncmp(err.text, mistakes[_i].code, strlen(mistakes[_i].code)) == 0, "%s",
	    err.text);
}
END_TEST

START_TEST(missing)
{
	ph_site *site = NULL;
	ph_error err;
	ck_assert_int_eq(
	    ph_site_load("/tmp/ph-no-such-site", &site, &err), PH_ERR_NOT_FOUND);
	ck_assert_ptr_nonnull(strstr(err.where, "packhorse.yaml"));
	/* Without adapters and routes there is a broker all the same. */
	write_file("adapters/waste.yaml", "broken: [\n");
	ck_assert_int_eq(ph_site_load_broker(directory, &site, &err), PH_OK);
	ck_assert_uint_eq(site->adapter_count, 0);
	ph_site_destroy(&site);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("site");
	TCase *tests = tcase_create("site");
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, the_broker);
	tcase_add_test(tests, adapters_are_laid_over_their_connectors);
	tcase_add_test(tests, routes);
	tcase_add_test(tests, files_are_looked_for_in_order);
	tcase_add_test(tests, another_text_is_another_generation);
	tcase_add_loop_test(tests, mistakes_are_located, 0,
	    (int) (sizeof mistakes / sizeof mistakes[0]));
	tcase_add_test(tests, missing);
	suite_add_tcase(suite, tests);
	return ph_check_main(suite);
}
