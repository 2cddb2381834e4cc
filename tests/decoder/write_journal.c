/*
 * write_journal - a journal with every kind of record, and what is in it in JSON lines.
 *
 *	write_journal write DIR FIRST COUNT	COUNT rounds of records, flushed; then dies, unclosed
 *	write_journal close DIR			opens and closes
 *	write_journal trim DIR			gives back what is before the last file; dies, unclosed
 *	write_journal print DIR			what the journal's reader gives; opens and closes, too
 *	write_journal check DIR			opens only: prints damage and torn ends as the decoder does
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/journal.h"
#include "broker/record.h"

static void
die(const ph_error *err)
{
	fprintf(stderr, "write_journal: %s %s\n", err->where, err->text);
	exit(2);
}

static ph_store *
open_journal(const char *directory)
{
	const ph_journal_config config = {
	    .directory = directory,
	    .segment_bytes = 1u << 20,
	};
	ph_store *store;
	ph_error err = {0};

	if (ph_journal_open(&config, &store, NULL, &err) != PH_OK)
		die(&err);
	return store;
}

static void
submit(ph_store *store, uint8_t type, ph_buffer *body, ph_view more)
{
	const ph_store_part parts[] = {
	    {body->data, body->length}, {more.data, more.length}};
	ph_position position;
	ph_error err = {0};

	if (body->failed || ph_store_submit(store, type, PH_STORE_NEW, parts, 2,
				&position, &err) != PH_OK)
		die(&err);
	ph_buffer_clear(body);
}

/* --- writing --------------------------------------------------------------------------- */

static const ph_record_failure failure = {
    .stage = {"map", 3},
    .reason = {"unknown-code", 12},
    .path = {"/service_code", 13},
    .text = {"caf\xc3\xa9 \xe2\x82\xac", 9},
};

static void
bind_two(ph_record_bindings *out, uint64_t round)
{
	static const char *const keys[] = {"HW-1", "HW-22", "HW-333"};

	out->count = 2;
	out->list[0] = (ph_record_binding){
	    .entity = ph_view_of("service-request"),
	    .system = ph_view_of("highways"),
	    .key = ph_view_of(keys[round % 3]),
	    .canonical = ph_view_of("SR-0123456789ABC"),
	};
	out->list[1] = (ph_record_binding){.entity = ph_view_of("case")};
}

static void
write_accepts(ph_store *store, uint64_t round, ph_buffer *body)
{
	static ph_record_accept accept;
	static char message[70000];
	size_t length = (size_t) (round * 7919 % sizeof message);

	memset(&accept, 0, sizeof accept);
	accept.acceptance = round;
	accept.accepted_ms = 1795406400000 + (int64_t) round;
	accept.generation = 3;
	accept.hops = (uint8_t) (round % 5);
	memset(accept.id, (int) round, sizeof accept.id);
	memset(accept.content, (int) (round + 1), sizeof accept.content);
	accept.queue_count = 1 + round % 4;
	for (size_t i = 0; i < accept.queue_count; i++)
		accept.queues[i] = (uint16_t) (i * 257 + 1);
	for (size_t i = 0; i < length; i++)
		message[i] = (char) (i * 31 + round);
	accept.message = (ph_view){message, length};
	accept.has_cursor = round % 2 == 0;
	accept.cursor_name = ph_view_of("highways/status");
	accept.cursor = (ph_view){"\0\1\xff", 3};
	accept.has_failure = round % 3 == 0;
	accept.failure = failure;
	if (round % 5 == 0)
		bind_two(&accept.bindings, round);
	ph_record_accept_encode(&accept, body);
	submit(store, PH_RECORD_ACCEPT, body, accept.message);
	accept.ignored = true;
	accept.queue_count = 0;
	accept.message.length = 0;
	ph_record_accept_encode(&accept, body);
	submit(store, PH_RECORD_ACCEPT, body, accept.message);
}

static void
write_outcomes(ph_store *store, uint64_t round, ph_buffer *body)
{
	static ph_record_outcome outcome;

	outcome = (ph_record_outcome){
	    .acceptance = round,
	    .at_ms = 1795406500000,
	    .queue = 1,
	    .attempt = 1,
	    .outcome = 1,
	    .state = PH_RECORD_SETTLED,
	};
	ph_record_outcome_encode(&outcome, body);
	submit(store, PH_RECORD_OUTCOME, body, (ph_view){0});
	outcome.outcome = (uint8_t) (1 + round % 5);
	outcome.state = (uint8_t) (1 + round % 3);
	outcome.not_before_ms = round % 2 == 0 ? 1795406560000 : 0;
	outcome.reference = ph_view_of(round % 3 == 0 ? "" : "WS-77");
	outcome.has_failure = round % 4 == 0;
	outcome.failure = failure;
	if (round % 2 == 1)
		bind_two(&outcome.bindings, round);
	ph_record_outcome_encode(&outcome, body);
	submit(store, PH_RECORD_OUTCOME, body, (ph_view){0});
}

