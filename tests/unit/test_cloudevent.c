/*
 * CloudEvents in JSON to messages and back: nothing is lost, numbers keep their text, and what is
 * wrong is refused with its place.
 */
#include "cli/cloudevent.h"

#include <string.h>

#include "tests/unit/check_main.h"

#define HEAD "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/a\",\"type\":\"t\""
#define JSON ",\"datacontenttype\":\"application/json\""

/* What comes back from what went in; NULL: the same. */
static const struct {
	const char *in, *out;
} trips[] = {
    {HEAD "}", NULL},
    {HEAD JSON ",\"data\":{\"price\":1234.10,\"big\":12345678901234567890,\"e\":1E+2}}",
	NULL},
    {HEAD JSON ",\"data\":[1.0,-0,0.1e-7,true,false,null,\"\"]}", NULL},
    {HEAD JSON ",\"data\":\"just text\"}", NULL},
    {HEAD JSON ",\"data\":null}", NULL},
    {HEAD JSON
	",\"data\":{\"uprn\":\"007\",\"text\":\"caf\xc3\xa9 \xf0\x9f\x9a\xae\"}}",
	NULL},
    {HEAD JSON ",\"data\":{\"line\":\"a\\r\\nb\\t\\\"c\\\"\\\\\"}}", NULL},
    {HEAD ",\"datacontenttype\":\"text/plain\",\"data\":\"a\\nb \xc2\xa3\"}", NULL},
    {HEAD ",\"datacontenttype\":\"application/xml\",\"data\":\"<a b=\\\"1\\\"/>\"}",
	NULL},
    {HEAD ",\"datacontenttype\":\"application/octet-stream\",\"data_base64\":\"AP+A\"}",
	NULL},
    {HEAD ",\"subject\":\"SR-1\",\"partitionkey\":\"p\",\"service\":\"potholes\"}",
	NULL},
    {HEAD ",\"datacontenttype\":\"application/vnd.x+json; "
	  "charset=utf-8\",\"data\":{\"a\":1}}",
	NULL},
    /* layout goes, order and text stay */
    {" { \"id\" : \"1\" , \"specversion\":\"1.0\", \"source\":\"/a\", \"type\":\"t\","
     " \"data\" : { \"z\" : 1.50 , \"a\" : [ 1 , 2 ] } } ",
	"{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/a\",\"type\":\"t\"" JSON
	",\"data\":{\"z\":1.50,\"a\":[1,2]}}"},
    {HEAD ",\"count\":7,\"urgent\":true,\"gone\":null}",
	HEAD ",\"count\":\"7\",\"urgent\":\"true\"}"},
    {HEAD ",\"data\":{\"a\":\"\\u00e9\\ud83d\\ude00\"}}",
	HEAD JSON ",\"data\":{\"a\":\"\xc3\xa9\xf0\x9f\x98\x80\"}}"},
    {HEAD ",\"datacontenttype\":\"text/plain\",\"data_base64\":\"YQ==\"}",
	HEAD ",\"datacontenttype\":\"text/plain\",\"data\":\"a\"}"},
    /* said to be JSON, but is none: base64 keeps it */
    {HEAD JSON ",\"data_base64\":\"e2E=\"}", NULL},
};

START_TEST(events_come_back_as_they_went)
{
	ph_message *message = NULL;
	ph_error err;
	char *id = NULL;
	ph_buffer out;
	ph_buffer_init(&out, 0);
	ck_assert_msg(ph_cloudevent_decode("f:1", trips[_i].in, strlen(trips[_i].in),
			  &message, &id, &err) == PH_OK,
	    "%s %s", err.where, err.text);
	ck_assert_str_eq(id, "1");
	ck_assert_int_eq(ph_cloudevent_encode(message, true, &out, &err), PH_OK);
	ck_assert_str_eq(
	    ph_buffer_cstr(&out), trips[_i].out != NULL ? trips[_i].out : trips[_i].in);
	free(id);
	ph_message_unref(&message);
	ph_buffer_fini(&out);
}
END_TEST

