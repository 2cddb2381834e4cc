/*
 * The shelf: first in, first out over many files, compared with a simple model through random
 * histories, saves and kills; damage is seen; a full disk refuses and goes on; files are given back.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/shelf.h"
#include "lib/base/crc32c.h"
#include "tests/unit/check_main.h"

#define MODEL_MOST 20000

static char directory[64], shelf_directory[96];
static ph_fs fs; /* the system's, but pwrite may have no room */
static bool disk_full;
static ph_shelf *shelf;

static ssize_t
full_pwrite(void *self, int fd, const void *bytes, size_t length, int64_t offset)
{
	const ph_fs *system_fs = ph_fs_system();
	(void) self;
	if (!disk_full)
		return system_fs->pwrite(system_fs->self, fd, bytes, length, offset);
	errno = ENOSPC;
	return -1;
}

static void
open_shelf(uint32_t file_entries)
{
	ph_shelf_config config = {.fs = &fs,
	    .directory = shelf_directory,
	    .queue = 7,
	    .file_entries = file_entries};
	ck_assert_int_eq(ph_shelf_new(&config, &shelf, NULL), PH_OK);
}

static void
setup(void)
{
	(void) snprintf(directory, sizeof directory, "/tmp/ph-shelf.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	(void) snprintf(shelf_directory, sizeof shelf_directory, "%s/shelf", directory);
	fs = *ph_fs_system();
	fs.pwrite = full_pwrite;
	disk_full = false;
}

static void
teardown(void)
{
	char command[128];
	ph_shelf_destroy(&shelf);
	(void) snprintf(command, sizeof command, "rm -r %s", directory);
	ck_assert_int_eq(system(command), 0);
}

static size_t
files(const char *suffix)
{
	char **names = NULL;
	size_t count = 0;
	ck_assert_int_eq(
	    ph_fs_list(shelf_directory, suffix, &names, &count, NULL), PH_OK);
	free(names);
	return count;
}

static void
add(uint64_t number)
{
	ph_shelf_entry entry = {.number = number,
	    .offset = number * 1000 + 1,
	    .key = number * UINT64_C(0x9e3779b97f4a7c15),
	    .accepted_ms = 1700000000000 + (int64_t) number};
	ck_assert_int_eq(ph_shelf_reserve(shelf, NULL), PH_OK);
	ph_shelf_add(shelf, &entry);
}

static void
check_entry(const ph_shelf_entry *entry, uint64_t number)
{
	ck_assert_uint_eq(entry->number, number);
	ck_assert_uint_eq(entry->offset, number * 1000 + 1);
	ck_assert_uint_eq(entry->key, number * UINT64_C(0x9e3779b97f4a7c15));
	ck_assert_int_eq(entry->accepted_ms, 1700000000000 + (int64_t) number);
}

static void
take(uint64_t number)
{
	ph_shelf_entry entry;
	ck_assert_int_eq(ph_shelf_first(shelf, &entry, NULL), PH_OK);
	check_entry(&entry, number);
	ph_shelf_drop(shelf);
}

START_TEST(first_in_first_out)
{
	open_shelf(1000);
	ck_assert_int_eq(
	    ph_shelf_first(shelf, &(ph_shelf_entry){0}, NULL), PH_ERR_NOT_FOUND);
	for (uint64_t n = 1; n <= 5300; n++)
		add(n * 3);
	ck_assert_uint_eq(ph_shelf_count(shelf), 5300);
	ck_assert_uint_eq(files(".shelf"), 6);
	for (uint64_t n = 1; n <= 5300; n++)
		take(n * 3);
	ck_assert_uint_eq(ph_shelf_count(shelf), 0);
	ck_assert_uint_eq(files(".shelf"), 0);
	add(90000);
	take(90000);
}
END_TEST

START_TEST(first_and_last_are_found)
{
	ph_shelf_entry entry;
	open_shelf(100);
	for (uint64_t n = 1; n <= 250; n++) {
		add(n * 2);
		ck_assert_int_eq(ph_shelf_find(shelf, n * 2, &entry, NULL), PH_OK);
		check_entry(&entry, n * 2);
		ck_assert_int_eq(ph_shelf_find(shelf, 2, &entry, NULL), PH_OK);
		check_entry(&entry, 2);
	}
	ck_assert_int_eq(ph_shelf_find(shelf, 1, &entry, NULL), PH_ERR_NOT_FOUND);
	ck_assert_int_eq(ph_shelf_find(shelf, 501, &entry, NULL), PH_ERR_NOT_FOUND);
}
END_TEST

/* ---- a random history against a model ---- */

typedef struct mirror {
	uint64_t numbers[MODEL_MOST], offsets[MODEL_MOST];
	size_t first, end;
} mirror;

static uint64_t random_state;

static uint64_t
random_below(uint64_t bound)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (random_state * UINT64_C(2685821657736338717) >> 16) % bound;
}

