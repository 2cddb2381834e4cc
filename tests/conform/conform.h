/*
 * conform - what any implementation of store.h has to keep, as cases written once.
 *
 * An implementation is described by a conform_kind: how to make a place for a store, open it, let
 * its process die, and take the place's room away. The cases know nothing else of it. Positions
 * are the store's own: the cases only compare them. A store may write records of its own (marks),
 * which readers do not show: so sequences grow by one between submissions that follow each other,
 * and by more where the store was opened, idle, trimmed or closed between.
 *
 * A batch that is started may become durable any time later, in parts or whole; the cases ask until
 * it is. A store that does one thing at a time may flush instead.
 *
 * A case says what is wrong in its conform and gives up, so that the same cases can be held against
 * stores with mistakes, which they have to find.
 *
 * Thread: the test's.
 */
#ifndef PH_TESTS_CONFORM_H
#define PH_TESTS_CONFORM_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/store.h"

/* An implementation under test. */
typedef struct conform_kind {
	const char *name;
	void *(*make)(void); /* a place where no store is yet */
	/* Open the store of the place, or make it. */
	ph_status (*open)(void *place, ph_store **out, ph_error *err);
	/* From now on nothing that the store does reaches the place: as a dead disk. */
	void (*die)(void *place);
	/* The store's process is gone, or the machine: what is not durable may be lost. The store is
	 * freed; *store is NULL afterwards. Then the place can be opened again. */
	void (*kill)(void *place, ph_store **store);
	/* Take the room for anything more away, or give it back. */
	void (*fill)(void *place, bool full);
	/* Another owner wants the partition. NULL: it is never revoked. */
	void (*revoke)(void *place);
	void (*destroy)(void **place);
} conform_kind;

#define CONFORM_MOST	4096 /* records in one case */
#define CONFORM_READERS 4

/* A record that was submitted. */
typedef struct conform_entry {
	uint64_t id; /* of which its body is made */
	ph_position position;
	uint64_t sequence; /* 0: not seen yet */
	int64_t wall_ms;
} conform_entry;

/* One case at work. */
typedef struct conform {
	const conform_kind *kind;
	unsigned deadline_ms; /* how long to wait for anything */
	void *place;
	ph_store *store; /* open, or NULL */
	ph_store_reader *readers[CONFORM_READERS];
	conform_entry wrote[CONFORM_MOST]; /* submitted, in order */
	size_t count;
	size_t oldest; /* the first of them that is kept */
	bool large;    /* submit large records only, not just now and then */
	unsigned flushes;
	unsigned assigned, revoked; /* how often, since the open */
	ph_position revoked_end;
	char wrong[300]; /* what was wrong, or "" */
	jmp_buf out;	 /* then, from here */
} conform;

typedef struct conform_case {
	const char *name;
	void (*run)(conform *self);
} conform_case;

extern const conform_case conform_cases[];
extern const size_t conform_case_count;
extern const conform_case conform_room_cases[];
extern const size_t conform_room_case_count;

/* Run one case; `out` is "" or what was wrong. */
void conform_run(const conform_kind *kind, const conform_case *one,
    unsigned deadline_ms, char out[300]);

/* --- for the cases -------------------------------------------------------------------- */

/* Give up: `what` is wrong. */
_Noreturn void conform_fail(conform *self, int line, const char *what);

#define EXPECT(self, condition)                                                        \
	do {                                                                           \
		if (!(condition))                                                      \
			conform_fail(self, __LINE__, #condition);                      \
	} while (0)

void conform_open(conform *self);
void conform_close(conform *self);
void conform_kill(conform *self);
/* A reader in slot `slot`. */
ph_status conform_reader(conform *self, size_t slot, ph_position from, uint64_t after);
void conform_reader_done(conform *self, size_t slot);

/* Submit the next record, of the usual sizes, and note it down if it is taken. */
ph_status conform_submit(conform *self, ph_store_need need);
/* The same for `count` records that have to be taken. */
void conform_put(conform *self, size_t count);
/* Is all that was submitted durable? */
bool conform_durable(const conform *self);
/* Make it so: by turns a flush, and a start that is asked about until it is. */
void conform_flush(conform *self);
/* Sleep for a moment; true as long as the deadline, which begins with *since 0, is not over. */
bool conform_wait(const conform *self, int64_t *since);

/* Record `index` is what it has to be; notes down what is learnt of it. */
void conform_same(conform *self, size_t index, const ph_store_record *record);
/* Every record from `oldest` on can be read, one by one and by a reader, and nothing else. */
void conform_all(conform *self);
/* After a kill: what is there are the first records, `durable` of them at least. The rest is
 * forgotten; positions are learnt anew. */
void conform_learn(conform *self, size_t durable);

#endif
