/*
 * zone - a time zone: what the local clock shows at an instant, and back.
 *
 * Read from the system's compiled zone files (RFC 8536) by name, once, at load time. Nothing
 * here looks at TZ or calls localtime, which are of the whole process.
 *
 * Twice a year local time is no function of the clock: an hour is missing (gap) or comes twice
 * (overlap). What then holds is the caller's choice.
 *
 * Thread: pure after load. Errors: PH_ERR_NOT_FOUND, PH_ERR_INVALID.
 */
#ifndef PH_ZONE_H
#define PH_ZONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <packhorse/error.h>

typedef struct ph_zone ph_zone;

typedef enum ph_gap {
	PH_GAP_REFUSE,
	PH_GAP_LATER,  /* 01:30 in the missing hour is 02:30 summer time */
	PH_GAP_EARLIER /* 01:30 in the missing hour is 00:30 winter time */
} ph_gap;

typedef enum ph_overlap {
	PH_OVERLAP_REFUSE,
	PH_OVERLAP_FIRST, /* the earlier of the two instants: still summer time */
	PH_OVERLAP_SECOND /* the later one */
} ph_overlap;

/* "Europe/London" or "UTC". */
ph_status ph_zone_load(const char *name, ph_zone **out, ph_error *err);
/* From the bytes of a compiled zone file. */
ph_status ph_zone_decode(
    const void *bytes, size_t length, ph_zone **out, ph_error *err);
void ph_zone_destroy(ph_zone **zone_p);
/* Seconds east of UTC at an instant (seconds since 1970 in UTC). */
int32_t ph_zone_offset(const ph_zone *zone, int64_t utc);
/* The instant that the local clock shows as `local` (seconds since 1970 as if it were UTC).
 * PH_ERR_INVALID in a gap or overlap that the choices refuse. */
ph_status ph_zone_instant(const ph_zone *zone, int64_t local, ph_gap gap,
    ph_overlap overlap, int64_t *utc, ph_error *err);

/* Days since 1970-01-01 of a date of the Gregorian calendar, and back. */
int64_t ph_days_of(int64_t year, unsigned month, unsigned day);
void ph_date_of(int64_t days, int64_t *year, unsigned *month, unsigned *day);
unsigned ph_days_in_month(int64_t year, unsigned month);

#endif
