/* The ledger's file and what it follows: rebuilt, damaged, moved aside, behind a journal that moved. */
#include <dirent.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/ledger_bench.h"

static char *
dump(const char *path)
{
	char command[256];
	snprintf(command, sizeof command, "sqlite3 %s .dump", path);
	FILE *pipe = popen(command, "r");
	ck_assert_ptr_nonnull(pipe);
	char *text = calloc(1, 1 << 20);
	ck_assert_ptr_nonnull(text);
	size_t length = fread(text, 1, (1 << 20) - 1, pipe);
	ck_assert_uint_gt(length, 1000);
	ck_assert_int_eq(pclose(pipe), 0);
	return text;
}

/* The dump of a ledger that was folded step by step, over restarts. */
static char *
dump_and_close(void)
{
	char path[128];
	ask_now((ph_ledger_ask){.kind = PH_LEDGER_CASE, .key = "x"}, see_nothing);
	ph_ledger_close(&b.ledger);
	snprintf(path, sizeof path, "%s/ledger.sqlite", b.directory);
	return dump(path);
}

static void
remove_files(void)
{
	static const char *const suffixes[] = {"", "-wal", "-shm"};
	char path[128];
	for (size_t i = 0; i < 3; i++) {
		snprintf(
		    path, sizeof path, "%s/ledger.sqlite%s", b.directory, suffixes[i]);
		(void) unlink(path);
	}
}

START_TEST(a_rebuilt_ledger_equals_the_one_that_was_lost)
{
	history();
	size_t all = b.store->count;
	b.store->visible = 5;
	open_ledger();
	ask_now((ph_ledger_ask){.kind = PH_LEDGER_DEAD}, see_nothing);
	b.store->visible = all;
	reopen();
	add_verdict(b.store, PH_RECORD_REPLAY, 2, CRM);
	char *lost = dump_and_close();
	remove_files();
	open_ledger();
	char *rebuilt = dump_and_close();
	ck_assert_str_eq(lost, rebuilt);
	free(lost);
	free(rebuilt);
}
END_TEST

static unsigned
files_aside(void)
{
	unsigned count = 0;
	DIR *directory = opendir(b.directory);
	ck_assert_ptr_nonnull(directory);
	for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
		count += strstr(entry->d_name, ".damaged-") != NULL &&
			 strstr(entry->d_name, "-wal") == NULL;
	closedir(directory);
	return count;
}

/* Overwrite bytes of the file. */
static void
scribble(off_t from, size_t length)
{
	char path[128], bytes[4096];
	snprintf(path, sizeof path, "%s/ledger.sqlite", b.directory);
	int fd = open(path, O_WRONLY | O_CREAT, 0600);
	ck_assert_int_ge(fd, 0);
	memset(bytes, 0x5a, sizeof bytes);
	while (length > 0) {
		size_t some = length < sizeof bytes ? length : sizeof bytes;
		ck_assert_int_eq(pwrite(fd, bytes, some, from), (ssize_t) some);
		from += (off_t) some;
		length -= some;
	}
	close(fd);
}

START_TEST(a_file_that_is_no_database_is_moved_aside)
{
	history();
	scribble(0, 8192);
	open_ledger();
	ask_now((ph_ledger_ask){.kind = PH_LEDGER_CASE, .key = "3087714"}, see_case);
	ck_assert_uint_eq(b.told[PH_LEDGER_REBUILT], 1);
	ck_assert_uint_eq(files_aside(), 1);
}
END_TEST

static off_t
file_size(void)
{
	char path[128];
	struct stat status;
	snprintf(path, sizeof path, "%s/ledger.sqlite", b.directory);
	ck_assert_int_eq(stat(path, &status), 0);
	return status.st_size;
}

static void
remove_all(void)
{
	char command[128];
	snprintf(command, sizeof command, "rm -f %s/ledger.sqlite*", b.directory);
	ck_assert_int_eq(system(command), 0);
}

/* Whichever page it is, and whether or not the question needs it. */
START_TEST(a_damaged_page_is_found_and_the_rows_built_again)
{
	history();
	open_ledger();
	ask_now((ph_ledger_ask){.kind = PH_LEDGER_CASE, .key = "3087714"}, see_case);
	ph_ledger_close(&b.ledger);
	off_t size = file_size();
	ck_assert_int_ge(size, 10 * 4096);
	for (off_t page = 0; page < size; page += 4096) {
		remove_all();
		open_ledger();
		ask_now((ph_ledger_ask){.kind = PH_LEDGER_DEAD, .key = "crm"}, NULL);
		ph_ledger_close(&b.ledger);
		scribble(page, 4096);
		b.told[PH_LEDGER_REBUILT] = 0;
		open_ledger();
		ask_now(
		    (ph_ledger_ask){
			.kind = PH_LEDGER_RESOLVE, .lookups = lookups, .count = 6},
		    see_resolved);
		ask_now((ph_ledger_ask){.kind = PH_LEDGER_CASE, .key = "3087714"},
		    see_case);
		ck_assert_msg(b.told[PH_LEDGER_REBUILT] == 1, "page %d: %u",
		    (int) (page / 4096), b.told[PH_LEDGER_REBUILT]);
		ck_assert_uint_eq(files_aside(), 1);
		ph_ledger_close(&b.ledger);
	}
}
END_TEST

