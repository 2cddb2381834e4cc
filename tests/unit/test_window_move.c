/*
 * The window of duplicates on its way from memory into its file: in every slice it knows what it knew
 * and what has come since; a disk that fills up, or a kill, in the middle takes nothing from it.
 */
#include "broker/window_move.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/checkpoint.h"
#include "tests/unit/check_main.h"
#include "tests/unit/history.h"

#define IN_MEMORY 10000 /* several slices */

static char home[64];
static char state[80];
static ph_site site;
static ph_broker *broker; /* has only what is needed */
static ph_fs fs;	  /* the system's, but it may have no room */
static uint64_t room;	  /* bytes that a file may have */
static bool unwritable;

/* ---- a disk ---- */

static int
short_fallocate(void *self, int fd, int64_t length)
{
	const ph_fs *system_fs = ph_fs_system();
	(void) self;
	if ((uint64_t) length <= room)
		return system_fs->fallocate(system_fs->self, fd, length);
	errno = ENOSPC;
	return -1;
}

static ssize_t
short_pwrite(void *self, int fd, const void *bytes, size_t length, int64_t offset)
{
	const ph_fs *system_fs = ph_fs_system();
	(void) self;
	if (!unwritable)
		return system_fs->pwrite(system_fs->self, fd, bytes, length, offset);
	errno = EIO;
	return -1;
}

/* ---- a window ---- */

