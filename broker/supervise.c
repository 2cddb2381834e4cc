/*
 * How it works: one `host` per enabled adapter, a small machine of its own:
 *
 *   waiting    nothing runs; the timer starts the next one
 *   starting   a process runs and has not opened its session; the timer kills it
 *   up         its session is open
 *   detached   the process lives, its session is gone; the timer kills it
 *   dying      the process has ended; what it said last may still be on its way to us, so the timer
 *              lets the frames come in before what it held is given up
 *
 * The end of a process, ours or adopted, is told by a pidfd. An adopted host whose number is not in
 * the lock file is watched by trying the lock.
 */
#include "broker/supervise.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/backoff.h"
#include "lib/base/assert.h"
#include "lib/base/log.h"
#include "lib/base/os.h"

#define HOST_MAGIC     0x50484854u /* "PHHT" */
#define LAST_WORDS_MS  250	   /* frames of a dead process are waited for so long */
#define LIVED_MS       30000	   /* who lived so long did not die early */
#define LOCK_LOOK_MS   500
#define RESTART_MAX_MS 60000
#define KILL_AFTER_MS  5000

typedef enum host_state {
	HOST_WAITING,
	HOST_STARTING,
	HOST_RUNNING,
	HOST_DETACHED,
	HOST_DYING
} host_state;

typedef struct host {
	uint32_t magic;
	host_state state;
	ph_broker *broker;
	const ph_site_adapter *adapter;
	pid_t pid;  /* 0: none, or not known */
	int pidfd;  /* -1: none */
	bool ours;  /* our child: to be waited for */
	bool blind; /* lives, but its number is not known: the lock is tried */
	int64_t started_ms;
	unsigned early_deaths;
	uint64_t restarts;
	ph_timer *timer;
	char last_error[160];
} host;

struct ph_supervisor {
	host *hosts;
	size_t count;
	bool stopping;
	ph_timer *killer;
	ph_supervise_gone *gone;
};

static int64_t
option(const host *at, ph_option which)
{
	return ph_options_get(&at->broker->site->options, which);
}

static int64_t
now_of(const host *at)
{
	return ph_clock_mono(at->broker->clock);
}

/* ---- ends ---- */

static void
close_pidfd(host *at)
{
	if (at->pidfd < 0)
		return;
	ph_loop_forget_fd(at->broker->loop, at->pidfd);
	(void) close(at->pidfd);
	at->pidfd = -1;
}

static void
describe_end(host *at, int status)
{
	if (WIFSIGNALED(status))
		(void) snprintf(at->last_error, sizeof at->last_error,
		    "PH4510 the host was ended by signal %d", WTERMSIG(status));
	else if (WEXITSTATUS(status) != 0)
		(void) snprintf(at->last_error, sizeof at->last_error,
		    "PH4511 the host ended with status %d; its log says why",
		    WEXITSTATUS(status));
}

static bool
all_gone(const ph_supervisor *supervisor)
{
	for (size_t i = 0; i < supervisor->count; i++) {
		if (supervisor->hosts[i].state != HOST_WAITING)
			return false;
	}
	return true;
}

/* It has said its last: give up what it held, and start another. */
static void
bury(host *at)
{
	ph_broker *broker = at->broker;
	at->state = HOST_WAITING;
	broker->supervisor->gone(broker, at->adapter);
	if (broker->supervisor->stopping) {
		if (all_gone(broker->supervisor))
			ph_loop_stop(broker->loop);
		return;
	}
	ph_site_retry policy = {.first_ms = option(at, PH_OPTION_HOST_RESTART_MS),
	    .max_ms = RESTART_MAX_MS,
	    .factor_percent = 200};
	if (now_of(at) - at->started_ms >= LIVED_MS)
		at->early_deaths = 0;
	at->early_deaths++;
	int64_t wait_ms = ph_backoff(&policy, at->early_deaths);
	ph_log(PH_LOG_WARN, "host-restart", "adapter=%s wait_ms=%" PRId64,
	    at->adapter->name, wait_ms);
	ph_timer_set(at->timer, wait_ms);
}

