/*
 * story - several lives of a process that uses a journal, with every file call recorded.
 *
 * It appends, flushes, idles, settles what it has read, takes checkpoints, carries what is not
 * settled forward and trims the rest; it is killed at any call, starts again, recovers, delivers and
 * goes on. It writes down what was submitted, acknowledged, trimmed and checkpointed, between the
 * calls of the trace. Everything that is durable by the journal's word counts as acknowledged, at
 * the first moment anybody could have asked, and so does what a start delivers.
 *
 * Thread: the test's.
 */
#ifndef PH_TESTS_CRASH_STORY_H
#define PH_TESTS_CRASH_STORY_H

#include "broker/store.h"
#include "tests/crash/trace.h"
#include "tests/unit/journal_fixture.h"

#define STORY_MOST	  2048 /* records in one story */
#define STORY_CHECKPOINTS 200

/* Notes in the trace. */
enum { SUBMITTED = 1, ACKNOWLEDGED, LEFT, TRIMMING, TRIMMED, TAKING, TAKEN };

typedef struct story_entry {
	uint64_t id;
	uint64_t type;
} story_entry;

/* What was submitted, and what has to be there. */
typedef struct story_list {
	story_entry entries[STORY_MOST];
	size_t submitted;
	size_t acknowledged;		    /* the first so many */
	size_t first;			    /* those before this one are trimmed */
	size_t first_maybe;		    /* or those before this one */
	uint64_t places[STORY_CHECKPOINTS]; /* how many records each checkpoint knows */
	uint64_t begun; /* number of the last checkpoint that was begun */
	uint64_t taken; /* of the last that was finished */
} story_list;

/* What was done, so that a run can be seen to have done something. */
typedef struct story_counts {
	uint64_t deaths;
	uint64_t settled;
	uint64_t carried;
	uint64_t trims;
	uint64_t checkpoints;
	uint64_t cuts;
	uint64_t whole; /* cuts with all their states */
	uint64_t states;
} story_counts;

typedef struct story {
	uint64_t seed;
	uint64_t random;
	uint64_t next_id;
	fixture place;
	fixture there; /* where the states are made */
	trace trace;
	ph_store *store;
	story_list now;
	uint64_t offsets[STORY_MOST]; /* positions in this life */
	bool live[STORY_MOST * 2];    /* by id: accepted and not settled */
	story_list then;	      /* at the moment of a cut */
	story_counts counts;
	uint64_t looked; /* states that were checked */
	char wrong[300];
} story;

/* Note down what is wrong; the first one stays. */
void story_wrong(story *self, const char *what, uint64_t number);
/* Bring a list up to a note. */
void story_enter(story_list *self, const trace_note *note);
/* The trace's hook: what can be asked for is acknowledged. */
void story_acknowledge(void *arg);
/* One life. */
void story_live(story *self);

/* What a journal has, in order; their number. `offsets` may be NULL. */
size_t story_read(story *self, ph_store *store, story_entry *out, uint64_t *offsets);
/* Where what was found begins in the list; SIZE_MAX: it is not what has to be there. */
size_t story_place(const story_list *what, const story_entry *found, size_t count);

#endif
