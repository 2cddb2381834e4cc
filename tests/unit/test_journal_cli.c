/*
 * packhorse journal: journals that are whole, damaged, torn and held by a broker, each made by the
 * journal itself.
 */
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <packhorse/message.h>

#include "cli/cli.h"
#include "tests/unit/journal_made.h"

#define SECRET "Zanzibarium 12, Halifax"

static char *out_text, *err_text;

static const ph_noun *const nouns[] = {&ph_noun_journal, NULL};

/* --- journals --- */

static void
teardown_texts(void)
{
	teardown();
	free(out_text);
	free(err_text);
	out_text = err_text = NULL;
}

/* As if its process had been killed: the store is left as it is, its lock goes. */
static void
abandon_store(void)
{
	static ph_store *volatile kept[4];
	static unsigned count;
	ck_assert_uint_lt(count, 4);
	kept[count] = store; /* a process that is killed frees nothing */
	ck_assert_ptr_nonnull(kept[count++]);
	fixture_break_lock(&place);
	store = NULL;
}

static void
submit_message(void)
{
	const ph_attribute attributes[] = {
	    {"id", "m-1", 3}, {"source", "urn:x", 5}, {"type", "a.b.v1", 6}};
	ph_message *message = NULL;
	ph_record_accept record = {.acceptance = 1, .generation = 1, .queue_count = 1};
	ph_buffer body;
	size_t length;
	OK(ph_message_new(
	    attributes, 3, "\"" SECRET "\"", strlen(SECRET) + 2, &message, NULL));
	record.queues[0] = 7;
	record.message.data = ph_message_bytes(message, &length);
	record.message.length = length;
	ph_buffer_init(&body, 0);
	ph_record_accept_encode(&record, &body);
	ph_buffer_append(&body, record.message.data, record.message.length);
	(void) submit(PH_RECORD_ACCEPT, body.data, body.length);
	ph_buffer_fini(&body);
	ph_message_unref(&message);
	flush();
}

/* Turn one bit of a byte of the first file; again: as it was. */
static void
flip(uint64_t offset)
{
	char path[256];
	first_path(path);
	FILE *file = fopen(path, "r+b");
	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(fseek(file, (long) offset, SEEK_SET), 0);
	int byte = fgetc(file);
	ck_assert_int_eq(fseek(file, (long) offset, SEEK_SET), 0);
	ck_assert_int_eq(fputc(byte ^ 16, file), byte ^ 16);
	ck_assert_int_eq(fclose(file), 0);
}

/* --- the command --- */

static int
run_to(FILE *out, FILE *err, const char *line)
{
	char copy[512], program[] = "packhorse", noun[] = "journal",
			state[] = "--state";
	char reason[] = "a test of it", flag[] = "--reason";
	char *words[32] = {program, noun};
	int count = 2;
	ph_cli cli = {.out = out, .err = err};
	snprintf(copy, sizeof copy, "%s", line);
	for (char *word = strtok(copy, " "); word != NULL; word = strtok(NULL, " ")) {
		if (strcmp(word, "REASON") == 0) {
			words[count++] = flag;
			word = reason;
		}
		words[count++] = word;
	}
	words[count++] = state;
	words[count++] = place.root;
	return ph_cli_main(&cli, nouns, count, words);
}

static int
run(const char *line)
{
	size_t length;
	free(out_text);
	free(err_text);
	FILE *out = open_memstream(&out_text, &length);
	FILE *err = open_memstream(&err_text, &length);
	ck_assert(out != NULL && err != NULL);
	int code = run_to(out, err, line);
	fclose(out);
	fclose(err);
	return code;
}

static void
expect(const char *line, int code, const char *out, const char *err)
{
	int got = run(line);
	ck_assert_msg(got == code, "%s ended with %d: %.500s%.500s", line, got,
	    out_text, err_text);
	ck_assert_msg(
	    strstr(out_text, out) != NULL, "%s printed %.900s", line, out_text);
	ck_assert_msg(strstr(err_text, err) != NULL, "%s said %.900s", line, err_text);
	if (err[0] == '\0')
		ck_assert_str_eq(err_text, "");
}

static unsigned
count_of(const char *text, const char *word)
{
	unsigned count = 0;
	for (; (text = strstr(text, word)) != NULL; text += strlen(word))
		count++;
	return count;
}

/* A member of the one object that was printed, as text. */
static const char *
member(const char *name)
{
	static char text[256];
	json_t *object = json_loads(out_text, 0, NULL);
	ck_assert_msg(object != NULL, "no object: %s", out_text);
	char *value = json_dumps(json_object_get(object, name), JSON_ENCODE_ANY);
	snprintf(text, sizeof text, "%s", value != NULL ? value : "(none)");
	free(value);
	json_decref(object);
	return text;
}

