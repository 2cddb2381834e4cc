/* Frames: what is written reads back, and nothing a stranger sends is read past its end. */
#include <stdlib.h>
#include <string.h>

#include "lib/wire/frame.h"
#include "tests/unit/check_main.h"

static ph_slice
slice(const char *text)
{
	return (ph_slice){text, strlen(text)};
}

START_TEST(header_is_as_documented)
{
	static const uint8_t expected[] = {
	    'P', 'H', 1, 10, 2, 0, 0, 0, 8, 7, 6, 5, 4, 3, 2, 1};
	ph_buffer frame;
	ph_buffer_init(&frame, PH_FRAME_MAX);
	ph_frame_begin(&frame, PH_FRAME_SETTLE, 0x0102030405060708u);
	ph_frame_count(&frame, 2);
	ck_assert_uint_eq(frame.length, sizeof expected);
	ck_assert_mem_eq(frame.data, expected, sizeof expected);
	ph_buffer_fini(&frame);
}
END_TEST

START_TEST(refuses_what_is_no_frame)
{
	static const struct {
		const char *bytes;
		size_t length;
		ph_status status;
	} cases[] = {
	    {"", 0, PH_ERR_INVALID},
	    {"PH\1", 3, PH_ERR_INVALID},
	    {"XX\1\1\0\0\0\0\0\0\0\0\0\0\0\0", 16, PH_ERR_INVALID},
	    {"PH\2\1\0\0\0\0\0\0\0\0\0\0\0\0", 16, PH_ERR_VERSION},
	    {"PH\1\0\0\0\0\0\0\0\0\0\0\0\0\0", 16, PH_ERR_INVALID},
	    {"PH\1\77\0\0\0\0\0\0\0\0\0\0\0\0", 16, PH_ERR_INVALID},
	    {"PH\1\1\0\0\0\0\0\0\0\0\0\0\0\0", 16, PH_OK},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		ph_frame frame;
		ck_assert_int_eq(
		    ph_frame_open(cases[i].bytes, cases[i].length, &frame, NULL),
		    cases[i].status);
	}
}
END_TEST

START_TEST(settle_short_and_long)
{
	ph_buffer bytes, bindings;
	ph_buffer_init(&bytes, PH_FRAME_MAX);
	ph_buffer_init(&bindings, 0);
	ph_binding_write(&bindings, "service-request", "highways", "2002141", "");
	ph_frame_begin(&bytes, PH_FRAME_SETTLE, 0);
	ph_settle_write(
	    &bytes, &(ph_settle_view){.delivery = 7, .outcome = 1}, NULL, 0);
	ck_assert_uint_eq(bytes.length, PH_FRAME_HEADER + 11);
	ph_settle_view full = {.delivery = 8,
	    .outcome = 4,
	    .delay_ms = 5,
	    .reference = slice("R"),
	    .stage = slice("map"),
	    .reason = slice("unknown-code"),
	    .path = slice("a/b"),
	    .text = slice("text"),
	    .bindings = 1};
	ph_settle_write(&bytes, &full, bindings.data, bindings.length);
	ph_frame_count(&bytes, 2);
	ph_frame frame;
	ck_assert_int_eq(ph_frame_open(bytes.data, bytes.length, &frame, NULL), PH_OK);
	ph_settle_view item;
	ck_assert_int_eq(ph_settle_read(&frame, &item, NULL), PH_OK);
	ck_assert_uint_eq(item.delivery, 7);
	ck_assert_uint_eq(item.outcome, 1);
	ck_assert_uint_eq(item.reference.length, 0);
	ck_assert_int_eq(ph_settle_read(&frame, &item, NULL), PH_OK);
	ck_assert(
	    ph_slice_is(item.reason, "unknown-code") && ph_slice_is(item.path, "a/b"));
	ck_assert_uint_eq(item.delay_ms, 5);
	ck_assert_uint_eq(item.bindings, 1);
	ph_binding_view binding;
	ph_binding_read(&item.rest, &binding);
	ck_assert(ph_slice_is(binding.system, "highways") &&
		  ph_slice_is(binding.key, "2002141"));
	ck_assert_int_eq(ph_settle_read(&frame, &item, NULL), PH_ERR_INVALID);
	ph_buffer_fini(&bindings);
	ph_buffer_fini(&bytes);
}
END_TEST

