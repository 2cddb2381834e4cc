/* The room that a trim needs, by whoever asks whether he may have some of what is left. */
#include "broker/keep.h"

#include "tests/unit/check_main.h"

#define RESERVE	   (3u << 20)
#define FILE_BYTES (1u << 20)
#define CHECKPOINT (5u << 20)

static ph_site site;
static ph_fs fs;
static int64_t left; /* bytes that the disk has */

static int64_t
space_left(void *self, const char *path)
{
	(void) self;
	(void) path;
	return left;
}

/* The bytes from which on he may have one. */
static int64_t
least(const ph_broker *broker)
{
	int64_t no = 0, yes = (int64_t) 1 << 40;
	while (yes - no > 1) {
		left = no + (yes - no) / 2;
		if (ph_keep_allows(broker, 1))
			yes = left;
		else
			no = left;
	}
	return yes;
}

/* Two checkpoints as large as the newest, beside the reserve, two files for messages and one for a start. */
START_TEST(checkpoints_count_as_they_are)
{
	ph_broker broker = {.site = &site, .fs = &fs};
	site.state = "/nowhere";
	ph_options_init(&site.options);
	site.options.values[PH_OPTION_SEGMENT_BYTES] = FILE_BYTES;
	site.options.values[PH_OPTION_RESERVE_BYTES] = RESERVE;
	fs = *ph_fs_system();
	fs.space = space_left;
	ck_assert_int_eq(ph_backlog_new(0, &broker.backlog, NULL), PH_OK);
	int64_t without = least(&broker);
	ck_assert_int_gt(without, RESERVE + 3 * FILE_BYTES);
	ck_assert_int_lt(without, RESERVE + 4 * FILE_BYTES);
	broker.checkpoint_bytes = CHECKPOINT;
	ck_assert_int_eq(least(&broker), without + 2 * CHECKPOINT);
	left = -1; /* nobody knows */
	ck_assert(ph_keep_allows(&broker, 1));
	ph_backlog_destroy(&broker.backlog);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("keep-sum");
	TCase *tests = tcase_create("keep-sum");
	tcase_add_test(tests, checkpoints_count_as_they_are);
	suite_add_tcase(suite, tests);
	return ph_check_main(suite);
}
