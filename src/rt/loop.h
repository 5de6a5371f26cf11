/* loop: the event loop that owns a daemon's protocol state; a thin cover over libuv.
 *
 * Everything here runs on the loop's thread unless a line says "any thread". Workers run pure
 * jobs on memory they were handed; their results come back as callbacks on the loop. */
#ifndef CRUST_RT_LOOP_H
#define CRUST_RT_LOOP_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    LOOP_POSTS_DEFAULT = 512, /* two for each of ipfsd's 256 HTTP connections */
    LOOP_JOBS_MAX = 256,      /* worker jobs queued or running */
};

struct loop;
struct loop_timer;
struct loop_fd;
struct uv_loop_s;

typedef void (*loop_fn)(void *ctx);

/* loop_new makes a loop; posts_max bounds the queue of loop_post (0: LOOP_POSTS_DEFAULT). It
 * also ignores SIGPIPE for the process. ERR_MEMORY, ERR_IO. */
NODISCARD enum err loop_new(struct loop **out, size_t posts_max);

/* loop_free closes what is left, waits for running worker jobs (their done callbacks run), and
 * frees. Not while loop_run is on the stack. NULL is fine. */
void loop_free(struct loop *l);

/* loop_run serves events until loop_stop. */
void loop_run(struct loop *l);

/* loop_run_once serves what is ready, waiting for at most one event up to wait_ms (tests). */
void loop_run_once(struct loop *l, uint64_t wait_ms);

/* loop_stop makes loop_run return after the present turn. Any thread. */
void loop_stop(struct loop *l);

/* loop_on_signal calls fn for SIGINT and SIGTERM; without it both just stop the loop. A second
 * signal stops the loop in any case. loop_signals_start begins to listen for them. */
NODISCARD enum err loop_signals_start(struct loop *l);
void loop_on_signal(struct loop *l, loop_fn fn, void *ctx);

/* The time at the start of this turn, on the clock of clock_mono_ms. */
uint64_t loop_now_ms(const struct loop *l);

/* loop_post runs fn(ctx) on the loop, in order of posting. Any thread.
 * Returns: OK, or ERR_BUSY when the queue is full: the caller refuses its work (HTTP: 503). */
NODISCARD enum err loop_post(struct loop *l, loop_fn fn, void *ctx);

/* A post that cannot fail, for completions that must not be lost: the caller provides the node
 * and keeps it until fn runs. Posting a node that is queued already does nothing. Any thread. */
struct loop_event {
    loop_fn fn;
    void *ctx;
    struct loop_event *next; /* private */
    bool queued;             /* private, under the loop's lock */
};
void loop_post_event(struct loop *l, struct loop_event *e);

/* loop_work runs run(ctx) on a worker thread, then done(ctx) on the loop. ctx is kept until done
 * returns; nobody else touches what run touches. ERR_BUSY: LOOP_JOBS_MAX jobs are waiting. */
NODISCARD enum err loop_work(struct loop *l, loop_fn run, loop_fn done, void *ctx);

/* Timers. loop_timer_start (re)arms: first after delay_ms, then every repeat_ms unless 0; the
 * callback may start, stop or free its timer. NULL from loop_timer_new means out of memory. */
struct loop_timer *loop_timer_new(struct loop *l, loop_fn fn, void *ctx);
void loop_timer_start(struct loop_timer *t, uint64_t delay_ms, uint64_t repeat_ms);
void loop_timer_stop(struct loop_timer *t);
void loop_timer_free(struct loop_timer *t); /* NULL is fine */

/* Descriptors. The callback gets the LOOP_READ / LOOP_WRITE events that are ready (both on an
 * error or hang-up, so that the next read or write finds it); it may set or free its watcher.
 * loop_fd_free does not close fd; free the watcher first, then close. */
enum { LOOP_READ = 1, LOOP_WRITE = 2 };
typedef void (*loop_fd_fn)(void *ctx, int events);
struct loop_fd *loop_fd_new(struct loop *l, int fd, loop_fd_fn fn, void *ctx);
void loop_fd_set(struct loop_fd *w, int events); /* 0: none */
void loop_fd_free(struct loop_fd *w);            /* NULL is fine */

/* libuv's own loop, for libraries that want it. */
struct uv_loop_s *loop_uv(struct loop *l);

#endif
