/* log: one line per event on standard error:
 *
 *   2026-11-22T14:05:31.123Z info crust-ipfsd listening addr=127.0.0.1 port=5001
 *
 * Time (UTC), level, program, event, then key=value pairs that the caller formats. Text that may
 * hold spaces goes in quotes: key="%s". Control characters become '?', so nobody forges a line.
 * A line is cut at LOG_LINE_MAX and written by one write(2): lines of threads do not mix.
 * Never log a secret. Any thread; no allocation. */
#ifndef CRUST_RT_LOG_H
#define CRUST_RT_LOG_H

#include "base/err.h"

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR, LOG_LEVEL_OFF };

enum { LOG_LINE_MAX = 2048 };

/* log_init names the program (kept for the process) and the lowest level that is written. Call
 * it once, before threads start. Without it: "crust" and info. */
void log_init(const char *program, enum log_level lowest);

/* log_level_parse reads debug, info, warn, error or off; ERR_FORMAT otherwise. */
NODISCARD enum err log_level_parse(enum log_level *out, const char *text);

/* log_to sends lines to another descriptor (tests); -1 for standard error. */
void log_to(int fd);

/* event is one word (or several with '-'); format gives "key=value key2=value2" or "". */
#define LOG_FORMAT __attribute__((format(printf, 2, 3)))
void log_debug(const char *event, const char *format, ...) LOG_FORMAT;
void log_info(const char *event, const char *format, ...) LOG_FORMAT;
void log_warn(const char *event, const char *format, ...) LOG_FORMAT;
void log_error(const char *event, const char *format, ...) LOG_FORMAT;

#endif
