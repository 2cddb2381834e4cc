/* The delivery machine: every pair of state and event, and what must hold for all of them. */
#include <stdbool.h>

#include "broker/delivery.h"
#include "tests/unit/check_main.h"

/* The steps as a person would say them: state by state, the events that lead on and to where. */
static const struct {
	ph_delivery_state from;
	ph_delivery_event event;
	ph_delivery_state to;
} steps[] = {
#define STEP(from, event, to)                                                          \
	{                                                                              \
		PH_DELIVERY_##from, PH_EVENT_OF_##event, PH_DELIVERY_##to              \
	}
    STEP(READY, TAKE, IN_FLIGHT), STEP(READY, CLAIM, IN_FLIGHT),
    STEP(READY, DONE, GONE), STEP(READY, RETRY, WAITING), STEP(READY, FAIL, DEAD),
    STEP(READY, LOSE, UNKNOWN), STEP(WAITING, CLAIM, IN_FLIGHT),
    STEP(WAITING, DONE, GONE), STEP(WAITING, FAIL, DEAD), STEP(WAITING, DUE, READY),
    STEP(IN_FLIGHT, CLAIM, IN_FLIGHT), STEP(IN_FLIGHT, DONE, GONE),
    STEP(IN_FLIGHT, RETRY, WAITING), STEP(IN_FLIGHT, FAIL, DEAD),
    STEP(IN_FLIGHT, RETURN, READY), STEP(IN_FLIGHT, LOSE, UNKNOWN),
    STEP(UNKNOWN, CLAIM, IN_FLIGHT), STEP(UNKNOWN, DONE, GONE),
    STEP(UNKNOWN, RETRY, WAITING), STEP(UNKNOWN, FAIL, DEAD),
    STEP(UNKNOWN, RETURN, READY), STEP(DEAD, REPLAY, READY), STEP(DEAD, DISCARD, GONE)};
#define STEPS (sizeof steps / sizeof steps[0])

static ph_delivery_state
expected(unsigned state, unsigned event)
{
	for (size_t i = 0; i < STEPS; i++) {
		if (steps[i].from == state && steps[i].event == event)
			return steps[i].to;
	}
	return PH_DELIVERY_NONE;
}

START_TEST(every_pair)
{
	for (unsigned state = 0; state < PH_DELIVERY_STATES; state++) {
		for (unsigned event = 0; event < PH_DELIVERY_EVENTS; event++)
			ck_assert_msg(
			    ph_delivery_next((ph_delivery_state) state,
				(ph_delivery_event) event) == expected(state, event),
			    "%s, %s", ph_delivery_state_name((ph_delivery_state) state),
			    ph_delivery_event_name((ph_delivery_event) event));
	}
}
END_TEST

START_TEST(gone_is_the_only_end)
{
	for (unsigned state = PH_DELIVERY_READY; state < PH_DELIVERY_STATES; state++) {
		unsigned ways = 0;
		for (unsigned event = 0; event < PH_DELIVERY_EVENTS; event++)
			ways += ph_delivery_next((ph_delivery_state) state,
				    (ph_delivery_event) event) != PH_DELIVERY_NONE;
		ck_assert_msg((ways == 0) == (state == PH_DELIVERY_GONE), "%s",
		    ph_delivery_state_name((ph_delivery_state) state));
	}
}
END_TEST

/* Nothing that was dead-lettered comes back but by an operator's wish. */
START_TEST(dead_is_left_by_operators_only)
{
	for (unsigned event = 0; event < PH_DELIVERY_EVENTS; event++) {
		bool operator_wish =
		    event == PH_EVENT_OF_REPLAY || event == PH_EVENT_OF_DISCARD;
		ck_assert_int_eq(ph_delivery_next(PH_DELIVERY_DEAD,
				     (ph_delivery_event) event) != PH_DELIVERY_NONE,
		    operator_wish);
	}
}
END_TEST

START_TEST(numbers_go_there_and_back)
{
	uint64_t number = ph_delivery_number(65535, (UINT64_C(1) << 48) - 1);
	ck_assert_uint_eq(ph_delivery_queue(number), 65535);
	ck_assert_uint_eq(ph_delivery_acceptance(number), (UINT64_C(1) << 48) - 1);
	ck_assert_uint_eq(ph_delivery_number(3, 1042), (UINT64_C(3) << 48) + 1042);
	ck_assert_str_eq(ph_delivery_state_name(PH_DELIVERY_IN_FLIGHT), "in-flight");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("delivery");
	TCase *tests = tcase_create("machine");
	tcase_add_test(tests, every_pair);
	tcase_add_test(tests, gone_is_the_only_end);
	tcase_add_test(tests, dead_is_left_by_operators_only);
	tcase_add_test(tests, numbers_go_there_and_back);
	suite_add_tcase(suite, tests);
	return ph_check_main(suite);
}
