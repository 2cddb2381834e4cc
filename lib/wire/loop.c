/*
 * How it works: one zmq_poll a turn over everything registered; the list of items is rebuilt when
 * it changed. Timers are few, so the next one is found by looking at all of them. Posts from other
 * threads wait in a list under a mutex and an eventfd wakes the loop.
 *
 * A source may be forgotten, or a timer destroyed, by any callback: entries are marked and swept
 * between turns, never while they are walked.
 */
#include "lib/wire/loop.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <zmq.h>

#include "lib/base/assert.h"

#define MAGIC 0x50484c50u /* "PHLP" */

typedef struct source {
	void *socket; /* ZeroMQ socket, or NULL for a descriptor */
	int fd;
	short events;
	bool gone; /* forgotten: swept before the next wait */
	ph_loop_fn *on_socket;
	ph_loop_fd_fn *on_fd;
	void *self;
} source;

typedef struct post {
	struct post *next;
	ph_loop_fn *fn;
	void *self;
} post;

struct ph_timer {
	ph_loop *loop;
	ph_timer *next;
	ph_loop_fn *fn;
	void *self;
	int64_t due; /* mono ms; INT64_MAX: stopped */
	bool gone;
};

struct ph_loop {
	uint32_t magic;
	bool stopped;
	bool changed; /* sources differ from items */
	bool walking; /* timers are being walked */
	const ph_clock *clock;
	source *sources;
	zmq_pollitem_t *items; /* as sources, in order */
	size_t count, capacity;
	ph_timer *timers;
	ph_loop_before_fn *before;
	void *before_self;
	int wake;	      /* eventfd */
	pthread_mutex_t lock; /* guards the posts */
	post *first, *last;
};

static void run_posts(void *self, int fd, short revents);

ph_status
ph_loop_new(const ph_clock *clock, ph_loop **out, ph_error *err)
{
	ph_loop *loop = calloc(1, sizeof *loop);
	if (loop == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "no memory for a loop");
	loop->magic = MAGIC;
	loop->clock = clock;
	loop->wake = -1;
	(void) pthread_mutex_init(&loop->lock, NULL);
	loop->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (loop->wake < 0) {
		ph_status status = ph_fail_errno(err, errno, "cannot make an eventfd");
		ph_loop_destroy(&loop);
		return status;
	}
	ph_status status = ph_loop_fd(loop, loop->wake, POLLIN, run_posts, loop, err);
	if (status != PH_OK)
		ph_loop_destroy(&loop);
	else
		*out = loop;
	return status;
}

void
ph_loop_destroy(ph_loop **loop_p)
{
	ph_loop *loop = *loop_p;
	*loop_p = NULL;
	if (loop == NULL)
		return;
	PH_ASSERT(loop->magic == MAGIC && !loop->walking);
	while (loop->first != NULL) {
		post *gone = loop->first;
		loop->first = gone->next;
		free(gone);
	}
	while (loop->timers != NULL) {
		ph_timer *gone = loop->timers;
		loop->timers = gone->next;
		free(gone);
	}
	if (loop->wake >= 0)
		(void) close(loop->wake);
	(void) pthread_mutex_destroy(&loop->lock);
	free(loop->items);
	free(loop->sources);
	free(loop);
}

const ph_clock *
ph_loop_clock(const ph_loop *loop)
{
	return loop->clock;
}

/* ---- sources ---- */

static source *
find(ph_loop *loop, void *socket, int fd)
{
	for (size_t i = 0; i < loop->count; i++) {
		source *at = &loop->sources[i];
		if (!at->gone && at->socket == socket &&
		    (socket != NULL || at->fd == fd))
			return at;
	}
	return NULL;
}

