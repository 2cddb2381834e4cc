/*
 * duplicates - what the window of duplicates costs: a look and an addition, memory, reading back.
 *
 * Prints JSON lines: nanoseconds for one message while the window fills, then for a million in the
 * full window (the look that finds nothing, and the addition that forgets the oldest), for looks
 * that find their repeat, bytes of anonymous memory, and seconds for reading the window back. The
 * ring is handed to the system after every 256 messages, as the broker does.
 *
 *	bench-duplicates [--dir DIR] [--window N]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "broker/duplicate.h"
#include "lib/base/fs.h"

#define MORE	   1000000u
#define TURN	   256u
#define HALF_TURNS 0x9e3779b97f4a7c15u

static double
now(void)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	return (double) at.tv_sec + (double) at.tv_nsec / 1e9;
}

static void
die(const ph_error *err)
{
	fprintf(stderr, "bench-duplicates: %s\n", err->text);
	exit(1);
}

/* As good as random, and the same for the same number. */
static void
make_id(uint64_t number, uint8_t out[PH_FINGERPRINT])
{
	for (int half = 0; half < 2; half++) {
		uint64_t x = (number * 2 + (uint64_t) half + 1) * HALF_TURNS;

		x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
		x = (x ^ x >> 27) * 0x94d049bb133111ebu;
		x ^= x >> 31;
		memcpy(out + half * 8, &x, sizeof x);
	}
}

static void
say(const char *what, const char *unit, double value)
{
	printf("{\"bench\":\"duplicates-%s\",\"unit\":\"%s\",\"median\":%.2f,"
	       "\"runs\":1}\n",
	    what, unit, value);
	fflush(stdout);
}

/* Look for and add the messages `from` to `to`; nanoseconds for each. */
static double
feed(ph_duplicates *window, uint64_t from, uint64_t to)
{
	uint8_t id[PH_FINGERPRINT];
	uint64_t acceptance = 0;
	ph_error err = {.status = PH_OK};
	double begun = now();

	for (uint64_t n = from; n < to; n++) {
		make_id(n, id);
		if (ph_duplicates_look(window, id, id, &acceptance) != PH_REPEAT_NO)
			abort();
		ph_duplicates_add(window, id, id, n);
		if (n % TURN == 0 && ph_duplicates_flush(window, &err) != PH_OK)
			die(&err);
	}
	return (now() - begun) * 1e9 / (double) (to - from);
}

/* Looks that find what they look for, all over the window. */
static double
repeat(ph_duplicates *window, uint64_t from, uint64_t count)
{
	uint8_t id[PH_FINGERPRINT];
	uint64_t acceptance = 0;
	uint64_t n = 0;
	double begun = now();

	for (unsigned i = 0; i < MORE / 10; i++) {
		n = (n + 7368787) % count;
		make_id(from + n, id);
		if (ph_duplicates_look(window, id, id, &acceptance) != PH_REPEAT_SAME ||
		    acceptance != from + n)
			abort();
	}
	return (now() - begun) * 1e9 / (MORE / 10);
}

/* Of this process, in megabytes. */
static double
anonymous(void)
{
	char line[256];
	double kilobytes = 0;
	FILE *status = fopen("/proc/self/status", "r");

	while (status != NULL && fgets(line, sizeof line, status) != NULL) {
		if (strncmp(line, "RssAnon:", 8) == 0)
			kilobytes = strtod(line + 8, NULL);
	}
	if (status != NULL)
		fclose(status);
	return kilobytes / 1000;
}

static void
measure(const char *directory, uint64_t size)
{
	const ph_fs *fs = ph_fs_system();
	ph_duplicates *window = NULL;
	ph_duplicates_loaded loaded;
	ph_buffer saved;
	ph_error err = {.status = PH_OK};

	ph_buffer_init(&saved, 0);
	if (ph_duplicates_new((size_t) size, &window, &err) != PH_OK ||
	    ph_duplicates_begin(window, fs, directory, &err) != PH_OK)
		die(&err);
	say("filling", "ns", feed(window, 1, size + 1));
	say("full", "ns", feed(window, size + 1, size + 1 + MORE));
	say("repeat", "ns", repeat(window, MORE + 1, size));
	say("memory", "MB", anonymous());
	ph_duplicates_save(window, &saved);
	if (ph_duplicates_sync(fs, ph_duplicates_fd(window), &err) != PH_OK)
		die(&err);
	ph_duplicates_destroy(&window);
	double begun = now();
	if (ph_duplicates_new((size_t) size, &window, &err) != PH_OK ||
	    ph_duplicates_load(window, fs, directory, saved.data, saved.length, &loaded,
		&err) != PH_OK)
		die(&err);
	say("load", "s", now() - begun);
	say("memory-loaded", "MB", anonymous());
	if (loaded.entries != size || loaded.damaged != 0)
		abort();
	(void) repeat(window, MORE + 1, size);
	ph_duplicates_destroy(&window);
	ph_buffer_fini(&saved);
}

int
main(int argc, char **argv)
{
	const char *directory = ".";
	unsigned long long size = 10000000;
	char path[4096];

	for (int i = 1; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "--dir") == 0)
			directory = argv[i + 1];
		else if (strcmp(argv[i], "--window") == 0)
			size = strtoull(argv[i + 1], NULL, 10);
		else
			argc = 0;
	}
	if (argc % 2 == 0 || size < MORE || size > 100000000) {
		fputs("usage: bench-duplicates [--dir DIR] [--window N]\n", stderr);
		return 2;
	}
	measure(directory, size);
	snprintf(path, sizeof path, "%s/duplicates.ring", directory);
	remove(path);
	return 0;
}