START_TEST(deliver_reads_back_and_bears_cuts)
{
	ph_buffer bytes;
	ph_buffer_init(&bytes, PH_FRAME_MAX);
	ph_frame_begin(&bytes, PH_FRAME_DELIVER, 3);
	ph_deliver_view written = {.delivery = 9,
	    .attempt = 2,
	    .flags = PH_DELIVER_SENT_BEFORE,
	    .accepted_ms = 1234,
	    .reference = slice("ENQ 1"),
	    .resume = slice("r"),
	    .message = "message",
	    .message_length = 7};
	ph_deliver_write(&bytes, &written);
	ph_frame_count(&bytes, 1);
	ph_frame frame;
	ph_deliver_view item;
	ck_assert_int_eq(ph_frame_open(bytes.data, bytes.length, &frame, NULL), PH_OK);
	ck_assert_int_eq(ph_deliver_read(&frame, &item, NULL), PH_OK);
	ck_assert_uint_eq(item.delivery, 9);
	ck_assert_uint_eq(item.attempt, 2);
	ck_assert(
	    ph_slice_is(item.reference, "ENQ 1") && ph_slice_is(item.resume, "r"));
	ck_assert_uint_eq(item.message_length, 7);
	ck_assert_mem_eq(item.message, "message", 7);
	for (size_t cut = PH_FRAME_HEADER; cut < bytes.length; cut++) {
		uint8_t *copy = malloc(cut);
		memcpy(copy, bytes.data, cut);
		ck_assert_int_eq(ph_frame_open(copy, cut, &frame, NULL), PH_OK);
		ck_assert_int_eq(ph_deliver_read(&frame, &item, NULL), PH_ERR_INVALID);
		free(copy);
	}
	ph_buffer_fini(&bytes);
}
END_TEST

START_TEST(publish_options)
{
	static const uint8_t item[] = {21, 0, 0, 0, 17, 0, 1, 2, 0, 0xaa, 0xbb, 2, 9, 0,
	    1, 0, 'n', 4, 0, 't', 'i', 'm', 'e', 'M', 'M'};
	ph_frame frame = {.type = PH_FRAME_PUBLISH, .count = 1};
	ph_reader_init(&frame.body, item, sizeof item);
	ph_publish_view view;
	ck_assert_int_eq(ph_publish_read(&frame, &view, NULL), PH_OK);
	ck_assert_uint_eq(view.message_length, 2);
	uint8_t tag;
	ph_reader body;
	ck_assert(ph_option_read(&view.options, &tag, &body));
	ck_assert_uint_eq(tag, PH_OPTION_FINGERPRINT);
	ck_assert_uint_eq(ph_reader_left(&body), 2);
	ck_assert(ph_option_read(&view.options, &tag, &body));
	ck_assert_uint_eq(tag, PH_OPTION_CURSOR);
	ck_assert(ph_slice_is(ph_slice_read(&body), "n"));
	ck_assert(ph_slice_is(ph_slice_read(&body), "time"));
	ck_assert(!ph_option_read(&view.options, &tag, &body));
	ck_assert(!view.options.failed);
	ph_reader_init(&view.options, item + 6, 4);
	ck_assert(!ph_option_read(&view.options, &tag, &body));
	ck_assert(view.options.failed);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("frame");
	TCase *tests = tcase_create("frame");
	tcase_add_test(tests, header_is_as_documented);
	tcase_add_test(tests, refuses_what_is_no_frame);
	tcase_add_test(tests, settle_short_and_long);
	tcase_add_test(tests, deliver_reads_back_and_bears_cuts);
	tcase_add_test(tests, publish_options);
	suite_add_tcase(suite, tests);
	return ph_check_main(suite);
}
