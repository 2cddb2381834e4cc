/*
 * The ledger over a store in memory: rows from records, answers, restarts, rebuilds.
 */
#include "broker/ledger.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

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
	unsigned told[5]; /* news by kind */
} bench;

static bench b;

static void
on_applied(void *self, ph_position position)
{
	(void) self;
	ck_assert_uint_ge(position.offset, b.applied.offset);
	b.applied = position;
}

static void
on_news(void *self, ph_ledger_news news, const char *text)
{
	(void) self;
	ck_assert_uint_gt(strlen(text), 0);
	b.told[news]++;
}

static void
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

static void
setup(void)
{
	memset(&b, 0, sizeof b);
	strcpy(b.directory, "/tmp/ph-ledger-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(b.directory));
	b.store = memory_new();
	ck_assert_int_eq(ph_loop_new(ph_clock_system(), &b.loop, NULL), PH_OK);
}

static void
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

static void
reopen(void)
{
	ph_ledger_close(&b.ledger);
	(void) ph_loop_turn(b.loop, 0, NULL);
	open_ledger();
}

/* --- asking and waiting --- */

static void (*look)(const ph_ledger_answer *answer);
static bool answered;

static void
on_answer(void *self, const ph_ledger_answer *answer)
{
	(void) self;
	ck_assert(!answered);
	answered = true;
	if (look != NULL)
		look(answer);
}

static void
wait_for(const bool *flag)
{
	int64_t until = ph_clock_mono(ph_clock_system()) + 20000;
	while (!*flag && ph_clock_mono(ph_clock_system()) < until)
		ck_assert_int_eq(ph_loop_turn(b.loop, 100, NULL), PH_OK);
	ck_assert(*flag);
}

static void
ask(const ph_ledger_ask *question, void (*fn)(const ph_ledger_answer *answer))
{
	look = fn;
	answered = false;
	ck_assert_int_eq(
	    ph_ledger_query(b.ledger, question, on_answer, NULL, NULL), PH_OK);
	wait_for(&answered);
}

/* Everything the store has is told, and asked for. */
static void
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

static void
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

/* --- resolve --- */

static void
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

START_TEST(references_resolve_both_ways)
{
	history();
	open_ledger();
	ask_now(
	    (ph_ledger_ask){.kind = PH_LEDGER_RESOLVE, .lookups = lookups, .count = 6},
	    see_resolved);
}
END_TEST

/* --- cases --- */

static void
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

static void
see_nothing(const ph_ledger_answer *answer)
{
	ck_assert_int_eq(answer->status, PH_OK);
	ck_assert_uint_eq(answer->count, 0);
}

START_TEST(a_case_is_told_by_any_reference)
{
	static const char *const keys[] = {
	    "SR-0000000000001", "ENQ 2002141", "calderdale/Roads/3087714", "3087714"};
	history();
	open_ledger();
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		ask_now(
		    (ph_ledger_ask){.kind = PH_LEDGER_CASE, .key = keys[i]}, see_case);
	ask_now((ph_ledger_ask){.kind = PH_LEDGER_CASE, .key = "ENQ 1"}, see_nothing);
}
END_TEST

static void
see_refused(const ph_ledger_answer *answer)
{
	ck_assert_uint_eq(answer->count, 1);
	const ph_ledger_event *e = answer->rows.events;
	ck_assert_str_eq(e[0].system, "inbound");
	ck_assert_str_eq(e[0].event, "receive");
	ck_assert_str_eq(e[0].outcome, "dead");
	ck_assert_str_eq(e[0].detail, "conflict: PH6518 other content");
}

START_TEST(what_was_never_let_in_is_not_told_as_accepted)
{
	accepted bad = created;
	bad.stage = "accept";
	bad.reason = "conflict";
	bad.text = "PH6518 other content";
	bad.queue = 1;
	bad.key = NULL;
	add_queue(b.store, 1, "inbound");
	add_accept(b.store, &bad);
	open_ledger();
	ask_now((ph_ledger_ask){.kind = PH_LEDGER_CASE, .key = created.subject},
	    see_refused);
}
END_TEST

static void
see_bindings(const ph_ledger_answer *answer)
{
	ck_assert_uint_eq(answer->count, 2);
	ck_assert_str_eq(answer->rows.bindings[0].system, "open311");
	ck_assert_str_eq(answer->rows.bindings[1].system, "highways");
	ck_assert_str_eq(answer->rows.bindings[1].key, "ENQ 2002141");
	ck_assert_str_eq(answer->rows.bindings[1].canonical, "SR-0000000000001");
	ck_assert_int_eq(answer->rows.bindings[1].at_ms, START_MS + 1184);
}

START_TEST(bindings_are_found_from_either_side)
{
	history();
	open_ledger();
	ask_now(
	    (ph_ledger_ask){.kind = PH_LEDGER_XREFS, .key = "3087714"}, see_bindings);
	ask_now((ph_ledger_ask){.kind = PH_LEDGER_XREFS, .key = "SR-0000000000001"},
	    see_bindings);
}
END_TEST

/* --- messages --- */

static void
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

static void
see_first_of_more(const ph_ledger_answer *answer)
{
	ck_assert_uint_eq(answer->count, 1);
	ck_assert(answer->more);
	ck_assert_uint_eq(answer->rows.messages[0].acceptance, 1);
}

static void
see_second(const ph_ledger_answer *answer)
{
	ck_assert_int_eq(answer->status, PH_OK);
	ck_assert_uint_eq(answer->count, 1);
	ck_assert_uint_eq(answer->rows.messages[0].acceptance, 2);
}

START_TEST(messages_by_subject_and_by_window)
{
	const ph_ledger_ask subject = {
	    .kind = PH_LEDGER_SUBJECT, .key = "SR-0000000000001"};
	ph_ledger_ask type = {.kind = PH_LEDGER_TYPE, .key = updated.type};
	history();
	open_ledger();
	ask_now(subject, see_both);
	ph_ledger_ask one = subject;
	one.most = 1;
	ask_now(one, see_first_of_more);
	ask_now(type, see_second);
	type.from_ms = START_MS + 2000;
	type.to_ms = START_MS + 2001;
	ask_now(type, see_second);
	type.from_ms = START_MS + 1000;
	type.to_ms = START_MS + 2000; /* not included */
	ask_now(type, see_nothing);
	type.key = "council.never.seen.v1";
	ask_now(type, see_nothing);
}
END_TEST

START_TEST(messages_are_found_by_what_is_known)
{
	ph_ledger_ask find = {.kind = PH_LEDGER_FIND};
	history();
	open_ledger();
	find.find = (ph_ledger_find){.id = "2002141_7"};
	ask_now(find, see_second);
	find.find = (ph_ledger_find){.attribute = "status", .value = "in_progress"};
	ask_now(find, see_second);
	find.find = (ph_ledger_find){.reference = "ENQ 2002141", .type = updated.type};
	ask_now(find, see_second);
	find.find =
	    (ph_ledger_find){.source = updated.source, .subject = updated.subject};
	ask_now(find, see_second);
	find.find = (ph_ledger_find){.attribute = "status", .value = "closed"};
	ask_now(find, see_nothing);
	find.find = (ph_ledger_find){.attribute = "status", .value = "x' or '1'='1"};
	ask_now(find, see_nothing);
}
END_TEST

static unsigned
count_rows(const char *table)
{
	char path[128], text[128];
	sqlite3 *db = NULL;
	sqlite3_stmt *statement = NULL;
	snprintf(path, sizeof path, "%s/ledger.sqlite", b.directory);
	snprintf(text, sizeof text, "select count(*) from %s", table);
	ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_prepare_v2(db, text, -1, &statement, NULL), SQLITE_OK);
	ck_assert_int_eq(sqlite3_step(statement), SQLITE_ROW);
	unsigned count = (unsigned) sqlite3_column_int(statement, 0);
	sqlite3_finalize(statement);
	sqlite3_close(db);
	return count;
}

