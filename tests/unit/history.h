/*
 * history - a broker in the test's own process, made to live through a random history.
 *
 * Every step does what the broker's parts do for a frame: encode a record, submit it, enter it. What
 * a session would hold is held by the queue's `away`. The same seed makes the same history, but for
 * the times in it.
 *
 * Thread: the test's.
 */
#ifndef PH_TESTS_UNIT_HISTORY_H
#define PH_TESTS_UNIT_HISTORY_H

#include "broker/commit.h"
#include "broker/lifecycle.h"

#define HISTORY_KEYS  12     /* references that are bound */
#define HISTORY_LARGE 700000 /* bytes: two of them are not in one file of the journal */

typedef struct history {
	ph_broker *broker;
	uint64_t random; /* state */
	uint64_t steps;
	ph_destination *queues[4]; /* bench, other, vendor, twice */
} history;

/* What the brokers that are started meet the world through; all NULL unless a test sets it. */
extern ph_broker_seams history_seams;

/* Run a command of the shell, which must succeed. */
void history_shell(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Write a site into `directory` (which is there): queues bench and other, adapters vendor (may not be
 * sent a thing twice) and twice (may), both switched off. `limits` are further limits. */
void history_site(const char *directory, const char *limits);
/* Start a broker on the site. */
ph_broker *history_broker(const char *directory);
/* The same where the start may fail. */
ph_status history_start(const char *directory, ph_broker **out, ph_error *err);

void history_begin(history *self, ph_broker *broker, uint64_t seed);
/* One random step; what it submits is not flushed yet, mostly. */
void history_step(history *self);
/* `count` messages to bench, with keys, flushed now and then. */
void history_publish(history *self, uint64_t count);
/* A message of so many bytes, at most HISTORY_LARGE, that no queue gets; not flushed. */
void history_ignored(history *self, size_t length);
/* End the file of the journal. */
void history_end_file(history *self);
/* Bind the reference of that number, below HISTORY_KEYS. */
void history_bind(history *self, unsigned reference);
/* The same in the acceptance of a message that no queue gets. */
void history_bind_accepting(history *self, unsigned reference);
/* The same in the outcome of the first delivery of bench, of which there is one. */
void history_bind_settling(history *self, unsigned reference);
/* End the file of the journal, carry what is needed of the oldest, and live on in between. */
void history_carry(history *self);
/* 0 to limit - 1. */
unsigned history_random(history *self, unsigned limit);
/* Turn the loop until a checkpoint is taken that was not there. */
void history_await_checkpoint(ph_broker *broker);
/* Turn the loop until the ledger has applied all there is. */
void history_await_ledger(ph_broker *broker);

/* Turn the loop until `done` says so; false: it did not in time. */
bool history_turn_until(
    ph_broker *broker, bool (*done)(ph_broker *broker, uint64_t than), uint64_t than);

/* All views of the broker as text, to be compared: what no record tells is left out (attempts at
 * queues that may be sent a thing twice, the order of those tried before, or of all when queues keep little in memory). */
void history_dump(ph_broker *broker, ph_buffer *out);
/* All rows of the ledger as text. */
void history_dump_ledger(const char *directory, ph_buffer *out);

#endif