static void
run_sql(const char *text)
{
	char path[128];
	sqlite3 *db = NULL;
	snprintf(path, sizeof path, "%s/ledger.sqlite", b.directory);
	ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
	ck_assert_int_eq(sqlite3_close(db), SQLITE_OK);
}

START_TEST(another_layout_is_moved_aside)
{
	static const char *const changes[] = {"pragma user_version = 99",
	    "pragma application_id = 7", "drop table event", "drop table meta"};
	history();
	for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
		open_ledger();
		ask_now((ph_ledger_ask){.kind = PH_LEDGER_CASE, .key = "3087714"},
		    see_case);
		ph_ledger_close(&b.ledger);
		run_sql(changes[i]);
		open_ledger();
		ask_now((ph_ledger_ask){.kind = PH_LEDGER_CASE, .key = "3087714"},
		    see_case);
		ck_assert_uint_eq(b.told[PH_LEDGER_REBUILT], i + 1);
		ph_ledger_close(&b.ledger);
	}
	ck_assert_uint_eq(files_aside(), sizeof changes / sizeof *changes);
}
END_TEST

START_TEST(only_we_may_read_the_file)
{
	struct stat status;
	char path[128];
	mode_t before = umask(0);
	history();
	open_ledger();
	ask_now((ph_ledger_ask){.kind = PH_LEDGER_CASE, .key = "3087714"}, see_case);
	static const char *const suffixes[] = {"", "-wal", "-shm"};
	for (size_t i = 0; i < 3; i++) {
		snprintf(
		    path, sizeof path, "%s/ledger.sqlite%s", b.directory, suffixes[i]);
		ck_assert_int_eq(stat(path, &status), 0);
		ck_assert_uint_eq(status.st_mode & 0777, 0600);
	}
	umask(before);
}
END_TEST

/* --- the journal changes under the ledger --- */

START_TEST(a_ledger_that_has_seen_lost_records_is_built_again)
{
	history();
	open_ledger();
	ask_now((ph_ledger_ask){.kind = PH_LEDGER_CASE, .key = "3087714"}, see_case);
	ph_ledger_close(&b.ledger);
	free(b.store->records[--b.store->count].body); /* a torn tail */
	b.store->visible = b.store->count;
	open_ledger();
	ask_now((ph_ledger_ask){.kind = PH_LEDGER_DEAD}, see_nothing);
	ck_assert_uint_eq(b.told[PH_LEDGER_REBUILT], 1);
}
END_TEST

START_TEST(another_journal_is_noticed)
{
	history();
	open_ledger();
	ask_now((ph_ledger_ask){.kind = PH_LEDGER_CASE, .key = "3087714"}, see_case);
	ph_ledger_close(&b.ledger);
	memory_free(b.store);
	b.store = memory_new();
	add_queue(b.store, CRM, "crm");
	for (uint64_t i = 1; i <= 20; i++)
		add_accept(b.store, &(accepted){.acceptance = i,
					.id = "m",
					.source = "/other",
					.type = "x.y",
					.queue = CRM});
	open_ledger();
	ask_now((ph_ledger_ask){.kind = PH_LEDGER_CASE, .key = "3087714"}, see_nothing);
	ck_assert_uint_eq(b.told[PH_LEDGER_REBUILT], 1);
}
END_TEST

static void
see_moved(const ph_ledger_answer *answer)
{
	ck_assert_uint_eq(answer->count, 2);
	ck_assert_uint_eq(answer->rows.messages[0].position.offset, 400);
	ck_assert_uint_eq(answer->rows.messages[1].position.offset, 700 + 5000);
}

START_TEST(places_are_mended_when_the_tail_has_moved)
{
	const ph_ledger_ask question = {
	    .kind = PH_LEDGER_SUBJECT, .key = "SR-0000000000001"};
	history();
	open_ledger();
	ask_now(question, see_both);
	ph_ledger_close(&b.ledger);
	b.store->shift = 5000;
	b.store->shift_from = 6;
	open_ledger();
	ask_now(question, see_moved);
	char *mended = dump_and_close();
	remove_files();
	open_ledger();
	char *rebuilt = dump_and_close();
	ck_assert_str_eq(mended, rebuilt);
	ck_assert_uint_eq(b.told[PH_LEDGER_REBUILT], 0);
	free(mended);
	free(rebuilt);
}
END_TEST

