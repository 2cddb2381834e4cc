/* Messages that are read where they lie, and what keeps their bytes. */
#include <packhorse/packhorse.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/text.h"
#include "lib/wire/message.h"
#include "tests/unit/check_main.h"

#define TEXT(name, text)                                                               \
	{                                                                              \
		name, text, sizeof text - 1                                            \
	}
#define LENGTHS 40 /* of values: past several words */

static const ph_attribute plain[] = {TEXT("id", "42"),
    TEXT("source", "urn:council:test:crm"), TEXT("type", "council.case.created.v1"),
    TEXT("service", "potholes")};

static int released;

static void
count_release(void *room)
{
	memset(room, 0xee, 16);
	released++;
}

/* A holder with `copies` encoded messages in its room, one behind the other. */
static ph_holder *
fill(size_t copies, const uint8_t **bytes, size_t *length)
{
	ph_message *message = NULL;
	ck_assert_int_eq(ph_message_new(plain, 4, "data", 4, &message, NULL), PH_OK);
	const void *encoded = ph_message_bytes(message, length);
	void *room;
	ph_holder *holder = ph_holder_new(copies * *length, count_release, &room);
	ck_assert_ptr_nonnull(holder);
	for (size_t i = 0; i < copies; i++)
		memcpy((uint8_t *) room + i * *length, encoded, *length);
	ph_message_unref(&message);
	*bytes = room;
	released = 0;
	return holder;
}

START_TEST(lies_in_the_holder_until_the_last_goes)
{
	const uint8_t *bytes;
	size_t length, got;
	ph_holder *holder = fill(3, &bytes, &length);
	ph_message *in[3] = {NULL};
	for (size_t i = 0; i < 3; i++) {
		ck_assert_int_eq(ph_message_decode_in(
				     holder, bytes + i * length, length, &in[i], NULL),
		    PH_OK);
		ck_assert_ptr_eq(ph_message_bytes(in[i], &got), bytes + i * length);
		ck_assert_uint_eq(got, length);
	}
	ck_assert(!ph_holder_alone(holder));
	ph_holder_unref(&holder);
	ck_assert_ptr_null(holder);
	ph_message *kept = ph_message_ref(in[1]);
	for (size_t i = 0; i < 3; i++)
		ph_message_unref(&in[i]);
	ck_assert_int_eq(released, 0);
	ck_assert_str_eq(ph_message_get(kept, "service", NULL), "potholes");
	ck_assert_mem_eq(ph_message_data(kept, &got), "data", 4);
	ph_message_unref(&kept);
	ck_assert_int_eq(released, 1);
}
END_TEST

START_TEST(becomes_its_own)
{
	const uint8_t *bytes;
	size_t length, got;
	ph_holder *holder = fill(1, &bytes, &length);
	ph_message *message = NULL;
	ck_assert_int_eq(
	    ph_message_decode_in(holder, bytes, length, &message, NULL), PH_OK);
	ck_assert_int_eq(ph_message_own(&message, NULL), PH_OK);
	ck_assert(ph_holder_alone(holder));
	ck_assert_mem_eq(ph_message_bytes(message, &got), bytes, length);
	ck_assert_ptr_ne(ph_message_bytes(message, &got), bytes);
	ph_holder_unref(&holder);
	ck_assert_int_eq(released, 1);
	const ph_message *before = message;
	ck_assert_int_eq(ph_message_own(&message, NULL), PH_OK);
	ck_assert_ptr_eq(message, before);
	ck_assert_uint_eq(ph_message_count(message), 4);
	ck_assert_str_eq(ph_message_get(message, "service", NULL), "potholes");
	ck_assert_mem_eq(ph_message_data(message, &got), "data", 4);
	ph_message_unref(&message);
}
END_TEST

/* Memory of a holder: aligned, apart, and given back to be taken again. */
START_TEST(memory_goes_with_the_holder)
{
	void *room;
	unsigned char *taken[200];
	ph_holder *holder = ph_holder_new(3, NULL, &room);
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < 200; i++) {
			size_t size = 1 + i * i % 3000;
			taken[i] = ph_holder_take(holder, size);
			ck_assert_ptr_nonnull(taken[i]);
			ck_assert_uint_eq((uintptr_t) taken[i] % 16, 0);
			memset(taken[i], (int) i, size);
		}
		for (size_t i = 0; i < 200; i++) {
			ck_assert_uint_eq(taken[i][0], i);
			ck_assert_uint_eq(taken[i][i * i % 3000], i);
		}
		void *first = taken[0];
		ph_holder_empty(holder);
		ck_assert_ptr_eq(ph_holder_take(holder, 1), first);
		ph_holder_empty(holder);
	}
	memset(room, 0xff, 3);
	ph_holder_unref(&holder);
}
END_TEST