/* --- whole journals --- */

START_TEST(a_journal_that_is_whole)
{
	write_attempts(3, NULL);
	close_store();
	expect("verify", 0, "no damage\n", "");
	expect("verify --json", 0,
	    "{\"kind\":\"summary\",\"records\":5,\"segments\":1,\"last\":5,\"damaged\":"
	    "0,"
	    "\"unreadable\":0,\"end\":\"closed\"}\n",
	    "");
	expect("info", 0, "clean: closed\n", "");
	expect("info --json", 0, "", "");
	ck_assert_str_eq(member("clean"), "true");
	ck_assert_str_eq(member("oldest"), "1");
	ck_assert_str_eq(member("newest"), "5");
	ck_assert_str_eq(member("epoch"), "1");
	ck_assert_str_eq(member("types"),
	    "[{\"type\": \"mark\", \"number\": 1, \"records\": 2, \"bytes\": 96}, "
	    "{\"type\": \"attempt\", \"number\": 5, \"records\": 3, \"bytes\": 168}]");
}
END_TEST

START_TEST(how_it_ends)
{
	write_attempts(2, NULL);
	expect("info --json", 0, "", "");
	ck_assert_str_eq(member("end"), "\"open\"");
	ck_assert_int_eq(atoi(member("process")), getpid());
	OK(ph_store_idle(store, NULL));
	abandon_store();
	expect("info --json", 0, "", "");
	ck_assert_str_eq(member("end"), "\"idle\"");
	ck_assert_str_eq(member("clean"), "true");
	ck_assert_str_eq(member("process"), "(none)");
	OK(fixture_open(&place, NULL, &store, NULL, NULL));
	(void) submit_attempt(3);
	flush();
	abandon_store();
	expect("info --json", 0, "", "");
	ck_assert_str_eq(member("end"), "\"unclean\"");
	ck_assert_str_eq(member("clean"), "false");
}
END_TEST

/* One mark says that all is synced: a close adds no other. */
START_TEST(what_is_idle_is_closed_as_it_stands)
{
	write_attempts(2, NULL);
	OK(ph_store_idle(store, NULL));
	close_store();
	expect("info --json", 0, "", "");
	ck_assert_str_eq(member("end"), "\"idle\"");
	ck_assert_str_eq(member("newest"), "4");
}
END_TEST

/* What a broker has not marked as synced is not shown beside it, and is shown without it. */
START_TEST(beside_a_broker_only_what_is_known_to_be_durable)
{
	write_attempts(3, NULL);
	expect("export", 0, "\"sequence\":3,", "");
	ck_assert_ptr_null(strstr(out_text, "\"sequence\":4,"));
	expect("verify", 0, "up to sequence 3; open: process ", "");
	abandon_store();
	expect("export", 0, "\"sequence\":4,", "");
}
END_TEST

/* --- damage --- */

START_TEST(every_damaged_range_is_named_and_passed_over)
{
	ph_position positions[62];
	unsigned exported = 0;
	write_attempts(60, positions);
	close_store();
	for (unsigned i = 2; i < 60; i += 2)
		flip((positions[i].offset & UINT32_MAX) + 40);
	expect("verify", 1, "damaged ranges 29, unreadable records 0\n", "");
	ck_assert_uint_eq(
	    count_of(out_text, "PH5002 damaged: journal 0000000001@"), 29);
	char range[100];
	for (unsigned i = 2; i < 60; i += 2) {
		snprintf(range, sizeof range,
		    "damaged: journal 0000000001@%u+56: sequences %u to %u\n",
		    (unsigned) (positions[i].offset & UINT32_MAX), i + 1, i + 1);
		ck_assert_msg(strstr(out_text, range) != NULL, "no %s", range);
	}
	expect(
	    "export", 1, "\"acceptance\":59,", "PH5002 damaged: journal 0000000001@");
	exported = count_of(out_text, "\n");
	ck_assert_uint_eq(exported, 60 - 29);
	ck_assert_uint_eq(count_of(err_text, "PH5002"), 29);
	ck_assert_ptr_null(strstr(out_text, "\"acceptance\":30,"));
	expect("export --json", 1, "", "{\"kind\":\"damage\",\"segment\":1,");
	expect("info", 1, "damaged ranges    29\n", "");
}
END_TEST

