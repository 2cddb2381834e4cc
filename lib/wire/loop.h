/*
 * loop - one thread's waiting: ZeroMQ sockets, descriptors, timers and posts from other threads.
 *
 * Everything registered is called on the thread that runs the loop. ph_loop_post is the one
 * function that another thread may call.
 *
 * A `before` callback runs once per turn after all ready sources were served and before the
 * loop sleeps: the place to commit what the turn collected. If it returns true the loop does
 * not sleep, but turns again at once.
 *
 * Thread: owner; ph_loop_post: any. Errors: PH_ERR_IO, PH_ERR_NOMEM.
 */
#ifndef PH_WIRE_LOOP_H
#define PH_WIRE_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <packhorse/error.h>
#include "lib/base/clock.h"

typedef struct ph_loop ph_loop;
typedef struct ph_timer ph_timer;
typedef void ph_loop_fn(void *self);
typedef void ph_loop_fd_fn(void *self, int fd, short revents);
typedef bool ph_loop_before_fn(void *self);

ph_status ph_loop_new(const ph_clock *clock, ph_loop **out, ph_error *err);
void ph_loop_destroy(ph_loop **loop_p);
/* Call `fn` when the ZeroMQ socket can be read. */
ph_status ph_loop_socket(
    ph_loop *loop, void *socket, ph_loop_fn *fn, void *self, ph_error *err);
/* Call `fn` when the descriptor has any of `events` (POLLIN, POLLOUT). Adding it again changes it. */
ph_status ph_loop_fd(
    ph_loop *loop, int fd, short events, ph_loop_fd_fn *fn, void *self, ph_error *err);
void ph_loop_forget_socket(ph_loop *loop, void *socket);
void ph_loop_forget_fd(ph_loop *loop, int fd);
/* A timer: not running until set. Destroying a running one stops it. */
ph_status ph_timer_new(
    ph_loop *loop, ph_loop_fn *fn, void *self, ph_timer **out, ph_error *err);
void ph_timer_set(
    ph_timer *timer, int64_t after_ms); /* once, from now; again replaces */
void ph_timer_stop(ph_timer *timer);
void ph_timer_destroy(ph_timer **timer_p);
void ph_loop_before(ph_loop *loop, ph_loop_before_fn *fn, void *self);
/* Run `fn(self)` on the loop's thread, in order of posting. From any thread. */
ph_status ph_loop_post(ph_loop *loop, ph_loop_fn *fn, void *self, ph_error *err);
/* Until ph_loop_stop. */
ph_status ph_loop_run(ph_loop *loop, ph_error *err);
/* One turn, sleeping at most timeout_ms. */
ph_status ph_loop_turn(ph_loop *loop, int64_t timeout_ms, ph_error *err);
void ph_loop_stop(ph_loop *loop);
const ph_clock *ph_loop_clock(const ph_loop *loop);

#endif
