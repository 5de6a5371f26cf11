#include "store/file.h"

#include "base/hex.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

static enum err of_errno(int e)
{
    switch (e) {
    case ENOENT:
    case ENOTDIR:
        return ERR_NOT_FOUND;
    case EEXIST:
    case ENOTEMPTY:
        return ERR_EXISTS;
    case EACCES:
    case EPERM:
    case EROFS:
        return ERR_DENIED;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return ERR_FULL;
    case EMFILE:
    case ENFILE:
        return ERR_LIMIT;
    default:
        return ERR_IO;
    }
}

static enum err os(int result)
{
    return result < 0 ? of_errno(errno) : OK;
}

static enum err system_open(void *ctx UNUSED, int *handle, const char *path, unsigned flags)
{
    int mode = O_CLOEXEC | ((flags & FILE_WRITE) != 0 ? O_RDWR : O_RDONLY);
    if ((flags & FILE_CREATE) != 0)
        mode |= O_CREAT;
    if ((flags & FILE_EXCLUSIVE) != 0)
        mode |= O_EXCL;
    if ((flags & FILE_TRUNCATE) != 0)
        mode |= O_TRUNC;
    *handle = open(path, mode, 0600);
    return os(*handle);
}

static void system_close(void *ctx UNUSED, int handle)
{
    (void)close(handle);
}

static enum err system_read(void *ctx UNUSED, size_t *got, int handle, struct mspan buf,
                            uint64_t offset)
{
    *got = 0;
    while (*got < buf.n) {
        ssize_t n = pread(handle, buf.p + *got, buf.n - *got, (off_t)(offset + *got));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return of_errno(errno);
        if (n == 0)
            break;
        *got += (size_t)n;
    }
    return OK;
}

/* Drops the first done bytes from the vector; returns the index of the first part that is left. */
static size_t advance(struct iovec *iov, size_t first, size_t count, size_t done)
{
    while (first < count && done >= iov[first].iov_len)
        done -= iov[first++].iov_len;
    if (first < count) {
        iov[first].iov_base = (uint8_t *)iov[first].iov_base + done;
        iov[first].iov_len -= done;
    }
    return first;
}

