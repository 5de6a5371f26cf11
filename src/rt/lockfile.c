#include "rt/lockfile.h"

#include "rt/path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

/* The file holds "PID PROGRAM\n". It is for people: what decides is the kernel's lock. */
static void read_holder(struct lockfile_holder *out, int fd)
{
    *out = (struct lockfile_holder){ 0 };
    char text[LOCKFILE_PROGRAM_MAX + 16];
    ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
    if (n <= 0)
        return;
    text[n] = '\0';
    char *end;
    long pid = strtol(text, &end, 10);
    if (pid <= 0 || *end != ' ')
        return;
    out->pid = (pid_t)pid;
    size_t len = strcspn(end + 1, "\n");
    if (len >= sizeof(out->program))
        len = sizeof(out->program) - 1;
    for (size_t i = 0; i < len; i++) {
        char c = end[1 + i];
        out->program[i] = '?';
        if (c > 0x20 && c < 0x7f)
            out->program[i] = c;
    }
}

enum err lockfile_take(struct lockfile *lock, struct lockfile_holder *holder, const char *path,
                       const char *program)
{
    lock->fd = -1;
    if (holder != NULL)
        *holder = (struct lockfile_holder){ 0 };
    AUTO(path_close) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return path_errno(errno);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK)
            return path_errno(errno);
        if (holder != NULL)
            read_holder(holder, fd);
        return ERR_BUSY;
    }
    char text[LOCKFILE_PROGRAM_MAX + 16];
    int n = snprintf(text, sizeof(text), "%ld %s\n", (long)getpid(), program);
    if (n < 0 || (size_t)n >= sizeof(text))
        return ERR_LIMIT;
    if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)n, 0) != n)
        return path_errno(errno);
    lock->fd = fd;
    fd = -1;
    return OK;
}

void lockfile_release(struct lockfile *lock)
{
    /* Emptied first, so that nobody reads the name of a former holder as the present one. */
    if (lock->fd >= 0 && ftruncate(lock->fd, 0) != 0)
        lock->fd = lock->fd; /* only the hint stays; the lock itself goes with the close */
    path_close(&lock->fd);
}
