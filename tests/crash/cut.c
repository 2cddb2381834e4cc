/* cut - see cut.h. */
#include "tests/crash/cut.h"

#include <stdio.h>
#include <string.h>

#include "tests/crash/power.h"
#include "tests/unit/fake_disk.h"

static void
say_where(cutter *self, size_t at, uint64_t state, uint64_t states)
{
	char where[100];

	snprintf(where, sizeof where, ", cut before call %zu, state %llu of %llu", at,
	    (unsigned long long) state, (unsigned long long) states);
	strncat(self->wrong, where, CUT_WRONG - strlen(self->wrong) - 1);
}

/* All states, if there are few, and some by chance. */
static void
cut(cutter *self, power *disk, size_t at)
{
	uint64_t states = power_states(disk, self->most);

	self->cuts++;
	self->whole += states <= self->most;
	if (states > self->most)
		states = 0;
	for (uint64_t i = 0; i < states + self->samples && self->wrong[0] == '\0';
	     i++) {
		if (i < states)
			power_make(disk, i, self->root);
		else
			power_sample(disk, self->random, self->root);
		self->states++;
		self->check(self->self);
		if (self->wrong[0] != '\0')
			say_where(self, at, i, states);
	}
}

static bool
cuts_here(cutter *self, const trace_op *op)
{
	if (op != NULL && op->kind != TRACE_SYNC && op->kind != TRACE_SYNC_NAMES)
		return false;
	return self->every < 2 || fake_random(self->random, self->every) == 0;
}

void
cut_everywhere(cutter *self)
{
	power *disk = power_new();

	for (size_t i = 0; i <= self->trace->count && self->wrong[0] == '\0'; i++) {
		const trace_op *op =
		    i < self->trace->count ? &self->trace->ops[i] : NULL;

		if (cuts_here(self, op))
			cut(self, disk, i);
		if (op != NULL && op->kind == TRACE_NOTE)
			self->enter(self->self, &op->note);
		else if (op != NULL)
			power_apply(disk, op);
	}
	power_destroy(&disk);
}
