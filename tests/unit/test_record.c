/* record: every body comes back as it went in; nothing cut, stretched or strange is taken. */
#include "broker/record.h"

#include <string.h>

#include "tests/unit/check_main.h"

#define TEXT(view, text)                                                               \
	do {                                                                           \
		ck_assert_uint_eq((view).length, strlen(text));                        \
		ck_assert_mem_eq((view).data, text, strlen(text));                     \
	} while (0)

/* A decoder without its type, so that all are put through the same mill. */
typedef ph_status (*decoder)(const void *body, size_t length, void *out, ph_error *err);
typedef union any {
	ph_record_queue queue;
	ph_record_accept accept;
	ph_record_outcome outcome;
	ph_record_attempt attempt;
	ph_record_progress progress;
	ph_record_verdict verdict;
	ph_record_cursor cursor;
	ph_record_bindings bindings;
} any;

#define UNTYPED(name)                                                                  \
	static ph_status any_##name(                                                   \
	    const void *body, size_t length, void *out, ph_error *err)                 \
	{                                                                              \
		return ph_record_##name##_decode(body, length, out, err);              \
	}
UNTYPED(queue)
UNTYPED(accept)
UNTYPED(outcome)
UNTYPED(attempt)
UNTYPED(progress)
UNTYPED(replay)
UNTYPED(discard)
UNTYPED(cursor)
UNTYPED(bind)

static const ph_record_binding binding_a = {
    .entity = {"service-request", 15},
    .system = {"highways", 8},
    .key = {"HW-00017", 8},
    .canonical = {"SR-0123456789ABC", 16},
};
static const ph_record_binding binding_b = {
    .entity = {"case", 4},
    .system = {"crm", 3},
    .key = {"", 0},
    .canonical = {"SR-ZZZZZZZZZZZZZ", 16},
};
static const ph_record_failure failure = {
    .stage = {"map", 3},
    .reason = {"unknown-code", 12},
    .path = {"/service_code", 13},
    .text = {"no such row", 11},
};

static void
check_failure(const ph_record_failure *got)
{
	TEXT(got->stage, "map");
	TEXT(got->reason, "unknown-code");
	TEXT(got->path, "/service_code");
	TEXT(got->text, "no such row");
}

static void
check_bindings(const ph_record_bindings *got)
{
	ck_assert_uint_eq(got->count, 2);
	TEXT(got->list[0].entity, "service-request");
	TEXT(got->list[0].system, "highways");
	TEXT(got->list[0].key, "HW-00017");
	TEXT(got->list[0].canonical, "SR-0123456789ABC");
	TEXT(got->list[1].entity, "case");
	TEXT(got->list[1].key, "");
	TEXT(got->list[1].canonical, "SR-ZZZZZZZZZZZZZ");
}

static void
fill_bindings(ph_record_bindings *out)
{
	out->count = 2;
	out->list[0] = binding_a;
	out->list[1] = binding_b;
}

/* Too short, too long: never taken. */
static void
mill(decoder decode, const ph_buffer *body)
{
	static any out;
	ph_buffer longer;

	for (size_t cut = 0; cut < body->length; cut++) {
		ph_status status = decode(body->data, cut, &out, NULL);

		ck_assert_msg(status == PH_ERR_DAMAGED, "cut at %zu gave %s", cut,
		    ph_status_name(status));
	}
	ph_buffer_init(&longer, 0);
	ph_buffer_append(&longer, body->data, body->length);
	ph_buffer_u8(&longer, 0);
	ck_assert_int_eq(
	    decode(longer.data, longer.length, &out, NULL), PH_ERR_DAMAGED);
	ph_buffer_fini(&longer);
}