static void
see_first_binding(const ph_ledger_answer *answer)
{
	ck_assert(answer->rows.found[0].known);
	ck_assert_str_eq(answer->rows.found[0].value, "SR-0000000000001");
}

START_TEST(a_contradicting_binding_is_told_and_the_first_stays)
{
	accepted other = created;
	other.acceptance = 3;
	other.subject = "SR-0000000000002";
	other.system = "highways";
	other.key = "ENQ 2002141";
	history();
	add_accept(b.store, &other);
	open_ledger();
	ask_now(
	    (ph_ledger_ask){.kind = PH_LEDGER_RESOLVE, .lookups = lookups, .count = 1},
	    see_first_binding);
	ck_assert_uint_eq(b.told[PH_LEDGER_CONFLICT], 1);
}
END_TEST

START_TEST(a_record_that_makes_no_sense_is_passed_over)
{
	ph_buffer body;
	ph_buffer_init(&body, 0);
	ph_buffer_text(&body, "no record of ours");
	memory_add(b.store, PH_RECORD_ACCEPT, &body);
	history();
	open_ledger();
	ask_now((ph_ledger_ask){.kind = PH_LEDGER_DEAD, .key = "crm"}, see_crm_dead);
	ck_assert_uint_eq(b.told[PH_LEDGER_DAMAGED], 1);
}
END_TEST

/* --- many --- */

static void
see_window(const ph_ledger_answer *answer)
{
	ck_assert_uint_eq(answer->count, 100);
	ck_assert_uint_eq(answer->rows.messages[0].acceptance, 5000);
}

START_TEST(many_records_are_folded_in_batches)
{
	char id[32], subject[32];
	add_queue(b.store, CRM, "crm");
	for (uint64_t i = 1; i <= 9000; i++) {
		snprintf(id, sizeof id, "%llu", (unsigned long long) i);
		snprintf(subject, sizeof subject, "SR-%013llu", (unsigned long long) i);
		add_accept(b.store, &(accepted){.acceptance = i,
					.id = id,
					.source = "/many",
					.type = "council.service-request.created.v1",
					.subject = subject,
					.queue = CRM});
		add_outcome(b.store, &(ended){.acceptance = i,
					 .queue = CRM,
					 .attempt = 1,
					 .outcome = 1,
					 .state = PH_RECORD_SETTLED,
					 .at_ms = START_MS + (int64_t) i * 1000 + 5,
					 .reference = id,
					 .system = "crm",
					 .canonical = subject});
	}
	open_ledger();
	ask_now((ph_ledger_ask){.kind = PH_LEDGER_TYPE,
		    .key = "council.service-request.created.v1",
		    .from_ms = START_MS + 5000000,
		    .to_ms = START_MS + 5100000},
	    see_window);
}
END_TEST

START_TEST(closing_at_once_leaves_nothing_behind)
{
	history();
	open_ledger();
	ph_ledger_ask question = {.kind = PH_LEDGER_DEAD, .current = true};
	look = NULL;
	answered = false;
	ck_assert_int_eq(
	    ph_ledger_query(b.ledger, &question, on_answer, NULL, NULL), PH_OK);
	ph_ledger_close(&b.ledger);
	(void) ph_loop_turn(b.loop, 0, NULL);
	ck_assert(!answered);
}
END_TEST

static Suite *
ledger_file_suite(void)
{
	Suite *suite = suite_create("ledger_file");
	TCase *tests = tcase_create("ledger_file");
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, a_rebuilt_ledger_equals_the_one_that_was_lost);
	tcase_add_test(tests, a_file_that_is_no_database_is_moved_aside);
	tcase_add_test(tests, a_damaged_page_is_found_and_the_rows_built_again);
	tcase_add_test(tests, another_layout_is_moved_aside);
	tcase_add_test(tests, only_we_may_read_the_file);
	tcase_add_test(tests, a_ledger_that_has_seen_lost_records_is_built_again);
	tcase_add_test(tests, another_journal_is_noticed);
	tcase_add_test(tests, places_are_mended_when_the_tail_has_moved);
	tcase_add_test(tests, a_contradicting_binding_is_told_and_the_first_stays);
	tcase_add_test(tests, a_record_that_makes_no_sense_is_passed_over);
	tcase_add_test(tests, many_records_are_folded_in_batches);
	tcase_add_test(tests, closing_at_once_leaves_nothing_behind);
	suite_add_tcase(suite, tests);
	return suite;
}

int
main(void)
{
	return ph_check_main(ledger_file_suite());
}
