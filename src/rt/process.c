#include "rt/process.h"

#include "rt/clock.h"
#include "rt/path.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Between fork and exec only async-signal-safe calls are made; what fails is told to the parent as
 * an errno through a pipe that a successful exec closes. */
__attribute__((noreturn)) static void child_fail(int report, int number)
{
    ssize_t ignored = write(report, &number, sizeof(number));
    (void)ignored;
    _exit(127);
}

/* Moves everything that is needed above the targets first, so that no dup2 overwrites a source. */
static int arrange_fds(const struct process_options *o, int *report)
{
    int high[PROCESS_FDS_MAX];
    *report = fcntl(*report, F_DUPFD_CLOEXEC, PROCESS_FDS_MAX + 1);
    if (*report < 0)
        return errno;
    for (size_t i = 0; i < o->fd_count; i++) {
        high[i] = fcntl(o->fds[i].fd, F_DUPFD_CLOEXEC, PROCESS_FDS_MAX + 1);
        if (high[i] < 0)
            return errno;
    }
    bool listed[PROCESS_FDS_MAX] = { false };
    for (size_t i = 0; i < o->fd_count; i++) {
        if (dup2(high[i], o->fds[i].as) < 0)
            return errno;
        listed[o->fds[i].as] = true;
    }
    for (int fd = 0; fd < PROCESS_FDS_MAX; fd++) {
        if (listed[fd])
            continue;
        close(fd);
        if (fd <= STDERR_FILENO) {
            int null = open("/dev/null", O_RDWR);
            if (null >= 0 && null != fd && dup2(null, fd) >= 0)
                close(null);
            else if (null < 0)
                return errno;
        }
    }
    /* The rest closes at exec, not now: the report pipe is among it. */
    close(PROCESS_FDS_MAX);
    if (close_range(PROCESS_FDS_MAX + 1, ~0U, CLOSE_RANGE_CLOEXEC) != 0)
        return errno;
    return 0;
}

__attribute__((noreturn)) static void run_child(const struct process_options *o, pid_t parent,
                                                int report)
{
    sigset_t none;
    sigemptyset(&none);
    for (int s = 1; s < 32; s++) {
        if (s != SIGKILL && s != SIGSTOP)
            signal(s, SIG_DFL);
    }
    sigprocmask(SIG_SETMASK, &none, NULL);
    int number = arrange_fds(o, &report);
    if (number != 0)
        child_fail(report, number);
    if (o->new_group && setpgid(0, 0) != 0)
        child_fail(report, errno);
    if (o->cwd != NULL && chdir(o->cwd) != 0)
        child_fail(report, errno);
    if (!o->outlives_us) {
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
            child_fail(report, errno);
        /* A parent that died before the line above sends no signal any more. */
        if (getppid() != parent)
            _exit(127);
    }
    /* execve takes pointers to non-const for historical reasons and changes nothing. */
    union {
        const char *const *in;
        char *const *out;
    } argv = { .in = o->argv }, envp = { .in = o->envp };
    execve(o->path, argv.out, o->envp != NULL ? envp.out : environ);
    child_fail(report, errno);
}

/* Waits for the exec: end of file says it happened. */
static int exec_result(int report)
{
    int number = 0;
    ssize_t n;
    do {
        n = read(report, &number, sizeof(number));
    } while (n < 0 && errno == EINTR);
    return n == (ssize_t)sizeof(number) ? number : 0;
}

enum err process_spawn(struct process *out, const struct process_options *o)
{
    *out = (struct process){ .pidfd = -1 };
    if (o->fd_count > PROCESS_FDS_MAX)
        return ERR_LIMIT;
    for (size_t i = 0; i < o->fd_count; i++)
        ASSERT(o->fds[i].as >= 0 && o->fds[i].as < PROCESS_FDS_MAX && o->fds[i].fd >= 0);
    int report[2];
    if (pipe2(report, O_CLOEXEC) != 0)
        return path_errno(errno);
    /* No signal handler of ours may run in the child before it has reset them. */
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0)
        run_child(o, parent, report[1]);
    int fork_errno = errno;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    close(report[1]);
    AUTO(path_close) int from_child = report[0];
    if (pid < 0)
        return path_errno(fork_errno);
    int number = exec_result(from_child);
    if (number != 0) {
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            continue;
        return path_errno(number);
    }
    out->pid = pid;
    out->pidfd = pidfd_open(pid, 0);
    if (out->pidfd < 0) { /* without it nobody could wait with a timeout */
        number = errno;
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        return path_errno(number);
    }
    return OK;
}

static void collect(struct process *p)
{
    int status = 0;
    pid_t got;
    do {
        got = waitpid(p->pid, &status, 0);
    } while (got < 0 && errno == EINTR);
    p->ended = true;
    if (got != p->pid) {
        p->exit_code = 127; /* somebody else collected it */
    } else if (WIFSIGNALED(status)) {
        p->signal = WTERMSIG(status);
        p->exit_code = 128 + p->signal;
    } else {
        p->exit_code = WEXITSTATUS(status);
    }
}

enum err process_wait(struct process *p, int64_t timeout_ms)
{
    if (p->ended)
        return OK;
    uint64_t deadline = clock_deadline(timeout_ms);
    for (;;) {
        struct pollfd at = { .fd = p->pidfd, .events = POLLIN };
        int n = poll(&at, 1, clock_left(deadline));
        if (n > 0)
            break;
        if (n == 0)
            return ERR_TIMEOUT;
        ASSERT(errno == EINTR || errno == EAGAIN);
    }
    collect(p);
    return OK;
}

void process_signal(const struct process *p, int signal)
{
    if (!p->ended && p->pidfd >= 0)
        (void)pidfd_send_signal(p->pidfd, signal, NULL, 0);
}

void process_stop(struct process *p, int64_t grace_ms)
{
    if (p->pid == 0)
        return;
    process_signal(p, SIGTERM);
    if (process_wait(p, grace_ms) == OK)
        return;
    process_signal(p, SIGKILL);
    enum err e = process_wait(p, CLOCK_FOREVER);
    ASSERT(e == OK);
}

void process_fini(struct process *p)
{
    path_close(&p->pidfd);
}

enum err process_beside(char *out, size_t size, const char *name)
{
    char self[PATH_TEXT_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self));
    if (n <= 0)
        return path_errno(errno);
    if ((size_t)n >= sizeof(self))
        return ERR_LIMIT;
    while (n > 0 && self[n - 1] != '/')
        n--;
    self[n] = '\0';
    return path_join(out, size, self, name);
}
