#include "enclaved/nodes.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int system_make_dir(const char *path)
{
    return mkdir(path, 0700);
}

static int system_open(const char *path, int flags)
{
    return open(path, flags | O_CLOEXEC);
}

static int system_control(int fd, unsigned long request, void *argument)
{
    return ioctl(fd, request, argument);
}

static void system_pause(uint32_t ms)
{
    const struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };
    (void)nanosleep(&t, NULL); /* a signal may shorten it */
}

const struct nodes nodes_system = { .make_dir = system_make_dir,
                                    .remove_dir = rmdir,
                                    .open = system_open,
                                    .read = read,
                                    .write = write,
                                    .close = close,
                                    .control = system_control,
                                    .pause = system_pause };

enum err nodes_error(void)
{
    switch (errno) {
    case ENOENT:
    case ENOTDIR:
    case ENXIO:
    case ENODEV:
        return ERR_NOT_FOUND;
    case EACCES:
    case EPERM:
        return ERR_DENIED;
    case EFBIG:
    case ENOSPC:
    case EOVERFLOW:
        return ERR_LIMIT;
    case EINVAL:
        return ERR_STATE;
    case EBUSY:
    case EAGAIN:
    case EINTR:
    case EEXIST:
        return ERR_BUSY;
    case ETIMEDOUT:
        return ERR_TIMEOUT;
    default:
        return ERR_IO;
    }
}

enum err nodes_path(char out[NODES_PATH_MAX], const char *dir, const char *name)
{
    size_t a = strlen(dir), b = strlen(name);
    if (a + b >= NODES_PATH_MAX)
        return ERR_LIMIT;
    memcpy(out, dir, a);
    memcpy(out + a, name, b + 1);
    return OK;
}

static enum err open_in(int *fd, const struct nodes *n, const char *dir, const char *name,
                        int flags)
{
    char path[NODES_PATH_MAX];
    TRY(nodes_path(path, dir, name));
    *fd = n->open(path, flags);
    return *fd < 0 ? nodes_error() : OK;
}

/* Reads up to size bytes, in as many parts as they come. */
static enum err read_up_to(const struct nodes *n, int fd, struct mspan out, size_t *got)
{
    for (*got = 0; *got < out.n;) {
        ssize_t part = n->read(fd, out.p + *got, out.n - *got);
        if (part < 0 && errno == EINTR)
            continue;
        if (part < 0)
            return nodes_error();
        if (part == 0)
            break;
        *got += (size_t)part;
    }
    return OK;
}

enum err nodes_read(const struct nodes *n, const char *dir, const char *name, struct mspan *out)
{
    int fd;
    uint8_t more;
    size_t got = 0, rest = 0;
    TRY(open_in(&fd, n, dir, name, O_RDONLY));
    enum err e = read_up_to(n, fd, *out, &got);
    if (e == OK && got == out->n)
        e = read_up_to(n, fd, (struct mspan){ &more, 1 }, &rest);
    (void)n->close(fd);
    out->n = got;
    return e == OK && rest > 0 ? ERR_LIMIT : e;
}

enum err nodes_read_text(const struct nodes *n, const char *dir, const char *name, struct mspan out)
{
    struct mspan text = { out.p, out.n - 1 };
    out.p[0] = '\0';
    TRY(nodes_read(n, dir, name, &text));
    if (text.n > 0 && text.p[text.n - 1] == '\n')
        text.n--;
    text.p[text.n] = '\0';
    return OK;
}

enum err nodes_write(const struct nodes *n, const char *dir, const char *name, struct span bytes)
{
    int fd;
    TRY(open_in(&fd, n, dir, name, O_WRONLY));
    ssize_t done = n->write(fd, bytes.p, bytes.n);
    enum err e = done < 0 ? nodes_error() : ((size_t)done == bytes.n ? OK : ERR_IO);
    if (n->close(fd) != 0 && e == OK) /* where some such files take what was written */
        e = nodes_error();
    return e;
}

enum err nodes_try(const struct nodes *n, enum err (*once)(void *ctx), void *ctx)
{
    uint32_t ms = NODES_PAUSE_MS;
    for (int i = 1;; i++, ms *= 2) {
        enum err e = once(ctx);
        if ((e != ERR_STATE && e != ERR_BUSY && e != ERR_TIMEOUT && e != ERR_IO) ||
            i == NODES_TRIES)
            return e;
        n->pause(ms);
    }
}
