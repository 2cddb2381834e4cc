/*
 * ledger_bench - a ledger over a store in memory, a small history, and questions about it.
 */
#ifndef PH_TESTS_LEDGER_BENCH_H
#define PH_TESTS_LEDGER_BENCH_H

#include <stdio.h>
#include <unistd.h>

#include "broker/ledger.h"
#include "lib/base/clock.h"
#include "tests/unit/check_main.h"
#include "tests/unit/ledger_store.h"

#define HIGHWAYS 3
#define CRM	 4

/* One opened ledger, with everything it said. */
typedef struct bench {
	char directory[64];
	memory_store *store;
	ph_loop *loop;
	ph_ledger *ledger;
	ph_position applied;
	unsigned told[PH_LEDGER_SHORT + 1]; /* news by kind */
} bench;

static bench b;

static inline void
on_applied(void *self, ph_position position)
{
	(void) self;
	ck_assert_uint_ge(position.offset, b.applied.offset);
	b.applied = position;
}

static inline void
on_news(void *self, ph_ledger_news news, const char *text)
{
	(void) self;
	ck_assert_uint_gt(strlen(text), 0);
	b.told[news]++;
}

static inline void
open_ledger(void)
{
	const ph_ledger_options options = {
	    .directory = b.directory,
	    .store = &b.store->base,
	    .loop = b.loop,
	    .applied = on_applied,
	    .news = on_news,
	};
	b.applied = (ph_position){0};
	ck_assert_int_eq(ph_ledger_open(&options, &b.ledger, NULL), PH_OK);
}