static void
write_small_ones(ph_store *store, uint64_t round, ph_buffer *body)
{
	static ph_record_bindings bindings;
	const ph_record_verdict verdict = {
	    .acceptance = round,
	    .at_ms = 6,
	    .queue = 7,
	    .by = ph_view_of("operator"),
	    .reason = ph_view_of("a test"),
	};

	ph_record_queue_encode(
	    &(ph_record_queue){.number = 1, .name = ph_view_of("highways")}, body);
	submit(store, PH_RECORD_QUEUE, body, (ph_view){0});
	ph_record_attempt_encode(
	    &(ph_record_attempt){
		.acceptance = round, .at_ms = 9, .queue = 1, .attempt = 2},
	    body);
	submit(store, PH_RECORD_ATTEMPT, body, (ph_view){0});
	ph_record_progress_encode(&(ph_record_progress){.acceptance = round,
				      .queue = 1,
				      .reference = ph_view_of("HW-1"),
				      .resume = {"\0photo", 6}},
	    body);
	submit(store, PH_RECORD_PROGRESS, body, (ph_view){0});
	ph_record_replay_encode(&verdict, body);
	submit(store, PH_RECORD_REPLAY, body, (ph_view){0});
	ph_record_discard_encode(&verdict, body);
	submit(store, PH_RECORD_DISCARD, body, (ph_view){0});
	ph_record_cursor_encode(
	    &(ph_record_cursor){.name = ph_view_of("waste/poll"), .bytes = {"2026", 4}},
	    body);
	submit(store, PH_RECORD_CURSOR, body, (ph_view){0});
	bind_two(&bindings, round);
	ph_record_bind_encode(&bindings, body);
	submit(store, PH_RECORD_BIND, body, (ph_view){0});
	ph_record_carry_encode(PH_RECORD_OUTCOME, body);
	ph_record_outcome_encode(&(ph_record_outcome){.acceptance = round,
				     .queue = 1,
				     .attempt = 2,
				     .outcome = 4,
				     .state = PH_RECORD_DEAD},
	    body);
	submit(store, PH_RECORD_CARRY, body, (ph_view){0});
}

static int
write_rounds(const char *directory, uint64_t first, uint64_t count)
{
	ph_store *store = open_journal(directory);
	ph_buffer body;
	ph_error err = {0};

	ph_buffer_init(&body, 0);
	for (uint64_t round = first; round < first + count; round++) {
		write_accepts(store, round, &body);
		write_outcomes(store, round, &body);
		write_small_ones(store, round, &body);
		if (ph_store_flush(store, NULL, &err) != PH_OK)
			die(&err);
	}
	fflush(stdout);
	_exit(0); /* as if killed: nothing is closed */
}

/* --- printing -------------------------------------------------------------------------- */

static void
print_hex(const char *name, const void *bytes, size_t length)
{
	const uint8_t *at = bytes;

	printf(", \"%s\": \"", name);
	for (size_t i = 0; i < length; i++)
		printf("%02x", at[i]);
	putchar('"');
}

static void
print_text(const char *name, ph_view text)
{
	printf(", \"%s\": \"%.*s\"", name, (int) text.length, text.data);
}

static void
print_number(const char *name, uint64_t number)
{
	printf(", \"%s\": %" PRIu64, name, number);
}

static void
print_failure(const ph_record_failure *why)
{
	printf(", \"failure\": {\"stage\": \"%.*s\"", (int) why->stage.length,
	    why->stage.data);
	print_text("reason", why->reason);
	print_text("path", why->path);
	print_text("text", why->text);
	putchar('}');
}

static void
print_bindings(const ph_record_bindings *bindings)
{
	printf(", \"bindings\": [");
	for (size_t i = 0; i < bindings->count; i++) {
		const ph_record_binding *one = &bindings->list[i];

		printf("%s{\"entity\": \"%.*s\"", i > 0 ? ", " : "",
		    (int) one->entity.length, one->entity.data);
		print_text("system", one->system);
		print_text("key", one->key);
		print_text("canonical", one->canonical);
		putchar('}');
	}
	putchar(']');
}

