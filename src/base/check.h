/* check: what every test file includes. Tests are cmocka groups; CHECK is our one assertion. */
#ifndef CRUST_BASE_CHECK_H
#define CRUST_BASE_CHECK_H

/* cmocka wants these four first, in this order. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include "base/span.h"

#include <stdlib.h>

#define CHECK(cond) _assert_true(!!(cond), #cond, __FILE__, __LINE__)
#define CHECK_OK(e) _assert_int_equal((long long unsigned)(e), 0, __FILE__, __LINE__)
#define CHECK_ERR(e, want)                                                                         \
    _assert_int_equal((long long unsigned)(e), (long long unsigned)(want), __FILE__, __LINE__)
#define CHECK_SPAN(a, b)                                                                           \
    do {                                                                                           \
        struct span check_a_ = (a), check_b_ = (b);                                                \
        CHECK(check_a_.n == check_b_.n);                                                           \
        if (check_a_.n != 0)                                                                       \
            CHECK(memcmp(check_a_.p, check_b_.p, check_a_.n) == 0);                                \
    } while (0)

/* Whether the long form of a test is wanted: tools/soak sets CRUST_SOAK. */
static inline bool check_soak(void)
{
    return getenv("CRUST_SOAK") != NULL;
}

/* An allocation of exactly n bytes, so that a read past the end faults under ASan. Freed by the
 * caller. */
static inline uint8_t *check_dup(const void *p, size_t n)
{
    uint8_t *out = malloc(n == 0 ? 1 : n);
    if (out == NULL)
        abort();
    if (n != 0)
        memcpy(out, p, n);
    return out;
}

#endif