/* What is refused, where, and with which words. */
static const struct {
	const char *in, *where, *words;
} refusals[] = {
    {"[]", "f:1:1:1", "PH7021"},
    {"{\"id\":\"1\"}", "f:1:1:1", "specversion"},
    {"{\"specversion\":\"0.3\",\"id\":\"1\",\"source\":\"/a\",\"type\":\"t\"}",
	"f:1:1:", "specversion"},
    {"{\"specversion\":\"1.0\",\"source\":\"/a\",\"type\":\"t\"}", "f:1", "id"},
    {HEAD ",\"subject\":{\"a\":1}}", "f:1:1:", "subject"},
    {HEAD ",\"Bad-Name\":\"x\"}", "f:1", "Bad-Name"},
    {HEAD ",\"data\":1,\"data_base64\":\"AA==\"}", "f:1:1:", "data_base64"},
    {HEAD ",\"data_base64\":\"A\"}", "f:1:1:", "base64"},
    {HEAD ",\"data_base64\":\"A===\"}", "f:1:1:", "base64"},
    {HEAD ",\"data_base64\":\"AA==AAAA\"}", "f:1:1:", "base64"},
    {HEAD ",\"data_base64\":7}", "f:1:1:", "base64"},
    {HEAD ",\"datacontenttype\":\"text/plain\",\"data\":{\"a\":1}}", "f:1:1:", "data"},
    {HEAD ",\"data\":{\"a\":1,\"a\":2}}", "f:1:1:", "PH3"},
    {HEAD ",\"data\":01}", "f:1:1:", "PH3"},
    {HEAD ",\"id\":\"2\"}", "f:1:1:", "PH3"},
    {HEAD ",\"data\":\"\xff\"}", "f:1:1:", "PH3"},
    {HEAD, "f:1:", "PH3"},
    {"", "f:1", "PH3"},
};

START_TEST(what_is_no_event_is_refused_with_its_place)
{
	ph_message *message = NULL;
	ph_error err = {.status = PH_OK};
	char *id = NULL;
	ck_assert_int_ne(ph_cloudevent_decode("f:1", refusals[_i].in,
			     strlen(refusals[_i].in), &message, &id, &err),
	    PH_OK);
	ck_assert_ptr_null(message);
	ck_assert_ptr_nonnull(id);
	ck_assert_msg(
	    strncmp(err.where, refusals[_i].where, strlen(refusals[_i].where)) == 0,
	    "where is '%s' (%s)", err.where, err.text);
	ck_assert_msg(
	    strstr(err.text, refusals[_i].words) != NULL, "text is '%s'", err.text);
	free(id);
}
END_TEST

START_TEST(the_payload_can_be_left_out)
{
	static const char event[] = HEAD JSON ",\"data\":{\"name\":\"secret\"}}";
	ph_message *message = NULL;
	ph_buffer out;
	ph_buffer_init(&out, 0);
	ck_assert_int_eq(
	    ph_cloudevent_decode("f:1", event, strlen(event), &message, NULL, NULL),
	    PH_OK);
	ck_assert_int_eq(ph_cloudevent_encode(message, false, &out, NULL), PH_OK);
	ck_assert_str_eq(ph_buffer_cstr(&out), HEAD JSON "}");
	ph_message_unref(&message);
	ph_buffer_fini(&out);
}
END_TEST

START_TEST(base64_of_every_length)
{
	uint8_t bytes[64];
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t) (i * 37 + 200);
	for (size_t length = 0; length <= sizeof bytes; length++) {
		ph_buffer text, back;
		ph_buffer_init(&text, 0);
		ph_buffer_init(&back, 0);
		ph_base64_encode(bytes, length, &text);
		ck_assert_uint_eq(text.length, (length + 2) / 3 * 4);
		ck_assert(
		    ph_base64_decode((const char *) text.data, text.length, &back));
		ck_assert_uint_eq(back.length, length);
		if (length > 0)
			ck_assert_mem_eq(back.data, bytes, length);
		ph_buffer_fini(&text);
		ph_buffer_fini(&back);
	}
}
END_TEST

static Suite *
cloudevent_suite(void)
{
	Suite *suite = suite_create("cloudevent");
	TCase *tests = tcase_create("cloudevent");
	tcase_add_loop_test(tests, events_come_back_as_they_went, 0,
	    (int) (sizeof trips / sizeof *trips));
	tcase_add_loop_test(tests, what_is_no_event_is_refused_with_its_place, 0,
	    (int) (sizeof refusals / sizeof *refusals));
	tcase_add_test(tests, the_payload_can_be_left_out);
	tcase_add_test(tests, base64_of_every_length);
	suite_add_tcase(suite, tests);
	return suite;
}

int
main(void)
{
	return ph_check_main(cloudevent_suite());
}
