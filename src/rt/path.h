/* path: small files that are not block data: configurations, tokens, sockets, lock files.
 * Block data goes through store/file.h. Blocking; any thread. */
#ifndef CRUST_RT_PATH_H
#define CRUST_RT_PATH_H

#include "base/err.h"
#include "base/span.h"

#include <sys/types.h>

enum { PATH_TEXT_MAX = 1024 }; /* longest path we build, with its NUL */

/* path_close closes *fd when it is not negative, for AUTO(path_close). */
void path_close(int *fd);

/* path_join writes "a/b" (b alone when it starts with '/'). ERR_LIMIT when it does not fit. */
NODISCARD enum err path_join(char *out, size_t size, const char *a, const char *b);

/* path_make_dirs makes a directory and its missing parents with the given mode (mkdir -p).
 * Returns: OK, also when it is there already; ERR_EXISTS when a part is a file; ERR_DENIED;
 * ERR_FULL; ERR_IO. */
NODISCARD enum err path_make_dirs(const char *path, mode_t mode);

/* path_read_file reads a whole regular file of at most limit bytes.
 * Out:     *out, given: free(3) its p; one NUL byte follows the last byte and is not counted.
 * Returns: OK, ERR_NOT_FOUND, ERR_DENIED, ERR_LIMIT (longer), ERR_FORMAT (not a regular file),
 *          ERR_MEMORY, ERR_IO. */
NODISCARD enum err path_read_file(struct mspan *out, const char *path, size_t limit);

/* path_write_all writes everything to an open file or pipe. ERR_FULL, ERR_CLOSED (nobody reads the
 * pipe), ERR_IO. */
NODISCARD enum err path_write_all(int fd, struct span content);

/* path_write_file replaces a file as a whole: temporary file beside it, fsync, rename, fsync of
 * the directory. After a crash the old or the new content is there, never a mixture.
 * Returns: OK, ERR_NOT_FOUND (no such directory), ERR_DENIED, ERR_FULL, ERR_IO. */
NODISCARD enum err path_write_file(const char *path, struct span content, mode_t mode);

/* path_exists: something is there, whatever it is. */
bool path_exists(const char *path);

/* path_remove_tree removes a file, or a directory with all it holds, following no symbolic link
 * and staying on its file system. What is not there is OK. */
NODISCARD enum err path_remove_tree(const char *path);

/* path_errno maps an errno value to an enum err. */
enum err path_errno(int number);

#endif
