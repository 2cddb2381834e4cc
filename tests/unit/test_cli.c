/*
 * The command line's common ground: how words are read, and how tables and sheets come out.
 */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/check_main.h"

/* --- a noun that notes how it was called --- */

static struct {
	unsigned runs;
	char operands[256], queue[64];
	bool all, has_most;
	long long most;
} seen;

static int
note(ph_cli *cli, const ph_args *args)
{
	seen.runs++;
	seen.operands[0] = '\0';
	for (size_t i = 0; i < args->count; i++) {
		strcat(seen.operands, args->operands[i]);
		strcat(seen.operands, "|");
	}
	const char *queue = ph_args_get(args, "queue");
	snprintf(seen.queue, sizeof seen.queue, "%s", queue != NULL ? queue : "(none)");
	seen.all = ph_args_has(args, "all");
	seen.has_most = ph_args_has(args, "most");
	seen.most = 7;
	return ph_args_number(cli, args, "most", 1, 100, &seen.most) ? PH_EXIT_PROBLEM
								     : PH_EXIT_USAGE;
}

static int
plain(ph_cli *cli, const ph_args *args)
{
	(void) args;
	seen.runs++;
	ph_cli_print(cli, "words\n");
	return PH_EXIT_OK;
}

static const ph_cli_option options[] = {
    {"queue", "NAME", "a queue"},
    {"all", NULL, "all of them"},
    {"most", "N", "a number"},
    {NULL, NULL, NULL},
};
static const ph_verb verbs[] = {
    {.name = "act",
	.operands = "ID...",
	.least = 1,
	.help = "Act.\nMore about it.",
	.options = options,
	.run = note},
    {.name = "two",
	.operands = "A B",
	.least = 2,
	.most = 2,
	.help = "Two.",
	.options = options,
	.run = note},
    {.name = "ls", .help = "List.", .run = plain},
    {.name = NULL},
};
static const ph_verb whole[] = {
    {.name = "", .help = "Whole.", .run = plain}, {.name = NULL}};
static const ph_noun dead = {"dead", "the dead", verbs},
		     status = {"status", "all", whole};
static const ph_noun *const nouns[] = {&dead, &status, NULL};

static char *out_text, *err_text;
static ph_cli cli;

/* Run a line of words split at blanks; "_" stands for an empty word. */
static int
run(const char *line)
{
	static char copy[256], program[] = "packhorse", empty[] = "";
	char *words[32] = {program};
	int count = 1;
	size_t length;
	free(out_text);
	free(err_text);
	memset(&seen, 0, sizeof seen);
	cli = (ph_cli){.out = open_memstream(&out_text, &length),
	    .err = open_memstream(&err_text, &length)};
	ck_assert(cli.out != NULL && cli.err != NULL);
	snprintf(copy, sizeof copy, "%s", line);
	for (char *word = strtok(copy, " "); word != NULL; word = strtok(NULL, " "))
		words[count++] = strcmp(word, "_") == 0 ? empty : word;
	int code = ph_cli_main(&cli, nouns, count, words);
	fclose(cli.out);
	fclose(cli.err);
	return code;
}

static void
teardown(void)
{
	free(out_text);
	free(err_text);
	out_text = err_text = NULL;
}

/* Lines, their exit codes, and words on standard output or standard error. */
static const struct {
	const char *line;
	int code;
	const char *out, *err;
} lines[] = {
    {"dead act 1", 1, "", ""},
    {"dead ls", 0, "words\n", ""},
    {"status", 0, "words\n", ""},
    {"status --json", 0, "", ""},
    {"--json status", 0, "", ""},
    {"_", 2, "", "PH7001"},
    {"nouns", 2, "", "PH7001 there is no noun 'nouns'"},
    {"dead", 2, "packhorse dead: the dead", ""},
    {"dead lss", 2, "", "PH7002 'dead' has no verb 'lss'; it has: act, two, ls"},
    {"dead ls --al", 2, "", "PH7003 unknown option '--al'"},
    {"dead ls -a", 2, "", "PH7003"},
    {"dead ls -json", 2, "", "PH7003"},
    {"dead act 1 -all", 2, "", "PH7003"},
    {"dead act 1 --c x", 2, "", "PH7003"},
    {"dead act 1 --queue", 2, "", "PH7004 '--queue' needs a value: NAME"},
    {"dead act 1 --all=yes", 2, "", "PH7004 --all takes no value"},
    {"dead act 1 --most 101", 2, "",
	"PH7005 --most takes a whole number from 1 to 100"},
    {"dead act 1 --most 1x", 2, "", "PH7005"},
    {"dead act 1 --most _", 2, "", "PH7005"},
    {"dead act", 2, "", "PH7006 usage: packhorse dead act ID..."},
    {"dead two 1", 2, "", "PH7006"},
    {"dead two 1 2 3", 2, "", "PH7006"},
    {"dead ls 1", 2, "", "PH7006"},
    {"dead ls 1 --json", 2, "", "{\"error\":{\"status\":\"usage\",\"where\":\"\","},
    {"help", 0, "usage: packhorse NOUN", ""},
    {"--help", 0, "usage: packhorse NOUN", ""},
    {"help dead", 0, "packhorse dead: the dead", ""},
    {"help dead act", 0, "More about it.", ""},
    {"dead act --help", 0, "--queue NAME", ""},
    {"dead -h", 0, "packhorse dead: the dead", ""},
    {"dead act -h", 0, "usage: packhorse dead act", ""},
};

