/*
 * journal - how many durable records of 1 KB the bare journal takes, by batch size.
 *
 * Prints one JSON line per batch size: the median, least and most of several runs, in records per
 * second. Each run begins a new journal, so segments are fresh, not recycled: the slower case.
 *
 *	bench-journal [--dir DIR] [--seconds PER_RUN] [--runs N]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "broker/journal.h"
#include "broker/record.h"
#include "lib/base/fs.h"

#define RECORD	 1024
#define RUNS_MAX 99

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
	fprintf(stderr, "bench-journal: %s\n", err->text);
	exit(1);
}

/* Remove the journal that a run left; the directory is ours alone. */
static void
wipe(const char *directory)
{
	static const char *const suffixes[] = {".segment", ".spare", ".new", "lock"};

	for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
		char **names = NULL;
		size_t count = 0;

		if (ph_fs_list(directory, suffixes[i], &names, &count, NULL) != PH_OK)
			return;
		for (size_t n = 0; n < count; n++) {
			char path[4096];

			snprintf(path, sizeof path, "%s/%s", directory, names[n]);
			remove(path);
		}
		free(names);
	}
}

/* Records per second of one run; *longest: seconds that the slowest batch took. */
static double
run(const char *directory, unsigned batch, double seconds, bool thread, double *longest)
{
	static uint8_t body[RECORD];
	const ph_store_part part = {body, sizeof body};
	const ph_journal_config config = {.directory = directory, .thread = thread};
	ph_store *store;
	ph_error err;
	unsigned long records = 0;

	for (size_t i = 0; i < sizeof body; i++)
		body[i] = (uint8_t) (i * 131);
	if (ph_journal_open(&config, &store, NULL, &err) != PH_OK)
		die(&err);
	double begun = now();
	double ended;
	double before = begun;
	*longest = 0;
	do {
		ph_position position;

		for (unsigned i = 0; i < batch; i++) {
			if (ph_store_submit(store, PH_RECORD_ACCEPT, PH_STORE_NEW,
				&part, 1, &position, &err) != PH_OK)
				die(&err);
		}
		if (ph_store_flush(store, NULL, &err) != PH_OK)
			die(&err);
		records += batch;
		ended = now();
		if (ended - before > *longest)
			*longest = ended - before;
		before = ended;
	} while (ended - begun < seconds);
	if (ph_store_close(&store, &err) != PH_OK)
		die(&err);
	wipe(directory);
	return (double) records / (ended - begun);
}

static int
by_size(const void *left, const void *right)
{
	double a = *(const double *) left;
	double b = *(const double *) right;

	return a < b ? -1 : a > b;
}

static void
measure(
    const char *directory, unsigned batch, double seconds, unsigned runs, bool thread)
{
	double rates[RUNS_MAX];
	double longest[RUNS_MAX];

	for (unsigned i = 0; i < runs; i++)
		rates[i] = run(directory, batch, seconds, thread, &longest[i]);
	qsort(rates, runs, sizeof *rates, by_size);
	qsort(longest, runs, sizeof *longest, by_size);
	const char *how = thread ? "" : "-no-thread";
	printf(
	    "{\"bench\":\"journal-1k-batch-%u%s\",\"unit\":\"rec/s\",\"median\":%.0f,"
	    "\"min\":%.0f,\"max\":%.0f,\"runs\":%u}\n",
	    batch, how, rates[runs / 2], rates[0], rates[runs - 1], runs);
	printf("{\"bench\":\"journal-1k-batch-%u-longest%s\",\"unit\":\"ms\","
	       "\"median\":%.1f,\"min\":%.1f,\"max\":%.1f,\"runs\":%u}\n",
	    batch, how, 1e3 * longest[runs / 2], 1e3 * longest[0],
	    1e3 * longest[runs - 1], runs);
	fflush(stdout);
}

int
main(int argc, char **argv)
{
	static const unsigned batches[] = {1, 64, 1000};
	const char *directory = "bench-journal.tmp";
	double seconds = 1;
	unsigned runs = 5;

	for (int i = 1; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "--dir") == 0)
			directory = argv[i + 1];
		else if (strcmp(argv[i], "--seconds") == 0)
			seconds = strtod(argv[i + 1], NULL);
		else if (strcmp(argv[i], "--runs") == 0)
			runs = (unsigned) strtoul(argv[i + 1], NULL, 10);
		else
			argc = 0;
	}
	if (argc % 2 == 0 || runs < 1 || runs > RUNS_MAX || seconds <= 0) {
		fputs(
		    "usage: bench-journal [--dir DIR] [--seconds PER_RUN] [--runs N]\n",
		    stderr);
		return 2;
	}
	for (size_t i = 0; i < sizeof batches / sizeof *batches; i++)
		measure(directory, batches[i], seconds, runs, true);
	/* what a journal without a thread for its files waits at a new one */
	measure(directory, 64, seconds, runs, false);
	return 0;
}
