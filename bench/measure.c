/*
 * How it works: the consumer is the child, the publisher the parent. The child says over one pipe
 * that it is ready, and over another what it has measured.
 */
#include "bench/measure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LATE 0.001

typedef struct latency {
	double sent, at;
} latency;

typedef struct summary {
	double seconds, median, p99; /* latencies in seconds */
	uint64_t kept;
} summary;

struct bench_report {
	int ready; /* end of the pipe that lets the publisher begin; -1: not ours */
	latency *values;
	size_t count, room;
};

double
bench_now(void)
{
	struct timespec at;
	(void) clock_gettime(CLOCK_MONOTONIC, &at);
	return (double) at.tv_sec + (double) at.tv_nsec / 1e9;
}

void
bench_die(const char *why)
{
	(void) fprintf(stderr, "%s\n", why);
	exit(1);
}

void
bench_must(bool ok, const char *why)
{
	if (!ok)
		bench_die(why);
}

void
bench_ready(bench_report *report)
{
	bench_must(write(report->ready, "r", 1) == 1, "the publisher is gone");
}

void
bench_latency(bench_report *report, double sent, double at)
{
	if (report->count == report->room) {
		report->room = report->room == 0 ? 4096 : report->room * 2;
		report->values =
		    realloc(report->values, report->room * sizeof *report->values);
		bench_must(report->values != NULL, "no memory for latencies");
	}
	report->values[report->count++] = (latency){.sent = sent, .at = at};
}

static double
taken(const latency *one)
{
	return one->at - one->sent;
}

static int
by_size(const void *left, const void *right)
{
	double a = taken(left);
	double b = taken(right);
	return a < b ? -1 : a > b;
}

/* The times of every message, for whoever compares them with a trace of the broker. */
static void
write_times(const bench_report *report, const char *side)
{
	const char *prefix = getenv("PACKHORSE_BENCH_TIMES");
	char path[4096];
	struct timespec wall;
	if (prefix == NULL)
		return;
	(void) clock_gettime(CLOCK_REALTIME, &wall);
	double offset =
	    (double) wall.tv_sec + (double) wall.tv_nsec / 1e9 - bench_now();
	(void) snprintf(path, sizeof path, "%s.%s", prefix, side);
	FILE *file = fopen(path, "w");
	bench_must(file != NULL, "cannot write the times");
	for (size_t i = 0; i < report->count; i++)
		(void) fprintf(file, "%.6f %.6f\n", report->values[i].sent + offset,
		    report->values[i].at + offset);
	bench_must(fclose(file) == 0, "cannot write the times");
}

static summary
summarise(bench_report *report, const char *side, double seconds)
{
	write_times(report, side);
	summary sum = {.seconds = seconds, .kept = report->count};
	if (report->count > 0) {
		qsort(report->values, report->count, sizeof *report->values, by_size);
		sum.median = taken(&report->values[report->count / 2]);
		sum.p99 = taken(&report->values[report->count * 99 / 100]);
	}
	free(report->values);
	return sum;
}

static void
print_latency(const char *name, const summary *sum)
{
	if (sum->kept > 0)
		(void) printf(",\"%s\":{\"median\":%.1f,\"p99\":%.1f}", name,
		    sum->median * 1e6, sum->p99 * 1e6);
}