static void
see_place(const ph_ledger_answer *answer)
{
	ck_assert_uint_eq(answer->count, 1);
	ck_assert_uint_eq(answer->rows.messages[0].acceptance, 1024);
	ck_assert_uint_eq(answer->rows.messages[0].sequence, 1025);
}

static void
see_beginning(const ph_ledger_answer *answer)
{
	ck_assert_uint_eq(answer->count, 1);
	ck_assert_uint_eq(answer->rows.messages[0].position.offset, 0);
}

START_TEST(messages_without_a_subject_cost_no_rows)
{
	add_queue(b.store, CRM, "crm");
	for (uint64_t i = 1; i <= 1500; i++) {
		add_accept(b.store, &(accepted){.acceptance = i,
					.id = "m",
					.source = "/bench",
					.type = "x.y",
					.queue = CRM});
	}
	open_ledger();
	ask_now(
	    (ph_ledger_ask){.kind = PH_LEDGER_MESSAGE, .acceptance = 1499}, see_place);
	ask_now(
	    (ph_ledger_ask){.kind = PH_LEDGER_MESSAGE, .acceptance = 7}, see_beginning);
	ph_ledger_close(&b.ledger);
	ck_assert_uint_eq(count_rows("message"), 0);
	ck_assert_uint_eq(count_rows("event"), 0);
	ck_assert_uint_eq(count_rows("place"), 1);
}
END_TEST

