/*
 * fake_host - a host's table for tests of transports: it remembers what a plug-in says and lets the
 * test decide what the plug-in is told.
 *
 * Thread: any; fake_host_wait_* belongs to the test.
 */
#ifndef PH_TESTS_FAKE_HOST_H
#define PH_TESTS_FAKE_HOST_H

#include <pthread.h>
#include <stdbool.h>
#include <packhorse/adapter.h>

typedef struct fake_answer {
	uint64_t token;
	uint32_t verdict, status;
	uint64_t delay;
	char body[4096];
	uint64_t length; /* whole, also when cut above */
	char content_type[128];
	char text[512];
	char version[128];
} fake_answer;

typedef struct fake_host {
	ph_adapter_host table;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	fake_answer answers[16];
	unsigned answered;
	/* what was received last */
	unsigned received;
	char entry[64], body[65536], content_type[128];
	uint64_t length;
	ph_adapter_receipt receipt; /* what to say to it */
	uint32_t refuse_receive;    /* not 0: refused at once */
	/* what was asked last */
	unsigned queried;
	uint32_t kind;
	uint64_t from, to;
	char references[16][64];
	uint64_t reference_count;
	const ph_adapter_records *records; /* what to say to it */
} fake_host;

void fake_host_init(fake_host *host);
void fake_host_fini(fake_host *host);
/* Wait until so many answers have come; false after ten seconds. */
bool fake_host_wait_answered(fake_host *host, unsigned count);

#endif
