/*
 * How it works: a bounded number of frames is read; then deliveries are handed out, and what has
 * gathered is made durable and sent (commit.h). Timers and answers of the ledger only add to what
 * the next end of a turn finds.
 */
#include "broker/turn.h"

#include <inttypes.h>

#include "broker/carry.h"
#include "broker/checkpoint.h"
#include "broker/commit.h"
#include "broker/dispatch.h"
#include "broker/greet.h"
#include "broker/keep.h"
#include "broker/operate_part.h"
#include "broker/retain.h"
#include "broker/supervise.h"
#include "broker/window_move.h"
#include "lib/base/assert.h"
#include "lib/base/log.h"

#define TURN_FRAMES 512
#define TURN_BYTES  (512u << 10)
#define SPACE_LOOK  256 /* turns between two looks at the disk's space */

void
ph_turn_frames(void *self)
{
	ph_broker *broker = PH_CAST(ph_broker, self, PH_BROKER_MAGIC);
	ph_received received;
	size_t bytes = 0;
	for (unsigned frames = 0; frames < TURN_FRAMES && bytes < TURN_BYTES;
	     frames++) {
		if (broker->failed ||
		    ph_socket_receive(broker->router, &received, NULL) != PH_OK) {
			broker->more = false;
			return;
		}
		bytes += received.length;
		ph_greet_frame(broker, &received);
		if (broker->away && ph_commit_landed(broker))
			break; /* the next batch may go */
	}
	broker->more = true;
}

static void
look_at_space(ph_broker *broker)
{
	ph_store_space space;
	if (ph_store_space_left(broker->store, &space, NULL) != PH_OK ||
	    space.accepting == broker->accepting)
		return;
	broker->accepting = space.accepting;
	if (space.accepting)
		ph_log(
		    PH_LOG_INFO, "accepting-again", "open_bytes=%" PRIu64, space.open);
	else
		ph_log(PH_LOG_ERROR, "disk-nearly-full",
		    "open_bytes=%" PRIu64 " reserve_bytes=%" PRIu64 " text=%s",
		    space.open, space.reserve, space.why);
	if (!space.accepting)
		ph_retain_now(broker);
}

/* Sessions that fell silent or are over; PINGs. */
static void
tend(ph_broker *broker, int64_t now_ms)
{
	if (broker->tend_ms > now_ms && !ph_sessions_any_over(broker->sessions))
		return;
	int64_t wait_ms = ph_greet_tend(broker);
	broker->tend_ms = wait_ms < 0 ? INT64_MAX : now_ms + wait_ms;
}

/* A store that shares its partitions says only when it is asked that one is ours no more. */
static void
ask_store(ph_broker *broker)
{
	ph_error err = {.status = PH_OK};
	if (ph_store_poll_every(broker->store) == 0 || broker->away || broker->failed ||
	    ph_store_poll(broker->store, false, NULL, &err) == PH_OK)
		return;
	ph_log(PH_LOG_ERROR, "store-failed", "where=%s text=%s", err.where, err.text);
	broker->failed = true;
	ph_loop_stop(broker->loop);
}

static void
set_timer(ph_broker *broker, int64_t now_ms)
{
	int64_t due_ms = ph_dispatch_due(broker);
	int64_t every_ms = ph_store_poll_every(broker->store);
	if (every_ms > 0 && due_ms > now_ms + every_ms)
		due_ms = now_ms + every_ms;
	if (due_ms > broker->tend_ms)
		due_ms = broker->tend_ms;
	if (due_ms > broker->retain_by_ms)
		due_ms = broker->retain_by_ms;
	if (due_ms == INT64_MAX)
		ph_timer_stop(broker->timer);
	else
		ph_timer_set(broker->timer, due_ms > now_ms ? due_ms - now_ms : 0);
}

/* What is done from time to time, whatever waits for the store. */
static bool
end_turn(ph_broker *broker, int64_t now_ms)
{
	bool again = broker->more || broker->starved;
	set_timer(broker, now_ms);
	broker->more = broker->starved = false;
	return again || ph_sessions_any_over(broker->sessions);
}

/* Something can be done only when all is durable: wait for it. */
static bool
must_wait(ph_broker *broker)
{
	return broker->operations != NULL || ph_checkpoint_wanted(broker);
}

bool
ph_turn_end(void *self)
{
	ph_broker *broker = PH_CAST(ph_broker, self, PH_BROKER_MAGIC);
	int64_t now_ms = ph_clock_mono(broker->clock);
	tend(broker, now_ms);
	(void) ph_dispatch_due(broker);
	ask_store(broker);
	if (!ph_commit_clear(broker, !broker->more, now_ms))
		return end_turn(broker, now_ms);
	if (!broker->failed && !ph_supervise_stopping(broker))
		ph_dispatch_all(broker);
	ph_backlog_own(broker->backlog);
	bool wrote = broker->dirty;
	bool carrying = ph_carry_turn(broker);
	if (ph_commit_turn(broker, must_wait(broker), now_ms) != PH_OK) {
		ph_loop_stop(broker->loop);
		return false;
	}
	if (!broker->away) {
		ph_operate_flushed(broker);
		if (broker->checkpoints != NULL)
			ph_checkpoint_turn(broker);
	}
	bool moving = ph_window_move_turn(broker);
	if (wrote)
		ph_keep_turn(broker);
	bool looked = ph_retain_turn(broker);
	if (looked || (wrote && ++broker->turns % SPACE_LOOK == 0))
		look_at_space(broker);
	/* Nothing wakes a loop that sleeps while a batch is away: it looks once more, and waits. */
	bool again = broker->dirty || broker->away || carrying || moving;
	return end_turn(broker, now_ms) || again;
}

/* The turn does what is due. */
void
ph_turn_due(void *self)
{
	(void) PH_CAST(ph_broker, self, PH_BROKER_MAGIC);
}

void
ph_turn_idle(void *self)
{
	ph_broker *broker = PH_CAST(ph_broker, self, PH_BROKER_MAGIC);
	ph_error err = {.status = PH_OK};
	look_at_space(broker);
	/* On a busy machine there may be work by now; when that is durable, we come again. */
	if (broker->failed || broker->dirty || broker->away ||
	    ph_store_idle(broker->store, &err) == PH_OK)
		return;
	ph_log(PH_LOG_ERROR, "store-failed", "where=%s text=%s", err.where, err.text);
	broker->failed = true;
	ph_loop_stop(broker->loop);
}