/* --- dead letters --- */

static void
see_two_dead(const ph_ledger_answer *answer)
{
	ck_assert_int_eq(answer->status, PH_OK);
	ck_assert_uint_eq(answer->count, 2);
	const ph_ledger_dead *d = answer->rows.dead;
	ck_assert_str_eq(d[0].queue, "inbound");
	ck_assert_uint_eq(d[0].acceptance, 3);
	ck_assert_uint_eq(d[0].attempts, 0);
	ck_assert_str_eq(d[0].stage, "decode");
	ck_assert_str_eq(d[0].path, "somewhere");
	ck_assert_str_eq(d[0].id, "receipt-1");
	ck_assert_str_eq(d[0].subject, "");
	ck_assert_str_eq(d[1].queue, "crm");
	ck_assert_uint_eq(d[1].attempts, 3);
	ck_assert_str_eq(d[1].reason, "unknown-code");
	ck_assert_str_eq(d[1].subject, "SR-0000000000001");
	ck_assert_str_eq(d[1].state, "open");
}

static void
see_replayed(const ph_ledger_answer *answer)
{
	ck_assert_uint_eq(answer->count, 1);
	ck_assert_str_eq(answer->rows.dead[0].state, "replayed");
}

static void
see_crm_dead(const ph_ledger_answer *answer)
{
	ck_assert_uint_eq(answer->count, 1);
	ck_assert_str_eq(answer->rows.dead[0].queue, "crm");
}

START_TEST(dead_letters_are_listed_until_somebody_acts)
{
	history();
	add_accept(b.store, &(accepted){.acceptance = 3,
				.id = "receipt-1",
				.source = "urn:council:calderdale:waste",
				.type = "council.inbound.v1",
				.stage = "decode",
				.reason = "malformed",
				.text = "PH3102 not well-formed",
				.queue = 1});
	open_ledger();
	ask_now((ph_ledger_ask){.kind = PH_LEDGER_DEAD}, see_two_dead);
	ask_now((ph_ledger_ask){.kind = PH_LEDGER_DEAD, .key = "crm"}, see_crm_dead);
	add_verdict(b.store, PH_RECORD_REPLAY, 2, CRM);
	add_verdict(b.store, PH_RECORD_DISCARD, 3, 1);
	ask_now((ph_ledger_ask){.kind = PH_LEDGER_DEAD}, see_nothing);
	ask_now(
	    (ph_ledger_ask){.kind = PH_LEDGER_DEAD_ONE, .key = "crm", .acceptance = 2},
	    see_replayed);
	/* and it may die again */
	add_outcome(b.store, &(ended){.acceptance = 2,
				 .queue = CRM,
				 .attempt = 4,
				 .outcome = 4,
				 .state = PH_RECORD_DEAD,
				 .at_ms = START_MS + 6000,
				 .stage = "map",
				 .reason = "unknown-code"});
	ask_now((ph_ledger_ask){.kind = PH_LEDGER_DEAD}, see_crm_dead);
}
END_TEST