static void
model_add(mirror *model)
{
	if (model->end == MODEL_MOST)
		return;
	uint64_t number = model->end == 0 ? 1 : model->numbers[model->end - 1] + 1;
	number += random_below(4);
	add(number);
	model->numbers[model->end] = number;
	model->offsets[model->end++] = number * 1000 + 1;
}

static void
model_take(mirror *model)
{
	ph_shelf_entry entry;
	ph_status status = ph_shelf_first(shelf, &entry, NULL);
	if (model->first == model->end) {
		ck_assert_int_eq(status, PH_ERR_NOT_FOUND);
		return;
	}
	ck_assert_int_eq(status, PH_OK);
	ck_assert_uint_eq(entry.number, model->numbers[model->first]);
	ck_assert_uint_eq(entry.offset, model->offsets[model->first++]);
	ph_shelf_drop(shelf);
}

/* A number that may be there, or be just beside one that is. */
static void
model_look(mirror *model, bool move)
{
	ph_shelf_entry entry;
	uint64_t number =
	    random_below((model->end == 0 ? 1 : model->numbers[model->end - 1]) + 3);
	size_t at = model->first;
	while (at < model->end && model->numbers[at] < number)
		at++;
	bool there = at < model->end && model->numbers[at] == number;
	ph_status status = move ? ph_shelf_move(shelf, number, number + 5, NULL)
				: ph_shelf_find(shelf, number, &entry, NULL);
	ck_assert_int_eq(status, there ? PH_OK : PH_ERR_NOT_FOUND);
	if (there && move)
		model->offsets[at] = number + 5;
	else if (there)
		ck_assert_uint_eq(entry.offset, model->offsets[at]);
	at += there;
	status = ph_shelf_next(shelf, number, &entry, NULL);
	ck_assert_int_eq(status, at < model->end ? PH_OK : PH_ERR_NOT_FOUND);
	if (status == PH_OK)
		ck_assert_uint_eq(entry.number, model->numbers[at]);
}

static void
save(ph_buffer *section)
{
	ph_buffer paths;
	ph_buffer_init(&paths, 0);
	ph_buffer_clear(section);
	ck_assert_int_eq(ph_shelf_save(shelf, section, &paths, NULL), PH_OK);
	ck_assert_int_eq(ph_shelf_sync(&fs, shelf_directory, &paths, NULL), PH_OK);
	ph_shelf_saved(shelf);
	ph_buffer_fini(&paths);
}

static void
reload(const ph_buffer *section, uint32_t file_entries)
{
	ph_reader reader;
	ph_error err;
	ph_shelf_destroy(&shelf);
	open_shelf(file_entries);
	ph_reader_init(&reader, section->data, section->length);
	ck_assert_msg(ph_shelf_load(shelf, &reader, &err) == PH_OK, "%s", err.text);
	ck_assert_uint_eq(ph_reader_left(&reader), 0);
}

START_TEST(a_random_history)
{
	static mirror now, saved;
	ph_buffer section;
	uint32_t file_entries = _i % 2 == 0 ? 37 : 700;
	bool has_saved = false;
	random_state = 88172645463325252u + (uint64_t) _i;
	now = (mirror){.first = 0};
	ph_buffer_init(&section, 0);
	open_shelf(file_entries);
	for (unsigned step = 0; step < 20000; step++) {
		uint64_t what = random_below(1000);
		/* Long swells and ebbs, so that it is deep and empty in turn. */
		uint64_t adding = step / 2500 % 2 == 0 ? 600 : 300;
		if (what < adding) {
			model_add(&now);
		} else if (what < 940) {
			model_take(&now);
		} else if (what < 995) {
			model_look(&now, what < 960);
		} else if (what < 998 || !has_saved) {
			save(&section);
			saved = now;
			has_saved = true;
		} else { /* killed: what was taken and added since is not known */
			reload(&section, file_entries);
			/* what was moved since the save keeps its new place, or not */
			for (size_t i = saved.first; i < saved.end; i++)
				saved.offsets[i] = now.offsets[i];
			now = saved;
		}
		ck_assert_uint_eq(ph_shelf_count(shelf), now.end - now.first);
	}
	while (now.first < now.end)
		model_take(&now);
	ph_buffer_fini(&section);
}
END_TEST

