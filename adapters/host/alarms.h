/*
 * alarms - the host's timers: something to be called at a time on the growing clock.
 *
 * An alarm is embedded in its owner, zeroed at first. Setting a set alarm moves it; an owner that
 * goes away stops it before.
 *
 * Thread: owner. Errors: none.
 */
#ifndef PH_HOST_ALARMS_H
#define PH_HOST_ALARMS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct ph_alarm {
	struct ph_alarm *next;
	struct ph_alarm **link; /* what points at it; NULL: not set */
	int64_t at;
	void (*ring)(void *self);
	void *self;
} ph_alarm;

typedef struct ph_alarms {
	ph_alarm *first; /* soonest first */
} ph_alarms;

/* Call ring(self) once `at` has come. */
void ph_alarm_set(ph_alarms *alarms, ph_alarm *alarm, int64_t at,
    void (*ring)(void *self), void *self);
void ph_alarm_stop(ph_alarm *alarm);
/* Milliseconds until the soonest, at most `most`. */
int64_t ph_alarms_wait(const ph_alarms *alarms, int64_t now, int64_t most);
/* Ring what is due; what is set meanwhile, even for now, rings the next time. */
void ph_alarms_ring(ph_alarms *alarms, int64_t now);

#endif
