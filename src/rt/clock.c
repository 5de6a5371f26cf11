#include "rt/clock.h"

#include "base/err.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <time.h>

static uint64_t clock_us(clockid_t id)
{
    struct timespec t = { 0 };
    ASSERT(clock_gettime(id, &t) == 0);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

uint64_t clock_mono_ms(void)
{
    return clock_us(CLOCK_MONOTONIC) / 1000;
}

uint64_t clock_mono_us(void)
{
    return clock_us(CLOCK_MONOTONIC);
}

uint64_t clock_wall_ms(void)
{
    return clock_us(CLOCK_REALTIME) / 1000;
}

uint64_t clock_deadline(int64_t timeout_ms)
{
    return timeout_ms < 0 ? UINT64_MAX : clock_mono_ms() + (uint64_t)timeout_ms;
}

int clock_left(uint64_t deadline)
{
    if (deadline == UINT64_MAX)
        return -1;
    uint64_t now = clock_mono_ms();
    if (deadline <= now)
        return 0;
    return deadline - now > INT_MAX ? INT_MAX : (int)(deadline - now);
}

void clock_sleep_ms(uint64_t ms)
{
    struct timespec t = { .tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000 };
    while (nanosleep(&t, &t) != 0 && errno == EINTR)
        continue;
}

/* The parts of a moment in UTC, in the proleptic Gregorian calendar. */
struct moment {
    unsigned year, month, day, weekday, hour, minute, second, ms;
};

/* Days to civil date: the year is counted from 1 March, so that leap days come last; 400 years have
 * 146097 days (Howard Hinnant, "chrono-compatible low-level date algorithms"). */
static struct moment moment_of(uint64_t wall_ms)
{
    uint64_t seconds = wall_ms / 1000;
    uint64_t days = seconds / 86400;
    unsigned rest = (unsigned)(seconds % 86400);
    uint64_t z = days + 719468;
    unsigned era_day = (unsigned)(z % 146097);
    unsigned era_year = (era_day - era_day / 1460 + era_day / 36524 - era_day / 146096) / 365;
    unsigned year_day = era_day - (365 * era_year + era_year / 4 - era_year / 100);
    unsigned shifted = (5 * year_day + 2) / 153;
    struct moment m = {
        .day = year_day - (153 * shifted + 2) / 5 + 1,
        .month = shifted < 10 ? shifted + 3 : shifted - 9,
        .weekday = (unsigned)((days + 4) % 7),
        .hour = rest / 3600,
        .minute = rest / 60 % 60,
        .second = rest % 60,
        .ms = (unsigned)(wall_ms % 1000),
    };
    m.year = (unsigned)(z / 146097) * 400 + era_year + (m.month <= 2);
    return m;
}

void clock_format(char out[CLOCK_TEXT_MAX], uint64_t wall_ms)
{
    struct moment m = moment_of(wall_ms);
    snprintf(out, CLOCK_TEXT_MAX, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ", m.year % 10000, m.month,
             m.day, m.hour, m.minute, m.second, m.ms);
}

void clock_format_http(char out[CLOCK_TEXT_MAX], uint64_t wall_ms)
{
    static const char days[7][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
    static const char months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
    struct moment m = moment_of(wall_ms);
    snprintf(out, CLOCK_TEXT_MAX, "%s, %02u %s %04u %02u:%02u:%02u GMT", days[m.weekday], m.day,
             months[(m.month - 1) % 12], m.year % 10000, m.hour, m.minute, m.second);
}