static ph_status
add(ph_loop *loop, source added, ph_error *err)
{
	source *at = find(loop, added.socket, added.fd);
	if (at == NULL && loop->count == loop->capacity) {
		size_t capacity = loop->capacity == 0 ? 8 : loop->capacity * 2;
		source *grown = realloc(loop->sources, capacity * sizeof *grown);
		if (grown == NULL)
			return ph_fail(
			    err, PH_ERR_NOMEM, "no memory for %zu sources", capacity);
		loop->sources = grown;
		zmq_pollitem_t *items = realloc(loop->items, capacity * sizeof *items);
		if (items == NULL)
			return ph_fail(
			    err, PH_ERR_NOMEM, "no memory for %zu sources", capacity);
		loop->items = items;
		loop->capacity = capacity;
	}
	if (at == NULL)
		at = &loop->sources[loop->count++];
	*at = added;
	loop->changed = true;
	return PH_OK;
}

ph_status
ph_loop_socket(ph_loop *loop, void *socket, ph_loop_fn *fn, void *self, ph_error *err)
{
	PH_ASSERT(loop->magic == MAGIC && socket != NULL && fn != NULL);
	return add(loop,
	    (source){.socket = socket,
		.fd = -1,
		.events = ZMQ_POLLIN,
		.on_socket = fn,
		.self = self},
	    err);
}

ph_status
ph_loop_fd(
    ph_loop *loop, int fd, short events, ph_loop_fd_fn *fn, void *self, ph_error *err)
{
	PH_ASSERT(loop->magic == MAGIC && fd >= 0 && fn != NULL);
	return add(
	    loop, (source){.fd = fd, .events = events, .on_fd = fn, .self = self}, err);
}

static void
forget(ph_loop *loop, void *socket, int fd)
{
	source *at = find(loop, socket, fd);
	if (at == NULL)
		return;
	at->gone = true;
	loop->changed = true;
}

void
ph_loop_forget_socket(ph_loop *loop, void *socket)
{
	forget(loop, socket, -1);
}

void
ph_loop_forget_fd(ph_loop *loop, int fd)
{
	forget(loop, NULL, fd);
}

static short
to_zmq(short events)
{
	return (short) (((events & POLLIN) != 0 ? ZMQ_POLLIN : 0) |
			((events & POLLOUT) != 0 ? ZMQ_POLLOUT : 0));
}

static void
rebuild(ph_loop *loop)
{
	size_t kept = 0;
	for (size_t i = 0; i < loop->count; i++) {
		if (!loop->sources[i].gone)
			loop->sources[kept++] = loop->sources[i];
	}
	loop->count = kept;
	for (size_t i = 0; i < kept; i++) {
		const source *at = &loop->sources[i];
		loop->items[i] = (zmq_pollitem_t){.socket = at->socket,
		    .fd = at->fd,
		    .events = at->socket != NULL ? ZMQ_POLLIN : to_zmq(at->events)};
	}
	loop->changed = false;
}

/* What zmq_poll says, in the words of poll(2). An error is told to every callback as readable. */
static short
to_poll(short revents)
{
	return (short) (((revents & (ZMQ_POLLIN | ZMQ_POLLERR)) != 0 ? POLLIN : 0) |
			((revents & ZMQ_POLLOUT) != 0 ? POLLOUT : 0));
}

static void
serve(ph_loop *loop, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		short revents = loop->items[i].revents;
		source at = loop->sources[i];
		if (revents == 0 || at.gone)
			continue;
		if (at.socket != NULL)
			at.on_socket(at.self);
		else
			at.on_fd(at.self, at.fd, to_poll(revents));
	}
}

/* ---- timers ---- */

ph_status
ph_timer_new(ph_loop *loop, ph_loop_fn *fn, void *self, ph_timer **out, ph_error *err)
{
	ph_timer *timer = calloc(1, sizeof *timer);
	if (timer == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "no memory for a timer");
	*timer = (ph_timer){.loop = loop,
	    .next = loop->timers,
	    .fn = fn,
	    .self = self,
	    .due = INT64_MAX};
	loop->timers = timer;
	*out = timer;
	return PH_OK;
}

void
ph_timer_set(ph_timer *timer, int64_t after_ms)
{
	PH_ASSERT(!timer->gone);
	timer->due = ph_clock_mono(timer->loop->clock) + (after_ms < 0 ? 0 : after_ms);
}

void
ph_timer_stop(ph_timer *timer)
{
	timer->due = INT64_MAX;
}

