/* file: the only door to files outside LMDB. A struct of function pointers with two versions: the
 * system's (file_system) and the fault-injecting one of store/file_fault.h, which forgets unsynced
 * writes at a simulated crash and fails the n-th call. Rule: docs/design/block-store.md.
 *
 * Handles are small non-negative numbers; in the system's version they are file descriptors, so
 * that a located range can go to sendfile. Thread rules: all calls may run at the same time on
 * different handles; read, write and sync also on one handle. Paths end in NUL and are borrowed. */
#ifndef CRUST_STORE_FILE_H
#define CRUST_STORE_FILE_H

#include "base/err.h"
#include "base/span.h"

enum {
    FILE_PATH_MAX = 1024,  /* with its NUL */
    FILE_NAME_SIZE = 256,  /* one name in a directory, with its NUL */
    FILE_PARTS_MAX = 8,    /* spans in one write */
    FILE_KEPT = 128 << 20, /* bytes that stay in memory behind what is written */
};

enum file_flag {
    FILE_READ = 0,      /* for reading only */
    FILE_WRITE = 1,     /* for reading and writing */
    FILE_CREATE = 2,    /* make it if it is not there (0600) */
    FILE_EXCLUSIVE = 4, /* with FILE_CREATE: ERR_EXISTS when it is there */
    FILE_TRUNCATE = 8,  /* empty it */
};

struct file_space {
    uint64_t total; /* bytes of the file system */
    uint64_t free;  /* bytes an unprivileged process may still write */
};

/* file_visit gets one name of a directory, without "." and "..". Anything but OK ends the walk. */
typedef enum err (*file_visit)(void *ctx, const char *name);

/* All return OK, ERR_NOT_FOUND, ERR_EXISTS, ERR_DENIED (permission, read-only file system),
 * ERR_FULL (disk or disk quota full), ERR_LIMIT (too many open files) or ERR_IO. */
struct files {
    void *ctx;

    enum err (*open)(void *ctx, int *handle, const char *path, unsigned flags);
    void (*close)(void *ctx, int handle);

    /* Reads up to buf.n bytes at offset; *got is less only at the end of the file. */
    enum err (*read)(void *ctx, size_t *got, int handle, struct mspan buf, uint64_t offset);

    /* Writes all parts one after the other at offset. On failure some prefix may be written. */
    enum err (*write)(void *ctx, int handle, const struct span *parts, size_t count,
                      uint64_t offset);

    /* The file's bytes and size are on the disk when this returns OK. After a failure, unsynced
     * bytes may be gone although a later sync succeeds: never try again, write anew. */
    enum err (*sync)(void *ctx, int handle);

    /* For files that are written from front to back: asks the system to start writing these bytes
     * out, and to forget those that lie FILE_KEPT before them, so that a large import neither
     * pushes everything else out of memory nor needs fresh pages all the time. Only a hint. */
    void (*writeback)(void *ctx, int handle, uint64_t offset, uint64_t length);

    /* Reserves space so that the file has at least offset + length bytes, zeros where new. OK also
     * where the file system cannot. */
    enum err (*allocate)(void *ctx, int handle, uint64_t offset, uint64_t length);

    /* Gives the whole pages within the range back; they read as zeros. OK also where the file
     * system cannot. */
    enum err (*punch)(void *ctx, int handle, uint64_t offset, uint64_t length);

    enum err (*truncate)(void *ctx, int handle, uint64_t size);
    enum err (*size)(void *ctx, uint64_t *size, int handle);

    /* Replaces to. Durable after sync_dir of the directory. */
    enum err (*rename)(void *ctx, const char *from, const char *to);
    enum err (*unlink)(void *ctx, const char *path);

    /* Makes one directory (0700); one that is there is OK. */
    enum err (*make_dir)(void *ctx, const char *path);
    enum err (*remove_dir)(void *ctx, const char *path);
    enum err (*sync_dir)(void *ctx, const char *path);
    enum err (*list)(void *ctx, const char *path, file_visit visit, void *visit_ctx);
    enum err (*space)(void *ctx, struct file_space *space, const char *path);

    /* Fills buf with random bytes (file_fault: from its seed). */
    void (*entropy)(void *ctx, struct mspan buf);

    /* Called just before each commit of an LMDB environment that belongs to these files, so that
     * the test version can stop there too. The system's version does nothing. */
    enum err (*before_commit)(void *ctx);
};

/* file_system gives the version that goes to the operating system. Static storage. */
const struct files *file_system(void);

/* Helpers over any version. */

/* file_path joins dir, "/" and name into out; ERR_LIMIT when it does not fit. */
NODISCARD enum err file_path(char out[FILE_PATH_MAX], const char *dir, const char *name);

/* file_parent writes the directory part of path ("." when there is none). */
NODISCARD enum err file_parent(char out[FILE_PATH_MAX], const char *path);

/* file_name_number reads names of the form PREFIX, 8 lower-case hexadecimal digits, SUFFIX. False
 * for others; *number is 0 then. */
bool file_name_number(uint32_t *number, const char *name, const char *prefix, const char *suffix);

/* file_write writes one span at offset. */
NODISCARD enum err file_write(const struct files *f, int handle, struct span data, uint64_t offset);

/* file_read_exact fills buf; ERR_SHORT when the file ends before. */
NODISCARD enum err file_read_exact(const struct files *f, int handle, struct mspan buf,
                                   uint64_t offset);

/* file_replace makes path hold exactly data, durably: temporary file, sync, rename, sync_dir. After
 * a crash the old or the new content is there, and perhaps a file path ".new". */
NODISCARD enum err file_replace(const struct files *f, const char *path, struct span data);

/* file_load reads a whole file of at most buf.n bytes; *size is set. ERR_LIMIT when it is longer.
 */
NODISCARD enum err file_load(const struct files *f, size_t *size, struct mspan buf,
                             const char *path);

/* file_make_dirs makes path and the directories above it, each synced into its parent. */
NODISCARD enum err file_make_dirs(const struct files *f, const char *path);

/* file_close closes *handle when it is not negative and sets it to -1. */
void file_close(const struct files *f, int *handle);

#endif
