/*
 * What one turn hands out of messages that are not in memory: no more than can be read without standing
 * still, and no queue waits for ever behind another.
 */
#include "broker/dispatch.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "broker/accept.h"
#include "broker/turn.h"
#include "tests/unit/check_main.h"
#include "tests/unit/history.h"

#define MESSAGES 400
#define BYTES	 10000
#define MOST	 (1u << 20) /* bytes read in a turn */

static char home[64];
static ph_broker *broker;

ph_status __wrap_ph_socket_send_buffer(
    ph_socket *to, const ph_peer *peer, ph_buffer *frame, ph_error *err);

/* Whatever is said is heard, though nobody is there. */
ph_status
__wrap_ph_socket_send_buffer(
    ph_socket *to, const ph_peer *peer, ph_buffer *frame, ph_error *err)
{
	(void) to;
	(void) peer;
	(void) frame;
	(void) err;
	return PH_OK;
}

static void
begin(void)
{
	char site[80];
	(void) snprintf(home, sizeof home, "/tmp/ph-dispatch.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(home));
	(void) snprintf(site, sizeof site, "%s/log", home);
	int fd = open(site, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	ck_assert_int_ge(dup2(fd, STDERR_FILENO), 0);
	(void) close(fd);
	(void) snprintf(site, sizeof site, "%s/site", home);
	history_shell("mkdir %s", site);
	history_site(site, "queue-memory: 5");
	broker = history_broker(site);
}

static void
end(void)
{
	ph_broker_destroy(&broker);
	history_shell("rm -r %s", home);
}

/* One message, to both queues; all but the first few are on their shelves. */
static void
accept_one(const uint16_t queues[2])
{
	static char data[BYTES];
	char id[32];
	ph_message *message = NULL;
	uint64_t offset = 0;
	ph_record_accept record = {.acceptance = broker->last_acceptance + 1,
	    .queues = {queues[0], queues[1]},
	    .queue_count = 2};
	(void) snprintf(
	    id, sizeof id, "m-%llu", (unsigned long long) record.acceptance);
	const ph_attribute attributes[] = {
	    {"id", id, strlen(id)}, {"source", "urn:test", 8}, {"type", "bench.v1", 8}};
	ck_assert_int_eq(
	    ph_message_new(attributes, 3, data, BYTES, &message, NULL), PH_OK);
	memcpy(record.id, &record.acceptance, sizeof record.acceptance);
	record.message.data = ph_message_bytes(message, &record.message.length);
	ph_buffer_clear(&broker->record);
	ph_record_accept_encode(&record, &broker->record);
	ck_assert_int_eq(ph_broker_submit(broker, PH_RECORD_ACCEPT, PH_STORE_NEW,
			     record.message.data, record.message.length, &offset, NULL),
	    PH_OK);
	ck_assert_int_eq(
	    ph_accept_apply(broker, &record, &message, offset, NULL), PH_OK);
	ph_message_unref(&message);
}

/* Somebody who wants all of this queue. */
static ph_subscription *
subscribe(const char *queue, uint64_t number)
{
	ph_session *session = NULL;
	ph_buffer bytes;
	ph_frame frame;
	const ph_peer peer = {.length = 5, .bytes = {0, 1, 2, 3, (uint8_t) number}};
	ck_assert_int_eq(
	    ph_sessions_add(broker->sessions, &peer, &session, NULL), PH_OK);
	session->role = PH_ROLE_CLIENT;
	session->heard_ms = session->said_ms = ph_clock_mono(broker->clock);
	ph_buffer_init(&bytes, 0);
	ph_frame_begin(&bytes, PH_FRAME_SUBSCRIBE, number);
	ph_buffer_string(&bytes, queue);
	ph_buffer_u32(&bytes, 2 * MESSAGES);
	ph_buffer_u8(&bytes, 0);
	ck_assert_int_eq(ph_frame_open(bytes.data, bytes.length, &frame, NULL), PH_OK);
	ck_assert_int_eq(ph_dispatch_subscribe(broker, session, &frame, NULL), PH_OK);
	ph_buffer_fini(&bytes);
	return ph_session_subscription(session, number);
}

static void
leave(const ph_subscription *at)
{
	ph_session *session = at->session;
	ph_dispatch_leave(broker, session);
	ph_sessions_remove(broker->sessions, &session);
}

/* More than a turn reads is in both queues. */
static void
fill(void)
{
	const uint16_t queues[2] = {
	    ph_queue_number(ph_destinations_find(broker->destinations, "bench")->queue),
	    ph_queue_number(
		ph_destinations_find(broker->destinations, "other")->queue)};
	for (unsigned i = 0; i < MESSAGES; i++)
		accept_one(queues);
	ck_assert_int_eq(ph_broker_flush(broker), PH_OK);
}

START_TEST(a_turn_reads_so_much_and_queues_take_turns)
{
	fill();
	ph_subscription *bench = subscribe("bench", 1), *other = subscribe("other", 2);
	uint64_t there = 0, turns = 0;
	while (there < 2 * MESSAGES) {
		broker->starved = false;
		ph_dispatch_all(broker);
		uint64_t now = bench->holder.count + other->holder.count;
		/* what was in memory comes on top */
		ck_assert_uint_le((now - there) * BYTES, MOST + 12 * BYTES);
		ck_assert_uint_gt(now, there);
		ck_assert(broker->starved == (now < 2 * MESSAGES));
		there = now;
		if (++turns == 2) {
			ck_assert_uint_gt(bench->holder.count, 10);
			ck_assert_uint_gt(other->holder.count, 10);
		}
	}
	ck_assert_uint_ge(turns, 2 * MESSAGES * BYTES / (MOST + 12 * BYTES));
	leave(bench);
	leave(other);
}
END_TEST

/* Also if nobody says anything meanwhile. */
START_TEST(a_turn_that_has_read_enough_is_followed_by_another)
{
	fill();
	while (ph_turn_end(broker))
		continue; /* until there is nothing to do */
	ph_subscription *bench = subscribe("bench", 1);
	unsigned turns = 1;
	while (ph_turn_end(broker))
		turns++;
	ck_assert_uint_gt(turns, MESSAGES * BYTES / (MOST + 12 * BYTES));
	ck_assert_uint_eq(bench->holder.count, MESSAGES);
	leave(bench);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("dispatch");
	TCase *tests = tcase_create("dispatch");
	tcase_add_checked_fixture(tests, begin, end);
	tcase_add_test(tests, a_turn_reads_so_much_and_queues_take_turns);
	tcase_add_test(tests, a_turn_that_has_read_enough_is_followed_by_another);
	suite_add_tcase(suite, tests);
	return ph_check_main(suite);
}
