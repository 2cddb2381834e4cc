/* A sorted list: a host has tens of them, rarely hundreds. */
#include "adapters/host/alarms.h"

#include <stddef.h>

void
ph_alarm_stop(ph_alarm *alarm)
{
	if (!alarm->link)
		return;
	*alarm->link = alarm->next;
	if (alarm->next)
		alarm->next->link = alarm->link;
	alarm->link = NULL;
}

void
ph_alarm_set(ph_alarms *alarms, ph_alarm *alarm, int64_t at, void (*ring)(void *self),
    void *self)
{
	ph_alarm_stop(alarm);
	alarm->at = at;
	alarm->ring = ring;
	alarm->self = self;
	ph_alarm **link = &alarms->first;
	while (*link && (*link)->at <= at)
		link = &(*link)->next;
	alarm->next = *link;
	if (alarm->next)
		alarm->next->link = &alarm->next;
	alarm->link = link;
	*link = alarm;
}

int64_t
ph_alarms_wait(const ph_alarms *alarms, int64_t now, int64_t most)
{
	if (!alarms->first || alarms->first->at - now > most)
		return most;
	return alarms->first->at > now ? alarms->first->at - now : 0;
}

void
ph_alarms_ring(ph_alarms *alarms, int64_t now)
{
	ph_alarms due = {.first = alarms->first};
	ph_alarm **end = &due.first;
	while (*end && (*end)->at <= now)
		end = &(*end)->next;
	alarms->first = *end;
	*end = NULL;
	if (alarms->first)
		alarms->first->link = &alarms->first;
	if (due.first)
		due.first->link = &due.first;
	while (due.first) {
		ph_alarm *alarm = due.first;
		ph_alarm_stop(alarm);
		alarm->ring(alarm->self);
	}
}
