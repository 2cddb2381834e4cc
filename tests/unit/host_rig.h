/*
 * host_rig - a host with a site of its own, real maps, a real plug-in, and a broker that is the test:
 * what is said to it, when, and what is not said before it has answered.
 */
#ifndef PH_TESTS_HOST_RIG_H
#define PH_TESTS_HOST_RIG_H

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/host/inbound.h"
#include "adapters/host/run.h"
#include "tests/unit/check_main.h"
#include "tests/unit/fake_client.h"

#define SR1 "SR-0000000000001"
#define SR2 "SR-0000000000002"
#define ONE_CHANGE                                                                     \
	"{\"changes\":[{\"no\":\"1\",\"ref\":\"8\",\"state\":\"NEW\","                 \
	"\"at\":\"2026-11-01T00:00:00Z\"}]}"

static inline int64_t
read_clock(void *self)
{
	return *(int64_t *) self;
}

typedef struct rig {
	ph_host *host;
	ph_client *client;
	int64_t now;
	ph_clock clock;
	/* how the last inbound item ended */
	unsigned ended;
	ph_inbound_end end;
	char reference[64], path[256], reason[64], stage[32];
} rig;

static inline void
set_up(rig *r, const char *plugins, const char *transport)
{
	const char *build = getenv("PACKHORSE_BUILD"),
		   *source = getenv("PACKHORSE_SOURCE");
	char site[4096], path[4096];
	ck_assert_msg(
	    build && source, "PACKHORSE_BUILD and PACKHORSE_SOURCE are needed");
	snprintf(path, sizeof path, "%s/%s", build, plugins);
	snprintf(site, sizeof site, "%s/tests/unit/parks", source);
	setenv("PACKHORSE_PLUGINS", path, 1);
	setenv("PACKHORSE_TRANSPORT", transport, 1);
	ck_assert_int_ge(sodium_init(), 0);
	memset(r, 0, sizeof *r);
	ph_error err = {.status = PH_OK};
	ph_status status = ph_host_prepare(site, "parks", &r->host, &err);
	ck_assert_msg(status == PH_OK, "%s: %s", err.where, err.text);
	r->now = 1795407540000;
	r->clock =
	    (ph_clock){.wall_ms = read_clock, .mono_ms = read_clock, .self = &r->now};
	r->host->clock = &r->clock;
	r->client = r->host->client = fake_client_new();
}

static inline void
set_up_template(rig *r)
{
	set_up(r, "adapters/template/.libs", "template");
}

static inline void
tear_down(rig *r)
{
	ph_inbound_abandon(r->host);
	ph_host_destroy(&r->host);
}

static inline void
pass_time(rig *r, int64_t ms)
{
	r->now += ms;
	ph_alarms_ring(&r->host->alarms, r->now);
}

/* How the last inbound item ended, into the rig. */
static inline void
ended(void *self, const ph_inbound_end *end)
{
	rig *r = self;
	r->ended++;
	r->end = *end;
	snprintf(r->reference, sizeof r->reference, "%s", end->reference);
	snprintf(r->path, sizeof r->path, "%s", end->path);
	snprintf(r->reason, sizeof r->reason, "%s", end->reason);
	snprintf(r->stage, sizeof r->stage, "%s", end->stage);
}

/* Bytes for an entry of `receive`, or with a cursor as from a poll. */
static inline void
hand_in(rig *r, const char *entry, const char *bytes, bool waits, const char *cursor)
{
	const ph_entry *found =
	    ph_entries_named(&r->host->entries.receive, entry, strlen(entry));
	ck_assert_ptr_nonnull(found);
	ph_inbound_task task = {.map = found->map,
	    .entry = entry,
	    .bytes = bytes,
	    .length = strlen(bytes),
	    .content_type = "application/json",
	    .caller_waits = waits,
	    .deadline = r->now + 20000,
	    .patience = 15000,
	    .cursor_name = cursor ? "poll:changes" : NULL,
	    .cursor = cursor,
	    .cursor_length = cursor ? strlen(cursor) : 0,
	    .done = ended,
	    .self = r};
	ph_error err = {.status = PH_OK};
	ck_assert_int_eq(ph_inbound_start(r->host, &task, &err), PH_OK);
}

static inline const char *
attribute(const rig *r, size_t at, const char *name)
{
	return ph_message_get(r->client->published[at].message, name, NULL);
}

/* Where a word is in bytes that have no zero at their end; NULL. */
static inline const char *
memmem_of(const char *bytes, size_t length, const char *word)
{
	for (size_t i = 0; i + strlen(word) <= length; i++)
		if (!memcmp(bytes + i, word, strlen(word)))
			return bytes + i;
	return NULL;
}

#endif
