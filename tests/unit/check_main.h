/*
 * check_main - the last lines of every unit test: run the suite, speak TAP.
 *
 *	int
 *	main(void)
 *	{
 *		return ph_check_main(arena_suite());
 *	}
 *
 * Each case runs in a process of its own, unless CK_FORK=no is set. A case that hangs ends after two
 * minutes, or what the test or CK_DEFAULT_TIMEOUT says: check's own 4 seconds are too short for a test
 * with sanitizers on a machine that has much else to do.
 */
#ifndef PH_TESTS_CHECK_MAIN_H
#define PH_TESTS_CHECK_MAIN_H

#include <check.h>
#include <stdlib.h>

__attribute__((constructor)) static void
ph_check_patience(void)
{
	(void) setenv("CK_DEFAULT_TIMEOUT", "120", 0);
}

static inline int
ph_check_main(Suite *suite)
{
	SRunner *runner = srunner_create(suite);
	srunner_set_tap(runner, "-");
	srunner_run_all(runner, CK_SILENT);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