START_TEST(queue)
{
	const ph_record_queue in = {.number = 513, .name = ph_view_of("waste")};
	ph_record_queue out;
	ph_buffer body;

	ph_buffer_init(&body, 0);
	ph_record_queue_encode(&in, &body);
	ck_assert(!body.failed);
	ck_assert_mem_eq(body.data, "\x01\x02\x05\x00waste", 9);
	ck_assert_int_eq(
	    ph_record_queue_decode(body.data, body.length, &out, NULL), PH_OK);
	ck_assert_uint_eq(out.number, 513);
	TEXT(out.name, "waste");
	mill(any_queue, &body);
	ph_buffer_fini(&body);
}
END_TEST

static void
fill_accept(ph_record_accept *out)
{
	memset(out, 0, sizeof *out);
	out->acceptance = 77;
	out->accepted_ms = 1795406400123;
	out->generation = 4;
	out->hops = 2;
	out->has_cursor = true;
	out->has_failure = true;
	memset(out->id, 0xa1, sizeof out->id);
	memset(out->content, 0xb2, sizeof out->content);
	out->queue_count = 3;
	out->queues[0] = 1;
	out->queues[1] = 65535;
	out->queues[2] = 258;
	out->cursor_name = ph_view_of("highways/status");
	out->cursor = (ph_view){"\0\1\2", 3};
	out->failure = failure;
	out->message = ph_view_of("the message, as it is");
	fill_bindings(&out->bindings);
}

START_TEST(accept_with_everything)
{
	static ph_record_accept in;
	static ph_record_accept out;
	ph_buffer body;

	fill_accept(&in);
	ph_buffer_init(&body, 0);
	ph_record_accept_encode(&in, &body);
	ph_buffer_append(&body, in.message.data, in.message.length);
	ck_assert(!body.failed);
	ck_assert_int_eq(
	    ph_record_accept_decode(body.data, body.length, &out, NULL), PH_OK);
	ck_assert_uint_eq(out.acceptance, 77);
	ck_assert_int_eq(out.accepted_ms, 1795406400123);
	ck_assert_uint_eq(out.generation, 4);
	ck_assert_uint_eq(out.hops, 2);
	ck_assert(out.has_cursor && out.has_failure && !out.ignored);
	ck_assert_mem_eq(out.id, in.id, sizeof in.id);
	ck_assert_mem_eq(out.content, in.content, sizeof in.content);
	ck_assert_uint_eq(out.queue_count, 3);
	ck_assert_mem_eq(out.queues, in.queues, 3 * sizeof *in.queues);
	TEXT(out.cursor_name, "highways/status");
	ck_assert_uint_eq(out.cursor.length, 3);
	ck_assert_mem_eq(out.cursor.data, "\0\1\2", 3);
	check_failure(&out.failure);
	check_bindings(&out.bindings);
	TEXT(out.message, "the message, as it is");
	mill(any_accept, &body);
	ph_buffer_fini(&body);
}
END_TEST

START_TEST(accept_of_little)
{
	static ph_record_accept in;
	static ph_record_accept out;
	ph_buffer body;

	in.acceptance = 1;
	in.ignored = true;
	ph_buffer_init(&body, 0);
	ph_record_accept_encode(&in, &body);
	ck_assert(!body.failed);
	ck_assert_uint_eq(body.length, 64);
	ck_assert_int_eq(
	    ph_record_accept_decode(body.data, body.length, &out, NULL), PH_OK);
	ck_assert(out.ignored && !out.has_cursor && !out.has_failure);
	ck_assert_uint_eq(out.queue_count, 0);
	ck_assert_uint_eq(out.bindings.count, 0);
	ck_assert_uint_eq(out.message.length, 0);
	/* no queue, and not on purpose */
	body.data[20] = 0;
	ck_assert_int_eq(ph_record_accept_decode(body.data, body.length, &out, NULL),
	    PH_ERR_DAMAGED);
	ph_buffer_fini(&body);
}
END_TEST