static enum err system_write(void *ctx UNUSED, int handle, const struct span *parts, size_t count,
                             uint64_t offset)
{
    ASSERT(count <= FILE_PARTS_MAX);
    struct iovec iov[FILE_PARTS_MAX];
    for (size_t i = 0; i < count; i++) {
        /* writev takes its input through a pointer that is not const. */
        memcpy(&iov[i].iov_base, &parts[i].p, sizeof(void *));
        iov[i].iov_len = parts[i].n;
    }
    size_t first = advance(iov, 0, count, 0);
    while (first < count) {
        ssize_t n = pwritev(handle, iov + first, (int)(count - first), (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return of_errno(errno);
        if (n == 0)
            return ERR_IO;
        offset += (uint64_t)n;
        first = advance(iov, first, count, (size_t)n);
    }
    return OK;
}

static enum err system_sync(void *ctx UNUSED, int handle)
{
    return os(fdatasync(handle));
}

static void system_writeback(void *ctx UNUSED, int handle, uint64_t offset, uint64_t length)
{
    (void)sync_file_range(handle, (off_t)offset, (off_t)length, SYNC_FILE_RANGE_WRITE);
    if (offset >= FILE_KEPT)
        (void)posix_fadvise(handle, (off_t)(offset - FILE_KEPT), (off_t)length,
                            POSIX_FADV_DONTNEED);
}

static bool not_supported(int e)
{
    return e == EOPNOTSUPP || e == ENOSYS || e == EINVAL;
}

static enum err system_allocate(void *ctx UNUSED, int handle, uint64_t offset, uint64_t length)
{
    if (fallocate(handle, 0, (off_t)offset, (off_t)length) == 0 || not_supported(errno))
        return OK;
    return of_errno(errno);
}

static enum err system_punch(void *ctx UNUSED, int handle, uint64_t offset, uint64_t length)
{
    if (fallocate(handle, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset,
                  (off_t)length) == 0 ||
        not_supported(errno))
        return OK;
    return of_errno(errno);
}

static enum err system_truncate(void *ctx UNUSED, int handle, uint64_t size)
{
    return os(ftruncate(handle, (off_t)size));
}

static enum err system_size(void *ctx UNUSED, uint64_t *size, int handle)
{
    struct stat st;
    *size = 0;
    TRY(os(fstat(handle, &st)));
    *size = (uint64_t)st.st_size;
    return OK;
}

static enum err system_rename(void *ctx UNUSED, const char *from, const char *to)
{
    return os(rename(from, to));
}

static enum err system_unlink(void *ctx UNUSED, const char *path)
{
    return os(unlink(path));
}

static enum err system_make_dir(void *ctx UNUSED, const char *path)
{
    if (mkdir(path, 0700) == 0)
        return OK;
    if (errno != EEXIST)
        return of_errno(errno);
    struct stat st;
    TRY(os(stat(path, &st)));
    return S_ISDIR(st.st_mode) ? OK : ERR_EXISTS;
}

static enum err system_remove_dir(void *ctx UNUSED, const char *path)
{
    return os(rmdir(path));
}

static enum err system_sync_dir(void *ctx UNUSED, const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    TRY(os(fd));
    enum err e = os(fsync(fd));
    (void)close(fd);
    return e;
}

static enum err system_list(void *ctx UNUSED, const char *path, file_visit visit, void *visit_ctx)
{
    DIR *dir = opendir(path);
    if (dir == NULL)
        return of_errno(errno);
    enum err e = OK;
    while (e == OK) {
        errno = 0;
        /* glibc's readdir is safe on a stream of one's own. */
        struct dirent *entry = readdir(dir); /* NOLINT(concurrency-mt-unsafe) */
        if (entry == NULL) {
            e = errno == 0 ? OK : of_errno(errno);
            break;
        }
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            e = visit(visit_ctx, entry->d_name);
    }
    (void)closedir(dir);
    return e;
}

static enum err system_space(void *ctx UNUSED, struct file_space *space, const char *path)
{
    struct statvfs st;
    *space = (struct file_space){ 0 };
    TRY(os(statvfs(path, &st)));
    space->total = (uint64_t)st.f_blocks * st.f_frsize;
    space->free = (uint64_t)st.f_bavail * st.f_frsize;
    return OK;
}

static void system_entropy(void *ctx UNUSED, struct mspan buf)
{
    while (buf.n > 0) {
        ssize_t n = getrandom(buf.p, buf.n, 0);
        ASSERT(n > 0 || errno == EINTR);
        if (n > 0) {
            buf.p += n;
            buf.n -= (size_t)n;
        }
    }
}

static enum err system_before_commit(void *ctx UNUSED)
{
    return OK;
}

static const struct files SYSTEM = {
    .open = system_open,
    .close = system_close,
    .read = system_read,
    .write = system_write,
    .sync = system_sync,
    .writeback = system_writeback,
    .allocate = system_allocate,
    .punch = system_punch,
    .truncate = system_truncate,
    .size = system_size,
    .rename = system_rename,
    .unlink = system_unlink,
    .make_dir = system_make_dir,
    .remove_dir = system_remove_dir,
    .sync_dir = system_sync_dir,
    .list = system_list,
    .space = system_space,
    .entropy = system_entropy,
    .before_commit = system_before_commit,
};

const struct files *file_system(void)
{
    return &SYSTEM;
}

/* ---- helpers over any version ---------------------------------------------------------------- */

enum err file_path(char out[FILE_PATH_MAX], const char *dir, const char *name)
{
    int n = snprintf(out, FILE_PATH_MAX, "%s/%s", dir, name);
    if (n > 0 && n < FILE_PATH_MAX)
        return OK;
    out[0] = 0;
    return ERR_LIMIT;
}

enum err file_parent(char out[FILE_PATH_MAX], const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *from = slash == NULL ? "." : slash == path ? "/" : path;
    size_t n = slash == NULL || slash == path ? 1 : (size_t)(slash - path);
    if (n >= FILE_PATH_MAX) {
        out[0] = 0;
        return ERR_LIMIT;
    }
    memcpy(out, from, n);
    out[n] = 0;
    return OK;
}

enum err file_write(const struct files *f, int handle, struct span data, uint64_t offset)
{
    return f->write(f->ctx, handle, &data, 1, offset);
}

enum err file_read_exact(const struct files *f, int handle, struct mspan buf, uint64_t offset)
{
    size_t got;
    TRY(f->read(f->ctx, &got, handle, buf, offset));
    return got == buf.n ? OK : ERR_SHORT;
}

static enum err write_whole(const struct files *f, const char *path, struct span data)
{
    int handle;
    TRY(f->open(f->ctx, &handle, path, FILE_WRITE | FILE_CREATE | FILE_TRUNCATE));
    enum err e = file_write(f, handle, data, 0);
    if (e == OK)
        e = f->sync(f->ctx, handle);
    f->close(f->ctx, handle);
    return e;
}

enum err file_replace(const struct files *f, const char *path, struct span data)
{
    char temp[FILE_PATH_MAX];
    char dir[FILE_PATH_MAX];
    int n = snprintf(temp, sizeof(temp), "%s.new", path);
    if (n < 0 || n >= FILE_PATH_MAX)
        return ERR_LIMIT;
    TRY(file_parent(dir, path));
    enum err e = write_whole(f, temp, data);
    if (e == OK)
        e = f->rename(f->ctx, temp, path);
    if (e != OK) {
        (void)f->unlink(f->ctx, temp);
        return e;
    }
    return f->sync_dir(f->ctx, dir);
}

enum err file_load(const struct files *f, size_t *size, struct mspan buf, const char *path)
{
    int handle;
    uint64_t total = 0;
    *size = 0;
    TRY(f->open(f->ctx, &handle, path, FILE_READ));
    enum err e = f->size(f->ctx, &total, handle);
    if (e == OK && total > buf.n)
        e = ERR_LIMIT;
    if (e == OK)
        e = file_read_exact(f, handle, (struct mspan){ buf.p, (size_t)total }, 0);
    f->close(f->ctx, handle);
    if (e == OK)
        *size = (size_t)total;
    return e;
}

enum err file_make_dirs(const struct files *f, const char *path)
{
    char part[FILE_PATH_MAX];
    char above[FILE_PATH_MAX];
    size_t n = strlen(path);
    if (n == 0 || n >= FILE_PATH_MAX)
        return ERR_LIMIT;
    for (size_t at = 1; at <= n; at++) {
        if (at < n && path[at] != '/')
            continue;
        if (path[at - 1] == '/')
            continue;
        memcpy(part, path, at);
        part[at] = 0;
        int handle;
        /* What is there already needs neither making nor syncing; and what a confined process may
         * not even look at is there. */
        enum err e = f->open(f->ctx, &handle, part, FILE_READ);
        if (e == OK)
            f->close(f->ctx, handle);
        if (at < n && (e == OK || e == ERR_DENIED))
            continue;
        TRY(f->make_dir(f->ctx, part));
        TRY(file_parent(above, part));
        enum err synced = f->sync_dir(f->ctx, above);
        if (synced != OK && !(e == OK && synced == ERR_DENIED))
            return synced;
    }
    return OK;
}

void file_close(const struct files *f, int *handle)
{
    if (*handle >= 0)
        f->close(f->ctx, *handle);
    *handle = -1;
}

bool file_name_number(uint32_t *number, const char *name, const char *prefix, const char *suffix)
{
    enum { DIGITS = 8 };
    size_t head = strlen(prefix), tail = strlen(suffix);
    uint32_t n = 0;
    *number = 0;
    if (strlen(name) != head + DIGITS + tail || memcmp(name, prefix, head) != 0 ||
        memcmp(name + head + DIGITS, suffix, tail) != 0)
        return false;
    for (size_t i = head; i < head + DIGITS; i++) {
        int digit = name[i] >= 'A' && name[i] <= 'F' ? -1 : hex_digit(name[i]);
        if (digit < 0)
            return false;
        n = n << 4 | (uint32_t)digit;
    }
    *number = n;
    return true;
}
