/*
 * schema_checking - one check of a document in progress; as the parts of the checker see it.
 *
 * Files: schema_check.c (rules, and how they hand on to others), schema_check_value.c (a value by
 * itself), schema_checking.c (what both use).
 *
 * Functions return false when a rule is broken or the check gave up; what was broken is written
 * into the violation, unless the check is `quiet`: inside a `not` or an alternative.
 *
 * Thread: owner.
 */
#ifndef PH_SCHEMA_CHECKING_H
#define PH_SCHEMA_CHECKING_H

#include "transform/schema_inner.h"

/* The resources that were entered on the way to a rule, innermost first. */
typedef struct ph_scope {
	const ph_schema_resource *resource;
	const struct ph_scope *up;
} ph_scope;

typedef struct ph_checking {
	const ph_schema *schema;
	const char *const *names; /* the schema's, in the document */
	unsigned flags, depth, quiet;
	uint64_t steps; /* left; 0: given up */
	bool extended;	/* steps were given for the document's size */
	bool no_memory;
	const ph_scope *scope;
	const ph_node *root;
	ph_violation *out;
} ph_checking;

/* Members or items that some rule has evaluated, by position. */
typedef struct ph_marks {
	uint64_t few[2];
	uint64_t *bits;
	size_t words;
} ph_marks;

static inline void
ph_marks_set(ph_marks *marks, size_t at)
{
	if (marks != NULL)
		marks->bits[at / 64] |= UINT64_C(1) << (at % 64);
}

/* schema_checking.c: complain; false. */
bool ph_check_broken(ph_checking *c, const ph_rule *rule, const ph_node *node,
    const char *keyword, const char *format, ...) __attribute__((format(printf, 5, 6)));
bool ph_check_missing(ph_checking *c, const ph_rule *rule, const ph_node *object,
    const char *keyword, const char *name);
bool ph_check_range(ph_checking *c, const ph_rule *rule, const ph_node *node,
    size_t count, const ph_range *range, const char *keywords[2], const char *what);
/* Take steps; false when there are none left. */
static inline bool ph_check_pay(ph_checking *c, uint64_t steps);
/* ph_check_pay where they are not enough. */
bool ph_check_pay_more(ph_checking *c, uint64_t steps);
ph_match ph_check_match(
    ph_checking *c, const ph_pattern *pattern, const char *text, size_t length);
bool ph_marks_init(ph_checking *c, ph_marks *marks, size_t count);
void ph_marks_fini(ph_marks *marks);
void ph_marks_merge(ph_marks *into, const ph_marks *from);

/* schema_check_value.c: a value by itself: enum and const; what a text must be; what a number must
 * be. */
bool ph_check_values(ph_checking *c, const ph_rule *rule, const ph_node *node);
bool ph_check_text(ph_checking *c, const ph_rule *rule, const ph_node *node);
bool ph_check_number(ph_checking *c, const ph_rule *rule, const ph_node *node);

/* Inline: every rule pays. */
static inline bool
ph_check_pay(ph_checking *c, uint64_t steps)
{
	if (c->steps <= steps)
		return ph_check_pay_more(c, steps);
	c->steps -= steps;
	return true;
}

#endif
