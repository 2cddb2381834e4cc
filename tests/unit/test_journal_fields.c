/*
 * What records of the journal look like as JSON: every type there is, and what is never shown unasked.
 */
#include <stdio.h>
#include <string.h>

#include <packhorse/message.h>

#include "broker/record.h"
#include "cli/journal_fields.h"
#include "tests/unit/check_main.h"

#define OK(call) ck_assert_int_eq((call), PH_OK)
#define SECRET	 "Zanzibarium"

static ph_buffer body;
static char *text;

static void
setup(void)
{
	ph_buffer_init(&body, 0);
	text = NULL;
}

static void
teardown(void)
{
	ph_buffer_fini(&body);
	free(text);
}

/* The body as it is, as a record of this type. */
static ph_status
fields(uint8_t type, bool reveal, ph_error *err)
{
	const ph_inspected record = {
	    .frame = {.type = type, .length = (uint32_t) body.length},
	    .body = body.data,
	};
	json_t *out = json_object();
	ph_status checked = ph_journal_fields(&record, reveal, NULL, NULL);
	ph_status status = ph_journal_fields(&record, reveal, out, err);
	ck_assert_int_eq(checked, status);
	free(text);
	text = json_dumps(out, JSON_COMPACT);
	ck_assert_ptr_nonnull(text);
	json_decref(out);
	return status;
}

static void
has(const char *part)
{
	ck_assert_msg(strstr(text, part) != NULL, "no %s in %.900s", part, text);
}

static void
encode_accept(void)
{
	const ph_attribute attributes[] = {{"id", "m-1", 3}, {"source", "urn:x", 5},
	    {"type", "a.b.v1", 6}, {"subject", "SR-1", 4}, {"note", SECRET, 11}};
	ph_record_accept record = {.acceptance = 17,
	    .accepted_ms = 5,
	    .queue_count = 2,
	    .queues = {7, 9},
	    .has_cursor = true,
	    .cursor_name = ph_view_of("poll"),
	    .cursor = ph_view_of(SECRET)};
	ph_message *message = NULL;
	size_t length;
	OK(ph_message_new(attributes, 5, "\"" SECRET "\"", 13, &message, NULL));
	record.message.data = ph_message_bytes(message, &length);
	record.message.length = length;
	ph_record_accept_encode(&record, &body);
	ph_buffer_append(&body, record.message.data, record.message.length);
	ph_message_unref(&message);
}

static void
expect_accept(uint8_t type)
{
	OK(fields(type, false, NULL));
	has("\"acceptance\":17,\"accepted_ms\":5,");
	has("\"queues\":[7,9]");
	has("\"cursor_name\":\"poll\",\"cursor\":{\"bytes\":11}");
	has("\"id\":\"m-1\",\"source\":\"urn:x\",\"type\":\"a.b.v1\",\"subject\":\"SR-"
	    "1\"}");
	ck_assert_ptr_null(strstr(text, SECRET));
	OK(fields(type, true, NULL));
	has("\"cursor\":{\"bytes\":11,\"base64\":\"WmFuemliYXJpdW0=\"}");
	has("\"data\":\"" SECRET "\"");
	has("\"note\":\"" SECRET "\"");
}

START_TEST(a_message_is_told_and_not_shown)
{
	encode_accept();
	expect_accept(PH_RECORD_ACCEPT);
}
END_TEST

START_TEST(what_is_carried_is_no_more_open)
{
	ph_record_carry_encode(PH_RECORD_ACCEPT, &body);
	encode_accept();
	expect_accept(PH_RECORD_CARRY);
	has("\"carried\":\"accept\"");
}
END_TEST

START_TEST(an_outcome_and_one_that_is_carried)
{
	const ph_record_outcome record = {.acceptance = 17,
	    .at_ms = 6,
	    .queue = 9,
	    .attempt = 3,
	    .outcome = 4,
	    .state = PH_RECORD_DEAD,
	    .has_failure = true,
	    .failure = {.stage = ph_view_of("map"),
		.reason = ph_view_of("unknown-code"),
		.path = ph_view_of("/a"),
		.text = ph_view_of("no such code")}};
	static const char told[] =
	    "\"acceptance\":17,\"at_ms\":6,\"queue\":9,\"attempt\":3,"
	    "\"outcome\":\"rejected\",\"state\":\"dead\",\"failure\":{\"stage\":"
	    "\"map\","
	    "\"reason\":\"unknown-code\",\"path\":\"/a\",\"text\":\"no such code\"}}";
	ph_record_outcome_encode(&record, &body);
	OK(fields(PH_RECORD_OUTCOME, false, NULL));
	has(told);
	ph_buffer_clear(&body);
	ph_record_carry_encode(PH_RECORD_OUTCOME, &body);
	ph_record_outcome_encode(&record, &body);
	OK(fields(PH_RECORD_CARRY, false, NULL));
	has("{\"carried\":\"outcome\",");
	has(told);
}
END_TEST

/* A type that gets a name has to be known here, too. */
START_TEST(every_type_that_has_a_name)
{
	unsigned named = 0;
	for (unsigned type = 1; type < 256; type++) {
		const char *name = ph_record_type_name((uint8_t) type);
		ph_error err = {0};
		bool known = strcmp(name, "unknown") != 0;
		ck_assert_int_eq(fields((uint8_t) type, false, &err),
		    known ? PH_ERR_DAMAGED : PH_ERR_VERSION);
		ck_assert_msg(strncmp(err.text, known ? "PH5002 " : "PH5003 ", 7) == 0,
		    "type %u: %s", type, err.text);
		ck_assert_uint_eq(ph_journal_type(name), known ? type : 0);
		named += known;
	}
	ck_assert_uint_ge(named, 11);
	ck_assert_uint_eq(ph_journal_type(""), 0);
}
END_TEST

static Suite *
journal_fields_suite(void)
{
	Suite *suite = suite_create("journal_fields");
	TCase *tests = tcase_create("journal_fields");
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, a_message_is_told_and_not_shown);
	tcase_add_test(tests, what_is_carried_is_no_more_open);
	tcase_add_test(tests, an_outcome_and_one_that_is_carried);
	tcase_add_test(tests, every_type_that_has_a_name);
	suite_add_tcase(suite, tests);
	return suite;
}

int
main(void)
{
	return ph_check_main(journal_fields_suite());
}
