/*
 * measure - the clock, the latencies and the two processes of a benchmark.
 *
 * A benchmark has a publisher and a consumer, each a process of its own. The publisher's clock runs
 * from the first publish to the last acknowledgement, the consumer's from the first delivery to the
 * last confirmed settlement; the rate is the slower of both. With a pace, each message carries the
 * time of its sending, and both sides keep latencies. Standard C and POSIX only: the clients of
 * other brokers are built with it where no Packhorse is.
 *
 * Thread: owner. Errors: a benchmark that cannot go on says why and exits.
 */
#ifndef PH_BENCH_MEASURE_H
#define PH_BENCH_MEASURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Seconds of the monotonic clock, the same in all processes of the machine. */
double bench_now(void);
/* Print why and exit 1. */
_Noreturn void bench_die(const char *why);
/* Die unless `ok`. */
void bench_must(bool ok, const char *why);

/* What one side has measured. */
typedef struct bench_report bench_report;
/* The consumer's: everything is set up, the publisher may begin. Called once. */
void bench_ready(bench_report *report);
/* One message, sent then, acknowledged or delivered at this time. */
void bench_latency(bench_report *report, double sent, double at);

/* One side: returns the seconds it took. */
typedef double bench_side(void *context, bench_report *report);
/* Run both sides and print one JSON line:
 * {"messages":N,"published_s":...,"consumed_s":...,"rate":...} and, when latencies were kept,
 * "ack_us" and "delivery_us", each {"median":...,"p99":...}. Fork before any library's threads.
 * With PACKHORSE_BENCH_TIMES=PREFIX in the environment, PREFIX.acknowledged and PREFIX.delivered
 * get a line "SENT AT" per latency, in seconds of the wall clock. */
void bench_pair(
    bench_side *consume, bench_side *publish, void *context, uint64_t messages);

/* A publisher's pace and the latencies of its acknowledgements, which come in order of publishing. */
typedef struct bench_pacer {
	uint64_t pace;	   /* messages a second; 0: as fast as it goes */
	double started;	   /* when the first was due */
	double *sent;	   /* paced: when each was sent */
	uint64_t acked;	   /* acknowledgements seen */
	uint64_t messages; /* of the whole run */
} bench_pacer;
void bench_pacer_init(bench_pacer *pacer, uint64_t pace, uint64_t messages);
void bench_pacer_fini(bench_pacer *pacer);
/* Seconds until this message is due; 0 or less: send it. */
double bench_pacer_wait(const bench_pacer *pacer, uint64_t number);
/* Write the time of sending into the first bytes of the payload. One that is more than 1 ms late
 * counts from when it was due. */
void bench_pacer_stamp(bench_pacer *pacer, uint64_t number, void *payload);
/* Everything up to `total` messages is acknowledged. */
void bench_pacer_acked(bench_pacer *pacer, uint64_t total, bench_report *report);
/* The consumer's: keep the latency of a payload that carries its time of sending. */
void bench_delivered(bench_report *report, uint64_t pace, const void *payload);
/* Sleep this many seconds, to some 60 us. */
void bench_sleep(double seconds);
/* Wait until the descriptor can be read, at most so many seconds. */
bool bench_readable(int fd, double seconds);

/* The value of "--NAME VALUE" among the arguments, or `otherwise`. */
const char *bench_option(char **argv, const char *name, const char *otherwise);
uint64_t bench_number(char **argv, const char *name, uint64_t otherwise);

#endif
