/* nodes: the few file operations with which providers ask a machine's special files. A table, so
 * that tests can let any of them fail in any way. Errors are those of the C library: -1 and errno.
 *
 * What errno says becomes: ERR_NOT_FOUND (no such file, no driver behind it), ERR_DENIED, ERR_LIMIT
 * (more than there is room for), ERR_STATE (not in this order: EINVAL), ERR_BUSY, ERR_TIMEOUT,
 * ERR_IO (anything else). */
#ifndef CRUST_ENCLAVED_NODES_H
#define CRUST_ENCLAVED_NODES_H

#include "base/err.h"
#include "base/span.h"

#include <sys/types.h>

enum { NODES_PATH_MAX = 160, NODES_TRIES = 7, NODES_PAUSE_MS = 100 };

struct nodes {
    int (*make_dir)(const char *path);
    int (*remove_dir)(const char *path);
    int (*open)(const char *path, int flags);
    ssize_t (*read)(int fd, void *p, size_t n);
    ssize_t (*write)(int fd, const void *p, size_t n);
    int (*close)(int fd);
    int (*control)(int fd, unsigned long request, void *argument); /* ioctl */
    void (*pause)(uint32_t ms);
};

extern const struct nodes nodes_system;

/* A path in parts, without anything between them. ERR_LIMIT. */
NODISCARD enum err nodes_path(char out[NODES_PATH_MAX], const char *dir, const char *name);

/* The error that errno stands for. */
enum err nodes_error(void);

/* nodes_read reads the whole file, in as many parts as it comes: out->n is the room, then the size.
 * ERR_LIMIT: there is more. */
NODISCARD enum err nodes_read(const struct nodes *n, const char *dir, const char *name,
                              struct mspan *out);

/* nodes_read_text: the same for a line, as a string without its end of line. */
NODISCARD enum err nodes_read_text(const struct nodes *n, const char *dir, const char *name,
                                   struct mspan out);

/* nodes_write writes all of it in one write, as such files want it; less is ERR_IO. */
NODISCARD enum err nodes_write(const struct nodes *n, const char *dir, const char *name,
                               struct span bytes);

/* nodes_try calls once(ctx) up to NODES_TRIES times, with pauses that double from NODES_PAUSE_MS,
 * while it returns ERR_STATE, ERR_BUSY, ERR_TIMEOUT or ERR_IO; then what it returned last. */
NODISCARD enum err nodes_try(const struct nodes *n, enum err (*once)(void *ctx), void *ctx);

#endif