/* --- positions --- */

START_TEST(a_question_waits_until_its_position_is_applied)
{
	ph_ledger_ask question = {.kind = PH_LEDGER_SUBJECT, .key = "SR-0000000000001"};
	history();
	size_t all = b.store->count;
	b.store->visible = 4; /* the first message only */
	open_ledger();
	question.upto.offset = 701; /* behind the second */
	look = see_both;
	answered = false;
	ck_assert_int_eq(
	    ph_ledger_query(b.ledger, &question, on_answer, NULL, NULL), PH_OK);
	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(ph_loop_turn(b.loop, 20, NULL), PH_OK);
	ck_assert(!answered);
	b.store->visible = all;
	ph_ledger_durable(b.ledger, ph_store_durable(&b.store->base));
	wait_for(&answered);
	ck_assert_uint_ge(b.applied.offset, 701);
}
END_TEST

/* Nothing can be written behind what the file's log has now; or everything again. */
static void
fill_disk(bool full)
{
	struct rlimit limit;
	struct stat log;
	char path[128];
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	if (full) {
		snprintf(path, sizeof path, "%s/ledger.sqlite-wal", b.directory);
		ck_assert_int_eq(stat(path, &log), 0);
		limit.rlim_cur = (rlim_t) log.st_size;
		signal(SIGXFSZ, SIG_IGN);
	}
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void
see_trouble(const ph_ledger_answer *answer)
{
	ck_assert_int_ne(answer->status, PH_OK);
}

START_TEST(what_it_has_is_answered_while_the_disk_is_full)
{
	const ph_ledger_ask resolve = {
	    .kind = PH_LEDGER_RESOLVE, .lookups = lookups, .count = 6};
	accepted later = created;
	later.acceptance = 3;
	later.id = "calderdale/Roads/3087715";
	later.key = "calderdale/Roads/3087715";
	later.subject = "SR-0000000000002";
	history();
	open_ledger();
	ask_now(resolve, see_resolved);
	fill_disk(true);
	add_accept(b.store, &later);
	ph_ledger_durable(b.ledger, ph_store_durable(&b.store->base));
	for (int i = 0; i < 3; i++)
		ask(&resolve, see_resolved);
	ck_assert_uint_eq(b.told[PH_LEDGER_FAILED], 1);
	/* what needs more is refused, or waits if it is patient */
	ask_now(resolve, see_trouble);
	ph_ledger_ask patient = resolve;
	patient.current = patient.patient = true;
	look = see_resolved;
	answered = false;
	ck_assert_int_eq(
	    ph_ledger_query(b.ledger, &patient, on_answer, NULL, NULL), PH_OK);
	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(ph_loop_turn(b.loop, 20, NULL), PH_OK);
	ck_assert(!answered);
	fill_disk(false);
	wait_for(&answered);
	while (b.applied.offset < ph_store_durable(&b.store->base).offset)
		ck_assert_int_eq(ph_loop_turn(b.loop, 100, NULL), PH_OK);
	ck_assert_uint_eq(b.told[PH_LEDGER_REBUILT], 0);
}
END_TEST

START_TEST(the_loop_is_told_how_far_the_rows_are)
{
	history();
	open_ledger();
	ask_now((ph_ledger_ask){.kind = PH_LEDGER_CASE, .key = "3087714"}, NULL);
	ck_assert_uint_eq(b.applied.offset, ph_store_durable(&b.store->base).offset);
	ph_ledger_state state;
	ph_ledger_look(b.ledger, &state);
	ck_assert(!state.rebuilding);
	ck_assert_uint_gt(state.rows, 0);
	reopen();
	ask_now((ph_ledger_ask){.kind = PH_LEDGER_CASE, .key = "3087714"}, see_case);
	ck_assert_uint_ge(b.applied.offset, 800);
	ck_assert_uint_eq(b.told[PH_LEDGER_REBUILT], 0);
}
END_TEST

/* --- the file --- */

static char *
dump(const char *path)
{
	char command[256];
	snprintf(command, sizeof command, "sqlite3 %s .dump", path);
	FILE *pipe = popen(command, "r");
	ck_assert_ptr_nonnull(pipe);
	char *text = calloc(1, 1 << 20);
	ck_assert_ptr_nonnull(text);
	size_t length = fread(text, 1, (1 << 20) - 1, pipe);
	ck_assert_uint_gt(length, 1000);
	ck_assert_int_eq(pclose(pipe), 0);
	return text;
}

/* The dump of a ledger that was folded step by step, over restarts. */
static char *
dump_and_close(void)
{
	char path[128];
	ask_now((ph_ledger_ask){.kind = PH_LEDGER_CASE, .key = "x"}, see_nothing);
	ph_ledger_close(&b.ledger);
	snprintf(path, sizeof path, "%s/ledger.sqlite", b.directory);
	return dump(path);
}

static void
remove_files(void)
{
	static const char *const suffixes[] = {"", "-wal", "-shm"};
	char path[128];
	for (size_t i = 0; i < 3; i++) {
		snprintf(
		    path, sizeof path, "%s/ledger.sqlite%s", b.directory, suffixes[i]);
		(void) unlink(path);
	}
}

START_TEST(a_rebuilt_ledger_equals_the_one_that_was_lost)
{
	history();
	size_t all = b.store->count;
	b.store->visible = 5;
	open_ledger();
	ask_now((ph_ledger_ask){.kind = PH_LEDGER_DEAD}, see_nothing);
	b.store->visible = all;
	reopen();
	add_verdict(b.store, PH_RECORD_REPLAY, 2, CRM);
	char *lost = dump_and_close();
	remove_files();
	open_ledger();
	char *rebuilt = dump_and_close();
	ck_assert_str_eq(lost, rebuilt);
	free(lost);
	free(rebuilt);
}
END_TEST

static unsigned
files_aside(void)
{
	unsigned count = 0;
	DIR *directory = opendir(b.directory);
	ck_assert_ptr_nonnull(directory);
	for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
		count += strstr(entry->d_name, ".damaged-") != NULL &&
			 strstr(entry->d_name, "-wal") == NULL;
	closedir(directory);
	return count;
}

/* Overwrite bytes of the file. */
static void
scribble(off_t from, size_t length)
{
	char path[128], bytes[4096];
	snprintf(path, sizeof path, "%s/ledger.sqlite", b.directory);
	int fd = open(path, O_WRONLY | O_CREAT, 0600);
	ck_assert_int_ge(fd, 0);
	memset(bytes, 0x5a, sizeof bytes);
	while (length > 0) {
		size_t some = length < sizeof bytes ? length : sizeof bytes;
		ck_assert_int_eq(pwrite(fd, bytes, some, from), (ssize_t) some);
		from += (off_t) some;
		length -= some;
	}
	close(fd);
}

START_TEST(a_file_that_is_no_database_is_moved_aside)
{
	history();
	scribble(0, 8192);
	open_ledger();
	ask_now((ph_ledger_ask){.kind = PH_LEDGER_CASE, .key = "3087714"}, see_case);
	ck_assert_uint_eq(b.told[PH_LEDGER_REBUILT], 1);
	ck_assert_uint_eq(files_aside(), 1);
}
END_TEST

static off_t
file_size(void)
{
	char path[128];
	struct stat status;
	snprintf(path, sizeof path, "%s/ledger.sqlite", b.directory);
	ck_assert_int_eq(stat(path, &status), 0);
	return status.st_size;
}

static void
remove_all(void)
{
	char command[128];
	snprintf(command, sizeof command, "rm -f %s/ledger.sqlite*", b.directory);
	ck_assert_int_eq(system(command), 0);
}

/* Whichever page it is, and whether or not the question needs it. */
START_TEST(a_damaged_page_is_found_and_the_rows_built_again)
{
	history();
	open_ledger();
	ask_now((ph_ledger_ask){.kind = PH_LEDGER_CASE, .key = "3087714"}, see_case);
	ph_ledger_close(&b.ledger);
	off_t size = file_size();
	ck_assert_int_ge(size, 10 * 4096);
	for (off_t page = 0; page < size; page += 4096) {
		remove_all();
		open_ledger();
		ask_now((ph_ledger_ask){.kind = PH_LEDGER_DEAD, .key = "crm"}, NULL);
		ph_ledger_close(&b.ledger);
		scribble(page, 4096);
		b.told[PH_LEDGER_REBUILT] = 0;
		open_ledger();
		ask_now(
		    (ph_ledger_ask){
			.kind = PH_LEDGER_RESOLVE, .lookups = lookups, .count = 6},
		    see_resolved);
		ask_now((ph_ledger_ask){.kind = PH_LEDGER_CASE, .key = "3087714"},
		    see_case);
		ck_assert_msg(b.told[PH_LEDGER_REBUILT] == 1, "page %d: %u",
		    (int) (page / 4096), b.told[PH_LEDGER_REBUILT]);
		ck_assert_uint_eq(files_aside(), 1);
		ph_ledger_close(&b.ledger);
	}
}
END_TEST

static void
run_sql(const char *text)
{
	char path[128];
	sqlite3 *db = NULL;
	snprintf(path, sizeof path, "%s/ledger.sqlite", b.directory);
	ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
	ck_assert_int_eq(sqlite3_close(db), SQLITE_OK);
}

START_TEST(another_layout_is_moved_aside)
{
	static const char *const changes[] = {"pragma user_version = 99",
	    "pragma application_id = 7", "drop table event", "drop table meta"};
	history();
	for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
		open_ledger();
		ask_now((ph_ledger_ask){.kind = PH_LEDGER_CASE, .key = "3087714"},
		    see_case);
		ph_ledger_close(&b.ledger);
		run_sql(changes[i]);
		open_ledger();
		ask_now((ph_ledger_ask){.kind = PH_LEDGER_CASE, .key = "3087714"},
		    see_case);
		ck_assert_uint_eq(b.told[PH_LEDGER_REBUILT], i + 1);
		ph_ledger_close(&b.ledger);
	}
	ck_assert_uint_eq(files_aside(), sizeof changes / sizeof *changes);
}
END_TEST