/* Counted without a lock. */
START_TEST(users_on_one_thread)
{
	const uint8_t *bytes;
	size_t length;
	ph_message *in[3] = {NULL};
	ph_holder *holder = fill(3, &bytes, &length);
	ph_holder_one_thread(holder);
	for (size_t i = 0; i < 3; i++)
		ck_assert_int_eq(ph_message_decode_in(
				     holder, bytes + i * length, length, &in[i], NULL),
		    PH_OK);
	for (size_t i = 0; i < 3; i++) {
		ck_assert(!ph_holder_alone(holder));
		ph_message_unref(&in[i]);
	}
	ck_assert(ph_holder_alone(holder));
	ck_assert_int_eq(released, 0);
	ph_holder_unref(&holder);
	ck_assert_int_eq(released, 1);
}
END_TEST

START_TEST(a_copy_is_its_own_already)
{
	const uint8_t *bytes;
	size_t length, got;
	ph_holder *holder = fill(1, &bytes, &length);
	ph_message *message = NULL;
	ck_assert_int_eq(ph_message_decode(bytes, length, &message, NULL), PH_OK);
	ck_assert(ph_holder_alone(holder));
	const void *before = ph_message_bytes(message, &got);
	ck_assert_int_eq(ph_message_own(&message, NULL), PH_OK);
	ck_assert_ptr_eq(ph_message_bytes(message, &got), before);
	ph_message_unref(&message);
	ph_holder_unref(&holder);
}
END_TEST

/* What is refused leaves the holder as it was. */
START_TEST(refusal_holds_nothing)
{
	const uint8_t *bytes;
	size_t length;
	ph_holder *holder = fill(2, &bytes, &length);
	ph_message *message = NULL;
	for (size_t cut = 0; cut < length; cut++)
		ck_assert_int_ne(
		    ph_message_decode_in(holder, bytes, cut, &message, NULL), PH_OK);
	ck_assert_int_eq(
	    ph_message_decode_in(holder, bytes, length + 1, &message, NULL),
	    PH_ERR_INVALID);
	ck_assert_ptr_null(message);
	ck_assert(ph_holder_alone(holder));
	ph_holder_unref(&holder);
	ck_assert_int_eq(released, 1);
}
END_TEST

/* A few attributes and many, one behind the other in a holder. */
typedef struct two {
	ph_holder *holder;
	const uint8_t *few, *many;
	size_t few_length, many_length;
} two;

static void
hold_two(two *out)
{
	ph_attribute attributes[20];
	char names[20][2];
	ph_message *few = NULL, *many = NULL;
	void *room;
	for (size_t i = 0; i < 20; i++) {
		names[i][0] = (char) ('a' + i);
		names[i][1] = 0;
		attributes[i] =
		    i < 3 ? plain[i] : (ph_attribute){names[i], names[i], 1};
	}
	ck_assert_int_eq(ph_message_new(plain, 4, "", 0, &few, NULL), PH_OK);
	ck_assert_int_eq(ph_message_new(attributes, 20, "", 0, &many, NULL), PH_OK);
	const void *few_bytes = ph_message_bytes(few, &out->few_length);
	const void *many_bytes = ph_message_bytes(many, &out->many_length);
	out->holder = ph_holder_new(out->few_length + out->many_length, NULL, &room);
	ck_assert_ptr_nonnull(out->holder);
	memcpy(room, few_bytes, out->few_length);
	out->few = room;
	out->many = out->few + out->few_length;
	memcpy((uint8_t *) room + out->few_length, many_bytes, out->many_length);
	ph_message_unref(&few);
	ph_message_unref(&many);
}

static void
decode_few(ph_message **message_p, const two *in)
{
	ck_assert_int_eq(ph_message_decode_over(
			     message_p, in->holder, in->few, in->few_length, NULL),
	    PH_OK);
	ck_assert_str_eq(ph_message_get(*message_p, "service", NULL), "potholes");
	ck_assert_ptr_null(ph_message_get(*message_p, "t", NULL));
	ck_assert_uint_eq(ph_message_count(*message_p), 4);
}