START_TEST(accept_of_a_later_version)
{
	static ph_record_accept in;
	static ph_record_accept out;
	ph_buffer body;

	in.acceptance = 1;
	in.ignored = true;
	ph_buffer_init(&body, 0);
	ph_record_accept_encode(&in, &body);
	body.data[20] |= 0x80; /* a flag */
	ck_assert_int_eq(ph_record_accept_decode(body.data, body.length, &out, NULL),
	    PH_ERR_VERSION);
	body.data[20] &= 0x7f;
	body.data[body.length - 6] = 1; /* a sealed part */
	ck_assert_int_eq(ph_record_accept_decode(body.data, body.length, &out, NULL),
	    PH_ERR_VERSION);
	ph_buffer_fini(&body);
}
END_TEST

START_TEST(accept_over_its_limits)
{
	static ph_record_accept in;
	static char text[65536];
	ph_buffer body;

	for (int i = 0; i < 4; i++) {
		fill_accept(&in);
		memset(text, 'x', sizeof text);
		if (i == 0)
			in.queue_count = PH_RECORD_QUEUES_MAX + 1;
		else if (i == 1)
			in.bindings.count = PH_RECORD_BINDINGS_MAX + 1;
		else if (i == 2)
			in.failure.text = (ph_view){text, sizeof text};
		else
			in.ignored = true;
		ph_buffer_init(&body, 0);
		ph_record_accept_encode(&in, &body);
		ck_assert_msg(body.failed, "case %d", i);
		ph_buffer_fini(&body);
	}
}
END_TEST

START_TEST(outcome_plain_is_small)
{
	static ph_record_outcome out;
	const ph_record_outcome in = {
	    .acceptance = 9,
	    .at_ms = 5,
	    .queue = 3,
	    .attempt = 1,
	    .outcome = 1,
	    .state = PH_RECORD_SETTLED,
	};
	ph_buffer body;

	ph_buffer_init(&body, 0);
	ph_record_outcome_encode(&in, &body);
	ck_assert_uint_eq(body.length, 24);
	ck_assert_int_eq(
	    ph_record_outcome_decode(body.data, body.length, &out, NULL), PH_OK);
	ck_assert_uint_eq(out.acceptance, 9);
	ck_assert_uint_eq(out.queue, 3);
	ck_assert_uint_eq(out.reference.length, 0);
	ck_assert_int_eq(out.not_before_ms, 0);
	ck_assert(!out.has_failure);
	ck_assert_uint_eq(out.bindings.count, 0);
	mill(any_outcome, &body);
	for (int bad = 0; bad < 4; bad++) {
		static const struct {
			size_t at;
			uint8_t value;
			ph_status status;
		} cases[] = {
		    {20, 0, PH_ERR_DAMAGED},
		    {20, 6, PH_ERR_DAMAGED},
		    {21, 4, PH_ERR_DAMAGED},
		    {22, 0x10, PH_ERR_VERSION},
		};
		uint8_t before = body.data[cases[bad].at];

		body.data[cases[bad].at] = cases[bad].value;
		ck_assert_int_eq(
		    ph_record_outcome_decode(body.data, body.length, &out, NULL),
		    cases[bad].status);
		body.data[cases[bad].at] = before;
	}
	ph_buffer_fini(&body);
}
END_TEST

START_TEST(outcome_with_everything)
{
	static ph_record_outcome in;
	static ph_record_outcome out;
	ph_buffer body;

	in = (ph_record_outcome){
	    .acceptance = 9,
	    .at_ms = 1795406400123,
	    .not_before_ms = 1795406460123,
	    .queue = 3,
	    .attempt = 12,
	    .outcome = 4,
	    .state = PH_RECORD_DEAD,
	    .reference = ph_view_of("HW-00017"),
	    .has_failure = true,
	    .failure = failure,
	};
	fill_bindings(&in.bindings);
	ph_buffer_init(&body, 0);
	ph_record_outcome_encode(&in, &body);
	ck_assert_int_eq(
	    ph_record_outcome_decode(body.data, body.length, &out, NULL), PH_OK);
	ck_assert_int_eq(out.at_ms, 1795406400123);
	ck_assert_int_eq(out.not_before_ms, 1795406460123);
	ck_assert_uint_eq(out.attempt, 12);
	ck_assert_uint_eq(out.outcome, 4);
	ck_assert_uint_eq(out.state, PH_RECORD_DEAD);
	TEXT(out.reference, "HW-00017");
	ck_assert(out.has_failure);
	check_failure(&out.failure);
	check_bindings(&out.bindings);
	mill(any_outcome, &body);
	ph_buffer_fini(&body);
}
END_TEST

