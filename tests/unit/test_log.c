/* log: one line each, nothing that a terminal would obey, no line in another. */
#include "lib/base/log.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/text.h"
#include "tests/unit/check_main.h"

static FILE *sink;

/* Standard error into a file for the length of a case (each has its own process); the file is
 * opened again to read it from a place of its own. */
static void
catch_lines(void)
{
	FILE *file = tmpfile();
	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(dup2(fileno(file), STDERR_FILENO), 0);
	fclose(file);
	sink = fopen("/proc/self/fd/2", "r");
	ck_assert_ptr_nonnull(sink);
}

static void
close_lines(void)
{
	fclose(sink);
}

static char *
next_line(char *line, size_t size)
{
	clearerr(sink);
	return fgets(line, (int) size, sink);
}

START_TEST(a_line_has_time_program_level_event)
{
	ph_log_program("packhorsed");
	ph_log(PH_LOG_WARN, "delivery-retry", "queue=%s attempt=%d", "waste", 3);
	ph_log(PH_LOG_INFO, "broker-ready", "%s", "");
	char line[256];
	ck_assert_ptr_nonnull(next_line(line, sizeof line));
	int64_t ms = 0;
	ck_assert_int_eq(ph_time_parse(line, 24, &ms, NULL), PH_OK);
	ck_assert_str_eq(
	    line + 24, " packhorsed warn delivery-retry queue=waste attempt=3\n");
	ck_assert_ptr_nonnull(next_line(line, sizeof line));
	ck_assert_str_eq(line + 24, " packhorsed info broker-ready\n");
	ck_assert_ptr_null(next_line(line, sizeof line));
}
END_TEST

START_TEST(lines_above_the_threshold_are_dropped)
{
	ph_log(PH_LOG_DEBUG, "x", "dropped=yes");
	ph_log_threshold(PH_LOG_DEBUG);
	ph_log(PH_LOG_DEBUG, "x", "dropped=no");
	ph_log_threshold(PH_LOG_ERROR);
	ph_log(PH_LOG_WARN, "x", "dropped=yes");
	ph_log(PH_LOG_ERROR, "x", "dropped=no");
	char line[256];
	ck_assert_ptr_nonnull(next_line(line, sizeof line));
	ck_assert_str_eq(line + 24, " debug x dropped=no\n");
	ck_assert_ptr_nonnull(next_line(line, sizeof line));
	ck_assert_str_eq(line + 24, " error x dropped=no\n");
	ck_assert_ptr_null(next_line(line, sizeof line));
}
END_TEST

static const struct {
	const char *value;
	const char *shown;
} escapes[] = {
    {"plain", "plain"},
    {"caf\xc3\xa9 \xf0\x9f\x90\xb4", "caf\xc3\xa9 \xf0\x9f\x90\xb4"},
    {"two\nlines\r", "two\\x0alines\\x0d"},
    {"\x1b[31mred", "\\x1b[31mred"},
    {"\x7f", "\\x7f"},
    {"\xc2\x9b", "\\u009b"},
    {"\xe2\x80\xae"
     "evil",
	"\\u202eevil"},
    {"\xe2\x81\xa6"
     "a\xe2\x81\xa9",
	"\\u2066a\\u2069"},
    {"\xe2\x80\x8f", "\\u200f"},
    {"\xe2\x80\xa8", "\\u2028"},
    {"\xd8\x9c", "\\u061c"},
    {"\xff\xc3", "\\xff\\xc3"},
};

START_TEST(values_cannot_write_on_the_terminal)
{
	ph_log(PH_LOG_INFO, "x", "v=%s", escapes[_i].value);
	char line[256];
	char expected[256];
	snprintf(expected, sizeof expected, " info x v=%s\n", escapes[_i].shown);
	ck_assert_ptr_nonnull(next_line(line, sizeof line));
	ck_assert_str_eq(line + 24, expected);
}
END_TEST

START_TEST(a_long_line_is_cut_and_ends)
{
	static char large[10000];
	for (int phase = 0; phase < 3; phase++) {
		memset(large, 'x', (size_t) phase);
		for (size_t i = (size_t) phase; i + 3 < sizeof large; i += 3)
			memcpy(large + i, "\xe2\x82\xac", 4);
		ph_log(PH_LOG_INFO, "x", "v=%s", large);
		memset(large, 1, sizeof large - 1);
		ph_log(PH_LOG_INFO, "x", "v=%s", large);
	}
	char line[20000];
	for (int i = 0; i < 6; i++) {
		ck_assert_ptr_nonnull(next_line(line, sizeof line));
		size_t length = strlen(line);
		ck_assert_uint_le(length, 4096);
		ck_assert_uint_ge(length, 4080);
		ck_assert_int_eq(line[length - 1], '\n');
	}
	ck_assert_ptr_null(next_line(line, sizeof line));
}
END_TEST

static void *
chatter(void *argument)
{
	const char *word = argument;
	for (int i = 0; i < 500; i++)
		ph_log(PH_LOG_INFO, "x", "%s%s%s%s", word, word, word, word);
	return NULL;
}

START_TEST(threads_do_not_mix_their_lines)
{
	static char words[4][200];
	pthread_t threads[4];
	for (size_t i = 0; i < 4; i++) {
		memset(words[i], (int) ('a' + i), sizeof words[i] - 1);
		ck_assert_int_eq(
		    pthread_create(&threads[i], NULL, chatter, words[i]), 0);
	}
	for (size_t i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	char line[2000];
	int lines = 0;
	for (; next_line(line, sizeof line) != NULL; lines++) {
		const char *text = line + 24 + strlen(" info x ");
		ck_assert_uint_eq(strlen(text), 4 * 199 + 1);
		ck_assert_uint_eq(strspn(text, (char[]){text[0], '\0'}), 4 * 199);
	}
	ck_assert_int_eq(lines, 2000);
}
END_TEST

static Suite *
log_suite(void)
{
	Suite *suite = suite_create("log");
	TCase *cases = tcase_create("log");
	tcase_add_checked_fixture(cases, catch_lines, close_lines);
	tcase_add_test(cases, a_line_has_time_program_level_event);
	tcase_add_test(cases, lines_above_the_threshold_are_dropped);
	tcase_add_loop_test(cases, values_cannot_write_on_the_terminal, 0,
	    sizeof escapes / sizeof escapes[0]);
	tcase_add_test(cases, a_long_line_is_cut_and_ends);
	tcase_add_test(cases, threads_do_not_mix_their_lines);
	suite_add_tcase(suite, cases);
	return suite;
}

int
main(void)
{
	return ph_check_main(log_suite());
}