static void
decode_many(ph_message **message_p, const two *in)
{
	ck_assert_int_eq(ph_message_decode_over(
			     message_p, in->holder, in->many, in->many_length, NULL),
	    PH_OK);
	ck_assert_ptr_null(ph_message_get(*message_p, "service", NULL));
	ck_assert_str_eq(ph_message_get(*message_p, "t", NULL), "t");
	ck_assert_str_eq(ph_message_known(*message_p, PH_TAG_ID, NULL), "42");
	ck_assert_uint_eq(ph_message_count(*message_p), 20);
}

START_TEST(memory_serves_again_for_the_next)
{
	two in;
	hold_two(&in);
	ph_message *message = NULL;
	decode_many(&message, &in);
	const ph_message *first = message;
	decode_few(&message, &in);
	ck_assert_ptr_eq(message, first);
	decode_many(&message, &in);
	ck_assert_ptr_eq(message, first);
	ck_assert_int_eq(ph_message_decode_over(
			     &message, in.holder, in.few, in.few_length - 1, NULL),
	    PH_ERR_INVALID);
	ck_assert_ptr_null(message);
	ck_assert(ph_holder_alone(in.holder));
	ph_holder_unref(&in.holder);
}
END_TEST

/* What is kept, lies elsewhere, or has too few places is let go. */
START_TEST(other_memory_does_not_serve)
{
	two in, next;
	hold_two(&in);
	hold_two(&next);
	ph_message *message = NULL;
	ck_assert_int_eq(
	    ph_message_decode(in.few, in.few_length, &message, NULL), PH_OK);
	decode_few(&message, &in);
	ph_message *kept = ph_message_ref(message);
	decode_few(&message, &in);
	ck_assert_ptr_ne(message, kept);
	const ph_message *small = message;
	decode_many(&message, &in);
	ck_assert_ptr_ne(message, small);
	decode_few(&message, &next);
	ck_assert_str_eq(ph_message_get(kept, "service", NULL), "potholes");
	ph_message_unref(&kept);
	ck_assert(ph_holder_alone(in.holder));
	ph_message_unref(&message);
	ck_assert(ph_holder_alone(next.holder));
	ph_holder_unref(&in.holder);
	ph_holder_unref(&next.holder);
}
END_TEST

/* Every byte changed: both ways of decoding say the same of it (the sanitizers watch). */
START_TEST(both_ways_agree_on_damage)
{
	const uint8_t *bytes;
	size_t length;
	ph_holder *holder = fill(1, &bytes, &length);
	for (size_t at = 0; at < length; at++) {
		for (int value = 0; value < 256; value += 5) {
			void *room;
			ph_holder *spoilt = ph_holder_new(length, NULL, &room);
			memcpy(room, bytes, length);
			((uint8_t *) room)[at] = (uint8_t) value;
			ph_message *copy = NULL, *in = NULL;
			ck_assert_int_eq(ph_message_decode(room, length, &copy, NULL),
			    ph_message_decode_in(spoilt, room, length, &in, NULL));
			ck_assert_int_eq(copy == NULL, in == NULL);
			ph_message_unref(&copy);
			ph_message_unref(&in);
			ck_assert(ph_holder_alone(spoilt));
			ph_holder_unref(&spoilt);
		}
	}
	ph_holder_unref(&holder);
}
END_TEST

/* More attributes than there are bytes for: refused before memory is taken for them. */
START_TEST(attributes_need_bytes)
{
	uint8_t bytes[40] = {[4] = 1};
	ph_error err;
	void *room;
	ph_message *message = NULL;
	ph_holder *holder = ph_holder_new(8, NULL, &room);
	for (uint8_t length = 16; length <= sizeof bytes; length++) {
		uint8_t fit = (uint8_t) ((length - 16) / 4);
		bytes[0] = bytes[8] = length;
		for (uint8_t count = 3; count <= PH_MESSAGE_ATTRIBUTES_MAX; count++) {
			bytes[6] = count;
			ck_assert_int_eq(
			    ph_message_decode_in(holder, bytes, length, &message, &err),
			    PH_ERR_INVALID);
			ck_assert_int_eq(
			    strcmp(err.where, "message byte 6") == 0, count > fit);
			ck_assert_int_eq(
			    ph_message_decode(bytes, length, &message, &err),
			    PH_ERR_INVALID);
			ck_assert_int_eq(
			    strcmp(err.where, "message byte 6") == 0, count > fit);
		}
	}
	ck_assert_ptr_null(message);
	ph_holder_unref(&holder);
}
END_TEST

