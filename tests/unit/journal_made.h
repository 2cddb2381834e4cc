/*
 * journal_made - a journal that a test writes records of a broker into, to be read by who has no store.
 */
#ifndef PH_TESTS_JOURNAL_MADE_H
#define PH_TESTS_JOURNAL_MADE_H

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "broker/record.h"
#include "tests/unit/check_main.h"
#include "tests/unit/journal_fixture.h"

#define OK(call) ck_assert_int_eq((call), PH_OK)

static fixture place;
static ph_store *store;

static inline void
setup(void)
{
	signal(SIGPIPE, SIG_IGN);
	fixture_init(&place);
	OK(fixture_open(&place, NULL, &store, NULL, NULL));
}

static inline void
teardown(void)
{
	if (store != NULL)
		OK(ph_store_close(&store, NULL));
	store = NULL;
	fixture_fini(&place);
}

static inline void
close_store(void)
{
	OK(ph_store_close(&store, NULL));
	store = NULL;
}

static inline ph_position
submit(uint8_t type, const void *bytes, size_t length)
{
	const ph_store_part part = {bytes, length};
	ph_position position;
	OK(ph_store_submit(store, type, PH_STORE_NEW, &part, 1, &position, NULL));
	return position;
}

static inline void
flush(void)
{
	ph_position durable;
	OK(ph_store_flush(store, &durable, NULL));
}

static inline ph_position
submit_attempt(uint64_t acceptance)
{
	const ph_record_attempt record = {
	    .acceptance = acceptance, .at_ms = 9, .queue = 1, .attempt = 2};
	ph_buffer body;
	ph_buffer_init(&body, 0);
	ph_record_attempt_encode(&record, &body);
	ph_position position = submit(PH_RECORD_ATTEMPT, body.data, body.length);
	ph_buffer_fini(&body);
	return position;
}

/* Attempts 1 to `count`, each flushed alone: sequences 2 to count + 1, after the mark. */
static inline void
write_attempts(uint64_t count, ph_position *positions)
{
	for (uint64_t i = 1; i <= count; i++) {
		ph_position position = submit_attempt(i);
		if (positions != NULL)
			positions[i] = position;
		flush();
	}
}

/* A cursor with many bytes, so that files fill up. */
static inline void
submit_large(void)
{
	static char bytes[300000];
	const ph_record_cursor record = {
	    .name = ph_view_of("large"), .bytes = {bytes, sizeof bytes}};
	ph_buffer body;
	memset(bytes, 'x', sizeof bytes);
	ph_buffer_init(&body, 0);
	ph_record_cursor_encode(&record, &body);
	(void) submit(PH_RECORD_CURSOR, body.data, body.length);
	ph_buffer_fini(&body);
	flush();
}

static inline void
first_path(char out[256])
{
	fixture_path(&place, "0000000001.segment", out);
}

#endif
