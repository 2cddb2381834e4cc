/*
 * fake_client - a session that sends nothing: it keeps what a host wants to say to the broker, and
 * makes the events that a broker would answer with.
 *
 * It takes the place of lib/client in the program of a test.
 */
#ifndef PH_TESTS_FAKE_CLIENT_H
#define PH_TESTS_FAKE_CLIENT_H

#include "adapters/host/inner.h"

enum { FAKE_MOST = 64 };

typedef struct fake_publish {
	ph_message *message;
	uint64_t ticket;
	bool has_fingerprint, has_cursor, has_failed, has_replay;
	uint8_t fingerprint[32];
	char cursor_name[64], cursor[64];
	char stage[32], reason[32], path[256], text[400];
	unsigned bindings;
	char binding_key[128], binding_id[128];
} fake_publish;

typedef struct fake_resolve {
	uint64_t number;
	uint8_t kind;
	char entity[64], system[64], key[128], prefix[16];
	size_t count;
} fake_resolve;

typedef struct fake_settle {
	uint64_t delivery;
	uint8_t outcome;
	char reference[128], stage[32], reason[32], path[256], text[256];
	unsigned bindings;
} fake_settle;

struct ph_client {
	fake_publish published[FAKE_MOST];
	size_t publish_count;
	size_t room; /* publishes that still fit; the next is refused as full */
	fake_resolve resolved[FAKE_MOST];
	size_t resolve_count;
	fake_settle settled[FAKE_MOST];
	size_t settle_count;
	struct {
		uint64_t ticket;
		char name[64], value[64];
	} cursors[FAKE_MOST];
	size_t cursor_count;
	struct {
		uint64_t number;
		uint8_t kind;
		char key[128];
	} queries[FAKE_MOST];
	size_t query_count;
	char progress[64];
	uint64_t numbers; /* last one given */
};

struct ph_event {
	ph_event_kind kind;
	ph_result result;
	uint64_t ticket, acceptance, delivery, accepted_ms;
	unsigned attempt;
	uint8_t flags;
	const char *queue, *text, *subject;
	ph_message *message;
	ph_slice reference, resume;
};

ph_client *fake_client_new(void);

/* What the broker would say. */
void fake_result(ph_host *host, uint64_t ticket, ph_result result);
/* Answer a RESOLVE of one item: NULL is unknown. */
void fake_resolved(ph_host *host, uint64_t number, const char *value);
/* Answer a QUERY with these messages. */
void fake_answer(
    ph_host *host, uint64_t number, ph_message *const *messages, size_t count);

#endif
