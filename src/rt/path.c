#include "rt/path.h"

#include "crypto/random.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum err path_errno(int number)
{
    switch (number) {
    case 0:
        return OK;
    case ENOENT:
    case ENOTDIR:
        return ERR_NOT_FOUND;
    case EACCES:
    case EPERM:
    case EROFS:
        return ERR_DENIED;
    case EEXIST:
    case EADDRINUSE:
        return ERR_EXISTS;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return ERR_FULL;
    case ENOMEM:
        return ERR_MEMORY;
    case EMFILE:
    case ENFILE:
    case ENAMETOOLONG:
        return ERR_LIMIT;
    case ECONNREFUSED:
    case ECONNRESET:
    case EPIPE:
        return ERR_CLOSED;
    case ETIMEDOUT:
        return ERR_TIMEOUT;
    case EAGAIN:
    case EBUSY:
        return ERR_BUSY;
    default:
        return ERR_IO;
    }
}

void path_close(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

enum err path_join(char *out, size_t size, const char *a, const char *b)
{
    size_t len = strlen(a);
    const char *slash = len > 0 && a[len - 1] == '/' ? "" : "/";
    int n = b[0] == '/' ? snprintf(out, size, "%s", b) : snprintf(out, size, "%s%s%s", a, slash, b);
    if (n >= 0 && (size_t)n < size)
        return OK;
    if (size > 0)
        out[0] = '\0';
    return ERR_LIMIT;
}

static enum err make_dir(const char *path, mode_t mode)
{
    if (mkdir(path, mode) == 0)
        return OK;
    int e = errno;
    struct stat st;
    if (e == EEXIST && stat(path, &st) == 0)
        return S_ISDIR(st.st_mode) ? OK : ERR_EXISTS;
    return e == ENOTDIR ? ERR_EXISTS : path_errno(e);
}

enum err path_make_dirs(const char *path, mode_t mode)
{
    char part[PATH_TEXT_MAX];
    size_t n = strlen(path);
    if (n == 0 || n >= sizeof(part))
        return ERR_LIMIT;
    memcpy(part, path, n + 1);
    for (size_t i = 1; i < n; i++) {
        if (part[i] != '/')
            continue;
        part[i] = '\0';
        TRY(make_dir(part, mode));
        part[i] = '/';
    }
    return make_dir(part, mode);
}

/* Reads until the end or until size bytes are there. */
static enum err read_up_to(size_t *got, int fd, uint8_t *p, size_t size)
{
    *got = 0;
    while (*got < size) {
        ssize_t n = read(fd, p + *got, size - *got);
        if (n == 0)
            return OK;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return path_errno(errno);
        *got += (size_t)n;
    }
    return OK;
}

enum err path_read_file(struct mspan *out, const char *path, size_t limit)
{
    *out = (struct mspan){ 0 };
    /* O_NONBLOCK: a FIFO put in the file's place must not hang us. */
    AUTO(path_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return path_errno(errno);
    struct stat st;
    if (fstat(fd, &st) != 0)
        return path_errno(errno);
    if (!S_ISREG(st.st_mode))
        return ERR_FORMAT;
    if (st.st_size < 0 || (uint64_t)st.st_size > limit)
        return ERR_LIMIT;
    /* Files of /proc and /sys say 0 and hold more, so the limit counts, not the stated size. */
    size_t room = st.st_size > 0 ? (size_t)st.st_size + 1 : limit + 1;
    uint8_t *p = malloc(room + 1);
    if (p == NULL)
        return ERR_MEMORY;
    size_t n;
    enum err e = read_up_to(&n, fd, p, room);
    if (e == OK && n > limit)
        e = ERR_LIMIT;
    if (e == OK && n == room)
        e = ERR_BUSY; /* it grew while we read it */
    if (e != OK) {
        free(p);
        return e;
    }
    p[n] = 0;
    *out = (struct mspan){ p, n };
    return OK;
}

enum err path_write_all(int fd, struct span s)
{
    while (s.n > 0) {
        ssize_t n = write(fd, s.p, s.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return path_errno(errno);
        s = span_sub(s, (size_t)n, s.n);
    }
    return OK;
}

static enum err write_synced(const char *path, struct span content, mode_t mode)
{
    AUTO(path_close) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0)
        return path_errno(errno);
    TRY(path_write_all(fd, content));
    return fsync(fd) == 0 ? OK : path_errno(errno);
}

static enum err sync_dir_of(const char *path)
{
    char dir[PATH_TEXT_MAX];
    const char *slash = strrchr(path, '/');
    size_t n = slash == NULL ? 0 : (size_t)(slash - path);
    if (n >= sizeof(dir))
        return ERR_LIMIT;
    memcpy(dir, path, n);
    dir[n] = '\0';
    const char *name = slash == NULL ? "." : n == 0 ? "/" : dir;
    AUTO(path_close) int fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return path_errno(errno);
    return fsync(fd) == 0 ? OK : path_errno(errno);
}

enum err path_write_file(const char *path, struct span content, mode_t mode)
{
    char temp[PATH_TEXT_MAX];
    uint64_t unique;
    random_bytes(&unique, sizeof(unique));
    int n = snprintf(temp, sizeof(temp), "%s.%016llx.tmp", path, (unsigned long long)unique);
    if (n < 0 || (size_t)n >= sizeof(temp))
        return ERR_LIMIT;
    enum err e = write_synced(temp, content, mode);
    if (e == OK && rename(temp, path) != 0)
        e = path_errno(errno);
    if (e != OK) {
        unlink(temp);
        return e;
    }
    return sync_dir_of(path);
}

bool path_exists(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

enum { TREE_DEPTH_MAX = 64 };

static enum err remove_at(int dir, const char *name, dev_t device, int depth)
{
    struct stat st;
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? OK : path_errno(errno);
    if (!S_ISDIR(st.st_mode))
        return unlinkat(dir, name, 0) == 0 ? OK : path_errno(errno);
    if (depth > 0 && st.st_dev != device)
        return ERR_DENIED;
    if (depth >= TREE_DEPTH_MAX)
        return ERR_LIMIT;
    int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return path_errno(errno);
    DIR *list = fdopendir(fd);
    if (list == NULL) {
        close(fd);
        return ERR_MEMORY;
    }
    enum err e = OK;
    for (struct dirent *d; e == OK && (d = readdir(list)) != NULL;) {
        if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
            e = remove_at(fd, d->d_name, st.st_dev, depth + 1);
    }
    closedir(list);
    TRY(e);
    return unlinkat(dir, name, AT_REMOVEDIR) == 0 ? OK : path_errno(errno);
}

enum err path_remove_tree(const char *path)
{
    return remove_at(AT_FDCWD, path, 0, 0);
}