static void
process_ended(host *at)
{
	int status = 0;
	if (at->ours && at->pid > 0 && waitpid(at->pid, &status, WNOHANG) == at->pid)
		describe_end(at, status);
	ph_log(PH_LOG_WARN, "host-ended", "adapter=%s pid=%d status=%d",
	    at->adapter->name, (int) at->pid, status);
	close_pidfd(at);
	at->pid = 0;
	at->blind = false;
	at->state = HOST_DYING;
	ph_timer_set(at->timer, LAST_WORDS_MS);
}

static void
pidfd_ready(void *self, int fd, short revents)
{
	host *at = PH_CAST(host, self, HOST_MAGIC);
	(void) fd;
	(void) revents;
	process_ended(at);
}

static void
kill_host(host *at, const char *why)
{
	(void) snprintf(at->last_error, sizeof at->last_error, "%s", why);
	ph_log(PH_LOG_ERROR, "host-killed", "adapter=%s pid=%d why=%s",
	    at->adapter->name, (int) at->pid, why);
	if (at->pid > 0)
		(void) kill(at->pid, SIGKILL);
}

/* ---- beginnings ---- */

/* What the host reads first: a few lines, which fit into a pipe. */
static ph_status
write_papers(host *at, int fd, ph_error *err)
{
	char token[PH_TOKEN_TEXT];
	char lines[4096];
	ph_status status = ph_tokens_grant(
	    at->broker->tokens, PH_ROLE_HOST, at->adapter->name, token, err);
	if (status != PH_OK)
		return status;
	int length = snprintf(lines, sizeof lines,
	    "endpoint %s\ntoken %s\nadapter %s\nsite %s\n", at->broker->endpoint, token,
	    at->adapter->name, at->broker->site->directory);
	if (length < 0 || (size_t) length >= sizeof lines ||
	    write(fd, lines, (size_t) length) != length)
		return ph_fail(err, PH_ERR_IO, "cannot hand over the host's papers");
	return PH_OK;
}

static ph_status
watch(host *at, pid_t pid, ph_error *err)
{
	ph_status status = ph_os_pidfd(pid, &at->pidfd, err);
	if (status == PH_OK)
		status = ph_loop_fd(
		    at->broker->loop, at->pidfd, POLLIN, pidfd_ready, at, err);
	return status;
}

static ph_status
spawn(host *at, int lock, ph_error *err)
{
	char path[4096];
	char *argv[] = {path, NULL};
	int ends[2];
	if (snprintf(path, sizeof path, "%s", at->broker->site->host) >=
	    (int) sizeof path)
		return ph_fail(err, PH_ERR_TOO_LARGE, "the host's path is too long");
	if (pipe(ends) != 0) {
		int failed = errno;
		return ph_fail_errno(err, failed, "cannot make a pipe");
	}
	int keep[] = {ends[0], lock};
	/* Should we die between the two notes, nobody is taken for the host by his number. */
	(void) ph_os_lock_note(lock, 0, NULL);
	ph_status status = write_papers(at, ends[1], err);
	(void) close(ends[1]);
	if (status == PH_OK)
		status = ph_os_spawn(path, argv, keep, 2, &at->pid, err);
	(void) close(ends[0]);
	if (status != PH_OK)
		return status;
	at->ours = true;
	at->state = HOST_STARTING;
	at->started_ms = now_of(at);
	(void) ph_os_lock_note(lock, at->pid, NULL);
	ph_log(PH_LOG_INFO, "host-start", "adapter=%s pid=%d", at->adapter->name,
	    (int) at->pid);
	ph_timer_set(at->timer, option(at, PH_OPTION_HOST_START_MS));
	return watch(at, at->pid, err);
}

/* A host of an earlier broker lives: it is to come back to us. */
static void
adopt(host *at, pid_t pid)
{
	at->ours = false;
	at->pid = pid;
	at->started_ms = now_of(at);
	at->state = HOST_DETACHED;
	at->blind = pid <= 0 || watch(at, pid, NULL) != PH_OK;
	ph_log(PH_LOG_INFO, "host-adopted", "adapter=%s pid=%d", at->adapter->name,
	    (int) pid);
	ph_timer_set(
	    at->timer, at->blind ? LOCK_LOOK_MS : option(at, PH_OPTION_REATTACH_MS));
}

