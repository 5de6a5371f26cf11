#include "rt/log.h"

#include "rt/clock.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *log_program = "crust";
static atomic_int log_lowest = LOG_LEVEL_INFO;
static atomic_int log_fd = -1;

static const char *const level_names[] = { "debug", "info", "warn", "error", "off" };

void log_init(const char *program, enum log_level lowest)
{
    log_program = program;
    atomic_store(&log_lowest, (int)lowest);
}

void log_to(int fd)
{
    atomic_store(&log_fd, fd);
}

enum err log_level_parse(enum log_level *out, const char *text)
{
    *out = LOG_LEVEL_INFO;
    for (int i = LOG_LEVEL_DEBUG; i <= LOG_LEVEL_OFF; i++) {
        if (strcmp(text, level_names[i]) == 0) {
            *out = (enum log_level)i;
            return OK;
        }
    }
    return ERR_FORMAT;
}

/* What snprintf returned, cut to what really stands in a buffer of the given size. */
static size_t written(int n, size_t size)
{
    if (n < 0)
        return 0;
    return (size_t)n < size ? (size_t)n : size - 1;
}

__attribute__((format(printf, 3, 0))) static void log_line(enum log_level level, const char *event,
                                                           const char *format, va_list args)
{
    if ((int)level < atomic_load(&log_lowest))
        return;
    char when[CLOCK_TEXT_MAX];
    clock_format(when, clock_wall_ms());
    char line[LOG_LINE_MAX];
    size_t size = sizeof(line) - 1; /* room for the newline */
    size_t n = written(snprintf(line, size, "%s %s %s %s%s", when, level_names[level], log_program,
                                event, format[0] != '\0' ? " " : ""),
                       size);
    n += written(vsnprintf(line + n, size - n, format, args), size - n);
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)line[i];
        if (c < 0x20 || c == 0x7f)
            line[i] = '?';
    }
    line[n++] = '\n';
    int fd = atomic_load(&log_fd);
    /* A log that cannot be written must not stop the program, so the result is dropped. */
    ssize_t ignored = write(fd < 0 ? STDERR_FILENO : fd, line, n);
    (void)ignored;
}

void log_debug(const char *event, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    log_line(LOG_LEVEL_DEBUG, event, format, args);
    va_end(args);
}

void log_info(const char *event, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    log_line(LOG_LEVEL_INFO, event, format, args);
    va_end(args);
}

void log_warn(const char *event, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    log_line(LOG_LEVEL_WARN, event, format, args);
    va_end(args);
}

void log_error(const char *event, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    log_line(LOG_LEVEL_ERROR, event, format, args);
    va_end(args);
}
