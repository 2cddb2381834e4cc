/* Calls of a map: their memory is used again, and nobody notices. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/check_main.h"
#include "tests/unit/map_fixture.h"

static map_fixture fixture;

#define DROP "drop: {canonical: [a, b, c, ref, n, t, at, s, tags, attributes, sub]}\n"
#define HEAD "map: m\ncanonical: thing@1\n" DROP
#define IN   PH_MAP_IN
#define OUT  PH_MAP_OUT

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

static ph_map_call *
call_of(const ph_map *map, const char *bytes)
{
	ph_map_call *call = NULL;
	ph_error err = {0};
	ck_assert_int_eq(
	    ph_map_call_new(map, IN, 0, bytes, strlen(bytes), &call, &err), PH_OK);
	ck_assert_int_eq(ph_map_call_run(call, &err), PH_OK);
	return call;
}

static void
holds(const ph_map_call *call, const char *expected)
{
	size_t length = 0;
	ck_assert_uint_eq(ph_map_call_count(call), 1);
	ck_assert_int_eq(ph_map_call_result(call, 0), PH_MAP_DONE);
	const char *data = ph_map_call_data(call, 0, &length);
	ck_assert_uint_eq(length, strlen(expected));
	ck_assert_int_eq(memcmp(data, expected, length), 0);
}

static void
gives(const ph_map *map, const char *bytes, const char *expected)
{
	ph_map_call *call = call_of(map, bytes);
	holds(call, expected);
	ph_map_call_destroy(&call);
}

START_TEST(the_next_call_has_the_memory_of_the_last)
{
	ph_map *map = map_fixture_links(&fixture, "  - a <-> x\n  - b <-> y");
	ph_map_call *first = call_of(map, "{\"x\":\"1\"}");
	const void *was = first;
	ph_map_call_destroy(&first);
	ck_assert_ptr_null(first);
	ph_map_call *second = call_of(map, "{\"x\":\"2\"}");
	ck_assert_ptr_eq(second, was);
	holds(second, "{\"a\":\"2\"}");
	/* two at a time are two */
	ph_map_call *third = call_of(map, "{\"x\":\"3\"}");
	holds(third, "{\"a\":\"3\"}");
	holds(second, "{\"a\":\"2\"}");
	ph_map_call_destroy(&third);
	ph_map_call_destroy(&second);
	ph_map_destroy(&map);
}
END_TEST

START_TEST(nothing_of_the_last_is_left)
{
	ph_map *map =
	    map_fixture_links(&fixture, "  - a <-> x\n  - b <-> y\n  - c <- "
					"$event.source\n  - ref <- k | xref(thing)");
	char *got = map_fixture_run(map, IN, "{\"x\":\"1\",\"y\":\"2\",\"k\":\"7\"}",
	    "event.source=here;ref.7=TH-7");
	ck_assert_str_eq(
	    got, "{\"a\":\"1\",\"b\":\"2\",\"c\":\"here\",\"ref\":\"TH-7\"}");
	free(got);
	/* no value set, nothing answered, other members, then a document that fails */
	gives(map, "{\"x\":\"3\"}", "{\"a\":\"3\"}");
	got = map_fixture_run(map, IN, "{\"x\":\"3\",\"k\":\"7\"}", NULL);
	ck_assert_int_eq(got[0], '!');
	free(got);
	ph_map_call *call = call_of(map, "{\"x\":");
	ck_assert_int_eq(ph_map_call_result(call, 0), PH_MAP_HELD);
	ph_map_call_destroy(&call);
	gives(map, "{\"zz\":{\"x\":[1]},\"x\":\"4\"}", "{\"a\":\"4\"}");
	ph_map_destroy(&map);
}
END_TEST

/* Patterns and codecs take for granted that what they are given is UTF-8. */
START_TEST(a_value_is_utf8)
{
	ph_map *map = map_fixture_links(
	    &fixture, "  - a <- x\n  - b <- y | when($receipt matches \"^.b\")");
	ph_map_call *call = NULL;
	ph_error err = {0};
	ck_assert_int_eq(
	    ph_map_call_new(map, IN, 0, "{\"x\":\"1\"}", 9, &call, &err), PH_OK);
	ck_assert_int_eq(
	    ph_map_call_set(call, "receipt", "a\xE9", &err), PH_ERR_INVALID);
	ck_assert_msg(strncmp(err.text, "PH3060", 6) == 0, "%s", err.text);
	ck_assert_int_eq(ph_map_call_set(call, "receipt", "\xC3\xA9", &err), PH_OK);
	ph_map_call_destroy(&call);
	ph_map_destroy(&map);
}
END_TEST

