/*
 * The control socket: lines in any pieces, answers now and later, and who is let go.
 */
#include "broker/control.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/operate.h"
#include "lib/base/clock.h"
#include "lib/base/os.h"
#include "tests/unit/check_main.h"
#include "tests/unit/ledger_store.h"

/* --- a broker that notes what it is asked --- */

static struct {
	unsigned asked;	  /* how often */
	char verb[64];	  /* the last verb */
	char ids[256];	  /* joined */
	bool reveal, all; /* the last flags */
	uint64_t after;
	uint32_t most;
	char queue[64];
	ph_reply waiting; /* a reply to be ended by the test */
	unsigned rows;	  /* to answer `many` with */
	char *filler;	  /* of each row */
} asked;

bool
ph_operate_knows(const char *verb)
{
	return strncmp(verb, "no.", 3) != 0;
}

static void
answer_rows(const ph_reply *reply)
{
	for (unsigned i = 0; i < asked.rows; i++)
		reply->row(reply->self, asked.filler, strlen(asked.filler));
	reply->end(reply->self, NULL);
}

void
ph_operate(struct ph_broker *broker, const char *verb, const ph_operate_args *args,
    const ph_reply *reply)
{
	ck_assert_ptr_eq(broker, (struct ph_broker *) (void *) &asked);
	asked.asked++;
	snprintf(asked.verb, sizeof asked.verb, "%s", verb);
	asked.ids[0] = '\0';
	for (size_t i = 0; i < args->ids_count; i++) {
		strcat(asked.ids, args->ids[i]);
		strcat(asked.ids, " ");
	}
	asked.reveal = args->reveal;
	asked.all = args->all;
	asked.after = args->after;
	asked.most = args->most;
	snprintf(asked.queue, sizeof asked.queue, "%s", args->queue ? args->queue : "");
	if (strcmp(verb, "wait") == 0) {
		asked.waiting = *reply;
	} else if (strcmp(verb, "many") == 0) {
		answer_rows(reply);
	} else if (strcmp(verb, "misuse") == 0) {
		ph_error err;
		(void) ph_fail_at(&err, PH_ERR_USAGE, "", "PH7034 no such argument");
		reply->end(reply->self, &err);
	} else if (strcmp(verb, "fail") == 0) {
		ph_error err;
		(void) ph_fail_at(
		    &err, PH_ERR_NOT_FOUND, "waste/9", "PH5001 no such \"letter\"");
		reply->end(reply->self, &err);
	} else {
		reply->row(reply->self, "{\"a\":1}", 7);
		reply->end(reply->self, NULL);
	}
}

/* --- the door and callers --- */

static struct {
	char directory[64], path[128];
	ph_loop *loop;
	ph_control *control;
	memory_store *store;
	ph_ledger *ledger;
	ph_buffer got; /* of the caller being read */
} b;

static void
open_control(size_t peers_most, size_t line_most)
{
	const ph_control_options options = {
	    .path = b.path,
	    .loop = b.loop,
	    .broker = (struct ph_broker *) (void *) &asked,
	    .ledger = b.ledger,
	    .peers_most = peers_most,
	    .line_most = line_most,
	};
	ck_assert_int_eq(ph_control_open(&options, &b.control, NULL), PH_OK);
}