static ph_status
print_accept(const ph_store_record *record, ph_error *err)
{
	static ph_record_accept accept;
	ph_status status =
	    ph_record_accept_decode(record->body, record->length, &accept, err);

	if (status != PH_OK)
		return status;
	print_number("acceptance", accept.acceptance);
	print_number("accepted_ms", (uint64_t) accept.accepted_ms);
	print_number("generation", accept.generation);
	print_number("hops", accept.hops);
	print_hex("id", accept.id, sizeof accept.id);
	print_hex("content", accept.content, sizeof accept.content);
	printf(", \"queues\": [");
	for (size_t i = 0; i < accept.queue_count; i++)
		printf("%s%u", i > 0 ? ", " : "", accept.queues[i]);
	putchar(']');
	print_bindings(&accept.bindings);
	if (accept.has_cursor) {
		print_text("cursor_name", accept.cursor_name);
		print_hex("cursor", accept.cursor.data, accept.cursor.length);
	}
	if (accept.has_failure)
		print_failure(&accept.failure);
	print_hex("message", accept.message.data, accept.message.length);
	return PH_OK;
}

static ph_status
print_outcome(const ph_store_record *record, ph_error *err)
{
	static ph_record_outcome outcome;
	ph_status status =
	    ph_record_outcome_decode(record->body, record->length, &outcome, err);

	if (status != PH_OK)
		return status;
	print_number("acceptance", outcome.acceptance);
	print_number("at_ms", (uint64_t) outcome.at_ms);
	print_number("queue", outcome.queue);
	print_number("attempt", outcome.attempt);
	print_number("outcome", outcome.outcome);
	print_number("state", outcome.state);
	if (outcome.not_before_ms != 0)
		print_number("not_before_ms", (uint64_t) outcome.not_before_ms);
	if (outcome.reference.length > 0)
		print_text("reference", outcome.reference);
	if (outcome.has_failure)
		print_failure(&outcome.failure);
	if (outcome.bindings.count > 0)
		print_bindings(&outcome.bindings);
	return PH_OK;
}

static ph_status
print_delivery(const ph_store_record *record, ph_error *err)
{
	ph_record_attempt attempt;
	ph_record_progress progress;
	ph_record_verdict verdict;
	ph_status status;

	if (record->type == PH_RECORD_ATTEMPT) {
		status = ph_record_attempt_decode(
		    record->body, record->length, &attempt, err);
		if (status != PH_OK)
			return status;
		print_number("acceptance", attempt.acceptance);
		print_number("at_ms", (uint64_t) attempt.at_ms);
		print_number("queue", attempt.queue);
		print_number("attempt", attempt.attempt);
		return PH_OK;
	}
	if (record->type == PH_RECORD_PROGRESS) {
		status = ph_record_progress_decode(
		    record->body, record->length, &progress, err);
		if (status != PH_OK)
			return status;
		print_number("acceptance", progress.acceptance);
		print_number("queue", progress.queue);
		print_text("reference", progress.reference);
		print_hex("resume", progress.resume.data, progress.resume.length);
		return PH_OK;
	}
	status =
	    record->type == PH_RECORD_REPLAY
		? ph_record_replay_decode(record->body, record->length, &verdict, err)
		: ph_record_discard_decode(record->body, record->length, &verdict, err);
	if (status != PH_OK)
		return status;
	print_number("acceptance", verdict.acceptance);
	print_number("at_ms", (uint64_t) verdict.at_ms);
	print_number("queue", verdict.queue);
	print_text("by", verdict.by);
	if (record->type == PH_RECORD_DISCARD)
		print_text("reason", verdict.reason);
	return PH_OK;
}

static ph_status
print_name(const ph_store_record *record, ph_error *err)
{
	static ph_record_bindings bindings;
	ph_record_queue queue;
	ph_record_cursor cursor;
	ph_status status;

	if (record->type == PH_RECORD_QUEUE) {
		status =
		    ph_record_queue_decode(record->body, record->length, &queue, err);
		if (status == PH_OK) {
			print_number("number", queue.number);
			print_text("name", queue.name);
		}
		return status;
	}
	if (record->type == PH_RECORD_CURSOR) {
		status =
		    ph_record_cursor_decode(record->body, record->length, &cursor, err);
		if (status == PH_OK) {
			print_text("name", cursor.name);
			print_hex("value", cursor.bytes.data, cursor.bytes.length);
		}
		return status;
	}
	status = ph_record_bind_decode(record->body, record->length, &bindings, err);
	if (status == PH_OK)
		print_bindings(&bindings);
	return status;
}

