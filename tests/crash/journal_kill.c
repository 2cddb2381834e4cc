/*
 * journal_kill - the journal under SIGKILL: at every named step, and at random moments.
 *
 *	journal_kill [--cycles N] [--seed S]
 *
 * A child writes records and says through a pipe which of them are durable; it is killed; the parent
 * opens what is left and compares it with its own list. All cycles go on with the same journal, so
 * that each start has the remains of many. Some children trim what is behind them, and some let the
 * journal use its thread. Before some of them bytes are put behind the end, as a
 * torn write leaves them. A kill does not test syncing: the power cuts of test_journal_model do.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/journal.h"
#include "broker/segment.h"
#include "tests/unit/fake_disk.h"
#include "tests/unit/journal_fixture.h"

#define RECORDS_MAX 100000

/* Every step that the journal names. */
static const char *const points[] = {
    "open-locked",
    "torn-copied",
    "room-allocated",
    "room-spare",
    "room-renamed",
    "room-taken",
    "segment-written",
    "segment-synced",
    "segment-named",
    "segment-done",
    "tail-cut",
    "open-marked",
    "flush-begin",
    "flush-written",
    "flush-synced",
    "close-marked",
    "trim-marked",
    "trim-unnamed",
    "trim-gone",
    "trim-zeroed",
    "trim-removed",
};

typedef struct trial {
	fixture place;
	uint64_t random;
	uint64_t first; /* id of the oldest record that must be there */
	uint64_t last;	/* id of the last record that is there */
	uint64_t acked; /* the highest that was acknowledged */
	unsigned cycle;
	char wrong[256];
} trial;

static void
wrong(trial *self, const char *what, uint64_t number)
{
	if (self->wrong[0] == '\0')
		snprintf(self->wrong, sizeof self->wrong, "cycle %u: %.180s (%llu)",
		    self->cycle, what, (unsigned long long) number);
}

/* The child: write from `id` on, tell what is durable, end by itself after `count` records. */
static _Noreturn void
write_records(const fixture *place, uint64_t id, uint64_t count, int pipe_out)
{
	ph_store *store;
	ph_position position;
	bool trims = id % 3 != 0;

	if (fixture_open(place, NULL, &store, NULL, NULL) != PH_OK)
		_exit(3);
	for (uint64_t end = id + count; id < end; id++) {
		if (fixture_submit(store, id, PH_STORE_NEW, &position, NULL) != PH_OK)
			_exit(4);
		if (id % 4 != 0)
			continue;
		if (ph_store_flush(store, NULL, NULL) != PH_OK ||
		    write(pipe_out, &id, sizeof id) != sizeof id)
			_exit(5);
		if (id % 64 == 0 && ph_store_idle(store, NULL) != PH_OK)
			_exit(6);
		if (trims && id % 16 == 0 &&
		    ph_store_trim(store, position, NULL) != PH_OK)
			_exit(8);
	}
	if (ph_store_close(&store, NULL) != PH_OK)
		_exit(7);
	id--;
	if (write(pipe_out, &id, sizeof id) != sizeof id)
		_exit(5);
	_exit(0);
}

/* Start a child; the descriptor on which it tells. */
static pid_t
start(trial *self, uint64_t count, const char *point, unsigned nth, int *told)
{
	int ends[2];
	char where[64];

	if (pipe(ends) != 0)
		return -1;
	pid_t child = fork();
	if (child == 0) {
		close(ends[0]);
		if (point != NULL) {
			snprintf(where, sizeof where, "%s:%u", point, nth);
			setenv("PACKHORSE_CRASH_AT", where, 1);
		}
		write_records(&self->place, self->last + 1, count, ends[1]);
	}
	close(ends[1]);
	*told = ends[0];
	return child;
}

