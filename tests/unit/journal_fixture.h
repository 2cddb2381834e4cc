/*
 * journal_fixture - a directory for a journal under test, and records that can be recognised.
 *
 * A record's body is made from its id alone: the id (8 bytes) and as many bytes more as the id
 * says. So a test needs to keep the ids only, and a wrong byte never goes unnoticed.
 */
#ifndef PH_TESTS_UNIT_JOURNAL_FIXTURE_H
#define PH_TESTS_UNIT_JOURNAL_FIXTURE_H

#include "broker/journal.h"
#include "tests/unit/fake_disk.h"

typedef struct fixture {
	char root[128];	     /* removed at the end */
	char directory[160]; /* the journal's */
	char aside[160];     /* the fake disk's */
	bool thread;	     /* the journal is to use a thread for its files */
	bool overlap;	     /* and one for batches that are started */
} fixture;

#define FIXTURE_BODY_MAX (300u << 10)

void fixture_init(fixture *self);
void fixture_fini(fixture *self);
/* The system's file calls, but syncing is left out. */
const ph_fs *fixture_quick_fs(void);
/* Open with files of 1 MiB; `report` may be NULL, and `fs`: then the quick one. */
ph_status fixture_open(const fixture *self, const ph_fs *fs, ph_store **out,
    ph_journal_report *report, ph_error *err);
/* Let the journal be opened again although the store that has it is never closed: the lock goes
 * as it would with the process. */
void fixture_break_lock(const fixture *self);
/* Path of a file in the journal's directory. */
void fixture_path(const fixture *self, const char *name, char out[256]);

/* Bytes of the body of record `id`: short ones mostly; every 40th is long. */
size_t fixture_length(uint64_t id);
void fixture_body(uint64_t id, uint8_t *out);
ph_status fixture_submit(ph_store *store, uint64_t id, ph_store_need need,
    ph_position *position, ph_error *err);
/* The id of a record if every byte of it is right, else 0. */
uint64_t fixture_id(const ph_store_record *record);
/* All ids a reader from the beginning gives, up to `max`; their number. *status is what ended it. */
size_t fixture_read_all(ph_store *store, uint64_t *ids, size_t max, ph_status *status);

/* Whole small files. */
size_t fixture_load(const char *path, uint8_t **bytes);
void fixture_save(
    const char *path, const uint8_t *bytes, size_t length, size_t file_size);

#endif