START_TEST(only_we_may_read_the_file)
{
	struct stat status;
	char path[128];
	mode_t before = umask(0);
	history();
	open_ledger();
	ask_now((ph_ledger_ask){.kind = PH_LEDGER_CASE, .key = "3087714"}, see_case);
	static const char *const suffixes[] = {"", "-wal", "-shm"};
	for (size_t i = 0; i < 3; i++) {
		snprintf(
		    path, sizeof path, "%s/ledger.sqlite%s", b.directory, suffixes[i]);
		ck_assert_int_eq(stat(path, &status), 0);
		ck_assert_uint_eq(status.st_mode & 0777, 0600);
	}
	umask(before);
}
END_TEST

/* --- the journal changes under the ledger --- */

START_TEST(a_ledger_that_has_seen_lost_records_is_built_again)
{
	history();
	open_ledger();
	ask_now((ph_ledger_ask){.kind = PH_LEDGER_CASE, .key = "3087714"}, see_case);
	ph_ledger_close(&b.ledger);
	free(b.store->records[--b.store->count].body); /* a torn tail */
	b.store->visible = b.store->count;
	open_ledger();
	ask_now((ph_ledger_ask){.kind = PH_LEDGER_DEAD}, see_nothing);
	ck_assert_uint_eq(b.told[PH_LEDGER_REBUILT], 1);
}
END_TEST

