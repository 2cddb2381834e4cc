/* The message: what it accepts, keeps and refuses. */
#include <packhorse/packhorse.h>
#include <stdlib.h>
#include <string.h>

#include "lib/wire/message.h"
#include "tests/unit/check_main.h"

#define TEXT(name, text)                                                               \
	{                                                                              \
		name, text, sizeof text - 1                                            \
	}

static const ph_attribute plain[] = {TEXT("id", "42"),
    TEXT("source", "urn:council:test:crm"),
    TEXT("type", "council.service-request.created.v1"),
    TEXT("subject", "SR-0000000000001"), TEXT("service", "potholes")};

static ph_message *
make(const ph_attribute *attributes, size_t count, const char *data)
{
	ph_message *message = NULL;
	ph_error err;
	ck_assert_msg(ph_message_new(attributes, count, data, strlen(data), &message,
			  &err) == PH_OK,
	    "%s", err.text);
	return message;
}

START_TEST(keeps_what_it_was_given)
{
	ph_message *message = make(plain, 5, "{\"a\":1}");
	size_t length;
	ck_assert_str_eq(ph_message_get(message, "id", NULL), "42");
	ck_assert_str_eq(ph_message_get(message, "service", &length), "potholes");
	ck_assert_uint_eq(length, 8);
	ck_assert_ptr_null(ph_message_get(message, "absent", NULL));
	ck_assert_ptr_null(ph_message_get(message, "time", NULL));
	ck_assert_str_eq(
	    ph_message_known(message, PH_TAG_SUBJECT, NULL), "SR-0000000000001");
	const char *data = ph_message_data(message, &length);
	ck_assert_uint_eq(length, 7);
	ck_assert_mem_eq(data, "{\"a\":1}", 7);
	const char *name;
	ck_assert_str_eq(ph_message_at(message, 4, &name), "potholes");
	ck_assert_str_eq(name, "service");
	ck_assert_ptr_null(ph_message_at(message, 5, &name));
	ck_assert_uint_eq(ph_message_count(message), 5);
	ph_message_unref(&message);
	ck_assert_ptr_null(message);
}
END_TEST

START_TEST(encoded_form_is_stable_and_reads_back)
{
	ph_message *message = make(plain, 5, "data");
	size_t length, again_length;
	const void *bytes = ph_message_bytes(message, &length);
	ph_message *again = NULL;
	ck_assert_int_eq(ph_message_decode(bytes, length, &again, NULL), PH_OK);
	const void *again_bytes = ph_message_bytes(again, &again_length);
	ck_assert_uint_eq(length, again_length);
	ck_assert_mem_eq(bytes, again_bytes, length);
	ph_message *holder = ph_message_ref(again);
	ph_message_unref(&again);
	ck_assert_str_eq(ph_message_get(holder, "service", NULL), "potholes");
	ph_message_unref(&holder);
	ph_message_unref(&message);
}
END_TEST

/* The first bytes, given by hand from doc/protocol.md section 2. */
START_TEST(layout_is_as_documented)
{
	static const ph_attribute three[] = {
	    TEXT("id", "1"), TEXT("source", "s"), TEXT("x9", "v"), TEXT("type", "t")};
	static const uint8_t expected[] = {16 + 5 + 5 + 9 + 5 + 1, 0, 0, 0, 1, 0, 4, 0,
	    16 + 5 + 5 + 9 + 5, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, '1', 0, 2, 1, 0, 's', 0,
	    0, 2, 'x', '9', 0, 1, 0, 'v', 0, 3, 1, 0, 't', 0, 'D'};
	ph_message *message = make(three, 4, "D");
	size_t length;
	const void *bytes = ph_message_bytes(message, &length);
	ck_assert_uint_eq(length, sizeof expected);
	ck_assert_mem_eq(bytes, expected, length);
	ph_message_unref(&message);
}
END_TEST

