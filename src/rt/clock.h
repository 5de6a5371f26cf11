/* clock: the one door to time. Protocol code gets time as an argument; glue reads it here.
 * Any thread. */
#ifndef CRUST_RT_CLOCK_H
#define CRUST_RT_CLOCK_H

#include <stdint.h>

enum {
    CLOCK_TEXT_MAX = 32, /* "2026-11-22T14:05:31.123Z" and "Sun, 22 Nov 2026 14:05:31 GMT" */
    CLOCK_FOREVER = -1,  /* a timeout that never comes, where a header allows it */
};

/* Time since some point in the past; never goes back. */
uint64_t clock_mono_ms(void);
uint64_t clock_mono_us(void);

/* Time since 1970-01-01T00:00:00Z in milliseconds; may jump. */
uint64_t clock_wall_ms(void);

/* clock_deadline gives the monotonic moment timeout_ms from now; UINT64_MAX for CLOCK_FOREVER. */
uint64_t clock_deadline(int64_t timeout_ms);

/* clock_left gives the milliseconds until a deadline of clock_deadline, 0 when it has passed, as
 * poll(2) takes them: -1 for UINT64_MAX. */
int clock_left(uint64_t deadline);

/* clock_sleep_ms blocks this thread; never call it on a loop. */
void clock_sleep_ms(uint64_t ms);

/* RFC 3339 with milliseconds in UTC, and the IMF-fixdate of RFC 9110. NUL-terminated. */
void clock_format(char out[CLOCK_TEXT_MAX], uint64_t wall_ms);
void clock_format_http(char out[CLOCK_TEXT_MAX], uint64_t wall_ms);

#endif
