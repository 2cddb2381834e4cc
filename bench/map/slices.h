/*
 * slices - what one turn of a piece of work costs, in C and in C++.
 *
 * Thread: owner.
 */
#ifndef PH_BENCH_SLICES_H
#define PH_BENCH_SLICES_H

#include <stdint.h>
#include <time.h>

#define BENCH_SLICES 20u

static inline double
bench_processor_seconds(void)
{
	struct timespec at;
	(void) clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &at);
	return (double) at.tv_sec + (double) at.tv_nsec / 1e9;
}

/* Microseconds of the processor for a turn: the least of BENCH_SLICES slices, since whatever else
 * the machine does makes a slice dearer and never cheaper. It takes about `seconds`. */
static inline double
bench_slices(void (*turn)(void *self), void *self, double seconds)
{
	double best = 1e9;
	uint64_t step = 1;
	for (unsigned slice = 0; slice < BENCH_SLICES;) {
		double begun = bench_processor_seconds();
		for (uint64_t i = 0; i < step; i++)
			turn(self);
		double taken = bench_processor_seconds() - begun;
		if (taken < seconds / BENCH_SLICES / 2 && step < UINT64_C(1) << 40) {
			step *= 2;
			continue;
		}
		if (taken / (double) step < best)
			best = taken / (double) step;
		slice++;
	}
	return best * 1e6;
}

#endif