static const struct refusal {
	const char *name, *value;
	ph_status status;
} refusals[] = {
    {"Upper", "x", PH_ERR_INVALID},
    {"", "x", PH_ERR_INVALID},
    {"with-dash", "x", PH_ERR_INVALID},
    {"specversion", "1.0", PH_ERR_INVALID},
    {"data", "x", PH_ERR_INVALID},
    {"abcdefghijklmnopqrstu", "21 characters", PH_ERR_INVALID},
    {"id", "given twice", PH_ERR_INVALID},
    {"ok", "bad \xff utf-8", PH_ERR_INVALID},
};

START_TEST(refuses_bad_attributes)
{
	const struct refusal *bad = &refusals[_i];
	ph_attribute attributes[4] = {
	    plain[0], plain[1], plain[2], {bad->name, bad->value, strlen(bad->value)}};
	ph_message *message = NULL;
	ph_error err;
	ck_assert_int_eq(
	    ph_message_new(attributes, 4, "", 0, &message, &err), bad->status);
	ck_assert_ptr_null(message);
	ck_assert(strncmp(err.text, "PH61", 4) == 0);
}
END_TEST

START_TEST(requires_id_source_and_type)
{
	for (size_t left_out = 0; left_out < 3; left_out++) {
		ph_attribute attributes[3];
		size_t count = 0;
		for (size_t i = 0; i < 4; i++) {
			if (i != left_out)
				attributes[count++] = plain[i];
		}
		ph_message *message = NULL;
		ck_assert_int_eq(
		    ph_message_new(attributes, count, "", 0, &message, NULL),
		    PH_ERR_INVALID);
	}
}
END_TEST

START_TEST(limits_hold)
{
	char *big = calloc(1, PH_MESSAGE_MAX);
	memset(big, 'a', PH_MESSAGE_MAX);
	ph_message *message = NULL;
	ck_assert_int_eq(ph_message_new(plain, 5, big, PH_MESSAGE_MAX, &message, NULL),
	    PH_ERR_TOO_LARGE);
	ph_attribute attributes[4] = {plain[0], plain[1], plain[2], {"x", big, 4097}};
	ck_assert_int_eq(
	    ph_message_new(attributes, 4, "", 0, &message, NULL), PH_ERR_TOO_LARGE);
	attributes[3].length = 4096;
	ck_assert_int_eq(ph_message_new(attributes, 4, "", 0, &message, NULL), PH_OK);
	ph_message_unref(&message);
	free(big);
}
END_TEST

/* Every byte changed and every length cut: never more than a refusal (the sanitizers watch). */
START_TEST(survives_damage)
{
	ph_message *message = make(plain, 5, "{}");
	size_t length;
	const uint8_t *bytes = ph_message_bytes(message, &length);
	for (size_t cut = 0; cut < length; cut++) {
		ph_message *again = NULL;
		uint8_t *copy = malloc(cut == 0 ? 1 : cut);
		memcpy(copy, bytes, cut);
		ck_assert_int_ne(ph_message_decode(copy, cut, &again, NULL), PH_OK);
		free(copy);
	}
	uint8_t *copy = malloc(length);
	for (size_t at = 0; at < length; at++) {
		for (int value = 0; value < 256; value += 17) {
			ph_message *again = NULL;
			memcpy(copy, bytes, length);
			copy[at] = (uint8_t) value;
			if (ph_message_decode(copy, length, &again, NULL) == PH_OK)
				ph_message_unref(&again);
		}
	}
	free(copy);
	ph_message_unref(&message);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("message");
	TCase *tests = tcase_create("message");
	tcase_add_test(tests, keeps_what_it_was_given);
	tcase_add_test(tests, encoded_form_is_stable_and_reads_back);
	tcase_add_test(tests, layout_is_as_documented);
	tcase_add_loop_test(tests, refuses_bad_attributes, 0,
	    (int) (sizeof refusals / sizeof refusals[0]));
	tcase_add_test(tests, requires_id_source_and_type);
	tcase_add_test(tests, limits_hold);
	tcase_add_test(tests, survives_damage);
	suite_add_tcase(suite, tests);
	return ph_check_main(suite);
}