/* The quick look at a value and the thorough one agree, for every length and place. */
static void
compare_value(char *value, size_t length)
{
	ph_attribute attributes[] = {
	    plain[0], plain[1], plain[2], {"x", value, length}};
	bool good =
	    memchr(value, 0, length) == NULL && ph_utf8_valid(value, length, NULL);
	ph_message *message = NULL;
	ck_assert_int_eq(
	    ph_message_new(attributes, 4, "", 0, &message, NULL) == PH_OK, good);
	if (message == NULL)
		return;
	size_t encoded;
	const void *bytes = ph_message_bytes(message, &encoded);
	ph_message *again = NULL;
	ck_assert_int_eq(ph_message_decode(bytes, encoded, &again, NULL), PH_OK);
	ck_assert_str_eq(ph_message_get(again, "x", NULL), value);
	ph_message_unref(&again);
	/* the same value with a zero in it, which no attribute could be made of */
	uint8_t *spoilt = malloc(encoded);
	memcpy(spoilt, bytes, encoded);
	for (size_t at = encoded - 1 - length; at < encoded - 1; at++) {
		uint8_t was = spoilt[at];
		spoilt[at] = 0;
		ck_assert_int_eq(
		    ph_message_decode(spoilt, encoded, &again, NULL), PH_ERR_INVALID);
		spoilt[at] = was;
	}
	free(spoilt);
	ph_message_unref(&message);
}

START_TEST(values_are_looked_at_whole)
{
	static const char *const odd[] = {"\x80", "\xff", "\x7f", "\x01", "\xc3\xa4",
	    "\xc3", "\xe2\x82\xac", "\xf0\x9f\x90\xb4"};
	for (size_t length = 0; length < LENGTHS; length++) {
		char *value = malloc(length + 1);
		memset(value, 'v', length);
		value[length] = 0;
		compare_value(value, length);
		for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
			size_t width = strlen(odd[i]);
			for (size_t at = 0; at + width <= length; at++) {
				memcpy(value + at, odd[i], width);
				compare_value(value, length);
				memset(value + at, 'v', width);
			}
		}
		free(value);
	}
}
END_TEST

static void *
let_go(void *argument)
{
	ph_message *message = argument;
	size_t length;
	bool whole = memcmp(ph_message_data(message, &length), "data", 4) == 0;
	ph_message_unref(&message);
	return whole ? argument : NULL;
}

/* Messages of one frame may go on different threads (the thread sanitizer watches). */
START_TEST(goes_on_any_thread)
{
	const uint8_t *bytes;
	size_t length;
	ph_holder *holder = fill(4, &bytes, &length);
	ph_message *in[4] = {NULL};
	pthread_t threads[4];
	for (size_t i = 0; i < 4; i++)
		ck_assert_int_eq(ph_message_decode_in(
				     holder, bytes + i * length, length, &in[i], NULL),
		    PH_OK);
	for (size_t i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, let_go, in[i]), 0);
	ph_holder_unref(&holder);
	for (size_t i = 0; i < 4; i++) {
		void *result;
		ck_assert_int_eq(pthread_join(threads[i], &result), 0);
		ck_assert_ptr_nonnull(result);
	}
	ck_assert_int_eq(released, 1);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("message_in");
	TCase *tests = tcase_create("message_in");
	tcase_add_test(tests, lies_in_the_holder_until_the_last_goes);
	tcase_add_test(tests, becomes_its_own);
	tcase_add_test(tests, memory_goes_with_the_holder);
	tcase_add_test(tests, users_on_one_thread);
	tcase_add_test(tests, a_copy_is_its_own_already);
	tcase_add_test(tests, refusal_holds_nothing);
	tcase_add_test(tests, memory_serves_again_for_the_next);
	tcase_add_test(tests, other_memory_does_not_serve);
	tcase_add_test(tests, both_ways_agree_on_damage);
	tcase_add_test(tests, attributes_need_bytes);
	tcase_add_test(tests, values_are_looked_at_whole);
	tcase_add_test(tests, goes_on_any_thread);
	suite_add_tcase(suite, tests);
	return ph_check_main(suite);
}
