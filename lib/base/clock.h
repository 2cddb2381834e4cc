/*
 * clock - the time, through a seam that tests can script.
 *
 * wall: milliseconds since 1970-01-01T00:00:00Z; may jump. mono: milliseconds that only grow.
 * Deadlines use mono; what is shown or stored uses wall.
 *
 * Thread: any (the system clock); a scripted clock belongs to its test.
 */
#ifndef PH_BASE_CLOCK_H
#define PH_BASE_CLOCK_H

#include <stdint.h>
#include <stddef.h>
#include <packhorse/error.h>

typedef struct ph_clock {
	int64_t (*wall_ms)(void *self);
	int64_t (*mono_ms)(void *self);
	void *self;
} ph_clock;

const ph_clock *ph_clock_system(void);
int64_t ph_clock_wall(const ph_clock *clock);
int64_t ph_clock_mono(const ph_clock *clock);

#define PH_TIME_TEXT 32
/* RFC 3339 in UTC with milliseconds, "2026-11-23T04:19:00.123Z". `out` has PH_TIME_TEXT bytes. */
void ph_time_format(int64_t wall_ms, char *out);
/* RFC 3339 with any offset and 0 to 9 fraction digits, to milliseconds. */
ph_status ph_time_parse(
    const char *text, size_t length, int64_t *wall_ms, ph_error *err);

#endif