static void
setup(void)
{
	memset(&asked, 0, sizeof asked);
	memset(&b, 0, sizeof b);
	strcpy(b.directory, "/tmp/ph-control-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(b.directory));
	snprintf(b.path, sizeof b.path, "%s/control", b.directory);
	ck_assert_int_eq(ph_loop_new(ph_clock_system(), &b.loop, NULL), PH_OK);
	ph_buffer_init(&b.got, 0);
}

static void
teardown(void)
{
	char command[128];
	ph_ledger_close(&b.ledger);
	ph_control_close(&b.control);
	(void) ph_loop_turn(b.loop, 0, NULL);
	ph_loop_destroy(&b.loop);
	if (b.store != NULL)
		memory_free(b.store);
	ph_buffer_fini(&b.got);
	free(asked.filler);
	snprintf(command, sizeof command, "rm -rf %s", b.directory);
	ck_assert_int_eq(system(command), 0);
}

static int
call_broker(void)
{
	int fd = -1;
	ck_assert_int_eq(ph_os_connect(b.path, &fd, NULL), PH_OK);
	ck_assert_int_eq(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	ck_assert_int_eq(ph_loop_turn(b.loop, 10, NULL), PH_OK);
	return fd;
}

static void
say(int fd, const char *text)
{
	size_t length = strlen(text);
	ck_assert_int_eq(send(fd, text, length, MSG_NOSIGNAL), (ssize_t) length);
}

/* Turn the loop until `ends` last lines were read, or the other side hung up (returns false). */
static bool
read_ends(int fd, unsigned ends)
{
	char bytes[65536];
	int64_t until = ph_clock_mono(ph_clock_system()) + 60000;
	ph_buffer_clear(&b.got);
	while (ph_clock_mono(ph_clock_system()) < until) {
		ck_assert_int_eq(ph_loop_turn(b.loop, 1, NULL), PH_OK);
		ssize_t got = recv(fd, bytes, sizeof bytes, 0);
		if (got == 0 || (got < 0 && errno == ECONNRESET))
			return false;
		if (got < 0)
			continue;
		ph_buffer_append(&b.got, bytes, (size_t) got);
		unsigned seen = 0;
		const char *text = ph_buffer_cstr(&b.got);
		for (const char *at = text; (at = strstr(at, "\"end\":true")) != NULL;
		     at++)
			seen++;
		if (seen >= ends && text[b.got.length - 1] == '\n')
			return true;
	}
	ck_abort_msg("no answer in time");
	return false;
}

static void
expect(int fd, const char *answer)
{
	ck_assert(read_ends(fd, 1));
	ck_assert_str_eq(ph_buffer_cstr(&b.got), answer);
}

/* Nothing keeps the loop awake. */
static void
expect_no_wake(void)
{
	int64_t begun_ms = ph_clock_mono(ph_clock_system());
	ck_assert_int_eq(ph_loop_turn(b.loop, 100, NULL), PH_OK);
	ck_assert_int_ge(ph_clock_mono(ph_clock_system()) - begun_ms, 90);
}

#define FINE "{\"a\":1}\n{\"end\":true,\"exit\":0}\n"

START_TEST(a_verb_gets_its_arguments_and_answers)
{
	open_control(0, 0);
	int fd = call_broker();
	say(fd, "{\"verb\":\"queue.peek\",\"args\":{\"queue\":\"waste\",\"most\":5,"
		"\"after\":12,\"ids\":[\"waste/1\",77],\"all\":true}}\n");
	expect(fd, FINE);
	ck_assert_str_eq(asked.verb, "queue.peek");
	ck_assert_str_eq(asked.queue, "waste");
	ck_assert_str_eq(asked.ids, "waste/1 77 ");
	ck_assert_uint_eq(asked.most, 5);
	ck_assert_uint_eq(asked.after, 12);
	ck_assert(asked.all);
	close(fd);
}
END_TEST

START_TEST(lines_come_in_any_pieces)
{
	static const char request[] = "{\"verb\":\"x\"}\n\n{\"verb\":\"y\"}\n";
	open_control(0, 0);
	int fd = call_broker();
	for (size_t i = 0; i + 1 < sizeof request; i++) {
		const char one[2] = {request[i], '\0'};
		say(fd, one);
		ck_assert_int_eq(ph_loop_turn(b.loop, 1, NULL), PH_OK);
	}
	ck_assert(read_ends(fd, 2));
	ck_assert_str_eq(ph_buffer_cstr(&b.got), FINE FINE);
	ck_assert_uint_eq(asked.asked, 2);
	close(fd);
}
END_TEST

START_TEST(requests_are_answered_one_after_the_other)
{
	open_control(0, 0);
	int fd = call_broker();
	say(fd, "{\"verb\":\"wait\"}\n{\"verb\":\"x\"}\n");
	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(ph_loop_turn(b.loop, 5, NULL), PH_OK);
	ck_assert_uint_eq(asked.asked, 1);
	/* More that comes meanwhile does not keep the loop awake. */
	say(fd, "{\"verb\":\"x\"}\n");
	expect_no_wake();
	asked.waiting.row(asked.waiting.self, "{\"late\":1}", 10);
	asked.waiting.end(asked.waiting.self, NULL);
	ck_assert(read_ends(fd, 3));
	ck_assert_str_eq(ph_buffer_cstr(&b.got),
	    "{\"late\":1}\n{\"end\":true,\"exit\":0}\n" FINE FINE);
	close(fd);
}
END_TEST

START_TEST(an_error_has_status_place_and_text)
{
	open_control(0, 0);
	int fd = call_broker();
	say(fd, "{\"verb\":\"fail\"}\n");
	expect(fd,
	    "{\"end\":true,\"exit\":1,\"error\":{\"status\":\"not-found\",\"where\":"
	    "\"waste/9\",\"text\":\"PH5001 no such \\\"letter\\\"\"}}\n");
	say(fd, "{\"verb\":\"misuse\"}\n");
	expect(fd,
	    "{\"end\":true,\"exit\":2,\"error\":{\"status\":\"usage\",\"where\":\"\","
	    "\"text\":\"PH7034 no such argument\"}}\n");
	close(fd);
}
END_TEST

/* What is refused before the broker sees it, and the code it is refused with. */
static const struct {
	const char *line, *code;
} refused[] = {
    {"hello\n", "PH7031"},
    {"[1]\n", "PH7031"},
    {"{\"verb\":7}\n", "PH7031"},
    {"{\"verb\":\"x\",\"verb\":\"y\"}\n", "PH7031"},
    {"{\"verb\":\"x\",\"args\":[]}\n", "PH7031"},
    {"{\"verb\":\"no.such\"}\n", "PH7033"},
    {"{\"verb\":\"x\",\"args\":{\"quue\":\"waste\"}}\n", "PH7034"},
    {"{\"verb\":\"x\",\"args\":{\"queue\":7}}\n", "PH7034"},
    {"{\"verb\":\"x\",\"args\":{\"ids\":\"waste/1\"}}\n", "PH7034"},
    {"{\"verb\":\"x\",\"args\":{\"ids\":[null]}}\n", "PH7034"},
    {"{\"verb\":\"x\",\"args\":{\"most\":-1}}\n", "PH7034"},
    {"{\"verb\":\"x\",\"args\":{\"all\":\"yes\"}}\n", "PH7034"},
    {"{\"verb\":\"x\",\"args\":{\"reference\":\"1\"}}\n", "PH7034"},
    {"{\"verb\":\"queue.peek\",\"args\":{\"reveal\":true}}\n", "PH7035"},
    {"{\"verb\":\"queue.peek\",\"args\":{\"reveal\":true,\"why\":\"\"}}\n", "PH7035"},
    {"{\"verb\":\"\xff\"}\n", "PH7031"},
};

START_TEST(what_makes_no_sense_is_refused)
{
	open_control(0, 0);
	int fd = call_broker();
	say(fd, refused[_i].line);
	ck_assert(read_ends(fd, 1));
	ck_assert_ptr_nonnull(strstr(ph_buffer_cstr(&b.got), refused[_i].code));
	ck_assert_ptr_null(strstr(ph_buffer_cstr(&b.got), "\"exit\":0"));
	ck_assert_uint_eq(asked.asked, 0);
	say(fd, "{\"verb\":\"x\"}\n"); /* the connection is as good as before */
	expect(fd, FINE);
	close(fd);
}
END_TEST

START_TEST(a_line_without_end_is_cut_off)
{
	char *much = malloc(100001);
	ck_assert_ptr_nonnull(much);
	memset(much, 'x', 100000);
	much[100000] = '\0';
	open_control(0, 4096);
	int fd = call_broker();
	(void) send(fd, much, 100000, MSG_NOSIGNAL);
	free(much);
	ck_assert(!read_ends(fd, 2));
	close(fd);
	fd = call_broker();
	say(fd, "{\"verb\":\"x\"}\n");
	expect(fd, FINE);
	close(fd);
}
END_TEST

/* As long as is allowed, and one byte longer. */
START_TEST(the_longest_line_is_answered)
{
	char line[4098];
	memset(line, ' ', sizeof line);
	memcpy(line, "{\"verb\":\"x\"}", 12);
	open_control(0, 4096);
	int fd = call_broker();
	line[4096] = '\0';
	say(fd, line);
	ck_assert_int_eq(ph_loop_turn(b.loop, 10, NULL), PH_OK);
	say(fd, "\n");
	expect(fd, FINE);
	line[4096] = ' ';
	line[4097] = '\0';
	say(fd, line);
	ck_assert(read_ends(fd, 1));
	ck_assert_ptr_nonnull(strstr(ph_buffer_cstr(&b.got), "PH7032"));
	ck_assert_uint_eq(asked.asked, 1);
	ck_assert(!read_ends(fd, 1));
	close(fd);
}
END_TEST

START_TEST(a_long_answer_waits_for_its_reader)
{
	asked.rows = 2000;
	asked.filler = calloc(1, 4001);
	ck_assert_ptr_nonnull(asked.filler);
	memset(asked.filler, '7', 4000);
	open_control(0, 0);
	int fd = call_broker();
	say(fd, "{\"verb\":\"many\"}\n");
	for (int i = 0; i < 10; i++) /* nobody reads yet; others are served */
		ck_assert_int_eq(ph_loop_turn(b.loop, 1, NULL), PH_OK);
	say(fd, "{\"verb\":\"x\"}\n"); /* nor is it asked for more */
	for (int i = 0; i < 10; i++)
		ck_assert_int_eq(ph_loop_turn(b.loop, 1, NULL), PH_OK);
	ck_assert_uint_eq(asked.asked, 1);
	int other = call_broker();
	say(other, "{\"verb\":\"x\"}\n");
	expect(other, FINE);
	ck_assert(read_ends(fd, 2));
	ck_assert_uint_eq(b.got.length,
	    2000u * 4001 + strlen("{\"end\":true,\"exit\":0}\n") + strlen(FINE));
	close(fd);
	close(other);
}
END_TEST

START_TEST(who_hangs_up_is_forgotten_once_answered)
{
	open_control(1, 0);
	int fd = call_broker();
	say(fd, "{\"verb\":\"wait\"}\n");
	ck_assert_int_eq(ph_loop_turn(b.loop, 10, NULL), PH_OK);
	ck_assert_uint_eq(asked.asked, 1);
	close(fd);
	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(ph_loop_turn(b.loop, 5, NULL), PH_OK);
	expect_no_wake();
	asked.waiting.row(asked.waiting.self, "{}", 2);
	asked.waiting.end(asked.waiting.self, NULL);
	fd = call_broker(); /* its place is free again */
	say(fd, "{\"verb\":\"x\"}\n");
	expect(fd, FINE);
	close(fd);
}
END_TEST

START_TEST(what_there_is_of_an_answer_is_said_at_the_end)
{
	char bytes[64] = "";
	open_control(0, 0);
	int fd = call_broker();
	say(fd, "{\"verb\":\"wait\"}\n");
	ck_assert_int_eq(ph_loop_turn(b.loop, 10, NULL), PH_OK);
	asked.waiting.row(asked.waiting.self, "{\"half\":1}", 10);
	ph_control_close(&b.control);
	ck_assert_int_eq(recv(fd, bytes, sizeof bytes - 1, 0), 11);
	ck_assert_str_eq(bytes, "{\"half\":1}\n");
	ck_assert_int_eq(recv(fd, bytes, sizeof bytes - 1, 0), 0);
	close(fd);
}
END_TEST

START_TEST(half_a_connection_still_gets_its_answer)
{
	open_control(0, 0);
	int fd = call_broker();
	say(fd, "{\"verb\":\"x\"}\n");
	ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
	expect(fd, FINE);
	ck_assert(!read_ends(fd, 1));
	close(fd);
}
END_TEST

START_TEST(one_too_many_is_told_so)
{
	open_control(2, 0);
	int first = call_broker(), second = call_broker(), third = call_broker();
	expect(third,
	    "{\"end\":true,\"exit\":1,\"error\":{\"status\":\"full\",\"where\":\"\","
	    "\"text\":\"PH7036 too many command lines are connected; try again\"}}\n");
	say(second, "{\"verb\":\"x\"}\n");
	expect(second, FINE);
	close(first);
	close(second);
	close(third);
}
END_TEST

START_TEST(the_socket_is_for_owner_and_group)
{
	struct stat status;
	open_control(0, 0);
	ck_assert_int_eq(stat(b.path, &status), 0);
	ck_assert_uint_eq(status.st_mode & 0777, 0660);
	ph_control_close(&b.control);
	ck_assert_int_ne(stat(b.path, &status), 0);
}
END_TEST

/* --- the log --- */

/* What is written on standard error while the requests are answered. */
static char *
logged(const char *requests, unsigned ends)
{
	char path[128];
	snprintf(path, sizeof path, "%s/log", b.directory);
	int keep = dup(STDERR_FILENO);
	int file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	ck_assert_int_ge(file, 0);
	ck_assert_int_ge(dup2(file, STDERR_FILENO), 0);
	int fd = call_broker();
	say(fd, requests);
	bool answered = read_ends(fd, ends);
	ck_assert_int_ge(dup2(keep, STDERR_FILENO), 0);
	ck_assert(answered);
	close(fd);
	close(keep);
	char *text = calloc(1, 8192);
	ck_assert_ptr_nonnull(text);
	ck_assert_int_ge(pread(file, text, 8191, 0), 0);
	close(file);
	return text;
}

START_TEST(looks_and_changes_are_logged_with_the_asker)
{
	char uid[32];
	open_control(0, 0);
	snprintf(uid, sizeof uid, "uid=%lu", (unsigned long) getuid());
	char *text = logged("{\"verb\":\"dead.show\",\"args\":{\"ids\":[\"waste/4\"],"
			    "\"reveal\":true,\"why\":\"call 1234\"}}\n",
	    1);
	ck_assert(asked.reveal);
	ck_assert_ptr_nonnull(strstr(text, "audit-reveal"));
	ck_assert_ptr_nonnull(strstr(text, uid));
	ck_assert_ptr_nonnull(strstr(text, "waste/4"));
	ck_assert_ptr_nonnull(strstr(text, "call 1234"));
	free(text);
	text =
	    logged("{\"verb\":\"dead.discard\",\"args\":{\"ids\":[\"waste/5\"]}}\n", 1);
	ck_assert_ptr_nonnull(strstr(text, "control-command"));
	ck_assert_ptr_nonnull(strstr(text, uid));
	ck_assert_ptr_nonnull(strstr(text, "waste/5"));
	free(text);
	text = logged(
	    "{\"verb\":\"dead.discard\",\"args\":{\"all\":true,\"dry_run\":true}}\n"
	    "{\"verb\":\"queue.ls\"}\n",
	    2);
	ck_assert_str_eq(text, "");
	free(text);
}
END_TEST

/* --- the ledger's verbs --- */

static void
open_with_ledger(void)
{
	b.store = memory_new();
	add_queue(b.store, 3, "highways");
	add_accept(b.store, &(accepted){.acceptance = 1,
				.id = "7",
				.source = "urn:council:calderdale:open311",
				.type = "council.service-request.created.v1",
				.subject = "SR-0000000000001",
				.status = "received",
				.system = "open311",
				.key = "calderdale/7",
				.queue = 3});
	const ph_ledger_options options = {
	    .directory = b.directory, .store = &b.store->base, .loop = b.loop};
	ck_assert_int_eq(ph_ledger_open(&options, &b.ledger, NULL), PH_OK);
	open_control(0, 0);
}

START_TEST(cases_messages_and_references_come_from_the_ledger)
{
	open_with_ledger();
	int fd = call_broker();
	say(fd, "{\"verb\":\"case.show\",\"args\":{\"reference\":\"7\"}}\n");
	expect(fd,
	    "{\"at_ms\":1790000001000,\"system\":\"open311\",\"event\":\"council."
	    "service-"
	    "request.created.v1\",\"reference\":\"calderdale/"
	    "7\",\"outcome\":\"accepted\","
	    "\"detail\":\"received\",\"took_ms\":null,\"acceptance\":1,\"subject\":"
	    "\"SR-0000000000001\"}\n{\"end\":true,\"exit\":0}\n");
	say(fd, "{\"verb\":\"message.find\",\"args\":{\"attributes\":{\"status\":"
		"\"received\"}}}\n");
	expect(fd,
	    "{\"acceptance\":1,\"accepted_ms\":1790000001000,\"message_id\":\"7\","
	    "\"source\":\"urn:council:calderdale:open311\",\"type\":\"council.service-"
	    "request.created.v1\",\"subject\":\"SR-0000000000001\"}\n"
	    "{\"end\":true,\"exit\":0}\n");
	say(fd, "{\"verb\":\"xref.get\",\"args\":{\"key\":\"SR-0000000000001\"}}\n");
	expect(fd, "{\"entity\":\"service-request\",\"system\":\"open311\",\"key\":"
		   "\"calderdale/7\",\"canonical_id\":\"SR-0000000000001\",\"at_ms\":"
		   "1790000001000}\n{\"end\":true,\"exit\":0}\n");
	say(fd, "{\"verb\":\"status\"}\n");
	expect(fd, "{\"a\":1,\"ledger\":\"current\",\"ledger_rows\":5}\n"
		   "{\"end\":true,\"exit\":0}\n");
	close(fd);
}
END_TEST

static const char *const unknown[] = {
    "{\"verb\":\"case.show\",\"args\":{\"reference\":\"8\"}}\n",
    "{\"verb\":\"xref.get\",\"args\":{\"key\":\"8\"}}\n",
    "{\"verb\":\"xref.get\",\"args\":{\"key\":\"calderdale/7\",\"system\":\"crm\"}}\n",
};

START_TEST(what_nobody_knows_is_not_found)
{
	open_with_ledger();
	int fd = call_broker();
	say(fd, unknown[_i]);
	ck_assert(read_ends(fd, 1));
	ck_assert_ptr_nonnull(strstr(ph_buffer_cstr(&b.got), "\"not-found\""));
	ck_assert_ptr_nonnull(strstr(ph_buffer_cstr(&b.got), "PH7030"));
	close(fd);
}
END_TEST

static Suite *
control_suite(void)
{
	Suite *suite = suite_create("control");
	TCase *tests = tcase_create("control");
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, a_verb_gets_its_arguments_and_answers);
	tcase_add_test(tests, lines_come_in_any_pieces);
	tcase_add_test(tests, requests_are_answered_one_after_the_other);
	tcase_add_test(tests, an_error_has_status_place_and_text);
	tcase_add_loop_test(tests, what_makes_no_sense_is_refused, 0,
	    (int) (sizeof refused / sizeof *refused));
	tcase_add_test(tests, a_line_without_end_is_cut_off);
	tcase_add_test(tests, the_longest_line_is_answered);
	tcase_add_test(tests, a_long_answer_waits_for_its_reader);
	tcase_add_test(tests, who_hangs_up_is_forgotten_once_answered);
	tcase_add_test(tests, what_there_is_of_an_answer_is_said_at_the_end);
	tcase_add_test(tests, half_a_connection_still_gets_its_answer);
	tcase_add_test(tests, one_too_many_is_told_so);
	tcase_add_test(tests, the_socket_is_for_owner_and_group);
	tcase_add_test(tests, looks_and_changes_are_logged_with_the_asker);
	tcase_add_test(tests, cases_messages_and_references_come_from_the_ledger);
	tcase_add_loop_test(tests, what_nobody_knows_is_not_found, 0,
	    (int) (sizeof unknown / sizeof *unknown));
	suite_add_tcase(suite, tests);
	return suite;
}

int
main(void)
{
	return ph_check_main(control_suite());
}
