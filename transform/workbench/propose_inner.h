/*
 * propose_inner - a draft while it is made, for propose.c, which finds what belongs together,
 * propose_score.c, which says how well, and propose_text.c, which writes it down.
 *
 * Thread: owner.
 */
#ifndef PH_PROPOSE_INNER_H
#define PH_PROPOSE_INNER_H

#include <string.h>
#include "transform/schema_inner.h"
#include "transform/workbench/guess.h"
#include "transform/workbench/propose.h"

#define PH_DRAFT_FIELDS 512
#define PH_DRAFT_PATH	256
#define PH_DRAFT_SPACES 8
#define PH_DRAFT_LEAST	50 /* names less alike are no pair */

/* Of the vendor's record. */
typedef struct ph_draft_field {
	char path[PH_DRAFT_PATH];
	const char *top; /* its first name */
	const ph_node *node;
	bool many, linked;
	const ph_xsd_fact *fact; /* what the vendor's schema says of it, or NULL */
	const struct ph_draft_field
	    *instead;	/* linked, and the schema has one of the two */
	bool required;	/* the vendor's schema says so */
	size_t longest; /* the same; 0: it does not say */
	ph_looks looks;
	char conversion[64];
} ph_draft_field;

/* Of the canonical entity. */
typedef struct ph_draft_target {
	char path[PH_DRAFT_PATH];
	const ph_rule *rule;
	bool required, many;
	ph_draft_field *source;
	unsigned score;
	bool listed; /* in a name/value list; the first of the two has: */
	struct ph_draft_target *value;
	ph_draft_field *other;
} ph_draft_target;

typedef struct ph_draft {
	const ph_proposal *p;
	ph_buffer *out;
	ph_draft_field *fields;
	size_t field_count;
	ph_draft_target *targets;
	size_t target_count;
	const char *spaces[PH_DRAFT_SPACES]; /* namespaces, by prefix number */
	size_t space_count;
	bool one_space; /* of all names: they go without prefixes */
	char root[PH_DRAFT_PATH], each[PH_DRAFT_PATH];
	unsigned each_depth;
} ph_draft;

/* propose_score.c: how well the two go together by name and content; 0: they do not. */
unsigned ph_draft_score(const ph_draft_target *target, const ph_draft_field *field);
/* Bytes of "rows[]" at the beginning of the path; 0 if it is none. */
static inline size_t
ph_draft_list_of(const char *path)
{
	const char *marks = strstr(path, "[]");
	return marks == NULL ? 0 : (size_t) (marks - path) + 2;
}
/* propose_text.c */
void ph_draft_write(ph_draft *draft);

#endif