START_TEST(another_journal_is_noticed)
{
	history();
	open_ledger();
	ask_now((ph_ledger_ask){.kind = PH_LEDGER_CASE, .key = "3087714"}, see_case);
	ph_ledger_close(&b.ledger);
	memory_free(b.store);
	b.store = memory_new();
	add_queue(b.store, CRM, "crm");
	for (uint64_t i = 1; i <= 20; i++)
		add_accept(b.store, &(accepted){.acceptance = i,
					.id = "m",
					.source = "/other",
					.type = "x.y",
					.queue = CRM});
	open_ledger();
	ask_now((ph_ledger_ask){.kind = PH_LEDGER_CASE, .key = "3087714"}, see_nothing);
	ck_assert_uint_eq(b.told[PH_LEDGER_REBUILT], 1);
}
END_TEST

static void
see_moved(const ph_ledger_answer *answer)
{
	ck_assert_uint_eq(answer->count, 2);
	ck_assert_uint_eq(answer->rows.messages[0].position.offset, 400);
	ck_assert_uint_eq(answer->rows.messages[1].position.offset, 700 + 5000);
}

START_TEST(places_are_mended_when_the_tail_has_moved)
{
	const ph_ledger_ask question = {
	    .kind = PH_LEDGER_SUBJECT, .key = "SR-0000000000001"};
	history();
	open_ledger();
	ask_now(question, see_both);
	ph_ledger_close(&b.ledger);
	b.store->shift = 5000;
	b.store->shift_from = 6;
	open_ledger();
	ask_now(question, see_moved);
	char *mended = dump_and_close();
	remove_files();
	open_ledger();
	char *rebuilt = dump_and_close();
	ck_assert_str_eq(mended, rebuilt);
	ck_assert_uint_eq(b.told[PH_LEDGER_REBUILT], 0);
	free(mended);
	free(rebuilt);
}
END_TEST