static ph_status
lock_of(host *at, int *lock, pid_t *holder, ph_error *err)
{
	char path[PH_BROKER_ENDPOINT];
	(void) snprintf(path, sizeof path, "%s/host-%s.lock", at->broker->site->run,
	    at->adapter->name);
	return ph_os_lock(path, 0600, lock, holder, err);
}

/* Start one, or adopt the one that lives. */
static void
begin(host *at)
{
	int lock = -1;
	pid_t holder = 0;
	PH_ASSERT(at->pid == 0 && at->pidfd < 0);
	ph_error err = {.status = PH_OK};
	ph_status status = lock_of(at, &lock, &holder, &err);
	if (status == PH_ERR_AGAIN) {
		adopt(at, holder);
		return;
	}
	if (status == PH_OK) {
		/* Whoever had the lock before is gone, and what it held with it. */
		at->broker->supervisor->gone(at->broker, at->adapter);
		status = spawn(at, lock, &err);
		(void) close(lock);
	}
	if (status == PH_OK)
		return;
	(void) snprintf(at->last_error, sizeof at->last_error,
	    "PH4512 the host cannot be started: %.120s", err.text);
	ph_log(PH_LOG_ERROR, "host-start-failed", "adapter=%s text=%s",
	    at->adapter->name, err.text);
	if (at->pid > 0) {
		/* It runs and cannot be watched: an end that we wait for, then. */
		(void) kill(at->pid, SIGKILL);
		(void) waitpid(at->pid, NULL, 0);
		at->pid = 0;
	}
	close_pidfd(at);
	at->early_deaths++;
	at->state = HOST_WAITING;
	ph_timer_set(at->timer, option(at, PH_OPTION_HOST_RESTART_MS) << 3);
}

/* An adopted host whose number nobody knows: is the lock free? */
static void
look_at_lock(host *at)
{
	int lock = -1;
	if (lock_of(at, &lock, NULL, NULL) != PH_OK) {
		ph_timer_set(at->timer, LOCK_LOOK_MS);
		return;
	}
	(void) close(lock);
	process_ended(at);
}

static void
timer_rang(void *self)
{
	host *at = PH_CAST(host, self, HOST_MAGIC);
	if (at->blind) {
		look_at_lock(at);
		return;
	}
	switch (at->state) {
	case HOST_WAITING:
		if (at->broker->supervisor->stopping)
			return;
		at->restarts++;
		begin(at);
		return;
	case HOST_STARTING:
		kill_host(at, "PH4513 the host did not open its session in time");
		return;
	case HOST_DETACHED:
		kill_host(at, "PH4514 the host did not come back in time");
		return;
	case HOST_DYING:
		bury(at);
		return;
	case HOST_RUNNING:
		return;
	}
}

static void
kill_the_rest(void *self)
{
	ph_broker *broker = PH_CAST(ph_broker, self, PH_BROKER_MAGIC);
	for (size_t i = 0; i < broker->supervisor->count; i++) {
		host *at = &broker->supervisor->hosts[i];
		if (at->state != HOST_WAITING && at->pid > 0)
			kill_host(at, "PH4515 the host did not end in time");
	}
	/* Blind ones cannot be killed: they notice that there is no broker. */
	ph_timer_set(broker->supervisor->killer, KILL_AFTER_MS);
	for (size_t i = 0; i < broker->supervisor->count; i++) {
		if (broker->supervisor->hosts[i].blind)
			ph_loop_stop(broker->loop);
	}
}