/* Wherever a byte is wrong, it is seen: as damage where a mark says it was synced, else as torn. */
START_TEST(one_byte_anywhere)
{
	char path[256];
	uint8_t *bytes;
	unsigned torn = 0;
	write_attempts(2, NULL);
	close_store();
	first_path(path);
	size_t size = fixture_load(path, &bytes), used = size;
	while (bytes[used - 1] == 0)
		used--;
	free(bytes);
	for (uint64_t at = 4096; at < used; at += 3) {
		flip(at);
		int code = run("verify --json");
		bool end =
		    strstr(out_text, "{\"kind\":\"torn\",\"segment\":1,") != NULL;
		bool damage =
		    strstr(out_text, "{\"kind\":\"damage\",\"segment\":1,") != NULL;
		ck_assert_msg(end != damage, "byte %u: %s", (unsigned) at, out_text);
		ck_assert_int_eq(code, damage ? 1 : 0);
		/* the last 48 bytes are the mark that the close wrote */
		ck_assert_msg(
		    end == (at >= 4096 + 48 + 2 * 56), "byte %u", (unsigned) at);
		torn += end;
		flip(at);
	}
	ck_assert_uint_gt(torn, 0);
	for (uint64_t at = 0; at < 4096; at += 455) {
		flip(at);
		ck_assert_msg(
		    run("verify --json") == 1, "byte %u of the header", (unsigned) at);
		flip(at);
	}
	expect("verify", 0, "no damage", "");
}
END_TEST

START_TEST(a_torn_end_is_no_damage)
{
	ph_position positions[4];
	write_attempts(3, positions);
	abandon_store();
	/* half a record that was never proven */
	flip((positions[3].offset & UINT32_MAX) + 50);
	expect("verify", 0, "torn end, no damage: journal 0000000001@", "");
	ck_assert_ptr_nonnull(
	    strstr(out_text, ": sequences 4 to ?: possibly acknowledged"));
	ck_assert_ptr_nonnull(strstr(out_text, "\nno damage\n"));
	expect("verify --json", 0, "\"kind\":\"torn\"", "");
	ck_assert_ptr_nonnull(strstr(out_text, "\"last\":null"));
	expect("export", 0, "\"acceptance\":2,", "");
	ck_assert_ptr_null(strstr(out_text, "\"acceptance\":3,"));
}
END_TEST

START_TEST(a_file_that_is_cut_off_or_missing)
{
	char path[256];
	for (unsigned i = 0; i < 9; i++)
		submit_large();
	close_store();
	first_path(path);
	ck_assert_int_eq(truncate(path, 700000), 0);
	expect("verify", 1, "PH5002 damaged: journal 0000000001@604", "");
	expect(
	    "export", 1, "\"sequence\":6,", "PH5002 damaged: journal 0000000001@604");
	ck_assert_ptr_nonnull(strstr(out_text, "\"sequence\":3,"));
	ck_assert_ptr_null(strstr(out_text, "\"sequence\":4,"));
	fixture_path(&place, "0000000002.segment", path);
	ck_assert_int_eq(unlink(path), 0);
	expect("verify", 1,
	    "damaged: journal 0000000002: the file is missing: sequences ", "");
	fixture_path(&place, "0000000003.segment", path);
	ck_assert_int_eq(truncate(path, 900000), 0);
	expect(
	    "verify", 1, "damaged: journal 0000000003@900000+148576: sequences ", "");
	ck_assert_ptr_nonnull(strstr(out_text, "missing: see the damage"));
}
END_TEST

START_TEST(a_body_that_no_version_wrote)
{
	(void) submit(PH_RECORD_OUTCOME, "nonsense", 8);
	(void) submit(200, "", 0);
	(void) submit_attempt(3);
	close_store();
	expect("verify", 1, "journal 0000000001@4144: sequence 2: PH5002 the body of ",
	    "");
	ck_assert_ptr_nonnull(strstr(out_text, ": sequence 3: PH5003 "));
	ck_assert_ptr_nonnull(
	    strstr(out_text, "damaged ranges 0, unreadable records 2\n"));
	expect("export", 1, "\"sequence\":4,", ": sequence 2: PH5002 the body of ");
	ck_assert_uint_eq(count_of(out_text, "\n"), 1);
}
END_TEST

/* --- what is asked for --- */