/* ---- the disk ---- */

START_TEST(files_are_kept_for_two_checkpoints)
{
	ph_buffer section;
	ph_buffer_init(&section, 0);
	open_shelf(100);
	for (uint64_t n = 1; n <= 1000; n++)
		add(n);
	ck_assert_int_eq(ph_shelf_reserve(shelf, NULL), PH_OK); /* all is written */
	for (uint64_t n = 1; n <= 100; n++)
		take(n);
	ck_assert_uint_eq(files(".shelf"), 9); /* nobody needs the first */
	save(&section);
	for (uint64_t n = 101; n <= 200; n++)
		take(n);
	ck_assert_uint_eq(files(".shelf"), 9); /* the checkpoint names the second */
	save(&section);
	for (uint64_t n = 201; n <= 300; n++)
		take(n);
	ck_assert_uint_eq(files(".shelf"), 9); /* and so may the one before */
	save(&section);
	ck_assert_uint_eq(files(".shelf"), 8);
	reload(&section, 100);
	ck_assert(!ph_shelf_keeps(shelf, 1) && ph_shelf_keeps(shelf, 3) &&
		  ph_shelf_keeps(shelf, 10) && !ph_shelf_keeps(shelf, 11));
	take(301);
	save(&section);
	save(&section);
	ck_assert_uint_eq(files(".shelf"), 7);
	ph_buffer_fini(&section);
}
END_TEST

/* One that is under way names its files too, also the first of a process. */
START_TEST(files_are_kept_while_they_are_saved)
{
	ph_buffer section, paths;
	ph_buffer_init(&section, 0);
	ph_buffer_init(&paths, 0);
	open_shelf(100);
	for (uint64_t n = 1; n <= 300; n++)
		add(n);
	ck_assert_int_eq(ph_shelf_save(shelf, &section, &paths, NULL), PH_OK);
	for (uint64_t n = 1; n <= 100; n++)
		take(n);
	ck_assert_uint_eq(files(".shelf"), 3);
	ck_assert_int_eq(ph_shelf_sync(&fs, shelf_directory, &paths, NULL), PH_OK);
	ph_buffer_fini(&section);
	ph_buffer_fini(&paths);
}
END_TEST

/* What has moved since the last save is not on the disk by that one. */
START_TEST(a_move_is_synced_with_the_next_save)
{
	ph_buffer section, paths;
	ph_buffer_init(&section, 0);
	ph_buffer_init(&paths, 0);
	open_shelf(100);
	for (uint64_t n = 1; n <= 300; n++)
		add(n);
	save(&section);
	ck_assert_int_eq(ph_shelf_move(shelf, 150, 5, NULL), PH_OK);
	ck_assert_int_eq(ph_shelf_save(shelf, &section, &paths, NULL), PH_OK);
	ck_assert_uint_gt(paths.length, 0);
	ck_assert_uint_eq(strlen((const char *) paths.data) + 1, paths.length);
	ck_assert_ptr_nonnull(
	    strstr((const char *) paths.data, "/00007-0000000002.shelf"));
	ph_buffer_fini(&section);
	ph_buffer_fini(&paths);
}
END_TEST

static bool
first_three(void *self, uint16_t queue, uint64_t serial)
{
	++*(unsigned *) self;
	return queue == 7 && serial <= 3;
}

START_TEST(what_nobody_wants_is_swept)
{
	unsigned asked = 0;
	open_shelf(300);
	for (uint64_t n = 1; n <= 1800; n++)
		add(n);
	ck_assert_int_eq(ph_shelf_reserve(shelf, NULL), PH_OK);
	ck_assert_uint_eq(files(".shelf"), 6);
	ck_assert_int_eq(
	    ph_shelf_sweep(&fs, shelf_directory, first_three, &asked, NULL), PH_OK);
	ck_assert_uint_eq(asked, 6);
	ck_assert_uint_eq(files(".shelf"), 3);
	ck_assert_int_eq(
	    ph_shelf_sweep(&fs, "/nowhere/at/all", first_three, &asked, NULL), PH_OK);
}
END_TEST