void
bench_pair(bench_side *consume, bench_side *publish, void *context, uint64_t messages)
{
	int ready[2], done[2];
	char byte;
	summary consumed;
	bench_must(pipe(ready) == 0 && pipe(done) == 0, "cannot make a pipe");
	(void) fflush(stdout);
	pid_t child = fork();
	bench_must(child >= 0, "cannot fork");
	if (child == 0) {
		bench_report report = {.ready = ready[1]};
		double seconds = consume(context, &report);
		consumed = summarise(&report, "delivered", seconds);
		_exit(write(done[1], &consumed, sizeof consumed) != sizeof consumed);
	}
	(void) close(ready[1]);
	(void) close(done[1]);
	bench_must(read(ready[0], &byte, 1) == 1, "the consumer has failed");
	bench_report report = {.ready = -1};
	double seconds = publish(context, &report);
	summary published = summarise(&report, "acknowledged", seconds);
	bench_must(read(done[0], &consumed, sizeof consumed) == sizeof consumed,
	    "the consumer has failed");
	(void) waitpid(child, NULL, 0);
	double slower =
	    published.seconds > consumed.seconds ? published.seconds : consumed.seconds;
	(void) printf("{\"messages\":%llu,\"published_s\":%.4f,\"consumed_s\":%.4f,"
		      "\"rate\":%.0f",
	    (unsigned long long) messages, published.seconds, consumed.seconds,
	    (double) messages / slower);
	print_latency("ack_us", &published);
	print_latency("delivery_us", &consumed);
	(void) printf("}\n");
}

/* ---- the pace ---- */

void
bench_pacer_init(bench_pacer *pacer, uint64_t pace, uint64_t messages)
{
	*pacer =
	    (bench_pacer){.pace = pace, .started = bench_now(), .messages = messages};
	if (pace == 0)
		return;
	pacer->sent = calloc(messages, sizeof *pacer->sent);
	bench_must(pacer->sent != NULL, "no memory for the times of sending");
}

void
bench_pacer_fini(bench_pacer *pacer)
{
	free(pacer->sent);
	pacer->sent = NULL;
}

static double
due(const bench_pacer *pacer, uint64_t number)
{
	return pacer->started + (double) number / (double) pacer->pace;
}

double
bench_pacer_wait(const bench_pacer *pacer, uint64_t number)
{
	return pacer->pace == 0 ? 0 : due(pacer, number) - bench_now();
}

void
bench_pacer_stamp(bench_pacer *pacer, uint64_t number, void *payload)
{
	if (pacer->pace == 0)
		return;
	double at = bench_now();
	if (at - due(pacer, number) > LATE)
		at = due(pacer, number);
	pacer->sent[number] = at;
	memcpy(payload, &at, sizeof at);
}

void
bench_pacer_acked(bench_pacer *pacer, uint64_t total, bench_report *report)
{
	bench_must(total <= pacer->messages, "more acknowledged than published");
	if (pacer->pace > 0) {
		double at = bench_now();
		for (uint64_t i = pacer->acked; i < total; i++)
			bench_latency(report, pacer->sent[i], at);
	}
	pacer->acked = total;
}

void
bench_delivered(bench_report *report, uint64_t pace, const void *payload)
{
	double sent;
	if (pace == 0)
		return;
	memcpy(&sent, payload, sizeof sent);
	bench_latency(report, sent, bench_now());
}

void
bench_sleep(double seconds)
{
	struct timespec time = {.tv_sec = (time_t) seconds};
	time.tv_nsec = (long) ((seconds - (double) time.tv_sec) * 1e9);
	if (seconds > 0)
		(void) nanosleep(&time, NULL);
}

bool
bench_readable(int fd, double seconds)
{
	struct timespec time = {.tv_sec = 0};
	if (seconds > 0) {
		time.tv_sec = (time_t) seconds;
		time.tv_nsec = (long) ((seconds - (double) time.tv_sec) * 1e9);
	}
	fd_set readable;
	FD_ZERO(&readable);
	FD_SET(fd, &readable);
	return pselect(fd + 1, &readable, NULL, NULL, &time, NULL) > 0;
}

/* ---- arguments ---- */

const char *
bench_option(char **argv, const char *name, const char *otherwise)
{
	for (size_t i = 1; argv[i] != NULL && argv[i + 1] != NULL; i++) {
		if (strcmp(argv[i], name) == 0)
			return argv[i + 1];
	}
	return otherwise;
}

uint64_t
bench_number(char **argv, const char *name, uint64_t otherwise)
{
	const char *text = bench_option(argv, name, NULL);
	return text == NULL ? otherwise : strtoull(text, NULL, 10);
}
