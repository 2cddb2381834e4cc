/*
 * targets - what is fuzzed: functions that take any bytes, and abort when a promise is
 * broken.
 *
 * `./dev fuzz` runs one of them under libFuzzer; `make check` puts the files of
 * tests/fuzz/corpus/NAME through each (replay.c), without clang. A target that needs two
 * texts takes them from one input, parted by the byte 0x1E.
 *
 * Thread: one. Errors: it aborts.
 */
#ifndef PH_TESTS_TARGETS_H
#define PH_TESTS_TARGETS_H

#include <stddef.h>
#include <stdint.h>

typedef void ph_target_fn(const uint8_t *bytes, size_t length);

typedef struct ph_fuzz_target {
	const char *name;
	ph_target_fn *run;
} ph_fuzz_target;

/* Ends with a name of NULL. */
extern const ph_fuzz_target ph_targets[];
/* NULL: there is none. */
const ph_fuzz_target *ph_target_named(const char *name);

/* Where the first 0x1E stands; `length` if there is none. */
size_t ph_target_split(const uint8_t *bytes, size_t length);

/* targets_maps.c */
ph_target_fn ph_target_yaml, ph_target_description, ph_target_schema, ph_target_map,
    ph_target_xsd, ph_target_reply;
/* streams.c */
ph_target_fn ph_target_stream;
/* targets_wire.c */
ph_target_fn ph_target_message, ph_target_frame, ph_target_record;
/* targets_files.c */
ph_target_fn ph_target_site, ph_target_codes, ph_target_event, ph_target_http,
    ph_target_answer;
/* targets_store.c */
ph_target_fn ph_target_journal, ph_target_shelf, ph_target_window;
/* targets_broker.c */
ph_target_fn ph_target_session, ph_target_checkpoint, ph_target_control;

#endif
