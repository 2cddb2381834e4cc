#include "tests/unit/broker_fixture.h"

#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <check.h>

#include "broker/lifecycle.h"
#include "lib/base/fs.h"
#include "lib/base/log.h"
#include "lib/base/os.h"

#ifndef STAND_IN
#error "the build says where the stand-in host is"
#endif

static char directory[64];
static pid_t broker;
static pid_t starter; /* forks brokers; 0: not there yet */
static int to_starter = -1;
static char text[1 << 20];

const char *
fixture_directory(void)
{
	return directory;
}

static const char *
path_of(const char *name)
{
	static char path[256];
	(void) snprintf(path, sizeof path, "%s/%s", directory, name);
	return path;
}

void
fixture_write(const char *name, const char *content)
{
	ck_assert_int_eq(ph_fs_replace(ph_fs_system(), path_of(name), content,
			     strlen(content), 0600, NULL),
	    PH_OK);
}

void
fixture_reattach(const char *within)
{
	char yaml[1024];
	(void) snprintf(yaml, sizeof yaml,
	    "state: state\nrun: run\npaths: {host: %s}\nqueues: {bench: {}, other: "
	    "{}}\n"
	    "limits: {retry-first: 20ms, retry-most: 50ms, tries: 3, segment-bytes: 2M,"
	    " reserve-bytes: 1M, heartbeat: 20s, session-silence: 60s,"
	    " host-restart: 20ms, reattach: %s, checkpoint-after: 50ms}\n",
	    STAND_IN, within);
	fixture_write("packhorse.yaml", yaml);
}

