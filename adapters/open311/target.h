/*
 * target - the raw target of a request, and forms: taken apart before anything is un-escaped.
 *
 * So that a service code may hold `/`, `&`, brackets and spaces: "services/Roads%2FHighways.xml" is
 * the code "Roads/Highways" and the extension "xml". A bad percent sequence, a zero byte or text that
 * is no UTF-8 is refused. `+` is a space in a query and in a form, and itself in a path.
 *
 * Thread: pure. Errors: false.
 */
#ifndef PH_OPEN311_TARGET_H
#define PH_OPEN311_TARGET_H

#include <stdbool.h>
#include <packhorse/adapter.h>

typedef struct ph_fields {
	ph_adapter_pair
	    *at; /* decoded; values are zero-terminated besides their length */
	size_t count;
	char *memory;
} ph_fields;

/* Decode "a=1&b=2" (a query or a form). Free with ph_fields_fini, also after false. */
bool ph_fields_read(const char *text, size_t length, ph_fields *out);
void ph_fields_fini(ph_fields *fields);
/* The first field of that name; data is NULL if there is none. */
ph_adapter_text ph_fields_get(const ph_fields *fields, const char *name);

typedef struct ph_target {
	char *resource;	       /* "services", "requests": the first segment, decoded */
	char *item;	       /* what follows it, decoded; NULL: nothing */
	const char *extension; /* "xml", "json", ""; points into the above */
	ph_fields query;
} ph_target;

/* Take a raw target apart, below `base`. False: it is not below it, or cannot be read. Free with
 * ph_target_fini, also after false. */
bool ph_target_read(const char *raw, const char *base, ph_target *out);
void ph_target_fini(ph_target *target);

/* RFC 3339 date and time, or a date alone (midnight UTC), to milliseconds since 1970. A space before
 * the offset stands for the `+` that a client forgot to escape. */
bool ph_target_time(ph_adapter_text text, uint64_t *ms);
/* "2026-11-23T04:19:00Z"; `out` has 24 bytes. */
void ph_target_time_write(uint64_t ms, char *out);

#endif