START_TEST(xml_after_broken_and_strange_xml)
{
	ph_map *map = map_fixture_map(&fixture, HEAD
	    "vendor: {format: xml, root: R}\nlinks:\n  - a <-> A\n  - b <-> B/@n\n");
	static const char *const broken[] = {"<R><A>x</R>", "<R><A>x",
	    "<!DOCTYPE R><R/>", "<R><p:A/></R>", "<R>&nbsp;</R>", "<R a='1' a='2'/>",
	    ""};
	gives(map, "<R><A>1</A><B n='2'>t</B></R>", "{\"a\":\"1\",\"b\":\"2\"}");
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		ph_map_call *call = call_of(map, broken[i]);
		ck_assert_int_eq(ph_map_call_result(call, 0), PH_MAP_HELD);
		ph_map_call_destroy(&call);
		gives(map, "<R><A>3</A></R>", "{\"a\":\"3\"}");
	}
	/* more names than a parser that is kept may know */
	static char many[65536];
	size_t at = (size_t) snprintf(many, sizeof(many), "<R><A>4</A>");
	for (int i = 0; i < 2000; i++)
		at += (size_t) snprintf(many + at, sizeof(many) - at, "<n%d/>", i);
	snprintf(many + at, sizeof(many) - at, "</R>");
	for (int i = 0; i < 3; i++) {
		gives(map, many, "{\"a\":\"4\"}");
		gives(map, "<R><B n='5'/><A/></R>", "{\"a\":\"\",\"b\":\"5\"}");
	}
	ph_map_destroy(&map);
}
END_TEST

/* Names that only the document has are told apart from those that the map knows too. */
START_TEST(repeated_names_are_found_with_shared_names)
{
	ph_map *map = map_fixture_links(&fixture, "  - a <-> x\n  - b <-> y");
	static const char *const bad[] = {
	    "{\"x\":\"1\",\"x\":\"2\"}", "{\"x\":\"1\",\"other\":1,\"other\":2}"};
	for (int round = 0; round < 3; round++)
		for (size_t i = 0; i < 2; i++) {
			char *got = map_fixture_run(map, IN, bad[i], NULL);
			ck_assert_str_eq(got, "!3 malformed PH3016 ");
			free(got);
			gives(map, "{\"o\":{\"x\":0},\"x\":\"1\",\"y\":\"2\"}",
			    "{\"a\":\"1\",\"b\":\"2\"}");
		}
	ph_map_destroy(&map);
}
END_TEST

static void *
many_calls(void *self)
{
	const ph_map *map = self;
	for (int i = 0; i < 2000; i++) {
		char bytes[64], expected[64];
		snprintf(bytes, sizeof(bytes), "{\"x\":\"%d\"}", i);
		snprintf(expected, sizeof(expected), "{\"a\":\"%d\"}", i);
		gives(map, bytes, expected);
	}
	return NULL;
}

START_TEST(threads_share_a_map)
{
	ph_map *map = map_fixture_links(&fixture, "  - a <-> x\n  - b <-> y");
	pthread_t threads[4];
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, many_calls, map), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	ph_map_destroy(&map);
}
END_TEST

static Suite *
calls_suite(void)
{
	Suite *suite = suite_create("map calls");
	TCase *tests = tcase_create("calls");
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, the_next_call_has_the_memory_of_the_last);
	tcase_add_test(tests, nothing_of_the_last_is_left);
	tcase_add_test(tests, a_value_is_utf8);
	tcase_add_test(tests, xml_after_broken_and_strange_xml);
	tcase_add_test(tests, repeated_names_are_found_with_shared_names);
	tcase_add_test(tests, threads_share_a_map);
	suite_add_tcase(suite, tests);
	return suite;
}

int
main(void)
{
	return ph_check_main(calls_suite());
}