static void
begin(void)
{
	(void) snprintf(home, sizeof home, "/tmp/ph-move.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(home));
	(void) snprintf(state, sizeof state, "%s/state", home);
	history_shell("mkdir %s", state);
	site.state = state;
	ph_options_init(&site.options);
	site.options.values[PH_OPTION_DUPLICATES] = 1000000;
	fs = *ph_fs_system();
	fs.fallocate = short_fallocate;
	fs.pwrite = short_pwrite;
	room = UINT64_MAX;
	unwritable = false;
	broker = calloc(1, sizeof *broker);
	ck_assert_ptr_nonnull(broker);
	broker->site = &site;
	broker->fs = &fs;
	ck_assert_int_eq(ph_backlog_new(0, &broker->backlog, NULL), PH_OK);
}

static void
end(void)
{
	ph_window_move_drop(broker);
	ph_backlog_destroy(&broker->backlog);
	ph_duplicates_destroy(&broker->duplicates);
	free(broker);
	history_shell("rm -r %s", home);
}

static void
prints_of(uint64_t number, uint8_t *id, uint8_t *content)
{
	memset(id, 0, PH_FINGERPRINT);
	memset(content, 7, PH_FINGERPRINT);
	for (unsigned i = 0; i < 8; i++)
		id[i] = content[i] = (uint8_t) (number * 0x9e3779b97f4a7c15u >> 8 * i);
}

/* The next acceptance, of the message with this number. */
static void
accept_one(uint64_t number)
{
	uint8_t id[PH_FINGERPRINT], content[PH_FINGERPRINT];
	prints_of(number, id, content);
	ph_duplicates_add(broker->duplicates, id, content, ++broker->last_acceptance);
}

/* As many as there are acceptances, each message once. */
static void
accept_up_to(uint64_t last)
{
	while (broker->last_acceptance < last)
		accept_one(broker->last_acceptance + 1);
}

/* A window in memory that has room for `most` and was given `count`. */
static void
fill(size_t most, uint64_t count)
{
	ck_assert_int_eq(ph_duplicates_new(most, &broker->duplicates, NULL), PH_OK);
	accept_up_to(count);
}

static ph_repeat
look(uint64_t number, bool other_content, uint64_t *acceptance)
{
	uint8_t id[PH_FINGERPRINT], content[PH_FINGERPRINT];
	prints_of(number, id, content);
	content[9] ^= other_content;
	return ph_duplicates_look(broker->duplicates, id, content, acceptance);
}

static bool
is_known(uint64_t number)
{
	uint64_t same = 0, conflict = 0;
	return look(number, false, &same) == PH_REPEAT_SAME && same == number &&
	       look(number, true, &conflict) == PH_REPEAT_CONFLICT;
}

/* Of those from `first` on every `step`th is known, and what is to come is not. (Each assertion is told
 * to the process that counts: one for all of them takes a fraction of the time.) */
static void
check_known(uint64_t first, uint64_t step)
{
	uint64_t acceptance = 0, n = broker->last_acceptance;
	while (n >= first && n > 0 && is_known(n))
		n = n > step ? n - step : 0;
	ck_assert_msg(n < first || n == 0, "%llu is not known", (unsigned long long) n);
	ck_assert_int_eq(
	    look(broker->last_acceptance + 1, false, &acceptance), PH_REPEAT_NO);
}

/* The entries are those from `first` on, in order. */
static void
check_entries(uint64_t first)
{
	uint8_t id[PH_FINGERPRINT], content[PH_FINGERPRINT];
	uint64_t acceptance = 0, nth = 0;
	while (ph_duplicates_entry(
		   broker->duplicates, nth, id, content, &acceptance, NULL) == PH_OK &&
	       acceptance == first + nth)
		nth++;
	ck_assert_uint_eq(first + nth, broker->last_acceptance + 1);
	ck_assert_int_eq(ph_duplicates_entry(
			     broker->duplicates, nth, id, content, &acceptance, NULL),
	    PH_ERR_NOT_FOUND);
}

static bool
in_file(void)
{
	return ph_duplicates_fd(broker->duplicates) >= 0;
}

static bool
file_is_there(void)
{
	char path[120];
	(void) snprintf(path, sizeof path, "%s/duplicates.ring", state);
	return access(path, F_OK) == 0;
}

/* ---- slices ---- */

/* So many come between two slices: none, some, more than a slice, more than the window. */
static const uint64_t rates[] = {0, 100, 3000, 12000};

START_TEST(in_between_all_is_known)
{
	unsigned turns = 0;
	fill(IN_MEMORY, IN_MEMORY + 2500); /* it has forgotten some */
	ck_assert(!ph_window_move_turn(broker));
	ck_assert(ph_window_move_begin(broker));
	ck_assert(!ph_window_move_begin(broker));
	for (; broker->move != NULL; turns++) {
		ck_assert(!in_file());
		accept_up_to(broker->last_acceptance + rates[_i]);
		check_known(broker->last_acceptance + 1 - IN_MEMORY, 97);
		ck_assert(ph_window_move_turn(broker));
		ck_assert_uint_lt(turns, 100);
	}
	ck_assert(in_file());
	ck_assert_uint_ge(turns, rates[_i] == 12000 ? 1 : 4);
	check_known(broker->last_acceptance + 1 - IN_MEMORY, 1);
	accept_up_to(broker->last_acceptance + 100); /* it has more room now */
	check_known(broker->last_acceptance - IN_MEMORY - 99, 1);
	ck_assert(!ph_window_move_turn(broker));
	ck_assert(!ph_window_move_begin(broker));
}
END_TEST

/* A slice is bounded, whatever there is. */
START_TEST(a_slice_is_small)
{
	fill(200000, 200000);
	ck_assert(ph_window_move_begin(broker));
	unsigned turns = 0;
	for (; broker->move != NULL; turns++)
		ck_assert(ph_window_move_turn(broker));
	ck_assert_uint_ge(turns, 50);
	check_entries(1);
}
END_TEST

/* A message that comes again, when its first acceptance is copied already and when it is not. */
START_TEST(the_younger_of_two_is_the_one_that_is_known)
{
	uint64_t acceptance = 0;
	fill(IN_MEMORY, IN_MEMORY - 10);
	ck_assert(ph_window_move_begin(broker));
	ck_assert(ph_window_move_turn(broker));
	accept_one(5);
	accept_one(9000);
	ph_window_move_now(broker);
	ck_assert(in_file());
	ck_assert_int_eq(look(5, false, &acceptance), PH_REPEAT_SAME);
	ck_assert_uint_eq(acceptance, IN_MEMORY - 9);
	ck_assert_int_eq(look(9000, false, &acceptance), PH_REPEAT_SAME);
	ck_assert_uint_eq(acceptance, IN_MEMORY - 8);
	check_entries(1);
}
END_TEST

static void
fill_disk(void)
{
	room = 9u << 20; /* the first step of the file fits */
}

static void
break_disk(void)
{
	unwritable = true;
}

static void (*const troubles[])(void) = {fill_disk, break_disk};

/* It stays as it is, whole, in memory; the file's room is given back; and it can be tried again. */
START_TEST(trouble_in_the_middle_takes_nothing)
{
	fill(200000, 200000);
	ck_assert(ph_window_move_begin(broker));
	ck_assert(ph_window_move_turn(broker));
	ck_assert(file_is_there());
	troubles[_i]();
	while (broker->move != NULL)
		ck_assert(ph_window_move_turn(broker));
	ck_assert(!in_file());
	ck_assert(!file_is_there());
	check_known(1, 97);
	room = UINT64_MAX;
	unwritable = false;
	ph_window_move_now(broker);
	ck_assert(in_file());
	check_known(1, 97);
	check_entries(1);
}
END_TEST

/* ---- a whole broker ---- */

static void
begin_life(void)
{
	char log[100];
	(void) snprintf(home, sizeof home, "/tmp/ph-move.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(home));
	(void) snprintf(state, sizeof state, "%s/site/state", home);
	history_shell("mkdir %s/site", home);
	(void) snprintf(log, sizeof log, "%s/site", home);
	history_site(log, "checkpoint-after: 10ms");
	history_shell("mkdir -m 700 %s && mkdir %s/duplicates.ring.new", state, state);
	(void) snprintf(log, sizeof log, "%s/log", home);
	int fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	ck_assert_int_ge(dup2(fd, STDERR_FILENO), 0);
	(void) close(fd);
}

static void
end_life(void)
{
	history_shell("rm -r %s", home);
}

static ph_broker *
start_in(const char *name)
{
	char path[100];
	(void) snprintf(path, sizeof path, "%s/%s", home, name);
	return history_broker(path);
}

static bool
is_moving(ph_broker *at, uint64_t than)
{
	(void) than;
	return at->move != NULL;
}

static bool
is_beyond(ph_broker *at, uint64_t than)
{
	ph_checkpoint_state seen;
	ph_checkpoint_look(at, &seen);
	/* a checkpoint waits for the move that it has begun */
	ck_assert(seen.number <= than || ph_duplicates_fd(at->duplicates) >= 0);
	return seen.number > than;
}

/* A window in memory that is on its way into its file; then the end of the move too, if it is wanted. */
static void
live_with_a_move(bool to_the_end)
{
	history self;
	ph_broker *at = start_in("site");
	ck_assert_int_lt(ph_duplicates_fd(at->duplicates), 0);
	history_begin(&self, at, 3);
	history_publish(&self, 5000);
	history_shell("rmdir %s/duplicates.ring.new", state);
	ck_assert(history_turn_until(at, is_moving, 0));
	history_publish(&self, 100);
	if (!to_the_end)
		return;
	ck_assert(history_turn_until(at, is_beyond, 0));
	history_publish(&self, 100);
}

/* What a start finds, as text. */
static void
look_at(const char *name, uint64_t *checkpoint, ph_buffer *out)
{
	ph_checkpoint_state seen;
	ph_broker *at = start_in(name);
	ck_assert_int_ge(ph_duplicates_fd(at->duplicates), 0);
	ph_checkpoint_look(at, &seen);
	*checkpoint = seen.number;
	ph_buffer_init(out, 0);
	history_dump(at, out);
	ph_broker_destroy(&at);
}

static bool
logged(const char *text)
{
	char path[100];
	char *log = NULL;
	size_t length = 0;
	(void) snprintf(path, sizeof path, "%s/log", home);
	ck_assert_int_eq(ph_fs_slurp(path, 1u << 26, &log, &length, NULL), PH_OK);
	bool found = strstr(log, text) != NULL;
	free(log);
	return found;
}

/* In the middle of the move no checkpoint names the file; behind it the next one does. */
START_TEST(a_kill_leaves_the_window_as_it_was)
{
	int status = 0;
	uint64_t with = 0, without = 1;
	ph_buffer is, should;
	(void) fflush(NULL);
	pid_t child = fork();
	ck_assert_int_ge(child, 0);
	if (child == 0) {
		live_with_a_move(_i == 1);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	ck_assert(file_is_there());
	history_shell("cp -r %s/site %s/folded && rm -rf %s/folded/state/checkpoint",
	    home, home, home);
	look_at("site", &with, &is);
	ck_assert(!logged("PH5370"));
	look_at("folded", &without, &should);
	ck_assert_uint_eq(with > 0, _i == 1);
	ck_assert_uint_eq(without, 0);
	ck_assert_uint_eq(is.length, should.length);
	ck_assert_mem_eq(is.data, should.data, is.length);
	ph_buffer_fini(&is);
	ph_buffer_fini(&should);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("window-move");
	TCase *slices = tcase_create("slices");
	TCase *lives = tcase_create("lives");
	tcase_add_checked_fixture(slices, begin, end);
	tcase_add_loop_test(
	    slices, in_between_all_is_known, 0, (int) (sizeof rates / sizeof *rates));
	tcase_add_test(slices, a_slice_is_small);
	tcase_add_test(slices, the_younger_of_two_is_the_one_that_is_known);
	tcase_add_loop_test(slices, trouble_in_the_middle_takes_nothing, 0, 2);
	suite_add_tcase(suite, slices);
	tcase_add_checked_fixture(lives, begin_life, end_life);
	tcase_add_loop_test(lives, a_kill_leaves_the_window_as_it_was, 0, 2);
	suite_add_tcase(suite, lives);
	return ph_check_main(suite);
}
