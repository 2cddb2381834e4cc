/*
 * saga - a whole broker's lives, and a list of its own of what was submitted and acknowledged.
 *
 * The broker lives in the test's process, on a site of its own, with file calls that are the test's.
 * It keeps very little in memory and few ids, so shelves and the window of duplicates do what they do
 * on large sites. Every step does what the broker's parts do for a frame: encode a record, submit it,
 * enter it. Each operation of the list is one record of the journal, known by its sequence; so what
 * a start finds is a beginning of the list, and everything the broker then knows has to follow from
 * that beginning alone: which messages wait in which queue, and which ids were seen.
 *
 * Thread: owner.
 */
#ifndef PH_TESTS_CRASH_SAGA_H
#define PH_TESTS_CRASH_SAGA_H

#include "broker/commit.h"
#include "broker/lifecycle.h"
#include "tests/crash/trace.h"

#define SAGA_MOST   8192 /* operations */
#define SAGA_QUEUES 2
#define SAGA_WINDOW 120 /* ids that are remembered */

typedef enum saga_kind { SAGA_ACCEPT, SAGA_SETTLE } saga_kind;

typedef struct saga_op {
	uint64_t sequence; /* of its record */
	uint64_t serial;   /* accept: which message; never used again */
	uint32_t number;   /* acceptance */
	uint8_t kind;
	uint8_t queues; /* accept: for these, as bits; settle: the one */
} saga_op;

typedef struct saga_list {
	size_t submitted, acknowledged;
	saga_op ops[SAGA_MOST];
} saga_list;

/* What has become of it all, to be told. */
typedef struct saga_counts {
	uint64_t lives, deaths, shelved, carried, trims, checkpoints;
	uint64_t cuts, whole, states, from_checkpoint, harmed, refused, mended;
} saga_counts;

typedef struct saga {
	trace trace;
	uint64_t seed, random;
	char home[64]; /* everything of this saga */
	ph_broker *broker;
	saga_list now;	   /* as the living broker knows it */
	saga_list then;	   /* as far as the trace is read */
	uint64_t sequence; /* of the next record */
	uint64_t serial;   /* of the last message */
	bool failing;	   /* calls may fail in this life */
	bool harmful;	   /* damage is done in every state */
	saga_counts counts;
	char wrong[300]; /* the first thing that was; empty: none */
} saga;

/* Makes <home>/lived and <home>/left, two sites; what is in lived/state is traced. */
void saga_init(saga *self, uint64_t seed);
void saga_fini(saga *self);
/* One random life, from start to end or death, through the trace. */
void saga_live(saga *self);
/* A life in which everything happens once, if no call fails: these are the calls. */
void saga_live_wholly(saga *self, const ph_fs *fs);
/* A short one, after which much of what waits was carried, and its first records are gone. */
void saga_live_carrying(saga *self, const ph_fs *fs);
/* Bring a list up to a note of the trace. */
void saga_enter(saga_list *list, const trace_note *note);
/* Note something that went wrong; only the first counts. */
void saga_wrong(saga *self, const char *what, uint64_t number);

/* What was done to the files besides. */
typedef enum saga_harm {
	SAGA_UNHARMED,
	/* The broker may refuse to start, or give up and do better at the next start, or have
	 * forgotten ids; but what it says must be true. */
	SAGA_DAMAGED,
	/* Ids may have been forgotten, for want of room for them; nothing else. */
	SAGA_FORGETFUL,
	/* Ids are known as far as the journal has them: for sure those of what waits. */
	SAGA_WITHOUT_RING
} saga_harm;

/* Start on <home>/<site> and hold all there is against the list. */
void saga_check(saga *self, const char *site, const saga_list *list, saga_harm harm);
/* The ring of that site is gone. */
void saga_lose_ring(const saga *self, const char *site);

#endif
