/* Routes: conditions, patterns, several at once; each queue chosen once. */
#include <string.h>

#include "broker/route.h"
#include "tests/unit/check_main.h"

static const char *one_type[] = {"council.service-request.created.v1", NULL};
static const char *any_type[] = {"council.*", NULL};
static const char *roads[] = {"potholes", "road-*", NULL};
static const char *to_highways[] = {"highways", NULL};
static const char *to_both[] = {"crm", "highways", NULL};

static const ph_site_condition typed_and_roads[] = {
    {.attribute = "type", .patterns = {one_type, 1}},
    {.attribute = "service", .patterns = {roads, 2}}};
static const ph_site_condition any_council[] = {
    {.attribute = "type", .patterns = {any_type, 1}}};

static const ph_site_route routes[] = {
    {.name = "roads", .when = typed_and_roads, .when_count = 2, .to = {to_highways, 1}},
    {.name = "all", .when = any_council, .when_count = 1, .to = {to_both, 2}}};

static uint16_t
number_of(void *self, const char *name)
{
	(void) self;
	return strcmp(name, "highways") == 0 ? 3 : strcmp(name, "crm") == 0 ? 4 : 0;
}

static ph_message *
message(const char *type, const char *service)
{
	ph_attribute attributes[] = {{"id", "1", 1}, {"source", "s", 1},
	    {"type", type, strlen(type)},
	    {"service", service, service == NULL ? 0 : strlen(service)}};
	ph_message *made = NULL;
	ck_assert_int_eq(
	    ph_message_new(attributes, service == NULL ? 3 : 4, "", 0, &made, NULL),
	    PH_OK);
	return made;
}

START_TEST(matching)
{
	static const struct {
		size_t routes;
		const char *type, *service;
		size_t count;
		uint16_t queues[2];
	} cases[] = {
	    {1, "council.service-request.created.v1", "potholes", 1, {3}},
	    {1, "council.service-request.created.v1", "road-signs", 1, {3}},
	    {1, "council.service-request.created.v1", "roadsigns", 0, {0}},
	    {1, "council.service-request.created.v1", "bins", 0, {0}},
	    {1, "council.service-request.created.v1", NULL, 0, {0}},
	    {1, "council.service-request.created.v2", "potholes", 0, {0}},
	    {2, "council.service-request.created.v1", "potholes", 2, {4, 3}},
	    {2, "council.service-request.updated.v1", NULL, 2, {4, 3}},
	    {2, "vendor.thing", "potholes", 0, {0}},
	    {0, "council.service-request.created.v1", "potholes", 0, {0}},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		ph_routes *compiled = NULL;
		uint16_t queues[8] = {0};
		ck_assert_int_eq(ph_routes_new(routes, cases[i].routes, number_of, NULL,
				     &compiled, NULL),
		    PH_OK);
		ph_message *one = message(cases[i].type, cases[i].service);
		ck_assert_msg(
		    ph_routes_match(compiled, one, queues, 8) == cases[i].count,
		    "case %zu", i);
		for (size_t k = 0; k < cases[i].count; k++)
			ck_assert_uint_eq(queues[k], cases[i].queues[k]);
		ph_message_unref(&one);
		ph_routes_destroy(&compiled);
	}
}
END_TEST

START_TEST(no_more_than_there_is_room_for)
{
	ph_routes *compiled = NULL;
	uint16_t queues[2] = {0, 77};
	ck_assert_int_eq(
	    ph_routes_new(routes, 2, number_of, NULL, &compiled, NULL), PH_OK);
	ph_message *one = message("council.x", NULL);
	ck_assert_uint_eq(ph_routes_match(compiled, one, queues, 1), 1);
	ck_assert_uint_eq(queues[1], 77);
	ph_message_unref(&one);
	ph_routes_destroy(&compiled);
}
END_TEST

START_TEST(a_queue_that_is_not_there)
{
	static const char *nowhere[] = {"nowhere", NULL};
	const ph_site_route lost = {
	    .name = "lost", .when = any_council, .when_count = 1, .to = {nowhere, 1}};
	ph_routes *compiled = NULL;
	ph_error err;
	ck_assert_int_eq(ph_routes_new(&lost, 1, number_of, NULL, &compiled, &err),
	    PH_ERR_NOT_FOUND);
	ck_assert_ptr_null(compiled);
	ck_assert_ptr_nonnull(strstr(err.text, "nowhere"));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("route");
	TCase *tests = tcase_create("route");
	tcase_add_test(tests, matching);
	tcase_add_test(tests, no_more_than_there_is_room_for);
	tcase_add_test(tests, a_queue_that_is_not_there);
	suite_add_tcase(suite, tests);
	return ph_check_main(suite);
}
