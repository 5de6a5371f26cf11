/* process: child processes with exactly the descriptors they are given, which die with their
 * parent, even when that is killed with SIGKILL. Linux. */
#ifndef CRUST_RT_PROCESS_H
#define CRUST_RT_PROCESS_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { PROCESS_FDS_MAX = 16 };

/* The child's descriptor `as` is a duplicate of our `fd`. */
struct process_fd {
    int fd;
    int as; /* in [0, PROCESS_FDS_MAX) */
};

struct process_options {
    const char *path;        /* of the program; no search in PATH */
    const char *const *argv; /* ends with NULL */
    const char *const *envp; /* ends with NULL; NULL: ours */
    const char *cwd;         /* NULL: ours */
    struct process_fd fds[PROCESS_FDS_MAX];
    size_t fd_count;  /* 0, 1 and 2 that are not listed become /dev/null; others are closed */
    bool outlives_us; /* false: SIGKILL when the spawning thread ends */
    bool new_group;   /* its own process group: the terminal's Ctrl-C does not reach it */
};

struct process {
    pid_t pid;
    int pidfd; /* readable (poll, loop_fd) once the child has ended; -1 when none */
    bool ended;
    int exit_code; /* valid when ended: 0..255, or 128 + signal */
    int signal;    /* valid when ended: the signal that killed it, or 0 */
};

/* process_spawn starts a program. Call it on a thread that lives as long as the child should: the
 * kernel ties the child's life to that thread.
 * Returns: OK (the program runs), ERR_NOT_FOUND, ERR_DENIED, ERR_LIMIT (descriptors), ERR_IO. */
NODISCARD enum err process_spawn(struct process *out, const struct process_options *o);

/* process_wait waits up to timeout_ms (0: looks; CLOCK_FOREVER) for the end and collects it.
 * OK or ERR_TIMEOUT. */
NODISCARD enum err process_wait(struct process *p, int64_t timeout_ms);

/* process_signal sends a signal unless the child has ended; never hits a stranger. */
void process_signal(const struct process *p, int signal);

/* process_stop sends SIGTERM, waits up to grace_ms, sends SIGKILL, and collects the end. */
void process_stop(struct process *p, int64_t grace_ms);

/* process_fini closes the pidfd; the child, if it runs, is left alone. */
void process_fini(struct process *p);

/* process_self_path writes the path of a program that lies beside ours ("crust-enclaved"). */
NODISCARD enum err process_beside(char *out, size_t size, const char *name);

#endif