static inline void
setup(void)
{
	memset(&b, 0, sizeof b);
	strcpy(b.directory, "/tmp/ph-ledger-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(b.directory));
	b.store = memory_new();
	ck_assert_int_eq(ph_loop_new(ph_clock_system(), &b.loop, NULL), PH_OK);
}

static inline void
teardown(void)
{
	char command[128];
	ph_ledger_close(&b.ledger);
	(void) ph_loop_turn(b.loop, 0, NULL);
	ph_loop_destroy(&b.loop);
	memory_free(b.store);
	snprintf(command, sizeof command, "rm -rf %s", b.directory);
	ck_assert_int_eq(system(command), 0);
}

static inline void
reopen(void)
{
	ph_ledger_close(&b.ledger);
	(void) ph_loop_turn(b.loop, 0, NULL);
	open_ledger();
}

/* --- asking and waiting --- */

static void (*look)(const ph_ledger_answer *answer);
static bool answered;

static inline void
on_answer(void *self, const ph_ledger_answer *answer)
{
	(void) self;
	ck_assert(!answered);
	answered = true;
	if (look != NULL)
		look(answer);
}

static inline void
wait_for(const bool *flag)
{
	int64_t until = ph_clock_mono(ph_clock_system()) + 20000;
	while (!*flag && ph_clock_mono(ph_clock_system()) < until)
		ck_assert_int_eq(ph_loop_turn(b.loop, 100, NULL), PH_OK);
	ck_assert(*flag);
}

static inline void
ask(const ph_ledger_ask *question, void (*fn)(const ph_ledger_answer *answer))
{
	look = fn;
	answered = false;
	ck_assert_int_eq(
	    ph_ledger_query(b.ledger, question, on_answer, NULL, NULL), PH_OK);
	wait_for(&answered);
}

/* Everything the store has is told, and asked for. */
static inline void
ask_now(ph_ledger_ask question, void (*fn)(const ph_ledger_answer *answer))
{
	ph_ledger_durable(b.ledger, ph_store_durable(&b.store->base));
	question.current = true;
	ask(&question, fn);
}

/* --- a small history --- */

static const accepted created = {
    .acceptance = 1,
    .id = "calderdale/Roads/3087714",
    .source = "urn:council:calderdale:open311",
    .type = "council.service-request.created.v1",
    .subject = "SR-0000000000001",
    .status = "received",
    .system = "open311",
    .key = "calderdale/Roads/3087714",
    .queue = HIGHWAYS,
};
static const accepted updated = {
    .acceptance = 2,
    .id = "2002141_7",
    .source = "urn:council:calderdale:highways",
    .type = "council.service-request.updated.v1",
    .subject = "SR-0000000000001",
    .status = "in_progress",
    .queue = CRM,
};

static inline void
history(void)
{
	add_queue(b.store, 1, "inbound");
	add_queue(b.store, HIGHWAYS, "highways");
	add_queue(b.store, CRM, "crm");
	add_accept(b.store, &created);
	add_attempt(b.store, 1, HIGHWAYS, START_MS + 1100);
	add_outcome(b.store, &(ended){.acceptance = 1,
				 .queue = HIGHWAYS,
				 .attempt = 1,
				 .outcome = 1,
				 .state = PH_RECORD_SETTLED,
				 .at_ms = START_MS + 1184,
				 .reference = "ENQ 2002141",
				 .system = "highways",
				 .canonical = ""}); /* the subject is meant */
	add_accept(b.store, &updated);
	add_outcome(b.store, &(ended){.acceptance = 2,
				 .queue = CRM,
				 .attempt = 3,
				 .outcome = 4,
				 .state = PH_RECORD_DEAD,
				 .at_ms = START_MS + 5000,
				 .stage = "map",
				 .reason = "unknown-code",
				 .text = "PH2104 a code has no row"});
}

/* --- what is seen of it --- */

static inline void
see_resolved(const ph_ledger_answer *answer)
{
	ck_assert_int_eq(answer->status, PH_OK);
	ck_assert_uint_eq(answer->count, 6);
	const ph_ledger_found *found = answer->rows.found;
	ck_assert(found[0].known);
	ck_assert_str_eq(found[0].value, "SR-0000000000001");
	ck_assert(found[1].known);
	ck_assert_str_eq(found[1].value, "ENQ 2002141");
	ck_assert(!found[2].known);
	ck_assert_str_eq(found[2].value, "");
	ck_assert(found[3].known);
	ck_assert(!found[4].known);
	ck_assert(!found[5].known);
}

static const ph_ledger_lookup lookups[] = {
    {PH_LOOKUP_CANONICAL, "service-request", "highways", "ENQ 2002141"},
    {PH_LOOKUP_KEY, "service-request", "highways", "SR-0000000000001"},
    {PH_LOOKUP_CANONICAL, "service-request", "waste", "ENQ 2002141"},
    {PH_LOOKUP_EXISTS, "service-request", "", "SR-0000000000001"},
    {PH_LOOKUP_EXISTS, "service-request", "", "SR-0000000000009"},
    {PH_LOOKUP_KEY, "service-request", "crm", "SR-0000000000001"},
};

static inline void
see_case(const ph_ledger_answer *answer)
{
	ck_assert_int_eq(answer->status, PH_OK);
	ck_assert_uint_eq(answer->count, 4);
	const ph_ledger_event *e = answer->rows.events;
	ck_assert_str_eq(e[0].system, "open311");
	ck_assert_str_eq(e[0].event, "council.service-request.created.v1");
	ck_assert_str_eq(e[0].reference, "calderdale/Roads/3087714");
	ck_assert_str_eq(e[0].outcome, "accepted");
	ck_assert_int_eq(e[0].took_ms, -1);
	ck_assert_str_eq(e[1].system, "highways");
	ck_assert_str_eq(e[1].event, "deliver");
	ck_assert_str_eq(e[1].reference, "ENQ 2002141");
	ck_assert_str_eq(e[1].outcome, "delivered");
	ck_assert_int_eq(e[1].took_ms, 84);
	ck_assert_int_eq(e[1].at_ms, START_MS + 1184);
	ck_assert_str_eq(e[2].system, "highways");
	ck_assert_str_eq(e[2].reference, "ENQ 2002141");
	ck_assert_str_eq(e[2].detail, "in_progress");
	ck_assert_str_eq(e[3].system, "crm");
	ck_assert_str_eq(e[3].outcome, "dead");
	ck_assert_str_eq(e[3].detail, "unknown-code: PH2104 a code has no row");
	ck_assert_int_eq(e[3].took_ms, 3000); /* since its acceptance */
	ck_assert_uint_eq(e[3].acceptance, 2);
	ck_assert_str_eq(e[3].subject, "SR-0000000000001");
}

static inline void
see_nothing(const ph_ledger_answer *answer)
{
	ck_assert_int_eq(answer->status, PH_OK);
	ck_assert_uint_eq(answer->count, 0);
}

static inline void
see_both(const ph_ledger_answer *answer)
{
	ck_assert_uint_eq(answer->count, 2);
	ck_assert(!answer->more);
	const ph_ledger_message *m = answer->rows.messages;
	ck_assert_uint_eq(m[0].acceptance, 1);
	ck_assert_uint_eq(m[0].sequence, 4);
	ck_assert_uint_eq(m[0].position.offset, 400);
	ck_assert_int_eq(m[0].accepted_ms, START_MS + 1000);
	ck_assert_str_eq(m[0].id, "calderdale/Roads/3087714");
	ck_assert_str_eq(m[0].source, "urn:council:calderdale:open311");
	ck_assert_str_eq(m[0].subject, "SR-0000000000001");
	ck_assert_uint_eq(m[1].acceptance, 2);
}

static inline void
see_crm_dead(const ph_ledger_answer *answer)
{
	ck_assert_uint_eq(answer->count, 1);
	ck_assert_str_eq(answer->rows.dead[0].queue, "crm");
}

#endif
