#include "rt/confine.h"

#include "rt/path.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Rights that kernels newer than Debian 12's headers know. */
static const uint64_t access_truncate = UINT64_C(1) << 14;  /* ABI 3 */
static const uint64_t access_ioctl_dev = UINT64_C(1) << 15; /* ABI 5 */

/* struct landlock_ruleset_attr as of ABI 6; older kernels take a shorter one. */
struct ruleset {
    uint64_t files, net, scoped;
};
enum { SCOPE_ABSTRACT_SOCKET = 1, SCOPE_SIGNAL = 2 };

static const uint64_t read_file = LANDLOCK_ACCESS_FS_READ_FILE;
static const uint64_t read_dir = LANDLOCK_ACCESS_FS_READ_DIR;

/* What one right stands for; rights that only directories have are left out for a file. */
static uint64_t access_of(unsigned rights, bool directory)
{
    uint64_t a = 0;
    if ((rights & CONFINE_READ) != 0)
        a |= read_file | (directory ? read_dir : 0);
    if ((rights & CONFINE_WRITE) != 0) {
        a |= LANDLOCK_ACCESS_FS_WRITE_FILE | access_truncate;
        if (directory)
            a |= LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
                 LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
                 LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_REFER;
    }
    if ((rights & CONFINE_SOCKET) != 0 && directory)
        a |= read_dir | LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_REMOVE_FILE;
    if ((rights & CONFINE_RUN) != 0)
        a |= LANDLOCK_ACCESS_FS_EXECUTE;
    if ((rights & CONFINE_DEVICE) != 0)
        a |= access_ioctl_dev;
    return a;
}

/* All that a kernel of this version can take away. */
static struct ruleset handled(long version)
{
    struct ruleset r = { .files = LANDLOCK_ACCESS_FS_MAKE_SYM * 2 - 1 }; /* ABI 1: 13 bits */
    if (version >= 2)
        r.files |= LANDLOCK_ACCESS_FS_REFER;
    if (version >= 3)
        r.files |= access_truncate;
    if (version >= 5)
        r.files |= access_ioctl_dev;
    if (version >= 6)
        r.scoped = SCOPE_ABSTRACT_SOCKET | SCOPE_SIGNAL;
    return r;
}

static enum err add_path(int ruleset, const struct ruleset *r, const struct confine_path *p)
{
    struct stat st;
    AUTO(path_close) int fd = open(p->path, O_PATH | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR ? OK : ERR_DENIED;
    if (fstat(fd, &st) != 0)
        return ERR_IO;
    const struct landlock_path_beneath_attr rule = {
        .allowed_access = access_of(p->rights, S_ISDIR(st.st_mode)) & r->files,
        .parent_fd = fd,
    };
    if (rule.allowed_access == 0)
        return OK;
    long done =
        syscall(SYS_landlock_add_rule, ruleset, (long)LANDLOCK_RULE_PATH_BENEATH, &rule, 0L);
    return done == 0 ? OK : ERR_IO;
}

enum err confine_enter(const struct confine_path *paths, size_t count)
{
    long version =
        syscall(SYS_landlock_create_ruleset, NULL, 0UL, (long)LANDLOCK_CREATE_RULESET_VERSION);
    if (version < 1)
        return ERR_UNSUPPORTED;
    const struct ruleset r = handled(version);
    size_t size = version >= 6 ? sizeof(r) : version >= 4 ? 2 * sizeof(uint64_t) : sizeof(uint64_t);
    AUTO(path_close) int ruleset = (int)syscall(SYS_landlock_create_ruleset, &r, size, 0L);
    if (ruleset < 0)
        return ERR_IO;
    for (size_t i = 0; i < count; i++)
        TRY(add_path(ruleset, &r, &paths[i]));
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        syscall(SYS_landlock_restrict_self, ruleset, 0L) != 0)
        return ERR_IO;
    return OK;
}