ph_status
ph_supervise_start(ph_broker *broker, ph_supervise_gone *gone, ph_error *err)
{
	ph_supervisor *supervisor = calloc(1, sizeof *supervisor);
	if (supervisor == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "no memory to supervise hosts");
	broker->supervisor = supervisor;
	supervisor->gone = gone;
	supervisor->hosts = calloc(broker->site->adapter_count + 1, sizeof(host));
	if (supervisor->hosts == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "no memory to supervise hosts");
	ph_status status =
	    ph_timer_new(broker->loop, kill_the_rest, broker, &supervisor->killer, err);
	for (size_t i = 0; status == PH_OK && i < broker->site->adapter_count; i++) {
		const ph_site_adapter *adapter = &broker->site->adapters[i];
		if (!adapter->enabled)
			continue;
		host *at = &supervisor->hosts[supervisor->count++];
		*at = (host){.magic = HOST_MAGIC,
		    .broker = broker,
		    .adapter = adapter,
		    .pidfd = -1};
		status = ph_timer_new(broker->loop, timer_rang, at, &at->timer, err);
		if (status == PH_OK)
			begin(at);
	}
	return status;
}

void
ph_supervise_stop(ph_broker *broker)
{
	ph_supervisor *supervisor = broker->supervisor;
	if (supervisor == NULL || supervisor->stopping)
		return;
	supervisor->stopping = true;
	for (size_t i = 0; i < supervisor->count; i++) {
		const host *at = &supervisor->hosts[i];
		if (at->pid > 0)
			(void) kill(at->pid, SIGTERM);
	}
	ph_timer_set(supervisor->killer, KILL_AFTER_MS);
	if (all_gone(supervisor))
		ph_loop_stop(broker->loop);
}

bool
ph_supervise_stopping(const ph_broker *broker)
{
	return broker->supervisor != NULL && broker->supervisor->stopping;
}

void
ph_supervise_destroy(ph_broker *broker)
{
	ph_supervisor *supervisor = broker->supervisor;
	broker->supervisor = NULL;
	if (supervisor == NULL)
		return;
	for (size_t i = 0; supervisor->hosts != NULL && i < supervisor->count; i++) {
		close_pidfd(&supervisor->hosts[i]);
		ph_timer_destroy(&supervisor->hosts[i].timer);
	}
	ph_timer_destroy(&supervisor->killer);
	free(supervisor->hosts);
	free(supervisor);
}

static host *
host_of(const ph_broker *broker, const ph_site_adapter *adapter)
{
	for (size_t i = 0; broker->supervisor != NULL && i < broker->supervisor->count;
	     i++) {
		if (broker->supervisor->hosts[i].adapter == adapter)
			return &broker->supervisor->hosts[i];
	}
	return NULL;
}

void
ph_supervise_attached(ph_broker *broker, const ph_site_adapter *adapter)
{
	host *at = host_of(broker, adapter);
	if (at == NULL || at->state == HOST_DYING || at->state == HOST_WAITING)
		return;
	at->state = HOST_RUNNING;
	at->last_error[0] = 0;
	if (!at->blind)
		ph_timer_stop(at->timer);
	ph_log(PH_LOG_INFO, "host-attached", "adapter=%s pid=%d", adapter->name,
	    (int) at->pid);
}

void
ph_supervise_detached(ph_broker *broker, const ph_site_adapter *adapter)
{
	host *at = host_of(broker, adapter);
	if (at == NULL || at->state != HOST_RUNNING)
		return;
	at->state = HOST_DETACHED;
	if (!at->blind)
		ph_timer_set(at->timer, option(at, PH_OPTION_REATTACH_MS));
}

void
ph_supervise_look_at(
    const ph_broker *broker, const ph_site_adapter *adapter, ph_supervise_look *out)
{
	static const char *const words[] = {
	    [HOST_WAITING] = "waiting",
	    [HOST_STARTING] = "starting",
	    [HOST_RUNNING] = "up",
	    [HOST_DETACHED] = "detached",
	    [HOST_DYING] = "ended",
	};
	const host *at = host_of(broker, adapter);
	*out = (ph_supervise_look){.state = "disabled", .last_error = ""};
	if (at == NULL)
		return;
	*out = (ph_supervise_look){.state = words[at->state],
	    .pid = at->pid,
	    .restarts = at->restarts,
	    .last_error = at->last_error};
}