START_TEST(attempt)
{
	const ph_record_attempt in = {
	    .acceptance = 5, .at_ms = 6, .queue = 7, .attempt = 8};
	ph_record_attempt out;
	ph_buffer body;

	ph_buffer_init(&body, 0);
	ph_record_attempt_encode(&in, &body);
	ck_assert_int_eq(
	    ph_record_attempt_decode(body.data, body.length, &out, NULL), PH_OK);
	ck_assert_uint_eq(out.acceptance, 5);
	ck_assert_int_eq(out.at_ms, 6);
	ck_assert_uint_eq(out.queue, 7);
	ck_assert_uint_eq(out.attempt, 8);
	mill(any_attempt, &body);
	ph_buffer_fini(&body);
}
END_TEST

START_TEST(progress)
{
	const ph_record_progress in = {
	    .acceptance = 5,
	    .queue = 7,
	    .reference = ph_view_of("WS-1"),
	    .resume = {"photo\0 1", 8},
	};
	ph_record_progress out;
	ph_buffer body;

	ph_buffer_init(&body, 0);
	ph_record_progress_encode(&in, &body);
	ck_assert_int_eq(
	    ph_record_progress_decode(body.data, body.length, &out, NULL), PH_OK);
	ck_assert_uint_eq(out.acceptance, 5);
	ck_assert_uint_eq(out.queue, 7);
	TEXT(out.reference, "WS-1");
	ck_assert_uint_eq(out.resume.length, 8);
	ck_assert_mem_eq(out.resume.data, "photo\0 1", 8);
	mill(any_progress, &body);
	ph_buffer_fini(&body);
}
END_TEST

START_TEST(replay_and_discard)
{
	const ph_record_verdict in = {
	    .acceptance = 5,
	    .at_ms = 6,
	    .queue = 7,
	    .by = ph_view_of("operator"),
	    .reason = ph_view_of("a test"),
	};
	ph_record_verdict out;
	ph_buffer body;

	ph_buffer_init(&body, 0);
	ph_record_replay_encode(&in, &body);
	ck_assert_int_eq(
	    ph_record_replay_decode(body.data, body.length, &out, NULL), PH_OK);
	ck_assert_uint_eq(out.acceptance, 5);
	TEXT(out.by, "operator");
	ck_assert_uint_eq(out.reason.length, 0);
	mill(any_replay, &body);
	ph_buffer_clear(&body);
	ph_record_discard_encode(&in, &body);
	ck_assert_int_eq(
	    ph_record_discard_decode(body.data, body.length, &out, NULL), PH_OK);
	ck_assert_uint_eq(out.queue, 7);
	TEXT(out.by, "operator");
	TEXT(out.reason, "a test");
	mill(any_discard, &body);
	ph_buffer_fini(&body);
}
END_TEST

START_TEST(cursor_and_bind)
{
	const ph_record_cursor in = {
	    .name = ph_view_of("highways/status"), .bytes = {"2026-11-23", 10}};
	static ph_record_bindings bindings;
	static ph_record_bindings bound;
	ph_record_cursor out;
	ph_buffer body;

	ph_buffer_init(&body, 0);
	ph_record_cursor_encode(&in, &body);
	ck_assert_int_eq(
	    ph_record_cursor_decode(body.data, body.length, &out, NULL), PH_OK);
	TEXT(out.name, "highways/status");
	TEXT(out.bytes, "2026-11-23");
	mill(any_cursor, &body);
	ph_buffer_clear(&body);
	fill_bindings(&bindings);
	ph_record_bind_encode(&bindings, &body);
	ck_assert_int_eq(
	    ph_record_bind_decode(body.data, body.length, &bound, NULL), PH_OK);
	check_bindings(&bound);
	mill(any_bind, &body);
	ph_buffer_fini(&body);
}
END_TEST

