/* confine: which files a process may still reach after start, by the kernel's Landlock. What system
 * calls it may make is sandbox.h's. Source: the kernel's documentation, userspace-api/landlock. */
#ifndef CRUST_RT_CONFINE_H
#define CRUST_RT_CONFINE_H

#include "base/err.h"

#include <stddef.h>

/* Rights over a file, or over a directory and all below it, other file systems mounted there
 * included. */
enum {
    CONFINE_READ = 1,    /* open files for reading, list directories */
    CONFINE_WRITE = 2,   /* open for writing, make, rename and remove */
    CONFINE_RUN = 4,     /* execute */
    CONFINE_SOCKET = 8,  /* list directories, make Unix sockets, remove files */
    CONFINE_DEVICE = 16, /* ioctl on device files */
};

struct confine_path {
    const char *path;
    unsigned rights;
};

/* confine_enter takes every right over files away but those listed, from this thread and what it
 * starts later, and the right to send signals or connect to abstract sockets outside (kernel 6.12
 * and newer). What is open stays usable. A path that does not exist gives nothing: its directory
 * must be listed. There is no way back. Call it before other threads start: they would stay free.
 * Returns: OK, ERR_UNSUPPORTED (a kernel before 5.13, or without Landlock), ERR_DENIED (a path
 * could not be looked at), ERR_IO. */
NODISCARD enum err confine_enter(const struct confine_path *paths, size_t count);

#endif