START_TEST(lines_are_read_or_refused)
{
	int code = run(lines[_i].line);
	ck_assert_msg(code == lines[_i].code, "%s: exit %d: %s%s", lines[_i].line, code,
	    out_text, err_text);
	ck_assert_ptr_nonnull(strstr(out_text, lines[_i].out));
	ck_assert_ptr_nonnull(strstr(err_text, lines[_i].err));
	if (lines[_i].code == PH_EXIT_USAGE && strstr(lines[_i].err, "PH7005") == NULL)
		ck_assert_uint_eq(seen.runs, 0);
}
END_TEST

START_TEST(options_and_operands_mix)
{
	ck_assert_int_eq(run("dead act 1 --queue=waste 2 --all -- --most -x -"), 1);
	ck_assert_str_eq(seen.operands, "1|2|--most|-x|-|");
	ck_assert_str_eq(seen.queue, "waste");
	ck_assert(seen.all);
	ck_assert(!seen.has_most);
	ck_assert_int_eq(seen.most, 7);
	ck_assert_int_eq(
	    run("--socket /s -c /site dead act - --most 100 --queue _"), 1);
	ck_assert_str_eq(seen.operands, "-|");
	ck_assert_str_eq(seen.queue, "");
	ck_assert_int_eq(seen.most, 100);
	ck_assert_str_eq(cli.socket, "/s");
	ck_assert_str_eq(cli.site, "/site");
}
END_TEST

/* --- tables --- */

static const ph_column columns[] = {
    {"NAME", "name", PH_COLUMN_TEXT},
    {"N", "n", PH_COLUMN_NUMBER},
    {"AGE", "age", PH_COLUMN_AGE},
    {"TOOK", "took", PH_COLUMN_MS},
    {"ALL", "list", PH_COLUMN_LIST},
};

static char *
table(bool json, const char *const *rows, const char *empty)
{
	size_t length;
	ph_rows *made = NULL;
	free(out_text);
	cli = (ph_cli){
	    .out = open_memstream(&out_text, &length), .err = stderr, .json = json};
	ck_assert_int_eq(ph_rows_new(&cli, columns, 5, &made, NULL), PH_OK);
	for (; *rows != NULL; rows++)
		ph_rows_add(made, json_loads(*rows, 0, NULL));
	ph_rows_finish(&made, empty);
	fclose(cli.out);
	return out_text;
}

static const char *const some[] = {
    "{\"name\":\"caf\\u00e9\",\"n\":7,\"age\":3,\"took\":84,\"list\":[\"a\",\"b\"]}",
    "{\"name\":\"x\",\"n\":12345,\"age\":720,\"extra\":true}",
    "{\"name\":null,\"n\":0,\"age\":1000000,\"list\":[]}",
    NULL,
};

START_TEST(columns_line_up)
{
	ck_assert_str_eq(table(false, some, "nothing"),
	    "NAME      N  AGE   TOOK  ALL\n"
	    "caf\xc3\xa9      7   3s  84 ms  a, b\n"
	    "x     12345  12m      -  -\n"
	    "-         0  11d      -  -\n");
}
END_TEST

START_TEST(json_rows_are_whole_and_one_a_line)
{
	static const char *const one[] = {
	    "{\"name\":\"x\",\"extra\":[1,{\"a\":null}]}", NULL};
	ck_assert_str_eq(table(true, one, "nothing"),
	    "{\"name\":\"x\",\"extra\":[1,{\"a\":null}]}\n");
}
END_TEST

START_TEST(an_empty_table_says_so_to_people_only)
{
	static const char *const none[] = {NULL};
	ck_assert_str_eq(table(false, none, "no queues"), "no queues\n");
	ck_assert_str_eq(table(true, none, "no queues"), "");
}
END_TEST

START_TEST(a_cell_cannot_move_the_cursor_or_turn_the_text)
{
	static const char *const evil[] = {
	    "{\"name\":\"a\\u001b[2Jb\\u202ec\\u0007d\\ne\",\"n\":1}", NULL};
	ck_assert_str_eq(table(false, evil, NULL), "NAME          N  AGE  TOOK  ALL\n"
						   "a?[2Jb?c?d e  1    -     -  -\n");
}
END_TEST

START_TEST(a_sheet_has_what_the_object_has)
{
	size_t length;
	free(out_text);
	cli = (ph_cli){.out = open_memstream(&out_text, &length), .err = stderr};
	ph_cli_sheet(&cli, columns, 5,
	    json_loads("{\"name\":\"x\",\"took\":5,\"y\":1}", 0, NULL));
	fclose(cli.out);
	ck_assert_str_eq(out_text, "NAME  x\nTOOK  5 ms\n");
}
END_TEST

static Suite *
cli_suite(void)
{
	Suite *suite = suite_create("cli");
	TCase *tests = tcase_create("cli");
	tcase_add_checked_fixture(tests, NULL, teardown);
	tcase_add_loop_test(
	    tests, lines_are_read_or_refused, 0, (int) (sizeof lines / sizeof *lines));
	tcase_add_test(tests, options_and_operands_mix);
	tcase_add_test(tests, columns_line_up);
	tcase_add_test(tests, json_rows_are_whole_and_one_a_line);
	tcase_add_test(tests, an_empty_table_says_so_to_people_only);
	tcase_add_test(tests, a_cell_cannot_move_the_cursor_or_turn_the_text);
	tcase_add_test(tests, a_sheet_has_what_the_object_has);
	suite_add_tcase(suite, tests);
	return suite;
}

int
main(void)
{
	return ph_check_main(cli_suite());
}