static void
see_first_binding(const ph_ledger_answer *answer)
{
	ck_assert(answer->rows.found[0].known);
	ck_assert_str_eq(answer->rows.found[0].value, "SR-0000000000001");
}

START_TEST(a_contradicting_binding_is_told_and_the_first_stays)
{
	accepted other = created;
	other.acceptance = 3;
	other.subject = "SR-0000000000002";
	other.system = "highways";
	other.key = "ENQ 2002141";
	history();
	add_accept(b.store, &other);
	open_ledger();
	ask_now(
	    (ph_ledger_ask){.kind = PH_LEDGER_RESOLVE, .lookups = lookups, .count = 1},
	    see_first_binding);
	ck_assert_uint_eq(b.told[PH_LEDGER_CONFLICT], 1);
}
END_TEST

START_TEST(a_record_that_makes_no_sense_is_passed_over)
{
	ph_buffer body;
	ph_buffer_init(&body, 0);
	ph_buffer_text(&body, "no record of ours");
	memory_add(b.store, PH_RECORD_ACCEPT, &body);
	history();
	open_ledger();
	ask_now((ph_ledger_ask){.kind = PH_LEDGER_DEAD, .key = "crm"}, see_crm_dead);
	ck_assert_uint_eq(b.told[PH_LEDGER_DAMAGED], 1);
}
END_TEST

/* --- many --- */