static void
flip(const char *name, long at)
{
	char path[256];
	(void) snprintf(path, sizeof path, "%s/%s", shelf_directory, name);
	FILE *file = fopen(path, "r+");
	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(fseek(file, at, SEEK_SET), 0);
	int byte = fgetc(file);
	ck_assert_int_eq(fseek(file, at, SEEK_SET), 0);
	ck_assert_int_ne(fputc(byte ^ 0x10, file), EOF);
	ck_assert_int_eq(fclose(file), 0);
}

START_TEST(damage_is_seen)
{
	ph_shelf_entry entry;
	ph_error err;
	open_shelf(0);
	for (uint64_t n = 1; n <= 1000; n++)
		add(n);
	flip("00007-0000000001.shelf", 3 * 32 + _i);
	for (uint64_t n = 1; n <= 3; n++)
		take(n);
	ck_assert_int_eq(ph_shelf_first(shelf, &entry, &err), PH_ERR_DAMAGED);
	ck_assert_ptr_nonnull(strstr(err.text, "PH5320"));
	ph_shelf_condemn(shelf);
	ck_assert_uint_eq(files(".shelf"), 0);
	ck_assert_uint_eq(files(".damaged"), 1);
}
END_TEST

/* Bytes of the first file that are replaced: by those at another place, or with sums over `salt` bytes
 * of queue and serial alone. */
static void
rewrite(size_t to, size_t from, size_t count, size_t salt)
{
	static const uint8_t whose[10] = {7, 0, 1};
	static uint8_t entries[1000][32];
	char path[256];
	(void) snprintf(
	    path, sizeof path, "%s/00007-0000000001.shelf", shelf_directory);
	FILE *file = fopen(path, "r+");
	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(fseek(file, (long) from * 32, SEEK_SET), 0);
	ck_assert_uint_eq(fread(entries, 32, count, file), count);
	for (size_t i = 0; salt > 0 && i < count; i++) {
		uint32_t sum = ph_crc32c(0, whose, salt);
		sum = ph_crc32c(sum, entries[i], 12);
		sum = ph_crc32c(sum, entries[i] + 16, 16);
		for (unsigned byte = 0; byte < 4; byte++)
			entries[i][12 + byte] = (uint8_t) (sum >> (8 * byte));
	}
	ck_assert_int_eq(fseek(file, (long) to * 32, SEEK_SET), 0);
	ck_assert_uint_eq(fwrite(entries, 32, count, file), count);
	ck_assert_int_eq(fclose(file), 0);
}

/* A whole page of the same file: what was taken long ago must not be handed out for it. */
START_TEST(another_page_in_its_place_is_seen)
{
	ph_shelf_entry entry;
	open_shelf(0);
	for (uint64_t n = 1; n <= 1000; n++)
		add(n);
	rewrite(128, 0, 128, 0);
	for (uint64_t n = 1; n <= 128; n++)
		take(n);
	ck_assert_int_eq(ph_shelf_first(shelf, &entry, NULL), PH_ERR_DAMAGED);
}
END_TEST

START_TEST(what_an_earlier_build_wrote_is_read)
{
	open_shelf(0);
	for (uint64_t n = 1; n <= 1000; n++)
		add(n);
	rewrite(0, 0, 512, 10);
	ck_assert_int_eq(ph_shelf_move(shelf, 700, 5, NULL), PH_OK);
	ph_shelf_entry entry;
	ck_assert_int_eq(ph_shelf_find(shelf, 700, &entry, NULL), PH_OK);
	ck_assert_uint_eq(entry.offset, 5);
	for (uint64_t n = 1; n < 700; n++)
		take(n);
}
END_TEST

#define SECOND_FIRST                                                                   \
	64 /* in what is saved: where the number of its first entry stands */