static void
sweep_timers(ph_loop *loop)
{
	for (ph_timer **link = &loop->timers; *link != NULL;) {
		ph_timer *at = *link;
		if (!at->gone) {
			link = &at->next;
			continue;
		}
		*link = at->next;
		free(at);
	}
}

void
ph_timer_destroy(ph_timer **timer_p)
{
	ph_timer *timer = *timer_p;
	*timer_p = NULL;
	if (timer == NULL)
		return;
	timer->gone = true;
	timer->due = INT64_MAX;
	if (!timer->loop->walking)
		sweep_timers(timer->loop);
}

static void
run_timers(ph_loop *loop)
{
	int64_t now = ph_clock_mono(loop->clock);
	loop->walking = true;
	for (ph_timer *at = loop->timers; at != NULL; at = at->next) {
		if (at->gone || at->due > now)
			continue;
		at->due = INT64_MAX;
		at->fn(at->self);
	}
	loop->walking = false;
	sweep_timers(loop);
}

static int64_t
until_next_timer(ph_loop *loop, int64_t timeout)
{
	int64_t due = INT64_MAX;
	for (ph_timer *at = loop->timers; at != NULL; at = at->next)
		due = at->due < due ? at->due : due;
	if (due == INT64_MAX)
		return timeout;
	int64_t left = due - ph_clock_mono(loop->clock);
	left = left < 0 ? 0 : left;
	return timeout < 0 || left < timeout ? left : timeout;
}

/* ---- posts ---- */

ph_status
ph_loop_post(ph_loop *loop, ph_loop_fn *fn, void *self, ph_error *err)
{
	post *added = malloc(sizeof *added);
	if (added == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "no memory for a post");
	*added = (post){.fn = fn, .self = self};
	(void) pthread_mutex_lock(&loop->lock);
	if (loop->last != NULL)
		loop->last->next = added;
	else
		loop->first = added;
	loop->last = added;
	(void) pthread_mutex_unlock(&loop->lock);
	uint64_t one = 1;
	ssize_t written = write(loop->wake, &one, sizeof one);
	(void) written; /* full means that it is awake already */
	return PH_OK;
}

static void
run_posts(void *self, int fd, short revents)
{
	ph_loop *loop = PH_CAST(ph_loop, self, MAGIC);
	(void) revents;
	uint64_t count;
	ssize_t got = read(fd, &count, sizeof count);
	(void) got; /* nothing there is fine: the list says what to do */
	(void) pthread_mutex_lock(&loop->lock);
	post *list = loop->first;
	loop->first = loop->last = NULL;
	(void) pthread_mutex_unlock(&loop->lock);
	while (list != NULL) {
		post *at = list;
		list = at->next;
		at->fn(at->self);
		free(at);
	}
}

/* ---- turning ---- */

void
ph_loop_before(ph_loop *loop, ph_loop_before_fn *fn, void *self)
{
	loop->before = fn;
	loop->before_self = self;
}

ph_status
ph_loop_turn(ph_loop *loop, int64_t timeout_ms, ph_error *err)
{
	PH_ASSERT(loop->magic == MAGIC);
	if (loop->before != NULL && loop->before(loop->before_self))
		timeout_ms = 0;
	if (loop->stopped) /* just now: nothing is waited for */
		timeout_ms = 0;
	if (loop->changed)
		rebuild(loop);
	size_t count = loop->count;
	int ready = zmq_poll(
	    loop->items, (int) count, (long) until_next_timer(loop, timeout_ms));
	if (ready < 0 && zmq_errno() != EINTR)
		return ph_fail(err, PH_ERR_IO, "PH6306 cannot wait: %s",
		    zmq_strerror(zmq_errno()));
	if (ready > 0)
		serve(loop, count);
	run_timers(loop);
	return PH_OK;
}

ph_status
ph_loop_run(ph_loop *loop, ph_error *err)
{
	ph_status status = PH_OK;
	loop->stopped = false;
	while (!loop->stopped && status == PH_OK)
		status = ph_loop_turn(loop, -1, err);
	return status;
}

void
ph_loop_stop(ph_loop *loop)
{
	loop->stopped = true;
}