static void
see_window(const ph_ledger_answer *answer)
{
	ck_assert_uint_eq(answer->count, 100);
	ck_assert_uint_eq(answer->rows.messages[0].acceptance, 5000);
}

START_TEST(many_records_are_folded_in_batches)
{
	char id[32], subject[32];
	add_queue(b.store, CRM, "crm");
	for (uint64_t i = 1; i <= 9000; i++) {
		snprintf(id, sizeof id, "%llu", (unsigned long long) i);
		snprintf(subject, sizeof subject, "SR-%013llu", (unsigned long long) i);
		add_accept(b.store, &(accepted){.acceptance = i,
					.id = id,
					.source = "/many",
					.type = "council.service-request.created.v1",
					.subject = subject,
					.queue = CRM});
		add_outcome(b.store, &(ended){.acceptance = i,
					 .queue = CRM,
					 .attempt = 1,
					 .outcome = 1,
					 .state = PH_RECORD_SETTLED,
					 .at_ms = START_MS + (int64_t) i * 1000 + 5,
					 .reference = id,
					 .system = "crm",
					 .canonical = subject});
	}
	open_ledger();
	ask_now((ph_ledger_ask){.kind = PH_LEDGER_TYPE,
		    .key = "council.service-request.created.v1",
		    .from_ms = START_MS + 5000000,
		    .to_ms = START_MS + 5100000},
	    see_window);
}
END_TEST

START_TEST(closing_at_once_leaves_nothing_behind)
{
	history();
	open_ledger();
	ph_ledger_ask question = {.kind = PH_LEDGER_DEAD, .current = true};
	look = NULL;
	answered = false;
	ck_assert_int_eq(
	    ph_ledger_query(b.ledger, &question, on_answer, NULL, NULL), PH_OK);
	ph_ledger_close(&b.ledger);
	(void) ph_loop_turn(b.loop, 0, NULL);
	ck_assert(!answered);
}
END_TEST

static Suite *
ledger_suite(void)
{
	Suite *suite = suite_create("ledger");
	TCase *tests = tcase_create("ledger");
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, references_resolve_both_ways);
	tcase_add_test(tests, a_case_is_told_by_any_reference);
	tcase_add_test(tests, what_was_never_let_in_is_not_told_as_accepted);
	tcase_add_test(tests, bindings_are_found_from_either_side);
	tcase_add_test(tests, messages_by_subject_and_by_window);
	tcase_add_test(tests, messages_are_found_by_what_is_known);
	tcase_add_test(tests, messages_without_a_subject_cost_no_rows);
	tcase_add_test(tests, dead_letters_are_listed_until_somebody_acts);
	tcase_add_test(tests, a_question_waits_until_its_position_is_applied);
	tcase_add_test(tests, what_it_has_is_answered_while_the_disk_is_full);
	tcase_add_test(tests, the_loop_is_told_how_far_the_rows_are);
	tcase_add_test(tests, a_rebuilt_ledger_equals_the_one_that_was_lost);
	tcase_add_test(tests, a_file_that_is_no_database_is_moved_aside);
	tcase_add_test(tests, a_damaged_page_is_found_and_the_rows_built_again);
	tcase_add_test(tests, another_layout_is_moved_aside);
	tcase_add_test(tests, only_we_may_read_the_file);
	tcase_add_test(tests, a_ledger_that_has_seen_lost_records_is_built_again);
	tcase_add_test(tests, another_journal_is_noticed);
	tcase_add_test(tests, places_are_mended_when_the_tail_has_moved);
	tcase_add_test(tests, a_contradicting_binding_is_told_and_the_first_stays);
	tcase_add_test(tests, a_record_that_makes_no_sense_is_passed_over);
	tcase_add_test(tests, many_records_are_folded_in_batches);
	tcase_add_test(tests, closing_at_once_leaves_nothing_behind);
	suite_add_tcase(suite, tests);
	return suite;
}

int
main(void)
{
	return ph_check_main(ledger_suite());
}
