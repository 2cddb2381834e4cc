/*
 * How it works: names say most, in whole or by their last part; a content that cannot be what the
 * target wants rules a pair out.
 */
#include "transform/workbench/propose_inner.h"

static const char *
leaf_of(const char *path, char separator)
{
	const char *last = strrchr(path, separator);
	return last == NULL ? path : last + 1;
}

unsigned
ph_draft_score(const ph_draft_target *t, const ph_draft_field *f)
{
	if (t->many != f->many || !ph_guess_fits(t->rule, f->looks))
		return 0;
	/* an attribute is not what its element is called */
	const char *name = leaf_of(f->path, '/');
	unsigned whole = ph_guess_names(t->path, *name == '@' ? name : f->path);
	unsigned leaf = ph_guess_names(leaf_of(t->path, '.'), name);
	leaf = leaf * 4 / 5;
	unsigned score = whole > leaf ? whole : leaf;
	/* a time beside a time says more than its name */
	return score > 0 && f->looks == PH_LOOKS_TIME ? score + 5 : score;
}