START_TEST(a_damaged_save_is_not_loaded)
{
	ph_error err;
	ph_buffer section;
	ph_reader reader;
	ph_buffer_init(&section, 0);
	open_shelf(100);
	for (uint64_t n = 1; n <= 250; n++)
		add(n);
	save(&section);
	for (size_t length = 0; length < section.length; length++) {
		ph_shelf_destroy(&shelf);
		open_shelf(100);
		ph_reader_init(&reader, section.data, length);
		ck_assert_int_eq(ph_shelf_load(shelf, &reader, NULL), PH_ERR_DAMAGED);
	}
	ph_shelf_condemn(shelf);
	ph_shelf_destroy(&shelf);
	open_shelf(100);
	/* The second file begins where the first ends. */
	section.data[SECOND_FIRST] = 100;
	ph_reader_init(&reader, section.data, section.length);
	ck_assert_int_eq(ph_shelf_load(shelf, &reader, &err), PH_ERR_DAMAGED);
	ck_assert_ptr_nonnull(strstr(err.text, "PH5322"));
	section.data[SECOND_FIRST] = 101;
	ph_shelf_destroy(&shelf);
	open_shelf(100);
	ph_reader_init(&reader, section.data, section.length);
	ck_assert_int_ne(ph_shelf_load(shelf, &reader, NULL), PH_OK);
	ph_buffer_fini(&section);
}
END_TEST

START_TEST(a_full_disk_refuses_and_goes_on)
{
	ph_error err;
	uint64_t added = 0;
	open_shelf(1000);
	disk_full = true;
	while (ph_shelf_reserve(shelf, &err) == PH_OK)
		add(++added);
	ck_assert_int_eq(err.status, PH_ERR_FULL);
	ck_assert_ptr_nonnull(strstr(err.text, "PH5321"));
	ck_assert_uint_gt(added, 0);
	ck_assert_int_eq(ph_shelf_reserve(shelf, NULL), PH_ERR_FULL);
	disk_full = false;
	for (uint64_t n = added + 1; n <= 3000; n++)
		add(n);
	for (uint64_t n = 1; n <= 3000; n++)
		take(n);
}
END_TEST

static unsigned names_synced;
static bool sync_fails;

/* Is it the directory that is to hold the shelf's? */
static int
watched_fsync(void *self, int fd)
{
	struct stat at, above;
	(void) self;
	ck_assert_int_eq(fstat(fd, &at), 0);
	ck_assert_int_eq(stat(directory, &above), 0);
	names_synced += at.st_ino == above.st_ino;
	errno = EIO;
	return sync_fails ? -1 : 0;
}

/* Checkpoints will name files in it: a power cut must not take the directory away. One that is there
 * may have been made just before the process was killed. */
START_TEST(the_directory_has_its_name_synced)
{
	if (_i == 1)
		ck_assert_int_eq(mkdir(shelf_directory, 0700), 0);
	fs.fsync = watched_fsync;
	open_shelf(300);
	ck_assert_uint_eq(names_synced, 1);
}
END_TEST

START_TEST(a_name_that_was_not_synced_is_synced_again)
{
	const ph_shelf_config config = {.fs = &fs, .directory = shelf_directory};
	fs.fsync = watched_fsync;
	sync_fails = true;
	ck_assert_int_eq(ph_shelf_new(&config, &shelf, NULL), PH_ERR_IO);
	sync_fails = false;
	open_shelf(300);
	ck_assert_uint_eq(names_synced, 2);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("shelf");
	TCase *tests = tcase_create("shelf");
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_loop_test(tests, the_directory_has_its_name_synced, 0, 2);
	tcase_add_test(tests, a_name_that_was_not_synced_is_synced_again);
	tcase_add_test(tests, first_in_first_out);
	tcase_add_test(tests, first_and_last_are_found);
	tcase_add_loop_test(tests, a_random_history, 0, 6);
	tcase_add_test(tests, files_are_kept_for_two_checkpoints);
	tcase_add_test(tests, files_are_kept_while_they_are_saved);
	tcase_add_test(tests, a_move_is_synced_with_the_next_save);
	tcase_add_test(tests, what_nobody_wants_is_swept);
	tcase_add_loop_test(tests, damage_is_seen, 0, 32);
	tcase_add_test(tests, another_page_in_its_place_is_seen);
	tcase_add_test(tests, what_an_earlier_build_wrote_is_read);
	tcase_add_test(tests, a_damaged_save_is_not_loaded);
	tcase_add_test(tests, a_full_disk_refuses_and_goes_on);
	suite_add_tcase(suite, tests);
	return ph_check_main(suite);
}
