/* check_memory: each allocation of ours fails once, in turn. For test programs only: one that
 * includes this is linked with --wrap=malloc,calloc,realloc (Makefile), so that allocations inside
 * libraries are left alone. One include in a program: it defines the wraps. */
#ifndef CRUST_BASE_CHECK_MEMORY_H
#define CRUST_BASE_CHECK_MEMORY_H

#include "base/check.h"
#include "base/err.h"

#include <stdatomic.h>

void *__real_malloc(size_t n);
void *__real_calloc(size_t count, size_t n);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t count, size_t n);
void *__wrap_realloc(void *p, size_t n);

static atomic_long check_memory_countdown; /* 0: nothing fails */

static inline bool check_memory_fails(void)
{
    return atomic_load(&check_memory_countdown) > 0 &&
           atomic_fetch_sub(&check_memory_countdown, 1) == 1;
}

void *__wrap_malloc(size_t n)
{
    return check_memory_fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t count, size_t n)
{
    return check_memory_fails() ? NULL : __real_calloc(count, n);
}

void *__wrap_realloc(void *p, size_t n)
{
    return check_memory_fails() ? NULL : __real_realloc(p, n);
}

/* check_memory_fail_at: the n-th allocation from now fails; 0 switches it off. Returns whether one
 * has failed since the last call. */
static inline bool check_memory_fail_at(long n)
{
    static long asked;
    bool failed = asked > 0 && atomic_load(&check_memory_countdown) <= 0;
    atomic_store(&check_memory_countdown, n);
    asked = n;
    return failed;
}

/* check_memory_each fails the first allocation of a run, then the second and so on, until one needs
 * no more. fresh makes the place that scenario works in, gone takes it away. scenario closes what
 * it opens, in any case; it may succeed in spite of the failure, but must do so without one, and
 * then on the files that the failed run has left. Returns how many allocations a run makes. */
static inline long check_memory_each(enum err (*scenario)(void *ctx), void (*fresh)(void *ctx),
                                     void (*gone)(void *ctx), void *ctx)
{
    for (long n = 1;; n++) {
        CHECK(n < 10000);
        fresh(ctx);
        (void)check_memory_fail_at(n);
        enum err e = scenario(ctx);
        bool failed = check_memory_fail_at(0);
        CHECK(failed || e == OK);
        CHECK_OK(scenario(ctx));
        gone(ctx);
        if (!failed)
            return n - 1;
    }
}

#endif
