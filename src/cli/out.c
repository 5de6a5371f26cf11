#include "cli/cli.h"
#include "rt/clock.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum cli_exit cli_exit_of(enum err e)
{
    switch (e) {
    case OK:
        return CLI_OK;
    case ERR_NOT_FOUND:
        return CLI_NOT_FOUND;
    case ERR_FULL:
    case ERR_DENIED:
    case ERR_SIGNATURE:
    case ERR_LIMIT:
        return CLI_REFUSED;
    case ERR_BUSY:
    case ERR_TIMEOUT:
    case ERR_CLOSED:
        return CLI_UNREACHABLE;
    case ERR_SHORT:
    case ERR_TRAILING:
    case ERR_FORMAT:
    case ERR_RANGE:
    case ERR_CORRUPT:
    case ERR_UNSUPPORTED:
    case ERR_STATE:
    case ERR_EXISTS:
    case ERR_MEMORY:
    case ERR_IO:
    case ERR_COUNT:
        return CLI_FAILED;
    }
    return CLI_FAILED;
}

static void print_error(const struct cli *c, enum cli_exit code, const char *next, const char *what)
{
    cli_progress_end(NULL);
    if (c == NULL || !c->json) {
        fprintf(stderr, "crust: %s\n", what);
        if (next != NULL)
            fprintf(stderr, "next:  %s\n", next);
        return;
    }
    json_t *error = json_pack("{s:s, s:i, s:s*}", "what", what, "exit", (int)code, "next", next);
    json_t *top = json_pack("{s:o}", "error", error);
    json_dumpf(top, stderr, JSON_COMPACT);
    fputc('\n', stderr);
    json_decref(top);
}

enum cli_exit cli_fail(const struct cli *c, enum cli_exit code, const char *next, const char *what,
                       ...)
{
    char text[1024];
    va_list ap;
    va_start(ap, what);
    (void)vsnprintf(text, sizeof(text), what, ap);
    va_end(ap);
    print_error(c, code, next, text);
    return code;
}

enum cli_exit cli_usage(const struct cli *c, const char *what, ...)
{
    char text[1024], next[128];
    va_list ap;
    va_start(ap, what);
    (void)vsnprintf(text, sizeof(text), what, ap);
    va_end(ap);
    (void)snprintf(next, sizeof(next), "crust %s --help", c->verb->name);
    print_error(c, CLI_USAGE, next, text);
    return CLI_USAGE;
}

enum cli_exit cli_print_json(json_t *value)
{
    json_dumpf(value, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
    fputc('\n', stdout);
    json_decref(value);
    return ferror(stdout) ? CLI_FAILED : CLI_OK;
}

void cli_format_size(char out[24], uint64_t bytes)
{
    static const char *const unit[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB" };
    size_t u = 0;
    double v = (double)bytes;
    while (v >= 1024 && u + 1 < sizeof(unit) / sizeof(unit[0])) {
        v /= 1024;
        u++;
    }
    (void)snprintf(out, 24, u == 0 ? "%.0f %s" : "%.1f %s", v, unit[u]);
}

/* The command line is one process with one progress line. */
static uint64_t progress_last_ms;
static bool progress_shown;

void cli_progress(struct cli *c, const char *what, uint64_t done, uint64_t total)
{
    enum { EVERY_MS = 100 };
    if (!c->tty || c->json)
        return;
    uint64_t now = clock_mono_ms();
    if (progress_shown && now - progress_last_ms < EVERY_MS)
        return;
    progress_last_ms = now;
    progress_shown = true;
    char a[24], b[24];
    cli_format_size(a, done);
    cli_format_size(b, total);
    if (total > 0)
        fprintf(stderr, "\r\033[K%s  %s of %s  %3.0f %%", what, a, b,
                100.0 * (double)done / (double)total);
    else
        fprintf(stderr, "\r\033[K%s  %s", what, a);
    fflush(stderr);
}

void cli_progress_end(struct cli *c)
{
    (void)c;
    if (!progress_shown)
        return;
    fprintf(stderr, "\r\033[K");
    fflush(stderr);
    progress_shown = false;
}
