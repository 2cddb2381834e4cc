/*
 * condition - a test over fields and named values: of links (when), of maps (require) and of
 * reply rules (if).
 *
 *   condition  test [and test]... [or test [and test]...]...
 *   test       [not] operand                 is it there? for $name: is it yes, true, on or 1?
 *              operand = value, operand != value
 *              operand matches "pattern"
 *   operand    path or $name
 *   value      "string", word or $name
 *
 * A comparison with something absent is false, also !=: write "not x" for that. Secrets are
 * compared in constant time. A field that repeats passes if one of its values does.
 *
 * Thread: pure after loading.
 */
#ifndef PH_CONDITION_H
#define PH_CONDITION_H

#include "transform/context.h"
#include "transform/path.h"
#include "transform/pattern.h"

typedef enum ph_compare {
	PH_COMPARE_THERE,
	PH_COMPARE_EQUAL,
	PH_COMPARE_UNEQUAL,
	PH_COMPARE_MATCHES
} ph_compare;

typedef struct ph_test {
	bool negated;
	ph_compare compare;
	ph_path path; /* if context < 0 */
	int context;  /* number of $name, or -1 */
	const char *value;
	size_t value_length;
	int value_context; /* number of $name, or -1 */
	ph_pattern *pattern;
	struct ph_test *next;
} ph_test;

typedef struct ph_condition {
	ph_test *first;			/* all of these, */
	struct ph_condition *otherwise; /* or this; NULL */
} ph_condition;

/*
 * What operands are read with. `names` resolves $names to numbers (for reply rules: status, value,
 * fault). Patterns are given to `keep`, which frees them with the declaration.
 */
typedef struct ph_condition_place {
	const ph_syntax *syntax;
	int (*context)(void *self, ph_arena *arena, const char *name, size_t length);
	bool (*keep)(void *self, ph_pattern *pattern);
	void *self;
} ph_condition_place;

/* Read up to the end of the scan or a '|'. False after a complaint. */
bool ph_condition_parse(
    const ph_condition_place *place, ph_scan *scan, ph_condition *out);
/* Holds it? *node (may be NULL) is the node of the first path that was found. */
bool ph_condition_holds(const ph_condition *condition, ph_reading *reading,
    const ph_node *record, const ph_value *context, const ph_node **node);

#endif