void
fixture_setup(void)
{
	(void) snprintf(directory, sizeof directory, "/tmp/ph-broker.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	ck_assert_int_eq(ph_fs_make_dirs(path_of("adapters"), 0700, NULL), PH_OK);
	ck_assert_int_eq(ph_fs_make_dirs(path_of("routes"), 0700, NULL), PH_OK);
	fixture_reattach("20s");
	fixture_write("routes/bench.yaml",
	    "routes:\n"
	    "  - {route: bench, when: {type: bench.*}, to: [bench]}\n"
	    "  - {route: both, when: {type: both.v1}, to: [bench, other]}\n");
}

static void end_starter(void);

void
fixture_teardown(void)
{
	char command[128];
	if (broker > 0)
		(void) fixture_stop();
	end_starter();
	if (getenv("PH_KEEP") != NULL)
		return;
	(void) snprintf(command, sizeof command, "rm -r %s", directory);
	ck_assert_int_eq(system(command), 0);
}

void
fixture_adapter(const char *name, const char *more)
{
	char file[64], yaml[512];
	(void) snprintf(file, sizeof file, "adapters/%s.yaml", name);
	(void) snprintf(
	    yaml, sizeof yaml, "adapter: %s\ntransport: none\n%s", name, more);
	fixture_write(file, yaml);
	(void) snprintf(file, sizeof file, "routes/%s.yaml", name);
	(void) snprintf(yaml, sizeof yaml,
	    "routes:\n  - {route: %s, when: {type: %s.*}, to: [%s]}\n", name, name,
	    name);
	fixture_write(file, yaml);
	fixture_behave(name, "settle");
}

void
fixture_behave(const char *name, const char *words)
{
	char file[64];
	(void) snprintf(file, sizeof file, "behave-%s", name);
	fixture_write(file, words);
}

/* ---- waiting ---- */

static int64_t
deadline(void)
{
	return ph_clock_mono(ph_clock_system()) + PATIENCE_MS;
}

static void
pause_until(int64_t end, const char *what)
{
	ck_assert_msg(
	    ph_clock_mono(ph_clock_system()) < end, "waited in vain for: %s", what);
	(void) poll(NULL, 0, 5);
}

const char *
fixture_notes(const char *name)
{
	char file[64];
	char *notes = NULL;
	size_t length = 0;
	(void) snprintf(file, sizeof file, "notes-%s", name);
	text[0] = 0;
	if (ph_fs_slurp(path_of(file), sizeof text - 1, &notes, &length, NULL) == PH_OK)
		memcpy(text, notes, length + 1);
	free(notes);
	return text;
}

unsigned
fixture_noted(const char *name, const char *what)
{
	unsigned times = 0;
	for (const char *at = fixture_notes(name); (at = strstr(at, what)) != NULL;
	     at++)
		times++;
	return times;
}

void
fixture_await_noted(const char *name, const char *what, unsigned times)
{
	int64_t end = deadline();
	while (fixture_noted(name, what) < times)
		pause_until(end, what);
}

/* ---- the broker's process ---- */

static void
stop_broker(void *self)
{
	ph_broker_stop(self);
}

static void
block_signals(sigset_t *signals)
{
	(void) sigemptyset(signals);
	(void) sigaddset(signals, SIGTERM);
	(void) sigaddset(signals, SIGUSR1);
	(void) pthread_sigmask(SIG_BLOCK, signals, NULL);
}

/* SIGUSR1: there is no broker any more. */
static void *
wait_for_term(void *self)
{
	ph_broker *running = self;
	int number;
	sigset_t signals;
	block_signals(&signals);
	while (sigwait(&signals, &number) == 0 && number == SIGTERM)
		(void) ph_loop_post(running->loop, stop_broker, running, NULL);
	return NULL;
}

static void
run_broker(void)
{
	ph_site *site = NULL;
	ph_broker *running = NULL;
	ph_error err = {.status = PH_OK};
	pthread_t waiter;
	sigset_t signals;
	int log = open(path_of("log"), O_WRONLY | O_CREAT | O_APPEND, 0600);
	(void) dup2(log, STDERR_FILENO);
	block_signals(&signals);
	ph_status status = ph_site_load(directory, &site, &err);
	if (status == PH_OK)
		status = ph_broker_new(
		    &site, &(ph_broker_seams){.fs = NULL}, &running, &err);
	bool waits = status == PH_OK &&
		     pthread_create(&waiter, NULL, wait_for_term, running) == 0;
	if (waits)
		status = ph_broker_run(running, &err);
	if (status != PH_OK)
		(void) fprintf(stderr, "%s: %s\n", err.where, err.text);
	if (waits) {
		(void) pthread_kill(waiter, SIGUSR1);
		(void) pthread_join(waiter, NULL);
	}
	ph_broker_destroy(&running);
	_exit(status == PH_OK ? 0 : 74);
}

/* ---- who starts it ---- */

/* What the starter is asked: a new broker (pid 0), or what has become of one. */
typedef struct request {
	pid_t pid;
	int status;
} request;

static void
serve_starts(int fd)
{
	request at;
	while (read(fd, &at, sizeof at) == (ssize_t) sizeof at) {
		if (at.pid != 0)
			at.pid = waitpid(at.pid, &at.status, WNOHANG);
		else if ((at.pid = fork()) == 0) {
			(void) close(fd);
			run_broker();
		}
		if (write(fd, &at, sizeof at) != (ssize_t) sizeof at)
			break;
	}
	_exit(0);
}

/* A process without threads of its own: a child of one that has some may wait for ever for a lock
 * that one of them held. Made at the first start, before there are clients. */
static void
need_starter(void)
{
	int pair[2];
	if (starter > 0)
		return;
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	(void) fflush(NULL);
	starter = fork();
	ck_assert_int_ge(starter, 0);
	if (starter == 0) {
		(void) close(pair[0]);
		serve_starts(pair[1]);
	}
	(void) close(pair[1]);
	to_starter = pair[0];
}

static void
end_starter(void)
{
	if (starter <= 0)
		return;
	(void) close(to_starter);
	(void) waitpid(starter, NULL, 0);
	starter = 0;
}

static request
ask_starter(pid_t pid)
{
	request at = {.pid = pid};
	ck_assert_int_eq(write(to_starter, &at, sizeof at), sizeof at);
	ck_assert_int_eq(read(to_starter, &at, sizeof at), sizeof at);
	return at;
}

void
fixture_start(void)
{
	need_starter();
	broker = ask_starter(0).pid;
	ck_assert_int_gt(broker, 0);
	fixture_await("status", "{}", "\"balance\"");
}

/* Wait for the end, and insist on it in the end; how it was. */
static int
await_end(void)
{
	request at;
	int64_t end = deadline();
	while ((at = ask_starter(broker)).pid == 0) {
		if (ph_clock_mono(ph_clock_system()) >= end)
			(void) kill(broker, SIGKILL);
		(void) poll(NULL, 0, 2);
	}
	ck_assert_int_eq(at.pid, broker);
	broker = 0;
	return at.status;
}

void
fixture_kill(void)
{
	ck_assert_int_eq(kill(broker, SIGKILL), 0);
	(void) await_end();
}

int
fixture_stop(void)
{
	ck_assert_int_eq(kill(broker, SIGTERM), 0);
	int status = await_end();
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* ---- the control socket ---- */

static bool
converse(const char *verb, const char *args)
{
	int fd = -1;
	size_t have = 0;
	text[0] = 0;
	if (ph_os_connect(path_of("run/control"), &fd, NULL) != PH_OK)
		return false;
	int length =
	    snprintf(text, sizeof text, "{\"verb\":\"%s\",\"args\":%s}\n", verb, args);
	bool ok = write(fd, text, (size_t) length) == length;
	text[0] = 0;
	while (ok && strstr(text, "\"end\"") == NULL) {
		struct pollfd item = {.fd = fd, .events = POLLIN};
		ok = poll(&item, 1, PATIENCE_MS) == 1;
		ssize_t got = ok ? read(fd, text + have, sizeof text - 1 - have) : -1;
		ok = got > 0;
		have += ok ? (size_t) got : 0;
		text[have] = 0;
	}
	(void) close(fd);
	return ok;
}

const char *
fixture_ask(const char *verb, const char *args)
{
	ck_assert_msg(converse(verb, args), "no answer to %s", verb);
	return text;
}

void
fixture_await(const char *verb, const char *args, const char *what)
{
	int64_t end = deadline();
	while (!converse(verb, args) || strstr(text, what) == NULL)
		ck_assert_msg(
		    ph_clock_mono(ph_clock_system()) < end && poll(NULL, 0, 5) == 0,
		    "%s does not say %s, but %s", verb, what, text);
}

int64_t
fixture_status(const char *name)
{
	char quoted[64];
	(void) snprintf(quoted, sizeof quoted, "\"%s\":", name);
	const char *at = strstr(fixture_ask("status", "{}"), quoted);
	ck_assert_msg(at != NULL, "no %s in the status", name);
	return strtoll(at + strlen(quoted), NULL, 10);
}

void
fixture_check_balance(void)
{
	ck_assert_int_eq(fixture_status("balance"), 0);
}

/* ---- clients ---- */

ph_client *
fixture_client(const char *name)
{
	ph_client *client = NULL;
	ph_error err;
	ck_assert_int_eq(ph_client_new(path_of("run/control"), &client, &err), PH_OK);
	ck_assert_int_eq(ph_client_set(client, "name", name, &err), PH_OK);
	ck_assert_msg(
	    ph_client_connect(client, PATIENCE_MS, &err) == PH_OK, "%s", err.text);
	return client;
}

const ph_event *
fixture_event(ph_client *client, ph_event_kind kind)
{
	const ph_event *event = NULL;
	ph_error err;
	int64_t end = deadline();
	while (ph_clock_mono(ph_clock_system()) < end) {
		ph_status status = ph_client_next(client, 100, &event, &err);
		if (status == PH_OK && ph_event_kind_of(event) == kind)
			return event;
		ck_assert_msg(
		    status == PH_OK || status == PH_ERR_TIMEOUT, "%s", err.text);
	}
	ck_abort_msg("no event of kind %d", (int) kind);
	return NULL;
}

bool
fixture_quiet(ph_client *client, ph_event_kind kind, int for_ms)
{
	const ph_event *event = NULL;
	int64_t end = ph_clock_mono(ph_clock_system()) + for_ms;
	while (ph_clock_mono(ph_clock_system()) < end) {
		if (ph_client_next(client, 20, &event, NULL) == PH_OK &&
		    ph_event_kind_of(event) == kind)
			return false;
	}
	return true;
}

ph_result
fixture_publish(ph_client *client, const char *type, const char *id,
    const char *subject, const char *data, uint64_t *acceptance)
{
	const ph_attribute attributes[] = {{"id", id, strlen(id)},
	    {"source", "urn:test", 8}, {"type", type, strlen(type)},
	    {"subject", subject == NULL ? "" : subject,
		subject == NULL ? 0 : strlen(subject)}};
	ph_message *message = NULL;
	uint64_t ticket = 0;
	ph_error err;
	ck_assert_msg(ph_message_new(attributes, subject == NULL ? 3 : 4, data,
			  strlen(data), &message, &err) == PH_OK,
	    "%s", err.text);
	ck_assert_int_eq(ph_client_publish(client, message, &ticket, &err), PH_OK);
	ph_message_unref(&message);
	const ph_event *event = fixture_event(client, PH_EVENT_RESULT);
	ck_assert_uint_eq(ph_event_ticket(event), ticket);
	if (acceptance != NULL)
		*acceptance = ph_event_acceptance(event);
	return ph_event_result(event);
}
