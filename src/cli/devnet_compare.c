#include "cli/devnet.h"
#include "rt/path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    PIECE = 256 * 1024,
    DEPTH_MAX = 256,
    LINK_MAX = 4096,
};

struct compare {
    uint64_t files, bytes;
    char *where;     /* DEVNET_PATH_MAX bytes */
    uint8_t *pieces; /* two */
};

static bool differ(struct compare *c, const char *name, const char *how)
{
    if (c->where[0] == '\0')
        (void)snprintf(c->where, DEVNET_PATH_MAX, "%s: %s", name, how);
    return false;
}

static ssize_t fill(int fd, uint8_t *out)
{
    size_t have = 0;
    while (have < PIECE) {
        ssize_t n = read(fd, out + have, PIECE - have);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        have += (size_t)n;
    }
    return (ssize_t)have;
}

static bool same_file(struct compare *c, int a, int b, const char *name)
{
    for (;;) {
        ssize_t n = fill(a, c->pieces), m = fill(b, c->pieces + PIECE);
        if (n < 0 || m < 0)
            return differ(c, name, "cannot be read");
        if (n != m)
            return differ(c, name, "the sizes differ");
        if (n == 0)
            break;
        if (memcmp(c->pieces, c->pieces + PIECE, (size_t)n) != 0)
            return differ(c, name, "the bytes differ");
        c->bytes += (uint64_t)n;
    }
    c->files++;
    return true;
}

static bool same_link(struct compare *c, int a, int b, const char *name)
{
    char x[LINK_MAX], y[LINK_MAX];
    ssize_t n = readlinkat(a, name, x, sizeof(x)), m = readlinkat(b, name, y, sizeof(y));
    if (n < 0 || n != m || memcmp(x, y, (size_t)n) != 0)
        return differ(c, name, "the links differ");
    return true;
}

/* Names of a folder without those that begin with a dot. */
static size_t count_names(int fd)
{
    int own = dup(fd);
    DIR *d = own < 0 ? NULL : fdopendir(own);
    size_t n = 0;
    const struct dirent *ent;
    if (d == NULL) {
        if (own >= 0)
            close(own);
        return SIZE_MAX;
    }
    rewinddir(d);
    while ((ent = readdir(d)) != NULL)
        n += ent->d_name[0] != '.';
    closedir(d);
    return n;
}

static bool same_at(struct compare *c, int a, int b, const char *name, unsigned depth);

static bool same_dir(struct compare *c, int a, int b, const char *name, unsigned depth)
{
    if (depth > DEPTH_MAX || count_names(a) != count_names(b))
        return differ(c, name, "the folders hold different names");
    int own = dup(a);
    DIR *d = own < 0 ? NULL : fdopendir(own);
    bool same = d != NULL;
    if (d == NULL && own >= 0)
        close(own);
    if (d != NULL)
        rewinddir(d);
    const struct dirent *ent;
    while (same && (ent = readdir(d)) != NULL) {
        if (ent->d_name[0] != '.')
            same = same_at(c, a, b, ent->d_name, depth + 1);
    }
    if (d != NULL)
        closedir(d);
    return same || differ(c, name, "cannot be read");
}

static bool same_at(struct compare *c, int a, int b, const char *name, unsigned depth)
{
    struct stat x, y;
    if (fstatat(a, name, &x, AT_SYMLINK_NOFOLLOW) != 0 ||
        fstatat(b, name, &y, AT_SYMLINK_NOFOLLOW) != 0)
        return differ(c, name, "is missing");
    if ((x.st_mode & S_IFMT) != (y.st_mode & S_IFMT))
        return differ(c, name, "is of another kind");
    if (S_ISLNK(x.st_mode))
        return same_link(c, a, b, name);
    AUTO(path_close) int p = openat(a, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    AUTO(path_close) int q = openat(b, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (p < 0 || q < 0)
        return differ(c, name, "cannot be opened");
    return S_ISDIR(x.st_mode) ? same_dir(c, p, q, name, depth) : same_file(c, p, q, name);
}

bool devnet_compare(const char *a, const char *b, uint64_t *files, uint64_t *bytes,
                    char where[DEVNET_PATH_MAX])
{
    struct stat x, y;
    struct compare c = { .where = where, .pieces = malloc((size_t)2 * PIECE) };
    where[0] = '\0';
    bool same = c.pieces != NULL && lstat(a, &x) == 0 && lstat(b, &y) == 0 &&
                (x.st_mode & S_IFMT) == (y.st_mode & S_IFMT);
    if (!same)
        (void)differ(&c, a, "cannot be compared");
    AUTO(path_close) int p = open(a, O_RDONLY | O_CLOEXEC);
    AUTO(path_close) int q = open(b, O_RDONLY | O_CLOEXEC);
    if (same && (p < 0 || q < 0))
        same = differ(&c, a, "cannot be opened");
    if (same)
        same = S_ISDIR(x.st_mode) ? same_dir(&c, p, q, a, 0) : same_file(&c, p, q, a);
    free(c.pieces);
    *files = c.files;
    *bytes = c.bytes;
    return same;
}
