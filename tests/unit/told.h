/*
 * told - what `map check` tells of one code, for the tests that ask for it.
 */
#ifndef PH_TESTS_TOLD_H
#define PH_TESTS_TOLD_H

#include <stdio.h>
#include <string.h>

#include "tests/unit/check_main.h"
#include "tests/unit/map_fixture.h"

/* The first thing of a code that is told, and how often; errors of all codes. */
typedef struct told {
	const char *code;
	size_t times, errors;
	char kind[16], where[256], text[400], all[4000];
} told;

static inline void
tell(void *self, const char *kind, const char *where, const char *text)
{
	told *t = self;
	size_t length = strlen(t->all);
	if (strcmp(kind, "error") == 0) {
		t->errors++;
		snprintf(
		    t->all + length, sizeof t->all - length, "%s %s\n", where, text);
	}
	if (strncmp(text, t->code, 6) != 0 || t->times++ > 0)
		return;
	snprintf(t->kind, sizeof t->kind, "%s", kind);
	snprintf(t->where, sizeof t->where, "%s", where);
	snprintf(t->text, sizeof t->text, "%s", text);
}

/* What is told of the fixture's map `m`, whose text this is. */
static inline told
told_of(map_fixture *fixture, const char *map, const char *code)
{
	told t = {.code = code};
	map_fixture_file(fixture, "maps/m.yaml", map);
	(void) ph_map_check("m", fixture->folders, tell, &t, NULL);
	return t;
}

/* Once, of this kind, at a place that ends so, in words that hold these. */
static inline void
expect(const told *t, const char *kind, const char *where, const char *text)
{
	size_t length = strlen(t->where), end = strlen(where);
	ck_assert_msg(strcmp(t->kind, kind) == 0, "%s instead of %s: %s %s\n%s",
	    t->kind, kind, t->where, t->text, t->all);
	ck_assert_msg(length >= end && strcmp(t->where + length - end, where) == 0,
	    "%s instead of %s: %s", t->where, where, t->text);
	ck_assert_msg(strstr(t->text, text) != NULL, "no \"%s\" in: %s", text, t->text);
	ck_assert_uint_eq(t->times, 1);
}

static inline void
expect_nothing(const told *t)
{
	ck_assert_msg(t->times == 0, "%s: %s: %s", t->kind, t->where, t->text);
}

#endif