/* Hear what is durable; kill after `patience` messages (0: never). Returns the wait status. */
static int
hear(trial *self, pid_t child, int told, unsigned patience)
{
	uint64_t id;
	int status = 0;

	for (;;) {
		ssize_t got = read(told, &id, sizeof id);

		if (got < 0 && errno == EINTR)
			continue;
		if (got != sizeof id)
			break;
		self->acked = id;
		if (patience > 0 && --patience == 0)
			kill(child, SIGKILL);
	}
	close(told);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

/* Put bytes behind the end of the last segment. */
static void
tear(trial *self)
{
	char name[PH_SEGMENT_NAME];
	char path[256];
	uint8_t *bytes;
	uint32_t number = 0;
	char **names = NULL;
	size_t count = 0;

	if (ph_fs_list(self->place.directory, ".segment", &names, &count, NULL) ==
		PH_OK &&
	    count > 0)
		number = ph_segment_name_number(names[count - 1]);
	free(names);
	if (number == 0)
		return;
	ph_segment_name(number, name);
	fixture_path(&self->place, name, path);
	size_t length = fixture_load(path, &bytes);
	size_t used = length;
	while (used > 0 && bytes[used - 1] == 0)
		used--;
	used += 8 + fake_random(&self->random, 600);
	if (used + 16 < length) {
		memcpy(bytes + used, "half of a record", 16);
		fixture_save(path, bytes, length, length);
	}
	free(bytes);
}

/* What is there must be 1, 2, 3, ... at least up to what was acknowledged. */
static void
compare(trial *self, uint64_t submitted)
{
	static uint64_t ids[RECORDS_MAX];
	ph_store *store;
	ph_status status;
	ph_error err;

	if (fixture_open(&self->place, NULL, &store, NULL, &err) != PH_OK) {
		wrong(self, err.text, 0);
		return;
	}
	size_t count = fixture_read_all(store, ids, RECORDS_MAX, &status);
	uint64_t first = count > 0 ? ids[0] : self->first;
	uint64_t last = count > 0 ? ids[count - 1] : self->last;
	if (status != PH_ERR_AGAIN)
		wrong(self, "the reader was stopped", status);
	for (size_t i = 0; i < count; i++) {
		if (ids[i] != first + i)
			wrong(self, "a record that should not be there", ids[i]);
	}
	if (first < self->first)
		wrong(self, "a trimmed record is back", first);
	if (last < self->acked)
		wrong(self, "an acknowledged record is lost", self->acked);
	if (last > submitted)
		wrong(self, "more than was written", last);
	self->first = first;
	self->last = self->acked = last;
	if (ph_store_close(&store, NULL) != PH_OK)
		wrong(self, "does not close", 0);
}

/* One child, from open to its end; true: it was killed. */
static bool
cycle(trial *self, const char *point, unsigned nth, unsigned patience)
{
	uint64_t count = 40 + fake_random(&self->random, 80);
	int told;

	self->cycle++;
	self->place.thread = fake_random(&self->random, 2) == 0;
	pid_t child = start(self, count, point, nth, &told);
	if (child < 0) {
		wrong(self, "no child", 0);
		return false;
	}
	int status = hear(self, child, told, patience);
	if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
		wrong(self, "the child ended with", (uint64_t) WEXITSTATUS(status));
	bool killed = WIFSIGNALED(status);
	if (killed && fake_random(&self->random, 2) == 0)
		tear(self);
	/* sometimes the next child is the first to see what is left */
	if (fake_random(&self->random, 3) > 0 || self->cycle % 7 == 0)
		compare(self, self->last + count);
	else {
		uint64_t acked = self->acked;

		pid_t next = start(self, 0, point, nth, &told);
		hear(self, next, told, 0);
		self->acked = acked;
		compare(self, self->last + count);
	}
	return killed;
}

/* Die at this step the first time it comes, the second, ... until it does not come any more. */
static unsigned
at_point(trial *self, const char *point)
{
	unsigned killed = 0;

	for (unsigned nth = 1; nth <= 4 && self->wrong[0] == '\0'; nth++) {
		/* a start with a torn end, for the steps that only such a start takes */
		cycle(self, "flush-written", 3, 0);
		tear(self);
		killed += cycle(self, point, nth, 0);
		/* and some longer ones, in which files come and go */
		for (unsigned i = 0; killed == 0 && i < 12 && self->wrong[0] == '\0';
		     i++)
			killed += cycle(self, point, 1, 0);
	}
	return killed;
}

static void
finish(trial *self, unsigned number, const char *what, bool good)
{
	printf("%s %u - %s\n", good ? "ok" : "not ok", number, what);
	if (self->wrong[0] != '\0')
		printf("# %s\n", self->wrong);
	self->wrong[0] = '\0';
	fflush(stdout);
}

int
main(int argc, char **argv)
{
	const unsigned count = sizeof points / sizeof *points;
	unsigned cycles = 30;
	uint64_t seed = (uint64_t) getpid();
	bool all = true;
	trial self = {.wrong = ""};

	for (int i = 1; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "--cycles") == 0)
			cycles = (unsigned) strtoul(argv[i + 1], NULL, 10);
		else if (strcmp(argv[i], "--seed") == 0)
			seed = strtoull(argv[i + 1], NULL, 10);
	}
	self.random = seed * 2 + 1;
	fixture_init(&self.place);
	self.first = 1;
	printf("# seed %llu\n1..%u\n", (unsigned long long) seed, count + 1);
	for (unsigned i = 0; i < count; i++) {
		unsigned killed = at_point(&self, points[i]);
		bool good = killed > 0 && self.wrong[0] == '\0';

		finish(&self, i + 1, points[i], good);
		all = all && good;
	}
	for (unsigned i = 0; i < cycles && self.wrong[0] == '\0'; i++)
		cycle(&self, NULL, 0, 1 + (unsigned) fake_random(&self.random, 20));
	bool good = self.wrong[0] == '\0';
	finish(&self, count + 1, "random moments", good);
	fixture_fini(&self.place);
	return all && good ? 0 : 1;
}
