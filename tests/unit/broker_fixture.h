/*
 * broker_fixture - a real broker in a process of its own, on a site made for one test.
 *
 * The broker runs in a child of the test, so that it can be killed like any other. Its hosts are the
 * stand-in (stand_in.c), which does what a file in the site says. Every wait has a deadline.
 *
 * Thread: the test's.
 */
#ifndef PH_TESTS_BROKER_FIXTURE_H
#define PH_TESTS_BROKER_FIXTURE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <packhorse/packhorse.h>

#define PATIENCE_MS 60000

/* The site's directory of this test; files may be written into it before the start. */
const char *fixture_directory(void);
/* A checked fixture: makes the directory with a packhorse.yaml (queues bench and other, quick
 * retries) and routes for bench.* and other.*. */
void fixture_setup(void);
/* For the next broker: who had something when the last one ended has so long to come back; 20s at
 * first. */
void fixture_reattach(const char *within);
void fixture_teardown(void);
void fixture_write(const char *name, const char *text);
/* An adapter `name` with the stand-in as its host; `more` are further lines. Types <name>.* are
 * led to it. */
void fixture_adapter(const char *name, const char *more);
/* What the stand-in does from now on (see stand_in.c). */
void fixture_behave(const char *name, const char *words);
/* What the stand-in noted down so far; borrowed until the next call. */
const char *fixture_notes(const char *name);
/* How often a text stands in the notes. */
unsigned fixture_noted(const char *name, const char *text);
/* Wait until it stands there so often. */
void fixture_await_noted(const char *name, const char *text, unsigned times);

void fixture_start(void);
void fixture_kill(void);
/* SIGTERM; the exit status. */
int fixture_stop(void);

/* Ask the control socket: all lines of the answer; borrowed until the next call. */
const char *fixture_ask(const char *verb, const char *args);
/* Ask until the answer has the text in it. */
void fixture_await(const char *verb, const char *args, const char *text);
/* The number behind "name": in an answer to status. */
int64_t fixture_status(const char *name);
/* The books balance. */
void fixture_check_balance(void);

ph_client *fixture_client(const char *name);
/* Publish and wait for the result. */
ph_result fixture_publish(ph_client *client, const char *type, const char *id,
    const char *subject, const char *data, uint64_t *acceptance);
/* The next event of that kind, others passed over; fails the test when none comes. */
const ph_event *fixture_event(ph_client *client, ph_event_kind kind);
/* True if nothing of that kind comes for a while. */
bool fixture_quiet(ph_client *client, ph_event_kind kind, int for_ms);

#endif
