/* Regular expressions: bounded, without memory of their own for a match, from any thread. */
#include "transform/pattern.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/check_main.h"

#define THREADS 4
#define TURNS	2000

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);

static atomic_ulong allocations;

/* Of this program's own code, which makes the pattern's memory. */
void *
__wrap_malloc(size_t size)
{
	allocations++;
	return __real_malloc(size);
}

static ph_pattern *
make(const char *text)
{
	ph_pattern *pattern = NULL;
	ph_error err = {0};
	ck_assert_msg(ph_pattern_new(text, strlen(text), &pattern, &err) == PH_OK, "%s",
	    err.text);
	return pattern;
}

static ph_match
match(const ph_pattern *pattern, const char *text)
{
	return ph_pattern_match(pattern, text, strlen(text), NULL);
}

START_TEST(groups)
{
	ph_pattern *pattern = make("^([A-Z]+)-(?:(x)|([0-9]+))$");
	ph_span spans[PH_PATTERN_GROUPS];
	ck_assert_uint_eq(ph_pattern_groups(pattern), 3);
	ck_assert_int_eq(ph_pattern_match(pattern, "AB-12", 5, spans), PH_MATCH_YES);
	ck_assert_uint_eq(spans[0].length, 5);
	ck_assert_uint_eq(spans[1].length, 2);
	ck_assert_ptr_null(spans[2].text);
	ck_assert_int_eq(strncmp(spans[3].text, "12", 2), 0);
	ck_assert_ptr_null(spans[4].text);
	/* what one match found is not seen in the next */
	ck_assert_int_eq(ph_pattern_match(pattern, "A-x", 3, spans), PH_MATCH_YES);
	ck_assert_uint_eq(spans[2].length, 1);
	ck_assert_ptr_null(spans[3].text);
	ck_assert_int_eq(match(pattern, "a-x"), PH_MATCH_NO);
	ph_pattern_destroy(&pattern);
}
END_TEST

START_TEST(a_match_takes_no_memory)
{
	ph_pattern *pattern = make("^(?:[a-z]{2,9} ?)+$");
	ck_assert_int_eq(match(pattern, "one and two"), PH_MATCH_YES);
	unsigned long before = allocations, after;
	int wrong = 0; /* an assertion takes memory itself */
	for (int i = 0; i < TURNS; i++) {
		wrong += match(pattern, "one and two") != PH_MATCH_YES;
		wrong += match(pattern, "one and 2") != PH_MATCH_NO;
	}
	after = allocations;
	ck_assert_int_eq(wrong, 0);
	ck_assert_uint_gt(before, 0); /* they are counted */
	ck_assert_uint_eq(after, before);
	ph_pattern_destroy(&pattern);
}
END_TEST

/* Each alternative doubles the ways: the limit ends it, with JIT and without. */
START_TEST(a_catastrophe_is_given_up)
{
	static const char *const patterns[] = {"^(a+)+$", "(*NO_JIT)^(a+)+$",
	    "^(?:a|aa|b?a)+$", "(*NO_JIT)^(([a-z])+.)+[A-Z]$"};
	char text[4000];
	memset(text, 'a', sizeof text - 2);
	memcpy(text + sizeof text - 2, "!", 2);
	for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
		ph_pattern *pattern = make(patterns[i]);
		ck_assert_int_eq(match(pattern, text), PH_MATCH_GAVE_UP);
		/* and goes on afterwards */
		ck_assert_int_ne(match(pattern, "aaaA"), PH_MATCH_GAVE_UP);
		ck_assert_int_eq(match(pattern, text), PH_MATCH_GAVE_UP);
		ph_pattern_destroy(&pattern);
	}
}
END_TEST

static void *
many_matches(void *self)
{
	const ph_pattern *pattern = self;
	ph_span spans[PH_PATTERN_GROUPS];
	for (int i = 0; i < TURNS; i++) {
		char text[] = "key=0000";
		text[7] = (char) ('0' + i % 10);
		if (ph_pattern_match(pattern, text, 8, spans) != PH_MATCH_YES ||
		    spans[1].text != text + 4 || spans[1].length != 4)
			return self;
	}
	return NULL;
}

START_TEST(many_threads_match)
{
	ph_pattern *pattern = make("^key=([0-9]+)$");
	pthread_t threads[THREADS];
	for (size_t i = 0; i < THREADS; i++)
		ck_assert_int_eq(
		    pthread_create(&threads[i], NULL, many_matches, pattern), 0);
	for (size_t i = 0; i < THREADS; i++) {
		void *failed;
		ck_assert_int_eq(pthread_join(threads[i], &failed), 0);
		ck_assert_ptr_null(failed);
	}
	ph_pattern_destroy(&pattern);
}
END_TEST

START_TEST(bad_patterns_are_refused)
{
	ph_pattern *pattern = NULL;
	ph_error err;
	ck_assert_int_eq(ph_pattern_new("a(b", 3, &pattern, &err), PH_ERR_INVALID);
	ck_assert_ptr_nonnull(strstr(err.text, "at character 4"));
	ck_assert_int_eq(ph_pattern_new("a\\Cb", 4, &pattern, &err), PH_ERR_INVALID);
	ck_assert_ptr_null(pattern);
}
END_TEST

static Suite *
pattern_suite(void)
{
	Suite *suite = suite_create("pattern");
	TCase *tests = tcase_create("pattern");
	tcase_add_test(tests, groups);
	tcase_add_test(tests, a_match_takes_no_memory);
	tcase_add_test(tests, a_catastrophe_is_given_up);
	tcase_add_test(tests, many_threads_match);
	tcase_add_test(tests, bad_patterns_are_refused);
	suite_add_tcase(suite, tests);
	return suite;
}

int
main(void)
{
	return ph_check_main(pattern_suite());
}