START_TEST(carry)
{
	ph_buffer body, is;
	ph_record_accept accept;
	ph_record_outcome outcome, out;
	ph_record_carry found;
	ph_error err;

	ph_buffer_init(&body, 0);
	ph_buffer_init(&is, 0);
	outcome = (ph_record_outcome){
	    .acceptance = 9, .queue = 3, .outcome = 4, .state = PH_RECORD_DEAD};
	ph_record_outcome_encode(&outcome, &is);
	ph_record_carry_encode(PH_RECORD_OUTCOME, &body);
	ck_assert_uint_eq(body.length, 8);
	ck_assert_mem_eq(body.data, "\4\0\0\0\0\0\0\0", 8);
	ck_assert_int_eq(
	    ph_record_carry_decode(body.data, body.length, &found, NULL), PH_OK);
	ck_assert_uint_eq(found.length, 0);
	ph_buffer_append(&body, is.data, is.length);
	/* the same whether it was carried or not */
	ck_assert_int_eq(
	    ph_record_outcome_read(PH_RECORD_CARRY, body.data, body.length, &out, NULL),
	    PH_OK);
	ck_assert_uint_eq(out.acceptance, 9);
	ck_assert_int_eq(
	    ph_record_outcome_read(PH_RECORD_OUTCOME, is.data, is.length, &out, NULL),
	    PH_OK);
	/* but not as something else */
	ck_assert_int_eq(ph_record_accept_read(
			     PH_RECORD_CARRY, body.data, body.length, &accept, &err),
	    PH_ERR_DAMAGED);
	ck_assert_int_eq(
	    ph_record_accept_read(PH_RECORD_BIND, is.data, is.length, &accept, &err),
	    PH_ERR_DAMAGED);
	ck_assert_int_eq(
	    ph_record_carry_decode(body.data, 7, &found, &err), PH_ERR_DAMAGED);
	body.data[0] = PH_RECORD_BIND;
	ck_assert_int_eq(ph_record_carry_decode(body.data, body.length, &found, &err),
	    PH_ERR_VERSION);
	ph_buffer_fini(&is);
	ph_buffer_fini(&body);
}
END_TEST

START_TEST(types)
{
	ph_error err;

	ck_assert_str_eq(ph_record_type_name(PH_RECORD_ACCEPT), "accept");
	ck_assert_str_eq(ph_record_type_name(0), "unknown");
	ck_assert_str_eq(ph_record_type_name(200), "unknown");
	ck_assert_int_eq(ph_record_type_check(PH_RECORD_CARRY, NULL), PH_OK);
	ck_assert_int_eq(ph_record_type_check(200, &err), PH_ERR_VERSION);
	ck_assert_ptr_nonnull(strstr(err.text, "200"));
}
END_TEST

static Suite *
record_suite(void)
{
	Suite *suite = suite_create("record");
	TCase *tcase = tcase_create("record");

	tcase_add_test(tcase, queue);
	tcase_add_test(tcase, accept_with_everything);
	tcase_add_test(tcase, accept_of_little);
	tcase_add_test(tcase, accept_of_a_later_version);
	tcase_add_test(tcase, accept_over_its_limits);
	tcase_add_test(tcase, outcome_plain_is_small);
	tcase_add_test(tcase, outcome_with_everything);
	tcase_add_test(tcase, attempt);
	tcase_add_test(tcase, progress);
	tcase_add_test(tcase, replay_and_discard);
	tcase_add_test(tcase, cursor_and_bind);
	tcase_add_test(tcase, carry);
	tcase_add_test(tcase, types);
	suite_add_tcase(suite, tcase);
	return suite;
}

int
main(void)
{
	return ph_check_main(record_suite());
}