START_TEST(only_the_records_that_are_asked_for)
{
	write_attempts(5, NULL);
	submit_large();
	close_store();
	expect("export --from 3 --to 5", 0, "", "");
	ck_assert_uint_eq(count_of(out_text, "\n"), 3);
	ck_assert_ptr_nonnull(strstr(out_text, "\"sequence\":3,"));
	ck_assert_ptr_nonnull(strstr(out_text, "\"sequence\":5,"));
	expect("export --type cursor", 0, "\"value\":{\"bytes\":300000}}\n", "");
	ck_assert_uint_eq(count_of(out_text, "\n"), 1);
	expect("export --type mark", 0, "\"kind\":\"closed\"}\n", "");
	ck_assert_uint_eq(count_of(out_text, "\n"), 2);
	expect("export --from 4", 0, "", "");
	ck_assert_uint_eq(count_of(out_text, "\n"), 4);
	expect("export --type nonsense", 2, "", "PH7005 --type takes mark, ");
	expect("export --from 0", 2, "", "PH7005 --from takes");
}
END_TEST

START_TEST(payloads_are_hidden_unless_asked_for)
{
	submit_message();
	close_store();
	expect(
	    "export", 0, "\"id\":\"m-1\",\"source\":\"urn:x\",\"type\":\"a.b.v1\"", "");
	ck_assert_ptr_null(strstr(out_text, "Zanzibarium"));
	expect("export --reveal", 2, "", "PH7007 --reveal and --reason");
	expect("export REASON", 2, "", "PH7007 --reveal and --reason");
	expect("export --reveal REASON", 0, "\"data\":\"" SECRET "\"", "");
	expect("verify", 0, "", "");
	ck_assert_ptr_null(strstr(out_text, "Zanzibarium"));
}
END_TEST

START_TEST(where_there_is_no_journal)
{
	char path[256];
	close_store();
	first_path(path);
	ck_assert_int_eq(unlink(path), 0);
	expect("verify", 1, "", "PH7041 there is no journal in this directory");
	expect("info", 1, "", "PH7041");
	expect("export", 1, "", "PH7041");
	expect("info --json", 1, "", "\"status\":\"not-found\"");
	FILE *file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(fputs("this is no journal\n", file), 0);
	fclose(file);
	expect("verify", 1, "PH5002 damaged: journal 0000000001@0+19: sequences 1 to ?",
	    "");
}
END_TEST

/* --- where it goes --- */

START_TEST(a_reader_that_has_enough)
{
	int ends[2];
	size_t length;
	free(err_text);
	write_attempts(60, NULL); /* more than one buffer of lines */
	close_store();
	ck_assert_int_eq(pipe(ends), 0);
	close(ends[0]);
	FILE *out = fdopen(ends[1], "w"), *err = open_memstream(&err_text, &length);
	ck_assert(out != NULL && err != NULL);
	ck_assert_int_eq(run_to(out, err, "export"), 1);
	ck_assert_int_eq(run_to(out, err, "export --to 3"), 1);
	fclose(out);
	fclose(err);
	ck_assert_str_eq(err_text, "");
}
END_TEST

START_TEST(no_room_for_the_lines)
{
	size_t length;
	free(err_text);
	write_attempts(5, NULL);
	close_store();
	FILE *out = fopen("/dev/full", "w"), *err = open_memstream(&err_text, &length);
	ck_assert(out != NULL && err != NULL);
	ck_assert_int_eq(run_to(out, err, "export"), 1);
	fclose(out);
	fclose(err);
	ck_assert_msg(strstr(err_text, "PH7025 the export cannot be written") != NULL,
	    "%s", err_text);
}
END_TEST

static Suite *
journal_cli_suite(void)
{
	Suite *suite = suite_create("journal_cli");
	TCase *tests = tcase_create("journal_cli");
	tcase_add_checked_fixture(tests, setup, teardown_texts);
	tcase_add_test(tests, a_journal_that_is_whole);
	tcase_add_test(tests, how_it_ends);
	tcase_add_test(tests, what_is_idle_is_closed_as_it_stands);
	tcase_add_test(tests, beside_a_broker_only_what_is_known_to_be_durable);
	tcase_add_test(tests, every_damaged_range_is_named_and_passed_over);
	tcase_add_test(tests, one_byte_anywhere);
	tcase_add_test(tests, a_torn_end_is_no_damage);
	tcase_add_test(tests, a_file_that_is_cut_off_or_missing);
	tcase_add_test(tests, a_body_that_no_version_wrote);
	tcase_add_test(tests, only_the_records_that_are_asked_for);
	tcase_add_test(tests, payloads_are_hidden_unless_asked_for);
	tcase_add_test(tests, where_there_is_no_journal);
	tcase_add_test(tests, a_reader_that_has_enough);
	tcase_add_test(tests, no_room_for_the_lines);
	suite_add_tcase(suite, tests);
	return suite;
}

int
main(void)
{
	return ph_check_main(journal_cli_suite());
}