static ph_status
print_carry(const ph_store_record *record, ph_error *err)
{
	ph_record_carry is;
	ph_store_record carried = *record;
	ph_status status =
	    ph_record_carry_decode(record->body, record->length, &is, err);

	if (status != PH_OK)
		return status;
	carried.body = is.body;
	carried.length = is.length;
	print_text("carried", ph_view_of(ph_record_type_name((uint8_t) is.type)));
	return is.type == PH_RECORD_ACCEPT ? print_accept(&carried, err)
					   : print_outcome(&carried, err);
}

static void
print_record(const ph_store_record *record)
{
	ph_error err = {0};
	ph_status status = ph_record_type_check(record->type, &err);

	printf("{\"sequence\": %" PRIu64 ", \"wall_ms\": %" PRId64 ", \"type\": \"%s\"",
	    record->sequence, record->wall_ms, ph_record_type_name(record->type));
	if (status == PH_OK && record->type == PH_RECORD_ACCEPT)
		status = print_accept(record, &err);
	else if (status == PH_OK && record->type == PH_RECORD_OUTCOME)
		status = print_outcome(record, &err);
	else if (status == PH_OK && record->type >= PH_RECORD_ATTEMPT &&
		 record->type <= PH_RECORD_DISCARD)
		status = print_delivery(record, &err);
	else if (status == PH_OK && record->type == PH_RECORD_CARRY)
		status = print_carry(record, &err);
	else if (status == PH_OK)
		status = print_name(record, &err);
	if (status != PH_OK)
		die(&err);
	puts("}");
}

static int
print_journal(const char *directory)
{
	ph_store *store = open_journal(directory);
	ph_store_reader *reader;
	ph_store_record record;
	ph_error err = {0};
	ph_status status =
	    ph_store_reader_new(store, (ph_position){0}, 0, &reader, &err);

	if (status != PH_OK)
		die(&err);
	while ((status = ph_store_reader_next(reader, &record, &err)) == PH_OK)
		print_record(&record);
	if (status != PH_ERR_AGAIN)
		die(&err);
	ph_store_reader_destroy(&reader);
	if (ph_store_close(&store, &err) != PH_OK)
		die(&err);
	return 0;
}

static int
check_journal(const char *directory)
{
	const ph_journal_config config = {
	    .directory = directory,
	    .segment_bytes = 1u << 20,
	};
	ph_journal_report report;
	ph_store *store = NULL;
	ph_error err = {0};
	ph_status status = ph_journal_open(&config, &store, &report, &err);

	if (status != PH_OK && status != PH_ERR_DAMAGED)
		die(&err);
	if (report.torn)
		printf("torn %010u.segment@%" PRIu64 ": from sequence %" PRIu64 " on\n",
		    report.tail.segment, report.tail.offset, report.tail.first);
	for (size_t i = 0; i < report.damage_count && i < PH_JOURNAL_RANGES; i++)
		printf("damaged %010u.segment@%" PRIu64 ": sequences %" PRIu64
		       " to %" PRIu64 "\n",
		    report.damage[i].segment, report.damage[i].offset,
		    report.damage[i].first, report.damage[i].last);
	if (store != NULL)
		ph_store_close(&store, NULL);
	return status == PH_OK ? 0 : 1;
}

static int
trim_journal(const char *directory)
{
	ph_store *store = open_journal(directory);
	ph_error err = {0};

	if (ph_store_trim(store, ph_store_durable(store), &err) != PH_OK)
		die(&err);
	fflush(NULL);
	_exit(0);
}

int
main(int argc, char **argv)
{
	const char *verb = argc > 2 ? argv[1] : "";
	ph_error err = {0};

	if (strcmp(verb, "write") == 0 && argc == 5)
		return write_rounds(
		    argv[2], strtoull(argv[3], NULL, 10), strtoull(argv[4], NULL, 10));
	if (strcmp(verb, "print") == 0)
		return print_journal(argv[2]);
	if (strcmp(verb, "check") == 0)
		return check_journal(argv[2]);
	if (strcmp(verb, "trim") == 0)
		return trim_journal(argv[2]);
	if (strcmp(verb, "close") == 0) {
		ph_store *store = open_journal(argv[2]);

		if (ph_store_close(&store, &err) != PH_OK)
			die(&err);
		return 0;
	}
	fputs("usage: write_journal write|close|trim|print|check DIR [FIRST COUNT]\n",
	    stderr);
	return 2;
}
