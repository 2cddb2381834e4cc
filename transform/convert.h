/*
 * convert - the conversions a link may name: "| time(rfc3339, Europe/London) | ...".
 *
 * A conversion is loaded from its term once, for a place in a chain, and then runs on tuples of
 * values: `out` from canonical to vendor, `in` from vendor to canonical. One that has no function for
 * a direction cannot stand in a link of that direction. An absent value passes through all of
 * them untouched unless the conversion says otherwise (default, template); so does null. Where
 * each value is converted by itself, a value of many is converted item by item.
 *
 * Files: convert.c (the table, chains), convert_text.c, convert_number.c, convert_time.c,
 * convert_grid.c, convert_codes.c, convert_parts.c, convert_reference.c, convert_letters.c,
 * convert_list.c, convert_point.c.
 *
 * Thread: pure after loading.
 */
#ifndef PH_CONVERT_H
#define PH_CONVERT_H

#include "transform/context.h"
#include "transform/pattern.h"
#include "transform/scan.h"
#include "transform/schema.h"
#include "transform/value.h"

typedef struct ph_convert ph_convert;
typedef struct ph_convert_class ph_convert_class;
typedef struct ph_run ph_run;

/* How a step of a run ended. */
typedef enum ph_flow {
	PH_FLOW_ON,
	PH_FLOW_STOP,	/* a reference was noted: nothing more of this link for now */
	PH_FLOW_IGNORE, /* the record is to be left out */
	PH_FLOW_FAIL	/* ph_run_fail was called */
} ph_flow;

/* What a declaration wants done with a value that is not known. */
typedef enum ph_policy {
	PH_POLICY_HOLD,
	PH_POLICY_REJECT,
	PH_POLICY_IGNORE,
	PH_POLICY_RETRY,
	PH_POLICY_DENY,
	PH_POLICY_DEFAULT, /* a declared value, with a warning */
	PH_POLICY_DROP,	   /* leave the pair out */
	PH_POLICY_KEEP	   /* leave the value as it is */
} ph_policy;

#define PH_FLOWS_IN  1u
#define PH_FLOWS_OUT 2u

/* Frees what a declaration holds outside its arena, when it is destroyed. */
typedef void ph_release(void *resource);

/* What loading a conversion may know and use. */
typedef struct ph_build {
	ph_load *load;
	unsigned directions; /* PH_FLOWS_* of the link */
	bool
	    reversed; /* an in-only link: the chain is written from vendor to canonical */
	size_t arity; /* values that arrive; the loader sets how many leave */
	size_t canonical_count, vendor_count; /* of the link */
	const char *canonical[PH_TUPLE_MAX];  /* names for a code table's columns */
	const char *vendor[PH_TUPLE_MAX];
	const char *entity; /* of the map's canonical side */
	bool shows_numbers; /* the vendor's format tells numbers from text (JSON) */
	bool empty_absent;  /* empty texts are not written */
	ph_context *context;
	bool (*keep)(void *self, void *resource, ph_release *release);
	void *self;
} ph_build;

struct ph_convert_class {
	const char *name;
	const char *help; /* "time(FORMAT, ZONE, gap=..., overlap=...)" */
	bool each;	  /* works on single values */
	bool
	    plain; /* knows no sides: `out` is the way it is written, `in` the way back */
	/* Reads the term's arguments into convert->state. False after a complaint. */
	bool (*load)(ph_build *build, const ph_term *term, ph_convert *convert);
	ph_flow (*out)(const ph_convert *convert, ph_run *run, ph_tuple *tuple);
	ph_flow (*in)(const ph_convert *convert, ph_run *run, ph_tuple *tuple);
};

struct ph_convert {
	const ph_convert_class *class;
	void *state;	  /* the class's own, on the arena */
	size_t at;	  /* offset in the link */
	bool lossy;	  /* what it does cannot be undone */
	bool references;  /* it asks for a cross-reference */
	bool swapped;	  /* a plain one in an in-only link: forward is `in` */
	const char *note; /* shown by map check; NULL */
};

/* The class of that name, or NULL; all names for hints, NULL-terminated. */
const ph_convert_class *ph_convert_find(const char *name);
const char *const *ph_convert_names(void);
/* Load one conversion of a chain. */
bool ph_convert_load(ph_build *build, const ph_term *term, ph_convert *out);
/* The code table of a codes or keys conversion; NULL for others. */
struct ph_codes;
const struct ph_codes *ph_convert_table(const ph_convert *convert);
/* Run one. */
ph_flow ph_convert_run(
    const ph_convert *convert, unsigned direction, ph_run *run, ph_tuple *tuple);

/* Shared by loaders. */
bool ph_convert_policy(const ph_term *term, const char *const *allowed,
    ph_policy fallback, ph_policy *out, const char **value);
bool ph_convert_whole(const ph_term *term, const ph_argument *argument, size_t least,
    size_t most, size_t *out);

/* map_note.c: what a running conversion may ask of its run. */
ph_arena *ph_run_arena(ph_run *run);
/* Fail with a policy (HOLD, REJECT, RETRY, IGNORE), a reason word and a text with its code. */
ph_flow ph_run_fail(ph_run *run, ph_policy policy, const char *reason,
    const char *format, ...) __attribute__((format(printf, 4, 5)));
void ph_run_warn(ph_run *run, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
ph_value ph_run_context(const ph_run *run, int number);
/* Ask for a reference. While references are collected it is noted: PH_FLOW_STOP. Else *answer is the
 * answer, NULL for unknown. */
ph_flow ph_run_reference(ph_run *run, ph_map_reference kind, const char *entity,
    const char *system, const ph_value *key, const char **answer);
/* Remember a binding for the record's output. */
ph_flow ph_run_bind(
    ph_run *run, const char *entity, const char *key, const char *canonical);
ph_flow ph_run_no_memory(ph_run *run);
/* A code that a table has no row for: told to the survey, if this is one, which then goes on. */
bool ph_run_unmapped(ph_run *run, const char *table, const ph_tuple *code);

/* The tables of the files. */
extern const ph_convert_class ph_convert_fit, ph_convert_text, ph_convert_trim,
    ph_convert_first_line, ph_convert_prefix, ph_convert_pad, ph_convert_replace;
extern const ph_convert_class ph_convert_number, ph_convert_boolean;
extern const ph_convert_class ph_convert_time;
extern const ph_convert_class ph_convert_osgb36, ph_convert_wgs84;
extern const ph_convert_class ph_convert_codes, ph_convert_keys, ph_convert_values;
/* convert_text.c: cut one text to `most` characters. */
ph_flow ph_convert_cut(ph_run *run, size_t most, ph_value *value);
extern const ph_convert_class ph_convert_case, ph_convert_strip_control,
    ph_convert_plain;
extern const ph_convert_class ph_convert_split, ph_convert_list, ph_convert_hash;
extern const ph_convert_class ph_convert_wkt, ph_convert_geojson;
/* convert_list.c: several values to a list of them, and back to `parts` (some may be absent). */
ph_flow ph_convert_pack(ph_run *run, ph_tuple *tuple);
ph_flow ph_convert_unpack(ph_run *run, ph_tuple *tuple, size_t parts);
extern const ph_convert_class ph_convert_join, ph_convert_template, ph_convert_match,
    ph_convert_default;
extern const ph_convert_class ph_convert_xref, ph_convert_known, ph_convert_mint;

#endif
